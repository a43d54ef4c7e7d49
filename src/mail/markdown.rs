//! The editor's note: Markdown into HTML that a mail and a page can show, and into plain
//! text. Raw HTML in it is shown as the text it is; links lead to the web or to a mailbox;
//! pictures are their description.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, LinkType, Options, Parser, Tag};
use url::Url;

/// Blocks within blocks beyond this are written as if they stood on this level: a mail
/// program has to draw them all.
const DEEPEST: usize = 6;

/// What a tag looks like where there is no style sheet.
struct Look {
    paragraph: &'static str,
    heading: &'static str,
    list: &'static str,
    quote: &'static str,
    code_block: &'static str,
    rule: &'static str,
    link: &'static str,
}

/// Many mail programs know inline styles alone.
const MAIL: Look = Look {
    paragraph: " style=\"margin:0 0 12px\"",
    heading: " style=\"margin:20px 0 8px;font-family:Georgia,'Times New Roman',serif;font-size:20px;line-height:27px\"",
    list: " style=\"margin:0 0 12px;padding:0 0 0 24px\"",
    quote: " class=\"line\" style=\"margin:0 0 12px;padding:0 0 0 16px;border-left:3px solid #ddd5c7\"",
    code_block: " style=\"margin:0 0 12px;font-size:15px;line-height:23px;white-space:pre-wrap\"",
    rule: " class=\"line\" style=\"margin:16px 0;border:0;border-top:1px solid #ddd5c7\"",
    link: " style=\"color:#0b5c4a;text-decoration:underline\"",
};

/// A page has its style sheet, and its policy forbids inline styles.
const PAGE: Look = Look {
    paragraph: "",
    heading: "",
    list: "",
    quote: "",
    code_block: "",
    rule: "",
    link: "",
};

/// For a mail.
pub fn to_mail_html(markdown: &str) -> String {
    html(markdown, &MAIL)
}

/// For a page, or a feed: it is XML as well.
pub fn to_page_html(markdown: &str) -> String {
    html(markdown, &PAGE)
}

fn html(markdown: &str, look: &Look) -> String {
    let mut html = String::new();
    // The end of each open element; empty for one that was left out.
    let mut open: Vec<String> = Vec::new();
    let mut images = 0_usize;
    for event in Parser::new_ext(markdown, Options::empty()) {
        match event {
            Event::Start(Tag::Image { .. }) => images += 1,
            Event::End(pulldown_cmark::TagEnd::Image) => images -= 1,
            // What stands in a picture's description is no element of its own.
            Event::Start(_) | Event::End(_) if images > 0 => {}
            Event::Start(tag) => {
                let deep = open.iter().filter(|end| is_block(end)).count();
                let (begin, end) = element(&tag, look, deep);
                html.push_str(&begin);
                open.push(end);
            }
            Event::End(_) => html.push_str(&open.pop().unwrap_or_default()),
            Event::Code(text) => html.push_str(&format!("<code>{}</code>", escaped(&text))),
            Event::SoftBreak => html.push('\n'),
            Event::HardBreak => html.push_str("<br />\n"),
            Event::Rule => html.push_str(&format!("<hr{} />\n", look.rule)),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                html.push_str(&escaped(&to_text));
            }
            _ => {}
        }
    }
    html.trim_end().to_owned()
}

fn is_block(end: &str) -> bool {
    ["</blockquote>", "</ul>", "</ol>"].contains(&end.trim_end())
}

/// How an element begins and ends.
fn element(tag: &Tag<'_>, look: &Look, deep: usize) -> (String, String) {
    let (name, rest, end) = match tag {
        Tag::BlockQuote(_) | Tag::List(_) if deep >= DEEPEST => return Default::default(),
        Tag::Paragraph | Tag::HtmlBlock => ("p", look.paragraph.to_owned(), "\n"),
        Tag::Heading { level, .. } => (demoted(*level), look.heading.to_owned(), "\n"),
        Tag::BlockQuote(_) => ("blockquote", look.quote.to_owned(), "\n"),
        Tag::List(None) => ("ul", look.list.to_owned(), "\n"),
        Tag::List(Some(1)) => ("ol", look.list.to_owned(), "\n"),
        Tag::List(Some(first)) => ("ol", format!(" start=\"{first}\"{}", look.list), "\n"),
        Tag::Item => ("li", String::new(), "\n"),
        Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
            ("pre", look.code_block.to_owned(), "\n")
        }
        Tag::Emphasis => ("em", String::new(), ""),
        Tag::Strong => ("strong", String::new(), ""),
        Tag::Link { .. } => match target(tag) {
            Some(url) => ("a", format!(" href=\"{}\"{}", escaped(&url), look.link), ""),
            None => return Default::default(),
        },
        _ => return Default::default(),
    };
    (format!("<{name}{rest}>"), format!("</{name}>{end}"))
}

/// The headline is the issue's own.
const fn demoted(level: HeadingLevel) -> &'static str {
    match level {
        HeadingLevel::H1 => "h2",
        HeadingLevel::H2 => "h3",
        _ => "h4",
    }
}

/// Where a link leads, if it may.
fn target(tag: &Tag<'_>) -> Option<String> {
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

fn escaped(text: &str) -> String {
    to_text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// For the text part: what is left when all marks are gone, with each link behind its
/// words, in the brackets that RFC 3986, appendix C, asks for.
pub fn to_text(markdown: &str) -> String {
    let mut writer = TextWriter::default();
    for event in Parser::new_ext(markdown, Options::empty()) {
        writer.take(event);
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
    /// What each line begins with, one part per open block.
    margins: Vec<&'static str>,
    /// The next number of each open list.
    lists: Vec<Option<u64>>,
    /// Where each open link leads, and where its words begin.
    links: Vec<(Option<String>, usize)>,
    /// A bullet stands there and waits for its words.
    after_bullet: bool,
}

impl TextWriter {
    fn take(&mut self, event: Event<'_>) {
        use pulldown_cmark::TagEnd;
        match event {
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock) => self.block(),
            Event::Start(Tag::CodeBlock(_)) => {
                self.block();
                self.margins.push("    ");
                self.out.push_str("    ");
            }
            Event::Start(Tag::BlockQuote(_)) => {
                self.block();
                self.margins.push("> ");
                self.out.push_str("> ");
                self.after_bullet = true;
            }
            Event::Start(Tag::List(first)) => {
                if self.lists.is_empty() {
                    self.block();
                    self.after_bullet = true;
                }
                self.lists.push(first);
            }
            Event::Start(Tag::Item) => self.bullet(),
            Event::Start(tag @ Tag::Link { .. }) => self.links.push((target(&tag), self.out.len())),
            Event::End(TagEnd::CodeBlock | TagEnd::BlockQuote(_) | TagEnd::Item) => {
                self.margins.pop();
                self.after_bullet = false;
            }
            Event::End(TagEnd::List(_)) => {
                self.lists.pop();
            }
            Event::End(TagEnd::Link) => self.end_link(),
            Event::Rule => {
                self.block();
                self.out.push_str("---");
            }
            Event::SoftBreak | Event::HardBreak => self.line(),
            Event::Text(text) | Event::Code(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.words(&to_text)
            }
            _ => {}
        }
    }

    fn words(&mut self, text: &str) {
        self.after_bullet = false;
        let mut lines = to_text.trim_end_matches('\n').split('\n');
        self.out.push_str(lines.next().unwrap_or_default());
        for line in lines {
            self.line();
            self.out.push_str(line);
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(self.margins.iter().copied());
    }

    /// A blank line before each block, save where a bullet or a mark just began one.
    fn block(&mut self) {
        if std::mem::take(&mut self.after_bullet) || self.out.is_empty() {
            return;
        }
        self.line();
        self.line();
    }

    fn bullet(&mut self) {
        if !std::mem::take(&mut self.after_bullet) {
            self.line();
        }
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "- ".to_owned(),
        };
        self.out.push_str(&bullet);
        self.margins.push("  ");
        self.after_bullet = true;
    }

    fn end_link(&mut self) {
        let Some((Some(url), begin)) = self.links.pop() else {
            return;
        };
        let words = &self.out[begin..];
        let bare = url.strip_prefix("mailto:").unwrap_or(&url);
        if words.trim_end_matches('/') != bare.trim_end_matches('/') {
            self.out.push_str(&format!(" <{bare}>"));
        }
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
