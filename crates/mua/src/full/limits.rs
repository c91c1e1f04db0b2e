//! Every limit of the full screen's shell, with its unit and its reason.

use std::time::Duration;

use crate::limits::UNSEALING_TIMEOUT;

/// Octets of a key's sequence: the longest of terminals have some twenty.
pub(super) const SEQUENCE_OCTETS_MAX: usize = 64;
/// Octets of text that is pasted at once: as many as can be typed into a line, and some.
pub(super) const PASTE_OCTETS_MAX: usize = 64 * 1024;
/// Octets of one read of the terminal.
pub(super) const READ_OCTETS: usize = 4 * 1024;
/// Octets of a line that is typed where there is no screen: more than a terminal's own editing has.
pub(super) const LINE_OCTETS_MAX: usize = 16 * 1024;
/// Columns and rows of a terminal that tells none.
pub(super) const UNKNOWN_SIZE: (u16, u16) = (80, 24);
/// How long the end waits for what was asked for before it.
pub(super) const QUIT_WAIT: Duration = Duration::from_secs(2);
/// How long lists of letters are waited for.
pub(super) const ROWS_WAIT: Duration = Duration::from_secs(2);
/// How long the list of folders is waited for.
pub(super) const FOLDERS_WAIT: Duration = Duration::from_secs(10);
/// How long a letter that is read is waited for: twice what laying it out may take, and opening it with its seal, for which
/// somebody may have to find a passphrase.
pub(super) const READ_WAIT: Duration = Duration::from_secs(95);
const _: () =
    assert!(READ_WAIT.as_secs() >= UNSEALING_TIMEOUT.as_secs() + 25, "the seal ends first");
/// How long a letter that is to be sent is waited for: it may be signed and encrypted by programs that ask for a passphrase,
/// and goes whether anybody waits or not.
pub(super) const QUEUE_WAIT: Duration = Duration::from_secs(180);
/// How long signers' keys are waited for: what the check itself may take, and reading the letter.
pub(super) const CHECK_WAIT: Duration = Duration::from_secs(50);
/// How long a program may take that letters are given to.
pub(super) const PIPE_WAIT: Duration = Duration::from_secs(60);
/// How long letters may take that go to another account.
pub(super) const ACROSS_WAIT: Duration = Duration::from_secs(300);
/// How long all else is waited for: it has a disk to do with.
pub(super) const DISK_WAIT: Duration = Duration::from_secs(30);
/// Letters that are read for a folder's list between two looks at what was asked.
pub(super) const FILL_LETTERS: usize = 256;
/// How often a list that is being read is shown anew.
pub(super) const FILL_SHOWN_EVERY: Duration = Duration::from_millis(200);
/// How long a list waits for whoever shows it to ask for its rows, before its threads are made.
pub(super) const ROWS_ASKED_WITHIN: Duration = Duration::from_millis(100);
/// How often folders are looked at of which the system tells nothing: those that another program numbers.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the list of folders is looked at, and whose times have changed is counted.
pub(super) const FOLDERS_EVERY: Duration = Duration::from_secs(5);
/// How long a search is waited for that has to read each letter of a large folder.
pub(super) const SEARCH_WAIT: Duration = Duration::from_secs(300);
/// How often is told what a search has found, once it has found something.
pub(super) const FOUND_TOLD_EVERY: Duration = Duration::from_millis(50);
/// How often it is looked whether some letters were indexed, so that the next ones are.
pub(super) const INDEX_LOOK_EVERY: Duration = Duration::from_millis(20);
/// Things that can be taken back.
pub(super) const UNDO_MAX: usize = 100;
/// Letters of a conversation that are shown as one page, the newest.
pub(super) const CONVERSATION_LETTERS_MAX: usize = 200;
/// Octets of a letter that is shown in a conversation; a longer one is told, and read by itself.
pub(super) const CONVERSATION_LETTER_OCTETS_MAX: u64 = 8 * 1024 * 1024;
/// How long letters of other folders are read, of which nothing is known yet, before a conversation is shown without them.
pub(super) const CONVERSATION_FILL: Duration = Duration::from_secs(3);
/// Octets of the file that has what is kept for the next start.
pub(super) const KEPT_OCTETS_MAX: u64 = 64 * 1024;
/// How long ago a thing may have been done that is offered to be taken back at the next start.
pub(super) const UNDO_OFFERED_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// Octets of a letter's text that are shown at once; it can be saved whole.
pub(super) const PAGE_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Columns of a line that explains a letter.
pub(super) const EXPLAINED_COLUMNS_MAX: usize = 1_000;
/// Lines of a letter that are shown.
pub(super) const PAGE_LINES_MAX: usize = 100_000;
/// Keywords of a letter that a list shows.
pub(super) const KEYWORDS_SHOWN_MAX: usize = 8;
/// Columns of each of them.
pub(super) const KEYWORD_COLUMNS_MAX: usize = 20;
/// Columns of a name or a subject that a list gets: more than any screen has.
pub(super) const ROW_COLUMNS_MAX: usize = 300;
/// How long what a server has to do with is waited for.
pub(super) const NETWORK_WAIT: Duration = Duration::from_secs(60);
/// How long the first try waits to connect to a server again; each further one twice as long.
pub(super) const CONNECT_AGAIN_FIRST: Duration = Duration::from_secs(1);
/// How long it waits at most. A network that comes back is noticed sooner.
pub(super) const CONNECT_AGAIN_LONGEST: Duration = Duration::from_secs(60);
/// A connection that was good for so long is made anew at once.
pub(super) const SERVED_WELL: Duration = Duration::from_secs(5);
/// How long one IDLE lasts: that the other end is there is seen by its end, and routers forget who says nothing for five
/// minutes (RFC 5382 §5).
pub(super) const IDLE_AGAIN: Duration = Duration::from_secs(4 * 60);
/// How often a server is asked for news that can't tell by itself.
pub(super) const POLL_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the system has slept, or the network is another one.
pub(super) const NETWORK_LOOK_EVERY: Duration = Duration::from_secs(5);
/// The clock and the time awake differ by so much where the system has slept.
pub(super) const SLEPT_AT_LEAST: Duration = Duration::from_secs(10);
/// How long a letter that nobody waits for may go on to come before the connection is cut.
pub(super) const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// Letters of one folder at a server that are shown of a search in all of them, the newest ones.
pub(super) const HUNTED_AT_MOST: usize = 500;
/// Letters of which headers are asked at once.
pub(super) const HEADERS_AT_ONCE: usize = 100;
/// How long a POP3 server is held when nothing is to be done: nobody else gets at the letters meanwhile (RFC 1939 §8).
pub(super) const MAILDROP_LEFT_AFTER: Duration = Duration::from_secs(5);
/// How often a POP3 server is asked for new letters; each time is a login.
pub(super) const MAILDROP_LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often a mailbox file is looked at.
pub(super) const FILE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Octets of names of letters and their numbers.
pub(super) const NUMBERS_OCTETS_MAX: u64 = 64 * 1024 * 1024;
/// How often the list of folders of a server is asked for.
pub(super) const FAR_FOLDERS_EVERY: Duration = Duration::from_secs(60);
/// How often what is known of a folder at a server is written down while it changes.
pub(super) const MIRROR_KEPT_EVERY: Duration = Duration::from_secs(5);
/// Octets of letters of a server that are kept; the oldest go first.
pub(super) const KEPT_LETTERS_OCTETS_MAX: u64 = 512 * 1024 * 1024;
/// Octets of what is to be done once there is a connection again.
pub(super) const PENDING_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// How long the end waits for what is to be done at a server; what isn't done then is kept for the next start.
pub(super) const FAR_QUIT_WAIT: Duration = Duration::from_millis(1_500);
/// Files of a folder that are looked at for those whose names begin as what is typed.
pub(super) const FILES_LOOKED_AT_MAX: usize = 100_000;
/// Names of such files that are shown.
pub(super) const FILES_LISTED_MAX: usize = 100;
