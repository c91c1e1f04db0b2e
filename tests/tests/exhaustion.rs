//! Out of file descriptors or memory, and logs that nobody reads: mail goes on, or comes back by itself.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use postroad_tests::load::{Load, Speak};
use postroad_tests::memory::MemoryGroup;
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{Process, back_in_time, listens, run, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site, heavy};
use postroad_tests::volume::Volume;

/// An agent whose shell does something first.
fn after(site: &Site, script: &str, name: &str) -> Result<Process> {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{script}; exec \"$@\""), "sh"]);
    site.agent_by(shell, name)
}

/// Processor time that a process has used, in hundredths of a second.
fn processor_time(process: &Process) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    let (_, fields) = stat.rsplit_once(") ").context("no stat")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    // proc_pid_stat(5): utime and stime are fields 14 and 15; the state, field 3, is our first.
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[test]
fn f09_out_of_file_descriptors() -> Result<()> {
    const DESCRIPTORS: usize = 100;
    let site = Site::new(&Settings::default())?;
    let _mda = site.mda()?;
    let mta = site.mta()?;
    // An agent that starts with so few takes fewer connections, and never runs out: so they go when it serves.
    until("the agent serving", || mta.log().contains("service=local"))?;
    run(Command::new("prlimit").args([
        "--pid",
        &mta.id().to_string(),
        &format!("--nofile={DESCRIPTORS}"),
    ]))?;
    let mut first = Client::connect(site.smtp)?;
    first.expect("EHLO client.test", 250)?;

    // The kernel completes these connections, and nobody can accept the last of them.
    let crowd: Vec<_> = (0..DESCRIPTORS)
        .map(|_| std::net::TcpStream::connect(site.smtp))
        .collect::<Result<_, _>>()?;
    let waits = |mta: &Process| mta.log().matches("cannot accept connections").count();
    until("no files left", || waits(&mta) > 0).with_context(|| mta.log())?;
    let (began, used) = (Instant::now(), processor_time(&mta)?);
    let goal = waits(&mta) + 10;
    until("ten more tries", || waits(&mta) >= goal).with_context(|| mta.log())?;
    let (used, elapsed) = (processor_time(&mta)? - used, began.elapsed());
    assert!(
        u128::from(used) * 10 <= elapsed.as_millis() / 2,
        "{used} hundredths of a second in {elapsed:?}: it spins"
    );
    // Who is in is served.
    assert!(first.command("NOOP")?.code / 100 == 2);

    drop(crowd);
    let letter = b"Subject: after the crowd\r\n\r\nhello\r\n";
    let sent = || -> Result<u16> {
        let mut client = Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        Ok(client.message("anna@client.test", &["alice@our.test"], letter)?.code)
    };
    until("mail taken again", || sent().is_ok_and(|code| code == 250))
        .with_context(|| mta.log())?;
    until("the letter", || site.new_mail("alice").is_ok_and(|mail| !mail.is_empty()))
        .with_context(|| mta.log())
}

/// How many files the agent may have open from now on; it never asks again.
fn limit_files(mta: &Process, files: u32) -> Result<()> {
    let files = format!("--nofile={files}:");
    run(Command::new("prlimit").args(["--pid", &mta.id().to_string(), &files]))?;
    Ok(())
}

#[test]
fn f09_no_descriptor_for_a_client_a_file_or_a_delivery() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let site = Site::new(&Settings::smart_host(sink.address))?;
    let mta = site.mta()?;
    until("the agent serving", || mta.log().contains("service=local"))?;
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let mut send = |subject: &str, octets: usize| {
        let letter = format!("Subject: {subject}\r\n\r\n{}", "x\r\n".repeat(octets / 3));
        client.message("anna@client.test", &["bob@sink.test"], letter.as_bytes())
    };

    // What is open stays open.
    limit_files(&mta, 3)?;
    // A large letter goes into a file of its own, a small one into one that is open.
    let large = send("large", 1_000_000)?;
    ensure!(large.code / 100 == 4, "{large:?}");
    let small = send("small", 1_000)?;
    ensure!(small.code == 250, "{small:?}");
    let id = small.queue_id().context("no queue id")?;
    let said = |word: &str| mta.log().lines().any(|line| line.contains(id) && line.contains(word));
    // It is this host's trouble: the letter's next hop isn't blamed for it.
    until("a try without a socket", || {
        said("connecting") && mta.log().contains("this host is short of resources")
    })
    .with_context(|| mta.log())?;
    let waiting = std::net::TcpStream::connect(site.smtp)?;
    until("nobody accepted", || mta.log().contains("cannot accept connections"))
        .with_context(|| mta.log())?;

    limit_files(&mta, 1_024)?;
    back_in_time("all as before", || {
        // Each has to be, not one after the other: who has come waits.
        let greeted = waiting.peek(&mut [0]).is_ok_and(|octets| octets == 1);
        let large = send("large again", 1_000_000).is_ok_and(|reply| reply.code == 250);
        greeted && large && sink.messages().iter().any(|letter| letter.contains("Subject: small"))
    })
    .with_context(|| mta.log())?;
    assert!(!said("status=deferred") && !said("status=bounced"), "{}", mta.log());
    Ok(())
}

/// More unfinished letters than the agent has memory for, beside an honest load.
fn flood(site: &Site, mta: &mut Process) -> Result<()> {
    let mut sessions = Vec::new();
    let content = b"0123456789abcdef\r\n".repeat(12_000);
    for _ in 0..2_000 {
        let unfinished = || -> Result<Client> {
            let mut client = Client::connect(site.smtp)?;
            client.expect("EHLO flood.test", 250)?;
            client.expect("MAIL FROM:<anna@flood.test>", 250)?;
            client.expect("RCPT TO:<bob@sink.test>", 250)?;
            client.expect("DATA", 354)?;
            client.send(&content)?;
            Ok(client)
        };
        sessions.push(unfinished());
        if mta.ended()?.is_some() {
            return Ok(());
        }
    }
    mta.until("ran out of memory", || false)
}

#[test]
fn f10_killed_for_lack_of_memory_it_has_lost_nothing() -> Result<()> {
    const DELIVERIES: usize = 4;
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let Some(group) = MemoryGroup::make(96 << 20)? else { return Ok(()) };
    let _alone = heavy()?;
    let sink = Sink::start(&stage)?;
    let mta =
        format!("deliveries_max = {DELIVERIES}\ndeliveries_per_next_hop_max = {DELIVERIES}\n");
    let site = Site::new(&Settings { mta, ..Settings::smart_host(sink.address) })?;
    let (mut mda, mut maa) = (site.mda()?, site.maa()?);
    let mut mta = after(&site, &group.enter(), "postroad-mta")?;
    mta.until("listened", || listens(site.smtp))?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", 6)?;
    until("mail under way", || load.promised() >= 50)?;
    flood(&site, &mut mta)?;
    let status = mta.wait()?;
    ensure!(status.signal() == Some(9), "it ended with {status}:\n{}", mta.log());
    ensure!(group.kills()? > 0, "somebody else killed it");
    ensure!(mda.ended()?.is_none() && maa.ended()?.is_none(), "the others live");

    let mta = site.mta()?;
    let goal = load.promised() + 50;
    until("mail taken again", || load.promised() >= goal).with_context(|| mta.log())?;
    let account = load.stop();
    until("all that was promised", || account.compare(sink.messages()).missing.is_empty())
        .with_context(|| mta.log())?;
    let second = account.compare(sink.messages()).second;
    assert!(second <= DELIVERIES, "{second} second copies");
    Ok(())
}

#[test]
fn f22_nobody_reads_the_log_and_the_disk_of_the_traces_is_full() -> Result<()> {
    const LETTERS: usize = 25;
    const RECIPIENTS: usize = 1_000;
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(16)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let mut settings = Settings::smart_host(sink.address);
    fs::create_dir(volume.path("trace"))?;
    settings.tables += &format!("[trace]\ndir = \"{}\"\n", volume.path("trace").display());
    let site = Site::new(&settings)?;
    let pipe = site.path("log.pipe");
    run(Command::new("mkfifo").arg(&pipe))?;
    // Open, so that writers find a reader; it never reads.
    let _reader = File::options().read(true).write(true).open(&pipe)?;
    volume.fill(0)?;
    let mut mta = after(&site, &format!("exec 2>'{}'", pipe.display()), "postroad-mta")?;
    mta.until("listened", || listens(site.smtp))?;

    let recipients: Vec<String> = (0..RECIPIENTS).map(|n| format!("bob{n}@sink.test")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    for number in 0..LETTERS {
        let letter = format!("Subject: {number}\r\n\r\nhello\r\n");
        let reply = client.message("anna@client.test", &recipients, letter.as_bytes())?;
        ensure!(reply.code == 250, "{reply:?}");
    }
    let delivered = || {
        let letters = sink.messages();
        letters.iter().map(|letter| letter.matches("X-Rcpt-Args").count()).sum::<usize>()
    };
    until("all letters", || delivered() == LETTERS * RECIPIENTS)
        .with_context(|| format!("{} came", delivered()))?;

    // Some agents aren't up, so the command itself says no.
    let status = site.command("postroad")?.args(["status", "--json"]).output()?;
    let status: serde_json::Value = serde_json::from_slice(&status.stdout)?;
    let lost = |name: &str| status["mta"][name].as_u64().unwrap_or(0);
    ensure!(lost("log_dropped") > 0, "log lines can't all have been written: {status}");
    ensure!(lost("trace_dropped") > 0, "trace records can't have been written: {status}");
    Ok(())
}
