//! What an operator sees: the log on standard error, and the records behind `postroad trace`.
//!
//! Both are inert: whatever came from outside is escaped, so that no peer can write a line of its own.
//! Neither ever holds up mail: a full disk or a blocked pipe loses records, and counts them.
#![forbid(unsafe_code)]

pub mod log;
pub mod trace;
