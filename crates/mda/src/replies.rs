//! What a peer is told: by LMTP as a reply, by a one-shot delivery as exit code and first line.

use postroad_accounts::Directory;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::reply::{EnhancedStatus, Reply, ReplyCode};
use postroad_store::{Filed, StoreError};

use crate::limits;

/// Filed; the text names the file, or the mailbox file.
pub(crate) fn filed(filed: &Filed) -> Reply {
    let name = filed.path.file_name().unwrap_or_default().to_string_lossy();
    // The sizes behind the comma are nobody's business but the mailbox's.
    let name = name.split(',').next().unwrap_or_default();
    Reply::new(250, (2, 0, 0), format!("Filed as {name}"))
}

/// In no file of ours: sent on, or dropped, as the recipient has it.
pub(crate) fn dealt_with() -> Reply {
    Reply::new(250, (2, 0, 0), "Dealt with by the recipient's rules")
}

/// There already, since an earlier try of which nobody heard.
pub(crate) fn repeated() -> Reply {
    Reply::new(250, (2, 0, 0), "Recognised as a repeat: the letter is here already")
}

/// Another try of the same delivery is under way: how it ends isn't known yet.
pub(crate) fn under_way() -> Reply {
    Reply::new(451, (4, 3, 0), "The same letter is being delivered in this moment, try again later")
}

/// Refused, in the words of the recipient's rules (RFC 5429 §2.1), as far as a reply holds them.
pub(crate) fn refused_by_rules(lines: &[String], utf8: Utf8) -> Reply {
    Reply::new(550, (5, 7, 1), fitting(lines, utf8))
}

/// Lines that fit (RFC 5321 §4.5.3.1.5), and only ASCII where nobody has asked for more (RFC 6531 §3.7.4.1).
fn fitting(lines: &[String], utf8: Utf8) -> String {
    let plain = |c: char| match utf8 {
        Utf8::Ascii if !c.is_ascii() => '?',
        Utf8::Ascii | Utf8::SmtpUtf8 => c,
    };
    let mut fitting = Vec::new();
    for line in lines {
        let line: Vec<char> = line.chars().map(plain).collect();
        match line.is_empty() {
            true => fitting.push(String::new()),
            false => fitting.extend(
                line.chunks(limits::REASON_LINE_CHARACTERS_MAX).map(|part| part.iter().collect()),
            ),
        }
    }
    fitting.truncate(limits::REASON_LINES_MAX);
    fitting.join("\n")
}

/// Filed by a process of the user's own.
pub(crate) fn filed_by_user() -> Reply {
    Reply::new(250, (2, 0, 0), "Filed as the user")
}

/// What that process said, the enhanced code first, in place of filing it: refused, where its exit code is one of
/// those that say so.
pub(crate) fn not_filed_by_user(exit: Option<i32>, said: &str, utf8: Utf8) -> Reply {
    // EX_NOUSER, EX_NOPERM.
    let is_sure = matches!(exit, Some(67 | 77));
    let line = said.lines().next().unwrap_or_default();
    let (status, text) = line.split_once(' ').unwrap_or_default();
    match (is_sure, EnhancedStatus::parse(status)) {
        (true, Some(status)) if status.class() == 5 => {
            let text = fitting(&[text.to_owned()], utf8);
            Reply::from_parts(ReplyCode::of(550), Some(status), &text)
        }
        // Its reason goes to the log: it may name paths.
        (_, Some(status)) if status.class() == 4 => Reply::from_parts(
            ReplyCode::of(451),
            Some(status),
            "Not filed as the user, try again later",
        ),
        (_, _) => try_later("Not filed as the user, try again later"),
    }
}

/// One of several users refuses it for good, but others have it by now.
pub(crate) fn not_filed_by_all() -> Reply {
    Reply::new(451, (4, 2, 0), "Not filed by all who are behind the address, try again later")
}

/// The recipient's rules can't be followed as they stand there.
pub(crate) fn rules_unusable() -> Reply {
    Reply::new(451, (4, 3, 5), "The recipient's rules are not in order, try again later")
}

/// What rules send on is not taken. What the next one said goes to the log.
pub(crate) fn not_sent() -> Reply {
    Reply::new(451, (4, 4, 0), "The letter can't be sent on now, try again later")
}

/// What rules pipe to has not taken it. What it said goes to the log.
pub(crate) fn program_busy() -> Reply {
    Reply::new(451, (4, 3, 0), "A program can't take the letter now, try again later")
}

/// Not filed. What the disk said goes to the log: a peer is told no paths.
pub(crate) fn not_filed(error: &StoreError) -> Reply {
    match error {
        StoreError::Full(_) => {
            Reply::new(452, (4, 3, 1), "The mail system is full, try again later")
        }
        StoreError::OverQuota(_) => full_for_now(),
        StoreError::Locked { .. } => {
            Reply::new(451, (4, 2, 0), "The mailbox is locked by another program, try again later")
        }
        StoreError::NotADirectory { .. } | StoreError::NotAMailbox { .. } => {
            Reply::new(451, (4, 2, 0), "The mailbox is not in order, try again later")
        }
        StoreError::Disk(_) => {
            Reply::new(451, (4, 3, 0), "The letter can't be stored now, try again later")
        }
    }
}

/// The mailbox holds as much as it may: not now.
pub(crate) fn full_for_now() -> Reply {
    Reply::new(452, (4, 2, 2), "The mailbox is full, try again later")
}

/// The same, and it has been so for too long.
pub(crate) fn full_for_good() -> Reply {
    Reply::new(552, (5, 2, 2), "The mailbox is full")
}

pub(crate) fn unknown_user() -> Reply {
    Reply::new(550, (5, 1, 1), "No such user here")
}

/// Not in the directory. Where nobody at all is in it, its file isn't there yet, or not any more (a file
/// system that isn't mounted): that is no reason to bounce.
pub(crate) fn unknown_to(directory: &Directory) -> Reply {
    match directory.users().next() {
        Some(_) => unknown_user(),
        None => misconfigured("There are no users: \"postroad user add NAME\" adds one"),
    }
}

pub(crate) fn not_our_domain() -> Reply {
    Reply::new(550, (5, 1, 2), "No mailbox of that domain is here")
}

/// The mailbox hangs: its file system doesn't answer.
pub(crate) fn hanging() -> Reply {
    Reply::new(451, (4, 2, 0), "The mailbox does not answer, try again later")
}

pub(crate) fn looping() -> Reply {
    Reply::new(554, (5, 4, 6), "Mail is looping: it has been delivered here before")
}

pub(crate) fn too_big(octets_max: u64) -> Reply {
    Reply::new(552, (5, 3, 4), format!("The message is too big: {octets_max} octets at most"))
}

/// Something of ours is in doubt.
pub(crate) fn try_later(text: &str) -> Reply {
    Reply::new(451, (4, 3, 0), text)
}

/// Something of ours is set up wrongly.
pub(crate) fn misconfigured(text: &str) -> Reply {
    Reply::new(451, (4, 3, 5), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_s_process_says_is_believed_as_far_as_its_exit_code() {
        for (exit, said, reply) in [
            (Some(67), "5.1.1 No such user here\n", "550 5.1.1 No such user here"),
            (Some(77), "5.7.1 No thanks\nmore\n", "550 5.7.1 No thanks"),
            (Some(75), "5.7.1 No thanks\n", "451 4.3.0 Not filed as the user, try again later"),
            (Some(77), "4.2.2 Full\n", "451 4.2.2 Not filed as the user, try again later"),
            (Some(75), "4.3.5 /x is wrong", "451 4.3.5 Not filed as the user, try again later"),
            (None, "", "451 4.3.0 Not filed as the user, try again later"),
            (Some(77), "5.7.1", "451 4.3.0 Not filed as the user, try again later"),
        ] {
            assert_eq!(not_filed_by_user(exit, said, Utf8::Ascii).to_string(), reply);
        }
    }

    #[test] // Tests RFC 5321 §4.5.3.1.5, RFC 6531 §3.7.4.1.
    fn a_reason_fits_into_a_reply() {
        let lines = ["Schönes Wetter".to_owned(), String::new(), "é".repeat(1_000)];
        let reply = refused_by_rules(&lines, Utf8::Ascii);
        assert_eq!(reply.lines().first().map(String::as_str), Some("Sch?nes Wetter"));
        let reply = refused_by_rules(&lines, Utf8::SmtpUtf8);
        assert_eq!(reply.lines().len(), 2 + 1_000 / limits::REASON_LINE_CHARACTERS_MAX);
        let mut octets = Vec::new();
        reply.encode(&mut octets);
        assert!(octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 511));
        let endless = vec![String::new(); limits::REASON_LINES_MAX + 1];
        let reply = refused_by_rules(&endless, Utf8::Ascii);
        assert_eq!(reply.lines().len(), limits::REASON_LINES_MAX);
    }
}
