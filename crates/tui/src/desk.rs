//! Letters that are being written: all of them, whether they are shown or not.
//!
//! The screens that show one have its number alone, so no letter goes with a screen: it leaves by `Desk::close`, which is
//! called where its draft is safe in the outbox, kept for later, or thrown away, and the program ends by [`AllKept`], which
//! nobody else can make.

use crate::data::{DraftId, DraftRow, Fields};
use crate::effect::{Ask, Start};
use crate::jobs::Jobs;
use crate::screens::{ComposeStage, EditorState, ListState, Prompt, Screen};

/// What a letter that is being written is called as long as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WritingId(u64);

/// A letter that is being written.
#[derive(Debug, Clone)]
pub struct ComposeState {
    /// Which.
    pub id: WritingId,
    /// How it was begun.
    pub start: Start,
    /// The letter as it is on disk, once it is there.
    pub draft: Option<DraftRow>,
    /// The fields as they are typed.
    pub fields: Fields,
    /// Where the user is: 0 is the text, then attachments.
    pub list: ListState,
    /// How far it is.
    pub stage: ComposeStage,
    /// Its text, where that is typed here.
    pub text: Text,
    /// What was being typed for it in the last line when it was left.
    pub asked: Option<Prompt>,
}

/// Where the text of a letter is.
#[derive(Debug, Clone, Default)]
pub enum Text {
    /// On disk.
    #[default]
    OnDisk,
    /// It is typed here.
    Typed(Box<EditorState>),
    /// It was typed here, and is on its way to the disk: until it is there it isn't given up.
    Left(Box<EditorState>),
}

/// Letters that are being written, in the order in which they were begun.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    letters: Vec<ComposeState>,
    last: u64,
    /// The one that was left last.
    left: Option<WritingId>,
}

/// That all letters that are being written are on disk as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllKept(());

impl ComposeState {
    /// Whether it is the letter with this draft.
    pub(crate) fn is_of(&self, draft: &DraftId) -> bool {
        self.draft.as_ref().is_some_and(|row| row.id == *draft)
    }

    /// Its text, where there is more of it than on disk, or may be.
    pub(crate) fn text_mut(&mut self) -> Option<&mut EditorState> {
        match &mut self.text {
            Text::OnDisk => None,
            Text::Typed(editor) | Text::Left(editor) => Some(editor),
        }
    }

    /// The same, where it is typed.
    pub(crate) fn typed(&self) -> Option<&EditorState> {
        match &self.text {
            Text::Typed(editor) => Some(editor),
            Text::OnDisk | Text::Left(_) => None,
        }
    }
}

impl Desk {
    /// Begins one.
    pub(crate) fn open(&mut self, start: Start, stage: ComposeStage) -> WritingId {
        self.last += 1;
        let id = WritingId(self.last);
        self.letters.push(ComposeState {
            id,
            start,
            draft: None,
            fields: Fields::default(),
            list: ListState::default(),
            stage,
            text: Text::OnDisk,
            asked: None,
        });
        id
    }

    /// It is written no more: it is in the outbox, kept for later, or thrown away.
    pub(crate) fn close(&mut self, id: WritingId) -> Option<ComposeState> {
        let place = self.place(id)?;
        Some(self.letters.remove(place))
    }

    /// One of them.
    pub fn get(&self, id: WritingId) -> Option<&ComposeState> {
        self.letters.iter().find(|letter| letter.id == id)
    }

    /// One of them, to be changed.
    pub(crate) fn get_mut(&mut self, id: WritingId) -> Option<&mut ComposeState> {
        self.letters.iter_mut().find(|letter| letter.id == id)
    }

    /// The one that is shown on top.
    pub(crate) fn shown(&mut self, stack: &[Screen]) -> Option<&mut ComposeState> {
        self.get_mut(stack.last()?.writing()?)
    }

    /// The one with this draft.
    pub(crate) fn of_draft(&mut self, draft: &DraftId) -> Option<&mut ComposeState> {
        self.letters.iter_mut().find(|letter| letter.is_of(draft))
    }

    /// All.
    pub fn letters(&self) -> &[ComposeState] {
        &self.letters
    }

    /// All, to be changed.
    pub(crate) fn letters_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut ComposeState> {
        self.letters.iter_mut()
    }

    /// The place of one among them, from 0.
    pub(crate) fn place(&self, id: WritingId) -> Option<usize> {
        self.letters.iter().position(|letter| letter.id == id)
    }

    /// It was left as it stands.
    pub(crate) fn leave(&mut self, id: WritingId) {
        self.left = Some(id);
    }

    /// The one that was left last, else the one that was begun last.
    pub(crate) fn left_last(&self) -> Option<WritingId> {
        let left = self.left.filter(|id| self.place(*id).is_some());
        left.or_else(|| self.letters.last().map(|letter| letter.id))
    }

    /// That all are on disk, if they are: nothing has changed since, and nothing is on its way there.
    pub(crate) fn all_kept(&self, jobs: &Jobs) -> Option<AllKept> {
        let is_changed = |letter: &ComposeState| match &letter.text {
            Text::OnDisk => letter.draft.is_none(),
            Text::Typed(editor) | Text::Left(editor) => editor.changed.is_some(),
        };
        let is_on_its_way = !self.letters.is_empty() && jobs.any(is_about_drafts);
        let is_kept = !is_on_its_way && !self.letters.iter().any(is_changed);
        is_kept.then_some(AllKept(()))
    }
}

/// What writes drafts.
pub(crate) fn is_about_drafts(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::NewDraft(_)
            | Ask::SaveDraft(..)
            | Ask::SaveText(..)
            | Ask::Attach(..)
            | Ask::Detach(..)
            | Ask::Queue(..)
    )
}
