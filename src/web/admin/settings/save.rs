//! `/admin/settings/{tab}`

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::email_address::EmailAddress;
use crate::domain::public_url::PublicUrl;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::flash_results::Try;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{
    HandlerResult, page as answer, redirect, redirect_with_flash, refused,
};
use crate::web::admin::settings::page::{Shown, view};
use crate::web::admin::settings::service::{SaveError, SettingChange, SettingError};
use crate::web::admin::settings::tab::{CRON, Kind, PUBLIC_URL, SMTP_URL, Tab, id};
use crate::web::admin::settings::{page as settings_page, smtp_form, weekly_cron};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    answer(
        &shared,
        &view(&shared, &editor, Tab::Newsletter, Shown::default()),
    )
}

pub async fn show_tab(
    State(shared): State<SharedState>,
    Path(tab): Path<String>,
    editor: CurrentUser,
) -> HandlerResult {
    let tab = Tab::parse(&tab).ok_or(HttpError::NotFound)?;
    let mut shown = Shown::default();
    if tab == Tab::Sending
        && let Some(Try { to, came }) = shared.results.tries.take(&editor.session, shared.now())
    {
        (shown.test_to, shown.tried) = (Some(to), Some(came));
    }
    answer(&shared, &view(&shared, &editor, tab, shown))
}

/// Saves one tab, all of it or nothing.
pub async fn save(
    State(shared): State<SharedState>,
    Path(tab): Path<String>,
    headers: HeaderMap,
    posted: VerifiedForm,
) -> HandlerResult {
    let tab = Tab::parse(&tab).ok_or(HttpError::NotFound)?;
    let (changes, mut refusals) = changes(&shared, tab, &posted.fields);
    let new_address = changes.iter().find(|(key, _)| key == PUBLIC_URL);
    let new_address = new_address.and_then(|(_, value)| value.clone());
    if let Some(address) = &new_address
        && !is_here(address, &headers)
    {
        refusals.push(refusal(
            PUBLIC_URL,
            "This is not where you are: open the desk under the new address and save it there, so that a slip cannot lock you out",
        ));
    }
    if refusals.is_empty() {
        let admin = posted.editor.admin.id;
        let keys: Vec<String> = changes.iter().map(|(key, _)| key.clone()).collect();
        match shared.web.board.save(changes, admin.to_string()).await {
            Ok(()) => {
                let object = AuditTarget::Settings(keys);
                let editor = &posted.editor;
                editor
                    .audit(&shared, AuditAction::SettingsSaved, object)
                    .await;
                return Ok(saved(&shared, tab, new_address.as_deref()));
            }
            Err(SaveError::Refused(why)) => refusals = why,
            Err(SaveError::Conflict) => return Err(HttpError::Away),
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
    }
    let shown = Shown {
        typed: Some(&posted.fields),
        refusals,
        ..Shown::default()
    };
    refused(&shared, &view(&shared, &posted.editor, tab, shown))
}

/// Speaks to the mail server while the browser waits; the page after this tells what it said.
pub async fn try_sending(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let typed = posted.fields.text("email");
    let test_to: String = typed.chars().take(254).collect();
    match EmailAddress::parse(typed) {
        Ok(to) => {
            let editor = &posted.editor;
            editor
                .audit(&shared, AuditAction::SendingTried, AuditTarget::Nothing)
                .await;
            let came = shared.web.board.send_test_mail(to).await;
            let tries = &shared.results.tries;
            tries.keep(&editor.session, Try { to: test_to, came }, shared.now());
            Ok(redirect(&shared, "/admin/settings/sending#try"))
        }
        Err(error) => {
            let shown = Shown {
                test_to: Some(test_to),
                test_fault: Some(error.to_string()),
                ..Shown::default()
            };
            refused(&shared, &view(&shared, &posted.editor, Tab::Sending, shown))
        }
    }
}

/// What differs from what holds, and what cannot be read at all.
fn changes(
    shared: &SharedState,
    tab: Tab,
    fields: &FormFields,
) -> (Vec<SettingChange>, Vec<SettingError>) {
    let sections = shared.web.board.settings();
    let mut changes = Vec::new();
    let mut refusals = Vec::new();
    for (key, kind) in tab.settings() {
        let Some(setting) = settings_page::find(&sections, key).filter(|it| it.is_for_the_desk)
        else {
            continue;
        };
        let holds = setting.value.clone().unwrap_or_default();
        let typed = match typed(key, *kind, fields) {
            Ok(Some(typed)) => typed,
            Ok(None) => continue,
            Err(refusal) => {
                refusals.push(refusal);
                continue;
            }
        };
        if *key == SMTP_URL && typed.is_empty() {
            // To keep mail as files is a choice, other than never having chosen.
            let is_new = !holds.is_empty() || setting.origin == "default";
            if is_new && fields.text("way") == "outbox" {
                changes.push(((*key).to_owned(), Some(typed)));
            }
        } else if typed != holds {
            let text = (!typed.is_empty()).then(|| kind.text(&typed));
            changes.push(((*key).to_owned(), text));
        }
    }
    (changes, refusals)
}

/// What the form says of a setting; `None` when it has no field for it.
fn typed(key: &str, kind: Kind, fields: &FormFields) -> Result<Option<String>, SettingError> {
    match key {
        CRON if fields.get("day").is_some_and(|day| day != "other") => {
            let cron = weekly_cron::cron(fields.text("day"), fields.text("time"));
            cron.map(Some)
                .ok_or_else(|| refusal(key, "Choose a day, and a time like 10:00"))
        }
        SMTP_URL if fields.get("host").is_none() => Ok(None),
        SMTP_URL => smtp_form::url(&smtp_form::typed(fields))
            .map(Some)
            .ok_or_else(|| {
                refusal(
                    key,
                    "Enter a host like smtp.example.com and a port like 587",
                )
            }),
        _ => {
            let typed = match kind {
                // A box that is not ticked is not sent.
                Kind::Flag => Some(fields.text(&id(key))),
                Kind::Text | Kind::List => fields.get(&id(key)),
            };
            Ok(typed.map(|typed| kind.shown(typed)))
        }
    }
}

fn refusal(key: &str, says: &str) -> SettingError {
    SettingError {
        key: Some(key.to_owned()),
        says: says.to_owned(),
    }
}

/// Whether the form was sent from the address that readers are to use. What is no address
/// at all is told by who reads it.
fn is_here(address: &str, headers: &HeaderMap) -> bool {
    let Ok(address) = PublicUrl::parse(address) else {
        return true;
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = address.as_url().origin().ascii_serialization();
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(here), _) => here.eq_ignore_ascii_case(&origin),
        (None, Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, known)| known.eq_ignore_ascii_case(host)),
        (None, None) => false,
    }
}

/// Under another public address the desk has another place, too.
fn saved(shared: &SharedState, tab: Tab, address: Option<&str>) -> axum::response::Response {
    let path = format!("/admin/settings/{}", tab.as_str());
    match address.and_then(|address| PublicUrl::parse(address).ok()) {
        Some(address) => {
            let to = address.join(&format!("{}?done=saved", path.trim_start_matches('/')));
            (axum::http::StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
        }
        None => redirect_with_flash(shared, &path, FlashMessage::Saved),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_address_is_saved_only_from_there() {
        let headers = |name, value: &str| {
            HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
        };
        let from = |origin: &str| headers(header::ORIGIN, origin);
        assert!(is_here(
            "https://news.example.com",
            &from("https://news.example.com")
        ));
        assert!(is_here(
            "https://news.example.com/weekly",
            &from("https://news.example.com")
        ));
        assert!(!is_here(
            "https://news.example.com",
            &from("http://news.example.com")
        ));
        assert!(!is_here(
            "https://news.exmaple.com",
            &from("https://news.example.com")
        ));
        assert!(!is_here("https://news.example.com", &from("null")));
        assert!(is_here(
            "https://news.example.com",
            &headers(header::HOST, "news.example.com")
        ));
        assert!(!is_here("https://news.example.com", &HeaderMap::new()));
        // Its own fault is told in its own words.
        assert!(is_here("news.example.com", &HeaderMap::new()));
    }
}
