//! Several accounts on one screen: which of them is asked, and what they tell, put together.
//!
//! Each account's actors number its folders from 0. On the screen the account's place stands in the highest octet of a
//! folder's number. What has no folder goes to the account that was asked last for something that has one. Lists of folders,
//! drafts and the outbox are one list of all accounts'.

use std::collections::HashMap;
use std::sync::Arc;

use postroad_tui::data::{
    DraftId, DraftRow, FolderId, FolderRow, LetterId, OutboxRow, OutboxState,
};
use postroad_tui::effect::{Ask, OutboxAsk, PeopleAsk, Start, Target};
use postroad_tui::msg::What;

use crate::safe_line;
use crate::safe_text::SafeText;

/// Bits of a folder's number that are the account's own.
const OWN_BITS: u32 = 24;

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
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// One account.
    One(usize),
    /// All of them; the first one's answer is the job's.
    All,
}

impl Accounts {
    pub(super) fn new(names: Vec<SafeText>) -> Self {
        let count = names.len();
        Self {
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

    /// Who is asked that, and as they number folders. `Err`: what can't be asked of anybody.
    pub(super) fn inward(&mut self, ask: &mut Ask) -> Result<Whose, &'static str> {
        let place = match ask {
            Ask::Folders | Ask::Drafts | Ask::Outbox(OutboxAsk::List) | Ask::Arrange(_) => {
                return Ok(Whose::All);
            }
            Ask::Open(id) | Ask::Close(id) | Ask::Refresh(id) | Ask::Sync(id) => take(id),
            Ask::Rows { folder, .. } => take(folder),
            Ask::Read(letter)
            | Ask::Part { letter, .. }
            | Ask::Save { letter, .. }
            | Ask::View { letter, .. }
            | Ask::Original { letter, .. }
            | Ask::People(PeopleAsk::CallAuthor { letter, .. })
            | Ask::Bounce { letter, .. } => take(&mut letter.folder),
            Ask::Flag { letters, .. } | Ask::Pipe { letters, .. } => take_all(letters),
            Ask::Move { letters, to } | Ask::Copy { letters, to } => {
                let place = take_all(letters);
                if let Target::Folder(id) = to
                    && Some(take(id)) != place.into()
                {
                    return Err("letters can't go to another account yet");
                }
                place
            }
            Ask::NewDraft(
                Start::Reply(letter, _) | Start::Forward(letter) | Start::Resend(letter),
            ) => take(&mut letter.folder),
            Ask::NewDraft(Start::Recall(draft))
            | Ask::SaveDraft(draft, _)
            | Ask::Attach(draft, _)
            | Ask::Detach(draft, _)
            | Ask::Queue(draft, _)
            | Ask::Discard(draft) => return Ok(Whose::One(self.of_draft(draft))),
            Ask::TakeBack(held) => return Ok(Whose::One(self.of(self.of_held.get(&held.0)))),
            Ask::Outbox(OutboxAsk::Retry(letter) | OutboxAsk::Discard(letter)) => {
                return Ok(Whose::One(self.of(self.of_outbox.get(&letter.0))));
            }
            Ask::Search(search) => search.folder.as_mut().map_or(self.current, take),
            Ask::NewDraft(Start::Empty | Start::To(_))
            | Ask::Undo
            // There is one address book, which the first account's actor reads as any other would.
            | Ask::People(_)
            | Ask::OpenLink(_)
            | Ask::Unsubscribe(_) => self.current,
        };
        self.current = place.min(self.names.len().saturating_sub(1));
        Ok(Whose::One(self.current))
    }

    fn of(&self, place: Option<&usize>) -> usize {
        place.copied().unwrap_or(self.current)
    }

    /// What an account tells, as it is on the screen.
    pub(super) fn outward(&mut self, account: usize, what: What) -> What {
        if self.names.len() < 2 {
            return what;
        }
        match what {
            What::Folders(mut rows) => {
                for row in &mut rows {
                    give(account, &mut row.id);
                    row.name = self.title(account, &row.name);
                }
                What::Folders(together(&mut self.folders, account, rows))
            }
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
            What::Rows { mut folder, rows } => {
                give(account, &mut folder);
                What::Rows { folder, rows }
            }
            What::Page(mut page) => {
                give(account, &mut Arc::make_mut(&mut page).letter.folder);
                What::Page(page)
            }
            What::Output(mut page) => {
                give(account, &mut Arc::make_mut(&mut page).letter.folder);
                What::Output(page)
            }
            What::Original(mut page) => {
                give(account, &mut Arc::make_mut(&mut page).letter.folder);
                What::Original(page)
            }
            What::Found(mut found) => {
                found.letters.iter_mut().for_each(|letter| give(account, &mut letter.folder));
                What::Found(found)
            }
            What::Done(label) => {
                if let Some((held, _)) = &label.held {
                    self.of_held.insert(held.0.clone(), account);
                }
                What::Done(label)
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

    fn draft(&mut self, account: usize, row: &mut DraftRow) {
        self.of_drafts.insert(row.id.0.clone(), account);
        if let Some(letter) = &mut row.answers {
            give(account, &mut letter.folder);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Accounts {
        Accounts::new(vec!["home".into(), "work".into()])
    }

    fn row(id: u32, name: &'static str) -> FolderRow {
        FolderRow { id: FolderId(id), name: name.into(), role: None, counts: None }
    }

    #[test]
    fn folders_of_all_are_one_list_and_each_knows_its_own() {
        let mut accounts = two();
        let What::Folders(rows) = accounts.outward(1, What::Folders(vec![row(0, "INBOX")])) else {
            panic!("no folders")
        };
        assert_eq!(rows[0].name.as_str(), "work: INBOX");
        let work = rows[0].id;
        let What::Folders(rows) = accounts.outward(0, What::Folders(vec![row(0, "INBOX")])) else {
            panic!("no folders")
        };
        let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["home: INBOX", "work: INBOX"]);
        let mut ask = Ask::Open(work);
        assert_eq!(accounts.inward(&mut ask), Ok(Whose::One(1)));
        assert_eq!(ask, Ask::Open(FolderId(0)));
        // What has no folder is for the same one.
        assert_eq!(accounts.inward(&mut Ask::Undo), Ok(Whose::One(1)));
        assert_eq!(accounts.inward(&mut Ask::NewDraft(Start::Empty)), Ok(Whose::One(1)));
        assert_eq!(accounts.inward(&mut Ask::Folders), Ok(Whose::All));
        let letter = LetterId { folder: work, validity: 1, uid: 7 };
        let mut ask = Ask::Move { letters: vec![letter], to: Target::Folder(rows[0].id) };
        assert!(accounts.inward(&mut ask).is_err());
    }

    #[test]
    fn one_account_is_as_it_was() {
        let mut accounts = Accounts::new(vec!["home".into()]);
        let What::Folders(rows) = accounts.outward(0, What::Folders(vec![row(3, "a")])) else {
            panic!("no folders")
        };
        assert_eq!((rows[0].id, rows[0].name.as_str()), (FolderId(3), "a"));
    }
}
