//! The log on standard error.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// `error`, `warn`, `info` (default), `debug` or `trace`.
const LEVEL_VARIABLE: &str = "BROADSHEET_LOG";

/// `text` (default), or `json` for one JSON object per line.
const FORMAT_VARIABLE: &str = "BROADSHEET_LOG_FORMAT";

/// Starts logging, as the environment variables say. An unknown level or format is the
/// default one, so that a typo does not stop the program.
pub fn start() {
    let level = std::env::var(LEVEL_VARIABLE).ok();
    let level = level.and_then(|level| level.parse::<LevelFilter>().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    // Other crates log warnings at most: their messages may contain addresses.
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("broadsheet", level)
        .with_target(crate::store::DRIVER_LOG, LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    let lines = match std::env::var(FORMAT_VARIABLE).as_deref() {
        Ok("json") => lines.json().boxed(),
        _ => lines.boxed(),
    };
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .init();
}
