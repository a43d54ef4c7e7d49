//! The `broadsheet` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = enable_failpoints();
    broadsheet::cli::run()
}

/// Enables the failpoints in the environment variable `FAILPOINTS`, for example
/// `dot-written=10*off->panic`. A panic aborts the process without cleanup, like `kill -9`.
#[cfg(feature = "failpoints")]
fn enable_failpoints() -> fail::FailScenario<'static> {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    fail::FailScenario::setup()
}
