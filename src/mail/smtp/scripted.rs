//! Scripted SMTP server for tests.

use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How the server responds to a command.
#[derive(Clone)]
pub enum Response {
    /// Sends this reply.
    Reply(String),
    /// Sends this reply and closes the connection.
    ReplyAndClose(String),
    /// Closes the connection.
    Close,
    /// Never replies.
    Silence,
}

/// Returns a response with one reply; `text` has no final line break.
pub fn reply(text: &str) -> Response {
    Response::Reply(format!("{text}\r\n"))
}

/// The response to each command. Commands without one get `250 ok`.
#[derive(Clone)]
pub struct Script {
    /// Sent after connecting.
    pub greeting: Response,
    /// Responses by the start of the command; the first match is used.
    pub responses: Vec<(&'static str, Response)>,
    /// Response to the final dot.
    pub dot: Response,
    /// Certificate for STARTTLS and implicit TLS.
    pub tls: Option<TlsAcceptor>,
    /// Whether TLS starts before the greeting.
    pub has_implicit_tls: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: reply("220 scripted ESMTP"),
            responses: Vec::new(),
            dot: reply("250 2.0.0 accepted"),
            tls: None,
            has_implicit_tls: false,
        }
    }
}

impl Script {
    /// Sets the response to commands that start with `command`.
    pub fn on(mut self, command: &'static str, response: Response) -> Self {
        self.responses.insert(0, (command, response));
        self
    }

    fn response_to(&self, line: &str) -> Response {
        let line = line.to_ascii_uppercase();
        let scripted = self
            .responses
            .iter()
            .find(|(command, _)| line.starts_with(command));
        match scripted {
            Some((_, response)) => response.clone(),
            None if line == "DATA" => reply("354 go on"),
            None if line == "QUIT" => reply("221 bye"),
            None => reply("250 ok"),
        }
    }
}

/// A running server, and the lines it has received.
pub struct ScriptedSmtpServer {
    /// Port on 127.0.0.1.
    pub port: u16,
    received: Arc<Mutex<Vec<String>>>,
}

impl ScriptedSmtpServer {
    /// Starts a server that serves one connection at a time.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Tests may close the connection at any time.
                let _ = serve(stream, &script, &log).await;
            }
        });
        Self { port, received }
    }

    /// Returns the received commands and message lines in order.
    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

type Log = Arc<Mutex<Vec<String>>>;

async fn serve(stream: tokio::net::TcpStream, script: &Script, log: &Log) -> std::io::Result<()> {
    if script.has_implicit_tls {
        let tls = script.tls.as_ref().unwrap().accept(stream).await?;
        serve_session(BufReader::new(tls), script, log, true)
            .await
            .map(|_| ())
    } else {
        let stream = BufReader::new(stream);
        match serve_session(stream, script, log, true).await? {
            Some(stream) => {
                let tls = script
                    .tls
                    .as_ref()
                    .unwrap()
                    .accept(stream.into_inner())
                    .await?;
                serve_session(BufReader::new(tls), script, log, false)
                    .await
                    .map(|_| ())
            }
            None => Ok(()),
        }
    }
}

/// Serves until the client disconnects. Returns the stream after STARTTLS.
async fn serve_session<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    script: &Script,
    log: &Log,
    greet: bool,
) -> std::io::Result<Option<BufReader<S>>> {
    let mut in_message = false;
    let mut response = greet.then(|| script.greeting.clone());
    loop {
        match response {
            Some(Response::Reply(text)) => stream.write_all(text.as_bytes()).await?,
            Some(Response::ReplyAndClose(text)) => {
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                return Ok(None);
            }
            Some(Response::Close) => return Ok(None),
            Some(Response::Silence) => std::future::pending().await,
            None => {}
        }
        stream.flush().await?;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end_matches("\r\n").to_owned();
        log.lock().unwrap().push(line.clone());
        response = if in_message {
            (line == ".").then(|| {
                in_message = false;
                script.dot.clone()
            })
        } else {
            let response = script.response_to(&line);
            let Response::Reply(text) = &response else {
                end_session(&mut stream, &response).await?;
                return Ok(None);
            };
            if line == "STARTTLS" && text.starts_with("220") {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await?;
                return Ok(Some(stream));
            }
            in_message = line == "DATA" && text.starts_with("354");
            Some(response)
        };
    }
}

async fn end_session<S: AsyncWrite + Unpin>(
    stream: &mut S,
    response: &Response,
) -> std::io::Result<()> {
    match response {
        Response::Silence => std::future::pending().await,
        Response::Reply(_) | Response::ReplyAndClose(_) | Response::Close => {
            stream.shutdown().await
        }
    }
}

const CA: &[u8] = include_bytes!("fixtures/ca.pem");
const KEY: &[u8] = include_bytes!("fixtures/server.key");
/// A certificate for `localhost` and 127.0.0.1, signed by the test authority.
pub const VALID: &[u8] = include_bytes!("fixtures/server.pem");
/// An expired certificate of the test authority.
pub const EXPIRED: &[u8] = include_bytes!("fixtures/expired.pem");

/// Returns an acceptor with a certificate of the test authority.
pub fn acceptor(certificate: &[u8]) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![CertificateDer::from_pem_slice(certificate).unwrap()],
        PrivateKeyDer::from_pem_slice(KEY).unwrap(),
    )
    .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Returns root certificates that contain the test authority only.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(CA).unwrap())
        .unwrap();
    roots
}
