//! Error messages for invalid settings, keys, files and databases name the field or the file.

use std::os::unix::fs::PermissionsExt;

use sqlx::Connection;

use crate::support::newsletter::{NO_SMTP, Newsletter};
use crate::support::process::{ProcessOutput, TestInstall};
use crate::support::smtp_server::SmtpServer;

fn assert_rejected(finished: &ProcessOutput, code: i32, expected: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    for text in expected {
        assert!(finished.stderr.contains(text), "{text}: {finished:?}");
    }
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
}

async fn newsletter() -> Newsletter {
    Newsletter::new(NO_SMTP).await
}

#[tokio::test]
async fn unknown_setting_is_named() {
    let in_environment = TestInstall::new().with_setting("smtp.conections", "3");
    let rejected = in_environment.run(&["config", "check"]).await;
    assert_rejected(&rejected, 2, &["smtp.conections"]);

    let in_file = TestInstall::new();
    let file = "[digest]\nmax_posts = 3\nmaxposts = 4\n";
    std::fs::write(in_file.folder().join("broadsheet.toml"), file).expect("a file");
    for command in [
        &["config", "check"][..],
        &["worker"],
        &["digest", "send"],
        &["migrate"],
    ] {
        let rejected = in_file.run(command).await;
        assert_rejected(&rejected, 2, &["digest.maxposts", "broadsheet.toml"]);
    }
    assert!(
        !in_file.folder().join("data").exists(),
        "the data folder was created"
    );
}

#[tokio::test]
async fn invalid_setting_is_named() {
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
        let rejected = TestInstall::new()
            .with_setting(key, value)
            .run(&["config", "check"])
            .await;
        assert_rejected(&rejected, 2, &[key]);
    }
    let missing = TestInstall::new()
        .run(&["--config", "nowhere.toml", "config", "check"])
        .await;
    assert_rejected(&missing, 2, &["nowhere.toml"]);
}

#[tokio::test]
async fn send_without_sender_creates_no_database() {
    let install = TestInstall::new();
    let rejected = install.run(&["digest", "send", "--json"]).await;
    assert_rejected(
        &rejected,
        2,
        &[
            "newsletter.name",
            "newsletter.from",
            "newsletter.postal_address",
        ],
    );
    assert_eq!(rejected.stdout, "");
    assert!(!install.folder().join("data").exists());
}

#[tokio::test]
async fn send_with_local_public_url_is_rejected() {
    let newsletter = newsletter()
        .await
        .with_setting("smtp.url", "smtp://mail.example.com:587");
    let rejected = newsletter.run(&["digest", "send"]).await;
    assert_rejected(&rejected, 2, &["server.public_url", "mail.example.com"]);
}

#[tokio::test]
async fn secret_key_is_private_and_cannot_be_exchanged() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.run_json(&["migrate"]).await;
    let key = newsletter.install.folder().join("data/secret.key");
    let mode = std::fs::metadata(&key).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let original = std::fs::read(&key).expect("a key");
    let other = TestInstall::new();
    assert_eq!(other.run(&["migrate"]).await.code(), Some(0));
    std::fs::copy(other.folder().join("data/secret.key"), &key).expect("a copy");
    for command in [
        &["subscribers", "list"][..],
        &["worker"],
        &["digest", "send"],
    ] {
        assert_rejected(
            &newsletter.run(command).await,
            2,
            &["secrets.key_file", "secret.key"],
        );
    }
    std::fs::remove_file(&key).expect("a key");
    assert_rejected(
        &newsletter.run(&["migrate"]).await,
        2,
        &["secrets.key_file", "missing"],
    );
    assert!(!key.exists(), "a new key was created");

    std::fs::write(&key, "not a key\n").expect("a file");
    let rejected = newsletter.run(&["migrate"]).await;
    assert_rejected(&rejected, 2, &["secrets.key_file"]);
    assert_eq!(
        rejected.stderr.matches("secrets.key_file").count(),
        1,
        "{rejected:?}"
    );

    std::fs::write(&key, original).expect("a restored key");
    newsletter.import_subscribers(1).await;
    assert_eq!(newsletter.send_digest_and_wait(&[]).await["result"], "sent");
}

#[tokio::test]
async fn database_of_newer_version_is_not_changed() {
    let newsletter = newsletter().await;
    newsletter.import_subscribers(2).await;
    let mut connection = newsletter.connect_to_database().await;
    // The migration of a newer version.
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        SELECT 99990101000000, 'from the future', success, checksum, 0 FROM _sqlx_migrations LIMIT 1";
    sqlx::query(insert)
        .execute(&mut connection)
        .await
        .expect("an inserted migration");
    for command in [&["migrate"][..], &["worker"], &["subscribers", "list"]] {
        assert_rejected(
            &newsletter.run(command).await,
            1,
            &["newer Broadsheet", "99990101000000"],
        );
    }
    let delete = "DELETE FROM _sqlx_migrations WHERE version = 99990101000000";
    sqlx::query(delete)
        .execute(&mut connection)
        .await
        .expect("a deleted migration");
    connection.close().await.expect("a closed connection");
    assert_eq!(newsletter.run_json(&["subscribers", "list"]).await.len(), 2);
}

#[tokio::test]
async fn folder_that_cannot_be_created_is_named() {
    let install = TestInstall::new();
    std::fs::write(install.folder().join("blocker"), "a file").expect("a file");
    // A folder below a file cannot be created, even by root.
    let install = install.with_setting("database.url", "sqlite:blocker/data/news.db");
    let rejected = install.run(&["migrate"]).await;
    assert_rejected(&rejected, 1, &["database.url", "blocker/data"]);

    let newsletter = newsletter().await;
    std::fs::write(newsletter.install.folder().join("blocker"), "a file").expect("a file");
    let newsletter = newsletter.with_setting("secrets.key_file", "blocker/secret.key");
    assert_rejected(
        &newsletter.run(&["migrate"]).await,
        2,
        &["secrets.key_file", "blocker/secret.key"],
    );
}

#[tokio::test]
async fn concurrent_imports_into_new_database_lose_no_row() {
    for option in ["--source=elsewhere", "--pending"] {
        let newsletter = newsletter().await;
        let folder = newsletter.install.folder();
        let mut importing = Vec::new();
        for file in ["a", "b", "c", "d"] {
            let rows: String = (0..300)
                .map(|row| format!("{file}{row}@example.com\n"))
                .collect();
            let name = format!("{file}.csv");
            let file = format!("email\n{rows}both@example.com\n");
            std::fs::write(folder.join(&name), file).expect("a file");
            importing.push(newsletter.start(&["subscribers", "import", &name, option]));
        }
        let (mut imported, mut unchanged) = (0, 0);
        for running in importing {
            let finished = running.wait().await;
            assert_eq!(finished.code(), Some(0), "{finished:?}");
            let summary = finished.json_lines().remove(0);
            imported += summary["imported"].as_u64().expect("a count");
            unchanged += summary["unchanged"].as_u64().expect("a count");
        }
        assert_eq!((imported, unchanged), (1_201, 3), "{option}");
        let subscribers = newsletter.run_json(&["subscribers", "list"]).await;
        assert_eq!(subscribers.len(), 1_201);
        let confirmations = if option == "--pending" { 1_201 } else { 0 };
        assert_eq!(
            newsletter.deliveries().await.len(),
            confirmations,
            "{option}"
        );
    }
}

#[tokio::test]
async fn invalid_template_is_named_with_file_and_line() {
    let install = TestInstall::new().with_setting("templates.dir", "mine");
    let folder = install.folder().join("mine/digest");
    std::fs::create_dir_all(&folder).expect("a folder");
    let valid = install.run(&["templates", "check"]).await;
    assert_eq!(valid.code(), Some(0), "{valid:?}");

    for template in ["one\ntwo\n{{ number \n", "one\ntwo\n{{ no_such_value }}\n"] {
        std::fs::write(folder.join("body.txt"), template).expect("a template");
        let checked = install.run(&["templates", "check"]).await;
        assert_eq!(checked.code(), Some(1), "{checked:?}");
        assert!(
            checked.stdout.contains("mine/digest/body.txt:3"),
            "{checked:?}"
        );
        let errors = install
            .run(&["templates", "check", "--json"])
            .await
            .json_lines();
        assert_eq!(errors[0]["line"], 3, "{errors:?}");
        assert_rejected(
            &install.run(&["digest", "preview"]).await,
            2,
            &["mine/digest/body.txt:3"],
        );
    }
    let own = format!(
        "Good morning!\n\n{}",
        include_str!("../../email-templates/digest/body.txt")
    );
    std::fs::write(folder.join("body.txt"), own).expect("a template");
    let valid = install.run(&["templates", "check"]).await;
    assert_eq!(valid.code(), Some(0), "{valid:?}");
}
