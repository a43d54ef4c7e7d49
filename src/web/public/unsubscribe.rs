//! `/unsubscribe/{token}`: GET shows a button and changes nothing. POST is the button
//! and the one-click of RFC 8058: it needs nothing but the address it is sent to, and is
//! counted against nobody.

use axum::extract::State;
use axum::response::IntoResponse;

use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::web::public::token::Token;
use crate::web::public::views::{Link, Unsubscribe, Unsubscribed};
use crate::web::public::{HandlerResult, invalid_link};
use crate::web::state::{AppState, SharedState};

pub async fn show(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    let subscriber = match state.web.subscriptions.look_up_unsubscribe(&token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return invalid_link::answer(&state, Link::Unsubscribe, error),
    };
    let paused = subscriber
        .paused_until
        .is_some_and(|until| until > state.now());
    let could_pause = subscriber.state == SubscriberState::Confirmed && !paused;
    let page = Unsubscribe {
        token,
        address: subscriber.address.to_string(),
        preferences_token: could_pause.then(|| preferences_token(&state, &subscriber)),
    };
    Ok(state.pages.html(&page)?.into_response())
}

/// The body says `List-Unsubscribe=One-Click`, as a form of either kind, or nothing:
/// there is nothing to choose, so it is not looked at.
pub async fn unsubscribe(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    let subscriber = match state.web.subscriptions.unsubscribe(&token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return invalid_link::answer(&state, Link::Unsubscribe, error),
    };
    // Who never confirmed, or is suppressed, comes back by signing up.
    let could_return =
        subscriber.confirmed_at.is_some() && subscriber.state != SubscriberState::Suppressed;
    let page = Unsubscribed {
        preferences_token: could_return.then(|| preferences_token(&state, &subscriber)),
    };
    Ok(state.pages.html(&page)?.into_response())
}

fn preferences_token(state: &AppState, subscriber: &Subscriber) -> String {
    state
        .web
        .keys
        .subscriber_token(Purpose::Preferences, &subscriber.id)
}
