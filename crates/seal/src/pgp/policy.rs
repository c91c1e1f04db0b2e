//! Which parts of a certificate are good for what, and when: rPGP checks signatures, and leaves what follows from them to
//! its user (RFC 9580 §5.2.3.10, §5.2.3.13, §5.2.3.29, §10.1).
//!
//! Only what the primary key has signed counts, and of several such signatures the newest. One revocation is enough, and a
//! key that was revoked or has expired isn't used for anything new.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, Tag};

/// A certificate, judged.
pub(super) struct Judged<'c> {
    /// User IDs that its owner has signed and not revoked.
    pub(super) people: Vec<String>,
    /// Why it can't be used; `None` where it can.
    pub(super) fault: Option<String>,
    /// When it expires: Unix seconds.
    pub(super) expires: Option<u64>,
    /// Its keys: the primary one first.
    pub(super) keys: Vec<Component<'c>>,
}

/// One key of a certificate.
pub(super) struct Component<'c> {
    pub(super) key: Material<'c>,
    pub(super) fault: Option<String>,
    pub(super) signs: bool,
    pub(super) encrypts: bool,
}

/// A primary key, or a subkey.
#[derive(Clone, Copy)]
pub(super) enum Material<'c> {
    Primary(&'c PublicKey),
    Sub(&'c SignedPublicSubKey),
}

impl Material<'_> {
    pub(super) fn created(&self) -> u64 {
        match self {
            Self::Primary(key) => key.created_at().as_secs().into(),
            Self::Sub(sub) => sub.key.created_at().as_secs().into(),
        }
    }

    /// Whether a signature names this key as its maker.
    pub(super) fn is_issuer(&self, signature: &Signature) -> bool {
        let (fingerprint, id) = match self {
            Self::Primary(key) => (key.fingerprint(), key.legacy_key_id()),
            Self::Sub(sub) => (sub.key.fingerprint(), sub.key.legacy_key_id()),
        };
        signature.issuer_fingerprint().contains(&&fingerprint)
            || signature.issuer_key_id().contains(&&id)
    }

    /// Whether a signature of octets fits.
    pub(super) fn verifies(&self, signature: &Signature, data: &[u8]) -> bool {
        match self {
            Self::Primary(key) => signature.verify(*key, data).is_ok(),
            Self::Sub(sub) => signature.verify(&sub.key, data).is_ok(),
        }
    }
}

/// The keys of a certificate, whatever they are good for.
pub(super) fn materials(cert: &SignedPublicKey) -> impl Iterator<Item = Material<'_>> {
    let primary = std::iter::once(Material::Primary(&cert.primary_key));
    primary.chain(cert.public_subkeys.iter().map(Material::Sub))
}

/// Hashes that somebody can make collide don't prove anything any more (RFC 9580 §9.5).
pub(super) fn is_weak(hash: Option<HashAlgorithm>) -> bool {
    matches!(hash, None | Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160))
}

fn created(signature: &Signature) -> u64 {
    signature.created().map_or(0, |at| at.as_secs().into())
}

/// When SHA-1 stopped being good for what a key's owner signs of it: 2023-02-01. Others could make two user IDs collide
/// years before, but not one that its owner has written already.
const SHA1_END: u64 = 1_675_209_600;

/// Whether what a key's owner has signed of it says anything: of its hashes, some were broken.
fn is_believed(signature: &Signature) -> bool {
    match signature.hash_alg() {
        Some(HashAlgorithm::Sha1) => created(signature) < SHA1_END,
        hash => !is_weak(hash),
    }
}

/// Whether a signature has itself expired (RFC 9580 §5.2.3.18): then what it binds is bound no more.
fn has_ended(signature: &Signature, now: u64) -> bool {
    let lasts = signature.signature_expiration_time().map_or(0, |time| u64::from(time.as_secs()));
    lasts > 0 && created(signature).saturating_add(lasts) <= now
}

/// The newest of some signatures that aren't made in the future.
fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>, now: u64) -> Option<&'s Signature> {
    signatures
        .filter(|signature| created(signature) <= now)
        .max_by_key(|signature| created(signature))
}

/// When what a signature binds expires: seconds from its key's creation, 0 is never (RFC 9580 §5.2.3.13).
fn expiry(created: u64, binding: &Signature) -> Option<u64> {
    let seconds = u64::from(binding.key_expiration_time()?.as_secs());
    (seconds > 0).then(|| created.saturating_add(seconds))
}

fn is_expired(expires: Option<u64>, now: u64) -> bool {
    expires.is_some_and(|at| at <= now)
}

/// What a signature says that its key is for: also that it is for nothing.
fn flags(signature: &Signature) -> Option<KeyFlags> {
    let mut packets = signature.config()?.hashed_subpackets();
    packets.find_map(|packet| match &packet.data {
        SubpacketData::KeyFlags(flags) => Some(flags.clone()),
        _ => None,
    })
}

/// Judges a certificate; `now` in Unix seconds.
pub(super) fn judge(cert: &SignedPublicKey, now: u64) -> Judged<'_> {
    // A clock that is a little ahead of ours makes no key void.
    let now = now.saturating_add(crate::limits::CLOCK_SLACK_SECONDS);
    let late = now.saturating_sub(crate::limits::CLOCK_SLACK_SECONDS);
    let primary = &cert.primary_key;
    let details = &cert.details;
    let direct = details.direct_signatures.iter().filter(|sig| is_believed(sig));
    let mut own: Vec<&Signature> = direct.filter(|sig| sig.verify_key(primary).is_ok()).collect();
    let mut people = Vec::new();
    for user in &details.users {
        let is_own =
            |sig: &&Signature| sig.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let signed =
            user.signatures.iter().filter(|sig| sig.is_certification() && is_believed(sig));
        // What was said last counts: where that has ended, nothing older comes back.
        let Some(binding) = newest(signed.filter(is_own), now).filter(|it| !has_ended(it, late))
        else {
            continue;
        };
        let revoked = user
            .signatures
            .iter()
            .filter(|sig| sig.typ() == Some(SignatureType::CertRevocation))
            .filter(is_own);
        if newest(revoked, now).is_some_and(|revoked| created(revoked) >= created(binding)) {
            continue;
        }
        own.push(binding);
        people.push(String::from_utf8_lossy(user.id.id()).into_owned());
    }
    let binding = newest(own.iter().copied(), now).filter(|it| !has_ended(it, late));
    let expires =
        binding.and_then(|binding| expiry(primary.created_at().as_secs().into(), binding));
    let is_revoked =
        details.revocation_signatures.iter().any(|sig| sig.verify_key(primary).is_ok());
    let fault = match () {
        () if !matches!(primary.version(), KeyVersion::V4 | KeyVersion::V6) => {
            Some("it is of a kind that isn't safe any more".to_owned())
        }
        () if is_revoked => Some("its owner has revoked that key".to_owned()),
        () if binding.is_none() => Some("its owner hasn't signed it".to_owned()),
        () if is_expired(expires, late) => Some("that key has expired".to_owned()),
        () => None,
    };
    let flags = newest(own.iter().copied().filter(|sig| flags(sig).is_some()), now).and_then(flags);
    let main = Component {
        key: Material::Primary(primary),
        fault: fault.clone(),
        // Keys from before there were flags sign and certify (RFC 9580 §10.1).
        signs: flags.as_ref().is_none_or(KeyFlags::sign) && primary.algorithm().can_sign(),
        encrypts: flags
            .as_ref()
            .is_some_and(|flags| flags.encrypt_comms() || flags.encrypt_storage())
            && primary.algorithm().can_encrypt(),
    };
    let mut keys = vec![main];
    keys.extend(cert.public_subkeys.iter().filter_map(|sub| subkey(cert, sub, now, late)));
    for key in keys.iter_mut().skip(1) {
        key.fault = fault.clone().or(key.fault.take());
    }
    Judged { people, fault, expires, keys }
}

fn subkey<'c>(
    cert: &'c SignedPublicKey,
    sub: &'c SignedPublicSubKey,
    now: u64,
    late: u64,
) -> Option<Component<'c>> {
    let primary = &cert.primary_key;
    let is_own = |sig: &&Signature| sig.verify_subkey_binding(primary, &sub.key).is_ok();
    let of = |kind: SignatureType| {
        sub.signatures.iter().filter(move |sig| sig.typ() == Some(kind)).filter(is_own)
    };
    let binding = newest(of(SignatureType::SubkeyBinding).filter(|sig| is_believed(sig)), now)?;
    let is_revoked = of(SignatureType::SubkeyRevocation).next().is_some();
    let expires = expiry(sub.key.created_at().as_secs().into(), binding);
    let flags = binding.key_flags();
    // RFC 9580 §5.2.3.34: a subkey that signs says itself that it belongs to the primary key, or anybody could claim it.
    let is_claimed_back = binding.embedded_signature().is_some_and(|back| {
        is_believed(back)
            && back.verify_primary_key_binding(&sub.key as &PublicSubkey, primary).is_ok()
    });
    let fault = match () {
        () if is_revoked => Some("its owner has revoked that key".to_owned()),
        () if is_expired(expires, late) || has_ended(binding, late) => {
            Some("that key has expired".to_owned())
        }
        () => None,
    };
    Some(Component {
        key: Material::Sub(sub),
        fault,
        signs: flags.sign() && is_claimed_back && sub.key.algorithm().can_sign(),
        encrypts: (flags.encrypt_comms() || flags.encrypt_storage())
            && sub.key.algorithm().can_encrypt(),
    })
}

impl<'c> Judged<'c> {
    /// The key that is encrypted to: the newest of those that are good for it.
    pub(super) fn for_encryption(&self) -> Option<Material<'c>> {
        self.newest(|key| key.encrypts)
    }

    /// The fingerprint of the key that signs.
    pub(super) fn for_signing(&self) -> Option<Material<'c>> {
        self.newest(|key| key.signs)
    }

    fn newest(&self, is_wanted: impl Fn(&Component<'c>) -> bool) -> Option<Material<'c>> {
        let good = self.keys.iter().filter(|key| key.fault.is_none() && is_wanted(key));
        // A subkey before the primary one: it can be renewed alone.
        let order = |key: &&Component<'c>| (matches!(key.key, Material::Sub(_)), key.key.created());
        good.max_by_key(order).map(|key| key.key)
    }
}
