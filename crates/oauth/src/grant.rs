//! Forms for the token endpoint, and its answers (RFC 6749 §4.1.3, §5, §6; RFC 8628 §3.4).

use std::time::Duration;

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::loopback::Verifier;
use crate::{Program, Secret, limits};

/// What lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// What mail servers are shown.
    pub access: Secret,
    /// What gets the next one.
    pub refresh: Option<Secret>,
    /// How long the first one is good, where the server says so.
    pub lasts: Option<Duration>,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server says no (RFC 6749 §5.2); what it says is others' text.
    #[error("{code}{}", described(.description))]
    Said {
        /// `invalid_grant` and the like.
        code: String,
        /// In its words.
        description: Option<String>,
    },
    /// The answer is none.
    #[error("it answers {status} and nothing that is understood")]
    NoAnswer {
        /// Of HTTP.
        status: u16,
    },
    /// It gives what is none.
    #[error("it gives a token that can't be used: {0}")]
    Unusable(&'static str),
}

fn described(description: &Option<String>) -> String {
    description.as_ref().map(|words| format!(" ({words})")).unwrap_or_default()
}

impl Refusal {
    /// Whether what was shown is good no more: it was revoked, has expired, or was used before (RFC 6749 §5.2).
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Said { code, .. } if code == "invalid_grant")
    }

    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Said { code, .. } => Some(code),
            Self::NoAnswer { .. } | Self::Unusable(_) => None,
        }
    }
}

/// For a code that a browser has brought (RFC 6749 §4.1.3, RFC 7636 §4.5).
pub fn by_code(program: &Program, code: &Secret, redirect: &str, verifier: &Verifier) -> Secret {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", redirect),
        ("code_verifier", verifier.expose()),
    ];
    form(program, &pairs)
}

/// For a refresh token (RFC 6749 §6).
pub fn by_refresh(program: &Program, refresh: &Secret) -> Secret {
    form(program, &[("grant_type", "refresh_token"), ("refresh_token", refresh.expose())])
}

/// The program goes with each form: it has no better way to say who it is (RFC 6749 §3.2.1, §2.3.1).
pub(crate) fn form(program: &Program, pairs: &[(&str, &str)]) -> Secret {
    let mut form = Serializer::new(String::new());
    form.extend_pairs(pairs);
    form.append_pair("client_id", &program.id);
    if let Some(secret) = &program.secret {
        form.append_pair("client_secret", secret.expose());
    }
    Secret::new(form.finish())
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<Seconds>,
    error: Option<String>,
    error_description: Option<String>,
}

/// A number, or what some servers make of one.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    pub(crate) fn duration(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(seconds) => *seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

/// Reads what the token endpoint answers.
///
/// # Errors
/// Where it says no, or something that isn't understood.
pub fn read(status: u16, body: &[u8]) -> Result<Tokens, Refusal> {
    let fits = body.len() <= limits::ANSWER_OCTETS_MAX;
    let answer = serde_json::from_slice::<Answer>(body).ok().filter(|_| fits);
    let answer = answer.ok_or(Refusal::NoAnswer { status })?;
    if let Some(code) = answer.error {
        return Err(said(&code, answer.error_description.as_deref()));
    }
    let access = answer.access_token.filter(|_| status == 200);
    let access = access.ok_or(Refusal::NoAnswer { status })?;
    // RFC 6749 §7.1: of another kind nobody knows how it is shown.
    if !answer.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer")) {
        return Err(Refusal::Unusable("it is of another kind than Bearer"));
    }
    if !is_token(&access) || answer.refresh_token.as_deref().is_some_and(|it| !is_kept(it)) {
        return Err(Refusal::Unusable("it is too long, or has characters that no token has"));
    }
    Ok(Tokens {
        access: Secret::new(access),
        refresh: answer.refresh_token.filter(|it| !it.is_empty()).map(Secret::new),
        lasts: answer.expires_in.and_then(|seconds| seconds.duration()),
    })
}

/// An error, without what would be a line of its own.
pub(crate) fn said(code: &str, description: Option<&str>) -> Refusal {
    let shown = |text: &str| -> String {
        let chars = text.chars().filter(|c| !c.is_control());
        chars.take(limits::DESCRIPTION_CHARS_MAX).collect()
    };
    Refusal::Said { code: shown(code), description: description.map(shown) }
}

/// `b64token` (RFC 6750 §2.1)
fn is_token(text: &str) -> bool {
    let is_b64 = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
    !text.is_empty() && text.len() <= limits::TOKEN_OCTETS_MAX && text.bytes().all(is_b64)
}

/// `VSCHAR` (RFC 6749 appendix A.17)
fn is_kept(text: &str) -> bool {
    text.len() <= limits::TOKEN_OCTETS_MAX
        && text.bytes().all(|octet| (0x20..0x7f).contains(&octet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(secret: Option<&str>) -> Program {
        Program { id: "our id".into(), secret: secret.map(Secret::new) }
    }

    #[test] // Tests RFC 6749 §4.1.3 and §6, RFC 7636 §4.5.
    fn forms() {
        let verifier = Verifier::of([0; 32]);
        let form = by_code(&program(None), &Secret::new("a&b"), "http://127.0.0.1:1/", &verifier);
        assert_eq!(
            form.expose(),
            "grant_type=authorization_code&code=a%26b&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F&\
             code_verifier=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&client_id=our+id"
        );
        let form = by_refresh(&program(Some("s")), &Secret::new("r"));
        assert_eq!(
            form.expose(),
            "grant_type=refresh_token&refresh_token=r&client_id=our+id&client_secret=s"
        );
        assert!(!format!("{form:?}").contains("refresh"));
    }

    #[test] // Tests RFC 6749 §5.1 and §5.2.
    fn answers() {
        let whole = br#"{"access_token":"a.b~c=","token_type":"bearer","expires_in":3600,"refresh_token":"r","scope":"x"}"#;
        let tokens = read(200, whole).unwrap();
        assert_eq!(
            (tokens.access.expose(), tokens.lasts),
            ("a.b~c=", Some(Duration::from_secs(3600)))
        );
        assert_eq!(tokens.refresh.unwrap().expose(), "r");
        let bare =
            read(200, br#"{"access_token":"a","token_type":"Bearer","expires_in":"60"}"#).unwrap();
        assert_eq!((bare.refresh, bare.lasts), (None, Some(Duration::from_secs(60))));
        for (status, body, words) in [
            (
                400,
                r#"{"error":"invalid_grant","error_description":"Token has been revoked"}"#,
                "invalid_grant (Token has been revoked)",
            ),
            (200, r#"{"error":"x\u001b[2J\r\n"}"#, "x[2J"),
            (200, "<html>", "it answers 200 and nothing that is understood"),
            (500, r#"{"access_token":"a","token_type":"Bearer"}"#, "it answers 500"),
            (200, r#"{"access_token":"a","token_type":"mac"}"#, "another kind"),
            (200, r#"{"access_token":"a"}"#, "another kind"),
            (200, r#"{"access_token":"a b","token_type":"Bearer"}"#, "characters"),
            (200, r#"{"access_token":"","token_type":"Bearer"}"#, "characters"),
            (
                200,
                r#"{"access_token":"a","token_type":"Bearer","refresh_token":"a\n"}"#,
                "characters",
            ),
        ] {
            let error = read(status, body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(words), "{body}: {error}");
            assert_eq!(error.is_final(), body.contains("invalid_grant"), "{body}");
        }
        let odd = read(200, br#"{"access_token":"a","token_type":"Bearer","expires_in":-1e300}"#);
        assert_eq!(odd.unwrap().lasts, None);
    }
}
