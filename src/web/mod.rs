//! What a browser sees: routes, pages and their assets.
//!
//! Words and markup live in `pages/` (Tera) and `assets/`; each page has one view
//! struct, beside its handlers in [`public`] and [`admin`], which holds all it shows.

pub mod admin;
pub mod assets;
mod filters;
pub mod headers;
pub mod pages;
pub mod public;
mod site;

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod samples;

pub use site::{Site, base_path};
