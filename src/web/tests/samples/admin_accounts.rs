use crate::domain::audit::AuditAction;
use crate::web::admin::access::Forbidden;
use crate::web::admin::accounts::view::{
    AccountRow, AccountsPage, AuditEntry, AuditPage, InviteForm, NewLink, OwnAccountPage,
    PasswordError, SessionRow,
};
use crate::web::admin::login::view::SetupError;
use crate::web::tests::samples::admin::layout;
use crate::web::tests::samples::{Album, FRIDAY, Fill};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    accounts(album, fill);
    account(album, fill);
    audit(album, fill);
    album.add(
        "forbidden",
        Forbidden {
            layout: layout(fill),
        },
    );
}

fn accounts(album: &mut Album<'_>, fill: Fill) {
    let line = |role, is_invited, is_me, is_last_admin| AccountRow {
        id: "0190".to_owned(),
        address: fill.needed("editor@example.com"),
        role,
        is_invited,
        is_me,
        is_last_admin,
        since: FRIDAY,
    };
    let page = AccountsPage {
        layout: layout(fill),
        accounts: fill.list(vec![
            line("admin", false, true, true),
            line("editor", false, false, false),
            line("admin", true, false, false),
        ]),
        invite: InviteForm::default(),
        link: None,
    };
    let link = NewLink {
        address: fill.needed("editor@example.com"),
        url: fill.needed("https://example.com/weekly/admin/setup?token=0nce"),
    };
    let invite = InviteForm {
        address: fill.text("nobody"),
        role: "admin",
        error: fill.maybe("not an address like name@example.com"),
    };
    album.add("accounts", page.clone());
    album.add(
        "accounts-link",
        AccountsPage {
            link: Some(link),
            ..page.clone()
        },
    );
    album.add("accounts-fault", AccountsPage { invite, ..page });
}

fn account(album: &mut Album<'_>, fill: Fill) {
    let session = |is_this| SessionRow {
        is_this,
        started_at: FRIDAY,
    };
    for fault in [
        None,
        Some(PasswordError::WrongCurrent),
        Some(PasswordError::TooMany),
        Some(PasswordError::New(SetupError::TooShort)),
        Some(PasswordError::New(SetupError::TooLong)),
        Some(PasswordError::New(SetupError::Mismatch)),
    ] {
        let page = OwnAccountPage {
            layout: layout(fill),
            role: if fill == Fill::Empty {
                "editor"
            } else {
                "admin"
            },
            sessions: fill.list(vec![session(true), session(false)]),
            min_chars: 10,
            error: fault,
        };
        album.add(&format!("account-{fault:?}"), page);
    }
}

fn audit(album: &mut Album<'_>, fill: Fill) {
    for action in AuditAction::ALL {
        let line = AuditEntry {
            at: FRIDAY,
            kind: fill.some("admin").unwrap_or("cli"),
            actor: fill.maybe("editor@example.com"),
            action: action.as_str(),
            target: fill.maybe("43"),
        };
        let page = AuditPage {
            layout: layout(fill),
            entries: vec![line],
            newer: fill == Fill::Full,
            older: fill.maybe("0190"),
        };
        album.add(&format!("audit-{action}"), page);
    }
    let by_token = AuditEntry {
        at: FRIDAY,
        kind: "token",
        actor: Some(fill.needed("shop")),
        action: AuditAction::SubscriberAdded.as_str(),
        target: fill.maybe("0190"),
    };
    let page = AuditPage {
        layout: layout(fill),
        entries: vec![by_token],
        newer: false,
        older: None,
    };
    album.add("by-a-token", page);
    let page = AuditPage {
        layout: layout(fill),
        entries: Vec::new(),
        newer: false,
        older: None,
    };
    album.add("audit-empty", page);
}
