//! `postroad reload`: has the agents read their settings again, without dropping a session.
//!
//! Each takes all or nothing, and says what counts later. One that isn't running reads everything when it starts.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use postroad_config::Config;
use postroad_observe::control::{Answer, Request};

use crate::cli::Settings;
use crate::control::{Asked, ask, is_not_running};
use crate::screen;

/// `postroad reload`
#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    settings: Settings,
}

/// Who is told.
const AGENTS: [Asked; 2] = [Asked::Mta, Asked::Maa];
/// What is wrong is found before anything is taken over.
const UNCHANGED: &str = "nothing was reloaded";
/// It has no socket that could be asked.
const DELIVERY: &str = "The delivery agent looks for new users and aliases by itself; what has changed in [mda] counts for it after a restart.\n";

/// What became of one agent's settings.
enum Told {
    Reloaded {
        restart: Vec<String>,
        next_process: Vec<String>,
    },
    /// Why the old ones stay.
    Refused(anyhow::Error),
    NotRunning(anyhow::Error),
}

pub(crate) fn run(reload: &Reload) -> Result<ExitCode> {
    let loaded = reload.settings.load().context(UNCHANGED)?;
    let told = AGENTS.map(|asked| (asked, tell(asked, &loaded.config)));
    let is_refused = told.iter().any(|(_, told)| matches!(told, Told::Refused(_)));
    if told.iter().all(|(_, told)| matches!(told, Told::NotRunning(_))) {
        let reasons = told.map(|(_, told)| told.reason());
        bail!("{UNCHANGED}: {}", reasons.join("; "));
    }
    let mut out = anstream::stdout().lock();
    for (asked, told) in &told {
        write!(out, "{}", report(*asked, told))?;
    }
    write!(out, "{DELIVERY}")?;
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn tell(asked: Asked, config: &Config) -> Told {
    let (mut restart, mut next_process) = (Vec::new(), Vec::new());
    let answered = ask(asked, config, &Request::Reload, |answer| {
        if let Answer::Reloaded { restart: keys, next_process: others } = answer {
            (restart, next_process) = (keys, others);
        }
        Ok(())
    });
    match answered {
        Ok(_) => Told::Reloaded { restart, next_process },
        Err(error) if is_not_running(&error) => Told::NotRunning(error),
        Err(error) => Told::Refused(error),
    }
}

impl Told {
    fn reason(self) -> String {
        match self {
            Self::Reloaded { .. } => String::new(),
            Self::Refused(error) | Self::NotRunning(error) => format!("{error:#}"),
        }
    }
}

fn report(asked: Asked, told: &Told) -> String {
    let name = asked.name().replacen('t', "T", 1);
    match told {
        Told::Reloaded { restart, next_process } => {
            let mut text = format!(
                "{name} has read its settings, certificate, users and aliases again: they count for sessions to come.\n"
            );
            if !next_process.is_empty() {
                let keys = next_process.join(", ");
                text += &format!(
                    "  These have changed and count for a user whose process runs from the next one on, soon after the user's last session: {keys}\n"
                );
            }
            if !restart.is_empty() {
                let (keys, program) = (restart.join(", "), asked.program());
                text += &format!(
                    "  These have changed too and count after a restart (systemctl restart {program}, or end `postroad up` and start it again): {keys}\n"
                );
            }
            text
        }
        Told::Refused(error) => {
            format!("{name} goes on as it was: {}\n", screen::shown(&format!("{error:#}"), 2_000))
        }
        Told::NotRunning(_) => {
            format!("{name} isn't running, and reads all of that when it starts.\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_later_is_named() {
        let told = |restart: &[&str], next_process: &[&str]| Told::Reloaded {
            restart: restart.iter().map(ToString::to_string).collect(),
            next_process: next_process.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(report(Asked::Mta, &told(&[], &[])).lines().count(), 1);
        let text = report(Asked::Mta, &told(&["mta.smtp", "trace"], &[]));
        assert!(text.ends_with("start it again): mta.smtp, trace\n"), "{text}");
        let text = report(Asked::Maa, &told(&["maa.imap"], &["maa.full_text"]));
        assert!(text.starts_with("The access agent has read"), "{text}");
        assert!(text.contains("last session: maa.full_text\n"), "{text}");
        assert!(text.contains("systemctl restart postroad-maa"), "{text}");
        let text = report(Asked::Maa, &Told::Refused(anyhow::anyhow!("a\u{1b}[2J")));
        assert!(text.contains("goes on as it was: a") && !text.contains('\u{1b}'), "{text}");
    }
}
