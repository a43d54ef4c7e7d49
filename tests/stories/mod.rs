//! What users do with the real program, told as they would tell it. Each story runs on
//! whichever database this run of the suite is about.

mod alerts;
mod bad_input;
mod crashes;
mod desk_and_worker;
mod editing;
#[cfg(feature = "failpoints")]
mod failpoints;
mod feeds;
mod hangups;
mod logins;
mod mails;
mod one_answer;
mod outages;
mod own_links;
mod pickiness;
mod programs;
mod readers;
mod reading;
mod refusals;
mod saved_server;
mod sending;
mod settings;
mod sink;
mod soak;
mod watching;
