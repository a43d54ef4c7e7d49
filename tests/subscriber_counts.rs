//! The counts of the state log equal those of the subscriber table, for random operations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broadsheet::domain::clock::{Clock, ManualClock, Timestamp};
use broadsheet::domain::delivery::{DeliveryId, DeliveryState};
use broadsheet::domain::email_address::EmailAddress;
use broadsheet::domain::ids::WorkerId;
use broadsheet::domain::random::Random;
use broadsheet::domain::signed_token::SecretKeys;
use broadsheet::domain::subscriber::{SubscriberState, growth};
use broadsheet::mail::outbox::Outbox;
use broadsheet::store::{
    DatabaseUrl, DeliveryUpdate, GroupCommit, PageDirection, Store, StoreError, Subscriber,
    SubscriberFilter,
};
use broadsheet::subscription::{
    BulkAction, Consent, ImportOptions, SignupBatcher, SubscriptionService,
};
use proptest::prelude::*;

use crate::support::database::Database;

const FRIDAY: Timestamp = Timestamp::from_millis(1_795_168_800_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An operation on the subscriber with the given number, or on several from that number on.
#[derive(Clone, Copy, Debug)]
enum Operation {
    SignUp(u8),
    Confirm(u8),
    Unsubscribe(u8),
    Resubscribe(u8),
    Import { first: u8, pending: bool },
    Suppress(u8),
    LiftSuppression(u8),
    EraseFrom(u8),
    UnsubscribeFrom(u8),
    PurgePending,
    CompactLog,
    NextDay,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let number = 0..8_u8;
    prop_oneof![
        3 => number.clone().prop_map(SignUp),
        3 => number.clone().prop_map(Confirm),
        2 => number.clone().prop_map(Unsubscribe),
        1 => number.clone().prop_map(Resubscribe),
        2 => (number.clone(), any::<bool>()).prop_map(|(first, pending)| Import { first, pending }),
        2 => number.clone().prop_map(Suppress),
        1 => number.clone().prop_map(LiftSuppression),
        1 => number.clone().prop_map(EraseFrom),
        1 => number.prop_map(UnsubscribeFrom),
        1 => Just(PurgePending),
        1 => Just(CompactLog),
        1 => Just(NextDay),
    ]
}

/// A subscription service on a test database, with a manual clock.
struct TestList {
    service: SubscriptionService,
    clock: Arc<ManualClock>,
}

fn address(number: u8) -> EmailAddress {
    EmailAddress::parse(&format!("reader{number}@example.com")).expect("an address")
}

impl TestList {
    async fn open(database: &Database) -> Self {
        let url = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().into()),
        };
        let random = Arc::new(Random::seeded(1));
        let clock = Arc::new(ManualClock::at(FRIDAY));
        let store = Store::connect(&url).await.expect("a database");
        let service = SubscriptionService {
            outbox: Outbox::new(std::env::temp_dir().join("broadsheet-no-outbox")),
            signup_batcher: SignupBatcher::new(store.clone()),
            store,
            keys: Arc::new(SecretKeys::generate(&random)),
            clock: clock.clone(),
            random,
        };
        Self { service, clock }
    }

    async fn subscriber(&self, number: u8) -> Option<Subscriber> {
        let address = address(number);
        let found = self.service.store.subscriber_by_address(&address);
        found.await.expect("a subscriber or none")
    }

    async fn apply(&self, operation: Operation) {
        let (service, store, now) = (&self.service, &self.service.store, self.clock.now());
        self.clock.advance(Duration::from_secs(60));
        match operation {
            Operation::SignUp(number) => {
                let consent = Consent {
                    ip: None,
                    form_version: None,
                    source: "form".to_owned(),
                };
                service.sign_up(&address(number), None, &consent).await
            }
            Operation::Import { first, pending } => self.import(first, pending).await,
            Operation::EraseFrom(first) => self.apply_to_four(first, BulkAction::Erase).await,
            Operation::UnsubscribeFrom(first) => {
                self.apply_to_four(first, BulkAction::Unsubscribe).await
            }
            Operation::PurgePending => store.purge_pending(now, now).await.map(drop),
            Operation::CompactLog => store.compact_state_log().await,
            Operation::NextDay => {
                self.clock.advance(DAY);
                Ok(())
            }
            Operation::Confirm(number)
            | Operation::Unsubscribe(number)
            | Operation::Resubscribe(number)
            | Operation::Suppress(number)
            | Operation::LiftSuppression(number) => match self.subscriber(number).await {
                Some(subscriber) => self.apply_to(&subscriber, operation).await,
                None => Ok(()),
            },
        }
        .expect("an operation that succeeds");
    }

    async fn apply_to(
        &self,
        subscriber: &Subscriber,
        operation: Operation,
    ) -> Result<(), StoreError> {
        let (service, store, now) = (&self.service, &self.service.store, self.clock.now());
        match operation {
            Operation::Confirm(_) => store.confirm(subscriber, None, &[], now).await.map(drop),
            Operation::Resubscribe(_) => store.resubscribe(&subscriber.id, now).await.map(drop),
            Operation::LiftSuppression(_) => {
                service.lift_suppression(&subscriber.id).await.map(drop)
            }
            Operation::Suppress(_) => {
                let worker = WorkerId::new(now, &service.random);
                let bounced = DeliveryUpdate {
                    id: DeliveryId::from_stored("none".to_owned()),
                    state: DeliveryState::Bounced,
                    due_at: None,
                    reply: "550 no".to_owned(),
                    charged: true,
                    lost_reply: false,
                    suppress: Some(subscriber.id),
                    soft_bounce: None,
                };
                // Two results of one subscriber in one commit must be counted once.
                let commit = GroupCommit {
                    updates: vec![bounced.clone(), bounced],
                    ..GroupCommit::default()
                };
                store.record(&worker, &commit, now).await.map(drop)
            }
            _ => {
                let rows = store.subscribers_by_id(&[subscriber.id]).await?;
                let unsubscribed = service.apply(BulkAction::Unsubscribe, &rows).await;
                unsubscribed.map(drop)
            }
        }
    }

    /// Imports three addresses, one of them twice.
    async fn import(&self, first: u8, pending: bool) -> Result<(), StoreError> {
        let options = ImportOptions {
            source: "elsewhere".to_owned(),
            state: pending.then_some(SubscriberState::Pending),
            prefers_file_source: false,
        };
        let csv: String = [first, first + 1, first + 1, first + 2]
            .map(|number| format!("{}\n", address(number)))
            .concat();
        let service = &self.service;
        let dry_run = service.dry_run_csv(csv.as_bytes(), &options, |_| ()).await;
        let import = service.import_csv(csv.as_bytes(), &options, |_| ()).await;
        assert_eq!(dry_run.expect("a dry run"), import.expect("an import"));
        Ok(())
    }

    /// Applies `action` to four consecutive numbers, as far as they are subscribers.
    async fn apply_to_four(&self, first: u8, action: BulkAction) -> Result<(), StoreError> {
        let mut ids = Vec::new();
        for number in first..first + 4 {
            ids.extend(self.subscriber(number).await.map(|found| found.id));
        }
        let rows = self.service.store.subscribers_by_id(&ids).await?;
        self.service.apply(action, &rows).await.map(drop)
    }

    /// Compares the counts of the state log with a count of the table.
    async fn check_counts(&self) -> Result<(), TestCaseError> {
        let store = &self.service.store;
        let filter = SubscriberFilter::default();
        let rows = store.subscribers(&filter, PageDirection::First, 100);
        let mut table: BTreeMap<&str, i64> = BTreeMap::new();
        for row in rows.await.expect("the subscribers") {
            *table.entry(row.state.as_str()).or_default() += 1;
        }
        let counts = store.subscriber_counts().await.expect("the counts");
        let log: BTreeMap<&str, i64> = counts
            .into_iter()
            .map(|(state, count)| (state.as_str(), count))
            .collect();
        prop_assert_eq!(&log, &table);

        let confirmed = table.get(SubscriberState::Confirmed.as_str());
        let days = store.daily_changes(growth::day_of(FRIDAY) - 1).await;
        let net: i64 = days
            .expect("the days")
            .iter()
            .map(|day| day.joined - day.left)
            .sum();
        prop_assert_eq!(net, confirmed.copied().unwrap_or(0));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn state_log_counts_match_table_after_random_operations(
        operations in prop::collection::vec(operation(), 1..80),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let database = Database::fresh().await;
            let list = TestList::open(&database).await;
            for (index, operation) in operations.into_iter().enumerate() {
                list.apply(operation).await;
                if index % 10 == 0 {
                    list.check_counts().await?;
                }
            }
            list.check_counts().await?;
            list.service.store.close().await;
            Ok::<_, TestCaseError>(())
        })?;
    }
}
