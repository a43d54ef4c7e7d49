//! API tokens: create and revoke.

use super::*;
use crate::domain::api_token::{Scope, TokenSecret, Validity};
use crate::domain::audit::{ActorKind, AuditAction};
use crate::store::ApiToken;

const PAGE: &str = "/admin/settings/tokens";
const SHOP: [(&str, &str); 4] = [
    ("name", "shop"),
    ("scope", "read"),
    ("scope", "subscribers"),
    ("expires", "30d"),
];

/// Returns the token on the page.
fn shown(page: &TestResponse) -> Option<TokenSecret> {
    let (_, rest) = page.body.split_once(">bs_")?;
    let secret = format!("bs_{}", rest.split('<').next().unwrap());
    TokenSecret::parse(&secret)
}

async fn kept(app: &AdminTestApp) -> Vec<ApiToken> {
    app.store().api_tokens().await.unwrap()
}

#[tokio::test]
async fn token_is_created_shown_once_and_revoked() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    assert!(ada.get(PAGE).await.contains("No tokens yet."));
    let made = ada.submit_form(PAGE, PAGE, &SHOP).await;
    assert_eq!(made.to(), PAGE);
    let page = ada.get(PAGE).await;
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    let secret = shown(&page).expect("a token on the page");
    assert_eq!(shown(&ada.get(PAGE).await), None, "shown once");

    let token = app.store().api_token(&secret).await.unwrap().unwrap();
    assert!(token.scopes.contains(Scope::Read) && token.scopes.contains(Scope::Subscribers));
    assert!(!token.scopes.contains(Scope::Issues));
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    assert_eq!(token.expires_at, Some(NOW.plus(month)));
    assert_eq!(token.created_by.as_deref(), Some(ADA));
    let page = ada.get(PAGE).await;
    assert!(page.contains("<bdi>shop</bdi>") && page.contains("read, add and delete subscribers"));
    assert!(page.contains("<bdi>ada@example.com</bdi>") && page.contains(">never<"));

    let path = format!("{PAGE}/{}", token.id);
    for _ in 0..2 {
        let revoked = ada.submit_form(PAGE, &path, &[("action", "revoke")]).await;
        assert_eq!(revoked.to(), format!("{PAGE}?done=token_revoked"));
    }
    let token = app.store().api_token(&secret).await.unwrap().unwrap();
    assert_eq!(token.validity(NOW), Validity::Revoked);
    assert!(ada.get(PAGE).await.contains("Revoked</span>"));

    let noted = app.store().audit_entries(None, 10).await.unwrap();
    let deeds: Vec<_> = noted.iter().map(|row| row.action).collect();
    assert_eq!(
        deeds
            .iter()
            .filter(|it| **it == AuditAction::TokenMade)
            .count(),
        1
    );
    assert_eq!(
        deeds
            .iter()
            .filter(|it| **it == AuditAction::TokenRevoked)
            .count(),
        1
    );
    assert!(noted.iter().all(|row| row.actor_kind == ActorKind::Admin));
    assert!(
        ada.get("/admin/audit")
            .await
            .contains("the token <bdi>shop</bdi>")
    );
}

#[tokio::test]
async fn invalid_token_form_keeps_typed_values() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    ada.submit_form(PAGE, PAGE, &SHOP).await;
    ada.get(PAGE).await;
    let long = "x".repeat(61);
    for (name, scope, words, place) in [
        ("", "read", "at most 60 characters", "href=\"#name\""),
        (&long, "read", "at most 60 characters", "href=\"#name\""),
        (
            "shop",
            "issues",
            "token with this name already exists",
            "href=\"#name\"",
        ),
        (
            "blog",
            "",
            "at least one permission",
            "href=\"#scope-read\"",
        ),
        (
            "blog",
            "all",
            "is not a valid scope",
            "href=\"#scope-read\"",
        ),
    ] {
        let mut fields = vec![("name", name), ("expires", "never")];
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        let answer = ada.submit_form(PAGE, PAGE, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(
            answer.contains(words) && answer.contains(place),
            "{name} {scope}"
        );
        assert!(answer.contains("<title>Error: "), "{name}");
        assert!(answer.contains("value=\"never\" selected"), "{name}");
        let ticked = answer.contains("value=\"issues\" checked");
        assert_eq!(ticked, scope == "issues", "{name}");
    }
    let odd = [("name", "blog"), ("scope", "read"), ("expires", "soon")];
    let answer = ada.submit_form(PAGE, PAGE, &odd).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(kept(&app).await.len(), 1);
}

#[tokio::test]
async fn double_click_creates_one_token() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let bob = app.account("bob@example.com").await;
    let mut bob = app.logged_in(&bob).await;
    for _ in 0..2 {
        let answer = ada.submit_form("/admin", PAGE, &SHOP).await;
        assert_eq!(answer.to(), PAGE);
    }
    let others = bob.submit_form(PAGE, PAGE, &SHOP).await;
    assert_eq!(others.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(shown(&ada.get(PAGE).await).is_some());
    let later = ada.submit_form(PAGE, PAGE, &SHOP).await;
    assert_eq!(later.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(kept(&app).await.len(), 1);
}

#[tokio::test]
async fn token_revoke_requires_csrf_token() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    ada.submit_form(PAGE, PAGE, &SHOP).await;
    let path = format!("{PAGE}/{}", kept(&app).await[0].id);
    let forged = ada.send(&path, &[("action", "revoke")], &[]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let elsewhere = format!("{PAGE}/01930000-0000-7000-8000-000000000000");
    for (path, action, status) in [
        (path.as_str(), "burn", StatusCode::UNPROCESSABLE_ENTITY),
        (elsewhere.as_str(), "revoke", StatusCode::NOT_FOUND),
        ("/admin/settings/tokens/x", "revoke", StatusCode::NOT_FOUND),
    ] {
        let answer = ada.submit_form(PAGE, path, &[("action", action)]).await;
        assert_eq!(answer.status, status, "{path} {action}");
    }
    assert!(kept(&app).await[0].revoked_at.is_none());
}

/// Returns the status of an API request with this token.
async fn answers(app: &AdminTestApp, secret: &TokenSecret) -> StatusCode {
    let token = format!("Bearer {}", secret.expose());
    let request = Request::get("/api/v1/issues").header(header::AUTHORIZATION, token);
    let request = request.body(Body::empty()).unwrap();
    app.site.answer(request, "192.0.2.1").await.status
}

#[tokio::test]
async fn losing_admin_role_revokes_tokens() {
    for (action, notice, words) in [
        (
            "remove",
            "account_removed",
            "logged out; their 2 API tokens were revoked.",
        ),
        (
            "make_editor",
            "role_changed",
            "Role changed; their 2 API tokens were revoked.",
        ),
    ] {
        let app = AdminTestApp::new().await;
        let mut ada = app.ada().await;
        let bob = app.account("bob@example.com").await;
        let path = format!("/admin/accounts/{bob}");
        let mut bob = app.logged_in(&bob).await;
        ada.submit_form(PAGE, PAGE, &SHOP).await;
        let hers = shown(&ada.get(PAGE).await).unwrap();
        let mut his = Vec::new();
        for name in ["one", "two"] {
            let fields = [("name", name), ("scope", "read"), ("expires", "never")];
            bob.submit_form(PAGE, PAGE, &fields).await;
            his.push(shown(&bob.get(PAGE).await).unwrap());
        }
        // A new password and a logout do not revoke tokens, as the page says.
        assert!(
            bob.get("/admin/account")
                .await
                .contains("API tokens stay valid")
        );
        bob.submit_form("/admin", "/admin/account/log-out", &[])
            .await;
        assert_eq!(answers(&app, &his[0]).await, StatusCode::OK);

        let answer = ada
            .submit_form("/admin", &path, &[("action", action)])
            .await;
        assert_eq!(answer.to(), format!("/admin/accounts?done={notice}"));
        for secret in &his {
            let status = answers(&app, secret).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{action}");
        }
        assert_eq!(answers(&app, &hers).await, StatusCode::OK, "not his");
        assert!(ada.get(answer.to()).await.contains(words), "{action}");
        let again = ada.get(answer.to()).await;
        assert!(!again.contains("tokens were revoked"), "said once");
        let noted = app.store().audit_entries(None, 100).await.unwrap();
        let revoked = noted
            .iter()
            .filter(|it| it.action == AuditAction::TokenRevoked);
        let mut revoked: Vec<_> = revoked
            .map(|it| (it.actor.as_deref(), it.target.as_deref()))
            .collect();
        revoked.sort_unstable();
        assert_eq!(
            revoked,
            [(Some(ADA), Some("one")), (Some(ADA), Some("two"))]
        );
    }
}
