//! Every limit, with its unit and its reason.

/// Octets of a calendar that is read: a letter may hold a whole year of somebody's, which is a file and no invitation.
pub const CALENDAR_OCTETS_MAX: usize = 1024 * 1024;
/// Lines of it, folded ones counted as they are.
pub const CALENDAR_LINES_MAX: usize = 50_000;
/// Events that are told: an invitation is one, and some of a series that are otherwise.
pub const EVENTS_MAX: usize = 20;
/// People that are told; whole companies are invited at times.
pub const ATTENDEES_MAX: usize = 200;
/// People that are named in a line of a page.
pub const NAMED_MAX: usize = 20;
/// Characters of a text that are told.
pub const TEXT_CHARS_MAX: usize = 500;
/// Days, months and the like of a rule that are named.
pub const PARTS_MAX: usize = 7;
/// Components that an answer takes along, those that define zones.
pub const ZONES_MAX: usize = 50;
