//! Sealing a letter: its text, what goes with it and its fields (RFC 3156, RFC 9788).
//!
//! ```text
//! From, To, Subject, …         From, To, Subject: [...]; Content-Type: multipart/encrypted
//! Content-Type: text/plain ──►   encrypted and signed: Content-Type: text/plain; hp=cipher
//!                                  From, To, Subject, …; HP-Outer: what stands outside
//! ```

use std::fmt::Write as _;

use postroad_protocol::header;
use serde::{Deserialize, Serialize};

use crate::autocrypt::{Field, Prefers};
use crate::fields::{Cover, HIDDEN_SUBJECT, is_of_content};
use crate::keys::Keys;
use crate::pgp::{Recipient, Shown, Vouched};
use crate::{SealError, limits};

/// What a letter is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// Nothing.
    #[default]
    None,
    /// A signature.
    Sign,
    /// A cipher; what is encrypted is signed, too.
    Encrypt,
}

impl Protection {
    /// Whether it is to have nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Whom a letter is from and for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The author's address.
    pub author: String,
    /// Those who get it, and may know of each other.
    pub shown: Vec<String>,
    /// Those who are told in secret.
    pub hidden: Vec<String>,
    /// What the author prefers (Autocrypt).
    pub prefers: Prefers,
}

/// A key that is encrypted to, although nobody whom the user relies on has said whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The address.
    pub address: String,
    /// The fingerprint of the key, as digits; empty where it isn't known before it is used.
    pub key: String,
    /// What is known of it.
    pub vouched: Vouched,
}

/// Whether it can be done: said before somebody has written a long letter. Gives those whose keys nobody has vouched for.
///
/// # Errors
/// The first key that is missing, or can't be used.
pub fn check(
    protection: Protection,
    people: &People,
    keys: &Keys,
) -> Result<Vec<Doubt>, SealError> {
    let mut doubts = Vec::new();
    if protection == Protection::None {
        return Ok(doubts);
    }
    keys.own_key(&people.author)?;
    if protection == Protection::Encrypt {
        for address in people.shown.iter().chain(&people.hidden) {
            let (_, key) = keys.key_for(address)?;
            let vouched = key.vouched_for(address).unwrap_or(Vouched::Unknown);
            // One's own is nobody else's.
            if vouched != Vouched::Known && !key.is_ours {
                let (address, key) = (address.clone(), key.fingerprint);
                doubts.push(Doubt { address, key, vouched });
            }
        }
    }
    Ok(doubts)
}

/// Seals a letter in CRLF lines.
///
/// # Errors
/// Where a key is missing or can't be used, or a program fails.
pub fn seal(
    letter: &[u8],
    protection: Protection,
    people: &People,
    keys: &Keys,
) -> Result<Vec<u8>, SealError> {
    if protection == Protection::None {
        return Ok(letter.to_vec());
    }
    let own = keys.own_key(&people.author)?;
    let boundary = boundary(letter)?;
    let field = Field {
        address: people.author.to_ascii_lowercase(),
        prefers: people.prefers,
        key: keys.export(&own)?,
    };
    let autocrypt = match field.to_line() {
        line if line.len() > limits::AUTOCRYPT_OCTETS_MAX => String::new(),
        line => format!("{line}\r\n"),
    };
    let pieces = Pieces::of(letter);
    let (sealed, kind) = match protection {
        Protection::Encrypt => {
            let to = keys.keys_for(&people.shown, &people.hidden)?;
            let inside = pieces.payload(Cover::Cipher, &gossip(&to));
            let to = to.into_iter().map(|(_, recipient)| recipient).collect();
            let message = keys.encrypt(&own, to, inside)?;
            let kind = "multipart/encrypted; protocol=\"application/pgp-encrypted\"".to_owned();
            (encrypted(&boundary, &message), kind)
        }
        Protection::Sign | Protection::None => {
            let entity = pieces.payload(Cover::Clear, "");
            let signature = keys.sign(&own, entity.clone())?;
            let kind = format!(
                "multipart/signed; micalg={};\r\n protocol=\"application/pgp-signature\"",
                signature.hash
            );
            (signed(&boundary, &entity, &signature.armored), kind)
        }
    };
    let mut out = pieces.outer(protection);
    out.extend_from_slice(autocrypt.as_bytes());
    let content =
        format!("MIME-Version: 1.0\r\nContent-Type: {kind};\r\n boundary=\"{boundary}\"\r\n\r\n");
    out.extend_from_slice(content.as_bytes());
    out.extend_from_slice(&sealed);
    Ok(out)
}

/// The keys of those who may know of each other, so that each can answer all (Autocrypt 1.1, "Key Gossip").
fn gossip(to: &[(String, Recipient)]) -> String {
    let shown: Vec<_> = to.iter().filter(|(_, to)| to.shown == Shown::Yes).collect();
    if shown.len() < 2 || shown.len() > limits::GOSSIP_MAX {
        return String::new();
    }
    let line = |(address, to): &&(String, Recipient)| {
        let (address, key) = (address.clone(), to.key.clone());
        let line = Field { address, prefers: Prefers::Nopreference, key }.to_gossip();
        (line.len() <= limits::AUTOCRYPT_OCTETS_MAX).then(|| format!("{line}\r\n"))
    };
    shown.iter().filter_map(line).collect()
}

/// RFC 3156 §4.
fn encrypted(boundary: &str, message: &[u8]) -> Vec<u8> {
    let mut out = format!(
        "--{boundary}\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--{boundary}\r\n\
         Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\
         Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"
    )
    .into_bytes();
    out.extend_from_slice(&crate::find::to_wire(message));
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    out
}

/// RFC 3156 §5.
fn signed(boundary: &str, entity: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut out = format!("--{boundary}\r\n").into_bytes();
    out.extend_from_slice(entity);
    let between = format!(
        "\r\n--{boundary}\r\nContent-Type: application/pgp-signature; name=\"signature.asc\"\r\n\
         Content-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n"
    );
    out.extend_from_slice(between.as_bytes());
    out.extend_from_slice(&crate::find::to_wire(signature));
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    out
}

/// A delimiter that stands nowhere in the letter.
fn boundary(letter: &[u8]) -> Result<String, SealError> {
    let mut random = [0_u8; 16];
    let failed = |source: std::io::Error| SealError::File {
        doing: "read random octets from",
        path: "the system".into(),
        source,
    };
    for _ in 0..8 {
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|error| failed(error.into()))?;
        let mut boundary = String::from("=_");
        for octet in random {
            // Writing into a String can't fail.
            let _ = write!(boundary, "{octet:02x}");
        }
        let is_there = letter.windows(boundary.len()).any(|window| window == boundary.as_bytes());
        if !is_there {
            return Ok(boundary);
        }
    }
    Err(failed(std::io::Error::other("no delimiter was found")))
}

/// A letter's fields and body.
struct Pieces<'l> {
    fields: Vec<header::Field<'l>>,
    body: &'l [u8],
}

/// Fields that stand inside, too: those that hosts write on the way aren't there yet.
fn is_sealed(field: &header::Field<'_>) -> bool {
    let is_key = field.is("Autocrypt") || field.is("Autocrypt-Gossip");
    !is_of_content(field) && !is_key && !field.name.is_empty()
}

impl<'l> Pieces<'l> {
    fn of(letter: &'l [u8]) -> Self {
        let mut walk = header::fields(letter);
        let fields = walk.by_ref().collect();
        let rest = walk.rest();
        let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        Self { fields, body }
    }

    /// What is sealed (RFC 9788 §5.2): the part, `more` fields of it, the letter's fields, and with a cipher those that
    /// stand outside.
    fn payload(&self, cover: Cover, more: &str) -> Vec<u8> {
        let hp = match cover {
            Cover::Clear => "clear",
            Cover::Cipher => "cipher",
        };
        let mut out = Vec::with_capacity(self.body.len() + 4096);
        let mut has_type = false;
        for field in self.fields.iter().filter(|field| is_of_content(field)) {
            if field.is("MIME-Version") {
                continue;
            }
            match field.is("Content-Type") {
                true => {
                    has_type = true;
                    out.extend_from_slice(b"Content-Type:");
                    out.extend_from_slice(field.raw_value.trim_ascii_end());
                    out.extend_from_slice(format!(";\r\n hp=\"{hp}\"\r\n").as_bytes());
                }
                false => out.extend_from_slice(field.raw),
            }
        }
        if !has_type {
            out.extend_from_slice(format!("Content-Type: text/plain; hp=\"{hp}\"\r\n").as_bytes());
        }
        out.extend_from_slice(more.as_bytes());
        for field in self.fields.iter().filter(|field| is_sealed(field)) {
            out.extend_from_slice(field.raw);
            if cover == Cover::Cipher {
                // RFC 9788 §2.2: so that who reads it sees what was changed outside.
                out.extend_from_slice(b"HP-Outer: ");
                out.extend_from_slice(&outside(field));
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body);
        out
    }

    /// The fields outside (RFC 9788 §3.2.1, hcp_baseline): all but what the subject says.
    fn outer(&self, protection: Protection) -> Vec<u8> {
        let mut out = Vec::with_capacity(4096);
        for field in self.fields.iter().filter(|field| is_sealed(field)) {
            match protection {
                Protection::Encrypt => out.extend_from_slice(&outside(field)),
                Protection::Sign | Protection::None => out.extend_from_slice(field.raw),
            }
        }
        out
    }
}

/// What of a field stands outside of a cipher.
fn outside(field: &header::Field<'_>) -> Vec<u8> {
    if field.is("Subject") {
        return format!("Subject: {HIDDEN_SUBJECT}\r\n").into_bytes();
    }
    field.raw.to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LETTER: &[u8] = b"From: a@a.example\r\nTo: b@b.example\r\nSubject: secret\r\n words\r\n\
        MIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"utf-8\"\r\n\
        Content-Transfer-Encoding: 7bit\r\n\r\nhi\r\n";

    #[test] // Tests RFC 9788 §5.2.
    fn what_is_inside_and_what_outside() {
        let pieces = Pieces::of(LETTER);
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap().replace("\r\n", "\n");
        assert_eq!(
            text(pieces.payload(Cover::Cipher, "")),
            "Content-Type: text/plain; charset=\"utf-8\";\n hp=\"cipher\"\n\
             Content-Transfer-Encoding: 7bit\n\
             From: a@a.example\nHP-Outer: From: a@a.example\n\
             To: b@b.example\nHP-Outer: To: b@b.example\n\
             Subject: secret\n words\nHP-Outer: Subject: [...]\n\nhi\n"
        );
        assert_eq!(
            text(pieces.outer(Protection::Encrypt)),
            "From: a@a.example\nTo: b@b.example\nSubject: [...]\n"
        );
        assert!(text(pieces.outer(Protection::Sign)).contains("Subject: secret\n words\n"));
    }

    #[test]
    fn what_is_sealed_is_found_again() {
        let pieces = Pieces::of(LETTER);
        let entity = pieces.payload(Cover::Clear, "");
        let mut letter =
            b"Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; \
            boundary=b\r\n\r\n"
                .to_vec();
        letter.extend_from_slice(&signed("b", &entity, b"SIG\n"));
        let part = postroad_message::Part::of(&letter);
        match crate::find::sealed(&letter, &part) {
            Some(crate::find::Sealed::Signed { entity: found, .. }) => assert_eq!(found, entity),
            other => panic!("{other:?}"),
        }
        let inside = crate::fields::join(LETTER, entity, Some(Cover::Clear));
        assert!(inside.is_protected && inside.differences.is_empty(), "{inside:?}");
    }

    proptest! {
        /// Nothing that a letter says makes it look changed, and nothing of it is lost.
        #[test]
        fn what_goes_in_comes_out(
            subject in "[ -~]{0,60}",
            to in "[a-z]{1,8}@[a-z]{1,8}\\.example",
            body in "([ -~]{0,40}\r\n){0,6}",
        ) {
            let subject = subject.trim();
            let letter = format!(
                "From: a@a.example\r\nTo: {to}\r\nSubject: {subject}\r\nX-Own: 1\r\n\r\n{body}"
            );
            let pieces = Pieces::of(letter.as_bytes());
            for (cover, protection) in
                [(Cover::Cipher, Protection::Encrypt), (Cover::Clear, Protection::Sign)]
            {
                let mut outer = pieces.outer(protection);
                outer.extend_from_slice(b"\r\nx");
                let joined = crate::fields::join(&outer, pieces.payload(cover, ""), Some(cover));
                prop_assert_eq!(&joined.differences, &[]);
                let text = String::from_utf8(joined.letter).unwrap();
                let field = format!("Subject: {subject}\r\n");
                prop_assert!(text.contains(&field), "{}", text);
                prop_assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{}", text);
            }
        }
    }
}
