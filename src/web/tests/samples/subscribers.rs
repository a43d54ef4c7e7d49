use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::subscriber::SubscriberState;
use crate::web::admin::subscribers::view::{
    AddSubscriber, BulkPage, BulkProgressPage, Consent, EmailRow, ImportFormPage, ImportPage,
    LastDeliveryView, ListLink, RejectedRowView, SubscriberCounts, SubscriberPage,
    SubscriberTableRow, SubscribersPage,
};
use crate::web::tests::samples::admin::layout;
use crate::web::tests::samples::{Album, FRIDAY, Fill, days_after};

pub fn fill(album: &mut Album<'_>, fill: Fill) {
    list(album, fill);
    subscriber(album, fill);
    bulk(album, fill);
    import(album, fill);
}

fn list(album: &mut Album<'_>, fill: Fill) {
    let row = |(state, last): (&SubscriberState, &DeliveryState)| SubscriberTableRow {
        id: "0190aaaa".to_owned(),
        address: fill.needed("ada.lovelace@example.com"),
        name: fill.maybe("Ada Lovelace"),
        state: state.as_str(),
        since: days_after(FRIDAY, -17),
        paused_until: (*state == SubscriberState::Confirmed).then_some(FRIDAY),
        last: fill.some(LastDeliveryView {
            number: 42,
            state: last.as_str(),
        }),
        source: fill.text("form"),
    };
    let all = if fill == Fill::Empty { 0 } else { 1409 };
    let states = SubscriberState::ALL.iter().cycle();
    let page = SubscribersPage {
        layout: layout(fill),
        counts: SubscriberCounts {
            all,
            pending: 17,
            confirmed: 1284,
            unsubscribed: 96,
            suppressed: 12,
        },
        query: String::new(),
        state: None,
        order: "newest",
        query_suffix: String::new(),
        rows: fill.list(states.zip(DeliveryState::ALL).map(row).collect()),
        is_first: true,
        newer: None,
        older: fill.maybe("0190a"),
        add: AddSubscriber::default(),
    };
    album.add("subscribers", page.clone());
    let add = AddSubscriber {
        address: fill.needed("x"),
        source: fill.text("meeting"),
        error: fill.maybe("Enter an email address like name@example.com"),
    };
    album.add(
        "subscribers-found",
        SubscribersPage {
            query: fill.text("ada"),
            state: Some("confirmed"),
            order: "address",
            query_suffix: "&q=ada&order=address".to_owned(),
            is_first: false,
            newer: fill.maybe("0190b"),
            add,
            ..page.clone()
        },
    );
    album.add(
        "subscribers-empty-result",
        SubscribersPage {
            query: fill.text("zoe"),
            rows: Vec::new(),
            ..page
        },
    );
}

fn subscriber(album: &mut Album<'_>, fill: Fill) {
    let mail = |(kind, state): (&DeliveryKind, &DeliveryState)| EmailRow {
        kind: kind.as_str(),
        issue: (*kind == DeliveryKind::Issue).then_some(42),
        state: state.as_str(),
        attempts: 1,
        at: FRIDAY,
        reply: fill.maybe("250 2.0.0 ok queued as 4Zk"),
    };
    let mails = DeliveryKind::ALL.iter().cycle().zip(DeliveryState::ALL);
    for state in SubscriberState::ALL {
        let page = SubscriberPage {
            layout: layout(fill),
            id: "0190aaaa".to_owned(),
            address: fill.needed("ada.lovelace@example.com"),
            name: fill.maybe("Ada Lovelace"),
            state: state.as_str(),
            since: days_after(FRIDAY, -17),
            paused_until: fill.some(FRIDAY),
            suppression_reply: fill.maybe("550 5.1.1 no such user"),
            consent: Consent {
                source: fill.text("form"),
                added_at: days_after(FRIDAY, -18),
                requested_at: fill.some(days_after(FRIDAY, -18)),
                requested_ip: fill.maybe("192.0.2.17"),
                form_version: fill.maybe("2026-11"),
                confirmed_at: fill.some(days_after(FRIDAY, -17)),
                confirmed_ip: fill.maybe("192.0.2.17"),
            },
            emails: fill.list(mails.clone().map(mail).collect()),
            newer: true,
            older: fill.maybe("0190:0191&"),
        };
        album.add(&format!("subscriber-{}", state.as_str()), page);
    }
}

fn bulk(album: &mut Album<'_>, fill: Fill) {
    for deed in ["unsubscribe", "erase", "resend"] {
        let page = BulkPage {
            layout: layout(fill),
            action: deed,
            count: if fill == Fill::Empty { 0 } else { 1284 },
            is_capped: fill == Fill::Hostile,
            is_whole_list: deed == "erase",
            ids: fill.list(vec!["0190aaaa".to_owned()]),
            addresses: fill.list(vec![fill.needed("ada@example.com"); 10]),
            query: fill.text("@example"),
            state: fill.some("pending"),
            list: ListLink {
                query: fill.text("@example"),
                state: fill.some("pending"),
                order: "oldest",
                path: "/admin/subscribers?state=pending".to_owned(),
            },
        };
        album.add(&format!("subscribers-many-{deed}"), page);
        let page = BulkProgressPage {
            layout: layout(fill),
            id: "0190aaaa".to_owned(),
            action: deed,
            list_path: "/admin/subscribers?state=pending".to_owned(),
            processed: 1500,
            applied: 1284,
            is_finished: deed != "erase",
            has_failed: deed == "resend",
        };
        album.add(&format!("subscribers-many-under-way-{deed}"), page);
    }
}

fn import(album: &mut Album<'_>, fill: Fill) {
    for fault_at in ["", "file", "source"] {
        let page = ImportFormPage {
            layout: layout(fill),
            source: fill.text("the shop, 2026"),
            pending: fault_at.is_empty(),
            pasted: fill.text("Ada <ada@example.com>"),
            error: (!fault_at.is_empty()).then(|| fill.needed("choose a file")),
            error_field: fault_at,
        };
        album.add(&format!("subscribers-import-{fault_at}"), page);
    }
    for stage in ["checking", "checked", "importing", "imported", "failed"] {
        let page = ImportPage {
            layout: layout(fill),
            id: "0190aaaa".to_owned(),
            file_name: fill.maybe("readers.csv"),
            source: fill.needed("the shop, 2026"),
            pending: stage == "checked",
            stage,
            bytes: 320_000,
            bytes_read: 120_000,
            imported: if fill == Fill::Empty { 0 } else { 9998 },
            existing: 1,
            skipped: if fill == Fill::Empty { 0 } else { 3 },
            rejected: if fill == Fill::Empty { 0 } else { 117 },
            rejected_rows: fill.list(vec![
                RejectedRowView {
                    row: 17,
                    reason: fill.needed("not an address like name@example.com"),
                };
                3
            ]),
            error: (stage == "failed").then(|| fill.needed("the database failed")),
        };
        album.add(&format!("subscribers-import-{stage}"), page);
    }
}
