//! Readers, as a shop or a script of the owner's keeps them.

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
async fn a_reader_signed_up_is_asked_by_mail_and_the_answer_tells_nothing() {
    let site = TestSite::new().await;
    site.confirmed("known@example.com").await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    let mut answers = Vec::new();
    for email in ["ada@example.com", "known@example.com", "ADA@example.com"] {
        let body = json!({ "email": email, "name": "Ada", "source": "the shop" });
        let answer = shop.send(Method::POST, "/subscribers", &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers, [r#"{"accepted":true}"#]);
    let ada = site.reader("ada@example.com").await.unwrap();
    assert_eq!(
        (ada.state, ada.source.as_str()),
        (SubscriberState::Pending, "the shop")
    );
    let mails = site.deliveries().await;
    let mut mails: Vec<_> = mails.iter().map(|mail| mail.kind.as_str()).collect();
    mails.sort_unstable();
    assert_eq!(mails, ["already_subscribed", "confirmation"], "one each");
    // Where from and when stands in the reader's own record.
    assert!(noted(&site).await.is_empty());
}

/// Signs Ada up as a program does.
async fn by_program(shop: &Program<'_>) {
    let body = json!({ "email": "ada@example.com", "source": "the shop" });
    let answer = shop.send(Method::POST, "/subscribers", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
}

/// What is kept of how Ada asked: whence, from which address, whether by a form, and when.
async fn record(site: &TestSite) -> (String, Option<String>, bool, i64) {
    let ada = site.reader("ada@example.com").await.unwrap();
    let record = site.web.store.subscriber_record(&ada.id).await.unwrap();
    let record = record.unwrap();
    let asked_at = record.asked_at.unwrap().as_millis();
    let by_form = record.form_version.is_some();
    (record.source, record.asked_ip, by_form, asked_at)
}

#[tokio::test]
async fn a_program_takes_nothing_from_the_record_of_who_filled_in_the_form() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    site.subscribe("ada@example.com", "").await;
    let (source, ip, by_form, first) = record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
    site.clock.advance(Duration::from_secs(3600));
    by_program(&shop).await;
    let (source, ip, by_form, asked) = record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
    assert!(asked > first, "they are waited for anew");
    assert_eq!(site.deliveries().await.len(), 2, "and asked by mail again");
}

#[tokio::test]
async fn who_fills_in_the_form_after_a_program_asked_has_a_record_of_the_form() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    by_program(&shop).await;
    let (source, ip, by_form, _) = record(&site).await;
    assert_eq!((source.as_str(), ip, by_form), ("the shop", None, false));
    site.subscribe("ada@example.com", "").await;
    let (source, ip, by_form, _) = record(&site).await;
    assert_eq!(
        (source.as_str(), ip.as_deref()),
        ("form", Some("192.0.2.1"))
    );
    assert!(by_form);
}

#[tokio::test]
async fn who_left_and_is_signed_up_by_a_program_has_a_record_of_that() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    let ada = site.confirmed("ada@example.com").await;
    let left = format!("/subscribers/{}/unsubscribe", ada.id);
    assert_eq!(shop.post(&left).await.json()["result"], "unsubscribed");
    site.clock.advance(Duration::from_secs(3600));
    by_program(&shop).await;
    let (source, ip, by_form, _) = record(&site).await;
    assert_eq!((source.as_str(), ip, by_form), ("the shop", None, false));
}

#[tokio::test]
async fn a_lost_token_fills_no_strangers_mailboxes() {
    let few = NonZeroU32::new(2).unwrap();
    let site = TestSite::with(|web| web.door.caps.per_domain_hour = few).await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    let mut answers = Vec::new();
    for number in 1..=3 {
        let body = json!({ "email": format!("reader{number}@victim.example") });
        answers.push(shop.send(Method::POST, "/subscribers", &body).await);
    }
    let says = answers[2].problem(StatusCode::TOO_MANY_REQUESTS);
    assert!(says.contains("Wait 10 minutes"), "{says}");
    assert_eq!(answers[2].header(header::RETRY_AFTER), "600");
    assert_eq!(site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_token_signs_up_so_many_an_hour_and_another_goes_on() {
    let few = NonZeroU32::new(2).unwrap();
    let site = TestSite::with(|web| web.door.caps.per_token_hour = few).await;
    let lost = program(&site, "lost", &["subscribers"]).await;
    let shop = program(&site, "shop", &["subscribers"]).await;
    let sign_up = async |program: &Program<'_>, number: u32| {
        let body = json!({ "email": format!("reader@blog{number}.example") });
        program.send(Method::POST, "/subscribers", &body).await
    };
    for number in 1..=2 {
        let answer = sign_up(&lost, number).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
    let capped = sign_up(&lost, 3).await;
    let says = capped.problem(StatusCode::TOO_MANY_REQUESTS);
    assert!(says.contains("with this token"), "{says}");
    assert_eq!(capped.header(header::RETRY_AFTER), "600");
    assert_eq!(site.deliveries().await.len(), 2);
    let answer = sign_up(&shop, 3).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "not its fault");
}

#[tokio::test]
async fn who_agreed_elsewhere_is_taken_in_once_and_who_left_stays_out() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &ALL).await;
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "at the till" });
    let added = shop.send(Method::POST, "/subscribers", &body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    let added = added.json();
    let path = format!("/subscribers/{}", added["id"].as_str().unwrap());
    let record = shop.read(&path).await;
    assert_eq!(record["state"], "confirmed");
    assert_eq!(record["source"], "at the till");
    assert!(record["consent"]["confirmed_at"].is_i64());
    let again = shop.send(Method::POST, "/subscribers", &body).await;
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
    let refused = shop.send(Method::POST, "/subscribers", &body).await;
    assert!(refused.problem(StatusCode::CONFLICT).contains("stay out"));
    let actions: Vec<_> = noted(&site).await.into_iter().map(|it| it.2).collect();
    assert_eq!(
        actions,
        [
            AuditAction::SubscriberAdded,
            AuditAction::SubscriberUnsubscribed
        ]
    );
}

#[tokio::test]
async fn an_erased_reader_is_gone_for_good() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &ALL).await;
    let ada = site.confirmed("ada@example.com").await;
    let path = format!("/subscribers/{}", ada.id);
    let erased = shop.ask(Method::DELETE, &path).await;
    assert_eq!(erased.json()["result"], "erased");
    assert!(site.reader("ada@example.com").await.is_none());
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/unsubscribe")),
        (Method::GET, "/subscribers/ada@example.com".to_owned()),
    ] {
        let gone = shop.ask(method, &path).await;
        gone.problem(StatusCode::NOT_FOUND);
    }
    let body = json!({ "email": "ada@example.com", "confirmed": true, "source": "shop" });
    let back = shop.send(Method::POST, "/subscribers", &body).await;
    back.problem(StatusCode::CONFLICT);
    let (_, _, action, object) = noted(&site).await.remove(0);
    assert_eq!(
        (action, object),
        (AuditAction::SubscriberErased, Some(ada.id.to_string()))
    );
}

#[tokio::test]
async fn the_list_has_pages_which_hold_while_readers_are_erased() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &ALL).await;
    for number in 1..=5 {
        site.clock.advance(Duration::from_secs(1));
        site.confirmed(&format!("reader{number}@example.com")).await;
    }
    site.confirmed("other@example.org").await;
    let all = ids(&shop.read("/subscribers").await);
    assert_eq!(all.len(), 6);
    let mut walked = Vec::new();
    let mut path = "/subscribers?state=confirmed&limit=4".to_owned();
    loop {
        let page = shop.read(&path).await;
        for id in ids(&page) {
            shop.ask(Method::DELETE, &format!("/subscribers/{id}"))
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
async fn the_list_finds_and_filters() {
    let site = TestSite::new().await;
    let shop = program(&site, "shop", &ALL).await;
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
        let page = shop.read(&format!("/subscribers{query}")).await;
        let mut wanted: Vec<_> = found.iter().map(|reader| reader.id.to_string()).collect();
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
        let answer = shop.ask(Method::GET, &format!("/subscribers{query}")).await;
        answer.problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
    let page = shop.read("/subscribers?search=e&limit=1").await;
    assert_eq!(page["next"], Value::Null);
    let gone = "/subscribers?search=e&after=01930000-0000-7000-8000-000000000000";
    let answer = shop.ask(Method::GET, gone).await;
    assert!(answer.problem(StatusCode::CONFLICT).contains("Begin again"));
}
