//! From the addresses of a host to a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Before the next address is tried beside those that have not answered (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that answers. One that swallows every packet, as
/// where IPv6 is announced and does not work, must not use up the time of all others.
pub(super) async fn dial(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut dialled = FuturesUnordered::new();
    let mut failed = None;
    loop {
        let next = addresses.next();
        if next.is_none() && dialled.is_empty() {
            return Err(failed.unwrap_or_else(no_address));
        }
        dialled.extend(next.map(TcpStream::connect));
        match timeout(HEAD_START, dialled.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => failed = Some(error),
            Ok(None) | Err(_) => {}
        }
    }
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host has no address")
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// A port whose queue is full: who knocks gets no answer at all.
    async fn black_hole() -> (SocketAddr, impl Sized) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(queued) = timeout(HEAD_START, TcpStream::connect(address)).await {
            queue.push(queued.unwrap());
        }
        (address, (listener, queue))
    }

    async fn nobody() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_is_passed_over() {
        let (hole, _queue) = black_hole().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        for addresses in [vec![hole, good], vec![hole, nobody().await, hole, good]] {
            let stream = timeout(PATIENCE, dial(addresses)).await.unwrap().unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good);
        }
    }

    #[tokio::test]
    async fn where_all_refuse_the_last_ones_word_is_told() {
        let refused = dial([nobody().await, nobody().await]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let none = dial([]).await.unwrap_err();
        assert_eq!(none.to_string(), "the host has no address");
    }
}
