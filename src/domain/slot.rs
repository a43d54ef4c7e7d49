//! The week an issue belongs to.
