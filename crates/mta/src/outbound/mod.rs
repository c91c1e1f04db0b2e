//! The sending half of the MTA: from the queue to the next hop.
//!
//! | looking for | it is in |
//! |---|---|
//! | who takes a message, when it is tried, and the picture of it all | [`engine`] |
//! | where a recipient's mail goes: routes | `route.rs` |
//! | where it goes without a route: MX, addresses | [`dns`] |
//! | which host is tried next, TLS, fall-backs | `hop.rs` |
//! | how a session is opened there, and on which terms | `opening.rs` |
//! | which of its addresses answers first | `race.rs` |
//! | how connections are made | [`network`] |
//! | one session on the wire | `connection.rs` |
//! | what becomes of recipients: retries, outcomes | `settle.rs` |
//! | numbers that nobody can guess | `chance.rs` |
//! | by which clock, and how old a message is | `clock.rs` |
//! | what stands in the way of a message, for the operator | [`why`] |
//! | bounces, delay warnings, double bounces | `notice.rs` |
//! | whether the delivery agent takes a recipient, asked at RCPT | [`probe`] |
//! | where mail would go, for `postroad explain` | `way.rs` |
//! | log lines and trace records | `events.rs` |

mod agenda;
mod backlog;
mod budget;
mod chance;
mod clock;
mod connection;
mod dispatch;
pub mod dns;
pub mod engine;
mod events;
mod flight;
mod gate;
mod hop;
mod lane;
mod limits;
pub mod network;
mod notice;
mod opening;
mod pace;
mod panics;
pub mod probe;
mod race;
mod roll_call;
mod route;
mod schedule;
mod settle;
mod shared;
mod shortage;
mod turns;
mod under_way;
mod verdicts;
mod way;
pub mod why;
mod worker;

pub use chance::Chance;
pub use clock::TimeSource;
pub use engine::{Engine, Parts};
pub use probe::{Probe, ProbeOutcome};
pub(crate) use route::Router;
pub use why::{Obstacle, Why};
