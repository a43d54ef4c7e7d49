//! The readers' pages from outside: requests in, answers and rows out.

mod form;
mod links;
mod site;
