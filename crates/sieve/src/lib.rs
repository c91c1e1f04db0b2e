//! Sieve: a user's rules for mail, as a pure function from script, message and facts to a list of actions.
//!
//! ```text
//! octets ─ lexer ─► tokens ─ parser ─► tree ─ check ─► Script ─ run ─► Outcome { actions, error, trace }
//!                                        │                       ▲
//!                                     printer                message, facts
//! ```
//! | looking for | it is in |
//! |---|---|
//! | what an extension does: its commands, tests, tags, state | `src/extensions/`, the file of its name |
//! | `if`, `require`, `keep`, `redirect`, `header`, … (RFC 5228 §3 to §5) | `src/base/` |
//! | tokens, grammar, canonical text (RFC 5228 §8) | `src/lexer.rs`, `src/parser.rs`, `src/printer.rs` |
//! | how names and arguments are resolved; what a declaration can say | `src/check/` |
//! | comparators and match types (RFC 5228 §2.7) | `src/matching/` |
//! | strings with variables in them | `src/text.rs` |
//! | header fields as a script sees them | `src/letter.rs`, `src/decode.rs`, `src/address.rs` |
//! | how actions go together, the implicit keep (RFC 5228 §2.10) | `src/actions.rs` |
//! | every limit, with its section | [`limits`] |
//!
//! Nothing here touches a disk, a network, a clock or a thread. What a script can ask of the world stands in
//! [`Facts`]; what it wants done, in [`Action`]: the caller does all of it, or defers.
//!
//! ```
//! use postroad_sieve::{Action, Facts, Message, compile};
//!
//! let script = b"require \"fileinto\"; if header :contains \"List-Id\" \"rust\" { fileinto \"rust\"; }";
//! let script = compile("active.sieve", script)?;
//! let message = Message::new(b"List-Id: <rust.example>\r\n\r\nHello");
//! let outcome = script.run(&message, &Facts::default());
//! let [decision] = &outcome.actions[..] else { panic!() };
//! assert!(matches!(&decision.action, Action::FileInto { mailbox, .. } if mailbox == "rust"));
//! # Ok::<(), postroad_sieve::Problems>(())
//! ```
//!
//! A script with a mistake is refused by [`compile`], with [`Problems`] that name line and column. A script that
//! fails while it runs does nothing but keep the letter in the inbox, and the [`Outcome`] says why. No input
//! makes it run for long, take much memory, or panic.
#![forbid(unsafe_code)]

mod actions;
mod address;
mod base;
mod check;
mod compose;
mod decode;
mod extensions;
mod facts;
mod fields;
mod filing;
#[doc(hidden)]
pub mod fuzz;
mod letter;
mod lexer;
pub mod limits;
mod matching;
mod mime;
mod outcome;
mod parser;
mod printer;
mod problem;
mod run;
mod script;
mod syntax;
#[cfg(test)]
mod tests;
mod text;

pub use check::{Library, Unfit};
pub use extensions::capabilities;
pub use extensions::include::Location;
pub use facts::{
    Call, Facts, Mailboxes, Past, ProgramError, Programs, Ran, Tracing, Virus, Wanted,
};
pub use letter::Message;
pub use outcome::{
    Action, Content, Create, Decision, Fcc, Filing, Memo, MemoKind, Notification, Origin, Outcome,
    Pipe, Refusal, Reply, Rest, TraceStep, Try,
};
pub use problem::{Place, Problem, Problems};
pub use script::Script;

/// Checks a script, so that it can be run. `name` is what problems call it.
///
/// # Errors
/// All that is wrong with it, or the first thing where it can't be read at all.
pub fn compile(name: &str, text: &[u8]) -> Result<Script, Problems> {
    compile_with(name, text, &NoScripts)
}

/// As [`compile`], for a script that may include those of a library.
///
/// # Errors
/// As there. What is wrong with included scripts, and with names of mailboxes, is in [`Script::warnings`].
pub fn compile_with(name: &str, text: &[u8], library: &dyn Library) -> Result<Script, Problems> {
    check::check(name, text, library)
}

struct NoScripts;

impl Library for NoScripts {
    fn script(&self, _: Location, _: &str) -> Option<Vec<u8>> {
        None
    }
}

/// The script in canonical form, comments kept.
///
/// # Errors
/// Where the text is no script; whether its names mean anything isn't looked at.
pub fn format(name: &str, text: &[u8]) -> Result<Vec<u8>, Problem> {
    let tree = parser::parse(text).map_err(|fault| fault.within(&name.into()))?;
    Ok(printer::print(&tree))
}
