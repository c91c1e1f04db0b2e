//! The load and the sink: Postfix's own smtp-source and smtp-sink, so that nobody's favourite client decides.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use super::peers::Tools;

/// One case: how large, how many at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) octets: u32,
    pub(crate) sessions: u32,
}

impl Case {
    pub(crate) fn name(self) -> String {
        let s = if self.sessions == 1 { "" } else { "s" };
        format!("{} KiB, {} session{s}", self.octets / 1024, self.sessions)
    }
}

/// Sends `messages` messages over `case.sessions` connections and waits until the last has its 250.
pub(crate) fn send(
    tools: &Tools,
    to: SocketAddr,
    recipient: &str,
    case: Case,
    messages: u64,
) -> anyhow::Result<()> {
    let output = tools
        .command("smtp-source")
        .args(["-d", "-M", "client.example", "-f", "sender@client.example", "-t", recipient])
        .args(["-m", &messages.to_string(), "-l", &case.octets.to_string()])
        .args(["-s", &case.sessions.to_string(), &to.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("cannot start smtp-source")?;
    if !output.status.success() {
        bail!("smtp-source failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Octets of a letter of smtp-source's as they are sent, header included: a server of our own counts them.
pub(crate) fn octets_sent(tools: &Tools, case: Case) -> anyhow::Result<u64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let address = listener.local_addr()?;
    let counting = std::thread::spawn(move || counted(&listener));
    send(tools, address, "user@far.example", Case { sessions: 1, ..case }, 1)?;
    let counted = counting.join().map_err(|_| anyhow!("the thread that counts panicked"))?;
    counted.context("cannot count a letter's octets")
}

/// One session that takes one letter.
fn counted(listener: &TcpListener) -> std::io::Result<u64> {
    let mut client = BufReader::new(listener.accept()?.0);
    let (mut octets, mut line) = (0, Vec::new());
    client.get_mut().write_all(b"220 count.example\r\n")?;
    while {
        line.clear();
        // smtp-source goes without a word, and with answers unread.
        client.read_until(b'\n', &mut line).is_ok_and(|octets| octets > 0)
    } {
        if line.starts_with(b"DATA") {
            client.get_mut().write_all(b"354 go on\r\n")?;
            line.clear();
            while client.read_until(b'\n', &mut line)? > 0 && line != b".\r\n" {
                octets += line.len() as u64;
                line.clear();
            }
        }
        client.get_mut().write_all(b"250 count.example\r\n")?;
    }
    Ok(octets)
}

/// A running smtp-sink that counts what it takes.
pub(crate) struct Sink {
    child: Child,
    counter: File,
}

impl Sink {
    pub(crate) fn start(tools: &Tools, at: SocketAddr, folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(format!("sink-{at}"));
        let output = File::create(&path).context("cannot create the sink's counter")?;
        let child = tools
            .command("smtp-sink")
            .args(["-u", "postfix", "-c", "-m", "2000", &at.to_string(), "1024"])
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start smtp-sink")?;
        let counter = File::open(&path).context("cannot open the sink's counter")?;
        Ok(Self { child, counter })
    }

    /// Messages taken so far: the last number behind `mesg=` that it printed.
    pub(crate) fn count(&mut self) -> anyhow::Result<u64> {
        const TAIL: u64 = 200;
        let length = self.counter.metadata()?.len();
        self.counter.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        self.counter.read_to_end(&mut tail)?;
        let tail = String::from_utf8_lossy(&tail);
        let number = tail.rsplit_once("mesg=").and_then(|(_, rest)| rest.split_whitespace().next());
        Ok(number.and_then(|number| number.parse().ok()).unwrap_or(0))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks every few milliseconds until `count` reaches `wanted`.
pub(crate) fn wait_until(
    wanted: u64,
    patience: Duration,
    mut count: impl FnMut() -> anyhow::Result<u64>,
) -> anyhow::Result<()> {
    let end = Instant::now() + patience;
    loop {
        let now = count()?;
        if now >= wanted {
            return Ok(());
        }
        if Instant::now() > end {
            bail!("only {now} of {wanted} messages arrived in {} s", patience.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
