//! The outbox pages.

use crate::domain::delivery::DeliveryId;
use crate::mail::outbox::MailName;
use crate::web::admin::tests::*;

const MAIL: &str = "From: Lab <news@example.com>\r\nTo: r1@example.org\r\nSubject: Three <posts>\r\n\
    Date: Mon, 23 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nin plain words\r\n\
    --b\r\nContent-Type: text/html\r\n\r\n<p onclick=\"x()\">in markup</p><script>alert(1)</script>\r\n--b--\r\n";

fn keep(app: &AdminTestApp, delivery: &str, mail: &str) -> String {
    let delivery = DeliveryId::from_stored(delivery.to_owned());
    let name = MailName::for_delivery(&delivery);
    let outbox = app.site.web.outbox.as_ref().unwrap();
    outbox.store(&name, mail.as_bytes()).unwrap();
    name.as_str().to_owned()
}

#[tokio::test]
async fn outbox_message_has_html_text_and_source() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    assert!(ada.get("/admin/outbox").await.contains("No messages yet."));
    let name = keep(&app, "a:b", MAIL);
    let list = ada.get("/admin/outbox").await;
    assert!(
        list.contains("Three &lt;posts&gt;")
            && list.contains("r1@example.org")
            && list.contains(&name)
    );
    let path = format!("/admin/outbox/{name}");
    let page = ada.get(&path).await;
    assert!(page.contains(&format!(
        "allow-popups-to-escape-sandbox\" src=\"{path}/html\""
    )));
    assert!(page.contains("Lab &lt;news@example.com&gt;") && !page.contains("in markup"));
    let text = ada.get(&format!("{path}?show=text")).await;
    assert!(text.contains("in plain words") && !text.contains("<iframe"));
    let source = ada.get(&format!("{path}?show=source")).await;
    assert!(source.contains("multipart/alternative") && source.contains("&lt;script&gt;"));
    let html = ada.get(&format!("{path}/html")).await;
    assert!(html.contains("in markup"));
    let policy = html.header(header::CONTENT_SECURITY_POLICY);
    assert!(
        policy
            .starts_with("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'"),
        "{policy}"
    );
}

#[tokio::test]
async fn outbox_list_has_pages() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for n in 0..51 {
        keep(&app, &format!("a:{n}"), MAIL);
    }
    let first = ada.get("/admin/outbox").await;
    assert_eq!(first.body.matches("<th scope=\"row\"").count(), 50);
    assert!(first.contains("/admin/outbox?after=50"));
    let second = ada.get("/admin/outbox?after=50").await;
    assert_eq!(second.body.matches("<th scope=\"row\"").count(), 1);
    assert!(!second.contains("rel=\"next\""));
    assert_eq!(
        ada.get("/admin/outbox?after=-1").await.status,
        StatusCode::OK
    );
    let beyond = ada.get("/admin/outbox?after=18446744073709551615").await;
    assert_eq!(beyond.status, StatusCode::OK);
}

#[tokio::test]
async fn outbox_is_empty_with_smtp_server() {
    let app = AdminTestApp::with(|web| web.outbox = None).await;
    let mut ada = app.ada().await;
    let page = ada.get("/admin/outbox").await;
    assert!(page.contains("Mail now goes through your SMTP server."));
}
