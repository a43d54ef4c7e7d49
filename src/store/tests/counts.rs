//! The delivery counts of the triggers equal a count of the deliveries.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{IssueId, WorkerId};
use crate::domain::issue::DeliveryCounts;
use crate::domain::issue::slot::Slot;
use crate::domain::random::Random;
use crate::domain::subscriber::SubscriberId;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{
    DeliveryUpdate, Erase, FreezeOutcome, GroupCommit, SendIntent, Store, StoreError, Unsubscribe,
};

const DELIVERIES: &str =
    "SELECT id, state, lease, address FROM deliveries WHERE issue_id IS NOT NULL";
const COUNT_ROWS: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM issue_counts";
const SUBSCRIBERS: usize = 12;
const STEPS: usize = 120;

impl Store {
    /// Returns the counts of an issue after comparing them with its deliveries.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn verified_counts(&self, issue: &IssueId) -> Result<DeliveryCounts, StoreError> {
        let row = self.issue_by_id(issue).await?.expect("an issue");
        let mut counted = DeliveryCounts::default();
        let states: Vec<DeliveryState> =
            sqlx::query_scalar("SELECT state FROM deliveries WHERE issue_id = $1")
                .bind(issue)
                .fetch_all(&self.pool)
                .await?;
        for state in states {
            use DeliveryState::*;
            *match state {
                Queued | Leased | Sending => &mut counted.queued,
                Deferred => &mut counted.deferred,
                Delivered => &mut counted.delivered,
                Bounced => &mut counted.bounced,
                Skipped => &mut counted.skipped,
                InDoubt => &mut counted.in_doubt,
            } += 1;
        }
        assert_eq!(row.counts, counted);
        assert_eq!(row.recipients, counted.recipients());
        Ok(counted)
    }
}

/// Two workers that execute random operations.
struct RandomOperations {
    workers: TwoWorkers,
    random: Random,
    issues: Vec<IssueId>,
    now: Timestamp,
}

impl RandomOperations {
    fn below(&self, limit: usize) -> usize {
        usize::from(u16::from_le_bytes(self.random.bytes())) % limit
    }

    fn worker(&self) -> (&Store, WorkerId) {
        match self.below(2) {
            0 => (&self.workers.store, self.workers.worker),
            _ => (&self.workers.other_store, self.workers.other_worker),
        }
    }

    fn issue(&self) -> IssueId {
        self.issues[self.below(self.issues.len())]
    }

    async fn subscriber(&self) -> Option<SubscriberId> {
        let query = sqlx::query_scalar("SELECT id FROM subscribers ORDER BY id");
        let ids: Vec<SubscriberId> = query.fetch_all(&self.workers.store.pool).await.unwrap();
        ids.get(self.below(SUBSCRIBERS)).copied()
    }

    /// Returns the deliveries that a worker has leased, with their addresses, by state.
    async fn leased(
        &self,
        worker: WorkerId,
    ) -> HashMap<DeliveryState, Vec<(DeliveryId, Option<String>)>> {
        let rows = sqlx::query(DELIVERIES).fetch_all(&self.workers.store.pool);
        let mut leased: HashMap<DeliveryState, Vec<_>> = HashMap::new();
        for row in rows.await.unwrap() {
            let lease: Option<WorkerId> = row.try_get("lease").unwrap();
            if lease == Some(worker) {
                let deliveries = leased.entry(row.try_get("state").unwrap()).or_default();
                deliveries.push((row.try_get("id").unwrap(), row.try_get("address").unwrap()));
            }
        }
        leased
    }

    fn update(&self, id: &DeliveryId) -> DeliveryUpdate {
        use DeliveryState::{Bounced, Deferred, Delivered, InDoubt};
        let state = [Delivered, Delivered, Bounced, Deferred, InDoubt][self.below(5)];
        let subscriber = id.to_string().split(':').nth(1).map(SubscriberId::parse);
        DeliveryUpdate {
            id: id.clone(),
            state,
            due_at: (state == Deferred).then_some(self.now),
            reply: "250 or another".to_owned(),
            charged: self.below(4) > 0,
            lost_reply: self.below(4) == 0,
            suppress: subscriber
                .and_then(Result::ok)
                .filter(|_| state == Bounced && self.below(3) == 0),
            soft_bounce: None,
        }
    }

    async fn commit(&self) {
        let (store, worker) = self.worker();
        let mut deliveries = self.leased(worker).await;
        let sending = deliveries
            .remove(&DeliveryState::Sending)
            .unwrap_or_default();
        let updates: Vec<DeliveryUpdate> = sending.iter().map(|(id, _)| self.update(id)).collect();
        let leased = deliveries
            .remove(&DeliveryState::Leased)
            .unwrap_or_default();
        let intent = |(id, address): (DeliveryId, Option<String>)| SendIntent {
            id,
            to: EmailAddress::parse(&address.unwrap()).unwrap(),
        };
        let bounced = updates
            .iter()
            .filter(|it| it.state == DeliveryState::Bounced);
        let commit = GroupCommit {
            requeued: bounced.map(|it| it.id.clone()).collect(),
            pauses: match self.below(4) {
                0 => vec![(self.issue(), "554 no".to_owned())],
                _ => Vec::new(),
            },
            intents: leased.into_iter().map(intent).collect(),
            updates,
            ..GroupCommit::default()
        };
        store.record(&worker, &commit, self.now).await.unwrap();
    }

    async fn restart_worker(&self) {
        let (store, worker) = self.worker();
        let workers = store.workers().await.unwrap();
        let heartbeat = workers.iter().find(|(id, _)| *id == worker).unwrap().1;
        let reclaimed = store
            .reclaim_leases(&worker, heartbeat, InDoubtPolicy::Resend, self.now)
            .await;
        assert!(reclaimed.unwrap());
        store.register_worker(&worker, self.now).await.unwrap();
    }

    async fn freeze_next_issue(&mut self) {
        let id = IssueId::new(self.now, &self.random);
        let number = self.workers.store.next_number().await.unwrap();
        let slot = Slot::parse(&format!("2026-W{:02}", number.get() + 1)).unwrap();
        let issue = self.workers.next_issue(id, Some(slot)).await;
        match self.workers.store.freeze(&issue, self.now).await.unwrap() {
            FreezeOutcome::Frozen { .. } => self.issues.push(id),
            outcome => assert_eq!(outcome, FreezeOutcome::NoRecipients),
        }
    }

    /// Executes a random operation and returns its name.
    async fn execute_one(&mut self) -> &'static str {
        let now = self.now;
        let (store, worker) = self.worker();
        let issue = self.issue();
        match self.below(16) {
            0..=3 => {
                let claim = store.claim_issue(&worker, &issue, Timestamp::EPOCH, 4, now);
                claim.await.unwrap();
                "claim"
            }
            4..=8 => {
                self.commit().await;
                "commit"
            }
            9 => {
                self.restart_worker().await;
                "restart worker"
            }
            10 => {
                store.resume_issue(&issue, now).await.unwrap();
                "resume"
            }
            11 => {
                store.requeue_failed(&issue, now).await.unwrap();
                "requeue"
            }
            12 => {
                store.finish_issues(now).await.unwrap();
                store.compact_counts().await.unwrap();
                "finish and compact"
            }
            13 => {
                self.remove_subscriber().await;
                "remove subscriber"
            }
            14 if self.below(4) == 0 => {
                store.cancel_issue(&issue, now).await.unwrap();
                "cancel"
            }
            _ if self.issues.len() < 5 => {
                self.freeze_next_issue().await;
                "freeze"
            }
            _ => "nothing",
        }
    }

    /// Unsubscribes or erases a random subscriber.
    async fn remove_subscriber(&self) {
        let (store, _) = self.worker();
        let Some(id) = self.subscriber().await else {
            return;
        };
        if self.below(3) == 0 {
            let address_mac = id.to_string();
            let erase = Erase { id, address_mac };
            store.erase(&[erase], self.now).await.unwrap();
        } else {
            let nonce = String::new();
            let unsubscribe = Unsubscribe { id, nonce };
            store.unsubscribe(&[unsubscribe], self.now).await.unwrap();
        }
    }
}

#[tokio::test]
async fn random_operations_keep_counts_equal_to_deliveries() {
    let mut seen = DeliveryCounts::default();
    for seed in 0..6 {
        let workers = TwoWorkers::with_subscribers(SUBSCRIBERS).await;
        let mut operations = RandomOperations {
            issues: vec![workers.issue],
            random: Random::seeded(seed),
            now: NOW,
            workers,
        };
        for step in 0..STEPS {
            let name = operations.execute_one().await;
            println!("seed {seed}, step {step}: {name}");
            operations.now = operations.now.plus(Duration::from_millis(1));

            let store = &operations.workers.store;
            let mut remaining = 0;
            for issue in &operations.issues {
                let counts = store.verified_counts(issue).await.unwrap();
                remaining += counts.remaining();
                seen.add(&counts);
            }
            assert_eq!(store.remaining_deliveries().await.unwrap(), remaining);
        }

        let store = &operations.workers.store;
        store.compact_counts().await.unwrap();
        let query = sqlx::query_scalar(COUNT_ROWS).fetch_one(&store.pool);
        let rows: i64 = query.await.unwrap();
        assert_eq!(rows.cast_unsigned(), operations.issues.len() as u64);
    }

    // The operations reached every state.
    let DeliveryCounts {
        queued,
        deferred,
        delivered,
        bounced,
        skipped,
        in_doubt,
    } = seen;
    let states = [queued, deferred, delivered, bounced, skipped, in_doubt];
    assert!(states.iter().all(|count| *count > 0), "{seen:?}");
}
