//! `cargo xtask VERB`: everything that a developer does with this tree, one command each.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod crash;
mod demo;
mod fuzz;
mod screens;
mod step;
mod supply;
mod test;
mod tidy;

#[derive(Parser)]
#[command(about = "Build, try, test and measure Postroad")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the whole pipeline on this host and send a letter through it.
    Demo(demo::Options),
    /// Run all that CI runs: format, lints, rules of the tree, every test.
    Test(test::Options),
    /// Check the rules of the tree: who may know whom, what stands where.
    Tidy,
    /// Check licences, sources and duplicate versions of what we link.
    Supply,
    /// Measure ours and a peer side by side, in one interleaved run.
    Bench(bench::Options),
    /// Prove for hours that no letter is lost: fail disks, kill agents, cut the power.
    Crash(crash::Options),
    /// What `bench deliver` runs on the stage: calls delivery agents in turn, as the plan on standard input says.
    #[command(hide = true)]
    OneShots,
    /// Take the README's pictures of the full screen anew.
    Screens,
    /// Fuzz one target for a while.
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Demo(options) => demo::run(&options),
        Verb::Test(options) => test::run(&options),
        Verb::Tidy => tidy::run(),
        Verb::Supply => supply::run(),
        Verb::Bench(options) => bench::run(&options),
        Verb::Crash(options) => crash::run(&options),
        Verb::OneShots => bench::one_shots(),
        Verb::Screens => screens::run(),
        Verb::Fuzz(options) => fuzz::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
