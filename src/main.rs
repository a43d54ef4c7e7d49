//! The program: parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _failpoints = die_where_told();
    broadsheet::cli::run()
}

/// Reads `FAILPOINTS`, like `dot-written=10*off->panic`. In such a build a panic ends the
/// process on the spot, as `kill -9` would: nothing is tidied up.
#[cfg(feature = "failpoints")]
fn die_where_told() -> fail::FailScenario<'static> {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    fail::FailScenario::setup()
}
