//! What readers are told of how often it comes.

use crate::domain::issue::schedule::Schedule;
use crate::domain::signed_token::Purpose;
use crate::web::tests::fixture::TestSite;

async fn site(cron: &'static str, enabled: bool) -> TestSite {
    TestSite::with(|web| {
        web.schedule = Schedule::parse(cron, "Europe/Berlin").unwrap();
        web.schedule_enabled = enabled;
    })
    .await
}

#[tokio::test]
async fn it_comes_every_week_only_if_it_does() {
    for (cron, enabled, weekly) in [
        ("0 10 * * FRI", true, true),
        ("0 10 * * FRI", false, false),
        ("0 10 * * FRI#1", true, false),
    ] {
        let site = site(cron, enabled).await;
        let reader = site.confirmed("ada@example.com").await;
        site.subscribe("eve@example.com", "").await;
        let eve = site.reader("eve@example.com").await.unwrap();
        let keys = &site.web.keys;
        let soon = site.now().plus(std::time::Duration::from_secs(600));
        let confirm = keys.confirmation_token(&eve.id, &eve.nonce, soon);
        let preferences = keys.subscriber_token(Purpose::Preferences, &reader.id);
        for (path, words) in [
            ("/".to_owned(), "Every Friday"),
            ("/".to_owned(), "The week’s posts"),
            (format!("/confirm/{confirm}"), "once a week"),
            (format!("/preferences/{preferences}"), "once a week"),
            ("/privacy".to_owned(), "one e-mail a week"),
        ] {
            let page = site.get(&path).await.body;
            assert_eq!(page.contains(words), weekly, "{cron} {enabled}: {words}");
            let never = ["Every week", "every week"];
            assert!(!never.iter().any(|words| page.contains(words)), "{path}");
        }
    }
}

#[tokio::test]
async fn a_weekday_alone_is_the_next_one() {
    // It is Friday the 20th, an hour after ten in Berlin.
    for (cron, told) in [
        ("0 10 * * SUN", "Sunday"),
        ("0 10 * * THU", "Thursday"),
        ("0 10 * * FRI", "Friday 27 November"),
        ("0 10 * * FRI#1", "Friday 4 December"),
    ] {
        let page = site(cron, true).await.get("/").await.body;
        let (_, told_there) = page.split_once("The first issue goes out <time").unwrap();
        let (_, told_there) = told_there.split_once('>').unwrap();
        assert!(
            told_there.starts_with(&format!("{told}</time>.")),
            "{cron}: {told_there}"
        );
    }
}
