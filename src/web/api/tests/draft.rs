//! Reading, editing and sending the draft.

use axum::response::IntoResponse;

use crate::digest::PublishError;
use crate::domain::missing_setting::MissingSetting;
use crate::web::api::problem::Problem;
use crate::web::api::tests::*;

const ALL: [&str; 2] = ["read", "issues"];

#[tokio::test]
async fn draft_text_can_be_changed_and_reset() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.posts(&["A loader in fonts"]).await;
    let deploy = client(&site, "deploy", &ALL).await;
    let draft = deploy.get("/next").await;
    assert_eq!(
        (&draft["number"], &draft["recipients"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(draft["posts"][0]["title"], "A loader in fonts");
    assert_eq!(
        draft["words"],
        json!({ "subject": null, "preheader": null, "note": null })
    );
    let rule = draft["subject"].clone();

    let version = draft["version"].as_i64().unwrap();
    let words = json!({ "version": version, "subject": "By hand", "note": "Dear *readers*" });
    let saved = deploy.call_json(Method::PATCH, "/next", &words).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.body);
    let version = saved.json()["version"].as_i64().unwrap();
    let draft = deploy.get("/next").await;
    assert_eq!(
        (&draft["subject"], &draft["version"]),
        (&json!("By hand"), &json!(version))
    );
    assert_eq!(draft["words"]["note"], "Dear *readers*");

    let back = json!({ "version": version, "subject": null });
    let saved = deploy.call_json(Method::PATCH, "/next", &back).await;
    let draft = deploy.get("/next").await;
    assert_eq!(draft["subject"], rule);
    assert_eq!(
        draft["words"]["note"], "Dear *readers*",
        "not named, so it stays"
    );
    let (_, actor, action, object) = audit_entries(&site).await.remove(0);
    assert_eq!(
        (actor.as_deref(), action),
        (Some("deploy"), AuditAction::IssueEdited)
    );
    assert_eq!(object.as_deref(), Some("1"));

    let version = saved.json()["version"].clone();
    let number = version.as_i64().unwrap();
    let same: Value = serde_json::from_str(&format!(
        r#"{{"version":{number}.0,"note":"Dear *readers*"}}"#
    ))
    .unwrap();
    let saved = deploy.call_json(Method::PATCH, "/next", &same).await;
    assert_eq!(saved.json()["version"], version, "nothing was changed");
    assert_eq!(audit_entries(&site).await.len(), 2);
}

#[tokio::test]
async fn edit_of_outdated_version_is_rejected() {
    let site = TestSite::new().await;
    let deploy = client(&site, "deploy", &ALL).await;
    let version = deploy.get("/next").await["version"].as_i64().unwrap();
    let mine = json!({ "version": version, "subject": "Mine" });
    deploy.call_json(Method::PATCH, "/next", &mine).await;
    let theirs = json!({ "version": version, "subject": "Theirs" });
    let response = deploy.call_json(Method::PATCH, "/next", &theirs).await;
    assert!(
        response
            .problem(StatusCode::CONFLICT)
            .contains("newer version")
    );
    assert_eq!(response.json()["version"], version + 1);
    assert_eq!(deploy.get("/next").await["words"]["subject"], "Mine");
    for (body, field) in [
        (
            json!({ "version": version + 1, "subject": "x".repeat(201) }),
            "subject",
        ),
        (
            json!({ "version": version + 1, "preheader": "x".repeat(201) }),
            "preheader",
        ),
        (
            json!({ "version": version + 1, "note": "x".repeat(5001) }),
            "note",
        ),
        (json!({ "subject": "no version" }), "body"),
        (json!({ "version": 1.5 }), "body"),
        (json!({ "version": version + 1, "posts": [] }), "body"),
    ] {
        let response = deploy.call_json(Method::PATCH, "/next", &body).await;
        response.problem(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.json()["errors"][0]["field"], field);
    }
}

#[tokio::test]
async fn repeated_send_returns_same_issue() {
    let site = TestSite::new().await;
    let deploy = client(&site, "deploy", &ALL).await;
    let nothing = deploy.post("/next/send").await;
    assert_eq!(nothing.status, StatusCode::OK, "{}", nothing.body);
    assert_eq!(nothing.json()["result"], "nothing_new");
    assert_eq!(nothing.json()["issue"], Value::Null);

    site.confirmed("ada@example.com").await;
    site.posts(&["A loader in fonts"]).await;
    let sent = deploy.post("/next/send").await.json();
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&json!("sending"), &json!(1))
    );
    assert_eq!(
        (&sent["recipients"], &sent["queued"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(sent["slot"], "2026-W47");
    let again = deploy.post("/next/send").await.json();
    assert_eq!(again, sent);
    deploy.post("/issues/1/pause").await;
    assert_eq!(deploy.post("/next/send").await.json()["result"], "paused");
    // Nobody received it, so the week is free again.
    deploy.post("/issues/1/cancel").await;
    let second = deploy.post("/next/send").await.json();
    assert_eq!(
        (&second["result"], &second["issue"], &second["slot"]),
        (&json!("sending"), &json!(2), &sent["slot"])
    );
    let sent = audit_entries(&site)
        .await
        .into_iter()
        .filter(|it| it.2 == AuditAction::IssueSent);
    assert_eq!(sent.count(), 2);
}

#[tokio::test]
async fn concurrent_sends_create_one_issue() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.posts(&["A loader in fonts"]).await;
    let deploy = client(&site, "deploy", &ALL).await;
    let cron = client(&site, "cron", &ALL).await;
    let (one, other) = tokio::join!(deploy.post("/next/send"), cron.post("/next/send"));
    for response in [&one, &other] {
        assert_eq!(response.status, StatusCode::OK, "{}", response.body);
        let body = response.json();
        assert_eq!(
            (&body["result"], &body["issue"]),
            (&json!("sending"), &json!(1))
        );
    }
    let page = deploy.get("/issues").await;
    assert_eq!(page["issues"].as_array().unwrap().len(), 1);
    assert_eq!(site.deliveries().await.len(), 1, "Ada gets it once");
    let sent = audit_entries(&site).await;
    let sent = sent.iter().filter(|it| it.2 == AuditAction::IssueSent);
    assert_eq!(sent.count(), 1);
}

#[test]
fn number_conflict_is_409() {
    let crowded = Problem::from(PublishError::Conflict).into_response();
    assert_eq!(crowded.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn send_in_skipped_week_returns_skipped() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.posts(&["A loader in fonts"]).await;
    let slot = site.web.schedule.slot_of(site.now());
    site.web.store.skip_slot(&slot, site.now()).await.unwrap();
    let deploy = client(&site, "deploy", &ALL).await;
    assert_eq!(deploy.post("/next/send").await.json()["result"], "skipped");
}

#[tokio::test]
async fn send_without_settings_names_missing_ones() {
    let site = TestSite::with(|web| {
        web.missing_settings = vec![MissingSetting::From, MissingSetting::PostalAddress];
    })
    .await;
    let deploy = client(&site, "deploy", &ALL).await;
    let response = deploy.post("/next/send").await;
    let detail = response.problem(StatusCode::CONFLICT);
    assert!(
        detail.starts_with("newsletter.from is required"),
        "{detail}"
    );
    assert!(
        detail.contains("; newsletter.postal_address is required"),
        "{detail}"
    );
}
