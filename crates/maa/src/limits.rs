//! Every limit and timeout of the access agent that isn't the protocol's (those are in
//! `postroad_pop3::limits`).

use std::time::Duration;

/// A worker's threads that wait for the disk at once.
pub const DISK_THREADS_MAX: usize = 16;
/// How long such a thread waits for more to do.
pub const DISK_THREAD_LINGER: Duration = Duration::from_secs(2);
/// Octets of one read of a letter, and so about those of one write to a client.
pub const PIECE_OCTETS: usize = 64 * 1024;
/// Octets of one read from a client: commands are short.
pub const READ_OCTETS: usize = 4 * 1024;

/// How long a worker is kept that has no session: a client that comes back at once finds it as it was.
pub const WORKER_LINGER: Duration = Duration::from_secs(10);
/// Octets of what is kept of a session that no worker has; about 2,000 ranges of UIDs.
pub const PARKED_OCTETS_MAX: usize = 32 * 1024;
/// Octets that a client with COMPRESS may have said, to go on in another process: what comes next may refer to them.
pub const PARKED_SAID_OCTETS_MAX: usize = 8 * 1024;
/// How often a worker may say that its sessions rest before they wake: again for those that didn't go at once.
pub const NAP_WATCHES_MAX: usize = 8;
/// How long a worker may take to end when it is asked to.
pub const WORKER_END_TIMEOUT: Duration = Duration::from_secs(60);
/// Octets of a line that a process of a user of the host says; the rest is another line.
pub const SAID_OCTETS_MAX: usize = 4 * 1024;
/// Lines of such a process that are logged in a second.
pub const SAID_LINES_A_SECOND_MAX: usize = 100;
/// How long what it has said is waited for once it has ended: a process of its own may hold the other end open.
pub const SAID_WAIT: Duration = Duration::from_secs(1);
/// How long a session rests at least, whatever its worker says.
pub const REST_MIN: Duration = Duration::from_secs(1);
/// Octets that are passed on at once between TLS and a worker; each way of a session keeps no more than that.
pub const RELAY_OCTETS: usize = 16 * 1024;
/// Octets that a client may send behind an UNAUTHENTICATE that isn't answered yet.
pub const SENT_AHEAD_OCTETS_MAX: usize = 16 * 1024;
/// How long a worker and the front may take to give a connection back.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long either side of them may take nothing of what it is sent before it counts as gone.
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Octets of an HTTP request's line and fields, and of what is buffered of it (hyper's least is 8 KiB).
pub const HTTP_OCTETS_MAX: usize = 16 * 1024;
/// Fields of an HTTP request.
pub const HTTP_FIELDS_MAX: usize = 64;
/// How long an HTTP request's line and fields may take to come.
pub const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an HTTP connection may last, TLS handshake aside: there is one short file on each.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
/// Octets of a question to autodiscover: an address and a schema's name.
pub const AUTODISCOVER_OCTETS_MAX: usize = 8 * 1024;
/// Elements within each other there.
pub const AUTODISCOVER_DEPTH_MAX: usize = 8;

/// How long a TLS handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client that is turned away may take to read why.
pub const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sessions may go on when the agent is asked to stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Sizes of letters that are remembered, about 100 octets each; beyond that all are measured anew.
pub const SIZES_MAX: usize = 200_000;
/// The longest letter whose name is believed; one that says it is longer is read to know.
pub const LETTER_OCTETS_MAX: u64 = 1 << 40;
/// Scripts of one user.
pub const SCRIPTS_MAX: usize = 100;
/// How often a folder is listed again because it changed meanwhile.
pub const LISTINGS_MAX: usize = 3;

/// How long an IMAP client may take nothing of what it is sent before it counts as gone.
pub const IMAP_WRITE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Commands that are none, one behind the other, before a client is told to go.
pub const MISTAKES_MAX: usize = 20;
/// Letters that one APPEND may store (RFC 3502 sets no bound; each is an open file until all are there).
pub const APPEND_LETTERS_MAX: usize = 256;
/// Octets of a letter that is stored by APPEND.
pub const APPEND_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// Parts of other letters that one APPEND may take (RFC 4469 sets no bound): each is read for it.
pub const CATENATE_URLS_MAX: usize = 256;
/// Mailboxes that NOTIFY watches for one session (RFC 5465 §3.1 leaves the bound to us): each is open meanwhile.
/// (Tests that make so many need not wait for the disk.)
pub const NOTIFY_MAILBOXES_MAX: usize = if cfg!(test) { 16 } else { 512 };
/// Octets that are told at once of new letters that nobody has asked about; beyond that nothing more is told (§5.8).
pub const NOTIFY_OCTETS_MAX: usize = 16 * 1024 * 1024;
/// How often a session that has asked for NOTIFY looks for what nobody has told us of.
pub const NOTIFY_INTERVAL: Duration = Duration::from_secs(30);
/// Texts that one SEARCH may look for in each letter: people type a few.
pub const SEARCHED_TEXTS_MAX: usize = 256;
/// Letters that have come since before they are indexed: fewer are read as quickly.
pub const INDEXED_TOGETHER_MIN: usize = 256;
/// How long indexing waits after something has changed: what a client asks first comes first.
pub const INDEXING_DELAY: Duration = Duration::from_secs(1);
/// How often a client is told that a long command goes on (RFC 9585 §4: every 10 to 15 seconds).
pub const IMAP_PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Octets that are taken from a client that is silent, and waits for a long command: commands that follow.
pub const EARLY_OCTETS_MAX: usize = 64 * 1024;
