//! Format of issues on the wire, in the preview, and in the outbox.

use std::collections::HashSet;

use mail_parser::{HeaderValue, Message, MessageParser};

use crate::support::newsletter::{Newsletter, PUBLIC_URL, as_text, post};
use crate::support::smtp_server::{ReceivedMessage, SmtpServer};

pub fn parse(bytes: &[u8]) -> Message<'_> {
    MessageParser::default()
        .parse(bytes)
        .expect("a valid message")
}

/// Returns the unfolded headers of this name.
fn headers(message: &Message<'_>, name: &str) -> Vec<String> {
    let raw = message
        .headers_raw()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    raw.map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn header(message: &Message<'_>, name: &str) -> String {
    let mut found = headers(message, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

pub fn plain_text(message: &Message<'_>) -> String {
    message.body_text(0).expect("a text part").into_owned()
}

fn html(message: &Message<'_>) -> String {
    message.body_html(0).expect("an HTML part").into_owned()
}

fn link(text: &str, path: &str) -> String {
    link_under(PUBLIC_URL, text, path)
}

/// Returns the only URL below `public_url/path/` in the text. It must end in a plain token.
pub fn link_under(public_url: &str, text: &str, path: &str) -> String {
    let start = format!("{public_url}/{path}/");
    let found: Vec<&str> = text
        .split_whitespace()
        .filter(|word| word.starts_with(&start))
        .collect();
    assert_eq!(found.len(), 1, "{path} in {text}");
    let token = &found[0][start.len()..];
    let is_token = token
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
    assert!(token.len() > 20 && is_token, "{token}");
    found[0].to_owned()
}

fn assert_is_well_formed(bytes: &[u8]) {
    let crlf = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
    let count = |byte: u8| bytes.iter().filter(|&&it| it == byte).count();
    assert_eq!((count(b'\n'), count(b'\r')), (crlf, crlf), "bare CR or LF");
    for line in bytes.split(|&byte| byte == b'\n') {
        assert!(line.len() <= 999, "{} octets in a line", line.len());
    }
    let message = parse(bytes);
    for name in [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
    ] {
        header(&message, name);
    }
}

fn assert_has_list_headers(message: &Message<'_>) {
    let unsubscribe = link(&plain_text(message), "unsubscribe");
    let targets = header(message, "List-Unsubscribe");
    assert!(targets.contains(&format!("<{unsubscribe}>")), "{targets}");
    assert_eq!(
        header(message, "List-Unsubscribe-Post"),
        "List-Unsubscribe=One-Click"
    );
    assert!(header(message, "List-Id").contains("The Baker"));
    assert!(html(message).contains(&unsubscribe));
    link(&plain_text(message), "preferences");
    let both = [plain_text(message), html(message)];
    assert!(
        both.iter()
            .all(|part| part.contains("The Baker, 1 Oven Lane, 12345 Town"))
    );
}

async fn send_to_five(server: &SmtpServer) -> (Newsletter, Vec<ReceivedMessage>) {
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter
        .blog
        .publish(post("dots", ".dot at the start — “quoted” & <tagged>", 2));
    newsletter.import_subscribers(5).await;
    newsletter.send_digest_and_wait(&[]).await;
    (newsletter, server.received())
}

#[tokio::test]
async fn each_subscriber_gets_a_well_formed_message() {
    let server = SmtpServer::start();
    let (newsletter, received) = send_to_five(&server).await;
    assert_eq!(received.len(), 5);
    let (mut ids, mut links) = (HashSet::new(), HashSet::new());
    for sent in &received {
        assert_is_well_formed(&sent.message);
        assert_eq!(sent.envelope_from, "news@blog.test");
        let message = parse(&sent.message);
        assert_eq!(
            [header(&message, "To").trim_matches(['<', '>'])],
            *sent.recipients
        );
        assert!(header(&message, "From").contains("<news@blog.test>"));
        let id = header(&message, "Message-ID");
        assert!(id.starts_with('<') && id.ends_with("@blog.test>"), "{id}");
        ids.insert(id);
        assert_has_list_headers(&message);
        links.insert(link(&plain_text(&message), "unsubscribe"));
        let text = plain_text(&message);
        for slug in ["dots", "bread", "salt"] {
            let url = newsletter.blog.link(slug);
            assert!(
                text.contains(&url) && html(&message).contains(&url),
                "{url} in {text}"
            );
        }
        assert!(
            text.contains(".dot at the start — “quoted” & <tagged>"),
            "{text}"
        );
        assert!(html(&message).contains("&lt;tagged&gt;"));
    }
    assert_eq!(
        (ids.len(), links.len()),
        (5, 5),
        "ids and links must be unique"
    );
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn messages_differ_only_in_personal_links() {
    let server = SmtpServer::start();
    let (_newsletter, received) = send_to_five(&server).await;
    let without_personal_links = |sent: &ReceivedMessage| {
        let message = parse(&sent.message);
        let mut rest = format!("{}\n{}", plain_text(&message), html(&message));
        for path in ["unsubscribe", "preferences"] {
            rest = rest.replace(&link(&plain_text(&message), path), path);
        }
        for name in ["From", "Subject", "Date", "List-Id"] {
            rest.push_str(&header(&message, name));
        }
        assert!(
            !rest.contains(&sent.recipients[0]),
            "the message contains the address: {rest}"
        );
        rest
    };
    let first = without_personal_links(&received[0]);
    for sent in &received[1..] {
        assert_eq!(without_personal_links(sent), first);
    }
}

#[tokio::test]
async fn preview_equals_sent_issue() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter
        .blog
        .publish(post("history", "From last month", 24 * 30));
    newsletter.import_subscribers(2).await;
    let preview = newsletter
        .run_json(&["digest", "preview", "--out", "a/new/folder"])
        .await
        .remove(0);
    assert_eq!(preview["recipients"], 2, "{preview}");
    let posts = preview["posts"].as_array().expect("posts");
    let titles: Vec<String> = posts.iter().map(|post| as_text(&post["title"])).collect();
    assert_eq!(titles, ["How the bread rises", "Salt & water"]);
    assert!(
        posts.iter().all(|post| !as_text(&post["why"]).is_empty()),
        "{preview}"
    );
    assert_eq!(
        preview["left_out"][0]["title"], "From last month",
        "{preview}"
    );

    let folder = newsletter.install.folder().join("a/new/folder");
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file of the preview");
    let eml = read("digest.eml");
    assert_is_well_formed(&eml);
    let shown = parse(&eml);
    assert_has_list_headers(&shown);
    assert!(
        matches!(shown.header("Subject"), Some(HeaderValue::Text(subject)) if *subject == as_text(&preview["subject"]))
    );
    assert!(String::from_utf8_lossy(&read("digest.html")).contains("How the bread rises"));
    assert!(String::from_utf8_lossy(&read("digest.txt")).contains("How the bread rises"));

    assert_eq!(
        newsletter.deliveries().await.len(),
        0,
        "the preview created deliveries"
    );
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["slot"], preview["slot"], "{result}");
    let received = server.received();
    let arrived = parse(&received[0].message);
    assert_eq!(arrived.subject(), shown.subject());
    let without_tokens = |message: &Message<'_>| {
        let mut text = plain_text(message);
        for path in ["unsubscribe", "preferences"] {
            text = text.replace(&link(&text, path), path);
        }
        text
    };
    assert_eq!(without_tokens(&arrived), without_tokens(&shown));
}

#[tokio::test]
async fn send_without_smtp_url_writes_outbox_files() {
    let newsletter = Newsletter::new("").await;
    newsletter.import_subscribers(2).await;
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&result["result"], &result["delivered"]),
        (&"sent".into(), &2.into()),
        "{result}"
    );
    let outbox = newsletter.install.folder().join("data/outbox");
    let files: Vec<_> = std::fs::read_dir(&outbox).expect("an outbox").collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let message = std::fs::read(file.expect("an entry").path()).expect("a message");
        assert_is_well_formed(&message);
        assert_has_list_headers(&parse(&message));
    }
}
