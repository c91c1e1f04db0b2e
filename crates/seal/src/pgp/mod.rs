//! OpenPGP (RFC 9580), as letters use it.
//!
//! Where GnuPG and a keyring of its are there, they are used: the user's keys, passphrases and judgement of other people's
//! keys are there ([`gnupg`]). Keys that come with letters (Autocrypt), and all keys where there is no GnuPG, lie in a folder
//! of our own (`own`, feature `pgp`).

pub mod gnupg;
#[cfg(feature = "pgp")]
pub mod own;
#[cfg(feature = "pgp")]
mod policy;

/// Who has signed, as far as the key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The fingerprint of the key, as digits.
    pub key: String,
    /// Whose key it says that it is.
    pub people: Vec<Person>,
}

impl Signer {
    /// Who says that the key is of this address; `None` where it doesn't say so itself.
    pub fn vouched_for(&self, address: &str) -> Option<Vouched> {
        vouched_for(&self.people, address)
    }
}

/// Somebody of whom a key says that it is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// A user ID that the key's owner has signed; of a certificate, an address.
    pub id: String,
    /// Whether that is so. Each is looked at for itself: a key's owner writes into it whom they like.
    pub vouched: Vouched,
}

fn vouched_for(people: &[Person], wanted: &str) -> Option<Vouched> {
    let wanted = wanted.to_ascii_lowercase();
    let of_address =
        people.iter().filter(|person| address(&person.id).as_deref() == Some(wanted.as_str()));
    of_address.map(|person| person.vouched).min()
}

/// Who says whose key it is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vouched {
    /// The user, or somebody whom the user relies on in this.
    Known,
    /// Letters from that address have brought it.
    Seen,
    /// Nobody.
    Unknown,
}

/// A signature that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// It fits.
    Holds(Signer),
    /// It fits, but the key can't be relied on; why.
    Doubtful(Signer, String),
    /// What is signed isn't what was signed.
    Broken,
    /// The key isn't there: its fingerprint, or less of it.
    NoKey(String),
    /// It can't be looked at; why.
    Unknown(String),
}

/// What was encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// The octets.
    pub octets: Vec<u8>,
    /// What is signed of them, all of it.
    pub signatures: Vec<Checked>,
}

/// A key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its fingerprint, as digits.
    pub fingerprint: String,
    /// Whose it says that it is.
    pub people: Vec<Person>,
    /// Whether its private half is here.
    pub is_ours: bool,
    /// What it can be used for now.
    pub uses: Uses,
    /// Why it can't be used, or until when it can.
    pub state: String,
    /// Where it is kept.
    pub place: &'static str,
}

/// What a key can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uses {
    /// To sign.
    pub signs: bool,
    /// To encrypt to.
    pub encrypts: bool,
}

impl Key {
    /// Whether it says that it is of this address.
    pub fn is_of(&self, wanted: &str) -> bool {
        self.vouched_for(wanted).is_some()
    }

    /// Who says that it is of this address; `None` where it doesn't say so itself.
    pub fn vouched_for(&self, address: &str) -> Option<Vouched> {
        vouched_for(&self.people, address)
    }

    /// Who vouches for all whom it names.
    pub fn vouched(&self) -> Vouched {
        self.people.iter().map(|person| person.vouched).max().unwrap_or(Vouched::Unknown)
    }
}

/// A public key as text (RFC 9580 §6), with the checksum that older programs look for.
pub fn armored(octets: &[u8]) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let mut text = String::from("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n");
    for (place, digit) in engine.encode(octets).chars().enumerate() {
        if place > 0 && place.is_multiple_of(64) {
            text.push('\n');
        }
        text.push(digit);
    }
    let [_, sum @ ..] = crc24(octets).to_be_bytes();
    text.push_str("\n=");
    text.push_str(&engine.encode(sum));
    text.push_str("\n-----END PGP PUBLIC KEY BLOCK-----\n");
    text
}

/// RFC 9580 §6.1.1.
fn crc24(octets: &[u8]) -> u32 {
    let mut sum = 0x00b7_04ce_u32;
    for octet in octets {
        sum ^= u32::from(*octet) << 16;
        for _ in 0..8 {
            sum <<= 1;
            if sum & 0x0100_0000 != 0 {
                sum ^= 0x0186_4cfb;
            }
        }
    }
    sum & 0x00ff_ffff
}

/// The address in a user ID (`Ann <ann@a.example>`, `ann@a.example`), in lower case.
pub(crate) fn address(person: &str) -> Option<String> {
    let inner = match person.rsplit_once('<') {
        Some((_, rest)) => rest.split_once('>').map(|(inner, _)| inner)?,
        None => person,
    };
    let inner = inner.trim();
    let is_address = inner.contains('@') && !inner.contains(char::is_whitespace);
    is_address.then(|| inner.to_ascii_lowercase())
}

/// Somebody to encrypt to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// The key, as octets.
    pub(crate) key: Vec<u8>,
    /// Whether others may see that it is one of them.
    pub(crate) shown: Shown,
}

/// Whether the message says whom it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Yes,
    /// One who is told in secret.
    No,
}

/// A detached signature, and the name of its hash for `micalg` (RFC 3156 §5).
pub(crate) struct Detached {
    pub(crate) armored: Vec<u8>,
    pub(crate) hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_user_id() {
        for (person, expected) in [
            ("Ann <Ann@A.example>", Some("ann@a.example")),
            ("ann@a.example", Some("ann@a.example")),
            ("ann@a.example <eve@e.example>", Some("eve@e.example")),
            ("Ann", None),
            ("Ann <ann@a.example", None),
            ("ann@a.example the first", None),
            ("<>", None),
        ] {
            assert_eq!(address(person).as_deref(), expected, "{person}");
        }
    }
}
