//! A delivery agent that hangs, wavers or is cut off, and others that our agents lean on, down or broken: mail
//! waits, nothing is let through, nothing comes twice that need not.

use std::fs;
use std::sync::mpsc;

use anyhow::{Context, Result, ensure};
use postroad_tests::fickle::Fickle;
use postroad_tests::peers::{DeadNameServer, Needs, Nsd, Sink, Stage};
use postroad_tests::process::{PATIENCE, back_in_time, until};
use postroad_tests::smtp::Client;
use postroad_tests::suite::{Settings, Site};
use rustix::process::Signal;

fn send(site: &Site, to: &str, subject: &str) -> Result<String> {
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let letter = format!("Subject: {subject}\r\n\r\nhello\r\n");
    let reply = client.message("anna@client.test", &[to], letter.as_bytes())?;
    ensure!(reply.code == 250, "{reply:?}");
    Ok(reply.queue_id().context("no queue id")?.to_owned())
}

fn local(fickle: &Fickle) -> Settings {
    Settings::tables(format!(
        "[[route]]\ndomain = \"local\"\nnext_hop = \"lmtp://{}\"\n",
        fickle.address
    ))
}

#[test]
fn f20_a_delivery_agent_that_hangs_delays_its_own_mail_alone() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let site = Site::new(&Settings::smart_host(sink.address))?;
    let (mta, mda) = (site.mta()?, site.mda()?);
    send(&site, "alice@our.test", "before")?;
    until("the first letter", || site.new_mail("alice").is_ok_and(|mail| mail.len() == 1))?;

    mda.signal(Signal::STOP)?;
    for number in 0..3 {
        send(&site, "alice@our.test", &format!("frozen {number}"))?;
    }
    send(&site, "bob@sink.test", "for somebody else")?;
    until("the letter for somebody else", || sink.messages().len() == 1)
        .with_context(|| mta.log())?;
    assert_eq!(site.new_mail("alice")?.len(), 1, "it hangs");

    mda.signal(Signal::CONT)?;
    until("what waited for it", || site.new_mail("alice").is_ok_and(|mail| mail.len() == 4))
        .with_context(|| mta.log())?;
    Ok(())
}

#[test]
fn f20_a_delivery_agent_that_puts_off_every_other_letter() -> Result<()> {
    const LETTERS: usize = 10;
    let fickle = Fickle::start(Box::new(|number| match number % 2 {
        0 => "451 4.3.0 Not now",
        _ => "250 2.0.0 Ok",
    }))?;
    let site = Site::new(&local(&fickle))?;
    let mta = site.mta()?;
    for number in 0..LETTERS {
        send(&site, "alice@our.test", &format!("wavering {number}"))?;
    }
    until("all letters", || fickle.answered("250").len() == LETTERS).with_context(|| mta.log())?;
    for number in 0..LETTERS {
        let subject = format!("Subject: wavering {number}\r\n");
        let taken = fickle.answered("250");
        let copies = taken.iter().filter(|letter| letter.contains(&subject)).count();
        assert_eq!(copies, 1, "letter {number} was taken {copies} times");
    }
    assert!(!mta.log().contains("status=bounced"), "4xx is no bounce:\n{}", mta.log());
    Ok(())
}

/// Row F04 too: this one letter again, and no other.
#[test]
fn f20_killed_between_the_delivery_agents_2xx_and_our_record() -> Result<()> {
    let (taken, is_taken) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let fickle = Fickle::start(Box::new(move |number| {
        if number == 1 {
            taken.send(()).ok();
            // Until the transfer agent stands still.
            goes_on.recv_timeout(PATIENCE).ok();
        }
        "250 2.0.0 Ok"
    }))?;
    let site = Site::new(&local(&fickle))?;
    let mut mta = site.mta()?;
    send(&site, "alice@our.test", "first")?;
    until("the first letter", || fickle.answered("250").len() == 1)?;
    until("its outcome", || mta.log().contains("status=sent")).with_context(|| mta.log())?;
    send(&site, "alice@our.test", "second")?;
    is_taken.recv_timeout(PATIENCE).context("the second letter never came")?;
    mta.signal(Signal::STOP)?;
    go_on.send(())?;
    until("the second letter taken", || fickle.answered("250").len() == 2)?;
    mta.kill()?;

    let mta = site.mta()?;
    until("the second letter again", || fickle.answered("250").len() == 3)
        .with_context(|| mta.log())?;
    send(&site, "alice@our.test", "third")?;
    until("the third letter", || fickle.answered("250").len() >= 4).with_context(|| mta.log())?;
    let taken = fickle.answered("250");
    let copies = |subject: &str| {
        taken.iter().filter(|letter| letter.contains(&format!("Subject: {subject}\r\n"))).count()
    };
    assert_eq!((copies("first"), copies("second"), copies("third")), (1, 2, 1));
    Ok(())
}

#[test]
fn f21_accounts_that_cannot_be_read_let_nobody_in() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let mta = site.mta()?;
    // It catches the signal before it says this.
    until("the agent serving", || mta.log().contains("service=local"))?;
    let users = fs::read_to_string(site.path("users"))?;
    fs::write(site.path("users"), "this is no file of users\n")?;
    mta.signal(Signal::HUP)?;
    until("the reload refused", || mta.log().contains("the old ones stay"))
        .with_context(|| mta.log())?;

    // What was known goes on; what wasn't is refused or put off, never let through.
    let mut client = Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    client.expect("MAIL FROM:<anna@client.test>", 250)?;
    let known = client.command("RCPT TO:<alice@our.test>")?;
    assert!(matches!(known.code, 250 | 451), "{known:?}");
    let unknown = client.command("RCPT TO:<nobody@our.test>")?;
    assert!(matches!(unknown.code, 451 | 550), "{unknown:?}");
    let mut login = Client::connect(site.submission)?;
    login.expect("EHLO client.test", 250)?;
    // RFC 4616: NUL nobody NUL secret.
    let refused = login.command("AUTH PLAIN AG5vYm9keQBzZWNyZXQ=")?;
    assert!(matches!(refused.code, 454 | 535), "{refused:?}");

    // Repaired, and somebody new is in it: without a restart.
    let hash =
        users.lines().next().and_then(|line| line.strip_prefix("alice:")).context("alice")?;
    fs::write(site.path("users"), format!("{users}carol:{hash}\n"))?;
    mta.signal(Signal::HUP)?;
    back_in_time("the new user known", || {
        client.command("RCPT TO:<carol@our.test>").is_ok_and(|reply| reply.code == 250)
    })
    .with_context(|| mta.log())?;
    // NUL carol NUL correct-horse.
    login.expect("AUTH PLAIN AGNhcm9sAGNvcnJlY3QtaG9yc2U=", 235)?;

    // A start with them is refused, with the file's name.
    fs::write(site.path("users"), "this is no file of users\n")?;
    drop((client, login));
    mta.terminate()?;
    let mut mta = site.agent_by(std::process::Command::new("env"), "postroad-mta")?;
    let status = mta.wait()?;
    let said = mta.log();
    assert!(!status.success() && said.contains("users"), "{status}:\n{said}");

    fs::write(site.path("users"), users)?;
    let _mta = site.mta()?;
    send(&site, "alice@our.test", "after the repair")?;
    Ok(())
}

#[test]
fn f21_without_a_resolver_mail_waits_and_goes_when_it_is_back() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let dead = DeadNameServer::start()?;
    let resolver = dead.address;
    let site = Site::new(&Settings::tables(format!(
        "[mta.dns]\nservers = [\"{resolver}\"]\ntimeout = \"1s\"\nsmtp_port = {}\nloopback = \"allowed\"\n",
        sink.address.port()
    )))?;
    let mta = site.mta()?;
    let id = send(&site, "bob@elsewhere.test", "no way to ask")?;
    let said = |word: &str| mta.log().lines().any(|line| line.contains(&id) && line.contains(word));
    until("the letter deferred twice", || {
        mta.log().lines().filter(|line| line.contains(&id) && line.contains("deferred")).count() > 1
    })
    .with_context(|| mta.log())?;
    assert!(!said("status=bounced") && !said("status=sent"), "{}", mta.log());
    // Mail comes in all the while.
    send(&site, "alice@our.test", "still open")?;

    drop(dead);
    let zone = ("elsewhere.test", "@ MX 10 mx\nmx A 127.0.0.1");
    let _nsd = Nsd::start_at(&stage, resolver, &[zone])?;
    back_in_time("the letter", || sink.messages().len() == 1).with_context(|| mta.log())
}
