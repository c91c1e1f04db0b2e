//! Our delivery agent behind everybody's transfer agents, by the lines of `config/swap/`: whatever happens to a letter,
//! each of them accepts, gives back or tries again as it should, and in the end every letter is in one place, once.
//!
//! Each way is one test: one letter into each trouble at the same time, then the trouble is mended.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::process::until;
use postroad_tests::smtp::Client;

mod host;
mod lines;
mod mta;
mod ways;

use host::{DOMAIN, Host};
use mta::Mta;

/// What becomes of a letter at first.
#[derive(Debug, Clone, Copy)]
enum Becomes {
    Filed,
    /// The sender gets it back, with this code and these words of ours.
    GivenBack(&'static str, &'static str),
    /// It waits, for a reason with one of these codes.
    PutOff(&'static [&'static str]),
    /// It waits, whatever is mended, until it expires.
    Expires(&'static [&'static str]),
}

use Becomes::{Expires, Filed, GivenBack, PutOff};

/// What happens, by whose mailbox it is. The codes are those of one-shot deliveries, then those of LMTP.
const TABLE: &[(&str, Becomes)] = &[
    ("fine", Filed),
    ("stranger", GivenBack("5.1.1", "No such user here")),
    ("refuses", GivenBack("5.7.1", "Write to Bob instead.")),
    ("full", PutOff(&["4.3.1"])),
    ("quota", PutOff(&["4.2.2"])),
    ("locked", PutOff(&["4.3.0"])),
    ("broken", Filed),
    ("panic", PutOff(&["4.3.0"])),
    ("slow", PutOff(&["4.3.0", "4.2.0"])),
    // Nobody was left to say anything.
    ("killed", PutOff(&[])),
];

/// What is peculiar to a way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way {
    /// Our server takes the letters.
    pub(crate) is_lmtp: bool,
    /// Who says that there is no such user.
    pub(crate) stranger: Stranger,
    /// It makes "try later" of a refusal.
    pub(crate) never_refuses: bool,
    /// Nobody can have ours panic for one user alone: it isn't told for whom it is called.
    pub(crate) never_panics: bool,
    /// The transfer agent keeps the reason why a letter is put off to itself.
    pub(crate) is_tacit: bool,
}

/// Who knows that there is no such user.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Stranger {
    /// We.
    #[default]
    Ours,
    /// The transfer agent; these are its code and words to the sender.
    Theirs(&'static str, &'static str),
    /// The transfer agent, which doesn't take the letter.
    TurnedAway,
}

impl Way {
    /// What becomes of a letter.
    fn becomes(self, user: &str, otherwise: Becomes) -> Becomes {
        match (otherwise, self.stranger) {
            (_, Stranger::Theirs(code, words)) if user == "stranger" => GivenBack(code, words),
            (GivenBack(..), _) if self.never_refuses => Expires(&["5.7.1"]),
            _ => otherwise,
        }
    }
}

/// Sends all letters, looks what becomes of each, mends all, and looks again.
pub(crate) fn check(host: &mut Host, mta: &dyn Mta, way: Way) -> Result<()> {
    let context = |host: &Host| format!("{}\n{}", mta.log(&host.stage), host.said());
    let (later, at_first): (Vec<_>, Vec<_>) = TABLE
        .iter()
        .map(|(user, becomes)| (*user, way.becomes(user, *becomes)))
        .filter(|(user, _)| !matches!((user, way.stranger), (&"stranger", Stranger::TurnedAway)))
        .filter(|(user, _)| *user != "panic" || !way.never_panics)
        .partition(|(user, _)| *user == "killed" || (way.is_lmtp && *user == "panic"));
    let table = [&at_first[..], &later[..]].concat();
    if matches!(way.stranger, Stranger::TurnedAway) {
        let turned_away = send(mta, "stranger");
        ensure!(
            turned_away.as_ref().is_err_and(|error| error.to_string().contains("code: 550")),
            "{turned_away:?}"
        );
    }
    for (user, _) in &at_first {
        send(mta, user)?;
    }
    for (user, becomes) in at_first {
        becomes_of(host, mta, way, user, becomes)
            .with_context(|| format!("the letter for {user}:\n{}", context(host)))?;
    }
    send(mta, "killed")?;
    until("the delivery to be killed", || host.kill().unwrap_or(false))
        .with_context(|| context(host))?;
    becomes_of(host, mta, way, "killed", PutOff(&[]))
        .with_context(|| format!("the letter for killed:\n{}", context(host)))?;
    if let Some(strace) = host.panicking_server()? {
        send(mta, "panic")?;
        // The connection ends.
        becomes_of(host, mta, way, "panic", PutOff(&[]))
            .with_context(|| format!("the letter for panic:\n{}", context(host)))?;
        ensure!(host.said().contains("panicked"), "no panic:\n{}", host.said());
        drop(strace);
    }

    host.mend()?;
    let mut tried = None;
    for (user, becomes) in table.iter().filter(|(_, becomes)| matches!(becomes, PutOff(_))) {
        let arrived = || {
            // By itself it may wait for longer than a test does. Who is asked all the time does nothing else.
            if tried.is_none_or(|tried: Instant| tried.elapsed() > Duration::from_secs(1)) {
                mta.try_again(&host.stage).ok();
                tried = Some(Instant::now());
            }
            host.letters(user).is_ok_and(|letters| !letters.is_empty())
        };
        until("the letter", arrived)
            .with_context(|| format!("{user} ({becomes:?}):\n{}", context(host)))?;
    }
    let is_over = |user: &str| waits(host, mta, user).is_ok_and(|waits| !waits);
    let ends = || table.iter().filter(|(_, becomes)| !matches!(becomes, Expires(_)));
    let empty = || ends().all(|(user, _)| is_over(user));
    until("an empty queue", empty).with_context(|| context(host))?;
    // Nothing came twice, and nothing was given back beside being filed.
    for (user, becomes) in table.iter().filter(|(_, becomes)| matches!(becomes, Filed | PutOff(_)))
    {
        let letters = host.letters(user)?;
        let copies = letters.iter().filter(|letter| letter.contains(&subject(user))).count();
        ensure!(copies == 1, "{copies} for {user} ({becomes:?}):\n{}", context(host));
    }
    let given_back = table.iter().filter(|(_, becomes)| matches!(becomes, GivenBack(..))).count();
    let came_back = host.letters("sender")?.len();
    ensure!(came_back == given_back, "{came_back} came back:\n{}", context(host));
    Ok(())
}

fn subject(user: &str) -> String {
    format!("Subject: for {user}\n")
}

fn send(mta: &dyn Mta, user: &str) -> Result<()> {
    let mut client = Client::connect(mta.smtp())?;
    client.expect("EHLO client.test", 250)?;
    let letter = format!("From: sender@{DOMAIN}\r\nSubject: for {user}\r\n\r\nhello\r\n");
    let (from, to) = (format!("sender@{DOMAIN}"), format!("{user}@{DOMAIN}"));
    let reply = client.message(&from, &[&to], letter.as_bytes())?;
    ensure!(reply.code == 250, "the letter for {user}: {reply:?}");
    Ok(())
}

fn waits(host: &Host, mta: &dyn Mta, user: &str) -> Result<bool> {
    Ok(mta.queue(&host.stage)?.contains(&format!("{user}@{DOMAIN}")))
}

fn becomes_of(host: &Host, mta: &dyn Mta, way: Way, user: &str, becomes: Becomes) -> Result<()> {
    let address = format!("{user}@{DOMAIN}");
    match becomes {
        Filed => {
            let copies = |letters: &[String]| {
                letters.iter().filter(|letter| letter.contains(&subject(user))).count()
            };
            until("it filed", || host.letters(user).is_ok_and(|letters| copies(&letters) == 1))?;
            let told = host.letters(user)?.len() - 1;
            ensure!(told == usize::from(user == "broken"), "the user was told {told} times");
        }
        GivenBack(code, words) => {
            let back = || {
                let letters = host.letters("sender").unwrap_or_default();
                letters.into_iter().find(|letter| letter.contains(&address))
            };
            until("it given back", || back().is_some())?;
            let notice = back().unwrap_or_default();
            ensure!(notice.contains(words), "{words:?} is not in\n{notice}");
            ensure!(notice.contains(code), "{code:?} is not in\n{notice}");
        }
        PutOff(codes) | Expires(codes) => {
            let said = |words: &str| {
                let log = mta.log(&host.stage);
                log.lines().any(|line| line.contains(&address) && line.contains(words))
            };
            until("it put off", || said(mta.puts_off()))?;
            let is_told = way.is_tacit || codes.is_empty() || codes.iter().any(|code| said(code));
            ensure!(is_told, "none of {codes:?} is in the log");
            ensure!(waits(host, mta, user)?, "it isn't in the queue");
            ensure!(host.letters(user)?.is_empty(), "it is filed, too");
        }
    }
    Ok(())
}
