//! Every limit of text that is shown.

/// Combining marks on one character before the rest is counted, not shown (row U02).
pub const COMBINING_MARKS_MAX: usize = 4;
