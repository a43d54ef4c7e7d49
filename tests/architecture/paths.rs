//! Reads the paths out of Rust source: what a file mentions of this crate and of others.

/// The first segment of a path.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub line: usize,
    pub name: String,
    /// Whether the path begins at the root of this crate.
    pub inside: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    PathSeparator,
    Sign(char),
}

/// Every path in `source`, be it in a `use`, an attribute or an expression, save those in
/// comments and literals. `super::` chains that reach the crate's root count as inside.
pub fn mentions(file: &str, source: &str) -> Vec<Mention> {
    let tokens = tokens(source);
    let mut mentions = Vec::new();
    let mut open_modules = Vec::new();
    let mut braces = 0_usize;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].1 {
            Token::Sign('{') => {
                braces += 1;
                if at >= 2 && is_word(&tokens, at - 2, "mod") {
                    open_modules.push(braces);
                }
            }
            Token::Sign('}') => {
                if open_modules.last() == Some(&braces) {
                    open_modules.pop();
                }
                braces = braces.saturating_sub(1);
            }
            Token::Word(word) if begins_path(&tokens, at) => {
                let supers = count_supers(&tokens, at);
                let depth = depth_of(file) + open_modules.len();
                if word == "crate" || word == "broadsheet" {
                    first_segments(&tokens, at + 1, &mut mentions);
                } else if supers > 0 && supers == depth {
                    first_segments(&tokens, at + supers * 2 - 1, &mut mentions);
                    at += supers * 2 - 1;
                } else if supers == 0 {
                    mentions.push(mention(tokens[at].0, word, false));
                }
            }
            _ => {}
        }
        at += 1;
    }
    mentions
}

fn mention(line: usize, name: &str, inside: bool) -> Mention {
    Mention {
        line,
        name: name.to_owned(),
        inside,
    }
}

fn is_word(tokens: &[(usize, Token)], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some((_, Token::Word(found))) if found == word)
}

fn is_separator(tokens: &[(usize, Token)], at: usize) -> bool {
    matches!(tokens.get(at), Some((_, Token::PathSeparator)))
}

/// The first word of a path, or the only one of `use name;`.
fn begins_path(tokens: &[(usize, Token)], at: usize) -> bool {
    if is_word(tokens, at, "use") {
        return false;
    }
    if at == 0 {
        return is_separator(tokens, 1);
    }
    let used = is_word(tokens, at - 1, "use");
    (used || is_separator(tokens, at + 1)) && !continues_path(tokens, at)
}

/// Whether the `::` before a word joins it to something; `::axum` names a crate afresh.
fn continues_path(tokens: &[(usize, Token)], at: usize) -> bool {
    if !is_separator(tokens, at - 1) || at < 2 {
        return false;
    }
    match &tokens[at - 2].1 {
        Token::Word(word) => word != "use",
        sign => *sign == Token::Sign('>'),
    }
}

fn count_supers(tokens: &[(usize, Token)], mut at: usize) -> usize {
    let mut supers = 0;
    while is_word(tokens, at, "super") && is_separator(tokens, at + 1) {
        supers += 1;
        at += 2;
    }
    supers
}

/// How many modules deep a file is: 1 for `src/store/mod.rs`, 2 for `src/store/rows.rs`.
fn depth_of(file: &str) -> usize {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let folders = inside.matches('/').count();
    let own = !["mod.rs", "lib.rs", "main.rs"].contains(&inside.rsplit('/').next().unwrap_or(""));
    folders + usize::from(own)
}

/// The names right after the `::` at `at`, all of them when it opens a `{…}` group.
fn first_segments(tokens: &[(usize, Token)], at: usize, found: &mut Vec<Mention>) {
    if !is_separator(tokens, at) {
        return;
    }
    match tokens.get(at + 1) {
        Some((line, Token::Word(name))) => found.push(mention(*line, name, true)),
        Some((_, Token::Sign('{'))) => {
            let mut depth = 1;
            let mut expected = true;
            for (line, token) in &tokens[at + 2..] {
                match token {
                    Token::Word(name) if depth == 1 && expected => {
                        found.push(mention(*line, name, true));
                        expected = false;
                    }
                    Token::Sign('{') => depth += 1,
                    Token::Sign('}') if depth == 1 => break,
                    Token::Sign('}') => depth -= 1,
                    Token::Sign(',') if depth == 1 => expected = true,
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// Words, `::` and single signs with their lines; comments, strings and characters left out.
fn tokens(source: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal_length(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let is_end = |c: char| !c.is_alphanumeric() && c != '_';
            let length = rest.find(is_end).unwrap_or(rest.len());
            tokens.push((line, Token::Word(rest[..length].to_owned())));
            length
        } else if rest.starts_with("::") {
            tokens.push((line, Token::PathSeparator));
            2
        } else {
            if !first.is_whitespace() {
                tokens.push((line, Token::Sign(first)));
            }
            first.len_utf8()
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character literal that `rest` begins with.
fn literal_length(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    if prefix > 2 {
        return None;
    }
    let body = &rest[prefix..];
    if rest[..prefix].ends_with('r') {
        let hashes = body.find(|c| c != '#')?;
        body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body[hashes + 1..].find(&close)?;
        return Some(prefix + hashes + 1 + end + close.len());
    }
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    if quote == '\'' && !is_character(body) {
        return None;
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return Some(prefix + at + 1),
            _ => {}
        }
    }
    None
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_character(body: &str) -> bool {
    let mut chars = body.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(file: &str, source: &str) -> Vec<String> {
        let all = mentions(file, source).into_iter();
        all.filter(|mention| mention.inside)
            .map(|mention| format!("{}:{}", mention.line, mention.name))
            .collect()
    }

    fn outside(source: &str) -> Vec<String> {
        let all = mentions("src/web/mod.rs", source).into_iter();
        all.filter(|mention| !mention.inside)
            .map(|mention| mention.name)
            .collect()
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        let source = "use crate::store::Store;\n\
                      pub(crate) use crate::{\n  mail::{Mail, dkim::Key},\n  domain::*,\n};\n\
                      fn f<'a>(x: &'a crate::feeds::Feed) -> Vec<broadsheet::web::Page> {\n\
                      crate::digest::<u8>() }";
        assert_eq!(
            inside("src/cli/mod.rs", source),
            [
                "1:store", "3:mail", "4:domain", "6:feeds", "6:web", "7:digest"
            ]
        );
    }

    #[test]
    fn comments_and_literals_are_not_paths() {
        let source = "//! [`crate::web::Page`]\n/* crate::web */\n\
                      const A: &str = \"crate::web::x \\\" crate::web\";\n\
                      const B: &str = r#\"crate::web::\" crate::web\"#;\n\
                      const C: char = '\"'; const D: char = '\\''; use crate::store::E;";
        assert_eq!(inside("src/mail/mod.rs", source), ["5:store"]);
    }

    #[test]
    fn super_counts_when_it_reaches_the_root() {
        assert_eq!(
            inside("src/mail/mod.rs", "use super::web::Page;"),
            ["1:web"]
        );
        assert_eq!(inside("src/mail/dkim.rs", "use super::web::Page;"), [""; 0]);
        let nested = "use super::super::web::Page;";
        assert_eq!(inside("src/mail/dkim.rs", nested), ["1:web"]);
        let tests = "fn f() {} mod tests { use super::delivery::run; } use super::web::Page;";
        assert_eq!(inside("src/mail/mod.rs", tests), ["1:web"]);
    }

    #[test]
    fn crates_are_found_as_such() {
        let source = "use sqlx;\nuse ::axum::Router;\n#[derive(lettre::X)] struct A;\n\
                      fn f() { reqwest::get(crate::sqlx::b, self.tokio.await) }";
        assert_eq!(outside(source), ["sqlx", "axum", "lettre", "reqwest"]);
    }
}
