//! SORT and THREAD (RFC 5256, RFC 5957; RFC 5267 §3.1 for RETURN).

use super::search::{scan_returns, write_returns};
use super::{Charset, ReturnOption, SearchKey, Writer};
use crate::scan::{Cursor, Scanned, SyntaxError};

/// Which messages, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// `RETURN (…)`: an ESEARCH response is wanted.
    pub returns: Option<Vec<ReturnOption>>,
    /// By what, the most important first; at least one.
    pub criteria: Vec<SortCriterion>,
    /// What texts in the keys are written in.
    pub charset: Charset,
    /// Which messages.
    pub key: SearchKey,
}

/// One criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortCriterion {
    /// Up or down.
    pub order: Order,
    /// By what.
    pub key: SortKey,
}

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Rising,
    /// `REVERSE`: largest first.
    Falling,
}

/// What messages are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// `ARRIVAL`: internal date.
    Arrival,
    /// `CC`: mailbox of the first address.
    Cc,
    /// `DATE`: sent date.
    Date,
    /// `DISPLAYFROM` (RFC 5957)
    DisplayFrom,
    /// `DISPLAYTO` (RFC 5957)
    DisplayTo,
    /// `FROM`
    From,
    /// `SIZE`
    Size,
    /// `SUBJECT`: base subject.
    Subject,
    /// `TO`
    To,
}

impl SortKey {
    const ALL: [Self; 9] = [
        Self::Arrival,
        Self::Cc,
        Self::Date,
        Self::DisplayFrom,
        Self::DisplayTo,
        Self::From,
        Self::Size,
        Self::Subject,
        Self::To,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Arrival => "ARRIVAL",
            Self::Cc => "CC",
            Self::Date => "DATE",
            Self::DisplayFrom => "DISPLAYFROM",
            Self::DisplayTo => "DISPLAYTO",
            Self::From => "FROM",
            Self::Size => "SIZE",
            Self::Subject => "SUBJECT",
            Self::To => "TO",
        }
    }
}

impl SortCriterion {
    /// ```text
    /// sort-criterion = ["REVERSE" SP] sort-key
    /// ```
    fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let order = match cursor.eat_word(b"REVERSE ") {
            true => Order::Falling,
            false => Order::Rising,
        };
        let name = cursor.atom("a sort key")?;
        let key =
            SortKey::ALL.into_iter().find(|key| name.eq_ignore_ascii_case(key.name().as_bytes()));
        Ok(Self { order, key: key.ok_or(SyntaxError::Unknown("sort key"))? })
    }

    fn write(self, out: &mut Writer) {
        if self.order == Order::Falling {
            out.raw("REVERSE ");
        }
        out.raw(self.key.name());
    }
}

impl Sort {
    /// ```text
    /// sort            = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria
    /// sort-criteria   = "(" sort-criterion *(SP sort-criterion) ")"
    /// search-criteria = charset 1*(SP search-key)
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        let returns = scan_returns(cursor)?;
        cursor.space()?;
        let criteria = cursor.list(SortCriterion::scan)?;
        let (charset, key) = scan_criteria(cursor)?;
        Ok(Self { returns, criteria, charset, key })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        write_returns(self.returns.as_deref(), out);
        out.spaced(|out| out.list(&self.criteria, |out, criterion| criterion.write(out)));
        write_criteria(&self.charset, &self.key, out);
    }
}

fn scan_criteria(cursor: &mut Cursor<'_>) -> Scanned<(Charset, SearchKey)> {
    cursor.space()?;
    let charset = Charset::scan(cursor)?;
    cursor.space()?;
    Ok((charset, SearchKey::scan_all(cursor)?))
}

fn write_criteria(charset: &Charset, key: &SearchKey, out: &mut Writer) {
    out.spaced(|out| charset.write(out));
    out.spaced(|out| key.write_all(out));
}

/// Which messages, as threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// How they are put together.
    pub algorithm: ThreadAlgorithm,
    /// What texts in the keys are written in.
    pub charset: Charset,
    /// Which messages.
    pub key: SearchKey,
}

/// How threads are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// `ORDEREDSUBJECT`
    OrderedSubject,
    /// `REFERENCES`
    References,
}

impl Thread {
    /// ```text
    /// thread = ["UID" SP] "THREAD" SP thread-alg SP search-criteria
    /// ```
    pub(super) fn scan(cursor: &mut Cursor<'_>) -> Scanned<Self> {
        cursor.space()?;
        let algorithm = match cursor.word("an algorithm")?.as_slice() {
            b"ORDEREDSUBJECT" => ThreadAlgorithm::OrderedSubject,
            b"REFERENCES" => ThreadAlgorithm::References,
            _ => return Err(SyntaxError::Unknown("algorithm")),
        };
        let (charset, key) = scan_criteria(cursor)?;
        Ok(Self { algorithm, charset, key })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.raw(match self.algorithm {
            ThreadAlgorithm::OrderedSubject => " ORDEREDSUBJECT",
            ThreadAlgorithm::References => " REFERENCES",
        });
        write_criteria(&self.charset, &self.key, out);
    }
}
