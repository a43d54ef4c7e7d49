//! Redirects after an action and after a login.

use crate::web::admin::tests::subscribers::{LIST, waiting};
use crate::web::admin::tests::*;

#[tokio::test]
async fn actions_return_to_the_same_search() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let id = waiting(&app, "eve@example.org").await.id.to_string();
    let resend = format!("{LIST}/resend");
    let list = [("state", "pending"), ("q", "e&e"), ("order", "oldest")];
    let fields = [list.as_slice(), &[("reader", id.as_str())]].concat();
    let answer = ada.submit_form(LIST, &resend, &fields).await;
    let searched = "state=pending&q=e%26e&order=oldest";
    assert_eq!(
        answer.to(),
        format!("{LIST}?{searched}&done=confirmation_not_resent")
    );
    let ask = format!("{LIST}/many?do=unsubscribe&id={id}&{searched}");
    let page = ada.get(&ask).await;
    assert!(page.contains(&format!(
        "href=\"{LIST}?{}\"",
        searched.replace('&', "&amp;")
    )));
    assert_eq!(page.field("q"), "e&amp;e");
    let [state, order] = ["state", "order"].map(|name| (name, page.field(name)));
    let fields = [
        ("do", "unsubscribe"),
        ("id", &id),
        state,
        ("q", "e&e"),
        order,
    ];
    let answer = ada
        .submit_form(&ask, &format!("{LIST}/many"), &fields)
        .await;
    assert_eq!(answer.to(), format!("{LIST}?{searched}&done=unsubscribed"));
}

#[tokio::test]
async fn login_returns_to_page_with_its_query() {
    let app = AdminTestApp::new().await;
    app.ada().await;
    let mut visitor = AdminClient::new(&app);
    // A file leads back to its page.
    for (asked, page) in [
        (
            "subscribers/export?state=pending&q=@example&done=saved",
            "subscribers?state=pending&q=%40example",
        ),
        (
            "issues/1/deliveries.csv?state=missed",
            "issues/1?state=missed",
        ),
        ("issues/1/live", "issues/1"),
        ("next/html?theme=dark", "next?theme=dark"),
    ] {
        let answer = visitor.get(&format!("/admin/{asked}")).await;
        let form = visitor.get(answer.to()).await;
        let next = format!("/admin/{page}");
        assert_eq!(form.field("next"), next.replace('&', "&amp;"));
        let fields = [("email", ADA), ("password", PASSWORD), ("next", &next)];
        let entered = visitor
            .submit_form("/admin/login", "/admin/login", &fields)
            .await;
        assert_eq!(entered.to(), next);
        visitor.cookie = None;
    }
}
