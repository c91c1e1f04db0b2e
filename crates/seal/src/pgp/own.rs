//! Keys in a folder of our own, by rPGP: for who has no GnuPG, and for keys that came with letters.
//!
//! ```text
//! FINGERPRINT.pub   a public key (transferable public key, RFC 9580 §10.1)
//! FINGERPRINT.key   a private one, without a passphrase; mode 0600, or it isn't used
//! ```
//! rPGP's RSA leaks time (RUSTSEC-2023-0071, no fix): who could measure many decryptions learns the key. A mail program
//! that decrypts when its user opens a letter is measured by nobody; nothing that answers the network links this.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pgp::composed::{
    ArmorOptions, Deserializable as _, DetachedSignature, Edata, EncryptionCaps, KeyType, Message,
    MessageBuilder, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey, SubkeyParamsBuilder,
    TheRing,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::ser::Serialize as _;
use pgp::types::{KeyDetails as _, Password, Seipdv1ReadMode, SigningKey};

use super::policy::{self, Judged, Material};
use super::{Checked, Detached, Key, Person, Plain, Recipient, Shown, Signer, Uses, Vouched};
use crate::keys::write_private;
use crate::{SealError, limits};

/// The name that keys from here are listed with.
pub const PLACE: &str = "own";

/// The folder.
#[derive(Debug, Clone)]
pub struct Own {
    folder: PathBuf,
    /// Unix seconds.
    now: u64,
    /// Octets that may come out of a message.
    plain_max: u64,
}

/// A public key, and who says whose it is.
struct Known {
    cert: SignedPublicKey,
    vouched: Vouched,
}

impl Own {
    /// The keys in a folder, which may not be there yet.
    pub fn at(folder: PathBuf, now: u64) -> Self {
        Self { folder, now, plain_max: limits::PLAIN_OCTETS_MAX }
    }

    /// Whether there are any.
    pub fn is_used(&self) -> bool {
        self.files("pub").next().is_some()
    }

    fn files(&self, extension: &'static str) -> impl Iterator<Item = PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten();
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(move |path| path.extension().is_some_and(|own| own == extension))
    }

    fn certs(&self) -> Vec<SignedPublicKey> {
        let read = |path: PathBuf| {
            let octets = read_bounded(&path).ok()?;
            cert(&octets).ok()
        };
        self.files("pub").filter_map(read).collect()
    }

    /// The user's private keys.
    fn secrets(&self) -> Result<Vec<SignedSecretKey>, SealError> {
        let mut keys = Vec::new();
        for path in self.files("key") {
            let file = || path.display().to_string();
            let failed = |source| SealError::File { doing: "read", path: file(), source };
            let about = std::fs::metadata(&path).map_err(failed)?;
            if about.mode() & 0o077 != 0 {
                let problem =
                    format!("others can read the private key {0}; run: chmod 600 {0}", file());
                return Err(SealError::Unusable(problem));
            }
            let octets = read_bounded(&path)?;
            let broken = |_| SealError::Broken(format!("{} holds no private key", file()));
            keys.push(SignedSecretKey::from_bytes(octets.as_slice()).map_err(broken)?);
        }
        Ok(keys)
    }

    fn known(&self, brought: &[Vec<u8>]) -> Vec<Known> {
        let own = self.certs().into_iter().map(|cert| Known { cert, vouched: Vouched::Known });
        let brought = brought.iter().filter_map(|octets| cert(octets).ok());
        own.chain(brought.map(|cert| Known { cert, vouched: Vouched::Seen })).collect()
    }

    /// Looks at a detached signature; `brought` are keys that letters have brought.
    pub(crate) fn verify(
        &self,
        data: &[u8],
        signature: &[u8],
        brought: &[Vec<u8>],
    ) -> Vec<Checked> {
        let known = self.known(brought);
        let parsed: Vec<DetachedSignature> = match is_armored(signature) {
            true => DetachedSignature::from_armor_many(signature)
                .map(|(all, _)| all.take(limits::SIGNATURES_MAX).filter_map(Result::ok).collect()),
            false => DetachedSignature::from_bytes_many(signature)
                .map(|all| all.take(limits::SIGNATURES_MAX).filter_map(Result::ok).collect()),
        }
        .unwrap_or_default();
        if parsed.is_empty() {
            return vec![Checked::Unknown("its signature is none that can be read".into())];
        }
        let check = |one: &DetachedSignature| {
            check(&one.signature, &known, self.now, |key| key.verifies(&one.signature, data))
        };
        parsed.iter().map(check).collect()
    }

    /// Decrypts a message, and looks at what is signed in it.
    pub(crate) fn decrypt(&self, message: &[u8], brought: &[Vec<u8>]) -> Result<Plain, SealError> {
        let broken = |what: &str| SealError::Broken(format!("it can't be decrypted: {what}"));
        let parsed = match is_armored(message) {
            true => Message::from_armor(message).map(|(message, _)| message),
            false => Message::from_bytes(message),
        }
        .map_err(|_| broken("it is no OpenPGP message"))?;
        // RFC 9580 §5.7: the old kind of packet has no proof that it is whole (row U08).
        match &parsed {
            Message::Encrypted { edata: Edata::SymEncryptedData { .. }, .. } => {
                return Err(SealError::NoIntegrity);
            }
            Message::Encrypted { .. } => {}
            _ => return Err(broken("it isn't encrypted")),
        }
        let secrets = self.secrets()?;
        let empty = Password::empty();
        let max = usize::try_from(self.plain_max).unwrap_or(usize::MAX);
        let whole_first = Seipdv1ReadMode::CheckFirst { max_message_size: max };
        let ring = TheRing {
            secret_keys: secrets.iter().collect(),
            key_passwords: vec![&empty],
            decrypt_options: pgp::composed::DecryptionOptions::new()
                .set_seipdv1_read_mode(whole_first),
            ..TheRing::default()
        };
        let decrypted = parsed.decrypt_the_ring(ring, true);
        let (mut message, _) = decrypted.map_err(|error| match error {
            pgp::errors::Error::MissingKey => {
                SealError::NoKey("none of your keys opens it: keys import FILE brings one".into())
            }
            _ => broken("it was changed on its way, or damaged"),
        })?;
        for _ in 0..limits::PACKET_LAYERS_MAX {
            if !message.is_compressed() {
                break;
            }
            message = message.decompress().map_err(|_| broken("it was damaged"))?;
        }
        let octets = read_plain(&mut message, self.plain_max)?;
        let known = self.known(brought);
        let signatures = match &message {
            Message::Signed { reader, .. } => {
                let each = 0..reader.num_signatures().min(limits::SIGNATURES_MAX);
                let check = |place| match reader.signature(place) {
                    Some(signature) => check(signature, &known, self.now, |key| match key {
                        Material::Primary(key) => {
                            message.verify_nested_explicit(place, key).is_ok()
                        }
                        Material::Sub(sub) => {
                            message.verify_nested_explicit(place, &sub.key).is_ok()
                        }
                    }),
                    None => Checked::Unknown("its signature is none that can be read".into()),
                };
                each.map(check).collect()
            }
            _ => Vec::new(),
        };
        Ok(Plain { octets, signatures })
    }

    /// Signs octets with a key of the user's.
    pub(crate) fn sign(&self, key: &str, data: &[u8]) -> Result<Detached, SealError> {
        let secret = self.secret(key)?;
        let public = secret.to_public_key();
        let signer = signing_key(&secret, &public, self.now)?;
        let signed = match signer {
            Signs::Primary => sign_with(&secret.primary_key, data),
            Signs::Sub(place) => match secret.secret_subkeys.get(place) {
                Some(sub) => sign_with(&sub.key, data),
                None => sign_with(&secret.primary_key, data),
            },
        };
        let armored = signed
            .and_then(|signature| signature.to_armored_bytes(ArmorOptions::default()))
            .map_err(|error| SealError::Unusable(format!("it can't be signed: {error}")))?;
        Ok(Detached { armored, hash: "pgp-sha256".into() })
    }

    /// Encrypts octets to some keys, signed with one of the user's.
    pub(crate) fn encrypt(
        &self,
        signer: Option<&str>,
        to: &[Recipient],
        data: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        let failed = |error: pgp::errors::Error| {
            SealError::Unusable(format!("it can't be encrypted: {error}"))
        };
        let secret = signer.map(|key| self.secret(key)).transpose()?;
        let mut builder = MessageBuilder::from_bytes("", data)
            .seipd_v1(rand::thread_rng(), SymmetricKeyAlgorithm::AES256);
        for recipient in to {
            let cert = cert(&recipient.key)?;
            let judged = policy::judge(&cert, self.now);
            let unusable = || SealError::Unusable("a key can't be encrypted to".into());
            let key = judged.for_encryption().ok_or_else(unusable)?;
            let rng = rand::thread_rng();
            match (key, recipient.shown) {
                (Material::Primary(key), Shown::Yes) => builder.encrypt_to_key(rng, key),
                (Material::Sub(sub), Shown::Yes) => builder.encrypt_to_key(rng, &sub.key),
                (Material::Primary(key), Shown::No) => builder.encrypt_to_key_anonymous(rng, key),
                (Material::Sub(sub), Shown::No) => builder.encrypt_to_key_anonymous(rng, &sub.key),
            }
            .map_err(failed)?;
        }
        if let Some(secret) = &secret {
            let public = secret.to_public_key();
            let key: &dyn SigningKey = match signing_key(secret, &public, self.now)? {
                Signs::Primary => &secret.primary_key,
                Signs::Sub(place) => match secret.secret_subkeys.get(place) {
                    Some(sub) => &sub.key,
                    None => &secret.primary_key,
                },
            };
            builder.sign(key, Password::empty(), HashAlgorithm::Sha256);
        }
        let armored = builder.to_armored_string(rand::thread_rng(), ArmorOptions::default());
        armored.map(String::into_bytes).map_err(failed)
    }

    fn secret(&self, key: &str) -> Result<SignedSecretKey, SealError> {
        let is_it = |secret: &SignedSecretKey| fingerprint(&secret.to_public_key()) == key;
        let found = self.secrets()?.into_iter().find(is_it);
        found.ok_or_else(|| SealError::NoKey(format!("there is no private key {key}")))
    }

    /// Keys: all of them, or those of an address.
    ///
    /// # Errors
    /// Where private keys can't be read, or others can read them.
    pub fn keys(&self, address: Option<&str>) -> Result<Vec<Key>, SealError> {
        let ours: Vec<String> = self.files("key").filter_map(|path| stem(&path)).collect();
        let says_so = |cert: &SignedPublicKey| {
            let ids = cert.details.users.iter().map(|user| String::from_utf8_lossy(user.id.id()));
            let wanted = address.map(str::to_ascii_lowercase);
            wanted.is_none() || ids.into_iter().any(|id| super::address(&id) == wanted)
        };
        let listed = self.certs().into_iter().filter(says_so).map(|cert| {
            let judged = policy::judge(&cert, self.now);
            let row = row(&judged, fingerprint(&cert), Vouched::Known);
            Key { is_ours: ours.contains(&row.fingerprint), ..row }
        });
        Ok(listed.filter(|key| address.is_none_or(|address| key.is_of(address))).collect())
    }

    /// A public key, as octets.
    ///
    /// # Errors
    /// Where there is none.
    pub fn export(&self, key: &str) -> Result<Vec<u8>, SealError> {
        let found = self.certs().into_iter().find(|cert| fingerprint(cert) == key);
        let cert = found.ok_or_else(|| SealError::NoKey(format!("there is no key {key}")))?;
        octets_of(&cert)
    }

    /// Takes keys in; gives their fingerprints.
    ///
    /// # Errors
    /// Where there is none in it, a private one has a passphrase, or a file can't be written.
    pub fn import(&self, octets: &[u8]) -> Result<Vec<String>, SealError> {
        let none = |_| SealError::Broken("it holds no OpenPGP key".into());
        let is_secret = match is_armored(octets) {
            true => contains(octets, b"PRIVATE KEY BLOCK"),
            // RFC 9580 §5: a secret key's packet, in the old format or the new one.
            false => octets.first().is_some_and(|tag| matches!(tag, 0x94..=0x97 | 0xc5)),
        };
        if is_secret {
            let secret = match is_armored(octets) {
                true => SignedSecretKey::from_armor_single(octets).map(|(key, _)| key),
                false => SignedSecretKey::from_bytes(octets),
            }
            .map_err(none)?;
            return self.keep_secret(&secret).map(|key| vec![key]);
        }
        let certs: Vec<SignedPublicKey> = match is_armored(octets) {
            true => SignedPublicKey::from_armor_many(octets)
                .map(|(all, _)| all.take(1000).filter_map(Result::ok).collect()),
            false => SignedPublicKey::from_bytes_many(octets)
                .map(|all| all.take(1000).filter_map(Result::ok).collect()),
        }
        .map_err(none)?;
        if certs.is_empty() {
            return Err(SealError::Broken("it holds no OpenPGP key".into()));
        }
        for cert in &certs {
            self.refuse_older(cert)?;
        }
        for cert in &certs {
            self.keep(&fingerprint(cert), "pub", &octets_of(cert)?)?;
        }
        Ok(certs.iter().map(fingerprint).collect())
    }

    /// A copy that lacks what its owner has taken back would bring that to life again.
    fn refuse_older(&self, cert: &SignedPublicKey) -> Result<(), SealError> {
        let key = fingerprint(cert);
        let Some(ours) = self.certs().into_iter().find(|ours| fingerprint(ours) == key) else {
            return Ok(());
        };
        let brought = revocations(cert);
        match revocations(&ours).iter().all(|one| brought.contains(one)) {
            true => Ok(()),
            false => Err(SealError::Unusable(format!(
                "the copy of {key} that is here has a revocation, and this one lacks it: it is older, and isn't taken \
                 in; ask its owner for a new one"
            ))),
        }
    }

    /// Makes a key of the user's: Ed25519 and X25519 of the kind that all programs know (RFC 9580 §9.2, "legacy").
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn make(&self, person: &str) -> Result<String, SealError> {
        let failed = |error: String| SealError::Unusable(format!("no key was made: {error}"));
        let encryption = SubkeyParamsBuilder::default()
            .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
            .can_sign(false)
            .can_encrypt(EncryptionCaps::All)
            .can_authenticate(false)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let mut params = SecretKeyParamsBuilder::default();
        params
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .can_encrypt(EncryptionCaps::None)
            .preferred_symmetric_algorithms([SymmetricKeyAlgorithm::AES256].into_iter().collect())
            .preferred_hash_algorithms([HashAlgorithm::Sha256].into_iter().collect())
            .primary_user_id(person.to_owned())
            .subkeys(vec![encryption]);
        let params = params.build().map_err(|error| failed(error.to_string()))?;
        let secret =
            params.generate(rand::thread_rng()).map_err(|error| failed(error.to_string()))?;
        self.keep_secret(&secret)
    }

    /// Writes a private key and its public half; gives its fingerprint.
    fn keep_secret(&self, secret: &SignedSecretKey) -> Result<String, SealError> {
        let is_locked = secret.primary_key.secret_params().is_encrypted()
            || secret.secret_subkeys.iter().any(|sub| sub.key.secret_params().is_encrypted());
        if is_locked {
            let problem = "the private key has a passphrase, which this program can't ask for: keep it in \
                GnuPG (gpg --import), which is used where it has keys";
            return Err(SealError::Unusable(problem.into()));
        }
        let public = secret.to_public_key();
        self.refuse_older(&public)?;
        let key = fingerprint(&public);
        let failed = |error: pgp::errors::Error| SealError::Broken(error.to_string());
        self.keep(&key, "key", &secret.to_bytes().map_err(failed)?)?;
        self.keep(&key, "pub", &octets_of(&public)?)?;
        Ok(key)
    }

    fn keep(&self, key: &str, extension: &str, octets: &[u8]) -> Result<(), SealError> {
        crate::keys::make_private(&self.folder)?;
        write_private(&self.folder.join(format!("{key}.{extension}")), octets)
    }
}

/// What a key that came with a letter is, and whether it can be encrypted to: `None` where it is none.
pub(crate) fn look(octets: &[u8], now: u64) -> Option<Key> {
    let cert = cert(octets).ok()?;
    let judged = policy::judge(&cert, now);
    Some(row(&judged, fingerprint(&cert), Vouched::Seen))
}

fn people(judged: &Judged<'_>, vouched: Vouched) -> Vec<Person> {
    judged.people.iter().map(|id| Person { id: id.clone(), vouched }).collect()
}

fn row(judged: &Judged<'_>, fingerprint: String, vouched: Vouched) -> Key {
    let until =
        judged.expires.and_then(|at| jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok());
    Key {
        fingerprint,
        people: people(judged, vouched),
        is_ours: false,
        uses: Uses {
            signs: judged.for_signing().is_some(),
            encrypts: judged.for_encryption().is_some(),
        },
        state: match (&judged.fault, until) {
            (Some(fault), _) => fault.clone(),
            (None, Some(at)) => format!("until {}", at.strftime("%Y-%m-%d")),
            (None, None) => String::new(),
        },
        place: PLACE,
    }
}

/// Whether a signature fits one of the keys, and whether that key may sign.
fn check(
    signature: &Signature,
    known: &[Known],
    now: u64,
    fits: impl Fn(Material<'_>) -> bool,
) -> Checked {
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Checked::Unknown("its signature isn't one of a text".into());
    }
    for Known { cert, vouched } in known {
        // To judge all of them is work; to see whose it would be is none.
        if !policy::materials(cert).any(|key| key.is_issuer(signature)) {
            continue;
        }
        let judged = policy::judge(cert, now);
        let Some(key) = judged.keys.iter().find(|key| key.key.is_issuer(signature)) else {
            continue;
        };
        if !fits(key.key) {
            return Checked::Broken;
        }
        let signer = Signer { key: fingerprint(cert), people: people(&judged, *vouched) };
        let made = signature.created().map_or(0, |at| u64::from(at.as_secs()));
        let lasts =
            signature.signature_expiration_time().map_or(0, |time| u64::from(time.as_secs()));
        let fault = match () {
            () if key.fault.is_some() => key.fault.clone(),
            () if !key.signs => Some("that key isn't for signing".to_owned()),
            () if policy::is_weak(signature.hash_alg()) => {
                Some("it was made with a hash that can be forged".to_owned())
            }
            () if made > now.saturating_add(limits::CLOCK_SLACK_SECONDS) => {
                Some("it says that it was made in the future".to_owned())
            }
            () if made < key.key.created() => {
                Some("it says that it was made before its key".to_owned())
            }
            () if lasts > 0 && made.saturating_add(lasts) <= now => {
                Some("the signature has expired".to_owned())
            }
            () => None,
        };
        return match fault {
            Some(fault) => Checked::Doubtful(signer, fault),
            None => Checked::Holds(signer),
        };
    }
    let id = signature.issuer_fingerprint().first().map(|fingerprint| format!("{fingerprint:X}"));
    let id =
        id.or_else(|| signature.issuer_key_id().first().map(|id| id.to_string().to_uppercase()));
    Checked::NoKey(id.unwrap_or_else(|| "?".into()))
}

/// Which of a private key's parts signs.
enum Signs {
    Primary,
    Sub(usize),
}

fn signing_key(
    secret: &SignedSecretKey,
    public: &SignedPublicKey,
    now: u64,
) -> Result<Signs, SealError> {
    let judged = policy::judge(public, now);
    let fault = judged.fault.clone().unwrap_or_else(|| "it isn't for signing".into());
    match judged.for_signing() {
        Some(Material::Primary(_)) => Ok(Signs::Primary),
        Some(Material::Sub(wanted)) => {
            let is_it = |sub: &pgp::composed::SignedSecretSubKey| {
                sub.key.fingerprint() == wanted.key.fingerprint()
            };
            let place = secret.secret_subkeys.iter().position(is_it);
            place.map(Signs::Sub).ok_or_else(|| {
                SealError::Unusable("the part of your key that signs isn't here".into())
            })
        }
        None => Err(SealError::Unusable(format!("your key can't be used: {fault}"))),
    }
}

fn sign_with(key: &impl SigningKey, data: &[u8]) -> pgp::errors::Result<DetachedSignature> {
    DetachedSignature::sign_binary_data(
        rand::thread_rng(),
        key,
        &Password::empty(),
        HashAlgorithm::Sha256,
        data,
    )
}

/// All of it, up to the limit, and then its end, where signatures are.
fn read_plain(message: &mut Message<'_>, max: u64) -> Result<Vec<u8>, SealError> {
    let mut octets = Vec::new();
    let read = message.take(max.saturating_add(1)).read_to_end(&mut octets);
    let broken = |_| SealError::Broken("it was changed on its way, or damaged".into());
    read.map_err(broken)?;
    match octets.len() as u64 > max {
        true => Err(SealError::TooLarge(max)),
        false => Ok(octets),
    }
}

fn cert(octets: &[u8]) -> Result<SignedPublicKey, SealError> {
    let none = |_| SealError::Broken("it is no OpenPGP key".into());
    match is_armored(octets) {
        true => SignedPublicKey::from_armor_single(octets).map(|(cert, _)| cert).map_err(none),
        false => SignedPublicKey::from_bytes(octets).map_err(none),
    }
}

fn octets_of(cert: &SignedPublicKey) -> Result<Vec<u8>, SealError> {
    cert.to_bytes().map_err(|error| SealError::Broken(error.to_string()))
}

/// Signatures that take back: the key, user IDs of it, subkeys of it (RFC 9580 §5.2.1).
fn revocations(cert: &SignedPublicKey) -> Vec<&Signature> {
    let of_users = cert.details.users.iter().flat_map(|user| &user.signatures);
    let of_subkeys = cert.public_subkeys.iter().flat_map(|sub| &sub.signatures);
    let inner = of_users.chain(of_subkeys).filter(|signature| {
        matches!(
            signature.typ(),
            Some(SignatureType::CertRevocation | SignatureType::SubkeyRevocation)
        )
    });
    cert.details.revocation_signatures.iter().chain(inner).collect()
}

fn fingerprint(cert: &SignedPublicKey) -> String {
    format!("{:X}", cert.primary_key.fingerprint())
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, SealError> {
    let failed =
        |source| SealError::File { doing: "read", path: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut octets = Vec::new();
    file.take(limits::KEYS_OCTETS_MAX).read_to_end(&mut octets).map_err(failed)?;
    Ok(octets)
}

/// RFC 9580 §6.2.
pub(crate) fn is_armored(octets: &[u8]) -> bool {
    contains(octets.get(..octets.len().min(4096)).unwrap_or_default(), b"-----BEGIN PGP ")
}

fn contains(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use pgp::packet::{KeyFlags, SignatureConfig, Subpacket, SubpacketData};
    use pgp::types::{CompressionAlgorithm, Duration, Tag, Timestamp};

    use super::*;

    const NOW: u64 = 4_000_000_000;

    fn own() -> (tempfile::TempDir, Own, String) {
        let home = tempfile::tempdir().unwrap();
        let own = Own { plain_max: 1 << 20, ..Own::at(home.path().join("keys"), NOW) };
        let key = own.make("Ann <ann@a.example>").unwrap();
        (home, own, key)
    }

    /// Encrypted to the key, compressed.
    fn compressed(own: &Own, key: &str, data: Vec<u8>) -> Vec<u8> {
        let cert = cert(&own.export(key).unwrap()).unwrap();
        let mut builder = MessageBuilder::from_bytes("", data);
        builder.compression(CompressionAlgorithm::ZLIB);
        let mut builder = builder.seipd_v1(rand::thread_rng(), SymmetricKeyAlgorithm::AES256);
        builder.encrypt_to_key(rand::thread_rng(), &cert.public_subkeys[0].key).unwrap();
        builder.to_vec(rand::thread_rng()).unwrap()
    }

    #[test]
    fn u08_a_bomb_has_an_end() {
        let (_home, own, key) = own();
        let most = usize::try_from(own.plain_max).unwrap();
        let message = compressed(&own, &key, vec![b'0'; most]);
        assert!(message.len() < most / 100);
        assert_eq!(own.decrypt(&message, &[]).unwrap().octets.len(), most);
        let message = compressed(&own, &key, vec![b'0'; most + 1]);
        assert!(matches!(own.decrypt(&message, &[]), Err(SealError::TooLarge(_))));
    }

    #[test]
    fn a_key_with_a_passphrase_goes_elsewhere() {
        let (_home, own, key) = own();
        let mut secret = own.secret(&key).unwrap();
        let passphrase = Password::from("x");
        secret.primary_key.set_password(rand::thread_rng(), &passphrase).unwrap();
        let error = own.import(&secret.to_bytes().unwrap()).unwrap_err();
        assert!(error.to_string().contains("gpg --import"), "{error}");
    }

    /// The key, whose owner has signed its user ID once more.
    fn signed_again(own: &Own, key: &str, more: Vec<SubpacketData>) -> SignedPublicKey {
        let secret = own.secret(key).unwrap();
        let primary = &secret.primary_key;
        let kind = SignatureType::CertPositive;
        let mut config = SignatureConfig::v4(kind, primary.algorithm(), HashAlgorithm::Sha256);
        let made = SubpacketData::SignatureCreationTime(Timestamp::from_secs(3_000_000_000));
        let all = [made, SubpacketData::IssuerFingerprint(primary.fingerprint())];
        let all = all.into_iter().chain(more);
        config.hashed_subpackets = all.map(|data| Subpacket::regular(data).unwrap()).collect();
        let mut cert = secret.to_public_key();
        let user = &mut cert.details.users[0];
        let (public, none) = (primary.public_key(), Password::empty());
        let signed = config.sign_certification(primary, public, &none, Tag::UserId, &user.id);
        user.signatures.push(signed.unwrap());
        cert
    }

    #[test] // Tests RFC 9580 §5.2.3.18, §5.2.3.29, §9.5.
    fn u09_what_an_owner_has_signed_last_counts() {
        let (_home, own, key) = own();
        let lasts = |seconds| SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds));
        let nothing = SubpacketData::KeyFlags(KeyFlags::default());
        for (what, more, is_of, signs) in [
            ("the same again", vec![], true, true),
            ("it lasts still", vec![lasts(u32::MAX)], true, true),
            // An older one doesn't come back.
            ("it has ended", vec![lasts(60)], false, false),
            ("it is for nothing", vec![nothing], true, false),
        ] {
            let cert = signed_again(&own, &key, more);
            let judged = policy::judge(&cert, NOW);
            assert_eq!(!judged.people.is_empty(), is_of, "{what}");
            assert_eq!(judged.for_signing().is_some(), signs, "{what}");
        }
    }

    #[test]
    fn what_is_listed_can_be_exported_and_taken_in() {
        let (_home, own, key) = own();
        let listed = own.keys(Some("Ann@a.example")).unwrap();
        assert_eq!(listed.len(), 1);
        assert!(listed[0].is_ours && listed[0].uses == Uses { signs: true, encrypts: true });
        assert!(own.keys(Some("eve@a.example")).unwrap().is_empty());
        let text = crate::pgp::armored(&own.export(&key).unwrap());
        let other = tempfile::tempdir().unwrap();
        let other = Own::at(other.path().join("keys"), NOW);
        assert_eq!(other.import(text.as_bytes()).unwrap().len(), 1);
        assert!(!other.keys(None).unwrap()[0].is_ours);
        assert!(other.import(b"no key").is_err());
    }
}
