//! How a subscriber gave consent, as stated by an editor or an API client.

/// Maximum number of characters of a source.
pub const MAX_SOURCE_CHARS: usize = 200;

/// The source is empty, too long, or contains control characters.
#[derive(Debug, thiserror::Error)]
#[error("describe how they gave consent in one line of at most {MAX_SOURCE_CHARS} characters")]
pub struct SourceError;

/// Parses the source, which is stored as the record of the consent.
///
/// # Errors
/// Returns [`SourceError`] if the source is not one line of 1 to [`MAX_SOURCE_CHARS`]
/// characters.
pub fn parse_source(source: &str) -> Result<String, SourceError> {
    let source = source.trim();
    let length = source.chars().count();
    if !(1..=MAX_SOURCE_CHARS).contains(&length) || source.chars().any(char::is_control) {
        return Err(SourceError);
    }
    Ok(source.to_owned())
}
