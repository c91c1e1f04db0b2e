//! `postroad bans`: networks that have guessed passwords, and from which nobody new may log in for a while.
//!
//! Each agent counts for itself: the transfer agent logins of submission, the access agent all others.

use std::io::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use postroad_config::Config;
use postroad_observe::control::{Answer, Request};

use crate::cli::{Form, Output, Settings};
use crate::control::{Asked, ask, is_not_running};
use crate::screen;

/// `postroad bans`
#[derive(Debug, Args)]
pub(crate) struct Bans {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    form: Form,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lift the ban of a network, and forget what it has guessed
    Lift {
        /// The network as it is listed, or an address in it
        #[arg(value_parser = address)]
        address: IpAddr,
    },
}

/// Those who take logins.
const AGENTS: [Asked; 2] = [Asked::Mta, Asked::Maa];

/// Where somebody is banned.
#[derive(Debug)]
struct Ban {
    agent: Asked,
    network: String,
    seconds: u64,
}

/// `192.0.2.1`, `2001:db8::1` or `2001:db8::/64`.
fn address(text: &str) -> Result<IpAddr, String> {
    let address = text.strip_suffix("/64").or(text.strip_suffix("/32")).unwrap_or(text);
    address.parse().map_err(|_| "an address is meant, as 192.0.2.1 or 2001:db8::/64".to_owned())
}

pub(crate) fn run(bans: &Bans) -> Result<ExitCode> {
    let config = bans.settings.load()?.config;
    let mut out = anstream::stdout().lock();
    match &bans.action {
        None => {
            let found = ask_all(&config, &Request::Bans)?;
            let found: Vec<Ban> = found.into_iter().filter_map(Ban::of).collect();
            match bans.form.output() {
                Output::Json => {
                    for Ban { agent, network, seconds } in &found {
                        let row = serde_json::json!({ "agent": agent.program(), "network": network, "seconds": seconds });
                        writeln!(out, "{row}")?;
                    }
                }
                Output::Screen => write!(out, "{}", text(&found))?,
            }
        }
        Some(Action::Lift { address }) => {
            let answers = ask_all(&config, &Request::LiftBan { address: *address })?;
            let lifted = |(_, answer): &(Asked, Answer)| {
                matches!(answer, Answer::Lifted { was_banned: true })
            };
            if !answers.iter().any(lifted) {
                bail!("{address} isn't banned: `postroad bans` lists who is");
            }
            writeln!(out, "Who comes from the network of {address} may log in again.")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What all agents answer; one that isn't running has banned nobody.
fn ask_all(config: &Config, request: &Request) -> Result<Vec<(Asked, Answer)>> {
    let (mut answers, mut absent) = (Vec::new(), Vec::new());
    for agent in AGENTS {
        let asked = ask(agent, config, request, |answer| {
            answers.push((agent, answer));
            Ok(())
        });
        match asked {
            Ok(_) => {}
            Err(error) if is_not_running(&error) => absent.push(error),
            Err(error) => return Err(error),
        }
    }
    match absent.pop() {
        Some(error) if absent.len() + 1 == AGENTS.len() => Err(error),
        Some(_) | None => Ok(answers),
    }
}

impl Ban {
    fn of((agent, answer): (Asked, Answer)) -> Option<Self> {
        match answer {
            Answer::Ban { network, seconds } => Some(Self { agent, network, seconds }),
            _ => None,
        }
    }
}

fn text(bans: &[Ban]) -> String {
    if bans.is_empty() {
        return "Nobody is banned.\n".to_owned();
    }
    let mut table = screen::table(["NETWORK", "BY", "FOR"]);
    for Ban { agent, network, seconds } in bans {
        let (network, left) = (screen::shown(network, 50).into_owned(), screen::span(*seconds));
        table.add_row([network.as_str(), agent.program(), &left]);
    }
    screen::show(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_is_shown_and_can_be_named_as_it_is_shown() {
        assert_eq!(text(&[]), "Nobody is banned.\n");
        let network = "2001:db8::/64".to_owned();
        let text = text(&[Ban { agent: Asked::Maa, network: network.clone(), seconds: 840 }]);
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains("2001:db8::/64") && text.contains("postroad-maa"), "{text}");
        assert!(text.contains("14"), "{text}");
        for named in [network.as_str(), "192.0.2.1", "192.0.2.1/32", "2001:db8::7"] {
            assert!(address(named).is_ok(), "{named}");
        }
        for named in ["", "alice", "192.0.2.0/24", "2001:db8::/48"] {
            assert!(address(named).is_err(), "{named}");
        }
    }
}
