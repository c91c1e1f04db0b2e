//! Keys that letters bring along (Autocrypt Level 1, 1.1): what a letter's field does to what is known of its author, and
//! what that recommends for a letter to somebody.
//!
//! `autocrypt.json` in the folder of keys holds it: an address, when a letter from there was last seen, and its key. Such a
//! key says who it is of no better than the letter did; it is used to encrypt where no other key is there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroad_message::{Address, Part, SentDate};
use postroad_protocol::header;
use serde::{Deserialize, Serialize};

use crate::{SealError, limits};

/// A valid `Autocrypt` field (1.1, "The Autocrypt Header").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `addr`, in lower case.
    pub address: String,
    /// `prefer-encrypt`.
    pub prefers: Prefers,
    /// `keydata`.
    pub key: Vec<u8>,
}

/// What somebody prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefers {
    /// Letters in both directions are encrypted.
    Mutual,
    /// Nothing is said.
    #[default]
    Nopreference,
}

impl Field {
    /// Reads a field's value; `None` where it isn't valid.
    pub fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > limits::AUTOCRYPT_OCTETS_MAX {
            return None;
        }
        let text = std::str::from_utf8(value).ok()?;
        let (mut address, mut key) = (None, None);
        let mut prefers = Prefers::default();
        for attribute in text.split(';').filter(|attribute| !attribute.trim().is_empty()) {
            let (name, value) = attribute.split_once('=')?;
            let value: String = value.split_whitespace().collect();
            match name.trim() {
                "addr" => address = Some(value.to_ascii_lowercase()),
                "prefer-encrypt" if value == "mutual" => prefers = Prefers::Mutual,
                // Other values mean that nothing is preferred.
                "prefer-encrypt" => {}
                "keydata" => key = STANDARD.decode(value.as_bytes()).ok(),
                // Those that begin with _ aren't critical; what else isn't known makes the field invalid.
                name if name.starts_with('_') => {}
                _ => return None,
            }
        }
        let key = key.filter(|key| !key.is_empty())?;
        Some(Self { address: address?, prefers, key })
    }

    /// The field, folded, without its last line end.
    pub fn to_line(&self) -> String {
        let mut line = format!("Autocrypt: addr={};", self.address);
        if self.prefers == Prefers::Mutual {
            line.push_str(" prefer-encrypt=mutual;");
        }
        self.with_key(line)
    }

    /// The same of somebody else, who gets the letter too: what they prefer is theirs to say.
    pub fn to_gossip(&self) -> String {
        self.with_key(format!("Autocrypt-Gossip: addr={};", self.address))
    }

    fn with_key(&self, mut line: String) -> String {
        line.push_str(" keydata=");
        for (place, digit) in STANDARD.encode(&self.key).chars().enumerate() {
            if place.is_multiple_of(72) {
                line.push_str("\r\n ");
            }
            line.push(digit);
        }
        line
    }
}

/// What is known of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peer {
    /// When a letter from there was last written: Unix seconds.
    pub last_seen: i64,
    /// When the last one with a key was.
    pub autocrypt_timestamp: i64,
    /// The key, in base64.
    pub key: String,
    /// What that letter prefers.
    pub prefers: Prefers,
    /// When a letter of somebody else's has last brought a key for them.
    pub gossip_timestamp: i64,
    /// That key, in base64.
    pub gossip_key: String,
}

/// What a letter has changed of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learnt {
    /// Nothing.
    Nothing,
    /// Something, and no key but the one that was known or the first.
    Something,
    /// The key is another than before: its author has a new one, or somebody else has written the letter.
    AnotherKey,
}

impl Peer {
    /// What a letter changes (1.1, "Updating Autocrypt Peer State"); `at` is its effective date. Says whether anything.
    fn update(&mut self, at: i64, field: Option<&Field>) -> bool {
        if at < self.autocrypt_timestamp {
            return false;
        }
        let before = self.clone();
        self.last_seen = self.last_seen.max(at);
        if let Some(field) = field {
            self.autocrypt_timestamp = at;
            self.key = STANDARD.encode(&field.key);
            self.prefers = field.prefers;
        }
        *self != before
    }
}

/// What is recommended for a letter (1.1, "Provide a recommendation for message encryption"), the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recommendation {
    /// It can't be encrypted.
    Disable,
    /// It can, but it may be that it can't be read.
    Discourage,
    /// It can.
    Available,
    /// It should be.
    Encrypt,
}

/// Whether a letter answers one that was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// It does.
    Encrypted,
    /// It doesn't.
    Other,
}

/// After so many seconds without a key a letter's author may have given that up.
const STALE_SECONDS: i64 = 35 * 24 * 60 * 60;

impl Peer {
    /// For one recipient; `ours` is what the user prefers.
    fn recommendation(&self, ours: Prefers, answers: Answers) -> Recommendation {
        if self.key.is_empty() {
            // Others say that it is theirs, and can be wrong.
            return match self.gossip_key.is_empty() {
                true => Recommendation::Disable,
                false => Recommendation::Discourage,
            };
        }
        let is_stale = self.last_seen.saturating_sub(self.autocrypt_timestamp) > STALE_SECONDS;
        let both = self.prefers == Prefers::Mutual && ours == Prefers::Mutual;
        match (answers, is_stale) {
            (Answers::Encrypted, _) => Recommendation::Encrypt,
            (Answers::Other, true) => Recommendation::Discourage,
            (Answers::Other, false) if both => Recommendation::Encrypt,
            (Answers::Other, false) => Recommendation::Available,
        }
    }
}

/// The file of what is known of people.
#[derive(Debug, Clone)]
pub struct Peers {
    folder: Option<PathBuf>,
}

type Known = BTreeMap<String, Peer>;

impl Peers {
    pub(crate) fn at(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn file(&self) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("autocrypt.json"))
    }

    fn read(&self) -> Known {
        let octets = self.file().and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        serde_json::from_slice(&octets).unwrap_or_default()
    }

    /// The key of an address.
    pub(crate) fn key(&self, address: &str) -> Option<Vec<u8>> {
        let known = self.read();
        let peer = known.get(&address.to_ascii_lowercase())?;
        STANDARD.decode(&peer.key).ok().filter(|key| !key.is_empty())
    }

    /// The key that letters of others have brought for an address.
    pub(crate) fn gossip(&self, address: &str) -> Option<Vec<u8>> {
        let known = self.read();
        let peer = known.get(&address.to_ascii_lowercase())?;
        STANDARD.decode(&peer.gossip_key).ok().filter(|key| !key.is_empty())
    }

    /// Takes from a letter what its `Autocrypt` field says; `now` in Unix seconds, `is_usable` says which keys can be
    /// encrypted to: a field with another one counts as none.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn learn(
        &self,
        letter: &[u8],
        now: i64,
        is_usable: impl Fn(&[u8]) -> bool,
    ) -> Result<Learnt, SealError> {
        let Some((address, at, field)) = read(letter, now) else { return Ok(Learnt::Nothing) };
        let field = field.filter(|field| is_usable(&field.key));
        let mut known = self.read();
        let before = known.get(&address).map(|peer| peer.key.clone()).unwrap_or_default();
        // Who has never sent a key needn't be remembered: without one nothing is recommended.
        if (field.is_none() || known.len() >= limits::PEERS_MAX) && !known.contains_key(&address) {
            return Ok(Learnt::Nothing);
        }
        let peer = known.entry(address).or_default();
        if !peer.update(at, field.as_ref()) {
            return Ok(Learnt::Nothing);
        }
        let is_another = !before.is_empty() && peer.key != before;
        self.write(&known)?;
        Ok(if is_another { Learnt::AnotherKey } else { Learnt::Something })
    }

    /// Takes from a letter that was encrypted the keys of others that it brings (1.1, "Key Gossip"); `to` are those who
    /// have got it, and nobody else's keys count.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn learn_gossip(
        &self,
        (letter, to): (&[u8], &[String]),
        gossip: &[Field],
        now: i64,
        is_usable: impl Fn(&[u8]) -> bool,
    ) -> Result<(), SealError> {
        let Some((_, at, _)) = read(letter, now) else { return Ok(()) };
        let mut known = self.read();
        let mut is_changed = false;
        for field in gossip.iter().filter(|it| to.contains(&it.address) && is_usable(&it.key)) {
            if known.len() >= limits::PEERS_MAX && !known.contains_key(&field.address) {
                continue;
            }
            let peer = known.entry(field.address.clone()).or_default();
            if at > peer.gossip_timestamp {
                peer.gossip_timestamp = at;
                peer.gossip_key = STANDARD.encode(&field.key);
                is_changed = true;
            }
        }
        if is_changed { self.write(&known) } else { Ok(()) }
    }

    fn write(&self, known: &Known) -> Result<(), SealError> {
        let (Some(file), Some(folder)) = (self.file(), &self.folder) else { return Ok(()) };
        crate::keys::make_private(folder)?;
        crate::keys::write_private(&file, &serde_json::to_vec(known).unwrap_or_default())
    }

    /// What is recommended for a letter to these.
    pub fn recommend(&self, to: &[String], ours: Prefers, answers: Answers) -> Recommendation {
        let known = self.read();
        let of = |address: &String| {
            let peer = known.get(&address.to_ascii_lowercase());
            peer.map_or(Recommendation::Disable, |peer| peer.recommendation(ours, answers))
        };
        // The least of all is what the rules for several come to.
        to.iter().map(of).min().unwrap_or(Recommendation::Disable)
    }
}

/// What a letter says: its author, its effective date, its field; `None` where it isn't to be looked at.
fn read(letter: &[u8], now: i64) -> Option<(String, i64, Option<Field>)> {
    let part = Part::undivided(letter);
    let header = letter.get(part.header.clone())?;
    let mut fields = header::fields(header);
    // What programs write says nothing of what its addressee can do.
    let is_report = fields.clone().any(|field| {
        field.is("Content-Type")
            && field.value().to_ascii_lowercase().starts_with(b"multipart/report")
    });
    if is_report {
        return None;
    }
    let from: Vec<_> = fields.clone().filter(|field| field.is("From")).collect();
    let [from] = from.as_slice() else { return None };
    let author = match addresses(from.value()).as_slice() {
        [author] => author.clone(),
        _ => return None,
    };
    let date =
        fields.find(|field| field.is("Date")).and_then(|field| SentDate::parse(field.raw_value));
    let at = date.map_or(now, |date| date.seconds.min(now));
    let valid: Vec<Field> = header::fields(header)
        .filter(|field| field.is("Autocrypt"))
        .filter_map(|field| Field::parse(field.value()))
        .collect();
    // More than one valid field is an error, and counts as none.
    let field = match valid.as_slice() {
        [field] if field.address == author => Some(field.clone()),
        _ => None,
    };
    Some((author, at, field))
}

/// Keys of others that stand inside of what was encrypted (1.1, "Key Gossip").
pub(crate) fn gossip(payload: &[u8]) -> Vec<Field> {
    let part = Part::undivided(payload);
    let fields = header::fields(payload.get(part.header.clone()).unwrap_or_default());
    let valid = fields.filter(|field| field.is("Autocrypt-Gossip"));
    valid.filter_map(|field| Field::parse(field.value())).take(limits::GOSSIP_MAX).collect()
}

/// The addresses of a field's value, in lower case.
pub(crate) fn addresses(value: &[u8]) -> Vec<String> {
    let text = |octets: &Option<Vec<u8>>| {
        octets.as_ref().map(|octets| String::from_utf8_lossy(octets).to_ascii_lowercase())
    };
    Address::list(value)
        .iter()
        .filter_map(|address| {
            let (mailbox, host) = (text(&address.mailbox)?, text(&address.host)?);
            Some(format!("{mailbox}@{host}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(date: &str, extra: &str) -> Vec<u8> {
        format!("From: Ann <Ann@a.example>\r\nDate: {date}\r\n{extra}\r\n\r\nhi\r\n").into_bytes()
    }

    const MONDAY: &str = "Mon, 2 Nov 2026 10:00:00 +0000";
    const TUESDAY: &str = "Tue, 3 Nov 2026 10:00:00 +0000";
    const NOW: i64 = 1_796_000_000;

    #[test]
    fn a_field_is_read_and_written() {
        let field =
            Field { address: "ann@a.example".into(), prefers: Prefers::Mutual, key: vec![7; 200] };
        let line = field.to_line();
        assert!(line.split("\r\n").all(|line| line.len() < 78), "{line}");
        let value = line.strip_prefix("Autocrypt:").unwrap();
        assert_eq!(Field::parse(value.as_bytes()), Some(field));
        for wrong in [
            "addr=a@b; keydata=",
            "addr=a@b; keydata=!!",
            "keydata=AAAA",
            "addr=a@b; critical=1; keydata=AAAA",
            "addr=a@b",
            "",
        ] {
            assert_eq!(Field::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(Field::parse(b"addr=a@b; _x=1; prefer-encrypt=odd; keydata=AA AA").is_some());
    }

    #[test]
    fn what_a_letter_changes() {
        let home = tempfile::tempdir().unwrap();
        let peers = Peers::at(Some(home.path().join("keys")));
        let one = "Autocrypt: addr=ann@a.example; keydata=AAAA";
        let two = "Autocrypt: addr=ann@a.example; prefer-encrypt=mutual; keydata=BBBB";
        let learned = |date, extra: &str| peers.learn(&letter(date, extra), NOW, |_| true).unwrap();
        let learn = |date, extra: &str| learned(date, extra) != Learnt::Nothing;
        assert!(!learn(MONDAY, "X: y"), "who sends no key isn't remembered");
        assert!(!learn(MONDAY, &format!("{one}\r\n{two}")), "two are none");
        assert!(!learn(MONDAY, "Autocrypt: addr=eve@e.example; keydata=AAAA"), "another's");
        assert!(!learn(MONDAY, &format!("{one}\r\nFrom: b@b.example")), "two authors");
        assert!(!learn(MONDAY, &format!("Content-Type: multipart/report\r\n{one}")));
        assert!(learn(TUESDAY, two));
        assert!(!learn(TUESDAY, two), "the same again");
        assert!(!learn(MONDAY, one), "an older one changes nothing");
        assert_eq!(peers.key("ANN@a.example").unwrap(), STANDARD.decode("BBBB").unwrap());
        assert!(learn("Wed, 4 Nov 2099 10:00:00 +0000", "X: y"), "a date ahead is now");
        assert_eq!(peers.read()["ann@a.example"].last_seen, NOW);
        // Another key is said, one that is of no use isn't taken.
        let wednesday = "Wed, 4 Nov 2026 10:00:00 +0000";
        let third = "Autocrypt: addr=ann@a.example; keydata=CCCC";
        let unusable = peers.learn(&letter(wednesday, third), NOW, |_| false).unwrap();
        assert_eq!(unusable, Learnt::Nothing);
        assert_eq!(peers.key("ann@a.example").unwrap(), STANDARD.decode("BBBB").unwrap());
        assert_eq!(learned(wednesday, third), Learnt::AnotherKey);
        assert_eq!(learned(wednesday, third), Learnt::Nothing);
    }

    #[test] // Autocrypt 1.1, "Key Gossip".
    fn what_letters_say_of_others_counts_less() {
        let home = tempfile::tempdir().unwrap();
        let peers = Peers::at(Some(home.path().join("keys")));
        let key = |key: &str| STANDARD.decode(key).unwrap();
        let field = |address: &str, data: &str| {
            let (address, key) = (address.to_owned(), key(data));
            Field { address, prefers: Prefers::Mutual, key }
        };
        let to = ["bob@b.example".to_owned()];
        let payload = format!(
            "Content-Type: text/plain\r\n{}\r\n{}\r\nSubject: x\r\n\r\nAutocrypt-Gossip: addr=x@x; keydata=AAAA",
            field("bob@b.example", "BBBB").to_gossip(),
            field("eve@e.example", "EEEE").to_gossip(),
        );
        let found = gossip(payload.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].prefers, Prefers::Nopreference);
        let learn = |date, gossip: &[Field]| {
            peers.learn_gossip((&letter(date, "X: y"), &to), gossip, NOW, |_| true).unwrap();
        };
        learn(TUESDAY, &found);
        assert_eq!(peers.gossip("Bob@b.example"), Some(key("BBBB")));
        assert_eq!(peers.gossip("eve@e.example"), None, "who didn't get it");
        assert_eq!(peers.key("bob@b.example"), None, "it isn't from them");
        learn(MONDAY, &[field("bob@b.example", "CCCC")]);
        assert_eq!(peers.gossip("bob@b.example"), Some(key("BBBB")), "an older letter");
        let recommended =
            |to: &str| peers.recommend(&[to.to_owned()], Prefers::Mutual, Answers::Other);
        assert_eq!(recommended("bob@b.example"), Recommendation::Discourage);
        assert_eq!(recommended("eve@e.example"), Recommendation::Disable);
    }

    #[test]
    fn what_is_recommended() {
        let peer = |key: &str, last_seen, prefers| Peer {
            key: key.into(),
            last_seen,
            autocrypt_timestamp: 0,
            prefers,
            ..Peer::default()
        };
        use Prefers::{Mutual, Nopreference};
        for (peer, ours, answers, expected) in [
            (peer("", 0, Mutual), Mutual, Answers::Encrypted, Recommendation::Disable),
            (peer("k", 0, Mutual), Mutual, Answers::Other, Recommendation::Encrypt),
            (peer("k", 0, Mutual), Nopreference, Answers::Other, Recommendation::Available),
            (peer("k", 0, Nopreference), Mutual, Answers::Other, Recommendation::Available),
            (peer("k", STALE_SECONDS, Mutual), Mutual, Answers::Other, Recommendation::Encrypt),
            (
                peer("k", STALE_SECONDS + 1, Mutual),
                Mutual,
                Answers::Other,
                Recommendation::Discourage,
            ),
            (
                peer("k", STALE_SECONDS + 1, Mutual),
                Mutual,
                Answers::Encrypted,
                Recommendation::Encrypt,
            ),
        ] {
            assert_eq!(peer.recommendation(ours, answers), expected, "{peer:?}");
        }
    }
}
