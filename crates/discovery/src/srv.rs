//! SRV records of mail services (RFC 6186 §3, RFC 8314 §5).

use crate::limits::SERVICES_MAX;
use crate::{Login, Protocol, Service, Tls, is_host};

/// A record's data (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Lower ones come first.
    pub priority: u16,
    /// Of the same priority: higher ones come more often.
    pub weight: u16,
    /// TCP port.
    pub port: u16,
    /// The server's name; empty where the service isn't offered (`.`).
    pub target: String,
}

/// The services that are asked for, in the order in which they are preferred.
pub const NAMES: [(&str, Protocol, Tls); 6] = [
    ("_imaps._tcp", Protocol::Imap, Tls::AtOnce),
    ("_imap._tcp", Protocol::Imap, Tls::ByCommand),
    ("_pop3s._tcp", Protocol::Pop3, Tls::AtOnce),
    ("_pop3._tcp", Protocol::Pop3, Tls::ByCommand),
    ("_submissions._tcp", Protocol::Submission, Tls::AtOnce),
    ("_submission._tcp", Protocol::Submission, Tls::ByCommand),
];

/// The servers of one service, the best first. The weight is taken for an order: a person sets up an account once.
pub fn services(
    protocol: Protocol,
    tls: Tls,
    user: &str,
    mut records: Vec<Record>,
) -> Vec<Service> {
    records.sort_by_key(|record| (record.priority, u16::MAX - record.weight));
    records
        .into_iter()
        .filter(|record| record.port != 0 && is_host(&record.target))
        .take(SERVICES_MAX)
        .map(|record| Service {
            protocol,
            host: record.target,
            port: record.port,
            tls,
            login: Login::Password,
            // RFC 6186 §4: the whole address is tried first.
            user: user.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_in_their_order() {
        let record = |priority, weight, port, target: &str| Record {
            priority,
            weight,
            port,
            target: target.to_owned(),
        };
        let records = vec![
            record(20, 9, 993, "c.example"),
            record(10, 1, 993, "b.example"),
            record(10, 5, 1993, "a.example"),
            // Not offered.
            record(0, 0, 0, ""),
            record(0, 0, 993, ""),
            record(0, 0, 993, "a b.example"),
        ];
        let found = services(Protocol::Imap, Tls::AtOnce, "u@x.example", records);
        let hosts: Vec<String> = found.iter().map(ToString::to_string).collect();
        let expected = ["imaps://a.example:1993", "imaps://b.example:993", "imaps://c.example:993"];
        assert_eq!(hosts, expected);
    }
}
