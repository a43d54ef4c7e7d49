//! `/preferences/{token}`: pause, go on, leave, come back; and ask for the links that do more.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::ReaderMail;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::LinkError;
use crate::web::public::token::Token;
use crate::web::public::views::{Link, Preferences, Reading};
use crate::web::public::{HandlerResult, invalid_link};
use crate::web::state::{AppState, SharedState};

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    saved: String,
    asked: String,
}

pub async fn show(
    State(state): State<SharedState>,
    Token(token): Token,
    Query(shown): Query<Shown>,
) -> HandlerResult {
    let subscriber = match state.web.subscriptions.look_up_preferences(&token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return invalid_link::answer(&state, Link::Preferences, error),
    };
    let page = Preferences {
        token,
        address: subscriber.address.to_string(),
        reading: match subscriber.state {
            SubscriberState::Confirmed => Reading::On,
            SubscriberState::Suppressed => Reading::Bounced,
            SubscriberState::Pending | SubscriberState::Unsubscribed => Reading::Left,
        },
        paused_until: subscriber.paused_until.filter(|until| *until > state.now()),
        next_issue_at: state.next_issue_at().await?,
        saved: shown.saved == "1",
        asked: ReaderMail::parse(&shown.asked).ok().map(ReaderMail::as_str),
    };
    Ok(state.pages.html(&page)?.into_response())
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Action {
    AtOnce(Step),
    ByLink(Wish),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Pause,
    Resume,
    Unsubscribe,
    Resubscribe,
}

/// What needs a fresh link: whoever has the page may have it from a forwarded mail.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wish {
    ChangeAddress,
    Export,
    Erase,
}

impl From<Wish> for ReaderMail {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::ChangeAddress => Self::ChangeAddress,
            Wish::Export => Self::Export,
            Wish::Erase => Self::Erase,
        }
    }
}

/// An action there is not is refused (422).
#[derive(Deserialize)]
pub struct Change {
    action: Action,
}

pub async fn change(
    State(state): State<SharedState>,
    Token(token): Token,
    Form(change): Form<Change>,
) -> HandlerResult {
    let to = match change.action {
        Action::AtOnce(step) => take(&state, &token, step).await,
        Action::ByLink(wish) => ask(&state, &token, wish.into()).await,
    };
    match to {
        Ok(to) => Ok(Redirect::to(&format!("{}{to}", state.site.base)).into_response()),
        Err(error) => invalid_link::answer(&state, Link::Preferences, error),
    }
}

/// Where to go on to.
async fn take(state: &AppState, token: &str, step: Step) -> Result<String, LinkError> {
    let subscriber = act(state, token, step).await?;
    Ok(if took_effect(step, &subscriber, state.now()) {
        format!("/preferences/{token}?saved=1")
    } else if matches!(step, Step::Resubscribe) {
        // A link alone brings nobody back who never confirmed, or whose address is dead.
        "/".to_owned()
    } else {
        format!("/preferences/{token}")
    })
}

async fn ask(state: &AppState, token: &str, about: ReaderMail) -> Result<String, LinkError> {
    let subscriptions = &state.web.subscriptions;
    subscriptions.ask_for_link(token, about).await?;
    Ok(format!("/preferences/{token}?asked={about}"))
}

async fn act(state: &AppState, token: &str, step: Step) -> Result<Subscriber, LinkError> {
    let subscriptions = &state.web.subscriptions;
    match step {
        Step::Pause => subscriptions.pause(token).await?,
        Step::Resume => subscriptions.resume(token).await?,
        Step::Unsubscribe => subscriptions.leave_by_preferences(token).await?,
        Step::Resubscribe => {
            subscriptions.resubscribe(token).await?;
        }
    }
    subscriptions.look_up_preferences(token).await
}

/// "Saved." is only said of what is so.
fn took_effect(step: Step, subscriber: &Subscriber, now: Timestamp) -> bool {
    let reads = subscriber.state == SubscriberState::Confirmed;
    let paused = subscriber.paused_until.is_some_and(|until| until > now);
    match step {
        Step::Pause => reads && paused,
        Step::Resume => reads && !paused,
        Step::Unsubscribe => !reads,
        Step::Resubscribe => reads,
    }
}
