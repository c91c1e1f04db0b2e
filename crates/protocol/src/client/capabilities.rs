//! What the peer's EHLO reply offers (RFC 5321 §4.1.1.1).

use crate::limits;
use crate::reply::Reply;

/// The extensions that we use where they are offered. HELO offers none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: Offer,
    /// 8BITMIME (RFC 6152).
    pub eight_bit_mime: Offer,
    /// SMTPUTF8 (RFC 6531).
    pub smtp_utf8: Offer,
    /// DSN (RFC 3461).
    pub dsn: Offer,
    /// STARTTLS (RFC 3207).
    pub start_tls: Offer,
    /// SIZE (RFC 1870).
    pub size: Offer,
    /// The greatest message that SIZE allows, where it says so.
    pub size_max: Option<u64>,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: Offer,
    /// AUTH LOGIN (no RFC; draft-murchison-sasl-login).
    pub auth_login: Offer,
    /// AUTH SCRAM-SHA-256 (RFC 7677).
    pub auth_scram: Offer,
    /// AUTH SCRAM-SHA-256-PLUS.
    pub auth_scram_plus: Offer,
    /// AUTH OAUTHBEARER (RFC 7628).
    pub auth_oauthbearer: Offer,
    /// AUTH XOAUTH2 (no RFC).
    pub auth_xoauth2: Offer,
    /// LIMITS RCPTMAX: recipients in one transaction (RFC 9422 §4.2).
    pub recipients_max: Option<usize>,
    /// LIMITS MAILMAX: transactions in one session (RFC 9422 §4.1).
    pub transactions_max: Option<usize>,
}

/// Whether an extension is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offer {
    /// No.
    #[default]
    Absent,
    /// Yes.
    Offered,
}

impl Offer {
    /// Whether it is.
    pub fn is_offered(self) -> bool {
        self == Self::Offered
    }
}

impl Capabilities {
    /// Reads an EHLO reply. What we don't know, and what is malformed, is passed over (RFC 5321 §4.1.1.1).
    pub fn parse(reply: &Reply) -> Self {
        let mut offered = Self::default();
        // The first line is the peer's name and a greeting.
        for line in reply.lines().iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            offered.note(&keyword.to_ascii_uppercase(), words);
        }
        offered
    }

    fn note<'a>(&mut self, keyword: &str, mut words: impl Iterator<Item = &'a str>) {
        match keyword {
            "PIPELINING" => self.pipelining = Offer::Offered,
            "8BITMIME" => self.eight_bit_mime = Offer::Offered,
            "SMTPUTF8" => self.smtp_utf8 = Offer::Offered,
            "DSN" => self.dsn = Offer::Offered,
            "STARTTLS" => self.start_tls = Offer::Offered,
            "SIZE" => {
                self.size = Offer::Offered;
                // RFC 1870 §4: 0 and nothing both mean that no limit is known.
                self.size_max = words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            }
            "AUTH" => words.for_each(|mechanism| self.note_mechanism(mechanism)),
            "LIMITS" => words.for_each(|limit| self.note_limit(limit)),
            _ => {
                // Servers that please the clients of the last century write AUTH=PLAIN.
                if let Some(mechanism) = keyword.strip_prefix("AUTH=") {
                    self.note_mechanism(mechanism);
                    words.for_each(|mechanism| self.note_mechanism(mechanism));
                }
            }
        }
    }

    fn note_mechanism(&mut self, mechanism: &str) {
        match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => self.auth_plain = Offer::Offered,
            "LOGIN" => self.auth_login = Offer::Offered,
            "SCRAM-SHA-256" => self.auth_scram = Offer::Offered,
            "SCRAM-SHA-256-PLUS" => self.auth_scram_plus = Offer::Offered,
            "OAUTHBEARER" => self.auth_oauthbearer = Offer::Offered,
            "XOAUTH2" => self.auth_xoauth2 = Offer::Offered,
            _ => {}
        }
    }

    /// Whether a way to log in is offered, of those that are known here.
    pub fn offers(&self, mechanism: &str) -> bool {
        let offer = match mechanism {
            "PLAIN" => self.auth_plain,
            "LOGIN" => self.auth_login,
            "SCRAM-SHA-256" => self.auth_scram,
            "SCRAM-SHA-256-PLUS" => self.auth_scram_plus,
            "OAUTHBEARER" => self.auth_oauthbearer,
            "XOAUTH2" => self.auth_xoauth2,
            _ => Offer::Absent,
        };
        offer.is_offered()
    }

    /// RFC 9422 §3: `limit = name "=" value`; what makes no sense is ignored.
    fn note_limit(&mut self, limit: &str) {
        let Some((name, value)) = limit.split_once('=') else { return };
        let value = value.parse().ok().filter(|n| *n > 0);
        match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => self.recipients_max = value,
            "MAILMAX" => self.transactions_max = value,
            _ => {}
        }
    }

    /// Commands that may be sent ahead of their replies.
    pub(super) fn commands_ahead(&self) -> usize {
        match self.pipelining {
            Offer::Offered => limits::PIPELINED_COMMANDS_MAX,
            Offer::Absent => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, expected: Capabilities) {
        assert_eq!(Capabilities::parse(&Reply::bare(250, lines)), expected, "{lines}");
    }

    #[test] // Tests RFC 5321 §4.1.1.1.
    fn keywords_and_their_parameters() {
        let none = Capabilities::default;
        check("mx.example PIPELINING", none());
        check("mx\npipelining", Capabilities { pipelining: Offer::Offered, ..none() });
        check(
            "mx\nSIZE 1000",
            Capabilities { size: Offer::Offered, size_max: Some(1000), ..none() },
        );
        check("mx\nSIZE 0", Capabilities { size: Offer::Offered, ..none() });
        check("mx\nAUTH CRAM-MD5 plain", Capabilities { auth_plain: Offer::Offered, ..none() });
        check("mx\nAUTH=LOGIN", Capabilities { auth_login: Offer::Offered, ..none() });
        check(
            "mx\nLIMITS RCPTMAX=20 MAILMAX=0 X=1",
            Capabilities { recipients_max: Some(20), ..none() },
        );
    }

    #[test]
    fn c02_odd_ehlo_lines() {
        let none = Capabilities::default;
        check("mx\n      \n\t\n", none());
        check(
            "mx\nSIZE 999999999999999999999999999999",
            Capabilities { size: Offer::Offered, ..none() },
        );
        check("mx\nSIZE -1", Capabilities { size: Offer::Offered, ..none() });
        check("mx\n\u{1}\u{2}SIZE 5\nAUTH\nLIMITS =\nAUTH=", none());
    }
}
