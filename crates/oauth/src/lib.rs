//! OAuth 2.0 as a mail program needs it, sans-IO: what is asked of an authorization server and what its answers mean
//! (RFC 6749). Octets and random octets in, URLs, forms and tokens out.
//!
//! ```text
//! issuer ──► metadata (RFC 8414) ──► Server ─┬─► authorization URL ──► a browser ──► loopback (RFC 8252) ──► code ─┐
//!                                            │    with state and PKCE (RFC 7636)                                   ├─► Tokens
//!                                            ├─► device code (RFC 8628), asked for until the user has said yes ────┤
//!                                            └─► refresh token ────────────────────────────────────────────────────┘
//! ```
//! | looking for | it is in |
//! |---|---|
//! | what a provider publishes of itself | [`metadata`] |
//! | where a browser is sent, and what it brings back | [`loopback`] |
//! | codes that are typed into another device | [`device`] |
//! | forms for the token endpoint, and its answers | [`grant`] |
//! | limits | [`limits`] |
//!
//! Nothing is sent but over https, and no secret is part of a URL. Every [`Secret`] has a `Debug` that says nothing.
//! Deliberately missing: the implicit grant and the password grant (RFC 9700 §2.1.2, §2.4), and registration of programs:
//! the client id is the user's to get.

#![forbid(unsafe_code)]

use std::fmt;

use url::Url;

pub mod device;
pub mod fuzz;
pub mod grant;
pub mod limits;
pub mod loopback;
pub mod metadata;

/// Something that nobody may see. It has no `Display`, and its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the few places that send or keep it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// What it calls itself, where that is known.
    pub issuer: Option<String>,
    /// Whether it says that it gives that with each answer (RFC 9207 §3).
    pub names_itself: bool,
    /// Where a browser is sent (RFC 6749 §3.1).
    pub authorization: Option<Url>,
    /// Where tokens are given (RFC 6749 §3.2).
    pub token: Url,
    /// Where codes for other devices are given (RFC 8628 §3.1).
    pub device: Option<Url>,
}

/// What a program is to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The client id that the provider gave for it.
    pub id: String,
    /// What some providers give with it; of a program that everybody has it is none (RFC 8252 §8.5).
    pub secret: Option<Secret>,
}

/// An endpoint: https, without a fragment (RFC 6749 §3.1, §3.2) and without a login of its own.
pub fn endpoint(text: &str) -> Option<Url> {
    let fits = text.len() <= limits::URL_OCTETS_MAX;
    let url = Url::parse(text).ok().filter(|_| fits)?;
    let plain = url.scheme() == "https"
        && url.host_str().is_some()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then_some(url)
}
