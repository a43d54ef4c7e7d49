//! For machines that watch: alive, ready, and a few figures.

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
use crate::web::client_ip::peer;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// A database that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

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
    let (status, word) = match tokio::time::timeout(PATIENCE, state.web.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        ),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], word).into_response()
}

async fn metrics(State(state): State<SharedState>, _: Neighbour) -> Result<Response, HttpError> {
    let store = &state.web.store;
    let counts = store.subscriber_counts().await?;
    let subscribers = SubscriberState::ALL.map(|state| {
        let count = counts.iter().find(|(counted, _)| *counted == state);
        (
            format!("{{state=\"{state}\"}}"),
            count.map_or(0, |(_, count)| *count),
        )
    });
    let unfinished = i64::try_from(store.unfinished_issues().await?.len()).unwrap_or(i64::MAX);
    let to_go = store.remaining_deliveries().await?;
    let mut text = String::new();
    gauge(&mut text, "up", &[(String::new(), 1)]);
    gauge(&mut text, "subscribers", &subscribers);
    gauge(
        &mut text,
        "issues_unfinished",
        &[(String::new(), unfinished)],
    );
    gauge(
        &mut text,
        "deliveries_unfinished",
        &[(String::new(), to_go)],
    );
    Ok((
        [
            (header::CONTENT_TYPE, EXPOSITION),
            (header::CACHE_CONTROL, "no-store"),
        ],
        text,
    )
        .into_response())
}

fn gauge(text: &mut String, name: &str, values: &[(String, i64)]) {
    // Writing to a String never fails.
    let _ = writeln!(text, "# TYPE broadsheet_{name} gauge");
    for (labels, value) in values {
        let _ = writeln!(text, "broadsheet_{name}{labels} {value}");
    }
}

/// Someone on this machine or its own network, without a proxy between: how many read
/// is nobody else's business. Others get the 404 of a page that is not there.
struct Neighbour;

impl FromRequestParts<SharedState> for Neighbour {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedState) -> Result<Self, HttpError> {
        let by_proxy = ["x-forwarded-for", "forwarded", "via"]
            .iter()
            .any(|name| parts.headers.contains_key(*name));
        (!by_proxy && is_near(peer(parts)))
            .then_some(Self)
            .ok_or(HttpError::NotFound)
    }
}

fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_neighbours() {
        for (ip, near) in [
            ("127.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("192.168.1.1", true),
            ("fd00::1", true),
            ("0.0.0.0", false),
            ("203.0.113.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_near(ip.parse().unwrap()), near, "{ip}");
        }
    }

    #[test]
    fn a_gauge_is_a_line_a_value() {
        let mut text = String::new();
        gauge(
            &mut text,
            "subscribers",
            &[("{state=\"pending\"}".to_owned(), 2)],
        );
        assert_eq!(
            text,
            "# TYPE broadsheet_subscribers gauge\nbroadsheet_subscribers{state=\"pending\"} 2\n"
        );
    }
}
