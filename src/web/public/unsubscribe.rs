//! `/unsubscribe/{token}`: GET shows a button and changes nothing. POST is the button and the
//! one-click unsubscribe of RFC 8058; it needs only the URL and is not rate-limited.

use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::web::public::invalid_link::LinkKind;
use crate::web::public::response::HandlerResult;
use crate::web::public::test_copy;
use crate::web::public::token::Token;
use crate::web::render::templates;
use crate::web::state::{AppState, SharedState};

templates! {
    Unsubscribe => "public/unsubscribe.html",
    Unsubscribed => "public/unsubscribed.html",
}

/// The page with the button, which posts to the same URL without fields.
#[derive(Clone, Debug, Serialize)]
pub struct Unsubscribe {
    /// The token of the URL.
    pub token: String,
    /// Address of the subscriber.
    pub address: String,
    /// For the link that pauses instead; `None` if the subscription cannot be paused.
    pub preferences_token: Option<String>,
}

/// The page after unsubscribing.
#[derive(Clone, Debug, Serialize)]
pub struct Unsubscribed {
    /// For the button that posts `action=resubscribe` to `/preferences/{token}`; `None` if the
    /// subscriber has to sign up again.
    pub preferences_token: Option<String>,
}

/// Shows the button.
pub async fn show(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    let subscriber = match state
        .web
        .subscriptions
        .verify_unsubscribe_link(&token)
        .await
    {
        Ok(Some(subscriber)) => subscriber,
        Ok(None) => return show_unsubscribed(&state, None),
        Err(error) => return test_copy::response(&state, &token, LinkKind::Unsubscribe, error),
    };
    let is_paused = subscriber
        .paused_until
        .is_some_and(|until| until > state.now());
    let can_pause = subscriber.state == SubscriberState::Confirmed && !is_paused;
    let page = Unsubscribe {
        token,
        address: subscriber.address.to_string(),
        preferences_token: can_pause.then(|| preferences_token(&state, &subscriber)),
    };
    Ok(state.pages.html(&page)?.into_response())
}

/// Unsubscribes. The body is ignored: an email client sends `List-Unsubscribe=One-Click`, a
/// browser sends nothing.
pub async fn unsubscribe(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    let subscriber = match state.web.subscriptions.unsubscribe(&token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return test_copy::response(&state, &token, LinkKind::Unsubscribe, error),
    };
    // A subscriber who never confirmed or is suppressed has to sign up again.
    let may_return = subscriber.filter(|subscriber| match subscriber.state {
        SubscriberState::Confirmed => true,
        SubscriberState::Suppressed => false,
        _ => subscriber.confirmed_at.is_some(),
    });
    let token = may_return.map(|subscriber| preferences_token(&state, &subscriber));
    show_unsubscribed(&state, token)
}

fn show_unsubscribed(state: &AppState, preferences_token: Option<String>) -> HandlerResult {
    let page = Unsubscribed { preferences_token };
    Ok(state.pages.html(&page)?.into_response())
}

fn preferences_token(state: &AppState, subscriber: &Subscriber) -> String {
    let keys = &state.web.keys;
    keys.subscriber_token(Purpose::Preferences, &subscriber.id)
}
