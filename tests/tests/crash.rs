//! `kill -9` under load from smtp-source: what was answered 250 is there afterwards, whole, and next to
//! nothing twice.
//!
//! `POSTROAD_CRASH_KILLS` and `POSTROAD_CRASH_SEED` make it longer and repeat it; `cargo xtask crash` does.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postroad_tests::chance::{Chance, KILLS, done, rounds};
use postroad_tests::imap;
use postroad_tests::load::{Account, Load, Speak};
use postroad_tests::peers::{Needs, PASSWORD, Postfix, PostfixSetup, Sink, Stage};
use postroad_tests::process::{Process, free_port, listens, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site, heavy};
use rustix::process::Signal;

const SESSIONS: usize = 6;
/// What is new between two kills at most, in letters.
const BETWEEN_KILLS: usize = 50;
/// How far from the last of them the kill comes.
const MOMENT: Duration = Duration::from_millis(10);
/// Connections to the next hop at once: a connection takes its next message when the last one's outcome is
/// durable, so a kill may repeat one on each.
const DELIVERIES: usize = 4;

/// A site that delivers no more than so many messages at once.
fn settings(base: Settings) -> Settings {
    let mta =
        format!("deliveries_max = {DELIVERIES}\ndeliveries_per_next_hop_max = {DELIVERIES}\n");
    Settings { mta, ..base }
}

/// How many letters alice has; nothing of them is read.
fn filed(site: &Site) -> usize {
    fs::read_dir(site.path("mail/alice/new")).map_or(0, Iterator::count)
}

fn new_mail(site: &Site) -> Vec<String> {
    let mail = site.new_mail("alice").unwrap_or_default();
    mail.iter().map(|letter| String::from_utf8_lossy(letter).into_owned()).collect()
}

/// Kills an agent at random moments, `kills` times, while `work` grows; gives the last one started.
fn kill_at_random(
    kills: usize,
    start: impl Fn() -> Result<Process>,
    work: impl Fn() -> usize,
) -> Result<Process> {
    let mut chance = Chance::new();
    let mut agent = start()?;
    for kill in 1..=kills {
        let goal = work() + chance.up_to(BETWEEN_KILLS);
        agent
            .until("went on with its work", || work() >= goal)
            .with_context(|| format!("before kill {kill}"))?;
        chance.moment(MOMENT);
        agent.kill()?;
        agent = start()?;
    }
    done("kills", kills);
    Ok(agent)
}

/// Waits for all that was promised; no more second copies than `second_max`.
fn all_arrive(
    account: &Account,
    letters: impl Fn() -> Vec<String>,
    second_max: usize,
) -> Result<()> {
    let missing = || account.compare(letters()).missing.len();
    until("all that was promised", || missing() == 0)
        .with_context(|| format!("{} of {} are missing", missing(), account.promised()))?;
    let second = account.compare(letters()).second;
    eprintln!("{} promised, 0 lost, {second} second copies", account.promised());
    ensure!(second <= second_max, "{second} second copies are more than {second_max}");
    Ok(())
}

#[test]
fn the_transfer_agent_keeps_what_it_promised() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    let kills = rounds(KILLS, 6);
    let sink = Sink::start(&stage)?;
    let site = Site::new(&settings(Settings::smart_host(sink.address)))?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", SESSIONS)?;
    let mta = kill_at_random(kills, || site.mta(), || load.promised())?;
    let account = load.stop();
    all_arrive(&account, || sink.messages(), kills * DELIVERIES).with_context(|| mta.log())
}

#[test]
fn the_delivery_agent_keeps_what_it_promised() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    let site = Site::new(&Settings::default())?;
    let load = Load::start(&stage, site.lmtp, Speak::Lmtp, "alice@our.test", SESSIONS)?;
    let _mda = kill_at_random(rounds(KILLS, 6), || site.mda(), || load.promised())?;
    // Each letter was sent once: a second copy would be the delivery agent's own.
    all_arrive(&load.stop(), || new_mail(&site), 0)
}

#[test]
fn killing_the_delivery_agent_loses_nothing_of_the_transfer_agents() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    // After each the transfer agent waits before it tries again.
    let kills = rounds(KILLS, 6).div_ceil(2);
    let site = Site::new(&settings(Settings::default()))?;
    let mta = site.mta()?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "alice@our.test", SESSIONS)?;
    let _mda = kill_at_random(kills, || site.mda(), || filed(&site))?;
    // The delivery agent knows what it has filed, although the reply was lost.
    all_arrive(&load.stop(), || new_mail(&site), 0).with_context(|| mta.log())
}

#[test]
fn killing_the_delivery_agent_loses_nothing_of_postfixs() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let _alone = heavy()?;
    // Postfix takes its time before it tries again: fewer kills take as long.
    let kills = rounds(KILLS, 6).div_ceil(3);
    let site = Site::new(&Settings::default())?;
    let main = format!(
        "virtual_mailbox_domains = our.test\nvirtual_transport = lmtp:inet:{}\n\
         lmtp_destination_concurrency_limit = {DELIVERIES}\n",
        site.lmtp
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let load = Load::start(&stage, postfix.smtp, Speak::Smtp, "alice@our.test", SESSIONS)?;
    let _mda = kill_at_random(kills, || site.mda(), || filed(&site))?;
    all_arrive(&load.stop(), || new_mail(&site), 0).with_context(|| postfix.log())
}

/// Whenever a letter is in its mailbox the delivery agent is killed, mostly before Postfix has the reply, which
/// tries it again: as many letters as were sent, one of each.
#[test]
fn m07_each_letter_of_postfixs_is_there_once_whenever_the_delivery_agent_is_killed() -> Result<()> {
    const LETTERS: usize = 24;
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let _alone = heavy()?;
    let site = Site::new(&Settings::default())?;
    let main = format!(
        "virtual_mailbox_domains = our.test\nvirtual_transport = lmtp:inet:{}\n\
         lmtp_destination_concurrency_limit = {DELIVERIES}\n\
         lmtp_destination_concurrency_failed_cohort_limit = 0\n",
        site.lmtp
    );
    let postfix = Postfix::start(&stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let mut client = Client::connect(postfix.smtp)?;
    client.expect("EHLO client.test", 250)?;
    for n in 0..LETTERS {
        let letter = format!("Subject: letter {n}\r\n\r\n{}", "0123456789abcdef\r\n".repeat(200));
        let reply = client.message("anna@client.test", &["alice@our.test"], letter.as_bytes())?;
        ensure!(reply.code == 250, "{reply:?}");
    }
    let mut kills = 0;
    while filed(&site) < LETTERS {
        let before = filed(&site);
        let mut mda = site.mda()?;
        mda.until("filed a letter", || filed(&site) > before).with_context(|| postfix.log())?;
        mda.kill()?;
        kills += 1;
    }
    done("kills", kills);
    let _mda = site.mda()?;
    until("Postfix's queue empty", || postfix.queued() == 0).with_context(|| postfix.log())?;
    let mail = new_mail(&site);
    for n in 0..LETTERS {
        let subject = format!("\nSubject: letter {n}\n");
        let copies = mail.iter().filter(|letter| letter.contains(&subject)).count();
        ensure!(copies == 1, "letter {n} is there {copies} times\n{}", postfix.log());
    }
    ensure!(mail.len() == LETTERS, "{} letters", mail.len());
    eprintln!("{LETTERS} letters, {kills} kills, one copy of each");
    Ok(())
}

/// The system calls at which an agent is killed: those by which mail comes, is written, and goes.
const CALLS: &[&str] = &[
    "accept4",
    "recvfrom",
    "sendto",
    "writev",
    "pwritev",
    "fdatasync",
    "fsync",
    "openat",
    "rename",
    "unlink",
    "connect",
    "close",
    "futex",
];
/// Which of its calls is the last, at most.
const CALL_NUMBER_MAX: usize = 30;

/// Starts the agent so that it is killed at its `number`th `call`, and lets that happen.
fn kill_at_call(
    stage: &Stage,
    site: &Site,
    (agent, address): (&str, SocketAddr),
    (call, number): (&str, usize),
    work: impl Fn() -> usize,
) -> Result<()> {
    let mut strace = stage.command("strace");
    strace
        .args(["-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null"])
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
    let mut process = site.agent_by(strace, agent)?;
    // Some calls are made less often than that: then the end comes with the work.
    let goal = work() + CALL_NUMBER_MAX;
    until("the agent killed, or work", || work() >= goal || !matches!(process.ended(), Ok(None)))
        .with_context(|| format!("at {call} {number}\n{}", process.log()))?;
    process.kill()?;
    // strace has ended; the agent may be dying still.
    until("its port free", || !listens(address))
}

/// Kills it at a sample of [`CALLS`], drawn at random; gives how many those were.
fn kill_at_calls(
    stage: &Stage,
    site: &Site,
    agent: (&str, SocketAddr),
    work: impl Fn() -> usize,
) -> Result<usize> {
    let mut chance = Chance::new();
    let kills = rounds(KILLS, 6);
    for _ in 0..kills {
        let call = CALLS.get(chance.up_to(CALLS.len()) - 1).copied().unwrap_or("fdatasync");
        let number = chance.up_to(CALL_NUMBER_MAX);
        kill_at_call(stage, site, agent, (call, number), &work)?;
    }
    done("kills", kills);
    Ok(kills)
}

/// Some of the letters are refused by their next hop: those come back, whole way and all.
#[test]
fn f01_the_transfer_agent_killed_at_system_calls_keeps_what_it_promised() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let _alone = heavy()?;
    let sink = Sink::start(&stage)?;
    let refusing = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let _refusing = Sink::start_at(&stage, refusing, &["-f", "rcpt"])?;
    let mut base = Settings::smart_host(sink.address);
    base.tables += &format!("[[route]]\ndomain = \"no.test\"\nnext_hop = \"smtp://{refusing}\"\n");
    let site = Site::new(&settings(base))?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", SESSIONS)?;
    let hopeless = Load::start(&stage, site.smtp, Speak::Smtp, "bob@no.test", 2)?;
    let kills = kill_at_calls(&stage, &site, ("postroad-mta", site.smtp), || load.promised())?;
    let mta = site.mta()?;
    let (account, hopeless) = (load.stop(), hopeless.stop());
    all_arrive(&account, || sink.messages(), kills * DELIVERIES).with_context(|| mta.log())?;
    until("a bounce for each of the others", || hopeless.untold(&sink.messages()).is_empty())
        .with_context(|| format!("{:?}\n{}", hopeless.untold(&sink.messages()), mta.log()))
}

#[test]
fn f01_the_delivery_agent_killed_at_system_calls_keeps_what_it_promised() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let _alone = heavy()?;
    let site = Site::new(&Settings::default())?;
    let load = Load::start(&stage, site.lmtp, Speak::Lmtp, "alice@our.test", SESSIONS)?;
    kill_at_calls(&stage, &site, ("postroad-mda", site.lmtp), || load.promised())?;
    all_arrive(&load.stop(), || new_mail(&site), 0)
}

/// Letters that a client moves to and fro.
const MOVED: usize = 8;

/// Moves and replaces all letters of one mailbox into the other, and back, until that fails; counts what was done.
fn move_to_and_fro(mut client: imap::Client, done: &AtomicUsize) -> Result<()> {
    loop {
        for (from, to) in [("INBOX", "A"), ("A", "INBOX")] {
            client.command(&format!("SELECT {from}"))?;
            let letters = client.command("UID FETCH 1:* BODY.PEEK[]")?;
            for letter in letters.iter().filter_map(|line| line.split_once("}\r\n")).take(2) {
                let text = letter.1.split_once(')').map_or("", |(text, _)| text);
                // The next one is the first one then.
                client.command(&format!("REPLACE 1 {to} {{{}+}}\r\n{text}", text.len()))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            if letters.len() > 2 {
                client.command(&format!("MOVE 1 {to}"))?;
            }
            client.command(&format!("UID MOVE 1:* {to}"))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Tests RFC 6851 §3.3: whatever happens, each letter is in one of the two mailboxes.
#[test]
fn the_access_agent_leaves_each_letter_in_one_place() -> Result<()> {
    let _alone = heavy()?;
    let site = Site::new(&Settings::default())?;
    let (mut chance, kills) = (Chance::new(), rounds(KILLS, 12));
    let log_in = || imap::Client::log_in(site.imap, "alice", PASSWORD);
    let mut maa = site.maa()?;
    let mut client = log_in()?;
    client.command("CREATE A")?;
    for number in 0..MOVED {
        client.append("INBOX", "", &format!("Subject: letter {number}\r\n\r\n.\r\n"))?;
    }
    let mut expected: Vec<String> = (0..MOVED).map(|number| format!("letter {number}")).collect();
    expected.sort();
    for kill in 1..=kills {
        let (moved, goal) = (AtomicUsize::new(0), chance.up_to(BETWEEN_KILLS));
        let client = log_in()?;
        std::thread::scope(|scope| {
            let moves = scope.spawn(|| move_to_and_fro(client, &moved));
            let reached = maa.until("moves letters", || {
                moved.load(Ordering::Relaxed) >= goal || moves.is_finished()
            });
            chance.moment(MOMENT);
            let went_on = !moves.is_finished();
            maa.kill()?;
            let ended = moves.join().expect("no panic");
            ensure!(went_on, "it was refused before kill {kill}: {ended:?}\n{}", maa.log());
            reached
        })?;
        maa = site.maa()?;
        let mut client = log_in()?;
        let mut there = Vec::new();
        // Either may be the first one that is opened.
        let mut mailboxes = ["INBOX", "A"];
        mailboxes.rotate_left(kill % 2);
        for mailbox in mailboxes {
            client.command(&format!("SELECT {mailbox}"))?;
            let letters = client.command("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")?;
            let subject = |line: &String| {
                Some(line.split_once("Subject: ")?.1.lines().next()?.trim().to_owned())
            };
            there.extend(letters.iter().filter_map(subject));
        }
        there.sort();
        ensure!(there == expected, "after kill {kill} there are {there:?}\n{}", maa.log());
    }
    done("kills", kills);
    Ok(())
}

#[test]
fn f14_a_storm_of_restarts_loses_nothing() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut chance = Chance::new();
    let starts = rounds(KILLS, 6) + 14;
    let sink = Sink::start(&stage)?;
    let site = Site::new(&settings(Settings::smart_host(sink.address)))?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", SESSIONS)?;
    for _ in 0..starts {
        // Not waited for: some are asked to stop before they are ready.
        let mut mta = site.agent_by(Command::new("env"), "postroad-mta")?;
        chance.moment(Duration::from_millis(300));
        mta.signal(Signal::TERM)?;
        chance.moment(Duration::from_millis(100));
        mta.kill()?;
    }
    done("kills", starts);
    let mta = site.mta()?;
    let goal = load.promised() + BETWEEN_KILLS;
    until("mail taken again", || load.promised() >= goal).with_context(|| mta.log())?;
    let account = load.stop();
    all_arrive(&account, || sink.messages(), starts * DELIVERIES).with_context(|| mta.log())
}
