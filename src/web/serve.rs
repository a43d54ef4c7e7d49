//! The web on a socket.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Web;
use super::router;
use super::state::WebState;

/// What requests under way get to come to their end. Event streams end at once.
const GRACE: Duration = Duration::from_secs(3);
/// How often counts are dropped of who has not been seen for an hour.
const TIDY: Duration = Duration::from_secs(10 * 60);

/// Serves HTTP until `stop`, and a few seconds longer for what is under way.
///
/// # Errors
/// When the built-in pages cannot be made.
pub async fn serve(web: Web, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
    let state = Arc::new(WebState::new(web).map_err(io::Error::other)?);
    let routes = router::with_state(&state).into_make_service_with_connect_info::<SocketAddr>();
    // A page's last bytes must not wait for an acknowledgement. That it cannot be set
    // costs milliseconds.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    let server =
        axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = server.into_future() => served,
        () = grace(&stop, &state) => Ok(()),
        () = tidy(&state) => Ok(()),
    }
}

async fn grace(stop: &CancellationToken, state: &WebState) {
    stop.cancelled().await;
    state.live.close();
    tokio::time::sleep(GRACE).await;
}

/// Never ends.
async fn tidy(state: &WebState) {
    loop {
        tokio::time::sleep(TIDY).await;
        state.caps.forget_idle();
    }
}
