//! Connections that say EHLO and then nothing, in clear and inside TLS: what each costs our server in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use postroad_net::Io;
use postroad_net::process::raise_file_limit;
use postroad_tests::process::free_port;
use postroad_tests::tls::Certificates;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bar::{Bar, Limit};
use super::measure::Group;
use super::peers::{agent, config};
use super::row::{Columns, Row, Rows};
use super::sheet::{Cell, Sheet};
use super::{OURS, Options};

const CONNECTIONS: usize = 10_000;
/// Connections that are being made at once.
const OPENING: usize = 64;
/// Files beside connections.
pub(super) const OTHER_FILES: u64 = 100;

const COLUMNS: Columns = Columns {
    shown: &["start_mib", "peak_mib", "kib_each"],
    ratios: &[],
    bars: &[
        memory(|case| all(case) && case.ends_with("clear"), 160.0),
        memory(|case| all(case) && case.ends_with("TLS"), 640.0),
    ],
    sheets: &[Sheet {
        head: "connections",
        cases: |_| true,
        columns: &[
            ("peak MiB", Cell::Of(OURS, "peak_mib")),
            ("KiB each", Cell::Of(OURS, "kib_each")),
        ],
    }],
};

const fn memory(cases: fn(&str) -> bool, most_mib: f64) -> Bar {
    Bar { cases, figure: "peak_mib", over: None, limit: Limit::AtMost(most_mib) }
}

/// Not just some of them, to see that it works.
fn all(case: &str) -> bool {
    case.starts_with(&CONNECTIONS.to_string())
}

/// What the connections are protected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    Clear,
    Tls,
}

pub(super) fn run(options: &Options, folder: &Path, rows: &mut Rows) -> anyhow::Result<Columns> {
    let wanted = if options.quick { CONNECTIONS / 10 } else { CONNECTIONS };
    let files = raise_file_limit();
    ensure!(
        files >= wanted as u64 + OTHER_FILES,
        "{wanted} connections need more files than the {files} that may be open here: ulimit -Hn"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (protection, name) in [(Protection::Clear, "clear"), (Protection::Tls, "TLS")] {
        let folder = folder.join(name);
        let figures = runtime.block_on(measured(protection, &folder, wanted));
        let figures = figures.with_context(|| format!("{wanted} idle connections, {name}"))?;
        let case = format!("{wanted} idle connections, {name}");
        rows.push(Row { server: OURS, case, figures });
    }
    Ok(COLUMNS)
}

async fn measured(
    protection: Protection,
    folder: &Path,
    connections: usize,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    std::fs::create_dir_all(folder)?;
    let smtp = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let Certificates { certificate, key, .. } = Certificates::make(folder, &["localhost"])?;
    let more = format!(
        "connections_max = {}\n[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n",
        connections * 2
    );
    let config = config(folder, smtp, &more)?;
    let start = || agent("postroad-mta", &["--config"], &config, folder, smtp);
    let (group, _mta) = Group::around(&format!("idle-{protection:?}"), start)?;
    let before = group.peak_rss_kib() as f64;
    let opened = open(connections, OPENING, |_| one(smtp, protection)).await?;
    let peak = group.peak_rss_kib() as f64;
    drop(opened);
    Ok(BTreeMap::from([
        ("start_mib", before / 1024.0),
        ("peak_mib", peak / 1024.0),
        ("kib_each", (peak - before) / connections as f64),
    ]))
}

/// All of them, open and answered, so many being made at once; `one` makes one, by its number.
pub(super) async fn open<F>(
    connections: usize,
    at_once: usize,
    one: impl Fn(usize) -> F,
) -> anyhow::Result<Vec<Io>>
where
    F: Future<Output = anyhow::Result<Io>> + Send + 'static,
{
    let (places, mut opening) = (Arc::new(Semaphore::new(at_once)), JoinSet::new());
    for number in 0..connections {
        let place = Arc::clone(&places).acquire_owned().await?;
        let one = one(number);
        opening.spawn(async move {
            let opened = one.await;
            drop(place);
            opened
        });
    }
    let mut opened = Vec::with_capacity(connections);
    while let Some(one) = opening.join_next().await {
        opened.push(one??);
    }
    Ok(opened)
}

async fn one(smtp: SocketAddr, protection: Protection) -> anyhow::Result<Io> {
    let mut io = Io::connect_tcp(smtp).await?;
    answer(&mut io, "220 ").await?;
    say(&mut io, "EHLO idle.example").await?;
    if protection == Protection::Tls {
        say(&mut io, "STARTTLS").await?;
        let name = ServerName::try_from("localhost")?;
        io = io.connect_tls(postroad_net::tls::opportunistic()?, name).await?;
        say(&mut io, "EHLO idle.example").await?;
    }
    Ok(io)
}

pub(super) async fn say(io: &mut Io, command: &str) -> anyhow::Result<()> {
    io.write_all(format!("{command}\r\n").as_bytes()).await?;
    io.flush().await?;
    answer(io, "2").await
}

/// Reads a reply to its last line.
pub(super) async fn answer(io: &mut Io, expected: &str) -> anyhow::Result<()> {
    let mut reply = Vec::new();
    loop {
        ensure!(io.read_buf(&mut reply).await? > 0, "the server closed the connection");
        let text = String::from_utf8_lossy(&reply);
        let last = text.lines().last().unwrap_or_default();
        if text.ends_with("\r\n") && last.as_bytes().get(3) == Some(&b' ') {
            ensure!(last.starts_with(expected), "the server said {last:?}, not {expected}");
            return Ok(());
        }
    }
}
