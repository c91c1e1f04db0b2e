//! The order of letters in a list (RFC 5256 §3, RFC 5957).

use std::cmp::Ordering;

use crate::{Address, BaseSubject, Envelope, casemap, words};

/// What letters are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// `ARRIVAL`: when it came.
    Arrival,
    /// `CC`: the mailbox of the first address there.
    Cc,
    /// `DATE`: when it was sent.
    Date,
    /// `DISPLAYFROM`: the name of the first address there (RFC 5957).
    DisplayFrom,
    /// `DISPLAYTO`
    DisplayTo,
    /// `FROM`
    From,
    /// `SIZE`: octets.
    Size,
    /// `SUBJECT`: the base subject.
    Subject,
    /// `TO`
    To,
}

/// A key, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Criterion {
    /// What is compared.
    pub key: SortKey,
    /// Which way.
    pub order: Order,
}

/// Which way letters are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The smallest first.
    Rising,
    /// `REVERSE`: the largest first.
    Falling,
}

/// What a letter is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sortable<'a> {
    /// When it came.
    pub arrival: i64,
    /// When it was sent, or else arrived.
    pub sent: i64,
    /// Its octets.
    pub octets: u64,
    /// Texts, folded.
    pub texts: SortTexts<&'a [u8]>,
}

/// Texts that letters are sorted by, as [`casemap::fold`] makes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SortTexts<T> {
    /// The mailbox of the first address of `Cc`.
    pub cc: T,
    /// The name of the first address of `From`.
    pub display_from: T,
    /// The name of the first address of `To`.
    pub display_to: T,
    /// The mailbox of the first address of `From`.
    pub from: T,
    /// The base subject.
    pub subject: T,
    /// The mailbox of the first address of `To`.
    pub to: T,
}

impl SortTexts<Vec<u8>> {
    /// Of an envelope and its base subject.
    pub fn of(envelope: &Envelope, subject: &BaseSubject) -> Self {
        Self {
            cc: mailbox(envelope.cc.first()),
            display_from: display(envelope.from.first()),
            display_to: display(envelope.to.first()),
            from: mailbox(envelope.from.first()),
            subject: casemap::fold(subject.text.as_bytes()),
            to: mailbox(envelope.to.first()),
        }
    }

    /// The same, borrowed.
    pub fn as_slices(&self) -> SortTexts<&[u8]> {
        SortTexts {
            cc: &self.cc,
            display_from: &self.display_from,
            display_to: &self.display_to,
            from: &self.from,
            subject: &self.subject,
            to: &self.to,
        }
    }
}

/// RFC 5256 §3: the addr-mailbox of the first address, folded.
pub fn mailbox(first: Option<&Address>) -> Vec<u8> {
    let mailbox = first.and_then(|address| address.mailbox.as_deref()).unwrap_or_default();
    casemap::fold(String::from_utf8_lossy(mailbox).as_bytes())
}

/// RFC 5957 §3: the name of the first address, or else the address, folded.
pub fn display(first: Option<&Address>) -> Vec<u8> {
    let Some(address) = first else { return Vec::new() };
    let name = address.name.as_deref().map(words::decode).unwrap_or_default();
    if !name.is_empty() {
        return casemap::fold(name.as_bytes());
    }
    let text = |part: &Option<Vec<u8>>| {
        String::from_utf8_lossy(part.as_deref().unwrap_or_default()).into_owned()
    };
    let (mailbox, host) = (text(&address.mailbox), text(&address.host));
    match host.is_empty() {
        true => casemap::fold(mailbox.as_bytes()),
        false => casemap::fold(format!("{mailbox}@{host}").as_bytes()),
    }
}

/// Their places, sorted: by the first criterion, where that doesn't tell by the second, and so on; in the end by their
/// places, which no criterion reverses (RFC 5256 §3).
pub fn sort(letters: &[Sortable<'_>], program: &[Criterion]) -> Vec<usize> {
    let first = |letter| program.first().map_or(0, |criterion| criterion.prefix(letter));
    let mut places: Vec<_> =
        letters.iter().enumerate().map(|(place, letter)| (first(letter), place, letter)).collect();
    places.sort_unstable_by(|(a_first, a_place, a), (b_first, b_place, b)| {
        let by_criteria = || {
            let mut orders = program.iter().map(|criterion| criterion.compare(a, b));
            orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        a_first.cmp(b_first).then_with(by_criteria).then_with(|| a_place.cmp(b_place))
    });
    places.into_iter().map(|(_, place, _)| place).collect()
}

/// A number in the order of a text, as far as its first octets tell.
fn first_octets(text: &[u8]) -> u64 {
    let mut octets = [0; 8];
    for (octet, first) in octets.iter_mut().zip(text) {
        *octet = *first;
    }
    u64::from_be_bytes(octets)
}

impl Criterion {
    /// A number that tells most letters apart: it is never in another order than [`Self::compare`] has.
    fn prefix(self, letter: &Sortable<'_>) -> u64 {
        let texts = &letter.texts;
        let rising = match self.key {
            SortKey::Arrival => letter.arrival.cast_unsigned() ^ (1 << 63),
            SortKey::Date => letter.sent.cast_unsigned() ^ (1 << 63),
            SortKey::Size => letter.octets,
            SortKey::Cc => first_octets(texts.cc),
            SortKey::DisplayFrom => first_octets(texts.display_from),
            SortKey::DisplayTo => first_octets(texts.display_to),
            SortKey::From => first_octets(texts.from),
            SortKey::Subject => first_octets(texts.subject),
            SortKey::To => first_octets(texts.to),
        };
        match self.order {
            Order::Rising => rising,
            Order::Falling => !rising,
        }
    }

    fn compare(self, a: &Sortable<'_>, b: &Sortable<'_>) -> Ordering {
        let rising = match self.key {
            SortKey::Arrival => a.arrival.cmp(&b.arrival),
            SortKey::Date => a.sent.cmp(&b.sent),
            SortKey::Size => a.octets.cmp(&b.octets),
            SortKey::Cc => a.texts.cc.cmp(b.texts.cc),
            SortKey::DisplayFrom => a.texts.display_from.cmp(b.texts.display_from),
            SortKey::DisplayTo => a.texts.display_to.cmp(b.texts.display_to),
            SortKey::From => a.texts.from.cmp(b.texts.from),
            SortKey::Subject => a.texts.subject.cmp(b.texts.subject),
            SortKey::To => a.texts.to.cmp(b.texts.to),
        };
        match self.order {
            Order::Rising => rising,
            Order::Falling => rising.reverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(header: &str) -> SortTexts<Vec<u8>> {
        let envelope = Envelope::of(header.as_bytes());
        let subject = BaseSubject::of(envelope.subject.as_deref().unwrap_or_default());
        SortTexts::of(&envelope, &subject)
    }

    #[test] // Tests RFC 5256 §3 and RFC 5957 §3, §4.
    fn texts_of_letters() {
        let got = texts(
            "From: =?utf-8?q?=C3=A4nne?= <anne@a.example>\nTo: b@B.example, c@d.example\n\
             Cc: \"\" <carl@c.example>\nSubject: Re: [x] over\n",
        );
        let folded = |text: &str| casemap::fold(text.as_bytes());
        assert_eq!(got.from, folded("anne"));
        assert_eq!(got.display_from, folded("Änne"));
        assert_eq!(got.to, folded("B"));
        assert_eq!(got.display_to, folded("b@b.example"));
        assert_eq!(got.cc, folded("carl"));
        assert_eq!(got.subject, folded("OVER"));
        let got = texts("From: root\nTo: friends: a@b.example;\n");
        assert_eq!((got.display_from, got.display_to), (folded("root"), folded("friends")));
        assert_eq!(texts(""), SortTexts::default());
    }

    #[test] // Tests RFC 5256 §3.
    fn orders() {
        use Order::{Falling, Rising};
        let letters: Vec<_> =
            [("b", 3, 10), ("A", -2, 20), ("B", -3, 20), ("", 4, 10), ("a", 5, 0)]
                .iter()
                .map(|(subject, sent, octets)| {
                    (texts(&format!("Subject: {subject}\n")), *sent, *octets)
                })
                .collect();
        let letters: Vec<_> = letters
            .iter()
            .map(|(texts, sent, octets)| Sortable {
                sent: *sent,
                arrival: -sent,
                octets: *octets,
                texts: texts.as_slices(),
            })
            .collect();
        for (program, expected) in [
            (&[][..], [0, 1, 2, 3, 4]),
            (&[(SortKey::Date, Rising)], [2, 1, 0, 3, 4]),
            (&[(SortKey::Date, Falling)], [4, 3, 0, 1, 2]),
            (&[(SortKey::Arrival, Rising)], [4, 3, 0, 1, 2]),
            (&[(SortKey::Subject, Rising)], [3, 1, 4, 0, 2]),
            // Places aren't reversed.
            (&[(SortKey::Subject, Falling)], [0, 2, 1, 4, 3]),
            (&[(SortKey::Subject, Rising), (SortKey::Date, Falling)], [3, 4, 1, 0, 2]),
            (&[(SortKey::Size, Rising), (SortKey::Subject, Rising)], [4, 3, 0, 1, 2]),
            (&[(SortKey::Cc, Falling)], [0, 1, 2, 3, 4]),
        ] {
            let program: Vec<_> =
                program.iter().map(|(key, order)| Criterion { key: *key, order: *order }).collect();
            assert_eq!(sort(&letters, &program), expected, "{program:?}");
        }
    }
}
