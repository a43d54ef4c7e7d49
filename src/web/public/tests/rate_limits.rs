//! Rate limits of sign-ups.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{Request, StatusCode, header};

use crate::domain::trusted_proxies::TrustedProxies;
use crate::subscription::SignupLimitConfig;
use crate::web::Services;
use crate::web::public::tests::is_accepted;
use crate::web::tests::fixture::TestSite;

fn limits(per_ip: u32, per_domain: u32) -> impl FnOnce(&mut Services) {
    let number = |n| NonZeroU32::new(n).unwrap();
    move |web| {
        web.door.caps = SignupLimitConfig {
            per_ip_hour: number(per_ip),
            per_domain_hour: number(per_domain),
            per_token_hour: number(1000),
        }
    }
}

#[tokio::test]
async fn signup_over_limit_returns_429() {
    let site = TestSite::with(limits(2, 1000)).await;
    for number in 0..2 {
        assert!(is_accepted(
            &site.subscribe(&format!("a{number}@x.com"), "").await
        ));
    }
    // Over the limit a button is needed, which works; over twice of it nothing helps.
    for number in 3..5 {
        let email = format!("b{number}@x.com");
        let step = site.subscribe(&email, "").await;
        assert_eq!(step.status, StatusCode::OK);
        assert!(step.body.contains("One more step"));
        let body = format!("email={email}&stamp={}", step.field("stamp"));
        assert!(is_accepted(&site.post("/subscribe", body).await));
    }
    let answer = site.subscribe("a3@x.com", "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "600");
    assert!(
        answer.body.contains("Too many attempts") && answer.body.contains("value=\"a3@x.com\"")
    );
    assert!(site.reader("a3@x.com").await.is_none());
    // The header of an untrusted peer is ignored.
    let form = site.get("/").await;
    site.clock.advance(Duration::from_secs(2));
    let request = Request::post("/subscribe")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "203.0.113.77");
    let request = request
        .body(format!("email=a4%40x.com&stamp={}", form.field("stamp")).into())
        .unwrap();
    assert_eq!(
        site.answer(request, "192.0.2.1").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn limit_uses_client_ip_of_trusted_proxy() {
    let site = TestSite::with(|web| {
        limits(1, 1000)(web);
        web.door.trusted_proxies = TrustedProxies::parse(["10.0.0.1"]).unwrap();
    })
    .await;
    let from = async |client: &str| {
        let request = Request::post("/subscribe")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("198.51.100.1, {client}"));
        site.answer(request.body("email=a%40x.com".into()).unwrap(), "10.0.0.1")
            .await
            .status
    };
    assert_eq!(from("203.0.113.1").await, StatusCode::OK);
    assert_eq!(from("203.0.113.1").await, StatusCode::OK);
    assert_eq!(from("203.0.113.1").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("203.0.113.2").await, StatusCode::OK);
}

#[tokio::test]
async fn button_is_counted_with_its_form() {
    let site = TestSite::with(limits(1, 1000)).await;
    let step = site.post("/subscribe", "email=ada%40x.com").await;
    let body = format!("email=ada%40x.com&stamp={}", step.field("stamp"));
    assert!(is_accepted(&site.post("/subscribe", body).await));
    let other = format!("email=bob%40x.com&stamp={}", step.field("stamp"));
    let answer = site.post("/subscribe", other.clone()).await;
    assert!(answer.body.contains("One more step"));
    assert_eq!(
        site.post("/subscribe", other).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn limits_apply_per_network_and_mail_domain() {
    let site = TestSite::with(limits(1, 1000)).await;
    for (ip, status) in [
        ("2001:db8::1", StatusCode::SEE_OTHER),
        ("2001:db8::2", StatusCode::OK),
        ("2001:db8::3", StatusCode::TOO_MANY_REQUESTS),
        ("2001:db8:0:1::1", StatusCode::SEE_OTHER),
    ] {
        assert_eq!(
            site.subscribe_from(ip, "a@x.com", "").await.status,
            status,
            "{ip}"
        );
    }
    let site = TestSite::with(limits(1000, 3)).await;
    let mut accepted = 0;
    for number in 0..6 {
        let answer = site
            .subscribe_from(
                &format!("192.0.2.{number}"),
                &format!("a{number}@victim.example"),
                "",
            )
            .await;
        accepted += usize::from(is_accepted(&answer));
    }
    assert_eq!(accepted, 3);
}
