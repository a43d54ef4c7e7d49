//! Renders view structs into pages. The templates are in `pages/`, embedded and autoescaped.

pub mod filters;
pub mod site;

use std::sync::Arc;

use axum::response::Html;
use rust_embed::Embed;
use serde::{Serialize, Serializer};
use tera::{Context, Kwargs, State, Tera};

use crate::domain::clock::Timestamp;
use crate::web::assets::Assets;
use crate::web::render::site::Site;

/// The template files.
#[derive(Embed)]
#[folder = "src/web/pages"]
struct Sources;

/// Content of a page. Its fields are the variables of the template, next to `site`.
pub trait View: Serialize {
    /// Path of the template below `pages/`.
    const TEMPLATE: &'static str;
}

/// Implements [`View`] with the template of each view.
macro_rules! templates {
    ($($view:ty => $template:literal),+ $(,)?) => {
        $(impl $crate::web::render::View for $view { const TEMPLATE: &'static str = $template; })+
    };
}
pub(crate) use templates;

/// A page that could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("cannot render {template}: {source}")]
pub struct PageError {
    template: &'static str,
    source: tera::Error,
}

/// A built-in template that does not parse.
#[derive(Debug, thiserror::Error)]
#[error("cannot parse the built-in page templates: {0}")]
pub struct TemplatesError(#[from] tera::Error);

/// The parsed templates of a site.
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
    /// Parses all templates. Needed again when the settings of the site change.
    ///
    /// # Errors
    /// Returns [`TemplatesError`] if a built-in template does not parse, which a test rules
    /// out.
    pub fn new(site: &Site, assets: &Assets) -> Result<Self, TemplatesError> {
        let mut tera = Tera::new();
        filters::register(&mut tera, site.zone.clone());
        let (base, assets) = (site.base.clone(), assets.clone());
        tera.register_function(
            "asset",
            move |arguments: Kwargs, _: &State| -> tera::TeraResult<String> {
                let name = arguments.must_get::<&str>("name")?;
                let hashed = assets
                    .hashed_name(name)
                    .ok_or_else(|| tera::Error::message(format!("unknown asset '{name}'")))?;
                Ok(format!("{base}/assets/{hashed}"))
            },
        );
        tera.global_context().insert("site", site);
        tera.add_raw_templates(sources())?;
        Ok(Self {
            tera: Arc::new(tera),
        })
    }

    /// Renders a page.
    ///
    /// # Errors
    /// Returns [`PageError`] if the template uses a variable that the view does not have, which
    /// a test rules out.
    pub fn text<V: View>(&self, view: &V) -> Result<String, PageError> {
        Context::from_serialize(view)
            .and_then(|context| self.tera.render(V::TEMPLATE, &context))
            .map_err(|source| PageError {
                template: V::TEMPLATE,
                source,
            })
    }

    /// Renders a page as an HTML response.
    ///
    /// # Errors
    /// Returns [`PageError`] as [`Self::text`] does.
    pub fn html<V: View>(&self, view: &V) -> Result<Html<String>, PageError> {
        self.text(view).map(Html)
    }
}

/// Returns name and text of each template.
pub(crate) fn sources() -> Vec<(String, String)> {
    let text = |name: &str| {
        Sources::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned())
    };
    Sources::iter()
        .filter_map(|name| text(&name).map(|text| (name.into_owned(), text)))
        .collect()
}

/// Serializes a timestamp for a template, as Unix milliseconds.
///
/// # Errors
/// Returns the serializer's error.
pub fn millis<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.as_millis())
}

/// Serializes an optional timestamp for a template, as Unix milliseconds.
///
/// # Errors
/// Returns the serializer's error.
pub fn maybe_millis<S: Serializer>(
    at: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(Timestamp::as_millis).serialize(serializer)
}
