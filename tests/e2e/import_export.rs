//! Import, export, listing and erasure of subscribers.

use serde_json::Value;

use crate::support::newsletter::{NO_SMTP, Newsletter, as_text};
use crate::support::smtp_server::SmtpServer;

async fn newsletter() -> Newsletter {
    Newsletter::new(NO_SMTP).await
}

/// The counts of imported, unchanged, kept out and refused rows.
fn counts(last: &Value) -> [i64; 4] {
    ["imported", "unchanged", "kept_out", "refused"]
        .map(|key| last[key].as_i64().unwrap_or_default())
}

async fn addresses(newsletter: &Newsletter, more: &[&str]) -> Vec<String> {
    let rows = newsletter
        .run_json(&[&["subscribers", "list"], more].concat())
        .await;
    let mut addresses: Vec<String> = rows.iter().map(|row| as_text(&row["address"])).collect();
    addresses.sort();
    addresses
}

#[tokio::test]
async fn import_recognizes_common_headers() {
    let files: [&[u8]; 5] = [
        b"email\nada@example.com\n",
        b"\xef\xbb\xbfE-Mail,Name\r\nada@example.com,Ada\r\n",
        b"id,First Name,Email Address\n1,Ada,ada@example.com\n",
        b"\"Full Name\",\"MAIL\"\n\"Lovelace, Ada\",\"ada@example.com\"\n",
        b"Subscriber_Email;irrelevant\nada@example.com;x\n",
    ];
    for file in files {
        let newsletter = newsletter().await;
        let finished = newsletter.import_csv(file).await;
        let shown = String::from_utf8_lossy(file);
        assert_eq!(finished.code(), Some(0), "{shown}: {finished:?}");
        assert_eq!(counts(&finished.json_lines()[0]), [1, 0, 0, 0], "{shown}");
        assert_eq!(
            addresses(&newsletter, &["--state", "confirmed"]).await,
            ["ada@example.com"]
        );
    }
}

#[tokio::test]
async fn import_reports_rejected_rows_and_imports_others() {
    let file = "email,name\nada@example.com,Ada\nnobody@localhost,No\n\nbob@@example.com,Bob\nADA@EXAMPLE.COM,Again\n,Empty\ncleo@example.com,Cleo\n";
    for file in [file.to_owned(), file.replace('\n', "\r\n")] {
        let newsletter = newsletter().await;
        let finished = newsletter.import_csv(file.as_bytes()).await;
        assert_eq!(finished.code(), Some(0), "{finished:?}");
        let lines = finished.json_lines();
        let rows: Vec<&Value> = lines[..lines.len() - 1]
            .iter()
            .map(|line| &line["row"])
            .collect();
        assert_eq!(rows, [3, 5, 7], "{lines:?}");
        for line in &lines[..3] {
            assert!(
                line["error"].as_str().is_some_and(|error| error.len() > 10),
                "{line}"
            );
        }
        assert_eq!(counts(&lines[3]), [2, 1, 0, 3]);
        assert_eq!(
            addresses(&newsletter, &[]).await,
            ["ada@example.com", "cleo@example.com"]
        );

        let again = newsletter.import_csv(file.as_bytes()).await.json_lines();
        assert_eq!(counts(&again[3]), [0, 3, 0, 3]);
    }
}

#[tokio::test]
async fn import_without_address_column_fails() {
    let newsletter = newsletter().await;
    let finished = newsletter.import_csv(b"id,phone\n1,555-0100\n").await;
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    for word in ["subscribers.csv", "'phone'", "email"] {
        assert!(finished.stderr.contains(word), "{word}: {finished:?}");
    }
    for (file, word) in [
        (&b""[..], "empty"),
        (b"\xff\xfe\x00\x01", "subscribers.csv"),
    ] {
        let finished = newsletter.import_csv(file).await;
        assert_eq!(finished.code(), Some(1), "{finished:?}");
        assert!(finished.stderr.contains(word), "{finished:?}");
    }
    let missing = newsletter
        .run(&["subscribers", "import", "no-such.csv"])
        .await;
    assert_eq!(missing.code(), Some(1), "{missing:?}");
    assert!(missing.stderr.contains("no-such.csv"), "{missing:?}");
}

#[tokio::test]
async fn erased_subscriber_is_not_imported_again() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(3).await;
    newsletter.send_digest_and_wait(&[]).await;

    newsletter
        .run_json(&["subscribers", "erase", "reader2@example.com"])
        .await;
    let deliveries = newsletter.deliveries().await;
    assert_eq!(deliveries.len(), 3, "{deliveries:?}");
    let without_address = deliveries
        .iter()
        .filter(|delivery| delivery["address"].is_null())
        .count();
    assert_eq!(without_address, 1, "{deliveries:?}");
    assert!(
        !format!("{deliveries:?}").contains("reader2"),
        "{deliveries:?}"
    );
    let sent = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(
        (&sent["recipients"], &sent["delivered"]),
        (&3.into(), &3.into()),
        "{sent}"
    );

    let again = newsletter
        .import_csv(b"email\nReader2@Example.com\nreader4@example.com\n")
        .await
        .json_lines();
    assert_eq!(counts(&again[0]), [1, 0, 1, 0]);
    let left = addresses(&newsletter, &[]).await;
    assert_eq!(
        left,
        [
            "reader1@example.com",
            "reader3@example.com",
            "reader4@example.com"
        ]
    );

    let unknown = newsletter
        .run(&["subscribers", "erase", "reader2@example.com"])
        .await;
    assert_eq!(unknown.code(), Some(1), "{unknown:?}");
}

#[tokio::test]
async fn export_can_be_imported_elsewhere() {
    let source = newsletter().await;
    let file = "name,email\n\"Lovelace, \"\"Ada\"\"\",ada@example.com\nJürgen,j.m@bücher.example\n,bob+news@example.com\n";
    let summary = source.import_csv(file.as_bytes()).await.json_lines();
    assert_eq!(summary[0]["imported"], 3, "{summary:?}");
    let exported = source.install.run(&["subscribers", "export"]).await;
    assert_eq!(exported.code(), Some(0), "{exported:?}");

    let target = newsletter().await;
    let taken = target
        .import_csv(exported.stdout.as_bytes())
        .await
        .json_lines();
    assert_eq!(counts(&taken[0]), [3, 0, 0, 0]);
    let names = |rows: Vec<Value>| {
        let mut names: Vec<(String, Value)> = rows
            .into_iter()
            .map(|row| (as_text(&row["address"]), row["name"].clone()))
            .collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names
    };
    let list = ["subscribers", "list"];
    assert_eq!(
        names(source.run_json(&list).await),
        names(target.run_json(&list).await)
    );

    let to_file = target
        .install
        .run(&["subscribers", "export", "out.csv"])
        .await;
    assert_eq!(to_file.code(), Some(0), "{to_file:?}");
    let written = std::fs::read_to_string(target.install.folder().join("out.csv"));
    assert_eq!(written.expect("the export").lines().count(), 4);
}

#[tokio::test]
async fn list_filters_by_state_and_shows_source() {
    let newsletter = newsletter().await;
    let add = [
        "subscribers",
        "add",
        "ada@example.com",
        "--source",
        "the fair in May",
    ];
    newsletter.run_json(&add).await;
    newsletter
        .run_json(&["subscribers", "add", "bob@example.com", "--pending"])
        .await;
    assert_eq!(
        addresses(&newsletter, &["--state", "confirmed"]).await,
        ["ada@example.com"]
    );
    assert_eq!(
        addresses(&newsletter, &["--state", "pending"]).await,
        ["bob@example.com"]
    );
    assert_eq!(
        addresses(&newsletter, &["--state", "unsubscribed"]).await,
        Vec::<String>::new()
    );
    assert_eq!(addresses(&newsletter, &[]).await.len(), 2);
    let confirmed = newsletter
        .run_json(&["subscribers", "list", "--state", "confirmed"])
        .await;
    assert_eq!(confirmed[0]["source"], "the fair in May", "{confirmed:?}");
    assert!(
        confirmed[0]["since"].is_i64() && confirmed[0]["id"].is_string(),
        "{confirmed:?}"
    );
    let confirmation = newsletter.delivery_to("bob@example.com").await;
    assert_eq!(
        (&confirmation["kind"], &confirmation["state"]),
        (&"confirmation".into(), &"queued".into())
    );

    let invalid = newsletter
        .run(&["subscribers", "list", "--state", "gone"])
        .await;
    assert_eq!(invalid.code(), Some(2), "{invalid:?}");
    assert!(invalid.stderr.contains("--state"), "{invalid:?}");
}

#[tokio::test]
async fn commands_end_subscriptions_and_name_unknown_addresses() {
    let newsletter = newsletter().await;
    newsletter.import_subscribers(3).await;
    newsletter
        .run_json(&["subscribers", "unsubscribe", "reader1@example.com"])
        .await;
    let some_unknown = [
        "subscribers",
        "suppress",
        "reader2@example.com",
        "nobody@example.com",
    ];
    let finished = newsletter.run(&some_unknown).await;
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("nobody@example.com"),
        "{finished:?}"
    );
    for (number, state) in [(1, "unsubscribed"), (2, "suppressed"), (3, "confirmed")] {
        assert_eq!(
            addresses(&newsletter, &["--state", state]).await,
            [format!("reader{number}@example.com")]
        );
    }
}

#[tokio::test]
async fn a_file_of_refused_rows_fails() {
    let newsletter = newsletter().await;
    let finished = newsletter
        .import_csv(b"email,name\nnobody,A\nno@where,B\n")
        .await;
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert_eq!(counts(&finished.json_lines()[2]), [0, 0, 0, 2]);
}
