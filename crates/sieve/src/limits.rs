//! Every limit of the language, with its unit, its section and its reason.
//!
//! A script that goes beyond one of them at check time is refused; at run time it fails, and the letter
//! stays in the inbox (RFC 5228 §2.10.6).

/// Octets of a script (row M10).
pub const SCRIPT_OCTETS_MAX: usize = 1024 * 1024;
/// Blocks and tests inside each other; RFC 5228 §2.10.7 asks for fifteen of each.
pub const NESTING_MAX: usize = 40;
const _: () = assert!(NESTING_MAX >= 15 + 15);
/// Problems that are reported of one script; a binary file would give thousands.
pub const PROBLEMS_MAX: usize = 20;

/// Octets of a message's header whose fields scripts see; what follows is left where it is. Each field is a value in
/// memory, ten times as large as the least there is (row M10).
pub const HEADER_OCTETS_MAX: usize = 2 * 1024 * 1024;
/// Octets of a field that addresses are looked for in: each may be two octets, and takes a hundred.
pub const ADDRESSES_OCTETS_MAX: usize = 1024 * 1024;
/// Octets of a `Content-Type` and its like that are looked at.
pub const PARAMETERIZED_OCTETS_MAX: usize = 64 * 1024;
/// Parameters of one that are looked at; each is compared with those before it.
pub const PARAMETERS_MAX: usize = 200;

/// Commands and tests that one run may take.
pub const STEPS_MAX: u64 = 100_000;
/// Steps that one run may take while it matches; less than a second's worth (row M10). A step is what a pattern
/// with wildcards takes for an octet.
pub const WORK_MAX: u64 = 32 * 1024 * 1024;
/// Octets that one step goes over where a text is only copied, folded or searched for another.
pub const OCTETS_PER_STEP: usize = 32;
/// Octets of a field that one step looks for parameters in; looking for addresses takes a step for each.
pub const PARAMETERS_PER_STEP: usize = 4;
/// Octets of a part that one step makes text of for `extracttext`.
pub const EXTRACTED_PER_STEP: usize = 2;
/// Steps that making a regular expression takes, where a variable is in it.
pub const REGEX_STEPS: usize = 20_000;
/// Steps for each look into what is remembered, or at the user's mailboxes: files are read for it.
pub const OUTSIDE_STEPS: usize = 16 * 1024;
/// Steps for each part that a test on bodies looks at.
pub const PART_STEPS: usize = 8;
/// Header fields that one step compares a name with.
pub const FIELDS_PER_STEP: usize = 2;
/// Octets of a part's header that one step looks for fields in.
pub const HEADER_PER_STEP: usize = 8;
/// Octets that one step undoes the transfer encoding of.
pub const DECODED_PER_STEP: usize = 8;
/// Octets of a value that one step changes as a modifier of `set` says.
pub const MODIFIED_PER_STEP: usize = 2;
/// Steps that folding as Unicode has it takes for an octet.
pub const UNICODE_STEPS_PER_OCTET: usize = 2;
/// Steps that a regular expression takes for an octet.
pub const REGEX_STEPS_PER_OCTET: usize = 2;
/// Places of it that a match may be at, all at once, that another step for each octet follows: `[01]{300}` has 300.
pub const REGEX_WIDTH_PER_STEP: usize = 4;
/// Octets of one value while it is put together from variables.
pub const TEXT_OCTETS_MAX: usize = 1024 * 1024;
/// Octets of all that a run has made and keeps: edited messages, replies, variables.
pub const MEMORY_OCTETS_MAX: usize = 256 * 1024 * 1024;
/// Steps that a trace keeps; what follows is only counted.
pub const TRACE_STEPS_MAX: usize = 2_000;
/// Octets of a value that a trace shows.
pub const TRACE_VALUE_OCTETS_MAX: usize = 120;

/// Redirects of one run (RFC 5228 §4.2, §10; row M10).
pub const REDIRECTS_MAX: usize = 4;
/// Programs that one run starts or pipes to; procmail's users have a handful.
pub const PROGRAMS_MAX: usize = 16;
/// Octets of a program's name, which is a file's; 128 characters are to be allowed.
pub const PROGRAM_NAME_OCTETS_MAX: usize = 512;
/// Arguments of a program; 16 are to be allowed.
pub const PROGRAM_ARGUMENTS_MAX: usize = 64;
/// Octets of one of them; 1,024 are to be allowed.
pub const PROGRAM_ARGUMENT_OCTETS_MAX: usize = 16 * 1024;
/// Actions of one run (RFC 5228 §2.10.4; row M10).
pub const ACTIONS_MAX: usize = 32;
const _: () = assert!(REDIRECTS_MAX <= ACTIONS_MAX);
/// Octets of a mailbox's name.
pub const MAILBOX_OCTETS_MAX: usize = 1_000;

/// Variables of a script; RFC 5229 §6 asks for at least 128.
pub const VARIABLES_MAX: usize = 256;
const _: () = assert!(VARIABLES_MAX >= 128);
/// Octets of a variable's name; RFC 5229 §6 asks for at least 32.
pub const VARIABLE_NAME_OCTETS_MAX: usize = 64;
/// Octets that a variable holds; the rest is cut off (RFC 5229 §6, which asks for at least 4,000 characters).
pub const VARIABLE_OCTETS_MAX: usize = 16 * 1024;
const _: () = assert!(VARIABLE_OCTETS_MAX >= 4 * 4_000);
/// The last match variable; RFC 5229 §6 asks for at least nine.
pub const MATCH_VARIABLES_MAX: usize = 99;

/// Flags that a letter is filed with; file systems and clients keep a few dozen (RFC 5232 §2 lets us ignore more).
pub const FLAGS_MAX: usize = 64;
/// Octets of a flag's name.
pub const FLAG_OCTETS_MAX: usize = 100;

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 24 * 60 * 60;
/// Days that nobody is told again by `vacation`, unless the script says otherwise (RFC 5230 §4.1).
pub const VACATION_DAYS: u64 = 7;
/// The most days a script may say there; RFC 5230 §4.1 asks for more than 30.
pub const VACATION_DAYS_MAX: u64 = 180;
const _: () = assert!(VACATION_DAYS_MAX > 30);
/// Characters of the subject of a letter that a script sends.
pub const SUBJECT_CHARACTERS_MAX: usize = 500;
/// Message-IDs in `References` of such a letter: the first, and the last of the thread.
pub const REFERENCES_MAX: usize = 20;
/// Octets of one Message-ID; RFC 5322 §2.1.1 lets no line be longer than 998.
pub const MESSAGE_ID_OCTETS_MAX: usize = 250;

/// Octets of the name of a field that a script adds.
pub const FIELD_NAME_OCTETS_MAX: usize = 200;
/// Octets of the value of a field that a script adds; RFC 5293 §4 asks for at least 998.
pub const ADDED_FIELD_OCTETS_MAX: usize = 16 * 1024;
const _: () = assert!(ADDED_FIELD_OCTETS_MAX >= 998);

/// Seconds that `duplicate` remembers, unless the script says otherwise (RFC 7352 §3.3).
pub const DUPLICATE_SECONDS: u64 = 7 * DAY_SECONDS;
/// The most seconds a script may say there.
pub const DUPLICATE_SECONDS_MAX: u64 = 90 * DAY_SECONDS;
/// Things that a run asks to be remembered.
pub const MEMOS_MAX: usize = 64;

/// Octets of a regular expression.
pub const REGEX_OCTETS_MAX: usize = 2_000;
/// Octets of a compiled one.
pub const REGEX_COMPILED_OCTETS_MAX: usize = 256 * 1024;
/// Those that a script and the ones that it leads to hold, all in all: they are compiled while it is checked, and kept.
pub const REGEXES_MAX: usize = 500;
/// Groups inside each other in one.
pub const REGEX_NESTING_MAX: u32 = 50;

/// Scripts in each other, the main one counted; RFC 6609 §3.1 asks for at least three.
pub const INCLUDE_DEPTH_MAX: usize = 5;
const _: () = assert!(INCLUDE_DEPTH_MAX >= 3);
/// Scripts that one leads to, all in all.
pub const INCLUDED_MAX: usize = 20;
/// Octets of a script's name (RFC 5804 §1.6 asks for 512).
pub const SCRIPT_NAME_OCTETS_MAX: usize = 512;

/// Octets of a URI that says how somebody is notified.
pub const URI_OCTETS_MAX: usize = 4_000;
/// Recipients of a notification (RFC 5435 §8).
pub const NOTIFIED_MAX: usize = 4;
/// Notifications of one run (RFC 5435 §8).
pub const NOTIFICATIONS_MAX: usize = 4;
