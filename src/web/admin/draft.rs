//! `/admin/next`: the next issue as it stands, tried before it goes out.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::editor::{Editor, Posted};
use super::views::{ChosenPost, LeftOut, Next, Notice, Shown, TestForm};
use super::{Answer, done, page, refused, see_other};
use crate::digest::Draft;
use crate::domain::audit::{Action, Object};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::store::{NewDelivery, StoreError};
use crate::web::errors::HttpError;
use crate::web::state::Shared;
use crate::web::{Web, headers};

/// Slots that may have their issue already, sent by hand.
const SLOTS_AHEAD: usize = 3;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    show: String,
}

pub async fn show(
    State(shared): State<Shared>,
    editor: Editor,
    Query(asked): Query<Asked>,
) -> Answer {
    let draft = shared.web.digests.draft().await?;
    let as_text = asked.show == "text";
    let preview = if as_text {
        let (content, _) = shared.web.digests.sample(&draft)?;
        Shown::Text { body: content.text }
    } else {
        Shown::Html
    };
    let test = TestForm {
        address: editor.admin.address.to_string(),
        fault: None,
    };
    let view = view(&shared, &editor, &draft, preview, test).await?;
    page(&shared, &view)
}

/// What the sandboxed frame shows.
pub async fn html(State(shared): State<Shared>, _editor: Editor) -> Answer {
    let draft = shared.web.digests.draft().await?;
    let (content, _) = shared.web.digests.sample(&draft)?;
    Ok(headers::mail_frame(content.html))
}

/// Queues the draft, frozen as a send would freeze it, for one address.
pub async fn test(State(shared): State<Shared>, posted: Posted) -> Answer {
    let web = &shared.web;
    let draft = web.digests.draft().await?;
    if draft.selection.chosen.is_empty() {
        return Ok(see_other(&shared, "/admin/next"));
    }
    let typed = posted.fields.text("email");
    let address = match EmailAddress::parse(typed) {
        Ok(address) if can_leave(web) => address,
        parsed => {
            let fault = parsed.map_or_else(|error| error.to_string(), |_| web.not_ready.join(" "));
            let test = TestForm {
                address: typed.chars().take(254).collect(),
                fault: Some(fault),
            };
            let view = view(&shared, &posted.editor, &draft, Shown::Html, test).await?;
            return refused(&shared, &view);
        }
    };
    let now = web.clock.now();
    let mail = NewDelivery {
        id: DeliveryId::from_stored(web.random.uuid_v7(now).to_string()),
        kind: DeliveryKind::Test,
        subscriber: None,
        address,
        payload: Some(web.digests.freeze(&draft).to_json()),
    };
    web.store.enqueue(&mail, now).await?;
    let did = Action::TestSent;
    posted.editor.did(&shared, did, Object::Nothing).await;
    Ok(done(&shared, "/admin/next", Notice::TestQueued))
}

/// Reads the feeds now.
pub async fn collect(State(shared): State<Shared>, _posted: Posted) -> Result<Response, HttpError> {
    shared.web.digests.collect().await?;
    Ok(done(&shared, "/admin/next", Notice::FeedsRead))
}

/// Without a sender nothing is delivered to a real server; the outbox takes all.
fn can_leave(web: &Web) -> bool {
    web.not_ready.is_empty() || web.outbox.is_some()
}

/// When the next issue goes out by itself: the first scheduled instant whose slot has no
/// issue yet.
pub(super) async fn goes_at(web: &Web) -> Result<Option<Timestamp>, StoreError> {
    if !web.schedule_enabled {
        return Ok(None);
    }
    let mut from = web.clock.now();
    for _ in 0..SLOTS_AHEAD {
        let Some(at) = web.schedule.next_after(from) else {
            return Ok(None);
        };
        let slot = web.schedule.slot_of(at);
        if web.store.issue_of_slot(&slot).await?.is_none() {
            return Ok(Some(at));
        }
        from = at;
    }
    Ok(None)
}

async fn view(
    shared: &Shared,
    editor: &Editor,
    draft: &Draft,
    preview: Shown,
    test: TestForm,
) -> Result<Next, HttpError> {
    let chosen = draft.selection.chosen.iter().map(|(post, why)| ChosenPost {
        title: post.title.clone(),
        url: post.url.to_string(),
        published_at: post.published_at,
        why: why.to_string(),
    });
    let left_out = draft.selection.left_out.iter();
    let left_out = left_out.map(|(post, why)| LeftOut {
        title: post.title.clone(),
        why: why.to_string(),
    });
    Ok(Next {
        desk: editor.desk(shared),
        number: draft.number.get(),
        subject: draft.subject.clone(),
        goes_at: goes_at(&shared.web).await?,
        readers: draft.readers,
        posts: chosen.collect(),
        left_out: left_out.collect(),
        preview,
        bytes: Some(draft.size),
        test,
    })
}
