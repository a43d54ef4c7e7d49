//! Results on standard output: words for people, or one JSON object a line.

use std::io::Write;

use serde::Serialize;

use crate::cli::CliError;

#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// One result: its JSON, or the words that say the same.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn line(
        self,
        result: &impl Serialize,
        words: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let line = if self.json {
            serde_json::to_string(result).map_err(|error| CliError::Failed(error.to_string()))?
        } else {
            words()
        };
        self.print(&line)
    }

    /// As it is.
    ///
    /// # Errors
    /// When standard output is closed.
    pub fn print(self, text: &str) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // `broadsheet subscribers list | head` ends well.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(CliError::Told),
            written => Ok(written?),
        }
    }
}

/// A progress bar on a terminal, nothing elsewhere.
pub fn progress_bar(length: u64, words: &'static str) -> indicatif::ProgressBar {
    use std::io::IsTerminal;
    if !std::io::stderr().is_terminal() {
        return indicatif::ProgressBar::hidden();
    }
    let bar = indicatif::ProgressBar::new(length);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}")
    {
        bar.set_style(style);
    }
    bar.set_message(words);
    bar
}
