//! `postroad`: runs a mail suite, and looks after one. All of it is in `postroad_operator`.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use postroad_operator::cli::run;

fn main() -> ExitCode {
    postroad_net::tls::install_provider();
    run(std::env::args_os()).unwrap_or_else(|error| {
        // A reader that has had enough (`postroad queue | head`) is no failure.
        if error.downcast_ref::<std::io::Error>().is_some_and(is_closed_pipe) {
            return ExitCode::SUCCESS;
        }
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "postroad: {error:#}");
        ExitCode::FAILURE
    })
}

fn is_closed_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}
