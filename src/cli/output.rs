//! Results on standard output: text for people, or one JSON object per line.

use std::io::{ErrorKind, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cli::error::CliError;

/// Prints results as text or JSON.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one result: as JSON, or as the text that `to_text` returns.
    ///
    /// # Errors
    /// [`CliError::Reported`] if standard output is closed, and [`CliError::Failed`] if
    /// writing fails.
    pub fn print_result(
        self,
        result: &impl Serialize,
        to_text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let line = if self.json {
            serde_json::to_string(result).map_err(|error| CliError::Failed(error.to_string()))?
        } else {
            to_text()
        };
        self.print_text(&line)
    }

    /// Prints `text` unchanged.
    ///
    /// # Errors
    /// As [`print_result`](Self::print_result).
    pub fn print_text(self, text: &str) -> Result<(), CliError> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            // `broadsheet subscribers list | head` must not print an error.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(CliError::Reported),
            written => Ok(written?),
        }
    }
}

/// Returns a progress bar on a terminal, and a hidden one elsewhere.
pub fn progress_bar(length: u64, message: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}") {
        bar.set_style(style);
    }
    bar.set_message(message);
    bar
}
