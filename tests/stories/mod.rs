//! What users do with the real program, told as they would tell it. Each story runs on
//! whichever database this run of the suite is about.

mod bad_input;
mod crashes;
#[cfg(feature = "failpoints")]
mod failpoints;
mod feeds;
mod mails;
mod one_answer;
mod own_links;
mod readers;
mod reading;
mod refusals;
mod sending;
mod watching;
