//! What the triggers keep, beside what counting every copy gives.

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

const COPIES: &str = "SELECT id, state, lease, address FROM deliveries WHERE issue_id IS NOT NULL";
const PARTS: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM issue_counts";
const READERS: usize = 12;
const STEPS: usize = 120;

impl Store {
    /// How an issue's recipients are accounted for, as everybody is told and as every copy
    /// says.
    pub async fn tally(&self, issue: &IssueId) -> Result<DeliveryCounts, StoreError> {
        let row = self.issue_by_id(issue).await?.expect("an issue");
        let mut counted = DeliveryCounts::default();
        let copies =
            sqlx::query("SELECT state FROM deliveries WHERE issue_id = $1").bind(issue.to_string());
        for copy in copies.fetch_all(&self.pool).await? {
            let state: String = copy.try_get("state")?;
            use DeliveryState::*;
            *match DeliveryState::parse(&state).unwrap() {
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

/// Two processes that do whatever chance says.
struct Chance {
    pair: TwoWorkers,
    random: Random,
    issues: Vec<IssueId>,
    now: Timestamp,
}

impl Chance {
    fn below(&self, most: usize) -> usize {
        usize::from(u16::from_le_bytes(self.random.bytes())) % most
    }

    fn store(&self) -> (&Store, WorkerId) {
        match self.below(2) {
            0 => (&self.pair.store, self.pair.worker),
            _ => (&self.pair.other_store, self.pair.other_worker),
        }
    }

    fn issue(&self) -> IssueId {
        self.issues[self.below(self.issues.len())]
    }

    async fn reader(&self) -> Option<SubscriberId> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM subscribers ORDER BY id")
            .fetch_all(&self.pair.store.pool)
            .await
            .unwrap();
        let id = ids.get(self.below(READERS))?;
        Some(SubscriberId::parse(id).unwrap())
    }

    /// What this worker has, by state.
    async fn held(&self, worker: WorkerId) -> HashMap<String, Vec<(DeliveryId, Option<String>)>> {
        let mut held: HashMap<String, Vec<_>> = HashMap::new();
        for row in sqlx::query(COPIES)
            .fetch_all(&self.pair.store.pool)
            .await
            .unwrap()
        {
            let lease: Option<String> = row.try_get("lease").unwrap();
            if lease == Some(worker.to_string()) {
                let copies = held.entry(row.try_get("state").unwrap()).or_default();
                let id = DeliveryId::from_stored(row.try_get("id").unwrap());
                copies.push((id, row.try_get("address").unwrap()));
            }
        }
        held
    }

    fn outcome(&self, id: &DeliveryId) -> DeliveryUpdate {
        use DeliveryState::{Bounced, Deferred, Delivered, InDoubt};
        let state = [Delivered, Delivered, Bounced, Deferred, InDoubt][self.below(5)];
        let reader = id.to_string().split(':').nth(1).map(SubscriberId::parse);
        DeliveryUpdate {
            id: id.clone(),
            state,
            due_at: (state == Deferred).then_some(self.now),
            reply: "250 or another".to_owned(),
            charged: self.below(4) > 0,
            lost_reply: self.below(4) == 0,
            suppress: reader
                .and_then(Result::ok)
                .filter(|_| state == Bounced && self.below(3) == 0),
            soft_bounce: None,
        }
    }

    async fn commit(&self) {
        let (store, worker) = self.store();
        let mut held = self.held(worker).await;
        let sending = held.remove("sending").unwrap_or_default();
        let outcomes: Vec<DeliveryUpdate> =
            sending.iter().map(|(id, _)| self.outcome(id)).collect();
        let leased = held.remove("leased").unwrap_or_default();
        let next = |(id, to): (DeliveryId, Option<String>)| SendIntent {
            id,
            to: EmailAddress::parse(&to.unwrap()).unwrap(),
        };
        let bounced = outcomes
            .iter()
            .filter(|it| it.state == DeliveryState::Bounced);
        let commit = GroupCommit {
            requeued: bounced.map(|it| it.id.clone()).collect(),
            pauses: match self.below(4) {
                0 => vec![(self.issue(), "554 no".to_owned())],
                _ => Vec::new(),
            },
            intents: leased.into_iter().map(next).collect(),
            updates: outcomes,
            ..GroupCommit::default()
        };
        store.record(&worker, &commit, self.now).await.unwrap();
    }

    async fn dies(&self) {
        let (store, worker) = self.store();
        let beats = store.workers().await.unwrap();
        let beat = beats.iter().find(|(id, _)| *id == worker).unwrap().1;
        assert!(
            store
                .reclaim_leases(&worker, beat, InDoubtPolicy::Resend, self.now)
                .await
                .unwrap()
        );
        store.register_worker(&worker, self.now).await.unwrap();
    }

    async fn next_issue(&mut self) {
        let id = IssueId::new(self.now, &self.random);
        let number = self.pair.store.next_number().await.unwrap();
        let slot = Slot::parse(&format!("2026-W{:02}", number.get() + 1)).unwrap();
        let issue = self.pair.next_issue(id, Some(slot)).await;
        match self.pair.store.freeze(&issue, self.now).await.unwrap() {
            FreezeOutcome::Frozen { .. } => self.issues.push(id),
            claimed => assert_eq!(claimed, FreezeOutcome::NoRecipients),
        }
    }

    async fn step(&mut self) -> &'static str {
        let now = self.now;
        let (store, worker) = self.store();
        let issue = self.issue();
        match self.below(16) {
            0..=3 => {
                let claim = store.claim_issue(&worker, &issue, Timestamp::EPOCH, 4, now);
                claim.await.unwrap();
                "claimed"
            }
            4..=8 => {
                self.commit().await;
                "committed"
            }
            9 => {
                self.dies().await;
                "died"
            }
            10 => {
                store.resume_issue(&issue, now).await.unwrap();
                "resumed"
            }
            11 => {
                store.requeue_failed(&issue, now).await.unwrap();
                "sent again"
            }
            12 => {
                store.finish_issues(now).await.unwrap();
                store.compact_counts().await.unwrap();
                "finished and folded"
            }
            13 => {
                self.leaves().await;
                "left"
            }
            14 if self.below(4) == 0 => {
                store.cancel_issue(&issue, now).await.unwrap();
                "cancelled"
            }
            _ if self.issues.len() < 5 => {
                self.next_issue().await;
                "froze the next"
            }
            _ => "rested",
        }
    }

    async fn leaves(&self) {
        let (store, _) = self.store();
        let Some(id) = self.reader().await else {
            return;
        };
        if self.below(3) == 0 {
            let address_mac = id.to_string();
            let erasure = Erase { id, address_mac };
            store.erase(&[erasure], self.now).await.unwrap();
        } else {
            let nonce = String::new();
            let leaver = Unsubscribe { id, nonce };
            store.unsubscribe(&[leaver], self.now).await.unwrap();
        }
    }
}

#[tokio::test]
async fn whatever_happens_the_sums_are_those_of_the_copies() {
    let mut seen = DeliveryCounts::default();
    for seed in 0..6 {
        let pair = TwoWorkers::with_subscribers(READERS).await;
        let mut chance = Chance {
            issues: vec![pair.issue],
            random: Random::seeded(seed),
            now: NOW,
            pair,
        };
        for step in 0..STEPS {
            let did = chance.step().await;
            println!("seed {seed}, step {step}: {did}");
            chance.now = chance.now.plus(Duration::from_millis(1));
            let mut to_go = 0;
            for issue in &chance.issues {
                let tally = chance.pair.store.tally(issue).await.unwrap();
                to_go += tally.remaining();
                seen.add(&tally);
            }
            let figure = chance.pair.store.remaining_deliveries().await.unwrap();
            assert_eq!(figure, to_go);
        }
        chance.pair.store.compact_counts().await.unwrap();
        let parts: i64 = sqlx::query_scalar(PARTS)
            .fetch_one(&chance.pair.store.pool)
            .await
            .unwrap();
        assert_eq!(parts.cast_unsigned(), chance.issues.len() as u64);
    }
    let DeliveryCounts {
        queued,
        deferred,
        delivered,
        bounced,
        skipped,
        in_doubt,
    } = seen;
    let states = [queued, deferred, delivered, bounced, skipped, in_doubt];
    assert!(states.iter().all(|copies| *copies > 0), "{seen:?}");
}
