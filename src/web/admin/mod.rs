//! The desk.

pub mod views;
