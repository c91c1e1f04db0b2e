//! Whose queue it is: a second agent, a copy, a backup put back, a format of the past or the future, a folder of
//! somebody else's; and what a restart makes of the times in it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{Process, free_port, run, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site};

/// Sends so many letters to bob, who is elsewhere; gives their queue ids.
fn send(site: &Site, letters: usize) -> Result<Vec<String>> {
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let mut ids = Vec::new();
    for number in 0..letters {
        let letter = format!("Subject: number {number}\r\n\r\nhello\r\n");
        let reply = client.message("anna@client.test", &["bob@sink.test"], letter.as_bytes())?;
        ensure!(reply.code == 250, "{reply:?}");
        ids.push(reply.queue_id().context("no queue id")?.to_owned());
    }
    Ok(ids)
}

/// A next hop that isn't there yet.
fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    run(Command::new("cp").arg("--archive").args([from, to]))?;
    Ok(())
}

/// An agent that must not start; what it said.
fn refused(site: &Site, launcher: Command) -> Result<String> {
    let mut mta = site.agent_by(launcher, "postroad-mta")?;
    let status = mta.wait()?;
    ensure!(!status.success(), "it started, and ended with {status}:\n{}", mta.log());
    Ok(mta.log())
}

fn by_itself() -> Command {
    Command::new("env")
}

fn delivered(sink: &Sink, letters: usize, mta: &Process) -> Result<()> {
    until("all letters", || sink.messages().len() >= letters)
        .with_context(|| format!("{} came\n{}", sink.messages().len(), mta.log()))
}

#[test]
fn f23_a_second_agent_is_refused_and_says_why() -> Result<()> {
    let one = Site::new(&Settings::smart_host(nowhere()))?;
    let mta = format!("queue = \"{}\"\n", one.path("queue").display());
    let two = Site::new(&Settings { mta, ..Settings::default() })?;
    let first = one.mta()?;
    send(&one, 1)?;
    let said = refused(&two, by_itself())?;
    assert!(said.contains("in use by another process"), "{said}");
    assert!(said.contains(&one.path("queue").display().to_string()), "{said}");
    send(&one, 1).with_context(|| first.log())?;

    // What a killed agent leaves is no obstacle.
    drop(first);
    let mut second = two.mta()?;
    second.kill()?;
    let _third = one.mta()?;
    Ok(())
}

#[test]
fn f23_a_copy_made_while_it_runs_opens() -> Result<()> {
    const LETTERS: usize = 50;
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let next_hop = nowhere();
    let one = Site::new(&Settings::smart_host(next_hop))?;
    let _mta = one.mta()?;
    send(&one, LETTERS)?;
    let two = Site::new(&Settings::smart_host(next_hop))?;
    std::thread::scope(|scope| -> Result<()> {
        // More comes while it is copied.
        let more = scope.spawn(|| send(&one, LETTERS));
        copy(&one.path("queue"), &two.path("queue"))?;
        let Ok(sent) = more.join() else { anyhow::bail!("the sender panicked") };
        sent.map(drop)
    })?;
    drop(_mta);

    let sink = Sink::start_at(&stage, next_hop, &[])?;
    let mta = two.mta()?;
    delivered(&sink, LETTERS, &mta)
}

#[test]
fn f24_a_backup_put_back_repeats_what_was_in_it_and_no_more() -> Result<()> {
    const LETTERS: usize = 10;
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let next_hop = nowhere();
    let site = Site::new(&Settings::smart_host(next_hop))?;
    let mta = site.mta()?;
    let before = send(&site, LETTERS)?;
    mta.terminate()?;
    copy(&site.path("queue"), &site.path("backup"))?;

    let sink = Sink::start_at(&stage, next_hop, &[])?;
    let mta = site.mta()?;
    let after = send(&site, LETTERS)?;
    delivered(&sink, 2 * LETTERS, &mta)?;
    mta.terminate()?;
    fs::remove_dir_all(site.path("queue"))?;
    fs::rename(site.path("backup"), site.path("queue"))?;

    let mta = site.mta()?;
    delivered(&sink, 3 * LETTERS, &mta)?;
    let again = send(&site, 1)?;
    delivered(&sink, 3 * LETTERS + 1, &mta)?;
    assert_eq!(sink.messages().len(), 3 * LETTERS + 1, "{}", mta.log());
    // Announced: the start says what it found.
    let found = format!("messages={LETTERS} ");
    assert!(mta.log().contains(&found), "{found:?} is missing:\n{}", mta.log());
    // Row Q06: ids are never given again, though the backup knows nothing of them.
    assert!(!before.iter().chain(&after).any(|id| again.contains(id)));
    Ok(())
}

/// CRC-32 (IEEE), as the queue's format has it.
fn crc(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc, &octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn f24_a_format_of_the_future_is_refused_whole() -> Result<()> {
    let site = Site::new(&Settings::smart_host(nowhere()))?;
    let mta = site.mta()?;
    send(&site, 3)?;
    mta.terminate()?;
    let segments = site.path("queue/segments");
    for entry in fs::read_dir(&segments)? {
        let path = entry?.path();
        let mut octets = fs::read(&path)?;
        // The header: eight octets of magic, the version, …, and at 28 the checksum of what is before it.
        ensure!(octets.starts_with(b"PRQUEUE\n"), "{} is no segment", path.display());
        octets[8..12].copy_from_slice(&99u32.to_le_bytes());
        let crc = crc(&octets[..28]);
        octets[28..32].copy_from_slice(&crc.to_le_bytes());
        fs::write(&path, octets)?;
    }
    let listed = || -> Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&segments)? {
            let entry = entry?;
            files.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
        }
        files.sort();
        Ok(files)
    };
    let before = listed()?;
    let said = refused(&site, by_itself())?;
    assert!(said.contains("format 99") && said.contains("release"), "{said}");
    assert_eq!(listed()?, before, "it was touched");
    Ok(())
}

/// A queue as the first release wrote it: number 0 was tried, 1 has two recipients, 2 was deleted, 3 is held, and
/// the content of 4 is in a file of its own. What the first release says to a later one's is above.
#[test]
fn f14_a_queue_of_the_first_format_is_opened_by_this_release() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let mut settings = Settings::smart_host(sink.address);
    // It grows old.
    settings.tables += "give_up_after = \"3650d\"\nwarn_after = \"3650d\"\n";
    let site = Site::new(&settings)?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/queue-1");
    copy(&fixture, &site.path("queue"))?;
    // Modes aren't kept by version control.
    run(Command::new("chmod").args(["--recursive", "u=rwX,go="]).arg(site.path("queue")))?;
    fs::create_dir_all(site.path("queue/damaged"))?;
    run(Command::new("chmod").arg("0700").arg(site.path("queue/damaged")))?;

    let mta = site.mta()?;
    until("four found", || mta.log().contains("queue opened messages=4 "))
        .with_context(|| mta.log())?;
    let queue = |words: &[&str]| run(site.command("postroad")?.arg("queue").args(words));
    let came = || -> Vec<String> {
        let messages = sink.messages();
        let subject = |letter: &String| {
            letter.lines().find_map(|line| Some(line.strip_prefix("Subject: number ")?.to_owned()))
        };
        let mut numbers: Vec<String> = messages.iter().filter_map(subject).collect();
        numbers.sort();
        numbers
    };
    queue(&["retry", "--all"])?;
    until("what isn't held", || came() == ["0", "1", "4"])
        .with_context(|| format!("{:?}\n{}", came(), mta.log()))?;
    queue(&["release", "--all"])?;
    until("what was held", || came() == ["0", "1", "3", "4"]).with_context(|| mta.log())?;
    let messages = sink.messages();
    let letter = |number: u32| {
        messages.iter().find(|letter| letter.contains(&format!("Subject: number {number}\n")))
    };
    assert_eq!(letter(1).context("number 1")?.matches("X-Rcpt-Args").count(), 2);
    assert_eq!(letter(4).context("number 4")?.matches("Jack a dull boy.\n").count(), 6_667);
    Ok(())
}

/// When each recipient is tried next.
fn due(site: &Site) -> Result<Vec<(String, u64)>> {
    let list =
        run(site.command("postroad")?.args(["queue", "list", "--json", "--to", "@sink.test"]))?;
    let due = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let id = message["queue_id"].as_str().context("no id")?.to_owned();
        Ok((id, message["recipients"][0]["due"].as_u64().context("no time")?))
    };
    String::from_utf8(list.stdout)?.lines().map(due).collect()
}

/// No stampede: who waits goes on waiting, each for its own time.
#[test]
fn f14_a_restart_makes_nothing_due_at_once() -> Result<()> {
    const LETTERS: usize = 20;
    const MINUTE: u64 = 60;
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let next_hop = nowhere();
    let busy = Sink::start_at(&stage, next_hop, &["-r", "rcpt"])?;
    let mut settings = Settings::smart_host(next_hop);
    settings.tables += "retry_first = \"1h\"\nretry_longest = \"2h\"\n";
    let site = Site::new(&settings)?;
    let mut mta = site.mta()?;
    send(&site, LETTERS)?;
    let tried = || mta.log().matches("status=deferred").count() >= LETTERS;
    until("each letter tried", tried).with_context(|| mta.log())?;
    until("each put off", || {
        let (due, now) = (due(&site).unwrap_or_default(), SystemTime::now());
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        due.len() == LETTERS && due.iter().all(|(_, at)| *at > now + 40 * MINUTE)
    })?;
    let before = due(&site)?;
    mta.kill()?;
    busy.stop()?;

    let sink = Sink::start_at(&Stage::set_up(Needs::Tools)?.context("a stage")?, next_hop, &[])?;
    let mta = site.mta()?;
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let letter = b"Subject: the next hop is well\r\n\r\nhello\r\n";
    ensure!(client.message("anna@client.test", &["bob@other.test"], letter)?.code == 250);
    until("a new letter", || sink.messages().len() == 1).with_context(|| mta.log())?;
    assert_eq!(due(&site)?, before, "{}", mta.log());
    assert_eq!(sink.messages().len(), 1, "{}", mta.log());
    // An hour, give or take a fifth: twenty of them within five minutes is next to impossible.
    let times = || before.iter().map(|(_, at)| *at);
    let spread = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    assert!(spread > 5 * MINUTE, "{before:?}");
    Ok(())
}

#[test]
fn q03_somebody_elses_folder_is_refused_with_its_name() -> Result<()> {
    let Some(_stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let site = Site::new(&Settings::smart_host(nowhere()))?;
    site.mta()?.terminate()?;
    // Everything but the queue belongs to the agent's user.
    let user = Stage::user("postroad")?.id;
    run(Command::new("chown").args(["--recursive", &format!("{user}:{user}")]).arg(site.path("")))?;
    run(Command::new("chown").args(["--recursive", "0:0"]).arg(site.path("queue")))?;
    let mut setpriv = Command::new("setpriv");
    setpriv.args([format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into()]);
    let said = refused(&site, setpriv)?;
    assert!(said.contains(&site.path("queue").display().to_string()), "{said}");
    Ok(())
}

#[test]
fn q03_a_queue_that_is_no_folder_is_refused_with_its_name() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    fs::write(site.path("queue"), "not a folder\n")?;
    let said = refused(&site, by_itself())?;
    assert!(said.contains(&site.path("queue").display().to_string()), "{said}");
    assert_eq!(fs::read_to_string(site.path("queue"))?, "not a folder\n");
    Ok(())
}
