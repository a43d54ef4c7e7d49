//! The readers' pages from outside: requests in, answers and rows out.

mod clicks;
mod email_links;
mod form;
mod links;
mod rate_limits;
mod schedule;
mod site;

use axum::http::{StatusCode, header};

use crate::web::tests::fixture::TestResponse;

fn is_taken_in(answer: &TestResponse) -> bool {
    answer.status == StatusCode::SEE_OTHER && answer.header(header::LOCATION) == "/check"
}
