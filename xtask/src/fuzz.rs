//! `cargo xtask fuzz TARGET SECONDS`: libFuzzer with coverage feedback, on the stable compiler.

use anyhow::{Context as _, bail};

use crate::step::{self, cargo, root};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// One of `tests/fuzz/targets/*.rs`.
    target: String,
    /// How long.
    #[arg(default_value_t = 60)]
    seconds: u32,
}

/// cargo-fuzz needs a nightly compiler for these; the passes themselves are in every LLVM.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions";

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let fuzz = root().join("tests/fuzz");
    let triple = "x86_64-unknown-linux-gnu";
    let source = fuzz.join("targets").join(format!("{}.rs", options.target));
    if !source.is_file() {
        bail!("there is no fuzz target {}; see tests/fuzz/targets", options.target);
    }
    step::run(
        "build the fuzz target",
        cargo()
            .current_dir(&fuzz)
            .env("RUSTFLAGS", COVERAGE)
            .env("CARGO_TARGET_DIR", fuzz.join("target"))
            .args(["build", "--release", "--target", triple, "--bin", &options.target]),
    )?;
    let corpus = fuzz.join("target/corpus").join(&options.target);
    std::fs::create_dir_all(&corpus)
        .with_context(|| format!("cannot make {}", corpus.display()))?;
    let program = fuzz.join("target").join(triple).join("release").join(&options.target);
    step::run(
        "fuzz",
        std::process::Command::new(program)
            .current_dir(&fuzz)
            .arg(&corpus)
            .arg(fuzz.join("seeds").join(&options.target))
            .args([format!("-max_total_time={}", options.seconds), "-rss_limit_mb=2048".into()]),
    )
}
