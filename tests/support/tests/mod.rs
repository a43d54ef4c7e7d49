//! The support is software too: what the suite leans on is itself tested.

mod blog;
mod process;
mod smtp_server;
