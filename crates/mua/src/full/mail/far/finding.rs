//! Letters that are looked for: what is known of them tells of authors, recipients, subjects, dates and marks, at once and
//! without a network; for texts the server is asked, once for each word.

use std::collections::{HashMap, HashSet};

use jiff::Zoned;
use postroad_catalog::facts::Read;
use postroad_catalog::pattern::{Kind, Pattern, Place as Where, State};
use postroad_catalog::{Judge, RawRow, Told, Who};
use postroad_imap::value::MailboxName;
use postroad_tui::data::{Found, FoundRow, LetterId, Marks, Way};
use postroad_tui::effect::{Job, Search};
use postroad_tui::msg::What;

use super::errand::Deed;
use super::mirror::Mirror;
use super::{Actor, Line, Place, Waits};
use crate::full::limits::HUNTED_AT_MOST;
use crate::full::mail::mapped;
use crate::imap::{Answer, Asked, Header, needs_letters};
use crate::safe_line;
use crate::safe_text::SafeText;

const NO_REGEX: &str =
    "a server looks for texts, not for regular expressions: type = in place of ~";
const NOT_THERE: &str = "a server can't look for that";

/// A search that waits for the server.
pub(super) struct Finding {
    pub(super) job: Job,
    search: Search,
    node: Node,
}

/// A search in all folders.
pub(super) struct Hunt {
    pub(super) job: Job,
    pattern: Pattern,
    asked: Asked,
    /// Those that are still to be looked into, the first one last.
    folders: Vec<MailboxName>,
}

/// A pattern, by who can tell.
enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Tagged,
    /// What is known of letters.
    Here(Box<Judge>),
    /// The server, by its answer to this question.
    There(usize),
}

/// What is asked about.
struct Letter<'f> {
    uid: u32,
    told: Told,
    is_tagged: bool,
    /// What the server has found, by its questions.
    found: &'f [HashSet<u32>],
}

impl Node {
    fn of(pattern: &Pattern, who: &Who, asked: &mut Vec<Asked>) -> Result<Self, &'static str> {
        let mut each = |all: &[Pattern]| -> Result<Vec<Self>, &'static str> {
            all.iter().map(|one| Self::of(one, who, asked)).collect()
        };
        Ok(match pattern {
            Pattern::And(all) => Self::And(each(all)?),
            Pattern::Or(all) => Self::Or(each(all)?),
            Pattern::Not(one) => Self::Not(Box::new(Self::of(one, who, asked)?)),
            Pattern::Is(State::Tagged) => Self::Tagged,
            Pattern::Has(Where::Body | Where::Letter | Where::Label, _)
            | Pattern::Kind(Kind::List) => {
                let question = Asked::of(pattern, who);
                if question.answer == Answer::Rough {
                    return Err(NO_REGEX);
                }
                asked.push(question);
                Self::There(asked.len() - 1)
            }
            Pattern::Has(Where::Header, _)
            | Pattern::Kind(Kind::Signed | Kind::Encrypted)
            | Pattern::Attachments(_) => return Err(NOT_THERE),
            pattern => Self::Here(Box::new(Judge::new(pattern, who))),
        })
    }

    fn holds(&self, letter: &Letter<'_>, mirror: &mut Mirror) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(letter, mirror)),
            Self::Or(all) => all.iter().any(|one| one.holds(letter, mirror)),
            Self::Not(one) => !one.holds(letter, mirror),
            Self::Tagged => letter.is_tagged,
            Self::Here(judge) => mirror.is_like(letter.uid, judge, &letter.told),
            Self::There(place) => {
                letter.found.get(*place).is_some_and(|found| found.contains(&letter.uid))
            }
        }
    }
}

impl Actor {
    fn who(&self) -> Who {
        Who { addresses: vec![self.start.account.address.to_string()] }
    }

    /// Looks for letters of the folder that is open.
    pub(super) fn find(&mut self, job: Job, search: Search) {
        let pattern = match Pattern::parse(&search.pattern, &Zoned::now()) {
            Ok(pattern) => pattern,
            Err(error) => return self.tell.failed(job, safe_line!("{error}"), ""),
        };
        let mut asked = Vec::new();
        let node = match Node::of(&pattern, &self.who(), &mut asked) {
            Ok(node) => node,
            Err(words) => return self.tell.failed(job, words, ""),
        };
        let finding = Finding { job, search, node };
        if asked.is_empty() {
            return self.found(&finding, &[]);
        }
        let Some(letters) = self.letters_here(&[]) else {
            return self.tell.failed(job, "the folder is another one now", "");
        };
        if let Line::Down(words) = self.line.clone() {
            return self.offline(job, &words);
        }
        self.finding = Some(finding);
        self.send(Deed::Search(letters, asked), Waits::Found(job));
    }

    /// The server has answered.
    pub(super) fn found_there(&mut self, job: Job, found: Vec<Vec<u32>>) {
        let Some(finding) = self.finding.take_if(|finding| finding.job == job) else { return };
        let found: Vec<HashSet<u32>> =
            found.into_iter().map(|uids| uids.into_iter().collect()).collect();
        self.found(&finding, &found);
    }

    fn found(&mut self, finding: &Finding, found: &[HashSet<u32>]) {
        let Finding { job, search, node } = finding;
        let is_it = |id| search.folder.is_none_or(|wanted| wanted == id);
        let Some(opened) = self.opened.as_mut().filter(|opened| is_it(opened.id)) else {
            return self.tell.failed(*job, "the folder is another one now", "");
        };
        let (folder, validity) = (opened.id, opened.mirror.validity);
        let others: HashMap<u32, Marks> = search.marks.iter().copied().collect();
        let overlay = self.pending.overlay(&opened.mirror.name, validity);
        let count = search.letters.len().max(1);
        let mut letters = Vec::new();
        for (at, uid) in search.letters.iter().copied().enumerate() {
            let marks = opened.mirror.marks(uid).and_then(|marks| overlay.of(uid, marks));
            let Some(marks) = others.get(&uid).copied().or(marks) else { continue };
            // As lists number them, from 1, round their end.
            let place = match search.way {
                Way::Up => (search.first + at) % count,
                Way::Down => (search.first + count - at % count) % count,
            };
            let number = place as u64 + 1;
            let told = Told { marks: mapped::marks(marks), number, ..Told::default() };
            let is_tagged = search.tagged.binary_search(&uid).is_ok();
            let letter = Letter { uid, told, is_tagged, found };
            if node.holds(&letter, &mut opened.mirror) {
                letters.push(LetterId { folder, validity, uid });
            }
        }
        self.tell.tell(*job, What::Found(Found { letters, complete: true }));
    }

    /// Looks for letters of all folders.
    pub(super) fn hunt(&mut self, job: Job, typed: &str) {
        let pattern = match Pattern::parse(typed, &Zoned::now()) {
            Ok(pattern) => pattern,
            Err(error) => return self.tell.failed(job, safe_line!("{error}"), ""),
        };
        let asked = Asked::of(&pattern, &self.who());
        if !matches!(self.start.place, Place::Imap(_)) {
            return self.tell.failed(job, "there are no folders here", "/: look in the inbox");
        }
        if pattern.asks_tags() || asked.answer == Answer::Rough && needs_letters(&pattern) {
            let words = if pattern.asks_bodies() { NO_REGEX } else { NOT_THERE };
            return self.tell.failed(job, words, "");
        }
        if let Line::Down(words) = self.line.clone() {
            return self.offline(job, &words);
        }
        if self.folders.is_empty() {
            self.folders = super::events::known_folders(&self.home);
        }
        let mut folders: Vec<MailboxName> =
            self.folders.iter().map(|folder| folder.name.clone()).collect();
        folders.reverse();
        self.hunt = Some(Hunt { job, pattern, asked, folders });
        self.hunt_on();
    }

    /// Has the next folder looked into.
    pub(super) fn hunt_on(&mut self) {
        let Some(hunt) = &mut self.hunt else { return };
        let job = hunt.job;
        match hunt.folders.pop() {
            Some(name) => {
                let deed = Deed::Hunt(name.clone(), hunt.asked.clone(), HUNTED_AT_MOST);
                self.send(deed, Waits::Hunted(job, name));
            }
            None => {
                self.hunt = None;
                let what = What::FoundAll { rows: Vec::new(), complete: true };
                self.tell.tell(job, what);
            }
        }
    }

    /// A folder was looked into: what its numbers count for, and the letters that the server has found.
    pub(super) fn hunted(&mut self, job: Job, name: &MailboxName, validity: u32, found: &[Header]) {
        let Some(hunt) = self.hunt.as_ref().filter(|hunt| hunt.job == job) else { return };
        let looks = hunt.asked.answer == Answer::Rough;
        let judge = looks.then(|| Judge::new(&hunt.pattern, &self.who()));
        let me = self.start.account.address.to_string();
        let folder = self.id_of(name);
        let row = |header: &Header| {
            let told = Told {
                marks: mapped::marks(header.marks),
                arrived: header.arrived,
                octets: Some(header.size),
                ..Told::default()
            };
            if judge.as_ref().is_some_and(|judge| !judge.is_like(&header.fields, &told)) {
                return None;
            }
            let read = Read::of_header(&header.fields, header.size, header.arrived);
            let raw = RawRow::of(&read.facts())?;
            let sent = raw.sent.map_or(raw.arrived, |(at, _)| at);
            let is_seen = header.marks.has(Marks::SEEN);
            Some(FoundRow {
                letter: LetterId { folder, validity, uid: header.uid },
                folder: SafeText::line(name.as_str()),
                sent: u32::try_from(sent.max(0)).unwrap_or(u32::MAX),
                flags: if is_seen { Marks::SEEN } else { Marks::NONE },
                row: mapped::row(&raw, &me),
            })
        };
        let rows: Vec<FoundRow> = found.iter().filter_map(row).collect();
        if !rows.is_empty() {
            self.tell.tell(job, What::FoundAll { rows, complete: false });
        }
        self.hunt_on();
    }
}
