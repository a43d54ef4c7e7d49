//! Concurrent edits, and an issue that is sent during an edit.

use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_edits::{post_id, press, press_on, publish};
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

#[tokio::test]
async fn conflicting_save_returns_409_and_keeps_both_texts() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
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
    assert!(told.contains("Someone else changed this issue while you were editing"));
    assert!(told.contains(">Theirs</q>") && told.contains("value=\"Mine\""));
    assert!(!told.contains("Their note"), "it is the same");
    let draft = app.site.web.digests.draft().await.unwrap();
    assert_eq!(draft.subject, "Theirs");
    // After the editor has seen it, it can be overwritten.
    let saved = press_on(&mut ada, &told, "save", &words).await;
    assert_eq!(saved.to(), "/admin/next?done=saved");
    let draft = app.site.web.digests.draft().await.unwrap();
    assert_eq!(draft.subject, "Mine");

    let post = post_id(&mine, "Spam in Q3");
    let path = format!("/admin/next/posts/{post}");
    let csrf = mine.field("csrf");
    let fields = [("csrf", csrf), ("version", "0"), ("title", "My title")];
    let told = ada.send(&path, &fields, &[]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.contains("Someone else changed") && told.contains("value=\"My title\""));
}

#[tokio::test]
async fn issue_sent_during_edit_keeps_typed_text() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let page = ada.get("/admin/next").await;
    publish(&app).await;
    let told = press_on(&mut ada, &page, "save", &[("note", "Too late")]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(told.contains("No. 1 has gone out while you were editing"));
    assert!(told.contains("Too late</textarea>"));
}

#[tokio::test]
async fn freeze_uses_edits_saved_concurrently() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let draft = app.site.web.digests.draft().await.unwrap();
    press(&mut ada, "save", &[("subject", "Saved in between")]).await;
    let slot = Slot::parse("2026-W48").unwrap();
    let digests = &app.site.web.digests;
    let outrun = digests.publish_reviewed(draft, slot).await.unwrap();
    assert!(outrun.is_none(), "{outrun:?}");
    let number = publish(&app).await;
    let issue = app.store().issue(number).await.unwrap().unwrap();
    assert_eq!(issue.subject, "Saved in between");
}
