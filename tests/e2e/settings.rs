//! Settings saved in the admin UI.

use std::net::SocketAddr;

use reqwest::StatusCode;

use crate::support::admin_client::AdminClient;
use crate::support::blog::Blog;
use crate::support::database::Database;
use crate::support::http_client::HttpClient;
use crate::support::newsletter::{Newsletter, post, wait_for_log, wait_until};
use crate::support::process::{RunningProcess, TestInstall, free_address};
use crate::support::smtp_server::SmtpServer;

/// Returns a newsletter with only the settings that the admin UI does not have, its
/// `server.listen` and its public URL.
pub(super) async fn unconfigured() -> (Newsletter, SocketAddr, String) {
    let address = free_address();
    let database = Database::fresh().await;
    let blog = Blog::start(vec![post("bread", "How the bread rises", 5)]);
    let install = TestInstall::new()
        .with_setting("server.listen", address.to_string())
        .with_setting("database.url", database.url())
        .with_setting("feeds.allow_private", blog.host_and_port());
    let newsletter = Newsletter {
        install,
        blog,
        database,
    };
    (newsletter, address, format!("http://{address}"))
}

/// Starts `serve` and creates the first admin.
async fn serve(
    newsletter: &Newsletter,
    address: SocketAddr,
    site: &str,
) -> (RunningProcess, AdminClient) {
    let running = newsletter.start_server(address).await;
    let admin = AdminClient::create_first_admin(&running, site).await;
    (running, admin)
}

/// Saves a tab of the settings.
async fn save(admin: &AdminClient, tab: &str, fields: &[(&str, &str)]) {
    let path = format!("/admin/settings/{tab}");
    let saved = admin.submit_form(&path, &path, fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.html);
    let location = saved.location.expect("a redirect");
    assert!(location.ends_with(&format!("{path}?done=saved")));
}

pub(super) async fn save_newsletter(admin: &AdminClient, site: &str, name: &str) {
    let fields = [
        ("newsletter-name", name),
        ("newsletter-from", "The Baker <news@blog.test>"),
        ("newsletter-postal_address", "1 Oven Lane"),
        ("newsletter-language", "en"),
        ("server-public_url", site),
    ];
    save(admin, "newsletter", &fields).await;
}

pub(super) async fn save_smtp_server(admin: &AdminClient, server: &SmtpServer) {
    save_smtp(admin, &server.address().port().to_string(), "").await;
}

pub(super) async fn save_smtp(admin: &AdminClient, port: &str, user: &str) {
    let fields = [
        ("way", "server"),
        ("host", "127.0.0.1"),
        ("port", port),
        ("user", user),
        ("tls", "none"),
        ("smtp-connections", "10"),
        ("smtp-in_doubt", "resend"),
    ];
    save(admin, "sending", &fields).await;
}

#[tokio::test]
async fn setup_steps_are_ticked_off_one_by_one() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = unconfigured().await;
    let newsletter = newsletter.with_setting("limits.minimum_fill_ms", "0");
    let (running, admin) = serve(&newsletter, address, &site).await;
    let to_do = |html: &str| html.matches("To do</span>").count();
    assert_eq!(to_do(&admin.get("/admin").await.html), 4);

    save_newsletter(&admin, &site, "The Baker").await;
    let home = HttpClient::new().get(&format!("{site}/")).await;
    assert!(home.html.contains("The Baker"), "{}", home.html);

    let feed = newsletter.blog.feed_url();
    let fields = [("url", feed.as_str())];
    admin
        .submit_form("/admin/feeds", "/admin/feeds", &fields)
        .await;
    assert_eq!(to_do(&admin.get("/admin").await.html), 3);

    save_smtp_server(&admin, &server).await;
    assert_eq!(
        to_do(&admin.get("/admin").await.html),
        3,
        "saving the SMTP server must not tick the step off"
    );
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    let to = [("email", "ada@example.com")];
    admin.submit_form(page, path, &to).await;
    let result = admin.get(page).await;
    assert!(
        result.shows("127.0.0.1 accepted the email"),
        "{}",
        result.html
    );
    assert_eq!(
        server.wait_for_messages(1).await[0].recipients,
        ["ada@example.com"]
    );
    assert_eq!(to_do(&admin.get("/admin").await.html), 2);

    admin
        .submit_form("/admin/next", "/admin/next/test", &to)
        .await;
    server.wait_for_messages(2).await;
    wait_until("the delivered test issue", async || {
        (to_do(&admin.get("/admin").await.html) == 1).then_some(())
    })
    .await;

    let form = HttpClient::new().get(&format!("{site}/")).await;
    let fields = [
        ("email", "reader@example.org"),
        ("stamp", &form.hidden_field("stamp")),
    ];
    HttpClient::new()
        .post(&format!("{site}/subscribe"), &fields)
        .await;
    assert!(!admin.get("/admin").await.shows("Four steps"));
    assert_eq!(running.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn saved_settings_reach_running_worker() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = unconfigured().await;
    let (running, admin) = serve(&newsletter, address, &site).await;
    let [worker] = newsletter.start_workers().await;

    save_newsletter(&admin, &site, "Saved in the admin UI").await;
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
    save(&admin, "schedule", &fields).await;
    let schedule = admin.get("/admin/settings/schedule").await;
    assert!(schedule.shows("<option value=\"TUE\" selected>"));
    assert_eq!(
        schedule.html.matches(">Tuesday ").count(),
        3,
        "{}",
        schedule.html
    );
    let home = HttpClient::new().get(&format!("{site}/")).await.html;
    assert!(
        home.contains("Saved in the admin UI") && home.contains("Tuesday"),
        "{home}"
    );

    let checked = newsletter.run_json(&["config", "check"]).await;
    let set = checked[0]["set"].as_array().expect("a list of settings");
    let cron = set
        .iter()
        .find(|it| it["key"] == "schedule.cron")
        .expect("the schedule");
    assert_eq!(
        (&cron["value"], &cron["origin"]),
        (&"30 7 * * TUE".into(), &"database".into())
    );

    save_smtp_server(&admin, &server).await;
    // The worker alone sends with the settings that were saved while it ran. Only its log
    // shows that it has reloaded them.
    wait_for_log(&worker, "revision=3").await;
    assert_eq!(running.terminate().await.code(), Some(0));
    newsletter.import_subscribers(2).await;
    let feed = newsletter.blog.feed_url();
    newsletter.run_json(&["feeds", "add", feed.as_str()]).await;
    let (code, result) = newsletter.send_digest(&[]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"sending".into()),
        "{result}"
    );
    let received = server.wait_for_messages(2).await;
    assert_eq!(received[0].envelope_from, "news@blog.test");
    assert_eq!(worker.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn invalid_settings_are_rejected_and_change_nothing() {
    let (mut newsletter, address, site) = unconfigured().await;
    newsletter = newsletter.with_setting("digest.max_posts", "3");
    let (_running, admin) = serve(&newsletter, address, &site).await;
    let path = "/admin/settings/schedule";
    let fields = [
        ("day", "other"),
        ("schedule-cron", "0 10 * * MON,FRI"),
        ("schedule-timezone", "Mars"),
        ("schedule-catch_up_hours", "24"),
        ("digest-min_posts", "4"),
        ("digest-max_age_days", "14"),
    ];
    let rejected = admin.submit_form(path, path, &fields).await;
    assert_eq!(rejected.status, StatusCode::UNPROCESSABLE_ENTITY);
    for text in [
        "BROADSHEET_DIGEST__MAX_POSTS",
        "4 is more than digest.max_posts, 3",
        "nknown time zone &#39;Mars&#39;",
        "value=\"0 10 * * MON,FRI\"",
    ] {
        assert!(rejected.shows(text), "{text}: {}", rejected.html);
    }
    assert!(
        admin
            .get(path)
            .await
            .shows("<option value=\"FRI\" selected>")
    );

    // Without a password the SMTP server would reject all messages.
    let path = "/admin/settings/sending";
    let fields = [
        ("way", "server"),
        ("host", "smtp.example.com"),
        ("tls", "required"),
        ("user", "ada"),
        ("smtp-connections", "10"),
        ("smtp-in_doubt", "resend"),
    ];
    let rejected = admin.submit_form(path, path, &fields).await;
    assert!(
        rejected.shows("user name without a password"),
        "{}",
        rejected.html
    );
    let appearance = "/admin/settings/look";
    let rejected = admin
        .submit_form(appearance, appearance, &[("newsletter-accent", "#ffd700")])
        .await;
    assert!(rejected.shows("too light to read") && rejected.shows("the nearest readable shade"));
}

#[tokio::test]
async fn accent_color_is_on_pages_and_in_messages() {
    let server = SmtpServer::start();
    let (newsletter, address, site) = unconfigured().await;
    let (_running, admin) = serve(&newsletter, address, &site).await;
    save_newsletter(&admin, &site, "The Baker").await;
    save_smtp_server(&admin, &server).await;
    save(&admin, "look", &[("newsletter-accent", "#7a1f5c")]).await;
    let client = HttpClient::new();
    let home = client.get(&format!("{site}/")).await.html;
    let style = home
        .split("rel=\"stylesheet\" href=\"")
        .nth(1)
        .expect("a style sheet");
    let style = style.split('"').next().expect("its address");
    let style = client.get(&format!("{site}{style}")).await.html;
    assert!(
        style.contains("--accent:#7a1f5c"),
        "accent color of the light theme"
    );
    let to = [("email", "ada@example.com")];
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    admin.submit_form(page, path, &to).await;
    let message =
        String::from_utf8_lossy(&server.wait_for_messages(1).await[0].message).into_owned();
    assert!(
        message.contains("#7a1f5c") && !message.contains("#0b5c4a"),
        "{message}"
    );
}

#[tokio::test]
async fn invalid_template_is_shown_and_last_valid_one_used() {
    let (newsletter, address, site) = unconfigured().await;
    let newsletter = newsletter.with_setting("templates.dir", "mine");
    let folder = newsletter.install.folder().join("mine/alert");
    std::fs::create_dir_all(&folder).expect("a folder of templates");
    let subject = folder.join("subject.txt");
    std::fs::write(&subject, "First {{ masthead.name }}").expect("a template");
    let (_running, admin) = serve(&newsletter, address, &site).await;
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    let to = [("email", "ada@example.com")];

    std::fs::write(&subject, "Second\n{{ nonsense }}").expect("a template");
    wait_until("the template error", async || {
        let shown = admin.get(page).await;
        shown.shows("mine/alert/subject.txt:2").then_some(())
    })
    .await;
    admin.submit_form(page, path, &to).await;
    let outbox = admin.get("/admin/outbox").await;
    assert!(
        outbox.shows("First ") && !outbox.shows("Second"),
        "{}",
        outbox.html
    );

    std::fs::write(&subject, "Third {{ masthead.name }}!").expect("a template");
    wait_until("the end of the template error", async || {
        let shown = admin.get(page).await;
        (!shown.shows("mine/alert/subject.txt")).then_some(())
    })
    .await;
    admin.submit_form(page, path, &to).await;
    assert!(admin.get("/admin/outbox").await.shows("Third "));
}
