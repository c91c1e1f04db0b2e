//! Who has signed a letter, found out by ourselves: DKIM (RFC 6376, RFC 8463) and ARC (RFC 8617), with keys from the DNS.
//!
//! The work is `mail-auth`'s; here are its bounds, and what its results mean. To fetch a key tells the signer's name servers
//! that somebody looks at a letter of theirs, and when: who calls this knows that the user wants it.
//!
//! Deliberately missing: SPF and DMARC, which need what only the receiving server knew.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::net::SocketAddr;

use mail_auth::common::cache::NoCache;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::verify::{DomainKey, VerifySignature as _};
use mail_auth::dkim::DkimError;
use mail_auth::{AuthenticatedMessage, DkimResult, Error, MessageAuthenticator};

pub mod limits;

/// What somebody who signs says, and whether it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`: which of its keys.
    pub selector: String,
    /// `h=`, in lower case: the fields that are signed.
    pub fields: Vec<String>,
    /// Whether `l=` leaves an end of the text out.
    pub is_partial: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of looking at a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What is signed is as it was.
    Holds,
    /// It isn't, or somebody else has made it.
    Broken(String),
    /// Nobody can tell: it has expired, there is no such key, or it isn't understood.
    Unknown(String),
    /// Not now: the name servers don't answer.
    Later(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Each signature, in the order of the fields.
    pub signatures: Vec<Signature>,
    /// How many fields are called a signature, and can't be read as one.
    pub unreadable: usize,
    /// What hosts on the way have signed, where there is something of it: the last of them, and what came of all.
    pub chain: Option<Chain>,
}

/// What hosts on the way have sealed (RFC 8617).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// `d=` of the last seal.
    pub domain: String,
    /// What came of all.
    pub outcome: Outcome,
}

/// Why nothing was looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// There are no name servers.
    #[error("cannot ask DNS: {0}")]
    Dns(String),
    /// It is no letter.
    #[error("it has no header")]
    NoHeader,
    /// It would take for ever, which is what its sender wanted.
    #[error("it has more than {} signatures", limits::SIGNATURES_MAX)]
    TooMany,
    /// The same.
    #[error("its header has more than {} octets", limits::HEADER_OCTETS_MAX)]
    LongHeader,
    /// The name servers take too long.
    #[error("the name servers don't answer in time")]
    Late,
    /// The check itself has failed.
    #[error("the check has failed on this letter")]
    Fault,
}

/// Asks for keys.
#[derive(Clone)]
pub struct Checker(MessageAuthenticator);

impl Checker {
    /// By these name servers, or those of this host.
    ///
    /// # Errors
    /// Where they can't be asked.
    pub fn at(servers: &[SocketAddr]) -> Result<Self, CheckError> {
        let resolver = postroad_resolver::builder(servers).build();
        let resolver = resolver.map_err(|error| CheckError::Dns(error.to_string()))?;
        Ok(Self(MessageAuthenticator(resolver)))
    }

    /// Looks at all signatures of a letter, its line ends as a Maildir or as the wire has them.
    ///
    /// # Errors
    /// Where it can't be looked at.
    pub async fn check(&self, raw: &[u8]) -> Result<Checked, CheckError> {
        if signing_fields(raw) > limits::SIGNATURES_MAX {
            return Err(CheckError::TooMany);
        }
        // What names of fields are looked for in grows with the square of them, and can't be interrupted.
        if header_octets(raw) > limits::HEADER_OCTETS_MAX {
            return Err(CheckError::LongHeader);
        }
        let whole_only = signing_fields(raw) > limits::PARTIAL_SIGNATURES_MAX;
        let (checker, letter) = (self.0.clone(), with_crlf(raw).into_owned());
        // In a task of its own: a fault of the parser's costs the answer, and not the program.
        let task = tokio::spawn(async move {
            let message = AuthenticatedMessage::parse_with_opts(&letter, None, whole_only);
            let message = message.ok_or(CheckError::NoHeader)?;
            let (signatures, unreadable) = signatures(&checker, &message).await;
            let chain = match message.as_headers.is_empty() {
                true => None,
                false => chain(&checker, &letter).await,
            };
            Ok(Checked { signatures, unreadable, chain })
        });
        let abort = task.abort_handle();
        match tokio::time::timeout(limits::CHECK_TIMEOUT, task).await {
            Ok(done) => done.unwrap_or(Err(CheckError::Fault)),
            Err(_) => {
                abort.abort();
                Err(CheckError::Late)
            }
        }
    }
}

/// Signatures, and how many fields are none although they are called so.
async fn signatures(
    checker: &MessageAuthenticator,
    message: &AuthenticatedMessage<'_>,
) -> (Vec<Signature>, usize) {
    let outputs = checker.verify_dkim(message).await;
    let mut signatures = Vec::new();
    for output in &outputs {
        let Some(signature) = output.signature() else { continue };
        let fields: Vec<String> =
            signature.h.iter().map(|name| name.to_ascii_lowercase()).collect();
        let outcome = match outcome(output.result()) {
            // RFC 6376 §5.4: who leaves the author out has signed nothing of worth.
            Outcome::Holds if !fields.iter().any(|field| field == "from") => {
                Outcome::Broken("it doesn't cover who wrote the letter".to_owned())
            }
            // RFC 8301 §3.1.
            Outcome::Holds if signature.a == Algorithm::RsaSha1 => {
                Outcome::Unknown("rsa-sha1 proves nothing any more".to_owned())
            }
            Outcome::Holds => tried_out(checker, &signature.domain_key()).await,
            outcome => outcome,
        };
        signatures.push(Signature {
            domain: signature.d.to_ascii_lowercase(),
            selector: signature.s.clone(),
            fields,
            is_partial: signature.l > 0,
            outcome,
        });
    }
    let unreadable = outputs.len() - signatures.len();
    (signatures, unreadable)
}

/// `t=y` in a key's record (RFC 6376 §3.6.1), as `mail-auth` counts flags.
const KEY_IS_TRIED_OUT: u64 = 0x10;

/// Whether a key that has held is one that its owner only tries out: then the letter counts as unsigned (RFC 6376 §3.6.1). The
/// resolver has its record still.
async fn tried_out(checker: &MessageAuthenticator, name: &str) -> Outcome {
    match checker.txt_lookup::<DomainKey>(name, None::<&NoCache<_, _>>).await {
        Ok(key) if key.has_flag(KEY_IS_TRIED_OUT) => {
            Outcome::Unknown("its domain only tries signatures out".to_owned())
        }
        Ok(_) => Outcome::Holds,
        Err(error) => Outcome::Later(error.to_string()),
    }
}

/// What hosts on the way have sealed. A seal that leaves an end of the text out is none.
async fn chain(checker: &MessageAuthenticator, letter: &[u8]) -> Option<Chain> {
    let message = AuthenticatedMessage::parse(letter)?;
    let seal = message.as_headers.last()?;
    Some(Chain {
        domain: seal.header.d.to_ascii_lowercase(),
        outcome: outcome(checker.verify_arc(&message).await.result()),
    })
}

fn outcome(result: &DkimResult) -> Outcome {
    let broken = |words: &str| Outcome::Broken(words.to_owned());
    match result {
        DkimResult::Pass => Outcome::Holds,
        DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch))
        | DkimResult::Fail(Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            broken("the text was changed")
        }
        DkimResult::Fail(Error::Crypto(_)) => {
            broken("a field was changed, or another key has signed")
        }
        DkimResult::Fail(error) => broken(&error.to_string()),
        DkimResult::Neutral(error) | DkimResult::PermError(error) => {
            Outcome::Unknown(error.to_string())
        }
        DkimResult::TempError(error) => Outcome::Later(error.to_string()),
        DkimResult::None => Outcome::Unknown("nothing is signed".to_owned()),
    }
}

/// How many fields are there that have to be looked at; each costs a look at the whole text.
fn signing_fields(raw: &[u8]) -> usize {
    let is_signing = |line: &&[u8]| {
        ["dkim-signature", "arc-"].iter().any(|name| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    let lines = raw.split(|octet| *octet == b'\n');
    lines.take_while(|line| !matches!(line, [] | [b'\r'])).filter(is_signing).count()
}

/// Up to the empty line.
fn header_octets(raw: &[u8]) -> usize {
    let lines = raw.split_inclusive(|octet| *octet == b'\n');
    lines.take_while(|line| !matches!(line, [b'\n'] | [b'\r', b'\n'])).map(<[u8]>::len).sum()
}

/// What was signed had CRLF: a Maildir's lines end with LF alone.
fn with_crlf(raw: &[u8]) -> Cow<'_, [u8]> {
    let first = raw.iter().position(|octet| *octet == b'\n');
    let has_cr = first.and_then(|at| at.checked_sub(1)).and_then(|at| raw.get(at)) == Some(&b'\r');
    if has_cr || first.is_none() {
        return Cow::Borrowed(raw);
    }
    let mut whole = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut before = 0;
    for octet in raw {
        if *octet == b'\n' && before != b'\r' {
            whole.push(b'\r');
        }
        whole.push(*octet);
        before = *octet;
    }
    Cow::Owned(whole)
}
