//! `/confirm/{token}`: GET shows a button and changes nothing, POST confirms.

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::subscription::Confirmation;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::invalid_link::{self, LinkKind};
use crate::web::public::issues::{IssueLink, newest_issue};
use crate::web::public::response::HandlerResult;
use crate::web::public::token::Token;
use crate::web::render::{maybe_millis, templates};
use crate::web::state::{AppState, SharedState};

templates! {
    Confirm => "public/confirm.html",
    Confirmed => "public/confirmed.html",
}

/// The page with the button, which posts to the same URL.
#[derive(Clone, Debug, Serialize)]
pub struct Confirm {
    /// The token of the URL.
    pub token: String,
    /// The address to confirm.
    pub address: String,
}

/// The page after the confirmation.
#[derive(Clone, Debug, Serialize)]
pub struct Confirmed {
    /// Whether the address was confirmed before this request.
    pub already: bool,
    /// Whether this is a GET request, which changes nothing.
    pub is_get: bool,
    /// When the next issue is sent automatically.
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    /// The newest issue.
    pub latest: Option<IssueLink>,
}

/// Shows the button.
pub async fn show(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state
        .web
        .subscriptions
        .verify_confirmation_link(&token)
        .await
    {
        Ok(Confirmation::Pending(subscriber)) => {
            let address = subscriber.address.to_string();
            let page = Confirm { token, address };
            Ok(state.pages.html(&page)?.into_response())
        }
        Ok(Confirmation::AlreadyConfirmed(_)) => show_confirmed(&state, true, true).await,
        Err(error) => invalid_link::response(&state, LinkKind::Confirm, error),
    }
}

/// Confirms the address.
pub async fn confirm(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Token(token): Token,
) -> HandlerResult {
    let ip = ip.to_string();
    match state.web.subscriptions.confirm(&token, Some(&ip)).await {
        Ok(Confirmation::Pending(_)) => show_confirmed(&state, false, false).await,
        Ok(Confirmation::AlreadyConfirmed(_)) => show_confirmed(&state, true, false).await,
        Err(error) => invalid_link::response(&state, LinkKind::Confirm, error),
    }
}

async fn show_confirmed(state: &AppState, already: bool, is_get: bool) -> HandlerResult {
    let latest = newest_issue(&state.web.store, None).await?;
    let page = Confirmed {
        already,
        is_get,
        next_issue_at: state.next_issue_at().await?,
        latest: latest.as_ref().map(IssueLink::from),
    };
    Ok(state.pages.html(&page)?.into_response())
}
