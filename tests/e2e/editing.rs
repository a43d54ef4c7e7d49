//! What the editor changes on the desk is what readers get.

use super::message_format::{parse, plain_text};
use crate::support::browser::Browser;
use crate::support::newsletter::{Newsletter, text};
use crate::support::process::{Running, free_address};
use crate::support::smtp_server::SmtpServer;

async fn serving(server: &SmtpServer) -> (Newsletter, Running, String) {
    let address = free_address();
    let site = format!("http://{address}");
    let newsletter = Newsletter::new(&server.url())
        .await
        .with("server.listen", address.to_string())
        .with("server.public_url", &site)
        .with("digest.count_clicks", "true");
    let mut running = newsletter.start(&["serve"]);
    running.ready(address).await;
    (newsletter, running, site)
}

/// An editor at the desk.
async fn editor(newsletter: &Newsletter) -> Browser {
    let made = newsletter
        .json(&["admin", "create", "ada@example.com"])
        .await;
    let link = text(&made[0]["link"]);
    let (page, token) = link.split_once("?token=").expect("a one-time link");
    let browser = Browser::new();
    let fields = [
        ("token", token),
        ("password", "a long password"),
        ("again", "a long password"),
    ];
    let answer = browser.post(page, &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{}", answer.html);
    browser
}

#[tokio::test]
async fn words_order_and_posts_by_hand_arrive_and_clicks_come_back() {
    let server = SmtpServer::start();
    let (newsletter, _running, site) = serving(&server).await;
    newsletter.import_readers(2).await;
    newsletter.json(&["digest", "preview"]).await;
    let ada = editor(&newsletter).await;
    let desk = format!("{site}/admin/next");

    let add = ada.get(&format!("{desk}/add")).await;
    let guest = [
        ("csrf", add.field("csrf")),
        ("url", newsletter.blog.link("guest")),
        ("title", "A guest writes".to_owned()),
        ("excerpt", "By hand.".to_owned()),
    ];
    let guest = guest
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let added = ada.post(&format!("{desk}/add"), &guest).await;
    let added = added.location.expect("back to the draft");
    let (_, post) = added.split_once("#post-").expect("its place");

    let page = ada.get(&desk).await;
    let fields = [
        ("csrf", page.field("csrf")),
        ("version", page.field("version")),
        ("subject", "By hand".to_owned()),
        ("note", "Dear *readers*".to_owned()),
        ("do", format!("pin:{post}")),
    ];
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let pinned = ada.post(&desk, &fields).await;
    assert_eq!(pinned.status.as_u16(), 303, "{}", pinned.html);

    let preview = newsletter.json(&["digest", "preview"]).await.remove(0);
    assert_eq!(preview["subject"], "By hand");
    assert_eq!(preview["posts"][0]["title"], "A guest writes");
    assert_eq!(preview["posts"][0]["why"], "pinned; added by you");
    let result = newsletter.send_to_the_end(&[]).await;
    assert_eq!(result["delivered"], 2, "{result}");
    let received = server.received();
    let message = parse(&received[0].message);
    assert_eq!(message.subject(), Some("By hand"));
    let words = plain_text(&message);
    assert!(
        words.contains("Dear readers") && words.contains("By hand."),
        "{words}"
    );
    let link = format!("{site}/r/{post}");
    assert!(words.split_whitespace().any(|word| word == link), "{words}");

    let click = Browser::new().get(&link).await;
    assert_eq!(click.location, Some(newsletter.blog.link("guest")));
    assert!(!click.sets_cookie);
    let issue = ada.get(&format!("{site}/admin/issues/1")).await;
    let figure = "A guest writes</th><td class=\"n\">1</td>";
    assert!(issue.html.contains(figure), "{}", issue.html);
    let after = ada.get(&desk).await;
    assert!(!after.html.contains("Dear *readers*"), "it is used up");
}
