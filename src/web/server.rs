//! The web on a socket, with routes that can be replaced while it serves.

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

use crate::web::pages::TemplatesError;
use crate::web::state::{AppState, SharedState};
use crate::web::{Services, router};

/// What requests under way get to come to their end. Event streams end at once.
const GRACE: Duration = Duration::from_secs(3);
/// How often counts are dropped of who has not been seen for an hour, and lists that
/// nobody came back for.
const TIDY: Duration = Duration::from_secs(10 * 60);

/// What answers requests now.
#[derive(Debug)]
pub struct Server {
    current: watch::Sender<Routes>,
}

#[derive(Clone, Debug)]
struct Routes {
    state: SharedState,
    router: Router,
}

impl Server {
    /// # Errors
    /// When a built-in page template does not parse, which a test rules out.
    pub fn new(web: Services) -> Result<Self, TemplatesError> {
        Ok(Self {
            current: watch::Sender::new(Routes::to(AppState::new(web)?)),
        })
    }

    /// Answers what comes from now on by `web`; requests under way end as they began.
    ///
    /// # Errors
    /// As [`Self::new`]; then nothing changes.
    pub fn replace(&self, web: Services) -> Result<(), TemplatesError> {
        let before = Arc::clone(&self.current.borrow().state);
        let state = AppState::in_place_of(&before, web)?;
        self.current.send_replace(Routes::to(state));
        // Those who watch come back at once, to what is in force.
        before.live.close();
        Ok(())
    }

    /// Serves HTTP until `stop`, and a few seconds longer for what is under way.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let routes = Router::new()
            .fallback(pass_on)
            .with_state(self.current.subscribe())
            .into_make_service_with_connect_info::<SocketAddr>();
        // A page's last bytes must not wait for an acknowledgement. That it cannot be set
        // costs milliseconds.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let server =
            axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::select! {
            served = server.into_future() => served,
            () = self.grace(&stop) => Ok(()),
            () = self.tidy() => Ok(()),
        }
    }

    async fn grace(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        self.current.borrow().state.live.close();
        tokio::time::sleep(GRACE).await;
    }

    /// Never ends.
    async fn tidy(&self) {
        loop {
            tokio::time::sleep(TIDY).await;
            let state = Arc::clone(&self.current.borrow().state);
            state.caps.forget_idle();
            state.web.list_work.purge_abandoned(state.now());
        }
    }
}

impl Routes {
    fn to(state: AppState) -> Self {
        let state = Arc::new(state);
        let router = router::with_state(&state);
        Self { state, router }
    }
}

async fn pass_on(State(current): State<watch::Receiver<Routes>>, request: Request) -> Response {
    let router = current.borrow().router.clone();
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
