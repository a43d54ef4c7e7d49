//! Nothing of an erased subscriber remains in the file of the database.

use std::fs;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::{DatabaseUrl, Erase, Store};

const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

#[tokio::test]
async fn erased_address_and_name_are_not_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("news.db");
    let store = Store::connect(&DatabaseUrl::Sqlite(path.clone()))
        .await
        .unwrap();
    let random = Random::seeded(7);
    let people: Vec<(SubscriberId, String)> = (0..200)
        .map(|n| {
            (
                SubscriberId::new(NOW, &random),
                format!("unusual.reader{n}@example.org"),
            )
        })
        .collect();
    for (id, address) in &people {
        insert(&store, id, address).await;
    }
    let erases: Vec<Erase> = people
        .iter()
        .map(|(id, address)| Erase {
            id: *id,
            address_mac: format!("mac of {}", address.len()),
        })
        .collect();
    let erased = store.erase(&erases, NOW).await.unwrap();
    assert_eq!(erased.subscribers, 200);
    assert_eq!(erased.deliveries.len(), 200);
    let reply: String = sqlx::query_scalar("SELECT last_reply FROM issues")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(reply, "250 ok for <(erased)>");
    assert_eq!(traces(folder.path()), Vec::<String>::new());
    store.close().await;
    assert_eq!(traces(folder.path()), Vec::<String>::new());
}

/// Inserts a subscriber with mail, a reply that names the address, and the audit of it.
async fn insert(store: &Store, id: &SubscriberId, address: &str) {
    let key = EmailAddress::parse(address).unwrap().key();
    for sql in [
        "INSERT INTO subscribers (id, address, address_key, name, state, state_at, source, created_at, nonce)
            VALUES ($1, $2, $3, 'Unusual Name', 'confirmed', 1, 'form', 1, 'n')",
        "INSERT INTO issues (id, number, state, subject, preheader, message, content_hash, recipients, frozen_at)
            VALUES (COALESCE('i', $1, $2, $3), 1, 'sent', 's', 'p', '{}', 'h', 1, 1) ON CONFLICT DO NOTHING",
        "UPDATE issues SET last_reply = '250 ok for <' || $2 || '>' WHERE $1 <> $3",
        "INSERT INTO deliveries (id, kind, subscriber_id, address, state, attempts, lost_replies, reply, queued_at, at)
            VALUES ('d' || $1, 'confirmation', $1, $2, 'delivered', 1, 0, '250 ok for ' || $3, 1, 1)",
    ] {
        let query = sqlx::query(sql).bind(id.to_string()).bind(address).bind(&key);
        query.execute(&store.pool).await.unwrap();
    }
}

/// Returns the names of the files that contain part of an address or the name.
fn traces(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let bytes = fs::read(file.path()).unwrap();
        for word in ["unusual.reader", "Unusual Name"] {
            if bytes
                .windows(word.len())
                .any(|part| part == word.as_bytes())
            {
                found.push(format!("{word} in {}", file.file_name().display()));
            }
        }
    }
    found
}
