//! Every limit and timeout of the user agent, with its unit and its reason.

use std::time::Duration;

/// Octets of a letter that is composed or handed in; what the MTA takes by default.
pub const LETTER_OCTETS_MAX: u64 = postroad_protocol::limits::MESSAGE_OCTETS_MAX;
/// Octets of a letter that is read; larger ones can be saved by other means, not shown.
pub const MESSAGE_OCTETS_MAX: u64 = 128 * 1024 * 1024;
/// Octets of a message that the list reads: its header.
pub const HEADER_OCTETS_MAX: u64 = 256 * 1024;
/// Levels of multiparts and enclosed messages that are shown; the rest is opaque (row A13).
pub const PART_DEPTH_MAX: usize = 100;
/// Parts that are shown; the rest is opaque (row A13).
pub const PARTS_MAX: usize = 10_000;
/// `Content-Type` fields of a message before it is not parsed at all: each may open one more level,
/// and a parser's destructor recurses over levels.
pub const CONTENT_TYPE_FIELDS_MAX: usize = 10_000;
/// Stack of the thread that parses: room for `CONTENT_TYPE_FIELDS_MAX` levels, reserved, not used.
pub const PARSER_STACK_OCTETS: usize = 256 * 1024 * 1024;
/// How long parsing and laying out one message may take before it is shown raw.
pub const RENDER_TIMEOUT: Duration = Duration::from_secs(10);
/// Octets of HTML that are laid out; more is shown as an attachment.
pub const HTML_OCTETS_MAX: usize = 2 * 1024 * 1024;
/// Columns that HTML is laid out in.
pub const HTML_COLUMNS: usize = 78;
/// Links of a letter that are numbered; newsletters have some hundred.
pub const LINKS_MAX: usize = 1_000;
/// Octets of a `mailto:` link.
pub const MAILTO_OCTETS_MAX: usize = 64 * 1024;
/// Links of a list's field (RFC 2369 §2).
pub const LIST_LINKS_MAX: usize = 10;
/// Octets of a link that is opened; browsers take some more, mail programs seldom.
pub const LINK_OCTETS_MAX: usize = 4_096;
/// Characters of a quoted line whose paragraph was one line (RFC 3676 §4.2: 78 at most, with the mark of the quote).
pub const QUOTED_COLUMNS: usize = 72;
/// Octets of a header that are looked at for trace fields.
pub const TRACE_OCTETS_MAX: usize = 256 * 1024;
/// Trace fields of a letter: `Received` are 100 at most (RFC 5321 §6.3), each host may have found something, too.
pub const TRACE_FIELDS_MAX: usize = 300;
/// Methods of one `Authentication-Results`, and properties of each.
pub const RESULTS_MAX: usize = 50;
/// Records of this host's agents that are told of a letter; a dialogue with a next hop has some twenty.
pub const NOTED_RECORDS_MAX: usize = 300;
/// Signatures of a letter that are told.
pub const SIGNATURES_MAX: usize = 20;
/// Recipients that a letter which came back may tell of: no letter of ours has more.
pub const BOUNCE_RECIPIENTS_MAX: usize = 1_000;
/// Of those, so many are shown above its text.
pub const BOUNCE_LINES_MAX: usize = 5;
/// Octets of an HTTP status line.
pub const STATUS_OCTETS_MAX: usize = 1_024;
/// Octets of a mailcap file; Debian's have some hundred thousand.
pub const MAILCAP_OCTETS_MAX: u64 = 4 * 1024 * 1024;
/// Lines of a mailcap file.
pub const MAILCAP_ENTRIES_MAX: usize = 20_000;
/// Calendars of a letter that are told in words.
pub const INVITATIONS_MAX: usize = 5;
/// Octets of a header field that are shown.
pub const FIELD_OCTETS_MAX: usize = 2_000;
/// Octets of a file name that an attachment is saved under; file systems take 255.
pub const FILE_NAME_OCTETS_MAX: usize = 200;
/// Message-IDs in `References`: the first, and the last of the thread (RFC 5322 §3.6.4 sets no limit).
pub const REFERENCES_MAX: usize = 20;
/// Octets of one Message-ID; RFC 5322 §2.1.1 lets no line be longer than 998.
pub const MESSAGE_ID_OCTETS_MAX: usize = 250;
/// Octets of a file of settings or a password file.
pub const SETTINGS_OCTETS_MAX: u64 = 64 * 1024;
/// How long a password command may take.
pub const PASSWORD_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a provider of tokens may take for one answer.
pub const PROVIDER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one program waits for another that has the tokens: that one asks a provider twice at most.
pub const TOKENS_WAIT: Duration = Duration::from_secs(90);
/// How long somebody may take in a browser to log in: second factors are looked for in other rooms.
pub const LOGIN_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long a browser may take to say what it wants of us.
pub const LOOPBACK_PATIENCE: Duration = Duration::from_secs(10);
/// Connections to us at once while a browser is waited for; browsers open some ahead.
pub const LOOPBACK_CONNECTIONS_MAX: usize = 16;
/// How long nobody else is let in where the system had no room for who came.
pub const LOOPBACK_PAUSE: Duration = Duration::from_millis(50);
/// How long a POP3 server may stay silent.
pub const POP3_TIMEOUT: Duration = Duration::from_secs(60);
/// Accounts on one screen; a folder's number has room for no more.
pub const ACCOUNTS_MAX: usize = 100;
/// How long a mailbox file is waited for that another program has locked; deliveries take a moment.
pub const MBOX_LOCK_WAIT: Duration = Duration::from_secs(15);
/// A lock beside a mailbox file that is older is what a crash has left (procmail's rule; Dovecot's is 2 minutes).
pub const MBOX_LOCK_STALE: Duration = Duration::from_secs(5 * 60);
/// Letters of a mailbox file.
pub const MBOX_LETTERS_MAX: usize = 4_000_000;
/// Octets of a line of a mailbox file that are looked at: names of fields, and what they note.
pub const MBOX_LINE_OCTETS_KEPT: usize = 256;
/// How long an IMAP server may stay silent while it is asked for something.
pub const IMAP_SILENCE: Duration = Duration::from_secs(30);
/// How long one command of IMAP may take, however much comes: a letter of 128 MiB takes six minutes at 3 Mbit/s.
pub const IMAP_COMMAND: Duration = Duration::from_secs(10 * 60);
/// How long a connection has to show that it is alive: after a wait, a suspend, another network.
pub const IMAP_ALIVE: Duration = Duration::from_secs(10);
/// Letters of a folder at a server: what the server tells of more is too much.
pub const IMAP_LETTERS_MAX: usize = 4_000_000;
/// Folders at a server.
pub const IMAP_FOLDERS_MAX: usize = 20_000;
/// How often a server may have a password hashed (RFC 7677 §4 asks for 4,096 and more).
pub const SCRAM_ITERATIONS_MAX: u32 = 10_000_000;
/// How long a submission server may stay silent before the letter waits for the next try. RFC 5321
/// §4.5.3.2 asks relays for minutes; nobody watches a relay.
pub const SUBMISSION_TIMEOUT: Duration = Duration::from_secs(120);
/// First wait after a temporary failure; each later wait is twice as long.
pub const RETRY_FIRST: Duration = Duration::from_secs(2);
/// Longest wait after a temporary failure.
pub const RETRY_LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long the detached sender waits for better weather before it ends; the timer, or the next start
/// of the user agent, tries again.
pub const SENDER_PATIENCE: Duration = Duration::from_secs(60);
/// How long `outbox` commands wait for the sender to put the queue down.
pub const OUTBOX_WAIT: Duration = Duration::from_secs(20);
/// How long a letter of the full screen can be taken back before it leaves.
pub const HOLD: Duration = Duration::from_secs(10);
/// Octets of the fields of a draft; those of a letter to a thousand people have some tens of thousands.
pub const DRAFT_FIELDS_OCTETS_MAX: u64 = 4 * 1024 * 1024;
/// Deeds that are remembered to be taken back.
pub const UNDO_DEEDS_MAX: usize = 100;
/// Letters that are worth being indexed: fewer are read by each search, 4 of them in a millisecond.
pub const INDEXED_TOGETHER_MIN: usize = 64;
/// Octets of all of them: one deed with a hundred thousand letters has some six million.
pub const UNDO_OCTETS_MAX: u64 = 16 * 1024 * 1024;
/// How long a command waits for another one that takes something back.
pub const UNDO_WAIT: Duration = Duration::from_secs(5);
/// People and short names of the address book: those are dropped that are written to least.
pub const PEOPLE_MAX: usize = 10_000;
/// Octets of its file: so many people with long names.
pub const PEOPLE_OCTETS_MAX: u64 = 8 * 1024 * 1024;
/// Octets of a file of vCards; most of them are pictures.
pub const CARDS_OCTETS_MAX: u64 = 64 * 1024 * 1024;
/// How long a change of it waits for another one, which takes as long as two syncs.
pub const PEOPLE_WAIT: Duration = Duration::from_secs(2);
/// Octets of a person's name that are kept.
pub const PERSON_NAME_OCTETS_MAX: usize = 200;
/// Octets of a short name.
pub const ALIAS_OCTETS_MAX: usize = 64;
/// How deep short names may stand for others.
pub const ALIAS_DEPTH_MAX: usize = 20;
/// Short names that are replaced in one list: a letter has a thousand recipients at most.
pub const ALIASES_EXPANDED_MAX: usize = 2_000;
/// Octets of a file of `mail`'s commands; those with thousands of short names have some hundred thousand.
pub const MAILRC_OCTETS_MAX: u64 = 1024 * 1024;
/// Lines of such files, of all that name each other.
pub const MAILRC_LINES_MAX: usize = 100_000;
/// How deep such files may name each other.
pub const MAILRC_DEPTH_MAX: usize = 10;
/// Variables that one command sets.
pub const MAILRC_VARIABLES_MAX: usize = 1_000;
/// Password files beside an account file, each of a name of its own.
pub const PASSWORD_FILES_MAX: usize = 100;

/// How long a letter's seal is looked at: somebody may have to find a passphrase.
pub const UNSEALING_TIMEOUT: Duration = Duration::from_secs(70);
/// Letters whose headers are read together where a list needs them.
pub const HEADERS_TOGETHER: usize = 1_024;
