//! `broadsheet bounce`

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use crate::app::AppError;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::reports::{MAX_REPORT_BYTES, ReportOutcome, ReportResult};

/// Read one report that came back by mail: a bounce, a complaint or an automatic reply
///
/// For a mail server that pipes reports into a command. Ends with status 0 for every report that
/// was read, and with 75 if the database cannot be reached, so that the mail server tries again.
#[derive(Debug, Args)]
pub struct Bounce {
    /// File with the report [default: standard input]
    file: Option<PathBuf>,
}

impl Bounce {
    pub async fn run(self, context: &Context) -> Result<(), CliError> {
        let report = self.read()?;
        if !context.has_database()? {
            return Err(not_reachable("the database does not exist"));
        }
        let app = match context.try_app().await? {
            Ok(app) => app,
            Err(AppError::Store(error)) => return Err(not_reachable(error)),
            Err(error) => return Err(error.into()),
        };
        let result = app.reports().read_report(&report).await;
        app.close().await;
        let result = result.map_err(not_reachable)?;
        context.output.print_result(&result, || to_text(&result))
    }

    /// Returns the first bytes of the report, and reads the rest, so that the mail server does
    /// not see a closed pipe.
    fn read(&self) -> Result<Vec<u8>, CliError> {
        let mut input: Box<dyn Read> = match &self.file {
            Some(path) => {
                let opened = File::open(path);
                let named = |error| CliError::Failed(format!("{}: {error}", path.display()));
                Box::new(opened.map_err(named)?)
            }
            None => Box::new(std::io::stdin().lock()),
        };
        let mut report = Vec::new();
        let limit = u64::try_from(MAX_REPORT_BYTES).unwrap_or(u64::MAX);
        input.by_ref().take(limit).read_to_end(&mut report)?;
        std::io::copy(&mut input, &mut std::io::sink())?;
        Ok(report)
    }
}

fn not_reachable(error: impl std::fmt::Display) -> CliError {
    eprintln!("broadsheet: cannot apply the report: {error}");
    CliError::NotFinished
}

fn to_text(result: &ReportResult) -> String {
    let what = match result.result {
        ReportOutcome::Bounced => "bounced",
        ReportOutcome::Complained => "complained",
        ReportOutcome::Unsubscribed => "unsubscribed",
        ReportOutcome::Deferred => "still being tried",
        ReportOutcome::Ignored => "ignored",
        ReportOutcome::Unknown => "no delivery of this newsletter",
    };
    let address = result.address.as_deref().unwrap_or("-");
    format!("{what}  {address}  {}", result.why)
        .trim_end()
        .to_owned()
}
