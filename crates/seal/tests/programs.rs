//! Letters that GnuPG and openssl have made, opened by us, and the reverse. Where one of them isn't installed its tests say
//! so and pass.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postroad_seal::autocrypt::{Learnt, Prefers};
use postroad_seal::pgp::Vouched;
use postroad_seal::seal::People;
use postroad_seal::{Asks, Engine, Keys, Level, Opened, Places, Protection, SealError, open, seal};

const ENTITY: &str = "Content-Type: text/plain; charset=utf-8\r\n\r\nat noon\r\n";
const LETTER: &str = "From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nSubject: the plan\r\n\
    MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nat noon\r\n";

fn is_there(program: &str) -> bool {
    let found =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok();
    if !is_there {
        eprintln!("SKIPPED: {program} isn't installed");
    }
    is_there
}

#[track_caller]
fn run(program: &str, words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
    output.stdout
}

fn now() -> u64 {
    jiff::Timestamp::now().as_second().unsigned_abs()
}

/// A keyring of GnuPG's; its agent ends with it.
struct Ring {
    home: tempfile::TempDir,
}

impl Drop for Ring {
    fn drop(&mut self) {
        let home = self.home.path().to_str().unwrap();
        let _ = Command::new("gpgconf").args(["--homedir", home, "--kill", "all"]).status();
    }
}

impl Ring {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn with_key(person: &str, lasts: &str) -> Self {
        let ring = Self::new();
        ring.gpg(
            &["--passphrase", "", "--quick-generate-key", person, "default", "default", lasts],
            b"",
        );
        ring
    }

    #[track_caller]
    fn gpg(&self, words: &[&str], input: &[u8]) -> Vec<u8> {
        let home = self.home.path().to_str().unwrap();
        let fixed = ["--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"];
        run("gpg", &[&fixed[..], words].concat(), input)
    }

    fn keys(&self, own: Option<PathBuf>) -> Keys {
        let gnupg = Some(self.home.path().to_owned());
        let places = Places { own, gnupg, engine: Engine::Both, ..Places::default() };
        Keys::new(&places, Asks::NotHere, now())
    }

    /// GnuPG writes the certificate when it makes the key; a colon keeps it from being used by accident.
    fn revoke(&self) {
        let file = format!("{}.rev", fingerprint(self));
        let file = self.home.path().join("openpgp-revocs.d").join(file);
        let certificate = std::fs::read_to_string(file).unwrap().replace(":---", "---");
        self.gpg(&["--import"], certificate.as_bytes());
    }

    fn knows(&self, other: &Self, address: &str) {
        self.gpg(&["--import"], &other.gpg(&["--export", address], b""));
    }
}

fn signed(signature: &[u8]) -> String {
    format!(
        "From: Ann <ann@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; \
         micalg=pgp-sha512; protocol=\"application/pgp-signature\"\r\n\r\n--b\r\n{ENTITY}\r\n--b\r\n\
         Content-Type: application/pgp-signature\r\n\r\n{}\r\n--b--\r\n",
        String::from_utf8_lossy(signature)
    )
}

fn encrypted(message: &[u8]) -> String {
    format!(
        "From: Ann <ann@a.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/encrypted; boundary=b; \
         protocol=\"application/pgp-encrypted\"\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\n\
         Version: 1\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n{}\r\n--b--\r\n",
        String::from_utf8_lossy(message)
    )
}

#[track_caller]
fn opened(letter: &[u8], keys: &Keys) -> Opened {
    open(letter, keys).expect("it is sealed")
}

fn text(opened: &Opened) -> String {
    String::from_utf8_lossy(&opened.letter).into_owned()
}

fn to_bob() -> People {
    People {
        author: "ann@a.example".into(),
        shown: vec!["bob@b.example".into()],
        hidden: Vec::new(),
        prefers: Prefers::Nopreference,
    }
}

/// Encrypted, and signed by its author, by a program that seals no fields: they could be anybody's.
#[track_caller]
fn only_its_fields_are_open(found: &Opened) {
    let (level, words) = found.line();
    assert_eq!(level, Level::Open, "{found:?}");
    assert!(words.starts_with("Encrypted; Signed by ann@a.example; its subject"), "{words}");
}

#[test]
fn letters_of_gnupg_by_gnupgs_keys() {
    if !is_there("gpg") {
        return;
    }
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    let bob = Ring::with_key("Bob <bob@b.example>", "never");
    bob.knows(&ann, "ann@a.example");
    ann.knows(&bob, "bob@b.example");
    let letter = signed(&ann.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes()));
    // Ann's own key is hers for sure; Bob hasn't said whose it is.
    let found = opened(letter.as_bytes(), &ann.keys(None));
    assert_eq!(found.line().0, Level::Good, "{found:?}");
    let found = opened(letter.as_bytes(), &bob.keys(None));
    assert_eq!(found.line().0, Level::Open, "{found:?}");
    assert!(found.line().1.contains("nobody you rely on"), "{found:?}");
    bob.gpg(&["--passphrase", "", "--yes", "--quick-lsign-key", &fingerprint(&ann)], b"");
    let found = opened(letter.as_bytes(), &bob.keys(None));
    assert_eq!(found.line().0, Level::Good, "{found:?}");
    let found = opened(letter.replace("noon", "nine").as_bytes(), &bob.keys(None));
    assert_eq!(found.line().0, Level::Bad, "{found:?}");
    // Encrypted and signed by GnuPG.
    let words =
        ["--armor", "--trust-model", "always", "-r", "bob@b.example", "--sign", "--encrypt"];
    let message = ann.gpg(&words, ENTITY.as_bytes());
    let found = opened(encrypted(&message).as_bytes(), &bob.keys(None));
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    only_its_fields_are_open(&found);
    // For somebody else.
    let carol = Ring::with_key("Carol <carol@c.example>", "never");
    let found = opened(encrypted(&message).as_bytes(), &carol.keys(None));
    assert!(!found.is_encrypted && found.line().1.contains("none of your keys"), "{found:?}");
    // Not a message at all.
    let found = opened(encrypted(b"nonsense").as_bytes(), &carol.keys(None));
    assert!(!found.is_encrypted, "{found:?}");
    // What isn't encrypted isn't shown as if it were.
    let plain = ann.gpg(&["--armor", "--store"], ENTITY.as_bytes());
    let found = opened(encrypted(&plain).as_bytes(), &ann.keys(None));
    assert!(!found.is_encrypted && !text(&found).contains("at noon"), "{found:?}");
}

fn fingerprint(ring: &Ring) -> String {
    let keys = ring.keys(None).list(None).unwrap();
    keys.into_iter().find(|key| key.is_ours).unwrap().fingerprint
}

#[test]
fn letters_of_ours_by_gnupgs_keys() {
    if !is_there("gpg") {
        return;
    }
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    let bob = Ring::with_key("Bob <bob@b.example>", "never");
    bob.knows(&ann, "ann@a.example");
    ann.knows(&bob, "bob@b.example");
    for protection in [Protection::Sign, Protection::Encrypt] {
        let letter = seal(LETTER.as_bytes(), protection, &to_bob(), &ann.keys(None)).unwrap();
        let found = opened(&letter, &ann.keys(None));
        assert_eq!(found.line().0, Level::Good, "{found:?}");
        let found = opened(&letter, &bob.keys(None));
        assert_eq!(found.is_encrypted, protection == Protection::Encrypt, "{found:?}");
        assert!(text(&found).contains("at noon") && text(&found).contains("Subject: the plan"));
    }
    // And by GnuPG itself.
    let letter = seal(LETTER.as_bytes(), Protection::Encrypt, &to_bob(), &ann.keys(None)).unwrap();
    let letter = String::from_utf8(letter).unwrap();
    let at = letter.find("-----BEGIN PGP MESSAGE").unwrap();
    let plain = bob.gpg(&["--trust-model", "always", "--decrypt"], &letter.as_bytes()[at..]);
    assert!(String::from_utf8(plain).unwrap().contains("Subject: the plan"));
}

#[test]
fn keys_of_gnupg_that_have_ended_are_said() {
    if !is_there("gpg") {
        return;
    }
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    let letter = signed(&ann.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes()));
    ann.gpg(&["--passphrase", "", "--quick-set-expire", &fingerprint(&ann), "seconds=1"], b"");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    // Until the clock is past it.
    let found = loop {
        let found = opened(letter.as_bytes(), &ann.keys(None));
        if found.line().0 == Level::Bad || std::time::Instant::now() > until {
            break found;
        }
    };
    assert!(found.line().1.contains("has expired"), "{found:?}");
    let error = seal(LETTER.as_bytes(), Protection::Sign, &to_bob(), &ann.keys(None)).unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
    let error = ann.keys(None).key_for("ann@a.example").unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

/// Row U09: who has a key writes into it whom they like.
#[test]
fn u09_gnupgs_trust_in_one_user_id_is_none_in_another() {
    if !is_there("gpg") {
        return;
    }
    let mallory = Ring::with_key("Mallory <mallory@m.example>", "never");
    let boss = "Boss <ann@a.example>";
    mallory.gpg(&["--passphrase", "", "--quick-add-uid", "Mallory <mallory@m.example>", boss], b"");
    let bob = Ring::with_key("Bob <bob@b.example>", "never");
    bob.knows(&mallory, "mallory@m.example");
    let of_mallory = fingerprint(&mallory);
    let certify = [
        "--passphrase",
        "",
        "--yes",
        "--quick-lsign-key",
        &of_mallory,
        "Mallory <mallory@m.example>",
    ];
    bob.gpg(&certify, b"");
    let letter = signed(&mallory.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes()));
    let found = opened(letter.as_bytes(), &bob.keys(None));
    assert_eq!(found.line().0, Level::Open, "{found:?}");
    let own = letter.replace("ann@a.example", "mallory@m.example");
    let found = opened(own.as_bytes(), &bob.keys(None));
    assert_eq!(found.line().0, Level::Good, "{found:?}");
    let vouched = |address: &str| bob.keys(None).key_for(address).unwrap().1.vouched_for(address);
    assert_eq!(vouched("mallory@m.example"), Some(Vouched::Known));
    assert_eq!(vouched("ann@a.example"), Some(Vouched::Unknown));
    // Once it is no longer that address's, nothing for that address is encrypted to it.
    mallory
        .gpg(&["--passphrase", "", "--quick-revoke-uid", "Mallory <mallory@m.example>", boss], b"");
    bob.knows(&mallory, "mallory@m.example");
    assert!(bob.keys(None).key_for("ann@a.example").is_err());
    assert!(bob.keys(None).key_for("mallory@m.example").is_ok());
}

/// Row U08, also where the user's settings of GnuPG would let it pass.
#[test]
fn u08_gnupg_shows_nothing_whose_proof_is_wrong() {
    if !is_there("gpg") {
        return;
    }
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    std::fs::write(ann.home.path().join("gpg.conf"), "ignore-mdc-error\n").unwrap();
    let words = ["-r", "ann@a.example", "--compress-algo", "none", "--encrypt"];
    let message = ann.gpg(&words, ENTITY.as_bytes());
    let armored = |octets: &[u8]| {
        let armored = postroad_seal::pgp::armored(octets).replace("PUBLIC KEY BLOCK", "MESSAGE");
        encrypted(armored.replace('\n', "\r\n").as_bytes())
    };
    let found = opened(armored(&message).as_bytes(), &ann.keys(None));
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    // In the text: its hash at the end takes 22 octets.
    let mut changed = message.clone();
    let place = changed.len() - 24;
    changed[place] ^= 1;
    let found = opened(armored(&changed).as_bytes(), &ann.keys(None));
    assert!(!found.is_encrypted && !text(&found).contains("at n"), "{found:?}");
    assert_eq!(found.line().0, Level::Bad, "{found:?}");
}

/// What a letter has brought stays behind what GnuPG knows of the same address.
#[test]
fn a_revoked_key_isnt_brought_back_by_a_letter() {
    if !is_there("gpg") {
        return;
    }
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    let bob = Ring::with_key("Bob <bob@b.example>", "never");
    let home = tempfile::tempdir().unwrap();
    let bobs = || bob.keys(Some(home.path().join("keys")));
    let letter = seal(LETTER.as_bytes(), Protection::Sign, &to_bob(), &ann.keys(None)).unwrap();
    let learnt = bobs().learn(&letter, i64::try_from(now()).unwrap()).unwrap();
    assert_ne!(learnt, Learnt::Nothing);
    assert!(bobs().key_for("ann@a.example").is_ok());
    ann.revoke();
    bob.knows(&ann, "ann@a.example");
    let error = bobs().key_for("ann@a.example").unwrap_err();
    assert!(
        matches!(error, SealError::Unusable(_)) && error.to_string().contains("revoked"),
        "{error}"
    );
    #[cfg(feature = "pgp")]
    {
        let places = Places {
            own: Some(home.path().join("keys")),
            engine: Engine::Own,
            ..Places::default()
        };
        let own = Keys::new(&places, Asks::NotHere, now());
        assert!(own.key_for("ann@a.example").is_ok());
        own.import(ann.gpg(&["--export", "ann@a.example"], b"")).unwrap();
        let error = own.key_for("ann@a.example").unwrap_err();
        assert!(error.to_string().contains("revoked"), "{error}");
    }
}

/// The same letters with keys of our own on one side.
#[cfg(feature = "pgp")]
#[test]
fn gnupg_and_keys_of_our_own_read_each_other() {
    if !is_there("gpg") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let own = Keys::new(
        &Places { own: Some(home.path().join("keys")), engine: Engine::Own, ..Places::default() },
        Asks::NotHere,
        now(),
    );
    own.make("Bob <bob@b.example>").unwrap();
    let ann = Ring::with_key("Ann <ann@a.example>", "never");
    own.import(ann.gpg(&["--armor", "--export", "ann@a.example"], b"")).unwrap();
    let bobs = own.key_for("bob@b.example").unwrap().0;
    ann.gpg(&["--import"], postroad_seal::pgp::armored(&bobs).as_bytes());
    let letter = signed(&ann.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes()));
    let found = opened(letter.as_bytes(), &own);
    assert_eq!(found.line().0, Level::Good, "{found:?}");
    let words =
        ["--armor", "--trust-model", "always", "-r", "bob@b.example", "--sign", "--encrypt"];
    let found = opened(encrypted(&ann.gpg(&words, ENTITY.as_bytes())).as_bytes(), &own);
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    only_its_fields_are_open(&found);
    // The other way.
    let people =
        People { author: "bob@b.example".into(), shown: vec!["ann@a.example".into()], ..to_bob() };
    let from_bob = LETTER.replace("Ann <ann@a.example>", "Bob <bob@b.example>");
    for protection in [Protection::Sign, Protection::Encrypt] {
        let letter = seal(from_bob.as_bytes(), protection, &people, &own).unwrap();
        let found = opened(&letter, &ann.keys(None));
        assert_eq!(found.is_encrypted, protection == Protection::Encrypt, "{found:?}");
        assert!(found.line().1.contains("says that it is of bob@b.example"), "{found:?}");
    }
    // A revoked key; an older copy doesn't bring it back.
    let before = ann.gpg(&["--export", "ann@a.example"], b"");
    own.import(before.clone()).unwrap();
    ann.revoke();
    own.import(ann.gpg(&["--export", "ann@a.example"], b"")).unwrap();
    let error = own.import(before).unwrap_err();
    assert!(error.to_string().contains("has a revocation"), "{error}");
    for keys in [&own, &ann.keys(None)] {
        let found = opened(letter.as_bytes(), keys);
        assert!(found.line().1.contains("revoked"), "{found:?}");
    }
    let error = seal(from_bob.as_bytes(), Protection::Encrypt, &people, &own).unwrap_err();
    assert!(error.to_string().contains("revoked"), "{error}");
}

/// A certificate authority, and somebody with a certificate of it.
struct Certified {
    home: tempfile::TempDir,
}

impl Certified {
    fn new(address: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
        let key = ["-newkey", "rsa:2048", "-nodes", "-keyout"];
        let own = |words: &[&str]| run("openssl", words, b"");
        own(&[
            &["req", "-x509", "-days", "30", "-subj", "/CN=Authority"],
            &key[..],
            &[&at("ca.key"), "-out", &at("ca.pem")],
        ]
        .concat());
        own(&[
            &["req", "-new", "-subj", "/CN=Ann"],
            &key[..],
            &[&at("own.key"), "-out", &at("own.csr")],
        ]
        .concat());
        let extensions = format!(
            "keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=emailProtection\nsubjectAltName=email:{address}\n"
        );
        std::fs::write(at("extensions"), extensions).unwrap();
        own(&[
            "x509",
            "-req",
            "-days",
            "20",
            "-in",
            &at("own.csr"),
            "-CA",
            &at("ca.pem"),
            "-CAkey",
            &at("ca.key"),
            "-CAcreateserial",
            "-extfile",
            &at("extensions"),
            "-out",
            &at("own.pem"),
        ]);
        let both =
            [std::fs::read(at("own.pem")).unwrap(), std::fs::read(at("own.key")).unwrap()].concat();
        std::fs::write(at("both.pem"), both).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(at("both.pem"), mode).unwrap();
        Self { home }
    }

    fn at(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    fn keys(&self, roots: Option<&str>) -> Keys {
        let smime = Some(self.home.path().join("both.pem"));
        let roots = roots.map(|name| Path::new(&self.at(name)).to_owned());
        let places = Places { smime, roots, engine: Engine::Own, ..Places::default() };
        Keys::new(&places, Asks::NotHere, now())
    }

    /// What openssl makes of an entity: a message without the letter's own fields.
    fn cms(&self, words: &[&str], input: &str) -> String {
        let made = run("openssl", &[&["cms"], words].concat(), input.as_bytes());
        let made = String::from_utf8(made).unwrap().replace("\r\n", "\n");
        format!("From: Ann <ann@a.example>\n{made}").replace('\n', "\r\n")
    }

    fn signed(&self, words: &[&str], input: &str) -> String {
        let (cert, key) = (self.at("own.pem"), self.at("own.key"));
        self.cms(&[&["-sign", "-binary", "-signer", &cert, "-inkey", &key], words].concat(), input)
    }

    fn encrypted(&self, cipher: &str, input: &str) -> String {
        self.cms(&["-encrypt", "-binary", cipher, &self.at("own.pem")], input)
    }
}

#[test]
fn smime_signatures_of_openssl() {
    if !is_there("openssl") {
        return;
    }
    let ann = Certified::new("ann@a.example");
    for words in [&[][..], &["-nodetach"], &["-nodetach", "-stream"]] {
        let letter = ann.signed(words, ENTITY);
        let found = opened(letter.as_bytes(), &ann.keys(Some("ca.pem")));
        assert_eq!(found.line().0, Level::Good, "{words:?} {found:?}");
        assert!(text(&found).contains("at noon"), "{words:?}: {}", text(&found));
        // Whom the system relies on: not him.
        let found = opened(letter.as_bytes(), &ann.keys(None));
        assert_eq!(found.line().0, Level::Bad, "{words:?} {found:?}");
        assert!(found.line().1.contains("nobody whom this system relies on"), "{found:?}");
        // Row U09.
        let found = opened(letter.replace("ann@a", "eve@e").as_bytes(), &ann.keys(Some("ca.pem")));
        assert_eq!(found.line().0, Level::Bad, "{words:?} {found:?}");
        assert!(found.line().1.contains("the key says ann@a.example"), "{found:?}");
    }
    let letter = ann.signed(&[], ENTITY).replace("at noon", "at nine");
    let found = opened(letter.as_bytes(), &ann.keys(Some("ca.pem")));
    assert!(found.line().1.contains("doesn't fit"), "{found:?}");
}

#[test]
fn u08_smime_without_a_proof_is_shown_only_where_it_is_signed() {
    if !is_there("openssl") {
        return;
    }
    let ann = Certified::new("ann@a.example");
    let keys = ann.keys(Some("ca.pem"));
    let found = opened(ann.encrypted("-aes-256-cbc", ENTITY).as_bytes(), &keys);
    assert!(!found.is_encrypted && !text(&found).contains("at noon"), "{found:?}");
    assert!(found.line().1.contains("nothing proves"), "{found:?}");
    // What was signed can't have been changed.
    let signed = ann.signed(&[], ENTITY);
    let signed = signed.strip_prefix("From: Ann <ann@a.example>\r\n").unwrap();
    let found = opened(ann.encrypted("-aes-256-cbc", signed).as_bytes(), &keys);
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    only_its_fields_are_open(&found);
    let broken = signed.replace("at noon", "at nine");
    let found = opened(ann.encrypted("-aes-256-cbc", &broken).as_bytes(), &keys);
    assert!(!found.is_encrypted && !text(&found).contains("at nine"), "{found:?}");
    // A cipher that proves it.
    let found = opened(ann.encrypted("-aes-256-gcm", ENTITY).as_bytes(), &keys);
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    let eve = Certified::new("eve@e.example");
    let found = opened(ann.encrypted("-aes-256-gcm", ENTITY).as_bytes(), &eve.keys(None));
    assert!(!found.is_encrypted, "{found:?}");
}

/// A message of these packets, encrypted to a key.
#[cfg(feature = "pgp")]
fn enciphered(packets: &[u8], to: &[u8]) -> Vec<u8> {
    use pgp::composed::{Deserializable as _, SignedPublicKey};
    use pgp::crypto::sym::SymmetricKeyAlgorithm;
    use pgp::packet::{PacketTrait as _, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData};
    use pgp::types::KeyDetails as _;
    let (cipher, key) = (SymmetricKeyAlgorithm::AES256, vec![7_u8; 32].into());
    let cert = SignedPublicKey::from_bytes(to).unwrap();
    let sub = &cert.public_subkeys[0].key;
    assert!(sub.algorithm().can_encrypt());
    let mut rng = rand::thread_rng();
    let session =
        PublicKeyEncryptedSessionKey::from_session_key_v3(&mut rng, &key, cipher, sub).unwrap();
    let data =
        SymEncryptedProtectedData::encrypt_seipdv1(&mut rng, cipher, &[7; 32], packets).unwrap();
    let mut message = Vec::new();
    session.to_writer_with_header(&mut message).unwrap();
    data.to_writer_with_header(&mut message).unwrap();
    message
}

/// GnuPG ends at once where a signature doesn't fit, and says nothing of the cipher then.
#[cfg(feature = "pgp")]
#[test]
fn u09_what_is_encrypted_with_a_signature_that_doesnt_fit_is_told_so() {
    if !is_there("gpg") {
        return;
    }
    let (ann, bob) =
        (Ring::with_key("Ann <ann@a.example>", "0"), Ring::with_key("Bob <bob@b.example>", "0"));
    bob.knows(&ann, "ann@a.example");
    let to = bob.gpg(&["--export", "bob@b.example"], b"");
    let sign = |more: &[&str]| {
        let words = ["--compress-algo", "none", "--sign", "--local-user", "ann@a.example"];
        ann.gpg(&[more, &words].concat(), ENTITY.as_bytes())
    };
    let letter = |packets: &[u8]| {
        let armored = bob.gpg(&["--enarmor"], &enciphered(packets, &to));
        let text = String::from_utf8(armored).unwrap().replace("ARMORED FILE", "MESSAGE");
        encrypted(text.replace('\n', "\r\n").as_bytes())
    };
    let keys = bob.keys(None);
    let right = sign(&[]);
    let found = opened(letter(&right).as_bytes(), &keys);
    assert!(found.is_encrypted && text(&found).contains("at noon"), "{found:?}");
    let at = right.windows(7).position(|window| window == b"at noon").unwrap();
    let mut wrong = right;
    wrong[at + 3..at + 7].copy_from_slice(b"nine");
    let found = opened(letter(&wrong).as_bytes(), &keys);
    assert!(found.is_encrypted && found.line().0 == Level::Bad, "{found:?}");
    assert!(found.line().1.contains("The signature doesn't fit"), "{found:?}");
    assert!(!found.line().1.contains("not opened"), "{found:?}");
    // One that has expired since.
    let old = Ring::new();
    let new_year = ["--faked-system-time", "20200101T000000"];
    let made = [
        "--passphrase",
        "",
        "--quick-generate-key",
        "Ann <ann@a.example>",
        "default",
        "default",
        "0",
    ];
    old.gpg(&[&new_year[..], &made].concat(), b"");
    bob.knows(&old, "ann@a.example");
    let words = ["--default-sig-expire", "1d", "--compress-algo", "none", "--sign"];
    let expired = old.gpg(&[&new_year[..], &words].concat(), ENTITY.as_bytes());
    let found = opened(letter(&expired).as_bytes(), &keys);
    assert!(found.is_encrypted && found.line().0 == Level::Bad, "{found:?}");
    assert!(found.line().1.contains("the signature has expired"), "{found:?}");
}

/// SHA-1 was good enough for what a key's owner signs of it until 2023, and isn't since.
#[cfg(feature = "pgp")]
#[test]
fn u09_a_user_id_that_is_signed_by_a_weak_hash_is_nobodys() {
    if !is_there("gpg") {
        return;
    }
    for (time, is_believed) in
        [(&["--faked-system-time", "20200101T000000"][..], true), (&[], false)]
    {
        let ring = Ring::new();
        let hash = ["--cert-digest-algo", "SHA1", "--passphrase", ""];
        let make = ["--quick-generate-key", "Ann <ann@a.example>", "rsa2048", "sign", "never"];
        ring.gpg(&[time, &hash, &make].concat(), b"");
        let home = tempfile::tempdir().unwrap();
        let own = Some(home.path().join("keys"));
        let places = Places { own, engine: Engine::Own, ..Places::default() };
        let keys = Keys::new(&places, Asks::NotHere, now());
        keys.import(ring.gpg(&["--export", "ann@a.example"], b"")).unwrap();
        assert_eq!(keys.list(None).unwrap().len(), 1);
        assert_eq!(keys.list(Some("ann@a.example")).unwrap().len(), usize::from(is_believed));
    }
}
