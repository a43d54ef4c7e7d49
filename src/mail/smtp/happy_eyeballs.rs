//! Happy Eyeballs (RFC 8305): connects to the first address that responds.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Delay before the next address is tried concurrently (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that accepts a connection.
///
/// An address that drops all packets, for example where IPv6 is configured but not routed,
/// delays the others by [`ATTEMPT_DELAY`] only.
///
/// # Errors
///
/// Returns the last I/O error if no address accepts, and [`io::ErrorKind::NotFound`] if
/// there is no address.
pub(super) async fn connect_first(
    addresses: impl IntoIterator<Item = SocketAddr>,
) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut last_error = None;
    loop {
        let next = addresses.next();
        if next.is_none() && attempts.is_empty() {
            return Err(last_error.unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, "the host has no address")
            }));
        }
        attempts.extend(next.map(TcpStream::connect));
        match timeout(ATTEMPT_DELAY, attempts.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => last_error = Some(error),
            Ok(None) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const TEST_TIMEOUT: Duration = Duration::from_secs(10);

    /// Returns an address that never responds, because its accept queue is full.
    async fn unresponsive_address() -> (SocketAddr, impl Sized) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(queued) = timeout(ATTEMPT_DELAY, TcpStream::connect(address)).await {
            queue.push(queued.unwrap());
        }
        (address, (listener, queue))
    }

    async fn refusing_address() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn unresponsive_address_is_skipped() {
        let (unresponsive, _queue) = unresponsive_address().await;
        let refusing = refusing_address().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let accepting = listener.local_addr().unwrap();

        for addresses in [
            vec![unresponsive, accepting],
            vec![unresponsive, refusing, unresponsive, accepting],
        ] {
            let connected = timeout(TEST_TIMEOUT, connect_first(addresses)).await;
            let stream = connected.unwrap().unwrap();
            assert_eq!(stream.peer_addr().unwrap(), accepting);
        }
    }

    #[tokio::test]
    async fn last_error_is_returned_if_all_refuse() {
        let addresses = [refusing_address().await, refusing_address().await];

        let error = connect_first(addresses).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn host_without_address_is_not_found() {
        let error = connect_first([]).await.unwrap_err();

        assert_eq!(error.to_string(), "the host has no address");
    }
}
