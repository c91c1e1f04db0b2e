//! Every limit of the full screen, with its unit and its reason.

use std::time::Duration;

/// Letters whose rows are kept: a few windows above and below the one that is shown.
pub const ROWS_KEPT: usize = 2_000;
/// Rows that are asked for above and below the window.
pub const ROWS_AHEAD: usize = 60;
/// Columns of a line of a letter before it counts as another line: what is wrapped for one window.
pub const LINE_COLUMNS_MAX: usize = 4_000;
/// Octets that can be typed into one line: some hundred addresses.
pub const TYPED_OCTETS_MAX: usize = 16 * 1024;
/// Octets that a regular expression which is looked for in a letter may take: what needs more is no search of a person's.
pub const PATTERN_OCTETS_MAX: usize = 1024 * 1024;
/// Lines of each kind that are kept, to be had back while another one is typed.
pub const TYPED_BEFORE_MAX: usize = 100;
/// People that are shown while an address is typed.
pub const OFFERED_MAX: usize = 5;
/// Columns from which the folders stand beside the letters without being asked for.
pub const SIDEBAR_FROM_COLUMNS: u16 = 100;
/// Columns of the folders beside the letters.
pub const SIDEBAR_COLUMNS: u16 = 22;
/// Columns of what is told of a letter that is being written, in the line of all of them.
pub const TAB_COLUMNS_MAX: usize = 24;
/// Rows from which there is a line of those.
pub const TABS_FROM_ROWS: u16 = 5;
/// Rows from which there are two lines of keys at the foot.
pub const TWO_FOOT_LINES_FROM_ROWS: u16 = 20;
/// Rows from which there is one, and the help line on top.
pub const ONE_FOOT_LINE_FROM_ROWS: u16 = 12;
/// How deep threads are drawn: what is deeper stands there, too.
pub const TREE_DEPTH_MAX: usize = 16;
/// Letters that are looked at below one to see where the lines of its thread go on.
pub const TREE_LETTERS_MAX: usize = 2_000;
/// How long Esc waits for a second key, which would make the two one.
pub const ESCAPE_WAIT: Duration = Duration::from_millis(500);
/// Keys that are kept while a letter is looked for that they are for.
pub const KEYS_AHEAD_MAX: usize = 64;
/// Letters of all folders that are listed as like a pattern, the newest.
pub const FOUND_ROWS_MAX: usize = 2_000;
/// How long letters of all folders wait for another key before they are looked for: each key looks into every folder anew.
pub const SEARCH_ALL_AFTER: Duration = Duration::from_millis(200);
/// Octets of a text that is typed: far more than anybody types, and less than a letter may have.
pub const TEXT_OCTETS_MAX: usize = 8 * 1024 * 1024;
/// Changes of a text that can be undone.
pub const TEXT_UNDO_MAX: usize = 1_000;
/// How long a text that was changed waits before it is written to disk: what is typed meanwhile goes with it.
pub const TEXT_SAVED_AFTER: Duration = Duration::from_millis(500);
/// How long lines that are typed wait for what is to be shown, where there is no screen.
pub const PLAIN_WAIT: Duration = Duration::from_secs(2);
/// Columns of lists where there is no screen: as many as have numbers, even where the terminal is narrower.
pub const PLAIN_LIST_COLUMNS: u16 = 60;
/// Columns before the rows of a list where there is no screen, which say what is selected.
pub const PLAIN_MARK_COLUMNS: u16 = 2;
/// How long a click that opens something takes another one on the same cell with it.
pub const DOUBLE_CLICK: Duration = Duration::from_millis(500);
/// Rows that the wheel moves.
pub const WHEEL_ROWS: usize = 3;
/// Things that can be taken back.
pub const UNDO_LABELS_MAX: usize = 100;
