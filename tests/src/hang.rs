//! Files and folders that don't answer.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::peers::Stage;
use crate::process::{Ending, Process};

/// Whoever opens one of them, or a file in one of them, waits until this is dropped. Such a process can be killed,
/// as one that waits for a file server can, and unlike one in a frozen file system.
#[derive(Debug)]
pub struct Hang {
    said: PathBuf,
    _process: Process,
}

impl Hang {
    /// Has them hang; `name` is for the logs.
    ///
    /// # Errors
    ///
    /// When the kernel doesn't let us.
    pub fn start(stage: &Stage, name: &str, paths: &[&Path]) -> Result<Self> {
        let mut command = stage.python("hang.py");
        command.args(paths);
        let said = stage.path("log").join(format!("{name}.out"));
        let mut process = Process::spawn(name, command, &stage.path("log"), Ending::Sudden)?;
        process.until("had files hang", || {
            fs::read_to_string(&said).is_ok_and(|s| s.contains('\n'))
        })?;
        Ok(Self { said, _process: process })
    }

    /// The ids of the processes that waited so far, as the caller sees them.
    #[must_use]
    pub fn waited(&self) -> Vec<i32> {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        // The last line may be half there.
        let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().filter_map(|line| line.parse().ok()).collect()
    }
}
