//! Every limit of the importer, with its unit and its reason.

/// Octets of one file that is imported; procmail's own lines end at 2,048.
pub const FILE_OCTETS_MAX: usize = 1024 * 1024;
/// Files that one file includes, all in all: a file may include itself.
pub(crate) const INCLUDED_MAX: usize = 64;
/// Files in each other.
pub(crate) const INCLUDE_DEPTH_MAX: usize = 8;
/// Blocks, groups and expressions inside each other; a script has fewer (`postroad_sieve::limits::NESTING_MAX`).
pub(crate) const NESTING_MAX: usize = 16;
/// Times a file is gone through until it is known which variables change while it runs.
pub(crate) const PASSES_MAX: usize = 20;
/// Fields that one pattern may name, and branches on the way there.
pub(crate) const FIELDS_MAX: usize = 64;
/// Octets of one expanded text: each variable may hold another one twice.
pub(crate) const TEXT_OCTETS_MAX: usize = 16 * 1024;
/// Lines of what was left out that are shown as comments.
pub(crate) const SHOWN_LINES_MAX: usize = 40;
/// Addresses that one action sends a letter on to; `postroad_sieve::limits::REDIRECTS_MAX` in a whole run.
pub(crate) const ADDRESSES_MAX: usize = postroad_sieve::limits::REDIRECTS_MAX;
/// Entries of a `.forward`, with those of files that it includes.
pub(crate) const ENTRIES_MAX: usize = 256;
