//! Cancelling an issue frees its posts and its slot if nobody received it.

use sqlx::AssertSqlSafe;

use crate::domain::ids::IssueId;
use crate::domain::issue::IssueState;
use crate::domain::issue::post::{FeedId, Post, PostId};
use crate::domain::issue::slot::Slot;
use crate::domain::random::Random;
use crate::store::tests::two_workers::{NOW, TwoWorkers};
use crate::store::{FeedOrigin, FreezeOutcome, NewIssue, NewPost, Store};

/// Freezes an issue of a slot with one post and one recipient.
async fn freeze_with_post(workers: &TwoWorkers, slot: Slot) -> (IssueId, Post) {
    let random = Random::seeded(7);
    let (feed, id) = (FeedId::new(NOW, &random), PostId::new(NOW, &random));
    let store = &workers.store;
    let source = "https://blog.example/feed";
    store
        .add_feed(&feed, source, FeedOrigin::Added, NOW)
        .await
        .unwrap();
    let post = Post {
        id,
        title: "Rye".to_owned(),
        url: "https://blog.example/rye".parse().unwrap(),
        excerpt: String::new(),
        image: None,
        author: None,
        minutes: None,
        published_at: NOW,
        first_seen_at: NOW,
        times_offered: 0,
    };
    let new_post = NewPost {
        post: post.clone(),
        comments: None,
        keys: vec!["rye".to_owned()],
        is_history: false,
    };
    store.upsert_posts(&feed, &[new_post], NOW).await.unwrap();
    let issue = IssueId::new(NOW, &random);
    let new_issue = NewIssue {
        posts: vec![post.clone()],
        ..workers.next_issue(issue, Some(slot)).await
    };
    let outcome = store.freeze(&new_issue, NOW).await.unwrap();
    assert_eq!(outcome, FreezeOutcome::Frozen { recipients: 1 });
    (issue, post)
}

async fn execute(workers: &TwoWorkers, sql: String) {
    let query = sqlx::query(AssertSqlSafe(sql));
    query.execute(&workers.store.pool).await.unwrap();
}

async fn is_free(store: &Store, slot: &Slot, post: &Post) -> (bool, bool) {
    let issue = store.issue_of_slot(slot).await.unwrap();
    let candidate = store.candidate(&post.id).await.unwrap();
    (issue.is_none(), candidate.is_some())
}

#[tokio::test]
async fn cancelled_issue_that_nobody_received_frees_slot_and_posts() {
    let workers = TwoWorkers::new().await;
    let store = &workers.store;
    let slot = Slot::parse("2026-W48").unwrap();
    let (issue, post) = freeze_with_post(&workers, slot).await;
    assert_eq!(is_free(store, &slot, &post).await, (false, false));

    assert!(store.cancel_issue(&issue, NOW).await.unwrap());

    assert_eq!(is_free(store, &slot, &post).await, (true, true));
    let row = store.issue_by_id(&issue).await.unwrap().unwrap();
    assert_eq!((row.state, row.counts.skipped), (IssueState::Cancelled, 1));
    let id = IssueId::new(NOW, &Random::seeded(8));
    let again = NewIssue {
        posts: vec![post.clone()],
        ..workers.next_issue(id, Some(slot)).await
    };
    let outcome = store.freeze(&again, NOW).await.unwrap();
    assert_eq!(outcome, FreezeOutcome::Frozen { recipients: 1 });
    let current = store.issue_of_slot(&slot).await.unwrap().unwrap();
    assert_eq!(current.id, id);
}

#[tokio::test]
async fn cancelled_issue_that_somebody_may_have_received_keeps_slot_and_posts() {
    for state in ["delivered", "in_doubt"] {
        let workers = TwoWorkers::new().await;
        let store = &workers.store;
        let slot = Slot::parse("2026-W49").unwrap();
        let (issue, post) = freeze_with_post(&workers, slot).await;
        execute(
            &workers,
            format!(
                "UPDATE deliveries SET state = '{state}', due_at = NULL WHERE issue_id = '{issue}'"
            ),
        )
        .await;

        assert!(store.cancel_issue(&issue, NOW).await.unwrap());
        store.release_unreceived().await.unwrap();

        assert_eq!(
            is_free(store, &slot, &post).await,
            (false, false),
            "{state}"
        );
    }
}

#[tokio::test]
async fn delivery_in_flight_keeps_slot_until_it_fails() {
    let workers = TwoWorkers::new().await;
    let store = &workers.store;
    let slot = Slot::parse("2026-W50").unwrap();
    let (issue, post) = freeze_with_post(&workers, slot).await;
    let set_state = |set: &str| format!("UPDATE deliveries SET {set} WHERE issue_id = '{issue}'");
    execute(&workers, set_state("state = 'sending'")).await;

    assert!(store.cancel_issue(&issue, NOW).await.unwrap());
    store.release_unreceived().await.unwrap();
    assert_eq!(is_free(store, &slot, &post).await, (false, false));

    let skipped = set_state("state = 'skipped', due_at = NULL");
    execute(&workers, skipped).await;
    store.release_unreceived().await.unwrap();
    assert_eq!(is_free(store, &slot, &post).await, (true, true));
}
