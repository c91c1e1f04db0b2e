//! Several accounts on one screen: which of them is asked, and what they tell, put together.
//!
//! Each account's actors number its folders from 0. On the screen the account's place stands in the highest octet of a
//! folder's number. What has no folder goes to the account that was asked last for something that has one. Lists of folders,
//! drafts and the outbox are one list of all accounts'. On top of the folders stands one that has the inboxes of all
//! (`combined`): what is asked of its letters is asked of each account that has some of them, under the same number, and the
//! last answer is the job's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use postroad_tui::data::{
    DraftId, DraftRow, FolderCounts, FolderId, FolderRow, FoundRow, LetterId, OutboxRow,
    OutboxState, Role, UndoLabel,
};
use postroad_tui::effect::{Ask, Job, OutboxAsk, PeopleAsk, Start, Target};
use postroad_tui::msg::{Report, What};

use self::combined::{ALL, Combined};
use super::limits::UNDO_MAX;
use super::mail::How;
use crate::safe_line;
use crate::safe_text::SafeText;

mod combined;
#[cfg(test)]
mod tests;

/// Bits of a folder's number that are the account's own.
const OWN_BITS: u32 = 24;
const GONE: &str = "the letter has gone";

/// What is known of all accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    /// What they are called, where there are several.
    names: Vec<SafeText>,
    /// The one that was asked last.
    current: usize,
    folders: Vec<Vec<FolderRow>>,
    drafts: Vec<Vec<DraftRow>>,
    outbox: Vec<Vec<OutboxRow>>,
    of_drafts: HashMap<Arc<str>, usize>,
    of_held: HashMap<Arc<str>, usize>,
    of_outbox: HashMap<Arc<str>, usize>,
    /// Each account's inbox, as the account numbers it, once it is known.
    inboxes: Vec<Option<FolderId>>,
    combined: Combined,
    /// Who did what can be taken back, the last thing last.
    deeds: Vec<usize>,
    /// Answers that are still to come of what several accounts were asked.
    awaited: HashMap<Job, usize>,
}

/// Who is asked what, as they number folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// One account.
    One(usize, Ask),
    /// All of them; the first one's answer is the job's.
    All(Ask),
    /// Some of them; the last answer is the job's.
    Some(Vec<(usize, Ask)>),
    /// The same, where letters go to another account.
    Across(Vec<Crossing>, Vec<(usize, Ask)>),
}

/// Letters that go to another account, as each numbers its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crossing {
    /// From this account.
    pub(super) from: usize,
    /// Which.
    pub(super) letters: Vec<LetterId>,
    /// To that one.
    pub(super) to: usize,
    /// Into its folder.
    pub(super) folder: FolderId,
    /// What that is called on the screen.
    pub(super) title: SafeText,
    /// What becomes of them.
    pub(super) how: How,
}

impl Accounts {
    /// What they are called, and the inbox of the first one, where that is known; the others begin with theirs.
    pub(super) fn new(names: Vec<SafeText>, inbox: Option<FolderId>) -> Self {
        let count = names.len();
        let known = |place: usize| if place > 0 { Some(FolderId(0)) } else { inbox };
        Self {
            inboxes: (0..count).map(known).collect(),
            combined: Combined::default(),
            deeds: Vec::new(),
            awaited: HashMap::new(),
            names,
            current: 0,
            folders: vec![Vec::new(); count],
            drafts: vec![Vec::new(); count],
            outbox: vec![Vec::new(); count],
            of_drafts: HashMap::new(),
            of_held: HashMap::new(),
            of_outbox: HashMap::new(),
        }
    }

    /// What a folder is called on the screen.
    pub(super) fn title(&self, account: usize, folder: &SafeText) -> SafeText {
        match self.names.get(account).filter(|_| self.names.len() > 1) {
            Some(name) => safe_line!("{}: {}", name.as_str(), folder.as_str()),
            None => folder.clone(),
        }
    }

    /// The account that a draft is of.
    pub(super) fn of_draft(&self, draft: &DraftId) -> usize {
        self.of_drafts.get(&draft.0).copied().unwrap_or(self.current)
    }

    /// What is asked of each of them.
    fn of_each(&mut self, job: Job, ask: &Ask) -> Whose {
        let places = 0..self.names.len();
        self.awaited.insert(job, places.len());
        Whose::Some(places.map(|place| (place, ask.clone())).collect())
    }

    /// Who is asked that. `Err`: what can't be asked of anybody.
    pub(super) fn inward(&mut self, job: Job, mut ask: Ask) -> Result<Whose, &'static str> {
        if let Some(across) = self.across(job, &ask) {
            return Ok(across);
        }
        if let Some(parts) = self.of_all_inboxes(job, &mut ask)? {
            if !parts.is_empty() {
                self.awaited.insert(job, parts.len());
            }
            return Ok(Whose::Some(parts));
        }
        let place = match &mut ask {
            Ask::Arrange(order) => {
                self.combined.arrange(*order);
                return Ok(Whose::All(ask));
            }
            Ask::Folders | Ask::Drafts | Ask::Outbox(OutboxAsk::List) => {
                return Ok(Whose::All(ask));
            }
            Ask::SearchAll(_) => return Ok(self.of_each(job, &ask)),
            Ask::Open(id) | Ask::Close(id) | Ask::Refresh(id) | Ask::Sync(id) => take(id),
            Ask::Rows { folder, .. } => take(folder),
            Ask::Folder(ask) => take(ask.folder_mut()),
            Ask::Read(letter)
            | Ask::Conversation(letter)
            | Ask::Explain(letter)
            | Ask::Check(letter)
            | Ask::Part { letter, .. }
            | Ask::Save { letter, .. }
            | Ask::View { letter, .. }
            | Ask::PipePart { letter, .. }
            | Ask::Print { letter, .. }
            | Ask::Original { letter, .. }
            | Ask::People(PeopleAsk::CallAuthor { letter, .. })
            | Ask::Bounce { letter, .. } => take(&mut letter.folder),
            Ask::Flag { letters, .. } | Ask::Pipe { letters, .. } => take_all(letters),
            Ask::Move { letters, to } | Ask::Copy { letters, to } => {
                let place = take_all(letters);
                if let Target::Folder(id) = to {
                    take(id);
                }
                place
            }
            Ask::NewDraft(
                Start::Reply(letter, _)
                | Start::Attend(letter, _)
                | Start::Forward(letter)
                | Start::Inside(letter, ..)
                | Start::Resend(letter),
            ) => take(&mut letter.folder),
            Ask::NewDraft(Start::Recall(draft))
            | Ask::SaveDraft(draft, _)
            | Ask::SaveText(draft, _)
            | Ask::Attach(draft, _)
            | Ask::ViewDraft(draft, _)
            | Ask::Detach(draft, _)
            | Ask::Queue(draft, _)
            | Ask::Discard(draft) => {
                let place = self.of_draft(draft);
                return Ok(Whose::One(place, ask));
            }
            Ask::TakeBack(held) => {
                let place = self.of(self.of_held.get(&held.0));
                return Ok(Whose::One(place, ask));
            }
            Ask::Outbox(OutboxAsk::Retry(letter) | OutboxAsk::Discard(letter)) => {
                let place = self.of(self.of_outbox.get(&letter.0));
                return Ok(Whose::One(place, ask));
            }
            // Who did the last thing takes it back.
            Ask::Undo => self.deeds.pop().unwrap_or(self.current),
            Ask::Search(search) => search.folder.as_mut().map_or(self.current, take),
            Ask::NewDraft(Start::Empty | Start::To(_))
            // There is one address book, which the first account's actor reads as any other would.
            | Ask::People(_)
            | Ask::OpenLink(_) | Ask::Unsubscribe(_) | Ask::Files(_) => {
                self.current
            }
        };
        let place = place.min(self.names.len().saturating_sub(1));
        self.current = place;
        Ok(Whose::One(place, ask))
    }

    /// What is asked where letters go to a folder of another account than some of them are in.
    fn across(&mut self, job: Job, ask: &Ask) -> Option<Whose> {
        let (letters, id, how) = match ask {
            Ask::Move { letters, to: Target::Folder(id) } => (letters, *id, How::Move),
            Ask::Copy { letters, to: Target::Folder(id) } => (letters, *id, How::Copy),
            _ => return None,
        };
        if id == ALL {
            return None;
        }
        let mut folder = id;
        let to = take(&mut folder);
        let mut parts: BTreeMap<usize, Vec<LetterId>> = BTreeMap::new();
        for letter in letters {
            let mut own = *letter;
            let known = match letter.folder {
                ALL => self.combined.own(letter.uid),
                _ => Some((take(&mut own.folder), own)),
            };
            let Some((account, letter)) = known else { continue };
            parts.entry(account).or_default().push(letter);
        }
        if parts.keys().all(|account| *account == to) {
            return None;
        }
        self.awaited.insert(job, parts.len());
        let title = self.folders.get(to).and_then(|rows| rows.iter().find(|row| row.id == id));
        let title = title.map(|row| row.name.clone()).unwrap_or_default();
        let (mut crossings, mut own) = (Vec::new(), Vec::new());
        for (from, letters) in parts {
            if from != to {
                let title = title.clone();
                crossings.push(Crossing { from, letters, to, folder, title, how });
            } else if how == How::Move {
                own.push((to, Ask::Move { letters, to: Target::Folder(folder) }));
            } else {
                own.push((to, Ask::Copy { letters, to: Target::Folder(folder) }));
            }
        }
        Some(Whose::Across(crossings, own))
    }

    /// What each account is asked where the folder of all inboxes is meant, or letters of it; letters become the accounts' own.
    fn of_all_inboxes(
        &mut self,
        job: Job,
        ask: &mut Ask,
    ) -> Result<Option<Vec<(usize, Ask)>>, &'static str> {
        let here = |id: &FolderId| *id == ALL;
        let parts = match ask {
            Ask::Open(id) if here(id) => {
                self.combined.open(job);
                self.each_inbox(Ask::Open)
            }
            Ask::Close(id) if here(id) => {
                // The accounts' inboxes stay open, so that what comes there is seen at once.
                self.combined.close();
                Vec::new()
            }
            Ask::Refresh(id) if here(id) => self.each_inbox(Ask::Refresh),
            Ask::Sync(id) if here(id) => self.each_inbox(Ask::Sync),
            Ask::Rows { folder, uids } if here(folder) => {
                let letters =
                    uids.iter().map(|uid| LetterId { folder: ALL, validity: 0, uid: *uid });
                let parts = self.by_account(&letters.collect::<Vec<_>>());
                let rows = |(place, letters): (usize, Vec<LetterId>)| {
                    let folder = letters.first().map_or(FolderId(0), |letter| letter.folder);
                    let uids = letters.iter().map(|letter| letter.uid).collect();
                    (place, Ask::Rows { folder, uids })
                };
                parts.into_iter().map(rows).collect()
            }
            Ask::Search(search) if search.folder == Some(ALL) => {
                let first = self.known_inboxes().next();
                let parts = self.combined.hunt(job, search, first);
                parts.into_iter().map(|(place, part)| (place, Ask::Search(part))).collect()
            }
            Ask::Flag { letters, .. }
            | Ask::Pipe { letters, .. }
            | Ask::Move { letters, .. }
            | Ask::Copy { letters, .. }
                if letters.first().is_some_and(|letter| here(&letter.folder)) =>
            {
                let parts = self.by_account(letters);
                return self.each_of(parts, ask).map(Some);
            }
            Ask::Move { to: Target::Folder(id), .. } | Ask::Copy { to: Target::Folder(id), .. }
                if here(id) =>
            {
                return Err("letters can't be put into all inboxes: name the account's own");
            }
            Ask::Read(letter)
            | Ask::Conversation(letter)
            | Ask::Explain(letter)
            | Ask::Check(letter)
            | Ask::Part { letter, .. }
            | Ask::Save { letter, .. }
            | Ask::View { letter, .. }
            | Ask::PipePart { letter, .. }
            | Ask::Print { letter, .. }
            | Ask::Original { letter, .. }
            | Ask::People(PeopleAsk::CallAuthor { letter, .. })
            | Ask::Bounce { letter, .. }
            | Ask::NewDraft(
                Start::Reply(letter, _)
                | Start::Attend(letter, _)
                | Start::Forward(letter)
                | Start::Inside(letter, ..)
                | Start::Resend(letter),
            ) if here(&letter.folder) => {
                let (account, mut own) = self.combined.own(letter.uid).ok_or(GONE)?;
                give(account, &mut own.folder);
                *letter = own;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        Ok(Some(parts))
    }

    fn known_inboxes(&self) -> impl Iterator<Item = (usize, FolderId)> {
        self.inboxes.iter().enumerate().filter_map(|(place, id)| Some((place, (*id)?)))
    }

    fn each_inbox(&self, ask: fn(FolderId) -> Ask) -> Vec<(usize, Ask)> {
        self.known_inboxes().map(|(place, id)| (place, ask(id))).collect()
    }

    /// Letters of the folder of all inboxes, as each account calls its own.
    fn by_account(&self, letters: &[LetterId]) -> BTreeMap<usize, Vec<LetterId>> {
        let mut parts: BTreeMap<usize, Vec<LetterId>> = BTreeMap::new();
        for (account, letter) in letters.iter().filter_map(|it| self.combined.own(it.uid)) {
            parts.entry(account).or_default().push(letter);
        }
        parts
    }

    /// What is done to letters of several accounts, asked of each.
    fn each_of(
        &mut self,
        parts: BTreeMap<usize, Vec<LetterId>>,
        ask: &Ask,
    ) -> Result<Vec<(usize, Ask)>, &'static str> {
        let mut asked = Vec::new();
        for (place, letters) in parts {
            let own = |to: &Target| match to {
                Target::Folder(id) => {
                    let mut id = *id;
                    take(&mut id);
                    Target::Folder(id)
                }
                to => to.clone(),
            };
            let ask = match ask {
                Ask::Flag { edit, .. } => Ask::Flag { letters, edit: *edit },
                Ask::Pipe { command, .. } => Ask::Pipe { letters, command: command.clone() },
                Ask::Move { to, .. } => Ask::Move { letters, to: own(to) },
                Ask::Copy { to, .. } => Ask::Copy { letters, to: own(to) },
                _ => continue,
            };
            self.current = place;
            asked.push((place, ask));
        }
        if asked.is_empty() { Err(GONE) } else { Ok(asked) }
    }

    /// Nobody waits for it any more.
    pub(super) fn cancelled(&mut self, job: Job) {
        self.awaited.remove(&job);
        self.combined.end_hunt(job);
    }

    fn of(&self, place: Option<&usize>) -> usize {
        place.copied().unwrap_or(self.current)
    }

    /// What an account tells, as it is on the screen; nothing where others' answers are waited for.
    pub(super) fn outward(&mut self, account: usize, report: Report) -> Option<Report> {
        let Report { mut job, what } = report;
        if self.names.len() < 2 {
            return Some(Report { job, what });
        }
        let is_several = self.awaited.contains_key(&job);
        let what = match what {
            What::Found(found) if is_several => {
                let found = self.combined.found(job, account, found)?;
                if found.complete {
                    self.awaited.remove(&job);
                }
                return Some(Report { job, what: What::Found(found) });
            }
            What::Listing(listing) if self.is_in_combined(account, listing.folder) => {
                // One whose inbox couldn't be opened isn't waited for.
                let awaited = self.combined.job().and_then(|job| self.awaited.get(&job));
                let accounts = awaited.copied().unwrap_or(1);
                let (waited, listing) = self.combined.listed(account, listing, accounts);
                self.awaited.remove(&waited);
                return Some(Report { job: waited, what: What::Listing(listing.into()) });
            }
            What::FoundAll { rows, complete } => {
                let awaited = self.awaited.get(&job).copied().unwrap_or(1);
                self.awaited.insert(job, awaited - usize::from(complete && awaited > 1));
                let complete = complete && awaited <= 1;
                if complete {
                    self.awaited.remove(&job);
                }
                let rows = rows.into_iter().map(|row| self.found_row(account, row)).collect();
                return Some(Report { job, what: What::FoundAll { rows, complete } });
            }
            // What one can't look for none can.
            What::Failed { .. } if self.combined.end_hunt(job) => {
                self.awaited.remove(&job);
                what
            }
            what => what,
        };
        if what.is_last()
            && let Some(awaited) = self.awaited.get_mut(&job)
        {
            *awaited = awaited.saturating_sub(1);
            if *awaited == 0 {
                self.awaited.remove(&job);
            } else {
                job = Job::NONE;
            }
        }
        Some(Report { job, what: self.shown(account, what) })
    }

    fn found_row(&self, account: usize, mut row: FoundRow) -> FoundRow {
        give(account, &mut row.letter.folder);
        row.folder = self.title(account, &row.folder);
        row
    }

    fn is_in_combined(&self, account: usize, folder: FolderId) -> bool {
        self.combined.is_open() && self.inboxes.get(account) == Some(&Some(folder))
    }

    /// What an account tells, with folders and letters as they are called on the screen.
    fn shown(&mut self, account: usize, what: What) -> What {
        match what {
            What::Folders(rows) => What::Folders(self.folders(account, rows)),
            What::Drafts(mut rows) => {
                for row in &mut rows {
                    self.draft(account, row);
                }
                What::Drafts(together(&mut self.drafts, account, rows))
            }
            What::Outbox(rows) => {
                for row in &rows {
                    self.of_outbox.insert(row.id.0.clone(), account);
                    if let OutboxState::Held(held, _) = &row.state {
                        self.of_held.insert(held.0.clone(), account);
                    }
                }
                What::Outbox(together(&mut self.outbox, account, rows))
            }
            What::Draft(mut row) => {
                self.draft(account, &mut row);
                What::Draft(row)
            }
            What::Queued { letter, until } => {
                self.of_held.insert(letter.0.clone(), account);
                What::Queued { letter, until }
            }
            What::Listing(mut listing) => {
                give(account, &mut Arc::make_mut(&mut listing).folder);
                What::Listing(listing)
            }
            What::Rows { folder, rows } if self.is_in_combined(account, folder) => {
                let name = self.names.get(account).cloned().unwrap_or_default();
                let rows = self.combined.rows(account, folder, &name, rows);
                What::Rows { folder: ALL, rows }
            }
            What::Rows { mut folder, rows } => {
                give(account, &mut folder);
                What::Rows { folder, rows }
            }
            What::Page(mut page) => {
                self.letter(account, &mut Arc::make_mut(&mut page).letter);
                What::Page(page)
            }
            What::Conversation { mut page, mut letters } => {
                self.letter(account, &mut Arc::make_mut(&mut page).letter);
                letters.iter_mut().for_each(|letter| self.letter(account, letter));
                What::Conversation { page, letters }
            }
            What::Output(mut page) => {
                self.letter(account, &mut Arc::make_mut(&mut page).letter);
                What::Output(page)
            }
            What::Original(mut page) => {
                self.letter(account, &mut Arc::make_mut(&mut page).letter);
                What::Original(page)
            }
            What::Found(mut found) => {
                found.letters.iter_mut().for_each(|letter| give(account, &mut letter.folder));
                What::Found(found)
            }
            What::Done(label) => {
                self.done(account, &label);
                What::Done(label)
            }
            What::Undoable(labels) => {
                self.deeds.splice(0..0, labels.iter().map(|_| account));
                What::Undoable(labels)
            }
            What::Failed { words, hint } => {
                let words = match self.names.get(account) {
                    Some(name) => safe_line!("{}: {}", name.as_str(), words.as_str()),
                    None => words,
                };
                What::Failed { words, hint }
            }
            other => other,
        }
    }

    /// All accounts' folders, this one's anew.
    fn folders(&mut self, account: usize, mut rows: Vec<FolderRow>) -> Vec<FolderRow> {
        let inbox = rows.iter().find(|row| row.role == Some(Role::Inbox));
        if let (Some(inbox), Some(known)) = (inbox, self.inboxes.get_mut(account)) {
            *known = Some(inbox.id);
        }
        for row in &mut rows {
            give(account, &mut row.id);
            row.name = self.title(account, &row.name);
        }
        let mut rows = together(&mut self.folders, account, rows);
        rows.insert(0, all_inboxes(&rows));
        rows
    }

    fn done(&mut self, account: usize, label: &UndoLabel) {
        match &label.held {
            Some((held, _)) => drop(self.of_held.insert(held.0.clone(), account)),
            None => {
                self.deeds.push(account);
                if self.deeds.len() > UNDO_MAX * self.names.len() {
                    self.deeds.remove(0);
                }
            }
        }
    }

    fn letter(&mut self, account: usize, letter: &mut LetterId) {
        if self.is_in_combined(account, letter.folder) {
            *letter = self.combined.here(account, *letter);
        } else {
            give(account, &mut letter.folder);
        }
    }

    fn draft(&mut self, account: usize, row: &mut DraftRow) {
        self.of_drafts.insert(row.id.0.clone(), account);
        if let Some(letter) = &mut row.answers {
            self.letter(account, letter);
        }
    }
}

/// The folder of all inboxes, by the rows of all folders.
fn all_inboxes(rows: &[FolderRow]) -> FolderRow {
    let inboxes = rows.iter().filter(|row| row.role == Some(Role::Inbox));
    let counts = inboxes.filter_map(|row| row.counts).reduce(|all, one| FolderCounts {
        letters: all.letters.saturating_add(one.letters),
        unread: all.unread.saturating_add(one.unread),
    });
    FolderRow { id: ALL, name: combined::NAME.into(), role: Some(Role::Inboxes), counts }
}

/// The account of a folder on the screen, whose number becomes the account's own.
fn take(id: &mut FolderId) -> usize {
    let place = id.0 >> OWN_BITS;
    id.0 &= (1 << OWN_BITS) - 1;
    usize::try_from(place).unwrap_or_default()
}

/// The same of letters, which are all of one folder.
fn take_all(letters: &mut [LetterId]) -> usize {
    let places: Vec<usize> = letters.iter_mut().map(|letter| take(&mut letter.folder)).collect();
    places.first().copied().unwrap_or_default()
}

/// The number that an account's folder has on the screen.
fn give(account: usize, id: &mut FolderId) {
    id.0 |= u32::try_from(account).unwrap_or_default() << OWN_BITS;
}

/// An account's rows in the place of those that it had; all accounts'.
fn together<T: Clone>(all: &mut [Vec<T>], account: usize, rows: Vec<T>) -> Vec<T> {
    if let Some(known) = all.get_mut(account) {
        *known = rows;
    }
    all.concat()
}
