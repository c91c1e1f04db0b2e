//! A letter: the fields of its header, a blank line, its text; and what was found in it.

use std::borrow::Cow;
use std::ops::Range;

use postroad_safetext::{SafeText, safe_line};
use regex::Regex;

use super::Status;
use crate::canvas::{Canvas, Cell, Style};
use crate::data::{LineKind, Page, PageLine, Trust};
use crate::keys::{Action, On};
use crate::layout::Area;
use crate::model::{Headers, Looked, Matches, Model, PagerState, Place, Quotes};

/// Columns that letters of a conversation stand in from what we say between them.
const INDENT: usize = 2;

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
        (row.from.clone(), safe_line!("{}{}", row.tags(), row.subject.as_str()))
    });
    let mark = model.index.as_ref().filter(|index| index.struck.contains(&pager.letter.uid));
    let mark = if mark.is_some() { "D " } else { "" };
    let left = safe_line!("{mark}{place}/{of}: {}  {}", from.cut(20).as_str(), subject.as_str());
    let Some(page) = &pager.page else {
        canvas.text(area.at, area.columns, &"Reading the letter...".into(), Style::Faint);
        return Status { left, right: "top".into() };
    };
    let lines = Lines::of(page, pager.headers, pager.quotes);
    let columns = usize::from(area.columns);
    let at = lines.inside(pager.at, columns);
    let mut rows = area.each_row();
    let mut last = at.line;
    'lines: for line in at.line..lines.len() {
        let (wrapped, style) = lines.rows_of(line, columns);
        let skipped = if line == at.line { at.row } else { 0 };
        let spans = pager.looked.as_ref().map(|_| lines.spans(line, columns));
        for (row, wrapped) in wrapped.iter().enumerate().skip(skipped) {
            let Some(cell) = rows.next() else { break 'lines };
            canvas.text(cell, area.columns, wrapped, style);
            if let Some(action) = lines.told_by(line) {
                super::row_for(canvas, cell, area.columns, On::Pager, action);
            }
            if let (Some(looked), Some(span)) =
                (&pager.looked, spans.as_ref().and_then(|spans| spans.get(row)))
            {
                found(looked, (line, &lines.words(line)), (wrapped, span), canvas, cell);
            }
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

/// Marks what was looked for in a row, and has the cursor on what was found last: it isn't told by its look alone.
fn found(
    looked: &Looked,
    (line, words): (usize, &str),
    (row, span): (&SafeText, &Span),
    canvas: &mut Canvas<'_>,
    at: Cell,
) {
    for range in likes(&looked.pattern, words) {
        let (start, end) = (range.start.max(span.words.start), range.end.min(span.words.end));
        if start >= end {
            continue;
        }
        let column = |octet: usize| {
            let column = row.column_of(octet - span.words.start + span.before);
            u16::try_from(column).unwrap_or(u16::MAX)
        };
        let (first, behind) = (column(start), column(end));
        let cell = Cell { column: at.column.saturating_add(first), ..at };
        if looked.matches == Matches::Shown {
            canvas.restyle(cell, behind.saturating_sub(first), Style::Found);
        }
        if looked.at == Some((line, range.start)) && start == range.start {
            canvas.cursor(cell);
        }
    }
}

/// Where words are like the pattern; nothing is like nothing.
fn likes<'t>(pattern: &'t Regex, words: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    pattern.find_iter(words).map(|found| found.range()).filter(|range| !range.is_empty())
}

/// A row of a line: which octets of the line it has, and how many of its own stand before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    words: Range<usize>,
    before: usize,
}

/// The lines above a letter: outside of what its author can write into (row U09). What its seal says comes first.
pub(super) fn trust(pager: &PagerState, canvas: &mut Canvas<'_>, area: Area) {
    let Some(page) = pager.page.as_ref() else { return };
    for (line, at) in page.seal.iter().chain(&page.trust).zip(area.each_row()) {
        let mark = match line.level {
            Trust::Good => '+',
            Trust::Open => '?',
            Trust::Bad => '!',
        };
        let words = safe_line!("{mark} {}", line.words.as_str());
        let text = safe_line!("{}  X: why", words.as_str());
        // Rather all of the words than the key.
        let text = if text.width() <= usize::from(area.columns) { text } else { words };
        super::row(canvas, at, area.columns, &text, Style::Trust(line.level));
        super::row_for(canvas, at, area.columns, On::Pager, Action::Explain);
    }
}

/// The lines of a letter, the header's first.
pub(crate) struct Lines<'p> {
    page: &'p Page,
    head: Vec<&'p (SafeText, SafeText)>,
    /// What is shown of the text where quotes are folded.
    folded: Option<Vec<Shown>>,
    /// Columns that the text stands in from our own headings.
    indent: usize,
}

/// A line of the text, or a quote in place of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Line(usize),
    Quote { first: usize, lines: usize },
}

impl Shown {
    fn first(self) -> usize {
        match self {
            Self::Line(line) => line,
            Self::Quote { first, .. } => first,
        }
    }
}

impl<'p> Lines<'p> {
    pub(crate) fn of(page: &'p Page, headers: Headers, quotes: Quotes) -> Self {
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
        let folded = (quotes == Quotes::Folded).then(|| folded(page));
        let is_heading = |line: &PageLine| line.kind == LineKind::Heading;
        let indent = if page.lines.first().is_some_and(is_heading) { INDENT } else { 0 };
        Self { page, head, folded, indent }
    }

    /// How many: the header's, a blank one, the text's, and one that says what was cut off.
    pub(crate) fn len(&self) -> usize {
        let text = self.folded.as_ref().map_or(self.page.lines.len(), Vec::len);
        self.first_of_text() + text + usize::from(self.page.cut.is_some())
    }

    /// The first line behind the header and its blank one.
    pub(crate) fn first_of_text(&self) -> usize {
        self.head.len() + 1
    }

    /// What stands in a line of the screen.
    fn text(&self, line: usize) -> Option<Shown> {
        let line = line.checked_sub(self.first_of_text())?;
        match &self.folded {
            Some(folded) => folded.get(line).copied(),
            None => (line < self.page.lines.len()).then_some(Shown::Line(line)),
        }
    }

    /// What the key does that a line of ours tells.
    fn told_by(&self, line: usize) -> Option<Action> {
        let is_text = line >= self.first_of_text();
        match self.text(line) {
            Some(Shown::Quote { .. }) => Some(Action::ToggleQuoted),
            None if is_text => self.page.cut.map(|_| Action::Parts),
            Some(Shown::Line(_)) | None => None,
        }
    }

    /// Whether a line is somebody else's.
    pub(crate) fn is_quote(&self, line: usize) -> bool {
        self.text(line).is_some_and(|shown| is_quote(self.page, shown.first()))
    }

    /// The line as it was written, header and all, that a line of the screen is, or begins with.
    pub(crate) fn written(&self, line: usize) -> usize {
        let first = self.first_of_text();
        match self.text(line) {
            Some(shown) => shown.first() + first,
            None if line >= first => self.page.lines.len() + first,
            None => line,
        }
    }

    /// The line of the screen where a written one is.
    pub(crate) fn shown(&self, written: usize) -> usize {
        let first = self.first_of_text();
        match (&self.folded, written.checked_sub(first)) {
            (Some(folded), Some(line)) => {
                let behind = folded.partition_point(|shown| shown.first() <= line);
                first + behind.saturating_sub(1)
            }
            (None, _) | (_, None) => written,
        }
    }

    /// One of them, wrapped: at least one row.
    fn rows_of(&self, line: usize, columns: usize) -> (Vec<SafeText>, Style) {
        let whole = |text: SafeText, style| (text.wrapped(columns), style);
        if let Some((name, value)) = self.head.get(line) {
            return whole(safe_line!("{}: {}", name.as_str(), value.as_str()), Style::Name);
        }
        match (self.text(line), self.page.cut) {
            (Some(Shown::Line(at)), _) => match self.page.lines.get(at) {
                Some(line) => (self.indented(line, columns), style(line.kind)),
                None => whole(SafeText::default(), Style::Plain),
            },
            (Some(Shown::Quote { lines, .. }), _) => {
                let indent = " ".repeat(self.indent);
                whole(safe_line!("{indent}[{lines} quoted lines  T: show them]"), Style::Ours)
            }
            (None, Some(octets)) if line >= self.first_of_text() => {
                let more = super::octets(octets);
                whole(safe_line!("[{more} more are too much to be shown; v: save it]"), Style::Ours)
            }
            (None, _) => whole(SafeText::default(), Style::Plain),
        }
    }

    /// The words of a line that are looked through; none of those that are ours.
    fn words(&self, line: usize) -> Cow<'_, str> {
        if let Some((name, value)) = self.head.get(line) {
            return Cow::Owned(format!("{}: {}", name.as_str(), value.as_str()));
        }
        match self.text(line) {
            Some(Shown::Line(at)) => {
                Cow::Borrowed(self.page.lines.get(at).map_or("", |line| line.text.as_str()))
            }
            Some(Shown::Quote { .. }) | None => Cow::Borrowed(""),
        }
    }

    /// Which of a line's words stand in which of its rows.
    fn spans(&self, line: usize, columns: usize) -> Vec<Span> {
        let words = self.words(line);
        let text = match self.text(line) {
            Some(Shown::Line(at)) => self.page.lines.get(at),
            Some(Shown::Quote { .. }) | None => None,
        };
        let is_indented = |line: &&PageLine| line.kind != LineKind::Heading;
        let indent = text.filter(is_indented).map_or(0, |_| self.indent);
        let room = columns.saturating_sub(indent).max(1);
        let marks = text.map_or(0, |line| marks(line, room));
        let mut from = 0;
        let mut spans = Vec::new();
        for (place, row) in self.rows_of(line, columns).0.iter().enumerate() {
            let before = if place == 0 { indent } else { indent + marks };
            let own = row.as_str().get(before..).unwrap_or_default();
            // Blanks are left out where a line is broken.
            let left = words.get(from..).unwrap_or_default();
            // A row that got a base for a mark of its own isn't in the line as it stands: nothing is found in it.
            let found = left.find(own).map(|at| from + at..from + at + own.len());
            let span = found.unwrap_or(from..from);
            from = span.end;
            spans.push(Span { words: span, before });
        }
        spans
    }

    /// The row in which a place of a line is.
    pub(crate) fn place_of(&self, (line, octet): (usize, usize), columns: usize) -> Place {
        let spans = self.spans(line, columns);
        let row = spans.iter().position(|span| octet < span.words.end);
        Place { line, row: row.unwrap_or_else(|| spans.len().saturating_sub(1)) }
    }

    /// The first place that is like the pattern, from this one on.
    pub(crate) fn next_like(
        &self,
        pattern: &Regex,
        (line, octet): (usize, usize),
    ) -> Option<(usize, usize)> {
        (line..self.len()).find_map(|at| {
            let words = self.words(at);
            let least = if at == line { octet } else { 0 };
            let found = likes(pattern, &words).find(|range| range.start >= least)?;
            Some((at, found.start))
        })
    }

    /// The last place that is like the pattern, before this one.
    pub(crate) fn last_like(
        &self,
        pattern: &Regex,
        (line, octet): (usize, usize),
    ) -> Option<(usize, usize)> {
        (0..self.len().min(line + 1)).rev().find_map(|at| {
            let words = self.words(at);
            let below = if at == line { octet } else { usize::MAX };
            let found = likes(pattern, &words).filter(|range| range.start < below).last()?;
            Some((at, found.start))
        })
    }

    /// A line of the text; every row of it stands in from our headings.
    fn indented(&self, line: &PageLine, columns: usize) -> Vec<SafeText> {
        if self.indent == 0 || line.kind == LineKind::Heading {
            return wrapped(line, columns);
        }
        let indent = " ".repeat(self.indent);
        let rows = wrapped(line, columns.saturating_sub(self.indent).max(1));
        rows.iter().map(|row| safe_line!("{indent}{}", row.as_str())).collect()
    }

    /// Rows of a line, at least one.
    fn rows(&self, line: usize, columns: usize) -> usize {
        self.rows_of(line, columns).0.len().max(1)
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

fn is_quote(page: &Page, line: usize) -> bool {
    page.lines.get(line).is_some_and(|line| matches!(line.kind, LineKind::Quote(_)))
}

/// Quotes of several lines as one.
fn folded(page: &Page) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut at = 0;
    while at < page.lines.len() {
        let lines = (at..page.lines.len()).take_while(|line| is_quote(page, *line)).count();
        match lines {
            0 | 1 => shown.push(Shown::Line(at)),
            _ => shown.push(Shown::Quote { first: at, lines }),
        }
        at += lines.max(1);
    }
    shown
}

/// Octets of a quote's marks that stand in front of each of its rows.
fn marks(line: &PageLine, columns: usize) -> usize {
    let text = line.text.as_str();
    let marks = match line.kind {
        LineKind::Quote(_) => text.len() - text.trim_start_matches(['>', ' ']).len(),
        _ => 0,
    };
    // Marks are ASCII: as many columns as octets.
    if line.text.width() <= columns || marks > columns / 2 { 0 } else { marks }
}

/// A line in rows; those of a quote have its marks in front.
fn wrapped(line: &PageLine, columns: usize) -> Vec<SafeText> {
    let marks = marks(line, columns);
    if marks == 0 {
        return line.text.wrapped(columns);
    }
    let (marks, rest) = line.text.as_str().split_at(marks);
    let rows = SafeText::line(rest).wrapped(columns - marks.len());
    rows.iter().map(|row| safe_line!("{marks}{}", row.as_str())).collect()
}

fn style(kind: LineKind) -> Style {
    match kind {
        LineKind::Text => Style::Plain,
        LineKind::Quote(depth) => Style::Quote(depth),
        LineKind::Signature => Style::Faint,
        LineKind::Link => Style::Keys,
        LineKind::Part | LineKind::Heading => Style::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(lines: Vec<PageLine>) -> Page {
        Page {
            letter: crate::data::LetterId { folder: crate::data::FolderId(0), validity: 1, uid: 1 },
            head: vec![(SafeText::line("Subject"), SafeText::line("words of a subject"))],
            lines,
            parts: Vec::new(),
            links: Vec::new(),
            unsubscribe: None,
            original: None,
            invitation: None,
            trust: None,
            seal: None,
            explained: Vec::new(),
            cut: None,
        }
    }

    proptest! {
        /// However a line is wrapped, each of its words is found in the row that shows it.
        #[test]
        fn words_stand_where_their_rows_say(
            text in "(> ){0,3}a[a-c \u{301}\u{4e00}>]{0,60}",
            kind in prop::sample::select(vec![LineKind::Text, LineKind::Quote(1), LineKind::Heading]),
            is_conversation in any::<bool>(),
            columns in 1..30_usize,
        ) {
            let heading = PageLine { kind: LineKind::Heading, text: "of somebody".into() };
            let line = PageLine { kind, text: SafeText::line(&text) };
            let lines = if is_conversation { vec![heading, line] } else { vec![line] };
            let page = page(lines);
            let lines = Lines::of(&page, Headers::All, Quotes::Shown);
            for line in 0..lines.len() {
                let (words, spans) = (lines.words(line), lines.spans(line, columns));
                let rows = lines.rows_of(line, columns).0;
                prop_assert_eq!(rows.len(), spans.len());
                let mut shown = String::new();
                for (row, span) in rows.iter().zip(&spans) {
                    let own = row.as_str().get(span.before..).unwrap_or_default();
                    prop_assert_eq!(own, words.get(span.words.clone()).unwrap_or_default());
                    shown.push_str(own);
                }
                let bare = |text: &str| text.replace(' ', "");
                prop_assert_eq!(bare(&shown), bare(&words));
            }
        }
    }
}
