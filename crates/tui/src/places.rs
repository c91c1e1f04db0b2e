//! What a cell of the screen is for, for the mouse.
//!
//! While it draws, the view says so of each cell that means something, and what is said last lies on top, as what is drawn last
//! does. Nobody else knows what stands where: a click asks the view, and works nothing out by itself.

use crate::data::FolderId;
use crate::desk::WritingId;
use crate::keys::Key;

/// What a click is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something that lies on top of what was there, and is for nothing.
    Nothing,
    /// An entry of the list on the screen, by its place.
    Entry(usize),
    /// The folders beside the letters, where there is none.
    Beside,
    /// One of them.
    Folder(FolderId),
    /// A letter that is being written.
    Writing(WritingId),
    /// A key that is told, as the table writes it.
    Key(&'static str),
    /// An answer to the question that is asked: the key for it.
    Answer(Key),
    /// A line that is typed, from this column of it on.
    Typed(usize),
    /// A line of the text that is typed, from this column of it on.
    Text {
        /// The line, from 0.
        line: usize,
        /// The column.
        before: usize,
    },
    /// One of those who fit the address that is typed, by their place.
    Offered(usize),
    /// What `:` calls a key.
    Command(&'static str),
}
