//! A newsletter on a manual clock that sends an issue each Friday.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use broadsheet::domain::clock::{Clock, Timestamp};
use broadsheet::domain::delivery::{DeliveryId, DeliveryKind};
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::issue::IssueId;
use broadsheet::domain::signed_token::Purpose;
use broadsheet::store::{AddressChange, NewDelivery, Subscriber};

use super::app::TestApp;
use super::blog::{Blog, Item};
use super::smtp_server::{Fault, SmtpServer, Stage};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Friday 20 November 2026, 09:00 in Berlin: one hour before the slot.
const FRIDAY: Timestamp = Timestamp::from_millis(1_795_161_600_000);
/// The subscriber that the SMTP server can reject.
pub const ADA: &str = "ada@example.org";

/// A newsletter with an SMTP server. Ada is one of its subscribers.
pub struct WeeklyScenario {
    pub app: TestApp,
    pub blog: Blog,
    pub server: SmtpServer,
    /// Reply to `RCPT` with Ada's address; acceptance if `None`.
    reply_to_ada: Arc<Mutex<Option<&'static str>>>,
}

impl WeeklyScenario {
    /// Starts with this many subscribers.
    pub async fn start(subscribers: usize) -> Self {
        let reply_to_ada = Arc::new(Mutex::new(None));
        let reply = Arc::clone(&reply_to_ada);
        let server = SmtpServer::with_script(move |event| {
            let is_ada = event.stage == Stage::Rcpt && event.recipient == ADA;
            let reply = *reply.lock().expect("no panic in a script");
            reply.filter(|_| is_ada).map(Fault::Reply)
        });
        Self {
            reply_to_ada,
            ..Self::start_with_server(server, subscribers).await
        }
    }

    /// Starts with this SMTP server, which ignores
    /// [`set_reply_to_ada`](Self::set_reply_to_ada).
    pub async fn start_with_server(server: SmtpServer, subscribers: usize) -> Self {
        let blog = Blog::start(vec![Item::new("old", "Known already", FRIDAY.minus(WEEK))]);
        let mut app = TestApp::with_smtp_server(&blog, FRIDAY, &server).await;
        app.add_subscriber(ADA).await;
        for number in 1..subscribers {
            app.add_subscriber(&format!("reader{number}@example.org"))
                .await;
        }
        app.run_scheduler_tick().await;
        Self {
            app,
            blog,
            server,
            reply_to_ada: Arc::default(),
        }
    }

    /// Publishes a post and advances to the slot, where the issue is frozen.
    pub async fn freeze_weekly_issue(&mut self) {
        let now = self.app.clock.now();
        let slug = now.as_millis().to_string();
        self.blog.publish(Item::new(&slug, &slug, now));
        self.app.advance_clock(HOUR);
        self.app.run_scheduler_tick().await;
    }

    /// Freezes and sends this week's issue with this reply to Ada's address.
    pub async fn send_weekly_issue(&mut self, reply_to_ada: Option<&'static str>) {
        self.set_reply_to_ada(reply_to_ada);
        self.freeze_weekly_issue().await;
        self.app.run_delivery_until_idle().await;
    }

    /// Sets the reply to `RCPT` with Ada's address; `None` accepts it.
    pub fn set_reply_to_ada(&self, reply: Option<&'static str>) {
        *self.reply_to_ada.lock().expect("no panic in a script") = reply;
    }

    pub async fn newest_issue(&self) -> IssueId {
        self.app.issues().await.remove(0).id
    }

    /// Requeues the failed deliveries of the newest issue. Returns their number.
    pub async fn requeue_failed(&self) -> u64 {
        let (issue, now) = (self.newest_issue().await, self.app.clock.now());
        let requeued = self.app.app.store.requeue_failed(&issue, now).await;
        requeued.expect("requeued deliveries")
    }

    /// Changes Ada's address, as after the confirmation of the new one.
    pub async fn change_ada_address(&self, address: &str) {
        let ada = self.subscriber(ADA).await;
        let to = EmailAddress::parse(address).expect("an address");
        let step = AddressChange {
            previous_address_mac: "mac of the old address".to_owned(),
            new_address: &to,
            ip: None,
            nonce: "another".to_owned(),
            address_macs: Vec::new(),
            notice: NewDelivery {
                id: DeliveryId::from_stored("farewell".to_owned()),
                kind: DeliveryKind::SubscriberLink,
                subscriber: Some(ada.id),
                address: ada.address.clone(),
                payload: Some("address_changed".to_owned()),
            },
        };
        let now = self.app.clock.now();
        let changed = self.app.app.store.change_address(&ada, &step, now).await;
        assert!(changed.expect("a changed address"), "address not changed");
    }

    /// Unsubscribes with the link of a message.
    pub async fn unsubscribe(&self, address: &str) {
        let app = &self.app.app;
        let subscriber = self.subscriber(address).await;
        let token = app
            .keys
            .subscriber_token(Purpose::Preferences, &subscriber.id);
        let unsubscribed = app.subscriptions().unsubscribe_by_preferences(&token).await;
        unsubscribed.expect("an unsubscribed subscriber");
    }

    async fn subscriber(&self, address: &str) -> Subscriber {
        let address = EmailAddress::parse(address).expect("an address");
        let subscriber = self.app.app.store.subscriber_by_address(&address).await;
        subscriber.expect("a query result").expect("a subscriber")
    }

    /// Advances the clock from a slot to one hour before the next one.
    pub fn advance_to_next_friday(&self) {
        self.app.advance_clock(WEEK - HOUR);
    }

    /// Returns the state and the last reply of Ada's delivery of this issue.
    pub async fn ada_delivery(&self, issue: i64) -> (&'static str, String) {
        let deliveries = self.app.deliveries(Some(issue)).await;
        let delivery = deliveries
            .into_iter()
            .find(|row| row.address.as_deref() == Some(ADA))
            .expect("a delivery to Ada");
        (delivery.state.as_str(), delivery.reply.unwrap_or_default())
    }
}
