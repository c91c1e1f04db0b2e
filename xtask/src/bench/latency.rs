//! One letter at a time on an idle host: how long until its sender may go, how long until it is there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::bar::{Bar, Limit};
use super::peers::Server;
use super::row::{Columns, Row, Rows};
use super::{Bench, progress};

/// Between two letters: long enough for everybody to come to rest.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two looks at the sink.
const LOOK: Duration = Duration::from_micros(20);
const PATIENCE: Duration = Duration::from_secs(30);
const LETTERS: u32 = 50;

const COLUMNS: Columns = Columns {
    shown: &["accepted_p50_ms", "accepted_p99_ms", "delivered_p50_ms", "delivered_p99_ms"],
    ratios: &[("p50 ratio", "delivered_p50_ms"), ("p99 ratio", "delivered_p99_ms")],
    bars: &[
        no_slower_than("postfix", "delivered_p50_ms"),
        no_slower_than("postfix", "delivered_p99_ms"),
        no_slower_than("exim", "delivered_p50_ms"),
        no_slower_than("exim", "delivered_p99_ms"),
        no_slower_than("opensmtpd", "delivered_p50_ms"),
        no_slower_than("opensmtpd", "delivered_p99_ms"),
    ],
};

const fn no_slower_than(peer: &'static str, figure: &'static str) -> Bar {
    Bar { cases: |_| true, figure, over: Some(peer), limit: Limit::AtMost(1.0) }
}

pub(super) fn run(bench: &mut Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let letters = if bench.options.quick { LETTERS / 10 } else { LETTERS };
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
    letters: u32,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let (mut accepted, mut delivered) = (Vec::new(), Vec::new());
    for _ in 0..letters {
        std::thread::sleep(PAUSE);
        let before = (server.arrived)()?;
        let start = Instant::now();
        let connection = send(server, body)?;
        accepted.push(start.elapsed());
        while (server.arrived)()? == before {
            ensure!(start.elapsed() < PATIENCE, "the letter didn't arrive");
            std::thread::sleep(LOOK);
        }
        delivered.push(start.elapsed());
        quit(connection)?;
    }
    Ok(BTreeMap::from([
        ("accepted_p50_ms", percentile(&mut accepted, 50)),
        ("accepted_p99_ms", percentile(&mut accepted, 99)),
        ("delivered_p50_ms", percentile(&mut delivered, 50)),
        ("delivered_p99_ms", percentile(&mut delivered, 99)),
    ]))
}

/// In milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

fn body(octets: u32) -> Vec<u8> {
    let header = "From: sender@client.example\r\nTo: user@far.example\r\nSubject: one\r\n\r\n";
    let line = format!("{}\r\n", "X".repeat(78));
    let lines = (octets as usize).saturating_sub(header.len()) / line.len();
    format!("{header}{}.\r\n", line.repeat(lines)).into_bytes()
}

/// A session up to the 250 for the letter.
fn send(server: &Server, body: &[u8]) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(server.smtp).context("cannot connect")?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    say(&mut connection, b"", "220")?;
    say(&mut connection, b"EHLO client.example\r\n", "250")?;
    say(&mut connection, b"MAIL FROM:<sender@client.example>\r\n", "250")?;
    say(&mut connection, format!("RCPT TO:<{}>\r\n", server.recipient).as_bytes(), "250")?;
    say(&mut connection, b"DATA\r\n", "354")?;
    say(&mut connection, body, "250")?;
    Ok(connection)
}

fn quit(mut connection: BufReader<TcpStream>) -> anyhow::Result<()> {
    say(&mut connection, b"QUIT\r\n", "221")
}

fn say(connection: &mut BufReader<TcpStream>, words: &[u8], wanted: &str) -> anyhow::Result<()> {
    connection.get_mut().write_all(words)?;
    let mut line = String::new();
    while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the server hung up");
    }
    ensure!(line.starts_with(wanted), "{wanted} was expected, and it said: {}", line.trim_end());
    Ok(())
}
