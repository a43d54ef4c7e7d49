//! How the public pages show the schedule.

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
async fn pages_mention_week_only_for_weekly_schedule() {
    for (cron, enabled, weekly) in [
        ("0 10 * * FRI", true, true),
        ("0 10 * * FRI", false, false),
        ("0 10 * * FRI#1", true, false),
    ] {
        let site = site(cron, enabled).await;
        let subscriber = site.confirmed("ada@example.com").await;
        site.subscribe("eve@example.com", "").await;
        let eve = site.reader("eve@example.com").await.unwrap();
        let keys = &site.web.keys;
        let soon = site.now().plus(std::time::Duration::from_secs(600));
        let confirm = keys.confirmation_token(&eve.id, &eve.nonce, soon);
        let preferences = keys.subscriber_token(Purpose::Preferences, &subscriber.id);
        for (path, text) in [
            ("/".to_owned(), "Every Friday"),
            ("/".to_owned(), "One short email a week"),
            (format!("/confirm/{confirm}"), "once a week"),
            (format!("/preferences/{preferences}"), "once a week"),
            ("/privacy".to_owned(), "one email a week"),
        ] {
            let page = site.get(&path).await.body;
            assert_eq!(page.contains(text), weekly, "{cron} {enabled}: {text}");
            let never = ["Every week", "every week"];
            assert!(!never.iter().any(|text| page.contains(text)), "{path}");
        }
    }
}

#[tokio::test]
async fn first_issue_in_next_six_days_shows_weekday() {
    // The clock is at Friday 20 November, 11:00 in Berlin.
    for (cron, expected) in [
        ("0 10 * * SUN", "Sunday"),
        ("0 10 * * THU", "Thursday"),
        ("0 10 * * FRI", "Friday 27 November"),
        ("0 10 * * FRI#1", "Friday 4 December"),
    ] {
        let page = site(cron, true).await.get("/").await.body;
        let (_, shown) = page.split_once("The first issue goes out <time").unwrap();
        let (_, shown) = shown.split_once('>').unwrap();
        assert!(
            shown.starts_with(&format!("{expected}</time>.")),
            "{cron}: {shown}"
        );
    }
}
