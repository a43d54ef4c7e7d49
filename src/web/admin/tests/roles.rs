//! Whom each page is for: every route of the table, tried as everyone.

use super::*;
use crate::web::admin::access::Access;
use crate::web::admin::routes::table;

/// A request for a route, whose names in braces stand for something that may be there.
fn request(method: &str, route: &str) -> axum::http::request::Builder {
    let id = "01930000-0000-7000-8000-000000000000";
    let path = route
        .replace("{number}", "1")
        .replace("{id}", id)
        .replace("{name}", "x");
    let path = format!("/admin{}", path.trim_end_matches('/'));
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

const FOR_ADMINS: &str = "Admins only";

#[tokio::test]
async fn every_page_is_for_whom_the_table_says() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut eve = house.eve().await;
    let mut visitor = Browser::new(&house);
    for (route, who, _) in table() {
        for method in ["GET", "POST", "PUT"] {
            let name = format!("{method} {route}");
            // A post without the form's token changes nothing, whoever sends it.
            let outside = visitor.ask(request(method, route), Body::empty()).await;
            let to_the_door = outside.to().starts_with("/admin/login");
            let forbidden = outside.status == StatusCode::FORBIDDEN;
            let kept_out = if method == "GET" {
                to_the_door
            } else {
                forbidden
            };
            if who == Access::Public {
                assert!(!to_the_door, "{name}");
            } else {
                assert!(kept_out, "{name}: {}", outside.status);
            }
            let as_editor = eve.ask(request(method, route), Body::empty()).await;
            assert_eq!(as_editor.shows(FOR_ADMINS), who == Access::Admin, "{name}");
            if who == Access::Admin {
                assert_eq!(as_editor.status, StatusCode::FORBIDDEN, "{name}");
            }
            let as_admin = ada.ask(request(method, route), Body::empty()).await;
            assert!(!as_admin.shows(FOR_ADMINS), "{name}");
            let away = as_admin.to().starts_with("/admin/login");
            assert!(!away, "{name}: still logged in");
        }
    }
}

#[tokio::test]
async fn the_desk_shows_an_editor_only_what_is_theirs() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut eve = house.eve().await;
    for path in ["settings", "accounts", "audit"] {
        let link = format!("href=\"/admin/{path}\"");
        assert!(ada.get("/admin").await.shows(&link), "{path}");
        assert!(!eve.get("/admin").await.shows(&link), "{path}");
        let page = eve.get(&format!("/admin/{path}")).await;
        assert!(page.shows("Ask an admin") && page.shows("href=\"/admin/feeds\""));
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    }
    assert!(
        eve.get("/admin").await.shows("An admin sets up sending")
            || house.site.web.not_ready.is_empty()
    );
}

#[tokio::test]
async fn a_role_holds_from_the_moment_it_is_given() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let mut eve = house.eve().await;
    let address = EmailAddress::parse(EVE).unwrap();
    let id = house.store().admin_by_address(&address).await.unwrap();
    let path = format!("/admin/accounts/{}", id.unwrap().id);
    for (action, status) in [
        ("make_admin", StatusCode::OK),
        ("make_editor", StatusCode::FORBIDDEN),
    ] {
        let answer = ada
            .fill_in("/admin/accounts", &path, &[("action", action)])
            .await;
        assert_eq!(answer.to(), "/admin/accounts?done=role_changed");
        assert_eq!(eve.get("/admin/settings").await.status, status, "{action}");
    }
}
