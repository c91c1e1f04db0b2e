//! One letter at a time on an idle host: how long until its sender may go, how long until it is there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::bar::{Bar, Limit};
use super::peers::Server;
use super::row::{Columns, Row, Rows, SECONDS};
use super::sheet::{Cell, Sheet};
use super::{Bench, OURS, progress};

/// Between two letters: long enough for everybody to come to rest.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two looks at the sink.
const LOOK: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_secs(30);
/// Letters of a run: enough that the slowest of them isn't p99.
const LETTERS: usize = 200;
const LETTERS_QUICK: usize = 20;
/// Who is slow sends no more of them once a run takes so long.
const LONGEST: Duration = Duration::from_secs(15);

const COLUMNS: Columns = Columns {
    shown: &[
        "letters",
        "accepted_p50_ms",
        "accepted_p99_ms",
        "delivered_p50_ms",
        "delivered_p99_ms",
    ],
    ratios: &[("p50 ratio", "delivered_p50_ms"), ("p99 ratio", "delivered_p99_ms")],
    bars: &[
        no_slower_than("postfix", "delivered_p50_ms"),
        no_slower_than("postfix", "delivered_p99_ms"),
        no_slower_than("exim", "delivered_p50_ms"),
        no_slower_than("exim", "delivered_p99_ms"),
        no_slower_than("opensmtpd", "delivered_p50_ms"),
        no_slower_than("opensmtpd", "delivered_p99_ms"),
    ],
    sheets: &[Sheet {
        head: "connect to next hop, p50 and p99 in ms",
        cases: |_| true,
        columns: &[
            ("Postroad", Cell::Of(OURS, "delivered_p50_ms")),
            ("p99", Cell::Of(OURS, "delivered_p99_ms")),
            ("Postfix", Cell::Of("postfix", "delivered_p50_ms")),
            ("p99", Cell::Of("postfix", "delivered_p99_ms")),
            ("Exim", Cell::Of("exim", "delivered_p50_ms")),
            ("p99", Cell::Of("exim", "delivered_p99_ms")),
            ("OpenSMTPD", Cell::Of("opensmtpd", "delivered_p50_ms")),
            ("p99", Cell::Of("opensmtpd", "delivered_p99_ms")),
        ],
    }],
};

const fn no_slower_than(peer: &'static str, figure: &'static str) -> Bar {
    Bar { cases: |_| true, figure, over: Some(peer), limit: Limit::AtMost(1.0) }
}

pub(super) fn run(bench: &mut Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let letters = if bench.options.quick { LETTERS_QUICK } else { LETTERS };
    let runs = bench.runs();
    let bar = progress(bench.options.kib.len() * runs as usize * bench.servers.len())?;
    for kib in &bench.options.kib {
        let case = format!("{kib} KiB, one at a time");
        let body = body(kib * 1024);
        for run in 0..=runs {
            for server in &mut bench.servers {
                bar.set_message(format!("{case}: {}", server.name));
                let figures = measured(server, &body, letters)
                    .with_context(|| format!("{case} with {}", server.name))?;
                // The first round only wakes everybody up.
                if run > 0 {
                    rows.push(Row { server: server.name, case: case.clone(), figures });
                    bar.inc(1);
                }
            }
        }
    }
    bar.finish_and_clear();
    Ok(COLUMNS)
}

fn measured(
    server: &mut Server,
    body: &[u8],
    letters: usize,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let (began, mut accepted, mut delivered) = (Instant::now(), Vec::new(), Vec::new());
    while delivered.len() < letters && began.elapsed() < LONGEST {
        let letter = Letter { smtp: server.smtp, recipient: server.recipient, body };
        let times = one(letter, &mut server.arrived)?;
        accepted.push(times.accepted);
        delivered.push(times.delivered);
    }
    Ok(BTreeMap::from([
        ("accepted_p50_ms", percentile(&mut accepted, 50)),
        ("accepted_p99_ms", percentile(&mut accepted, 99)),
        ("delivered_p50_ms", percentile(&mut delivered, 50)),
        ("delivered_p99_ms", percentile(&mut delivered, 99)),
        ("letters", delivered.len() as f64),
        (SECONDS, began.elapsed().as_secs_f64()),
    ]))
}

/// A letter to be sent.
#[derive(Clone, Copy)]
pub(super) struct Letter<'a> {
    pub(super) smtp: SocketAddr,
    pub(super) recipient: &'a str,
    /// With its final dot.
    pub(super) body: &'a [u8],
}

/// How long a letter took, each from connect.
pub(super) struct Times {
    accepted: Duration,
    delivered: Duration,
}

impl Times {
    /// From 250 to the next hop.
    pub(super) fn passed_on(&self) -> Duration {
        self.delivered.saturating_sub(self.accepted)
    }
}

/// Sends a letter after a pause, and waits until one more has `arrived`.
pub(super) fn one(
    letter: Letter<'_>,
    arrived: &mut dyn FnMut() -> anyhow::Result<u64>,
) -> anyhow::Result<Times> {
    std::thread::sleep(PAUSE);
    let before = arrived()?;
    let start = Instant::now();
    let connection = send(letter)?;
    let accepted = start.elapsed();
    while arrived()? == before {
        ensure!(start.elapsed() < PATIENCE, "the letter to {} didn't arrive", letter.recipient);
        std::thread::sleep(LOOK);
    }
    let delivered = start.elapsed();
    quit(connection)?;
    Ok(Times { accepted, delivered })
}

/// In milliseconds.
pub(super) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

pub(super) fn body(octets: u32) -> Vec<u8> {
    let header = "From: sender@client.example\r\nTo: user@far.example\r\nSubject: one\r\n\r\n";
    let line = format!("{}\r\n", "X".repeat(78));
    let lines = (octets as usize).saturating_sub(header.len()) / line.len();
    format!("{header}{}.\r\n", line.repeat(lines)).into_bytes()
}

/// A session up to the 250 for the letter.
fn send(letter: Letter<'_>) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(letter.smtp).context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    say(&mut connection, b"", "220")?;
    say(&mut connection, b"EHLO client.example\r\n", "250")?;
    say(&mut connection, b"MAIL FROM:<sender@client.example>\r\n", "250")?;
    say(&mut connection, format!("RCPT TO:<{}>\r\n", letter.recipient).as_bytes(), "250")?;
    say(&mut connection, b"DATA\r\n", "354")?;
    say(&mut connection, letter.body, "250")?;
    Ok(connection)
}

fn quit(mut connection: BufReader<TcpStream>) -> anyhow::Result<()> {
    say(&mut connection, b"QUIT\r\n", "221")
}

/// Says it, and hears the reply.
pub(super) fn say(
    connection: &mut BufReader<TcpStream>,
    words: &[u8],
    wanted: &str,
) -> anyhow::Result<()> {
    connection.get_mut().write_all(words)?;
    hear(connection, wanted)
}

/// Hears a reply to its last line.
pub(super) fn hear(connection: &mut BufReader<TcpStream>, wanted: &str) -> anyhow::Result<()> {
    let mut line = String::new();
    while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the server hung up");
    }
    ensure!(line.starts_with(wanted), "{wanted} was expected, and it said: {}", line.trim_end());
    Ok(())
}
