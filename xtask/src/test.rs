//! `cargo xtask test`: all that CI runs, cheapest first.

use std::process::Command;

use crate::step::{self, cargo, target_dir};
use crate::{supply, tidy};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this; leaves out format, lints and documents.
    filter: Option<String>,
}

fn run_checks() -> anyhow::Result<()> {
    step::run("format", cargo().args(["fmt", "--all", "--check"]))?;
    tidy::run()?;
    supply::run()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    step::run("lints", cargo().args(clippy))?;
    let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    step::run("documents", cargo().args(doc).env("RUSTDOCFLAGS", "-D warnings"))
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.filter.is_none() {
        run_checks()?;
    }
    // The end-to-end tests start these by path.
    step::run("build the agents", cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let _ = std::fs::remove_file(target_dir().join("peers/skipped.txt"));
    let mut tests = cargo();
    if has_nextest() {
        tests.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    } else {
        tests.args([
            "test",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
        ]);
    }
    step::run("tests", tests.args(&options.filter))?;
    if options.filter.is_none() {
        step::run(
            "tests in the documents",
            cargo().args(["test", "--workspace", "--locked", "--doc", "--quiet"]),
        )?;
    }
    report_skipped();
    Ok(())
}

fn has_nextest() -> bool {
    let version = Command::new("cargo-nextest").args(["nextest", "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}

/// Tests against real peers write here what they could not do on this machine.
fn report_skipped() {
    let skipped = std::fs::read_to_string(target_dir().join("peers/skipped.txt"));
    match skipped.as_deref().map(str::trim) {
        Ok("") | Err(_) => eprintln!("\nAll tests ran; nothing was skipped."),
        Ok(lines) => eprintln!("\nWHAT WAS NOT TESTED ON THIS MACHINE:\n{lines}"),
    }
}
