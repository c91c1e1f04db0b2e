//! smtp-source that goes on while servers are killed, and an exact account of what it was promised.
//!
//! smtp-source itself doesn't say which messages were answered 250. So it talks through a [`Load`], which
//! hands everything on, keeps each message that passes, and notes the reply after its final dot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};

use crate::peers::Stage;
use crate::process::{PATIENCE, Process, run};

/// How smtp-source speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speak {
    /// `EHLO`
    Smtp,
    /// `LHLO`
    Lmtp,
}

/// Octets of each message: some disk blocks, none of them whole.
const OCTETS: usize = 5_000;

/// smtp-source with some sessions, and what passes between it and the server.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    source: Process,
    listener: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    stop: AtomicBool,
    /// A line in this pipe has smtp-source started again.
    lost: File,
    known_lost: AtomicBool,
    account: Mutex<Account>,
}

/// What was sent and what was promised (and when), by Message-ID (without brackets).
#[derive(Debug, Clone, Default)]
pub struct Account {
    sent: BTreeMap<String, String>,
    promised: BTreeMap<String, SystemTime>,
}

/// What came of an account.
#[derive(Debug, Clone, Default)]
pub struct Arrived {
    /// Messages that were promised and aren't there.
    pub missing: Vec<String>,
    /// Copies beyond the first of each.
    pub second: usize,
}

impl Account {
    /// How many messages were answered 250.
    #[must_use]
    pub fn promised(&self) -> usize {
        self.promised.len()
    }

    /// The promised messages that no letter speaks of: a bounce returns the header of what it is about.
    #[must_use]
    pub fn untold(&self, letters: &[String]) -> Vec<String> {
        let told: BTreeSet<&str> = letters
            .iter()
            .flat_map(|letter| letter.split("\nMessage-Id: <").skip(1))
            .filter_map(|rest| Some(rest.split_once('>')?.0))
            .collect();
        self.promised.keys().filter(|id| !told.contains(id.as_str())).cloned().collect()
    }

    /// Takes back what was answered at this moment or later, and says how much that was.
    ///
    /// In a power cut nobody hears of it. But the kernel that plays one goes on: it says of a sync that was
    /// under way that it has succeeded, when it only sees that there is nothing left to wait for.
    pub fn forget_since(&mut self, moment: SystemTime) -> usize {
        let all = self.promised.len();
        self.promised.retain(|_, at| *at < moment);
        all - self.promised.len()
    }

    /// Adds another load's.
    pub fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        self.promised.extend(other.promised);
    }

    /// Compares what arrived with what was promised. Letters of others are passed over.
    ///
    /// # Panics
    ///
    /// At a letter that isn't, octet for octet, what was sent: half a letter is no letter.
    #[must_use]
    pub fn compare(&self, letters: impl IntoIterator<Item = String>) -> Arrived {
        let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in letters {
            let Some((id, sent)) = message_id(&letter).and_then(|id| self.sent.get_key_value(id))
            else {
                continue;
            };
            assert!(lines(&letter).ends_with(sent), "not what was sent:\n{letter}");
            *copies.entry(id).or_default() += 1;
        }
        let missing = self.promised.keys().filter(|id| !copies.contains_key(id.as_str()));
        Arrived {
            missing: missing.cloned().collect(),
            second: copies.values().map(|count| count - 1).sum(),
        }
    }
}

/// With LF line ends and none at the end: servers store it as they like.
fn lines(letter: &str) -> String {
    letter.replace("\r\n", "\n").trim_end().to_owned()
}

/// As smtp-source writes it.
fn message_id(letter: &str) -> Option<&str> {
    Some(letter.split_once("\nMessage-Id: <")?.1.split_once('>')?.0)
}

impl Load {
    /// Sends to `recipient` with so many sessions until it is stopped; a server that is down is waited for.
    ///
    /// # Errors
    ///
    /// When smtp-source can't be started.
    pub fn start(
        stage: &Stage,
        server: SocketAddr,
        speak: Speak,
        recipient: &str,
        sessions: usize,
    ) -> Result<Self> {
        /// smtp-source's ids are unique below one name only.
        static LOADS: AtomicUsize = AtomicUsize::new(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let name = format!("load-{}", LOADS.fetch_add(1, Ordering::Relaxed));
        // Where one session is lost all of smtp-source ends, a second later; that isn't waited for.
        let script = format!(
            "while :; do smtp-source {} -d -M {name}.client.test -f sender@client.test -t {recipient} \
             -m 1000000 -l {OCTETS} -s {sessions} 127.0.0.1:{} & read -r _; kill -9 $!; done <$0",
            if speak == Speak::Lmtp { "-L" } else { "" },
            address.port(),
        );
        let lost = stage.path(&format!("{name}.lost"));
        run(Command::new("mkfifo").arg(&lost))?;
        let shared = Arc::new(Shared {
            server,
            stop: AtomicBool::new(false),
            // Whoever opens a pipe for both never waits for the other end.
            lost: File::options().read(true).write(true).open(&lost)?,
            known_lost: AtomicBool::new(false),
            account: Mutex::default(),
        });
        let source = stage.serve(&name, "sh", &["-c", &script, &lost.display().to_string()])?;
        let accepting = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&listener))
        };
        Ok(Self { shared, source, listener: address, threads: vec![accepting] })
    }

    /// Messages answered 250 so far.
    #[must_use]
    pub fn promised(&self) -> usize {
        self.shared.account().promised.len()
    }

    /// Ends it, and gives the account.
    #[must_use]
    pub fn stop(mut self) -> Account {
        self.end();
        std::mem::take(&mut *self.shared.account())
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Gone already is as good.
        self.source.kill().ok();
        TcpStream::connect(self.listener).ok();
        for thread in self.threads.drain(..) {
            // One that panicked has shown why.
            thread.join().ok();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut sessions = Vec::new();
        while let Ok((client, _)) = listener.accept() {
            if self.stopped() {
                break;
            }
            self.known_lost.store(false, Ordering::Relaxed);
            let shared = Arc::clone(self);
            sessions.push(thread::spawn(move || {
                // The server went down, or smtp-source did: that is what the test is about.
                let ended = shared.session(client);
                if ended.is_err() && !shared.known_lost.swap(true, Ordering::Relaxed) {
                    (&shared.lost).write_all(b"\n").ok();
                }
            }));
        }
        for session in sessions {
            session.join().ok();
        }
    }

    /// Hands a session on, turn by turn: smtp-source sends nothing ahead.
    fn session(&self, client: TcpStream) -> Result<()> {
        let server = self.connect()?;
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
        }
        let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
        let mut open: Option<String> = None;
        loop {
            let reply = reply(&mut server)?;
            if let Some(id) = open.take().filter(|_| reply.starts_with("250")) {
                self.account().promised.insert(id, SystemTime::now());
            }
            client.get_mut().write_all(reply.as_bytes())?;
            let said = if reply.starts_with("354") {
                let (content, whole) = content(&mut client)?;
                let id = message_id(&content).context("no Message-Id")?.to_owned();
                self.account().sent.insert(id.clone(), lines(&content));
                open = Some(id);
                whole
            } else {
                line(&mut client)?
            };
            if let Err(error) = server.get_mut().write_all(said.as_bytes()) {
                client.get_mut().shutdown(Shutdown::Both)?;
                return Err(error.into());
            }
        }
    }

    /// Waits for a server that is being started again.
    fn connect(&self) -> Result<TcpStream> {
        loop {
            ensure!(!self.stopped(), "it was stopped");
            match TcpStream::connect(self.server) {
                Ok(stream) => return Ok(stream),
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    ensure!(stream.read_line(&mut line)? > 0, "closed");
    Ok(line)
}

/// All lines of a reply.
fn reply(server: &mut BufReader<TcpStream>) -> Result<String> {
    let mut reply = String::new();
    loop {
        let line = line(server)?;
        reply.push_str(&line);
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(reply);
        }
    }
}

/// A message, and the same with its final dot. smtp-source begins no line with a dot.
fn content(client: &mut BufReader<TcpStream>) -> Result<(String, String)> {
    let mut content = String::new();
    loop {
        let line = line(client)?;
        if line == ".\r\n" {
            return Ok((content.clone(), content + &line));
        }
        content.push_str(&line);
    }
}
