//! What each page of the desk shows.

mod accounts;
mod door;
mod draft;
mod feeds;
mod growth;
mod issues;
mod live;
mod notice;
mod outbox;
mod overview;
mod settings;
mod subscribers;
mod tokens;

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::render::{millis, templates};

pub use accounts::{
    Account, AccountLine, Accounts, Audit, AuditLine, Forbidden, InviteForm, NewLink,
    PasswordFault, SessionLine,
};
pub use door::{Login, LoginFault, Setup, SetupFault, SetupPurpose};
pub use draft::{
    AddPost, ChosenPost, Conflict, EditPost, LeftOut, Next, PostFaults, PostFields, PreviewOptions,
    Send, TestForm, WeekUsed, Words,
};
pub use feeds::{AddFeed, FeedLine, Feeds};
pub use growth::{Growth, GrowthWeek};
pub use issues::{
    DeliveryLine, FailureGroup, Issue, IssueLine, Issues, LookUp, Looked, NextLine, PostClicks,
    SkippedWeek, TallyView,
};
pub use live::{Live, LiveFigures, LiveProgress};
pub use notice::FlashMessage;
pub use outbox::{Outbox, OutboxLine, OutboxMail};
pub use overview::{Checklist, Figures, Health, NextIssue, Overview, SendingNow};
pub use settings::{
    LookForm, NextDate, ScheduleForm, SendingForm, ServerForm, Setting, SettingFault, SettingField,
    SettingSection, Settings,
};
pub use subscribers::{
    AddSubscriber, AskedList, Consent, ImportForm, ImportPage, LastIssue, MailLine, Many,
    ManyUnderWay, RefusedLine, SubscriberCounts, SubscriberLine, SubscriberPage, Subscribers,
};
pub use tokens::{MadeToken, TokenForm, TokenLine, Tokens};

templates! {
    Login => "desk/login.html",
    Setup => "desk/setup.html",
    Overview => "desk/overview.html",
    Next => "desk/next.html",
    EditPost => "desk/post.html",
    AddPost => "desk/add_post.html",
    Send => "desk/send.html",
    Issues => "desk/issues.html",
    Issue => "desk/issue.html",
    LiveProgress<'_> => "parts/live_progress.html",
    LiveFigures<'_> => "parts/live_figures.html",
    Subscribers => "desk/subscribers.html",
    SubscriberPage => "desk/subscriber.html",
    Many => "desk/subscribers_many.html",
    ImportForm => "desk/subscribers_import.html",
    ImportPage => "desk/subscribers_import_one.html",
    ManyUnderWay => "desk/subscribers_many_under_way.html",
    Feeds => "desk/feeds.html",
    Outbox => "desk/outbox.html",
    OutboxMail => "desk/outbox_mail.html",
    Settings => "desk/settings.html",
    Tokens => "desk/tokens.html",
    Account => "desk/account.html",
    Accounts => "desk/accounts.html",
    Audit => "desk/audit.html",
    Forbidden => "desk/not_yours.html",
}

/// Around every page of the desk but the door.
#[derive(Clone, Debug, Serialize)]
pub struct AdminLayout {
    /// Posted as `csrf` by every form.
    pub csrf: String,
    /// Who is logged in, by address. Log out posts to `/admin/logout`.
    pub account: String,
    /// Whether what is for admins is shown.
    pub is_admin: bool,
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
    pub notice: Option<FlashMessage>,
    /// Tokens that were revoked with what it says.
    pub revoked: usize,
}

/// A mail as its tabs show it. The HTML comes from `{page}/html` by
/// [`crate::web::middleware::headers::mail_frame`]; the others are `{page}?show=text|source`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Shown {
    Html,
    Text { body: String },
    Source { body: String },
}
