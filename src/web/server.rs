//! HTTP server whose routes can be replaced while it runs.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::web::render::TemplatesError;
use crate::web::router;
use crate::web::services::Services;
use crate::web::state::{AppState, SharedState};

/// Time for running requests to complete at shutdown. Event streams are closed immediately.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// Interval between removals of idle rate-limit counters and abandoned imports.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// The web server with its current routes.
#[derive(Debug)]
pub struct Server {
    current: watch::Sender<Routes>,
}

/// State and router of one settings revision.
#[derive(Clone, Debug)]
struct Routes {
    state: SharedState,
    router: Router,
}

impl Server {
    /// Creates the server without opening a socket.
    ///
    /// # Errors
    /// Returns [`TemplatesError`] if a built-in page template does not parse, which a test
    /// rules out.
    pub fn new(services: Services) -> Result<Self, TemplatesError> {
        Ok(Self {
            current: watch::Sender::new(Routes::new(AppState::new(services)?)),
        })
    }

    /// Uses `services` for new requests. Running requests complete with the old ones, except
    /// event streams, which are closed so that clients reconnect.
    ///
    /// # Errors
    /// Returns [`TemplatesError`] as [`Self::new`] does; then nothing changes.
    pub fn replace(&self, services: Services) -> Result<(), TemplatesError> {
        let before = Arc::clone(&self.current.borrow().state);
        let state = AppState::replacing(&before, services)?;
        self.current.send_replace(Routes::new(state));
        before.live.close();
        Ok(())
    }

    /// Serves HTTP until `stop` is cancelled and running requests have completed, at most
    /// 3 seconds later.
    ///
    /// # Errors
    /// Returns the I/O error if the socket fails.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let service = Router::new()
            .fallback(dispatch)
            .with_state(self.current.subscribe())
            .into_make_service_with_connect_info::<SocketAddr>();
        // Without TCP_NODELAY the last bytes of a page wait for an acknowledgement. A failure
        // to set it only costs milliseconds.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let server =
            axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::select! {
            served = server.into_future() => served,
            () = self.wait_for_shutdown(&stop) => Ok(()),
            () = self.run_cleanup() => Ok(()),
        }
    }

    async fn wait_for_shutdown(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        self.current.borrow().state.live.close();
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    }

    /// Never returns.
    async fn run_cleanup(&self) {
        loop {
            tokio::time::sleep(CLEANUP_INTERVAL).await;
            let state = Arc::clone(&self.current.borrow().state);
            state.caps.purge_idle();
            state.web.list_work.purge_abandoned(state.now());
        }
    }
}

impl Routes {
    fn new(state: AppState) -> Self {
        let state = Arc::new(state);
        let router = router::build(&state);
        Self { state, router }
    }
}

/// Passes a request to the current router.
async fn dispatch(State(current): State<watch::Receiver<Routes>>, request: Request) -> Response {
    let router = current.borrow().router.clone();
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
