//! Leaving a mailing list: by a letter (RFC 2369 §3.2), by a page, or by one request (RFC 8058).
//!
//! Nothing is sent by itself, and nothing because a letter was opened: the user says so, having seen to whom it goes. One
//! request is made only where a signature that holds covers both fields (RFC 8058 §4): else anybody could have a program
//! call on whom they like.

use std::time::Duration;

use postroad_protocol::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use crate::account::Account;
use crate::connect::{self, ConnectError, Tls};
use crate::limits;
use crate::mailto::{Mailto, listed};
use crate::render::{Link, header_end, links::Goes};
use crate::trust::Report;

/// How a list can be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By one request to a host.
    Request {
        /// Whom.
        host: String,
        /// `https:`
        link: String,
    },
    /// By a letter that a link asks for.
    Letter(String),
    /// By what is done on a page.
    Page {
        /// Whose.
        host: String,
        /// `https:` or `http:`
        link: String,
    },
}

/// The best way to leave the list that a letter came by.
pub fn way(raw: &[u8], report: &Report) -> Option<Way> {
    let header = raw.get(..header_end(raw)).unwrap_or(raw);
    let only = |name: &str| {
        let mut fields = header::fields(header).filter(|field| field.is(name));
        // Of two, one isn't covered by the signature.
        let first = fields.next().filter(|_| fields.next().is_none())?;
        Some(String::from_utf8_lossy(first.value()).into_owned())
    };
    let links = listed(&only("List-Unsubscribe")?);
    let web = links.iter().map(|link| Link::new("", link)).find_map(|link| match link.goes {
        Goes::Web { host, before: None } => Some((host, link.target)),
        Goes::Web { .. } | Goes::Mail { .. } | Goes::Nowhere => None,
    });
    // RFC 8058 §3.1
    let is_one_click =
        only("List-Unsubscribe-Post").is_some_and(|value| value.trim().eq_ignore_ascii_case(BODY));
    let is_signed =
        ["List-Unsubscribe", "List-Unsubscribe-Post"].iter().all(|name| report.is_signed(name));
    match web {
        Some((host, link)) if is_one_click && is_signed && link.starts_with("https:") => {
            Some(Way::Request { host, link })
        }
        web => {
            let letter = links
                .into_iter()
                .find(|link| Mailto::parse(link).is_some_and(|mailto| !mailto.to.is_empty()));
            letter.map(Way::Letter).or_else(|| web.map(|(host, link)| Way::Page { host, link }))
        }
    }
}

/// What the request says (RFC 8058 §3.1), and nothing else.
const BODY: &str = "List-Unsubscribe=One-Click";

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum UnsubscribeError {
    /// No link that a request can be made to.
    #[error("only links of https are asked")]
    Link,
    /// The way there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection.
    #[error("the connection to {0} broke")]
    Broken(String, #[source] std::io::Error),
    /// It took too long.
    #[error("{0} doesn't answer")]
    Silent(String),
    /// It is refused, or the answer lies elsewhere: that isn't followed.
    #[error("{host} answers {status}; the list may have a page to leave it (^B)")]
    Refused {
        /// Who.
        host: String,
        /// The status line.
        status: String,
    },
}

/// Makes the request; gives the host.
///
/// # Errors
/// Where it isn't one of https, nobody answers in time, or the answer is no.
pub async fn request(account: &Account, link: &str) -> Result<String, UnsubscribeError> {
    let url = Url::parse(link).map_err(|_| UnsubscribeError::Link)?;
    let host = url.host_str().filter(|_| url.scheme() == "https").ok_or(UnsubscribeError::Link)?;
    let host = host.to_owned();
    let silent = |_| UnsubscribeError::Silent(host.clone());
    let asked = tokio::time::timeout(TIMEOUT, asked(account, &url, &host)).await;
    let status = asked.map_err(silent)??;
    // RFC 9110 §15.3; others, redirections too, are no yes.
    match status.split_once(' ') {
        Some((version, code)) if version.starts_with("HTTP/1.") && is_yes(code) => Ok(host),
        Some(_) | None => Err(UnsubscribeError::Refused { host, status }),
    }
}

/// `200 OK`
fn is_yes(code: &str) -> bool {
    let code = code.split(' ').next().unwrap_or_default();
    code.len() == 3 && code.starts_with('2')
}

/// How long a list's host may take.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn asked(account: &Account, url: &Url, host: &str) -> Result<String, UnsubscribeError> {
    let port = url.port_or_known_default().unwrap_or(443);
    let at = format!("{host}:{port}");
    let io = connect::tcp(host.trim_matches(['[', ']']), port).await?;
    let mut io = Tls::to(account, host.trim_matches(['[', ']']))?.start(&at, io).await?;
    let broken = |error| UnsubscribeError::Broken(host.to_owned(), error);
    io.write_all(request_octets(url, host).as_bytes()).await.map_err(broken)?;
    io.flush().await.map_err(broken)?;
    let mut answer = Vec::new();
    let mut piece = [0; 256];
    // The status line says all.
    while !answer.contains(&b'\n') && answer.len() < limits::STATUS_OCTETS_MAX {
        let read = io.read(&mut piece).await.map_err(broken)?;
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if read == 0 {
            break;
        }
    }
    let line = answer.split(|octet| *octet == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).trim_end().to_owned())
}

/// RFC 8058 §3.1: without cookies, a login or anything else that would tell who asks.
fn request_octets(url: &Url, host: &str) -> String {
    // `Url` writes no control and no blank: neither begins a line of its own.
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!(
        "POST {}{query} HTTP/1.1\r\nHost: {host}{port}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{BODY}",
        url.path(),
        BODY.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Summary;
    use crate::trust::{Trusted, report};

    const HTTPS: &str =
        "List-Unsubscribe: <mailto:leave@l.example?subject=x>,\n <https://l.example/u?id=1>";
    const POST: &str = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
    const SIGNED: &str =
        "DKIM-Signature: d=l.example; h=from:list-unsubscribe:list-unsubscribe-post; b=x";
    const PASS: &str = "Authentication-Results: mx.home; dkim=pass header.d=l.example";

    fn found(fields: &[&str]) -> Option<Way> {
        let raw = format!("{}\nFrom: a@l.example\n\n", fields.join("\n"));
        let trusted = Trusted { named: vec!["mx.home".into()], ..Trusted::default() };
        let report = report(raw.as_bytes(), &Summary::of(raw.as_bytes()), &trusted);
        way(raw.as_bytes(), &report)
    }

    #[test] // Tests RFC 8058 §4 and RFC 2369 §3.2.
    fn one_request_only_where_a_signature_covers_it() {
        let request =
            Way::Request { host: "l.example".into(), link: "https://l.example/u?id=1".into() };
        let letter = Way::Letter("mailto:leave@l.example?subject=x".into());
        for (name, fields, way) in [
            ("all of it", &[PASS, SIGNED, HTTPS, POST][..], Some(request)),
            ("nobody judged it", &[SIGNED, HTTPS, POST], Some(letter.clone())),
            ("no post", &[PASS, SIGNED, HTTPS], Some(letter.clone())),
            (
                "another post",
                &[PASS, SIGNED, HTTPS, "List-Unsubscribe-Post: x"],
                Some(letter.clone()),
            ),
            (
                "not signed",
                &[PASS, "DKIM-Signature: d=l.example; h=from:list-unsubscribe", HTTPS, POST],
                Some(letter),
            ),
            (
                "two fields",
                &[PASS, SIGNED, "List-Unsubscribe: <https://attack.example>", HTTPS, POST],
                None,
            ),
            (
                "no TLS",
                &[PASS, SIGNED, "List-Unsubscribe: <http://l.example/u>", POST],
                Some(Way::Page { host: "l.example".into(), link: "http://l.example/u".into() }),
            ),
            (
                "another scheme",
                &[PASS, SIGNED, "List-Unsubscribe: <file:///x>, <javascript:x>", POST],
                None,
            ),
            (
                "a name before the host",
                &[PASS, SIGNED, "List-Unsubscribe: <https://l.example@attack.example>", POST],
                None,
            ),
            ("none", &[PASS, SIGNED], None),
        ] {
            assert_eq!(found(fields), way, "{name}");
        }
    }

    #[test]
    fn the_request_is_what_the_standard_says() {
        let url = Url::parse("https://l.example:444/u x\r\n?id=1&b=%0d%0a#f").unwrap();
        assert_eq!(
            request_octets(&url, "l.example"),
            "POST /u%20x?id=1&b=%0d%0a HTTP/1.1\r\nHost: l.example:444\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\
             Connection: close\r\n\r\nList-Unsubscribe=One-Click"
        );
    }
}
