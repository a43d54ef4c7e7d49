//! `broadsheet serve` and `broadsheet worker`

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Context, Failure};

pub async fn serve(context: &Context) -> Result<(), Failure> {
    let app = context.app().await?;
    let address = app.settings.server.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
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

pub async fn worker(context: &Context) -> Result<(), Failure> {
    let app = context.app().await?;
    app.work(stop_signal()?).await?;
    app.close().await;
    Ok(())
}

/// Cancelled by SIGTERM or SIGINT; a second one ends the process at once.
pub fn stop_signal() -> Result<CancellationToken, Failure> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for turn in 0.. {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if turn > 0 {
                std::process::exit(1);
            }
            tracing::info!("stopping: what is on its way comes to its end");
            token.cancel();
        }
    });
    Ok(stop)
}
