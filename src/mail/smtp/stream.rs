//! Bytes to and from a server, with a limit of time on everything.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::mail::smtp::error::WireError;
use crate::mail::smtp::happy_eyeballs::dial;
use crate::mail::smtp::reply_parser::{Lines, ReplyReader};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Room for the replies to a pipelined group; a longer one is read piece by piece.
const BUFFER: usize = 4096;

pub(super) struct SmtpStream {
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    /// What of the buffer is read and not yet used.
    from: usize,
    to: usize,
}

impl SmtpStream {
    pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<Self, WireError> {
        let stream = within(limit, async {
            dial(lookup_host((host, port)).await?).await
        })
        .await?;
        // Without it the last packet of a mail waits for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        Ok(Self::over(Box::new(stream)))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            from: 0,
            to: 0,
        }
    }

    /// Whether the server said more than was asked for. After a `220` to STARTTLS that is
    /// someone in the middle, whose words would pass for the server's (CVE-2011-0411).
    pub fn has_unread(&self) -> bool {
        self.from < self.to
    }

    pub async fn into_tls(
        self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        limit: Duration,
    ) -> Result<Self, WireError> {
        let stream = within(limit, connector.connect(name, self.stream)).await?;
        Ok(Self::over(Box::new(stream)))
    }

    /// Hands all of `bytes` to the operating system, in one write where it takes them.
    /// After an error the end of `bytes` was not sent.
    pub async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), WireError> {
        within(limit, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    /// The next reply, all of it within `limit`.
    pub async fn read(&mut self, limit: Duration) -> Result<Lines, WireError> {
        timeout(limit, self.read_untimed())
            .await
            .map_err(|_| WireError::Timeout(limit))?
    }

    async fn read_untimed(&mut self) -> Result<Lines, WireError> {
        let mut reader = ReplyReader::default();
        loop {
            let (taken, reply) = reader.take(&self.buffer[self.from..self.to])?;
            self.from += taken;
            if let Some(reply) = reply {
                return Ok(reply);
            }
            self.from = 0;
            self.to = self.stream.read(&mut self.buffer).await?;
            if self.to == 0 {
                return Err(WireError::Closed);
            }
        }
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, WireError> {
    match timeout(limit, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(WireError::Timeout(limit)),
    }
}
