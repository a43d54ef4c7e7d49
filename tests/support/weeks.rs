//! A newsletter in which everything happens on Fridays.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use broadsheet::domain::clock::{Clock, Timestamp};
use broadsheet::domain::delivery::{DeliveryId, DeliveryKind};
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::issue::IssueId;
use broadsheet::domain::signed_token::Purpose;
use broadsheet::store::{AddressChange, NewDelivery};

use super::app::TestApp;
use super::blog::{Blog, Item};
use super::smtp_server::{Fault, SmtpServer, Stage};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Friday 20 November 2026, 09:00 in Berlin: an hour before the slot.
const FRIDAY: Timestamp = Timestamp::from_millis(1_795_161_600_000);
pub const ADA: &str = "ada@example.org";

/// Ada is one of its readers.
pub struct Weeks {
    pub app: TestApp,
    pub blog: Blog,
    pub server: SmtpServer,
    /// What the server says to Ada.
    says: Arc<Mutex<Option<&'static str>>>,
}

impl Weeks {
    pub async fn begin(readers: usize) -> Self {
        let says = Arc::new(Mutex::new(None));
        let said = Arc::clone(&says);
        let server = SmtpServer::scripted(move |moment| {
            let to_ada = moment.stage == Stage::Rcpt && moment.recipient == ADA;
            let says = *said.lock().expect("no panic in a script");
            says.filter(|_| to_ada).map(Fault::Reply)
        });
        Self {
            says,
            ..Self::begin_with(server, readers).await
        }
    }

    /// With a server of one's own.
    pub async fn begin_with(server: SmtpServer, readers: usize) -> Self {
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
            says: Arc::default(),
        }
    }

    /// Freezes this Friday's issue.
    pub async fn issue(&mut self) {
        let now = self.app.clock.now();
        let slug = now.as_millis().to_string();
        self.blog.publish(Item::new(&slug, &slug, now));
        self.app.later(HOUR);
        self.app.scheduler_looks().await;
    }

    /// This Friday's issue goes out, and Ada's server says this; then a week goes by.
    pub async fn week(&mut self, says: Option<&'static str>) {
        self.server_says(says);
        self.issue().await;
        self.app.delivers().await;
    }

    /// From now on Ada's server says this to whoever writes to her.
    pub fn server_says(&self, says: Option<&'static str>) {
        *self.says.lock().expect("no panic in a script") = says;
    }

    pub async fn newest_issue(&self) -> IssueId {
        self.app.issues().await.remove(0).id
    }

    /// "Send again to those who did not get it"; gives how many those are.
    pub async fn is_sent_again(&self) -> u64 {
        let (issue, now) = (self.newest_issue().await, self.app.clock.now());
        let again = self.app.app.store.requeue_failed(&issue, now).await;
        again.expect("a database that answers")
    }

    /// Ada reads under this address from now on, as she has proven.
    pub async fn ada_moves_to(&self, address: &str) {
        let store = &self.app.app.store;
        let ada = EmailAddress::parse(ADA).expect("an address");
        let reader = store.subscriber_by_address(&ada).await;
        let reader = reader.expect("an answer").expect("a reader");
        let to = EmailAddress::parse(address).expect("an address");
        let step = AddressChange {
            new_address: &to,
            ip: None,
            nonce: "another".to_owned(),
            address_macs: Vec::new(),
            previous_address_mac: "mac of the old address".to_owned(),
            notice: NewDelivery {
                id: DeliveryId::from_stored("farewell".to_owned()),
                kind: DeliveryKind::SubscriberLink,
                subscriber: Some(reader.id),
                address: ada,
                payload: Some("address_changed".to_owned()),
            },
        };
        let now = self.app.clock.now();
        let moved = store.change_address(&reader, &step, now).await;
        assert!(moved.expect("an answer"), "Ada does not move");
    }

    /// A reader leaves by the link of a mail.
    pub async fn leaves(&self, address: &str) {
        let app = &self.app.app;
        let address = EmailAddress::parse(address).expect("an address");
        let reader = app.store.subscriber_by_address(&address).await;
        let reader = reader.expect("an answer").expect("a reader");
        let token = app.keys.subscriber_token(Purpose::Preferences, &reader.id);
        let left = app.subscriptions().unsubscribe_by_preferences(&token).await;
        left.expect("a reader who leaves");
    }

    pub fn next_friday(&self) {
        self.app.later(WEEK - HOUR);
    }

    /// The state of Ada's copy, and what was said of it.
    pub async fn copy(&self, issue: i64) -> (&'static str, String) {
        let copies = self.app.copies(Some(issue)).await;
        let mut adas = copies
            .into_iter()
            .filter(|row| row.address.as_deref() == Some(ADA));
        let copy = adas.next().expect("a copy for Ada");
        (copy.state.as_str(), copy.reply.unwrap_or_default())
    }
}
