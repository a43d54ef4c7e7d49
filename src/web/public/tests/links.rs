//! Links of confirmation mails and issues.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

use crate::digest::Published;
use crate::domain::issue::slot::Slot;
use crate::domain::signed_token::{Purpose, SecretKeys};
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::Subscriber;
use crate::web::tests::fixture::{FRIDAY, TestSite};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

async fn pending(site: &TestSite) -> (Subscriber, String) {
    site.subscribe("ada@example.com", "").await;
    let subscriber = site.reader("ada@example.com").await.unwrap();
    let token =
        site.web
            .keys
            .confirmation_token(&subscriber.id, &subscriber.nonce, FRIDAY.plus(WEEK));
    (subscriber, token)
}

async fn state_of(site: &TestSite) -> SubscriberState {
    site.reader("ada@example.com").await.unwrap().state
}

#[tokio::test]
async fn get_of_link_changes_nothing() {
    let site = TestSite::new().await;
    let (subscriber, confirm) = pending(&site).await;
    for method in [Method::GET, Method::HEAD] {
        for _ in 0..50 {
            let request = Request::builder()
                .method(&method)
                .uri(format!("/confirm/{confirm}"));
            let answer = site
                .answer(request.body(Body::empty()).unwrap(), "192.0.2.1")
                .await;
            assert_eq!(answer.status, StatusCode::OK);
        }
    }
    assert_eq!(state_of(&site).await, SubscriberState::Pending);
    site.post(&format!("/confirm/{confirm}"), "").await;
    for (page, purpose) in [
        ("unsubscribe", Purpose::Unsubscribe),
        ("preferences", Purpose::Preferences),
    ] {
        let token = site.web.keys.subscriber_token(purpose, &subscriber.id);
        let answer = site.get(&format!("/{page}/{token}")).await;
        assert!(answer.body.contains("ada@example.com"));
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
        assert_eq!(answer.headers["x-robots-tag"], "noindex");
    }
    assert_eq!(state_of(&site).await, SubscriberState::Confirmed);
}

#[tokio::test]
async fn post_confirms_once() {
    let site = TestSite::new().await;
    let (_, token) = pending(&site).await;
    let first = site.post(&format!("/confirm/{token}"), "").await;
    assert_eq!(first.status, StatusCode::OK);
    // The slot, Friday 10:00 in Berlin, was an hour ago.
    assert!(
        first.body.contains("You’re in.") && first.body.contains("Friday 27 November"),
        "{}",
        first.body
    );
    assert_eq!(state_of(&site).await, SubscriberState::Confirmed);
    let again = site.post(&format!("/confirm/{token}"), "").await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.body.contains("Already confirmed."));
    assert!(again.body.contains("You were already subscribed."));
    let shown = site.get(&format!("/confirm/{token}")).await.body;
    for text in ["Already confirmed.", ">You’re already subscribed."] {
        assert!(shown.contains(text), "{text}");
    }
    assert!(shown.contains("<title>Already subscribed") && !shown.contains("You were"));
}

#[tokio::test]
async fn invalid_links_return_same_page() {
    let site = TestSite::new().await;
    let (subscriber, good) = pending(&site).await;
    let keys = &site.web.keys;
    let tampered = format!("{}A{}", &good[..20], &good[21..]);
    let expired = keys.confirmation_token(&subscriber.id, &subscriber.nonce, FRIDAY);
    let stranger = SubscriberId::new(FRIDAY, &site.web.random);
    let leave = keys.subscriber_token(Purpose::Unsubscribe, &subscriber.id);
    let prefer = keys.subscriber_token(Purpose::Preferences, &subscriber.id);
    let gone = keys.subscriber_token(Purpose::Unsubscribe, &stranger);
    for (page, tokens) in [
        (
            "confirm",
            [
                &*tampered, &expired, &leave, &prefer, "x", "%FF", "%00", "%2F",
            ],
        ),
        (
            "unsubscribe",
            [&tampered, &good, &prefer, "AAAA", "x", "%FF", "%00", "%2F"],
        ),
        (
            "preferences",
            [&tampered, &good, &leave, &gone, "x", "%FF", "%00", "%2F"],
        ),
    ] {
        for token in tokens {
            let path = format!("/{page}/{token}");
            let answers = [
                site.get(&path).await,
                site.post(&path, "action=pause").await,
            ];
            for answer in answers {
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
                assert!(answer.body.contains("<h1>This link "), "{path}");
                assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            }
        }
    }
    assert_eq!(state_of(&site).await, SubscriberState::Pending);
}

#[tokio::test]
async fn one_click_unsubscribe_ignores_body() {
    let site = TestSite::new().await;
    let subscriber = site.confirmed("ada@example.com").await;
    let path = format!(
        "/unsubscribe/{}",
        site.web
            .keys
            .subscriber_token(Purpose::Unsubscribe, &subscriber.id)
    );
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    for (content_type, body) in [
        (
            Some("application/x-www-form-urlencoded"),
            "List-Unsubscribe=One-Click",
        ),
        (Some("multipart/form-data; boundary=x"), multipart),
        (Some("application/json"), "{"),
        (None, ""),
    ] {
        let mut request = Request::post(&path);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let answer = site
            .answer(request.body(body.into()).unwrap(), "192.0.2.1")
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{content_type:?}");
        assert!(!answer.headers.contains_key(header::LOCATION));
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert_eq!(state_of(&site).await, SubscriberState::Unsubscribed);
    }
    site.clock.advance(Duration::from_secs(400 * 24 * 60 * 60));
    for _ in 0..100 {
        assert_eq!(site.post(&path, "").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn link_is_valid_after_key_rotation() {
    let mut old = None;
    let site = TestSite::with(|web| {
        let lines = |keys: &SecretKeys| keys.to_file_text().lines().nth(1).unwrap().to_owned();
        let both = format!(
            "{}\n{}",
            lines(&SecretKeys::generate(&web.random)),
            lines(&web.keys)
        );
        let rotated = std::sync::Arc::new(SecretKeys::parse(&both).unwrap());
        old = Some(std::mem::replace(&mut web.keys, rotated.clone()));
        web.subscriptions.keys = rotated;
    })
    .await;
    let subscriber = site.confirmed("ada@example.com").await;
    let token = old
        .unwrap()
        .subscriber_token(Purpose::Unsubscribe, &subscriber.id);
    assert_eq!(
        site.post(&format!("/unsubscribe/{token}"), "").await.status,
        StatusCode::OK
    );
    assert_eq!(state_of(&site).await, SubscriberState::Unsubscribed);
}

#[tokio::test]
async fn preferences_apply_each_action() {
    let site = TestSite::new().await;
    let subscriber = site.confirmed("ada@example.com").await;
    let path = format!(
        "/preferences/{}",
        site.web
            .keys
            .subscriber_token(Purpose::Preferences, &subscriber.id)
    );
    for (action, text, state) in [
        ("pause", "until <time", SubscriberState::Confirmed),
        ("resume", "once a week", SubscriberState::Confirmed),
        (
            "unsubscribe",
            "You’re unsubscribed",
            SubscriberState::Unsubscribed,
        ),
        ("resubscribe", "once a week", SubscriberState::Confirmed),
    ] {
        let answer = site.post(&path, format!("action={action}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{action}");
        assert_eq!(answer.header(header::LOCATION), format!("{path}?saved=1"));
        let page = site.get(answer.header(header::LOCATION)).await;
        assert!(
            page.body.contains("Saved.") && page.body.contains(text),
            "{action}"
        );
        assert_eq!(state_of(&site).await, state, "{action}");
    }
    for body in ["", "action=", "action=vanish", "action=pause&action=resume"] {
        assert_eq!(
            site.post(&path, body).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}"
        );
    }
    assert_eq!(
        site.reader("ada@example.com").await.unwrap().paused_until,
        None
    );
}

#[tokio::test]
async fn resubscribe_requires_earlier_confirmation() {
    let site = TestSite::new().await;
    let subscriber = site.confirmed("ada@example.com").await;
    let leave = site
        .web
        .keys
        .subscriber_token(Purpose::Unsubscribe, &subscriber.id);
    let page = site.post(&format!("/unsubscribe/{leave}"), "").await;
    let preferences = page
        .body
        .split("action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    site.post(preferences, "action=resubscribe").await;
    assert_eq!(state_of(&site).await, SubscriberState::Confirmed);

    site.subscribe("bob@example.com", "").await;
    let bob = site.reader("bob@example.com").await.unwrap();
    let leave = site
        .web
        .keys
        .subscriber_token(Purpose::Unsubscribe, &bob.id);
    assert!(
        !site
            .post(&format!("/unsubscribe/{leave}"), "")
            .await
            .body
            .contains("Resubscribe")
    );
    let prefer = site
        .web
        .keys
        .subscriber_token(Purpose::Preferences, &bob.id);
    let answer = site
        .post(&format!("/preferences/{prefer}"), "action=resubscribe")
        .await;
    assert_eq!(answer.header(header::LOCATION), "/");
    assert_eq!(
        site.reader("bob@example.com").await.unwrap().state,
        SubscriberState::Unsubscribed
    );
}

/// Returns the date after "Next issue:" on a page.
fn next_issue_date(page: &str) -> &str {
    let (_, behind) = page.split_once("Next issue: ").unwrap();
    behind.split('>').nth(1).unwrap().split('<').next().unwrap()
}

#[tokio::test]
async fn pages_show_actual_date_of_next_issue() {
    let site = TestSite::new().await;
    site.clock.advance(3 * (WEEK / 7));
    let (subscriber, token) = pending(&site).await;
    let preferences = site
        .web
        .keys
        .subscriber_token(Purpose::Preferences, &subscriber.id);
    site.post(&format!("/confirm/{token}"), "").await;
    let pages = async || {
        let confirmed = site.get(&format!("/confirm/{token}")).await.body;
        let preferences = site.get(&format!("/preferences/{preferences}")).await.body;
        assert_eq!(next_issue_date(&confirmed), next_issue_date(&preferences));
        next_issue_date(&confirmed).to_owned()
    };
    assert_eq!(pages().await, "Friday 27 November");
    let slot = |slot: &str| Slot::parse(slot).unwrap();
    let store = &site.web.store;
    store
        .skip_slot(&slot("2026-W48"), site.now())
        .await
        .unwrap();
    assert_eq!(pages().await, "Friday 4 December");
    let home = site.get("/").await.body;
    assert!(home.contains("2026-12-04T10:00:00+01:00"), "{home}");
    let issues = site.get("/issues").await.body;
    assert!(issues.contains("Friday 4 December"), "{issues}");

    store.unskip_slot(&slot("2026-W48")).await.unwrap();
    site.posts(&["Alpha"]).await;
    let made = site.web.digests.publish(Some(slot("2026-W48"))).await;
    assert!(matches!(made, Ok(Published::Created { .. })), "{made:?}");
    assert_eq!(pages().await, "Friday 4 December");
}

#[tokio::test]
async fn bounced_subscriber_is_not_shown_as_unsubscribed() {
    let site = TestSite::new().await;
    let subscriber = site.confirmed("ada@example.com").await;
    site.bounce(&subscriber).await;
    let token = site
        .web
        .keys
        .subscriber_token(Purpose::Preferences, &subscriber.id);
    let page = site.get(&format!("/preferences/{token}")).await.body;
    assert!(page.contains("Emails to this address bounced, so we stopped sending."));
    assert!(page.contains("href=\"/\">Sign up again</a>"));
    assert!(!page.contains("unsubscribed") && !page.contains("resubscribe"));
}
