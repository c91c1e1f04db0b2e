//! What a probe tells while it goes on: each event as lines for people, or as one line of JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;
use postroad_observe::inert;
use serde::Serialize;

use super::certificate::Certificate;
use super::dns::{Record, millis};
use crate::cli::Output;
use crate::screen::{BAD, FAINT, GOOD, LATE, STRONG, shown, styled};

/// Characters of a peer's line that are shown.
const LINE_MAX: usize = 512;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(super) enum Event {
    /// What is going to be asked.
    Plan { address: String, from: String, hello: String, next_hop: String, why: String },
    /// A question to DNS.
    Question {
        question: String,
        server: Option<String>,
        records: Vec<Record>,
        problem: Option<String>,
        took_ms: u64,
    },
    /// A host is about to be connected to.
    Host { host: String, place: String, why: String, source: Option<String> },
    /// The connection is there.
    Connected { took_ms: u64 },
    /// A line that we said.
    Sent { line: String },
    /// A line that the peer said.
    Received { line: String },
    /// The connection is encrypted.
    Tls { version: String, cipher: String, certificate: Option<Certificate> },
    /// What else is to be known.
    Note { text: String },
    /// What became of one host.
    Verdict { host: String, outcome: &'static str, reply: String },
    /// What became of it all.
    Summary { accepted: bool, text: String },
}

/// An event and its time since the start.
#[derive(Serialize)]
struct Timed<'e> {
    elapsed_ms: u64,
    #[serde(flatten)]
    event: &'e Event,
}

/// Tells events as they come.
pub(super) struct Report {
    started: Instant,
    output: Output,
}

impl Report {
    pub(super) fn new(output: Output) -> Self {
        Self { started: Instant::now(), output }
    }

    pub(super) fn tell(&mut self, event: &Event) -> Result<()> {
        let elapsed_ms = millis(self.started.elapsed());
        let mut out = anstream::stdout().lock();
        match self.output {
            Output::Json => {
                writeln!(out, "{}", serde_json::to_string(&Timed { elapsed_ms, event })?)?;
            }
            Output::Screen => out.write_all(lines(elapsed_ms, event).as_bytes())?,
        }
        Ok(out.flush()?)
    }
}

/// The event for people, the time in front; what came from outside is made inert.
fn lines(elapsed_ms: u64, event: &Event) -> String {
    let mut text = String::new();
    let mut line = |kind: &str, line: &str| {
        // Writing to a String doesn't fail.
        let _ = writeln!(text, "{elapsed_ms:>6} ms  {kind:<8} {line}");
    };
    let safe = |text: &str| shown(text, LINE_MAX).into_owned();
    match event {
        Event::Plan { address, from, hello, next_hop, why } => {
            line(
                "probe",
                &format!("{} from <{}>, as {hello}", styled(STRONG, safe(address)), safe(from)),
            );
            line("", &format!("next hop: {} ({})", safe(next_hop), safe(why)));
        }
        Event::Question { question, server, records, problem, took_ms } => {
            let server = server.as_deref().map(|server| format!(", {server}")).unwrap_or_default();
            let took = styled(FAINT, format!("({took_ms} ms{server})"));
            line("dns", &format!("{} {took}", safe(question)));
            for record in records {
                line("", &safe(&record.shown()));
            }
            if let Some(problem) = problem {
                line("", &styled(LATE, safe(problem)));
            }
        }
        Event::Host { host, place, why, source } => {
            let host = format!("{host} [{place}]");
            let source = source.as_deref().map_or_else(String::new, |ip| format!(", from {ip}"));
            line("host", &format!("{} ({why}{source})", styled(STRONG, safe(&host))));
        }
        Event::Connected { took_ms } => {
            line("", &styled(FAINT, format!("connected in {took_ms} ms")));
        }
        Event::Sent { line: said } => line("->", &safe(said)),
        Event::Received { line: said } => line("<-", &safe(said)),
        Event::Tls { version, cipher, certificate } => {
            line("tls", &format!("{version} {cipher}"));
            match certificate {
                Some(certificate) => judged(&mut line, certificate),
                None => line("", &styled(LATE, "no certificate was shown")),
            }
        }
        Event::Note { text } => line("note", &styled(LATE, safe(text))),
        Event::Verdict { host, outcome, reply } => {
            let style = match *outcome {
                "accepted" => GOOD,
                "deferred" => LATE,
                _ => BAD,
            };
            line(
                "verdict",
                &format!("{} by {}: {}", styled(style, outcome), safe(host), safe(reply)),
            );
        }
        Event::Summary { accepted, text } => {
            let style = if *accepted { GOOD } else { BAD };
            line("done", &styled(style, safe(text)));
        }
    }
    text
}

fn judged(line: &mut impl FnMut(&str, &str), certificate: &Certificate) {
    let Certificate { names, issuer, not_before, not_after, days_left, trusted, problem } =
        certificate;
    line("", &format!("for {}, by {}", inert::escape(&names.join(", ")), inert::escape(issuer)));
    let left = match days_left {
        ..0 => styled(BAD, format!("ran out {} days ago", -days_left)),
        0..14 => styled(LATE, format!("{days_left} days left")),
        14.. => format!("{days_left} days left"),
    };
    line("", &format!("valid from {not_before} to {not_after}, {left}"));
    match (trusted, problem) {
        (true, _) => line("", &styled(GOOD, "trusted here, and for this host's name")),
        (false, problem) => {
            let problem = problem.as_deref().unwrap_or("no reason was given");
            line("", &styled(LATE, format!("not trusted: {}", inert::escape(problem))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen() {
        let certificate = Certificate {
            names: vec!["mx.example.org".into()],
            issuer: "CN=Some Authority".into(),
            not_before: "2026-01-01".into(),
            not_after: "2026-12-01".into(),
            days_left: 9,
            trusted: false,
            problem: Some("invalid peer certificate: UnknownIssuer".into()),
        };
        let events = [
            Event::Plan {
                address: "bob@example.org".into(),
                from: "postmaster@our.example".into(),
                hello: "mx.our.example".into(),
                next_hop: "the MX hosts of example.org".into(),
                why: "DNS".into(),
            },
            Event::Question {
                question: "example.org MX".into(),
                server: Some("192.0.2.53:53".into()),
                records: vec![Record::of("example.org.", 300, "MX", "10 mx.example.org.")],
                problem: None,
                took_ms: 12,
            },
            Event::Question {
                question: "mx.example.org AAAA".into(),
                server: None,
                records: vec![],
                problem: Some("no such record".into()),
                took_ms: 3,
            },
            Event::Host {
                host: "mx.example.org".into(),
                place: "192.0.2.25:25".into(),
                why: "MX 10".into(),
                source: None,
            },
            Event::Connected { took_ms: 20 },
            Event::Received { line: "220 mx \x1b[2J\u{202e}hi".into() },
            Event::Sent { line: "EHLO mx.our.example".into() },
            Event::Tls {
                version: "TLSv1.3".into(),
                cipher: "TLS13_AES_256_GCM_SHA384".into(),
                certificate: Some(certificate),
            },
            Event::Note { text: "something".into() },
            Event::Verdict {
                host: "mx.example.org".into(),
                outcome: "refused",
                reply: "550 5.1.1 no".into(),
            },
            Event::Summary { accepted: false, text: "mail for bob@example.org is refused".into() },
        ];
        let text: String = events.iter().map(|event| lines(1_234, event)).collect();
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn programs_get_one_object_an_event() {
        let event = Event::Received { line: "220 mx \x1b[2J".into() };
        let timed = Timed { elapsed_ms: 7, event: &event };
        let expected = r#"{"elapsed_ms":7,"event":"received","line":"220 mx \u001b[2J"}"#;
        assert_eq!(serde_json::to_string(&timed).unwrap(), expected);
    }
}
