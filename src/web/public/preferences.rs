//! `/preferences/{token}`: pause, go on, leave, come back; and ask for the links that do more.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use super::token::Token;
use super::views::{Link, Preferences, Reading};
use super::{Answer, link_gone};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::ReaderMail;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::LinkError;
use crate::web::state::{Shared, WebState};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    saved: String,
    asked: String,
}

pub async fn show(
    State(state): State<Shared>,
    Token(token): Token,
    Query(shown): Query<Shown>,
) -> Answer {
    let subscriber = match state.web.subscriptions.look_up_preferences(&token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return link_gone::answer(&state, Link::Preferences, error),
    };
    let reads = subscriber.state == SubscriberState::Confirmed;
    let page = Preferences {
        token,
        address: subscriber.address.to_string(),
        reading: if reads { Reading::On } else { Reading::Left },
        paused_until: subscriber.paused_until.filter(|until| *until > state.now()),
        next_issue_at: state.next_issue_at(),
        saved: shown.saved == "1",
        asked: ReaderMail::parse(&shown.asked).ok().map(ReaderMail::as_str),
    };
    Ok(state.pages.html(&page)?.into_response())
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Pause,
    Resume,
    Unsubscribe,
    Resubscribe,
    ChangeAddress,
    Export,
    Erase,
}

impl Action {
    /// What needs a fresh link: whoever has the page may have it from a forwarded mail.
    fn needs_link(self) -> Option<ReaderMail> {
        match self {
            Self::ChangeAddress => Some(ReaderMail::ChangeAddress),
            Self::Export => Some(ReaderMail::Export),
            Self::Erase => Some(ReaderMail::Erase),
            Self::Pause | Self::Resume | Self::Unsubscribe | Self::Resubscribe => None,
        }
    }
}

/// An action there is not is refused (422).
#[derive(Deserialize)]
pub struct Change {
    action: Action,
}

pub async fn change(
    State(state): State<Shared>,
    Token(token): Token,
    Form(change): Form<Change>,
) -> Answer {
    let base = &state.site.base;
    if let Some(about) = change.action.needs_link() {
        let asked = state.web.subscriptions.ask_for_link(&token, about).await;
        return match asked {
            Ok(()) => {
                let to = format!("{base}/preferences/{token}?asked={about}");
                Ok(Redirect::to(&to).into_response())
            }
            Err(error) => link_gone::answer(&state, Link::Preferences, error),
        };
    }
    let to = match act(&state, &token, change.action).await {
        Ok(subscriber) if took_effect(change.action, &subscriber, state.now()) => {
            format!("{base}/preferences/{token}?saved=1")
        }
        // A link alone brings nobody back who never confirmed, or whose address is dead.
        Ok(_) if matches!(change.action, Action::Resubscribe) => format!("{base}/"),
        Ok(_) => format!("{base}/preferences/{token}"),
        Err(error) => return link_gone::answer(&state, Link::Preferences, error),
    };
    Ok(Redirect::to(&to).into_response())
}

async fn act(state: &WebState, token: &str, action: Action) -> Result<Subscriber, LinkError> {
    let subscriptions = &state.web.subscriptions;
    match action {
        Action::Pause => subscriptions.pause(token).await?,
        Action::Resume => subscriptions.resume(token).await?,
        Action::Unsubscribe => subscriptions.leave_by_preferences(token).await?,
        Action::Resubscribe => {
            subscriptions.come_back(token).await?;
        }
        Action::ChangeAddress | Action::Export | Action::Erase => {}
    }
    subscriptions.look_up_preferences(token).await
}

/// "Saved." is only said of what is so.
fn took_effect(action: Action, subscriber: &Subscriber, now: Timestamp) -> bool {
    let reads = subscriber.state == SubscriberState::Confirmed;
    let paused = subscriber.paused_until.is_some_and(|until| until > now);
    match action {
        Action::Pause => reads && paused,
        Action::Resume => reads && !paused,
        Action::Unsubscribe => !reads,
        Action::Resubscribe => reads,
        Action::ChangeAddress | Action::Export | Action::Erase => false,
    }
}
