//! Every limit of the store, with its unit and its reason.

use std::time::Duration;

/// For how long a delivery is known again: transfer agents give up after five days.
pub const DELIVERIES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Octets of a file of deliveries, of which a mailbox has two: some three thousand letters each.
pub(crate) const DELIVERIES_OCTETS_MAX: u64 = 256 * 1024;
/// Letters that are added to such a file by their names when lines may be missing: as many as it holds.
pub(crate) const DELIVERIES_FOUND_MAX: usize = 6_000;
/// Deliveries of all mailboxes that a process keeps in memory, some 100 octets each; beyond it the files are
/// read again.
pub(crate) const DELIVERIES_IN_MEMORY_MAX: usize = 100_000;
/// How long a change of a mailbox's small files waits for its turn: a change takes two syncs.
pub(crate) const TURN_WAIT_MAX: Duration = Duration::from_secs(2);
/// How often it looks.
pub(crate) const TURN_LOOK_EVERY: Duration = Duration::from_millis(2);
/// Octets of a keyword, as Dovecot has it (`mail_max_keyword_length`).
pub(crate) const KEYWORD_OCTETS_MAX: usize = 50;
/// A dot lock that is older was left by a crash, as Dovecot has it.
pub(crate) const DOT_LOCK_AGE_MAX: Duration = Duration::from_secs(2 * 60);
/// Octets of an annotation's name.
pub(crate) const ENTRY_NAME_OCTETS_MAX: usize = 1_000;
/// Octets of a folder's annotations together, as the file has them.
pub(crate) const METADATA_OCTETS_MAX: usize = 1024 * 1024;

/// Mailbox files: how long their locks are waited for. Programs that read one hold them for moments, or for as long as
/// it takes to write it anew.
pub(crate) const MAILBOX_LOCK_WAIT: Duration = Duration::from_secs(60);
/// Mailbox files: pauses between tries, from the first on twice as long each.
pub(crate) const MAILBOX_LOCK_PAUSE_MIN: Duration = Duration::from_millis(2);
pub(crate) const MAILBOX_LOCK_PAUSE_MAX: Duration = Duration::from_millis(250);
/// Mailbox files: letters for one of them that wait in this process, each with a thread. More are put off.
pub(crate) const MAILBOX_WAITERS_MAX: usize = 64;
/// Mailbox files that are remembered as having a durable name; beyond that all are synced once more.
pub(crate) const MAILBOXES_KNOWN_MAX: usize = 16_384;
/// Dot locks of mailbox files: older ones are left behind. What liblockfile, procmail and others have.
pub(crate) const MAILBOX_LOCK_AGE_MAX: Duration = Duration::from_secs(5 * 60);
/// Dot locks of mailbox files: the same where their process is not to be found. It may be another host's, or another container's.
pub(crate) const MAILBOX_LOCK_OF_NOBODY_AGE_MAX: Duration = Duration::from_secs(30);

/// Registers: UIDs, and mod-sequences, that are reserved with one sync.
pub(crate) const LEASE_NUMBERS: u32 = 1_024;
/// Registers: octets of frames at least, before the whole is written anew.
pub(crate) const REGISTER_FRAMES_MIN: u64 = 128 * 1024;
/// Registers: octets of a frame. The longest say of a million letters and more that they came, or are about to.
pub(crate) const FRAME_OCTETS_MAX: usize = 256 * 1024 * 1024;
/// Registers: letters that one frame says of that they came, less than 100 octets each as a rule, and 275 at most.
pub(crate) const FRAME_LETTERS_MAX: usize = 500_000;
/// Registers: ranges of expunged UIDs that are remembered, 16 octets each; clients that were away for longer are told
/// of all UIDs that aren't there.
pub(crate) const EXPUNGED_RANGES_MAX: usize = 16_384;
/// Registers: how long their lock is waited for. Whoever holds it changes flags of a million letters, or lists them.
pub(crate) const REGISTER_LOCK_WAIT: Duration = Duration::from_secs(20);
/// The mailbox that was closed last: letters up to which it stays in memory, some 100 octets each, when another one is
/// opened.
pub(crate) const KEPT_BESIDE_LETTERS_MAX: usize = 250_000;
/// Open mailboxes: letters whose files are renamed or removed before the register is told: the system keeps some 16,000
/// changes for who watches a directory, and a rename makes two.
pub(crate) const FILES_AT_ONCE: usize = 4_096;
/// Open mailboxes: a change to a directory this shortly before a listing may be followed by one that its times don't
/// show. Kernels count time in steps of up to 10 ms.
pub(crate) const CLOCK_GRAIN: Duration = Duration::from_millis(50);
/// The same on file systems that count in seconds (FAT in two).
pub(crate) const CLOCK_GRAIN_COARSE: Duration = Duration::from_millis(2_100);
/// Listings: directories that are shorter are read by the thread that looks their names up.
pub(crate) const FOLDER_OCTETS_ALONE: u64 = 128 * 1024;
/// The same: names that one thread gives the other together.
pub(crate) const NAMES_AT_ONCE: usize = 1_024;
/// The same: how often that is ahead of the other.
pub(crate) const NAMES_WAITING: usize = 4;
/// Open mailboxes: letters whose files are renamed or removed while the system tells of each; for more it is quicker to
/// list the folder afterwards.
pub(crate) const FILES_WATCHED_MAX: usize = 1_000;
/// Open mailboxes: how often a letter is looked for that others rename meanwhile.
pub(crate) const LOOKS_MAX: usize = 4;
/// Letters that move: octets of what is said of them at once, some hundred for a letter.
pub(crate) const MOVING_OCTETS_MAX: usize = 256 * 1024 * 1024;
/// The same: moves that are left over, since a folder can't be read; each is tried again when a folder is opened.
pub(crate) const MOVES_LEFT_MAX: usize = 64;
/// Open mailboxes: changes that are kept for a mailbox that nobody looks at; beyond it the folder is listed.
pub(crate) const NOTICED_MAX: usize = 16_384;

/// Cache: octets of what is remembered of one letter. Those of which there is more are read each time.
pub(crate) const CACHED_LETTER_OCTETS_MAX: usize = 256 * 1024;
/// Cache: letters of a block: its index is read at once.
pub(crate) const CACHE_BLOCK_LETTERS_MAX: usize = 1_600;
/// Cache: octets of facts after which a block is written.
pub(crate) const CACHE_BLOCK_OCTETS_MAX: usize = 1024 * 1024;
/// Cache: letters that are known of a folder, 48 octets of memory each.
pub(crate) const CACHE_LETTERS_MAX: usize = 4_000_000;
/// Counts of folders: how many are kept, and octets of their file.
pub(crate) const STATUS_FOLDERS_MAX: usize = 20_000;
pub(crate) const STATUS_OCTETS_MAX: usize = 8 * 1024 * 1024;
/// Directories in directories of a folder that is removed: it has one level.
pub(crate) const REMOVED_DEPTH_MAX: usize = 8;
/// Folders that a list of subscriptions names.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 20_000;
/// Octets of what POP3 calls a letter (RFC 1939 §7).
pub(crate) const UIDL_OCTETS_MAX: usize = 70;
/// Keywords of a folder that are taken over from Courier.
pub(crate) const COURIER_KEYWORDS_MAX: usize = 1_000;
/// Rights: how many others a folder's owner may give some, and octets of a name.
pub(crate) const ACL_ENTRIES_MAX: usize = 500;
pub(crate) const ACL_IDENTIFIER_OCTETS_MAX: usize = 1_000;
