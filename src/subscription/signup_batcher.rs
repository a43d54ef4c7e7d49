//! Commits concurrent sign-ups together.
//!
//! A commit costs about the same for one row as for many. Sign-ups that arrive while a
//! transaction is being committed wait, and the next transaction writes all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::delivery::DeliveryKind;
use crate::store::{RateWindows, SelectEmail, SignUp, Store, StoreError};

/// Maximum number of sign-ups in one transaction.
///
/// Bounds how long one transaction holds the write lock. Larger batches save little,
/// because the cost of a commit is already shared by many sign-ups.
const MAX_BATCH: usize = 100;

/// Commits concurrent sign-ups in shared transactions.
///
/// Clones share one queue. Create one batcher per process: sign-ups of another batcher are
/// not joined with those of this one.
#[derive(Clone, Debug)]
pub struct SignupBatcher {
    store: Store,
    queue: Arc<PendingSignups>,
}

#[derive(Debug, Default)]
struct PendingSignups {
    pending: Mutex<Vec<PendingSignup>>,
    /// Held while a batch is written: one batch at a time.
    flush_lock: tokio::sync::Mutex<()>,
}

/// The email that was enqueued for a sign-up, if any.
type SignupResult = Result<Option<DeliveryKind>, StoreError>;

#[derive(Debug)]
struct PendingSignup {
    request: SignUp,
    reply: oneshot::Sender<SignupResult>,
}

impl PendingSignups {
    fn push(&self, request: SignUp) -> oneshot::Receiver<SignupResult> {
        let (reply, result) = oneshot::channel();
        self.lock_pending().push(PendingSignup { request, reply });
        result
    }

    /// Removes and returns up to [`MAX_BATCH`] sign-ups in order of arrival, at most one per
    /// mailbox: the reply to a second sign-up depends on the result of the first.
    fn next_batch(&self) -> Vec<PendingSignup> {
        let mut pending = self.lock_pending();
        let mut batch: Vec<PendingSignup> = Vec::new();
        let mut rest = Vec::new();
        for signup in pending.drain(..) {
            let mailbox = signup.mailbox();
            let has_mailbox = batch.iter().any(|other| other.mailbox() == mailbox);
            if batch.len() == MAX_BATCH || has_mailbox {
                rest.push(signup);
            } else {
                batch.push(signup);
            }
        }
        *pending = rest;
        batch
    }

    /// Locks the queue. Each change of it is a single call, so it is usable after a panic.
    fn lock_pending(&self) -> MutexGuard<'_, Vec<PendingSignup>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingSignup {
    fn mailbox(&self) -> &str {
        &self.request.letter.mailbox_mac
    }
}

impl SignupBatcher {
    /// Creates a batcher with an empty queue that writes to `store`.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            queue: Arc::default(),
        }
    }

    /// Stores a sign-up and enqueues the email that `select_email` chooses, atomically.
    ///
    /// Returns the kind of the enqueued email, or `None` if none was chosen. `windows` and
    /// `select_email` may be those of another sign-up of the same batch: they must not
    /// depend on the subscriber.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails or its acknowledgement is
    /// lost, and [`StoreError::Corrupt`] if the stored subscriber cannot be parsed.
    pub(crate) async fn sign_up(
        &self,
        request: SignUp,
        windows: RateWindows,
        select_email: SelectEmail,
    ) -> SignupResult {
        let result = self.queue.push(request);
        // Spawned, so that a disconnecting client does not cancel a batch that contains other
        // sign-ups. One task per pending sign-up; each commits at least the oldest one.
        let batcher = self.clone();
        tokio::spawn(async move {
            let _guard = batcher.queue.flush_lock.lock().await;
            let batch = batcher.queue.next_batch();
            batcher.flush(batch, windows, select_email).await;
        });
        result.await.unwrap_or_else(|_| Err(StoreError::ack_lost()))
    }

    async fn flush(
        &self,
        batch: Vec<PendingSignup>,
        windows: RateWindows,
        select_email: SelectEmail,
    ) {
        if batch.is_empty() {
            return;
        }
        let (requests, mut replies): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|signup| (signup.request, signup.reply))
            .unzip();
        let store = &self.store;
        match store.sign_up_all(&requests, windows, select_email).await {
            Ok(kinds) => {
                for (reply, kind) in replies.into_iter().zip(kinds) {
                    let _ = reply.send(Ok(kind));
                }
            }
            // Writing each sign-up alone would only wait for the database again. Dropping the
            // channels reports a lost acknowledgement to every caller.
            Err(error) if error.is_unavailable() => {}
            Err(error) if replies.len() == 1 => {
                let _ = replies.remove(0).send(Err(error));
            }
            // An error in the data of one sign-up must not fail the others.
            Err(_) => {
                for (request, reply) in requests.iter().zip(replies) {
                    let request = std::slice::from_ref(request);
                    let kinds = store.sign_up_all(request, windows, select_email).await;
                    let _ = reply.send(kinds.map(|kinds| kinds.into_iter().flatten().next()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::delivery::DeliveryId;
    use crate::domain::email_address::EmailAddress;
    use crate::domain::random::Random;
    use crate::domain::subscriber::{SubscriberId, SubscriberState};
    use crate::store::{ConfirmationIds, ConsentRecord, DatabaseUrl, RecentMails};

    use crate::test_database::Database;

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);
    const WINDOWS: RateWindows = (Timestamp::EPOCH, Timestamp::EPOCH, NOW);

    fn request(random: &Random, name: &str) -> SignUp {
        SignUp {
            id: SubscriberId::new(NOW, random),
            nonce: String::new(),
            address: EmailAddress::parse(&format!("{name}@example.org")).unwrap(),
            name: None,
            consent: ConsentRecord::default(),
            source: "form".to_owned(),
            letter: ConfirmationIds {
                mailbox_mac: name.to_owned(),
                delivery: DeliveryId::from_stored(random.uuid_v7(NOW).to_string()),
            },
        }
    }

    fn confirmation_once(_: Option<SubscriberState>, recent: RecentMails) -> Option<DeliveryKind> {
        (recent.in_day == 0).then_some(DeliveryKind::Confirmation)
    }

    async fn connect(database: &Database) -> Store {
        let url = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().to_owned()),
        };
        Store::connect(&url).await.unwrap()
    }

    #[test]
    fn next_batch_contains_each_mailbox_once() {
        let random = Random::seeded(1);
        let queue = PendingSignups::default();
        let next_mailboxes = || {
            let batch = queue.next_batch();
            let mailboxes = batch.iter().map(|signup| signup.mailbox().to_owned());
            mailboxes.collect::<Vec<_>>()
        };

        for name in ["ada", "bob", "ada", "cem", "ada"] {
            queue.push(request(&random, name));
        }

        assert_eq!(next_mailboxes(), ["ada", "bob", "cem"]);
        assert_eq!(next_mailboxes(), ["ada"]);
        assert_eq!(next_mailboxes(), ["ada"]);
        assert_eq!(next_mailboxes(), [""; 0]);
    }

    #[test]
    fn next_batch_is_limited() {
        let random = Random::seeded(1);
        let queue = PendingSignups::default();

        for n in 0..=MAX_BATCH {
            queue.push(request(&random, &n.to_string()));
        }

        assert_eq!(queue.next_batch().len(), MAX_BATCH);
        assert_eq!(queue.next_batch().len(), 1);
    }

    #[tokio::test]
    async fn concurrent_sign_ups_store_and_mail_each_subscriber_once() {
        let database = Database::fresh().await;
        let store = connect(&database).await;
        let batcher = SignupBatcher::new(store.clone());
        let random = Random::seeded(1);
        // Ten subscribers press the button twice, and one client disconnects immediately.
        let names: Vec<String> = (0..60).map(|n| format!("reader{}", n % 50)).collect();

        let mut tasks = Vec::new();
        for name in &names {
            let (batcher, request) = (batcher.clone(), request(&random, name));
            tasks.push(tokio::spawn(async move {
                batcher.sign_up(request, WINDOWS, confirmation_once).await
            }));
        }
        tokio::task::yield_now().await;
        tasks.pop().unwrap().abort();
        let mut mails = 0;
        for task in tasks {
            mails += usize::from(task.await.unwrap().unwrap().is_some());
        }

        assert_eq!(mails, 50);
        let counts = store.subscriber_counts().await.unwrap();
        assert_eq!(counts, [(SubscriberState::Pending, 50)]);
        let queued = store.deliveries(&Default::default(), None, 100).await;
        assert_eq!(queued.unwrap().len(), 50);
        store.close().await;
    }

    #[tokio::test]
    async fn corrupt_row_fails_only_its_own_sign_up() {
        let database = Database::fresh().await;
        let store = connect(&database).await;
        let batcher = SignupBatcher::new(store.clone());
        let random = Random::seeded(1);
        let first = request(&random, "ada");
        let first = batcher.sign_up(first, WINDOWS, confirmation_once).await;
        first.unwrap();
        store.corrupt_subscriber_addresses().await;

        let queue = &batcher.queue;
        let [ada, bob] = ["ada", "bob"].map(|name| queue.push(request(&random, name)));
        batcher
            .flush(queue.next_batch(), WINDOWS, confirmation_once)
            .await;

        assert!(ada.await.unwrap().unwrap_err().is_corrupt());
        assert_eq!(
            bob.await.unwrap().unwrap(),
            Some(DeliveryKind::Confirmation)
        );
        store.close().await;
    }
}
