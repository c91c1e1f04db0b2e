//! A letter out of its seal, and what is said of that.
//!
//! Layers are opened from outside to inside: what is encrypted, in it what is signed. What is encrypted is opened only
//! where it is all of the letter: a part among others could be read out by them (row U08). Of a letter of which one part is
//! signed, only that is shown, and what stands beside it can be had as parts (row U09).

use postroad_message::{Body, Part};
use postroad_protocol::header;

use crate::SealError;
use crate::autocrypt::{self, Field, addresses};
use crate::fields::{self, Cover};
use crate::find::{self, Method, Sealed};
use crate::keys::Keys;
use crate::limits;
use crate::pgp::{Checked, Signer, Vouched};
use crate::smime::{self, Content};

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it seems.
    Good,
    /// Nothing proves it.
    Open,
    /// Something contradicts it.
    Bad,
}

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is meant.
    pub level: Level,
    /// In words; others' texts are in it.
    pub words: String,
}

/// A part that stands beside what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Its file's name.
    pub name: Option<String>,
    /// Its media type.
    pub kind: String,
    /// Its octets, decoded.
    pub octets: Vec<u8>,
}

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The letter to be shown: the fields that count, and what was sealed. The letter as it came, where nothing could be
    /// opened.
    pub letter: Vec<u8>,
    /// What is said of it, the most important first.
    pub findings: Vec<Finding>,
    /// What stands beside what is signed.
    pub others: Vec<Other>,
    /// Whether it was encrypted, and was opened.
    pub is_encrypted: bool,
    /// Keys of others that stood inside of what was encrypted.
    pub gossip: Vec<Field>,
}

impl Opened {
    /// All of it in one line, as bad as the worst of it.
    pub fn line(&self) -> (Level, String) {
        let level = self.findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Open);
        // What is wrong first: lines are cut at their ends.
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.level == Level::Bad));
        let words: Vec<&str> = findings.iter().map(|finding| finding.words.as_str()).collect();
        (level, words.join("; "))
    }
}

/// A letter while it is being opened.
struct Opening<'k> {
    keys: &'k Keys,
    /// What is left to be opened: a letter, or a part with its header.
    entity: Vec<u8>,
    findings: Vec<Finding>,
    signatures: Vec<Checked>,
    others: Vec<Other>,
    is_opened: bool,
    is_encrypted: bool,
    /// It came out of a cipher that doesn't prove that it is whole, and nothing else has yet.
    is_unproven: bool,
    /// Whom letters from outside claim to be from.
    authors: Vec<String>,
    gossip: Vec<Field>,
}

/// Whether there may be more to open.
#[derive(PartialEq, Eq)]
enum Next {
    Layer,
    Nothing,
}

/// Opens a letter, as far as there are keys for it. `None` where nothing of it is sealed.
pub fn open(letter: &[u8], keys: &Keys) -> Option<Opened> {
    if !find::is_sealed(letter) {
        return None;
    }
    let mut opening = Opening {
        keys,
        entity: letter.to_vec(),
        findings: Vec::new(),
        signatures: Vec::new(),
        others: Vec::new(),
        is_opened: false,
        is_encrypted: false,
        is_unproven: false,
        authors: from(letter),
        gossip: Vec::new(),
    };
    for _ in 0..limits::LAYERS_MAX {
        if opening.layer() == Next::Nothing {
            break;
        }
    }
    Some(opening.finish(letter))
}

/// The authors that a letter's header names.
fn from(letter: &[u8]) -> Vec<String> {
    let fields = header::fields(letter).filter(|field| field.is("From"));
    fields.flat_map(|field| addresses(field.value())).take(limits::SIGNATURES_MAX).collect()
}

impl Opening<'_> {
    fn say(&mut self, level: Level, words: impl Into<String>) {
        self.findings.push(Finding { level, words: words.into() });
    }

    fn layer(&mut self) -> Next {
        let part = Part::of(&self.entity);
        match find::sealed(&self.entity, &part) {
            Some(sealed) => self.open_layer(sealed),
            None => self.neighbours(&part),
        }
    }

    fn open_layer(&mut self, sealed: Sealed<'_>) -> Next {
        match sealed {
            Sealed::Malformed(words) => {
                self.say(Level::Bad, format!("Not opened: {words}"));
                Next::Nothing
            }
            Sealed::Encrypted { message } => match self.keys.decrypt(&message, &self.authors) {
                Ok(plain) => {
                    self.is_encrypted = true;
                    self.is_opened = true;
                    self.is_unproven = false;
                    self.entity = find::to_wire(&plain.octets);
                    self.gossip = autocrypt::gossip(&self.entity);
                    self.signatures.extend(plain.signatures);
                    Next::Layer
                }
                Err(error) => self.cant(&error),
            },
            Sealed::Cms { message } => self.open_cms(message),
            Sealed::Signed { by, entity, signature } => {
                let found = self.check(by, &entity, &signature);
                let holds = found.iter().any(|checked| matches!(checked, Checked::Holds(_)));
                self.signatures.extend(found);
                if self.is_unproven && !holds {
                    return Next::Nothing;
                }
                self.is_unproven = false;
                self.is_opened = true;
                self.entity = entity;
                Next::Layer
            }
        }
    }

    fn cant(&mut self, error: &SealError) -> Next {
        let level = match error {
            SealError::NoKey(_)
            | SealError::Unusable(_)
            | SealError::Program { .. }
            | SealError::File { .. } => Level::Open,
            SealError::NoIntegrity | SealError::TooLarge(_) | SealError::Broken(_) => Level::Bad,
        };
        self.say(level, format!("Encrypted, not opened: {error}"));
        Next::Nothing
    }

    fn check(&self, by: Method, entity: &[u8], signature: &[u8]) -> Vec<Checked> {
        match by {
            Method::Pgp => self.keys.verify(entity, signature, &self.authors),
            Method::Smime => {
                let found = self.keys.smime.verify(entity, signature);
                vec![found.unwrap_or_else(|error| Checked::Unknown(error.to_string()))]
            }
            Method::Unknown => {
                vec![Checked::Unknown(
                    "it is signed in a way that this program doesn't know".into(),
                )]
            }
        }
    }

    fn open_cms(&mut self, message: Vec<u8>) -> Next {
        let kind = smime::content(&message);
        match kind {
            Some(Content::Signed) => match self.keys.smime.open_signed(&message) {
                Ok((checked, entity)) => {
                    let holds = matches!(checked, Checked::Holds(_));
                    let fits = holds || matches!(checked, Checked::Doubtful(..));
                    self.signatures.push(checked);
                    if !fits || (self.is_unproven && !holds) {
                        return Next::Nothing;
                    }
                    self.is_unproven = false;
                    self.is_opened = true;
                    self.entity = find::to_wire(&entity);
                    Next::Layer
                }
                Err(error) => {
                    self.say(Level::Open, format!("Signed, not opened: {error}"));
                    Next::Nothing
                }
            },
            Some(Content::Enveloped | Content::AuthEnveloped) => {
                match self.keys.smime.decrypt(message) {
                    Ok(octets) => {
                        self.is_encrypted = true;
                        self.is_opened = true;
                        self.is_unproven = kind == Some(Content::Enveloped);
                        self.entity = find::to_wire(&octets);
                        Next::Layer
                    }
                    Err(error) => self.cant(&error),
                }
            }
            None => {
                self.say(Level::Bad, "Not opened: it isn't made as S/MIME is");
                Next::Nothing
            }
        }
    }

    /// What is sealed among other parts.
    fn neighbours(&mut self, part: &Part) -> Next {
        let mut sealed = Vec::new();
        inside(part, &mut sealed, find::NEIGHBOURS_DEPTH_MAX);
        let mut signed = Vec::new();
        for inner in sealed {
            match find::sealed(&self.entity, inner) {
                Some(Sealed::Signed { by, entity, signature }) => {
                    signed.push((inner, by, entity, signature));
                }
                Some(_) => self.say(
                    Level::Bad,
                    "An encrypted part stands among others: it isn't opened, for they could read it out",
                ),
                None => {}
            }
        }
        let signed_part = match signed.as_slice() {
            [] => return Next::Nothing,
            // Came out of a seal: only the outermost part of that is what it says.
            _ if self.is_unproven => return Next::Nothing,
            [one] => one,
            several => {
                self.several(several);
                return Next::Nothing;
            }
        };
        let (inner, by, entity, signature) = signed_part;
        let found = self.check(*by, entity, signature);
        let holds = found.iter().any(|checked| matches!(checked, Checked::Holds(_)));
        self.signatures.extend(found);
        match holds {
            true => {
                let others = others(&self.entity, part, inner);
                self.say(
                    Level::Open,
                    "Only a part of the letter is signed, and only that is shown: the rest is among its parts",
                );
                let entity = entity.clone();
                self.others = others;
                self.entity = entity;
                self.is_opened = true;
            }
            false => self.say(Level::Open, "Only a part of the letter is signed"),
        }
        Next::Nothing
    }

    /// Parts that are signed each for itself: none says anything of the letter, and all of it is shown as it came.
    fn several(&mut self, signed: &[(&Part, Method, Vec<u8>, Vec<u8>)]) {
        self.say(Level::Open, "Several parts are signed, each for itself, and the letter isn't");
        for (place, (_, by, entity, signature)) in
            signed.iter().take(limits::SIGNATURES_MAX).enumerate()
        {
            for checked in self.check(*by, entity, signature) {
                let Finding { level, words } = said(&checked, &self.authors);
                self.say(level.max(Level::Open), format!("Signed part {}: {words}", place + 1));
            }
        }
    }

    fn finish(mut self, letter: &[u8]) -> Opened {
        if self.is_unproven {
            // Row U08: what came out of it is forgotten.
            let words = SealError::NoIntegrity.to_string();
            self.signatures.clear();
            self.say(Level::Bad, format!("Encrypted, not opened: {words}"));
            return Opened {
                letter: letter.to_vec(),
                findings: self.findings,
                others: Vec::new(),
                is_encrypted: false,
                gossip: Vec::new(),
            };
        }
        let holds = self.signatures.iter().any(|checked| matches!(checked, Checked::Holds(_)));
        let cover = match (self.is_encrypted, holds) {
            (true, _) => Some(Cover::Cipher),
            (false, true) => Some(Cover::Clear),
            (false, false) => None,
        };
        let mut differences = Vec::new();
        let mut is_protected = false;
        let shown = match self.is_opened {
            true => {
                let joined = fields::join(letter, std::mem::take(&mut self.entity), cover);
                is_protected = joined.is_protected;
                differences = joined.differences;
                joined.letter
            }
            false => letter.to_vec(),
        };
        let from = from(&shown);
        let mut findings = Vec::new();
        if self.is_encrypted {
            findings.push(Finding { level: Level::Good, words: "Encrypted".into() });
        }
        findings.extend(self.signatures.iter().map(|checked| said(checked, &from)));
        if self.is_encrypted && self.signatures.is_empty() {
            let words = "not signed: anybody can have written it".into();
            findings.push(Finding { level: Level::Open, words });
        }
        findings.append(&mut self.findings);
        findings.extend(differences.into_iter().map(|(level, words)| Finding { level, words }));
        if self.is_opened && !is_protected && (self.is_encrypted || holds) {
            let words = "its subject and addresses aren't sealed".into();
            // Of an encrypted letter they say where its answer goes, and so who reads what that quotes.
            let level = if self.is_encrypted { Level::Open } else { Level::Good };
            findings.push(Finding { level, words });
        }
        let (others, is_encrypted, gossip) = (self.others, self.is_encrypted, self.gossip);
        Opened { letter: shown, findings, others, is_encrypted, gossip }
    }
}

/// Sealed parts inside others, the outermost ones.
fn inside<'p>(part: &'p Part, found: &mut Vec<&'p Part>, depth: usize) {
    let Body::Multipart(parts) = &part.content else { return };
    for part in parts {
        let is_sealed = part.is("multipart", "signed")
            || part.is("multipart", "encrypted")
            || part.is("application", "pkcs7-mime")
            || part.is("application", "x-pkcs7-mime");
        match is_sealed {
            true => found.push(part),
            false if depth > 1 => inside(part, found, depth - 1),
            false => {}
        }
    }
}

/// The leaves beside a part.
fn others(octets: &[u8], part: &Part, but: &Part) -> Vec<Other> {
    fn walk<'p>(part: &'p Part, but: &Part, found: &mut Vec<&'p Part>, depth: usize) {
        if std::ptr::eq(part, but) || found.len() >= OTHERS_MAX {
            return;
        }
        match &part.content {
            Body::Multipart(parts) if depth > 0 => {
                parts.iter().for_each(|part| walk(part, but, found, depth - 1));
            }
            _ => found.push(part),
        }
    }
    let mut leaves = Vec::new();
    walk(part, but, &mut leaves, find::NEIGHBOURS_DEPTH_MAX);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).to_ascii_lowercase();
    let other = |part: &&Part| Other {
        name: part.file_name(),
        kind: format!("{}/{}", text(&part.kind), text(&part.subtype)),
        octets: find::decoded(octets, part)
            .unwrap_or_else(|| octets.get(part.body.clone()).unwrap_or_default().to_vec()),
    };
    leaves.iter().map(other).collect()
}

/// The most parts beside a signed one.
const OTHERS_MAX: usize = 100;

/// What a signature means for a letter of these authors (row U09). Of a user ID only its address is said, and what speaks
/// against it comes first: a user ID is what somebody typed, and can be made to read as a line of ours.
fn said(checked: &Checked, from: &[String]) -> Finding {
    let finding = |level, words: String| Finding { level, words };
    match checked {
        Checked::Holds(signer) => match from {
            [author] => by_author(signer, author),
            [] => somebody_else(signer, "it names no author"),
            _ => somebody_else(signer, "it names several authors"),
        },
        Checked::Doubtful(signer, fault) => finding(
            Level::Bad,
            format!(
                "Its signature proves nothing: {fault}; its key says that it is of {}",
                named(signer)
            ),
        ),
        Checked::Broken => finding(
            Level::Bad,
            "The signature doesn't fit: it was changed after it was signed".to_owned(),
        ),
        Checked::NoKey(id) => finding(
            Level::Open,
            format!("Signed with a key that you don't have ({id}): ask its author for it"),
        ),
        Checked::Unknown(why) => {
            finding(Level::Open, format!("Signed, which can't be checked: {why}"))
        }
    }
}

/// What a signature that fits means, by who vouches for its key being of just this address.
fn by_author(signer: &Signer, author: &str) -> Finding {
    let (level, words) = match signer.vouched_for(author) {
        Some(Vouched::Known) => (Level::Good, format!("Signed by {}", cut(author))),
        Some(Vouched::Seen) => (
            Level::Open,
            format!("Signed with the key that letters from {} have brought", cut(author)),
        ),
        Some(Vouched::Unknown) => (
            Level::Open,
            format!(
                "Signed with a key that nobody you rely on vouches for; it says that it is of {} ({})",
                cut(author),
                signer.key
            ),
        ),
        None => return somebody_else(signer, &format!("From is {}", cut(author))),
    };
    Finding { level, words }
}

fn somebody_else(signer: &Signer, author: &str) -> Finding {
    let words = format!("Signed by somebody else: {author}, the key says {}", named(signer));
    Finding { level: Level::Bad, words }
}

/// The address of the first whom a key names; its fingerprint where that is none.
fn named(signer: &Signer) -> String {
    let address = signer.people.first().and_then(|person| crate::pgp::address(&person.id));
    address.map_or_else(|| signer.key.clone(), |address| cut(&address))
}

fn cut(address: &str) -> String {
    address.chars().take(ADDRESS_CHARS_MAX).collect()
}

/// Characters of an address that are said.
const ADDRESS_CHARS_MAX: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgp::Person;

    fn signer(people: &[(&str, Vouched)]) -> Signer {
        let people =
            people.iter().map(|(id, vouched)| Person { id: (*id).into(), vouched: *vouched });
        Signer { key: "F00D".into(), people: people.collect() }
    }

    #[test]
    fn u09_one_that_is_vouched_for_lends_nothing_to_another() {
        let signer = signer(&[
            ("Mallory <mallory@m.example>", Vouched::Known),
            ("Boss <boss@corp.example>", Vouched::Unknown),
        ]);
        for (from, level) in [
            (&["mallory@m.example"][..], Level::Good),
            (&["boss@corp.example"], Level::Open),
            (&["eve@e.example"], Level::Bad),
            (&["mallory@m.example", "boss@corp.example"], Level::Bad),
            (&[], Level::Bad),
        ] {
            let from: Vec<String> = from.iter().map(|&one| one.to_owned()).collect();
            let found = said(&Checked::Holds(signer.clone()), &from);
            assert_eq!(found.level, level, "{found:?}");
        }
    }

    #[test]
    fn u09_a_user_id_cant_be_made_to_read_as_our_words() {
        let typed = "Boss <boss@corp.example>; Encrypted; all checked      <mallory@m.example>";
        let signer = signer(&[(typed, Vouched::Unknown)]);
        for (from, checked) in [
            ("mallory@m.example", Checked::Holds(signer.clone())),
            ("boss@corp.example", Checked::Holds(signer.clone())),
            ("mallory@m.example", Checked::Doubtful(signer, "that key has expired".into())),
        ] {
            let words = said(&checked, &[from.to_owned()]).words;
            assert!(!words.contains("Encrypted"), "{words}");
            let caveats = ["nobody you rely on", "somebody else", "proves nothing"];
            let caveat = caveats.iter().find_map(|caveat| words.find(caveat)).unwrap();
            assert!(caveat < words.find("@").unwrap(), "{words}");
        }
    }
}
