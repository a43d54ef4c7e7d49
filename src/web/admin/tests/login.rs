//! Login, sessions, one-time links and cross-origin forms.

use crate::web::admin::tests::*;

#[tokio::test]
async fn setup_link_creates_first_admin_once() {
    let app = AdminTestApp::new().await;
    let mut visitor = AdminClient::new(&app);
    let login = visitor.get("/admin/login").await;
    assert_eq!(login.status, StatusCode::OK);
    assert!(login.contains("No admin account yet"));

    let token = app.link(None).await;
    let path = format!("/admin/setup?token={token}");
    let form = visitor.get(&path).await;
    assert!(form.contains("Create the first admin account"));
    assert_eq!(form.field("token"), token);
    assert_eq!(form.header(header::CACHE_CONTROL), "no-store");
    let fields = |email, password, again| {
        [
            ("token", token.as_str()),
            ("email", email),
            ("password", password),
            ("again", again),
        ]
    };
    let long = "x".repeat(201);
    for (fields, words) in [
        (
            fields("nobody", PASSWORD, PASSWORD),
            "Enter an email address",
        ),
        (
            fields(ADA, "too short", "too short"),
            "at least 10 characters",
        ),
        (fields(ADA, &long, &long), "password is too long"),
        (
            fields(ADA, PASSWORD, "another password"),
            "passwords don’t match",
        ),
    ] {
        let answer = visitor.send("/admin/setup", &fields, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.contains(words), "{words}");
        assert!(visitor.cookie.is_none());
    }
    let good = fields(ADA, PASSWORD, PASSWORD);
    let answer = visitor.send("/admin/setup", &good, &[]).await;
    assert_eq!(answer.to(), "/admin?done=welcome");
    assert!(
        visitor
            .get("/admin?done=welcome")
            .await
            .contains("Your account is ready")
    );

    let mut other = AdminClient::new(&app);
    for answer in [
        other.get(&path).await,
        other
            .send(
                "/admin/setup",
                &fields("eve@example.com", PASSWORD, PASSWORD),
                &[],
            )
            .await,
        other.get("/admin/setup").await,
        other.get("/admin/setup?token=%00%ff").await,
    ] {
        assert_eq!(answer.status, StatusCode::GONE);
        assert!(answer.contains("This link has expired or was already used."));
    }
    let eve = EmailAddress::parse("eve@example.com").unwrap();
    assert!(app.store().admin_by_address(&eve).await.unwrap().is_none());
    // An unused link for the first admin is invalid once an admin exists.
    let stale = app.link(None).await;
    let stale = other.get(&format!("/admin/setup?token={stale}")).await;
    assert_eq!(stale.status, StatusCode::GONE);
}

#[tokio::test]
async fn reset_link_sets_password_and_ends_sessions() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let id = app.account("bob@example.com").await;
    let token = app.link(Some(&id)).await;
    let mut bob = AdminClient::new(&app);
    let form = bob.get(&format!("/admin/setup?token={token}")).await;
    assert!(form.contains("value=\"bob@example.com\"") && form.contains("readonly"));
    // A posted address does not replace the account's address.
    let fields = [
        ("token", token.as_str()),
        ("email", ADA),
        ("password", "bobs own words"),
        ("again", "bobs own words"),
    ];
    assert_eq!(
        bob.send("/admin/setup", &fields, &[]).await.to(),
        "/admin?done=welcome"
    );
    assert!(bob.get("/admin").await.contains("bob@example.com"));
    assert_eq!(ada.get("/admin").await.status, StatusCode::OK);

    let token = app.link(Some(&id)).await;
    let fields = [
        ("token", token.as_str()),
        ("password", "other new words"),
        ("again", "other new words"),
    ];
    let mut elsewhere = AdminClient::new(&app);
    assert!(
        !elsewhere
            .send("/admin/setup", &fields, &[])
            .await
            .to()
            .is_empty()
    );
    assert_eq!(bob.get("/admin").await.to(), "/admin/login");
    app.site.clock.advance(Duration::from_secs(2 * 3600));
    let late = app.link(Some(&id)).await;
    app.site.clock.advance(Duration::from_secs(2 * 3600));
    let late = bob.get(&format!("/admin/setup?token={late}")).await;
    assert_eq!(late.status, StatusCode::GONE);
}

#[tokio::test]
async fn login_and_logout_start_and_end_session() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let first = ada.cookie.clone();
    let answer = ada.log_in("Ada@Example.com", PASSWORD).await;
    assert_eq!(answer.to(), "/admin");
    let cookie = answer.header(header::SET_COOKIE);
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict; Secure; Path=/;"),
        "{cookie}"
    );
    assert_ne!(ada.cookie, first, "rotated");
    // The previous session was closed on the server.
    let mut stale = AdminClient::new(&app);
    stale.cookie = first;
    assert_eq!(stale.get("/admin").await.to(), "/admin/login");

    let kept = ada.cookie.clone();
    let answer = ada.submit_form("/admin", "/admin/logout", &[]).await;
    assert_eq!(answer.to(), "/admin/login");
    assert!(ada.cookie.is_none(), "forgotten by the browser");
    stale.cookie = kept;
    assert_eq!(stale.get("/admin").await.to(), "/admin/login");
}

#[tokio::test]
async fn session_expires_after_thirty_days() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    app.site
        .clock
        .advance(Duration::from_secs(30 * 24 * 3600 - 1));
    assert_eq!(ada.get("/admin").await.status, StatusCode::OK);
    app.site.clock.advance(Duration::from_secs(2));
    assert_eq!(ada.get("/admin").await.to(), "/admin/login");
}

#[tokio::test]
async fn planted_cookie_is_not_a_session() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    let mut victim = AdminClient::new(&app);
    victim.cookie = Some("planted-by-eve".to_owned());
    assert_eq!(victim.get("/admin").await.to(), "/admin/login");
    assert_eq!(victim.log_in(ADA, PASSWORD).await.to(), "/admin");
    assert_ne!(victim.cookie.as_deref(), Some("planted-by-eve"));
    let mut eve = AdminClient::new(&app);
    eve.cookie = Some("planted-by-eve".to_owned());
    assert_eq!(eve.get("/admin").await.to(), "/admin/login");
}

#[tokio::test]
async fn unknown_account_and_wrong_password_look_the_same() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    app.account("bob@example.com").await;
    let mut pages = Vec::new();
    for (email, password) in [
        (ADA, "not the password"),
        ("nobody@example.com", PASSWORD),
        // An account has no password until its link was used.
        ("bob@example.com", PASSWORD),
        ("bob@example.com", ""),
        ("no address", PASSWORD),
    ] {
        let mut eve = AdminClient::new(&app);
        let answer = eve.log_in(email, password).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.contains("Wrong email or password."), "{email}");
        assert!(eve.cookie.is_none());
        let csrf = answer.field("csrf").to_owned();
        pages.push(answer.body.replace(email, "…").replace(&csrf, "…"));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
}

#[tokio::test]
async fn login_attempts_are_rate_limited() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    let mut eve = AdminClient::new(&app);
    for _ in 0..10 {
        let answer = eve.log_in(ADA, "guess").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for password in ["guess", PASSWORD] {
        let answer = eve.log_in(ADA, password).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.contains("try again in 10 minutes"));
        assert!(eve.cookie.is_none());
    }
}

#[tokio::test]
async fn login_form_expires() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let session_csrf = ada.get("/admin").await.field("csrf").to_owned();
    let mut visitor = AdminClient::new(&app);
    let old = visitor.get("/admin/login").await.field("csrf").to_owned();
    app.site.clock.advance(Duration::from_secs(13 * 3600));
    for csrf in ["", "x", &old, &session_csrf] {
        let fields = [("email", ADA), ("password", PASSWORD), ("csrf", csrf)];
        let answer = visitor.send("/admin/login", &fields, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.contains("This page expired"));
        assert!(visitor.cookie.is_none());
    }
}

#[tokio::test]
async fn login_redirects_back_to_requested_page() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    let mut visitor = AdminClient::new(&app);
    for path in [
        "next",
        "next/send",
        "issues",
        "issues/1",
        "subscribers",
        "feeds",
        "settings",
        "outbox",
        "outbox/x",
    ] {
        let answer = visitor.get(&format!("/admin/{path}")).await;
        let next = path.replace('/', "%2F");
        assert_eq!(answer.to(), format!("/admin/login?next=%2Fadmin%2F{next}"));
    }
    for path in [
        "logout",
        "next/test",
        "next/collect",
        "next/send",
        "issues/1",
        "subscribers",
        "feeds",
        "feeds/x",
    ] {
        let answer = visitor
            .send(&format!("/admin/{path}"), &[("csrf", "x")], &[])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let form = visitor.get("/admin/login?next=%2Fadmin%2Ffeeds").await;
    assert_eq!(form.field("next"), "/admin/feeds");
    let evil = visitor.get("/admin/login?next=%2F%2Fevil.example").await;
    assert!(!evil.contains("evil"));
    for (next, goes_to) in [
        ("/admin/feeds", "/admin/feeds"),
        ("https://evil.example/", "/admin"),
    ] {
        let fields = [("email", ADA), ("password", PASSWORD), ("next", next)];
        let answer = visitor
            .submit_form("/admin/login", "/admin/login", &fields)
            .await;
        assert_eq!(answer.to(), goes_to);
    }
}

#[tokio::test]
async fn cross_origin_forms_are_rejected() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let csrf = ada.get("/admin/feeds").await.field("csrf").to_owned();
    let add = [
        ("email", "reader@example.com"),
        ("source", "list"),
        ("csrf", csrf.as_str()),
    ];
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        let answer = ada.send("/admin/subscribers", &add, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        let login = [("email", ADA), ("password", PASSWORD)];
        let answer = ada.send("/admin/login", &login, &headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let mut bob = AdminClient::new(&app);
    bob.log_in(ADA, PASSWORD).await;
    let of_another_session = bob.get("/admin").await.field("csrf").to_owned();
    let of_the_door = bob.get("/admin/login").await.field("csrf").to_owned();
    for csrf in ["", "x", &of_another_session, &of_the_door] {
        let fields = [
            ("email", "reader@example.com"),
            ("source", "list"),
            ("csrf", csrf),
        ];
        let answer = ada.send("/admin/subscribers", &fields, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    let counted = app.store().subscriber_counts().await.unwrap();
    assert!(counted.is_empty(), "nothing was done");
    let same = [
        ("origin", "https://news.example.com"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = ada.send("/admin/subscribers", &add, &same).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_added");
}
