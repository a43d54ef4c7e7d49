//! Renders the editor's note from Markdown to HTML (for messages and pages) and plain text.
//!
//! Raw HTML is escaped, links may use http, https and mailto only, and images are replaced by
//! their description.

#[cfg(test)]
mod tests;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};
use url::Url;

/// Maximum nesting of quotes and lists. Deeper blocks are flattened, because mail programs are
/// slow with thousands of nested elements.
const MAX_DEPTH: usize = 6;

/// Attributes of each element, for output without a style sheet.
struct Style {
    paragraph: &'static str,
    heading: &'static str,
    list: &'static str,
    quote: &'static str,
    code_block: &'static str,
    rule: &'static str,
    link: &'static str,
}

/// Inline styles, because many mail programs ignore style sheets.
const MAIL: Style = Style {
    paragraph: " style=\"margin:0 0 12px\"",
    heading: " style=\"margin:20px 0 8px;font-family:Georgia,'Times New Roman',serif;font-size:20px;line-height:27px\"",
    list: " style=\"margin:0 0 12px;padding:0 0 0 24px\"",
    quote: " class=\"line\" style=\"margin:0 0 12px;padding:0 0 0 16px;border-left:3px solid #ddd5c7\"",
    code_block: " style=\"margin:0 0 12px;font-size:15px;line-height:23px;white-space:pre-wrap\"",
    rule: " class=\"line\" style=\"margin:16px 0;border:0;border-top:1px solid #ddd5c7\"",
    link: " style=\"color:#0b5c4a;text-decoration:underline\"",
};

/// No attributes: pages have a style sheet, and their content security policy forbids inline
/// styles.
const PAGE: Style = Style {
    paragraph: "",
    heading: "",
    list: "",
    quote: "",
    code_block: "",
    rule: "",
    link: "",
};

/// Renders HTML with inline styles, for a message.
pub fn to_mail_html(markdown: &str) -> String {
    render_html(markdown, &MAIL)
}

/// Renders HTML for a page or a feed; the output is well-formed XML.
pub fn to_page_html(markdown: &str) -> String {
    render_html(markdown, &PAGE)
}

fn render_html(markdown: &str, style: &Style) -> String {
    let mut html = String::new();
    // The end tag of each open element; empty if the element is left out.
    let mut open: Vec<String> = Vec::new();
    let mut images = 0_usize;
    for event in Parser::new_ext(markdown, Options::empty()) {
        match event {
            Event::Start(Tag::Image { .. }) => images += 1,
            Event::End(TagEnd::Image) => images -= 1,
            // Markup in the description of an image is dropped.
            Event::Start(_) | Event::End(_) if images > 0 => {}
            Event::Start(tag) => {
                let depth = open.iter().filter(|end| is_block(end)).count();
                let (start, end) = element_tags(&tag, style, depth);
                html.push_str(&start);
                open.push(end);
            }
            Event::End(_) => html.push_str(&open.pop().unwrap_or_default()),
            Event::Code(text) => html.push_str(&format!("<code>{}</code>", escape_html(&text))),
            Event::SoftBreak => html.push('\n'),
            Event::HardBreak => html.push_str("<br />\n"),
            Event::Rule => html.push_str(&format!("<hr{} />\n", style.rule)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                html.push_str(&escape_html(&text));
            }
            _ => {}
        }
    }
    html.trim_end().to_owned()
}

fn is_block(end: &str) -> bool {
    ["</blockquote>", "</ul>", "</ol>"].contains(&end.trim_end())
}

/// Returns the start and the end tag of an element; both are empty if it is left out.
fn element_tags(tag: &Tag<'_>, style: &Style, depth: usize) -> (String, String) {
    let (name, rest, end) = match tag {
        Tag::BlockQuote(_) | Tag::List(_) if depth >= MAX_DEPTH => return Default::default(),
        Tag::Paragraph | Tag::HtmlBlock => ("p", style.paragraph.to_owned(), "\n"),
        Tag::Heading { level, .. } => (heading_tag(*level), style.heading.to_owned(), "\n"),
        Tag::BlockQuote(_) => ("blockquote", style.quote.to_owned(), "\n"),
        Tag::List(None) => ("ul", style.list.to_owned(), "\n"),
        Tag::List(Some(1)) => ("ol", style.list.to_owned(), "\n"),
        Tag::List(Some(first)) => ("ol", format!(" start=\"{first}\"{}", style.list), "\n"),
        Tag::Item => ("li", String::new(), "\n"),
        Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
            ("pre", style.code_block.to_owned(), "\n")
        }
        Tag::Emphasis => ("em", String::new(), ""),
        Tag::Strong => ("strong", String::new(), ""),
        Tag::Link { .. } => match link_target(tag) {
            Some(url) => (
                "a",
                format!(" href=\"{}\"{}", escape_html(&url), style.link),
                "",
            ),
            None => return Default::default(),
        },
        _ => return Default::default(),
    };
    (format!("<{name}{rest}>"), format!("</{name}>{end}"))
}

/// Returns the element of a heading, one level lower: `h1` is the title of the issue.
const fn heading_tag(level: HeadingLevel) -> &'static str {
    match level {
        HeadingLevel::H1 => "h2",
        HeadingLevel::H2 => "h3",
        _ => "h4",
    }
}

/// Returns the target of a link if its scheme is allowed.
fn link_target(tag: &Tag<'_>) -> Option<String> {
    let Tag::Link {
        link_type,
        dest_url,
        ..
    } = tag
    else {
        return None;
    };
    let url = match link_type {
        LinkType::Email => Url::parse(&format!("mailto:{dest_url}")),
        _ => Url::parse(dest_url),
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
        .map(String::from)
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// Renders plain text for the text part of a message.
///
/// The target of a link follows its text in angle brackets (RFC 3986, appendix C).
pub fn to_text(markdown: &str) -> String {
    let mut writer = TextWriter::default();
    for event in Parser::new_ext(markdown, Options::empty()) {
        writer.write_event(event);
    }
    let lines: Vec<&str> = writer
        .out
        .trim_matches('\n')
        .lines()
        .map(str::trim_end)
        .collect();
    lines.join("\n")
}

#[derive(Default)]
struct TextWriter {
    out: String,
    /// Prefix of each line, one part per open block.
    prefixes: Vec<&'static str>,
    /// Next number of each open list; `None` for bullet lists.
    lists: Vec<Option<u64>>,
    /// Target of each open link, and the offset of its text in `out`.
    links: Vec<(Option<String>, usize)>,
    /// Whether a bullet or quote mark was just written, so that text follows on its line.
    after_marker: bool,
}

impl TextWriter {
    fn write_event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock) => {
                self.start_block()
            }
            Event::Start(Tag::CodeBlock(_)) => {
                self.start_block();
                self.prefixes.push("    ");
                self.out.push_str("    ");
            }
            Event::Start(Tag::BlockQuote(_)) => {
                self.start_block();
                self.prefixes.push("> ");
                self.out.push_str("> ");
                self.after_marker = true;
            }
            Event::Start(Tag::List(first)) => {
                if self.lists.is_empty() {
                    self.start_block();
                    self.after_marker = true;
                }
                self.lists.push(first);
            }
            Event::Start(Tag::Item) => self.start_item(),
            Event::Start(tag @ Tag::Link { .. }) => {
                self.links.push((link_target(&tag), self.out.len()))
            }
            Event::End(TagEnd::CodeBlock | TagEnd::BlockQuote(_) | TagEnd::Item) => {
                self.prefixes.pop();
                self.after_marker = false;
            }
            Event::End(TagEnd::List(_)) => {
                self.lists.pop();
            }
            Event::End(TagEnd::Link) => self.end_link(),
            Event::Rule => {
                self.start_block();
                self.out.push_str("---");
            }
            Event::SoftBreak | Event::HardBreak => self.start_line(),
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.write_text(&text)
            }
            _ => {}
        }
    }

    fn write_text(&mut self, text: &str) {
        self.after_marker = false;
        let mut lines = text.trim_end_matches('\n').split('\n');
        self.out.push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.start_line();
            self.out.push_str(line);
        }
    }

    fn start_line(&mut self) {
        self.out.push('\n');
        self.out.extend(self.prefixes.iter().copied());
    }

    /// Starts a block after a blank line, except directly after a bullet or quote mark.
    fn start_block(&mut self) {
        if std::mem::take(&mut self.after_marker) || self.out.is_empty() {
            return;
        }
        self.start_line();
        self.start_line();
    }

    fn start_item(&mut self) {
        if !std::mem::take(&mut self.after_marker) {
            self.start_line();
        }
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
        self.out.push_str(&bullet);
        self.prefixes.push("  ");
        self.after_marker = true;
    }

    fn end_link(&mut self) {
        let Some((Some(url), start)) = self.links.pop() else {
            return;
        };
        let text = &self.out[start..];
        let bare = url.strip_prefix("mailto:").unwrap_or(&url);
        if text.trim_end_matches('/') != bare.trim_end_matches('/') {
            self.out.push_str(&format!(" <{bare}>"));
        }
    }
}
