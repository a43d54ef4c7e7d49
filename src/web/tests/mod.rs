//! Tests of the web as a whole, and what the tests of its parts share.

mod contrast;
pub mod fixture;
mod pages;
pub mod samples;
