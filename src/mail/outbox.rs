//! Outbox: messages written to files while no SMTP server is configured.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use mail_parser::{Addr, Address, Message, MessageParser};
use sha2::{Digest, Sha256};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;

/// A directory of `.eml` files.
#[derive(Clone, Debug)]
pub struct Outbox {
    dir: PathBuf,
}

/// File name of a message, like `20261120T100000.000Z-0123456789abcdef.eml`.
///
/// It sorts by time, is the same when a delivery is repeated, and cannot leave the directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailName(String);

/// Error of [`MailName::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a message in the outbox")]
pub struct MailNameError;

impl MailName {
    /// Returns the name for a delivery.
    pub fn for_delivery(delivery: &DeliveryId) -> Self {
        let hash = hex::encode(Sha256::digest(delivery.as_str()));
        let time = delivery
            .created_at()
            .to_utc()
            .strftime("%Y%m%dT%H%M%S%.3fZ");
        Self(format!("{time}-{}.eml", &hash[..16]))
    }

    /// Parses a name, which may come from a URL.
    ///
    /// # Errors
    /// Returns [`MailNameError`] if `text` does not have exactly the form of a name.
    pub fn parse(text: &str) -> Result<Self, MailNameError> {
        const SHAPE: &[u8] = b"00000000T000000.000Z-xxxxxxxxxxxxxxxx.eml";
        let fits = |(byte, shape): (u8, &u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            literal => byte == *literal,
        };
        if text.len() == SHAPE.len() && text.bytes().zip(SHAPE).all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MailNameError)
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// File name.
    pub name: MailName,
    /// Address in the To header.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Date header, if it is valid.
    pub date: Option<Timestamp>,
}

/// A page of the list, newest message first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxPage {
    /// Messages on this page.
    pub entries: Vec<OutboxEntry>,
    /// Number of all messages.
    pub total: usize,
}

/// A parsed message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMail {
    /// File name, recipient, subject and date.
    pub entry: OutboxEntry,
    /// Decoded name and address of the sender.
    pub from: String,
    /// Names and values of all header fields, not decoded.
    pub headers: Vec<(String, String)>,
    /// Text part.
    pub text: Option<String>,
    /// HTML part.
    pub html: Option<String>,
    /// The whole file.
    pub source: String,
}

impl Outbox {
    /// Creates an outbox in `dir`, which need not exist yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stores a message atomically and durably: it is written to a temporary file, synced and
    /// renamed.
    ///
    /// # Errors
    /// Returns the I/O error if the directory or file cannot be written.
    pub fn store(&self, name: &MailName, message: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let temporary = self.dir.join(format!(".{}.tmp", name.0));
        let mut file = File::create(&temporary)?;
        file.write_all(message)?;
        file.sync_all()?;
        fs::rename(&temporary, self.dir.join(&name.0))?;
        File::open(&self.dir)?.sync_all()
    }

    /// Deletes the messages of these deliveries. Those that are not here are ignored.
    ///
    /// # Errors
    /// Returns the first I/O error of a file that cannot be deleted.
    pub fn remove(&self, deliveries: &[DeliveryId]) -> io::Result<()> {
        if !self.dir.is_dir() {
            return Ok(());
        }
        let mut result = Ok(());
        for delivery in deliveries {
            let path = self.dir.join(&MailName::for_delivery(delivery).0);
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => result = Err(error),
                _ => {}
            }
        }
        result
    }

    /// Returns up to `count` messages after the `skip` newest ones.
    ///
    /// A directory that does not exist yet is empty.
    ///
    /// # Errors
    /// Returns the I/O error if the directory or a file cannot be read.
    pub fn list(&self, skip: usize, count: usize) -> io::Result<OutboxPage> {
        let files = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(OutboxPage {
                    entries: Vec::new(),
                    total: 0,
                });
            }
            files => files?,
        };
        let mut names = Vec::new();
        for file in files {
            if let Ok(name) = MailName::parse(&file?.file_name().to_string_lossy()) {
                names.push(name);
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        let total = names.len();
        let mut entries = Vec::new();
        for name in names.into_iter().skip(skip).take(count) {
            let source = fs::read(self.dir.join(&name.0))?;
            entries.push(parse_entry(
                name,
                MessageParser::default().parse_headers(&source).as_ref(),
            ));
        }
        Ok(OutboxPage { entries, total })
    }

    /// Returns a message, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns the I/O error if the file cannot be read.
    pub fn read(&self, name: &MailName) -> io::Result<Option<OutboxMail>> {
        let source = match fs::read(self.dir.join(&name.0)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            source => source?,
        };
        let message = MessageParser::default().parse(&source);
        let part = |body: fn(&Message<'_>) -> Option<String>| message.as_ref().and_then(body);
        Ok(Some(OutboxMail {
            entry: parse_entry(name.clone(), message.as_ref()),
            from: part(|message| message.from()?.first().map(format_mailbox)).unwrap_or_default(),
            headers: message
                .iter()
                .flat_map(Message::headers_raw)
                .map(unfold_header)
                .collect(),
            text: part(|message| message.body_text(0).map(|text| text.into_owned())),
            html: part(|message| message.body_html(0).map(|html| html.into_owned())),
            source: String::from_utf8_lossy(&source).into_owned(),
        }))
    }
}

fn unfold_header((name, value): (&str, &str)) -> (String, String) {
    (
        name.to_owned(),
        value.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}

fn format_mailbox(from: &Addr<'_>) -> String {
    let address = from.address().unwrap_or_default();
    match from.name() {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

fn parse_entry(name: MailName, message: Option<&Message<'_>>) -> OutboxEntry {
    let to = message.and_then(Message::to).and_then(Address::first);
    let date = message.and_then(Message::date);
    OutboxEntry {
        name,
        to: to
            .and_then(|to| to.address())
            .unwrap_or_default()
            .to_owned(),
        subject: message
            .and_then(Message::subject)
            .unwrap_or_default()
            .to_owned(),
        date: date.map(|date| Timestamp::from_millis(date.to_timestamp().saturating_mul(1000))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::random::Random;

    fn name(millis: i64, subscriber: &str) -> MailName {
        let issue = Random::seeded(1).uuid_v7(Timestamp::from_millis(millis));
        MailName::for_delivery(&DeliveryId::from_stored(format!("{issue}:{subscriber}")))
    }

    const MAIL: &[u8] = b"From: =?utf-8?b?TMOkYg==?= <news@example.com>\r\nTo: ada@example.org\r\nSubject: =?utf-8?b?w5xiZXI=?= us\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>rich\r\n--b--\r\n";

    #[test]
    fn stored_messages_can_be_listed_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path().join("deep/outbox"));
        assert_eq!(outbox.list(0, 10).unwrap().total, 0);
        let (first, second) = (name(1_000, "a:b"), name(2_000, "a:c"));
        outbox.store(&second, MAIL).unwrap();
        outbox.store(&first, b"no mail at all").unwrap();
        outbox.store(&first, MAIL).unwrap();
        fs::write(outbox.dir().join("notes.txt"), "mine").unwrap();

        let page = outbox.list(0, 10).unwrap();
        assert_eq!(page.total, 2);
        let names: Vec<_> = page.entries.iter().map(|entry| &entry.name).collect();
        assert_eq!(names, [&second, &first]);
        assert_eq!(page.entries[0].to, "ada@example.org");
        assert_eq!(page.entries[0].subject, "Über us");
        assert_eq!(
            page.entries[0].date,
            Some(Timestamp::from_millis(1_795_428_000_000))
        );
        let rest = outbox.list(1, 10).unwrap();
        assert_eq!((rest.entries.len(), &rest.entries[0].name), (1, &first));
        assert!(outbox.list(usize::MAX, 10).unwrap().entries.is_empty());

        let mail = outbox.read(&first).unwrap().unwrap();
        assert_eq!(mail.from, "Läb <news@example.com>");
        assert_eq!(mail.text.as_deref(), Some("plain"));
        assert_eq!(mail.html.as_deref(), Some("<p>rich"));
        assert_eq!(mail.source.as_bytes(), MAIL);
        assert_eq!(
            mail.headers[1],
            ("To".to_owned(), "ada@example.org".to_owned())
        );
        assert_eq!(mail.headers[5].1, "multipart/alternative; boundary=b");
        assert_eq!(outbox.read(&name(3_000, "x")).unwrap(), None);
        let left = fs::read_dir(outbox.dir()).unwrap().count();
        assert_eq!(left, 3, "no temporary file remains");
    }

    #[test]
    fn removed_messages_are_gone_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path().join("outbox"));
        let ids = ["a", "b", "c"].map(|id| DeliveryId::from_stored(id.to_owned()));
        outbox.remove(&ids).unwrap();
        for id in &ids[..2] {
            outbox.store(&MailName::for_delivery(id), MAIL).unwrap();
        }
        outbox.remove(&ids[1..]).unwrap();
        let left = outbox.list(0, 10).unwrap().entries;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].name, MailName::for_delivery(&ids[0]));
    }

    #[test]
    fn store_in_invalid_directory_returns_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let outbox = Outbox::new(file.path().join("outbox"));
        assert!(outbox.store(&name(0, "x"), MAIL).is_err());
    }

    #[test]
    fn file_that_is_not_a_message_is_readable() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path());
        outbox.store(&name(0, "x"), b"\xff\xfe\0").unwrap();
        assert_eq!(outbox.list(0, 1).unwrap().entries[0].to, "");
        assert!(outbox.read(&name(0, "x")).unwrap().is_some());
    }

    #[test]
    fn names_are_unique_per_delivery_and_sort_by_time() {
        assert_eq!(name(0, "a"), name(0, "a"));
        assert_ne!(name(0, "a"), name(0, "b"));
        assert!(name(999, "z") < name(1_000, "a"));
        let text = name(1_795_428_000_123, "a").as_str().to_owned();
        assert!(text.starts_with("20261123T100000.123Z-"), "{text}");
        assert_eq!(MailName::parse(&text).unwrap().as_str(), text);
    }

    #[test]
    fn parse_name_that_leaves_directory_returns_error() {
        let good = name(0, "a").as_str().to_owned();
        for bad in [
            "",
            "..",
            "../../etc/passwd",
            &good.to_uppercase(),
            &good[1..],
            &format!("{good}/"),
            &good.replace('-', "/"),
            ".20261123T100000.123Z-0123456789abcdef.eml.tmp",
        ] {
            assert_eq!(MailName::parse(bad), Err(MailNameError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn generated_names_parse_and_have_no_slash(millis in 0i64..4_000_000_000_000, delivery in "\\PC{0,40}", other in "\\PC{0,50}") {
            for generated in [name(millis, &delivery), MailName::for_delivery(&DeliveryId::from_stored(delivery))] {
                prop_assert_eq!(MailName::parse(generated.as_str()), Ok(generated.clone()));
            }
            if let Ok(parsed) = MailName::parse(&other) {
                prop_assert!(!parsed.as_str().contains(['/', '\\']));
            }
        }
    }
}
