//! The readers' pages.

pub mod views;
