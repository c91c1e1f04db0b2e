//! What the machine itself says, with code and enhanced status code (RFC 5321 §4.2, RFC 3463).

use std::io::Write as _;

use crate::reply::{EnhancedStatus, Reply, ReplyCode};

/// A reply of one line that is known when this is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canned {
    code: ReplyCode,
    status: EnhancedStatus,
    text: &'static str,
}

const fn canned(code: u16, status: (u8, u16, u16), text: &'static str) -> Canned {
    let status = EnhancedStatus::of(status.0, status.1, status.2);
    Canned { code: ReplyCode::of(code), status, text }
}

impl Canned {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        // Writing into a Vec can't fail.
        let _ = write!(out, "{} {} {}\r\n", self.code, self.status, self.text);
    }

    pub(super) fn reply(self) -> Reply {
        Reply::from_parts(self.code, Some(self.status), self.text)
    }
}

pub(super) const OK: Canned = canned(250, (2, 0, 0), "Ok");
pub(super) const SENDER_OK: Canned = canned(250, (2, 1, 0), "Ok");
pub(super) const RECIPIENT_OK: Canned = canned(250, (2, 1, 5), "Ok");
pub(super) const CHUNK_OK: Canned = canned(250, (2, 0, 0), "Chunk received");
pub(super) const BYE: Canned = canned(221, (2, 0, 0), "Bye");
pub(super) const START_TLS: Canned = canned(220, (2, 0, 0), "Ready to start TLS");
pub(super) const LOGGED_IN: Canned = canned(235, (2, 7, 0), "Authentication succeeded");
/// RFC 5321 §3.5.3: neither yes nor no, whoever is asked about.
pub(super) const WILL_TRY: Canned =
    canned(252, (2, 1, 5), "Cannot VRFY user, send some mail and see");
pub(super) const NO_EXPN: Canned = canned(502, (5, 5, 1), "EXPN is not provided");
pub(super) const HELP: Canned = canned(214, (2, 0, 0), "See RFC 5321");

pub(super) const HELLO_FIRST: Canned = canned(503, (5, 5, 1), "Say hello first");
pub(super) const MAIL_FIRST: Canned = canned(503, (5, 5, 1), "MAIL first");
pub(super) const RCPT_FIRST: Canned = canned(503, (5, 5, 1), "No valid recipients");
pub(super) const NESTED_MAIL: Canned = canned(503, (5, 5, 1), "A transaction is open already");
pub(super) const CHUNKS_STARTED: Canned = canned(503, (5, 5, 1), "BDAT or RSET expected");
pub(super) const WRONG_HELLO: Canned = canned(500, (5, 5, 1), "This service has another hello");
pub(super) const NOT_NOW: Canned = canned(503, (5, 5, 1), "Not now");
pub(super) const NO_TLS: Canned = canned(502, (5, 5, 1), "STARTTLS is not offered");
pub(super) const NO_AUTH: Canned = canned(503, (5, 5, 1), "AUTH is not offered");
pub(super) const UNKNOWN_MECHANISM: Canned =
    canned(504, (5, 5, 4), "Unrecognized authentication type");
pub(super) const ENCRYPT_FIRST: Canned =
    canned(538, (5, 7, 11), "Encryption required for authentication");
pub(super) const LOGIN_FIRST: Canned = canned(530, (5, 7, 0), "Authentication required");
pub(super) const LOGIN_MALFORMED: Canned = canned(501, (5, 5, 2), "The response cannot be decoded");
pub(super) const LOGIN_CANCELLED: Canned = canned(501, (5, 7, 0), "Authentication cancelled");
pub(super) const LOGIN_PROXY: Canned =
    canned(535, (5, 7, 8), "Acting for another user is not allowed");
pub(super) const LOGIN_CHANNEL: Canned =
    canned(535, (5, 7, 8), "The login is not bound to this connection, somebody may be in between");
pub(super) const LOGIN_REFUSED: Canned = canned(535, (5, 7, 8), "The token is not accepted");
pub(super) const LOGIN_TOO_LONG: Canned =
    canned(500, (5, 5, 6), "Authentication exchange line is too long");

pub(super) const TOO_MANY_RECIPIENTS: Canned = canned(452, (4, 5, 3), "Too many recipients");
pub(super) const TOO_BIG: Canned = canned(552, (5, 3, 4), "The message is too big");
pub(super) const NEEDS_SMTPUTF8: Canned = canned(553, (5, 6, 7), "The address needs SMTPUTF8");
pub(super) const NO_DSN: Canned = canned(555, (5, 5, 4), "DSN is not offered");
pub(super) const BARE_CR: Canned = canned(554, (5, 5, 2), "Bare CR in the message");
pub(super) const BARE_LF: Canned = canned(554, (5, 5, 2), "Bare LF in the message");
pub(super) const NUL: Canned = canned(554, (5, 6, 0), "NUL in the message");

pub(super) const LINE_TOO_LONG: Canned = canned(500, (5, 5, 2), "Line too long");
pub(super) const LINE_END: Canned = canned(500, (5, 5, 2), "A line ends in CR LF");
pub(super) const NOT_SMTP: Canned = canned(554, (5, 5, 1), "This is no mail client");
pub(super) const TOO_EARLY: Canned = canned(554, (5, 5, 0), "Talking out of turn");
pub(super) const TOO_MANY_ERRORS: Canned = canned(421, (4, 7, 0), "Too many errors");
pub(super) const TOO_MANY_TRANSACTIONS: Canned =
    canned(421, (4, 7, 0), "Enough for one connection, come again");
pub(super) const TIMED_OUT: Canned = canned(421, (4, 4, 2), "Timed out");
pub(super) const SHUTTING_DOWN: Canned = canned(421, (4, 3, 2), "Shutting down, try again later");
pub(super) const LOCAL_ERROR: Canned = canned(451, (4, 3, 0), "Local error, try again later");
