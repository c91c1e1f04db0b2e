//! A server that is good but for one moment.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What a peer does instead of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Says this, and goes on as if it were right.
    Say(&'static str),
    /// Says what is no text.
    Octets(&'static [u8]),
    /// Says this, and then never a word again.
    Hang(&'static str),
    /// Says this and closes.
    Close(&'static str),
    /// Says this and resets the connection.
    Reset(&'static str),
    /// Says this, again and again, as long as somebody listens.
    Endless(&'static str),
    /// Says this, an octet a second, and goes on.
    Dribble(&'static str),
    /// Says this, an octet a second, again and again.
    EndlessDribble(&'static str),
    /// Says this, waits for what the other says then, and does that.
    Then(&'static str, &'static Deed),
    /// Reads nothing any more, for half an hour.
    Deaf,
}

/// What the peer offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offers {
    Nothing,
    Pipelining,
    StartTls,
}

/// Where a peer misbehaves, and how.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The first word of the command; `CONNECT`, `CONTENT`, and `.` for the end of data.
    pub(crate) at: &'static str,
    pub(crate) deed: Deed,
    /// How many of its connections are so.
    pub(crate) times: usize,
    pub(crate) offers: Offers,
}

impl Script {
    /// A letter that fits the moment: whoever is to be stuck with it must not get it into the buffers in between.
    pub(crate) fn letter(&self) -> Vec<u8> {
        let mut letter = b"Subject: s\r\n\r\n.Body\r\n".to_vec();
        if self.at == "CONTENT" {
            letter.extend(b"0123456789 0123456789 0123456789 0123456789 01234\r\n".repeat(400_000));
        }
        letter
    }

    /// What a good peer says.
    fn good(&self, point: &str, command: &str) -> &'static str {
        match (point, self.offers) {
            ("CONNECT", _) => "220 mx.third.example ready\r\n",
            ("EHLO" | "LHLO", Offers::Nothing) => "250 mx.third.example\r\n",
            ("EHLO" | "LHLO", Offers::Pipelining) => {
                "250-mx.third.example\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n"
            }
            ("EHLO" | "LHLO", Offers::StartTls) => "250-mx.third.example\r\n250 STARTTLS\r\n",
            ("STARTTLS", _) => "454 4.7.0 not today\r\n",
            ("RCPT", _) if command.contains("no@") => "550 5.1.1 nobody\r\n",
            ("DATA", _) => "354 go\r\n",
            ("QUIT", _) => "221 2.0.0 bye\r\n",
            (_, _) => "250 2.0.0 Ok\r\n",
        }
    }
}

#[derive(Debug, Default)]
struct Record {
    heard: Vec<String>,
    connections: usize,
    /// Letters that came to their end.
    dots: usize,
    /// Letters of which the peer said that it has them.
    taken: usize,
    /// How long its first silence was listened to.
    silence: Option<Duration>,
}

/// A server that follows a script.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hostile {
    pub(crate) async fn listen(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Mutex::new(Record::default()));
        let task = tokio::spawn(serve(listener, script, Arc::clone(&record)));
        Self { address, record, task }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.record.lock().unwrap().heard.clone()
    }

    /// How long its silence was listened to, once that has an end.
    pub(crate) async fn silence(&self) -> Duration {
        loop {
            if let Some(silence) = self.record.lock().unwrap().silence {
                return silence;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(crate) fn dots(&self) -> usize {
        self.record.lock().unwrap().dots
    }

    pub(crate) fn taken(&self) -> usize {
        self.record.lock().unwrap().taken
    }
}

async fn serve(listener: TcpListener, script: Script, record: Arc<Mutex<Record>>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                // A reply that the system holds back for a moment is late by minutes of the patient clock.
                stream.set_nodelay(true).unwrap();
                let number = record.lock().unwrap().connections;
                record.lock().unwrap().connections += 1;
                let session = Session {
                    stream: BufReader::new(stream),
                    script: script.clone(),
                    bad: number < script.times,
                    recipients: 0,
                    is_lmtp: false,
                    record: Arc::clone(&record),
                };
                sessions.spawn(session.run());
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// What a good peer says to DATA without a recipient.
const NOBODY: &[u8] = b"554 5.5.1 no valid recipients\r\n";

struct Session {
    stream: BufReader<TcpStream>,
    script: Script,
    /// Whether the script is followed.
    bad: bool,
    /// Accepted in this transaction; LMTP owes each of them a reply.
    recipients: usize,
    is_lmtp: bool,
    record: Arc<Mutex<Record>>,
}

/// Whether the session goes on.
enum Next {
    On,
    End,
}

impl Session {
    async fn run(mut self) {
        let mut command = "CONNECT".to_owned();
        let mut in_content = false;
        loop {
            let point = command.split([' ', ':']).next().unwrap_or_default().to_owned();
            let point = if in_content && command != "." { "CONTENT".to_owned() } else { point };
            self.is_lmtp |= point == "LHLO";
            if point != "CONTENT" {
                self.record.lock().unwrap().heard.push(command.clone());
            }
            let deed = (self.bad && point == self.script.at).then_some(self.script.deed);
            let next = match (point.as_str(), deed) {
                ("CONTENT", None) => Next::On,
                (".", deed) => self.end_of_data(deed).await,
                ("DATA", None) if self.recipients == 0 => self.say(NOBODY).await,
                (_, Some(deed)) => self.perform(deed).await,
                (point, None) => {
                    let reply = self.script.good(point, &command);
                    self.recipients += usize::from(point == "RCPT" && reply.starts_with('2'));
                    self.say(reply.as_bytes()).await
                }
            };
            if matches!(next, Next::End) || point == "QUIT" {
                return;
            }
            let says_354 = match deed {
                Some(Deed::Say(text) | Deed::Dribble(text)) => text.starts_with("354"),
                Some(_) => false,
                None => self.recipients > 0,
            };
            in_content = (point == "DATA" && says_354) || (in_content && point != ".");
            if point == "RSET" || point == "." {
                self.recipients = 0;
            }
            match self.line().await {
                Some(line) => command = line,
                None => return,
            }
        }
    }

    async fn end_of_data(&mut self, deed: Option<Deed>) -> Next {
        self.record.lock().unwrap().dots += 1;
        if let Some(deed) = deed {
            let said = match deed {
                Deed::Say(text) | Deed::Dribble(text) => text.starts_with('2'),
                _ => false,
            };
            self.record.lock().unwrap().taken += usize::from(said);
            return self.perform(deed).await;
        }
        self.record.lock().unwrap().taken += 1;
        let replies = if self.is_lmtp { self.recipients } else { 1 };
        self.say("250 2.0.0 queued\r\n".repeat(replies).as_bytes()).await
    }

    async fn perform(&mut self, deed: Deed) -> Next {
        match deed {
            Deed::Say(text) => self.say(text.as_bytes()).await,
            Deed::Octets(octets) => self.say(octets).await,
            Deed::Hang(text) => {
                let _ = self.say(text.as_bytes()).await;
                let begun = tokio::time::Instant::now();
                let _ = self.stream.read_to_end(&mut Vec::new()).await;
                self.record.lock().unwrap().silence.get_or_insert(begun.elapsed());
                Next::End
            }
            Deed::Close(text) => {
                let _ = self.say(text.as_bytes()).await;
                Next::End
            }
            Deed::Reset(text) => {
                let _ = self.say(text.as_bytes()).await;
                self.stream.get_ref().set_zero_linger().unwrap();
                Next::End
            }
            Deed::Endless(text) => {
                while let Next::On = self.say(text.as_bytes()).await {}
                Next::End
            }
            Deed::Dribble(text) => self.dribble(text).await,
            Deed::EndlessDribble(text) => {
                while let Next::On = self.dribble(text).await {}
                Next::End
            }
            Deed::Then(text, deed) => {
                let _ = self.say(text.as_bytes()).await;
                if self.stream.fill_buf().await.is_err() {
                    return Next::End;
                }
                Box::pin(self.perform(*deed)).await
            }
            Deed::Deaf => {
                // Who doesn't read doesn't learn either that the other end has gone.
                tokio::time::sleep(Duration::from_secs(30 * 60)).await;
                Next::End
            }
        }
    }

    async fn say(&mut self, octets: &[u8]) -> Next {
        match self.stream.write_all(octets).await {
            Ok(()) => Next::On,
            Err(_) => Next::End,
        }
    }

    async fn dribble(&mut self, text: &str) -> Next {
        for octet in text.bytes() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if let Next::End = self.say(&[octet]).await {
                return Next::End;
            }
        }
        Next::On
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}
