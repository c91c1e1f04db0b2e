//! SIGTERM: sessions finish or are told 421, deliveries finish or stay queued, and a second signal ends it all.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use postroad_tests::process::until;
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};
use rustix::process::Signal;

/// A next hop that takes one letter, and answers its final dot when it is told to.
struct Hop {
    listener: TcpListener,
}

impl Hop {
    fn start() -> Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok((Self { listener }, address))
    }

    /// Waits for a letter whose final dot has come.
    fn letter(&self) -> Result<Letter> {
        let (mut stream, _) = self.listener.accept()?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        stream.write_all(b"220 hop.test\r\n")?;
        loop {
            let line = lines.next().context("no more lines")??;
            match line.as_str() {
                "DATA" => stream.write_all(b"354 go on\r\n")?,
                "." => return Ok(Letter { stream }),
                // Content is read over, as are the commands that need a yes.
                line if ["EHLO", "MAIL", "RCPT"].iter().any(|verb| line.starts_with(verb)) => {
                    stream.write_all(b"250 ok\r\n")?;
                }
                _ => {}
            }
        }
    }
}

struct Letter {
    stream: TcpStream,
}

impl Letter {
    /// Answers the dot.
    fn take(mut self) -> Result<()> {
        Ok(self.stream.write_all(b"250 taken\r\n")?)
    }
}

fn send(site: &Site) -> Result<()> {
    let mut client = smtp::Client::connect(site.smtp)?;
    client.expect("EHLO client.test", 250)?;
    let letter = b"Subject: x\r\n\r\nhello\r\n";
    assert_eq!(client.message("a@b.test", &["x@hop.test"], letter)?.code, 250);
    Ok(())
}

fn in_background(hop: Hop) -> JoinHandle<Result<(Hop, Letter)>> {
    thread::spawn(move || {
        let letter = hop.letter()?;
        Ok((hop, letter))
    })
}

fn joined<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().map_err(|_| anyhow::anyhow!("the next hop panicked"))?
}

#[test] // Tests RFC 5321 §3.8.
fn sessions_finish_their_transaction_or_are_told_421() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let (mta, _mda) = (site.mta()?, site.mda()?);
    let mut idle = smtp::Client::connect(site.smtp)?;
    let mut busy = smtp::Client::connect(site.smtp)?;
    busy.expect("EHLO client.test", 250)?;
    busy.expect("MAIL FROM:<a@b.test>", 250)?;
    busy.expect("RCPT TO:<alice@our.test>", 250)?;
    busy.expect("DATA", 354)?;
    mta.signal(Signal::TERM)?;
    assert_eq!(idle.reply()?.code, 421);
    busy.expect("Subject: x\r\n\r\nlast\r\n.", 250)?;
    assert_eq!(busy.reply()?.code, 421);
    drop((idle, busy));
    let mut mta = mta;
    assert!(mta.wait()?.success(), "{}", mta.log());
    // What was answered 250 is delivered, by this process or the next.
    let _mta = site.mta()?;
    until("the letter", || site.new_mail("alice").is_ok_and(|mail| mail.len() == 1))
}

#[test]
fn a_delivery_under_way_finishes_and_is_not_repeated() -> Result<()> {
    let (hop, address) = Hop::start()?;
    let site = Site::new(&Settings::smart_host(address))?;
    let mut mta = site.mta()?;
    send(&site)?;
    let (hop, letter) = joined(in_background(hop))?;
    mta.signal(Signal::TERM)?;
    until("the stop in the log", || mta.log().contains("stopping"))?;
    letter.take()?;
    assert!(mta.wait()?.success(), "{}", mta.log());
    let mta = site.mta()?;
    let queued = || {
        let output = site
            .command("postroad")
            .and_then(|mut command| Ok(command.args(["queue", "list", "--json"]).output()?));
        output.is_ok_and(|output| output.status.success() && output.stdout.is_empty())
    };
    until("an empty queue", queued).map_err(|error| error.context(mta.log()))?;
    hop.listener.set_nonblocking(true)?;
    assert!(hop.listener.accept().is_err(), "it was delivered already");
    Ok(())
}

#[test]
fn a_second_signal_ends_at_once_and_the_letter_stays() -> Result<()> {
    let (hop, address) = Hop::start()?;
    let site = Site::new(&Settings::smart_host(address))?;
    let mut mta = site.mta()?;
    send(&site)?;
    let (hop, _unanswered) = joined(in_background(hop))?;
    mta.signal(Signal::TERM)?;
    until("the stop in the log", || mta.log().contains("stopping"))?;
    mta.signal(Signal::TERM)?;
    assert_eq!(mta.wait()?.code(), Some(75), "{}", mta.log());
    let _mta = site.mta()?;
    let (_hop, again) = joined(in_background(hop))?;
    again.take()
}
