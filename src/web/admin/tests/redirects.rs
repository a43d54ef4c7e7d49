//! Back to where one was: after a deed, and after logging in.

use crate::web::admin::tests::subscribers::{LIST, waiting};
use crate::web::admin::tests::*;

#[tokio::test]
async fn what_was_searched_for_is_searched_for_still() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let id = waiting(&house, "eve@example.org").await.id.to_string();
    let resend = format!("{LIST}/resend");
    let list = [("state", "pending"), ("q", "e&e"), ("order", "oldest")];
    let fields = [list.as_slice(), &[("reader", id.as_str())]].concat();
    let answer = ada.fill_in(LIST, &resend, &fields).await;
    let searched = "state=pending&q=e%26e&order=oldest";
    assert_eq!(answer.to(), format!("{LIST}?{searched}&done=asked_lately"));
    let ask = format!("{LIST}/many?do=unsubscribe&id={id}&{searched}");
    let page = ada.get(&ask).await;
    assert!(page.shows(&format!(
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
    let answer = ada.fill_in(&ask, &format!("{LIST}/many"), &fields).await;
    assert_eq!(answer.to(), format!("{LIST}?{searched}&done=unsubscribed"));
}

#[tokio::test]
async fn who_logs_in_comes_to_the_page_as_it_was_asked_for() {
    let house = House::new().await;
    house.ada().await;
    let mut visitor = Browser::new(&house);
    // A file is fetched from its page, which shows what it did.
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
            .fill_in("/admin/login", "/admin/login", &fields)
            .await;
        assert_eq!(entered.to(), next);
        visitor.cookie = None;
    }
}
