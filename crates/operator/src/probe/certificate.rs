//! What a certificate says: whose it is, who signed it, how long it is good, and whether this host trusts it.

use std::time::{SystemTime, UNIX_EPOCH};

use postroad_net::tls::Judged;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Names that are shown.
const NAMES_MAX: usize = 10;
const DAY: i64 = 24 * 60 * 60;

/// A certificate, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Certificate {
    /// The names that it is for.
    pub(super) names: Vec<String>,
    /// Who signed it.
    pub(super) issuer: String,
    /// As in `2026-11-22`.
    pub(super) not_before: String,
    pub(super) not_after: String,
    /// Negative once it has run out.
    pub(super) days_left: i64,
    /// Whether this host's authorities vouch for it and for the peer's name.
    pub(super) trusted: bool,
    /// Why not.
    pub(super) problem: Option<String>,
}

impl Certificate {
    /// Reads the first of the chain; `None` where the peer showed none.
    pub(super) fn of(judged: &Judged) -> Option<Self> {
        let (trusted, problem) = match &judged.verdict {
            Ok(()) => (true, None),
            Err(reason) => (false, Some(reason.clone())),
        };
        let unreadable = |problem: String| Self {
            names: Vec::new(),
            issuer: String::new(),
            not_before: String::new(),
            not_after: String::new(),
            days_left: 0,
            trusted,
            problem: Some(problem),
        };
        match X509Certificate::from_der(judged.chain.first()?) {
            Err(error) => Some(unreadable(format!("the certificate can't be read: {error}"))),
            Ok((_, certificate)) => {
                let validity = certificate.validity();
                let ends = validity.not_after.timestamp();
                Some(Self {
                    names: names(&certificate),
                    issuer: certificate.issuer().to_string(),
                    not_before: date(validity.not_before.timestamp()),
                    not_after: date(ends),
                    days_left: (ends - now()).div_euclid(DAY),
                    trusted,
                    problem,
                })
            }
        }
    }
}

/// RFC 6125 §6.4.4: the alternative names; the common name only where there are none.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.map(|found| found.value.general_names.as_slice());
    let mut names: Vec<String> = alternative
        .unwrap_or_default()
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(octets) => ip(octets),
            _ => None,
        })
        .take(NAMES_MAX)
        .collect();
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().next();
        names.extend(common.and_then(|name| name.as_str().ok()).map(str::to_owned));
    }
    names
}

fn ip(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).ok().map(std::net::IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(octets).ok().map(std::net::IpAddr::from);
    v4.or_else(v6).map(|ip| ip.to_string())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn date(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(at) => at.strftime("%Y-%m-%d").to_string(),
        Err(_) => "beyond all dates".to_owned(),
    }
}
