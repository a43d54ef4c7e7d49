//! Actions that need a mailed link, because a preferences link may be forwarded.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode, header};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::{DeliveryRow, Subscriber};
use crate::subscription::ImportOptions;
use crate::web::tests::fixture::{TestResponse, TestSite};

const HOUR: Duration = Duration::from_secs(60 * 60);
const ADA: &str = "ada@example.com";

fn preferences(site: &TestSite, subscriber: &Subscriber) -> String {
    let keys = &site.web.keys;
    let token = keys.subscriber_token(Purpose::Preferences, &subscriber.id);
    format!("/preferences/{token}")
}

/// Returns the link that the mail contains, valid until `until`.
fn link(site: &TestSite, purpose: Purpose, subscriber: &Subscriber, until: Timestamp) -> String {
    let page = match purpose {
        Purpose::ChangeAddress => "change-address",
        Purpose::NewAddress => "new-address",
        Purpose::Export => "export",
        _ => "erase",
    };
    let more = match purpose {
        Purpose::NewAddress => "new@example.org",
        _ => "",
    };
    let keys = &site.web.keys;
    let subscriber = (&subscriber.id, subscriber.nonce.as_str());
    let token = keys.expiring_token(purpose, subscriber, until, more.as_bytes());
    format!("/{page}/{token}")
}

fn valid_link(site: &TestSite, purpose: Purpose, subscriber: &Subscriber) -> String {
    link(site, purpose, subscriber, site.now().plus(HOUR))
}

fn is_rejected(answer: &TestResponse) -> bool {
    answer.status == StatusCode::NOT_FOUND
        && answer.body.contains("has expired or was already used")
}

async fn links_mailed(site: &TestSite) -> Vec<DeliveryRow> {
    let mut mails = site.deliveries().await;
    mails.retain(|mail| mail.kind == DeliveryKind::SubscriberLink);
    mails
}

#[tokio::test]
async fn preferences_mail_at_most_three_links_a_day() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    let path = preferences(&site, &ada);
    for (count, action) in ["change_address", "export", "erase"].iter().enumerate() {
        for _ in 0..2 {
            let answer = site.post(&path, format!("action={action}")).await;
            let to = format!("{path}?asked={action}");
            assert_eq!(answer.header(header::LOCATION), to);
            assert!(site.get(&to).await.body.contains("We sent a link to"));
        }
        assert_eq!(links_mailed(&site).await.len(), count + 1, "one each");
    }
    let mut mailed = 1;
    for minutes in [9, 1, 10, 10, 10] {
        site.clock.advance(Duration::from_secs(minutes * 60));
        site.post(&path, "action=export").await;
        mailed = links_mailed(&site).await.len() - 2;
    }
    assert_eq!(mailed, 3, "three in a day, ten minutes apart");
    let mails = links_mailed(&site).await;
    assert!(
        mails
            .iter()
            .all(|mail| mail.address.as_deref() == Some(ADA))
    );
    let unchanged = site.reader(ADA).await.unwrap();
    assert_eq!(unchanged.state, SubscriberState::Confirmed);
    let page = site.get(&format!("{path}?asked=%3Cb%3E")).await;
    assert!(!page.body.contains("We sent a link"));
}

#[tokio::test]
async fn mailed_link_is_bound_to_purpose_and_time() {
    use Purpose::{ChangeAddress, Confirm, Erase, Export, NewAddress};
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    let standing = preferences(&site, &ada).replace("/preferences", "");
    for purpose in [ChangeAddress, NewAddress, Export, Erase] {
        let good = valid_link(&site, purpose, &ada);
        let (page, token) = good[1..].split_once('/').unwrap();
        for method in [Method::GET, Method::HEAD] {
            let request = Request::builder().method(&method).uri(&good);
            let request = request.body(axum::body::Body::empty()).unwrap();
            let answer = site.answer(request, "192.0.2.1").await;
            assert_eq!(answer.status, StatusCode::OK, "{page}");
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
            assert_eq!(answer.headers["x-robots-tag"], "noindex");
        }
        let other = if purpose == Erase { Confirm } else { Erase };
        let other = valid_link(&site, other, &ada).replace("/erase/", "");
        let late = link(&site, purpose, &ada, site.now());
        let tampered = format!("/{page}/{}A{}", &token[..20], &token[21..]);
        for bad in [
            late,
            tampered,
            format!("/{page}/{other}"),
            format!("/{page}{standing}"),
            format!("/{page}/x"),
            format!("/{page}/%FF"),
        ] {
            let answers = [
                site.get(&bad).await,
                site.post(&bad, "email=a%40b.cd").await,
            ];
            assert!(answers.iter().all(is_rejected), "{bad}");
        }
    }
    let subscriber = site.reader(ADA).await.unwrap();
    assert_eq!(subscriber.nonce, ada.nonce, "nothing was changed");
    // Unsubscribing invalidates the links mailed before.
    let erase = valid_link(&site, Erase, &ada);
    site.post(&preferences(&site, &ada), "action=unsubscribe")
        .await;
    assert!(is_rejected(&site.post(&erase, "").await));
}

#[tokio::test]
async fn new_address_is_confirmed_and_old_one_notified() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    site.issue(&["One"]).await;
    let form = valid_link(&site, Purpose::ChangeAddress, &ada);
    for typed in ["", "nobody", "a%40localhost", "%C3%A9%40example.org"] {
        let answer = site.post(&form, format!("email={typed}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{typed}");
        assert!(answer.body.contains("<title>Error: "));
    }
    let answer = site.post(&form, "email=New%40Example.org").await;
    assert_eq!(answer.header(header::LOCATION), format!("{form}?asked=1"));
    let mails = links_mailed(&site).await;
    assert_eq!(mails[0].address.as_deref(), Some("New@example.org"));
    assert_eq!(site.reader(ADA).await.unwrap().id, ada.id, "not yet");

    let prove = valid_link(&site, Purpose::NewAddress, &ada);
    let page = site.get(&prove).await;
    assert!(page.body.contains("new@example.org") && !page.body.contains(ADA));
    let answer = site.post(&prove, "").await;
    let to = answer.header(header::LOCATION).to_owned();
    assert!(site.get(&to).await.body.contains("new@example.org"));
    let moved = site.reader("new@example.org").await.unwrap();
    assert_eq!(
        (moved.id, moved.state),
        (ada.id, SubscriberState::Confirmed)
    );
    assert!(site.reader(ADA).await.is_none());
    let mails = site.deliveries().await;
    let notified = mails
        .iter()
        .filter(|mail| mail.address.as_deref() == Some(ADA));
    assert_eq!(notified.count(), 1, "the notification, not the issue");
    let issue = mails.iter().find(|mail| mail.kind == DeliveryKind::Issue);
    assert_eq!(issue.unwrap().address.as_deref(), Some("new@example.org"));
    // Links mailed before are invalid, and the old address can sign up again.
    assert!(is_rejected(&site.post(&prove, "").await));
    assert!(is_rejected(&site.get(&form).await));
    site.subscribe(ADA, "").await;
    assert!(site.reader(ADA).await.is_some());
}

#[tokio::test]
async fn address_change_does_not_reveal_known_address() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    site.confirmed("taken@example.org").await;
    let form = valid_link(&site, Purpose::ChangeAddress, &ada);
    let answers = [
        site.post(&form, "email=taken%40example.org").await,
        site.post(&form, "email=free%40example.org").await,
        site.post(&form, "email=free%40example.org").await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.header(header::LOCATION), format!("{form}?asked=1"));
    }
    let kinds: Vec<_> = site
        .deliveries()
        .await
        .iter()
        .map(|mail| mail.kind)
        .collect();
    let (notice, link) = (
        DeliveryKind::AlreadySubscribed,
        DeliveryKind::SubscriberLink,
    );
    assert!(kinds.contains(&notice) && kinds.contains(&link));
    assert_eq!(kinds.len(), 2, "one message per mailbox in ten minutes");
    for n in 0..5 {
        site.post(&form, format!("email=victim{n}%40example.org"))
            .await;
    }
    assert_eq!(site.deliveries().await.len(), 3, "three requests per day");
}

#[tokio::test]
async fn address_of_active_subscriber_is_not_released() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    let prove = valid_link(&site, Purpose::NewAddress, &ada);
    let holder = site.confirmed("new@example.org").await;
    assert!(is_rejected(&site.post(&prove, "").await));
    assert_eq!(site.reader(ADA).await.unwrap().id, ada.id);

    let (issue, _) = site.issue(&["One"]).await;
    let leave = preferences(&site, &holder);
    site.post(&leave, "action=unsubscribe").await;
    let answer = site.post(&prove, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(site.reader("new@example.org").await.unwrap().id, ada.id);
    assert_eq!(site.get(&leave).await.status, StatusCode::NOT_FOUND);
    let tally = site.web.store.verified_counts(&issue).await.unwrap();
    assert_eq!(
        (tally.recipients(), tally.skipped),
        (2, 1),
        "the counts are unchanged"
    );
}

#[tokio::test]
async fn erased_address_can_be_used_for_change() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    let bob = site.confirmed("new@example.org").await;
    site.post(&valid_link(&site, Purpose::Erase, &bob), "")
        .await;
    site.post(&valid_link(&site, Purpose::NewAddress, &ada), "")
        .await;
    let moved = site.reader("new@example.org").await.unwrap();
    site.post(&valid_link(&site, Purpose::Erase, &moved), "")
        .await;
    assert!(site.reader("new@example.org").await.is_none());
}

#[tokio::test]
async fn export_contains_all_stored_data() {
    let site = TestSite::new().await;
    site.subscribe(ADA, "name=Ada").await;
    let ada = site.reader(ADA).await.unwrap();
    let keys = &site.web.keys;
    let until = site.now().plus(HOUR);
    let token = keys.confirmation_token(&ada.id, &ada.nonce, until);
    site.post(&format!("/confirm/{token}"), "").await;
    site.clock.advance(Duration::from_secs(60));
    let (_, number) = site.issue(&["One"]).await;
    let answer = site
        .post(&valid_link(&site, Purpose::Export, &ada), "")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    assert!(
        answer
            .header(header::CONTENT_DISPOSITION)
            .starts_with("attachment; ")
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    let file: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(file["address"], ADA);
    assert_eq!(
        (&file["name"], &file["state"]),
        (&"Ada".into(), &"confirmed".into())
    );
    let consent = &file["consent"];
    assert_eq!(consent["asked_ip"], "192.0.2.1");
    assert_eq!(consent["confirmed_ip"], "192.0.2.1");
    assert!(
        consent["asked_at"]
            .as_str()
            .unwrap()
            .starts_with("2026-11-20T")
    );
    assert_eq!(consent["form_version"].as_str().unwrap().len(), 12);
    let mails = file["mails"].as_array().unwrap();
    assert_eq!(
        (&mails[0]["kind"], &mails[1]["kind"]),
        (&"confirmation".into(), &"issue".into())
    );
    assert_eq!(mails[1]["issue"], number.get());
    assert!(
        !answer.body.contains(&ada.nonce),
        "the nonce signs the links"
    );
}

#[tokio::test]
async fn erase_keeps_only_hash_of_address() {
    let site = TestSite::new().await;
    let ada = site.confirmed(ADA).await;
    let (issue, _) = site.issue(&["One"]).await;
    site.post(&preferences(&site, &ada), "action=export").await;
    let erase = valid_link(&site, Purpose::Erase, &ada);
    assert!(site.get(&erase).await.body.contains(ADA));
    let answer = site.post(&erase, "").await;
    assert!(answer.status == StatusCode::OK && answer.body.contains("Your data has been deleted."));
    assert!(site.reader(ADA).await.is_none());
    let mails = site.deliveries().await;
    assert!(mails.iter().all(|mail| mail.address.is_none()));
    assert!(
        mails
            .iter()
            .all(|mail| mail.state == DeliveryState::Skipped)
    );
    assert_eq!(
        site.web
            .store
            .verified_counts(&issue)
            .await
            .unwrap()
            .skipped,
        1
    );
    assert!(is_rejected(&site.get(&erase).await));
    assert_eq!(
        site.get(&preferences(&site, &ada)).await.status,
        StatusCode::NOT_FOUND
    );
    let options = ImportOptions {
        source: "an old list".to_owned(),
        state: None,
        prefers_file_source: false,
    };
    let address = EmailAddress::parse(ADA).unwrap();
    let tally = site
        .web
        .subscriptions
        .import_subscriber(address, None, &options)
        .await
        .unwrap();
    assert_eq!(tally.kept_out, 1);
}
