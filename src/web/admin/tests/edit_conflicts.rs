//! Two at the desk at once, and an issue that goes out meanwhile.

use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_edits::{post_id, press, press_on, publish};
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

#[tokio::test]
async fn the_later_of_two_editors_is_told_and_overwrites_nothing_unseen() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let mine = ada.get("/admin/next").await;
    press(
        &mut ada,
        "save",
        &[("subject", "Theirs"), ("note", "Same\r\nnote")],
    )
    .await;

    let words = [("subject", "Mine"), ("note", "Same\r\nnote")];
    let told = press_on(&mut ada, &mine, "save", &words).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.shows("Someone else changed this issue while you were editing"));
    assert!(told.shows(">Theirs</q>") && told.shows("value=\"Mine\""));
    assert!(!told.shows("Their note"), "it is the same");
    let draft = house.site.web.digests.draft().await.unwrap();
    assert_eq!(draft.subject, "Theirs");
    // Seen now, it may be replaced.
    let saved = press_on(&mut ada, &told, "save", &words).await;
    assert_eq!(saved.to(), "/admin/next?done=saved");
    let draft = house.site.web.digests.draft().await.unwrap();
    assert_eq!(draft.subject, "Mine");

    let post = post_id(&mine, "Spam in Q3");
    let path = format!("/admin/next/posts/{post}");
    let csrf = mine.field("csrf");
    let fields = [("csrf", csrf), ("version", "0"), ("title", "My title")];
    let told = ada.send(&path, &fields, &[]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.shows("Someone else changed") && told.shows("value=\"My title\""));
}

#[tokio::test]
async fn an_issue_that_goes_out_meanwhile_keeps_what_was_typed() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let page = ada.get("/admin/next").await;
    publish(&house).await;
    let told = press_on(&mut ada, &page, "save", &[("note", "Too late")]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.shows("No. 1 has gone out while you were editing"));
    assert!(told.shows("Too late</textarea>"));
}

#[tokio::test]
async fn an_issue_is_made_of_the_edits_as_they_are_when_it_is_frozen() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let draft = house.site.web.digests.draft().await.unwrap();
    press(&mut ada, "save", &[("subject", "Saved in between")]).await;
    let slot = Slot::parse("2026-W48").unwrap();
    let digests = &house.site.web.digests;
    let outrun = digests.publish_reviewed(draft, slot).await.unwrap();
    assert!(outrun.is_none(), "{outrun:?}");
    let number = publish(&house).await;
    let issue = house.store().issue(number).await.unwrap().unwrap();
    assert_eq!(issue.subject, "Saved in between");
}
