//! A letter: the fields of its header, a blank line, its text.

use postroad_safetext::{SafeText, safe_line};

use super::Status;
use crate::canvas::{Canvas, Style};
use crate::data::{LineKind, Page};
use crate::layout::Area;
use crate::model::{Headers, Model, PagerState, Place};

/// Fields that are shown unless all are asked for, in this order.
const BRIEF: [&str; 6] = ["Date", "From", "Reply-To", "To", "Cc", "Subject"];

pub(super) fn draw(
    model: &Model,
    pager: &PagerState,
    canvas: &mut Canvas<'_>,
    area: Area,
) -> Status {
    let (place, of) = model.index.as_ref().map_or((0, 0), |index| {
        (index.place_of(pager.letter).map_or(0, |place| place + 1), index.heads().len())
    });
    let row = model.index.as_ref().and_then(|index| index.rows.get(&pager.letter.uid));
    let (from, subject) = row.map_or((SafeText::default(), SafeText::default()), |row| {
        (row.from.clone(), row.subject.clone())
    });
    let mark = model.index.as_ref().filter(|index| index.struck.contains(&pager.letter.uid));
    let mark = if mark.is_some() { "D " } else { "" };
    let left = safe_line!("{mark}{place}/{of}: {}  {}", from.cut(20).as_str(), subject.as_str());
    let Some(page) = &pager.page else {
        canvas.text(area.at, area.columns, &"Reading the letter...".into(), Style::Faint);
        return Status { left, right: "top".into() };
    };
    let lines = Lines::of(page, pager.headers);
    let columns = usize::from(area.columns);
    let at = lines.inside(pager.at, columns);
    let mut rows = area.each_row();
    let mut last = at.line;
    'lines: for line in at.line..lines.len() {
        let (text, style) = lines.get(line);
        let skipped = if line == at.line { at.row } else { 0 };
        for wrapped in text.wrapped(columns).iter().skip(skipped) {
            let Some(cell) = rows.next() else { break 'lines };
            canvas.text(cell, area.columns, wrapped, style);
        }
        last = line + 1;
    }
    let right = match (at == Place::default(), last >= lines.len()) {
        (true, true) => "all".into(),
        (false, true) => "end".into(),
        (true, false) => "top".into(),
        (false, false) => safe_line!("{}%", last * 100 / lines.len().max(1)),
    };
    Status { left, right }
}

/// The lines of a letter, the header's first.
pub(crate) struct Lines<'p> {
    page: &'p Page,
    head: Vec<&'p (SafeText, SafeText)>,
}

impl<'p> Lines<'p> {
    pub(crate) fn of(page: &'p Page, headers: Headers) -> Self {
        let head = match headers {
            Headers::All => page.head.iter().collect(),
            Headers::Brief => BRIEF
                .iter()
                .flat_map(|name| {
                    page.head
                        .iter()
                        .filter(move |(field, _)| field.as_str().eq_ignore_ascii_case(name))
                })
                .collect(),
        };
        Self { page, head }
    }

    /// How many: the header's, a blank one, the text's, and one that says what was cut off.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + 1 + self.page.lines.len() + usize::from(self.page.cut.is_some())
    }

    /// One of them.
    fn get(&self, line: usize) -> (SafeText, Style) {
        if let Some((name, value)) = self.head.get(line) {
            return (safe_line!("{}: {}", name.as_str(), value.as_str()), Style::Name);
        }
        let Some(line) = line.checked_sub(self.head.len() + 1) else {
            return (SafeText::default(), Style::Plain);
        };
        match (self.page.lines.get(line), self.page.cut) {
            (Some(line), _) => (line.text.clone(), style(line.kind)),
            (None, Some(octets)) => {
                let more = super::octets(octets);
                (safe_line!("[{more} more are too much to be shown; v: save it]"), Style::Ours)
            }
            (None, None) => (SafeText::default(), Style::Plain),
        }
    }

    /// Rows of a line, at least one.
    fn rows(&self, line: usize, columns: usize) -> usize {
        self.get(line).0.wrapped(columns).len().max(1)
    }

    /// The place if it is there, else the last one before it.
    pub(crate) fn inside(&self, at: Place, columns: usize) -> Place {
        let line = at.line.min(self.len().saturating_sub(1));
        let row = at.row.min(self.rows(line, columns) - 1);
        Place { line, row }
    }

    /// So many rows on, the last line at most.
    pub(crate) fn on(&self, at: Place, rows: usize, columns: usize) -> Place {
        let mut at = self.inside(at, columns);
        let mut left = rows;
        while left > 0 {
            let here = self.rows(at.line, columns) - at.row;
            if left < here {
                return Place { row: at.row + left, ..at };
            }
            if at.line + 1 >= self.len() {
                return Place { row: self.rows(at.line, columns) - 1, ..at };
            }
            left -= here;
            at = Place { line: at.line + 1, row: 0 };
        }
        at
    }

    /// So many rows back.
    pub(crate) fn back(&self, at: Place, rows: usize, columns: usize) -> Place {
        let mut at = self.inside(at, columns);
        let mut left = rows;
        while left > at.row {
            let Some(line) = at.line.checked_sub(1) else { return Place::default() };
            left -= at.row + 1;
            at = Place { line, row: self.rows(line, columns) - 1 };
        }
        Place { row: at.row - left, ..at }
    }

    /// Whether the end is seen in a window of so many rows.
    pub(crate) fn ends_within(&self, at: Place, rows: usize, columns: usize) -> bool {
        let mut seen = 0;
        let at = self.inside(at, columns);
        for line in at.line..self.len() {
            let skipped = if line == at.line { at.row } else { 0 };
            seen += self.rows(line, columns) - skipped;
            if seen > rows {
                return false;
            }
        }
        true
    }
}

fn style(kind: LineKind) -> Style {
    match kind {
        LineKind::Text => Style::Plain,
        LineKind::Quote(depth) => Style::Quote(depth),
        LineKind::Signature => Style::Faint,
        LineKind::Part => Style::Ours,
    }
}
