//! Thunderbird's `config-v1.1.xml` (draft-ietf-mailmaint-autoconfig §4), as providers serve it.
//!
//! Servers without TLS and ways to log in that we don't know are passed over. Of the rest of the file only who gives tokens
//! (`oAuth2`) is looked at, as Thunderbird writes it.

use postroad_protocol::address::Address;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use url::Url;

use crate::limits::{EVENTS_MAX, SCOPE_OCTETS_MAX, SERVICES_MAX};
use crate::{Login, Protocol, Service, Tls, is_host};

/// Why a file isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It isn't XML.
    #[error("it is no XML: {0}")]
    NotXml(String),
    /// It is other XML, or a page that says that there is nothing.
    #[error("it is no file of mail servers")]
    NotClientConfig,
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// The servers, in the file's order.
    pub services: Vec<Service>,
    /// Who gives tokens for them.
    pub issuer: Option<Issuer>,
}

/// Who gives tokens (OAuth2), as far as the provider says; all of it is of https.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuer {
    /// What describes the rest (RFC 8414); Thunderbird's files have a bare name there.
    pub issuer: Option<Url>,
    /// Where a browser is sent.
    pub authorization: Option<Url>,
    /// Where tokens are given.
    pub token: Option<Url>,
    /// What to ask for.
    pub scope: String,
}

impl Issuer {
    fn set(&mut self, element: &str, text: &str) {
        let place = |text: &str| Url::parse(text).ok().filter(|url| url.scheme() == "https");
        match element {
            "issuer" if text.contains("://") => self.issuer = place(text),
            "issuer" if is_host(text) => self.issuer = place(&format!("https://{text}")),
            "authURL" => self.authorization = place(text),
            "tokenURL" => self.token = place(text),
            "scope" if text.len() <= SCOPE_OCTETS_MAX && !text.chars().any(char::is_control) => {
                text.clone_into(&mut self.scope);
            }
            _ => {}
        }
    }

    /// Whether a login can begin with it.
    fn is_some_use(&self) -> bool {
        self.issuer.is_some() || self.token.is_some()
    }
}

/// A server as it is read.
#[derive(Debug, Default)]
struct Server {
    protocol: Option<Protocol>,
    host: String,
    port: String,
    socket: String,
    user: String,
    has_password: bool,
    has_oauth2: bool,
}

/// What is in a file, with `address` in the place of what stands for it.
///
/// # Errors
/// Where it is no such file.
pub fn read(file: &[u8], address: &Address) -> Result<File, FileError> {
    let file = str::from_utf8(file).map_err(|error| FileError::NotXml(error.to_string()))?;
    let mut reader = Reader::from_str(file);
    let (mut services, mut server) = (Vec::new(), None::<Server>);
    let (mut issuer, mut found_issuer) = (None::<Issuer>, None);
    let (mut element, mut text) = (String::new(), String::new());
    let mut is_one = false;
    for _ in 0..EVENTS_MAX {
        let event = reader.read_event().map_err(|error| FileError::NotXml(error.to_string()))?;
        match event {
            Event::Start(start) => {
                start.local_name().as_ref().clone_into(&mut element);
                text.clear();
                match element.as_str() {
                    "clientConfig" => is_one = true,
                    "incomingServer" | "outgoingServer" => server = Some(Server::of(&start)),
                    "oAuth2" => issuer = Some(Issuer::default()),
                    _ => {}
                }
            }
            Event::Text(words) => text.push_str(&words.xml10_content()),
            // Of entities only those that XML itself has: no file makes others.
            Event::GeneralRef(reference) => text.extend(meant(&reference)),
            Event::End(end) => match end.local_name().as_ref() {
                "incomingServer" | "outgoingServer" => {
                    let found = server.take().and_then(|server| server.service(address));
                    services.extend(found.filter(|_| services.len() < SERVICES_MAX));
                }
                "oAuth2" => {
                    found_issuer = found_issuer.or(issuer.take().filter(Issuer::is_some_use));
                }
                name if name == element => match (&mut server, &mut issuer) {
                    (Some(server), _) => server.set(name, text.trim()),
                    (None, Some(issuer)) => issuer.set(name, text.trim()),
                    (None, None) => {}
                },
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    match is_one {
        true => Ok(File { services, issuer: found_issuer }),
        false => Err(FileError::NotClientConfig),
    }
}

fn meant(reference: &BytesRef<'_>) -> Option<char> {
    match reference.resolve_char_ref() {
        Ok(Some(char)) => Some(char),
        _ => match reference.as_ref() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        },
    }
}

impl Server {
    fn of(start: &BytesStart<'_>) -> Self {
        let kind = start.try_get_attribute("type").ok().flatten();
        let protocol = kind.and_then(|kind| match kind.value.as_ref() {
            "imap" => Some(Protocol::Imap),
            "pop3" => Some(Protocol::Pop3),
            "smtp" => Some(Protocol::Submission),
            _ => None,
        });
        Self { protocol, ..Self::default() }
    }

    fn set(&mut self, element: &str, text: &str) {
        match element {
            "hostname" => self.host = text.trim_end_matches('.').to_ascii_lowercase(),
            "port" => self.port = text.to_owned(),
            "socketType" => self.socket = text.to_owned(),
            "username" => self.user = text.to_owned(),
            "authentication" => match text {
                "OAuth2" => self.has_oauth2 = true,
                "plain" | "secure" => self.has_password = true,
                other => self.has_password |= other.starts_with("password-"),
            },
            _ => {}
        }
    }

    fn service(self, address: &Address) -> Option<Service> {
        let tls = match self.socket.as_str() {
            "SSL" => Tls::AtOnce,
            "STARTTLS" => Tls::ByCommand,
            _ => return None,
        };
        let login = match (self.has_password, self.has_oauth2) {
            (true, _) => Login::Password,
            (false, true) => Login::OAuth2,
            (false, false) => return None,
        };
        let user = self
            .user
            .replace("%EMAILADDRESS%", &address.to_string())
            .replace("%EMAILLOCALPART%", address.local_part.as_str())
            .replace("%EMAILDOMAIN%", &address.domain.to_string());
        let is_sane = !user.is_empty() && !user.chars().any(char::is_control);
        let port = self.port.parse().ok().filter(|port| *port != 0)?;
        (is_host(&self.host) && is_sane).then_some(Service {
            protocol: self.protocol?,
            host: self.host,
            port,
            tls,
            login,
            user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn us() -> Address {
        Address::parse("ann.lee@our.example").unwrap()
    }

    fn server(element: &str, kind: &str, rest: &str) -> String {
        format!("<{element} type=\"{kind}\">{rest}</{element}>")
    }

    fn shown(servers: &str) -> Vec<String> {
        let file = format!(
            "<?xml version=\"1.0\"?><clientConfig version=\"1.1\"><emailProvider id=\"x\"><domain>our.example</domain>\
             {servers}</emailProvider><webMail><loginPage url=\"https://x/\"/></webMail></clientConfig>"
        );
        let services = read(file.as_bytes(), &us()).unwrap().services;
        services.iter().map(|one| format!("{one} {} {:?}", one.user, one.login)).collect()
    }

    #[test]
    fn a_providers_file() {
        let rest = "<hostname>imap.our.example</hostname><port>993</port><socketType>SSL</socketType>\
             <authentication>OAuth2</authentication><authentication>password-cleartext</authentication>\
             <username>%EMAILADDRESS%</username>";
        let pop3 = rest
            .replace("imap.", "pop.")
            .replace("993", "995")
            .replace("%EMAILADDRESS%", "%EMAILLOCALPART%");
        let smtp = "<hostname>SMTP.our.example.</hostname><port> 587 </port><socketType>STARTTLS</socketType>\
             <authentication>OAuth2</authentication><username>x-%EMAILLOCALPART%/%EMAILDOMAIN%</username>";
        let servers = [
            server("incomingServer", "imap", rest),
            server("incomingServer", "pop3", &pop3),
            server("outgoingServer", "smtp", smtp),
        ];
        assert_eq!(
            shown(&servers.concat()),
            [
                "imaps://imap.our.example:993 ann.lee@our.example Password",
                "pop3s://pop.our.example:995 ann.lee Password",
                "smtp://smtp.our.example:587 x-ann.lee/our.example OAuth2",
            ]
        );
    }

    #[test]
    fn what_is_of_no_use_is_passed_over() {
        let good = "<hostname>a.example</hostname><port>993</port><socketType>SSL</socketType>\
             <authentication>password-cleartext</authentication><username>u</username>";
        for (kind, from, to) in [
            ("imap", "SSL", "plain"),
            ("imap", "993", "0"),
            ("imap", "993", "70000"),
            ("imap", "a.example", "a b"),
            ("imap", "a.example", "a.example/x"),
            ("imap", "a.example", "\u{1b}[2J.example"),
            ("imap", "a.example", ""),
            ("imap", "a.example", "127.0.0.1"),
            ("imap", "<username>u", "<username>"),
            ("imap", "<username>u", "<username>a&#10;b"),
            ("imap", "password-cleartext", "GSSAPI"),
            ("exchange", "x", "x"),
        ] {
            let rest = good.replace(from, to);
            assert_eq!(
                shown(&server("incomingServer", kind, &rest)),
                Vec::<String>::new(),
                "{to:?}"
            );
        }
        assert_eq!(shown(&server("incomingServer", "imap", good)).len(), 1);
        assert_eq!(shown(&server("incomingServer", "imap", good).repeat(100)).len(), SERVICES_MAX);
    }

    #[test]
    fn who_gives_tokens() {
        let issuer = |inside: &str| {
            let file = format!(
                "<clientConfig><emailProvider id=\"x\"><domain>x</domain></emailProvider><oAuth2>{inside}</oAuth2></clientConfig>"
            );
            read(file.as_bytes(), &us()).unwrap().issuer
        };
        let url = |text: &str| Some(Url::parse(text).unwrap());
        // As Thunderbird's own files have it.
        let whole = "<issuer>accounts.our.example</issuer><scope>https://mail.our.example/ a&amp;b</scope>\
             <authURL>https://accounts.our.example/auth</authURL><tokenURL>https://accounts.our.example/token</tokenURL>";
        let expected = Issuer {
            issuer: url("https://accounts.our.example"),
            authorization: url("https://accounts.our.example/auth"),
            token: url("https://accounts.our.example/token"),
            scope: "https://mail.our.example/ a&b".into(),
        };
        assert_eq!(issuer(whole), Some(expected));
        let draft = issuer("<issuer>https://id.our.example/x</issuer>").unwrap();
        assert_eq!(draft.issuer, url("https://id.our.example/x"));
        for none in [
            "",
            "<scope>x</scope><authURL>https://x.example/</authURL>",
            "<tokenURL>http://x.example/</tokenURL>",
            "<issuer>http://x.example/</issuer>",
            "<issuer>\u{1b}[2J</issuer>",
        ] {
            assert_eq!(issuer(none), None, "{none}");
        }
    }

    #[test]
    fn other_files_are_none() {
        for file in ["", "<html><body>404</body></html>", "no xml at all"] {
            assert_eq!(read(file.as_bytes(), &us()), Err(FileError::NotClientConfig), "{file}");
        }
        assert!(matches!(read(b"<clientConfig></x>", &us()), Err(FileError::NotXml(_))));
        // No entity is ever looked up.
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><clientConfig>&a;</clientConfig>";
        assert_eq!(read(bomb.as_bytes(), &us()), Ok(File::default()));
    }

    proptest! {
        #[test]
        fn no_file_panics(file in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&file, &us());
        }
    }
}
