//! Whom the user knows, against an author who looks like them (row U03): somebody's name with another address, and a
//! domain that differs from theirs by letters that look alike.
//!
//! Known is who was written to, or put into the address book by hand. A name counts from two words on, in whatever order
//! and however they are written: first names alone are everybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use crate::account::Account;
use crate::people::{People, book};
use crate::render::Person;

/// Names and addresses of people whom the user knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Whose they are; nobody's are read where there is no account.
    account: Option<Box<Whose>>,
    /// Their addresses by what they are called, those first that are written to most.
    names: BTreeMap<String, Vec<String>>,
    addresses: BTreeSet<String>,
    /// Domains by what they look like.
    domains: BTreeMap<String, BTreeSet<String>>,
}

/// The book, and when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whose {
    path: PathBuf,
    domain: String,
    read: Option<(SystemTime, u64)>,
}

impl Known {
    /// To the user of an account.
    pub(super) fn to(account: &Account) -> Self {
        let domain = account.address.domain.to_string();
        let whose = |path: &PathBuf| Box::new(Whose { path: path.clone(), domain, read: None });
        let mut known = Self { account: account.people.as_ref().map(whose), ..Self::default() };
        known.look();
        known
    }

    /// Reads the address book again, if it has changed.
    pub(crate) fn look(&mut self) {
        let Some(mut whose) = self.account.take() else { return };
        let stamp = std::fs::metadata(&whose.path).ok();
        let stamp = stamp.and_then(|file| Some((file.modified().ok()?, file.len())));
        if stamp != whose.read || self.domains.is_empty() {
            whose.read = stamp;
            *self = Self::of(&book::at(&whose.path), &whose.domain);
        }
        self.account = Some(whose);
    }

    /// These people, and the user's own domain.
    fn of(people: &People, own: &str) -> Self {
        let mut known = Self::default();
        known.add_domain(own);
        for person in &people.known {
            let address = person.address.to_string().to_lowercase();
            known.add_domain(&person.address.domain.to_string());
            if let Some(name) = person.name.as_deref().and_then(called) {
                known.names.entry(name).or_default().push(address.clone());
            }
            known.addresses.insert(address);
        }
        known
    }

    fn add_domain(&mut self, domain: &str) {
        let domain = domain.to_lowercase();
        self.domains.entry(look(&domain)).or_default().insert(domain);
    }

    /// What to look at twice in an author.
    pub(super) fn cues(&self, author: &Person) -> Vec<String> {
        let address = author.address.as_deref().unwrap_or_default().to_lowercase();
        if address.is_empty() || self.addresses.contains(&address) {
            return Vec::new();
        }
        let name = author.name.as_deref().unwrap_or_default();
        let others = called(name).and_then(|name| self.names.get(&name));
        let by_name = others.and_then(|others| {
            let (first, more) = others.split_first()?;
            let more = match more.len() {
                0 => String::new(),
                count => format!(" ({count} more)"),
            };
            Some(format!("you know {name} by {first}{more}, and this is from {address}"))
        });
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let by_domain = self.resembled(domain).map(|known| {
            format!("its domain {domain} looks like {known}, where people are whom you know")
        });
        by_name.into_iter().chain(by_domain).collect()
    }

    /// The domain of somebody known that this one, or one above it, looks like without being it.
    fn resembled(&self, domain: &str) -> Option<&str> {
        let is_below = |known: &str| {
            domain.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let labels = domain.match_indices('.').map(|(at, _)| at + 1);
        let above = std::iter::once(0).chain(labels).filter_map(|at| domain.get(at..));
        for part in above.filter(|part| part.contains('.')) {
            let Some(alike) = self.domains.get(&look(part)) else { continue };
            if !alike.iter().any(|known| is_below(known)) {
                return alike.first().map(String::as_str);
            }
        }
        None
    }
}

/// A name as it is compared: its words in one order. `None` where it is one word alone, or an address.
fn called(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let mut words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    (words.len() >= 2 && !name.contains('@')).then(|| words.join(" "))
}

/// What a domain looks like: letters that are taken for each other are one.
fn look(domain: &str) -> String {
    const ALIKE: [(&str, &str); 8] = [
        ("rn", "m"),
        ("vv", "w"),
        ("cl", "d"),
        ("0", "o"),
        ("1", "l"),
        ("i", "l"),
        ("5", "s"),
        ("-", ""),
    ];
    ALIKE.iter().fold(domain.to_owned(), |look, (from, to)| look.replace(from, to))
}

#[cfg(test)]
mod tests {
    use postroad_protocol::address::Address;

    use super::*;
    use crate::compose::Mailbox;

    fn known() -> Known {
        let mut people = People::default();
        for (name, address) in [
            ("Lee, Ann", "ann@paypal.example"),
            ("Ann Lee", "ann@home.example"),
            ("Bob", "bob@modern.example"),
            ("", "carol@x-y.example"),
        ] {
            let mailbox = Mailbox::new(Some(name), Address::parse(address).unwrap());
            people.written_to(&[mailbox], 1);
        }
        Known::of(&people, "our.example")
    }

    fn cues(name: &str, address: &str) -> Vec<String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        known().cues(&Person { name: some(name), address: some(address) })
    }

    #[test]
    fn u03_a_known_name_with_another_address() {
        for name in ["Ann Lee", "ANN  LEE", "Lee, Ann", "\"Ann Lee\"", "Lee Ann"] {
            let told = cues(name, "ann.lee@evil.example");
            let [cue] = told.as_slice() else { panic!("{name}: {told:?}") };
            assert!(cue.contains("by ann@paypal.example (1 more), and this is from ann.lee@evil"));
        }
        for (name, address) in [
            ("Ann Lee", "Ann@Home.example"),
            ("Ann Lee via dev", "dev@lists.example"),
            ("Ann", "ann@evil.example"),
            ("Bob", "bob@evil.example"),
            ("", "x@evil.example"),
            ("Ann Lee", ""),
        ] {
            assert_eq!(cues(name, address), [""; 0], "{name} {address}");
        }
    }

    #[test]
    fn u03_a_domain_that_looks_like_that_of_somebody_known() {
        for (domain, like) in [
            ("paypa1.example", Some("paypal.example")),
            ("login.paypai.example", Some("paypal.example")),
            ("rnodern.example", Some("modern.example")),
            ("pay-pal.example", Some("paypal.example")),
            ("0ur.example", Some("our.example")),
            ("xy.example", Some("x-y.example")),
            ("paypal.example", None),
            ("mail.paypal.example", None),
            ("our.example", None),
            ("example", None),
            ("", None),
            ("paypal.example.org", None),
        ] {
            assert_eq!(known().resembled(domain), like, "{domain}");
        }
    }

    #[test]
    fn the_book_is_read_again_when_it_has_changed() {
        let home = tempfile::tempdir().unwrap();
        let overrides = crate::account::Overrides {
            address: Some("me@our.example".into()),
            ..crate::account::Overrides::default()
        };
        let account = Account::load(&overrides).unwrap();
        let account = Account { people: Some(home.path().join("addresses")), ..account };
        let mut known = Known::to(&account);
        let evil = Person { name: Some("Ann Lee".into()), address: Some("x@evil.example".into()) };
        assert_eq!(known.cues(&evil).len(), 0);
        let mailbox = Mailbox::new(Some("Ann Lee"), Address::parse("ann@x.example").unwrap());
        let book = book::Book::of(&account).unwrap();
        book.change(|people| people.keep(&mailbox, 1)).unwrap();
        known.look();
        assert_eq!(known.cues(&evil).len(), 1);
    }
}
