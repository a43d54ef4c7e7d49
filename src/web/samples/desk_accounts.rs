use crate::domain::audit::AuditAction;
use crate::web::admin::access::Forbidden;
use crate::web::admin::accounts::view::{
    Account, AccountLine, Accounts, Audit, AuditLine, InviteForm, NewLink, PasswordFault,
    SessionLine,
};
use crate::web::admin::login::view::SetupFault;
use crate::web::samples::desk::desk;
use crate::web::samples::{Album, FRIDAY, Fill};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    accounts(album, fill);
    account(album, fill);
    audit(album, fill);
    album.add("not-yours", Forbidden { desk: desk(fill) });
}

fn accounts(album: &mut Album<'_>, fill: Fill) {
    let line = |role, is_invited, is_me, is_last_admin| AccountLine {
        id: "0190".to_owned(),
        address: fill.needed("editor@example.com"),
        role,
        is_invited,
        is_me,
        is_last_admin,
        since: FRIDAY,
    };
    let page = Accounts {
        desk: desk(fill),
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
        fault: fill.maybe("not an address like name@example.com"),
    };
    album.add("accounts", page.clone());
    album.add(
        "accounts-link",
        Accounts {
            link: Some(link),
            ..page.clone()
        },
    );
    album.add("accounts-fault", Accounts { invite, ..page });
}

fn account(album: &mut Album<'_>, fill: Fill) {
    let session = |is_this| SessionLine {
        is_this,
        begun_at: FRIDAY,
    };
    for fault in [
        None,
        Some(PasswordFault::Current),
        Some(PasswordFault::TooMany),
        Some(PasswordFault::New(SetupFault::Short)),
        Some(PasswordFault::New(SetupFault::Long)),
        Some(PasswordFault::New(SetupFault::Different)),
    ] {
        let page = Account {
            desk: desk(fill),
            role: if fill == Fill::Empty {
                "editor"
            } else {
                "admin"
            },
            sessions: fill.list(vec![session(true), session(false)]),
            minimum: 10,
            fault,
        };
        album.add(&format!("account-{fault:?}"), page);
    }
}

fn audit(album: &mut Album<'_>, fill: Fill) {
    for action in AuditAction::ALL {
        let line = AuditLine {
            at: FRIDAY,
            kind: fill.some("admin").unwrap_or("cli"),
            actor: fill.maybe("editor@example.com"),
            action: action.as_str(),
            object: fill.maybe("43"),
        };
        let page = Audit {
            desk: desk(fill),
            lines: vec![line],
            newer: fill == Fill::Full,
            older: fill.maybe("0190"),
        };
        album.add(&format!("audit-{action}"), page);
    }
    let by_token = AuditLine {
        at: FRIDAY,
        kind: "token",
        actor: Some(fill.needed("shop")),
        action: AuditAction::SubscriberAdded.as_str(),
        object: fill.maybe("0190"),
    };
    let page = Audit {
        desk: desk(fill),
        lines: vec![by_token],
        newer: false,
        older: None,
    };
    album.add("by-a-token", page);
    let page = Audit {
        desk: desk(fill),
        lines: Vec::new(),
        newer: false,
        older: None,
    };
    album.add("audit-empty", page);
}
