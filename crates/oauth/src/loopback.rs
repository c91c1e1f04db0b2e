//! Where a browser is sent, and what it brings back to a port of this host (RFC 8252 §7.3, RFC 7636, RFC 9207).
//!
//! The browser's request comes from anybody on this host who may have opened a page: only one with our own `state` counts,
//! asked of the address that we gave, and everything else is answered and forgotten.

use std::fmt;
use std::net::SocketAddr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::grant::{self, Refusal};
use crate::{Program, Secret, Server};

/// What only we know until the code is exchanged (RFC 7636 §4.1).
#[derive(Debug, Clone)]
pub struct Verifier(Secret);

impl Verifier {
    /// Of 32 octets that nobody can guess.
    pub fn of(random: [u8; 32]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(random)))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the server is shown of it before: its hash (RFC 7636 §4.2, S256).
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.expose().as_bytes()))
    }
}

/// A login that a browser is sent away for.
pub struct Login {
    /// What the page is to be opened at.
    pub url: Url,
    /// Where the browser comes back.
    pub redirect: String,
    verifier: Verifier,
    state: Secret,
    /// As browsers name us in `Host`.
    host: String,
    issuer: Option<String>,
    names_itself: bool,
}

/// What a browser brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Brought {
    /// What tokens are given for.
    Code(Secret),
    /// The user or the server says no.
    Refused(Refusal),
    /// Nothing that was waited for.
    Nothing,
}

/// Its page has the state in it, in clear.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl Login {
    /// Begins one; `at` is where we listen, `user` whom the page may propose. `None` where the server has no such page.
    pub fn begin(
        server: &Server,
        program: &Program,
        scope: &str,
        user: &str,
        at: SocketAddr,
        random: [[u8; 32]; 2],
    ) -> Option<Self> {
        let mut url = server.authorization.clone()?;
        let [verifier, state] = random;
        let verifier = Verifier::of(verifier);
        let state = Secret::new(URL_SAFE_NO_PAD.encode(state));
        // RFC 8252 §7.3: the address, and not a name that something else could be behind.
        let redirect = format!("http://{at}/");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &program.id)
            .append_pair("redirect_uri", &redirect)
            .append_pair("state", state.expose())
            .append_pair("code_challenge", &verifier.challenge())
            .append_pair("code_challenge_method", "S256");
        if !scope.is_empty() {
            query.append_pair("scope", scope);
        }
        if !user.is_empty() {
            query.append_pair("login_hint", user);
        }
        drop(query);
        let (host, issuer) = (at.to_string(), server.issuer.clone());
        let names_itself = server.names_itself;
        Some(Self { url, redirect, verifier, state, host, issuer, names_itself })
    }

    /// Looks at a request, up to its empty line.
    pub fn read(&self, head: &[u8]) -> Brought {
        let Some(pairs) = self.query(head) else { return Brought::Nothing };
        let only = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name);
            // RFC 6749 §3.1: none comes twice.
            found.next().filter(|_| found.next().is_none()).map(|(_, value)| value.as_str())
        };
        if only("state") != Some(self.state.expose()) {
            return Brought::Nothing;
        }
        let says_who = pairs.iter().any(|(key, _)| key == "iss");
        if (says_who || self.names_itself) && !only("iss").is_some_and(|iss| self.may_be(iss)) {
            let code = grant::said("another server has answered", None);
            return Brought::Refused(code);
        }
        match (only("code"), only("error")) {
            (Some(code), None) if !code.is_empty() => Brought::Code(Secret::new(code)),
            (_, Some(error)) => Brought::Refused(grant::said(error, only("error_description"))),
            (_, None) => Brought::Nothing,
        }
    }

    /// Whether that is who was asked: a code of another server's would be told to the wrong one (RFC 9207 §2.4). The slash at
    /// the end, which people leave out, is none of its words.
    fn may_be(&self, iss: &str) -> bool {
        let issuer = self.issuer.as_deref();
        issuer.is_none_or(|issuer| issuer.trim_end_matches('/') == iss.trim_end_matches('/'))
    }

    /// What was asked of us, if it was asked of us: `GET /?… HTTP/1.1`, with our own address as its host, so that no page can
    /// ask by a name of its own that leads here.
    fn query(&self, head: &[u8]) -> Option<Vec<(String, String)>> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let (target, version) = lines.next()?.strip_prefix("GET ")?.split_once(' ')?;
        let query = target.strip_prefix("/?").filter(|_| version.starts_with("HTTP/1."))?;
        let mut hosts = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        let is_ours = hosts.next() == Some(self.host.as_str()) && hosts.next().is_none();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        is_ours.then(|| pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The form that gets tokens for a code.
    pub fn form(&self, program: &Program, code: &Secret) -> Secret {
        grant::by_code(program, code, &self.redirect, &self.verifier)
    }
}

/// What the browser is told: a page of plain words, which nothing keeps.
pub fn page(brought: &Brought) -> Vec<u8> {
    let (status, words) = match brought {
        Brought::Code(_) => ("200 OK", "You can close this page and go back to your mail program."),
        Brought::Refused(_) => ("200 OK", "Nothing was allowed. Your mail program says why."),
        Brought::Nothing => ("404 Not Found", "There is nothing here."),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n\r\n{words}",
        words.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 7636 appendix B.
    fn a_challenge_is_the_hash_of_a_verifier() {
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212,
            37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let verifier = Verifier::of(octets);
        assert_eq!(verifier.expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(!format!("{verifier:?}").contains("dBjft"));
    }

    fn login() -> Login {
        let server = Server {
            issuer: Some("https://id.example".into()),
            names_itself: false,
            authorization: crate::endpoint("https://id.example/auth?tenant=1"),
            token: crate::endpoint("https://id.example/token").unwrap(),
            device: None,
        };
        let program = Program { id: "us".into(), secret: Some(Secret::new("hidden")) };
        let at = "127.0.0.1:4321".parse().unwrap();
        Login::begin(&server, &program, "imap smtp", "a@b.example", at, [[0; 32], [1; 32]]).unwrap()
    }

    const STATE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    #[test]
    fn u17_no_debug_text_has_the_state() {
        assert!(!format!("{:?}", login()).contains(STATE));
    }

    #[test] // Tests RFC 6749 §4.1.1 and RFC 8252 §7.3.
    fn the_page_that_is_opened() {
        assert_eq!(
            login().url.as_str(),
            "https://id.example/auth?tenant=1&response_type=code&client_id=us&\
             redirect_uri=http%3A%2F%2F127.0.0.1%3A4321%2F&state=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE&\
             code_challenge=DwBzhbb51LfusnSGBa_hqYSgo7-j8BTQnip4TOnlzRo&code_challenge_method=S256&\
             scope=imap+smtp&login_hint=a%40b.example"
        );
    }

    #[test] // Tests RFC 6749 §4.1.2, §10.12, RFC 8252 §8.9 and RFC 9207 §2.4.
    fn only_what_was_waited_for_counts() {
        let host = "Host: 127.0.0.1:4321\r\n\r\n";
        let get = |query: &str| format!("GET /?{query} HTTP/1.1\r\n{host}");
        let right = format!("code=c%2Fd&state={STATE}");
        let code = || Brought::Code(Secret::new("c/d"));
        let refused = |code: &str, description: Option<&str>| {
            Brought::Refused(grant::said(code, description))
        };
        for (request, brought) in [
            (get(&right), code()),
            (get(&format!("{right}&iss=https%3A%2F%2Fid.example&scope=x")), code()),
            (
                get(&format!("{right}&iss=https%3A%2F%2Fevil.example")),
                refused("another server has answered", None),
            ),
            // Said twice it is said by nobody.
            (
                get(&format!("{right}&iss=https%3A%2F%2Fid.example&iss=https%3A%2F%2Fid.example")),
                refused("another server has answered", None),
            ),
            (get(&format!("{right}&iss=https%3A%2F%2Fid.example%2F")), code()),
            (
                get(&format!("error=access_denied&error_description=no%0d%0away&state={STATE}")),
                refused("access_denied", Some("noway")),
            ),
            (get("code=c&state=guessed"), Brought::Nothing),
            (get("code=c"), Brought::Nothing),
            (get(&format!("{right}&state=x")), Brought::Nothing),
            (get(&format!("state={STATE}")), Brought::Nothing),
            (get(&format!("code=&state={STATE}")), Brought::Nothing),
            (format!("POST /?{right} HTTP/1.1\r\n{host}"), Brought::Nothing),
            (format!("GET /favicon.ico?{right} HTTP/1.1\r\n{host}"), Brought::Nothing),
            (format!("GET /?{right} HTTP/1.1\r\n\r\n"), Brought::Nothing),
            (format!("GET /?{right} HTTP/1.1\r\nHost: evil.example\r\n\r\n"), Brought::Nothing),
            (format!("GET /?{right} HTTP/1.1\r\nHost: evil.example\r\n{host}"), Brought::Nothing),
            ("GET".into(), Brought::Nothing),
            (String::new(), Brought::Nothing),
        ] {
            assert_eq!(login().read(request.as_bytes()), brought, "{request}");
        }
        assert_eq!(login().read(&[0xff]), Brought::Nothing);
        // Tests RFC 9207 §2.4: who says that it names itself does so always.
        let names = Login { names_itself: true, ..login() };
        assert_eq!(
            names.read(get(&right).as_bytes()),
            refused("another server has answered", None)
        );
        let named = get(&format!("{right}&iss=https%3A%2F%2Fid.example"));
        assert_eq!(names.read(named.as_bytes()), code());
    }
}
