//! Accounts, sessions, and the audit log.

use super::*;
use crate::domain::audit::AuditAction;

async fn id_of(app: &AdminTestApp, address: &str) -> AdminId {
    let address = EmailAddress::parse(address).unwrap();
    let found = app.store().admin_by_address(&address).await;
    found.unwrap().unwrap().id
}

/// Returns the audit log, newest entry first.
async fn noted(app: &AdminTestApp) -> Vec<(Option<String>, AuditAction, Option<String>)> {
    let rows = app.store().audit_entries(None, 1000).await.unwrap();
    let rows = rows.into_iter();
    rows.map(|row| (row.actor, row.action, row.target))
        .collect()
}

#[tokio::test]
async fn invitation_link_is_shown_and_usable_once() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let path = "/admin/accounts";
    for (email, words) in [
        ("nobody", ">Enter an email address like name@example.com<"),
        (ADA, "An account with this address already exists."),
    ] {
        let fields = [("email", email), ("role", "editor")];
        let answer = ada.submit_form(path, path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.contains(words) && answer.contains("<title>Error: "),
            "{email}"
        );
    }
    let fields = [("email", EVE), ("role", "owner")];
    let answer = ada.submit_form(path, path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);

    let fields = [("email", EVE), ("role", "editor")];
    let answer = ada.submit_form(path, path, &fields).await;
    assert_eq!(answer.to(), path);
    let shown = ada.get(path).await;
    assert_eq!(shown.header(header::CACHE_CONTROL), "no-store");
    let (_, rest) = shown
        .body
        .split_once("https://news.example.com/admin/setup?token=")
        .unwrap();
    let token = rest.split('<').next().unwrap().to_owned();
    assert!(!ada.get(path).await.contains(&token), "shown once");
    assert!(ada.get(path).await.contains("Invited</span>"));

    let mut eve = AdminClient::new(&app);
    let fields = [
        ("token", token.as_str()),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let answer = eve.send("/admin/setup", &fields, &[]).await;
    assert_eq!(answer.to(), "/admin?done=welcome");
    assert_eq!(
        eve.get("/admin/settings").await.status,
        StatusCode::FORBIDDEN
    );
    let again = eve.send("/admin/setup", &fields, &[]).await;
    assert_eq!(again.status, StatusCode::GONE);
}

#[tokio::test]
async fn last_admin_cannot_be_changed() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    app.eve().await;
    // An invited admin without a password does not count as active.
    app.account("invited@example.com").await;
    let path = format!("/admin/accounts/{}", id_of(&app, ADA).await);
    for action in ["make_editor", "remove"] {
        let answer = ada
            .submit_form("/admin", &path, &[("action", action)])
            .await;
        assert_eq!(answer.to(), "/admin/accounts?done=last_admin");
        assert_eq!(ada.get("/admin/settings").await.status, StatusCode::OK);
    }
    assert!(
        ada.get("/admin/accounts")
            .await
            .contains("The only active admin")
    );
    let bob = app.account("bob@example.com").await;
    let mut bob = app.logged_in(&bob).await;
    let answer = ada
        .submit_form("/admin", &path, &[("action", "make_editor")])
        .await;
    assert_eq!(answer.to(), "/admin?done=role_changed");
    assert_eq!(
        ada.get("/admin/settings").await.status,
        StatusCode::FORBIDDEN
    );
    let answer = bob
        .submit_form("/admin", &path, &[("action", "remove")])
        .await;
    assert_eq!(answer.to(), "/admin/accounts?done=account_removed");
    assert_eq!(ada.get("/admin").await.to(), "/admin/login", "logged out");
    for (path, status) in [
        (path.as_str(), StatusCode::NOT_FOUND),
        ("/admin/accounts/x", StatusCode::NOT_FOUND),
    ] {
        let answer = bob
            .submit_form("/admin", path, &[("action", "remove")])
            .await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn concurrent_demotions_keep_one_admin() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    let bob = app.account("bob@example.com").await;
    app.logged_in(&bob).await;
    let ada = id_of(&app, ADA).await;
    for _ in 0..10 {
        let store = app.store();
        let (first, second) = tokio::join!(
            store.set_role(&ada, Role::Editor, NOW),
            store.set_role(&bob, Role::Editor, NOW)
        );
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_ne!(first.is_some(), second.is_some(), "exactly one");
        for id in [&ada, &bob] {
            let back = store.set_role(id, Role::Admin, NOW).await.unwrap();
            assert!(back.is_some());
        }
    }
}

#[tokio::test]
async fn password_change_requires_current_and_ends_sessions() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut elsewhere = AdminClient::new(&app);
    elsewhere.log_in(ADA, PASSWORD).await;
    let mut eve = app.eve().await;
    let path = "/admin/account/password";
    let new = "quite another one";
    for (current, password, again, words) in [
        ("guess", new, new, "Your current password is wrong"),
        (PASSWORD, "short", "short", "at least 10 characters"),
        (
            PASSWORD,
            new,
            "something else",
            "two new passwords don’t match",
        ),
    ] {
        let fields = [
            ("current", current),
            ("password", password),
            ("again", again),
        ];
        let answer = ada.submit_form("/admin/account", path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.contains(words) && answer.contains("<title>Error: "),
            "{words}"
        );
    }
    let page = ada.get("/admin/account").await;
    assert_eq!(page.body.matches("Other</span>").count(), 1);
    assert_eq!(page.body.matches("This session</span>").count(), 1);
    let hers = id_of(&app, ADA).await;
    let link = format!("/admin/setup?token={}", app.link(Some(&hers)).await);
    let fields = [("current", PASSWORD), ("password", new), ("again", new)];
    let answer = ada.submit_form("/admin/account", path, &fields).await;
    assert_eq!(answer.to(), "/admin/account?done=password_changed");
    assert_eq!(
        elsewhere.get(&link).await.status,
        StatusCode::GONE,
        "nor does a link that was made before"
    );
    assert_eq!(ada.get("/admin").await.status, StatusCode::OK);
    assert_eq!(elsewhere.get("/admin").await.to(), "/admin/login");
    assert_eq!(
        eve.get("/admin").await.status,
        StatusCode::OK,
        "hers are her own"
    );
    let refused = elsewhere.log_in(ADA, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(elsewhere.log_in(ADA, new).await.to(), "/admin");
}

#[tokio::test]
async fn password_change_attempts_are_rate_limited() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let fields = [("current", "guess"), ("password", "x"), ("again", "x")];
    let mut last = None;
    for _ in 0..11 {
        last = Some(
            ada.submit_form("/admin/account", "/admin/account/password", &fields)
                .await,
        );
    }
    assert!(last.unwrap().contains("Too many attempts"));
}

#[tokio::test]
async fn log_out_everywhere_ends_only_own_sessions() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut elsewhere = AdminClient::new(&app);
    elsewhere.log_in(ADA, PASSWORD).await;
    let mut eve = app.eve().await;
    let answer = ada
        .submit_form("/admin/account", "/admin/account/log-out", &[])
        .await;
    assert_eq!(answer.to(), "/admin/login");
    assert!(ada.cookie.is_none());
    assert_eq!(elsewhere.get("/admin").await.to(), "/admin/login");
    assert_eq!(eve.get("/admin").await.status, StatusCode::OK);
}

#[tokio::test]
async fn audit_log_names_actor_and_action() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut eve = app.eve().await;
    let add = [("email", "reader@example.org"), ("source", "a list")];
    eve.submit_form("/admin", "/admin/subscribers", &add).await;
    let reader = app.site.reader("reader@example.org").await.unwrap();
    let path = format!("/admin/accounts/{}", id_of(&app, EVE).await);
    ada.submit_form("/admin", &path, &[("action", "make_admin")])
        .await;
    ada.submit_form("/admin", &path, &[("action", "link")])
        .await;
    // An action without effect is not audited.
    eve.submit_form("/admin", "/admin/subscribers", &add).await;
    let by = |who: &str, action, object: Option<&str>| {
        (Some(who.to_owned()), action, object.map(str::to_owned))
    };
    let mut expected = vec![
        by(ADA, AuditAction::PasswordSet, None),
        by(EVE, AuditAction::PasswordSet, None),
        by(
            EVE,
            AuditAction::SubscriberAdded,
            Some(&reader.id.to_string()),
        ),
        by(ADA, AuditAction::AccountMadeAdmin, Some(EVE)),
        by(ADA, AuditAction::AccountLinkMade, Some(EVE)),
    ];
    let mut found = noted(&app).await;
    let key = |entry: &(Option<String>, AuditAction, Option<String>)| format!("{entry:?}");
    expected.sort_by_key(key);
    found.sort_by_key(key);
    assert_eq!(found, expected);
    let page = ada.get("/admin/audit").await;
    assert!(page.contains("Changed <bdi>eve@example.com</bdi> to admin"));
    assert!(page.contains(&reader.id.to_string()) && !page.contains("reader@example.org"));
}

#[tokio::test]
async fn audit_log_has_pages_and_expires_after_a_year() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let id = id_of(&app, ADA).await;
    let path = format!("/admin/accounts/{id}");
    for _ in 0..55 {
        app.site.clock.advance(Duration::from_millis(2));
        ada.submit_form("/admin", &path, &[("action", "make_admin")])
            .await;
    }
    let first = ada.get("/admin/audit").await;
    assert_eq!(first.body.matches("<tr><td").count(), 50);
    let (_, rest) = first.body.split_once("rel=\"next\" href=\"").unwrap();
    let next = rest.split_once('"').unwrap().0.to_owned();
    let second = ada.get(&next).await;
    assert_eq!(second.body.matches("<tr><td").count(), 6);
    assert!(second.contains("Set a password") && second.contains("To the start"));
    assert_eq!(ada.get("/admin/audit?after=x").await.status, StatusCode::OK);
    app.store().purge_audit(NOW).await.unwrap();
    assert_eq!(noted(&app).await.len(), 55);
}
