//! A posted form of the desk.

use axum::extract::rejection::RawFormRejection;
use axum::extract::{FromRequest, RawForm, Request};

use crate::web::auth::same_origin::is_cross_origin;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// The fields of a form that was not sent from another site.
#[derive(Clone)]
pub struct FormFields(Vec<(String, String)>);

/// Not shown: there may be a password in it.
impl std::fmt::Debug for FormFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fields(…)")
    }
}

impl FormFields {
    /// The first field of that name; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The first field of that name, if the form has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// All fields of that name.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// The fields of a link, which change nothing.
    pub fn of_query(query: &str) -> Self {
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
