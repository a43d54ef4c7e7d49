//! `POST /subscribe`. The response does not reveal whether the address is known, and no
//! message is sent within the request.

use std::net::IpAddr;
use std::sync::LazyLock;

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberName, SubscriberNameError};
use crate::subscription::{
    AddressHint, Consent, SignUpError, SignUpForm, SignupPace, address_hint,
};
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::check;
use crate::web::public::form_timing::{self, FormTiming};
use crate::web::public::home::render_home;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::signup_form::{SignupError, SignupForm};
use crate::web::public::signup_json::{SignupReply, wants_json};
use crate::web::public::signup_step::{ConfirmHuman, step_token};
use crate::web::render;
use crate::web::state::{AppState, SharedState};

/// Seconds to wait after the rate limit is exceeded; the page shows the same time.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("600");

/// The submitted form. Unknown fields are ignored; a repeated field is rejected with 422, a
/// body that is not a form with 415.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SubscribeForm {
    email: String,
    name: String,
    stamp: String,
    /// Honeypot field, hidden by CSS.
    website: String,
    /// `1` disables typo suggestions.
    keep: String,
    /// How many links the page that submits this says it has asked for.
    sent: String,
}

/// What becomes of a submitted form.
enum Outcome {
    /// Stored; a link is mailed.
    Accepted(EmailAddress),
    /// A person has to press a button.
    NeedsButton(EmailAddress),
    /// The domain is a typo or unknown; the person may keep it.
    Questioned(EmailAddress, AddressHint),
    /// A field is invalid.
    Invalid(SignupError),
    /// A rate limit is exceeded.
    TooMany,
}

/// Handles a sign-up.
pub async fn subscribe(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    headers: HeaderMap,
    form: Result<Form<SubscribeForm>, FormRejection>,
) -> HandlerResult {
    let is_json = wants_json(&headers);
    let outcome = match form {
        Ok(Form(form)) => decide(&state, ip, &form)
            .await
            .map(|outcome| (form, outcome)),
        Err(rejection) if is_json => {
            return Ok(SignupReply::Malformed.into_response(rejection.status()));
        }
        Err(rejection) => return Ok(rejection.into_response()),
    };
    match outcome {
        Ok((form, outcome)) if is_json => Ok(reply_json(&state, &form, outcome)),
        Ok((form, outcome)) => reply_page(&state, &form, outcome).await,
        Err(error) if is_json => {
            let status = error.into_response().status();
            Ok(SignupReply::Malformed.into_response(status))
        }
        Err(error) => Err(error),
    }
}

/// Decides what becomes of a form, and stores the sign-up if it is accepted.
async fn decide(state: &AppState, ip: IpAddr, form: &SubscribeForm) -> Result<Outcome, HttpError> {
    form.check_encoding()?;
    let typed = SignUpForm {
        email: form.email.clone(),
        name: form.name.clone(),
    };
    let (address, name) = match typed.parse() {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Outcome::Invalid(form_error(&error))),
    };
    let (keys, policy) = (&state.web.keys, &state.web.door);
    let timing = FormTiming::classify(
        keys,
        &form.stamp,
        &address,
        state.now(),
        policy.minimum_fill,
    );
    // The button was counted when its page was shown.
    let pace = match timing {
        FormTiming::Pressed => Ok(SignupPace::Normal),
        _ => state.caps.check_form_signup(ip, address.domain()),
    };
    let Ok(pace) = pace else {
        return Ok(Outcome::TooMany);
    };
    if form.keep != "1"
        && let Some(hint) = address_hint(&address)
    {
        return Ok(Outcome::Questioned(address, hint));
    }
    // A password manager may fill the honeypot for a person.
    let is_trapped = !form.website.is_empty() && timing != FormTiming::Pressed;
    if timing == FormTiming::Suspicious || pace == SignupPace::NeedsButton || is_trapped {
        return Ok(Outcome::NeedsButton(address));
    }
    sign_up(state, ip, &address, name.as_ref()).await?;
    Ok(Outcome::Accepted(address))
}

async fn reply_page(state: &AppState, form: &SubscribeForm, outcome: Outcome) -> HandlerResult {
    match outcome {
        Outcome::Accepted(address) => Ok(redirect_to_check(state, &address, form.links_sent())),
        Outcome::NeedsButton(address) => show_button(state, form, &address),
        Outcome::Questioned(_, hint) => {
            let mut shown = form.shown_again(state, None);
            match hint {
                AddressHint::DidYouMean(address) => shown.suggestion = Some(address),
                AddressHint::UnknownEnding(ending) => shown.unknown_ending = Some(ending),
            }
            show_form(state, StatusCode::OK, shown).await
        }
        Outcome::Invalid(error) => {
            let shown = form.shown_again(state, Some(error));
            show_form(state, StatusCode::UNPROCESSABLE_ENTITY, shown).await
        }
        Outcome::TooMany => {
            let shown = form.shown_again(state, Some(SignupError::TooMany));
            let mut response = show_form(state, StatusCode::TOO_MANY_REQUESTS, shown).await?;
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER);
            Ok(response)
        }
    }
}

fn reply_json(state: &AppState, form: &SubscribeForm, outcome: Outcome) -> Response {
    let url = |path: &str| state.web.door.public_url.join(path).to_string();
    let step = |address: &EmailAddress, did_you_mean, unknown_ending| {
        let token = step_token(&state.web.keys, state.now(), address, &form.name);
        SignupReply::OneMoreStep {
            next: url(&format!("subscribe/{token}")),
            did_you_mean,
            unknown_ending,
        }
    };
    let (status, reply) = match outcome {
        Outcome::Accepted(_) => (
            StatusCode::OK,
            SignupReply::CheckInbox { next: url("check") },
        ),
        Outcome::NeedsButton(address) => (StatusCode::OK, step(&address, None, None)),
        Outcome::Questioned(address, AddressHint::DidYouMean(meant)) => {
            (StatusCode::OK, step(&address, Some(meant), None))
        }
        Outcome::Questioned(address, AddressHint::UnknownEnding(ending)) => {
            (StatusCode::OK, step(&address, None, Some(ending)))
        }
        Outcome::Invalid(error) => {
            let reply = SignupReply::Rejected { error };
            (StatusCode::UNPROCESSABLE_ENTITY, reply)
        }
        Outcome::TooMany => {
            let error = SignupError::TooMany;
            let reply = SignupReply::Rejected { error };
            let mut response = reply.into_response(StatusCode::TOO_MANY_REQUESTS);
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            return response;
        }
    };
    reply.into_response(status)
}

impl SubscribeForm {
    /// Rejects damaged fields: invalid UTF-8, which decodes to U+FFFD, and control characters
    /// in the hidden fields. For address and name the form shows an error.
    fn check_encoding(&self) -> Result<(), HttpError> {
        let hidden = [&self.stamp, &self.website, &self.keep];
        if [&self.email, &self.name]
            .iter()
            .chain(&hidden)
            .any(|field| field.contains(char::REPLACEMENT_CHARACTER))
        {
            return Err(HttpError::Mangled);
        }
        if hidden.iter().any(|field| field.contains(char::is_control)) {
            return Err(HttpError::Unprocessable);
        }
        Ok(())
    }

    /// Returns how many links were asked for, with this one.
    fn links_sent(&self) -> u8 {
        self.sent
            .parse::<u8>()
            .unwrap_or_default()
            .saturating_add(1)
    }

    /// Returns the form with the submitted values.
    fn shown_again(&self, state: &AppState, error: Option<SignupError>) -> SignupForm {
        SignupForm {
            stamp: form_timing::renew_stamp(&state.web.keys, &self.stamp, state.now()),
            email: self.email.clone(),
            name: self.name.clone(),
            error,
            suggestion: None,
            unknown_ending: None,
        }
    }
}

async fn sign_up(
    state: &AppState,
    ip: IpAddr,
    address: &EmailAddress,
    name: Option<&SubscriberName>,
) -> Result<(), HttpError> {
    let consent = Consent {
        ip: Some(ip.to_string()),
        form_version: Some(FORM_VERSION.clone()),
        source: "form".to_owned(),
    };
    let subscriptions = &state.web.subscriptions;
    subscriptions.sign_up(address, name, &consent).await?;
    Ok(())
}

fn redirect_to_check(state: &AppState, address: &EmailAddress, links_sent: u8) -> Response {
    let cookie = check::build_cookie(state, address, links_sent);
    let redirect = Redirect::to(&format!("{}/check", state.site.base));
    with_cache(
        CachePolicy::NoStore,
        ([(header::SET_COOKIE, cookie)], redirect),
    )
}

async fn show_form(state: &AppState, status: StatusCode, form: SignupForm) -> HandlerResult {
    let page = render_home(state, form).await?;
    Ok(with_cache(CachePolicy::NoStore, (status, page)))
}

fn show_button(state: &AppState, form: &SubscribeForm, address: &EmailAddress) -> HandlerResult {
    let page = state.pages.html(&ConfirmHuman {
        stamp: form_timing::stamp_button(&state.web.keys, state.now(), address),
        email: address.to_string(),
        name: form.name.clone(),
        keep: form.keep == "1",
    })?;
    Ok(with_cache(CachePolicy::NoStore, page.into_response()))
}

fn form_error(error: &SignUpError) -> SignupError {
    match error {
        SignUpError::Address(EmailAddressError::InternationalLocalPart) => {
            SignupError::AddressNotAscii
        }
        SignUpError::Address(_) => SignupError::Address,
        SignUpError::Name(SubscriberNameError::TooLong) => SignupError::NameTooLong,
        SignUpError::Name(SubscriberNameError::Control) => SignupError::NameControl,
    }
}

/// Identifies the wording that a subscriber consented to: a hash of the form's templates.
static FORM_VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (name, text) in render::sources() {
        if matches!(name.as_str(), "public/home.html" | "parts/signup.html") {
            hash.update(text);
        }
    }
    hex::encode(&hash.finalize()[..6])
});
