//! Letters that belong together as one page: of each a line that says whose it is, when it was sent and where it is, what is said
//! of who it is from, and its text, indented, so that none can write such a line itself.

use postroad_store::Letter;
use postroad_tui::data::{LetterId, LineKind, Page, PageLine};
use postroad_tui::msg::What;

use super::{Lines, page};
use crate::full::limits::CONVERSATION_LETTER_OCTETS_MAX;
use crate::render::{BlockKind, View};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::trust::Trusted;

/// One of the letters.
#[derive(Debug)]
pub(in crate::full) struct OneOf {
    /// What it is called.
    pub(in crate::full) letter: LetterId,
    /// The folder that it is in.
    pub(in crate::full) folder: SafeText,
    /// Its file.
    pub(in crate::full) file: Letter,
}

/// The page; `letter` is the one that was asked for, and whose subject is the page's.
pub(in crate::full) fn lay_out(letter: LetterId, letters: &[OneOf], trusted: &Trusted) -> What {
    let mut lines = Lines::default();
    let mut about = None;
    for (place, one) in letters.iter().enumerate() {
        let number = format!("{} of {}", place + 1, letters.len());
        match read(&one.file) {
            Ok(raw) => {
                let view = View::of(&raw);
                let own = page(one.letter, &raw, &view, trusted);
                let field = |name: &str| {
                    let found = own
                        .head
                        .iter()
                        .find(|(field, _)| field.as_str().eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.clone().cut(120)).unwrap_or_default()
                };
                if one.letter == letter || about.is_none() {
                    about = Some(field("Subject"));
                }
                let (from, date) = (field("From"), field("Date"));
                let folder = one.folder.as_str();
                let words = [from.as_str(), date.as_str(), folder];
                let told = words.iter().filter(|words| !words.is_empty());
                let told = told.copied().collect::<Vec<_>>().join("  ");
                lines.heading(safe_line!("[{number}] {told}"));
                lines.says(own.trust.map(|trust| trust.words));
                if postroad_seal::is_sealed(&raw) {
                    // Row U09: what a seal says has a place of its own, which is above one letter alone.
                    let words = "[signed or encrypted: read it by itself to have it opened]";
                    lines.says(Some(words.into()));
                }
                // Links have their numbers in the letter that is read by itself.
                view.blocks
                    .iter()
                    .filter(|block| block.kind != BlockKind::Links)
                    .for_each(|block| lines.block(block));
                let files = view.attachments.len();
                if files > 0 {
                    lines.says(Some(safe_line!("[{files} parts: read it by itself to save them]")));
                }
            }
            Err(words) => {
                lines.heading(safe_line!("[{number}] {}", one.folder.as_str()));
                lines.says(Some(words));
            }
        }
    }
    let subject = about.unwrap_or_default();
    let count = safe_line!("{}", letters.len());
    let nothing = page(letter, b"", &View::of_text(String::new()), &Trusted::default());
    let page = Page {
        head: vec![("Subject".into(), subject), ("Letters".into(), count)],
        lines: lines.lines,
        cut: (lines.cut > 0).then_some(lines.cut),
        trust: None,
        ..nothing
    };
    What::Conversation {
        page: page.into(),
        letters: letters.iter().map(|one| one.letter).collect(),
    }
}

fn read(file: &Letter) -> Result<Vec<u8>, SafeText> {
    let octets = file.octets();
    if octets > CONVERSATION_LETTER_OCTETS_MAX {
        return Err(safe_line!("[it has {octets} octets: read it by itself]"));
    }
    postroad_catalog::read::whole(file).map_err(|error| safe_line!("[it can't be read: {error}]"))
}

impl Lines {
    fn heading(&mut self, text: SafeText) {
        if !self.lines.is_empty() {
            self.lines.push(PageLine { kind: LineKind::Text, text: SafeText::default() });
        }
        self.lines.push(PageLine { kind: LineKind::Heading, text });
    }

    fn says(&mut self, text: Option<SafeText>) {
        self.lines.extend(text.map(|text| PageLine { kind: LineKind::Part, text }));
    }
}
