//! How letters leave that the delivery agent sends on.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::next_hop::split_host_port;

/// How letters leave that the delivery agent sends on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Submit {
    /// `mta`: through `mta.socket`, our own transfer agent's.
    #[default]
    Mta,
    /// `unix:///path`: SMTP over that socket.
    Unix(PathBuf),
    /// `smtp://host[:25]`: SMTP in clear.
    Smtp {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `sendmail:/path`: a program that takes a letter on standard input.
    Sendmail(PathBuf),
}

/// The text is no way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("letters leave by \"mta\", unix:///path, smtp://host:port or sendmail:/path")]
pub struct SubmitError;

impl FromStr for Submit {
    type Err = SubmitError;

    fn from_str(text: &str) -> Result<Self, SubmitError> {
        let absolute = |path: &str| match path.starts_with('/') {
            true => Ok(PathBuf::from(path)),
            false => Err(SubmitError),
        };
        match text.split_once(':') {
            None if text == "mta" => Ok(Self::Mta),
            Some(("sendmail", path)) => absolute(path).map(Self::Sendmail),
            Some(("unix", rest)) => {
                absolute(rest.strip_prefix("//").ok_or(SubmitError)?).map(Self::Unix)
            }
            Some(("smtp", rest)) => {
                let host_port = rest.strip_prefix("//").ok_or(SubmitError)?;
                let (host, port) = split_host_port(host_port, 25).ok_or(SubmitError)?;
                Ok(Self::Smtp { host, port })
            }
            Some(_) | None => Err(SubmitError),
        }
    }
}

impl TryFrom<String> for Submit {
    type Error = SubmitError;

    fn try_from(text: String) -> Result<Self, SubmitError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_out_and_what_is_none() {
        let smtp = |host: &str, port| Submit::Smtp { host: host.to_owned(), port };
        for (text, way) in [
            ("mta", Some(Submit::Mta)),
            ("unix:///run/x.sock", Some(Submit::Unix("/run/x.sock".into()))),
            ("smtp://127.0.0.1:2525", Some(smtp("127.0.0.1", 2525))),
            ("smtp://[::1]", Some(smtp("::1", 25))),
            ("sendmail:/usr/sbin/sendmail", Some(Submit::Sendmail("/usr/sbin/sendmail".into()))),
            ("", None),
            ("sendmail", None),
            ("sendmail:sendmail", None),
            ("unix:/run/x.sock", None),
            ("unix://run/x.sock", None),
            ("smtp:host", None),
            ("smtp://", None),
            ("smtps://host", None),
            ("lmtp://host", None),
        ] {
            assert_eq!(text.parse().ok(), way, "{text:?}");
        }
    }
}
