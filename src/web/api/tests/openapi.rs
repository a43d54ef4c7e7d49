//! `/api/openapi.json` compared with the routes, the scopes and real responses.

use std::collections::BTreeSet;

use crate::web::api::openapi;
use crate::web::api::routes::table;
use crate::web::api::tests::schema::{resolve, violations};
use crate::web::api::tests::*;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const ALL: [&str; 3] = ["read", "subscribers", "issues"];

fn document() -> Value {
    let scopes = table()
        .into_iter()
        .map(|(method, path, scope, _)| (method, path, scope));
    openapi::document(scopes)
}

/// Returns each operation with its method and path.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let of_path = METHODS.iter().filter_map(move |method| {
            let operation = item.get(method)?;
            Some((method.to_uppercase(), path.clone(), operation))
        });
        of_path.collect::<Vec<_>>()
    });
    operations.collect()
}

fn operation<'a>(document: &'a Value, method: &Method, path: &str) -> &'a Value {
    &document["paths"][path][method.as_str().to_lowercase()]
}

/// Returns the schema of a response, which must be described.
fn schema<'a>(document: &'a Value, operation: &'a Value, response: &TestResponse) -> &'a Value {
    let status = response.status.as_u16().to_string();
    let described = operation["responses"].get(&status);
    let described = described.unwrap_or_else(|| panic!("{status} is not described"));
    let kind = response.header(header::CONTENT_TYPE);
    &resolve(document, described)["content"][kind]["schema"]
}

#[test]
fn document_describes_exactly_the_routes() {
    let document = document();
    let described: BTreeSet<(String, String, String)> = operations(&document)
        .into_iter()
        .map(|(method, path, operation)| {
            let scope = operation["security"][0]["token"][0].as_str().unwrap();
            (method, path, scope.to_owned())
        })
        .collect();
    let there: BTreeSet<(String, String, String)> = table()
        .into_iter()
        .map(|(method, path, scope, _)| (method.to_string(), path.to_owned(), scope.to_string()))
        .collect();
    assert_eq!(described, there);
    let ids: BTreeSet<_> = operations(&document)
        .iter()
        .map(|(_, _, operation)| operation["operationId"].to_string())
        .collect();
    assert_eq!(ids.len(), there.len(), "operation ids are unique");
}

#[test]
fn examples_match_their_schemas() {
    let document = document();
    let mut checked = 0;
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap().values();
        let mut contents: Vec<&Value> = responses
            .map(|response| &resolve(&document, response)["content"])
            .collect();
        contents.push(&operation["requestBody"]["content"]);
        for content in contents.iter().filter_map(|content| content.as_object()) {
            let (_, media) = content.iter().next().unwrap();
            let several = media["examples"].as_object().into_iter().flatten();
            let several = several.map(|(_, example)| &example["value"]);
            for example in several.chain(media.get("example")) {
                let found = violations(&document, &media["schema"], example);
                assert!(found.is_empty(), "{method} {path}: {found:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn operations_describe_their_errors() {
    let document = document();
    for (method, path, operation) in operations(&document) {
        let has = |status: &str| operation["responses"].get(status).is_some();
        let name = format!("{method} {path}");
        for status in ["400", "401", "403", "429", "500", "503"] {
            assert!(has(status), "{name}: {status}");
        }
        assert_eq!(has("404"), path.contains('{'), "{name}: 404");
        assert_eq!(has("413"), method != "GET", "{name}: 413");
        let takes_a_body = operation.get("requestBody").is_some();
        assert_eq!(has("415"), takes_a_body, "{name}: 415");
    }
}

#[tokio::test]
async fn document_is_public_and_cacheable() {
    let site = TestSite::new().await;
    let response = site.get("/api/openapi.json").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.header(header::CONTENT_TYPE), "application/json");
    let kept = response.header(header::CACHE_CONTROL);
    assert_eq!(kept, "public, max-age=3600");
    assert_eq!(response.json(), document());
}

#[tokio::test]
async fn real_responses_match_document() {
    let document = document();
    let site = TestSite::new().await;
    let all = client(&site, "all", &ALL).await;
    let ada = site.confirmed("ada@example.com").await;
    site.posts(&["A loader in fonts"]).await;
    let version = all.get("/next").await["version"].clone();
    let id = ada.id.to_string();
    let confirmed = json!({ "email": "eve@example.com", "confirmed": true, "source": "shop" });
    let (nothing, words) = (
        Value::Null,
        json!({ "version": version, "subject": "Mine" }),
    );
    for (method, path, place, body, status) in [
        (
            "POST",
            "/subscribers",
            "/subscribers",
            &json!({ "email": "bob@example.com" }),
            202,
        ),
        ("POST", "/subscribers", "/subscribers", &confirmed, 201),
        ("POST", "/subscribers", "/subscribers", &confirmed, 200),
        (
            "POST",
            "/subscribers",
            "/subscribers",
            &json!({ "email": "bob" }),
            422,
        ),
        ("GET", "/subscribers", "/subscribers?limit=1", &nothing, 200),
        ("GET", "/subscribers", "/subscribers?limit=x", &nothing, 422),
        ("GET", "/subscribers/{id}", "/subscribers/ID", &nothing, 200),
        ("PATCH", "/next", "/next", &words, 200),
        ("PATCH", "/next", "/next", &words, 409),
        ("GET", "/next", "/next", &nothing, 200),
        ("POST", "/next/send", "/next/send", &nothing, 200),
        ("GET", "/issues", "/issues", &nothing, 200),
        ("GET", "/issues/{number}", "/issues/1", &nothing, 200),
        ("GET", "/issues/{number}", "/issues/9", &nothing, 404),
        (
            "GET",
            "/issues/{number}/deliveries",
            "/issues/1/deliveries",
            &nothing,
            200,
        ),
        (
            "POST",
            "/issues/{number}/pause",
            "/issues/1/pause",
            &nothing,
            200,
        ),
        (
            "POST",
            "/issues/{number}/pause",
            "/issues/1/pause",
            &nothing,
            409,
        ),
        (
            "POST",
            "/issues/{number}/resume",
            "/issues/1/resume",
            &nothing,
            200,
        ),
        (
            "POST",
            "/issues/{number}/try-now",
            "/issues/1/try-now",
            &nothing,
            409,
        ),
        (
            "POST",
            "/subscribers/{id}/unsubscribe",
            "/subscribers/ID/unsubscribe",
            &nothing,
            200,
        ),
        (
            "DELETE",
            "/subscribers/{id}",
            "/subscribers/ID",
            &nothing,
            200,
        ),
        (
            "DELETE",
            "/subscribers/{id}",
            "/subscribers/ID",
            &nothing,
            404,
        ),
    ] {
        let method: Method = method.parse().unwrap();
        let place = place.replace("ID", &id);
        let response = match body {
            Value::Null => all.call(method.clone(), &place).await,
            body => all.call_json(method.clone(), &place, body).await,
        };
        let name = format!("{method} {place}");
        assert_eq!(
            response.status.as_u16(),
            status,
            "{name}: {}",
            response.body
        );
        let operation = operation(&document, &method, path);
        let schema = schema(&document, operation, &response);
        let found = violations(&document, schema, &response.json());
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
