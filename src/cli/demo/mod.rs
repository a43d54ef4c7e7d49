//! `broadsheet demo`

mod command;
mod sample_blog;

pub use command::Demo;
