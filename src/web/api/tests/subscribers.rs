//! Adding, listing, unsubscribing and erasing subscribers.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::subscriber::SubscriberState;
use crate::web::api::tests::*;

const ALL: [&str; 2] = ["read", "subscribers"];

fn ids(page: &Value) -> Vec<String> {
    let rows = page["subscribers"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn signup_response_is_same_for_known_address() {
    let site = TestSite::new().await;
    site.confirmed("known@example.com").await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    let mut responses = Vec::new();
    for email in ["ada@example.com", "known@example.com", "ADA@example.com"] {
        let body = json!({ "email": email, "name": "Ada", "source": "the shop" });
        let response = shop.call_json(Method::POST, "/subscribers", &body).await;
        assert_eq!(response.status, StatusCode::ACCEPTED);
        responses.push(response.body);
    }
    responses.dedup();
    assert_eq!(responses, [r#"{"accepted":true}"#]);
    let ada = site.reader("ada@example.com").await.unwrap();
    assert_eq!(
        (ada.state, ada.source.as_str()),
        (SubscriberState::Pending, "the shop")
    );
    let mails = site.deliveries().await;
    let mut mails: Vec<_> = mails.iter().map(|mail| mail.kind.as_str()).collect();
    mails.sort_unstable();
    assert_eq!(mails, ["already_subscribed", "confirmation"], "one each");
    // The subscriber's record contains source and time.
    assert!(audit_entries(&site).await.is_empty());
}

/// Signs Ada up through the API.
async fn sign_up_ada(shop: &ApiClient<'_>) {
    let body = json!({ "email": "ada@example.com", "source": "the shop" });
    let response = shop.call_json(Method::POST, "/subscribers", &body).await;
    assert_eq!(response.status, StatusCode::ACCEPTED, "{}", response.body);
}

/// Returns the record of Ada's request: source, IP address, whether by form, and time.
async fn ada_record(site: &TestSite) -> (String, Option<String>, bool, i64) {
    let ada = site.reader("ada@example.com").await.unwrap();
    let record = site.web.store.subscriber_record(&ada.id).await.unwrap();
    let record = record.unwrap();
    let asked_at = record.asked_at.unwrap().as_millis();
    let by_form = record.form_version.is_some();
    (record.source, record.asked_ip, by_form, asked_at)
}

#[tokio::test]
async fn api_signup_keeps_record_of_form_signup() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    site.subscribe("ada@example.com", "").await;
    let (source, ip, by_form, first) = ada_record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
    site.clock.advance(Duration::from_secs(3600));
    sign_up_ada(&shop).await;
    let (source, ip, by_form, asked) = ada_record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
    assert!(asked > first, "the confirmation period starts again");
    assert_eq!(
        site.deliveries().await.len(),
        2,
        "a second confirmation mail"
    );
}

#[tokio::test]
async fn form_signup_replaces_record_of_api_signup() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    sign_up_ada(&shop).await;
    let (source, ip, by_form, _) = ada_record(&site).await;
    assert_eq!((source.as_str(), ip, by_form), ("the shop", None, false));
    site.subscribe("ada@example.com", "").await;
    let (source, ip, by_form, _) = ada_record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
}

#[tokio::test]
async fn api_signup_replaces_record_after_unsubscribe() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    let ada = site.confirmed("ada@example.com").await;
    let left = format!("/subscribers/{}/unsubscribe", ada.id);
    assert_eq!(shop.post(&left).await.json()["result"], "unsubscribed");
    site.clock.advance(Duration::from_secs(3600));
    sign_up_ada(&shop).await;
    let (source, ip, by_form, _) = ada_record(&site).await;
    assert_eq!((source.as_str(), ip, by_form), ("the shop", None, false));
}

#[tokio::test]
async fn api_signups_are_limited_per_mail_domain() {
    let limit = NonZeroU32::new(2).unwrap();
    let site = TestSite::with(|web| web.door.caps.per_domain_hour = limit).await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    let mut responses = Vec::new();
    for number in 1..=3 {
        let body = json!({ "email": format!("reader{number}@victim.example") });
        responses.push(shop.call_json(Method::POST, "/subscribers", &body).await);
    }
    let detail = responses[2].problem(StatusCode::TOO_MANY_REQUESTS);
    assert!(detail.contains("Continue in 10 minutes"), "{detail}");
    assert_eq!(responses[2].header(header::RETRY_AFTER), "600");
    assert_eq!(site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn api_signups_are_limited_per_token() {
    let limit = NonZeroU32::new(2).unwrap();
    let site = TestSite::with(|web| web.door.caps.per_token_hour = limit).await;
    let lost = client(&site, "lost", &["subscribers"]).await;
    let shop = client(&site, "shop", &["subscribers"]).await;
    let sign_up = async |client: &ApiClient<'_>, number: u32| {
        let body = json!({ "email": format!("reader@blog{number}.example") });
        client.call_json(Method::POST, "/subscribers", &body).await
    };
    for number in 1..=2 {
        let response = sign_up(&lost, number).await;
        assert_eq!(response.status, StatusCode::ACCEPTED);
    }
    let capped = sign_up(&lost, 3).await;
    let detail = capped.problem(StatusCode::TOO_MANY_REQUESTS);
    assert!(detail.contains("for this token"), "{detail}");
    assert_eq!(capped.header(header::RETRY_AFTER), "600");
    assert_eq!(site.deliveries().await.len(), 2);
    let response = sign_up(&shop, 3).await;
    assert_eq!(
        response.status,
        StatusCode::ACCEPTED,
        "limits are per token"
    );
}

#[tokio::test]
async fn confirmed_add_skips_unsubscribed_address() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &ALL).await;
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "at the till" });
    let added = shop.call_json(Method::POST, "/subscribers", &body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let added = added.json();
    let path = format!("/subscribers/{}", added["id"].as_str().unwrap());
    let record = shop.get(&path).await;
    assert_eq!(record["state"], "confirmed");
    assert!(
        record["consent"]["confirmed_at"].is_null(),
        "unknown, never now"
    );
    let again = shop.call_json(Method::POST, "/subscribers", &body).await;
    assert_eq!(
        (again.status, &again.json()["result"]),
        (StatusCode::OK, &json!("unchanged"))
    );
    assert_eq!(again.json()["id"], added["id"]);

    for result in ["unsubscribed", "unchanged"] {
        let left = shop.post(&format!("{path}/unsubscribe")).await;
        assert_eq!(
            (left.status, &left.json()["result"]),
            (StatusCode::OK, &json!(result))
        );
    }
    let refused = shop.call_json(Method::POST, "/subscribers", &body).await;
    assert!(
        refused
            .problem(StatusCode::CONFLICT)
            .contains("not added again")
    );
    let actions: Vec<_> = audit_entries(&site)
        .await
        .into_iter()
        .map(|it| it.2)
        .collect();
    assert_eq!(
        actions,
        [
            AuditAction::SubscriberAdded,
            AuditAction::SubscriberUnsubscribed
        ]
    );
}

#[tokio::test]
async fn erased_subscriber_is_not_found_or_added() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &ALL).await;
    let ada = site.confirmed("ada@example.com").await;
    let path = format!("/subscribers/{}", ada.id);
    let erased = shop.call(Method::DELETE, &path).await;
    assert_eq!(erased.json()["result"], "erased");
    assert!(site.reader("ada@example.com").await.is_none());
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/unsubscribe")),
        (Method::GET, "/subscribers/ada@example.com".to_owned()),
    ] {
        let gone = shop.call(method, &path).await;
        gone.problem(StatusCode::NOT_FOUND);
    }
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "shop" });
    let back = shop.call_json(Method::POST, "/subscribers", &body).await;
    back.problem(StatusCode::CONFLICT);
    let (_, _, action, object) = audit_entries(&site).await.remove(0);
    assert_eq!(
        (action, object),
        (AuditAction::SubscriberErased, Some(ada.id.to_string()))
    );
}

#[tokio::test]
async fn list_pages_are_stable_while_rows_are_erased() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &ALL).await;
    for number in 1..=5 {
        site.clock.advance(Duration::from_secs(1));
        site.confirmed(&format!("reader{number}@example.com")).await;
    }
    site.confirmed("other@example.org").await;
    let all = ids(&shop.get("/subscribers").await);
    assert_eq!(all.len(), 6);
    let mut walked = Vec::new();
    let mut path = "/subscribers?state=confirmed&limit=4".to_owned();
    loop {
        let page = shop.get(&path).await;
        for id in ids(&page) {
            shop.call(Method::DELETE, &format!("/subscribers/{id}"))
                .await;
            walked.push(id);
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/subscribers?state=confirmed&limit=4&after={next}");
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn list_searches_and_filters() {
    let site = TestSite::new().await;
    let shop = client(&site, "shop", &ALL).await;
    let ada = site.confirmed("ada@example.com").await;
    let eve = site.confirmed("eve@example.org").await;
    shop.post(&format!("/subscribers/{}/unsubscribe", eve.id))
        .await;
    for (query, found) in [
        ("", vec![&eve, &ada]),
        ("?search=", vec![&eve, &ada]),
        ("?state=unsubscribed", vec![&eve]),
        ("?search=AD", vec![&ada]),
        ("?search=%40example.o", vec![&eve]),
        ("?search=nobody", vec![]),
    ] {
        let page = shop.get(&format!("/subscribers{query}")).await;
        let mut wanted: Vec<_> = found
            .iter()
            .map(|subscriber| subscriber.id.to_string())
            .collect();
        let mut found = ids(&page);
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{query}");
    }
    for query in [
        "?state=gone",
        "?state=",
        "?after=x",
        "?after=",
        "?limit=0",
        "?limit=",
        "?limit=many",
        "?state=pending&state=confirmed",
    ] {
        let response = shop
            .call(Method::GET, &format!("/subscribers{query}"))
            .await;
        response.problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let page = shop.get("/subscribers?search=e&limit=1").await;
    assert_eq!(page["next"], Value::Null);
    let gone = "/subscribers?search=e&after=01930000-0000-7000-8000-000000000000";
    let response = shop.call(Method::GET, gone).await;
    assert!(
        response
            .problem(StatusCode::CONFLICT)
            .contains("Start again")
    );
}
