use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::domain::delivery::DeliveryKind;
use crate::domain::public_url::PublicUrl;
use crate::domain::subscriber::SubscriberState;
use crate::domain::trusted_proxies::TrustedProxies;
use crate::subscription::CapLimits;
use crate::web::Web;
use crate::web::fixture::{Answer, TestSite};

fn caps(per_ip: u32, per_domain: u32) -> impl FnOnce(&mut Web) {
    let number = |n| NonZeroU32::new(n).unwrap();
    move |web| web.door.caps = CapLimits { per_ip_hour: number(per_ip), per_domain_hour: number(per_domain) }
}

fn is_taken_in(answer: &Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER && answer.header(header::LOCATION) == "/check"
}

/// What a stranger can see of an answer, but for what the cookie's seal looks like.
fn outside(answer: &Answer) -> (StatusCode, Vec<(String, usize)>, String) {
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), value.len())).collect();
    (answer.status, headers, answer.body.clone())
}

#[tokio::test]
async fn a_sign_up_makes_one_row_and_one_mail() {
    let site = TestSite::new().await;
    let answer = site.subscribe("Ada@Example.com", "name=Ada").await;
    assert!(is_taken_in(&answer), "{answer:?}");
    let reader = site.reader("ada@example.com").await.unwrap();
    assert_eq!((reader.state, reader.name.as_deref()), (SubscriberState::Pending, Some("Ada")));
    let mails = site.deliveries().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].kind, DeliveryKind::Confirmation);

    // The same mailbox, written otherwise: no second mail in ten minutes.
    let again = site.subscribe("ADA@EXAMPLE.COM", "").await;
    assert_eq!(outside(&answer), outside(&again));
    assert_eq!(site.deliveries().await.len(), 1);
    site.clock.advance(Duration::from_secs(10 * 60));
    site.subscribe("ada@example.com", "").await;
    assert_eq!(site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn the_answer_tells_nothing_of_the_address() {
    let site = TestSite::new().await;
    site.confirmed("conf@example.com").await;
    let left = site.confirmed("left@example.com").await;
    let token = site.web.keys.reader_token(crate::domain::token::Purpose::Unsubscribe, &left.id);
    site.post(&format!("/unsubscribe/{token}"), "").await;
    site.subscribe("pend@example.com", "").await;
    let unknown = outside(&site.subscribe("newo@example.com", "").await);
    for known in ["conf@example.com", "left@example.com", "pend@example.com"] {
        assert_eq!(outside(&site.subscribe(known, "").await), unknown, "{known}");
    }
    assert_eq!(site.reader("left@example.com").await.unwrap().state, SubscriberState::Unsubscribed);
}

#[tokio::test]
async fn the_cookie_carries_the_address_to_the_next_page_and_nowhere_else() {
    let site = TestSite::with(|web| web.door.public_url = PublicUrl::parse("https://blog.example/weekly").unwrap()).await;
    let answer = site.subscribe("ada@example.com", "").await;
    assert_eq!(answer.header(header::LOCATION), "/weekly/check");
    let set = answer.header(header::SET_COOKIE);
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/weekly/check; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    assert!(!set.contains("ada"));

    let check = async |cookie: &str| {
        let request = Request::get("/weekly/check").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        site.answer(request, "192.0.2.1").await
    };
    let page = check(&format!("a=b; {cookie}")).await;
    assert!(page.body.contains("<bdi>ada@example.com</bdi>"));
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    // "Send it again" posts what the page holds.
    site.clock.advance(Duration::from_secs(60));
    let body = format!("email=ada%40example.com&keep=1&stamp={}", page.field("stamp"));
    assert_eq!(site.post("/weekly/subscribe", body).await.status, StatusCode::SEE_OTHER);

    let stamp = page.field("stamp");
    for cookie in ["", "check=", "check=AAAA", &format!("check={stamp}"), &cookie.to_uppercase()] {
        let general = check(cookie).await;
        assert_eq!(general.status, StatusCode::OK);
        assert!(!general.body.contains("ada@example.com"), "{cookie}");
    }
    site.clock.advance(Duration::from_secs(10 * 60));
    assert!(!check(cookie).await.body.contains("ada@example.com"));
}

#[tokio::test]
async fn what_is_no_address_comes_back_with_words() {
    let site = TestSite::new().await;
    for (email, words) in [
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
        assert!(answer.body.contains("<title>Error: ") && answer.body.contains(words), "{email:?}");
        let shown = email.trim();
        assert!(answer.body.contains(&format!("value=\"{shown}\"")), "{email:?}");
        assert!(!answer.headers.contains_key("bcc") && !answer.headers.contains_key(header::SET_COOKIE));
    }
    for (name, words) in [("a%0D%0Ab", "on one line"), (&*"x".repeat(101), "100 characters")] {
        let answer = site.subscribe("a@x.com", &format!("name={name}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(words));
    }
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn mangled_forms_are_refused_by_status() {
    let site = TestSite::new().await;
    let (mangled, twice, control) = ("email=%FF%FE%40x.com", "email=a%40x.com&email=b%40x.com", "email=a%40x.com&stamp=%0D%0A");
    for (body, status) in [
        (mangled, StatusCode::BAD_REQUEST),
        (twice, StatusCode::UNPROCESSABLE_ENTITY),
        (control, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = site.post("/subscribe", body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.body.contains("We could not read that"), "{body}");
    }
    for content_type in ["application/json", "multipart/form-data; boundary=x", "text/plain"] {
        let request = Request::post("/subscribe").header(header::CONTENT_TYPE, content_type);
        let answer = site.answer(request.body("{}".into()).unwrap(), "192.0.2.1").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    let answer = site.post("/subscribe", vec![b'a'; 1024 * 1024]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.body.contains("That was too much"));
    assert!(site.deliveries().await.is_empty());
}

#[tokio::test]
async fn markup_stays_text() {
    let site = TestSite::new().await;
    let name = "{{7*7}}<script>";
    let answer = site.subscribe("a@localhost", "name=%7B%7B7*7%7D%7D%3Cscript%3E").await;
    assert!(answer.body.contains("value=\"{{7*7}}&lt;script&gt;\""), "{}", answer.body);
    site.subscribe("a@x.com", "name=%7B%7B7*7%7D%7D%3Cscript%3E").await;
    assert_eq!(site.reader("a@x.com").await.unwrap().name.as_deref(), Some(name));
}

#[tokio::test]
async fn a_robot_gets_the_same_answer_and_no_row() {
    let site = TestSite::new().await;
    let person = site.subscribe("aaa@x.com", "").await;
    let form = site.get("/").await;
    site.clock.advance(Duration::from_secs(2));
    let body = format!("email=bbb%40x.com&website=http%3A%2F%2Fspam.example&stamp={}", form.field("stamp"));
    let robot = site.post("/subscribe", body).await;
    assert_eq!(outside(&person), outside(&robot));
    assert!(site.reader("bbb@x.com").await.is_none());
}

#[tokio::test]
async fn a_form_without_its_stamp_takes_one_more_press() {
    let site = TestSite::new().await;
    let fast = site.get("/").await;
    for stamp in ["", "forged", fast.field("stamp")] {
        let step = site.post("/subscribe", format!("email=Ada%40x.com&name=Ada&stamp={stamp}")).await;
        assert_eq!(step.status, StatusCode::OK);
        assert!(step.body.contains("One more step") && site.deliveries().await.is_empty(), "{stamp}");
        assert_eq!((step.field("email"), step.field("name")), ("Ada@x.com", "Ada"));
    }
    let step = site.post("/subscribe", "email=ada%40x.com").await;
    let body = format!("email=ada%40x.com&website=&stamp={}", step.field("stamp"));
    assert!(is_taken_in(&site.post("/subscribe", body).await));
    assert_eq!(site.deliveries().await.len(), 1);
    // A stamp is good for a day and for more than one use.
    for (hours, status) in [(23, StatusCode::SEE_OTHER), (2, StatusCode::OK)] {
        site.clock.advance(Duration::from_secs(hours * 60 * 60));
        let body = format!("email=ada%40x.com&stamp={}", fast.field("stamp"));
        assert_eq!(site.post("/subscribe", body).await.status, status, "{hours}");
    }
}

#[tokio::test]
async fn a_slip_is_asked_about_once() {
    let site = TestSite::new().await;
    let hint = site.subscribe("ada@gmial.com", "").await;
    assert_eq!(hint.status, StatusCode::OK);
    assert!(hint.body.contains("Did you mean") && hint.body.contains("ada@gmail.com"));
    assert!(site.deliveries().await.is_empty());
    let stamp = hint.field("stamp");
    assert!(is_taken_in(&site.post("/subscribe", format!("email=ada%40gmail.com&stamp={stamp}")).await));
    assert!(is_taken_in(&site.post("/subscribe", format!("email=ada%40gmial.com&keep=1&stamp={stamp}")).await));
}

#[tokio::test]
async fn too_many_tries_are_told_so() {
    let site = TestSite::with(caps(2, 1000)).await;
    for number in 0..2 {
        assert!(is_taken_in(&site.subscribe(&format!("a{number}@x.com"), "").await));
    }
    let answer = site.subscribe("a3@x.com", "").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "600");
    assert!(answer.body.contains("Too many tries") && answer.body.contains("value=\"a3@x.com\""));
    assert!(site.reader("a3@x.com").await.is_none());
    // Whatever a stranger says of where they are.
    let form = site.get("/").await;
    site.clock.advance(Duration::from_secs(2));
    let request = Request::post("/subscribe")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-forwarded-for", "203.0.113.77");
    let request = request.body(format!("email=a4%40x.com&stamp={}", form.field("stamp")).into()).unwrap();
    assert_eq!(site.answer(request, "192.0.2.1").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_trusted_proxy_is_believed() {
    let site = TestSite::with(|web| {
        caps(1, 1000)(web);
        web.door.trusted_proxies = TrustedProxies::parse(["10.0.0.1"]).unwrap();
    })
    .await;
    let from = async |client: &str| {
        let request = Request::post("/subscribe")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("198.51.100.1, {client}"));
        site.answer(request.body("email=a%40x.com".into()).unwrap(), "10.0.0.1").await.status
    };
    assert_eq!(from("203.0.113.1").await, StatusCode::OK);
    assert_eq!(from("203.0.113.1").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("203.0.113.2").await, StatusCode::OK);
}

#[tokio::test]
async fn a_button_counts_with_the_form_it_belongs_to() {
    let site = TestSite::with(caps(1, 1000)).await;
    let step = site.post("/subscribe", "email=ada%40x.com").await;
    let body = format!("email=ada%40x.com&stamp={}", step.field("stamp"));
    assert!(is_taken_in(&site.post("/subscribe", body).await));
    let other = format!("email=bob%40x.com&stamp={}", step.field("stamp"));
    assert_eq!(site.post("/subscribe", other).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_network_and_a_domain_count_as_one() {
    let site = TestSite::with(caps(1, 1000)).await;
    for (ip, status) in [
        ("2001:db8::1", StatusCode::SEE_OTHER),
        ("2001:db8::2", StatusCode::TOO_MANY_REQUESTS),
        ("2001:db8:0:1::1", StatusCode::SEE_OTHER),
    ] {
        assert_eq!(site.subscribe_from(ip, "a@x.com", "").await.status, status, "{ip}");
    }
    let site = TestSite::with(caps(1000, 3)).await;
    let mut taken = 0;
    for number in 0..6 {
        let answer = site.subscribe_from(&format!("192.0.2.{number}"), &format!("a{number}@victim.example"), "").await;
        taken += usize::from(is_taken_in(&answer));
    }
    assert_eq!(taken, 3);
}
