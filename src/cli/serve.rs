//! `broadsheet serve` and `broadsheet worker`

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::{CliError, Context};

pub async fn serve(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    let address = app.settings.server.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CliError::Failed(format!(
            "server.listen: cannot listen on {address}: {error}"
        ))
    })?;
    if let Some(link) = app.first_run_link().await? {
        // Printed, not logged: it is a secret for whoever started this.
        eprintln!("\nMake the first admin (this link works once, for 24 hours):\n  {link}\n");
    }
    app.serve(listener, stop_signal()?).await?;
    app.close().await;
    Ok(())
}

pub async fn worker(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    app.work(stop_signal()?).await?;
    app.close().await;
    Ok(())
}

/// What is left to do after a signal is done by then; only a database that hangs takes
/// longer, and what this process had in hand is taken up by another one.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(9_500);

/// Cancelled by SIGTERM or SIGINT; a second one ends the process at once.
pub fn stop_signal() -> Result<CancellationToken, CliError> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: what is on its way comes to its end");
        token.cancel();
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
            () = tokio::time::sleep(SHUTDOWN_TIMEOUT) => tracing::error!("stopped in the middle: something does not come to its end"),
        }
        std::process::exit(1);
    });
    Ok(stop)
}
