//! The sign-up form.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::domain::delivery::DeliveryKind;
use crate::domain::public_url::PublicUrl;
use crate::domain::subscriber::SubscriberState;
use crate::web::public::tests::is_accepted;
use crate::web::tests::fixture::{TestResponse, TestSite};

/// Returns what a client can see of a response, except the content of the cookie.
fn visible(answer: &TestResponse) -> (StatusCode, Vec<(String, usize)>, String) {
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.len()))
        .collect();
    (answer.status, headers, answer.body.clone())
}

#[tokio::test]
async fn signup_enqueues_one_confirmation() {
    let site = TestSite::new().await;
    let answer = site.subscribe("Ada@Example.com", "name=Ada").await;
    assert!(is_accepted(&answer), "{answer:?}");
    let subscriber = site.reader("ada@example.com").await.unwrap();
    assert_eq!(
        (subscriber.state, subscriber.name.as_deref()),
        (SubscriberState::Pending, Some("Ada"))
    );
    let mails = site.deliveries().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].kind, DeliveryKind::Confirmation);

    // The same mailbox in another notation: no second message within ten minutes.
    let again = site.subscribe("ADA@EXAMPLE.COM", "").await;
    assert_eq!(visible(&answer), visible(&again));
    assert_eq!(site.deliveries().await.len(), 1);
    site.clock.advance(Duration::from_secs(10 * 60));
    site.subscribe("ada@example.com", "").await;
    assert_eq!(site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn response_is_same_for_known_address() {
    let site = TestSite::new().await;
    site.confirmed("conf@example.com").await;
    let left = site.confirmed("left@example.com").await;
    let token = site
        .web
        .keys
        .subscriber_token(crate::domain::signed_token::Purpose::Unsubscribe, &left.id);
    site.post(&format!("/unsubscribe/{token}"), "").await;
    site.subscribe("pend@example.com", "").await;
    let dead = site.confirmed("dead@example.com").await;
    site.bounce(&dead).await;
    let unknown = visible(&site.subscribe("newo@example.com", "").await);
    for known in [
        "conf@example.com",
        "left@example.com",
        "pend@example.com",
        "dead@example.com",
    ] {
        assert_eq!(
            visible(&site.subscribe(known, "").await),
            unknown,
            "{known}"
        );
    }
    assert_eq!(
        site.reader("left@example.com").await.unwrap().state,
        SubscriberState::Unsubscribed
    );
    assert_eq!(
        site.reader("dead@example.com").await.unwrap().state,
        SubscriberState::Suppressed
    );
}

#[tokio::test]
async fn cookie_passes_address_to_check_page_only() {
    let site = TestSite::with(|web| {
        web.door.public_url = PublicUrl::parse("https://blog.example/weekly").unwrap()
    })
    .await;
    let answer = site.subscribe("ada@example.com", "").await;
    assert_eq!(answer.header(header::LOCATION), "/weekly/check");
    let set = answer.header(header::SET_COOKIE);
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "Path=/weekly/check; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"
    );
    assert!(!set.contains("ada"));

    let check = async |cookie: &str| {
        let request = Request::get("/weekly/check")
            .header(header::COOKIE, cookie)
            .body(Body::empty())
            .unwrap();
        site.answer(request, "192.0.2.1").await
    };
    let page = check(&format!("a=b; {cookie}")).await;
    assert!(page.body.contains("<bdi>ada@example.com</bdi>"));
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    assert!(
        page.body
            .contains("one link in ten minutes and three a day")
    );
    assert!(!page.body.contains("Send it again"), "it would not be sent");
    site.clock.advance(Duration::from_secs(10 * 60));
    let page = check(cookie).await;
    assert!(page.body.contains("Send it again"));
    let stamp = page.field("stamp");
    // The button posts the fields of the page.
    site.clock.advance(Duration::from_secs(60));
    for (sent, is_last) in [(1, false), (2, true)] {
        let body = format!("email=ada%40example.com&keep=1&sent={sent}&stamp={stamp}");
        let answer = site.post("/weekly/subscribe", body).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let set = answer.header(header::SET_COOKIE);
        let next = check(set.split_once("; ").unwrap().0).await;
        assert_eq!(next.body.contains("That was the third"), is_last);
    }

    for cookie in [
        "",
        "check=",
        "check=AAAA",
        &format!("check={stamp}"),
        &cookie.to_uppercase(),
    ] {
        let general = check(cookie).await;
        assert_eq!(general.status, StatusCode::OK);
        assert!(!general.body.contains("ada@example.com"), "{cookie}");
    }
    site.clock.advance(Duration::from_secs(60 * 60));
    assert!(!check(cookie).await.body.contains("ada@example.com"));
}

#[tokio::test]
async fn invalid_field_is_shown_with_error() {
    let site = TestSite::new().await;
    for (email, text) in [
        ("a@localhost", "name@example.com"),
        ("a..b@x.com", "name@example.com"),
        ("a@1.2.3.4", "name@example.com"),
        ("", "name@example.com"),
        ("a@x.com\r\nBcc: b@x.com", "name@example.com"),
        ("a\0@x.com", "name@example.com"),
        ("jörg@example.de", "without accents"),
    ] {
        let answer = site.subscribe(email, "").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{email:?}");
        assert!(
            answer.body.contains("<title>Error: ") && answer.body.contains(text),
            "{email:?}"
        );
        let shown = email.trim();
        assert!(
            answer.body.contains(&format!("value=\"{shown}\"")),
            "{email:?}"
        );
        assert!(
            !answer.headers.contains_key("bcc") && !answer.headers.contains_key(header::SET_COOKIE)
        );
    }
    for (name, text) in [
        ("a%0D%0Ab", "on one line"),
        (&*"x".repeat(101), "100 characters"),
    ] {
        let answer = site.subscribe("a@x.com", &format!("name={name}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(text));
    }
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn malformed_form_is_rejected() {
    let site = TestSite::new().await;
    let (mangled, twice, control) = (
        "email=%FF%FE%40x.com",
        "email=a%40x.com&email=b%40x.com",
        "email=a%40x.com&stamp=%0D%0A",
    );
    for (body, status) in [
        (mangled, StatusCode::BAD_REQUEST),
        (twice, StatusCode::UNPROCESSABLE_ENTITY),
        (control, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = site.post("/subscribe", body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.contains("We couldn’t read that"), "{body}");
    }
    for content_type in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
    ] {
        let request = Request::post("/subscribe").header(header::CONTENT_TYPE, content_type);
        let answer = site
            .answer(request.body("{}".into()).unwrap(), "192.0.2.1")
            .await;
        assert_eq!(
            answer.status,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{content_type}"
        );
    }
    let answer = site.post("/subscribe", vec![b'a'; 1024 * 1024]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("Too large"));
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn markup_in_field_is_escaped() {
    let site = TestSite::new().await;
    let name = "{{7*7}}<script>";
    let answer = site
        .subscribe("a@localhost", "name=%7B%7B7*7%7D%7D%3Cscript%3E")
        .await;
    assert!(
        answer.body.contains("value=\"{{7*7}}&lt;script&gt;\""),
        "{}",
        answer.body
    );
    site.subscribe("a@x.com", "name=%7B%7B7*7%7D%7D%3Cscript%3E")
        .await;
    assert_eq!(
        site.reader("a@x.com").await.unwrap().name.as_deref(),
        Some(name)
    );
}

#[tokio::test]
async fn filled_honeypot_requires_button() {
    let site = TestSite::new().await;
    let form = site.get("/").await;
    assert!(
        form.body
            .contains("data-1p-ignore data-lpignore=\"true\" data-bwignore")
    );
    site.clock.advance(Duration::from_secs(2));
    let trap = "website=http%3A%2F%2Fspam.example";
    let body = format!("email=bbb%40x.com&{trap}&stamp={}", form.field("stamp"));
    let step = site.post("/subscribe", body).await;
    assert_eq!(step.status, StatusCode::OK);
    assert!(step.body.contains("One more step"));
    assert!(site.reader("bbb@x.com").await.is_none());
    // A password manager fills the field of this page, too.
    let body = format!("email=bbb%40x.com&{trap}&stamp={}", step.field("stamp"));
    assert!(is_accepted(&site.post("/subscribe", body).await));
    assert_eq!(site.deliveries().await.len(), 1);
}

#[tokio::test]
async fn unknown_ending_is_questioned_and_can_be_kept() {
    let site = TestSite::new().await;
    for (email, question) in [
        ("ada@example.con", "ada@example.com"),
        ("ada@gmail.cmo", "ada@gmail.com"),
        ("ada@example.qqq", "No address ends in"),
    ] {
        let answer = site.subscribe(email, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{email}");
        assert!(answer.body.contains(question), "{email}: {}", answer.body);
        assert!(site.reader(email).await.is_none());
        assert!(
            is_accepted(&site.subscribe(email, "keep=1").await),
            "{email}"
        );
    }
    for email in ["ada@example.museum", "ada@example.app"] {
        assert!(is_accepted(&site.subscribe(email, "").await), "{email}");
    }
}

#[tokio::test]
async fn form_without_stamp_requires_button() {
    let site = TestSite::new().await;
    let fast = site.get("/").await;
    for stamp in ["", "forged", fast.field("stamp")] {
        let step = site
            .post(
                "/subscribe",
                format!("email=Ada%40x.com&name=Ada&stamp={stamp}"),
            )
            .await;
        assert_eq!(step.status, StatusCode::OK);
        assert!(
            step.body.contains("One more step") && site.deliveries().await.is_empty(),
            "{stamp}"
        );
        assert_eq!(
            (step.field("email"), step.field("name")),
            ("Ada@x.com", "Ada")
        );
    }
    let step = site.post("/subscribe", "email=ada%40x.com").await;
    let body = format!("email=ada%40x.com&website=&stamp={}", step.field("stamp"));
    assert!(is_accepted(&site.post("/subscribe", body).await));
    assert_eq!(site.deliveries().await.len(), 1);
    // A stamp is valid for 24 hours and any number of submissions.
    for (hours, status) in [(23, StatusCode::SEE_OTHER), (2, StatusCode::OK)] {
        site.clock.advance(Duration::from_secs(hours * 60 * 60));
        let body = format!("email=ada%40x.com&stamp={}", fast.field("stamp"));
        assert_eq!(
            site.post("/subscribe", body).await.status,
            status,
            "{hours}"
        );
    }
}

#[tokio::test]
async fn typo_suggestion_is_shown_once() {
    let site = TestSite::new().await;
    let hint = site.subscribe("ada@gmial.com", "").await;
    assert_eq!(hint.status, StatusCode::OK);
    assert!(hint.body.contains("Did you mean") && hint.body.contains("ada@gmail.com"));
    assert!(site.deliveries().await.is_empty());
    let stamp = hint.field("stamp");
    assert!(is_accepted(
        &site
            .post("/subscribe", format!("email=ada%40gmail.com&stamp={stamp}"))
            .await
    ));
    assert!(is_accepted(
        &site
            .post(
                "/subscribe",
                format!("email=ada%40gmial.com&keep=1&stamp={stamp}")
            )
            .await
    ));
}
