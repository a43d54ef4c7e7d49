//! Issues that were sent, and what may be done to them.

use super::*;
use crate::domain::issue::{IssueNumber, IssueState};

const ALL: [&str; 2] = ["read", "issues"];

#[tokio::test]
async fn an_issue_tells_how_its_readers_are_accounted_for() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.confirmed("eve@example.com").await;
    site.issue(&["One", "Two"]).await;
    let deploy = program(&site, "deploy", &ALL).await;
    let issue = deploy.read("/issues/1").await;
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
        .read("/issues/1/deliveries?state=queued&limit=1")
        .await;
    let first = &page["deliveries"][0];
    assert_eq!(first["issue"], 1);
    let next = page["next"].as_str().unwrap();
    let id = first["id"].as_str().unwrap();
    assert_eq!(id.split_once(':').unwrap().1, next);
    let rest = deploy
        .read(&format!("/issues/1/deliveries?after={next}"))
        .await;
    assert_eq!(rest["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next"], Value::Null);
    assert_ne!(rest["deliveries"][0]["address"], first["address"]);
    let none = deploy.read("/issues/1/deliveries?state=delivered").await;
    assert_eq!(none, json!({ "deliveries": [], "next": null }));
    for query in ["state=lost", "state=", "after=x", "after="] {
        let path = format!("/issues/1/deliveries?{query}");
        let answer = deploy.ask(Method::GET, &path).await;
        answer.problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
    for path in [
        "/issues/2",
        "/issues/0",
        "/issues/x",
        "/issues/2/deliveries",
    ] {
        let answer = deploy.ask(Method::GET, path).await;
        answer.problem(StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_issues_are_listed_the_newest_first() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    for title in ["One", "Two", "Three"] {
        site.issue(&[title]).await;
    }
    let deploy = program(&site, "deploy", &ALL).await;
    let subjects = |page: &Value| {
        let rows = page["issues"].as_array().unwrap().iter();
        rows.map(|row| row["subject"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let page = deploy.read("/issues?limit=2").await;
    assert_eq!(
        (subjects(&page), &page["next"]),
        (vec!["Three".to_owned(), "Two".to_owned()], &json!("2"))
    );
    let page = deploy.read("/issues?after=2").await;
    assert_eq!(
        (subjects(&page), &page["next"]),
        (vec!["One".to_owned()], &Value::Null)
    );
    let answer = deploy.ask(Method::GET, "/issues?after=0").await;
    answer.problem(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_issue_is_paused_resumed_and_cancelled_and_what_does_not_fit_is_said() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    site.issue(&["One"]).await;
    let deploy = program(&site, "deploy", &ALL).await;
    for (deed, state) in [
        ("pause", "paused"),
        ("resume", "sending"),
        ("cancel", "cancelled"),
    ] {
        let path = format!("/issues/1/{deed}");
        let answer = deploy.post(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(
            answer.json(),
            json!({ "issue": 1, "state": state, "copies": null })
        );
        let by = deploy.read("/issues/1").await["paused_by"].clone();
        let wanted = (state == "paused").then_some("the token deploy");
        assert_eq!(by, json!(wanted), "and nobody takes it for a person");
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
    for (deed, words) in [
        ("try-now", "waits for a later try"),
        ("send-again", "bounced"),
    ] {
        let answer = deploy.post(&format!("/issues/1/{deed}")).await;
        assert!(
            answer.problem(StatusCode::CONFLICT).contains(words),
            "{deed}"
        );
        let nothing = deploy.post(&format!("/issues/9/{deed}")).await;
        nothing.problem(StatusCode::NOT_FOUND);
    }
    let deeds: Vec<_> = noted(&site)
        .await
        .into_iter()
        .map(|it| (it.1, it.2))
        .collect();
    let by = |action| (Some("deploy".to_owned()), action);
    assert_eq!(
        deeds,
        [
            by(AuditAction::IssuePaused),
            by(AuditAction::IssueResumed),
            by(AuditAction::IssueCancelled)
        ]
    );
}
