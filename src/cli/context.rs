//! What every command gets: the settings file and the output.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::{App, AppError};
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::config::{Saved, Settings, Sources, choose_file, environment};
use crate::domain::clock::SystemClock;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::random::Random;

/// The global options of the command line.
pub struct Context {
    /// `--config`, or `BROADSHEET_CONFIG`.
    pub config_file: Option<PathBuf>,
    /// Prints results.
    pub output: Output,
}

impl Context {
    fn sources(&self) -> Sources {
        let file = choose_file(self.config_file.clone(), Path::new(""));
        Sources::new(file.as_deref(), environment(std::env::vars_os()))
    }

    /// Returns the settings of file and environment, without those in the database.
    pub fn settings(&self) -> Result<Settings, CliError> {
        Ok(self.sources().settings(&Saved::new())?)
    }

    /// Returns whether a database may exist, without creating one.
    pub fn has_database(&self) -> Result<bool, CliError> {
        Ok(match self.settings()?.database.url {
            DatabaseUrl::Sqlite(file) => file.exists(),
            DatabaseUrl::Postgres(_) => true,
        })
    }

    /// Opens the database, and creates it if it does not exist.
    pub async fn app(&self) -> Result<App, CliError> {
        Ok(self.try_app().await??)
    }

    /// Opens the database like [`app`](Self::app), and returns its error unchanged.
    pub async fn try_app(&self) -> Result<Result<App, AppError>, CliError> {
        let random = Random::from_os().map_err(|error| {
            CliError::Failed(format!("the system provides no random numbers: {error}"))
        })?;
        Ok(App::open(self.sources(), Arc::new(SystemClock), Arc::new(random)).await)
    }
}
