//! HTTP server with an RSS 2.0 feed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use broadsheet::domain::clock::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

/// One item of the feed.
#[derive(Clone, Debug)]
pub struct Item {
    /// Last path segment of the link.
    pub slug: String,
    /// The link if `None`.
    pub guid: Option<String>,
    pub title: String,
    /// HTML.
    pub description: String,
    pub published: Timestamp,
}

impl Item {
    /// Creates an item with a description made of its title.
    pub fn new(slug: &str, title: &str, published: Timestamp) -> Self {
        Self {
            slug: slug.to_owned(),
            guid: None,
            title: title.to_owned(),
            description: format!("<p>{title}, told in one sentence.</p>"),
            published,
        }
    }
}

#[derive(Debug, Default)]
struct FeedState {
    items: Vec<Item>,
    failure: Option<StatusCode>,
    requests: usize,
    not_modified: usize,
}

/// A running feed server. Stops on drop.
pub struct Blog {
    address: SocketAddr,
    state: Arc<Mutex<FeedState>>,
    _stop: oneshot::Sender<()>,
}

impl Blog {
    /// Starts a server with these posts, the newest first.
    pub fn start(items: Vec<Item>) -> Self {
        let state = Arc::new(Mutex::new(FeedState {
            items,
            ..FeedState::default()
        }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a non-blocking port");
        let address = listener.local_addr().expect("a bound port");
        let router = Router::new()
            .route("/feed.xml", get(feed))
            .with_state((address, Arc::clone(&state)));
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = axum::serve(listener, router) => served.expect("a running server"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            state,
            _stop: stop,
        }
    }

    /// Returns a URL for `feeds.urls`.
    pub fn feed_url(&self) -> String {
        format!("http://{}/feed.xml", self.address)
    }

    /// Returns a value for `feeds.allow_private`.
    pub fn host_and_port(&self) -> String {
        self.address.to_string()
    }

    /// Adds a post before the others.
    pub fn publish(&self, item: Item) {
        self.state().items.insert(0, item);
    }

    /// Applies `change` to each post.
    pub fn edit_posts(&self, change: impl FnMut(&mut Item)) {
        self.state().items.iter_mut().for_each(change);
    }

    /// Returns the link of the post with this slug.
    pub fn link(&self, slug: &str) -> String {
        link(self.address, slug)
    }

    /// Responds to all further requests with this status, or with the feed if `None`.
    pub fn set_failure(&self, status: Option<StatusCode>) {
        self.state().failure = status;
    }

    /// Returns the number of requests for the feed.
    pub fn request_count(&self) -> usize {
        self.state().requests
    }

    /// Returns the number of 304 responses.
    pub fn not_modified_count(&self) -> usize {
        self.state().not_modified
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<FeedState>) -> MutexGuard<'_, FeedState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn feed(
    State((address, state)): State<(SocketAddr, Arc<Mutex<FeedState>>)>,
    headers: HeaderMap,
) -> Response {
    let mut state = lock(&state);
    state.requests += 1;
    if let Some(status) = state.failure {
        return status.into_response();
    }
    let body = rss(address, &state.items);
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        state.not_modified += 1;
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let content_type = "application/rss+xml; charset=utf-8".to_owned();
    let headers = [(header::CONTENT_TYPE, content_type), (header::ETAG, etag)];
    (headers, body).into_response()
}

fn rss(address: SocketAddr, items: &[Item]) -> String {
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\"><channel>\
         <title>A blog</title><link>http://{address}/</link><description>For tests</description>\n"
    );
    for item in items {
        let link = link(address, &item.slug);
        let guid = item.guid.as_ref().unwrap_or(&link);
        feed.push_str(&format!(
            "<item><title>{}</title><link>{link}</link><guid>{guid}</guid>\
             <pubDate>{}</pubDate><description>{}</description></item>\n",
            escape(&item.title),
            item.published.to_rfc2822(),
            escape(&item.description),
        ));
    }
    feed.push_str("</channel></rss>\n");
    feed
}

fn link(address: SocketAddr, slug: &str) -> String {
    format!("http://{address}/{slug}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
