//! Sign-ups by a script of another site.

use axum::http::{HeaderName, Method, Request, StatusCode, header};

use crate::web::public::tests::is_accepted;
use crate::web::tests::fixture::{TestResponse, TestSite};

const ALLOW_ORIGIN: HeaderName = header::ACCESS_CONTROL_ALLOW_ORIGIN;

async fn fetch(site: &TestSite, body: &str) -> (TestResponse, serde_json::Value) {
    let request = Request::post("/subscribe")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .header(header::ORIGIN, "https://blog.example");
    let request = request.body(body.to_owned().into()).unwrap();
    let answer = site.answer(request, "192.0.2.1").await;
    assert_eq!(answer.header(ALLOW_ORIGIN), "*", "{body}");
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    let json = serde_json::from_str(&answer.body).unwrap();
    (answer, json)
}

#[tokio::test]
async fn script_signup_leads_to_a_button_and_a_mail() {
    let site = TestSite::new().await;
    let (answer, json) = fetch(&site, "email=ada%40example.com&name=Ada").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(json["result"], "one_more_step");
    let next = json["next"].as_str().unwrap();
    let path = &next[next.find("/subscribe/").unwrap()..];
    let step = site.get(path).await;
    assert!(step.body.contains("One more step") && step.body.contains("ada@example.com"));
    assert!(site.deliveries().await.is_empty(), "GET changes nothing");
    let body = format!(
        "email=ada%40example.com&name=Ada&keep=1&stamp={}",
        step.field("stamp")
    );
    assert!(is_accepted(&site.post("/subscribe", body).await));
    assert_eq!(site.deliveries().await.len(), 1);
    let forged = site.get(&path[..path.len() - 3]).await;
    assert_eq!(forged.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn script_signup_answers_equally_for_known_and_unknown_address() {
    let site = TestSite::new().await;
    site.confirmed("conf@example.com").await;
    let mut answers = Vec::new();
    for email in ["conf@example.com", "newo@example.com"] {
        let (answer, mut json) = fetch(&site, &format!("email={email}")).await;
        let length = json["next"].take().as_str().unwrap().len();
        answers.push((answer.status, length, json));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn script_signup_without_valid_address_is_rejected_in_json() {
    let site = TestSite::new().await;
    for (body, status, error) in [
        ("", StatusCode::UNPROCESSABLE_ENTITY, "address"),
        (
            "email=a%40localhost",
            StatusCode::UNPROCESSABLE_ENTITY,
            "address",
        ),
        (
            "email=a%40x.com&name=a%0Ab",
            StatusCode::UNPROCESSABLE_ENTITY,
            "name_control",
        ),
    ] {
        let (answer, json) = fetch(&site, body).await;
        assert_eq!(
            (answer.status, &json["error"]),
            (status, &error.into()),
            "{body}"
        );
    }
    let (twice, json) = fetch(&site, "email=a%40x.com&email=b%40x.com").await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(json["result"], "malformed");
    let (typo, json) = fetch(&site, "email=ada%40gmail.con").await;
    assert_eq!(typo.status, StatusCode::OK);
    assert_eq!(json["did_you_mean"], "ada@gmail.com");
}

#[tokio::test]
async fn only_the_script_signup_allows_other_origins() {
    let site = TestSite::new().await;
    for path in ["/", "/check", "/embed", "/api/v1/subscribers"] {
        let request = Request::get(path).header(header::ORIGIN, "https://blog.example");
        let answer = site.answer(
            request.body(axum::body::Body::empty()).unwrap(),
            "192.0.2.1",
        );
        assert!(!answer.await.headers.contains_key(ALLOW_ORIGIN), "{path}");
    }
    let page = site.post("/subscribe", "email=ada%40example.com").await;
    assert!(!page.headers.contains_key(ALLOW_ORIGIN));
    let preflight = Request::builder().method(Method::OPTIONS).uri("/subscribe");
    let preflight = preflight.body(axum::body::Body::empty()).unwrap();
    let answer = site.answer(preflight, "192.0.2.1").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header(ALLOW_ORIGIN), "*");
}

#[tokio::test]
async fn embed_page_shows_both_snippets_and_runs_no_script() {
    let site = TestSite::new().await;
    let page = site.get("/embed").await;
    assert!(
        page.body.contains("Accept: &quot;application/json&quot;")
            || page.body.contains("Accept: \"application/json\"")
    );
    assert!(!page.body.contains("<script>"), "{}", page.body);
}
