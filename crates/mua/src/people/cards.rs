//! People as other programs keep them: vCards (RFC 6350, and what came before it), and mutt's alias files.

use calcard::vcard::{VCard, VCardEntry, VCardProperty, VCardValue, VCardVersion};
use calcard::{Entry, Parser};
use postroad_protocol::address::Address;

use super::{People, is_alias};
use crate::compose::{AddressList, Mailbox};
use crate::drafts::typed;
use crate::limits;

/// What a file has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cards {
    /// People, once for each of their addresses.
    pub people: Vec<Mailbox>,
    /// Short names, with what they stand for.
    pub aliases: Vec<(String, String)>,
    /// How many entries nothing could be made of.
    pub passed_over: usize,
}

impl Cards {
    /// Reads a file: vCards where it begins with one, else lines of mutt's.
    pub fn of(text: &str) -> Self {
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        match begins.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("BEGIN")) {
            // Whatever the parser does with a file from outside: it costs the file, not the program.
            true => std::panic::catch_unwind(|| Self::of_vcards(text)).unwrap_or_default(),
            false => Self::of_lines(text),
        }
    }

    fn of_vcards(text: &str) -> Self {
        let mut cards = Self::default();
        let mut parser = Parser::new(text);
        while cards.people.len() < limits::PEOPLE_MAX {
            match parser.entry() {
                Entry::VCard(card) => cards.add(&card),
                Entry::Eof => break,
                _ => cards.passed_over += 1,
            }
            if cards.passed_over > limits::PEOPLE_MAX {
                break;
            }
        }
        cards
    }

    fn add(&mut self, card: &VCard) {
        let texts = |property: &VCardProperty| {
            let entries = card.entries.iter().filter(move |entry| entry.name == *property);
            let values = entries.flat_map(|entry| &entry.values);
            let text = |value: &VCardValue| match value {
                VCardValue::Text(text) => Some(text.trim().to_owned()),
                VCardValue::Component(parts) => Some(parts.join(" ").trim().to_owned()),
                _ => None,
            };
            values.filter_map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>()
        };
        // RFC 6350 §6.2.1; RFC 2426 has N beside it, the family name in front.
        let name = texts(&VCardProperty::Fn).into_iter().next();
        let name = name.or_else(|| Some(texts(&VCardProperty::N).join(" ")));
        let before = self.people.len();
        for text in texts(&VCardProperty::Email) {
            let address = text.strip_prefix("mailto:").unwrap_or(&text);
            if let Ok(address) = Address::parse(address) {
                self.people.push(Mailbox::new(name.as_deref(), address));
            }
        }
        self.passed_over += usize::from(self.people.len() == before);
    }

    /// `alias -group friends ann Ann Lee <ann@x.example>, bob@x.example`, and addresses alone.
    fn of_lines(text: &str) -> Self {
        let mut cards = Self::default();
        for line in text.lines().map(str::trim).take(limits::PEOPLE_MAX) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, list) = match line.strip_prefix("alias ").map(str::trim_start) {
                Some(rest) => match without_groups(rest).split_once([' ', '\t']) {
                    Some((name, list)) => (Some(name), list),
                    None => (Some(rest), ""),
                },
                None => (None, line),
            };
            let list = AddressList::parse(list, None).map(|list| list.0).unwrap_or_default();
            match name {
                _ if list.is_empty() => cards.passed_over += 1,
                Some(name) if is_alias(name) => cards.aliases.push((name.to_owned(), typed(&list))),
                Some(_) | None => {}
            }
            cards.people.extend(list);
        }
        cards
    }
}

/// What stands behind mutt's `-group NAME`, which aliases of several groups have before them.
fn without_groups(mut rest: &str) -> &str {
    while let Some((_, behind)) = rest
        .strip_prefix("-group")
        .and_then(|behind| behind.trim_start().split_once(char::is_whitespace))
    {
        rest = behind.trim_start();
    }
    rest
}

/// Those who are known as vCards 4.0, one for each address (RFC 6350 §6.2.1: each has a name, if only its address).
pub fn vcards(people: &People) -> String {
    let mut all = String::new();
    for person in &people.known {
        let address = person.address.to_string();
        let name = person.name.clone().unwrap_or_else(|| address.clone());
        let text =
            |property, text| VCardEntry::new(property).with_values(vec![VCardValue::Text(text)]);
        let entries = vec![text(VCardProperty::Fn, name), text(VCardProperty::Email, address)];
        // Writing into a String can't fail.
        let _ = VCard { entries }.write_to(&mut all, VCardVersion::V4_0);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::mailbox;
    use super::*;
    use proptest::prelude::*;

    fn shown(cards: &Cards) -> Vec<String> {
        cards.people.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cards_as_programs_write_them() {
        let text = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Ann\\, the second\r\nEMAIL;TYPE=work:ann@x.example\r\n\
            EMAIL:ann@home.example\r\nTEL:+1\r\nEND:VCARD\r\n\
            BEGIN:VCARD\nVERSION:3.0\nN:Lee;Bob;;;\nFN:Bob \n  Lee\nitem1.EMAIL;type=INTERNET;type=pref:bob@\n y.example\nEND:VCARD\n\
            BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=B6rg\r\n\
            EMAIL;INTERNET:joerg@z.example\r\nEND:VCARD\r\n\
            BEGIN:VCARD\r\nVERSION:4.0\r\nFN:No address\r\nEND:VCARD\r\n\
            BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Half\r\nEMAIL:half\r\nEND:VCARD\r\n";
        let cards = Cards::of(text);
        assert_eq!(
            shown(&cards),
            [
                "Ann, the second <ann@x.example>",
                "Ann, the second <ann@home.example>",
                "Bob  Lee <bob@y.example>".replace("  ", " ").as_str(),
                "Jörg <joerg@z.example>",
            ]
        );
        assert_eq!(cards.passed_over, 2);
    }

    #[test]
    fn lines_as_mutt_writes_them() {
        let cards = Cards::of(
            "# mine\nalias ann Ann Lee <ann@x.example>\nalias team ann@x.example, Bob <bob@y.example>\n\
             alias -group a -group b dan dan@x.example\n\
             Carl <carl@z.example>\nset x=1\nalias nobody\n",
        );
        assert_eq!(cards.aliases[2], ("dan".to_owned(), "dan@x.example".to_owned()));
        assert_eq!(cards.aliases[0], ("ann".to_owned(), "Ann Lee <ann@x.example>".to_owned()));
        assert_eq!(cards.aliases[1].1, "ann@x.example, Bob <bob@y.example>");
        assert_eq!((cards.people.len(), cards.passed_over), (5, 2));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut people = People::default();
        let all = [
            mailbox("Ann; \"A\", Lee\\", "ann@x.example"),
            mailbox("", "bob@y.example"),
            mailbox(&"long ".repeat(30), "\"a b\"@z.example"),
        ];
        people.written_to(&all, 1);
        let written = vcards(&people);
        assert!(written.lines().all(|line| line.len() <= 75), "{written}");
        let read = Cards::of(&written);
        assert_eq!((read.people.len(), read.passed_over), (3, 0), "{written}");
        for (read, person) in read.people.iter().zip(&people.known) {
            assert_eq!(read.address, person.address);
            if let Some(name) = &person.name {
                assert_eq!(read.name.as_ref().unwrap().as_str(), name);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_file_is_read(text in "(BEGIN:VCARD\r\n)?(FN|EMAIL|N|alias |;|:|=|\r\n|.){0,40}(END:VCARD)?") {
            Cards::of(&text);
        }
    }
}
