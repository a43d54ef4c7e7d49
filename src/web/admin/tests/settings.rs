//! The settings pages: which changes they request from the settings service, and how they
//! show its errors.

use std::sync::Arc;

use super::*;
use crate::web::admin::settings::service::{Setting, SettingSection};
use crate::web::admin::settings::service::{SettingChange, SettingError};
use crate::web::tests::fixture::TestBoard;

fn section(name: &str, settings: &[(&str, &str, &str)]) -> SettingSection {
    let setting = |(key, value, origin): &(&str, &str, &str)| Setting {
        key: (*key).to_owned(),
        value: (!value.is_empty()).then(|| (*value).to_owned()),
        origin: (*origin).to_owned(),
        set_in: (*origin == "file").then(|| "broadsheet.toml".to_owned()),
        is_editable: *origin != "file",
    };
    SettingSection {
        name: name.to_owned(),
        settings: settings.iter().map(setting).collect(),
    }
}

fn sections() -> Vec<SettingSection> {
    vec![
        section(
            "newsletter",
            &[
                ("name", "Lab", "file"),
                ("tagline", "", "default"),
                ("from", "lab@example.com", "database"),
                ("reply_to", "", "default"),
                ("postal_address", "", "default"),
                ("language", "en", "default"),
                ("accent", "", "default"),
            ],
        ),
        section(
            "server",
            &[("public_url", "https://news.example.com", "database")],
        ),
        section(
            "schedule",
            &[
                ("cron", "0 10 * * FRI", "default"),
                ("timezone", "UTC", "default"),
                ("catch_up_hours", "24", "default"),
                ("enabled", "true", "default"),
            ],
        ),
        section(
            "smtp",
            &[
                ("url", "", "default"),
                ("connections", "10", "default"),
                ("rate_per_second", "", "default"),
                ("return_path", "", "default"),
                ("in_doubt", "resend", "default"),
            ],
        ),
        section(
            "digest",
            &[
                ("order", "hottest", "default"),
                ("count_clicks", "false", "default"),
                ("max_posts", "10", "default"),
                ("min_posts", "1", "default"),
                ("max_age_days", "14", "default"),
            ],
        ),
        section(
            "limits",
            &[
                ("signups_per_ip_hour", "20", "default"),
                ("signups_per_domain_hour", "500", "default"),
                ("signups_per_token_hour", "1000", "default"),
                ("minimum_fill_ms", "1000", "default"),
            ],
        ),
        section(
            "alerts",
            &[
                ("to", "", "default"),
                ("draft_hours_before", "24", "default"),
            ],
        ),
    ]
}

async fn app(refuses: Vec<SettingError>) -> (AdminTestApp, Arc<TestBoard>) {
    let board = Arc::new(TestBoard {
        settings: sections(),
        refuses,
        ..TestBoard::default()
    });
    let of_web = Arc::clone(&board);
    (AdminTestApp::with(|web| web.board = of_web).await, board)
}

fn changes(board: &TestBoard) -> Vec<SettingChange> {
    std::mem::take(&mut board.saved.lock().unwrap())
}

fn change(key: &str, value: &str) -> SettingChange {
    (key.to_owned(), Some(value.to_owned()))
}

#[tokio::test]
async fn all_settings_show_their_origin() {
    let (app, _) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let page = ada.get("/admin/settings/all").await;
    assert!(page.contains("newsletter.from") && page.contains("lab@example.com"));
    assert!(page.contains(">admin UI</td>") && page.contains("broadsheet.toml"));
    assert_eq!(
        ada.get("/admin/settings/nonsense").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn setting_from_file_is_read_only() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let page = ada.get("/admin/settings").await;
    assert!(page.contains("<strong>Set in broadsheet.toml</strong>"));
    let fields = [
        ("newsletter-name", "Another"),
        ("newsletter-tagline", "  The week  "),
        ("newsletter-from", ""),
        ("newsletter-language", "en"),
        ("server-public_url", "https://news.example.com"),
    ];
    let path = "/admin/settings/newsletter";
    let answer = ada.submit_form(path, path, &fields).await;
    assert_eq!(answer.to(), "/admin/settings/newsletter?done=saved");
    let emptied = ("newsletter.from".to_owned(), None);
    assert_eq!(
        changes(&board),
        [change("newsletter.tagline", "The week"), emptied]
    );
}

#[tokio::test]
async fn invalid_setting_is_shown_at_its_field() {
    let refusal = |key: &str| SettingError {
        key: Some(key.to_owned()),
        message: format!("no such {key}"),
    };
    let (app, _) = app(vec![
        refusal("newsletter.from"),
        refusal("digest.min_posts"),
    ])
    .await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/newsletter";
    let answer = ada
        .submit_form(path, path, &[("newsletter-from", "x<y")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for words in [
        "<title>Error: ",
        "<a href=\"#newsletter-from\">No such newsletter.from</a>",
        "id=\"newsletter-from-fault\">No such newsletter.from",
        "value=\"x&lt;y\"",
        "aria-invalid=\"true\"",
        "digest.min_posts: no such digest.min_posts",
    ] {
        assert!(answer.contains(words), "{words}");
    }
}

#[tokio::test]
async fn public_url_is_saved_only_from_its_origin() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/newsletter";
    let with = |address| {
        [
            ("newsletter-from", "lab@example.com"),
            ("newsletter-language", "en"),
            ("server-public_url", address),
        ]
    };
    let answer = ada
        .submit_form(path, path, &with("https://weekly.example.com"))
        .await;
    assert!(answer.contains("Open the admin pages under the new address"));
    assert_eq!(changes(&board), []);
    let answer = ada
        .submit_form(path, path, &with("https://news.example.com/weekly"))
        .await;
    assert_eq!(
        answer.to(),
        "https://news.example.com/weekly/admin/settings/newsletter?done=saved"
    );
    assert_eq!(
        changes(&board),
        [change(
            "server.public_url",
            "https://news.example.com/weekly"
        )]
    );
}

#[tokio::test]
async fn schedule_accepts_day_and_time_or_cron() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/schedule";
    let page = ada.get(path).await;
    assert!(page.contains("<option value=\"FRI\" selected>") && page.contains("value=\"10:00\""));
    assert!(page.contains("Friday 27 November 2026") && page.contains("Friday 11 December 2026"));
    let save = async |ada: &mut AdminClient<'_>, day: &str, time: &str, cron: &str| {
        let fields = [
            ("day", day),
            ("time", time),
            ("schedule-cron", cron),
            ("schedule-timezone", "UTC"),
            ("schedule-catch_up_hours", "24"),
            ("digest-order", "hottest"),
            ("digest-max_posts", "10"),
            ("digest-min_posts", "1"),
            ("digest-max_age_days", "14"),
        ];
        ada.submit_form(path, path, &fields).await
    };
    save(&mut ada, "TUE", "07:30", "0 10 * * FRI").await;
    let disabled = change("schedule.enabled", "false");
    assert_eq!(
        changes(&board),
        [disabled.clone(), change("schedule.cron", "30 7 * * TUE")]
    );
    save(&mut ada, "other", "", "0 9 * * MON#1").await;
    assert_eq!(
        changes(&board),
        [disabled, change("schedule.cron", "0 9 * * MON#1")]
    );
    let answer = save(&mut ada, "TUE", "", "").await;
    assert!(answer.contains("Choose a day, and a time"));
    assert_eq!(changes(&board), []);
}

#[tokio::test]
async fn smtp_form_never_contains_password() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/sending";
    let save = async |ada: &mut AdminClient<'_>, way: &str, host: &str| {
        let fields = [
            ("way", way),
            ("host", host),
            ("port", "587"),
            ("tls", "required"),
            ("user", "ada"),
            ("smtp-connections", "10"),
            ("smtp-in_doubt", "resend"),
        ];
        ada.submit_form(path, path, &fields).await
    };
    save(&mut ada, "server", "smtp.example.com").await;
    let url = "smtp://ada@smtp.example.com:587?tls=required";
    assert_eq!(changes(&board), [change("smtp.url", url)]);
    let answer = save(&mut ada, "server", "u:p@smtp.example.com").await;
    assert!(answer.contains("Enter a host like smtp.example.com"));
    save(&mut ada, "outbox", "").await;
    assert_eq!(changes(&board), [change("smtp.url", "")]);
    save(&mut ada, "", "").await;
    assert_eq!(changes(&board), [], "no choice was made");
    save(&mut ada, "", "smtp.example.com").await;
    assert_eq!(changes(&board), [change("smtp.url", url)]);
    let part = [("smtp-connections", "5")];
    ada.submit_form(path, path, &part).await;
    assert_eq!(changes(&board), [change("smtp.connections", "5")]);
}

#[tokio::test]
async fn alert_addresses_are_a_list() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/alerts";
    let fields = [
        ("alerts-to", "a@example.com\r\nb@example.com"),
        ("alerts-draft_hours_before", "24"),
    ];
    ada.submit_form(path, path, &fields).await;
    let list = "[\"a@example.com\", \"b@example.com\"]";
    assert_eq!(changes(&board), [change("alerts.to", list)]);
}

#[tokio::test]
async fn test_email_requires_valid_address() {
    let (app, _) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let (page, path) = ("/admin/settings/sending", "/admin/settings/sending/try");
    let answer = ada.submit_form(page, path, &[("email", "nobody")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.contains("<title>Error: ") && answer.contains("value=\"nobody\""));
    let answer = ada.submit_form(page, path, &[("email", EVE)]).await;
    assert_eq!(answer.to(), "/admin/settings/sending#try");
    let told = ada.get(page).await;
    assert!(told.contains("was stored in the") && told.contains(&format!("value=\"{EVE}\"")));
    assert!(
        !ada.get(page).await.contains("was stored in the"),
        "told once"
    );
}

#[tokio::test]
async fn post_order_and_click_counting_are_saved() {
    let (app, board) = app(Vec::new()).await;
    let mut ada = app.ada().await;
    let path = "/admin/settings/schedule";
    let page = ada.get(path).await;
    assert!(page.contains("<option value=\"hottest\" selected>"));
    let fields = [
        ("day", "FRI"),
        ("time", "10:00"),
        ("schedule-enabled", "true"),
        ("schedule-timezone", "UTC"),
        ("schedule-catch_up_hours", "24"),
        ("digest-order", "newest"),
        ("digest-max_posts", "10"),
        ("digest-min_posts", "1"),
        ("digest-max_age_days", "14"),
    ];
    ada.submit_form(path, path, &fields).await;
    assert_eq!(changes(&board), [change("digest.order", "newest")]);
    let path = "/admin/settings/limits";
    let fields = [
        ("digest-count_clicks", "true"),
        ("limits-signups_per_ip_hour", "20"),
        ("limits-signups_per_domain_hour", "500"),
        ("limits-signups_per_token_hour", "1000"),
        ("limits-minimum_fill_ms", "1000"),
    ];
    ada.submit_form(path, path, &fields).await;
    assert_eq!(changes(&board), [change("digest.count_clicks", "true")]);
}
