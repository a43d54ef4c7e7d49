use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// HTTP server on localhost that replies to each request with `handler(request head)`.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(handler: impl Fn(&str, SocketAddr) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, handler) = (requests.clone(), Arc::new(handler));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (counter, handler) = (counter.clone(), handler.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    counter.fetch_add(1, Ordering::SeqCst);
                    let reply = handler(&String::from_utf8_lossy(&head), address);
                    if reply.is_empty() {
                        std::future::pending::<()>().await;
                    }
                    let _ = stream.write_all(&reply).await;
                });
            }
        });
        Self { address, requests }
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher::new(vec![
            AllowPrivate::parse(&self.address.to_string()).unwrap(),
        ])
    }

    async fn fetch(&self, path: &str) -> Result<Fetched, FetchError> {
        fetch(&self.fetcher(), self.url(path)).await
    }
}

async fn fetch(fetcher: &Fetcher, url: Url) -> Result<Fetched, FetchError> {
    fetcher
        .fetch(&FeedSource::Web(url), &Validators::default())
        .await
}

fn reply(head: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    reply.extend_from_slice(body);
    reply
}

fn body_of(fetched: Result<Fetched, FetchError>) -> Vec<u8> {
    match fetched {
        Ok(Fetched::Body { bytes, .. }) => bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let server = Server::start(|_, _| reply("200 OK", b"secret")).await;
    let port = server.address.port();
    let strict = Fetcher::new(vec![]);
    let decimal = u32::from(std::net::Ipv4Addr::LOCALHOST);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "127.1",
        "0x7f.1",
        &decimal.to_string(),
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let error = fetch(&strict, url).await.unwrap_err();
        assert!(
            matches!(error, FetchError::NotPublic { .. }),
            "{host}: {error}"
        );
    }
    assert_eq!(server.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn allow_private_applies_to_its_port_only() {
    let server = Server::start(|head, _| reply("200 OK", head.as_bytes())).await;
    let request = String::from_utf8(body_of(server.fetch("/feed?x=1").await)).unwrap();
    assert!(
        request.starts_with("GET /feed?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("user-agent: broadsheet/"),
        "{request}"
    );
    let other = Server::start(|_, _| reply("200 OK", b"")).await;
    let error = fetch(&server.fetcher(), other.url("/")).await.unwrap_err();
    assert!(matches!(error, FetchError::NotPublic { .. }), "{error}");
    let by_name = AllowPrivate::parse(&format!("localhost:{}", server.address.port())).unwrap();
    let url = Url::parse(&format!("http://localhost:{}/", server.address.port())).unwrap();
    body_of(fetch(&Fetcher::new(vec![by_name]), url).await);
}

#[tokio::test]
async fn redirect_target_is_checked_at_each_hop() {
    let inner = Server::start(|_, _| reply("200 OK", b"secret")).await;
    let port = inner.address.port();
    let server = Server::start(move |head, _| {
        let to = match head.split(' ').nth(1).unwrap_or_default() {
            "/mapped" => format!("http://[::ffff:127.0.0.1]:{port}/"),
            "/decimal" => format!("http://2130706433:{port}/"),
            "/name" => format!("http://localhost:{port}/"),
            "/file" => "file:///etc/passwd".to_owned(),
            "/script" => "javascript:alert(1)".to_owned(),
            _ => format!("http://127.0.0.1:{port}/"),
        };
        reply(&format!("302 Found\r\nLocation: {to}"), b"")
    })
    .await;
    for path in ["/plain", "/mapped", "/decimal", "/name"] {
        let error = server.fetch(path).await.unwrap_err();
        assert!(
            matches!(error, FetchError::NotPublic { .. }),
            "{path}: {error}"
        );
    }
    for path in ["/file", "/script"] {
        let error = server.fetch(path).await.unwrap_err();
        assert!(matches!(error, FetchError::Redirect(_)), "{path}: {error}");
    }
    assert_eq!(inner.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let server = Server::start(|head, _| {
        let left: u32 = head.split([' ', '/']).nth(2).unwrap().parse().unwrap();
        match left {
            0 => reply("200 OK", b"there"),
            left => reply(&format!("301 Moved\r\nLocation: /{}", left - 1), b""),
        }
    })
    .await;
    let Ok(Fetched::Body { bytes, url, .. }) = server.fetch("/3").await else {
        panic!()
    };
    assert_eq!(
        (bytes.as_slice(), url),
        (b"there".as_slice(), Some(server.url("/0")))
    );
    assert!(matches!(
        server.fetch("/4").await,
        Err(FetchError::TooManyRedirects(3))
    ));
}

#[tokio::test]
async fn conditional_request_returns_unchanged() {
    let server = Server::start(|head, _| {
        let head = head.to_lowercase();
        if head.contains("if-none-match: \"v1\"")
            && head.contains("if-modified-since: mon, 23 nov 2026")
        {
            reply("304 Not Modified", b"")
        } else {
            reply(
                "200 OK\r\nETag: \"v1\"\r\nLast-Modified: Mon, 23 Nov 2026 10:00:00 GMT",
                b"new",
            )
        }
    })
    .await;
    let Ok(Fetched::Body { validators, .. }) = server.fetch("/").await else {
        panic!()
    };
    assert_eq!(validators.etag.as_deref(), Some("\"v1\""));
    let again = server
        .fetcher()
        .fetch(&FeedSource::Web(server.url("/")), &validators)
        .await;
    assert_eq!(again.unwrap(), Fetched::Unchanged);
}

#[tokio::test]
async fn status_other_than_200_is_an_error() {
    let server = Server::start(|head, _| {
        let status = head.split([' ', '/']).nth(2).unwrap().to_owned();
        reply(&format!("{status} Whatever"), b"<rss/>")
    })
    .await;
    for code in [204, 304, 404, 410, 500] {
        match server.fetch(&format!("/{code}")).await {
            Err(FetchError::Status { status, .. }) => assert_eq!(status.as_u16(), code),
            other => panic!("{code}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn size_limit_applies_to_decompressed_body() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b' '; 1024 * 1024]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let server = Server::start(move |_, _| reply("200 OK\r\nContent-Encoding: gzip", &bomb)).await;
    assert!(matches!(
        server.fetch("/").await,
        Err(FetchError::TooLarge(_))
    ));
}

#[tokio::test]
async fn compressed_body_is_decompressed() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"<rss/>").unwrap();
    let body = encoder.finish().unwrap();
    let server = Server::start(move |_, _| reply("200 OK\r\nContent-Encoding: gzip", &body)).await;
    assert_eq!(body_of(server.fetch("/").await), b"<rss/>");
}

#[tokio::test]
async fn silent_server_and_partial_reply_are_errors() {
    let server = Server::start(|head, _| match head.contains("/half") {
        true => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<rss>".to_vec(),
        false => Vec::new(),
    })
    .await;
    let mut fetcher = server.fetcher();
    fetcher.limits.timeout = Duration::from_millis(300);
    let error = fetch(&fetcher, server.url("/silent")).await.unwrap_err();
    assert!(matches!(error, FetchError::TimedOut(_)), "{error}");
    let error = fetch(&server.fetcher(), server.url("/half"))
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Connection { .. }), "{error}");
}

#[tokio::test]
async fn error_message_does_not_contain_url() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let fetcher = Fetcher::new(vec![AllowPrivate::parse(&closed.to_string()).unwrap()]);
    let url = Url::parse(&format!("http://{closed}/feed?token=hush")).unwrap();
    let error = fetch(&fetcher, url).await.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot connect to 127.0.0.1: "),
        "{error}"
    );
    assert!(!error.contains("hush"), "{error}");
}

#[tokio::test]
async fn file_size_limit_applies() {
    let folder = tempfile::tempdir().unwrap();
    let read = async |path: &Path| {
        let source = FeedSource::File(path.to_owned());
        Fetcher::new(vec![])
            .fetch(&source, &Validators::default())
            .await
    };
    let path = folder.path().join("feed.xml");
    assert!(matches!(read(&path).await, Err(FetchError::NoSuchFile(_))));
    std::fs::write(&path, "<rss/>").unwrap();
    assert_eq!(body_of(read(&path).await), b"<rss/>");
    std::fs::write(&path, vec![b' '; LIMITS.max_bytes + 1]).unwrap();
    assert!(matches!(read(&path).await, Err(FetchError::TooLarge(_))));
    assert!(matches!(
        read(folder.path()).await,
        Err(FetchError::File { .. })
    ));
}
