//! From an empty desk to a working newsletter, without editing a file.

use std::net::SocketAddr;

use reqwest::StatusCode;

use crate::support::blog::Blog;
use crate::support::browser::Browser;
use crate::support::database::Database;
use crate::support::desk::Desk;
use crate::support::newsletter::{Newsletter, post, until_logged, within};
use crate::support::process::{Installation, Running, free_address};
use crate::support::smtp_server::SmtpServer;

/// Nothing is set but what cannot be set at the desk.
pub(super) async fn empty() -> (Newsletter, SocketAddr, String) {
    let address = free_address();
    let database = Database::fresh().await;
    let blog = Blog::start(vec![post("bread", "How the bread rises", 5)]);
    let installation = Installation::new()
        .with("server.listen", address.to_string())
        .with("database.url", database.url())
        .with("feeds.allow_private", blog.host_and_port());
    let newsletter = Newsletter {
        installation,
        blog,
        database,
    };
    (newsletter, address, format!("http://{address}"))
}

pub(super) async fn serve(
    newsletter: &Newsletter,
    address: SocketAddr,
    site: &str,
) -> (Running, Desk) {
    let mut running = newsletter.start(&["serve"]);
    running.ready(address).await;
    let desk = Desk::first(&running, site).await;
    (running, desk)
}

async fn save(desk: &mut Desk, tab: &str, fields: &[(&str, &str)]) {
    let path = format!("/admin/settings/{tab}");
    let saved = desk.fill_in(&path, &path, fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.html);
    assert!(saved.location.ends_with(&format!("{path}?done=saved")));
}

pub(super) async fn name_it(desk: &mut Desk, site: &str, name: &str) {
    let fields = [
        ("newsletter-name", name),
        ("newsletter-from", "The Baker <news@blog.test>"),
        ("newsletter-postal_address", "1 Oven Lane"),
        ("newsletter-language", "en"),
        ("server-public_url", site),
    ];
    save(desk, "newsletter", &fields).await;
}

pub(super) async fn send_by(desk: &mut Desk, server: &SmtpServer) {
    send_through(desk, &server.address().port().to_string(), "").await;
}

pub(super) async fn send_through(desk: &mut Desk, port: &str, user: &str) {
    let fields = [
        ("way", "server"),
        ("host", "127.0.0.1"),
        ("port", port),
        ("user", user),
        ("tls", "none"),
        ("smtp-connections", "10"),
        ("smtp-in_doubt", "resend"),
    ];
    save(desk, "sending", &fields).await;
}

#[tokio::test]
async fn four_steps_lead_from_nothing_to_a_newsletter() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = empty().await;
    let newsletter = newsletter.with("limits.minimum_fill_ms", "0");
    let (running, mut desk) = serve(&newsletter, address, &site).await;
    let to_do = |html: &str| html.matches("To do</span>").count();
    assert_eq!(to_do(&desk.get("/admin").await.html), 4);

    name_it(&mut desk, &site, "The Baker").await;
    let home = Browser::new().get(&format!("{site}/")).await;
    assert!(home.html.contains("The Baker"), "{}", home.html);

    let feed = newsletter.blog.feed_url();
    let fields = [("url", feed.as_str())];
    desk.fill_in("/admin/feeds", "/admin/feeds", &fields).await;
    assert_eq!(to_do(&desk.get("/admin").await.html), 3);

    send_by(&mut desk, &server).await;
    assert_eq!(
        to_do(&desk.get("/admin").await.html),
        3,
        "nobody spoke to it"
    );
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    let to = [("email", "ada@example.com")];
    desk.fill_in(page, path, &to).await;
    let tried = desk.get(page).await;
    assert!(
        tried.shows("127.0.0.1 accepted the email"),
        "{}",
        tried.html
    );
    assert_eq!(server.wait_for(1).await[0].recipients, ["ada@example.com"]);
    assert_eq!(to_do(&desk.get("/admin").await.html), 2);

    desk.fill_in("/admin/next", "/admin/next/test", &to).await;
    server.wait_for(2).await;
    let ticked = async {
        while to_do(&desk.get("/admin").await.html) > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    within(ticked, "the test to be delivered").await;

    let form = Browser::new().get(&format!("{site}/")).await;
    let fields = [
        ("email", "reader@example.org"),
        ("stamp", &form.field("stamp")),
    ];
    Browser::new()
        .post(&format!("{site}/subscribe"), &fields)
        .await;
    assert!(!desk.get("/admin").await.shows("Four steps"));
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn what_is_saved_holds_at_once_here_and_soon_elsewhere() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = empty().await;
    let (running, mut desk) = serve(&newsletter, address, &site).await;
    let worker = newsletter.start(&["worker"]);
    until_logged(&worker, "delivery worker started").await;

    name_it(&mut desk, &site, "Saved at the desk").await;
    let fields = [
        ("schedule-enabled", "true"),
        ("day", "TUE"),
        ("time", "07:30"),
        ("schedule-timezone", "Europe/Berlin"),
        ("schedule-catch_up_hours", "24"),
        ("digest-max_posts", "10"),
        ("digest-min_posts", "1"),
        ("digest-max_age_days", "14"),
    ];
    save(&mut desk, "schedule", &fields).await;
    let schedule = desk.get("/admin/settings/schedule").await;
    assert!(schedule.shows("<option value=\"TUE\" selected>"));
    assert_eq!(
        schedule.html.matches(">Tuesday ").count(),
        3,
        "{}",
        schedule.html
    );
    let home = Browser::new().get(&format!("{site}/")).await.html;
    assert!(
        home.contains("Saved at the desk") && home.contains("Tuesday"),
        "{home}"
    );

    let checked = newsletter.json(&["config", "check"]).await;
    let set = checked[0]["set"].as_array().expect("what is set");
    let cron = set
        .iter()
        .find(|it| it["key"] == "schedule.cron")
        .expect("the schedule");
    assert_eq!(
        (&cron["value"], &cron["origin"]),
        (&"30 7 * * TUE".into(), &"database".into())
    );

    send_by(&mut desk, &server).await;
    // Alone, the worker delivers by what was saved elsewhere while it ran.
    until_logged(&worker, "revision=3").await;
    assert_eq!(running.terminate().await.code(), Some(0));
    newsletter.import_readers(2).await;
    let feed = newsletter.blog.feed_url();
    newsletter.json(&["feeds", "add", feed.as_str()]).await;
    let (code, result) = newsletter.send(&[]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"sending".into()),
        "{result}"
    );
    let received = server.wait_for(2).await;
    assert_eq!(received[0].envelope_from, "news@blog.test");
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn what_would_break_the_whole_is_refused_and_changes_nothing() {
    let (mut newsletter, address, site) = empty().await;
    newsletter = newsletter.with("digest.max_posts", "3");
    let (_running, mut desk) = serve(&newsletter, address, &site).await;
    let path = "/admin/settings/schedule";
    let fields = [
        ("day", "other"),
        ("schedule-cron", "0 10 * * MON,FRI"),
        ("schedule-timezone", "Mars"),
        ("schedule-catch_up_hours", "24"),
        ("digest-min_posts", "4"),
        ("digest-max_age_days", "14"),
    ];
    let refused = desk.fill_in(path, path, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for words in [
        "BROADSHEET_DIGEST__MAX_POSTS",
        "4 is more than digest.max_posts, 3",
        "nknown time zone &#39;Mars&#39;",
        "value=\"0 10 * * MON,FRI\"",
    ] {
        assert!(refused.shows(words), "{words}: {}", refused.html);
    }
    assert!(
        desk.get(path)
            .await
            .shows("<option value=\"FRI\" selected>")
    );

    // A user whose password is nowhere would have every mail refused, at night.
    let path = "/admin/settings/sending";
    let fields = [
        ("way", "server"),
        ("host", "smtp.example.com"),
        ("tls", "required"),
        ("user", "ada"),
        ("smtp-connections", "10"),
        ("smtp-in_doubt", "resend"),
    ];
    let refused = desk.fill_in(path, path, &fields).await;
    assert!(
        refused.shows("user name without a password"),
        "{}",
        refused.html
    );
    let look = "/admin/settings/look";
    let refused = desk
        .fill_in(look, look, &[("newsletter-accent", "#ffd700")])
        .await;
    assert!(refused.shows("too light to read") && refused.shows("the nearest readable shade"));
}

#[tokio::test]
async fn the_colour_is_on_every_page_and_in_the_mails() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = empty().await;
    let (_running, mut desk) = serve(&newsletter, address, &site).await;
    name_it(&mut desk, &site, "The Baker").await;
    send_by(&mut desk, &server).await;
    save(&mut desk, "look", &[("newsletter-accent", "#7a1f5c")]).await;
    let browser = Browser::new();
    let home = browser.get(&format!("{site}/")).await.html;
    let style = home
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .expect("a style sheet");
    let style = style.split('"').next().expect("its address");
    let style = browser.get(&format!("{site}{style}")).await.html;
    assert!(style.contains("--accent:#7a1f5c"), "the colour by day");
    let to = [("email", "ada@example.com")];
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    desk.fill_in(page, path, &to).await;
    let mail = String::from_utf8_lossy(&server.wait_for(1).await[0].message).into_owned();
    assert!(
        mail.contains("#7a1f5c") && !mail.contains("#0b5c4a"),
        "{mail}"
    );
}

#[tokio::test]
async fn broken_templates_of_the_owners_are_told_and_the_last_good_ones_kept() {
    let (newsletter, address, site) = empty().await;
    let newsletter = newsletter.with("templates.dir", "mine");
    let folder = newsletter.installation.folder().join("mine/alert");
    std::fs::create_dir_all(&folder).expect("a folder of templates");
    let subject = folder.join("subject.txt");
    std::fs::write(&subject, "First {{ masthead.name }}").expect("a template");
    let (running, mut desk) = serve(&newsletter, address, &site).await;
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    let to = [("email", "ada@example.com")];

    std::fs::write(&subject, "Second\n{{ nonsense }}").expect("a template");
    until_logged(
        &running,
        "changed email template is invalid and not used error=mine/alert/subject.txt:2",
    )
    .await;
    desk.fill_in(page, path, &to).await;
    let shown = desk.get(page).await;
    assert!(shown.shows("mine/alert/subject.txt:2"), "{}", shown.html);
    let outbox = desk.get("/admin/outbox").await;
    assert!(
        outbox.shows("First ") && !outbox.shows("Second"),
        "{}",
        outbox.html
    );

    std::fs::write(&subject, "Third {{ masthead.name }}!").expect("a template");
    until_logged(&running, "email templates reloaded").await;
    desk.fill_in(page, path, &to).await;
    let shown = desk.get(page).await;
    assert!(!shown.shows("mine/alert/subject.txt"));
    assert!(desk.get("/admin/outbox").await.shows("Third "));
}
