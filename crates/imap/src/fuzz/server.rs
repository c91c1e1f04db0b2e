//! A server's receiver against whatever a client sends. The first octet says where the rest is cut in two, the second
//! whether somebody is logged in.
//!
//! It never panics, holds no more than it may, gives the same steps however its input is cut, and a command that it
//! reads is the same once it was written and read again.

use crate::command::{Command, Literals};
use crate::limits::{AFTER_LOGIN, BEFORE_LOGIN, Limits};
use crate::receive::{Receiver, Step, UploadStep};
use crate::value::{MessageUrl, NameEncoding, Tag};

/// Feeds `data` to a receiver; panics where a promise is broken.
pub fn run(data: &[u8]) {
    let [cut, stage, input @ ..] = data else { return };
    let limits = if stage % 2 == 0 { BEFORE_LOGIN } else { AFTER_LOGIN };
    let whole = play(limits, &[input]);
    let (head, tail) = input.split_at(usize::from(*cut).min(input.len()));
    assert_eq!(play(limits, &[head, tail]), whole);
}

fn play(limits: Limits, reads: &[&[u8]]) -> Vec<Step> {
    let mut receiver = Receiver::new(limits);
    let mut reads = reads.iter();
    let mut steps: Vec<Step> = Vec::new();
    loop {
        match receiver.step() {
            Step::NeedInput => match reads.next() {
                Some(octets) => receiver.push(octets),
                None => return steps,
            },
            Step::Bye(why) => {
                steps.push(Step::Bye(why));
                return steps;
            }
            // Pieces depend on the cut; what they are together doesn't.
            Step::Upload(UploadStep::Content(octets)) => match steps.last_mut() {
                Some(Step::Upload(UploadStep::Content(before))) => before.extend(octets),
                _ => steps.push(Step::Upload(UploadStep::Content(octets))),
            },
            step => {
                match &step {
                    Step::Command(tag, command) => obey(&mut receiver, tag, command, limits),
                    Step::Upload(UploadStep::Literal(literal)) if literal.octets % 7 == 6 => {
                        receiver.refuse();
                    }
                    Step::Upload(UploadStep::Literal(_)) => receiver.accept(),
                    Step::Upload(UploadStep::Url(url)) => {
                        let _ = MessageUrl::parse(url);
                    }
                    _ => {}
                }
                steps.push(step);
            }
        }
    }
}

fn obey(receiver: &mut Receiver, tag: &Tag, command: &Command, limits: Limits) {
    match command {
        Command::Idle => return receiver.await_done(),
        Command::Authenticate { .. } => receiver.await_response(),
        // What follows them isn't in them.
        Command::Append(_) | Command::Replace(..) => return,
        _ => {}
    }
    for names in [NameEncoding::Utf7, NameEncoding::Utf8] {
        let outgoing = command.to_outgoing(tag, Literals::Awaited, names);
        let wire = outgoing.octets().strip_suffix(b"\r\n").unwrap_or_default();
        let again = Command::parse(wire, &limits, names);
        assert_eq!(again.as_ref(), Ok(&(tag.clone(), command.clone())), "{}", wire.escape_ascii());
    }
}
