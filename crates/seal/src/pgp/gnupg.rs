//! GnuPG: `gpg` as a program beside this one, which has the user's keys, and whose agent has the passphrases.
//!
//! What it finds is read from its status lines (doc/DETAILS of GnuPG), which go into a file of their own: neither what it
//! decrypts nor what it says of a letter can write into them. It is told to ask nobody on the network: whoever reads a
//! letter isn't to be seen doing it (row U07).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::{Checked, Detached, Key, Person, Plain, Recipient, Shown, Signer, Uses, Vouched};
use crate::child::{self, Answer, Call};
use crate::keys::{Asks, private_folder};
use crate::{SealError, limits};

const NAME: &str = "gpg";

/// The name that keys from here are listed with.
pub const PLACE: &str = "GnuPG";

/// GnuPG, with the user's keys.
#[derive(Debug, Clone)]
pub struct Gnupg {
    program: PathBuf,
    home: Option<PathBuf>,
    asks: Asks,
}

/// How it ended, and what its status lines say.
struct Done {
    answer: Answer,
    status: String,
}

impl Gnupg {
    /// Where the program is there, and the user has ever used it: its folder is `home`, or else `GNUPGHOME`, or
    /// `~/.gnupg`. It makes one where there is none, so who has none has no keys there.
    pub fn found(home: Option<PathBuf>, asks: Asks) -> Option<Self> {
        let program = child::find("gpg")?;
        let usual = || {
            std::env::var_os("GNUPGHOME")
                .filter(|home| !home.is_empty())
                .map(PathBuf::from)
                .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".gnupg")))
        };
        let folder = home.clone().or_else(usual)?;
        let has_keys = ["pubring.kbx", "pubring.gpg", "public-keys.d", "common.conf"];
        let is_used = has_keys.iter().any(|name| folder.join(name).exists());
        is_used.then_some(Self { program, home, asks })
    }

    fn run(
        &self,
        words: &[&OsStr],
        input: Vec<u8>,
        octets_max: u64,
        timeout: Duration,
    ) -> Result<Done, SealError> {
        let folder = private_folder()?;
        let status = folder.path().join("status");
        let mut all: Vec<OsString> = [
            "--batch",
            "--no-tty",
            "--no-verbose",
            "--display-charset",
            "utf-8",
            // Row U07: no look-up of keys by the way.
            "--disable-dirmngr",
            "--no-auto-key-locate",
            "--no-auto-key-retrieve",
            "--max-output",
        ]
        .map(OsString::from)
        .into();
        // What is longer is cut there, and not said: by the one octet more it is seen.
        all.push(octets_max.saturating_add(1).to_string().into());
        all.push("--status-file".into());
        all.push(status.clone().into());
        if let Some(home) = &self.home {
            all.push("--homedir".into());
            all.push(home.into());
        }
        all.extend(words.iter().map(OsString::from));
        let mut environment = vec![("LC_ALL", Some("C.UTF-8".into()))];
        match self.asks {
            // A passphrase is asked for in a window, or not at all: the terminal is a screen's.
            Asks::NotHere => environment.push(("GPG_TTY", None)),
            // The agent is told of the terminal by nothing else: it has none itself, nor has the program.
            Asks::Here if std::env::var_os("GPG_TTY").is_none() => {
                if let Ok(name) = rustix::termios::ttyname(std::io::stdin(), Vec::new()) {
                    environment.push(("GPG_TTY", Some(OsString::from_vec(name.into_bytes()))));
                }
            }
            Asks::Here => {}
        }
        let call = Call {
            name: NAME,
            program: &self.program,
            words: all,
            environment,
            input,
            octets_max,
            timeout,
        };
        let answer = child::run(call)?;
        let status = std::fs::read(&status).unwrap_or_default();
        Ok(Done { answer, status: String::from_utf8_lossy(&status).into_owned() })
    }

    /// Looks at a detached signature of some octets.
    pub(crate) fn verify(
        &self,
        data: Vec<u8>,
        signature: &[u8],
    ) -> Result<Vec<Checked>, SealError> {
        let folder = private_folder()?;
        let file = folder.path().join("signature");
        crate::keys::write_private(&file, signature)?;
        let words = [OsStr::new("--verify"), file.as_os_str(), OsStr::new("-")];
        let max = limits::SIGNATURE_OCTETS_MAX;
        let done = self.run(&words, data, max, limits::PROGRAM_TIMEOUT)?;
        let found = self.signatures(&done.status);
        match found.is_empty() {
            true => Ok(vec![Checked::Unknown(said(&done.answer))]),
            false => Ok(found),
        }
    }

    /// Decrypts a message, and looks at what is signed in it.
    pub(crate) fn decrypt(&self, message: Vec<u8>) -> Result<Plain, SealError> {
        let max = limits::PLAIN_OCTETS_MAX;
        let words = [OsStr::new("--decrypt")];
        let mut done = self.run(&words, message.clone(), max, limits::PASSPHRASE_TIMEOUT)?;
        let signatures = self.signatures(&done.status);
        let has_fault = |it: &Checked| matches!(it, Checked::Broken | Checked::Doubtful(..));
        if Status(&done.status).proof() != Proof::Whole && signatures.iter().any(has_fault) {
            // In batches it ends at once where a signature doesn't fit, before it says whether the cipher was whole: that
            // is asked for alone then, and what was found of signatures stays.
            let words = ["--skip-verify", "--decrypt"].map(OsStr::new);
            done = self.run(&words, message, max, limits::PASSPHRASE_TIMEOUT)?;
        }
        let status = Status(&done.status);
        let proof = status.proof();
        match proof {
            Proof::Whole => return Ok(Plain { octets: done.answer.output, signatures }),
            Proof::None => return Err(SealError::NoIntegrity),
            Proof::Wrong | Proof::NotDecrypted => {}
        }
        Err(match () {
            () if status.has("NO_SECKEY") && !status.has("DECRYPTION_INFO") => {
                let ids: Vec<&str> = status.all("NO_SECKEY").take(limits::SIGNATURES_MAX).collect();
                SealError::NoKey(format!(
                    "none of your keys opens it; it is for {}: gpg --import FILE brings a private key",
                    ids.join(", ")
                ))
            }
            () if proof == Proof::Wrong => SealError::Broken(
                "it was changed on its way, or damaged: it can't be decrypted".into(),
            ),
            () => SealError::Unusable(said(&done.answer)),
        })
    }

    /// Signs octets with one of the user's keys.
    pub(crate) fn sign(&self, key: &str, data: Vec<u8>) -> Result<Detached, SealError> {
        let words = ["--armor", "--detach-sign", "--local-user", key].map(OsStr::new);
        let max = limits::SIGNATURE_OCTETS_MAX;
        let done = self.run(&words, data, max, limits::PASSPHRASE_TIMEOUT)?;
        // DETAILS, SIG_CREATED: type, public key's algorithm, hash's algorithm.
        let created =
            Status(&done.status).first("SIG_CREATED").and_then(|words| words.split(' ').nth(2));
        let hash = created.and_then(hash_name).filter(|_| done.answer.is_success);
        match hash {
            Some(hash) => Ok(Detached { armored: done.answer.output, hash: hash.to_owned() }),
            None => Err(SealError::Unusable(format!("it can't be signed: {}", said(&done.answer)))),
        }
    }

    /// Encrypts octets to some keys, signed with one of the user's.
    pub(crate) fn encrypt(
        &self,
        signer: Option<&str>,
        to: &[Recipient],
        data: Vec<u8>,
    ) -> Result<Vec<u8>, SealError> {
        let folder = private_folder()?;
        // Whose keys they are was decided before.
        let fixed = ["--armor", "--trust-model", "always", "--set-filename", "", "--encrypt"];
        let mut words: Vec<OsString> = fixed.map(OsString::from).into();
        if let Some(key) = signer {
            words.extend(["--sign", "--local-user", key].map(OsString::from));
        }
        for (number, recipient) in to.iter().enumerate() {
            let file = folder.path().join(number.to_string());
            crate::keys::write_private(&file, &recipient.key)?;
            words.push(match recipient.shown {
                Shown::Yes => "--recipient-file".into(),
                Shown::No => "--hidden-recipient-file".into(),
            });
            words.push(file.into());
        }
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let max = limits::PLAIN_OCTETS_MAX;
        let done = self.run(&words, data, max, limits::PASSPHRASE_TIMEOUT)?;
        let is_done = Status(&done.status).has("END_ENCRYPTION");
        match done.answer.is_success && is_done {
            true => Ok(done.answer.output),
            false => {
                Err(SealError::Unusable(format!("it can't be encrypted: {}", said(&done.answer))))
            }
        }
    }

    /// Keys: all of them, or those of an address.
    ///
    /// # Errors
    /// Where the program fails.
    pub fn keys(&self, address: Option<&str>) -> Result<Vec<Key>, SealError> {
        let exact = address.map(|address| format!("<{address}>"));
        let list = |command: &str| {
            let mut words = vec![OsStr::new("--with-colons"), OsStr::new(command)];
            words.extend(exact.as_deref().map(|_| OsStr::new("--")));
            words.extend(exact.as_deref().map(OsStr::new));
            self.run(&words, Vec::new(), limits::KEYS_OCTETS_MAX, limits::PROGRAM_TIMEOUT)
        };
        let secret =
            String::from_utf8_lossy(&list("--list-secret-keys")?.answer.output).into_owned();
        let ours: Vec<String> = listed(&secret).into_iter().map(|key| key.fingerprint).collect();
        let public = list("--list-keys")?;
        let mut keys = listed(&String::from_utf8_lossy(&public.answer.output));
        for key in &mut keys {
            key.is_ours = ours.contains(&key.fingerprint);
        }
        // A user ID that was revoked is found, too.
        keys.retain(|key| address.is_none_or(|address| key.is_of(address)));
        Ok(keys)
    }

    /// A public key, as octets.
    ///
    /// # Errors
    /// Where there is none, or the program fails.
    pub fn export(&self, key: &str) -> Result<Vec<u8>, SealError> {
        let words = ["--export-options", "export-minimal", "--export", "--", key].map(OsStr::new);
        let max = limits::KEYS_OCTETS_MAX;
        let done = self.run(&words, Vec::new(), max, limits::PROGRAM_TIMEOUT)?;
        match done.answer.output.is_empty() {
            true => Err(SealError::NoKey(format!("GnuPG has no key {key}"))),
            false => Ok(done.answer.output),
        }
    }

    /// Takes keys in; gives their fingerprints.
    ///
    /// # Errors
    /// Where the program fails, or there is no key in it.
    pub fn import(&self, octets: Vec<u8>) -> Result<Vec<String>, SealError> {
        let words = ["--import"].map(OsStr::new);
        let max = limits::KEYS_OCTETS_MAX;
        let done = self.run(&words, octets, max, limits::PASSPHRASE_TIMEOUT)?;
        // DETAILS, IMPORT_OK: why, fingerprint.
        let status = Status(&done.status);
        let taken: Vec<String> = status
            .all("IMPORT_OK")
            .filter_map(|words| words.split(' ').nth(1))
            .map(str::to_owned)
            .collect();
        match taken.is_empty() {
            true => Err(SealError::Broken(format!("no key was taken in: {}", said(&done.answer)))),
            false => Ok(taken),
        }
    }

    /// Makes a key of the user's; its passphrase is asked for by the agent.
    ///
    /// # Errors
    /// Where the program fails.
    pub fn make(&self, person: &str) -> Result<String, SealError> {
        let words = ["--quick-generate-key", "--", person].map(OsStr::new);
        let max = limits::KEYS_OCTETS_MAX;
        let done = self.run(&words, Vec::new(), max, limits::MAKE_TIMEOUT)?;
        // DETAILS, KEY_CREATED: what was made, its fingerprint.
        let created =
            Status(&done.status).first("KEY_CREATED").and_then(|words| words.split(' ').nth(1));
        created
            .map(str::to_owned)
            .ok_or_else(|| SealError::Unusable(format!("no key was made: {}", said(&done.answer))))
    }

    /// What status lines say of signatures: those of one begin with NEWSIG.
    fn signatures(&self, status: &str) -> Vec<Checked> {
        let lines: Vec<(&str, &str)> = Status(status).lines().collect();
        let each = lines.split(|(keyword, _)| *keyword == "NEWSIG").skip(1);
        each.take(limits::SIGNATURES_MAX).map(|lines| self.signature(lines)).collect()
    }

    fn signature(&self, lines: &[(&str, &str)]) -> Checked {
        let has = |keyword: &str| lines.iter().any(|(own, _)| *own == keyword);
        let words =
            |keyword: &str| lines.iter().find(|(own, _)| *own == keyword).map(|(_, words)| *words);
        if has("BADSIG") {
            return Checked::Broken;
        }
        if let Some(words) = words("ERRSIG") {
            // DETAILS, ERRSIG: key's id, algorithms, class, time, why (9: no key), fingerprint.
            let words: Vec<&str> = words.split(' ').collect();
            let id =
                words.get(6).filter(|id| id.len() > 8).or(words.first()).copied().unwrap_or("?");
            return match words.get(5) {
                Some(&"9") => Checked::NoKey(id.to_owned()),
                _ => Checked::Unknown("GnuPG can't check that kind of signature".into()),
            };
        }
        // DETAILS, VALIDSIG: the fingerprint of the key, at the end that of the primary key.
        let Some(valid) = words("VALIDSIG") else {
            return Checked::Unknown("GnuPG says nothing of it".into());
        };
        let key =
            valid.split(' ').nth(9).or_else(|| valid.split(' ').next()).unwrap_or("?").to_owned();
        // TRUST_ULTIMATE and its like are of the whole key: whoever is vouched for by one of its user IDs would be by all.
        let signer = Signer { people: self.people(&key), key };
        match () {
            () if has("REVKEYSIG") => {
                Checked::Doubtful(signer, "its owner has revoked that key".into())
            }
            () if has("EXPKEYSIG") => Checked::Doubtful(signer, "that key has expired".into()),
            () if has("EXPSIG") => Checked::Doubtful(signer, "the signature has expired".into()),
            () if has("TRUST_NEVER") => {
                Checked::Doubtful(signer, "you have said that this key isn't to be trusted".into())
            }
            () if has("GOODSIG") => Checked::Holds(signer),
            () => Checked::Unknown("GnuPG says nothing of it".into()),
        }
    }

    /// User IDs of a key: status lines have the first one alone.
    fn people(&self, key: &str) -> Vec<Person> {
        let words = ["--with-colons", "--list-keys", "--", key].map(OsStr::new);
        let max = limits::KEYS_OCTETS_MAX;
        let listing = self.run(&words, Vec::new(), max, limits::PROGRAM_TIMEOUT);
        let text = listing.map(|done| done.answer.output).unwrap_or_default();
        let keys = listed(&String::from_utf8_lossy(&text));
        keys.into_iter().next().map(|key| key.people).unwrap_or_default()
    }
}

/// What the program said, its last words.
fn said(answer: &Answer) -> String {
    let words = answer.said.lines().map(|line| line.strip_prefix("gpg: ").unwrap_or(line)).rev();
    let words = words.map(str::trim).find(|line| !line.is_empty());
    words.unwrap_or("gpg said nothing").chars().take(200).collect()
}

/// What proves that what was decrypted is what was encrypted (row U08).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// It is all proven.
    Whole,
    /// It was encrypted in a way that proves nothing.
    None,
    /// It was changed, or damaged.
    Wrong,
    /// Nothing was decrypted.
    NotDecrypted,
}

/// Lines of a status file.
struct Status<'s>(&'s str);

impl<'s> Status<'s> {
    /// Keywords, and what stands behind each.
    fn lines(&self) -> impl Iterator<Item = (&'s str, &'s str)> {
        self.0.lines().filter_map(|line| {
            let line = line.strip_prefix("[GNUPG:] ")?;
            Some(line.split_once(' ').unwrap_or((line, "")))
        })
    }

    fn all(&self, keyword: &str) -> impl Iterator<Item = &'s str> {
        self.lines().filter(move |(own, _)| *own == keyword).map(|(_, words)| words)
    }

    fn first(&self, keyword: &str) -> Option<&'s str> {
        self.all(keyword).next()
    }

    fn has(&self, keyword: &str) -> bool {
        self.first(keyword).is_some()
    }

    /// One message can hold several that are encrypted. The user's `gpg.conf` can make GnuPG go on where the proof is
    /// wrong or missing (`ignore-mdc-error`), and call that OKAY: each has to have its own.
    fn proof(&self) -> Proof {
        // DETAILS, DECRYPTION_INFO: the method of the MDC, the cipher, and the AEAD's method where it has one.
        let has_method = |info: &str| {
            let mut methods = info.split(' ');
            let mut has =
                |skip: usize| methods.nth(skip).is_some_and(|method| !matches!(method, "" | "0"));
            has(0) || has(1)
        };
        let begun = self.all("BEGIN_DECRYPTION").count();
        let infos = self.all("DECRYPTION_INFO").count();
        if begun == 0 || (infos == 0 && !self.has("DECRYPTION_OKAY")) {
            return match self.has("DECRYPTION_FAILED") && begun > 0 {
                true => Proof::Wrong,
                false => Proof::NotDecrypted,
            };
        }
        if !self.all("DECRYPTION_INFO").all(has_method) {
            return Proof::None;
        }
        let is_wrong = self.has("DECRYPTION_FAILED") || self.has("BADMDC");
        // GOODMDC is what it says of an AEAD, too.
        let is_each = |keyword: &str| self.all(keyword).count() >= begun;
        match !is_wrong && infos >= begun && is_each("DECRYPTION_OKAY") && is_each("GOODMDC") {
            true => Proof::Whole,
            false => Proof::Wrong,
        }
    }
}

/// RFC 3156 §5, RFC 9580 §9.5.
fn hash_name(algorithm: &str) -> Option<&'static str> {
    Some(match algorithm {
        "8" => "pgp-sha256",
        "9" => "pgp-sha384",
        "10" => "pgp-sha512",
        "11" => "pgp-sha224",
        "2" => "pgp-sha1",
        _ => return None,
    })
}

/// Keys of a listing with colons (DETAILS, "Description of the fields").
fn listed(listing: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    // The first fingerprint behind a key is the key's, those behind are its subkeys'.
    let mut is_named = true;
    // Whether all of the key is: then its owner's names are still to be said.
    let mut is_all_invalid = false;
    for line in listing.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |place: usize| fields.get(place).copied().unwrap_or_default();
        match field(0) {
            "pub" | "sec" => {
                is_named = false;
                is_all_invalid = is_invalid(field(1));
                keys.push(Key {
                    fingerprint: field(4).to_owned(),
                    people: Vec::new(),
                    is_ours: field(0) == "sec",
                    // Capitals are what the whole key can do now; D is one that the user has put away.
                    uses: match field(11).contains('D')
                        || matches!(field(1), "r" | "e" | "i" | "d" | "n")
                    {
                        true => Uses::default(),
                        false => Uses {
                            signs: field(11).contains('S'),
                            encrypts: field(11).contains('E'),
                        },
                    },
                    state: state(field(1), field(6)),
                    place: PLACE,
                });
            }
            "fpr" if !is_named => {
                is_named = true;
                if let Some(key) = keys.last_mut() {
                    field(9).clone_into(&mut key.fingerprint);
                }
            }
            "uid" if is_all_invalid || !is_invalid(field(1)) => {
                if let Some(key) = keys.last_mut() {
                    // What the whole key has is the best of these: one certified would do for all.
                    let vouched = match field(1) {
                        "u" | "f" => Vouched::Known,
                        _ => Vouched::Unknown,
                    };
                    key.people.push(Person { id: unescaped(field(9)), vouched });
                }
            }
            _ => {}
        }
    }
    keys
}

/// Whether a key, or a user ID, was revoked, is none that its owner has made, or one of which the user has said that it
/// isn't to be trusted.
fn is_invalid(validity: &str) -> bool {
    matches!(validity, "r" | "i" | "n")
}

fn state(validity: &str, expires: &str) -> String {
    match validity {
        "r" => "revoked".into(),
        "e" => "expired".into(),
        "d" => "disabled".into(),
        "i" => "invalid".into(),
        "n" => "not to be trusted, as you have told GnuPG".into(),
        _ => match expires.parse().ok().and_then(|at| jiff::Timestamp::from_second(at).ok()) {
            Some(at) => format!("until {}", at.strftime("%Y-%m-%d")),
            None => String::new(),
        },
    }
}

/// `\x3a` is a colon.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split("\\x");
    let mut out = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) => {
                out.push(octet);
                out.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
            }
            None => {
                out.extend_from_slice(b"\\x");
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let listing = "tru:o:1:1796074345:1:3:1:5\n\
            pub:f:3072:1:506E4468D8A24381:1796074342:1827610342::u:::scESC::::::23::0:\n\
            fpr:::::::::E4CF0957E50580655FB7DBB7506E4468D8A24381:\n\
            uid:u::::1796074342::6FD::Ann\\x3a x <ann@a.example>::::::::::0:\n\
            uid:r::::1796074342::6FE::Old <old@a.example>::::::::::0:\n\
            sub:u:3072:1:1F3ED1D23E965E3F:1796074342::::::e::::::23:\n\
            fpr:::::::::8EF502572F6787F209C284751F3ED1D23E965E3F:\n\
            pub:e:3072:1:AAAAAAAAAAAAAAAA:1:2::-:::sc:\n\
            fpr:::::::::BB:\nuid:e::::::::E <e@e.example>:\n\
            pub:r:3072:1:AAAAAAAAAAAAAAAA:1:2::-:::sc:\n\
            fpr:::::::::CC:\nuid:r::::::::F <f@f.example>:\n";
        let keys = listed(listing);
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[0].fingerprint, "E4CF0957E50580655FB7DBB7506E4468D8A24381");
        let ann = Person { id: "Ann: x <ann@a.example>".into(), vouched: Vouched::Known };
        assert_eq!(keys[0].people, [ann]);
        assert!(keys[0].is_of("Ann@a.example") && !keys[0].is_of("old@a.example"));
        assert_eq!(keys[0].uses, Uses { signs: true, encrypts: true });
        assert_eq!(keys[0].state, "until 2027-11-30");
        assert_eq!((keys[1].state.as_str(), keys[1].uses), ("expired", Uses::default()));
        assert_eq!((keys[2].state.as_str(), keys[2].uses), ("revoked", Uses::default()));
        assert_eq!(keys[2].vouched_for("f@f.example"), Some(Vouched::Unknown));
    }

    #[test]
    fn what_is_too_long_isnt_cut_and_shown() {
        let Some(program) = child::find(NAME) else {
            eprintln!("SKIPPED: {NAME} isn't installed");
            return;
        };
        let home = private_folder().unwrap();
        let gnupg = Gnupg { program, home: Some(home.path().to_owned()), asks: Asks::NotHere };
        let run = |word: &str, input, most| {
            gnupg.run(&[OsStr::new(word)], input, most, limits::PROGRAM_TIMEOUT)
        };
        let stored = run("--store", vec![b'x'; 1000], 1 << 20).unwrap().answer.output;
        assert_eq!(run("--decrypt", stored.clone(), 1000).unwrap().answer.output.len(), 1000);
        let cut = run("--decrypt", stored, 999);
        assert!(matches!(cut, Err(SealError::TooLarge(999))));
    }

    #[test]
    fn what_counts_as_vouched_for() {
        let key = |validity: &str| {
            format!(
                "pub:{validity}:255:22:A:1:2::-:::scESC::::::23::0:\nfpr:::::::::AA:\n\
                uid:{validity}::::1::6FD::Ann <ann@a.example>::::::::::0:\n"
            )
        };
        for (validity, vouched, encrypts) in [
            ("u", Vouched::Known, true),
            ("f", Vouched::Known, true),
            // tofu gives it to whatever it sees first.
            ("m", Vouched::Unknown, true),
            ("-", Vouched::Unknown, true),
            ("n", Vouched::Unknown, false),
            ("r", Vouched::Unknown, false),
        ] {
            let keys = listed(&key(validity));
            assert_eq!(keys[0].vouched_for("ann@a.example"), Some(vouched), "{validity}");
            assert_eq!(keys[0].uses.encrypts, encrypts, "{validity}");
        }
    }

    #[test]
    fn u08_each_that_is_encrypted_has_a_proof_of_its_own() {
        let good = "BEGIN_DECRYPTION\nDECRYPTION_INFO 2 9 0\nPLAINTEXT 62 0 \nDECRYPTION_OKAY\nGOODMDC\nEND_DECRYPTION\n";
        let aead = good.replace("INFO 2 9 0", "INFO 0 9 2");
        let ignored = good.replace("GOODMDC\n", "");
        let bare = ignored.replace("INFO 2 9 0", "INFO 0 9");
        let failed = "BEGIN_DECRYPTION\nDECRYPTION_INFO 2 9\nDECRYPTION_FAILED\nEND_DECRYPTION\n";
        for (status, expected) in [
            (good.to_owned(), Proof::Whole),
            (aead.clone(), Proof::Whole),
            (format!("{good}{aead}"), Proof::Whole),
            (ignored.clone(), Proof::Wrong),
            (bare.clone(), Proof::None),
            (format!("{good}{ignored}"), Proof::Wrong),
            (format!("{good}{bare}"), Proof::None),
            (format!("{good}{failed}"), Proof::Wrong),
            (failed.to_owned(), Proof::Wrong),
            ("PLAINTEXT 62 0 \nDECRYPTION_OKAY\nGOODMDC\n".to_owned(), Proof::NotDecrypted),
            (String::new(), Proof::NotDecrypted),
        ] {
            let lines: String = status.lines().map(|line| format!("[GNUPG:] {line}\n")).collect();
            assert_eq!(Status(&lines).proof(), expected, "{status}");
        }
    }

    #[test]
    fn a_name_cant_write_a_status_line() {
        // CVE-2018-12020: what a letter names itself by was written among the status lines.
        let status =
            Status("gpg: [GNUPG:] GOODSIG x\n[GNUPG:] PLAINTEXT 62 0 %0A[GNUPG:]%20GOODSIG\n");
        assert!(!status.has("GOODSIG") && status.has("PLAINTEXT"));
    }
}
