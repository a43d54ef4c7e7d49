//! `POST /subscribe`. The response does not reveal whether the address is known, and no
//! message is sent within the request.

use std::net::IpAddr;
use std::sync::LazyLock;

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberName, SubscriberNameError};
use crate::subscription::{Consent, SignUpError, SignUpForm, suggest_address};
use crate::web::error::HttpError;
use crate::web::middleware::client_ip::ClientIp;
use crate::web::public::check;
use crate::web::public::form_timing::{self, FormTiming};
use crate::web::public::home::render_home;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::signup_form::{SignupError, SignupForm};
use crate::web::render::{self, templates};
use crate::web::state::{AppState, SharedState};

/// Seconds to wait after the rate limit is exceeded; the page shows the same time.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("600");

templates! {
    ConfirmHuman => "public/confirm_human.html",
}

/// The page with one button, shown if the form was submitted too fast or without its hidden
/// fields.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmHuman {
    /// Signed time and address.
    pub stamp: String,
    /// The submitted address.
    pub email: String,
    /// The submitted name; may be empty.
    pub name: String,
    /// Whether typo suggestions are disabled.
    pub keep: bool,
}

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
}

/// Handles a sign-up.
pub async fn subscribe(
    State(state): State<SharedState>,
    ClientIp(ip): ClientIp,
    Form(form): Form<SubscribeForm>,
) -> HandlerResult {
    form.check_encoding()?;
    let typed = SignUpForm {
        email: form.email.clone(),
        name: form.name.clone(),
    };
    let (address, name) = match typed.parse() {
        Ok(parsed) => parsed,
        Err(error) => {
            let shown = form.shown_again(&state, Some(form_error(&error)));
            return show_form(&state, StatusCode::UNPROCESSABLE_ENTITY, shown).await;
        }
    };
    if !form.website.is_empty() {
        return Ok(redirect_to_check(&state, &address));
    }
    let (keys, policy) = (&state.web.keys, &state.web.door);
    let timing = FormTiming::classify(
        keys,
        &form.stamp,
        &address,
        state.now(),
        policy.minimum_fill,
    );
    // The button was counted when its page was shown.
    if timing != FormTiming::Pressed && state.caps.check_form_signup(ip, address.domain()).is_err()
    {
        let shown = form.shown_again(&state, Some(SignupError::TooMany));
        let mut response = show_form(&state, StatusCode::TOO_MANY_REQUESTS, shown).await?;
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER);
        return Ok(response);
    }
    if form.keep != "1"
        && let Some(suggested) = suggest_address(&address)
    {
        let mut shown = form.shown_again(&state, None);
        shown.suggestion = Some(suggested);
        return show_form(&state, StatusCode::OK, shown).await;
    }
    if timing == FormTiming::Suspicious {
        return show_button(&state, &form, &address);
    }
    sign_up(&state, ip, &address, name.as_ref()).await
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

    /// Returns the form with the submitted values.
    fn shown_again(&self, state: &AppState, error: Option<SignupError>) -> SignupForm {
        SignupForm {
            stamp: form_timing::renew_stamp(&state.web.keys, &self.stamp, state.now()),
            email: self.email.clone(),
            name: self.name.clone(),
            error,
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
    let subscriptions = &state.web.subscriptions;
    subscriptions.sign_up(address, name, &consent).await?;
    Ok(redirect_to_check(state, address))
}

fn redirect_to_check(state: &AppState, address: &EmailAddress) -> Response {
    let cookie = check::build_cookie(state, address);
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
