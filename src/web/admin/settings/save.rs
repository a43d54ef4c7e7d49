//! `/admin/settings/{tab}`: show and save settings, and send a test email.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::public_url::PublicUrl;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::flash_results::TestMailAttempt;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{
    HandlerResult, redirect, redirect_with_flash, render, render_invalid,
};
use crate::web::admin::settings::page::{FormState, find_setting, settings_page};
use crate::web::admin::settings::service::{SaveError, SettingChange, SettingError};
use crate::web::admin::settings::tab::{CRON, FieldKind, PUBLIC_URL, SMTP_URL, Tab, field_id};
use crate::web::admin::settings::{smtp_form, weekly_cron};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Characters of a typed address that the form shows again. No address is longer.
const MAX_ADDRESS_CHARS: usize = 254;

/// `GET /admin/settings`: the first tab.
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let view = settings_page(&shared, &user, Tab::Newsletter, FormState::default());
    render(&shared, &view)
}

/// `GET /admin/settings/{tab}`
pub async fn show_tab(
    State(shared): State<SharedState>,
    Path(tab): Path<String>,
    user: CurrentUser,
) -> HandlerResult {
    let tab = Tab::parse(&tab).ok_or(HttpError::NotFound)?;
    let mut state = FormState::default();
    if tab == Tab::Sending
        && let Some(test) = shared.flash.test_mails.take(&user.session, shared.now())
    {
        (state.test_to, state.test_result) = (Some(test.to), Some(test.result));
    }
    render(&shared, &settings_page(&shared, &user, tab, state))
}

/// `POST /admin/settings/{tab}`: saves all changes of one tab, or none.
pub async fn save(
    State(shared): State<SharedState>,
    Path(tab): Path<String>,
    headers: HeaderMap,
    form: VerifiedForm,
) -> HandlerResult {
    let tab = Tab::parse(&tab).ok_or(HttpError::NotFound)?;
    let (changes, mut errors) = changes(&shared, tab, &form.fields);
    let new_url = changes.iter().find(|(key, _)| key == PUBLIC_URL);
    let new_url = new_url.and_then(|(_, value)| value.clone());
    if let Some(url) = &new_url
        && !is_current_origin(url, &headers)
    {
        errors.push(setting_error(
            PUBLIC_URL,
            "Open the admin pages under the new address and save it there, so that a typo can’t lock you out",
        ));
    }
    if errors.is_empty() {
        let account = form.user.admin.id.to_string();
        let keys: Vec<String> = changes.iter().map(|(key, _)| key.clone()).collect();
        match shared.web.board.save(changes, account).await {
            Ok(()) => {
                let target = AuditTarget::Settings(keys);
                form.user
                    .audit(&shared, AuditAction::SettingsSaved, target)
                    .await;
                return Ok(redirect_saved(&shared, tab, new_url.as_deref()));
            }
            Err(SaveError::Invalid(invalid)) => errors = invalid,
            Err(SaveError::Conflict) => return Err(HttpError::Away),
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
    }
    let state = FormState {
        typed: Some(&form.fields),
        errors,
        ..FormState::default()
    };
    render_invalid(&shared, &settings_page(&shared, &form.user, tab, state))
}

/// `POST /admin/settings/sending/try`: sends a test email while the browser waits. The next
/// page shows the result.
pub async fn send_test(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let typed = form.fields.text("email");
    let test_to: String = typed.chars().take(MAX_ADDRESS_CHARS).collect();
    let address = match EmailAddress::parse(typed) {
        Ok(address) => address,
        Err(error) => {
            let state = FormState {
                test_to: Some(test_to),
                test_error: Some(error.to_string()),
                ..FormState::default()
            };
            let view = settings_page(&shared, &form.user, Tab::Sending, state);
            return render_invalid(&shared, &view);
        }
    };
    form.user
        .audit(&shared, AuditAction::SendingTried, AuditTarget::Nothing)
        .await;
    let attempt = TestMailAttempt {
        to: test_to,
        result: shared.web.board.send_test_mail(address).await,
    };
    let now = shared.now();
    shared
        .flash
        .test_mails
        .set(&form.user.session, attempt, now);
    Ok(redirect(&shared, "/admin/settings/sending#try"))
}

/// Returns the settings of `tab` whose typed value differs from the current one, and the
/// errors of fields that cannot be parsed.
fn changes(
    shared: &SharedState,
    tab: Tab,
    fields: &FormFields,
) -> (Vec<SettingChange>, Vec<SettingError>) {
    let sections = shared.web.board.settings();
    let mut changes = Vec::new();
    let mut errors = Vec::new();
    for (key, kind) in tab.settings() {
        let setting = find_setting(&sections, key).filter(|setting| setting.is_editable);
        let Some(setting) = setting else {
            continue;
        };
        let current = setting.value.clone().unwrap_or_default();
        let typed = match read_field(key, *kind, fields) {
            Ok(Some(typed)) => typed,
            Ok(None) => continue,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        if *key == SMTP_URL && typed.is_empty() {
            // An empty URL means the outbox. Saving it differs from never having chosen.
            let is_new = !current.is_empty() || setting.origin == "default";
            if is_new && fields.text("way") == "outbox" {
                changes.push(((*key).to_owned(), Some(typed)));
            }
        } else if typed != current {
            let value = (!typed.is_empty()).then(|| kind.to_setting(&typed));
            changes.push(((*key).to_owned(), value));
        }
    }
    (changes, errors)
}

/// Returns the typed value of a setting, or `None` if the form has no field for it.
fn read_field(
    key: &str,
    kind: FieldKind,
    fields: &FormFields,
) -> Result<Option<String>, SettingError> {
    match key {
        CRON if fields.get("day").is_some_and(|day| day != "other") => {
            let cron = weekly_cron::to_cron(fields.text("day"), fields.text("time"));
            cron.map(Some)
                .ok_or_else(|| setting_error(key, "Choose a day, and a time like 10:00"))
        }
        SMTP_URL if fields.get("host").is_none() => Ok(None),
        SMTP_URL => {
            let url = smtp_form::to_url(&smtp_form::from_fields(fields));
            let expected = "Enter a host like smtp.example.com and a port like 587";
            url.map(Some).ok_or_else(|| setting_error(key, expected))
        }
        _ => {
            let typed = match kind {
                // Browsers do not send an unchecked checkbox.
                FieldKind::Flag => Some(fields.text(&field_id(key))),
                FieldKind::Text | FieldKind::List => fields.get(&field_id(key)),
            };
            Ok(typed.map(|typed| kind.normalize(typed)))
        }
    }
}

fn setting_error(key: &str, message: &str) -> SettingError {
    SettingError {
        key: Some(key.to_owned()),
        message: message.to_owned(),
    }
}

/// Returns whether the form was sent from the origin of `url`. An invalid URL counts as
/// current, since the settings service reports it.
fn is_current_origin(url: &str, headers: &HeaderMap) -> bool {
    let Ok(url) = PublicUrl::parse(url) else {
        return true;
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let expected = url.as_url().origin().ascii_serialization();
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), _) => origin.eq_ignore_ascii_case(&expected),
        (None, Some(host)) => expected
            .split_once("://")
            .is_some_and(|(_, known)| known.eq_ignore_ascii_case(host)),
        (None, None) => false,
    }
}

/// Redirects back to the tab, under the new public URL if that was changed.
fn redirect_saved(shared: &SharedState, tab: Tab, new_url: Option<&str>) -> Response {
    let path = format!("/admin/settings/{}", tab.as_str());
    match new_url.and_then(|url| PublicUrl::parse(url).ok()) {
        Some(url) => {
            let location = url.join(&format!("{}?done=saved", path.trim_start_matches('/')));
            (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
        }
        None => redirect_with_flash(shared, &path, FlashMessage::Saved),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn public_url_is_saved_only_from_its_own_origin() {
        let headers = |name, value: &str| {
            HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
        };
        let from = |origin: &str| headers(header::ORIGIN, origin);
        assert!(is_current_origin(
            "https://news.example.com",
            &from("https://news.example.com")
        ));
        assert!(is_current_origin(
            "https://news.example.com/weekly",
            &from("https://news.example.com")
        ));
        assert!(!is_current_origin(
            "https://news.example.com",
            &from("http://news.example.com")
        ));
        assert!(!is_current_origin(
            "https://news.exmaple.com",
            &from("https://news.example.com")
        ));
        assert!(!is_current_origin(
            "https://news.example.com",
            &from("null")
        ));
        assert!(is_current_origin(
            "https://news.example.com",
            &headers(header::HOST, "news.example.com")
        ));
        assert!(!is_current_origin(
            "https://news.example.com",
            &HeaderMap::new()
        ));
        // An invalid URL has an error of its own.
        assert!(is_current_origin("news.example.com", &HeaderMap::new()));
    }
}
