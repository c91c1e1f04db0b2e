//! Other people's programs at our IMAP: each reads, flags, moves, copies, deletes and stores letters, and afterwards all
//! is where it has put it.

use anyhow::Result;
use postroad_tests::peers::Security;
use postroad_tests::process::until;

#[path = "imap_clients/at_once.rs"]
mod at_once;
#[path = "imap_clients/place.rs"]
mod place;
#[path = "imap_clients/programs.rs"]
mod programs;
#[path = "imap_clients/readers.rs"]
mod readers;
#[path = "imap_clients/synchronizers.rs"]
mod synchronizers;

use place::{Place, ways};
use synchronizers::Copy;

#[test]
fn imaplib_goes_through_all() -> Result<()> {
    for way in 0..3 {
        let Some(place) = Place::set_up()? else { return Ok(()) };
        place.imaplib(ways(place.ca())[way], &[])?;
    }
    Ok(())
}

#[test] // Tests RFC 4978 §3.
fn imaplib_goes_through_all_deflated() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.imaplib(Security::Upgrade(place.ca()), &["--compress"])
}

#[test]
fn mutt_reads_and_sorts_mail() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.mutt(Security::Upgrade(place.ca()))
}

#[test]
fn neomutt_reads_and_sorts_mail() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.neomutt(Security::Implicit(place.ca()))
}

#[test]
fn aerc_reads_and_sorts_mail() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.aerc()
}

#[test]
fn curl_reads_and_stores() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.curl(Security::Upgrade(place.ca()))
}

#[test]
fn fetchmail_takes_all() -> Result<()> {
    for way in 0..3 {
        let Some(place) = Place::set_up()? else { return Ok(()) };
        place.fetchmail("IMAP", ways(place.ca())[way])?;
    }
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.fetchmail("POP3", Security::Implicit(place.ca()))
}

#[test]
fn getmail_takes_all() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.getmail(Security::Implicit(place.ca()))
}

#[test]
fn mbsync_carries_changes_both_ways() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let copy = Copy::mbsync(&place, Security::Upgrade(place.ca()))?;
    copy.cycle()?;
    copy.folders()?;
    copy.is_deflated()?;
    // It prefers SCRAM where that is offered: one user with keys locks nobody out, and when all have them it is taken.
    for (user, by) in [("bob", "by=password"), ("alice", "by=SCRAM")] {
        place.give_keys(user)?;
        let before = place.maa.log().len();
        copy.run()?;
        // The log may come after the answer.
        until(by, || place.maa.log().get(before..).is_some_and(|since| since.contains(by)))?;
    }
    Ok(())
}

#[test]
fn offlineimap_carries_changes_both_ways() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let copy = Copy::offlineimap(&place, Security::Implicit(place.ca()))?;
    copy.cycle()?;
    copy.folders()
}

#[test]
fn several_see_the_same_in_the_end() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    at_once::run(&place)
}

#[test]
fn programs_at_once_have_the_same_in_the_end() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    programs::run(&place)
}
