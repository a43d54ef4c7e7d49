//! Fields of a form that was posted to the admin UI.

use axum::extract::rejection::RawFormRejection;
use axum::extract::{FromRequest, RawForm, Request};

use crate::web::auth::same_origin::is_cross_origin;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Fields of a form in their order. The extractor rejects forms from other sites.
#[derive(Clone)]
pub struct FormFields(Vec<(String, String)>);

/// Prints no content: a field may contain a password.
impl std::fmt::Debug for FormFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormFields(…)")
    }
}

impl FormFields {
    /// Returns the first field with this name, or an empty string.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Returns the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// Returns all fields with this name.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// Parses the query of a link. Only for pages that change nothing: the origin of the
    /// request is not checked.
    pub fn from_query(query: &str) -> Self {
        Self(parse(query.as_bytes()))
    }
}

impl FromRequest<SharedState> for FormFields {
    type Rejection = HttpError;

    async fn from_request(request: Request, shared: &SharedState) -> Result<Self, HttpError> {
        if is_cross_origin(request.headers(), &shared.web.door.public_url) {
            return Err(HttpError::Forbidden);
        }
        let RawForm(body) = match RawForm::from_request(request, shared).await {
            Ok(form) => form,
            Err(RawFormRejection::InvalidFormContentType(_)) => return Err(HttpError::NoForm),
            Err(_) => return Err(HttpError::Mangled),
        };
        Ok(Self(parse(&body)))
    }
}

fn parse(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}
