//! Lists of other tools, imported into an empty database.

use std::collections::BTreeMap;
use std::sync::Arc;

use broadsheet::domain::clock::{ManualClock, Timestamp};
use broadsheet::domain::random::Random;
use broadsheet::domain::signed_token::SecretKeys;
use broadsheet::domain::subscriber::SubscriberState;
use broadsheet::store::{DatabaseUrl, Order, PageDirection, Store, SubscriberFilter};
use broadsheet::subscription::{
    ImportError, ImportOptions, ImportReport, SignupBatcher, SubscriptionService,
};

use crate::support::database::Database;

/// 2026-11-27 09:00 UTC.
const NOW: Timestamp = Timestamp::from_millis(1_795_770_000_000);

/// Opens a subscription service on an empty database.
async fn open(database: &Database) -> SubscriptionService {
    let url = match database.url().strip_prefix("sqlite:") {
        Some(path) => DatabaseUrl::Sqlite(path.into()),
        None => DatabaseUrl::Postgres(database.url().into()),
    };
    let random = Arc::new(Random::seeded(1));
    let store = Store::connect(&url).await.expect("a database");
    SubscriptionService {
        outbox: broadsheet::mail::outbox::Outbox::new(
            std::env::temp_dir().join("broadsheet-no-outbox"),
        ),
        signup_batcher: SignupBatcher::new(store.clone()),
        store,
        keys: Arc::new(SecretKeys::generate(&random)),
        clock: Arc::new(ManualClock::at(NOW)),
        random,
    }
}

/// Options without a stated state.
fn as_file() -> ImportOptions {
    ImportOptions {
        source: "test".to_owned(),
        state: None,
        prefers_file_source: true,
    }
}

fn stated(state: SubscriberState) -> ImportOptions {
    ImportOptions {
        state: Some(state),
        ..as_file()
    }
}

async fn import(
    service: &SubscriptionService,
    file: &[u8],
    options: &ImportOptions,
) -> Result<ImportReport, ImportError> {
    let mut refused = Vec::new();
    let progress = |event| refused.push(format!("{event:?}"));
    let planned = service.dry_run_csv(file, options, |_| ()).await;
    let report = service.import_csv(file, options, progress).await;
    if let (Ok(planned), Ok(report)) = (&planned, &report) {
        assert_eq!(planned, report);
    }
    report
}

/// The state of each address.
async fn states(service: &SubscriptionService) -> BTreeMap<String, SubscriberState> {
    let filter = SubscriberFilter {
        order: Order::Address,
        ..SubscriberFilter::default()
    };
    let rows = service
        .store
        .subscribers(&filter, PageDirection::First, 500)
        .await;
    rows.unwrap()
        .into_iter()
        .map(|row| (row.address, row.state))
        .collect()
}

/// The first letter of an address names the states that it may be in.
fn assert_states(states: &BTreeMap<String, SubscriberState>, tool: &str) {
    use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};
    assert!(!states.is_empty(), "{tool}");
    for (address, state) in states {
        let right = match address.chars().next() {
            Some('c') => *state == Confirmed,
            Some('u') => *state == Unsubscribed,
            Some('s') => *state == Suppressed,
            Some('p') => *state == Pending,
            Some('x') => matches!(state, Unsubscribed | Suppressed),
            Some('q') => *state != Confirmed,
            _ => false,
        };
        assert!(right, "{tool}: {address} is {state}");
    }
}

/// One list per tool.
const TOOLS: &[(&str, &str)] = &[
    (
        "listmonk",
        "uuid,email,name,attributes,status,created_at,updated_at\n\
        1f0d6c1e-3c5b-4b61-9a54-6d2f0a7b2201,c.ole@t.example.org,Ole,\"{\"\"status\"\": \"\"disabled\"\"}\",enabled,2024-01-02 03:04:05.6 +0000 UTC,2024-01-02 03:04:05 +0000 UTC\n\
        1f0d6c1e-3c5b-4b61-9a54-6d2f0a7b2202,s.bea@t.example.org,Bea,{},blocklisted,2024-01-02 03:04:05 +0000 UTC,\n\
        1f0d6c1e-3c5b-4b61-9a54-6d2f0a7b2203,x.dan@t.example.org,Dan,{},disabled,2024-01-02 03:04:05 +0000 UTC,\n",
    ),
    (
        "Mailchimp, unsubscribed",
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,LEID\n\
        u.ann@t.example.org,Ann,2,2019-02-03 04:05:06,2019-02-03 04:06:07,2020-02-03 04:06:07,Issue,c9,NORMAL,2\n",
    ),
    (
        "Mailchimp, cleaned",
        "Email Address,First Name,Address,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID\n\
        s.leo@t.example.org,Leo,\"1 High St, Ulm\",2019-02-03 04:05:06,2019-02-03 04:06:07,2020-02-03 04:06:07,Issue,c9,2\n",
    ),
    (
        "Ghost",
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels\n\
        a1,c.yun@t.example.org,Yun,,true,false,,2024-01-15T10:00:00.000Z,,\n\
        a2,x.noa@t.example.org,Noa,,false,false,,2024-01-15T10:00:00.000Z,,\n",
    ),
    (
        "Substack",
        "email,active_subscription,expiry,plan,email_disabled,created_at\n\
        c.fay@t.example.org,false,,other,false,2024-07-01T00:00:00.000Z\n\
        x.don@t.example.org,true,,yearly,true,2024-07-01T00:00:00.000Z\n",
    ),
    (
        "Buttondown",
        "id,email_address,notes,type,source,creation_date,unsubscription_date\n\
        s1,c.ray@t.example.org,,premium,form,2024-01-01T00:00:00Z,\n\
        s2,u.ulf@t.example.org,,unsubscribed,api,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z\n\
        s3,p.pia@t.example.org,,unactivated,api,2024-01-01T00:00:00Z,\n\
        s4,s.val@t.example.org,,undeliverable,api,2024-01-01T00:00:00Z,\n",
    ),
    (
        "Kit",
        "first_name,email_address,state,created_at\n\
        A,c.amy@t.example.org,active,2024-03-03\nB,s.bob@t.example.org,bounced,2024-03-03\n\
        C,u.cat@t.example.org,cancelled,2024-03-03\nD,q.dov@t.example.org,inactive,2024-03-03\n",
    ),
    (
        "Beehiiv",
        "email,First Name,status,tier,created_at,Gold Tier,unsubscribed_at\n\
        c.kim@t.example.org,Kim,active,free,2023-03-24 10:23:10 UTC,No,\n\
        u.lou@t.example.org,Lou,inactive,free,2023-03-24 10:23:10 UTC,No,2024-03-13 11:33:53 UTC\n\
        p.pat@t.example.org,Pat,Pending,free,2023-03-24 10:23:10 UTC,No,\n",
    ),
    (
        "Brevo",
        "EMAIL;FIRSTNAME;EMAIL_BLACKLISTED;SMS_BLACKLISTED;ADDED_TIME\n\
        c.bjo@t.example.org;Bjo;No;Yes;12-04-2022 09:30\nx.nik@t.example.org;Nik;Yes;No;25-04-2022 09:30\n",
    ),
    (
        "Keila",
        "Email,First name,Last name,Data,Status,External ID\n\
        c.ash@t.example.org,Ash,A,\"{\"\"tags\"\":[\"\"x\"\"]}\",active,\n\
        u.ben@t.example.org,Ben,B,{},unsubscribed,\ns.cy@t.example.org,Cy,C,{},unreachable,e3\n",
    ),
    (
        "MailerLite",
        "Email,Status,Sent,Subscribed,Location\n\
        c.act@t.example.org,active,3,2024-01-01 10:00:00,Ulm\ns.jun@t.example.org,junk,3,2024-01-01 10:00:00,Ulm\n\
        p.pam@t.example.org,unconfirmed,0,2024-01-01 10:00:00,Ulm\n",
    ),
    (
        "Mautic",
        "email,firstname,Do Not Contact\nc.ada@t.example.org,Ada,no\nx.cid@t.example.org,Cid,TRUE\n",
    ),
    (
        "Shopify",
        "First Name,Email,Accepts Email Marketing,Accepts SMS Marketing\n\
        Li,c.li@t.example.org,yes,no\nMa,x.ma@t.example.org,no,yes\n",
    ),
    (
        "phpList",
        "id\tEmail\tIs this subscriber confirmed\tIs this subscriber blacklisted\tDid this subscriber manually confirm\tNumber of bounces\tIs this account disabled?\n\
        1\tc.paul@t.example.org\t1\t0\t0\t2\t0\n2\tx.bel@t.example.org\t1\t1\t1\t3\t0\n3\tp.wim@t.example.org\t0\t0\t0\t0\t0\n",
    ),
    (
        "Broadsheet, an earlier release",
        "email,name,state,since,source,created_at,confirmed_at\n\
        c.car@t.example.org,Car,confirmed,2026-01-02T00:00:00Z,form,2026-01-01T00:00:00Z,2026-01-02T00:00:00Z\n\
        u.len@t.example.org,,unsubscribed,2026-02-01T00:00:00Z,form,2026-01-01T00:00:00Z,\n\
        s.ded@t.example.org,,suppressed,2026-02-01T00:00:00Z,form,2026-01-01T00:00:00Z,\n\
        p.wil@t.example.org,,pending,2026-02-01T00:00:00Z,form,2026-02-01T00:00:00Z,\n",
    ),
    (
        "a no in any column",
        "email,status,unsub_time,email_blacklisted\nc.jan@t.example.org,subscribed,,no\n\
        u.jon@t.example.org,subscribed,2024-05-06 07:08:09,no\nx.jim@t.example.org,subscribed,,yes\n",
    ),
];

#[tokio::test]
async fn list_of_each_tool_keeps_every_state() {
    for (tool, file) in TOOLS {
        let database = Database::fresh().await;
        let service = &open(&database).await;
        let report = import(service, file.as_bytes(), &as_file()).await.unwrap();
        assert_eq!(report.rejected, 0, "{tool}");
        assert_eq!(report.lines, file.lines().count() as u64, "{tool}");
        let states = states(service).await;
        assert_eq!(states.len(), file.lines().count() - 1, "{tool}");
        assert_states(&states, tool);
    }
}

#[tokio::test]
async fn unknown_word_refuses_its_row_alone() {
    let database = Database::fresh().await;
    let service = &open(&database).await;
    let file = "email,status\nc.una@t.example.org,active\nr.dirk@t.example.org,dormant\n\
        u.ute@t.example.org,unsubscribed\n";
    let report = import(service, file.as_bytes(), &as_file()).await.unwrap();
    assert_eq!((report.rejected, report.tally.imported), (1, 1));
    assert_states(&states(service).await, "unknown word");
}

#[tokio::test]
async fn list_of_who_left_ends_subscriptions_and_nobody_comes_back() {
    let database = Database::fresh().await;
    let service = &open(&database).await;
    let plain = b"email\nanna@t.example.org\nberta@t.example.org\n";
    let left = b"E-Mail\nanna@t.example.org\nclara@t.example.org\n";
    let again = b"email,status\nanna@t.example.org,active\nclara@t.example.org,subscribed\n";
    import(service, plain, &as_file()).await.unwrap();

    let options = stated(SubscriberState::Unsubscribed);
    let tally = import(service, left, &options).await.unwrap().tally;
    let counts = (tally.imported, tally.unsubscribed, tally.were_confirmed);
    assert_eq!(counts, (0, 2, 1));
    let after = states(service).await;
    for state in [
        None,
        Some(SubscriberState::Confirmed),
        Some(SubscriberState::Pending),
    ] {
        let options = ImportOptions { state, ..as_file() };
        let tally = import(service, again, &options).await.unwrap().tally;
        assert_eq!((tally.imported, tally.kept_out), (0, 2));
        assert_eq!(states(service).await, after);
    }
}

#[tokio::test]
async fn list_that_says_waiting_or_active_confirms_nobody_who_is_pending() {
    let database = Database::fresh().await;
    let service = &open(&database).await;
    let waiting = b"email,status\nann@t.example.org,pending\n";
    import(service, waiting, &stated(SubscriberState::Confirmed))
        .await
        .unwrap();
    import(
        service,
        b"email,status\nann@t.example.org,active\n",
        &as_file(),
    )
    .await
    .unwrap();
    let pending = states(service).await;
    assert_eq!(pending["ann@t.example.org"], SubscriberState::Pending);

    let tally = import(service, b"email\nann@t.example.org\n", &as_file())
        .await
        .unwrap()
        .tally;
    assert_eq!(tally.imported, 1);
}

#[tokio::test]
async fn repeated_address_with_a_no_is_not_confirmed() {
    let database = Database::fresh().await;
    let service = &open(&database).await;
    let file = b"email,status\nu.ann@t.example.org,active\nu.Ann@T.example.org,unsubscribed\nu.ann@t.example.org,active\n";
    service
        .import_csv(&file[..], &as_file(), |_| ())
        .await
        .unwrap();
    assert_states(&states(service).await, "repeated");
}
