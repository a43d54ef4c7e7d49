//! The program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    broadsheet::cli::run()
}
