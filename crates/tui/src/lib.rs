//! The full screen, as functions of data: what is shown, what keys do, and nothing that waits.
//!
//! ```text
//!  shell:  terminal ──keys──►  Msg  ──►  update(&mut Model, Msg)  ──►  Vec<Effect>  ──►  shell: actors
//!             ▲                 ▲                   │                                       │
//!             └───── paint(&Model, frame) ◄─────────┘        └──────── Report ◄─────────────┘
//! ```
//!
//! | looking for | it is in |
//! |---|---|
//! | everything that is shown | [`model`], and of each screen `screens` |
//! | what comes in | [`msg`] |
//! | what the shell is to do | [`effect`] |
//! | letters, folders, drafts as they are shown | [`data`] |
//! | letters that are being written, shown or not | [`desk`] |
//! | what a key is called, and what it does where | [`keys`] |
//! | what a message changes | [`update()`], `update` |
//! | how it looks | [`draw`], `view`; areas in `layout` |
//! | what a click is on | `places` |
//! | what is asked, and its answers | `question` |
//! | the cells of the terminal, ratatui | [`canvas`] |
//! | a line that is typed; a text | [`line_edit`], [`text_edit`] |
//! | people, and whom what is typed fits | [`people`] |
//! | numbered lines in place of a screen | [`plain`] |
//!
//! [`update()`] is total: any message in any state. It opens nothing, and asks no clock; [`draw`] sets the
//! cursor in every state, for those whose screen is read to them. Everything that others wrote comes as
//! `SafeText`, and so does everything that is typed before it is shown.
//!
//! Deliberately missing: settings behind `:` that change more than how things are shown; other keys than the table's.
#![forbid(unsafe_code)]

pub mod canvas;
pub mod data;
pub mod desk;
pub mod effect;
mod jobs;
pub mod keys;
mod layout;
pub mod limits;
pub mod line_edit;
pub mod model;
pub mod msg;
pub mod people;
mod places;
pub mod plain;
mod question;
mod screens;
pub mod text_edit;
mod update;
mod view;

pub use canvas::paint;
pub use effect::Effect;
pub use model::Model;
pub use msg::Msg;
pub use update::{start, update};
pub use view::draw;
