//! POP3 (RFC 1939), both sides, without a socket, a clock or a disk: octets and time go in, steps come
//! out.
//!
//! | looking for | it is in |
//! |---|---|
//! | what a server says and asks, state by state | [`server`] |
//! | reading a POP3 account | [`client`] |
//! | commands and their arguments (RFC 1939 §9, RFC 2449, RFC 5034) | [`command`] |
//! | `+OK`, `-ERR` and response codes (RFC 2449 §8, RFC 3206) | [`reply`] |
//! | byte-stuffing, line ends, sizes on the wire (RFC 1939 §3, §11) | [`content`] |
//! | unique-ids (RFC 1939 §7) | [`unique_id`] |
//! | lines of bounded length | `line.rs` |
//! | every limit and timeout | [`limits`] |
//!
//! Built: RFC 1939 without APOP, CAPA, RESP-CODES and PIPELINING (RFC 2449), STLS (RFC 2595), AUTH
//! PLAIN (RFC 5034), AUTH-RESP-CODE (RFC 3206), UTF8 (RFC 6856). Missing on purpose: APOP and the other
//! challenge mechanisms, which need passwords kept in clear; LANG; LOGIN-DELAY.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod client;
pub mod command;
pub mod content;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod line;
pub mod reply;
pub mod server;
pub mod unique_id;
