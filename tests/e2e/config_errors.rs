//! Wrong settings, keys, files and databases get a clear message that names the field or
//! the file, and nothing is lost.

use std::os::unix::fs::PermissionsExt;

use sqlx::any::{AnyConnectOptions, install_default_drivers};
use sqlx::{AnyConnection, ConnectOptions, Connection};

use crate::support::newsletter::Newsletter;
use crate::support::process::{Finished, Installation};
use crate::support::smtp_server::SmtpServer;

fn assert_refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    for word in words {
        assert!(finished.stderr.contains(word), "{word}: {finished:?}");
    }
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

async fn newsletter() -> Newsletter {
    Newsletter::new("smtp://127.0.0.1:9").await
}

#[tokio::test]
async fn a_setting_nobody_knows_is_named() {
    let by_environment = Installation::new().with("smtp.conections", "3");
    let refused = by_environment.run(&["config", "check"]).await;
    assert_refused(&refused, 2, &["smtp.conections"]);

    let by_file = Installation::new();
    let file = "[digest]\nmax_posts = 3\nmaxposts = 4\n";
    std::fs::write(by_file.folder().join("broadsheet.toml"), file).expect("a file");
    for command in [
        &["config", "check"][..],
        &["worker"],
        &["digest", "send"],
        &["migrate"],
    ] {
        let refused = by_file.run(command).await;
        assert_refused(&refused, 2, &["digest.maxposts", "broadsheet.toml"]);
    }
    assert!(
        !by_file.folder().join("data").exists(),
        "nothing is made before"
    );
}

#[tokio::test]
async fn a_setting_that_cannot_be_is_named_with_what_would_be_right() {
    for (key, value) in [
        ("schedule.cron", "often"),
        ("schedule.timezone", "Mars/Olympus"),
        ("newsletter.from", "nobody"),
        ("smtp.url", "http://mail.test"),
        ("smtp.connections", "many"),
        ("smtp.in_doubt", "shrug"),
        ("server.public_url", "blog"),
        ("database.url", "mysql://db"),
        ("feeds.urls", "[\"ftp://blog.test/feed\"]"),
    ] {
        let refused = Installation::new()
            .with(key, value)
            .run(&["config", "check"])
            .await;
        assert_refused(&refused, 2, &[key]);
    }
    let missing = Installation::new()
        .run(&["--config", "nowhere.toml", "config", "check"])
        .await;
    assert_refused(&missing, 2, &["nowhere.toml"]);
}

#[tokio::test]
async fn a_send_without_a_sender_is_refused_before_anything_is_made() {
    let installation = Installation::new();
    let refused = installation.run(&["digest", "send", "--json"]).await;
    assert_refused(
        &refused,
        2,
        &[
            "newsletter.name",
            "newsletter.from",
            "newsletter.postal_address",
        ],
    );
    assert_eq!(refused.stdout, "");
    assert!(!installation.folder().join("data").exists());
}

#[tokio::test]
async fn links_that_no_reader_could_follow_are_not_sent_out() {
    let newsletter = newsletter()
        .await
        .with("smtp.url", "smtp://mail.example.com:587");
    let refused = newsletter.run(&["digest", "send"]).await;
    assert_refused(&refused, 2, &["server.public_url", "mail.example.com"]);
}

#[tokio::test]
async fn the_key_is_made_for_its_owner_alone_and_another_is_refused() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.json(&["migrate"]).await;
    let key = newsletter.installation.folder().join("data/secret.key");
    let mode = std::fs::metadata(&key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let kept = std::fs::read(&key).expect("a key");
    let stranger = Installation::new();
    assert_eq!(stranger.run(&["migrate"]).await.code(), Some(0));
    std::fs::copy(stranger.folder().join("data/secret.key"), &key).expect("a copy");
    for command in [
        &["subscribers", "list"][..],
        &["worker"],
        &["digest", "send"],
    ] {
        assert_refused(
            &newsletter.run(command).await,
            2,
            &["secrets.key_file", "secret.key"],
        );
    }
    std::fs::remove_file(&key).expect("a key");
    assert_refused(
        &newsletter.run(&["migrate"]).await,
        2,
        &["secrets.key_file", "missing"],
    );
    assert!(!key.exists(), "no new key takes its place");

    std::fs::write(&key, "not a key\n").expect("a file");
    let refused = newsletter.run(&["migrate"]).await;
    assert_refused(&refused, 2, &["secrets.key_file"]);
    assert_eq!(
        refused.stderr.matches("secrets.key_file").count(),
        1,
        "{refused:?}"
    );

    std::fs::write(&key, kept).expect("the key brought back");
    newsletter.import_readers(1).await;
    assert_eq!(newsletter.send_to_the_end(&[]).await["result"], "sent");
}

#[tokio::test]
async fn a_database_from_the_future_is_left_alone() {
    let newsletter = newsletter().await;
    newsletter.import_readers(2).await;
    install_default_drivers();
    let options: AnyConnectOptions = newsletter.database.url().parse().expect("a URL");
    let mut connection: AnyConnection = options.connect().await.expect("a connection");
    // As a later version would have noted its own migration.
    let future = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 99990101000000, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
    sqlx::query(future)
        .execute(&mut connection)
        .await
        .expect("a migration noted");
    for command in [&["migrate"][..], &["worker"], &["subscribers", "list"]] {
        assert_refused(
            &newsletter.run(command).await,
            1,
            &["newer Broadsheet", "99990101000000"],
        );
    }
    let forget = "DELETE FROM _sqlx_migrations WHERE version = 99990101000000";
    sqlx::query(forget)
        .execute(&mut connection)
        .await
        .expect("a migration forgotten");
    connection.close().await.expect("a closed connection");
    assert_eq!(newsletter.json(&["subscribers", "list"]).await.len(), 2);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let installation = Installation::new();
    std::fs::write(installation.folder().join("blocker"), "a file").expect("a file");
    // Root may write everywhere, but nobody makes a folder under a file.
    let installation = installation.with("database.url", "sqlite:blocker/data/news.db");
    let refused = installation.run(&["migrate"]).await;
    assert_refused(&refused, 1, &["database.url", "blocker/data"]);

    let newsletter = newsletter().await;
    std::fs::write(newsletter.installation.folder().join("blocker"), "a file").expect("a file");
    let newsletter = newsletter.with("secrets.key_file", "blocker/secret.key");
    assert_refused(
        &newsletter.run(&["migrate"]).await,
        2,
        &["secrets.key_file", "blocker/secret.key"],
    );
}

#[tokio::test]
async fn several_processes_share_one_database_from_its_first_moment() {
    for how in ["--source=elsewhere", "--pending"] {
        let newsletter = newsletter().await;
        let folder = newsletter.installation.folder();
        let mut importing = Vec::new();
        for file in ["a", "b", "c", "d"] {
            let rows: String = (0..300)
                .map(|row| format!("{file}{row}@example.com\n"))
                .collect();
            let name = format!("{file}.csv");
            let file = format!("email\n{rows}both@example.com\n");
            std::fs::write(folder.join(&name), file).expect("a file");
            importing.push(newsletter.start(&["subscribers", "import", &name, how]));
        }
        let (mut imported, mut unchanged) = (0, 0);
        for running in importing {
            let finished = running.wait().await;
            assert_eq!(finished.code(), Some(0), "{finished:?}");
            let tally = finished.json().remove(0);
            imported += tally["imported"].as_u64().expect("a count");
            unchanged += tally["unchanged"].as_u64().expect("a count");
        }
        assert_eq!((imported, unchanged), (1_201, 3), "{how}");
        let readers = newsletter.json(&["subscribers", "list"]).await;
        assert_eq!(readers.len(), 1_201);
        let asked = if how == "--pending" { 1_201 } else { 0 };
        assert_eq!(newsletter.deliveries().await.len(), asked, "{how}");
    }
}

#[tokio::test]
async fn a_broken_template_is_named_by_file_and_line() {
    let installation = Installation::new().with("templates.dir", "mine");
    let folder = installation.folder().join("mine/digest");
    std::fs::create_dir_all(&folder).expect("a folder");
    let fine = installation.run(&["templates", "check"]).await;
    assert_eq!(fine.code(), Some(0), "{fine:?}");

    for template in ["one\ntwo\n{{ number \n", "one\ntwo\n{{ no_such_value }}\n"] {
        std::fs::write(folder.join("body.txt"), template).expect("a template");
        let checked = installation.run(&["templates", "check"]).await;
        assert_eq!(checked.code(), Some(1), "{checked:?}");
        assert!(
            checked.stdout.contains("mine/digest/body.txt:3"),
            "{checked:?}"
        );
        let told = installation
            .run(&["templates", "check", "--json"])
            .await
            .json();
        assert_eq!(told[0]["line"], 3, "{told:?}");
        assert_refused(
            &installation.run(&["digest", "preview"]).await,
            2,
            &["mine/digest/body.txt:3"],
        );
    }
    let own = format!(
        "Good morning!\n\n{}",
        include_str!("../../email-templates/digest/body.txt")
    );
    std::fs::write(folder.join("body.txt"), own).expect("a template");
    let fine = installation.run(&["templates", "check"]).await;
    assert_eq!(fine.code(), Some(0), "{fine:?}");
}
