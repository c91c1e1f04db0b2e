//! All keys. Those of mutt 2.2 do what they do there; ours stand on keys that it has free.

use super::table::{Action, Binding, Mutt, On};
use crate::data::Field;

/// The line on top of a screen: mutt's where it has one (the pager's letter for letter).
pub const HELP_LINES: &[(On, &str)] = &[
    (On::Index, "q:Quit  d:Del  u:Undel  s:Save  m:Mail  r:Reply  g:Group  ?:Help"),
    (On::Pager, "i:Exit  -:PrevPg  <Space>:NextPg v:View Attachm.  d:Del  r:Reply  j:Next ?:Help"),
    (On::Parts, "q:Exit  s:Save  <Enter>:View  ?:Help"),
    (On::Folders, "q:Exit  <Enter>:Open  n:Unread first  ?:Help"),
    (On::Compose, "y:Send  q:Abort  t:To  c:CC  s:Subj  a:Attach file  D:Detach  ?:Help"),
    (On::Outbox, "q:Exit  <Enter>:Open  r:Retry  D:Discard  ?:Help"),
    (On::Help, "Type to find a key.  <Esc>:Back"),
];

const fn same(
    on: On,
    keys: &'static [&'static str],
    action: Action,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding { on, keys, action, label, help, mutt: Mutt::Same }
}

const fn ours(
    on: On,
    keys: &'static [&'static str],
    action: Action,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding { on, keys, action, label, help, mutt: Mutt::Ours }
}

/// All entries, in the order in which they are told.
#[rustfmt::skip]
pub const TABLE: &[Binding] = &[
    same(On::Index, &["Enter", "Space"], Action::Open, "Read", "read the letter"),
    same(On::Index, &["j", "Down"], Action::Next, "Next", "next letter that isn't struck"),
    same(On::Index, &["k", "Up"], Action::Previous, "Prev", "letter before that isn't struck"),
    same(On::Index, &["Tab"], Action::NextNew, "Next new", "next unread letter"),
    same(On::Index, &["Esc Tab"], Action::PreviousNew, "", "unread letter before"),
    same(On::Index, &["J"], Action::NextAny, "", "next letter"),
    same(On::Index, &["K"], Action::PreviousAny, "", "letter before"),
    same(On::Index, &["PgDn", "z", "Right"], Action::PageDown, "", "a page down"),
    same(On::Index, &["PgUp", "Z", "Left"], Action::PageUp, "", "a page up"),
    same(On::Index, &["=", "Home"], Action::First, "", "first letter"),
    same(On::Index, &["*", "End"], Action::Last, "", "last letter"),
    same(On::Index, &["d"], Action::Delete, "Del", "strike the letter: it goes to the trash with $ or q"),
    same(On::Index, &["u"], Action::Undelete, "Undel", "don't strike it; elsewhere: take the last thing back"),
    same(On::Index, &["c"], Action::ChangeFolder, "Folder", "another folder"),
    same(On::Index, &["$"], Action::Sync, "Sync", "carry out what was struck and marked"),
    same(On::Index, &["s"], Action::Save, "Save", "move the letter to a folder"),
    same(On::Index, &["F"], Action::ToggleFlag, "Flag", "mark as important, or not"),
    same(On::Index, &["N"], Action::ToggleNew, "New", "mark as unread, or read"),
    same(On::Index, &["h"], Action::Headers, "", "read it with all fields of its header"),
    same(On::Index, &["m"], Action::Mail, "Mail", "write a letter"),
    same(On::Index, &["r"], Action::Reply, "Reply", "answer who wrote it"),
    same(On::Index, &["g"], Action::Group, "Group", "answer all"),
    same(On::Index, &["f"], Action::Forward, "Forward", "send it on"),
    same(On::Index, &["B", "R"], Action::Outbox, "Outbox", "letters on their way, and those being written"),
    ours(On::Index, &["`"], Action::Sidebar, "Sidebar", "folders beside the letters, or not"),
    same(On::Index, &["x"], Action::Exit, "Exit", "leave; nothing is struck or marked"),
    same(On::Index, &["q"], Action::Quit, "Quit", "leave; what was struck goes to the trash"),

    same(On::Pager, &["Space", "PgDn"], Action::PageDown, "NextPg", "a page on, then the next letter"),
    same(On::Pager, &["-", "PgUp"], Action::PageUp, "PrevPg", "a page back"),
    same(On::Pager, &["Enter", "Down"], Action::LineDown, "Line", "a line on"),
    same(On::Pager, &["Backspace", "Up"], Action::LineUp, "", "a line back"),
    same(On::Pager, &["^", "Home"], Action::First, "Top", "to the top"),
    same(On::Pager, &["End"], Action::Last, "", "to the end"),
    same(On::Pager, &["j", "Right"], Action::Next, "Next", "next letter that isn't struck"),
    same(On::Pager, &["k", "Left"], Action::Previous, "Prev", "letter before that isn't struck"),
    same(On::Pager, &["J"], Action::NextAny, "", "next letter"),
    same(On::Pager, &["K"], Action::PreviousAny, "", "letter before"),
    same(On::Pager, &["Tab"], Action::NextNew, "Next new", "next unread letter"),
    same(On::Pager, &["h"], Action::Headers, "Headers", "all fields of its header, or few"),
    same(On::Pager, &["v"], Action::Parts, "View Attachm.", "its parts"),
    same(On::Pager, &["d"], Action::Delete, "Del", "strike the letter"),
    same(On::Pager, &["u"], Action::Undelete, "Undel", "don't strike it; elsewhere: take the last thing back"),
    same(On::Pager, &["s"], Action::Save, "Save", "move the letter to a folder"),
    same(On::Pager, &["F"], Action::ToggleFlag, "Flag", "mark as important, or not"),
    same(On::Pager, &["N"], Action::ToggleNew, "New", "mark as unread, or read"),
    same(On::Pager, &["$"], Action::Sync, "", "carry out what was struck and marked"),
    same(On::Pager, &["m"], Action::Mail, "Mail", "write a letter"),
    same(On::Pager, &["r"], Action::Reply, "Reply", "answer who wrote it"),
    same(On::Pager, &["g"], Action::Group, "Group", "answer all"),
    same(On::Pager, &["f"], Action::Forward, "Forward", "send it on"),
    same(On::Pager, &["c"], Action::ChangeFolder, "Folder", "another folder"),
    ours(On::Pager, &["`"], Action::Sidebar, "", "folders beside the letter, or not"),
    same(On::Pager, &["i", "q", "x"], Action::Quit, "Exit", "back to the letters"),

    same(On::Parts, &["Enter"], Action::Open, "View", "the part as text"),
    same(On::Parts, &["j", "Down"], Action::Next, "Next", "next part"),
    same(On::Parts, &["k", "Up"], Action::Previous, "Prev", "part before"),
    same(On::Parts, &["PgDn", "z"], Action::PageDown, "", "a page down"),
    same(On::Parts, &["PgUp", "Z"], Action::PageUp, "", "a page up"),
    same(On::Parts, &["=", "Home"], Action::First, "", "first part"),
    same(On::Parts, &["*", "End"], Action::Last, "", "last part"),
    same(On::Parts, &["s"], Action::Save, "Save", "save the part as a file"),
    same(On::Parts, &["q", "v"], Action::Quit, "Exit", "back to the letter"),

    same(On::Folders, &["Enter"], Action::Open, "Open", "take this folder"),
    same(On::Folders, &["j", "Down"], Action::Next, "Next", "next folder"),
    same(On::Folders, &["k", "Up"], Action::Previous, "Prev", "folder before"),
    same(On::Folders, &["PgDn", "z"], Action::PageDown, "", "a page down"),
    same(On::Folders, &["PgUp", "Z"], Action::PageUp, "", "a page up"),
    same(On::Folders, &["=", "Home"], Action::First, "", "first folder"),
    same(On::Folders, &["*", "End"], Action::Last, "", "last folder"),
    ours(On::Folders, &["n"], Action::Order, "Unread first", "those with unread letters first, or by name"),
    same(On::Folders, &["q", "i"], Action::Quit, "Exit", "back"),

    same(On::Compose, &["y"], Action::Send, "Send", "send it"),
    same(On::Compose, &["e"], Action::Edit, "Edit", "change the text"),
    same(On::Compose, &["t"], Action::Field(Field::To), "To", "change who it is for"),
    same(On::Compose, &["c"], Action::Field(Field::Cc), "CC", "change who gets a copy"),
    same(On::Compose, &["b"], Action::Field(Field::Bcc), "Bcc", "change who gets a copy that nobody sees"),
    same(On::Compose, &["s"], Action::Field(Field::Subject), "Subj", "change what it is about"),
    same(On::Compose, &["r"], Action::Field(Field::ReplyTo), "Reply-To", "change where answers go"),
    same(On::Compose, &["a"], Action::Attach, "Attach file", "let a file go with it"),
    same(On::Compose, &["D"], Action::Detach, "Detach", "let the file that is selected not go with it"),
    same(On::Compose, &["j", "Down"], Action::Next, "", "next part"),
    same(On::Compose, &["k", "Up"], Action::Previous, "", "part before"),
    same(On::Compose, &["P"], Action::Postpone, "Postpone", "keep it for later"),
    same(On::Compose, &["q"], Action::Quit, "Abort", "keep it for later, or throw it away"),

    same(On::Outbox, &["Enter"], Action::Open, "Open", "write on; one that is held is taken back first"),
    same(On::Outbox, &["j", "Down"], Action::Next, "Next", "next letter"),
    same(On::Outbox, &["k", "Up"], Action::Previous, "Prev", "letter before"),
    same(On::Outbox, &["PgDn", "z"], Action::PageDown, "", "a page down"),
    same(On::Outbox, &["PgUp", "Z"], Action::PageUp, "", "a page up"),
    same(On::Outbox, &["=", "Home"], Action::First, "", "first letter"),
    same(On::Outbox, &["*", "End"], Action::Last, "", "last letter"),
    ours(On::Outbox, &["r"], Action::Retry, "Retry", "try it now"),
    ours(On::Outbox, &["D"], Action::Discard, "Discard", "throw it away"),
    ours(On::Outbox, &["q", "i"], Action::Quit, "Exit", "back"),

    ours(On::Help, &["Esc", "Enter"], Action::Quit, "Back", "back"),
    ours(On::Help, &["Down"], Action::LineDown, "", "a line down"),
    ours(On::Help, &["Up"], Action::LineUp, "", "a line up"),
    ours(On::Help, &["PgDn"], Action::PageDown, "", "a page down"),
    ours(On::Help, &["PgUp"], Action::PageUp, "", "a page up"),
    ours(On::Help, &["^L"], Action::Redraw, "", "draw everything anew"),
    ours(On::Help, &["^Z"], Action::Suspend, "", "stop the program for now"),

    same(On::Anywhere, &["?"], Action::Help, "Help", "the keys of this screen"),
    same(On::Anywhere, &["^L"], Action::Redraw, "", "draw everything anew"),
    same(On::Anywhere, &["^Z"], Action::Suspend, "", "stop the program for now"),
];
