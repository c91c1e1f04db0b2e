//! Tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, which is older and nowhere standardized.
//!
//! ```text
//! OAUTHBEARER: n,a=user@example.org,^Ahost=…^Aport=…^Aauth=Bearer <token>^A^A
//! XOAUTH2:     user=user@example.org^Aauth=Bearer <token>^A^A
//! ```
//! Whether a token is right is `postroad_logins`' business. Where it isn't, the client is told why in JSON, says something to
//! that, and only then is refused.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Challenge, Exchange, SaslError, name};

/// The words of which mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// OAUTHBEARER.
    OAuthBearer,
    /// XOAUTH2.
    XOAuth2,
}

/// A token, and who it should be of.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    name: Option<String>,
    token: String,
    dialect: Dialect,
}

/// Without the token.
impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `kvsep`
const SEPARATOR: char = '\x01';

impl Bearer {
    pub(super) fn parse(octets: &[u8], dialect: Dialect) -> Result<Self, SaslError> {
        let text = std::str::from_utf8(octets).map_err(|_| SaslError::Malformed)?;
        let (head, rest) = text.split_once(SEPARATOR).ok_or(SaslError::Malformed)?;
        let name = match dialect {
            Dialect::OAuthBearer => gs2_name(head)?,
            Dialect::XOAuth2 => {
                let user = head.strip_prefix("user=").ok_or(SaslError::Malformed)?;
                Some(name(user.as_bytes()).ok_or(SaslError::Malformed)?)
            }
        };
        // RFC 7628 §3.1: each pair ends with a separator, and so does the whole.
        let pairs = rest.strip_suffix("\x01\x01").ok_or(SaslError::Malformed)?;
        let mut token = None;
        for pair in pairs.split(SEPARATOR) {
            let (key, value) = pair.split_once('=').ok_or(SaslError::Malformed)?;
            match (key, token) {
                ("auth", None) => token = Some(bearer_token(value).ok_or(SaslError::Malformed)?),
                ("auth", Some(_)) => return Err(SaslError::Malformed),
                // Host and port are what the client believes; where it is known by its token, they don't matter.
                _ => {}
            }
        }
        let token = token.ok_or(SaslError::Malformed)?.to_owned();
        Ok(Self { name, token, dialect })
    }

    /// Whom the client wants to be; else whoever the token is of.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// By which mechanism it came.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The token was wrong: the client is told so in JSON (RFC 7628 §3.2.2), and refused whatever it says to that.
    pub fn refused(json: &str) -> Challenge {
        Challenge { text: STANDARD.encode(json).into(), exchange: Exchange::TokenRefused }
    }
}

/// The authorization identity of a GS2 header (RFC 5801 §4), without channel binding.
fn gs2_name(header: &str) -> Result<Option<String>, SaslError> {
    let mut parts = header.split(',');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("n" | "y"), Some(""), Some(""), None) => Ok(None),
        (Some("n" | "y"), Some(authzid), Some(""), None) => {
            let user = authzid.strip_prefix("a=").ok_or(SaslError::Malformed)?;
            let user = user.replace("=2C", ",").replace("=3D", "=");
            name(user.as_bytes()).map(Some).ok_or(SaslError::Malformed)
        }
        (Some(flag), ..) if flag.starts_with("p=") => Err(SaslError::Channel),
        _ => Err(SaslError::Malformed),
    }
}

/// `"Bearer" 1*SP b64token` (RFC 6750 §2.1), the scheme in any case.
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_b64 = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
    let fits = scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty();
    (fits && token.bytes().all(is_b64)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, dialect: Dialect) -> Result<(Option<String>, String), SaslError> {
        Bearer::parse(text.as_bytes(), dialect).map(|bearer| (bearer.name, bearer.token))
    }

    #[test]
    fn messages_of_both() {
        let of = |name: Option<&str>, token: &str| Ok((name.map(str::to_owned), token.to_owned()));
        // RFC 7628 §4.1
        let text = "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        assert_eq!(parsed(text, Dialect::OAuthBearer), of(Some("user@example.com"), token));
        assert_eq!(parsed("n,,\x01auth=Bearer t\x01\x01", Dialect::OAuthBearer), of(None, "t"));
        assert_eq!(
            parsed("n,a=a=2Cb,\x01auth=bearer  t\x01\x01", Dialect::OAuthBearer),
            of(Some("a,b"), "t")
        );
        assert_eq!(parsed("user=a\x01auth=Bearer t\x01\x01", Dialect::XOAuth2), of(Some("a"), "t"));
    }

    #[test]
    fn messages_that_are_none() {
        for text in [
            "",
            "n,,",
            "n,,\x01\x01",
            "n,,\x01auth=Bearer t\x01",
            "n,,\x01auth=Basic t\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01auth=Bearer a b\x01\x01",
            "n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
            "n,,\x01auth=Bearer a\r\nb\x01\x01",
            "n,,\x01host\x01auth=Bearer a\x01\x01",
            "n,b,\x01auth=Bearer a\x01\x01",
            "x,,\x01auth=Bearer a\x01\x01",
            "n,a=a\nb,\x01auth=Bearer a\x01\x01",
            "user=a\x01auth=Bearer t\x01\x01",
        ] {
            assert_eq!(parsed(text, Dialect::OAuthBearer), Err(SaslError::Malformed), "{text:?}");
        }
        let bound = "p=tls-exporter,,\x01auth=Bearer a\x01\x01";
        assert_eq!(parsed(bound, Dialect::OAuthBearer), Err(SaslError::Channel));
        for text in ["user=\x01auth=Bearer t\x01\x01", "n,,\x01auth=Bearer a\x01\x01"] {
            assert_eq!(parsed(text, Dialect::XOAuth2), Err(SaslError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn tokens_are_not_in_debug_output() {
        let bearer = Bearer::parse(b"n,,\x01auth=Bearer secret\x01\x01", Dialect::OAuthBearer);
        assert!(!format!("{bearer:?}").contains("secret"));
    }
}
