//! A letter laid out: a thread that reads and takes apart, one letter at a time, and what it makes of one.

use std::io;
use std::path::PathBuf;
use std::thread;

use jiff::tz::TimeZone;
use postroad_store::Letter;
use postroad_tui::data::{
    LetterId, LineKind, LinkGoes, LinkRow, Page, PageLine, PartRow, Trust, TrustLine, Unsubscribe,
};
use postroad_tui::effect::Job;
use postroad_tui::msg::What;

use super::limits::{EXPLAINED_COLUMNS_MAX, PAGE_LINES_MAX, PAGE_OCTETS_MAX};
use super::wake::{Outgoing, Teller, channel};
use super::{pipe, viewer};
use crate::bounce::original::{SentFolder, Tied};
use crate::limits;
use crate::render::links::{Goes, Link};
use crate::render::{self, Block, BlockKind, View, flowed, save};
use crate::safe_line;
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks};
use crate::trust::check::{self, When};
use crate::trust::{self, Level, Report, Trusted, noted};
use crate::unsubscribe::{self, Way};

pub(super) mod conversation;

/// What prints: mutt's, too, where it isn't told otherwise.
const PRINTER: &str = "lpr";

/// What is wanted of a letter.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// All of it, to be read.
    Letter,
    /// All of it, with what agents of this host have noted.
    Explained,
    /// The same, with its signatures checked.
    Checked,
    /// The part with this number, as text.
    Part(usize),
    /// That part, in a program of the user's.
    Viewed(usize),
    /// That part, as a file in a folder.
    Saved(usize, PathBuf),
    /// That part, decoded, given to a program.
    Piped(usize, String),
    /// All of it, or one part, printed.
    Printed(Option<usize>),
    /// All of it, beside the letter that is about it.
    Original,
}

/// What the thread is asked.
#[derive(Debug)]
pub(super) enum ToLayOut {
    /// A letter.
    Letter {
        /// Who asks.
        job: Job,
        /// What it is called.
        letter: LetterId,
        /// Its file.
        file: Letter,
        /// What of it.
        wanted: Wanted,
    },
    /// Letters that belong together, as one page, in this order.
    Conversation {
        /// Who asks.
        job: Job,
        /// The one that was asked for.
        letter: LetterId,
        /// All of them.
        letters: Vec<conversation::OneOf>,
    },
    /// Nobody waits for that any more.
    Cancel(Job),
}

/// What is to be laid out.
enum Task {
    One(Letter, Wanted),
    All(Vec<conversation::OneOf>),
}

/// Starts the thread.
///
/// # Errors
/// Where the system has no threads or sockets left.
pub(super) fn start(
    tell: Teller,
    mut trusted: Trusted,
    sent: Option<SentFolder>,
) -> io::Result<Outgoing<ToLayOut>> {
    let (ask, asked) = channel()?;
    thread::Builder::new().name("page".into()).spawn(move || {
        let mut waiting: Vec<(Job, LetterId, Task)> = Vec::new();
        loop {
            if waiting.is_empty() {
                asked.wait(None, None);
            }
            for request in asked.drain() {
                match request {
                    ToLayOut::Letter { job, letter, file, wanted } => {
                        waiting.push((job, letter, Task::One(file, wanted)));
                    }
                    ToLayOut::Conversation { job, letter, letters } => {
                        waiting.push((job, letter, Task::All(letters)));
                    }
                    ToLayOut::Cancel(cancelled) => waiting.retain(|(job, ..)| *job != cancelled),
                }
            }
            if waiting.is_empty() && asked.is_closed() {
                return;
            }
            if !waiting.is_empty() {
                let (job, letter, task) = waiting.remove(0);
                trusted.known.look();
                let task = match task {
                    Task::One(file, Wanted::Checked) => {
                        explain_beside(job, letter, file, Keys::Asked, &trusted, &tell);
                        continue;
                    }
                    Task::One(file, Wanted::Explained) => {
                        explain_beside(job, letter, file, Keys::NotAsked, &trusted, &tell);
                        continue;
                    }
                    Task::One(
                        file,
                        wanted @ (Wanted::Piped(..) | Wanted::Printed(_) | Wanted::Viewed(_)),
                    ) => {
                        give_beside(job, letter, file, wanted, &trusted, &tell);
                        continue;
                    }
                    task => task,
                };
                let (done, opened) = match task {
                    Task::One(file, wanted) => {
                        let sent = sent.as_ref();
                        let done = answer(letter, &file, &wanted, (&trusted, sent));
                        (done, matches!(wanted, Wanted::Letter).then_some(file))
                    }
                    Task::All(letters) => {
                        (Ok(conversation::lay_out(letter, &letters, &trusted)), None)
                    }
                };
                match done {
                    Ok(what) => tell.tell(job, what),
                    Err(words) => tell.failed(job, words, ""),
                }
                if let (Some(file), When::Always) = (opened, trusted.check) {
                    explain_beside(Job::NONE, letter, file, Keys::Asked, &trusted, &tell);
                }
            }
        }
    })?;
    Ok(ask)
}

/// Whether the DNS is asked for signers' keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Asked,
    NotAsked,
}

/// Finds out more of a letter in a thread of its own: name servers may take their time, and others want to read.
fn explain_beside(
    job: Job,
    letter: LetterId,
    file: Letter,
    keys: Keys,
    trusted: &Trusted,
    tell: &Teller,
) {
    let (trusted, teller) = (trusted.clone(), tell.clone());
    let checked = move || match explained(letter, &file, keys, &trusted) {
        Ok(what) => teller.tell(job, what),
        // Nobody has asked for it, and nothing is worse than it was.
        Err(_) if job == Job::NONE => {}
        Err(words) => teller.failed(job, words, ""),
    };
    if let Err(error) = thread::Builder::new().name("check".into()).spawn(checked) {
        tell.failed(job, safe_line!("cannot check the letter: {error}"), "");
    }
}

/// Gives a letter to a program in a thread of its own: it may take its time, and others want to read.
fn give_beside(
    job: Job,
    letter: LetterId,
    file: Letter,
    wanted: Wanted,
    trusted: &Trusted,
    tell: &Teller,
) {
    let (trusted, teller) = (trusted.clone(), tell.clone());
    let given = move || match answer(letter, &file, &wanted, (&trusted, None)) {
        Ok(what) => teller.tell(job, what),
        Err(words) => teller.failed(job, words, ""),
    };
    if let Err(error) = thread::Builder::new().name("give".into()).spawn(given) {
        tell.failed(job, safe_line!("cannot start a thread: {error}"), "");
    }
}

fn explained(
    letter: LetterId,
    file: &Letter,
    keys: Keys,
    trusted: &Trusted,
) -> Result<What, SafeText> {
    if keys == Keys::NotAsked && trusted.trace.is_none() {
        return Ok(What::Ended);
    }
    let raw = whole(file)?;
    let view = sealed::view(&raw, &trusted.keys, Asks::NotHere);
    let id = view.summary.message_id.as_deref();
    let records = noted::records(trusted.trace.as_deref(), id);
    let mut report = trust::report(&raw, &view.summary, trusted).noted(&records);
    if keys == Keys::Asked {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| safe_line!("cannot ask for keys: {error}"))?;
        report = report.with(runtime.block_on(check::check(&raw, None)));
    } else if records.is_empty() {
        return Ok(What::Ended);
    }
    Ok(What::Page(page_of(letter, &raw, &view, &report).into()))
}

/// A letter's octets, where they aren't too many.
fn whole(file: &Letter) -> Result<Vec<u8>, SafeText> {
    if file.octets() > limits::LETTER_OCTETS_MAX {
        return Err(safe_line!(
            "the letter has {} octets, which is more than this program reads",
            file.octets()
        ));
    }
    postroad_catalog::read::whole(file)
        .map_err(|error| safe_line!("cannot read the letter: {error}"))
}

fn answer(
    letter: LetterId,
    file: &Letter,
    wanted: &Wanted,
    (trusted, sent): (&Trusted, Option<&SentFolder>),
) -> Result<What, SafeText> {
    let raw = whole(file)?;
    let view = sealed::view(&raw, &trusted.keys, Asks::NotHere);
    let part = |number: usize| {
        let found = number.checked_sub(1).and_then(|place| view.attachments.get(place));
        found.ok_or_else(|| safe_line!("the letter has no part {number}"))
    };
    match wanted {
        Wanted::Letter | Wanted::Checked | Wanted::Explained => {
            let page = page(letter, &raw, &view, trusted);
            let page = match Tied::of(&raw, &view, sent) {
                Some(tied) => about(page, &tied),
                None => page,
            };
            Ok(What::Page(page.into()))
        }
        Wanted::Original => Ok(What::Original(page(letter, &raw, &view, trusted).into())),
        Wanted::Part(number) => {
            let part = part(*number)?;
            let text = String::from_utf8_lossy(&part.content);
            let view = View::of_text(text.into_owned());
            // A part is no letter: nothing is said of who it is from.
            let page = page(letter, &raw, &view, trusted);
            Ok(What::Page(Page { trust: None, seal: None, ..page }.into()))
        }
        Wanted::Piped(number, command) => {
            pipe::given(letter, &part(*number)?.content, command).map(What::Output)
        }
        Wanted::Printed(number) => {
            let octets = match number {
                None => render::page::page(&view, &TimeZone::system()).as_str().into(),
                Some(number) => part(*number)?.content.clone(),
            };
            pipe::given(letter, &octets, PRINTER)?;
            Ok(What::Told(safe_line!("Printed, by {PRINTER}.")))
        }
        Wanted::Viewed(number) => viewer::show(letter, part(*number)?),
        Wanted::Saved(number, folder) => {
            let folder = crate::account::expand_home(folder);
            match save::save(part(*number)?, &folder) {
                Ok(path) => Ok(What::Saved(SafeText::line(&path.to_string_lossy()))),
                Err(error) => Err(safe_line!("{error}: {}", error.source)),
            }
        }
    }
}

/// A letter as the screen has it: `raw` is all of it, for its header; lines are as long as they are.
pub(crate) fn page(letter: LetterId, raw: &[u8], view: &View, trusted: &Trusted) -> Page {
    page_of(letter, raw, view, &trust::report(raw, &view.summary, trusted))
}

/// The same, with what is known of who it is from.
fn page_of(letter: LetterId, raw: &[u8], view: &View, report: &Report) -> Page {
    let mut lines = Lines::default();
    for block in &view.blocks {
        lines.block(block);
    }
    let Lines { mut lines, cut, .. } = lines;
    for (index, part) in view.attachments.iter().enumerate() {
        let name = SafeText::line(part.name.as_deref().unwrap_or("(no name)")).cut(80);
        let kind = SafeText::line(&part.media_type).cut(60);
        let size = render::page::size(part.content.len());
        let text =
            safe_line!("[{}: {} ({}, {size})  v: parts]", index + 1, name.as_str(), kind.as_str());
        lines.push(PageLine { kind: LineKind::Part, text });
    }
    let links = view.links.iter().map(link).collect();
    let cut = (cut > 0).then_some(cut);
    let of_seal = view.seal.iter().flat_map(|seal| &seal.findings);
    let of_seal = of_seal.map(|(level, words)| format!("{} {words}", level.mark()));
    let explained = of_seal.chain(report.explained());
    let explained = explained.map(|line| SafeText::line(&line).cut(EXPLAINED_COLUMNS_MAX));
    let trust = report.line().map(|(level, words)| line(level, &words));
    let seal = view.seal.as_ref().map(|seal| line(seal.level, &seal.words));
    let unsubscribe = unsubscribe::way(raw, report).map(|way| match way {
        Way::Request { host, link } => {
            Unsubscribe::Request { host: shown(&host), link: shown(&link) }
        }
        Way::Letter(link) => Unsubscribe::Letter(shown(&link)),
        Way::Page { host, link } => Unsubscribe::Page { host: shown(&host), link: shown(&link) },
    });
    let organizer = view.invitations.iter().find_map(|it| it.organizer().ok());
    let invitation = organizer.map(|(address, name)| match name {
        Some(name) => shown(&format!("{name} <{address}>")),
        None => shown(address),
    });
    Page {
        unsubscribe,
        original: None,
        invitation,
        letter,
        head: head(view.seal.as_ref().map_or(raw, |seal| &seal.header)),
        lines,
        parts: parts(view),
        links,
        trust,
        seal,
        explained: explained.collect(),
        cut,
    }
}

/// A line above a letter.
fn line(level: Level, words: &str) -> TrustLine {
    TrustLine {
        level: match level {
            Level::Good => Trust::Good,
            Level::Open => Trust::Open,
            Level::Bad => Trust::Bad,
        },
        words: SafeText::line(words).cut(EXPLAINED_COLUMNS_MAX),
    }
}

fn shown(text: &str) -> SafeText {
    SafeText::line(text).cut(limits::LINK_OCTETS_MAX)
}

/// With what it says of another letter: whose that is stands above the letter, where nothing that it says itself can
/// (row U09); what became of it is its own words.
fn about(mut page: Page, tied: &Tied) -> Page {
    page.original = tied.id().map(SafeText::line);
    let (level, key) = match page.original {
        Some(_) => (Trust::Good, "  ^O: open it"),
        None => (Trust::Open, ""),
    };
    let whose = safe_line!("{}{key}", SafeText::line(&tied.whose()).as_str());
    page.trust = Some(match page.trust.take() {
        Some(known) if known.level == Trust::Bad => known,
        Some(known) => {
            let words = safe_line!("{}; {}", whose.as_str(), known.words.as_str());
            TrustLine { level: known.level, words: words.cut(EXPLAINED_COLUMNS_MAX) }
        }
        None => TrustLine { level, words: whose },
    });
    let ours = |line: String| {
        let text = safe_line!("[{}]", SafeText::line(&line).cut(EXPLAINED_COLUMNS_MAX).as_str());
        PageLine { kind: LineKind::Part, text }
    };
    let blank = PageLine { kind: LineKind::Text, text: SafeText::default() };
    page.lines.splice(..0, tied.bounce.lines().into_iter().map(ours).chain([blank]));
    page
}

/// Lines so far, and how much was left out.
#[derive(Default)]
struct Lines {
    lines: Vec<PageLine>,
    octets: usize,
    cut: u64,
}

impl Lines {
    fn block(&mut self, block: &Block) {
        let text = block.text.trim_end();
        let room = PAGE_OCTETS_MAX.saturating_sub(self.octets);
        let shown = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        let rows = PAGE_LINES_MAX.saturating_sub(self.lines.len());
        if !self.lines.is_empty() && rows > 0 && !text.is_empty() {
            self.lines.push(PageLine { kind: LineKind::Text, text: SafeText::default() });
        }
        let mut taken = 0;
        let mut is_signature = false;
        let rows = if shown.is_empty() { 0 } else { rows };
        for line in shown.split('\n').take(rows) {
            taken += line.len() + 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            is_signature |= line == flowed::SIGNATURE && is_typed(block.kind);
            let kind = if is_signature { LineKind::Signature } else { kind(block.kind, line) };
            // A tab goes to the next eighth column, and nothing else is obeyed.
            self.lines.push(PageLine { kind, text: SafeText::block(line) });
        }
        self.octets += taken.min(text.len());
        self.cut += text.len().saturating_sub(taken) as u64;
    }
}

fn is_typed(kind: BlockKind) -> bool {
    matches!(kind, BlockKind::Plain | BlockKind::Flowed)
}

fn kind(of: BlockKind, line: &str) -> LineKind {
    match of {
        BlockKind::Ours => LineKind::Part,
        BlockKind::Links => LineKind::Link,
        // Each line begins with a word of ours: none is a quote.
        BlockKind::Event => LineKind::Text,
        BlockKind::Plain | BlockKind::Flowed | BlockKind::Html => match flowed::quoted(line).0 {
            0 => LineKind::Text,
            depth => LineKind::Quote(depth),
        },
    }
}

fn link(link: &Link) -> LinkRow {
    let host = match &link.goes {
        Goes::Web { host, .. } => SafeText::line(host),
        Goes::Mail { to } => SafeText::line(to),
        Goes::Nowhere => SafeText::default(),
    };
    LinkRow {
        words: SafeText::line(&link.words).cut(limits::FIELD_OCTETS_MAX),
        target: SafeText::line(&link.target).cut(limits::LINK_OCTETS_MAX),
        host: host.cut(limits::FIELD_OCTETS_MAX),
        goes: match &link.goes {
            Goes::Web { .. } => LinkGoes::Web,
            Goes::Mail { .. } => LinkGoes::Mail,
            Goes::Nowhere => LinkGoes::Nowhere,
        },
        warning: link.warning().map(|words| SafeText::line(&words).cut(limits::FIELD_OCTETS_MAX)),
    }
}

/// All fields of the header, unfolded (RFC 5322 §2.2.3), encoded words read.
fn head(raw: &[u8]) -> Vec<(SafeText, SafeText)> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in raw.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.first(), fields.last_mut()) {
            (None, _) => break,
            (Some(b' ' | b'\t'), Some(field)) => field.extend_from_slice(line),
            _ => fields.push(line.to_vec()),
        }
    }
    let field = |field: &Vec<u8>| {
        let colon = field.iter().position(|octet| *octet == b':')?;
        let (name, value) = (field.get(..colon)?, field.get(colon + 1..)?);
        let value = postroad_message::decoded(value.trim_ascii());
        let value = SafeText::line(&value).cut(limits::FIELD_OCTETS_MAX);
        Some((SafeText::line_of_octets(name.trim_ascii_end()).cut(80), value))
    };
    fields.iter().filter_map(field).collect()
}

fn parts(view: &View) -> Vec<PartRow> {
    let row = |(index, part): (usize, &render::Part)| PartRow {
        number: index + 1,
        depth: 0,
        name: part.name.as_deref().map(|name| SafeText::line(name).cut(200)),
        kind: SafeText::line(&part.media_type).cut(100),
        octets: part.content.len() as u64,
    };
    view.attachments.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use postroad_tui::data::FolderId;

    use super::*;

    const LETTER: LetterId = LetterId { folder: FolderId(0), validity: 1, uid: 1 };

    fn laid_out(raw: &str) -> Page {
        page(LETTER, raw.as_bytes(), &View::of(raw.as_bytes()), &Trusted::default())
    }

    #[test]
    fn lines_are_what_they_are() {
        let page = laid_out(
            "From: a@b.example\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n  und mehr\r\n\r\n\
             hi\r\n> you\r\n> > them\r\n>>> all\r\n\ttab\r\n\x1b[2J\r\n-- \r\nme\r\n",
        );
        let head: Vec<_> =
            page.head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(head, [("From", "a@b.example"), ("Subject", "grüße  und mehr")]);
        let lines: Vec<_> = page.lines.iter().map(|line| (line.kind, line.text.as_str())).collect();
        assert_eq!(
            lines,
            [
                (LineKind::Text, "hi"),
                (LineKind::Quote(1), "> you"),
                (LineKind::Quote(2), "> > them"),
                (LineKind::Quote(3), ">>> all"),
                (LineKind::Text, "        tab"),
                (LineKind::Text, "\\x1b[2J"),
                (LineKind::Signature, "-- "),
                (LineKind::Signature, "me"),
            ]
        );
        assert_eq!(page.cut, None);
    }

    #[test]
    fn what_is_too_long_is_cut_and_said() {
        let page = laid_out(&format!("Subject: s\r\n\r\n{}", "x".repeat(PAGE_OCTETS_MAX + 10)));
        assert_eq!(page.cut, Some(9));
        let page = laid_out(&format!("Subject: s\r\n\r\n{}x", "x\r\n".repeat(PAGE_LINES_MAX)));
        assert_eq!((page.lines.len(), page.cut.is_some()), (PAGE_LINES_MAX, true));
        assert!(laid_out("Subject: s\r\n\r\n").lines.is_empty());
    }

    #[test]
    fn u09_what_is_said_of_a_seal_is_no_line_of_the_letter() {
        let raw =
            b"From: a@b.example\r\nContent-Type: multipart/signed; boundary=B\r\n\r\n--B\r\n\r\n\
            + Signed by \x1b[2Ja@b.example\r\n--B--\r\n";
        let view = sealed::view(raw, &Trusted::default().keys, Asks::NotHere);
        let page = page(LETTER, raw, &view, &Trusted::default());
        let seal = page.seal.unwrap();
        assert_eq!(seal.level, Trust::Bad);
        assert!(seal.words.as_str().starts_with("Not opened: "), "{:?}", seal.words);
        assert_eq!(page.explained[0].as_str().find("! Not opened"), Some(0));
        assert_eq!(page.lines[0].kind, LineKind::Text);
        assert_eq!(page.lines[0].text.as_str(), "+ Signed by \\x1b[2Ja@b.example");
        assert_eq!(laid_out("Subject: s\r\n\r\nx").seal, None);
    }

    #[test]
    fn parts_are_told_below_the_text() {
        let page = laid_out(
            "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\ntext\r\n--B\r\n\
             Content-Type: application/pdf; name=\"a\x07b.pdf\"\r\n\
             Content-Disposition: attachment\r\n\r\nxyz\r\n--B--\r\n",
        );
        assert_eq!(page.parts.len(), 1);
        assert_eq!(page.parts[0].number, 1);
        let last = page.lines.last().unwrap();
        assert_eq!(last.kind, LineKind::Part);
        assert!(last.text.as_str().starts_with("[1: a"), "{:?}", last.text);
        assert!(!last.text.as_str().contains('\x07'));
    }
}
