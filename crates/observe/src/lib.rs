//! What an operator sees: the log on standard error, the records behind `postroad trace`, and the words
//! of the control socket ([`control`]); and what whoever calls a long command sees of it ([`progress`]).
//!
//! Log and records are inert: whatever came from outside is escaped ([`inert`]), so that no peer can write a line
//! of its own. Neither ever holds up mail: lines are handed to a thread of their own through a bounded
//! buffer; a full disk or a blocked pipe loses lines, and counts them.
#![forbid(unsafe_code)]

mod background;
pub mod control;
pub mod inert;
pub mod log;
pub mod progress;
pub mod trace;
