//! Links of a test copy and of the preview.

use axum::http::{StatusCode, header};

use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberId;
use crate::web::tests::fixture::TestSite;

#[tokio::test]
async fn links_of_test_copy_lead_to_pages_that_say_so() {
    let site = TestSite::new().await;
    site.confirmed("ada@example.com").await;
    let token = |purpose| {
        site.web
            .keys
            .subscriber_token(purpose, &SubscriberId::NOBODY)
    };
    let unsubscribe = format!("/unsubscribe/{}", token(Purpose::Unsubscribe));
    let preferences = format!("/preferences/{}", token(Purpose::Preferences));
    for path in ["/issues/test", &unsubscribe, &preferences] {
        let page = site.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains("This is a test copy."), "{path}");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(page.headers["x-robots-tag"], "noindex");
    }
    for (path, form) in [
        (&unsubscribe, "List-Unsubscribe=One-Click"),
        (&preferences, "action=pause"),
    ] {
        let page = site.post(path, form).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.body.contains("This is a test copy."), "{path}");
    }
}

#[tokio::test]
async fn token_of_other_purpose_or_key_is_no_test_copy() {
    let site = TestSite::new().await;
    let other = site
        .web
        .keys
        .subscriber_token(Purpose::Preferences, &SubscriberId::NOBODY);
    for path in [
        format!("/unsubscribe/{other}"),
        "/unsubscribe/AAAA".to_owned(),
    ] {
        assert_eq!(site.get(&path).await.status, StatusCode::NOT_FOUND);
    }
}
