//! Sign-ups that arrive while others are being written wait, and are then written together.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::delivery::DeliveryKind;
use crate::store::subscribers::signup::{RateWindows, SelectEmail, SignUp};
use crate::store::{Store, StoreError};

/// The most that are written together.
const MOST: usize = 100;

#[derive(Clone, Debug, Default)]
pub(super) struct SignupBatcher(Arc<PendingSignups>);

#[derive(Debug, Default)]
struct PendingSignups {
    waiting: Mutex<Vec<PendingSignup>>,
    turn: tokio::sync::Mutex<()>,
}

type SignupOutcome = Result<Option<DeliveryKind>, StoreError>;

#[derive(Debug)]
struct PendingSignup {
    request: SignUp,
    answer: oneshot::Sender<SignupOutcome>,
}

impl PendingSignups {
    fn wait(&self, request: SignUp) -> oneshot::Receiver<SignupOutcome> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(PendingSignup { request, answer });
        answered
    }

    /// The first of each mailbox, in the order in which they came. What the next one of it
    /// is answered depends on these.
    fn next(&self) -> Vec<PendingSignup> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<PendingSignup> = Vec::new();
        let mut left = Vec::new();
        for one in waiting.drain(..) {
            let mailbox = &one.request.letter.mailbox_mac;
            let is_there = |it: &PendingSignup| it.request.letter.mailbox_mac == *mailbox;
            if taken.len() == MOST || taken.iter().any(is_there) {
                left.push(one);
            } else {
                taken.push(one);
            }
        }
        *waiting = left;
        taken
    }
}

impl Store {
    /// Takes a sign-up in and queues the mail that `choose` decides on, all or nothing.
    pub async fn sign_up(
        &self,
        request: SignUp,
        spans: RateWindows,
        choose: SelectEmail,
    ) -> SignupOutcome {
        let answered = self.intake.0.wait(request);
        // Goes on when whoever asked goes away: it may be writing for others too. There is
        // one task for each who waits, and each takes at least the first in the line.
        let store = self.clone();
        tokio::spawn(async move {
            let _turn = store.intake.0.turn.lock().await;
            store.flush(store.intake.0.next(), spans, choose).await;
        });
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::ack_lost()))
    }

    async fn flush(&self, line: Vec<PendingSignup>, spans: RateWindows, choose: SelectEmail) {
        if line.is_empty() {
            return;
        }
        let (requests, mut answers): (Vec<_>, Vec<_>) = line
            .into_iter()
            .map(|one| (one.request, one.answer))
            .unzip();
        match self.sign_up_all(&requests, spans, choose).await {
            Ok(kinds) => {
                for (answer, kind) in answers.into_iter().zip(kinds) {
                    let _ = answer.send(Ok(kind));
                }
            }
            // Each would wait as long for nothing.
            Err(error) if error.is_unavailable() => {}
            Err(error) if answers.len() == 1 => {
                let _ = answers.remove(0).send(Err(error));
            }
            // What is wrong with one must not keep the others out.
            Err(_) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    let alone = self.sign_up_all(&[request], spans, choose).await;
                    let _ = answer.send(alone.map(|kinds| kinds.into_iter().flatten().next()));
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
    const SPANS: RateWindows = (Timestamp::EPOCH, Timestamp::EPOCH, NOW);

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

    fn once(_: Option<SubscriberState>, recent: RecentMails) -> Option<DeliveryKind> {
        (recent.in_day == 0).then_some(DeliveryKind::Confirmation)
    }

    async fn store(database: &Database) -> Store {
        let place = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().into()),
        };
        Store::connect(&place).await.unwrap()
    }

    #[test]
    fn one_of_each_mailbox_goes_first() {
        let random = Random::seeded(1);
        let line = PendingSignups::default();
        for name in ["ada", "bob", "ada", "cem", "ada"] {
            line.wait(request(&random, name));
        }
        let names = || {
            let next = line.next();
            let names = next.into_iter().map(|it| it.request.letter.mailbox_mac);
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(), ["ada", "bob", "cem"]);
        assert_eq!(names(), ["ada"]);
        assert_eq!(names(), ["ada"]);
        assert_eq!(names(), [""; 0]);
        for n in 0..=MOST {
            line.wait(request(&random, &n.to_string()));
        }
        assert_eq!((names().len(), names().len()), (MOST, 1));
    }

    #[tokio::test]
    async fn whoever_signs_up_at_one_moment_is_taken_in_and_written_to_once() {
        let database = Database::fresh().await;
        let store = store(&database).await;
        let random = Random::seeded(1);
        // Ten of them press the button twice, and one goes away at once.
        let names: Vec<String> = (0..60).map(|n| format!("reader{}", n % 50)).collect();
        let mut asked = Vec::new();
        for name in &names {
            let (store, request) = (store.clone(), request(&random, name));
            asked.push(tokio::spawn(async move {
                store.sign_up(request, SPANS, once).await
            }));
        }
        tokio::task::yield_now().await;
        asked.pop().unwrap().abort();
        let mut mails = 0;
        for answer in asked {
            mails += usize::from(answer.await.unwrap().unwrap().is_some());
        }
        assert_eq!(mails, 50);
        let counts = store.subscriber_counts().await.unwrap();
        assert_eq!(counts, [(SubscriberState::Pending, 50)]);
        let queued = store.deliveries(&Default::default(), None, 100).await;
        assert_eq!(queued.unwrap().len(), 50);
        store.close().await;
    }

    #[tokio::test]
    async fn a_damaged_row_keeps_nobody_else_out() {
        let database = Database::fresh().await;
        let store = store(&database).await;
        let random = Random::seeded(1);
        let first = store.sign_up(request(&random, "ada"), SPANS, once).await;
        first.unwrap();
        sqlx::query("UPDATE subscribers SET address = 'no address'")
            .execute(&store.pool)
            .await
            .unwrap();
        let line = &store.intake.0;
        let [ada, bob] = ["ada", "bob"].map(|name| line.wait(request(&random, name)));
        store.flush(line.next(), SPANS, once).await;
        assert!(ada.await.unwrap().unwrap_err().is_corrupt());
        assert_eq!(
            bob.await.unwrap().unwrap(),
            Some(DeliveryKind::Confirmation)
        );
        store.close().await;
    }
}
