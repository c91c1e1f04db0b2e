//! Our own agents, as processes.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The folder that cargo builds into.
///
/// # Panics
///
/// When a test isn't run from where cargo puts it.
#[must_use]
pub fn target_dir() -> PathBuf {
    let mut folder = binaries_dir();
    folder.pop();
    folder
}

/// The folder of the binaries that belong to the running test: `target/debug` or `target/release`.
///
/// # Panics
///
/// When a test isn't run from where cargo puts it.
#[must_use]
pub fn binaries_dir() -> PathBuf {
    // target/PROFILE/deps/TEST-HASH
    let test = std::env::current_exe().expect("a running test has a path");
    test.ancestors()
        .nth(2)
        .expect("cargo puts tests two folders below its target folder")
        .to_owned()
}

/// One of our binaries.
///
/// # Errors
///
/// When it isn't built: cargo builds no other package's binaries for a test.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = binaries_dir().join(name);
    ensure!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins` first",
        path.display()
    );
    path.canonicalize().with_context(|| format!("cannot resolve {}", path.display()))
}
