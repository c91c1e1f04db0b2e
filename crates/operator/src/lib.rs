//! The operator's hand: what stands behind the command `postroad`.
//!
//! | command | in | asks |
//! |---|---|---|
//! | `postroad up` | `up` | nobody: it makes a suite of its own and runs it |
//! | `postroad check` | `check` | the settings and the files that they name |
//! | `postroad status` | `status` | the transfer agent's control socket |
//! | `postroad user` | `user` | the file of users |
//! | `postroad queue` | `queue` | the transfer agent's control socket |
//! | `postroad trace` | `trace` | all agents' trace files |
//! | `postroad probe` | `probe` | DNS, and the hosts that it names |
//! | `postroad explain` | `explain` | the transfer agent's control socket |
//! | `postroad reload` | `reload` | the transfer agent's and the access agent's control sockets |
//! | `postroad bans` | `bans` | the same two |
//!
//! Nothing here is needed for mail to flow. What came from outside is shown with its control characters
//! made visible ([`postroad_observe::inert`]).
#![forbid(unsafe_code)]

mod bans;
mod check;
pub mod cli;
mod control;
mod explain;
mod probe;
mod queue;
mod reload;
mod screen;
mod status;
mod trace;
mod up;
mod user;
