//! One letter for several users, as sendmail calls procmail where its mailer has the flag `m`: a process for each, since
//! each becomes another user. One exit code answers for all: "try later" where one of them has to be tried again, for
//! those who have the letter then know it again; else the worst.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _};
use std::process::{Child, Command, Stdio};

use postroad_config::Mda;
use postroad_protocol::reply::Reply;
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal};

use super::second_process::{ending, hand_on_signals};
use super::signals::Signals;
use super::watch::{Clock, within};
use super::{Call, Exit, Input, Personality, Verdict, inherited, settings};
use crate::programs::supervisor::end_ignoring;
use crate::replies;

/// How deliveries ended.
#[derive(Debug)]
pub struct Ended {
    /// What the caller is told.
    pub exit: Exit,
    /// What they said, that of the one which decided first.
    pub said: Vec<u8>,
}

/// Files the letter on `input` for each of `users`, by a process of its own, which `program` begins. To be called
/// before there are other threads. `end` as with [`super::deliver`], while the letter is read.
///
/// # Errors
/// Why it is "try later" for all of them.
pub fn for_each(
    call: &Call,
    users: &[String],
    program: impl Fn() -> Command,
    input: impl AsFd,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> Result<Ended, Verdict> {
    let later = |what: &str, error: &dyn std::error::Error| {
        Verdict::try_later(&format!("cannot {what}: {error}"))
    };
    let signals = Signals::hold().map_err(|error| later("hold signals", &error))?;
    let letter = keep(call, &signals, input, end)?;
    // Where our caller ignores it, nobody is told how a delivery ends.
    let _handler = end_ignoring(|signal| signal == Signal::CHILD.as_raw())
        .map_err(|error| later("hear of the deliveries' ends", &error))?;
    let deliveries = users.iter().map(|user| {
        // Each reads from the beginning.
        let letter = File::open(format!("/proc/self/fd/{}", letter.as_raw_fd()))?;
        let mut delivery = program();
        delivery.args(words(call, user)).stdin(letter).stderr(Stdio::piped()).spawn()
    });
    let deliveries: Vec<io::Result<Child>> = deliveries.collect();
    hand_on_signals(signals, deliveries.iter().flatten().map(Pid::from_child));
    let mut endings: Vec<(Exit, Vec<u8>)> = deliveries.into_iter().map(ended).collect();
    // Stable: among equals the first.
    endings.sort_by_key(|(exit, _)| std::cmp::Reverse(severity(*exit)));
    let exit = endings.first().map_or(Exit::TryLater, |(exit, _)| *exit);
    let said = endings.into_iter().flat_map(|(_, said)| said).collect();
    Ok(Ended { exit, said })
}

fn ended(delivery: io::Result<Child>) -> (Exit, Vec<u8>) {
    let later = |text: String| {
        let verdict = Verdict::try_later(&text);
        (verdict.exit(), format!("{verdict}\n").into_bytes())
    };
    match delivery.and_then(Child::wait_with_output) {
        Err(error) => later(format!("cannot start the delivery: {error}")),
        Ok(output) => match ending(output.status) {
            Some(exit) => (exit, output.stderr),
            None => later(format!("The delivery was ended by {}", output.status)),
        },
    }
}

const fn severity(exit: Exit) -> u8 {
    match exit {
        Exit::Filed => 0,
        Exit::NoUser => 1,
        Exit::Refused => 2,
        Exit::TryLater => 3,
    }
}

/// The letter in a file that has no name.
fn keep(
    call: &Call,
    signals: &Signals,
    input: impl AsFd,
    end: impl FnOnce(&Verdict) + Send + 'static,
) -> Result<File, Verdict> {
    let letter = inherited::letter_on(input).map_err(Verdict::from)?;
    let config = call.config.clone();
    let (give, take) = std::sync::mpsc::channel();
    // Whoever hands it over may hang.
    let work = move |clock: &Clock| {
        let kept = settings(config).and_then(|(config, _)| {
            clock.time_max(config.mda.delivery_time_max);
            copy(Input::new(letter, config.mda.message_size_max))
        });
        match kept {
            Ok(kept) => {
                // Who waits for it is below.
                let _ = give.send(kept);
                Verdict::try_later("The letter was read")
            }
            Err(reply) => reply.into(),
        }
    };
    // Signals are the deliveries' from there on.
    let read = within(Mda::default().delivery_time_max, signals, work, end).alone();
    take.try_recv().map_err(|_| read)
}

fn copy(mut letter: Input<File>) -> Result<File, Reply> {
    let failed = |error: io::Error| replies::try_later(&format!("cannot keep the letter: {error}"));
    let kept = rustix::fs::memfd_create("letter", MemfdFlags::CLOEXEC);
    let mut kept = kept.map(File::from).map_err(|error| failed(error.into()))?;
    while let Some(block) = letter.block()? {
        kept.write_all(block).map_err(failed)?;
    }
    Ok(kept)
}

/// The command line of one delivery: as procmail is called, with one recipient.
fn words(call: &Call, user: &str) -> Vec<OsString> {
    let argument = call.original_recipient.as_ref().or(call.extension.as_ref());
    let flags = [("-f", call.sender.as_ref()), ("-a", argument)];
    let mut words: Vec<OsString> = vec!["--as".into(), Personality::Procmail.name().into()];
    if let Some(config) = &call.config {
        words.extend(["--config".into(), config.into()]);
    }
    for (flag, value) in flags {
        if let Some(value) = value {
            words.extend([flag.into(), value.into()]);
        }
    }
    words.extend(["-d".into(), user.into()]);
    words
}

#[cfg(test)]
mod tests {
    use super::super::{Wanted, read_command_line};
    use super::*;

    #[test]
    fn each_is_called_as_all_were() {
        let words_of = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for (all, each) in [
            (&["-d", "a", "b"][..], &["-d", "b"][..]),
            (
                &["-Y", "-t", "-f", "", "-a", "-x", "-d", "a", "-b"],
                &["-f", "", "-a", "-x", "-d", "-b"],
            ),
            (
                &["--config", "/x.toml", "-f", "-", "-a", "o@x.example", "-da", "b"],
                &["--config", "/x.toml", "-a", "o@x.example", "-d", "b"],
            ),
        ] {
            let Ok(Wanted::Deliveries(call, users)) =
                read_command_line(Personality::Procmail, words_of(all))
            else {
                panic!("{all:?}")
            };
            let user = users.last().unwrap();
            assert_eq!(words(&call, user), words_of(&[&["--as", "procmail"], each].concat()));
            // And read again it is the same call.
            let again = read_command_line(Personality::Postroad, words(&call, user)).unwrap();
            let one = Call { user: Some(user.clone()), ..*call };
            assert_eq!(again, Wanted::Delivery(Box::new(one)));
        }
    }
}
