//! Every limit of this crate.

/// Levels of multiparts and enclosed messages that are taken apart; what lies deeper is one opaque part (row A13).
pub const DEPTH_MAX: usize = 100;
/// Parts of a letter; from the last one on, all is one opaque part (row A13).
pub const PARTS_MAX: usize = 10_000;
/// Octets of a boundary; RFC 2046 §5.1.1 allows 70, and not everybody listens.
pub const BOUNDARY_OCTETS_MAX: usize = 256;
const _: () = assert!(BOUNDARY_OCTETS_MAX >= 70);

/// Parameters of one field; those beyond are not seen (row A14).
pub const PARAMETERS_MAX: usize = 128;
/// Parameters of a letter: each costs more memory than it has octets.
pub const PARAMETERS_OF_LETTER_MAX: usize = 20_000;
/// Languages in one `Content-Language`.
pub const LANGUAGES_MAX: usize = 64;
/// Addresses of a letter, with those of messages in it (row A18).
pub const ADDRESSES_MAX: usize = 20_000;

/// Octets that an encoded word may have; RFC 2047 §2 says 75, and not everybody listens.
pub const ENCODED_WORD_OCTETS_MAX: usize = 2_000;
/// Octets that are looked at in vain, for words that only begin like one: so many for each octet of a value, and
/// [`VAIN_OCTETS`]. Otherwise a letter costs what it is long, times what a word may be (row M10).
pub const VAIN_OCTETS_PER_OCTET: usize = 2;
/// As there.
pub const VAIN_OCTETS: usize = 64 * 1024;

/// Octets of a character reference in HTML; the longest name has 33.
pub const ENTITY_OCTETS_MAX: usize = 40;
/// Characters of a preview; RFC 8970 §3.3 asks for 200, and forbids more than 256.
pub const PREVIEW_CHARACTERS_MAX: usize = 200;
const _: () = assert!(PREVIEW_CHARACTERS_MAX <= 256);
/// Octets of a text that are looked at for its preview: HTML begins with what nobody reads.
pub const PREVIEWED_OCTETS_MAX: usize = 128 * 1024;
/// Octets of a text that are folded and searched at once; they stay in the processor's nearest cache.
pub const SEARCHED_AT_ONCE: usize = 16 * 1024;
/// Octets of fields' texts that are kept of a letter; of one with more its header is searched.
pub const FIELD_TEXTS_OCTETS_MAX: usize = 8 * 1024;

/// Message-IDs that a letter refers to; of more the last count. Threads of a thousand letters are rare.
pub const REFERENCES_MAX: usize = 1_000;
/// Ancestors that are looked at for one letter while threads are put together, to see that no letter comes below
/// itself. Where that isn't enough, the letter begins a thread: otherwise one long thread that nobody wrote, and
/// letters that all refer to its end, cost hours.
pub const THREAD_STEPS_MAX: usize = 4_096;
/// Octets of texts of fields that room is made for at first.
pub(crate) const FIELD_TEXTS_OCTETS_FIRST: usize = 512;
/// Octets of an address's words that room is made for at first.
pub(crate) const WORDS_OCTETS_FIRST: usize = 24;
