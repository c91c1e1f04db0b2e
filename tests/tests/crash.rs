//! `kill -9` under load: what was answered 250 is there afterwards, whole, and next to nothing twice.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use postroad_tests::load::{Load, Speak, whole};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::until;
use postroad_tests::suite::{Settings, Site, heavy};

const KILLS: usize = 8;
const CLIENTS: usize = 6;
/// New promises between two kills.
const BETWEEN_KILLS: usize = 25;
/// Connections to the next hop at once: a connection takes its next message when the last one's outcome is
/// durable, so a kill may repeat one on each.
const DELIVERIES: usize = 4;

/// A site that delivers no more than so many messages at once.
fn settings(base: Settings) -> Settings {
    let mta =
        format!("deliveries_max = {DELIVERIES}\ndeliveries_per_next_hop_max = {DELIVERIES}\n");
    Settings { mta, ..base }
}

/// How often each whole letter is there; panics at a letter that isn't whole.
fn copies(letters: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for letter in letters {
        let id = whole(&letter).unwrap_or_else(|| panic!("half a letter:\n{letter}"));
        *copies.entry(id.to_owned()).or_default() += 1;
    }
    copies
}

fn new_mail(site: &Site) -> Vec<String> {
    let mail = site.new_mail("alice").unwrap_or_default();
    mail.iter().map(|letter| String::from_utf8_lossy(letter).into_owned()).collect()
}

#[test]
fn the_transfer_agent_keeps_what_it_promised() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let _alone = heavy()?;
    let sink = Sink::start(&stage)?;
    let site = Site::new(&settings(Settings::smart_host(sink.address)))?;
    let mut mta = site.mta()?;
    let load = Load::start(site.smtp, Speak::Smtp, "bob@sink.test", CLIENTS);
    for kill in 1..=KILLS {
        let goal = load.promised() + BETWEEN_KILLS;
        mta.until("took more mail", || load.promised() >= goal)
            .with_context(|| format!("before kill {kill}"))?;
        mta.kill()?;
        mta = site.mta()?;
    }
    let promised = load.stop();

    let arrived = || {
        let copies = sink.copies();
        promised.iter().filter(|id| copies.contains_key(*id)).count()
    };
    until("all that was promised", || arrived() == promised.len())
        .with_context(|| format!("{} of {} arrived\n{}", arrived(), promised.len(), mta.log()))?;
    let second: usize = copies(sink.messages()).values().map(|count| count - 1).sum();
    assert!(second <= KILLS * DELIVERIES, "{second} second copies after {KILLS} kills");
    Ok(())
}

#[test]
fn the_delivery_agent_keeps_what_it_promised() -> Result<()> {
    let _alone = heavy()?;
    let site = Site::new(&Settings::default())?;
    let mut mda = site.mda()?;
    let load = Load::start(site.lmtp, Speak::Lmtp, "alice@our.test", CLIENTS);
    for kill in 1..=KILLS {
        let goal = load.promised() + BETWEEN_KILLS;
        mda.until("took more mail", || load.promised() >= goal)
            .with_context(|| format!("before kill {kill}"))?;
        mda.kill()?;
        mda = site.mda()?;
    }
    let promised = load.stop();

    let copies = copies(new_mail(&site));
    let lost: Vec<&String> = promised.iter().filter(|id| !copies.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} letters are lost: {lost:?}", lost.len(), promised.len());
    // Each letter was sent once: a second copy would be the delivery agent's own.
    assert!(copies.values().all(|&count| count == 1));
    Ok(())
}

#[test]
fn killing_the_delivery_agent_loses_nothing_of_the_transfer_agents() -> Result<()> {
    let _alone = heavy()?;
    let site = Site::new(&settings(Settings::default()))?;
    let mta = site.mta()?;
    let mut mda = site.mda()?;
    let load = Load::start(site.smtp, Speak::Smtp, "alice@our.test", CLIENTS);
    for kill in 1..=KILLS {
        let goal = new_mail(&site).len() + BETWEEN_KILLS;
        mda.until("delivered more mail", || new_mail(&site).len() >= goal)
            .with_context(|| format!("before kill {kill}"))?;
        mda.kill()?;
        mda = site.mda()?;
    }
    let promised = load.stop();

    let arrived = || copies(new_mail(&site)).keys().filter(|id| promised.contains(*id)).count();
    until("all that was promised", || arrived() == promised.len())
        .with_context(|| format!("{} of {} arrived\n{}", arrived(), promised.len(), mta.log()))?;
    let second: usize = copies(new_mail(&site)).values().map(|count| count - 1).sum();
    assert!(second <= KILLS * DELIVERIES, "{second} second copies after {KILLS} kills");
    Ok(())
}
