//! The LMTP client: sessions that stay open, each with one letter after the other, as transfer agents do.
//!
//! MAIL, RCPT and DATA go out together (RFC 2920), since all servers offer PIPELINING.

use std::io::BufReader;
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::received;
use crate::bench::latency::{hear, say};

/// Nobody needs so long for one letter.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is sent, and where to.
pub(super) struct Load<'a> {
    pub(super) lmtp: SocketAddr,
    pub(super) sessions: u32,
    /// In turn.
    pub(super) users: &'a [String],
    /// With its final dot.
    pub(super) letter: &'a [u8],
}

/// When it ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Every user has a letter.
    EachHasOne,
    /// No letter is begun any more.
    Elapsed(Duration),
}

/// What was answered 250.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) letters: u64,
    pub(super) took: Duration,
}

impl Load<'_> {
    /// Sends until then; all sessions are open before the first letter.
    pub(super) fn send(&self, until: Until) -> anyhow::Result<Sent> {
        let sessions = (0..self.sessions).map(|_| self.open());
        let sessions = sessions.collect::<anyhow::Result<Vec<_>>>()?;
        let (start_line, turn) = (Barrier::new(sessions.len() + 1), AtomicUsize::new(0));
        thread::scope(|scope| {
            let session = |connection| {
                let (start_line, turn) = (&start_line, &turn);
                scope.spawn(move || {
                    start_line.wait();
                    self.session(connection, turn, until)
                })
            };
            let threads: Vec<_> = sessions.into_iter().map(session).collect();
            start_line.wait();
            let start = Instant::now();
            let mut letters = 0;
            for thread in threads {
                letters += thread.join().map_err(|_| anyhow!("a session panicked"))??;
            }
            Ok(Sent { letters, took: start.elapsed() })
        })
    }

    fn open(&self) -> anyhow::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.lmtp).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut connection = BufReader::new(stream);
        hear(&mut connection, "220")?;
        say(&mut connection, b"LHLO client.example\r\n", "250")?;
        Ok(connection)
    }

    fn session(
        &self,
        mut connection: BufReader<TcpStream>,
        turn: &AtomicUsize,
        until: Until,
    ) -> anyhow::Result<u64> {
        let (start, mut letters) = (Instant::now(), 0);
        loop {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            let over = match until {
                Until::EachHasOne => turn >= self.users.len(),
                Until::Elapsed(time) => start.elapsed() >= time,
            };
            let user = self.users.get(turn % self.users.len()).filter(|_| !over);
            let Some(user) = user else { return Ok(letters) };
            self.letter(&mut connection, user).with_context(|| format!("a letter to {user}"))?;
            letters += 1;
        }
    }

    fn letter(&self, connection: &mut BufReader<TcpStream>, user: &str) -> anyhow::Result<()> {
        let envelope = format!(
            "MAIL FROM:<sender@client.example>\r\nRCPT TO:<{user}@local.example>\r\nDATA\r\n"
        );
        say(connection, envelope.as_bytes(), "250")?;
        hear(connection, "250")?;
        hear(connection, "354")?;
        let letter = [received("\r\n").as_bytes(), self.letter].concat();
        say(connection, &letter, "250")
    }
}
