//! The ledger's counts are those of the table, whatever happens to readers.

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
use broadsheet::store::{
    DatabaseUrl, DeliveryUpdate, GroupCommit, PageDirection, Store, Subscriber, SubscriberFilter,
};
use broadsheet::subscription::{
    BulkAction, Consent, ImportOptions, SignupBatcher, SubscriptionService,
};
use proptest::prelude::*;

use crate::support::database::Database;

const FRIDAY: Timestamp = Timestamp::from_millis(1_795_168_800_000);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Something that happens to the n-th of a few people.
#[derive(Clone, Copy, Debug)]
enum Event {
    SignUp(u8),
    Confirm(u8),
    Leave(u8),
    ComeBack(u8),
    Import { from: u8, pending: bool },
    Suppress(u8),
    Lift(u8),
    EraseFrom(u8),
    LeaveFrom(u8),
    Purge,
    Fold,
    NextDay,
}

fn event() -> impl Strategy<Value = Event> {
    use Event::*;
    let who = 0..8_u8;
    prop_oneof![
        3 => who.clone().prop_map(SignUp),
        3 => who.clone().prop_map(Confirm),
        2 => who.clone().prop_map(Leave),
        1 => who.clone().prop_map(ComeBack),
        2 => (who.clone(), any::<bool>()).prop_map(|(from, pending)| Import { from, pending }),
        2 => who.clone().prop_map(Suppress),
        1 => who.clone().prop_map(Lift),
        1 => who.clone().prop_map(EraseFrom),
        1 => who.prop_map(LeaveFrom),
        1 => Just(Purge),
        1 => Just(Fold),
        1 => Just(NextDay),
    ]
}

/// A list of readers with a clock that is moved by hand.
struct List {
    readers: SubscriptionService,
    clock: Arc<ManualClock>,
}

fn address(who: u8) -> EmailAddress {
    EmailAddress::parse(&format!("reader{who}@example.com")).expect("an address")
}

impl List {
    async fn open(database: &Database) -> Self {
        let place = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().to_owned()),
        };
        let random = Arc::new(Random::seeded(1));
        let clock = Arc::new(ManualClock::at(FRIDAY));
        let store = Store::connect(&place).await.expect("a database");
        let readers = SubscriptionService {
            signup_batcher: SignupBatcher::new(store.clone()),
            store,
            keys: Arc::new(SecretKeys::generate(&random)),
            clock: clock.clone(),
            random,
        };
        Self { readers, clock }
    }

    async fn reader(&self, who: u8) -> Option<Subscriber> {
        let address = address(who);
        let found = self.readers.store.subscriber_by_address(&address);
        found.await.expect("an answer")
    }

    async fn happen(&self, event: Event) {
        let (readers, store, now) = (&self.readers, &self.readers.store, self.clock.now());
        self.clock.advance(Duration::from_secs(60));
        match event {
            Event::SignUp(who) => {
                let consent = Consent {
                    ip: None,
                    form_version: None,
                    source: "form".to_owned(),
                };
                readers.sign_up(&address(who), None, &consent).await
            }
            Event::Import { from, pending } => self.import(from, pending).await,
            Event::EraseFrom(who) => self.to_all_from(who, BulkAction::Erase).await,
            Event::LeaveFrom(who) => self.to_all_from(who, BulkAction::Unsubscribe).await,
            Event::Purge => store.purge_pending(now, now).await.map(drop),
            Event::Fold => store.compact_state_log().await,
            Event::NextDay => {
                self.clock.advance(DAY);
                Ok(())
            }
            Event::Confirm(who)
            | Event::Leave(who)
            | Event::ComeBack(who)
            | Event::Suppress(who)
            | Event::Lift(who) => match self.reader(who).await {
                Some(reader) => self.happen_to(&reader, event).await,
                None => Ok(()),
            },
        }
        .expect("a change");
    }

    async fn happen_to(
        &self,
        reader: &Subscriber,
        event: Event,
    ) -> Result<(), broadsheet::store::StoreError> {
        let (store, now) = (&self.readers.store, self.clock.now());
        match event {
            Event::Confirm(_) => store.confirm(reader, None, &[], now).await.map(drop),
            Event::ComeBack(_) => store.resubscribe(&reader.id, now).await.map(drop),
            Event::Lift(_) => self.readers.lift_suppression(&reader.id).await.map(drop),
            Event::Suppress(_) => {
                let worker = WorkerId::new(now, &self.readers.random);
                let bounced = DeliveryUpdate {
                    id: DeliveryId::from_stored("none".to_owned()),
                    state: DeliveryState::Bounced,
                    due_at: None,
                    reply: "550 no".to_owned(),
                    charged: true,
                    lost_reply: false,
                    suppress: Some(reader.id),
                    refusal: None,
                };
                // Two outcomes in one commit must not count one reader twice.
                let both = GroupCommit {
                    outcomes: vec![bounced.clone(), bounced],
                    ..GroupCommit::default()
                };
                store.record(&worker, &both, now).await.map(drop)
            }
            _ => {
                let row = store.subscribers_by_id(&[reader.id]).await?;
                self.readers
                    .apply(BulkAction::Unsubscribe, &row)
                    .await
                    .map(drop)
            }
        }
    }

    /// Three at once, some of them twice.
    async fn import(&self, from: u8, pending: bool) -> Result<(), broadsheet::store::StoreError> {
        let how = ImportOptions {
            source: "elsewhere".to_owned(),
            pending,
        };
        let rows: String = [from, from + 1, from + 1, from + 2]
            .map(|who| format!("{}\n", address(who)))
            .concat();
        let trial = self.readers.check_csv(rows.as_bytes(), &how, |_| ()).await;
        let done = self.readers.import_csv(rows.as_bytes(), &how, |_| ()).await;
        assert_eq!(trial.expect("a look"), done.expect("an import"));
        Ok(())
    }

    async fn to_all_from(
        &self,
        who: u8,
        deed: BulkAction,
    ) -> Result<(), broadsheet::store::StoreError> {
        let mut ids = Vec::new();
        for who in who..who + 4 {
            ids.extend(self.reader(who).await.map(|reader| reader.id));
        }
        let rows = self.readers.store.subscribers_by_id(&ids).await?;
        self.readers.apply(deed, &rows).await.map(drop)
    }

    async fn ledger_is_right(&self) -> Result<(), TestCaseError> {
        let store = &self.readers.store;
        let everyone = SubscriberFilter::default();
        let all = store.subscribers(&everyone, PageDirection::First, 100);
        let mut table: BTreeMap<&str, i64> = BTreeMap::new();
        for reader in all.await.expect("the list") {
            *table.entry(reader.state.as_str()).or_default() += 1;
        }
        let counts = store.subscriber_counts().await.expect("the counts");
        let ledger: BTreeMap<&str, i64> = counts
            .into_iter()
            .map(|(state, count)| (state.as_str(), count))
            .collect();
        prop_assert_eq!(&ledger, &table);
        let confirmed = table.get(SubscriberState::Confirmed.as_str());
        let days = store.daily_changes(growth::day_of(FRIDAY) - 1).await;
        let net: i64 = days
            .expect("the days")
            .iter()
            .map(|day| day.came - day.went)
            .sum();
        prop_assert_eq!(net, confirmed.copied().unwrap_or(0));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn counts_agree_after_any_life_of_a_list(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let database = Database::fresh().await;
            let list = List::open(&database).await;
            for (number, event) in events.into_iter().enumerate() {
                list.happen(event).await;
                if number % 10 == 0 {
                    list.ledger_is_right().await?;
                }
            }
            list.ledger_is_right().await?;
            list.readers.store.close().await;
            Ok::<_, TestCaseError>(())
        })?;
    }
}
