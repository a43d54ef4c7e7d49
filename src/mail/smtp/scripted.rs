//! A mail server that does as it is told, for tests.

use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How a command is answered.
#[derive(Clone)]
pub enum Answer {
    Say(String),
    /// Says this and hangs up.
    Last(String),
    /// Hangs up.
    Drop,
    /// Says nothing any more.
    Silence,
}

pub fn say(text: &str) -> Answer {
    Answer::Say(format!("{text}\r\n"))
}

/// An answer to each command. The rest is `250 ok`.
#[derive(Clone)]
pub struct Script {
    pub greeting: Answer,
    pub answers: Vec<(&'static str, Answer)>,
    /// To the final dot.
    pub dot: Answer,
    pub tls: Option<TlsAcceptor>,
    /// TLS from the first byte on.
    pub implicit: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            greeting: say("220 scripted ESMTP"),
            answers: Vec::new(),
            dot: say("250 2.0.0 taken"),
            tls: None,
            implicit: false,
        }
    }
}

impl Script {
    pub fn on(mut self, command: &'static str, answer: Answer) -> Self {
        self.answers.insert(0, (command, answer));
        self
    }

    fn answer(&self, line: &str) -> Answer {
        let line = line.to_ascii_uppercase();
        let scripted = self
            .answers
            .iter()
            .find(|(command, _)| line.starts_with(command));
        match scripted {
            Some((_, answer)) => answer.clone(),
            None if line == "DATA" => say("354 go on"),
            None if line == "QUIT" => say("221 bye"),
            None => say("250 ok"),
        }
    }
}

/// A running server, and all it was told.
pub struct Scripted {
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up in the middle is part of what is tested.
                let _ = serve(stream, &script, &log).await;
            }
        });
        Self { port, heard }
    }

    /// Commands and message lines, in order.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

type Log = Arc<Mutex<Vec<String>>>;

async fn serve(stream: tokio::net::TcpStream, script: &Script, log: &Log) -> std::io::Result<()> {
    if script.implicit {
        let tls = script.tls.as_ref().unwrap().accept(stream).await?;
        converse(BufReader::new(tls), script, log, true)
            .await
            .map(|_| ())
    } else {
        let stream = BufReader::new(stream);
        match converse(stream, script, log, true).await? {
            Some(stream) => {
                let tls = script
                    .tls
                    .as_ref()
                    .unwrap()
                    .accept(stream.into_inner())
                    .await?;
                converse(BufReader::new(tls), script, log, false)
                    .await
                    .map(|_| ())
            }
            None => Ok(()),
        }
    }
}

/// Until the client leaves, or (giving the stream back) until TLS should begin.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: BufReader<S>,
    script: &Script,
    log: &Log,
    greet: bool,
) -> std::io::Result<Option<BufReader<S>>> {
    let mut in_message = false;
    let mut answer = greet.then(|| script.greeting.clone());
    loop {
        match answer {
            Some(Answer::Say(text)) => stream.write_all(text.as_bytes()).await?,
            Some(Answer::Last(text)) => {
                stream.write_all(text.as_bytes()).await?;
                stream.shutdown().await?;
                return Ok(None);
            }
            Some(Answer::Drop) => return Ok(None),
            Some(Answer::Silence) => std::future::pending().await,
            None => {}
        }
        stream.flush().await?;
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end_matches("\r\n").to_owned();
        log.lock().unwrap().push(line.clone());
        answer = if in_message {
            (line == ".").then(|| {
                in_message = false;
                script.dot.clone()
            })
        } else {
            let answer = script.answer(&line);
            let Answer::Say(text) = &answer else {
                answer_and_stop(&mut stream, &answer).await?;
                return Ok(None);
            };
            if line == "STARTTLS" && text.starts_with("220") {
                stream.write_all(text.as_bytes()).await?;
                stream.flush().await?;
                return Ok(Some(stream));
            }
            in_message = line == "DATA" && text.starts_with("354");
            Some(answer)
        };
    }
}

async fn answer_and_stop<S: AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &Answer,
) -> std::io::Result<()> {
    match answer {
        Answer::Silence => std::future::pending().await,
        Answer::Say(_) | Answer::Last(_) | Answer::Drop => stream.shutdown().await,
    }
}

const CA: &[u8] = include_bytes!("fixtures/ca.pem");
const KEY: &[u8] = include_bytes!("fixtures/server.key");
pub const GOOD: &[u8] = include_bytes!("fixtures/server.pem");
pub const EXPIRED: &[u8] = include_bytes!("fixtures/expired.pem");

/// A server's side of TLS with a certificate of the test authority.
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

/// The roots of a client that knows the test authority.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(CA).unwrap())
        .unwrap();
    roots
}
