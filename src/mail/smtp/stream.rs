//! Buffered byte stream to the server with a timeout on each call.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::mail::smtp::error::StreamError;
use crate::mail::smtp::happy_eyeballs::connect_first;
use crate::mail::smtp::reply_parser::{ReplyLines, ReplyParser};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Size of the read buffer in bytes.
///
/// Holds the replies to a pipelined envelope; longer replies are read in several parts.
const READ_BUFFER: usize = 4096;

/// A connection to the server, before or after the TLS handshake.
pub(super) struct SmtpStream {
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    /// Start of the bytes that were read and not yet parsed.
    start: usize,
    /// End of these bytes.
    end: usize,
}

impl SmtpStream {
    /// Connects to `host` in plain text.
    pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<Self, StreamError> {
        let stream = with_timeout(limit, async {
            connect_first(lookup_host((host, port)).await?).await
        })
        .await?;
        // Nagle's algorithm would hold back the last packet of a message until the previous
        // one is acknowledged.
        stream.set_nodelay(true)?;
        Ok(Self::new(Box::new(stream)))
    }

    fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// Returns whether the server sent more than one reply.
    ///
    /// After a `220` to STARTTLS these bytes were injected before the handshake and must not
    /// count as the server's (CVE-2011-0411).
    pub fn has_unread(&self) -> bool {
        self.start < self.end
    }

    /// Performs the TLS handshake.
    pub async fn into_tls(
        self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        limit: Duration,
    ) -> Result<Self, StreamError> {
        let stream = with_timeout(limit, connector.connect(name, self.stream)).await?;
        Ok(Self::new(Box::new(stream)))
    }

    /// Writes all of `bytes` to the socket, in one system call if it accepts them.
    ///
    /// After an error the end of `bytes` was not sent.
    pub async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), StreamError> {
        with_timeout(limit, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    /// Reads one reply; all its lines must arrive within `limit`.
    pub async fn read(&mut self, limit: Duration) -> Result<ReplyLines, StreamError> {
        timeout(limit, self.read_reply())
            .await
            .map_err(|_| StreamError::Timeout(limit))?
    }

    async fn read_reply(&mut self) -> Result<ReplyLines, StreamError> {
        let mut parser = ReplyParser::default();
        loop {
            let (consumed, reply) = parser.parse(&self.buffer[self.start..self.end])?;
            self.start += consumed;
            if let Some(reply) = reply {
                return Ok(reply);
            }
            self.start = 0;
            self.end = self.stream.read(&mut self.buffer).await?;
            if self.end == 0 {
                return Err(StreamError::Closed);
            }
        }
    }
}

async fn with_timeout<T>(
    limit: Duration,
    operation: impl Future<Output = std::io::Result<T>>,
) -> Result<T, StreamError> {
    match timeout(limit, operation).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StreamError::Timeout(limit)),
    }
}
