//! Accounts, sessions, and the list of who did what.

use super::*;
use crate::domain::audit::AuditAction;

async fn id_of(house: &House, address: &str) -> AdminId {
    let address = EmailAddress::parse(address).unwrap();
    let found = house.store().admin_by_address(&address).await;
    found.unwrap().unwrap().id
}

/// What the list has, the newest first.
async fn noted(house: &House) -> Vec<(Option<String>, AuditAction, Option<String>)> {
    let rows = house.store().audit(None, 1000).await.unwrap();
    let rows = rows.into_iter();
    rows.map(|row| (row.actor, row.action, row.object))
        .collect()
}

#[tokio::test]
async fn an_invitation_is_a_link_shown_once_that_lets_one_in_once() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let path = "/admin/accounts";
    for (email, words) in [
        ("nobody", ">Enter an e-mail address like name@example.com<"),
        (ADA, "There is an account of that address already."),
    ] {
        let fields = [("email", email), ("role", "editor")];
        let answer = ada.fill_in(path, path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.shows(words) && answer.shows("<title>Error: "),
            "{email}"
        );
    }
    let fields = [("email", EVE), ("role", "owner")];
    let answer = ada.fill_in(path, path, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);

    let fields = [("email", EVE), ("role", "editor")];
    let answer = ada.fill_in(path, path, &fields).await;
    assert_eq!(answer.to(), path);
    let shown = ada.get(path).await;
    assert_eq!(shown.header(header::CACHE_CONTROL), "no-store");
    let (_, rest) = shown
        .body
        .split_once("https://news.example.com/admin/setup?token=")
        .unwrap();
    let token = rest.split('<').next().unwrap().to_owned();
    assert!(!ada.get(path).await.shows(&token), "shown once");
    assert!(ada.get(path).await.shows("Invited</span>"));

    let mut eve = Browser::new(&house);
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
async fn the_last_admin_stays() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    house.eve().await;
    // An invited admin who never came in is no help.
    house.account("invited@example.com").await;
    let path = format!("/admin/accounts/{}", id_of(&house, ADA).await);
    for action in ["make_editor", "remove"] {
        let answer = ada.fill_in("/admin", &path, &[("action", action)]).await;
        assert_eq!(answer.to(), "/admin/accounts?done=last_admin");
        assert_eq!(ada.get("/admin/settings").await.status, StatusCode::OK);
    }
    assert!(
        ada.get("/admin/accounts")
            .await
            .shows("The only active admin")
    );
    let bob = house.account("bob@example.com").await;
    let mut bob = house.comes_in(&bob).await;
    let answer = ada
        .fill_in("/admin", &path, &[("action", "make_editor")])
        .await;
    assert_eq!(answer.to(), "/admin?done=role_changed");
    assert_eq!(
        ada.get("/admin/settings").await.status,
        StatusCode::FORBIDDEN
    );
    let answer = bob.fill_in("/admin", &path, &[("action", "remove")]).await;
    assert_eq!(answer.to(), "/admin/accounts?done=account_removed");
    assert_eq!(ada.get("/admin").await.to(), "/admin/login", "logged out");
    for (path, status) in [
        (path.as_str(), StatusCode::NOT_FOUND),
        ("/admin/accounts/x", StatusCode::NOT_FOUND),
    ] {
        let answer = bob.fill_in("/admin", path, &[("action", "remove")]).await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn two_admins_cannot_demote_each_other_at_once() {
    let house = House::new().await;
    house.ada().await;
    let bob = house.account("bob@example.com").await;
    house.comes_in(&bob).await;
    let ada = id_of(&house, ADA).await;
    for _ in 0..10 {
        let store = house.store();
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
async fn a_password_is_changed_by_who_knows_it_and_ends_the_other_sessions() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut elsewhere = Browser::new(&house);
    elsewhere.log_in(ADA, PASSWORD).await;
    let mut eve = house.eve().await;
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
        let answer = ada.fill_in("/admin/account", path, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.shows(words) && answer.shows("<title>Error: "),
            "{words}"
        );
    }
    let page = ada.get("/admin/account").await;
    assert_eq!(page.body.matches("Other</span>").count(), 1);
    assert_eq!(page.body.matches("This session</span>").count(), 1);
    let hers = id_of(&house, ADA).await;
    let link = format!("/admin/setup?token={}", house.link(Some(&hers)).await);
    let fields = [("current", PASSWORD), ("password", new), ("again", new)];
    let answer = ada.fill_in("/admin/account", path, &fields).await;
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
async fn guessing_the_current_password_is_throttled_as_at_the_door() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let fields = [("current", "guess"), ("password", "x"), ("again", "x")];
    let mut last = None;
    for _ in 0..11 {
        last = Some(
            ada.fill_in("/admin/account", "/admin/account/password", &fields)
                .await,
        );
    }
    assert!(last.unwrap().shows("Too many attempts"));
}

#[tokio::test]
async fn logging_out_everywhere_ends_all_of_ones_own_sessions() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut elsewhere = Browser::new(&house);
    elsewhere.log_in(ADA, PASSWORD).await;
    let mut eve = house.eve().await;
    let answer = ada
        .fill_in("/admin/account", "/admin/account/log-out", &[])
        .await;
    assert_eq!(answer.to(), "/admin/login");
    assert!(ada.cookie.is_none());
    assert_eq!(elsewhere.get("/admin").await.to(), "/admin/login");
    assert_eq!(eve.get("/admin").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_done_is_noted_with_who_did_it() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut eve = house.eve().await;
    let add = [("email", "reader@example.org"), ("source", "a list")];
    eve.fill_in("/admin", "/admin/subscribers", &add).await;
    let reader = house.site.reader("reader@example.org").await.unwrap();
    let path = format!("/admin/accounts/{}", id_of(&house, EVE).await);
    ada.fill_in("/admin", &path, &[("action", "make_admin")])
        .await;
    ada.fill_in("/admin", &path, &[("action", "link")]).await;
    // What changes nothing is not noted.
    eve.fill_in("/admin", "/admin/subscribers", &add).await;
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
    let mut found = noted(&house).await;
    let key = |entry: &(Option<String>, AuditAction, Option<String>)| format!("{entry:?}");
    expected.sort_by_key(key);
    found.sort_by_key(key);
    assert_eq!(found, expected);
    let page = ada.get("/admin/audit").await;
    assert!(page.shows("Changed <bdi>eve@example.com</bdi> to admin"));
    assert!(page.shows(&reader.id.to_string()) && !page.shows("reader@example.org"));
}

#[tokio::test]
async fn a_long_list_of_deeds_has_pages_and_a_years_memory() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let id = id_of(&house, ADA).await;
    let path = format!("/admin/accounts/{id}");
    for _ in 0..55 {
        house.site.clock.advance(Duration::from_millis(2));
        ada.fill_in("/admin", &path, &[("action", "make_admin")])
            .await;
    }
    let first = ada.get("/admin/audit").await;
    assert_eq!(first.body.matches("<tr><td").count(), 50);
    let (_, rest) = first.body.split_once("rel=\"next\" href=\"").unwrap();
    let next = rest.split_once('"').unwrap().0.to_owned();
    let second = ada.get(&next).await;
    assert_eq!(second.body.matches("<tr><td").count(), 6);
    assert!(second.shows("Set a password") && second.shows("To the start"));
    assert_eq!(ada.get("/admin/audit?after=x").await.status, StatusCode::OK);
    house.store().forget_audit(NOW).await.unwrap();
    assert_eq!(noted(&house).await.len(), 55);
}
