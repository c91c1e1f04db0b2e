//! Who a letter is really from, as far as anybody can tell: what hosts that the user trusts have found (RFC 8601), what
//! looks like something else (row U03), and how it travelled.
//!
//! ```text
//! raw ──► Evidence (its trace fields, in order) ──► report(Trusted) ──► one line, and a page of words
//! ```
//! | looking for | it is in |
//! |---|---|
//! | whose results count, and what they say together | here |
//! | `Authentication-Results` | [`results`] |
//! | `Received` | [`route`] |
//! | look-alikes | `lookalike` |
//! | names and domains of people whom the user knows | [`known`] |
//! | what agents of this host have noted | [`noted`] |
//! | an own check, when it is made and what it means | [`check`] |
//! | the page of words | `explained` |
//!
//! **Whose results count.** A sender can write an `Authentication-Results` of anybody's. One counts only where every
//! `Received` above it was written by a host that is trusted, and besides
//! - of hosts that are named in the account file (`trusted_results`): these are known to remove what others wrote in their
//!   name (RFC 8601 §5);
//! - of this host, and of the servers of the account: only above the topmost `Received` that they wrote themselves, which
//!   nobody before them can have reached.
//!
//! **An own check** of signatures (DKIM, ARC; `postroad_mailauth`) needs the signers' keys from the DNS, and to ask for them
//! tells a signer that the letter is read, and when. So it is made only where the user asks for it: by `verify`, by a key of
//! the page of words (`X`), or, where `check_signatures = "always"` is in the account file, with every letter that is opened in
//! full screen. Lists and previews never make it.

use std::path::PathBuf;

use mail_parser::{HeaderName, HeaderValue, MessageParser};
use postroad_mailauth::{CheckError, Checked};
use postroad_protocol::header;
use postroad_seal::Places;

use self::check::When;
use self::known::Known;
use self::results::{Method, Results};
use self::route::Hop;
use crate::account::{Account, Inbox, Submission};
use crate::limits;
use crate::render::{Person, Summary, header_end};

pub mod check;
mod explained;
pub mod known;
mod lookalike;
pub mod noted;
pub mod results;
pub mod route;
#[cfg(test)]
mod tests;

/// Hosts whose words count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Those that the account file names.
    pub named: Vec<String>,
    /// This host, and the account's servers.
    pub own: Vec<String>,
    /// Whom the user knows.
    pub known: Known,
    /// Where the keys are that letters are opened and looked at with.
    pub keys: Places,
    /// When signatures are checked by ourselves.
    pub check: When,
    /// Where agents of this host note what they do.
    pub trace: Option<PathBuf>,
}

impl Trusted {
    /// Those of an account.
    pub fn of(account: &Account) -> Self {
        let mut own = vec![rustix::system::uname().nodename().to_string_lossy().into_owned()];
        if let Submission::Server { host, .. } = &account.submission {
            own.push(host.clone());
        }
        match &account.inbox {
            Inbox::Maildir(_) | Inbox::Mbox(_) => {}
            Inbox::Pop3 { host, .. } => own.push(host.clone()),
            Inbox::Imap(server) => own.push(server.host.clone()),
        }
        let lower = |hosts: &[String]| hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self {
            named: lower(&account.trusted_results),
            own: lower(&own),
            known: Known::to(account),
            keys: account.keys.clone(),
            check: account.check_signatures,
            trace: account.trace.clone(),
        }
    }

    fn has(&self, host: &str) -> bool {
        self.named.iter().chain(&self.own).any(|known| known == host)
    }
}

/// A field that a host wrote on top of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trace {
    Received(Hop),
    Results(Results),
}

/// What is signed by whom, as the letter claims (RFC 6376 §3.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// `d=`, in lower case.
    pub domain: String,
    /// `h=`, in lower case: the fields that are signed.
    pub fields: Vec<String>,
    /// Whether `l=` leaves an end of the text out (row A09).
    pub is_partial: bool,
}

/// What is known of a letter's way and of its sender.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The domain of its author.
    pub domain: String,
    /// What counts.
    pub judged: Vec<Results>,
    /// What doesn't: anybody can have written it.
    pub claimed: Vec<Results>,
    /// What to look at twice.
    pub cues: Vec<String>,
    /// The steps, the first one first.
    pub hops: Vec<Hop>,
    /// How many of the last of them were written by hosts that are trusted.
    pub trusted_hops: usize,
    /// What the letter claims to be signed by.
    pub signatures: Vec<Signature>,
    /// What was found by ourselves, if that was wanted, or why not.
    pub checked: Option<Result<Checked, CheckError>>,
    /// What agents of this host have noted, if that was looked for.
    pub noted: Vec<String>,
}

/// How a line of a report is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It is from whom it says.
    Good,
    /// Nothing proves it.
    Open,
    /// Something contradicts it.
    Bad,
}

impl Level {
    /// How it is told without colours.
    pub fn mark(self) -> char {
        match self {
            Self::Good => '+',
            Self::Open => '?',
            Self::Bad => '!',
        }
    }
}

/// Looks at a letter's header; `summary` is what is shown of it.
pub fn report(raw: &[u8], summary: &Summary, trusted: &Trusted) -> Report {
    let header = raw.get(..header_end(raw)).unwrap_or(raw);
    let header = header.get(..limits::TRACE_OCTETS_MAX).unwrap_or(header);
    let author = summary.from.first().cloned().unwrap_or_default();
    let address = author.address.as_deref().unwrap_or_default();
    let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
    let mut report = Report { domain: domain.to_ascii_lowercase(), ..Report::default() };
    report.cues = cues(header, summary, &author);
    report.cues.extend(trusted.known.cues(&author));
    report.signatures = signatures(header);
    let trace = trace(header);
    report.follow(&trace, trusted);
    report.hops.reverse();
    report
}

/// More than one author, or more than one field of them (row A04).
fn cues(header: &[u8], summary: &Summary, author: &Person) -> Vec<String> {
    let mut cues = Vec::new();
    if header::fields(header).filter(|field| field.is("From")).count() > 1 {
        cues.push("it has several From fields: which one others look at isn't known".to_owned());
    }
    if summary.from.len() > 1 {
        cues.push(format!("it names {} authors", summary.from.len()));
    }
    cues.extend(lookalike::cues(author));
    cues
}

/// The fields that hosts wrote, from the top. The parser has panicked on headers before: that costs the trace.
fn trace(header: &[u8]) -> Vec<Trace> {
    let parsed = std::panic::catch_unwind(|| {
        let message = MessageParser::default().parse_headers(header)?;
        let part = message.parts.first()?;
        let field = |field: &mail_parser::Header<'_>| match (&field.name, &field.value) {
            (HeaderName::Received, HeaderValue::Received(received)) => {
                Some(Trace::Received(Hop::of(received)))
            }
            (HeaderName::Received, _) => Some(Trace::Received(Hop::default())),
            (HeaderName::AuthenticationResults, _) => {
                let start = usize::try_from(field.offset_start).ok()?;
                let end = usize::try_from(field.offset_end).ok()?;
                let value = String::from_utf8_lossy(header.get(start..end)?);
                results::parse(&value).map(Trace::Results)
            }
            _ => None,
        };
        Some(part.headers.iter().filter_map(field).take(limits::TRACE_FIELDS_MAX).collect())
    });
    parsed.ok().flatten().unwrap_or_default()
}

fn signatures(header: &[u8]) -> Vec<Signature> {
    let fields = header::fields(header).filter(|field| field.is("DKIM-Signature"));
    let read = |field: header::Field<'_>| {
        let value = String::from_utf8_lossy(field.raw_value).into_owned();
        let tag = |name: &str| {
            let mut tags = value.split(';').filter_map(|tag| tag.split_once('='));
            let found = tags.find(|(known, _)| known.trim() == name);
            found.map(|(_, value)| value.split_whitespace().collect::<String>())
        };
        Signature {
            domain: tag("d").unwrap_or_default().to_ascii_lowercase(),
            fields: tag("h").unwrap_or_default().split(':').map(str::to_ascii_lowercase).collect(),
            is_partial: tag("l").is_some(),
        }
    };
    fields.take(limits::SIGNATURES_MAX).map(read).collect()
}

/// Whether one of the domains is below the other, or the same.
fn is_related(one: &str, other: &str) -> bool {
    let is_below = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !one.is_empty() && !other.is_empty() && (is_below(one, other) || is_below(other, one))
}

/// Whether a domain that has signed stands for an author's: it is that one, or one above it. One below it isn't: without a list
/// of those domains that anybody can get one below of, `evil.co.uk` would stand for `co.uk`.
fn stands_for(signer: &str, author: &str) -> bool {
    let is_above = author.strip_suffix(signer).is_some_and(|rest| rest.ends_with('.'));
    signer == author || signer.contains('.') && is_above
}

impl Report {
    /// Goes down the fields, and sees which of them count.
    fn follow(&mut self, trace: &[Trace], trusted: &Trusted) {
        let mut is_reached = false;
        for (place, field) in trace.iter().enumerate() {
            match field {
                Trace::Received(hop) => {
                    is_reached |= !hop.by.as_deref().is_some_and(|by| trusted.has(by));
                    self.trusted_hops += usize::from(!is_reached);
                    self.hops.push(hop.clone());
                }
                Trace::Results(results) => {
                    let by_itself = |field: &Trace| match field {
                        Trace::Received(hop) => hop.by.as_deref() == Some(results.by.as_str()),
                        Trace::Results(_) => false,
                    };
                    let (above, below) = trace.split_at_checked(place).unwrap_or_default();
                    let counts = trusted.named.contains(&results.by)
                        || trusted.own.contains(&results.by)
                            && below.iter().any(by_itself)
                            && !above.iter().any(by_itself);
                    let list =
                        if counts && !is_reached { &mut self.judged } else { &mut self.claimed };
                    list.push(results.clone());
                }
            }
        }
    }

    fn methods<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r Method> {
        let methods = self.judged.iter().flat_map(|results| &results.methods);
        methods.filter(move |method| method.name == name)
    }

    /// Domains whose signatures hold, say those who are trusted.
    pub fn signers(&self) -> impl Iterator<Item = String> {
        let passed = self.methods("dkim").filter(|method| method.result == "pass");
        passed.filter_map(|method| {
            let domain = method.property("header.d");
            let domain =
                domain.or_else(|| method.property("header.i")?.rsplit_once('@').map(|(_, d)| d));
            domain.map(str::to_ascii_lowercase)
        })
    }

    /// Whether a signature that holds covers a field (RFC 8058 §4).
    pub fn is_signed(&self, field: &str) -> bool {
        let field = field.to_ascii_lowercase();
        self.signers().any(|signer| {
            let mut own = self.signatures.iter().filter(|signature| signature.domain == signer);
            own.any(|signature| signature.fields.contains(&field))
        })
    }

    /// The one line; `None` where there is nothing to say.
    pub fn line(&self) -> Option<(Level, String)> {
        if let Some(cue) = self.cues.first() {
            return Some((Level::Bad, format!("Beware: {cue}")));
        }
        if let Some(line) = self.own_line() {
            return Some(line);
        }
        let judge = self.judged.first()?;
        let (level, words) = self.verdict();
        Some((level, format!("{words} (judged by {})", judge.by)))
    }

    /// Whether somebody who is trusted has found that the author's domain doesn't stand for it, or has judged another one.
    fn is_denied(&self) -> bool {
        self.methods("dmarc").next().is_some_and(|dmarc| {
            let judged = dmarc.property("header.from").unwrap_or(&self.domain);
            dmarc.result == "fail" || !judged.eq_ignore_ascii_case(&self.domain)
        })
    }

    fn verdict(&self) -> (Level, String) {
        let domain = &self.domain;
        let signers: Vec<String> = self.signers().collect();
        let own = signers.iter().find(|signer| stands_for(signer, domain));
        if let Some(dmarc) = self.methods("dmarc").next() {
            // What was judged must be what is shown (row U09).
            let judged = dmarc.property("header.from").unwrap_or(domain).to_ascii_lowercase();
            if judged != *domain {
                return (Level::Bad, format!("From {domain}, but {judged} was judged"));
            }
            match (dmarc.result.as_str(), own) {
                ("pass", Some(signer)) => {
                    return (Level::Good, format!("Signed by {signer}, DMARC pass"));
                }
                ("pass", None) => return (Level::Good, format!("From {domain}, DMARC pass")),
                ("fail", _) => {
                    return (Level::Bad, format!("DMARC fail: {domain} doesn't stand for it"));
                }
                _ => {}
            }
        }
        let failed = self.methods("dkim").find(|method| method.result == "fail");
        let failed = failed.and_then(|method| method.property("header.d"));
        let spf = self.methods("spf").find(|method| method.result == "pass");
        let sender = spf.and_then(|method| method.property("smtp.mailfrom"));
        let sender = sender.map(|from| from.rsplit_once('@').map_or(from, |(_, domain)| domain));
        let sender = sender.map(str::to_ascii_lowercase);
        match (own, signers.first(), failed, sender) {
            (Some(signer), ..) => (Level::Good, format!("Signed by {signer}")),
            (None, _, Some(failed), _) => {
                (Level::Bad, format!("Changed on its way: the signature of {failed} doesn't hold"))
            }
            (None, Some(signer), ..) => {
                (Level::Open, format!("Signed by {signer}, which {domain} needn't know of"))
            }
            (None, None, None, Some(sender)) if is_related(&sender, domain) => {
                (Level::Open, format!("Not signed; sent by a server of {sender}"))
            }
            _ => (Level::Open, format!("Nothing proves that it is from {domain}")),
        }
    }
}
