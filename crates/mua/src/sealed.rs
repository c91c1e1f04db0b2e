//! Letters that are signed or encrypted: taken out of their seal before they are laid out, and sealed before they leave.
//!
//! `postroad_seal` does it; here it gets its thread, its deadline and the account's keys. What was encrypted is never
//! written to disk: neither the index of texts nor a cache has it, for they read letters as they are stored.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc;
use std::time::Duration;

use jiff::Timestamp;
use postroad_seal::autocrypt::{Answers, Learnt, Recommendation};
use postroad_seal::pgp::Vouched;
pub use postroad_seal::seal::Doubt;
use postroad_seal::seal::People;
pub use postroad_seal::{Asks, Protection};
use postroad_seal::{Finding, Keys, Opened, Places, SealError};

use crate::account::Account;
use crate::compose::Letter;
use crate::limits;
use crate::render::{Part, Person, Summary, View, header_end};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::trust::Level;

/// What was found of a letter's seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// How it is meant, all in all.
    pub level: Level,
    /// In one line; others' texts are in it.
    pub words: String,
    /// One by one.
    pub findings: Vec<(Level, String)>,
    /// Whether it was encrypted, and was opened.
    pub is_encrypted: bool,
    /// The fields that count.
    pub header: Vec<u8>,
}

impl Seal {
    fn of(opened: &Opened) -> Self {
        let (level, words) = opened.line();
        let finding = |finding: &Finding| (meant(finding.level), finding.words.clone());
        Self {
            level: meant(level),
            words,
            findings: opened.findings.iter().map(finding).collect(),
            is_encrypted: opened.is_encrypted,
            header: header(&opened.letter).to_vec(),
        }
    }

    /// Its line, for a place that the letter can't write into.
    pub fn line(&self) -> SafeText {
        safe_line!("[{} {}]", self.level.mark(), self.words)
    }
}

fn header(letter: &[u8]) -> &[u8] {
    letter.get(..header_end(letter)).unwrap_or(letter)
}

fn meant(level: postroad_seal::Level) -> Level {
    match level {
        postroad_seal::Level::Good => Level::Good,
        postroad_seal::Level::Open => Level::Open,
        postroad_seal::Level::Bad => Level::Bad,
    }
}

/// A letter, out of its seal where it has one, laid out. What counts of its fields is in the view's summary, so that an
/// answer goes to whom the sealed fields name (row U10).
pub fn view(raw: &[u8], places: &Places, asks: Asks) -> View {
    look(raw, places, asks).0
}

/// The same, and the letter as it was before it was encrypted, where it was: what is sent on.
pub fn look(raw: &[u8], places: &Places, asks: Asks) -> (View, Option<Vec<u8>>) {
    let now = Timestamp::now().as_second();
    if !postroad_seal::is_sealed(raw) {
        let words = learn(raw, places, now);
        let seal = words.map(|words| Seal {
            level: Level::Open,
            findings: vec![(Level::Open, words.clone())],
            words,
            is_encrypted: false,
            header: header(raw).to_vec(),
        });
        return (View { seal, ..View::of(raw) }, None);
    }
    let timeout = limits::UNSEALING_TIMEOUT;
    match unsealed(raw.to_vec(), places.clone(), asks, now, timeout) {
        Some(mut opened) => {
            // Only now: no letter vouches for itself, and none that was changed brings a key.
            if meant(opened.line().0) != Level::Bad {
                let words = learn(raw, places, now);
                let level = postroad_seal::Level::Open;
                opened.findings.extend(words.map(|words| Finding { level, words }));
                learn_gossip(raw, &opened, places, now);
            }
            let seal = Seal::of(&opened);
            let mut view = View::of(&opened.letter);
            let other = |other: &postroad_seal::Other| Part {
                name: other.name.clone(),
                media_type: other.kind.clone(),
                content: other.octets.clone(),
            };
            view.attachments.extend(opened.others.iter().map(other));
            let letter = opened.is_encrypted.then_some(opened.letter);
            (View { seal: Some(seal), ..view }, letter)
        }
        None => {
            let words = "It is signed or encrypted, and looking at that didn't end".to_owned();
            let seal = Seal {
                level: Level::Bad,
                findings: vec![(Level::Bad, words.clone())],
                words,
                is_encrypted: false,
                header: header(raw).to_vec(),
            };
            (View { seal: Some(seal), ..View::of(raw) }, None)
        }
    }
}

/// Runs it where its panics, its recursion and its time are its own: what is read there comes from outside.
fn unsealed(
    raw: Vec<u8>,
    places: Places,
    asks: Asks,
    now: i64,
    timeout: Duration,
) -> Option<Opened> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("unseal".into())
        .stack_size(limits::PARSER_STACK_OCTETS)
        .spawn(move || {
            let keys = Keys::new(&places, asks, now.unsigned_abs());
            // Nobody waits any more after the time limit.
            drop(tell.send(postroad_seal::open(&raw, &keys)));
        });
    thread.ok()?;
    told.recv_timeout(timeout).ok().flatten()
}

/// Keeps the key that a letter brings along. Words where that is another than before.
fn learn(raw: &[u8], places: &Places, now: i64) -> Option<String> {
    let mut fields = postroad_protocol::header::fields(header(raw));
    let has_key = fields.any(|field| field.is("Autocrypt"));
    if !has_key {
        return None;
    }
    let keys = Keys::new(places, Asks::NotHere, now.unsigned_abs());
    // A fault of whoever reads keys costs the key, and not the letter.
    let learnt = std::panic::catch_unwind(AssertUnwindSafe(|| keys.learn(raw, now)));
    match learnt.ok()? {
        Ok(Learnt::AnotherKey) => Some(
            "It brings another key of its author than letters did before: ask whether that is theirs".to_owned(),
        ),
        Ok(Learnt::Something | Learnt::Nothing) => None,
        Err(error) => {
            tracing::warn!(%error, "the key that a letter has brought isn't kept");
            None
        }
    }
}

/// Keeps the keys of others that stood in what was encrypted.
fn learn_gossip(raw: &[u8], opened: &Opened, places: &Places, now: i64) {
    if opened.gossip.is_empty() {
        return;
    }
    let summary = Summary::of(&opened.letter);
    let to: Vec<String> = addresses(&summary.to).chain(addresses(&summary.cc)).collect();
    let keys = Keys::new(places, Asks::NotHere, now.unsigned_abs());
    let learn = || keys.learn_gossip(raw, &to, &opened.gossip, now);
    if let Ok(Err(error)) = std::panic::catch_unwind(AssertUnwindSafe(learn)) {
        tracing::warn!(%error, "keys of others that a letter has brought aren't kept");
    }
}

/// The keys of an account, as they are now.
pub fn keys(account: &Account, asks: Asks) -> Keys {
    Keys::new(&account.keys, asks, Timestamp::now().as_second().unsigned_abs())
}

/// Seals a letter.
///
/// # Errors
/// Where a key is missing or can't be used.
pub fn seal(
    letter: Letter,
    protection: Protection,
    account: &Account,
    asks: Asks,
) -> Result<Letter, SealError> {
    if protection == Protection::None {
        return Ok(letter);
    }
    let people = people(&letter, account);
    let keys = keys(account, asks);
    let content = postroad_seal::seal(&letter.content, protection, &people, &keys)?;
    if content.len() as u64 > limits::LETTER_OCTETS_MAX {
        return Err(SealError::TooLarge(limits::LETTER_OCTETS_MAX));
    }
    let mut envelope = letter.envelope;
    if content.is_ascii() {
        envelope.body = postroad_protocol::envelope::Body::SevenBit;
    }
    Ok(Letter { envelope, content, ..letter })
}

/// Whether a letter can be sealed, said before its text is asked for; and those to whose keys it is encrypted although
/// nobody has vouched for them.
///
/// # Errors
/// The first key that is missing or can't be used.
pub fn check(
    protection: Protection,
    to: &[String],
    account: &Account,
    asks: Asks,
) -> Result<Vec<Doubt>, SealError> {
    if protection == Protection::None {
        return Ok(Vec::new());
    }
    let author = account.address.to_string();
    let people =
        People { author, shown: to.to_vec(), hidden: Vec::new(), prefers: account.prefers };
    postroad_seal::seal::check(protection, &people, &keys(account, asks))
}

/// A line about somebody whose key nobody has vouched for.
pub fn doubtful(doubt: &Doubt) -> SafeText {
    let Doubt { address, key, vouched } = doubt;
    let from = match vouched {
        Vouched::Known | Vouched::Unknown => "",
        Vouched::Seen => "; letters from there have brought it",
    };
    safe_line!(
        "Nobody has vouched for the key of {address} that this is encrypted to{from}: compare it, {key}"
    )
}

/// The same of several, for a place where there is room for one line.
pub fn doubts(doubts: &[Doubt]) -> Option<SafeText> {
    let all: Vec<&str> = doubts.iter().map(|doubt| doubt.address.as_str()).collect();
    (!all.is_empty()).then(|| safe_line!("nobody has vouched for the key of {}", all.join(", ")))
}

/// Whom a letter is from and for; those who stand in no field are told in secret.
fn people(letter: &Letter, account: &Account) -> People {
    let summary = Summary::of(&letter.content);
    let named: Vec<String> = addresses(&summary.to).chain(addresses(&summary.cc)).collect();
    let recipients = letter.envelope.recipients.iter().map(|to| to.address.to_string());
    let (shown, hidden) = recipients.partition(|to| named.contains(&to.to_ascii_lowercase()));
    let author = addresses(&summary.from).next().unwrap_or_else(|| account.address.to_string());
    People { author, shown, hidden, prefers: account.prefers }
}

fn addresses(people: &[Person]) -> impl Iterator<Item = String> {
    people.iter().filter_map(|person| Some(person.address.as_deref()?.to_ascii_lowercase()))
}

/// How an answer is sealed if nobody says otherwise: one to a letter that was encrypted is encrypted, or what it quotes
/// would go round in the clear.
pub fn for_answer(view: &View) -> Protection {
    match view.seal.as_ref().is_some_and(|seal| seal.is_encrypted) {
        true => Protection::Encrypt,
        false => Protection::None,
    }
}

/// How a letter of one's own is sealed, that hasn't been sent.
pub fn as_it_is(letter: &[u8]) -> Protection {
    let part = postroad_message::Part::of(letter);
    match () {
        () if part.is("multipart", "encrypted") => Protection::Encrypt,
        () if part.is("application", "pkcs7-mime") => Protection::Encrypt,
        () if part.is("multipart", "signed") => Protection::Sign,
        () => Protection::None,
    }
}

/// How a new letter is sealed if nobody says otherwise (Autocrypt): encrypted where all who get it have said that they
/// prefer that, and so has its author.
pub fn recommended(to: &[String], account: &Account) -> Protection {
    let keys = keys(account, Asks::NotHere);
    match keys.recommend(to, account.prefers, Answers::Other) {
        Recommendation::Encrypt => Protection::Encrypt,
        Recommendation::Available | Recommendation::Discourage | Recommendation::Disable => {
            Protection::None
        }
    }
}
