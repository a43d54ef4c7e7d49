//! Style, script, font and icon: embedded, named by what is in them, compressed once.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use crate::domain::accent::Accent;

#[derive(Embed)]
#[folder = "src/web/assets"]
struct Files;

/// A year: a name with a hash in it never means anything else.
const FOREVER: &str = "public, max-age=31536000, immutable";

#[derive(Debug)]
struct Asset {
    content_type: &'static str,
    plain: Bytes,
    /// Where it saves a tenth or more.
    gzip: Option<Bytes>,
}

/// All assets, ready to be sent.
#[derive(Clone, Debug)]
pub struct Assets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `app.css` → `app.1f0c2e77a3b4c5d6.css`
    names: HashMap<String, String>,
    by_hashed_name: HashMap<String, Asset>,
}

impl Assets {
    /// Hashes and compresses what is embedded, the style with the newsletter's colour.
    pub fn load(accent: Accent) -> Self {
        let mut inner = Inner {
            names: HashMap::new(),
            by_hashed_name: HashMap::new(),
        };
        // The style names the font, so its own name depends on the font's.
        let (styles, others): (Vec<_>, Vec<_>) =
            Files::iter().partition(|name| name.ends_with(".css"));
        for name in others.iter().chain(&styles) {
            let (Some(file), Some(content_type)) = (Files::get(name), content_type(name)) else {
                continue;
            };
            let mut data = file.data.into_owned();
            if name.ends_with(".css") {
                let style = with_hashed_names(&String::from_utf8_lossy(&data), &inner.names);
                data = in_colour(style, accent).into_bytes();
            }
            let hashed = hashed_name(name, &data);
            inner.names.insert(name.to_string(), hashed.clone());
            inner
                .by_hashed_name
                .insert(hashed, Asset::new(content_type, data));
        }
        Self(Arc::new(inner))
    }

    /// The name under which `/assets/` serves the file `name`.
    pub fn hashed_name(&self, name: &str) -> Option<&str> {
        self.0.names.get(name).map(String::as_str)
    }

    /// `/assets/{name}`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/assets/{name}", get(serve))
            .with_state(self)
    }
}

async fn serve(
    State(assets): State<Assets>,
    Path(name): Path<String>,
    request: HeaderMap,
) -> Response {
    match assets.0.by_hashed_name.get(&name) {
        Some(asset) => asset.respond(takes_gzip(&request)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Asset {
    fn new(content_type: &'static str, data: Vec<u8>) -> Self {
        let gzip = compress(&data)
            .filter(|packed| packed.len() < data.len() / 10 * 9)
            .map(Bytes::from);
        Self {
            content_type,
            plain: Bytes::from(data),
            gzip,
        }
    }

    fn respond(&self, takes_gzip: bool) -> Response {
        let body = match &self.gzip {
            Some(packed) if takes_gzip => packed,
            _ => &self.plain,
        };
        let mut response = body.clone().into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOREVER));
        if self.gzip.is_some() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            if takes_gzip {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }
}

/// `None` for what is kept beside the assets and not served, like the font's licence.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

fn hashed_name(name: &str, data: &[u8]) -> String {
    let hash = hex::encode(&Sha256::digest(data)[..8]);
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}.{hash}.{ending}"),
        None => format!("{name}.{hash}"),
    }
}

fn with_hashed_names(style: &str, names: &HashMap<String, String>) -> String {
    names
        .iter()
        .fold(style.to_owned(), |style, (name, hashed)| {
            style.replace(&format!("url({name})"), &format!("url({hashed})"))
        })
}

/// Style sheets must not come from the page itself: the colour is in the file.
fn in_colour(style: String, accent: Accent) -> String {
    if accent == Accent::default() {
        return style;
    }
    let light = format!(
        ":root{{--accent:{};--soft:{}}}",
        accent.light(),
        accent.soft_light()
    );
    let dark = format!(
        ":root{{--accent:{};--on-accent:{};--soft:{}}}",
        accent.dark(),
        accent.on_dark(),
        accent.soft_dark()
    );
    format!("{style}\n{light}\n@media(prefers-color-scheme:dark){{{dark}}}\n")
}

fn compress(data: &[u8]) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(data).ok()?;
    packer.finish().ok()
}

/// RFC 9110 §12.5.3: gzip is named and not refused by `q=0`.
fn takes_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value.split(',').any(|coding| {
                let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
                let weight = weight
                    .trim()
                    .strip_prefix("q=")
                    .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
                name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_names_the_font_as_it_is_served() {
        let assets = Assets::load(Accent::default());
        let font = assets.hashed_name("newsreader-600.woff2").unwrap();
        let style = &assets.0.by_hashed_name[assets.hashed_name("app.css").unwrap()];
        let style = String::from_utf8_lossy(&style.plain).into_owned();
        assert!(style.contains(&format!("url({font})")));
        for reference in style.split("url(").skip(1) {
            let name = reference.split(')').next().unwrap();
            assert!(
                assets.0.by_hashed_name.contains_key(name),
                "{name} is not served"
            );
        }
    }

    #[test]
    fn the_desks_script_stays_within_3_kb() {
        let assets = Assets::load(Accent::default());
        let script = &assets.0.by_hashed_name[assets.hashed_name("app.js").unwrap()];
        assert!(script.gzip.as_ref().unwrap().len() <= 3 * 1024);
    }

    #[test]
    fn compressed_only_for_who_takes_it_and_where_it_helps() {
        let assets = Assets::load(Accent::default());
        let style = &assets.0.by_hashed_name[assets.hashed_name("app.css").unwrap()];
        let packed = style.respond(true);
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(packed.headers()[header::CACHE_CONTROL], FOREVER);
        assert!(
            !style
                .respond(false)
                .headers()
                .contains_key(header::CONTENT_ENCODING)
        );
        let font = &assets.0.by_hashed_name[assets.hashed_name("newsreader-600.woff2").unwrap()];
        assert!(
            !font
                .respond(true)
                .headers()
                .contains_key(header::CONTENT_ENCODING)
        );
        assert_eq!(assets.hashed_name("newsreader-OFL.txt"), None);
    }

    #[test]
    fn gzip_is_taken_when_named_and_not_refused() {
        let asks = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_str(value).unwrap(),
            );
            takes_gzip(&headers)
        };
        assert!(asks("br, gzip;q=0.8"));
        assert!(asks("GZIP"));
        assert!(!asks("gzip;q=0, br"));
        assert!(!asks("identity"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
