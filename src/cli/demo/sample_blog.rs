//! A sample blog with a feed: a dozen posts, the newest from this morning.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tera::{Context, Tera};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::clock::Timestamp;

const POSTS: &str = include_str!("sample_blog/posts.json");
const FEED: &str = include_str!("sample_blog/feed.xml");
const PAGE: &str = include_str!("sample_blog/blog.html");

#[derive(Deserialize)]
struct StoredPost {
    slug: String,
    hours_ago: u64,
    author: String,
    title: String,
    paragraphs: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Post {
    slug: String,
    author: String,
    title: String,
    paragraphs: Vec<String>,
    /// Date in the format of RSS (RFC 2822).
    date: String,
}

/// A built-in file is invalid.
#[derive(Debug, thiserror::Error)]
pub enum SampleBlogError {
    /// The posts are not valid JSON.
    #[error("the sample posts: {0}")]
    Posts(#[from] serde_json::Error),
    /// A page is not a valid template.
    #[error("the sample blog's templates: {0}")]
    Templates(#[from] tera::Error),
}

/// The blog with dates relative to its creation.
#[derive(Clone)]
pub struct SampleBlog {
    tera: Arc<Tera>,
    posts: Arc<Vec<Post>>,
    address: String,
    newsletter: String,
}

impl SampleBlog {
    /// Creates the blog. `address` is its own URL and `newsletter` that of the sign-up form,
    /// both without a slash at the end.
    ///
    /// # Errors
    /// [`SampleBlogError`] if a built-in file is invalid, which a test excludes.
    pub fn new(address: &str, newsletter: &str, now: Timestamp) -> Result<Self, SampleBlogError> {
        let stored: Vec<StoredPost> = serde_json::from_str(POSTS)?;
        let posts = stored.into_iter().map(|post| Post {
            date: now
                .minus(Duration::from_secs(post.hours_ago * 3600))
                .to_rfc2822(),
            slug: post.slug,
            author: post.author,
            title: post.title,
            paragraphs: post.paragraphs,
        });
        let mut tera = Tera::new();
        tera.autoescape_on(vec![".html", ".xml"]);
        tera.add_raw_templates([("feed.xml", FEED), ("blog.html", PAGE)])?;
        Ok(Self {
            tera: Arc::new(tera),
            posts: Arc::new(posts.collect()),
            address: address.to_owned(),
            newsletter: newsletter.to_owned(),
        })
    }

    /// Serves the blog until `stop` is cancelled.
    ///
    /// # Errors
    /// The error of the listener.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        axum::serve(listener, self.routes())
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }

    fn routes(self) -> Router {
        Router::new()
            .route(
                "/",
                get(|State(blog): State<Self>| async move { blog.page(None) }),
            )
            .route(
                "/feed.xml",
                get(|State(blog): State<Self>| async move { blog.feed() }),
            )
            .route(
                "/{slug}",
                get(
                    |State(blog): State<Self>, Path(slug): Path<String>| async move {
                        blog.page(Some(&slug))
                    },
                ),
            )
            .with_state(self)
    }

    fn context(&self, posts: &[&Post], only: bool) -> Context {
        let mut context = Context::new();
        context.insert("posts", posts);
        context.insert("only", &only);
        context.insert("address", &self.address);
        context.insert("newsletter", &self.newsletter);
        context
    }

    fn page(&self, slug: Option<&str>) -> Response {
        let posts: Vec<&Post> = self
            .posts
            .iter()
            .filter(|post| slug.is_none_or(|slug| slug == post.slug))
            .collect();
        if posts.is_empty() {
            return StatusCode::NOT_FOUND.into_response();
        }
        match self
            .tera
            .render("blog.html", &self.context(&posts, slug.is_some()))
        {
            Ok(page) => Html(page).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    fn feed(&self) -> Response {
        let posts: Vec<&Post> = self.posts.iter().collect();
        match self.tera.render("feed.xml", &self.context(&posts, false)) {
            Ok(feed) => (
                [(header::CONTENT_TYPE, "application/rss+xml; charset=utf-8")],
                feed,
            )
                .into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_of_sample_blog_is_valid() {
        let now = Timestamp::from_millis(1_795_500_000_000);
        let blog = SampleBlog::new("http://127.0.0.1:1", "http://127.0.0.1:2", now).unwrap();
        let posts: Vec<&Post> = blog.posts.iter().collect();
        let feed = blog
            .tera
            .render("feed.xml", &blog.context(&posts, false))
            .unwrap();
        let parsed = crate::feeds::parse(feed.as_bytes(), None).unwrap();
        assert_eq!(
            (parsed.title.as_str(), parsed.posts.len(), parsed.skipped),
            ("Example Lab", 12, 0)
        );
        assert!(
            parsed
                .posts
                .iter()
                .all(|post| post.excerpt.len() > 60 && post.published_at.is_some())
        );
        assert_eq!(blog.page(None).status(), StatusCode::OK);
        assert_eq!(
            blog.page(Some("how-we-name-things")).status(),
            StatusCode::OK
        );
        assert_eq!(blog.page(Some("nothing")).status(), StatusCode::NOT_FOUND);
    }
}
