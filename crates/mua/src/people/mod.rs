//! People whom the user knows: those that letters were sent to, those that were put there by hand, and short names.
//!
//! | looking for | it is in |
//! |---|---|
//! | somebody, a short name, and which of them come first | here |
//! | the file that they are kept in | [`book`] |
//! | names and addresses of a letter that is sent | [`learning`] |
//! | vCards, and files of mutt's aliases | [`cards`] |
//!
//! Short names are put in the place of what they stand for by [`crate::compose::Aliases`].

use postroad_protocol::address::Address;
use postroad_tui::people::PersonRow;
use serde::{Deserialize, Serialize};

use crate::compose::{Aliases, Mailbox};
use crate::drafts::typed;
use crate::limits;

pub mod book;
pub mod cards;
pub mod learning;

pub use book::{Book, BookError};

/// Being written to twice as often is worth as much as being written to so many seconds later: two months.
const WORTH: f64 = 60.0 * 24.0 * 3_600.0;

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The address.
    #[serde(with = "as_text")]
    pub address: Address,
    /// The name, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many letters went there.
    #[serde(default)]
    pub uses: u32,
    /// When the last one did, or when it was put there: Unix seconds.
    #[serde(default)]
    pub last: u32,
    /// Whether the user has put it there, or it was learnt.
    #[serde(default)]
    pub source: Source,
}

/// How somebody has come into the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A letter was sent there.
    #[default]
    Learnt,
    /// By hand.
    Kept,
}

/// A short name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// What is typed.
    pub alias: String,
    /// What it stands for: a list of addresses, in which short names may be, too.
    pub to: String,
}

/// An address as text.
mod as_text {
    use postroad_protocol::address::Address;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        address: &Address,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Address, D::Error> {
        let text = String::deserialize(deserializer)?;
        Address::parse(&text).map_err(D::Error::custom)
    }
}

impl Person {
    /// Somebody whom nobody has written to yet.
    pub fn new(mailbox: &Mailbox, source: Source, now: u32) -> Self {
        let name = mailbox.name.as_ref().map(|name| shortened(name.as_str()));
        Self { address: mailbox.address.clone(), name, uses: 0, last: now, source }
    }

    /// The address with the name.
    pub fn mailbox(&self) -> Mailbox {
        Mailbox::new(self.name.as_deref(), self.address.clone())
    }

    /// How far in front: the more often and the later written to.
    fn rank(&self) -> f64 {
        f64::from(self.uses.max(1)).log2() + f64::from(self.last) / WORTH
    }

    fn is_at(&self, address: &Address) -> bool {
        key(&self.address) == key(address)
    }
}

/// Two addresses that differ by case alone are one person's, whatever RFC 5321 §2.4 leaves to hosts.
fn key(address: &Address) -> String {
    address.to_string().to_lowercase()
}

fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(limits::PERSON_NAME_OCTETS_MAX);
    name.get(..end).unwrap_or_default().trim_end().to_owned()
}

/// Whether a word can be a short name: nothing that a list of addresses gives a meaning.
pub fn is_alias(word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    !word.is_empty()
        && word.len() <= limits::ALIAS_OCTETS_MAX
        && word.chars().all(is_part)
        && !word.starts_with('-')
}

/// All of them; those who are written to most come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Who is known.
    pub known: Vec<Person>,
    /// Short names, in their order.
    pub aliases: Vec<Alias>,
}

impl People {
    /// Puts them into their order.
    fn sort(&mut self) {
        self.known.sort_by(|a, b| {
            let by_rank = b.rank().total_cmp(&a.rank());
            by_rank.then_with(|| key(&a.address).cmp(&key(&b.address)))
        });
        self.aliases.sort_by(|a, b| a.alias.cmp(&b.alias));
    }

    /// A letter goes to these.
    pub fn written_to(&mut self, mailboxes: &[Mailbox], now: u32) {
        for mailbox in mailboxes {
            let place = self.known.iter().position(|person| person.is_at(&mailbox.address));
            let place = place.unwrap_or_else(|| {
                self.known.push(Person::new(mailbox, Source::Learnt, now));
                self.known.len() - 1
            });
            let Some(person) = self.known.get_mut(place) else { continue };
            person.uses = person.uses.saturating_add(1);
            person.last = person.last.max(now);
            // A name that the user has given stays.
            if let (Some(name), Source::Learnt) = (&mailbox.name, person.source) {
                person.name = Some(shortened(name.as_str()));
            }
        }
    }

    /// Puts somebody there by hand; a name that is given is theirs from now on.
    pub fn keep(&mut self, mailbox: &Mailbox, now: u32) {
        match self.known.iter_mut().find(|person| person.is_at(&mailbox.address)) {
            Some(person) => {
                person.source = Source::Kept;
                if let Some(name) = &mailbox.name {
                    person.name = Some(shortened(name.as_str()));
                }
            }
            None => self.known.push(Person::new(mailbox, Source::Kept, now)),
        }
    }

    /// Gives a short name to a list of addresses; it stands for nothing else then.
    pub fn call(&mut self, alias: &str, to: &str) {
        self.aliases.retain(|known| !known.alias.eq_ignore_ascii_case(alias));
        self.aliases.push(Alias { alias: alias.to_owned(), to: to.to_owned() });
    }

    /// Removes an address, or a short name; whether it was there.
    pub fn forget(&mut self, word: &str) -> bool {
        let before = self.known.len() + self.aliases.len();
        self.aliases.retain(|known| !known.alias.eq_ignore_ascii_case(word));
        self.known.retain(|person| !key(&person.address).eq_ignore_ascii_case(word));
        self.known.len() + self.aliases.len() < before
    }

    /// No more than there may be: those go that were learnt, and are written to least.
    fn bound(&mut self) {
        self.sort();
        let mut room = limits::PEOPLE_MAX.saturating_sub(
            self.known.iter().filter(|person| person.source == Source::Kept).count(),
        );
        self.known.retain(|person| {
            let stays = person.source == Source::Kept || room > 0;
            room = room.saturating_sub(usize::from(person.source == Source::Learnt));
            stays
        });
        self.known.truncate(limits::PEOPLE_MAX);
        self.aliases.truncate(limits::PEOPLE_MAX);
    }

    /// Those that these words fit, short names first.
    pub fn found(&self, words: &str) -> Vec<PersonRow> {
        self.rows().into_iter().filter(|row| row.fits(words)).collect()
    }

    /// All of them as lists have them, short names first.
    pub fn rows(&self) -> Vec<PersonRow> {
        let alias = |known: &Alias| PersonRow::new("", &known.to, Some(&known.alias), &known.to);
        let person = |person: &Person| {
            let name = person.name.as_deref().unwrap_or_default();
            let text = typed(&[person.mailbox()]);
            PersonRow::new(name, &person.address.to_string(), None, &text)
        };
        self.aliases.iter().map(alias).chain(self.known.iter().map(person)).collect()
    }

    /// What short names stand for.
    pub fn aliases(&self) -> Aliases {
        let mut aliases = Aliases::default();
        for known in &self.aliases {
            aliases.set(&known.alias, &known.to);
        }
        aliases
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn mailbox(name: &str, address: &str) -> Mailbox {
        Mailbox::new(Some(name), Address::parse(address).unwrap())
    }

    fn order(people: &mut People) -> Vec<String> {
        people.sort();
        people.known.iter().map(|person| person.address.to_string()).collect()
    }

    const DAY: u32 = 24 * 3_600;

    #[test]
    fn who_is_written_to_more_often_and_later_comes_first() {
        let mut people = People::default();
        let (ann, bob) = (mailbox("Ann", "ann@x.example"), mailbox("", "bob@x.example"));
        people.written_to(std::slice::from_ref(&ann), 1_000 * DAY);
        people.written_to(std::slice::from_ref(&bob), 1_001 * DAY);
        assert_eq!(order(&mut people), ["bob@x.example", "ann@x.example"]);
        people.written_to(std::slice::from_ref(&ann), 1_001 * DAY);
        assert_eq!(order(&mut people), ["ann@x.example", "bob@x.example"]);
        // Long ago, and often, is less than lately.
        people.written_to(std::slice::from_ref(&bob), 1_100 * DAY);
        assert_eq!(order(&mut people), ["bob@x.example", "ann@x.example"]);
        let ann = people.known.iter().find(|person| person.uses == 2 && person.name.is_some());
        assert!(ann.is_some());
    }

    #[test]
    fn a_name_given_by_hand_stays() {
        let mut people = People::default();
        people.written_to(&[mailbox("A. Lee", "ann@x.example")], DAY);
        people.keep(&mailbox("Ann Lee", "Ann@X.example"), DAY);
        people.written_to(&[mailbox("Someone", "ann@x.example")], DAY);
        let [ann] = people.known.as_slice() else { panic!("{:?}", people.known) };
        assert_eq!((ann.name.as_deref(), ann.uses, ann.source), (Some("Ann Lee"), 2, Source::Kept));
    }

    #[test]
    fn the_least_used_go_where_there_are_too_many() {
        let mut people = People::default();
        people.keep(&mailbox("Kept", "kept@x.example"), 1);
        let many: Vec<Mailbox> =
            (0..=limits::PEOPLE_MAX).map(|n| mailbox("", &format!("a{n}@x.example"))).collect();
        for (at, mailbox) in (2..).zip(&many) {
            people.known.push(Person::new(mailbox, Source::Learnt, at));
        }
        people.bound();
        assert_eq!(people.known.len(), limits::PEOPLE_MAX);
        let has = |address: &str| people.known.iter().any(|it| it.address.to_string() == address);
        assert!(has("kept@x.example") && !has("a0@x.example") && !has("a1@x.example"));
        assert!(has(&format!("a{}@x.example", limits::PEOPLE_MAX)));
    }

    #[test]
    fn short_names() {
        for (word, good) in [
            ("ann", true),
            ("büro", true),
            ("a.b-c_d+e", true),
            ("", false),
            ("-f", false),
            ("a b", false),
            ("a,b", false),
            ("a@b", false),
            ("<a>", false),
            ("a\n", false),
        ] {
            assert_eq!(is_alias(word), good, "{word:?}");
        }
        let mut people = People::default();
        people.call("ann", "Ann <ann@x.example>");
        people.call("Ann", "ann@y.example");
        assert_eq!(people.aliases.len(), 1);
        assert!(people.forget("ANN") && !people.forget("ann"));
    }
}
