//! What becomes of copies and readers as the hours and weeks go by, and when clocks jump.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use broadsheet::domain::clock::{Clock, Timestamp};
use broadsheet::domain::delivery::{DeliveryId, DeliveryKind};
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::subscriber::SubscriberState::{Confirmed, Suppressed};
use broadsheet::store::{Move, NewDelivery};

use crate::support::app::TestApp;
use crate::support::blog::{Blog, Item};
use crate::support::smtp_server::{Fault, SmtpServer, Stage};

const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Friday 20 November 2026, 09:00 in Berlin: an hour before the slot.
const FRIDAY: Timestamp = Timestamp::from_millis(1_795_161_600_000);
const ADA: &str = "ada@example.org";

/// A newsletter in which everything happens on Fridays.
struct Weeks {
    app: TestApp,
    blog: Blog,
    server: SmtpServer,
    /// What the server says to Ada.
    says: Arc<Mutex<Option<&'static str>>>,
}

impl Weeks {
    async fn begin(readers: usize) -> Self {
        let says = Arc::new(Mutex::new(None));
        let said = Arc::clone(&says);
        let server = SmtpServer::scripted(move |moment| {
            let to_ada = moment.stage == Stage::Rcpt && moment.recipient == ADA;
            let says = *said.lock().expect("no panic in a script");
            says.filter(|_| to_ada).map(Fault::Reply)
        });
        let blog = Blog::start(vec![Item::new("old", "Known already", FRIDAY.minus(WEEK))]);
        let mut app = TestApp::with_server(&blog, FRIDAY, &server).await;
        app.has_reader(ADA).await;
        for number in 1..readers {
            app.has_reader(&format!("reader{number}@example.org")).await;
        }
        app.scheduler_looks().await;
        Self {
            app,
            blog,
            server,
            says,
        }
    }

    /// Freezes this Friday's issue.
    async fn issue(&mut self) {
        let now = self.app.clock.now();
        let slug = now.as_millis().to_string();
        self.blog.publish(Item::new(&slug, &slug, now));
        self.app.later(HOUR);
        self.app.scheduler_looks().await;
    }

    /// This Friday's issue goes out, and Ada's server says this; then a week goes by.
    async fn week(&mut self, says: Option<&'static str>) {
        *self.says.lock().expect("no panic in a script") = says;
        self.issue().await;
        self.app.delivers().await;
    }

    fn next_friday(&self) {
        self.app.later(WEEK - HOUR);
    }

    /// The state of Ada's copy, and what was said of it.
    async fn copy(&self, issue: i64) -> (&'static str, String) {
        let copies = self.app.copies(Some(issue)).await;
        let mut adas = copies
            .into_iter()
            .filter(|row| row.address.as_deref() == Some(ADA));
        let copy = adas.next().expect("a copy for Ada");
        (copy.state.as_str(), copy.reply.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_mailbox_that_stays_full_for_three_issues_is_not_written_to_again() {
    let mut weeks = Weeks::begin(2).await;
    let full = "452 4.2.2 Over quota";
    for issue in 1..=2 {
        weeks.week(Some(full)).await;
        assert_eq!(weeks.copy(issue).await, ("deferred", full.to_owned()));
        assert_eq!(weeks.app.state_of(ADA).await, Confirmed);
        weeks.next_friday();
    }
    weeks.week(Some(full)).await;
    assert_eq!(weeks.copy(3).await, ("bounced", full.to_owned()));
    assert_eq!(weeks.app.state_of(ADA).await, Suppressed);
    weeks.next_friday();
    weeks.week(None).await;
    assert_eq!(weeks.app.issues().await[0].recipients, 1);
    assert!(!weeks.server.copies().contains_key(ADA));
}

#[tokio::test]
async fn a_bare_refusal_counts_when_the_next_issue_is_refused_as_well() {
    let mut weeks = Weeks::begin(1).await;
    for (says, state) in [
        (Some("550 No"), Confirmed),
        (None, Confirmed),
        // The copy between has arrived: the count begins anew.
        (Some("550 No"), Confirmed),
        (Some("550 No"), Suppressed),
    ] {
        weeks.week(says).await;
        assert_eq!(weeks.app.state_of(ADA).await, state, "{says:?}");
        weeks.next_friday();
    }
    let copies = [1, 2, 3, 4].map(|issue| weeks.copy(issue));
    let states = futures_util::future::join_all(copies).await;
    let states: Vec<_> = states.iter().map(|(state, _)| *state).collect();
    assert_eq!(states, ["bounced", "delivered", "bounced", "bounced"]);
}

#[tokio::test]
async fn nobody_gets_an_old_issue_after_the_next_one() {
    let mut weeks = Weeks::begin(2).await;
    let later = "451 4.7.1 Greylisted";
    weeks.week(Some(later)).await;
    // An extra issue is beside the week's: both are still wanted.
    weeks
        .blog
        .publish(Item::new("extra", "Extra", weeks.app.clock.now()));
    let digests = weeks.app.app.digests().expect("digests");
    digests.collect().await.expect("feeds to read");
    digests.publish(None).await.expect("an extra issue");
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");
    assert_eq!(weeks.copy(2).await.0, "deferred");

    weeks.next_friday();
    weeks.week(None).await;
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
    assert_eq!(weeks.copy(2).await, ("bounced", later.to_owned()));
    assert_eq!(weeks.copy(3).await.0, "delivered");
    let all_sent = weeks.app.issues().await;
    assert!(
        all_sent.iter().all(|issue| issue.finished_at.is_some()),
        "{all_sent:?}"
    );

    // Asked for by hand, an old one is tried once, and not again and again.
    *weeks.says.lock().expect("no panic in a script") = Some(later);
    let first = &all_sent[2];
    let now = weeks.app.clock.now();
    let again = weeks.app.app.store.send_again(&first.id, now).await;
    assert_eq!(again.expect("a database that answers"), 1);
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
}

#[tokio::test]
async fn what_is_refused_for_two_days_is_given_up() {
    let mut weeks = Weeks::begin(1).await;
    let later = "451 4.7.1 Greylisted";
    weeks.week(Some(later)).await;
    for hours in [1, 2, 4, 8, 16, 16] {
        assert_eq!(weeks.copy(1).await.0, "deferred", "{hours}");
        weeks.app.later(HOUR * hours);
        weeks.app.delivers().await;
    }
    assert_eq!(weeks.copy(1).await, ("bounced", later.to_owned()));
    assert_eq!(
        weeks.app.state_of(ADA).await,
        Confirmed,
        "that is no dead address"
    );
}

#[tokio::test]
async fn clocks_that_jump_lose_nobody_and_send_nothing_twice() {
    let mut weeks = Weeks::begin(40).await;
    weeks.issue().await;
    let frozen = weeks.app.clock.now();
    // Set right by two hours before the first mail went out.
    weeks.app.clock.set(frozen.minus(2 * HOUR));
    weeks.app.delivers().await;
    assert_eq!(weeks.server.received().len(), 40);

    // And by days, to and fro, while an issue is on its way.
    weeks.app.clock.set(frozen.plus(WEEK - HOUR));
    weeks.issue().await;
    let now = weeks.app.clock.now();
    let jumps = async {
        for mails in [45, 55, 65] {
            weeks.server.wait_for(mails).await;
            let days = if mails == 55 { 0 } else { 3 };
            weeks.app.clock.set(now.plus(HOUR * 24 * days));
        }
    };
    tokio::join!(weeks.app.delivers(), jumps);
    assert_eq!(weeks.server.received().len(), 80);
    assert!(weeks.server.copies().values().all(|&copies| copies == 2));
}

#[tokio::test]
async fn the_time_of_a_pause_is_not_held_against_a_copy() {
    let mut weeks = Weeks::begin(2).await;
    weeks.issue().await;
    let store = weeks.app.app.store.clone();
    let issue = weeks.app.issues().await.remove(0).id;
    assert!(
        store
            .pause_issue_by(&issue, "ada@blog.test")
            .await
            .expect("a pause")
    );
    weeks.app.later(3 * 24 * HOUR);
    let now = weeks.app.clock.now();
    assert!(store.resume_issue(&issue, now).await.expect("a resumption"));
    *weeks.says.lock().expect("no panic in a script") = Some("451 4.7.1 Greylisted");
    weeks.app.delivers().await;
    assert_eq!(weeks.copy(1).await.0, "deferred");
}

#[tokio::test]
async fn an_issue_sent_again_goes_to_where_the_reader_is_now() {
    let mut weeks = Weeks::begin(2).await;
    weeks.week(Some("554 5.7.1 Not from you")).await;
    assert_eq!(weeks.copy(1).await.0, "bounced");
    let store = weeks.app.app.store.clone();
    let ada = EmailAddress::parse(ADA).expect("an address");
    let reader = store.subscriber_by_address(&ada).await;
    let reader = reader.expect("an answer").expect("a reader");
    let to = EmailAddress::parse("ada@example.net").expect("an address");
    let now = weeks.app.clock.now();
    let step = Move {
        to: &to,
        ip: None,
        nonce: "another".to_owned(),
        address_macs: Vec::new(),
        farewell: NewDelivery {
            id: DeliveryId::from_stored("farewell".to_owned()),
            kind: DeliveryKind::ReaderLink,
            subscriber: Some(reader.id),
            address: ada,
            payload: Some("address_changed".to_owned()),
        },
    };
    assert!(
        store
            .change_address(&reader, &step, now)
            .await
            .expect("a move")
    );
    let issue = weeks.app.issues().await.remove(0).id;
    assert_eq!(store.send_again(&issue, now).await.expect("a number"), 1);
    weeks.app.delivers().await;
    assert_eq!(weeks.server.copies().get("ada@example.net"), Some(&1));
}
