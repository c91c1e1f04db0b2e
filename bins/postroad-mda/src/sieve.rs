//! `postroad-mda sieve`: what a user's rules are, and what they would do.

use std::error::Error as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use postroad_mda::oneshot::{self, Environment, Mode, Refilter};
use postroad_mda::rules::all::{self, Finding};
use postroad_mda::rules::tools::{self, Formatted, TestEnvelope, ToolError};
use postroad_observe::inert::escape;
use postroad_observe::progress::Progress;

use crate::arguments::{Again, Tool};
use crate::told::say;

/// `postroad-mda check`; gives the exit code.
pub(crate) fn check_all(settings: &Path) -> u8 {
    let looked = || -> anyhow::Result<Vec<Finding>> {
        let config = postroad_config::load(settings)?.config;
        Ok(all::check_all(&config)?)
    };
    match looked() {
        Ok(findings) => {
            for Finding { key, text } in &findings {
                // Nobody reads: nobody misses it.
                let _ = writeln!(std::io::stdout(), "{key}: {}", escape(text));
            }
            u8::from(!findings.is_empty())
        }
        Err(error) => {
            say(&format_args!("{error:#}"));
            2
        }
    }
}

/// Runs it; gives the exit code.
pub(crate) fn run(tool: Tool) -> u8 {
    let text = match tool {
        Tool::Check { file } => tools::check(&file).map(|()| Vec::new()),
        Tool::Test { file, from, to } => {
            let envelope = TestEnvelope { from, to };
            tools::test(&file, &envelope, std::io::stdin()).map(String::into_bytes)
        }
        Tool::Format { file, write: false } => tools::format(&file, Formatted::Shown),
        Tool::Format { file, write: true } => {
            tools::format(&file, Formatted::Written).map(|_| Vec::new())
        }
    };
    match text {
        Ok(text) => match std::io::stdout().write_all(&text) {
            Ok(()) => 0,
            // Nobody reads it.
            Err(_) => 2,
        },
        Err(error) => {
            match error.source() {
                Some(cause) => say(&format_args!("{error}: {cause}")),
                None => say(&error),
            }
            match error {
                ToolError::Mistakes(_) => 1,
                ToolError::File { .. } | ToolError::Address(_) => 2,
            }
        }
    }
}

/// Runs a user's rules over letters that are filed already; gives the exit code.
pub(crate) fn refilter(again: Again) -> u8 {
    let Again { config, user, folders, script, apply } = again;
    let mode = if apply { Mode::Apply } else { Mode::Preview };
    let wanted = Refilter { config, user, folders, script, mode };
    let environment = Environment::read(|name| std::env::var(name).ok());
    let refiltered = oneshot::refilter(&wanted, &environment, &mut Shown(Progress::new()));
    match refiltered {
        Ok(count) => {
            let done = match wanted.mode {
                Mode::Apply => "changed",
                Mode::Preview => "would be changed (--apply does it)",
            };
            if std::io::stderr().is_terminal() || count.failed > 0 {
                say(&format_args!(
                    "{} letters, {} {done}, {} stayed for an error",
                    count.letters, count.changed, count.failed
                ));
            }
            u8::from(count.failed > 0)
        }
        Err(verdict) => {
            let _ = writeln!(std::io::stderr(), "{verdict}");
            2
        }
    }
}

/// A line for each letter goes to whoever called it.
struct Shown(Progress);

impl oneshot::Listener for Shown {
    fn expects(&mut self, letters: usize) {
        self.0.expects(letters);
    }

    fn hears(&mut self, line: &str) -> std::io::Result<()> {
        self.0.has_done();
        self.0.says(line)
    }
}
