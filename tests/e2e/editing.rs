//! Edits of the draft in the admin UI appear in the sent issue, and clicks are counted.

use super::message_format::{parse, plain_text};
use crate::support::admin_client::AdminClient;
use crate::support::http_client::HttpClient;
use crate::support::newsletter::Newsletter;
use crate::support::smtp_server::SmtpServer;

const DRAFT: &str = "/admin/next";

#[tokio::test]
async fn draft_edits_are_sent_and_clicks_counted() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    let newsletter = newsletter.with_setting("digest.count_clicks", "true");
    let (newsletter, _running, site) = newsletter.serve().await;
    newsletter.import_subscribers(2).await;
    newsletter.run_json(&["digest", "preview"]).await;
    let admin = AdminClient::create_admin(&newsletter, &site).await;

    let add = format!("{DRAFT}/add");
    let guest_url = newsletter.blog.link("guest");
    let fields = [
        ("url", guest_url.as_str()),
        ("title", "A guest writes"),
        ("excerpt", "By hand."),
    ];
    let added = admin.submit_form(&add, &add, &fields).await;
    let location = added.location.expect("a redirect to the draft");
    let (_, post) = location.split_once("#post-").expect("the id of the post");

    let version = admin.get(DRAFT).await.hidden_field("version");
    let pin = format!("pin:{post}");
    let fields = [
        ("version", version.as_str()),
        ("subject", "By hand"),
        ("note", "Dear *readers*"),
        ("do", pin.as_str()),
    ];
    let pinned = admin.submit_form(DRAFT, DRAFT, &fields).await;
    assert_eq!(pinned.status.as_u16(), 303, "{pinned:?}");

    let preview = newsletter.run_json(&["digest", "preview"]).await.remove(0);
    assert_eq!(preview["subject"], "By hand");
    assert_eq!(preview["posts"][0]["title"], "A guest writes");
    assert_eq!(preview["posts"][0]["why"], "pinned; added by you");
    let result = newsletter.send_digest_and_wait(&[]).await;
    assert_eq!(result["delivered"], 2, "{result}");
    let received = server.received();
    let message = parse(&received[0].message);
    assert_eq!(message.subject(), Some("By hand"));
    let text = plain_text(&message);
    assert!(
        text.contains("Dear readers") && text.contains("By hand."),
        "{text}"
    );
    let link = format!("{site}/r/{post}");
    assert!(text.split_whitespace().any(|word| word == link), "{text}");

    let click = HttpClient::new().get(&link).await;
    assert_eq!(click.location, Some(guest_url));
    assert!(!click.sets_cookie);
    let issue = admin.get("/admin/issues/1").await;
    let click_count = "A guest writes</th><td class=\"n\">1</td>";
    assert!(issue.html.contains(click_count), "{}", issue.html);
    let after = admin.get(DRAFT).await;
    assert!(
        !after.html.contains("Dear *readers*"),
        "the note was not consumed"
    );
}
