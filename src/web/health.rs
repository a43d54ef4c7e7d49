//! Endpoints for monitoring: liveness, readiness and metrics.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::domain::subscriber::SubscriberState;
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::peer_ip;
use crate::web::state::SharedState;

/// Maximum time for the database to respond to a readiness check.
const READY_TIMEOUT: Duration = Duration::from_secs(2);
/// Media type of the Prometheus text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the routes `/healthz`, `/readyz` and `/metrics`.
pub fn routes() -> Router<SharedState> {
    Router::new()
        .route(
            "/healthz",
            get(async || ([(header::CACHE_CONTROL, "no-store")], "ok\n")),
        )
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

async fn ready(State(state): State<SharedState>) -> Response {
    let ping = tokio::time::timeout(READY_TIMEOUT, state.web.store.ping()).await;
    let (status, body) = match ping {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not respond\n",
        ),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
}

async fn metrics(State(state): State<SharedState>, _: LocalPeer) -> Result<Response, HttpError> {
    let store = &state.web.store;
    let counts = store.subscriber_counts().await?;
    let labeled = |state: &SubscriberState| {
        let count = counts.iter().find(|(counted, _)| counted == state);
        let count = count.map_or(0, |(_, count)| *count);
        (format!("{{state=\"{state}\"}}"), count)
    };
    let subscribers: Vec<_> = SubscriberState::ALL.iter().map(labeled).collect();
    let issues = i64::try_from(store.unfinished_issues().await?.len()).unwrap_or(i64::MAX);
    let deliveries = store.remaining_deliveries().await?;
    let unlabeled = |value| [(String::new(), value)];
    let mut text = String::new();
    write_gauge(&mut text, "up", &unlabeled(1));
    write_gauge(&mut text, "subscribers", &subscribers);
    write_gauge(&mut text, "issues_unfinished", &unlabeled(issues));
    write_gauge(&mut text, "deliveries_unfinished", &unlabeled(deliveries));
    let headers = [
        (header::CONTENT_TYPE, PROMETHEUS_TEXT),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}

/// Writes a gauge in the Prometheus text format. `values` are labels and value.
fn write_gauge(text: &mut String, name: &str, values: &[(String, i64)]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# TYPE broadsheet_{name} gauge");
    for (labels, value) in values {
        let _ = writeln!(text, "broadsheet_{name}{labels} {value}");
    }
}

/// Asserts that the request comes from this machine or its private network, without a proxy.
/// Otherwise rejects it with 404, because the metrics reveal the number of subscribers.
struct LocalPeer;

impl FromRequestParts<SharedState> for LocalPeer {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, HttpError> {
        let is_proxied = ["x-forwarded-for", "forwarded", "via"]
            .iter()
            .any(|name| parts.headers.contains_key(*name));
        (!is_proxied && is_local(peer_ip(parts)))
            .then_some(Self)
            .ok_or(HttpError::NotFound)
    }
}

fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_local_accepts_private_networks_only() {
        for (ip, local) in [
            ("127.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("192.168.1.1", true),
            ("fd00::1", true),
            ("0.0.0.0", false),
            ("203.0.113.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_local(ip.parse().unwrap()), local, "{ip}");
        }
    }

    #[test]
    fn write_gauge_writes_one_line_per_value() {
        let mut text = String::new();

        let pending = ("{state=\"pending\"}".to_owned(), 2);
        write_gauge(&mut text, "subscribers", &[pending]);

        assert_eq!(
            text,
            "# TYPE broadsheet_subscribers gauge\nbroadsheet_subscribers{state=\"pending\"} 2\n"
        );
    }
}
