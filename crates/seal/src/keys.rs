//! The keys that a user has: where they are looked for, and in which order.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::autocrypt::{Answers, Field, Learnt, Peers, Prefers, Recommendation};
use crate::pgp::gnupg::Gnupg;
#[cfg(feature = "pgp")]
use crate::pgp::own::Own;
use crate::pgp::{Checked, Detached, Key, Person, Plain, Recipient, Shown, Vouched};
use crate::smime::Smime;
use crate::{SealError, limits};

/// Where keys are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The folder of our own; `None` where there is no home.
    pub own: Option<PathBuf>,
    /// GnuPG's folder, where it isn't the usual one.
    pub gnupg: Option<PathBuf>,
    /// Whether GnuPG is used where it is there.
    pub engine: Engine,
    /// The user's certificate and private key for S/MIME, in one file.
    pub smime: Option<PathBuf>,
    /// Certificates that are relied on for S/MIME, where these aren't the system's.
    pub roots: Option<PathBuf>,
}

/// Whose keys are used for OpenPGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// GnuPG's where it has any, and those of our own.
    #[default]
    Both,
    /// Only those of our own.
    Own,
}

/// Where a passphrase may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// In this terminal.
    Here,
    /// In a window, or not at all: the terminal is taken.
    NotHere,
}

/// A user's keys.
#[derive(Debug, Clone)]
pub struct Keys {
    gnupg: Option<Gnupg>,
    #[cfg(feature = "pgp")]
    own: Option<Own>,
    pub(crate) peers: Peers,
    pub(crate) smime: Smime,
    #[cfg_attr(not(feature = "pgp"), allow(dead_code, reason = "GnuPG knows the time"))]
    now: u64,
}

impl Keys {
    /// Looks where they are; `now` in Unix seconds.
    pub fn new(places: &Places, asks: Asks, now: u64) -> Self {
        let gnupg = match places.engine {
            Engine::Both => Gnupg::found(places.gnupg.clone(), asks),
            Engine::Own => None,
        };
        Self {
            gnupg,
            #[cfg(feature = "pgp")]
            own: places.own.clone().map(|folder| Own::at(folder, now)),
            peers: Peers::at(places.own.clone()),
            smime: Smime::new(places),
            now,
        }
    }

    /// Takes from a letter the key that it brings (Autocrypt); `now` in Unix seconds.
    ///
    /// # Errors
    /// Where it can't be kept.
    pub fn learn(&self, letter: &[u8], now: i64) -> Result<Learnt, SealError> {
        self.peers.learn(letter, now, |key| self.is_usable(key))
    }

    /// Takes the keys of others that a letter has brought, which was encrypted; `to` are those who have got it.
    ///
    /// # Errors
    /// Where they can't be kept.
    pub fn learn_gossip(
        &self,
        letter: &[u8],
        to: &[String],
        gossip: &[Field],
        now: i64,
    ) -> Result<(), SealError> {
        match gossip {
            [] => Ok(()),
            _ => self.peers.learn_gossip((letter, to), gossip, now, |key| self.is_usable(key)),
        }
    }

    /// Whether a key can be encrypted to, as far as that can be told without GnuPG.
    #[cfg(feature = "pgp")]
    fn is_usable(&self, key: &[u8]) -> bool {
        crate::pgp::own::look(key, self.now).is_some_and(|key| key.uses.encrypts)
    }

    #[cfg(not(feature = "pgp"))]
    fn is_usable(&self, key: &[u8]) -> bool {
        !key.is_empty()
    }

    /// What is recommended for a letter to these (Autocrypt).
    pub fn recommend(&self, to: &[String], ours: Prefers, answers: Answers) -> Recommendation {
        self.peers.recommend(to, ours, answers)
    }

    /// Keys that letters of these addresses have brought.
    fn brought(&self, authors: &[String]) -> Vec<Vec<u8>> {
        authors.iter().filter_map(|address| self.peers.key(address)).collect()
    }

    pub(crate) fn verify(&self, data: &[u8], signature: &[u8], authors: &[String]) -> Vec<Checked> {
        if signature.len() as u64 > limits::SIGNATURE_OCTETS_MAX {
            return vec![Checked::Unknown("its signature is too long".into())];
        }
        let by_gnupg = self.gnupg.as_ref().map(|gnupg| {
            let found = gnupg.verify(data.to_vec(), signature);
            found.unwrap_or_else(|error| vec![Checked::Unknown(error.to_string())])
        });
        better(by_gnupg, || self.verify_own(data, signature, authors))
    }

    #[cfg(feature = "pgp")]
    fn verify_own(
        &self,
        data: &[u8],
        signature: &[u8],
        authors: &[String],
    ) -> Option<Vec<Checked>> {
        Some(self.own.as_ref()?.verify(data, signature, &self.brought(authors)))
    }

    #[cfg(not(feature = "pgp"))]
    fn verify_own(&self, _: &[u8], _: &[u8], authors: &[String]) -> Option<Vec<Checked>> {
        drop(self.brought(authors));
        None
    }

    pub(crate) fn decrypt(&self, message: &[u8], authors: &[String]) -> Result<Plain, SealError> {
        let by_gnupg = self.gnupg.as_ref().map(|gnupg| gnupg.decrypt(message.to_vec()));
        let first = match by_gnupg {
            Some(Ok(plain)) => return Ok(plain),
            Some(Err(error @ (SealError::NoIntegrity | SealError::TooLarge(_)))) => {
                return Err(error);
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        match (first, self.decrypt_own(message, authors)) {
            (_, Some(Ok(plain))) => Ok(plain),
            (Some(first), _) | (None, Some(Err(first))) => Err(first),
            (None, None) => Err(SealError::NoKey(NO_KEYS.into())),
        }
    }

    #[cfg(feature = "pgp")]
    fn decrypt_own(&self, message: &[u8], authors: &[String]) -> Option<Result<Plain, SealError>> {
        Some(self.own.as_ref()?.decrypt(message, &self.brought(authors)))
    }

    #[cfg(not(feature = "pgp"))]
    fn decrypt_own(&self, _: &[u8], _: &[String]) -> Option<Result<Plain, SealError>> {
        None
    }

    /// All keys, or those of an address.
    ///
    /// # Errors
    /// Where they can't be listed.
    pub fn list(&self, address: Option<&str>) -> Result<Vec<Key>, SealError> {
        let of_gnupg = self.gnupg.as_ref().map(|gnupg| gnupg.keys(address));
        #[cfg(feature = "pgp")]
        let own = self.own.as_ref().map(|own| own.keys(address));
        #[cfg(not(feature = "pgp"))]
        let own: Option<Result<Vec<Key>, SealError>> = None;
        let mut keys = of_gnupg.transpose()?.unwrap_or_default();
        keys.extend(own.transpose()?.unwrap_or_default());
        Ok(keys)
    }

    /// The user's key that signs for an address.
    ///
    /// # Errors
    /// Where there is none, or none that can be used.
    pub fn own_key(&self, address: &str) -> Result<Key, SealError> {
        let ours: Vec<Key> =
            self.list(Some(address))?.into_iter().filter(|key| key.is_ours).collect();
        match ours.iter().find(|key| key.uses.signs) {
            Some(key) => Ok(key.clone()),
            None => Err(match ours.first() {
                Some(key) => SealError::Unusable(format!("your key for {address}: {}", key.state)),
                None => SealError::NoKey(format!(
                    "you have no private key for {address}: keys make makes one, keys import FILE brings one"
                )),
            }),
        }
    }

    /// A key to encrypt to for an address: as octets, and what it is.
    ///
    /// # Errors
    /// Where there is none, or none that can be used.
    pub fn key_for(&self, address: &str) -> Result<(Vec<u8>, Key), SealError> {
        let found = self.list(Some(address))?;
        let usable = found.iter().filter(|key| key.uses.encrypts);
        // Of several the one whose owner somebody has vouched for.
        let best = usable.min_by_key(|key| key.vouched_for(address));
        if let Some(key) = best {
            return Ok((self.export(key)?, key.clone()));
        }
        // Only where there is no other: a letter may bring back what was revoked, or an older copy of it.
        match found.first() {
            Some(key) => Err(SealError::Unusable(format!(
                "the key of {address} can't be encrypted to: {}",
                if key.state.is_empty() { "it isn't for that" } else { &key.state }
            ))),
            None => self.brought_key(address).ok_or_else(|| {
                SealError::NoKey(format!(
                    "there is no key of {address}: ask for it and take it in with keys import FILE"
                ))
            }),
        }
    }

    #[cfg(feature = "pgp")]
    fn brought_key(&self, address: &str) -> Option<(Vec<u8>, Key)> {
        let look = |octets: Vec<u8>, vouched| {
            let key = crate::pgp::own::look(&octets, self.now).filter(|key| key.uses.encrypts)?;
            let person = |person: Person| Person { vouched, ..person };
            let people = key.people.into_iter().map(person).collect();
            Some((octets, Key { people, ..key }))
        };
        // What others say of them comes last (Autocrypt 1.1).
        let own = self.peers.key(address).and_then(|octets| look(octets, Vouched::Seen));
        let gossip = || look(self.peers.gossip(address)?, Vouched::Unknown);
        let (octets, key) = own.or_else(gossip)?;
        // The same key is elsewhere, and there it isn't of this address any more.
        let is_elsewhere =
            self.list(None).ok()?.iter().any(|own| own.fingerprint == key.fingerprint);
        (!is_elsewhere).then_some((octets, key))
    }

    #[cfg(not(feature = "pgp"))]
    fn brought_key(&self, address: &str) -> Option<(Vec<u8>, Key)> {
        // GnuPG looks at it when it is used.
        let own = self.peers.key(address).map(|octets| (octets, Vouched::Seen));
        let gossip = || Some((self.peers.gossip(address)?, Vouched::Unknown));
        let (octets, vouched) = own.or_else(gossip)?;
        let key = Key {
            fingerprint: String::new(),
            people: vec![Person { id: address.to_owned(), vouched }],
            is_ours: false,
            uses: crate::pgp::Uses { signs: false, encrypts: true },
            state: String::new(),
            place: "letters",
        };
        Some((octets, key))
    }

    /// A public key that is listed, as octets: from where it was looked at, for another copy may say something else.
    ///
    /// # Errors
    /// Where it isn't there any more.
    pub fn export(&self, key: &Key) -> Result<Vec<u8>, SealError> {
        match &self.gnupg {
            Some(gnupg) if key.place == crate::pgp::gnupg::PLACE => gnupg.export(&key.fingerprint),
            _ => self.export_own(key),
        }
    }

    #[cfg(feature = "pgp")]
    fn export_own(&self, key: &Key) -> Result<Vec<u8>, SealError> {
        let own = self.own.as_ref().ok_or_else(|| SealError::NoKey(NO_KEYS.into()))?;
        own.export(&key.fingerprint)
    }

    #[cfg(not(feature = "pgp"))]
    fn export_own(&self, _: &Key) -> Result<Vec<u8>, SealError> {
        Err(SealError::NoKey(NO_KEYS.into()))
    }

    /// Takes keys in, into GnuPG where it is used; gives their fingerprints, and where they are kept.
    ///
    /// # Errors
    /// Where there is none in it, or they can't be kept.
    pub fn import(&self, octets: Vec<u8>) -> Result<(Vec<String>, &'static str), SealError> {
        if let Some(gnupg) = &self.gnupg {
            return Ok((gnupg.import(octets)?, crate::pgp::gnupg::PLACE));
        }
        #[cfg(feature = "pgp")]
        if let Some(own) = &self.own {
            return Ok((own.import(&octets)?, crate::pgp::own::PLACE));
        }
        drop(octets);
        Err(SealError::NoKey(NO_KEYS.into()))
    }

    /// Makes a key for a person, `Name <address>`, in GnuPG where it is used; gives its fingerprint.
    ///
    /// # Errors
    /// Where it can't be made or kept.
    pub fn make(&self, person: &str) -> Result<(String, &'static str), SealError> {
        if let Some(gnupg) = &self.gnupg {
            return Ok((gnupg.make(person)?, crate::pgp::gnupg::PLACE));
        }
        #[cfg(feature = "pgp")]
        if let Some(own) = &self.own {
            return Ok((own.make(person)?, crate::pgp::own::PLACE));
        }
        Err(SealError::NoKey(NO_KEYS.into()))
    }

    pub(crate) fn sign(&self, key: &Key, data: Vec<u8>) -> Result<Detached, SealError> {
        match &self.gnupg {
            Some(gnupg) if key.place == crate::pgp::gnupg::PLACE => {
                gnupg.sign(&key.fingerprint, data)
            }
            _ => self.sign_own(key, &data),
        }
    }

    #[cfg(feature = "pgp")]
    fn sign_own(&self, key: &Key, data: &[u8]) -> Result<Detached, SealError> {
        let own = self.own.as_ref().ok_or_else(|| SealError::NoKey(NO_KEYS.into()))?;
        own.sign(&key.fingerprint, data)
    }

    #[cfg(not(feature = "pgp"))]
    fn sign_own(&self, _: &Key, _: &[u8]) -> Result<Detached, SealError> {
        Err(SealError::NoKey(NO_KEYS.into()))
    }

    /// The keys of some: of `shown` others may see that they get it, of `hidden` nobody.
    pub(crate) fn keys_for(
        &self,
        shown: &[String],
        hidden: &[String],
    ) -> Result<Vec<(String, Recipient)>, SealError> {
        let shown = shown.iter().map(|address| (address, Shown::Yes));
        let all = shown.chain(hidden.iter().map(|address| (address, Shown::No)));
        let find = |(address, shown): (&String, Shown)| {
            let (key, _) = self.key_for(address)?;
            Ok((address.to_ascii_lowercase(), Recipient { key, shown }))
        };
        all.map(find).collect()
    }

    /// Encrypts to the author and to all these, signed by the author.
    pub(crate) fn encrypt(
        &self,
        author: &Key,
        others: Vec<Recipient>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        // So that what was sent can be read by who sent it.
        let mut to = vec![Recipient { key: self.export(author)?, shown: Shown::Yes }];
        for other in others {
            if !to.iter().any(|one| one.key == other.key) {
                to.push(other);
            }
        }
        match &self.gnupg {
            Some(gnupg) if author.place == crate::pgp::gnupg::PLACE => {
                gnupg.encrypt(Some(&author.fingerprint), &to, data)
            }
            _ => self.encrypt_own(author, &to, data),
        }
    }

    #[cfg(feature = "pgp")]
    fn encrypt_own(
        &self,
        author: &Key,
        to: &[Recipient],
        data: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        let own = self.own.as_ref().ok_or_else(|| SealError::NoKey(NO_KEYS.into()))?;
        own.encrypt(Some(&author.fingerprint), to, data)
    }

    #[cfg(not(feature = "pgp"))]
    fn encrypt_own(&self, _: &Key, _: &[Recipient], _: Vec<u8>) -> Result<Vec<u8>, SealError> {
        Err(SealError::NoKey(NO_KEYS.into()))
    }
}

/// What is said where there are no keys at all.
const NO_KEYS: &str = "you have no OpenPGP keys: keys make makes one, keys import FILE brings one";

/// What GnuPG found, and in place of what it can't look at what the other finds: what speaks against a letter stays.
fn better(
    first: Option<Vec<Checked>>,
    other: impl FnOnce() -> Option<Vec<Checked>>,
) -> Vec<Checked> {
    let is_missing = |checked: &Checked| matches!(checked, Checked::NoKey(_) | Checked::Unknown(_));
    match first {
        Some(found) if !found.iter().any(is_missing) => found,
        Some(found) => match other() {
            Some(others) if others.iter().all(is_missing) => found,
            Some(others) if found.iter().all(is_missing) => others,
            // Both have them in the order in which they stand in the letter.
            Some(others) if others.len() == found.len() => {
                let pairs = found.into_iter().zip(others);
                pairs
                    .map(|(own, other)| match is_missing(&own) && !is_missing(&other) {
                        true => other,
                        false => own,
                    })
                    .collect()
            }
            Some(_) | None => found,
        },
        None => other().unwrap_or_else(|| vec![Checked::Unknown(NO_KEYS.into())]),
    }
}

/// A folder for a while that only its owner can look into, whatever the umask is.
pub(crate) fn private_folder() -> Result<tempfile::TempDir, SealError> {
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().map_err(|source| SealError::File {
        doing: "make a folder in",
        path: std::env::temp_dir().display().to_string(),
        source,
    })
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(folder: &Path) -> Result<(), SealError> {
    let failed = |source| SealError::File {
        doing: "make the folder",
        path: folder.display().to_string(),
        source,
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, octets: &[u8]) -> Result<(), SealError> {
    let failed =
        |source| SealError::File { doing: "write", path: path.display().to_string(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    // Mode 0600 from its creation on.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o600))
        .and_then(|()| file.write_all(octets))
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pgp::Signer;

    #[test]
    fn what_speaks_against_a_letter_stays() {
        let signer = |key: &str| Signer { key: key.into(), people: Vec::new() };
        let holds = || Checked::Holds(signer("A"));
        let doubtful = || Checked::Doubtful(signer("B"), "revoked".into());
        let no_key = || Checked::NoKey("C".into());
        for (first, other, expected) in [
            (vec![doubtful(), no_key()], vec![holds(), no_key()], vec![doubtful(), no_key()]),
            (vec![doubtful(), no_key()], vec![no_key(), holds()], vec![doubtful(), holds()]),
            (vec![Checked::Broken, no_key()], vec![holds()], vec![Checked::Broken, no_key()]),
            (vec![no_key()], vec![holds(), doubtful()], vec![holds(), doubtful()]),
            (vec![no_key()], vec![no_key()], vec![no_key()]),
            (vec![holds()], vec![Checked::Broken], vec![holds()]),
        ] {
            assert_eq!(better(Some(first), || Some(other)), expected);
        }
    }

    #[test]
    fn nobody_else_looks_into_a_folder_of_ours() {
        let folder = private_folder().unwrap();
        let mode = folder.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
