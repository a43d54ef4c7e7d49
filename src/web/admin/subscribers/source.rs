//! Where a subscriber gave consent, as an editor or an API client states it.

pub const LONGEST_SOURCE: usize = 200;

#[derive(Debug, thiserror::Error)]
#[error("say in one line of at most {LONGEST_SOURCE} characters where they agreed")]
pub struct SourceError;

/// Where people agreed, as it is kept with their consent.
pub(in crate::web) fn parse_source(source: &str) -> Result<String, SourceError> {
    let source = source.trim();
    let length = source.chars().count();
    if !(1..=LONGEST_SOURCE).contains(&length) || source.chars().any(char::is_control) {
        return Err(SourceError);
    }
    Ok(source.to_owned())
}
