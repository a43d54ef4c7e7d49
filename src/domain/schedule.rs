//! When issues go out.
