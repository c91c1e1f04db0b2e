//! A next hop as a URL: where a route leads.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum NextHop {
    /// `smtp://host[:25]`
    Smtp {
        /// Host name or address; no MX look-up.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `smtps://host[:465]`: TLS from the first octet.
    Smtps {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `lmtp://host[:24]`
    Lmtp {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `lmtp+unix:///path`
    LmtpUnix {
        /// The socket.
        path: PathBuf,
    },
}

/// The text is no next hop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a next hop is smtp://host:port, smtps://host:port, lmtp://host:port (not 25) or lmtp+unix:///path"
)]
pub struct NextHopError;

impl FromStr for NextHop {
    type Err = NextHopError;

    fn from_str(text: &str) -> Result<Self, NextHopError> {
        let (scheme, rest) = text.split_once("://").ok_or(NextHopError)?;
        if scheme == "lmtp+unix" {
            return match rest.starts_with('/') {
                true => Ok(Self::LmtpUnix { path: rest.into() }),
                false => Err(NextHopError),
            };
        }
        let host_port = |default| split_host_port(rest, default).ok_or(NextHopError);
        match scheme {
            "smtp" => host_port(25).map(|(host, port)| Self::Smtp { host, port }),
            "smtps" => host_port(465).map(|(host, port)| Self::Smtps { host, port }),
            "lmtp" => match host_port(24)? {
                // RFC 2033 §5: never there.
                (_, 25) => Err(NextHopError),
                (host, port) => Ok(Self::Lmtp { host, port }),
            },
            _ => Err(NextHopError),
        }
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`; the host without brackets.
pub(crate) fn split_host_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if tail.is_empty() { None } else { Some(tail.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => default,
    };
    Some((host.to_owned(), port))
}

impl TryFrom<String> for NextHop {
    type Error = NextHopError;

    fn try_from(text: String) -> Result<Self, NextHopError> {
        text.parse()
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &String| match host.contains(':') {
            true => format!("[{host}]"),
            false => host.clone(),
        };
        match self {
            Self::Smtp { host, port } => write!(f, "smtp://{}:{port}", bracketed(host)),
            Self::Smtps { host, port } => write!(f, "smtps://{}:{port}", bracketed(host)),
            Self::Lmtp { host, port } => write!(f, "lmtp://{}:{port}", bracketed(host)),
            Self::LmtpUnix { path } => write!(f, "lmtp+unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_that_are_some() {
        for (text, shown) in [
            ("smtp://mx.example", "smtp://mx.example:25"),
            ("smtp://[::1]:2525", "smtp://[::1]:2525"),
            ("smtps://relay.example", "smtps://relay.example:465"),
            ("lmtp://127.0.0.1:24", "lmtp://127.0.0.1:24"),
            ("lmtp+unix:///run/lmtp", "lmtp+unix:///run/lmtp"),
        ] {
            assert_eq!(text.parse::<NextHop>().map(|h| h.to_string()), Ok(shown.into()), "{text}");
        }
    }

    #[test]
    fn next_hops_that_are_none() {
        for text in [
            "",
            "mx.example",
            "http://a",
            "smtp://",
            "smtp://a:0",
            "smtp://a:b",
            "smtp://a b",
            "lmtp+unix://run/x",
            "lmtp://a:25",
            "smtp://[::1",
            "smtp://a\r\nb",
        ] {
            assert_eq!(text.parse::<NextHop>(), Err(NextHopError), "{text}");
        }
    }
}
