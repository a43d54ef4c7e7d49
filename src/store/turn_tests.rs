//! Who may write when.

use std::time::Duration;

use super::connect::Backend;
use super::pair::{NOW, Pair};

/// Longer than any write takes that need not wait.
const A_WHILE: Duration = Duration::from_millis(300);

async fn waits<T>(write: impl Future<Output = T>) -> bool {
    tokio::time::timeout(A_WHILE, write).await.is_err()
}

/// SQLite lets whoever asks again at the right moment go before, which is the engine.
#[tokio::test]
async fn what_the_desk_does_to_an_issue_takes_its_turn_on_sqlite() {
    let pair = Pair::new().await;
    if pair.one.backend != Backend::Sqlite {
        return; // there nobody waits for a turn
    }
    let store = pair.one.clone();
    let in_use = store.pen().await.unwrap();
    assert!(waits(store.pause_issue_by(&pair.issue, "ada@example.org")).await);
    assert!(waits(store.try_now(&pair.issue, NOW)).await);
    assert!(waits(store.give_back(&pair.worker, &pair.copy)).await);
    in_use.lay_down();
    assert_eq!(store.try_now(&pair.issue, NOW).await.unwrap(), 0);
}
