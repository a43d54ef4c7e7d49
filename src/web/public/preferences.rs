//! `/preferences/{token}`: pause, resume, unsubscribe, resubscribe, and request links for
//! actions on personal data.

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::SubscriberMail;
use crate::domain::subscriber::SubscriberState;
use crate::store::Subscriber;
use crate::subscription::LinkError;
use crate::web::public::invalid_link::LinkKind;
use crate::web::public::response::HandlerResult;
use crate::web::public::test_copy;
use crate::web::public::token::Token;
use crate::web::render::{maybe_millis, templates};
use crate::web::state::{AppState, SharedState};

templates! {
    Preferences => "public/preferences.html",
}

/// State of a subscription, as its subscriber sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionStatus {
    /// Confirmed, perhaps paused.
    Active,
    /// Unsubscribed or never confirmed.
    Unsubscribed,
    /// Suppressed, because messages bounced.
    Bounced,
}

/// The page. Posts `action` = `pause`, `resume`, `unsubscribe`, `resubscribe`,
/// `change_address`, `export` or `erase` to the same URL.
#[derive(Clone, Debug, Serialize)]
pub struct Preferences {
    /// The token of the URL.
    pub token: String,
    /// Address of the subscriber.
    pub address: String,
    /// State of the subscription.
    pub status: SubscriptionStatus,
    /// End of the pause.
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    /// When the next issue is sent automatically.
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    /// Whether a change was saved.
    pub saved: bool,
    /// Kind of the link that was requested, as [`SubscriberMail::as_str`].
    pub asked: Option<&'static str>,
}

/// Query of [`show`], set by redirects after a change.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ShowQuery {
    saved: String,
    asked: String,
}

/// Shows the page.
pub async fn show(
    State(state): State<SharedState>,
    Token(token): Token,
    Query(query): Query<ShowQuery>,
) -> HandlerResult {
    let subscriber = match state
        .web
        .subscriptions
        .verify_preferences_link(&token)
        .await
    {
        Ok(subscriber) => subscriber,
        Err(error) => return test_copy::response(&state, &token, LinkKind::Preferences, error),
    };
    let page = Preferences {
        token,
        address: subscriber.address.to_string(),
        status: match subscriber.state {
            SubscriberState::Confirmed => SubscriptionStatus::Active,
            SubscriberState::Suppressed => SubscriptionStatus::Bounced,
            SubscriberState::Pending | SubscriberState::Unsubscribed => {
                SubscriptionStatus::Unsubscribed
            }
        },
        paused_until: subscriber.paused_until.filter(|until| *until > state.now()),
        next_issue_at: state.next_issue_at().await?,
        saved: query.saved == "1",
        asked: SubscriberMail::parse(&query.asked)
            .ok()
            .map(SubscriberMail::as_str),
    };
    Ok(state.pages.html(&page)?.into_response())
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Action {
    Immediate(ImmediateAction),
    ByLink(LinkAction),
}

/// An action that the preferences link alone allows.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ImmediateAction {
    Pause,
    Resume,
    Unsubscribe,
    Resubscribe,
}

/// An action that needs a link mailed to the subscriber, because the preferences link may come
/// from a forwarded message.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LinkAction {
    ChangeAddress,
    Export,
    Erase,
}

impl From<LinkAction> for SubscriberMail {
    fn from(action: LinkAction) -> Self {
        match action {
            LinkAction::ChangeAddress => Self::ChangeAddress,
            LinkAction::Export => Self::Export,
            LinkAction::Erase => Self::Erase,
        }
    }
}

/// The submitted form. An unknown action is rejected with 422.
#[derive(Deserialize)]
pub struct ChangeForm {
    action: Action,
}

/// Applies an action and redirects.
pub async fn change(
    State(state): State<SharedState>,
    Token(token): Token,
    Form(form): Form<ChangeForm>,
) -> HandlerResult {
    let path = match form.action {
        Action::Immediate(action) => apply_and_redirect(&state, &token, action).await,
        Action::ByLink(action) => request_link(&state, &token, action.into()).await,
    };
    match path {
        Ok(path) => Ok(Redirect::to(&format!("{}{path}", state.site.base)).into_response()),
        Err(error) => test_copy::response(&state, &token, LinkKind::Preferences, error),
    }
}

/// Applies an action and returns the path to redirect to.
async fn apply_and_redirect(
    state: &AppState,
    token: &str,
    action: ImmediateAction,
) -> Result<String, LinkError> {
    let subscriber = apply(state, token, action).await?;
    Ok(if took_effect(action, &subscriber, state.now()) {
        format!("/preferences/{token}?saved=1")
    } else if matches!(action, ImmediateAction::Resubscribe) {
        // A subscriber who never confirmed or is suppressed has to sign up again.
        "/".to_owned()
    } else {
        format!("/preferences/{token}")
    })
}

/// Mails a link and returns the path to redirect to.
async fn request_link(
    state: &AppState,
    token: &str,
    kind: SubscriberMail,
) -> Result<String, LinkError> {
    state.web.subscriptions.request_link(token, kind).await?;
    Ok(format!("/preferences/{token}?asked={kind}"))
}

async fn apply(
    state: &AppState,
    token: &str,
    action: ImmediateAction,
) -> Result<Subscriber, LinkError> {
    let subscriptions = &state.web.subscriptions;
    match action {
        ImmediateAction::Pause => subscriptions.pause(token).await?,
        ImmediateAction::Resume => subscriptions.resume(token).await?,
        ImmediateAction::Unsubscribe => subscriptions.unsubscribe_by_preferences(token).await?,
        ImmediateAction::Resubscribe => {
            subscriptions.resubscribe(token).await?;
        }
    }
    subscriptions.verify_preferences_link(token).await
}

/// Returns whether the subscriber is in the state that the action leads to.
fn took_effect(action: ImmediateAction, subscriber: &Subscriber, now: Timestamp) -> bool {
    let is_active = subscriber.state == SubscriberState::Confirmed;
    let is_paused = subscriber.paused_until.is_some_and(|until| until > now);
    match action {
        ImmediateAction::Pause => is_active && is_paused,
        ImmediateAction::Resume => is_active && !is_paused,
        ImmediateAction::Unsubscribe => !is_active,
        ImmediateAction::Resubscribe => is_active,
    }
}
