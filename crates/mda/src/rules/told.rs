//! Telling a user that the rules have a mistake: a letter into their own inbox, once for each version of the
//! script.
//!
//! A file in the mailbox says which version was told of. It is written before the letter is delivered: a crash
//! in between costs the notice, the other order would tell again and again where the file can't be written.

use postroad_protocol::address::Address;
use postroad_store::{Change, StoreError};

use super::{Mailbox, UserScript};
use crate::limits;
use crate::notice::Notice;

/// The file.
const MARK: &str = "postroad-rules-told";

/// What somebody is told.
#[derive(Debug)]
pub(super) struct Mistake<'a> {
    pub(super) script: &'a UserScript,
    pub(super) mistake: &'a str,
    pub(super) to: &'a Address,
    pub(super) host: &'a str,
}

pub(super) fn tell(notice: &Mistake<'_>, mailbox: Mailbox<'_>) -> Result<(), StoreError> {
    let Mailbox { courier, inbox } = mailbox;
    let version = format!("{}\n", notice.script.version).into_bytes();
    if courier.mark(inbox, MARK)? == version {
        return Ok(());
    }
    let mut draft = courier.begin(inbox)?;
    let body = body(notice);
    let subject = "Your mail rules have a mistake";
    Notice { to: notice.to, host: notice.host, subject, body: &body }.write(&mut draft)?;
    let is_new = |known: &[u8]| (known != version.as_slice()).then(|| version.clone());
    match courier.change_mark(inbox, MARK, is_new)? {
        Change::Made => draft.deliver().map(drop),
        // Another letter's delivery was first.
        Change::None => Ok(()),
    }
}

fn body(notice: &Mistake<'_>) -> String {
    let name = notice.script.path.file_name().unwrap_or_default().to_string_lossy();
    let name = plain(&name);
    let mistake = plain(notice.mistake);
    let mistake = mistake.lines().map(|line| format!("    {line}\r\n")).collect::<String>();
    format!(
        "Your rules for mail, the Sieve script {name}, could not be followed:\r\n\
         \r\n\
         {mistake}\
         \r\n\
         Letters that they can't be followed for are kept in your inbox. None is lost.\r\n\
         You are told this once, and again when the script has changed and still has\r\n\
         a mistake.\r\n"
    )
}

/// What strangers' letters and users' scripts may hold, without what a terminal obeys, and not without end.
fn plain(text: &str) -> String {
    let printable = |c: char| if c.is_control() && c != '\n' { '\u{fffd}' } else { c };
    let mut octets = 0;
    let fits = |c: &char| {
        octets += c.len_utf8();
        octets <= limits::MISTAKE_OCTETS_MAX
    };
    text.chars().map(printable).take_while(fits).collect()
}
