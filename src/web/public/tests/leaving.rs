//! Unsubscribe links stay valid for ever, and who has left stays away.

use axum::http::StatusCode;

use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::{BulkAction, ImportOptions};
use crate::web::tests::fixture::TestSite;

const ANN: &str = "ann@example.org";

fn unsubscribe_link(site: &TestSite, subscriber: &Subscriber) -> String {
    let keys = &site.web.keys;
    let token = keys.subscriber_token(Purpose::Unsubscribe, &subscriber.id);
    format!("/unsubscribe/{token}")
}

async fn state(site: &TestSite, address: &str) -> Option<SubscriberState> {
    site.reader(address).await.map(|reader| reader.state)
}

async fn move_to(site: &TestSite, subscriber: &Subscriber, address: &str) {
    let until = site.now().plus(std::time::Duration::from_secs(60));
    let bound = (&subscriber.id, subscriber.nonce.as_str());
    let keys = &site.web.keys;
    let token = keys.expiring_token(Purpose::NewAddress, bound, until, address.as_bytes());
    let answer = site.post(&format!("/new-address/{token}"), "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

async fn import(site: &TestSite, address: &str) -> u64 {
    let csv = format!("email\n{address}\n").into_bytes();
    let options = ImportOptions {
        source: "test".to_owned(),
        state: None,
        prefers_file_source: false,
    };
    let subscriptions = &site.web.subscriptions;
    let report = subscriptions
        .import_csv(std::io::Cursor::new(csv), &options, |_| {})
        .await
        .unwrap();
    report.tally.imported
}

async fn confirm_by_form(site: &TestSite, address: &str) {
    site.subscribe(address, "").await;
    let reader = site.reader(address).await.unwrap();
    let until = site.now().plus(std::time::Duration::from_secs(60));
    let keys = &site.web.keys;
    let token = keys.confirmation_token(&reader.id, &reader.nonce, until);
    site.post(&format!("/confirm/{token}"), "").await;
    assert_eq!(state(site, address).await, Some(SubscriberState::Confirmed));
}

async fn suppress(site: &TestSite, subscriber: &Subscriber) {
    let store = &site.web.store;
    let sql = "UPDATE subscribers SET former_state = state, state = 'suppressed',
        suppression_reason = '550 5.1.1 no such user' WHERE id = $1";
    sqlx::query(sql)
        .bind(subscriber.id.to_string())
        .execute(&store.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn unsubscribe_link_of_suppressed_subscriber_unsubscribes_for_good() {
    let site = TestSite::new().await;
    let ann = site.confirmed(ANN).await;
    suppress(&site, &ann).await;
    let answer = site.post(&unsubscribe_link(&site, &ann), "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Unsubscribed));
    let record = site.web.store.subscriber_record(&ann.id).await.unwrap();
    assert_eq!(
        record.unwrap().suppression_reason.as_deref(),
        Some("550 5.1.1 no such user")
    );
    let lifted = site.web.subscriptions.lift_suppression(&ann.id).await;
    assert_eq!(lifted.unwrap(), None);
    assert_eq!(import(&site, ANN).await, 0);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Unsubscribed));
}

#[tokio::test]
async fn lifted_suppression_of_who_had_left_is_unsubscribed() {
    let site = TestSite::new().await;
    let ann = site.confirmed(ANN).await;
    site.post(&unsubscribe_link(&site, &ann), "").await;
    suppress(&site, &ann).await;
    let lifted = site.web.subscriptions.lift_suppression(&ann.id).await;
    assert_eq!(lifted.unwrap(), Some(SubscriberState::Unsubscribed));
}

#[tokio::test]
async fn bulk_unsubscribe_applies_to_all_who_have_not_left() {
    use SubscriberState::*;
    for (state, applies) in [
        (Pending, true),
        (Confirmed, true),
        (Suppressed, true),
        (Unsubscribed, false),
    ] {
        assert_eq!(BulkAction::Unsubscribe.applies_to(state), applies);
    }
}

#[tokio::test]
async fn unsubscribe_link_after_erasure_is_accepted() {
    let site = TestSite::new().await;
    let ann = site.confirmed(ANN).await;
    let link = unsubscribe_link(&site, &ann);
    let subscriptions = &site.web.subscriptions;
    assert!(subscriptions.erase_by_address(&ann.address).await.unwrap());
    for answer in [site.get(&link).await, site.post(&link, "").await] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.body.contains("unsubscribed"), "{}", answer.body);
    }
    let forged = format!("{}AAAA", &link[..link.len() - 4]);
    assert_eq!(
        site.post(&forged, "").await.status,
        StatusCode::NOT_FOUND,
        "a forged link is still rejected"
    );
}

#[tokio::test]
async fn old_unsubscribe_link_ends_new_subscription_of_erased_address() {
    let site = TestSite::new().await;
    let ann = site.confirmed(ANN).await;
    let link = unsubscribe_link(&site, &ann);
    let subscriptions = &site.web.subscriptions;
    subscriptions.erase_by_address(&ann.address).await.unwrap();
    confirm_by_form(&site, ANN).await;
    assert_eq!(site.get(&link).await.status, StatusCode::OK);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Confirmed));
    assert_eq!(site.post(&link, "").await.status, StatusCode::OK);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Unsubscribed));

    // A second erasure keeps both links alive.
    let again = site.reader(ANN).await.unwrap();
    subscriptions.erase_by_address(&ann.address).await.unwrap();
    confirm_by_form(&site, ANN).await;
    let answer = site.post(&unsubscribe_link(&site, &again), "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Unsubscribed));
    assert_eq!(site.post(&link, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn unsubscribe_link_of_merged_subscriber_ends_subscription() {
    let site = TestSite::new().await;
    let (ann, bob) = (
        site.confirmed(ANN).await,
        site.confirmed("bob@example.org").await,
    );
    let link = unsubscribe_link(&site, &bob);
    site.post(&link, "").await;
    move_to(&site, &ann, "bob@example.org").await;
    assert_eq!(
        state(&site, "bob@example.org").await,
        Some(SubscriberState::Confirmed)
    );
    assert_eq!(site.post(&link, "").await.status, StatusCode::OK);
    assert_eq!(
        state(&site, "bob@example.org").await,
        Some(SubscriberState::Unsubscribed)
    );
}

#[tokio::test]
async fn left_address_is_not_imported_again_until_it_confirms() {
    let site = TestSite::new().await;
    let ann = site.confirmed(ANN).await;
    move_to(&site, &ann, "ann@example.net").await;
    assert_eq!(import(&site, ANN).await, 0);
    assert!(site.reader(ANN).await.is_none());
    let moved = site.reader("ann@example.net").await.unwrap();
    let subscriptions = &site.web.subscriptions;
    subscriptions
        .erase_by_address(&moved.address)
        .await
        .unwrap();
    assert_eq!(import(&site, ANN).await, 0);
    assert_eq!(import(&site, "ann@example.net").await, 0);
    confirm_by_form(&site, ANN).await;
    assert_eq!(import(&site, ANN).await, 0);
    assert_eq!(state(&site, ANN).await, Some(SubscriberState::Confirmed));
}
