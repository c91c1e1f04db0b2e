//! `postroad status`: whether each service answers, and what the transfer agent says of itself.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use postroad_config::Config;
use postroad_observe::control::{self, Answer, Request};
use serde::Serialize;

use crate::cli::{Form, Output, Settings};
use crate::control::Asked;
use crate::screen::{self, BAD, GOOD, LATE, styled};

/// `postroad status`
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    form: Form,
}

/// How long a service may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// All that is found out.
#[derive(Debug, Serialize)]
struct Report {
    services: Vec<Service>,
    /// What the transfer agent says, where it can be asked.
    mta: Option<control::Status>,
    /// Why it can't.
    mta_problem: Option<String>,
}

/// One place where an agent should listen.
#[derive(Debug, Serialize)]
struct Service {
    agent: &'static str,
    service: String,
    address: String,
    up: bool,
}

pub(crate) fn run(status: &Status) -> Result<ExitCode> {
    let loaded = status.settings.load()?;
    let report = look(&loaded.config);
    let mut out = anstream::stdout().lock();
    match status.form.output() {
        Output::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Output::Screen => write!(out, "{}", text(&report, screen::now()))?,
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Report {
    /// Every service answers, and mail is taken in.
    fn is_well(&self) -> bool {
        self.mta.as_ref().is_some_and(|mta| mta.refusing.is_none())
            && self.services.iter().all(|service| service.up)
    }
}

fn look(config: &Config) -> Report {
    let mut mta = None;
    let asked = crate::control::ask(Asked::Mta, config, &Request::Status, |answer| {
        if let Answer::Status(status) = answer {
            mta = Some(status);
        }
        Ok(())
    });
    let mut services = match &mta {
        Some(status) => listed(&status.listeners, &config.mta.socket),
        None => probed(&[
            ("mta", "smtp", &config.mta.smtp),
            ("mta", "submission", &config.mta.submission),
            ("mta", "submissions", &config.mta.submissions),
        ]),
    };
    let socket = &config.mda.socket;
    let up = UnixStream::connect(socket).is_ok_and(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE)).is_ok() && greets(&mut stream)
    });
    services.push(Service {
        agent: "mda",
        service: "lmtp".into(),
        address: socket.display().to_string(),
        up,
    });
    services.extend(probed(&[
        ("mda", "lmtp", &config.mda.lmtp),
        ("maa", "imap", &config.maa.imap),
        ("maa", "imaps", &config.maa.imaps),
        ("maa", "pop3", &config.maa.pop3),
        ("maa", "pop3s", &config.maa.pop3s),
        ("maa", "sieve", &config.maa.managesieve),
        ("maa", "http", &config.maa.autoconfig.http),
        ("maa", "https", &config.maa.autoconfig.https),
    ]));
    Report { services, mta, mta_problem: asked.err().map(|error| format!("{error:#}")) }
}

/// What the transfer agent says that it listens on, as `smtp 127.0.0.1:25`; its unix socket has no
/// address of its own there.
fn listed(listeners: &[String], socket: &Path) -> Vec<Service> {
    let service = |text: &String| {
        let (service, address) = text.split_once(' ').unwrap_or((text, ""));
        let address = match address {
            "unix socket" => socket.display().to_string(),
            address => address.to_owned(),
        };
        Service { agent: "mta", service: service.to_owned(), address, up: true }
    };
    listeners.iter().map(service).collect()
}

/// What the settings say, and whether somebody answers there.
fn probed(places: &[(&'static str, &'static str, &Vec<SocketAddr>)]) -> Vec<Service> {
    let each = places.iter().flat_map(|(agent, service, addresses)| {
        addresses.iter().map(move |address| Service {
            agent,
            service: (*service).to_owned(),
            address: address.to_string(),
            up: answers(service, *address),
        })
    });
    each.collect()
}

/// Whether somebody answers there; an unspecified address is asked over loopback.
fn answers(service: &str, address: SocketAddr) -> bool {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address.is_ipv4() {
            true => std::net::Ipv4Addr::LOCALHOST.into(),
            false => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return false };
    match service {
        // The client speaks first there, in TLS and HTTP: being let in is answer enough.
        "imaps" | "pop3s" | "submissions" | "http" | "https" => true,
        _ => stream.set_read_timeout(Some(PATIENCE)).is_ok() && greets(&mut stream),
    }
}

/// Reads a greeting and takes leave, so that no agent's log speaks of a lost connection.
fn greets(stream: &mut (impl io::Read + io::Write)) -> bool {
    let mut octets = [0; 512];
    let greeted = stream.read(&mut octets).is_ok_and(|read| read > 0);
    greeted && stream.write_all(b"QUIT\r\n").is_ok() && stream.read(&mut octets).is_ok()
}

fn text(report: &Report, now: u64) -> String {
    let mut lines = Vec::new();
    let mut table = screen::table(["AGENT", "SERVICE", "ADDRESS", ""]);
    for Service { agent, service, address, up } in &report.services {
        let state = if *up { styled(GOOD, "up") } else { styled(BAD, "not reachable") };
        table.add_row([*agent, service, address, &state]);
    }
    lines.push(screen::show(&table));
    match (&report.mta, &report.mta_problem) {
        (Some(mta), _) => lines.push(transfer_agent(mta, now)),
        (None, problem) => {
            let problem = problem.as_deref().unwrap_or("the transfer agent says nothing");
            lines.push(styled(BAD, screen::shown(problem, 500)) + "\n");
        }
    }
    lines.join("\n")
}

fn transfer_agent(mta: &control::Status, now: u64) -> String {
    let up = screen::span(now.saturating_sub(mta.started));
    let held = if mta.held > 0 { format!(", {} of them held", mta.held) } else { String::new() };
    let oldest =
        mta.oldest.map(|at| format!(", the oldest {} old", screen::span(now.saturating_sub(at))));
    let lost = mta.log_dropped + mta.trace_dropped;
    let mut text = format!(
        "postroad-mta {} on {}, process {}, up for {up}\n\
         queue      {} messages, {}{held}{}; {} deliveries under way\n\
         clients    {} connected\n\
         guarantee  {}\n",
        screen::shown(&mta.version, 40),
        screen::shown(&mta.hostname, 255),
        mta.pid,
        mta.queued,
        screen::size(mta.queued_octets),
        oldest.unwrap_or_default(),
        mta.delivering,
        mta.connections,
        screen::shown(&mta.guarantee, 200),
    );
    if let Some(why) = &mta.refusing {
        let why = format!("intake     stopped: {}", screen::shown(why, 500));
        text += &(styled(BAD, why) + "\n");
    }
    if lost > 0 {
        let lost = format!(
            "lost       {} log lines and {} trace records: the log's reader or the trace's disk was too slow",
            mta.log_dropped, mta.trace_dropped
        );
        text += &(styled(LATE, lost) + "\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_agent() -> control::Status {
        control::Status {
            version: "0.1.0".into(),
            hostname: "mail.example.org".into(),
            pid: 42,
            started: 1_000,
            listeners: Vec::new(),
            connections: 3,
            queued: 12,
            held: 1,
            queued_octets: 70_000,
            oldest: Some(500),
            delivering: 2,
            guarantee: "1 copy, synced: survives a power cut".into(),
            refusing: None,
            log_dropped: 0,
            trace_dropped: 9,
        }
    }

    /// Row F06: a transfer agent that answers and takes nothing in isn't well.
    #[test]
    fn f06_an_agent_that_takes_nothing_in_is_not_well() {
        let sound = Report { services: Vec::new(), mta: Some(an_agent()), mta_problem: None };
        assert!(sound.is_well());
        let refusing = Some("the queue cannot be written: EIO".to_owned());
        let mta = Some(control::Status { refusing, ..an_agent() });
        let stopped = Report { mta, ..sound };
        assert!(!stopped.is_well());
        let plain = anstream::adapter::strip_str(&text(&stopped, 5_000)).to_string();
        let line = "\nintake     stopped: the queue cannot be written: EIO\n";
        assert!(plain.contains(line), "{plain}");
    }

    #[test]
    fn the_screen() {
        let mta = an_agent();
        let service = |agent, service, up| Service {
            agent,
            service: String::from(service),
            address: "[::1]:25".into(),
            up,
        };
        let services = vec![service("mta", "smtp", true), service("maa", "pop3", false)];
        let report = Report { services, mta: Some(mta), mta_problem: None };
        let plain = anstream::adapter::strip_str(&text(&report, 5_000)).to_string();
        insta::assert_snapshot!(plain);
    }
}
