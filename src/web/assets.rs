//! Style sheet, script, font and icon: embedded, named by their content and compressed once.

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

/// The asset files.
#[derive(Embed)]
#[folder = "src/web/assets"]
struct Files;

/// Caches for one year: a name that contains a hash always has the same content.
const CACHE_FOREVER: &str = "public, max-age=31536000, immutable";

/// A file as it is served.
#[derive(Debug)]
struct Asset {
    content_type: &'static str,
    plain: Bytes,
    /// Compressed content, if it is at least 10 % smaller.
    gzip: Option<Bytes>,
}

/// All assets, ready to be served.
#[derive(Clone, Debug)]
pub struct Assets(Arc<AssetMap>);

#[derive(Debug, Default)]
struct AssetMap {
    /// File name to served name: `app.css` to `app.1f0c2e77a3b4c5d6.css`.
    served_names: HashMap<String, String>,
    by_served_name: HashMap<String, Asset>,
}

impl Assets {
    /// Hashes and compresses the embedded files. The style sheet gets the accent color.
    pub fn load(accent: Accent) -> Self {
        let mut assets = AssetMap::default();
        // The style sheet contains the name of the font, so its own name depends on the font's.
        let (styles, others): (Vec<_>, Vec<_>) =
            Files::iter().partition(|name| name.ends_with(".css"));
        for name in others.iter().chain(&styles) {
            let (Some(file), Some(content_type)) = (Files::get(name), content_type(name)) else {
                continue;
            };
            let mut data = file.data.into_owned();
            if name.ends_with(".css") {
                let style = String::from_utf8_lossy(&data);
                let style = with_served_names(&style, &assets.served_names);
                data = with_accent(style, accent).into_bytes();
            }
            let served_name = served_name(name, &data);
            let asset = Asset::new(content_type, data);
            assets.by_served_name.insert(served_name.clone(), asset);
            assets.served_names.insert(name.to_string(), served_name);
        }
        Self(Arc::new(assets))
    }

    /// Returns the name below `/assets/` under which the file `name` is served.
    pub fn hashed_name(&self, name: &str) -> Option<&str> {
        self.0.served_names.get(name).map(String::as_str)
    }

    /// Returns the route `/assets/{name}`.
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
    match assets.0.by_served_name.get(&name) {
        Some(asset) => asset.response(accepts_gzip(&request)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Asset {
    fn new(content_type: &'static str, data: Vec<u8>) -> Self {
        let gzip = compress(&data).filter(|packed| packed.len() < data.len() / 10 * 9);
        Self {
            content_type,
            plain: data.into(),
            gzip: gzip.map(Bytes::from),
        }
    }

    fn response(&self, accepts_gzip: bool) -> Response {
        let body = match &self.gzip {
            Some(packed) if accepts_gzip => packed,
            _ => &self.plain,
        };
        let mut response = body.clone().into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(CACHE_FOREVER),
        );
        if self.gzip.is_some() {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
            if accepts_gzip {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }
}

/// Returns the media type, or `None` for a file that is not served, such as the font's license.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

fn served_name(name: &str, data: &[u8]) -> String {
    let hash = hex::encode(&Sha256::digest(data)[..8]);
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{name}.{hash}"),
    }
}

/// Replaces the file names in a style sheet by the served names.
fn with_served_names(style: &str, names: &HashMap<String, String>) -> String {
    names
        .iter()
        .fold(style.to_owned(), |style, (name, served_name)| {
            style.replace(&format!("url({name})"), &format!("url({served_name})"))
        })
}

/// Appends the accent color to the style sheet. The content security policy forbids inline
/// styles, so that a page cannot set it.
fn with_accent(style: String, accent: Accent) -> String {
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
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).ok()?;
    encoder.finish().ok()
}

/// Returns whether the request accepts gzip (RFC 9110 §12.5.3): it is named without `q=0`.
fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight
                .trim()
                .strip_prefix("q=")
                .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            name.trim().eq_ignore_ascii_case("gzip") && weight > 0.0
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset<'a>(assets: &'a Assets, name: &str) -> &'a Asset {
        &assets.0.by_served_name[assets.hashed_name(name).unwrap()]
    }

    #[test]
    fn style_sheet_names_served_font() {
        let assets = Assets::load(Accent::default());
        let font = assets.hashed_name("newsreader-600.woff2").unwrap();

        let style = String::from_utf8_lossy(&asset(&assets, "app.css").plain).into_owned();

        assert!(style.contains(&format!("url({font})")));
        for reference in style.split("url(").skip(1) {
            let name = reference.split(')').next().unwrap();
            assert!(
                assets.0.by_served_name.contains_key(name),
                "{name} is not served"
            );
        }
    }

    #[test]
    fn content_type_follows_file_name() {
        let assets = Assets::load(Accent::default());

        for (name, content_type) in [
            ("app.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("icon.svg", "image/svg+xml"),
            ("newsreader-600.woff2", "font/woff2"),
        ] {
            assert_eq!(asset(&assets, name).content_type, content_type, "{name}");
        }
        assert_eq!(assets.hashed_name("newsreader-OFL.txt"), None);
    }

    #[test]
    fn compressed_script_is_at_most_3_kb() {
        let assets = Assets::load(Accent::default());

        let compressed = asset(&assets, "app.js").gzip.as_ref().unwrap();

        assert!(compressed.len() <= 3 * 1024);
    }

    #[test]
    fn gzip_is_sent_only_if_accepted_and_smaller() {
        let assets = Assets::load(Accent::default());
        let encoding = |name, accepts_gzip| {
            let response = asset(&assets, name).response(accepts_gzip);
            assert_eq!(response.headers()[header::CACHE_CONTROL], CACHE_FOREVER);
            response.headers().get(header::CONTENT_ENCODING).cloned()
        };

        assert_eq!(encoding("app.css", true).unwrap(), "gzip");
        assert_eq!(encoding("app.css", false), None);
        assert_eq!(encoding("newsreader-600.woff2", true), None);
    }

    #[test]
    fn accepts_gzip_honors_quality_zero() {
        let accepts = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_str(value).unwrap(),
            );
            accepts_gzip(&headers)
        };

        assert!(accepts("br, gzip;q=0.8"));
        assert!(accepts("GZIP"));
        assert!(!accepts("gzip;q=0, br"));
        assert!(!accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
