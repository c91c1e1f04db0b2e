//! What people type at the `&` prompt and behind `~`, as POSIX has it (IEEE Std 1003.1-2017, mailx), read and nothing
//! done: `commands::reader` does it.
//!
//! | looking for | it is in |
//! |---|---|
//! | commands, their short forms, what `?` shows | [`command`] |
//! | what is set up, by them and by `~/.mailrc` | [`settings`], [`script`] |
//! | which letters: `1-3`, `$`, `:u`, `/word`, an address | [`selection`] |
//! | `~` in a letter that is written | [`escape`] |

pub mod command;
pub mod escape;
pub mod script;
pub mod selection;
pub mod settings;
