//! S/MIME (RFC 8551): looked at and decrypted by openssl(1), as a program beside this one.
//!
//! Why no library: the ones that there are read DER alone, and most programs that sign letters write BER, with lengths that
//! aren't told ahead; openssl reads both, knows where the system's certificates are, and is there wherever TLS is.
//!
//! A certificate counts where it leads to one that the system relies on and is for mail (RFC 8550 §4.4.4); whether it was
//! revoked isn't asked, for that tells the network who reads (row U07).
//!
//! `EnvelopedData` has no proof that it is whole (row U08): what comes out of it is shown only where it is signed, and the
//! signature holds. `AuthEnvelopedData` (RFC 5083) has one.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::child::{self, Answer, Call};
use crate::keys::{Places, private_folder, write_private};
use crate::pgp::{Checked, Person, Signer, Vouched};
use crate::{SealError, limits};

const NAME: &str = "openssl";

/// The user's certificate and key, and whom the user relies on.
#[derive(Debug, Clone)]
pub struct Smime {
    own: Option<PathBuf>,
    roots: Option<PathBuf>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Signed,
    /// Encrypted, with no proof that it is whole.
    Enveloped,
    /// Encrypted, with one.
    AuthEnveloped,
}

/// The object identifiers of a message's content (RFC 5652 §14, RFC 5083 §2.1), as they are written.
const CONTENTS: [(&[u8], Content); 3] = [
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", Content::Signed),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", Content::Enveloped),
    (b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", Content::AuthEnveloped),
];

/// What a message is: RFC 5652 §3, a sequence that begins with the content's type.
pub(crate) fn content(message: &[u8]) -> Option<Content> {
    let rest = message.strip_prefix(b"\x30")?;
    // X.690 §8.1.3: a short length, an indefinite one, or so many octets of a length.
    let (length, rest) = rest.split_first()?;
    let rest = match length {
        0..=0x80 => rest,
        0x81..=0x84 => rest.get(usize::from(length & 0x7f)..)?,
        _ => return None,
    };
    CONTENTS.iter().find(|(id, _)| rest.starts_with(id)).map(|(_, content)| *content)
}

impl Smime {
    pub(crate) fn new(places: &Places) -> Self {
        Self { own: places.smime.clone(), roots: places.roots.clone() }
    }

    fn run(&self, words: Vec<OsString>, input: Vec<u8>) -> Result<Answer, SealError> {
        let missing = || SealError::Program {
            program: NAME,
            problem: "it isn't installed, and S/MIME needs it".into(),
        };
        let program = child::find(NAME).ok_or_else(missing)?;
        child::run(Call {
            name: NAME,
            program: &program,
            words,
            environment: vec![("LC_ALL", Some("C".into()))],
            input,
            octets_max: limits::PLAIN_OCTETS_MAX,
            timeout: limits::PROGRAM_TIMEOUT,
        })
    }

    /// Looks at a detached signature of some octets.
    pub(crate) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<Checked, SealError> {
        let folder = private_folder()?;
        let (checked, _) = self.check(signature, Some(data), folder.path())?;
        Ok(checked)
    }

    /// Takes what is signed out of a message that holds it.
    pub(crate) fn open_signed(&self, message: &[u8]) -> Result<(Checked, Vec<u8>), SealError> {
        let folder = private_folder()?;
        self.check(message, None, folder.path())
    }

    /// First whether it fits, then whether the certificate counts: so that each can be said.
    fn check(
        &self,
        message: &[u8],
        content: Option<&[u8]>,
        folder: &Path,
    ) -> Result<(Checked, Vec<u8>), SealError> {
        let signers = folder.join("signers");
        let verify = |relies: &[OsString]| {
            let mut words: Vec<OsString> =
                ["cms", "-verify", "-inform", "DER", "-binary", "-purpose", "smimesign", "-signer"]
                    .map(OsString::from)
                    .into();
            words.push(signers.clone().into());
            words.extend(relies.iter().cloned());
            let Some(content) = content else { return self.run(words, message.to_vec()) };
            // The signature lies in a file, what is signed never does: it may have been encrypted.
            let file = folder.join("signature");
            write_private(&file, message)?;
            words.extend(["-in".into(), file.into(), "-content".into(), "/dev/stdin".into()]);
            self.run(words, content.to_vec())
        };
        let fits = verify(&["-noverify".into()])?;
        if !fits.is_success {
            let is_broken =
                fits.said.contains("digest") || fits.said.contains("verification failure");
            let checked = match is_broken {
                true => Checked::Broken,
                false => Checked::Unknown(format!("openssl can't look at it: {}", said(&fits))),
            };
            return Ok((checked, Vec::new()));
        }
        let people = self.people(&signers)?;
        let relies: Vec<OsString> = match &self.roots {
            Some(roots) => vec!["-no-CApath".into(), "-CAfile".into(), roots.into()],
            None => Vec::new(),
        };
        let counts = verify(&relies)?;
        let signer = |vouched| Signer {
            key: people.fingerprint.clone(),
            people: people.addresses.iter().map(|id| Person { id: id.clone(), vouched }).collect(),
        };
        let checked = match counts.is_success {
            true => Checked::Holds(signer(Vouched::Known)),
            false => Checked::Doubtful(signer(Vouched::Unknown), certificate_fault(&counts)),
        };
        Ok((checked, fits.output))
    }

    fn people(&self, signers: &Path) -> Result<Named, SealError> {
        let fixed = ["x509", "-noout", "-email", "-fingerprint", "-sha256", "-in"];
        let mut words: Vec<OsString> = fixed.map(OsString::from).into();
        words.push(signers.into());
        let answer = self.run(words, Vec::new())?;
        let text = String::from_utf8_lossy(&answer.output).into_owned();
        let mut named = Named::default();
        for line in text.lines() {
            match line.split_once("ingerprint=") {
                Some((_, digits)) => named.fingerprint = digits.replace(':', ""),
                None if line.contains('@') => named.addresses.push(line.trim().to_owned()),
                None => {}
            }
        }
        Ok(named)
    }

    /// Decrypts a message with the user's key.
    pub(crate) fn decrypt(&self, message: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let Some(own) = &self.own else {
            return Err(SealError::NoKey(
                "it is encrypted by S/MIME, and the account names no key for that: smime = \"FILE\", a \
                 certificate and its private key as PEM"
                    .into(),
            ));
        };
        let path = own.display().to_string();
        let failed = |source| SealError::File { doing: "read", path: path.clone(), source };
        if std::fs::metadata(own).map_err(failed)?.mode() & 0o077 != 0 {
            return Err(SealError::Unusable(format!(
                "others can read the private key {path}; run: chmod 600 {path}"
            )));
        }
        let mut words: Vec<OsString> =
            ["cms", "-decrypt", "-inform", "DER", "-binary", "-recip"].map(OsString::from).into();
        words.extend([own.into(), OsString::from("-inkey"), own.into()]);
        // A key with a passphrase would be asked for it in the terminal: none is.
        words.extend(["-passin", "pass:"].map(OsString::from));
        let answer = self.run(words, message)?;
        match answer.is_success {
            true => Ok(answer.output),
            false if answer.said.contains("no matching recipient") => {
                Err(SealError::NoKey("it is encrypted to another certificate than yours".into()))
            }
            false => Err(SealError::Broken(format!("it can't be decrypted: {}", said(&answer)))),
        }
    }
}

#[derive(Default)]
struct Named {
    fingerprint: String,
    addresses: Vec<String>,
}

/// Why a certificate doesn't count, in plain words where openssl's are known.
fn certificate_fault(answer: &Answer) -> String {
    let known = [
        ("certificate has expired", "its certificate has expired"),
        ("certificate is not yet valid", "its certificate isn't valid yet"),
        ("self-signed", "nobody whom this system relies on has vouched for its certificate"),
        ("unable to get", "nobody whom this system relies on has vouched for its certificate"),
        ("unsuitable certificate purpose", "its certificate isn't for mail"),
        ("unsupported certificate purpose", "its certificate isn't for mail"),
    ];
    let found = known.iter().find(|(words, _)| answer.said.contains(words));
    found.map_or_else(
        || format!("its certificate doesn't count: {}", said(answer)),
        |(_, words)| (*words).to_owned(),
    )
}

/// openssl's own words: what stands last in a line of its errors.
fn said(answer: &Answer) -> String {
    let last = answer.said.lines().rev().find(|line| line.contains(":error:"));
    let words = last.and_then(|line| line.split(':').rfind(|word| word.contains(' ')));
    words.unwrap_or("it doesn't say why").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_never_on_disk() {
        let Some(program) = child::find(NAME) else {
            eprintln!("SKIPPED: {NAME} isn't installed");
            return;
        };
        let folder = private_folder().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (key, cert, signature, text) = (at("key"), at("cert"), at("sig"), at("text"));
        let openssl = |words: &[&str]| {
            let output = std::process::Command::new(&program).args(words).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        };
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Ann"];
        openssl(&[&made[..], &["-keyout", &key, "-out", &cert]].concat());
        std::fs::write(&text, "at noon\r\n").unwrap();
        let sign = ["cms", "-sign", "-binary", "-outform", "DER", "-signer", &cert, "-inkey", &key];
        openssl(&[&sign[..], &["-in", &text, "-out", &signature]].concat());
        let signature = std::fs::read(signature).unwrap();
        let places = Places { roots: Some(cert.into()), ..Places::default() };
        let left = private_folder().unwrap();
        let smime = Smime::new(&places);
        let (checked, _) = smime.check(&signature, Some(b"at noon\r\n"), left.path()).unwrap();
        assert!(matches!(checked, Checked::Holds(_) | Checked::Doubtful(..)), "{checked:?}");
        let (checked, _) = smime.check(&signature, Some(b"at nine\r\n"), left.path()).unwrap();
        assert_eq!(checked, Checked::Broken);
        let files: Vec<_> = std::fs::read_dir(left.path()).unwrap().map(Result::unwrap).collect();
        assert!(!files.is_empty());
        for file in files {
            let octets = std::fs::read(file.path()).unwrap();
            assert!(!octets.windows(4).any(|window| window == b"at n"), "{file:?}");
        }
    }

    #[test]
    fn what_a_message_is_stands_at_its_begin() {
        for (lead, expected) in [
            (&b"\x30\x80"[..], true),
            (b"\x30\x82\x10\x00", true),
            (b"\x30\x0b", true),
            (b"\x31\x80", false),
            (b"\x30\x89", false),
            (b"", false),
        ] {
            for (id, content_of_it) in CONTENTS {
                let message = [lead, id].concat();
                assert_eq!(content(&message), expected.then_some(content_of_it), "{lead:?}");
            }
        }
    }
}
