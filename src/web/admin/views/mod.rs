//! What each page of the desk shows.

mod door;
mod draft;
mod feeds;
mod issues;
mod notice;
mod outbox;
mod overview;
mod settings;
mod subscribers;

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::pages::{millis, templates};

pub use door::{Login, LoginFault, Setup, SetupFault, SetupPurpose};
pub use draft::{ChosenPost, LeftOut, Next, Send, TestForm};
pub use feeds::{AddFeed, FeedLine, Feeds};
pub use issues::{DeliveryLine, Issue, IssueLine, Issues, TallyView};
pub use notice::Notice;
pub use outbox::{Outbox, OutboxLine, OutboxMail};
pub use overview::{Checklist, Figures, NextIssue, Overview, SendingNow};
pub use settings::{
    LookForm, NextDate, ScheduleForm, SendingForm, ServerForm, Setting, SettingFault, SettingField,
    SettingSection, Settings,
};
pub use subscribers::{AddSubscriber, SubscriberCounts, SubscriberLine, Subscribers};

templates! {
    Login => "desk/login.html",
    Setup => "desk/setup.html",
    Overview => "desk/overview.html",
    Next => "desk/next.html",
    Send => "desk/send.html",
    Issues => "desk/issues.html",
    Issue => "desk/issue.html",
    Subscribers => "desk/subscribers.html",
    Feeds => "desk/feeds.html",
    Outbox => "desk/outbox.html",
    OutboxMail => "desk/outbox_mail.html",
    Settings => "desk/settings.html",
}

/// Around every page of the desk but the door.
#[derive(Clone, Debug, Serialize)]
pub struct Desk {
    /// Posted as `csrf` by every form.
    pub csrf: String,
    /// Who is logged in, by address. Log out posts to `/admin/logout`.
    pub account: String,
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
    pub notice: Option<Notice>,
}

/// A mail as its tabs show it. The HTML comes from `{page}/html` by
/// [`crate::web::headers::mail_frame`]; the others are `{page}?show=text|source`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Shown {
    Html,
    Text { body: String },
    Source { body: String },
}
