//! Pages behind links that a subscriber requested: change of address, export and erasure. GET
//! shows a button and changes nothing.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::signed_token::Purpose;
use crate::store::Subscriber;
use crate::subscription::LinkError;
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::invalid_link::{self, LinkKind};
use crate::web::public::response::HandlerResult;
use crate::web::public::signup_form::SignupError;
use crate::web::public::token::Token;
use crate::web::render::{View, templates};
use crate::web::state::{AppState, SharedState};

/// Media type of the export.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Makes browsers save the export as a file.
const EXPORT_DISPOSITION: HeaderValue =
    HeaderValue::from_static("attachment; filename=\"what-we-store.json\"");
/// Maximum length of a rejected address that is shown again, in characters.
const MAX_ADDRESS_CHARS: usize = 254;

templates! {
    ChangeAddress => "public/change_address.html",
    NewAddress => "public/new_address.html",
    Export => "public/export.html",
    Erase => "public/erase.html",
    Erased => "public/erased.html",
}

/// The form for a new address, `GET /change-address/{token}`. Posts `email` to the same URL.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeAddress {
    /// The token of the URL.
    pub token: String,
    /// The current address.
    pub address: String,
    /// The submitted address.
    pub email: String,
    /// [`SignupError::Address`] or [`SignupError::AddressNotAscii`].
    pub error: Option<SignupError>,
    /// Whether a link was mailed to the submitted address.
    pub asked: bool,
}

/// The confirmation of a new address, `GET /new-address/{token}`. The button posts to the same
/// URL.
///
/// Contains nothing about the subscriber: a typo may have sent the link to someone else.
#[derive(Clone, Debug, Serialize)]
pub struct NewAddress {
    /// The token of the URL.
    pub token: String,
    /// The new address.
    pub address: String,
}

/// The export, `GET /export/{token}`. The button posts to the same URL and returns a file.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    /// The token of the URL.
    pub token: String,
    /// Address of the subscriber.
    pub address: String,
}

/// The confirmation of an erasure, `GET /erase/{token}`. The button posts to the same URL.
#[derive(Clone, Debug, Serialize)]
pub struct Erase {
    /// The token of the URL.
    pub token: String,
    /// Address of the subscriber.
    pub address: String,
}

/// The page after an erasure, `POST /erase/{token}`.
#[derive(Clone, Debug, Serialize)]
pub struct Erased {}

/// Query of [`show_change_address`], set by a redirect.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ShowQuery {
    asked: String,
}

/// The submitted form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NewAddressForm {
    email: String,
}

/// Shows the form for a new address.
pub async fn show_change_address(
    State(state): State<SharedState>,
    Token(token): Token,
    Query(query): Query<ShowQuery>,
) -> HandlerResult {
    let subscriber = match find_subscriber(&state, Purpose::ChangeAddress, &token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return reject(&state, error),
    };
    let page = ChangeAddress {
        token,
        address: subscriber.address.to_string(),
        email: String::new(),
        error: None,
        asked: query.asked == "1",
    };
    Ok(state.pages.html(&page)?.into_response())
}

/// Mails a link to the new address. The response does not reveal whether the address is known.
pub async fn request_new_address(
    State(state): State<SharedState>,
    Token(token): Token,
    Form(form): Form<NewAddressForm>,
) -> HandlerResult {
    let subscriber = match find_subscriber(&state, Purpose::ChangeAddress, &token).await {
        Ok(subscriber) => subscriber,
        Err(error) => return reject(&state, error),
    };
    let error = match EmailAddress::parse(&form.email) {
        Ok(address) => {
            let subscriptions = &state.web.subscriptions;
            return match subscriptions.request_address_change(&token, &address).await {
                Ok(()) => {
                    let path = format!("{}/change-address/{token}?asked=1", state.site.base);
                    Ok(Redirect::to(&path).into_response())
                }
                Err(error) => reject(&state, error),
            };
        }
        Err(EmailAddressError::InternationalLocalPart) => SignupError::AddressNotAscii,
        Err(_) => SignupError::Address,
    };
    let page = ChangeAddress {
        token,
        address: subscriber.address.to_string(),
        email: form.email.chars().take(MAX_ADDRESS_CHARS).collect(),
        error: Some(error),
        asked: false,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, state.pages.html(&page)?).into_response())
}

/// Shows the button that confirms a new address.
pub async fn show_new_address(
    State(state): State<SharedState>,
    Token(token): Token,
) -> HandlerResult {
    match state
        .web
        .subscriptions
        .verify_new_address_link(&token)
        .await
    {
        Ok(found) => {
            let address = found.address.to_string();
            Ok(state
                .pages
                .html(&NewAddress { token, address })?
                .into_response())
        }
        Err(error) => reject(&state, error),
    }
}

/// Changes the address and redirects to the preferences.
pub async fn confirm_new_address(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Token(token): Token,
) -> HandlerResult {
    let (web, ip) = (&state.web, ip.to_string());
    match web.subscriptions.change_address(&token, Some(&ip)).await {
        Ok(subscriber) => {
            let token = web
                .keys
                .subscriber_token(Purpose::Preferences, &subscriber.id);
            let path = format!("{}/preferences/{token}?saved=1", state.site.base);
            Ok(Redirect::to(&path).into_response())
        }
        Err(error) => reject(&state, error),
    }
}

/// Shows the button that downloads the export.
pub async fn show_export(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    show_for_subscriber(&state, Purpose::Export, token, |token, address| Export {
        token,
        address,
    })
    .await
}

/// Returns all data about the subscriber as a JSON file.
pub async fn download_export(
    State(state): State<SharedState>,
    Token(token): Token,
) -> HandlerResult {
    match state.web.subscriptions.export_data(&token).await {
        Ok(data) => {
            let headers = [
                (header::CONTENT_TYPE, JSON),
                (header::CONTENT_DISPOSITION, EXPORT_DISPOSITION),
            ];
            Ok((headers, data.to_json()).into_response())
        }
        Err(error) => reject(&state, error),
    }
}

/// Shows the button that erases the subscriber.
pub async fn show_erase(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    show_for_subscriber(&state, Purpose::Erase, token, |token, address| Erase {
        token,
        address,
    })
    .await
}

/// Erases the subscriber.
pub async fn erase(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state.web.subscriptions.erase_by_link(&token).await {
        Ok(()) => Ok(state.pages.html(&Erased {})?.into_response()),
        Err(error) => reject(&state, error),
    }
}

/// Shows the page that `view` builds of token and address.
async fn show_for_subscriber<V: View>(
    state: &AppState,
    purpose: Purpose,
    token: String,
    view: impl FnOnce(String, String) -> V,
) -> Result<Response, HttpError> {
    match find_subscriber(state, purpose, &token).await {
        Ok(subscriber) => {
            let page = view(token, subscriber.address.to_string());
            Ok(state.pages.html(&page)?.into_response())
        }
        Err(error) => reject(state, error),
    }
}

async fn find_subscriber(
    state: &AppState,
    purpose: Purpose,
    token: &str,
) -> Result<Subscriber, LinkError> {
    state
        .web
        .subscriptions
        .verify_action_link(purpose, token)
        .await
}

fn reject(state: &AppState, error: LinkError) -> HandlerResult {
    invalid_link::response(state, LinkKind::Requested, error)
}
