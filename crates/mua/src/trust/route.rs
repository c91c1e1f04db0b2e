//! How a letter travelled: its `Received` fields (RFC 5321 §4.4), each written by the host that it names as `by`. Below the
//! first one that nobody trusted has written, all of them are claims.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use mail_parser::{Host, Received};

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hop {
    /// Who handed the letter over, as it called itself.
    pub from: Option<String>,
    /// From which address.
    pub address: Option<IpAddr>,
    /// Who took it.
    pub by: Option<String>,
    /// How: `ESMTPS` and others (RFC 3848).
    pub with: Option<String>,
    /// The version of TLS, where it is told.
    pub tls: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl Hop {
    /// What a field says.
    pub(super) fn of(received: &Received<'_>) -> Self {
        let name = |host: &Host<'_>| match host {
            Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::IpAddr(address) => address.to_string(),
        };
        let at = received
            .date
            .as_ref()
            .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        Self {
            from: received.helo.as_ref().or(received.from.as_ref()).map(name),
            address: received.from_ip,
            by: received.by.as_ref().map(name),
            with: received.with.map(|with| format!("{with:?}")),
            tls: received
                .tls_version
                .map(|tls| format!("{tls:?}").replace('_', ".").replace('v', " ")),
            at,
        }
    }

    /// Whether the step was inside TLS, as far as is told.
    pub fn is_private(&self) -> bool {
        let with = self.with.as_deref().unwrap_or_default();
        self.tls.is_some() || with.ends_with("PS") || with.ends_with("PSA")
    }

    /// `laptop [192.0.2.1] -> mail.example.org`
    pub(super) fn between(&self) -> String {
        let from = self.from.as_deref().unwrap_or("?");
        let by = self.by.as_deref().unwrap_or("?");
        match self.address {
            Some(address) if from != address.to_string() => format!("{from} [{address}] -> {by}"),
            _ => format!("{from} -> {by}"),
        }
    }

    /// `ESMTPS, TLS 1.3`
    pub(super) fn how(&self) -> String {
        let with = self.with.as_deref().unwrap_or("?");
        match &self.tls {
            Some(tls) => format!("{with}, {tls}"),
            None if self.is_private() => format!("{with}, TLS"),
            None => with.to_owned(),
        }
    }
}

/// `4 s`, `3 min`, `2 h 5 min`, `3 d`; clocks of two hosts that disagree: `-4 s`.
pub(super) fn delay(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second().saturating_sub(from.as_second());
    let sign = if seconds < 0 { "-" } else { "" };
    let shown = match Duration::from_secs(seconds.unsigned_abs()).as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        seconds => format!("{} d", seconds / 86_400),
    };
    format!("{sign}{shown}")
}
