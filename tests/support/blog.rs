//! A small blog: an RSS 2.0 feed whose posts, ETag and health a test controls.

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
    /// The last part of its link.
    pub slug: String,
    /// Its guid; the link, where there is none.
    pub guid: Option<String>,
    pub title: String,
    /// HTML.
    pub description: String,
    pub published: Timestamp,
}

impl Item {
    /// A post whose words are of no interest.
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
struct Shelf {
    items: Vec<Item>,
    broken: Option<StatusCode>,
    requests: usize,
    not_modified: usize,
}

/// The blog's server; it stops when this is dropped.
pub struct Blog {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    _stop: oneshot::Sender<()>,
}

impl Blog {
    /// A blog with these posts.
    pub fn start(items: Vec<Item>) -> Self {
        let shelf = Arc::new(Mutex::new(Shelf {
            items,
            ..Shelf::default()
        }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a non-blocking port");
        let address = listener.local_addr().expect("a bound port");
        let router = Router::new()
            .route("/feed.xml", get(feed))
            .with_state((address, Arc::clone(&shelf)));
        let (stop, stopped) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = axum::serve(listener, router) => served.expect("a server that runs"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            shelf,
            _stop: stop,
        }
    }

    /// What goes into `feeds.urls`.
    pub fn feed_url(&self) -> String {
        format!("http://{}/feed.xml", self.address)
    }

    /// What goes into `feeds.allow_private`.
    pub fn host_and_port(&self) -> String {
        self.address.to_string()
    }

    /// Puts a post on top of the others; the ETag changes with it.
    pub fn publish(&self, item: Item) {
        self.shelf().items.insert(0, item);
    }

    /// Edits every post in place.
    pub fn edit(&self, change: impl FnMut(&mut Item)) {
        self.shelf().items.iter_mut().for_each(change);
    }

    /// Where the post with this slug is read.
    pub fn link(&self, slug: &str) -> String {
        link(self.address, slug)
    }

    /// Answers every request with this status, until told `None`.
    pub fn break_with(&self, status: Option<StatusCode>) {
        self.shelf().broken = status;
    }

    /// How often the feed was asked for.
    pub fn requests(&self) -> usize {
        self.shelf().requests
    }

    /// How often a conditional request was spared the body.
    pub fn not_modified(&self) -> usize {
        self.shelf().not_modified
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        lock(&self.shelf)
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn feed(
    State((address, shelf)): State<(SocketAddr, Arc<Mutex<Shelf>>)>,
    headers: HeaderMap,
) -> Response {
    let mut shelf = lock(&shelf);
    shelf.requests += 1;
    if let Some(status) = shelf.broken {
        return status.into_response();
    }
    let body = rss(address, &shelf.items);
    let etag = format!("\"{}\"", hex::encode(Sha256::digest(&body)));
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        shelf.not_modified += 1;
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let kind = "application/rss+xml; charset=utf-8".to_owned();
    ([(header::CONTENT_TYPE, kind), (header::ETAG, etag)], body).into_response()
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
