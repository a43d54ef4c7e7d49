//! Parses and renders templates.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use rust_embed::Embed;
use tera::{Context, ErrorKind, Tera};

use crate::mail::templates::context::EmailTemplate;

#[derive(Embed)]
#[folder = "email-templates/"]
pub(super) struct BuiltIn;

/// Layout that the HTML templates extend.
const BASE: &str = "base.html";

/// A rendered message, not yet encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Subject: one line of at most 250 characters, without control characters.
    pub subject: String,
    /// Text part.
    pub text: String,
    /// HTML part.
    pub html: String,
}

/// An error in a template, with its location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", Location(file, *line))]
pub struct TemplateError {
    /// Path of the operator's file, or `digest/body.html (built in)`.
    pub file: String,
    /// Line, from 1; `None` if the error has no line.
    pub line: Option<usize>,
    /// Description of the error.
    pub message: String,
}

struct Location<'a>(&'a str, Option<usize>);

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(line) => write!(f, "{}:{line}", self.0),
            None => f.write_str(self.0),
        }
    }
}

/// Parsed templates.
#[derive(Clone, Debug)]
pub struct Templates {
    tera: Tera,
    dir: Option<PathBuf>,
}

impl Templates {
    /// Parses the embedded templates and the files in `dir` that override them.
    ///
    /// # Errors
    /// Returns all errors found in the templates.
    pub(super) fn parse(dir: Option<&Path>) -> Result<Self, Vec<TemplateError>> {
        let mut templates = Self {
            tera: Tera::default(),
            dir: dir.map(Path::to_owned),
        };
        templates.add(BASE).map_err(|error| vec![error])?;
        let errors: Vec<_> = BuiltIn::iter()
            .filter(|name| name != BASE)
            .filter_map(|name| templates.add(&name).err())
            .collect();
        if errors.is_empty() {
            Ok(templates)
        } else {
            Err(errors)
        }
    }

    /// Adds one template. They are added one at a time, because Tera reports only the first
    /// error of several.
    fn add(&mut self, name: &str) -> Result<(), TemplateError> {
        let source = self.read(name)?;
        self.tera
            .add_raw_template(name, &source)
            .map_err(|error| self.to_template_error(name, &error))
    }

    /// Renders a message.
    ///
    /// # Errors
    /// Returns [`TemplateError`] if a template cannot be rendered with these values.
    pub fn render<T: EmailTemplate>(&self, mail: &T) -> Result<Rendered, TemplateError> {
        let name = |part: &str| format!("{}/{part}", T::NAME);
        let context = Context::from_serialize(mail)
            .map_err(|error| self.to_template_error(&name("body.html"), &error))?;
        let render = |part: &str| {
            self.tera
                .render(&name(part), &context)
                .map_err(|error| self.to_template_error(&name(part), &error))
        };
        Ok(Rendered {
            subject: to_single_line(&render("subject.txt")?, MAX_SUBJECT_CHARS),
            text: collapse_blank_lines(&render("body.txt")?),
            html: render("body.html")?,
        })
    }

    fn read(&self, name: &str) -> Result<String, TemplateError> {
        let path = self.dir.as_deref().map(|dir| dir.join(name));
        if let Some(path) = path.filter(|path| path.exists()) {
            return std::fs::read_to_string(&path).map_err(|error| TemplateError {
                file: path.display().to_string(),
                line: None,
                message: error.to_string(),
            });
        }
        let data = BuiltIn::get(name).map_or(Cow::default(), |file| file.data);
        Ok(String::from_utf8_lossy(&data).into_owned())
    }

    /// Returns the path of the overriding file, or the name of the embedded template.
    pub(super) fn display_path(&self, name: &str) -> String {
        let own = self.dir.as_deref().map(|dir| dir.join(name));
        match own.filter(|path| path.exists()) {
            Some(path) => path.display().to_string(),
            None => format!("{name} (built in)"),
        }
    }

    fn to_template_error(&self, name: &str, error: &tera::Error) -> TemplateError {
        match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => TemplateError {
                file: self.display_path(if report.filename().is_empty() {
                    name
                } else {
                    report.filename()
                }),
                line: Some(report.span().start_line),
                message: report.message().to_owned(),
            },
            other => TemplateError {
                file: self.display_path(name),
                line: None,
                message: other.to_string(),
            },
        }
    }
}

/// Maximum length of a subject in characters; inboxes show far less.
const MAX_SUBJECT_CHARS: usize = 250;

/// Replaces control characters and runs of white space with single spaces, so that the text
/// cannot end a header field, and truncates it to `max` characters.
pub(super) fn to_single_line(text: &str, max: usize) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(max).collect()
}

/// Collapses runs of blank lines, which conditional blocks of a template leave behind.
fn collapse_blank_lines(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.trim().lines().map(str::trim_end) {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank <= 1 {
            collapsed.push_str(line);
            collapsed.push('\n');
        }
    }
    collapsed
}
