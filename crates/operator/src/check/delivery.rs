//! What the delivery agent finds wrong with users' rules. It alone knows how they are read, so it is asked.

use std::path::Path;
use std::process::Command;

use postroad_observe::inert;

use super::{Look, chain};
use crate::up::program;

/// Its exit code where it has looked and found nothing, or something.
const LOOKED: [Option<i32>; 2] = [Some(0), Some(1)];

impl Look<'_> {
    /// Asks the agent beside us; a host without one has no rules.
    pub(super) fn delivery(&mut self, settings: &Path) {
        let Ok(agent) = program("postroad-mda") else { return };
        let output = Command::new(agent).arg("check").arg("--config").arg(settings).output();
        match output {
            Ok(output) if LOOKED.contains(&output.status.code()) => {
                self.rules(&String::from_utf8_lossy(&output.stdout));
            }
            Ok(_) => self.warn(
                "mda.sieve",
                "users' rules could not be looked at: run \"postroad-mda check\"",
            ),
            Err(error) => {
                let why = chain(&error);
                self.warn("mda.sieve", format!("users' rules could not be looked at: {why}"));
            }
        }
    }

    /// Lines of `setting: what is wrong`.
    pub(super) fn rules(&mut self, said: &str) {
        for (key, text) in said.lines().filter_map(|line| line.split_once(": ")) {
            self.warn(key, inert::escape(text));
        }
    }
}
