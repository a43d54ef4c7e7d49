//! `POST /subscribe`. Whatever is known of the address, the answer is the same, and no
//! mail is sent in the request.

use std::net::IpAddr;
use std::sync::LazyLock;

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberName, SubscriberNameError};
use crate::subscription::{Consent, SignUpError, SignUpForm, suggestion};
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::form_timing::{self, FormTiming};
use crate::web::public::views::{ConfirmHuman, SignupError, SignupForm};
use crate::web::public::{HandlerResult, Keep, check, home, keep};
use crate::web::render;
use crate::web::state::{AppState, SharedState};

/// What the page says of how long to wait.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("600");

/// The fields of the form. Others are ignored; one that comes twice is refused (422), as
/// is a body that is no form (415).
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Fields {
    email: String,
    name: String,
    stamp: String,
    /// Nobody sees this one, so only a robot fills it in.
    website: String,
    /// `1`: no typo hints.
    keep: String,
}

pub async fn subscribe(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Form(fields): Form<Fields>,
) -> HandlerResult {
    fields.refuse_mangled()?;
    let typed = SignUpForm {
        email: fields.email.clone(),
        name: fields.name.clone(),
    };
    let (address, name) = match typed.parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            return again(
                &state,
                StatusCode::UNPROCESSABLE_ENTITY,
                fields.form(&state, Some(fault(&error))),
            )
            .await;
        }
    };
    if !fields.website.is_empty() {
        return Ok(taken_in(&state, &address));
    }
    let door = &state.web.door;
    let stamp = FormTiming::judge(
        &state.web.keys,
        &fields.stamp,
        &address,
        state.now(),
        door.minimum_fill,
    );
    // Who presses the button was counted when it was shown.
    if stamp != FormTiming::Pressed && state.caps.count(ip, address.domain()).is_err() {
        let mut response = again(
            &state,
            StatusCode::TOO_MANY_REQUESTS,
            fields.form(&state, Some(SignupError::TooMany)),
        )
        .await?;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER);
        return Ok(response);
    }
    if fields.keep != "1"
        && let Some(meant) = suggestion(&address)
    {
        let mut form = fields.form(&state, None);
        form.suggestion = Some(meant);
        return again(&state, StatusCode::OK, form).await;
    }
    if stamp == FormTiming::Suspicious {
        return one_more_step(&state, &fields, &address);
    }
    sign_up(&state, ip, &address, name.as_ref()).await
}

impl Fields {
    /// Bytes that were no UTF-8 have become U+FFFD, which nobody types.
    fn refuse_mangled(&self) -> Result<(), HttpError> {
        let all = [
            &self.email,
            &self.name,
            &self.stamp,
            &self.website,
            &self.keep,
        ];
        if all
            .iter()
            .any(|field| field.contains(char::REPLACEMENT_CHARACTER))
        {
            return Err(HttpError::Mangled);
        }
        // The form has words for the address and the name.
        if all[2..]
            .iter()
            .any(|field| field.contains(char::is_control))
        {
            return Err(HttpError::Unprocessable);
        }
        Ok(())
    }

    /// The form with what was typed.
    fn form(&self, state: &AppState, fault: Option<SignupError>) -> SignupForm {
        SignupForm {
            stamp: form_timing::for_form_again(&state.web.keys, &self.stamp, state.now()),
            email: self.email.clone(),
            name: self.name.clone(),
            fault,
            suggestion: None,
        }
    }
}

async fn sign_up(
    state: &AppState,
    ip: IpAddr,
    address: &EmailAddress,
    name: Option<&SubscriberName>,
) -> HandlerResult {
    let consent = Consent {
        ip: Some(ip.to_string()),
        form_version: Some(FORM_VERSION.clone()),
        source: "form".to_owned(),
    };
    state
        .web
        .subscriptions
        .sign_up(address, name, &consent)
        .await?;
    Ok(taken_in(state, address))
}

fn taken_in(state: &AppState, address: &EmailAddress) -> Response {
    let cookie = check::cookie(state, address);
    let to = Redirect::to(&format!("{}/check", state.site.base));
    keep(Keep::Never, ([(header::SET_COOKIE, cookie)], to))
}

async fn again(state: &AppState, status: StatusCode, form: SignupForm) -> HandlerResult {
    let page = home::page(state, form).await?;
    Ok(keep(Keep::Never, (status, page)))
}

fn one_more_step(state: &AppState, fields: &Fields, address: &EmailAddress) -> HandlerResult {
    let page = state.pages.html(&ConfirmHuman {
        stamp: form_timing::for_button(&state.web.keys, state.now(), address),
        email: address.to_string(),
        name: fields.name.clone(),
        keep: fields.keep == "1",
    })?;
    Ok(keep(Keep::Never, page.into_response()))
}

fn fault(error: &SignUpError) -> SignupError {
    match error {
        SignUpError::Address(EmailAddressError::InternationalLocalPart) => {
            SignupError::AddressNotAscii
        }
        SignUpError::Address(_) => SignupError::Address,
        SignUpError::Name(SubscriberNameError::TooLong) => SignupError::NameTooLong,
        SignUpError::Name(SubscriberNameError::Control) => SignupError::NameControl,
    }
}

/// Names the words that a reader agreed to: other words, another name.
static FORM_VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, text) in render::sources() {
        if matches!(name.as_str(), "public/home.html" | "parts/signup.html") {
            hash.update(text);
        }
    }
    hex::encode(&hash.finalize()[..6])
});
