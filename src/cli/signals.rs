//! Orderly shutdown after a signal.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::error::CliError;

/// Maximum time from the first signal to the exit.
///
/// Work in progress is normally completed sooner. If the database hangs, the leases of this
/// process expire and another worker reclaims them. Below 10 s, after which Docker kills.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(9_500);

/// Returns a token that SIGTERM or SIGINT cancels. A second signal exits at once.
pub fn stop_signal() -> Result<CancellationToken, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("shutting down: finishing mail in progress");
        token.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => tracing::error!("shutdown timed out"),
        }
        std::process::exit(1);
    });
    Ok(stop)
}
