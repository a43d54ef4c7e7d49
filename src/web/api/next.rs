//! `/api/v1/next`: the next issue as it stands, its words, and sending it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::digest::{Draft, Published, SendResult};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::text::{Note, Preheader, Subject};
use crate::store::SaveOutcome;
use crate::web::api::asked::{ApiJson, NoBody};
use crate::web::api::bearer::ApiCaller;
use crate::web::api::problem::Problem;
use crate::web::api::{HandlerResult, answer};
use crate::web::state::SharedState;
use crate::web::upcoming;

pub async fn show(State(shared): State<SharedState>) -> HandlerResult {
    let web = &shared.web;
    let draft = web.digests.draft().await?;
    let slot = web.schedule.slot_of(web.clock.now());
    let (_, goes_at) = upcoming::ahead(web).await?;
    let mut told = draft.to_json(&slot);
    told["preheader"] = json!(draft.preheader);
    told["version"] = json!(draft.edits.version);
    told["words"] = words(&draft);
    told["goes_at"] = json!(goes_at.map(Timestamp::as_millis));
    told["worth_sending"] = json!(web.digests.is_worth_sending(&draft));
    answer(StatusCode::OK, &told)
}

/// What the editor set; nothing where the rule holds.
fn words(draft: &Draft) -> Value {
    let edits = &draft.edits;
    json!({
        "subject": edits.subject.as_ref().map(Subject::as_str),
        "preheader": edits.preheader.as_ref().map(Preheader::as_str),
        "note": edits.note.as_ref().map(Note::as_str),
    })
}

/// What is not named stays as it is; `null` or nothing in it goes back to the rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    #[serde(deserialize_with = "whole")]
    version: i64,
    #[serde(default, deserialize_with = "named")]
    subject: Option<String>,
    #[serde(default, deserialize_with = "named")]
    preheader: Option<String>,
    #[serde(default, deserialize_with = "named")]
    note: Option<String>,
}

/// Sets `null` apart from what is not there.
fn named<'de, D: Deserializer<'de>>(field: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(field)?;
    Ok(Some(text.unwrap_or_default()))
}

/// `integer` in the description takes 7.0 too (JSON Schema: what has no fraction is one), and
/// whoever tests against it sends that.
fn whole<'de, D: Deserializer<'de>>(field: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(field)?;
    let whole = |number: f64| (number.fract() == 0.0).then(|| format!("{number:.0}"));
    let written = number
        .as_f64()
        .and_then(whole)
        .and_then(|text| text.parse().ok());
    let number = number.as_i64().or(written);
    number.ok_or_else(|| D::Error::custom("expected a whole number"))
}

impl Words {
    /// Writes them into `edits`; tells which cannot be.
    fn write_on(&self, edits: &mut DraftEdits) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, says: &dyn ToString| {
            faults.push((field.to_owned(), says.to_string()));
        };
        match self.subject.as_deref().map(Subject::parse) {
            Some(Ok(subject)) => edits.subject = Some(subject).filter(|it| !it.is_empty()),
            Some(Err(error)) => fault("subject", &error),
            None => {}
        }
        match self.preheader.as_deref().map(Preheader::parse) {
            Some(Ok(preheader)) => edits.preheader = Some(preheader).filter(|it| !it.is_empty()),
            Some(Err(error)) => fault("preheader", &error),
            None => {}
        }
        match self.note.as_deref().map(Note::parse) {
            Some(Ok(note)) => edits.note = Some(note).filter(|it| !it.is_empty()),
            Some(Err(error)) => fault("note", &error),
            None => {}
        }
        faults
    }
}

/// Changes words of the next issue, for who has seen its present version.
pub async fn edit(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    ApiJson(words): ApiJson<Words>,
) -> HandlerResult {
    let web = &shared.web;
    let before = web.store.draft_edits().await?;
    if words.version != before.version {
        return Err(outrun(before.version));
    }
    let mut after = before.clone();
    let mut faults = words.write_on(&mut after);
    if faults.is_empty()
        && after.note != before.note
        && let Some(fault) = web.digests.note_fault(&after).await?
    {
        faults.push(("note".to_owned(), fault.to_string()));
    }
    if !faults.is_empty() {
        return Err(Problem::fields(&faults));
    }
    let number = web.store.next_number().await?;
    let mut version = before.version;
    if after != before {
        if web.store.save_draft_edits(&after).await? == SaveOutcome::Conflict {
            let stands = web.store.draft_edits().await?;
            return Err(outrun(stands.version));
        }
        version += 1;
        caller
            .audit(&shared, AuditAction::IssueEdited, number)
            .await;
    }
    let told = json!({ "number": number.get(), "version": version });
    answer(StatusCode::OK, &told)
}

fn outrun(version: i64) -> Problem {
    let detail = "Someone else changed the next issue meanwhile. Look at it again, then send your words with its version.";
    Problem::conflict(detail).with("version", json!(version))
}

/// Makes the week's issue, once, whoever asks.
pub async fn send(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    _: NoBody,
) -> HandlerResult {
    let web = &shared.web;
    if !web.not_ready.is_empty() {
        return Err(Problem::conflict(web.not_ready.join("; ")));
    }
    let slot = web.schedule.slot_of(web.clock.now());
    if let Some(issue) = web.store.issue_of_slot(&slot).await? {
        return answer(StatusCode::OK, &SendResult::of_issue_before(&issue));
    }
    // A feed that fails says so at the desk, and stops nothing.
    web.digests.collect().await?;
    let told = match web.digests.publish(Some(slot)).await? {
        Published::Made { number, .. } => {
            caller.audit(&shared, AuditAction::IssueSent, number).await;
            let issue = web.store.issue(number).await?;
            let issue = issue.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
            SendResult::of_issue(&issue)
        }
        Published::AlreadyThere(issue) => SendResult::of_issue_before(&issue),
        Published::Skipped => SendResult::of_nothing("skipped", Some(&slot)),
        Published::NothingNew(_) => SendResult::of_nothing("nothing_new", Some(&slot)),
    };
    answer(StatusCode::OK, &told)
}
