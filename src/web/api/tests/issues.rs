//! Issues, their deliveries, and actions on them.

use super::*;
use crate::domain::issue::{IssueNumber, IssueState};

const ALL: [&str; 2] = ["read", "issues"];

#[tokio::test]
async fn issue_accounts_for_each_recipient() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.confirmed("eve@example.com").await;
    site.issue(&["One", "Two"]).await;
    let deploy = client(&site, "deploy", &ALL).await;
    let issue = deploy.get("/issues/1").await;
    assert_eq!(
        (&issue["number"], &issue["state"]),
        (&json!(1), &json!("sending"))
    );
    assert_eq!(
        (&issue["recipients"], &issue["queued"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(issue["subject"], "One, Two");
    assert_eq!(issue["finished_at"], Value::Null);

    let page = deploy
        .get("/issues/1/deliveries?state=queued&limit=1")
        .await;
    let first = &page["deliveries"][0];
    assert_eq!(first["issue"], 1);
    let next = page["next"].as_str().unwrap();
    let id = first["id"].as_str().unwrap();
    assert_eq!(id.split_once(':').unwrap().1, next);
    let rest = deploy
        .get(&format!("/issues/1/deliveries?after={next}"))
        .await;
    assert_eq!(rest["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    assert_ne!(rest["deliveries"][0]["address"], first["address"]);
    let none = deploy.get("/issues/1/deliveries?state=delivered").await;
    assert_eq!(none, json!({ "deliveries": [], "next": null }));
    for query in ["state=lost", "state=", "after=x", "after="] {
        let path = format!("/issues/1/deliveries?{query}");
        let response = deploy.call(Method::GET, &path).await;
        response.problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
    for path in [
        "/issues/2",
        "/issues/0",
        "/issues/x",
        "/issues/2/deliveries",
    ] {
        let response = deploy.call(Method::GET, path).await;
        response.problem(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn issues_are_listed_newest_first() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    for title in ["One", "Two", "Three"] {
        site.issue(&[title]).await;
    }
    let deploy = client(&site, "deploy", &ALL).await;
    let subjects = |page: &Value| {
        let rows = page["issues"].as_array().unwrap().iter();
        rows.map(|row| row["subject"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let page = deploy.get("/issues?limit=2").await;
    assert_eq!(
        (subjects(&page), &page["next"]),
        (vec!["Three".to_owned(), "Two".to_owned()], &json!("2"))
    );
    let page = deploy.get("/issues?after=2").await;
    assert_eq!(
        (subjects(&page), &page["next"]),
        (vec!["One".to_owned()], &Value::Null)
    );
    let response = deploy.call(Method::GET, "/issues?after=0").await;
    response.problem(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn issue_actions_outside_their_state_are_rejected() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.issue(&["One"]).await;
    let deploy = client(&site, "deploy", &ALL).await;
    for (action, state) in [
        ("pause", "paused"),
        ("resume", "sending"),
        ("cancel", "cancelled"),
    ] {
        let path = format!("/issues/1/{action}");
        let response = deploy.post(&path).await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.body);
        assert_eq!(
            response.json(),
            json!({ "issue": 1, "state": state, "copies": null })
        );
        let by = deploy.get("/issues/1").await["paused_by"].clone();
        let wanted = (state == "paused").then_some("the token deploy");
        assert_eq!(by, json!(wanted), "a token, not an account");
        let again = deploy.post(&path).await;
        assert!(
            again
                .problem(StatusCode::CONFLICT)
                .contains(&format!("No. 1 is {state}"))
        );
    }
    let issue = site
        .web
        .store
        .issue(IssueNumber::FIRST)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(issue.state, IssueState::Cancelled);
    for (action, words) in [
        ("try-now", "no deferred deliveries"),
        ("send-again", "bounced"),
    ] {
        let response = deploy.post(&format!("/issues/1/{action}")).await;
        assert!(
            response.problem(StatusCode::CONFLICT).contains(words),
            "{action}"
        );
        let nothing = deploy.post(&format!("/issues/9/{action}")).await;
        nothing.problem(StatusCode::NOT_FOUND);
    }
    let actions: Vec<_> = audit_entries(&site)
        .await
        .into_iter()
        .map(|it| (it.1, it.2))
        .collect();
    let entry = |action| (Some("deploy".to_owned()), action);
    assert_eq!(
        actions,
        [
            entry(AuditAction::IssuePaused),
            entry(AuditAction::IssueResumed),
            entry(AuditAction::IssueCancelled)
        ]
    );
}
