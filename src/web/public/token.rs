//! The token at the end of a private link.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::web::state::SharedState;

/// The token of the path. A token that is not valid UTF-8 becomes an empty string, which is
/// rejected like a forged token.
pub struct Token(pub String);

impl FromRequestParts<SharedState> for Token {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SharedState,
    ) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(path.map(|Path(token)| token).unwrap_or_default()))
    }
}
