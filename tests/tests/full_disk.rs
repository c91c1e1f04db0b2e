//! Rows F06 and F08: a queue whose disk is full, has no inodes left, can't be written or fails to sync. Mail is
//! refused before its data comes, what is queued is delivered all the same, and intake is back within five seconds
//! of the repair.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use postroad_tests::load::{Load, Speak};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{self, Ending, Process, free_port, run, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site, heavy};
use postroad_tests::volume::Volume;

/// Room for the reserve that intake leaves to outcomes, and for some segments.
const MEBIBYTES: u64 = 192;
/// Letters that wait while the disk is full.
const WAITING: usize = 20;
/// Octets that are left: less than the reserve.
const LEFT: u64 = 8 << 20;

/// A site whose queue is on the volume, and a next hop that isn't there yet.
struct Host {
    // Ended before the volume goes.
    mta: Process,
    site: Site,
    next_hop: SocketAddr,
    volume: Volume,
    stage: Stage,
}

impl Host {
    fn set_up(volume: Volume, stage: Stage) -> Result<Self> {
        let next_hop = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mta = format!("queue = \"{}\"\n", volume.path("queue").display());
        let site = Site::new(&Settings { mta, ..Settings::smart_host(next_hop) })?;
        let host = Self { mta: site.mta()?, site, next_hop, volume, stage };
        for number in 0..WAITING {
            let mut client = host.client()?;
            let letter = format!("Subject: waits {number}\r\n\r\nFor better times.\r\n");
            let reply =
                client.message("anna@client.test", &["bob@sink.test"], letter.as_bytes())?;
            ensure!(reply.code == 250, "{reply:?}");
        }
        Ok(host)
    }

    fn client(&self) -> Result<Client> {
        let mut client = Client::connect(self.site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        Ok(client)
    }

    /// What MAIL is answered.
    fn mail(&self) -> Result<u16> {
        Ok(self.client()?.command("MAIL FROM:<anna@client.test>")?.code)
    }

    /// Trouble, by `begin`, is answered 452 to MAIL; what waits is delivered meanwhile; after `end` intake is back.
    fn check(
        &self,
        begin: impl FnOnce(&Volume) -> Result<()>,
        end: impl FnOnce(&Volume) -> Result<()>,
    ) -> Result<()> {
        begin(&self.volume)?;
        // RFC 1870 §6.1: before the content is sent for nothing.
        until("452 to MAIL", || self.mail().is_ok_and(|code| code == 452))
            .with_context(|| self.mta.log())?;
        let sink = Sink::start_at(&self.stage, self.next_hop, &[])?;
        until("what was queued", || sink.messages().len() == WAITING)
            .with_context(|| format!("{} came\n{}", sink.messages().len(), self.mta.log()))?;
        ensure!(self.mail()? == 452, "nothing was freed yet");
        end(&self.volume)?;
        self.back_in_time(|| self.mail().is_ok_and(|code| code == 250))
    }

    /// Without a restart.
    fn back_in_time(&self, back: impl FnMut() -> bool) -> Result<()> {
        process::back_in_time("mail taken again", back).with_context(|| self.mta.log())
    }
}

#[test]
fn f08_a_full_disk() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(()) };
    Host::set_up(volume, stage)?.check(|volume| volume.fill(LEFT), Volume::make_room)
}

#[test]
fn f08_no_inodes() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4_with_inodes(MEBIBYTES, 512)? else { return Ok(()) };
    Host::set_up(volume, stage)?.check(|volume| volume.use_up_inodes(0), Volume::give_inodes_back)
}

/// To the last octet, under load: not even outcomes can be written.
#[test]
fn f08_a_disk_that_fills_up_under_load() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut host = Host::set_up(volume, stage)?;
    let sink = Sink::start_at(&host.stage, host.next_hop, &[])?;
    let load = Load::start(&host.stage, host.site.smtp, Speak::Smtp, "bob@sink.test", 6)?;
    until("mail under way", || load.promised() >= 50)?;
    host.volume.fill(0)?;
    until("4xx to MAIL", || host.mail().is_ok_and(|code| code / 100 == 4))
        .with_context(|| host.mta.log())?;
    host.volume.make_room()?;
    let goal = load.promised() + 50;
    host.back_in_time(|| load.promised() >= goal)?;
    ensure!(host.mta.ended()?.is_none(), "it went on all the time");
    let account = load.stop();
    until("all that was promised", || account.compare(sink.messages()).missing.is_empty())
        .with_context(|| host.mta.log())?;
    // Nobody was killed, and no outcome was given up.
    assert_eq!(account.compare(sink.messages()).second, 0);
    Ok(())
}

/// strace stands between the agent and the kernel: some of its calls are answered by this error, until it is
/// dropped.
fn inject(host: &Host, calls: &str, fault: &str) -> Result<Process> {
    let mut strace: Command = host.stage.command("strace");
    strace.args(["-f", "-qqq", "-o", "/dev/null", "-p", &host.mta.id().to_string()]);
    strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{fault}")]);
    Process::spawn("strace", strace, &host.site.path(""), Ending::Gentle)
}

/// One letter to the reply after its data, or the reply that refused it before.
fn take(host: &Host) -> Result<u16> {
    let mut client = host.client()?;
    let mail = client.command("MAIL FROM:<anna@client.test>")?;
    if mail.code != 250 {
        return Ok(mail.code);
    }
    client.expect("RCPT TO:<bob@sink.test>", 250)?;
    client.expect("DATA", 354)?;
    Ok(client.command("Subject: late\r\n\r\nlate\r\n.")?.code)
}

#[test]
fn f08_calls_that_find_a_read_only_file_system() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(()) };
    let host = Host::set_up(volume, stage)?;
    let calls = "pwritev,pwritev2,pwrite64,ftruncate,fallocate,renameat2,mkdir";
    let strace = inject(&host, calls, "error=EROFS")?;
    until("4xx", || take(&host).is_ok_and(|code| code / 100 == 4))
        .with_context(|| host.mta.log())?;
    drop(strace);
    host.back_in_time(|| take(&host).is_ok_and(|code| code == 250))?;
    let sink = Sink::start_at(&host.stage, host.next_hop, &[])?;
    until("what was queued", || sink.messages().len() > WAITING).with_context(|| host.mta.log())?;
    Ok(())
}

/// A real one: ext4 finds an error under load, and its operator repairs it below the running agent.
#[test]
fn f08_a_file_system_that_turns_read_only_under_load() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut host = Host::set_up(volume, stage)?;
    let load = Load::start(&host.stage, host.site.smtp, Speak::Smtp, "bob@sink.test", 6)?;
    until("mail under way", || load.promised() >= 50)?;
    host.volume.turn_read_only()?;
    until("4xx to MAIL", || host.mail().is_ok_and(|code| code / 100 == 4))
        .with_context(|| host.mta.log())?;
    // It can still be read: each connection hands on what it can, until the outcome has to be written.
    let sink = Sink::start_at(&host.stage, host.next_hop, &[])?;
    until("some of what was queued", || !sink.messages().is_empty())
        .with_context(|| host.mta.log())?;
    ensure!(host.mail()? / 100 == 4, "nothing was repaired yet");

    host.volume.check_and_mount()?;
    let goal = load.promised() + 50;
    host.back_in_time(|| load.promised() >= goal)?;
    ensure!(host.mta.ended()?.is_none(), "it went on all the time");
    let account = load.stop();
    until("all that was promised", || account.compare(sink.messages()).missing.is_empty())
        .with_context(|| host.mta.log())?;
    assert_eq!(account.compare(sink.messages()).second, 0, "{}", host.mta.log());

    // And all of it is written where the next start looks.
    let queued = || -> Result<String> {
        let mut queue = host.site.command("postroad")?;
        Ok(String::from_utf8(run(queue.args(["queue", "list"]))?.stdout)?)
    };
    until("an empty queue", || queued().is_ok_and(|list| list.is_empty()))
        .with_context(|| host.mta.log())?;
    host.mta.terminate()?;
    let mta = host.site.mta()?;
    // The log of the first start is in the same file.
    let opened = || mta.log().matches("queue opened messages=0 ").count();
    until("nothing left over", || opened() == 2).with_context(|| mta.log())
}

/// Once, then again and again: the letters of that sync are refused, and what was promised is kept.
#[test]
fn f06_syncs_that_fail_under_load() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(volume) = Volume::ext4(MEBIBYTES)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut host = Host::set_up(volume, stage)?;
    let sink = Sink::start_at(&host.stage, host.next_hop, &[])?;
    let load = Load::start(&host.stage, host.site.smtp, Speak::Smtp, "bob@sink.test", 6)?;
    until("mail under way", || load.promised() >= 50)?;
    // strace counts for each thread, and one thread writes.
    let strace = inject(&host, "fdatasync,fsync", "error=EIO:when=5")?;
    let given_up = || host.mta.log().matches("going on in a new segment").count();
    until("a sync failed", || given_up() > 0).with_context(|| host.mta.log())?;
    let goal = load.promised() + 50;
    until("mail taken all the same", || load.promised() >= goal).with_context(|| host.mta.log())?;
    drop(strace);

    let strace = inject(&host, "fdatasync,fsync", "error=EIO")?;
    until("4xx to MAIL", || host.mail().is_ok_and(|code| code / 100 == 4))
        .with_context(|| host.mta.log())?;
    drop(strace);
    let goal = load.promised() + 50;
    host.back_in_time(|| load.promised() >= goal)?;
    ensure!(host.mta.ended()?.is_none(), "it went on all the time");
    let account = load.stop();
    until("all that was promised", || account.compare(sink.messages()).missing.is_empty())
        .with_context(|| host.mta.log())?;
    assert_eq!(account.compare(sink.messages()).second, 0, "{}", host.mta.log());
    Ok(())
}
