//! `postroad explain`: what the transfer agent would do with a letter, without one.
//!
//! The running agent answers, by the code that decides in a real session, with the settings, users and routes
//! that are in force there.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use postroad_observe::control::{
    Allowance, Answer, Case, Destination, Explanation, Request, Ruling,
};
use postroad_observe::inert;

use crate::cli::{Form, Output, Settings};
use crate::control::{Asked, ask};
use crate::queue::octets;
use crate::screen::{BAD, FAINT, GOOD, STRONG, grouped, size, span, styled};

/// `postroad explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    settings: Settings,
    /// The sender's address; "<>" for a bounce
    #[arg(long, value_name = "ADDRESS", default_value = "<>")]
    from: String,
    /// The recipient's address
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The client's IP address [default: a stranger's]
    #[arg(long, value_name = "IP")]
    client: Option<String>,
    /// The user who has logged in, on the submission port
    #[arg(long, value_name = "USER")]
    login: Option<String>,
    /// The content's size that the client announces, as in 500, 64KiB, 10MiB
    #[arg(long, value_name = "SIZE", value_parser = octets)]
    size: Option<u64>,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(explain: &Explain) -> Result<ExitCode> {
    let config = explain.settings.load()?.config;
    let case = Case {
        from: explain.from.clone(),
        to: explain.to.clone(),
        client: explain.client.clone(),
        login: explain.login.clone(),
        size: explain.size,
    };
    let mut explanation = None;
    ask(Asked::Mta, &config, &Request::Explain(case.clone()), |answer| {
        if let Answer::Explanation(told) = answer {
            explanation = Some(told);
        }
        Ok(())
    })?;
    let explanation = explanation.context("the transfer agent explained nothing")?;
    let mut out = anstream::stdout().lock();
    match explain.form.output() {
        Output::Json => writeln!(out, "{}", serde_json::to_string(&explanation)?)?,
        Output::Screen => write!(out, "{}", screen(&case, &explanation))?,
    }
    let taken = explanation.rcpt.is_some_and(|rcpt| rcpt.accepted);
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn screen(case: &Case, explanation: &Explanation) -> String {
    let Explanation { service, client, allowance, mail, rcpt, destinations, more_destinations } =
        explanation;
    let mut text = String::new();
    let who = match &case.login {
        Some(user) => format!("{client}, logged in as {}", inert::escape(user)),
        None => client.clone(),
    };
    // Writing to a String doesn't fail.
    let _ = writeln!(text, "client  {who}, by {service}");
    if !allowance.is_empty() {
        let one = |one: &Allowance| match one.what.as_str() {
            "octets" => format!("{} of {}", size(one.left), size(one.limit)),
            what => {
                format!("{} of {} {}", grouped(one.left), grouped(one.limit), inert::escape(what))
            }
        };
        let left = allowance.iter().map(one).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "limits  {left} are left for this hour");
    }
    ruling(&mut text, &format!("MAIL FROM:{}", bracketed(&case.from)), mail);
    if let Some(rcpt) = rcpt {
        ruling(&mut text, &format!("RCPT TO:{}", bracketed(&case.to)), rcpt);
    }
    for destination in destinations {
        way(&mut text, destination);
    }
    if *more_destinations > 0 {
        let _ = writeln!(text, "and {more_destinations} addresses more");
    }
    text
}

fn bracketed(address: &str) -> String {
    format!("<{}>", inert::escape(address.trim_matches(['<', '>'])))
}

fn ruling(text: &mut String, command: &str, ruling: &Ruling) {
    let verdict = match ruling.accepted {
        true => styled(GOOD, "accepted"),
        false => styled(BAD, "refused"),
    };
    let _ = writeln!(text, "{}  {verdict}", styled(STRONG, command));
    for line in ruling.reply.lines() {
        let _ = writeln!(text, "  reply  {}", inert::escape(line));
    }
    let _ = writeln!(text, "  rule   {}", inert::escape(&ruling.rule));
}

fn way(text: &mut String, destination: &Destination) {
    let Destination {
        address,
        route,
        next_hop,
        tls,
        connections_max,
        retry_first_s,
        retry_longest_s,
        warn_after_s,
        give_up_after_s,
    } = destination;
    let _ = writeln!(text, "to {}", styled(STRONG, inert::escape(address)));
    let _ = writeln!(text, "  route     {route}");
    let _ = writeln!(text, "  next hop  {}, TLS {tls}", inert::escape(next_hop));
    let _ = writeln!(
        text,
        "  limits    {connections_max} connections at once; tried again after {}, then up to every {}; the sender is warned after {}, it is given up after {}",
        span(*retry_first_s),
        span(*retry_longest_s),
        span(*warn_after_s),
        span(*give_up_after_s),
    );
    if route == "DNS" {
        let probe = format!("postroad probe {} asks those hosts", inert::escape(address));
        let _ = writeln!(text, "  {}", styled(FAINT, probe));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(case: &Case, explanation: &Explanation) -> String {
        anstream::adapter::strip_str(&screen(case, explanation)).to_string()
    }

    fn ruling(reply: &str, rule: &str) -> Ruling {
        Ruling { accepted: reply.starts_with('2'), reply: reply.to_owned(), rule: rule.to_owned() }
    }

    #[test]
    fn the_screen() {
        let case = Case {
            from: "a@elsewhere.example".into(),
            to: "team@our.example".into(),
            ..Case::default()
        };
        let destination = |address: &str, route: &str, next_hop: &str| Destination {
            address: address.to_owned(),
            route: route.to_owned(),
            next_hop: next_hop.to_owned(),
            tls: "opportunistic".to_owned(),
            connections_max: 20,
            retry_first_s: 300,
            retry_longest_s: 14_400,
            warn_after_s: 14_400,
            give_up_after_s: 432_000,
        };
        let taken = Explanation {
            service: "smtp".into(),
            client: "192.0.2.1".into(),
            allowance: Vec::new(),
            mail: ruling("250 2.1.0 Ok", "anybody may send: who is meant decides"),
            rcpt: Some(ruling("250 2.1.5 Ok", "an alias")),
            destinations: vec![
                destination("alice@our.example", "[[route]] \"local\"", "lmtp+unix:///run/lmtp"),
                destination("eve@third.example", "DNS", "the MX hosts of third.example"),
            ],
            more_destinations: 0,
        };
        insta::assert_snapshot!(check(&case, &taken));
        let limited = Explanation {
            allowance: [("messages", 998, 1_000), ("octets", 2 << 30, 2 << 30)]
                .map(|(what, left, limit)| Allowance { what: what.into(), left, limit })
                .into(),
            ..taken.clone()
        };
        let case_of_alice = Case { login: Some("alice".into()), ..case.clone() };
        let text = check(&case_of_alice, &limited);
        assert!(
            text.contains("limits  998 of 1,000 messages, 2.0 GiB of 2.0 GiB are left"),
            "{text}"
        );
        let refused = Explanation {
            rcpt: Some(ruling("550 5.7.1 Relaying is \x1b[31mnot allowed", "no relay")),
            destinations: Vec::new(),
            ..taken
        };
        insta::assert_snapshot!(check(&case, &refused));
    }
}
