//! Connections that have said LHLO and sent a letter, and then say nothing: what each costs in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use postroad_net::Io;
use postroad_net::process::raise_file_limit;
use tokio::io::AsyncWriteExt as _;

use super::lmtp::{self, DOVECOT, Server};
use crate::bench::idle::{OTHER_FILES, answer, open, say};
use crate::bench::latency::body;
use crate::bench::row::{Row, Rows};
use crate::bench::{Bench, OURS};

/// Ours takes 2,000.
const CONNECTIONS: usize = 1_500;
/// Dovecot has a process for each, and takes 100.
const CONNECTIONS_DOVECOT: usize = 50;
/// Connections that are sending their letter at once: few, since what it takes to file one is no idle connection's.
const OPENING: usize = 4;
/// What each has sent, in KiB: a small letter, and one that fills every buffer.
const LETTERS_KIB: [u32; 2] = [4, 256];

pub(super) fn is_case(case: &str) -> bool {
    case.starts_with("idle, ")
}

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<()> {
    let files = raise_file_limit();
    ensure!(
        files >= CONNECTIONS as u64 + OTHER_FILES,
        "{CONNECTIONS} connections need more files than the {files} that may be open here: ulimit -Hn"
    );
    let users: Vec<String> = (0..CONNECTIONS).map(|number| format!("user{number}")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for kib in LETTERS_KIB {
        let case = format!("idle, after a letter of {kib} KiB");
        let letter = body(kib * 1024);
        let mut push = |server, figures| rows.push(Row { server, case: case.clone(), figures });
        let ours = lmtp::postroad(&bench.folder.join(format!("idle-{kib}")), &users)?;
        let figures = runtime.block_on(measured(&ours, &users, &letter));
        push(OURS, figures.with_context(|| case.clone())?);
        let dovecot = lmtp::dovecot()?;
        let some = users.get(..CONNECTIONS_DOVECOT).unwrap_or_default();
        let figures = runtime.block_on(measured(&dovecot, some, &letter));
        push(DOVECOT, figures.with_context(|| format!("{case}, {DOVECOT}"))?);
    }
    Ok(())
}

/// A connection for each user.
async fn measured(
    server: &Server,
    users: &[String],
    letter: &[u8],
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let lmtp = server.lmtp;
    // The first one wakes up what is there once.
    drop(one(lmtp, users.first().map_or("", String::as_str), letter).await?);
    let before = server.group.pss_kib();
    let connect = |index: usize| {
        let user = users.get(index).cloned().unwrap_or_default();
        let letter = letter.to_owned();
        async move { one(lmtp, &user, &letter).await }
    };
    let opened = open(users.len(), OPENING, connect).await?;
    let after = server.group.pss_kib();
    let peak = server.group.peak_rss_kib() as f64 / 1024.0;
    drop(opened);
    let each = after.saturating_sub(before) as f64 / users.len() as f64;
    Ok([("connections", users.len() as f64), ("kib_each", each), ("peak_mib", peak)].into())
}

async fn one(lmtp: SocketAddr, user: &str, letter: &[u8]) -> anyhow::Result<Io> {
    let mut io = Io::connect_tcp(lmtp).await?;
    answer(&mut io, "220 ").await?;
    say(&mut io, "LHLO idle.example").await?;
    say(&mut io, "MAIL FROM:<sender@client.example>").await?;
    say(&mut io, &format!("RCPT TO:<{user}@local.example>")).await?;
    io.write_all(b"DATA\r\n").await?;
    answer(&mut io, "354 ").await?;
    io.write_all(letter).await?;
    answer(&mut io, "250 ").await?;
    Ok(io)
}
