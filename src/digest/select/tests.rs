use super::*;
use crate::domain::issue::post::PostId;
use crate::domain::issue::text::{Excerpt, Title};
use crate::domain::random::Random;
use crate::store::AuthorClicks;

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_500_000_000)
}

fn candidate(title: &str, age: Duration, offered: u32) -> Candidate {
    let at = now().minus(age);
    let seed = title.bytes().map(u64::from).sum();
    let post = Post {
        id: PostId::new(at, &Random::seeded(seed)),
        title: title.into(),
        url: "https://example.com/".parse().unwrap(),
        excerpt: "From the feed.".into(),
        image: None,
        author: None,
        minutes: None,
        published_at: at,
        first_seen_at: at,
        times_offered: offered,
    };
    Candidate {
        post,
        is_history: false,
        comments: None,
    }
}

fn rules(max_posts: usize) -> Rules {
    Rules {
        max_posts,
        min_posts: 1,
        max_age: 14 * DAY,
        order: PostOrder::Hottest,
        count_clicks: false,
    }
}

/// Creates a post for each title, each a day older than the one before.
fn posts(titles: &[&str]) -> Vec<Candidate> {
    (1..)
        .zip(titles)
        .map(|(age, title)| candidate(title, age * DAY, 0))
        .collect()
}

fn id(candidates: &[Candidate], title: &str) -> PostId {
    let has_title = |candidate: &&Candidate| candidate.post.title == title;
    candidates.iter().find(has_title).unwrap().post.id
}

fn select(
    candidates: Vec<Candidate>,
    edits: &DraftEdits,
    rules: &Rules,
    now: Timestamp,
) -> Selection {
    crate::digest::select::select(candidates, edits, &AuthorAffinity::default(), rules, now)
}

fn titles(selection: &Selection) -> String {
    let titles = selection.chosen.iter().map(|(post, _)| post.title.as_str());
    titles.collect::<Vec<_>>().join(" ")
}

fn excluded(selection: &Selection) -> Vec<(&str, Exclusion)> {
    let excluded = selection.excluded.iter();
    excluded
        .map(|(post, exclusion)| (post.title.as_str(), *exclusion))
        .collect()
}

#[test]
fn newest_order_excludes_rest_with_reason() {
    let mut candidates = vec![
        candidate("a", DAY, 0),
        candidate("b", 2 * DAY, 1),
        candidate("c", 3 * DAY, 0),
        candidate("d", 4 * DAY, 3),
        candidate("e", 15 * DAY, 0),
    ];
    candidates[2].comments = Some(1000);
    let newest = Rules {
        order: PostOrder::Newest,
        ..rules(2)
    };
    let selection = select(candidates, &DraftEdits::default(), &newest, now());
    let chosen: Vec<_> = selection
        .chosen
        .iter()
        .map(|(post, reason)| (post.title.as_str(), reason.to_string()))
        .collect();
    assert_eq!(
        chosen,
        [
            ("a", "1 day old".to_owned()),
            (
                "b",
                "2 days old; did not fit into the last issue".to_owned()
            )
        ]
    );
    assert_eq!(
        excluded(&selection),
        [
            ("c", Exclusion::NoRoom),
            ("d", Exclusion::OfferLimit),
            ("e", Exclusion::TooOld)
        ]
    );
}

#[test]
fn hottest_order_puts_commented_post_first() {
    let mut candidates = posts(&["a", "b", "c"]);
    candidates[1].comments = Some(31);
    let selection = select(candidates, &DraftEdits::default(), &rules(2), now());
    assert_eq!(titles(&selection), "b a");
    assert_eq!(
        selection.chosen[0].1.to_string(),
        "hot: 31 comments, 2 days old"
    );
    assert_eq!(excluded(&selection), [("c", Exclusion::NoRoom)]);
}

#[test]
fn post_of_popular_author_precedes_newer_one() {
    let mut candidates = posts(&["a", "b"]);
    candidates[1].post.author = Some("Ada".into());
    let clicks = |author: Option<&str>, clicks| AuthorClicks {
        author: author.map(str::to_owned),
        posts: 1,
        clicks,
    };
    let affinity = AuthorAffinity::new(&[clicks(None, 10), clicks(Some("Ada"), 90)]);
    let selection = crate::digest::select::select(
        candidates,
        &DraftEdits::default(),
        &affinity,
        &rules(2),
        now(),
    );
    assert_eq!(titles(&selection), "b a");
    assert_eq!(
        selection.chosen[0].1.to_string(),
        "hot: 2 days old, author is often read"
    );
}

#[test]
fn history_post_is_excluded() {
    let mut old = candidate("a", DAY, 0);
    old.is_history = true;
    let selection = select(vec![old], &DraftEdits::default(), &rules(10), now());
    assert!(selection.chosen.is_empty());
    assert_eq!(selection.excluded[0].1, Exclusion::History);
}

#[test]
fn truncated_post_counts_as_offered() {
    let candidates = posts(&["a", "b"]);
    let mut selection = select(candidates, &DraftEdits::default(), &rules(10), now());
    selection.truncate(1);
    assert_eq!(selection.chosen.len(), 1);
    assert!(selection.excluded[0].1.was_offered());
}

#[test]
fn hidden_post_makes_room_for_next() {
    let candidates = posts(&["a", "b", "c"]);
    let mut edits = DraftEdits::default();
    edits.hide(id(&candidates, "a"));
    let selection = select(candidates, &edits, &rules(2), now());
    assert_eq!(titles(&selection), "b c");
    assert_eq!(excluded(&selection), [("a", Exclusion::Hidden)]);
    assert!(!Exclusion::Hidden.was_offered());
}

#[test]
fn positioned_posts_precede_new_ones() {
    let candidates = posts(&["a", "b", "c", "d"]);
    let order: Vec<PostId> = candidates
        .iter()
        .map(|candidate| candidate.post.id)
        .collect();
    let mut edits = DraftEdits::default();
    edits.swap(&order, 1);
    let selection = select(candidates.clone(), &edits, &rules(10), now());
    assert_eq!(titles(&selection), "a c b d");
    assert_eq!(selection.chosen[1].1.to_string(), "moved here by you");
    let mut later = candidates;
    later.insert(0, candidate("new", Duration::ZERO, 0));
    let selection = select(later, &edits, &rules(4), now());
    assert_eq!(titles(&selection), "a c b new");
    assert_eq!(excluded(&selection), [("d", Exclusion::NoRoom)]);
}

#[test]
fn positioned_post_is_included_despite_age() {
    let candidates = posts(&["a", "b"]);
    let order: Vec<PostId> = candidates
        .iter()
        .map(|candidate| candidate.post.id)
        .collect();
    let mut edits = DraftEdits::default();
    edits.swap(&order, 0);
    let later = now().plus(13 * DAY);
    let selection = select(candidates, &edits, &rules(10), later);
    assert_eq!(titles(&selection), "b a");
}

#[test]
fn pinned_post_is_first_and_added_post_is_included() {
    let mut candidates = posts(&["a", "b", "c"]);
    candidates.push(candidate("old", 100 * DAY, 3));
    let (c, old) = (id(&candidates, "c"), id(&candidates, "old"));
    let mut edits = DraftEdits::default();
    edits.update(c, |edit| edit.is_pinned = true);
    edits.update(old, |edit| edit.is_added = true);
    let selection = select(candidates.clone(), &edits, &rules(3), now());
    assert_eq!(titles(&selection), "c a old");
    let reason = |index: usize| selection.chosen[index].1.to_string();
    assert_eq!(reason(0), "pinned");
    assert_eq!(reason(2), "100 days old; added by you");
    let selection = select(candidates, &edits, &rules(1), now());
    assert_eq!(
        titles(&selection),
        "c old",
        "picked posts may exceed max_posts"
    );
}

#[test]
fn edited_text_replaces_changed_feed_text() {
    let mut candidates = posts(&["a"]);
    let mut edits = DraftEdits::default();
    edits.update(id(&candidates, "a"), |edit| {
        edit.title = Title::parse("Mine").ok();
        edit.excerpt = Excerpt::parse("").ok();
    });
    candidates[0].post.title = "a, corrected".into();
    let selection = select(candidates, &edits, &rules(10), now());
    let post = &selection.chosen[0].0;
    assert_eq!((post.title.as_str(), post.excerpt.as_str()), ("Mine", ""));
}
