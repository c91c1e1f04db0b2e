//! The examples of the standards: our server reads what their clients say, and our client what their servers say.

use postroad_imap::NameEncoding;
use postroad_imap::client;
use postroad_imap::command::Command;
use postroad_imap::limits::AFTER_LOGIN;
use postroad_imap::receive::{Receiver, Step, UploadStep};

/// `\\`, `\r` and `\n` stand for themselves.
fn octets(line: &str) -> Vec<u8> {
    let text =
        line.replace("\\\\", "\0").replace("\\r", "\r").replace("\\n", "\n").replace('\0', "\\");
    format!("{text}\r\n").into_bytes()
}

fn server_reads(line: &str) -> Result<(), String> {
    let mut receiver = Receiver::new(AFTER_LOGIN);
    receiver.push(&octets(line));
    let mut read = Err("nothing whole".to_owned());
    loop {
        match receiver.step() {
            Step::Continue => {}
            Step::Command(_, Command::Append(_) | Command::Replace(..)) => {
                read = Err("no end".to_owned())
            }
            Step::Command(..) | Step::Upload(UploadStep::End) => read = Ok(()),
            Step::Upload(UploadStep::Literal(_)) => receiver.accept(),
            Step::Upload(_) => {}
            Step::NeedInput => return read,
            step => return Err(format!("{step:?}")),
        }
    }
}

fn client_reads(line: &str) -> Result<(), String> {
    let mut receiver = client::Receiver::new();
    receiver.set_names(NameEncoding::Utf8);
    receiver.push(&octets(line));
    match (receiver.step(), receiver.step()) {
        (client::Step::Response(_), client::Step::NeedInput) => Ok(()),
        (step, _) => Err(format!("{step:?}")),
    }
}

#[test]
fn all_examples_are_read() {
    let text = include_str!("dialogues/examples.txt");
    let mut unread = Vec::new();
    let mut heading = "";
    for line in text.lines() {
        let read = match line.split_once(": ") {
            Some(("C", line)) => server_reads(line),
            Some(("S", line)) => client_reads(line),
            _ => {
                heading = line;
                continue;
            }
        };
        if let Err(error) = read {
            unread.push(format!("{heading}: {line}\n    {error}"));
        }
    }
    assert!(unread.is_empty(), "{} examples:\n{}", unread.len(), unread.join("\n"));
}
