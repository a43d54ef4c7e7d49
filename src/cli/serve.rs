//! `broadsheet serve` and `broadsheet worker`

use tokio::net::TcpListener;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::signals::stop_signal;

pub async fn serve(context: &Context) -> Result<(), CliError> {
    let app = context.app().await?;
    let address = app.settings.server.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CliError::Failed(format!(
            "server.listen: cannot listen on {address}: {error}"
        ))
    })?;
    if let Some(link) = app.first_run_link().await? {
        // Printed and not logged, because the link is a secret.
        eprintln!("\nCreate the first admin account (one-time link, valid 24 hours):\n  {link}\n");
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
