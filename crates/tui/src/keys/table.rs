//! What an entry of the table of keys is. The list of keys that `?` shows, the lines at the foot and what
//! a key does are all made of it.

use super::{Key, mutt};
use crate::data::Field;

/// What is on the screen, so what keys mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Every screen; its own keys come first.
    Anywhere,
    /// Every list; a list's own keys come first.
    List,
    /// The letters of a folder.
    Index,
    /// A letter.
    Pager,
    /// The parts of a letter.
    Parts,
    /// The links of a letter.
    Links,
    /// Whether a letter is from whom it says, and how it travelled.
    Explain,
    /// The folders.
    Folders,
    /// A letter that is being written.
    Compose,
    /// Letters on their way, or being written.
    Outbox,
    /// Whom the user knows.
    People,
    /// The text of a letter that is being written.
    Editor,
    /// Letters of all folders.
    Found,
    /// The keys.
    Help,
}

impl On {
    /// Whether entries are chosen there.
    pub(crate) fn is_list(self) -> bool {
        match self {
            Self::Anywhere | Self::Pager | Self::Explain | Self::Editor | Self::Help => false,
            Self::List
            | Self::Index
            | Self::Parts
            | Self::Links
            | Self::Folders
            | Self::Compose
            | Self::Outbox
            | Self::People
            | Self::Found => true,
        }
    }

    /// Where else keys are looked for, behind its own: those of every list, those of every screen. In the list of keys a letter
    /// is typed to find one, and in a text for the text.
    fn behind(self) -> &'static [Self] {
        match (self.is_typed_into(), self.is_list()) {
            (true, _) => &[],
            (false, true) => &[Self::List, Self::Anywhere],
            (false, false) => &[Self::Anywhere],
        }
    }

    /// Whether letters are typed there, and are no keys.
    pub(crate) fn is_typed_into(self) -> bool {
        matches!(self, Self::Help | Self::Editor)
    }
}

/// One entry: some keys that do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Where.
    pub on: On,
    /// The keys, as [`Key`] writes them; two of them as `Esc Tab`. The first is the one that is told.
    pub keys: &'static [&'static str],
    /// What they do.
    pub action: Action,
    /// In one word, for the foot; or empty, where it isn't told there.
    pub label: &'static str,
    /// In a few words.
    pub help: &'static str,
    /// Whether mutt has the same.
    pub mutt: Mutt,
}

/// Whether mutt 2.2 does the same by the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutt {
    /// It does.
    Same,
    /// This is ours.
    Ours,
}

/// What a key can do. What it is done to depends on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To the next one; in the index one that isn't struck.
    Next,
    /// To the one before; in the index one that isn't struck.
    Previous,
    /// To the next one, struck or not.
    NextAny,
    /// To the one before, struck or not.
    PreviousAny,
    /// To the next one that is unread.
    NextNew,
    /// To the one before that is unread.
    PreviousNew,
    /// A window on.
    PageDown,
    /// A window back.
    PageUp,
    /// Half a window on.
    HalfDown,
    /// Half a window back.
    HalfUp,
    /// To the first one in sight.
    PageTop,
    /// To the one in the middle of the window.
    PageMiddle,
    /// To the last one in sight.
    PageBottom,
    /// To the one with a number.
    Jump,
    /// A row on.
    LineDown,
    /// A row back.
    LineUp,
    /// To the first one.
    First,
    /// To the last one.
    Last,
    /// Look at what is selected.
    Open,
    /// Strike it.
    Delete,
    /// Don't strike it; or take the last thing back.
    Undelete,
    /// Unread, or read.
    ToggleNew,
    /// Important, or not.
    ToggleFlag,
    /// Tag it, or not.
    Tag,
    /// The next key is for all that are tagged.
    TagPrefix,
    /// Mark it as a letter says.
    SetMark,
    /// Take a mark away, as a letter says.
    ClearMark,
    /// Put a copy of it into a folder.
    Copy,
    /// Give it to a program.
    Pipe,
    /// Print it.
    Print,
    /// Who wrote it, name and address.
    Address,
    /// Which folders have unread letters.
    NewMail,
    /// Look for new letters now.
    FetchMail,
    /// What the list is limited to.
    ShowLimit,
    /// Which program this is.
    Version,
    /// A command of the user's shell.
    Shell,
    /// Look for mistakes in the text.
    Spell,
    /// To the next thread.
    NextThread,
    /// To the thread before.
    PreviousThread,
    /// To the next answer, and what is below that.
    NextSubthread,
    /// To the answer before.
    PreviousSubthread,
    /// To the letter that it answers.
    Parent,
    /// Show the first letter of its thread alone, or all.
    Collapse,
    /// The same for all threads.
    CollapseAll,
    /// Strike its thread.
    DeleteThread,
    /// Don't strike its thread.
    UndeleteThread,
    /// Mark its thread as read.
    ReadThread,
    /// Tag its thread, or not.
    TagThread,
    /// Strike it and what is below it.
    DeleteSubthread,
    /// Don't strike it, nor what is below it.
    UndeleteSubthread,
    /// Mark it and what is below it as read.
    ReadSubthread,
    /// Another order.
    Sort,
    /// Another order, the other way round.
    SortReverse,
    /// A key by its name.
    Command,
    /// Carry out what was struck and marked.
    Sync,
    /// To another folder.
    ChangeFolder,
    /// The list of folders.
    Folders,
    /// Make a folder.
    MakeFolder,
    /// Call it otherwise.
    RenameFolder,
    /// Remove it with all that is in it.
    RemoveFolder,
    /// Subscribe to it.
    Subscribe,
    /// Don't any more.
    Unsubscribe,
    /// Into the archive.
    Archive,
    /// Move it to a folder, or save it as a file.
    Save,
    /// With all fields of the header, or few.
    Headers,
    /// With all that it answers and that answer it, as one page.
    Conversation,
    /// Its parts.
    Parts,
    /// Its links.
    Links,
    /// Leave the list that it came by.
    ListAction,
    /// In a program of the user's.
    Mailcap,
    /// Whether it is from whom it says, and how it travelled.
    Explain,
    /// The user's letter that it is about.
    Original,
    /// Answer an invitation.
    Attend,
    /// Whether its signatures hold.
    CheckSignatures,
    /// Quotes as lines of their own, or not.
    ToggleQuoted,
    /// To what stands behind the next quote.
    SkipQuoted,
    /// To what stands behind the header.
    SkipHeaders,
    /// Write a letter.
    Mail,
    /// Answer who wrote.
    Reply,
    /// Answer all.
    Group,
    /// Answer the mailing list.
    ListReply,
    /// Send it on.
    Forward,
    /// Send it on as it is.
    Bounce,
    /// Write it again, as a new letter.
    Resend,
    /// The letters that are on their way, or being written.
    Outbox,
    /// Whom the user knows.
    Query,
    /// Give somebody a short name.
    CreateAlias,
    /// Folders beside the letters.
    Sidebar,
    /// Leave the letter that is written as it stands, or go back to it.
    Leave,
    /// To the letter being written that has a number.
    Letter,
    /// Change the text.
    Edit,
    /// Take the line away, and keep it.
    CutLine,
    /// Have it again.
    PutLine,
    /// Have other words in the place of some.
    Replace,
    /// Take the last change of the text back.
    UndoText,
    /// Have it again.
    RedoText,
    /// Change a field.
    Field(Field),
    /// Let a file go with it.
    Attach,
    /// Don't.
    Detach,
    /// Send it.
    Send,
    /// Sign it, or encrypt it.
    Seal,
    /// Keep it for later.
    Postpone,
    /// Try it now.
    Retry,
    /// Throw it away.
    Discard,
    /// The keys of this screen.
    Help,
    /// Draw anew.
    Redraw,
    /// Stop the program.
    Suspend,
    /// To the next letter that is like what is typed.
    Search,
    /// To the one before.
    SearchBack,
    /// All letters of all folders that are like what is typed.
    SearchAll,
    /// To the next one of these.
    SearchNext,
    /// Mark what is like that, or don't.
    SearchToggle,
    /// Show but letters that are like what is typed.
    Limit,
    /// Strike those that are like what is typed.
    DeletePattern,
    /// Don't strike them.
    UndeletePattern,
    /// Tag them.
    TagPattern,
    /// Don't tag them.
    UntagPattern,
    /// Back, or out, and carry out what was struck and marked.
    Quit,
    /// Out, and don't.
    Exit,
}

/// What the keys do here, one after the other.
pub fn find(on: On, keys: &[Key]) -> Option<&'static Binding> {
    named(on, &keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "))
}

/// What the keys do here that are written like that.
pub fn named(on: On, name: &str) -> Option<&'static Binding> {
    of(on).find(|binding| binding.keys.contains(&name))
}

/// The key for something, the one that is told.
pub(crate) fn key_of(on: On, action: Action) -> Option<&'static str> {
    of(on).find(|binding| binding.action == action)?.keys.first().copied()
}

/// The entries of a screen, its own first; of a key that stands in several the first one counts, and what has no other key is left
/// out.
pub fn of(on: On) -> impl Iterator<Item = &'static Binding> {
    let own = |on: On| mutt::TABLE.iter().filter(move |binding| binding.on == on);
    let is_own = move |key: &&str| own(on).any(|binding| binding.keys.contains(key));
    let behind = on.behind().iter().flat_map(move |on| own(*on));
    own(on).chain(behind.filter(move |binding| !binding.keys.iter().all(&is_own)))
}

/// Whether two keys may be one here.
pub fn has_escape(on: On) -> bool {
    // Digits are pressed with Alt, which terminals send in one: Esc alone doesn't wait for them.
    let waits = |binding: &&Binding| binding.action != Action::Letter;
    of(on).filter(waits).flat_map(|binding| binding.keys).any(|keys| keys.starts_with("Esc "))
}

/// A key for the eye: `d`, `^L`, `<Enter>`.
pub fn shown(key: &str) -> String {
    let is_short = key.chars().count() == 1 || (key.starts_with('^') && key.len() == 2);
    if is_short { key.to_owned() } else { format!("<{key}>") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_key_means_two_things() {
        let mut seen = BTreeSet::new();
        for binding in mutt::TABLE {
            for key in binding.keys {
                assert!(seen.insert((format!("{:?}", binding.on), *key)), "{key} in {binding:?}");
            }
            assert!(!binding.keys.is_empty() && !binding.help.is_empty(), "{binding:?}");
        }
    }

    #[test]
    fn help_lines_tell_the_truth() {
        for (on, line) in mutt::HELP_LINES {
            for word in line.split_whitespace().filter(|word| word.contains(':')) {
                let (key, label) = word.split_once(':').unwrap();
                let key = key.trim_start_matches('<').trim_end_matches('>');
                let known = of(*on)
                    .any(|binding| binding.keys.contains(&key) && binding.label.starts_with(label));
                assert!(known, "{word} of {on:?}");
            }
        }
    }

    #[test]
    fn keys_are_found_by_their_names() {
        for (on, keys, action) in [
            (On::Index, &[Key::Char('j')][..], Some(Action::Next)),
            (On::Index, &[Key::Down], Some(Action::Next)),
            (On::Index, &[Key::Esc, Key::Tab], Some(Action::PreviousNew)),
            (On::Pager, &[Key::Char(' ')], Some(Action::PageDown)),
            (On::Pager, &[Key::Ctrl('l')], Some(Action::Redraw)),
            (On::Help, &[Key::Char('d')], None),
            (On::Index, &[Key::F(9)], None),
        ] {
            let found = find(on, keys).map(|binding| binding.action);
            assert_eq!(found, action, "{keys:?} on {on:?}");
        }
    }
}
