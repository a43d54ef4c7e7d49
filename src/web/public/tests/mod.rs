//! Requests to the public pages: responses and stored rows.

mod clicks;
mod email_links;
mod form;
mod leaving;
mod links;
mod rate_limits;
mod schedule;
mod script;
mod site;
mod test_copy;

use axum::http::{StatusCode, header};

use crate::web::tests::fixture::TestResponse;

/// Returns whether a sign-up was accepted.
fn is_accepted(response: &TestResponse) -> bool {
    response.status == StatusCode::SEE_OTHER && response.header(header::LOCATION) == "/check"
}
