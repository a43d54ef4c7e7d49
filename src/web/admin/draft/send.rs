//! `/admin/next/send`: review the next issue and send it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::digest::{Draft, DraftError, PublishError, Published};
use crate::domain::audit::AuditAction;
use crate::domain::issue::IssueState;
use crate::domain::issue::slot::Slot;
use crate::domain::missing_setting::MissingSetting;
use crate::store::{IssueRow, StoreError};
use crate::web::Services;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, redirect, redirect_with_flash, render};
use crate::web::error::HttpError;
use crate::web::render::templates;
use crate::web::state::SharedState;
use crate::web::upcoming::{self, UpcomingSlot};

templates! {
    ReviewPage => "admin/review.html",
}

const REVIEW_PATH: &str = "/admin/next/send";

/// The issue that this week already has.
#[derive(Clone, Debug, Serialize)]
pub struct WeekIssue {
    /// The issue's number.
    pub number: i64,
    /// `IssueState::as_str`
    pub state: &'static str,
}

/// Data of `GET /admin/next/send`. Posts `csrf` and `reviewed` there, with
/// `action=schedule` to leave the issue to the schedule.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The number that the issue will have.
    pub number: i64,
    /// Subject as it would be sent.
    pub subject: String,
    /// Preheader as it would be sent.
    pub preheader: String,
    /// Sender's address.
    pub from: String,
    /// Number of active subscribers.
    pub subscribers: i64,
    /// Whether the issue has a note.
    pub has_note: bool,
    /// Titles of the posts.
    pub titles: Vec<String>,
    /// Missing settings, each as its key and an explanation. With any, there is no button.
    pub blockers: Vec<MissingSetting>,
    /// Whether mail goes to the outbox.
    pub to_outbox: bool,
    /// The next slot of the schedule.
    pub upcoming: Option<UpcomingSlot>,
    /// The issue that this week already has. Then this one can only be scheduled.
    pub week_issue: Option<WeekIssue>,
    /// Fingerprint of the content, so that nothing but the reviewed content is sent.
    pub reviewed: String,
}

/// `GET /admin/next/send`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let web = &shared.web;
    let draft = web.digests.draft().await?;
    if !web.digests.is_worth_sending(&draft) {
        let message = nothing_to_send(&draft);
        return Ok(redirect_with_flash(&shared, "/admin/next", message));
    }
    let posts = draft.selection.chosen.iter();
    let (upcoming, _) = upcoming::ahead(web).await?;
    let view = ReviewPage {
        layout: user.layout(&shared),
        number: draft.number.get(),
        subject: draft.subject.clone(),
        preheader: draft.preheader.clone(),
        from: web.digests.identity.from.to_string(),
        subscribers: draft.recipients,
        has_note: draft.edits.note.is_some(),
        titles: posts.map(|(post, _)| post.title.clone()).collect(),
        blockers: web.missing_settings.clone(),
        to_outbox: web.outbox.is_some(),
        upcoming,
        week_issue: week_issue(web).await?.map(|issue| WeekIssue {
            number: issue.number.get(),
            state: issue.state.as_str(),
        }),
        reviewed: fingerprint(web, &draft)?,
    };
    render(&shared, &view)
}

/// `POST /admin/next/send`: sends exactly what the page showed, or leaves it to the
/// schedule.
pub async fn send(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if !web.missing_settings.is_empty() {
        return Ok(redirect(&shared, REVIEW_PATH));
    }
    if form.fields.text("action") == "schedule" {
        return schedule(&shared, &form).await;
    }
    if let Some(issue) = week_issue(web).await? {
        return Ok(redirect_to_week_issue(&shared, &issue));
    }
    let draft = web.digests.draft().await?;
    let changed = || redirect_with_flash(&shared, REVIEW_PATH, FlashMessage::DraftChanged);
    if fingerprint(web, &draft)? != form.fields.text("reviewed") {
        return Ok(changed());
    }
    let slot = web.schedule.slot_of(web.clock.now());
    let published = web.digests.publish_reviewed(draft, slot).await;
    match published.map_err(publish_error)? {
        Some(Published::Created { number, .. }) => {
            form.user
                .audit(&shared, AuditAction::IssueSent, number)
                .await;
            let path = format!("/admin/issues/{number}");
            let message = FlashMessage::SendingStarted;
            Ok(redirect_with_flash(&shared, &path, message))
        }
        Some(Published::AlreadyExists(issue)) => Ok(redirect_to_week_issue(&shared, &issue)),
        Some(Published::NothingNew(draft)) => {
            let message = nothing_to_send(&draft);
            Ok(redirect_with_flash(&shared, "/admin/next", message))
        }
        Some(Published::Skipped) | None => Ok(changed()),
    }
}

/// Leaves the draft to the schedule, which sends it unless its slot is skipped.
async fn schedule(shared: &SharedState, form: &VerifiedForm) -> HandlerResult {
    let (upcoming, _) = upcoming::ahead(&shared.web).await?;
    let Some(upcoming) = upcoming else {
        return Ok(redirect(shared, REVIEW_PATH));
    };
    let slot = Slot::parse(&upcoming.slot).map_err(|_| HttpError::Unprocessable)?;
    if upcoming.is_skipped {
        shared.web.store.unskip_slot(&slot).await?;
        form.user.audit(shared, AuditAction::WeekKept, slot).await;
    }
    let message = FlashMessage::Scheduled;
    Ok(redirect_with_flash(shared, "/admin/next", message))
}

fn publish_error(error: PublishError) -> HttpError {
    match error {
        PublishError::Draft(error) => error.into(),
        PublishError::Conflict => HttpError::Away,
    }
}

/// Returns the issue of the current week's slot.
async fn week_issue(web: &Services) -> Result<Option<IssueRow>, StoreError> {
    let slot = web.schedule.slot_of(web.clock.now());
    web.store.issue_of_slot(&slot).await
}

/// Redirects to the issue that this week already has, which a second click on the button
/// has found. A cancelled issue was not sent, so it leads back to the review page.
fn redirect_to_week_issue(shared: &SharedState, issue: &IssueRow) -> Response {
    if issue.state == IssueState::Cancelled {
        return redirect(shared, REVIEW_PATH);
    }
    let path = format!("/admin/issues/{}", issue.number);
    redirect_with_flash(shared, &path, FlashMessage::AlreadySent)
}

fn nothing_to_send(draft: &Draft) -> FlashMessage {
    if draft.recipients == 0 {
        FlashMessage::NoSubscribers
    } else {
        FlashMessage::TooFewPosts
    }
}

/// Returns a short hash of everything that a subscriber would see.
fn fingerprint(web: &Services, draft: &Draft) -> Result<String, DraftError> {
    let (content, _) = web.digests.render_sample(draft)?;
    let mut hash = Sha256::new();
    for part in [&content.subject, &content.text, &content.html] {
        hash.update(Sha256::digest(part));
    }
    Ok(hex::encode(&hash.finalize()[..16]))
}
