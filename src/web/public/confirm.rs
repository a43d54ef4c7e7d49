//! `/confirm/{token}`: GET shows a button and changes nothing, POST confirms.

use axum::extract::State;
use axum::response::IntoResponse;

use crate::subscription::Confirmation;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::token::Token;
use crate::web::public::views::{Confirm, Confirmed, Link};
use crate::web::public::{HandlerResult, invalid_link, issues};
use crate::web::state::{AppState, SharedState};

pub async fn show(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state.web.subscriptions.look_up_confirmation(&token).await {
        Ok(Confirmation::Open(subscriber)) => {
            let page = Confirm {
                token,
                address: subscriber.address.to_string(),
            };
            Ok(state.pages.html(&page)?.into_response())
        }
        Ok(Confirmation::Already(_)) => confirmed(&state, true, true).await,
        Err(error) => invalid_link::answer(&state, Link::Confirm, error),
    }
}

pub async fn confirm(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Token(token): Token,
) -> HandlerResult {
    match state
        .web
        .subscriptions
        .confirm(&token, Some(&ip.to_string()))
        .await
    {
        Ok(Confirmation::Open(_)) => confirmed(&state, false, false).await,
        Ok(Confirmation::Already(_)) => confirmed(&state, true, false).await,
        Err(error) => invalid_link::answer(&state, Link::Confirm, error),
    }
}

async fn confirmed(state: &AppState, already: bool, only_looked: bool) -> HandlerResult {
    let latest = issues::newest(&state.web.store, None).await?;
    let page = Confirmed {
        already,
        only_looked,
        next_issue_at: state.next_issue_at().await?,
        latest: latest.as_ref().map(issues::link),
    };
    Ok(state.pages.html(&page)?.into_response())
}
