//! The readers' pages from outside: requests in, answers and rows out.

mod caps;
mod clicks;
mod form;
mod fresh_links;
mod links;
mod rhythm;
mod site;

use axum::http::{StatusCode, header};

use crate::web::fixture::TestResponse;

fn is_taken_in(answer: &TestResponse) -> bool {
    answer.status == StatusCode::SEE_OTHER && answer.header(header::LOCATION) == "/check"
}
