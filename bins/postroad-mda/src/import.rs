//! `postroad-mda import`: rules of other delivery agents as Sieve.

use std::error::Error as _;
use std::io::Write as _;

use clap::ValueEnum;
use postroad_mda::rules::import::{self, Agent, ImportError};

use crate::arguments::Import;
use crate::told::say;

/// Whose rules they are written as.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    /// procmail's .procmailrc.
    Procmail,
    /// maildrop's .mailfilter.
    #[value(alias = "maildrop")]
    Mailfilter,
    /// sendmail's and Postfix's .forward.
    Forward,
}

/// Runs it; gives the exit code.
pub(crate) fn run(wanted: &Import) -> u8 {
    match import(wanted) {
        Ok(code) => code,
        Err(error) => {
            match error.source() {
                Some(cause) => say(&format_args!("{error}: {cause}")),
                None => say(&error),
            }
            2
        }
    }
}

fn import(Import { language, file, output, programs }: &Import) -> Result<u8, ImportError> {
    let agent = match language {
        Language::Procmail => Agent::Procmail,
        Language::Mailfilter => Agent::Maildrop,
        Language::Forward => Agent::Sendmail,
    };
    let imported = import::import(agent, file)?;
    for finding in &imported.findings {
        say(finding);
    }
    if let Some(folder) = programs {
        import::write_programs(&imported, folder)?;
    }
    match output {
        Some(path) => import::write_script(&imported, path)?,
        // Whether anybody reads it is theirs to know.
        None => drop(std::io::stdout().write_all(imported.sieve.as_bytes())),
    }
    Ok(u8::from(imported.left_something()))
}
