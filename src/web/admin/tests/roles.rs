//! Access control: every route of the table, requested with every role.

use super::*;
use crate::web::admin::access::Access;
use crate::web::admin::routes::route_table;

/// Returns a request for a route, with values for its path parameters.
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
async fn routes_enforce_access_of_route_table() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut eve = app.eve().await;
    let mut visitor = AdminClient::new(&app);
    for (route, who, _) in route_table() {
        for method in ["GET", "POST", "PUT"] {
            let name = format!("{method} {route}");
            // A POST without a CSRF token changes nothing, whatever the role.
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
            assert_eq!(
                as_editor.contains(FOR_ADMINS),
                who == Access::Admin,
                "{name}"
            );
            if who == Access::Admin {
                assert_eq!(as_editor.status, StatusCode::FORBIDDEN, "{name}");
            }
            let as_admin = ada.ask(request(method, route), Body::empty()).await;
            assert!(!as_admin.contains(FOR_ADMINS), "{name}");
            let away = as_admin.to().starts_with("/admin/login");
            assert!(!away, "{name}: still logged in");
        }
    }
}

#[tokio::test]
async fn navigation_hides_admin_pages_from_editors() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut eve = app.eve().await;
    for path in ["settings", "accounts", "audit"] {
        let link = format!("href=\"/admin/{path}\"");
        assert!(ada.get("/admin").await.contains(&link), "{path}");
        assert!(!eve.get("/admin").await.contains(&link), "{path}");
        let page = eve.get(&format!("/admin/{path}")).await;
        assert!(page.contains("Ask an admin") && page.contains("href=\"/admin/feeds\""));
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    }
    assert!(
        eve.get("/admin").await.contains("An admin sets up sending")
            || app.site.web.missing_settings.is_empty()
    );
}

#[tokio::test]
async fn role_change_applies_to_open_sessions() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let mut eve = app.eve().await;
    let address = EmailAddress::parse(EVE).unwrap();
    let id = app.store().admin_by_address(&address).await.unwrap();
    let path = format!("/admin/accounts/{}", id.unwrap().id);
    for (action, status) in [
        ("make_admin", StatusCode::OK),
        ("make_editor", StatusCode::FORBIDDEN),
    ] {
        let answer = ada
            .submit_form("/admin/accounts", &path, &[("action", action)])
            .await;
        assert_eq!(answer.to(), "/admin/accounts?done=role_changed");
        assert_eq!(eve.get("/admin/settings").await.status, status, "{action}");
    }
}
