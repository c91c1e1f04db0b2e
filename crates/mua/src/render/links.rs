//! Links: where they lead, and whether that is where their words say (row U18).
//!
//! A link is read as browsers read it (the URL standard), so that `http://bank.example@attack.example`,
//! `http:\\attack.example` and names in other alphabets have the host that a browser would go to. Nothing is
//! opened here.

use url::Url;

use crate::limits;

/// A link of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The words that it stands on.
    pub words: String,
    /// What it is, as a browser would write it; as it stands there where that would refuse it.
    pub target: String,
    /// Where it leads.
    pub goes: Goes,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goes {
    /// To a host of the web; names in other alphabets as `xn--`.
    Web {
        /// The host.
        host: String,
        /// What stands before it and is none: `user@`.
        before: Option<String>,
    },
    /// To somebody's mailbox.
    Mail {
        /// The first address.
        to: String,
    },
    /// Nowhere that is opened: another scheme, a place in the same page, or no link at all.
    Nowhere,
}

/// Endings of names that are files and commands rather than hosts.
const NO_DOMAINS: &[&str] = &[
    "cc", "cs", "go", "hs", "js", "md", "mk", "ml", "mm", "pl", "pm", "ps", "py", "rb", "rs", "sh",
    "so", "ts", "vb",
];
/// Endings of hosts that are longer than a country's.
const DOMAINS: &[&str] =
    &["app", "biz", "com", "dev", "edu", "example", "gov", "info", "int", "mil", "net", "org"];

impl Link {
    /// A link on some words.
    pub fn new(words: &str, target: &str) -> Self {
        let words = words.trim().to_owned();
        let target = target.trim();
        let unread = || Self {
            words: words.clone(),
            target: target
                .get(..target.floor_char_boundary(limits::LINK_OCTETS_MAX))
                .unwrap_or_default()
                .to_owned(),
            goes: Goes::Nowhere,
        };
        if target.len() > limits::LINK_OCTETS_MAX {
            // Its host is still told.
            let begin = target.get(..target.floor_char_boundary(limits::LINK_OCTETS_MAX));
            let mut link = Self::new(&words, begin.unwrap_or_default());
            link.target.push_str("...");
            return Self { goes: Goes::Nowhere, ..link };
        }
        let Ok(url) = Url::parse(target) else { return unread() };
        let goes = match url.scheme() {
            "http" | "https" => match url.host_str() {
                Some(host) => Goes::Web { host: host.to_owned(), before: before_host(&url) },
                None => return unread(),
            },
            "mailto" => {
                let to = url.path().split(',').next().unwrap_or_default();
                Goes::Mail { to: to.to_owned() }
            }
            _ => Goes::Nowhere,
        };
        Self { words, target: url.into(), goes }
    }

    /// Why the user should look twice, if there is a reason.
    pub fn warning(&self) -> Option<String> {
        match &self.goes {
            Goes::Web { host, before } => {
                let claimed = claimed_hosts(&self.words).find(|claimed| !leads_to(claimed, host));
                match (claimed, before) {
                    (Some(claimed), _) => {
                        Some(format!("leads to {host}, though its words say {claimed}"))
                    }
                    (None, Some(before)) => {
                        Some(format!("leads to {host}; {before} before it is no host"))
                    }
                    (None, None) if is_other_alphabet(host) => {
                        Some(format!("leads to {host}, a name in another alphabet"))
                    }
                    (None, None) => None,
                }
            }
            Goes::Mail { to } => {
                let mut words = self.words.split_whitespace();
                let other = words.find(|word| {
                    word.contains('@')
                        && !word.trim_matches(|c| "<>()[],;.".contains(c)).eq_ignore_ascii_case(to)
                });
                other.map(|other| format!("writes to {to}, though its words say {other}"))
            }
            Goes::Nowhere => Some("is not opened: only http, https and mailto are".to_owned()),
        }
    }

    /// Where it leads, where its words say something else.
    pub(super) fn true_host(&self) -> Option<&str> {
        match &self.goes {
            Goes::Web { host, .. } => self.warning().map(|_| host.as_str()),
            Goes::Mail { to } => self.warning().map(|_| to.as_str()),
            Goes::Nowhere => None,
        }
    }
}

/// `bank.example@` in `http://bank.example@attack.example`.
fn before_host(url: &Url) -> Option<String> {
    let is_there = !url.username().is_empty() || url.password().is_some();
    is_there.then(|| format!("{}@", url.username()))
}

fn is_other_alphabet(host: &str) -> bool {
    host.split('.').any(|label| label.starts_with("xn--"))
}

/// Whether who owns the claimed host has the other one, or the other way round: one is below the other.
fn leads_to(claimed: &str, host: &str) -> bool {
    let claimed = claimed.strip_prefix("www.").unwrap_or(claimed);
    let host = host.strip_prefix("www.").unwrap_or(host);
    let is_below = |inner: &str, outer: &str| {
        inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    is_below(host, claimed) || is_below(claimed, host)
}

/// Hosts that words speak of.
fn claimed_hosts(words: &str) -> impl Iterator<Item = String> {
    let parts = |c: char| c.is_whitespace() || "()<>[]{}\"'|,;".contains(c);
    words.split(parts).filter_map(|word| {
        let word = word.trim_end_matches(['.', ':', '!', '?', '\u{2026}']);
        if word.contains("://") {
            return Url::parse(word).ok()?.host_str().map(str::to_owned);
        }
        let end = word.find(['/', ':', '?', '#']).unwrap_or(word.len());
        let name = word.get(..end)?;
        let (front, last) = name.rsplit_once('.')?;
        let last = last.to_lowercase();
        let is_country = last.chars().count() == 2
            && last.chars().all(char::is_alphabetic)
            && !NO_DOMAINS.contains(&last.as_str());
        let is_host = name.starts_with("www.")
            || is_country
            || DOMAINS.contains(&last.as_str())
            || !last.is_ascii();
        if !is_host || front.is_empty() || name.contains('@') {
            return None;
        }
        Url::parse(&format!("http://{name}/")).ok()?.host_str().map(str::to_owned)
    })
}

/// Links that stand in a plain text, in order.
pub(super) fn in_text(text: &str, most: usize) -> Vec<Link> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < most
        && let Some(at) =
            ["https://", "http://", "mailto:"].iter().filter_map(|s| rest.find(s)).min()
    {
        let link = rest.get(at..).unwrap_or_default();
        let end = link
            .find(|c: char| {
                c.is_whitespace() || c.is_control() || "<>\"`\u{201d}\u{bb}".contains(c)
            })
            .unwrap_or(link.len());
        let (link, behind) = link.split_at(end);
        rest = behind;
        let link = without_punctuation(link);
        let link = Link::new(link, link);
        if link.goes != Goes::Nowhere {
            found.push(link);
        }
    }
    found
}

/// What ends a sentence, or closes what was opened before the link, is no part of it.
fn without_punctuation(link: &str) -> &str {
    let mut link = link;
    loop {
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
        let closes = |open: char, close: char| shorter.ends_with(close) && !shorter.contains(open);
        let shorter = match closes('(', ')') || closes('[', ']') {
            true => shorter.get(..shorter.len() - 1).unwrap_or_default(),
            false => shorter,
        };
        if shorter.len() == link.len() {
            return link;
        }
        link = shorter;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(host: &str) -> Goes {
        Goes::Web { host: host.into(), before: None }
    }

    #[test]
    fn u18_the_true_host_of_a_link() {
        for (target, host, warns) in [
            ("http://a.example/x", "a.example", false),
            ("http://bank.example@attack.example/", "attack.example", true),
            ("http://bank.example:80@attack.example", "attack.example", true),
            ("http:\\\\attack.example\\bank.example", "attack.example", false),
            ("HTTP://A.Example", "a.example", false),
            ("http://a.exa\tmple\n/", "a.example", false),
            ("https://b\u{e4}nk.example/", "xn--bnk-qla.example", true),
            ("https://p\u{430}ypal.example/", "xn--pypal-4ve.example", true),
            ("http://a.example%2eattack.example/", "a.example.attack.example", false),
            ("http://0x7f.1/", "127.0.0.1", false),
        ] {
            let link = Link::new("here", target);
            let Goes::Web { host: found, .. } = &link.goes else { panic!("{link:?}") };
            assert_eq!((found.as_str(), link.warning().is_some()), (host, warns), "{target}");
        }
    }

    #[test]
    fn u18_only_web_and_mail_are_opened() {
        for target in [
            "javascript:alert(1)",
            "JavaScript://bank.example/%0aalert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "vbscript:x",
            "#top",
            "/x",
            "http://",
            "http://[::1",
            "http://a b/",
            "",
            "x-scheme:-rf",
        ] {
            let link = Link::new("here", target);
            assert_eq!(link.goes, Goes::Nowhere, "{target}");
            assert!(link.warning().unwrap().contains("not opened"));
        }
        let long = Link::new("here", &format!("http://a.example/{}", "x".repeat(64 * 1024)));
        assert_eq!(long.goes, Goes::Nowhere);
        assert!(long.target.len() <= limits::LINK_OCTETS_MAX + 3);
        assert!(long.target.starts_with("http://a.example/x"));
        let mail = Link::new("write", "mailto:a@x.example?subject=s");
        assert_eq!(mail.goes, Goes::Mail { to: "a@x.example".into() });
    }

    #[test]
    fn u18_words_that_say_another_host() {
        for (words, target, warns) in [
            ("https://www.bank.example/login", "https://attack.example/", true),
            ("www.bank.example", "https://attack.example/", true),
            ("Log in at bank.com now", "https://attack.example/", true),
            ("bank.de", "https://bank.de.attack.example/", true),
            ("b\u{e4}nk.de", "https://bank.de/", true),
            ("bank.com", "https://www.bank.com/x", false),
            ("shop.bank.com", "https://bank.com/x", false),
            ("bank.com", "https://mail.bank.com/", false),
            ("notbank.com", "https://bank.com/", true),
            ("README.md", "https://git.example/x", false),
            ("Node.js", "https://nodejs.example/", false),
            ("Version 1.95", "https://rust.example/", false),
            ("e.g. this", "https://a.example/", false),
            ("me@bank.com", "https://a.example/", false),
            ("me@bank.com", "mailto:you@attack.example", true),
            ("me@bank.com", "mailto:me@bank.com", false),
        ] {
            let link = Link::new(words, target);
            assert_eq!(link.warning().is_some(), warns, "{words} {target} {:?}", link.warning());
        }
    }

    #[test]
    fn links_in_a_text() {
        let text = "See <https://a.example/x>, (http://b.example/y). Or\nhttp://c.example/(z).\n\
            mailto:d@x.example; nothttp:// javascript://x https://";
        let found: Vec<_> = in_text(text, 10).into_iter().map(|link| link.target).collect();
        assert_eq!(
            found,
            [
                "https://a.example/x",
                "http://b.example/y",
                "http://c.example/(z)",
                "mailto:d@x.example"
            ]
        );
        assert_eq!(in_text(&"http://a.example ".repeat(50), 10).len(), 10);
        assert_eq!(in_text("http://a.example", 1)[0].goes, web("a.example"));
    }
}
