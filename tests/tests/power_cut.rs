//! A real power cut: ext4 on a loop device is shut down under load, without a flush of its journal, and the
//! agents are killed. What was answered 250 is there after the next mount, whole.
//!
//! `POSTROAD_CRASH_CUTS` and `POSTROAD_CRASH_SEED` make it longer and repeat it; `cargo xtask crash` does.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use postroad_tests::chance::{CUTS, Chance, done, rounds};
use postroad_tests::load::{Account, Load, Speak};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::until;
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site, heavy};
use postroad_tests::volume::Volume;

const SESSIONS: usize = 10;
/// Connections to the next hop at once: each may repeat one message.
const DELIVERIES: usize = 4;
/// New promises between two cuts, at most.
const BETWEEN_CUTS: usize = 300;
/// How far from the last of them the cut comes.
const MOMENT: Duration = Duration::from_millis(20);

/// Writes number after number into a file of the volume and syncs none of them: shows that what isn't synced
/// really is lost.
struct Witness(JoinHandle<u64>);

impl Witness {
    fn start(volume: &Volume) -> Result<Self> {
        let mut file = fs::File::create(volume.path("witness"))?;
        Ok(Self(thread::spawn(move || {
            let mut written = 0;
            // Until the power is cut.
            while file.write_all(b"I was here.\n").is_ok() {
                written += 1;
                thread::sleep(Duration::from_micros(100));
            }
            written
        })))
    }

    /// Lines that were lost. In one cut there may be none: the agents' syncs of the whole file system write these
    /// lines, too.
    fn lost(self, volume: &Volume) -> Result<u64> {
        let Ok(written) = self.0.join() else { bail!("the witness panicked") };
        let kept = fs::read_to_string(volume.path("witness")).unwrap_or_default().lines().count();
        eprintln!("the witness wrote {written} lines, {kept} are left");
        Ok(written.saturating_sub(kept as u64))
    }
}

/// A site whose queue is on the volume.
fn site_on(volume: &Volume, next_hop: SocketAddr) -> Result<Site> {
    let mta = format!(
        "queue = \"{}\"\ndeliveries_max = {DELIVERIES}\ndeliveries_per_next_hop_max = {DELIVERIES}\n",
        volume.path("queue").display()
    );
    Site::new(&Settings { mta, ..Settings::smart_host(next_hop) })
}

#[test]
fn f02_the_transfer_agent_keeps_its_promises_through_a_real_power_cut() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(mut volume) = Volume::ext4(256)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut chance = Chance::new();
    let sink = Sink::start(&stage)?;
    let site = site_on(&volume, sink.address)?;
    let cuts = rounds(CUTS, 3);
    let mut account = Account::default();
    let mut lost = 0;
    for cut in 1..=cuts {
        let mut mta = site.mta()?;
        let witness = Witness::start(&volume)?;
        let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", SESSIONS)?;
        let goal = chance.up_to(BETWEEN_CUTS);
        mta.until("took mail", || load.promised() >= goal)?;
        chance.moment(MOMENT);
        let moment = volume.cut_power(&stage, &[&mta])?;
        mta.kill()?;
        let mut promised = load.stop();
        promised.forget_since(moment);
        volume.mount_again()?;
        lost += witness.lost(&volume)?;
        let gone = promised.compare(sink.messages()).missing.len();
        eprintln!("cut {cut}: {} promised, {gone} of them not yet delivered", promised.promised());
        account.add(promised);
    }

    ensure!(lost > 0, "these were no power cuts: nothing was lost");
    done("cuts", cuts);
    let mta = site.mta()?;
    let missing = || account.compare(sink.messages()).missing;
    until("all that was promised", || missing().is_empty()).with_context(|| {
        format!("{:?} of {} are lost\n{}", missing(), account.promised(), mta.log())
    })?;
    let second = account.compare(sink.messages()).second;
    eprintln!("{} promised, 0 lost, {second} second copies, {cuts} cuts", account.promised());
    assert!(second <= cuts * DELIVERIES, "{second} second copies after {cuts} cuts");
    Ok(())
}

/// The disk goes, the machine stays: what can't be recorded isn't delivered on and on, to be delivered again
/// later.
#[test]
fn f06_a_disk_that_dies_under_load_ends_deliveries() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(mut volume) = Volume::ext4(256)? else { return Ok(()) };
    let _alone = heavy()?;
    let sink = Sink::start(&stage)?;
    let site = site_on(&volume, sink.address)?;
    let mut mta = site.mta()?;
    let load = Load::start(&stage, site.smtp, Speak::Smtp, "bob@sink.test", SESSIONS)?;
    mta.until("took mail", || load.promised() >= BETWEEN_CUTS)?;
    let moment = volume.cut_power(&stage, &[])?;
    let refused = || -> Result<bool> {
        let mut client = Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        Ok(client.command("MAIL FROM:<anna@client.test>")?.code / 100 == 4)
    };
    mta.until("refused mail", || refused().unwrap_or(false))?;
    mta.kill()?;
    let mut account = load.stop();
    account.forget_since(moment);
    volume.mount_again()?;

    let mta = site.mta()?;
    let missing = || account.compare(sink.messages()).missing;
    until("all that was promised", || missing().is_empty()).with_context(|| {
        format!("{:?} of {} are lost\n{}", missing(), account.promised(), mta.log())
    })?;
    let second = account.compare(sink.messages()).second;
    eprintln!("{} promised, 0 lost, {second} second copies", account.promised());
    // One sync that was under way may have been said to have succeeded, and been followed by one more.
    assert!(second <= 2 * DELIVERIES, "{second} second copies");
    Ok(())
}

#[test]
fn f02_the_delivery_agent_keeps_its_promises_through_a_real_power_cut() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(mut volume) = Volume::ext4(256)? else { return Ok(()) };
    let _alone = heavy()?;
    let mut chance = Chance::new();
    fs::create_dir(volume.path("mail"))?;
    let mda = format!("maildir = \"{}/{{user}}\"\n", volume.mounted("mail").display());
    let site = Site::new(&Settings { mda, ..Settings::default() })?;
    let cuts = rounds(CUTS, 3);
    let mut account = Account::default();
    let mut lost = 0;
    for cut in 1..=cuts {
        // Where the volume has a path that no link is on, as the delivery agent wants it.
        let mut mda = site.agent_by(volume.inside(), "postroad-mda")?;
        mda.until("listened", || TcpStream::connect(site.lmtp).is_ok())?;
        let witness = Witness::start(&volume)?;
        let load = Load::start(&stage, site.lmtp, Speak::Lmtp, "alice@our.test", SESSIONS)?;
        let goal = chance.up_to(BETWEEN_CUTS);
        mda.until("took mail", || load.promised() >= goal)?;
        chance.moment(MOMENT);
        let moment = volume.cut_power(&stage, &[&mda])?;
        mda.kill()?;
        let mut promised = load.stop();
        promised.forget_since(moment);
        account.add(promised);
        volume.mount_again()?;
        lost += witness.lost(&volume)?;
        let arrived = account.compare(new_mail(&volume)?);
        ensure!(arrived.missing.is_empty(), "cut {cut}: lost {:?}", arrived.missing);
        // Each was sent once: a second copy would be the delivery agent's own.
        ensure!(arrived.second == 0, "cut {cut}: {} second copies", arrived.second);
        eprintln!("cut {cut}: {} promised so far, 0 lost", account.promised());
    }
    ensure!(lost > 0, "these were no power cuts: nothing was lost");
    done("cuts", cuts);
    Ok(())
}

/// What is in alice's `new/`, where half a letter would be one too many.
fn new_mail(volume: &Volume) -> Result<Vec<String>> {
    let letters = postroad_tests::suite::new_mail(&volume.path("mail/alice"))?;
    Ok(letters.iter().map(|letter| String::from_utf8_lossy(letter).into_owned()).collect())
}
