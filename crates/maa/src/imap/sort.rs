//! SORT (RFC 5256, RFC 5957): letters that were found, in the order that is asked for.

use postroad_imap::command::{Order as WireOrder, SortCriterion, SortKey as WireKey};
use postroad_imap::response::{Addressed, first_address};
use postroad_message::sort::{
    Criterion, Order, SortKey, SortTexts, Sortable, display, mailbox, sort,
};
use postroad_store::{Columns, Facts};

/// Letters, and what they are sorted by.
#[derive(Debug)]
pub(super) struct SortTable {
    program: Vec<Criterion>,
    letters: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    place: usize,
    columns: Columns,
    texts: SortTexts<Vec<u8>>,
}

impl SortTable {
    pub(super) fn new(criteria: &[SortCriterion]) -> Self {
        let criterion = |criterion: &SortCriterion| Criterion {
            key: match criterion.key {
                WireKey::Arrival => SortKey::Arrival,
                WireKey::Cc => SortKey::Cc,
                WireKey::Date => SortKey::Date,
                WireKey::DisplayFrom => SortKey::DisplayFrom,
                WireKey::DisplayTo => SortKey::DisplayTo,
                WireKey::From => SortKey::From,
                WireKey::Size => SortKey::Size,
                WireKey::Subject => SortKey::Subject,
                WireKey::To => SortKey::To,
            },
            order: match criterion.order {
                WireOrder::Rising => Order::Rising,
                WireOrder::Falling => Order::Falling,
            },
        };
        let mut program: Vec<Criterion> = Vec::new();
        // A key that was compared before tells nothing new.
        for criterion in criteria.iter().map(criterion) {
            if !program.iter().any(|known| known.key == criterion.key) {
                program.push(criterion);
            }
        }
        Self { program, letters: Vec::new() }
    }

    /// Whether more is compared than lengths and dates.
    pub(super) fn wants_texts(&self) -> bool {
        let is_text = |criterion: &Criterion| {
            !matches!(criterion.key, SortKey::Arrival | SortKey::Date | SortKey::Size)
        };
        self.program.iter().any(is_text)
    }

    /// Takes a letter in; `facts` are all that is cached of it where [`Self::wants_texts`].
    pub(super) fn take(&mut self, place: usize, facts: &Facts<'_>) {
        let mut texts = SortTexts::default();
        let first = |of| first_address(facts.envelope.unwrap_or_default(), of);
        for criterion in &self.program {
            match criterion.key {
                SortKey::Arrival | SortKey::Date | SortKey::Size => {}
                SortKey::Cc => texts.cc = mailbox(first(Addressed::Cc).as_ref()),
                SortKey::DisplayFrom => {
                    texts.display_from = display(first(Addressed::From).as_ref());
                }
                SortKey::DisplayTo => texts.display_to = display(first(Addressed::To).as_ref()),
                SortKey::From => texts.from = mailbox(first(Addressed::From).as_ref()),
                // It is folded already.
                SortKey::Subject => {
                    texts.subject = facts.subject.map(|it| it.base.to_vec()).unwrap_or_default();
                }
                SortKey::To => texts.to = mailbox(first(Addressed::To).as_ref()),
            }
        }
        self.letters.push(Row { place, columns: facts.columns, texts });
    }

    /// Places of the letters, sorted.
    pub(super) fn places(mut self) -> Vec<usize> {
        // Letters that had to be read came in late.
        self.letters.sort_by_key(|row| row.place);
        let sortable = |row: &'_ Row| Sortable {
            arrival: row.columns.arrived,
            // RFC 5256 §2.2.
            sent: row.columns.sent.map_or(row.columns.arrived, |sent| sent.at),
            octets: row.columns.size,
            texts: SortTexts::default(),
        };
        let rows: Vec<_> = self
            .letters
            .iter()
            .map(|row| Sortable { texts: row.texts.as_slices(), ..sortable(row) })
            .collect();
        let order = sort(&rows, &self.program);
        order.into_iter().filter_map(|at| self.letters.get(at)).map(|row| row.place).collect()
    }
}
