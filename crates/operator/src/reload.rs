//! `postroad reload`: has the transfer agent read its settings again, without dropping a session.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use postroad_observe::control::{Answer, Request};

use crate::cli::Settings;
use crate::control::ask;

/// `postroad reload`
#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) fn run(reload: &Reload) -> Result<ExitCode> {
    let mut restart = Vec::new();
    let loaded = reload.settings.load().context(UNCHANGED)?;
    let socket = loaded.config.mta.control;
    ask(&socket, &Request::Reload, |answer| {
        if let Answer::Reloaded { restart: keys } = answer {
            restart = keys;
        }
        Ok(())
    })
    .context(UNCHANGED)?;
    write!(anstream::stdout(), "{}", report(&restart))?;
    Ok(ExitCode::SUCCESS)
}

/// What is wrong is found before anything is taken over.
const UNCHANGED: &str = "nothing was reloaded";

fn report(restart: &[String]) -> String {
    let reloaded =
        "The transfer agent has read its settings, certificate, users and aliases again.\n";
    match restart {
        [] => reloaded.to_owned(),
        keys => format!(
            "{reloaded}These have changed too and count after a restart (systemctl restart postroad-mta, or end `postroad up` and start it again): {}\n",
            keys.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_restart_is_named() {
        assert_eq!(report(&[]).lines().count(), 1);
        let report = report(&["mta.smtp".to_owned(), "trace".to_owned()]);
        assert!(report.ends_with("start it again): mta.smtp, trace\n"), "{report}");
    }
}
