//! Lists of addresses as people and programs write them (RFC 5322 §3.4).
//!
//! ```text
//! address-list = address *("," address)
//! address      = [display-name] "<" addr-spec ">" / addr-spec / display-name ":" [list] ";"
//! ```
//! Comments are dropped (one behind a bare address is its name, as old mailers write). A local part
//! alone is given our domain, as every `sendmail` does. What is no address is an error that names it:
//! never a command, a file or an option (row U14).

use postroad_protocol::address::{Address, AddressError, Domain};

use super::field::Mailbox;

/// Addresses with their names, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressList(pub Vec<Mailbox>);

/// A list holds something that is no address.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not an address: {source}")]
pub struct AddressListError {
    /// The item, as it was written.
    pub text: String,
    /// What is wrong with it.
    pub source: AddressError,
}

impl AddressList {
    /// Reads a list; `our_domain` completes a local part that stands alone.
    ///
    /// # Errors
    /// The first item that is no address.
    pub fn parse(text: &str, our_domain: Option<&Domain>) -> Result<Self, AddressListError> {
        let items = items(text);
        items.iter().map(|item| item.to_mailbox(our_domain)).collect::<Result<_, _>>().map(Self)
    }
}

/// One item between commas, sorted into its pieces.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// As it was written.
    pub(super) written: String,
    /// Outside of brackets and comments, quotes kept.
    words: String,
    /// Inside `<>`.
    bracketed: Option<String>,
    /// The last comment.
    comment: Option<String>,
}

impl Item {
    /// The word that it is, if it is nothing but that.
    pub(super) fn bare(&self) -> Option<&str> {
        let word = self.words.trim();
        let is_one = self.bracketed.is_none() && self.comment.is_none();
        (is_one && !word.is_empty() && !word.contains(['"', '@', ' ', '\t'])).then_some(word)
    }

    fn is_blank(&self) -> bool {
        self.bracketed.is_none() && self.words.trim().is_empty()
    }

    fn to_mailbox(&self, our_domain: Option<&Domain>) -> Result<Mailbox, AddressListError> {
        let (name, spec) = match &self.bracketed {
            Some(spec) => (Some(unquote(self.words.trim())), spec.trim()),
            None => (self.comment.clone(), self.words.trim()),
        };
        let address = match our_domain {
            // An unquoted `@` is looked for by the parser: only its verdict "no @ there" counts.
            Some(domain)
                if Address::parse(spec) == Err(AddressError::Shape) && !spec.contains('@') =>
            {
                Address::parse(&format!("{spec}@{domain}"))
            }
            Some(_) | None => Address::parse(spec),
        };
        match address {
            Ok(address) => Ok(Mailbox::new(name.as_deref(), address)),
            Err(source) => Err(AddressListError { text: self.written.trim().to_owned(), source }),
        }
    }
}

/// Where the reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Words,
    Quoted,
    Bracketed,
    BracketedQuoted,
    /// Comments nest.
    Comment(usize),
}

/// Splits at commas (and at the `:` and `;` of groups) outside quotes, brackets and comments.
pub(super) fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut item = Item::default();
    let mut place = Place::Words;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = match (c, place) {
            ('\\', Place::Quoted | Place::BracketedQuoted | Place::Comment(_)) => chars.next(),
            _ => None,
        };
        item.written.push(c);
        item.written.extend(escaped);
        let next = match (place, c) {
            (Place::Words, ',' | ';') => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            // The name of a group is nobody's address; whatever has an `@` is no name.
            (Place::Words, ':') if !item.words.contains('@') => {
                item = Item::default();
                continue;
            }
            (Place::Words, '"') => Place::Quoted,
            (Place::Words, '<') => {
                item.bracketed = Some(String::new());
                Place::Bracketed
            }
            (Place::Words, '(') => {
                item.comment = Some(String::new());
                Place::Comment(1)
            }
            (Place::Quoted, '"') => Place::Words,
            (Place::Bracketed, '>') => Place::Words,
            (Place::Bracketed, '"') => Place::BracketedQuoted,
            (Place::BracketedQuoted, '"') => Place::Bracketed,
            (Place::Comment(1), ')') => Place::Words,
            (Place::Comment(depth), ')') => Place::Comment(depth - 1),
            (Place::Comment(depth), '(') => Place::Comment(depth.saturating_add(1)),
            (same, _) => same,
        };
        keep(&mut item, place, next, c, escaped);
        place = next;
    }
    items.push(item);
    items.retain(|item| !item.is_blank());
    items
}

/// Puts a character where it belongs.
fn keep(item: &mut Item, place: Place, next: Place, c: char, escaped: Option<char>) {
    match (place, next) {
        (Place::Words | Place::Quoted, Place::Words | Place::Quoted) => {
            item.words.push(c);
            item.words.extend(escaped);
        }
        (Place::Bracketed | Place::BracketedQuoted, Place::Bracketed | Place::BracketedQuoted) => {
            let spec = item.bracketed.get_or_insert_default();
            spec.push(c);
            spec.extend(escaped);
        }
        (Place::Comment(_), Place::Comment(_)) => {
            item.comment.get_or_insert_default().push(escaped.unwrap_or(c));
        }
        // Brackets and parentheses themselves.
        (_, _) => {}
    }
}

/// A display name without its quotes.
fn unquote(words: &str) -> String {
    let mut name = String::with_capacity(words.len());
    let mut chars = words.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {}
            '\\' => name.extend(chars.next()),
            c => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let domain = "our.example".parse().unwrap();
        AddressList::parse(text, Some(&domain))
            .map(|list| list.0.iter().map(ToString::to_string).collect())
            .map_err(|error| error.text)
    }

    #[test]
    fn lists_that_are_some() {
        for (text, expected) in [
            ("a@b.example", vec!["a@b.example"]),
            ("a@b.example, c@d.example,", vec!["a@b.example", "c@d.example"]),
            ("Alice A. <a@b.example>", vec!["Alice A. <a@b.example>"]),
            ("\"Baker, Bob\" <b@b.example>, c", vec!["Baker, Bob <b@b.example>", "c@our.example"]),
            ("root", vec!["root@our.example"]),
            ("a@b.example (Alice)", vec!["Alice <a@b.example>"]),
            (
                "team: a@b.example, c@d.example;, e@f.example",
                vec!["a@b.example", "c@d.example", "e@f.example"],
            ),
            ("undisclosed-recipients:;", vec![]),
            ("\"a,b\"@c.example", vec!["\"a,b\"@c.example"]),
            ("<\"a b\"@c.example>", vec!["\"a b\"@c.example"]),
            ("a@[IPv6:::1]", vec!["a@[IPv6:::1]"]),
            ("(c (n) \\) d) a@b.example", vec!["c (n) ) d <a@b.example>"]),
            ("", vec![]),
        ] {
            assert_eq!(shown(text), Ok(expected.into_iter().map(String::from).collect()), "{text}");
        }
    }

    #[test]
    fn u14_what_is_no_address_is_an_error_and_never_more() {
        for text in [
            "a@b@c.example",
            "a b@c.example",
            "<a@b.example",
            "x@",
            "a@b.example\r\nBcc: v@x",
            "/etc/pass wd",
            "a b",
            "\"\\",
            "-o Q/x",
        ] {
            match shown(text) {
                // An unclosed bracket is read to the end: still one address, or an error.
                Ok(list) => assert!(list.len() <= 1 && text == "<a@b.example", "{text:?} {list:?}"),
                Err(item) => assert!(text.contains(item.trim()), "{text:?} {item:?}"),
            }
        }
    }

    #[test]
    fn u14_pipes_and_options_are_local_parts_at_most() {
        assert_eq!(shown("|id"), Ok(vec!["|id@our.example".to_owned()]));
        assert_eq!(shown("-oQ/x"), Ok(vec!["-oQ/x@our.example".to_owned()]));
        assert_eq!(shown("/etc/passwd"), Ok(vec!["/etc/passwd@our.example".to_owned()]));
    }

    proptest! {
        #[test]
        fn no_text_panics_or_yields_a_control_character(text in ".{0,80}") {
            for mailbox in AddressList::parse(&text, None).map(|l| l.0).unwrap_or_default() {
                prop_assert!(!mailbox.to_string().chars().any(char::is_control));
            }
        }

        #[test]
        fn addresses_come_back(local in "[a-z0-9.+-]{1,20}", name in "[A-Za-z ,.()<>@\"\\\\]{0,20}") {
            let address = format!("x{}@b.example", local.replace('.', ""));
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let list = AddressList::parse(&format!("\"{quoted}\" <{address}>, z@z.example"), None).unwrap();
            prop_assert_eq!(list.0.len(), 2);
            prop_assert_eq!(list.0[0].address.to_string(), address);
        }
    }
}
