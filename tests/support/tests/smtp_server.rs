use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::smtp_server::{Fault, SmtpServer, Stage};

/// A client that says exactly what it is told to.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(server: &SmtpServer) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        Self(BufReader::new(stream))
    }

    fn greeted(server: &SmtpServer) -> Self {
        let mut client = Self::connect(server);
        assert_eq!(client.reply(), "220");
        assert_eq!(client.ask("EHLO client.test"), "250");
        client
    }

    fn write(&mut self, text: &str) {
        let stream = self.0.get_mut();
        stream.write_all(text.as_bytes()).expect("an open stream");
    }

    fn ask(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n"));
        self.reply()
    }

    /// The code of the next reply, all its lines read; empty when the server hung up.
    fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            let _ = self.0.read_line(&mut line);
            if line.get(3..4) != Some("-") {
                return line.get(..3).unwrap_or_default().to_owned();
            }
        }
    }

    fn send(&mut self, recipient: &str, body: &str) -> [String; 4] {
        [
            self.ask("MAIL FROM:<news@blog.test> SIZE=100"),
            self.ask(&format!("RCPT TO:<{recipient}>")),
            self.ask("DATA"),
            self.ask(&format!("{body}\r\n.")),
        ]
    }
}

const TAKEN: [&str; 4] = ["250", "250", "354", "250"];

#[test]
fn a_mail_is_recorded_as_it_was_before_dot_stuffing() {
    let server = SmtpServer::start();
    let begun = Instant::now();
    let mut client = Client::greeted(&server);
    assert_eq!(
        client.send("ann@reader.test", "Subject: hi\r\n\r\n..one\r\nß"),
        TAKEN
    );
    assert_eq!(client.ask("NOOP"), "250");
    assert_eq!(client.ask("QUIT"), "221");

    let mails = server.received();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].envelope_from, "news@blog.test");
    assert_eq!(mails[0].recipients, ["ann@reader.test"]);
    assert_eq!(
        mails[0].message,
        "Subject: hi\r\n\r\n.one\r\nß\r\n".as_bytes()
    );
    assert_eq!(mails[0].connection, 1);
    assert!(mails[0].at >= begun);
    assert_eq!(server.violations(), Vec::<String>::new());
    assert_eq!(server.url(), format!("smtp://{}", server.address()));
}

#[test]
fn a_pipelined_mail_gets_its_three_replies() {
    let server = SmtpServer::start();
    let mut client = Client::greeted(&server);
    client.write("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n");
    let replies = [client.reply(), client.reply(), client.reply()];
    assert_eq!(replies, ["250", "250", "354"]);
    assert_eq!(client.ask("."), "250");
    assert_eq!(server.copies()["c@d.test"], 1);
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[test]
fn pipelining_that_was_not_offered_is_noted() {
    let server = SmtpServer::without_pipelining();
    let mut client = Client::greeted(&server);
    assert_eq!(client.send("ann@reader.test", "One at a time"), TAKEN);
    assert_eq!(server.violations(), Vec::<String>::new());
    client.write("MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n");
    assert_eq!(client.reply(), "250");
    assert!(server.violations()[0].contains("pipelined after Mail"));
}

#[test]
fn what_no_client_should_say_is_noted() {
    let server = SmtpServer::start();
    let mut client = Client::connect(&server);
    assert_eq!(client.reply(), "220");
    assert_eq!(client.ask("HELO client.test"), "250");
    assert_eq!(client.ask("RCPT TO:<c@d.test>"), "503");
    assert_eq!(client.ask("XYZZY"), "500");
    client.write("NOOP\n");
    assert_eq!(client.reply(), "250");
    let violations = server.violations();
    assert_eq!(
        violations,
        ["RCPT before MAIL", "XYZZY", "a bare line feed"]
    );
}

#[test]
fn a_recipient_can_be_refused_at_its_nth_mail() {
    let server = SmtpServer::scripted(|moment| {
        let refused = moment.stage == Stage::Rcpt
            && moment.recipient == "gone@reader.test"
            && moment.mail == 2;
        refused.then_some(Fault::Reply("550 5.1.1 No such user"))
    });
    let mut client = Client::greeted(&server);
    assert_eq!(client.send("gone@reader.test", "first"), TAKEN);
    assert_eq!(client.ask("MAIL FROM:<news@blog.test>"), "250");
    assert_eq!(client.ask("RCPT TO:<gone@reader.test>"), "550");
    assert_eq!(client.ask("DATA"), "554");
    assert_eq!(client.ask("RSET"), "250");
    assert_eq!(client.send("gone@reader.test", "third"), TAKEN);
    assert_eq!(server.copies()["gone@reader.test"], 2);
}

#[test]
fn a_refusal_at_the_dot_takes_nothing() {
    let server = SmtpServer::scripted(|moment| {
        (moment.stage == Stage::Dot).then_some(Fault::Reply("452 4.3.1 Disk full"))
    });
    let mut client = Client::greeted(&server);
    assert_eq!(
        client.send("ann@reader.test", "hi"),
        ["250", "250", "354", "452"]
    );
    assert!(server.received().is_empty());
}

#[test]
fn a_lost_reply_to_the_dot_is_a_mail_taken() {
    let server = SmtpServer::scripted(|moment| (moment.stage == Stage::Dot).then_some(Fault::Drop));
    let mut client = Client::greeted(&server);
    assert_eq!(
        client.send("ann@reader.test", "hi"),
        ["250", "250", "354", ""]
    );
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_connection_cut_inside_the_body_takes_nothing() {
    let server =
        SmtpServer::scripted(|moment| (moment.stage == Stage::Body).then_some(Fault::Drop));
    let mut client = Client::greeted(&server);
    assert_eq!(
        client.send("ann@reader.test", "hi"),
        ["250", "250", "354", ""]
    );
    assert!(server.received().is_empty());
}

#[test]
fn a_421_closes_the_connection_and_the_next_one_is_served() {
    let server = SmtpServer::scripted(|moment| {
        (moment.stage == Stage::Connect && moment.connection == 1)
            .then_some(Fault::Reply("421 4.3.2 Too busy"))
    });
    let mut busy = Client::connect(&server);
    assert_eq!(busy.reply(), "421");
    assert_eq!(busy.reply(), "");
    let mut client = Client::greeted(&server);
    assert_eq!(client.send("ann@reader.test", "hi"), TAKEN);
    assert_eq!(server.connections(), 2);
}

#[test]
fn silence_says_nothing_and_delay_says_it_later() {
    let late = Duration::from_millis(150);
    let server = SmtpServer::scripted(move |moment| match (moment.stage, moment.mail) {
        (Stage::Mail, 1) => Some(Fault::Delay(late)),
        (Stage::Mail, 2) => Some(Fault::Silence),
        _ => None,
    });
    let mut client = Client::greeted(&server);
    let begun = Instant::now();
    assert_eq!(client.ask("MAIL FROM:<a@b.test>"), "250");
    assert!(begun.elapsed() >= late);

    let mut ignored = Client::greeted(&server);
    ignored.write("MAIL FROM:<a@b.test>\r\n");
    let stream = ignored.0.get_mut();
    stream.set_read_timeout(Some(late)).expect("a timeout");
    let error = stream.read(&mut [0]).expect_err("silence, not an end");
    assert!(matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    ));
}

#[tokio::test]
async fn many_connections_are_served_at_once_and_waited_for() {
    let server = SmtpServer::start();
    let clients: Vec<_> = (0..20)
        .map(|number| {
            let mut client = Client::greeted(&server);
            std::thread::spawn(move || {
                for _ in 0..5 {
                    assert_eq!(client.send(&format!("reader{number}@a.test"), "hi"), TAKEN);
                }
            })
        })
        .collect();
    assert_eq!(server.wait_for(100).await.len(), 100);
    for client in clients {
        client.join().expect("a client that was served");
    }
    assert_eq!(server.connections(), 20);
    assert!(server.copies().values().all(|&copies| copies == 5));
}

#[test]
fn a_dropped_server_hangs_up() {
    let server = SmtpServer::start();
    let mut client = Client::greeted(&server);
    let address = server.address();
    drop(server);
    assert_eq!(client.reply(), "");
    assert!(TcpStream::connect(address).is_err());
}
