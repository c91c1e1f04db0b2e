//! Which part of a letter is sealed, and how (RFC 1847, RFC 3156, RFC 8551).

use postroad_message::{Body, Part};

/// What is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sealed<'l> {
    /// `multipart/signed`: what is signed, with CRLF as line ends (RFC 3156 §5, RFC 8551 §3.1.1), and the signature.
    Signed { by: Method, entity: Vec<u8>, signature: Vec<u8> },
    /// `multipart/encrypted` (RFC 3156 §4).
    Encrypted { message: Vec<u8> },
    /// `application/pkcs7-mime`: signed or encrypted, as the octets say (RFC 8551 §3.2).
    Cms { message: Vec<u8> },
    /// It says that it is sealed, and isn't made as such a part is.
    Malformed(&'l str),
}

/// By what a part is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Pgp,
    Smime,
    Unknown,
}

/// Whether anything of a letter is sealed: then it is worth to look at it with [`open`](crate::open()).
pub fn is_sealed(letter: &[u8]) -> bool {
    fn any(part: &Part, depth: usize) -> bool {
        let inside = match &part.content {
            Body::Multipart(parts) if depth > 0 => parts.iter().any(|part| any(part, depth - 1)),
            _ => false,
        };
        inside || kind(part).is_some()
    }
    any(&Part::of(letter), NEIGHBOURS_DEPTH_MAX)
}

/// How deep among other parts a sealed one is looked for.
pub(crate) const NEIGHBOURS_DEPTH_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Encrypted,
    Cms,
}

fn kind(part: &Part) -> Option<Kind> {
    if part.is("multipart", "signed") {
        return Some(Kind::Signed);
    }
    if part.is("multipart", "encrypted") {
        return Some(Kind::Encrypted);
    }
    let is_cms = part.is("application", "pkcs7-mime") || part.is("application", "x-pkcs7-mime");
    // Certificates alone are no message.
    let certificates = parameter(part, "smime-type").is_some_and(|kind| kind == "certs-only");
    (is_cms && !certificates).then_some(Kind::Cms)
}

/// A parameter of `Content-Type`, in lower case.
pub(crate) fn parameter(part: &Part, name: &str) -> Option<String> {
    let found = part.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_ascii_lowercase())
}

/// How a part is sealed, if it is; `octets` is what it is a part of.
pub(crate) fn sealed<'l>(octets: &[u8], part: &Part) -> Option<Sealed<'l>> {
    let parts = match &part.content {
        Body::Multipart(parts) => parts.as_slice(),
        _ => &[],
    };
    match kind(part)? {
        Kind::Signed => Some(match parts {
            // RFC 1847 §2.1: exactly two. What a third one says would stand beside what is signed.
            [signed, signature] => {
                let by = match (parameter(part, "protocol").as_deref(), signature) {
                    (Some("application/pgp-signature"), s)
                        if s.is("application", "pgp-signature") =>
                    {
                        Method::Pgp
                    }
                    (Some("application/pkcs7-signature" | "application/x-pkcs7-signature"), s)
                        if s.is("application", "pkcs7-signature")
                            || s.is("application", "x-pkcs7-signature") =>
                    {
                        Method::Smime
                    }
                    _ => Method::Unknown,
                };
                match decoded(octets, signature) {
                    Some(octets_of_it) => Sealed::Signed {
                        by,
                        entity: entity(octets, signed),
                        signature: octets_of_it,
                    },
                    None => Sealed::Malformed("its signature can't be decoded"),
                }
            }
            _ => Sealed::Malformed("a signed part has to hold two parts"),
        }),
        Kind::Encrypted => Some(match parts {
            [version, message]
                if version.is("application", "pgp-encrypted")
                    && message.is("application", "octet-stream") =>
            {
                match decoded(octets, message) {
                    Some(message) => Sealed::Encrypted { message },
                    None => Sealed::Malformed("the encrypted part can't be decoded"),
                }
            }
            _ => Sealed::Malformed("it isn't encrypted in a way that this program knows"),
        }),
        Kind::Cms => Some(match decoded(octets, part) {
            Some(message) => Sealed::Cms { message },
            None => Sealed::Malformed("the encrypted or signed part can't be decoded"),
        }),
    }
}

/// A part with its header, as it goes over the wire.
pub(crate) fn entity(octets: &[u8], part: &Part) -> Vec<u8> {
    to_wire(octets.get(part.header.start..part.body.end).unwrap_or_default())
}

pub(crate) fn to_wire(octets: &[u8]) -> Vec<u8> {
    postroad_message::wire::Excerpt::whole(octets).to_wire()
}

/// What a leaf holds, without its transfer encoding.
pub(crate) fn decoded(octets: &[u8], part: &Part) -> Option<Vec<u8>> {
    let body = octets.get(part.body.clone())?;
    let encoding = String::from_utf8_lossy(&part.encoding).trim().to_ascii_lowercase();
    // A letter of one part, for the decoder that knows letters.
    let mut alone = format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").into_bytes();
    alone.extend_from_slice(body);
    let mut out = Vec::new();
    Part::of(&alone).binary(&alone, &[1], 0..u64::MAX, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(letter: &str) -> Option<Sealed<'static>> {
        let letter = letter.replace('\n', "\r\n").into_bytes();
        sealed(&letter, &Part::of(&letter))
    }

    const SIGNED: &str = "Content-Type: multipart/signed; boundary=b; micalg=pgp-sha256;\n \
        protocol=\"application/pgp-signature\"\n\n--b\nContent-Type: text/plain\n\nhi\n\n--b\n\
        Content-Type: application/pgp-signature\n\nSIG\n--b--\n";

    #[test] // Tests RFC 3156 §5: the line end before the delimiter isn't signed, the header is.
    fn what_is_signed_is_the_part_with_its_header() {
        let found = of(SIGNED).unwrap();
        let entity = b"Content-Type: text/plain\r\n\r\nhi\r\n".to_vec();
        assert_eq!(
            found,
            Sealed::Signed { by: Method::Pgp, entity: entity.clone(), signature: b"SIG".to_vec() }
        );
        // The same, stored with bare line ends.
        let stored = SIGNED.as_bytes();
        let found = sealed(stored, &Part::of(stored)).unwrap();
        assert!(matches!(found, Sealed::Signed { entity: bare, .. } if bare == entity));
    }

    #[test]
    fn what_isnt_made_as_it_has_to_be_is_said() {
        for (letter, is_found) in [
            (SIGNED.replace("--b--", "--b\n\nthird\n--b--"), true),
            (SIGNED.replace("application/pgp-signature\"", "x/y\""), true),
            ("Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n".into(), true),
            ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n".into(), false),
            ("Content-Type: application/pkcs7-mime; smime-type=certs-only\n\nAAAA".into(), false),
        ] {
            match of(&letter) {
                Some(Sealed::Malformed(_) | Sealed::Signed { by: Method::Unknown, .. }) => {
                    assert!(is_found, "{letter}");
                }
                Some(found) => panic!("{found:?}"),
                None => assert!(!is_found, "{letter}"),
            }
            assert_eq!(is_sealed(letter.as_bytes()), is_found);
        }
        let nested = format!("Content-Type: multipart/mixed; boundary=x\n\n--x\n{SIGNED}\n--x--\n");
        assert!(is_sealed(nested.as_bytes()));
    }
}
