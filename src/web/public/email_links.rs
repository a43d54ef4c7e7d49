//! The pages behind a link that was mailed just now: another address, the export, the
//! erasure. A GET changes nothing; its button posts.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::signed_token::Purpose;
use crate::store::Subscriber;
use crate::subscription::LinkError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::token::Token;
use crate::web::public::views::{
    ChangeAddress, Erase, Erased, Export, Link, NewAddress, SignupError,
};
use crate::web::public::{HandlerResult, invalid_link};
use crate::web::state::{AppState, SharedState};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AS_FILE: HeaderValue =
    HeaderValue::from_static("attachment; filename=\"what-we-store.json\"");

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    asked: String,
}

/// What is typed into the form for another address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    email: String,
}

pub async fn change_address(
    State(state): State<SharedState>,
    Token(token): Token,
    Query(shown): Query<Shown>,
) -> HandlerResult {
    let reader = match look_up(&state, Purpose::ChangeAddress, &token).await {
        Ok(reader) => reader,
        Err(error) => return invalid_link::answer(&state, Link::Fresh, error),
    };
    let page = ChangeAddress {
        token,
        address: reader.address.to_string(),
        email: String::new(),
        fault: None,
        asked: shown.asked == "1",
    };
    Ok(state.pages.html(&page)?.into_response())
}

/// Mails a link to the new address; the answer is the same whatever is known of it.
pub async fn ask_new_address(
    State(state): State<SharedState>,
    Token(token): Token,
    Form(typed): Form<Typed>,
) -> HandlerResult {
    let reader = match look_up(&state, Purpose::ChangeAddress, &token).await {
        Ok(reader) => reader,
        Err(error) => return invalid_link::answer(&state, Link::Fresh, error),
    };
    let fault = match EmailAddress::parse(&typed.email) {
        Ok(address) => {
            let asked = state.web.subscriptions.ask_new_address(&token, &address);
            return match asked.await {
                Ok(()) => {
                    let to = format!("{}/change-address/{token}?asked=1", state.site.base);
                    Ok(Redirect::to(&to).into_response())
                }
                Err(error) => invalid_link::answer(&state, Link::Fresh, error),
            };
        }
        Err(EmailAddressError::InternationalLocalPart) => SignupError::AddressNotAscii,
        Err(_) => SignupError::Address,
    };
    let page = ChangeAddress {
        token,
        address: reader.address.to_string(),
        email: typed.email.chars().take(254).collect(),
        fault: Some(fault),
        asked: false,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, state.pages.html(&page)?).into_response())
}

pub async fn new_address(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state.web.subscriptions.look_up_new_address(&token).await {
        Ok(found) => {
            let address = found.address.to_string();
            let page = NewAddress { token, address };
            Ok(state.pages.html(&page)?.into_response())
        }
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

pub async fn take_new_address(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Token(token): Token,
) -> HandlerResult {
    let ip = ip.to_string();
    let subscriptions = &state.web.subscriptions;
    match subscriptions.change_address(&token, Some(&ip)).await {
        Ok(reader) => {
            let token = state
                .web
                .keys
                .subscriber_token(Purpose::Preferences, &reader.id);
            let to = format!("{}/preferences/{token}?saved=1", state.site.base);
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

pub async fn export(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match look_up(&state, Purpose::Export, &token).await {
        Ok(reader) => {
            let address = reader.address.to_string();
            Ok(state
                .pages
                .html(&Export { token, address })?
                .into_response())
        }
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

pub async fn download(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state.web.subscriptions.own_data(&token).await {
        Ok(data) => {
            let headers = [
                (header::CONTENT_TYPE, JSON),
                (header::CONTENT_DISPOSITION, AS_FILE),
            ];
            Ok((headers, data.to_json()).into_response())
        }
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

pub async fn erase(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match look_up(&state, Purpose::Erase, &token).await {
        Ok(reader) => {
            let address = reader.address.to_string();
            Ok(state.pages.html(&Erase { token, address })?.into_response())
        }
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

pub async fn erase_now(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    match state.web.subscriptions.erase_by_link(&token).await {
        Ok(()) => Ok(state.pages.html(&Erased {})?.into_response()),
        Err(error) => invalid_link::answer(&state, Link::Fresh, error),
    }
}

async fn look_up(state: &AppState, purpose: Purpose, token: &str) -> Result<Subscriber, LinkError> {
    state.web.subscriptions.look_up_fresh(purpose, token).await
}
