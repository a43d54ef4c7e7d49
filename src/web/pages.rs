//! Turns view structs into pages. The words are in `pages/`, embedded and autoescaped.

use std::sync::Arc;

use axum::response::Html;
use rust_embed::Embed;
use serde::{Serialize, Serializer};
use tera::{Context, Kwargs, State, Tera};

use crate::domain::clock::Timestamp;
use crate::web::assets::Assets;
use crate::web::filters;
use crate::web::site::Site;

#[derive(Embed)]
#[folder = "src/web/pages"]
struct Sources;

/// What one page shows. Its fields are the template's variables; `site` is there too.
pub trait View: Serialize {
    const TEMPLATE: &'static str;
}

/// Says which template shows which view.
macro_rules! templates {
    ($($view:ty => $template:literal),+ $(,)?) => {
        $(impl $crate::web::pages::View for $view { const TEMPLATE: &'static str = $template; })+
    };
}
pub(crate) use templates;

#[derive(Debug, thiserror::Error)]
#[error("the page {template}: {source}")]
pub struct PageError {
    template: &'static str,
    source: tera::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("the built-in page templates: {0}")]
pub struct TemplatesError(#[from] tera::Error);

/// The pages of one site, parsed and ready.
#[derive(Clone)]
pub struct Pages {
    tera: Arc<Tera>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages(…)")
    }
}

impl Pages {
    /// Parses all templates. Made anew when the site's settings change.
    ///
    /// # Errors
    /// When a built-in template does not parse, which a test rules out.
    pub fn new(site: &Site, assets: &Assets) -> Result<Self, TemplatesError> {
        let mut tera = Tera::new();
        filters::register(&mut tera, site.zone.clone());
        let (base, names) = (site.base.clone(), assets.clone());
        tera.register_function(
            "asset",
            move |words: Kwargs, _: &State| -> tera::TeraResult<String> {
                let name = words.must_get::<&str>("name")?;
                let hashed = names
                    .hashed_name(name)
                    .ok_or_else(|| tera::Error::message(format!("no asset '{name}'")))?;
                Ok(format!("{base}/assets/{hashed}"))
            },
        );
        tera.global_context().insert("site", site);
        tera.add_raw_templates(sources())?;
        Ok(Self {
            tera: Arc::new(tera),
        })
    }

    /// The page's text.
    ///
    /// # Errors
    /// When the template wants what the view does not have, which a test rules out.
    pub fn text<V: View>(&self, view: &V) -> Result<String, PageError> {
        Context::from_serialize(view)
            .and_then(|context| self.tera.render(V::TEMPLATE, &context))
            .map_err(|source| PageError {
                template: V::TEMPLATE,
                source,
            })
    }

    /// The page as an answer. Errors as in [`Self::text`].
    pub fn html<V: View>(&self, view: &V) -> Result<Html<String>, PageError> {
        self.text(view).map(Html)
    }
}

/// Each template's name and text.
pub(super) fn sources() -> Vec<(String, String)> {
    let text = |name: &str| {
        Sources::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
    };
    Sources::iter()
        .filter_map(|name| text(&name).map(|text| (name.into_owned(), text)))
        .collect()
}

/// A moment as templates take it: Unix milliseconds.
pub fn millis<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(moment.as_millis())
}

/// The same, or nothing.
pub fn maybe_millis<S: Serializer>(
    moment: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    moment.map(Timestamp::as_millis).serialize(serializer)
}
