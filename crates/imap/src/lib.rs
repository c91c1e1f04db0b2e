//! IMAP (RFC 9051, RFC 3501), both sides, without a socket, a clock or a disk: octets go in, commands and responses
//! come out.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]
