//! The words and markup of every mail: `email-templates/` in the binary, each file
//! overridable by one of the same name in a folder of the owner's.

mod alert;
mod context;
mod fingerprint;
mod samples;

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use rust_embed::Embed;
use tera::{Context, ErrorKind, Tera};

pub use alert::{AlertCounts, AlertEvent, AlertMail, FailedFeed, Moment};
pub use context::{
    AccentColors, AlreadySubscribedMail, ConfirmationMail, Day, DigestMail, DigestPost, Direction,
    EmailTemplate, NewsletterContext, ReaderLinkMail,
};
pub use fingerprint::Fingerprint;

#[derive(Embed)]
#[folder = "email-templates/"]
struct BuiltIn;

/// The frame that the mails extend.
const BASE: &str = "base.html";

/// A mail in words: what a template made, not yet a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line, without control characters, at most 250 characters.
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", Place(file, *line))]
pub struct TemplateError {
    /// The owner's file, or `digest/body.html (built in)`.
    pub file: String,
    /// From 1, where the fault has a place.
    pub line: Option<usize>,
    pub message: String,
}

struct Place<'a>(&'a str, Option<usize>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(line) => write!(f, "{}:{line}", self.0),
            None => f.write_str(self.0),
        }
    }
}

/// The templates in force: parsed, and seen to render.
#[derive(Clone, Debug)]
pub struct Templates {
    tera: Tera,
    dir: Option<PathBuf>,
}

impl Templates {
    /// Those in the binary, with the files in `dir` in place of their namesakes.
    ///
    /// # Errors
    /// All that is wrong with them: they are parsed and rendered with sample values, so
    /// that a typo shows at start and not on Friday.
    pub fn load(dir: Option<&Path>) -> Result<Self, Vec<TemplateError>> {
        let mut templates = Self {
            tera: Tera::default(),
            dir: dir.map(Path::to_owned),
        };
        templates.add(BASE).map_err(|fault| vec![fault])?;
        let others = BuiltIn::iter().filter(|name| name != BASE);
        let mut faults: Vec<_> = others
            .filter_map(|name| templates.add(&name).err())
            .collect();
        if faults.is_empty() {
            faults = samples::try_all(&templates);
        }
        if faults.is_empty() {
            Ok(templates)
        } else {
            Err(faults)
        }
    }

    /// One at a time: of several, Tera tells the first fault alone.
    fn add(&mut self, name: &str) -> Result<(), TemplateError> {
        let source = self.read(name)?;
        self.tera
            .add_raw_template(name, &source)
            .map_err(|error| self.fault(name, &error))
    }

    /// A letter in words.
    ///
    /// # Errors
    /// When a template cannot make do with this letter's values.
    pub fn render<L: EmailTemplate>(&self, letter: &L) -> Result<Rendered, TemplateError> {
        let name = |part: &str| format!("{}/{part}", L::NAME);
        let context = Context::from_serialize(letter)
            .map_err(|error| self.fault(&name("body.html"), &error))?;
        let render = |part: &str| {
            self.tera
                .render(&name(part), &context)
                .map_err(|error| self.fault(&name(part), &error))
        };
        Ok(Rendered {
            subject: one_line(&render("subject.txt")?, SUBJECT_MAX),
            text: tidy(&render("body.txt")?),
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

    /// Where a person finds the template: their own file if there is one.
    fn file(&self, name: &str) -> String {
        let own = self.dir.as_deref().map(|dir| dir.join(name));
        match own.filter(|path| path.exists()) {
            Some(path) => path.display().to_string(),
            None => format!("{name} (built in)"),
        }
    }

    fn fault(&self, name: &str, error: &tera::Error) -> TemplateError {
        match error.kind() {
            ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => TemplateError {
                file: self.file(if report.filename().is_empty() {
                    name
                } else {
                    report.filename()
                }),
                line: Some(report.span().start_line),
                message: report.message().to_owned(),
            },
            other => TemplateError {
                file: self.file(name),
                line: None,
                message: other.to_string(),
            },
        }
    }
}

/// All that is wrong with the templates as `dir` overrides them; nothing, if they are
/// fit to send.
pub fn check(dir: Option<&Path>) -> Vec<TemplateError> {
    Templates::load(dir).err().unwrap_or_default()
}

const SUBJECT_MAX: usize = 250;

/// Words on one line, single spaces between them, nothing that could end a header.
fn one_line(text: &str, max: usize) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").chars().take(max).collect()
}

/// Templates leave blank lines where an `if` was false; a reader should not see them.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.trim().lines().map(str::trim_end) {
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank <= 1 {
            tidy.push_str(line);
            tidy.push('\n');
        }
    }
    tidy
}

#[cfg(test)]
mod tests;
