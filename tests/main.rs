//! Temporary front door of the test suite.
