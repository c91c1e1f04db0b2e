//! A submission server on loopback that does as it is told: for failures, real peers are elsewhere.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each test binary uses some of them")]
pub(crate) enum Behaviour {
    /// Takes everything.
    Accept,
    /// Refuses recipients that begin with `no`, in words that a terminal would obey.
    RefuseSome,
    /// 450 to every recipient.
    Later,
    /// Hangs up behind the final dot, without a word.
    HangUpAfterData,
    /// Greets with what no server says.
    Junk,
    /// Takes the letter, and replies only when it is let go.
    Stall,
}

#[derive(Debug, Default)]
struct State {
    letters: Vec<String>,
    stalled: usize,
    behaviour: Option<Behaviour>,
}

/// The server; it ends with the test's process.
#[derive(Debug, Clone)]
pub(crate) struct SmtpPeer {
    pub(crate) port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl SmtpPeer {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { behaviour: Some(behaviour), ..State::default() };
        let peer = Self { port, state: Arc::new((Mutex::new(state), Condvar::new())) };
        let server = peer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let server = server.clone();
                std::thread::spawn(move || server.serve(stream.unwrap()));
            }
        });
        peer
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    #[allow(dead_code, reason = "each test binary uses some of them")]
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        self.state.0.lock().unwrap().behaviour = Some(behaviour);
        self.state.1.notify_all();
    }

    #[allow(dead_code, reason = "each test binary uses some of them")]
    pub(crate) fn letters(&self) -> Vec<String> {
        self.state.0.lock().unwrap().letters.clone()
    }

    /// Waits until so many letters came, or gives up after a while.
    #[allow(dead_code, reason = "each test binary uses some of them")]
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(60);
        let mut state = self.state.0.lock().unwrap();
        while state.letters.len() < count {
            assert!(Instant::now() < end, "{} of {count} letters came", state.letters.len());
            state = self.state.1.wait_timeout(state, Duration::from_millis(100)).unwrap().0;
        }
        state.letters.clone()
    }

    /// Waits until a client waits for the reply to its letter.
    #[allow(dead_code, reason = "each test binary uses some of them")]
    pub(crate) fn wait_until_stalled(&self) {
        let state = self.state.0.lock().unwrap();
        let patience = Duration::from_secs(60);
        let waits = |state: &mut State| state.stalled == 0;
        let (_state, result) = self.state.1.wait_timeout_while(state, patience, waits).unwrap();
        assert!(!result.timed_out(), "nobody came");
    }

    fn behaviour(&self) -> Behaviour {
        self.state.0.lock().unwrap().behaviour.unwrap()
    }

    /// A client that goes away ends the session; nothing else is an error here.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut out = stream.try_clone().unwrap();
        let mut say = move |line: &str| out.write_all(format!("{line}\r\n").as_bytes()).ok();
        if self.behaviour() == Behaviour::Junk {
            say("\u{1b}[2J* OK [ALERT] IMAP ready")?;
            return None;
        }
        say("220 peer")?;
        let mut lines = BufReader::new(stream).split(b'\n').map(|line| {
            let mut line = String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
            line.truncate(line.trim_end().len());
            line
        });
        let mut recipients = 0;
        while let Some(line) = lines.next() {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match (verb.as_str(), self.behaviour()) {
                ("EHLO", _) => say("250-peer\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8")?,
                ("RCPT", Behaviour::Later) => say("450 4.2.1 later")?,
                ("RCPT", Behaviour::RefuseSome) if line.contains("<no") => {
                    say("550 5.1.1 nobody \u{1b}]0;x\u{7} here")?;
                }
                ("RCPT", _) => {
                    recipients += 1;
                    say("250 2.1.5 ok")?;
                }
                ("DATA", _) if recipients == 0 => say("554 5.5.1 nobody to send it to")?,
                ("DATA", behaviour) => {
                    recipients = 0;
                    say("354 go on")?;
                    let letter: Vec<String> =
                        lines.by_ref().take_while(|line| line != ".").collect();
                    if behaviour == Behaviour::HangUpAfterData {
                        return None;
                    }
                    if behaviour == Behaviour::Stall {
                        self.stall();
                    }
                    self.take(letter.join("\n"));
                    say("250 2.0.0 taken")?;
                }
                ("QUIT", _) => return say("221 bye"),
                ("", _) => return None,
                _ => say("250 2.0.0 ok")?,
            }
        }
        None
    }

    fn stall(&self) {
        let mut state = self.state.0.lock().unwrap();
        state.stalled += 1;
        self.state.1.notify_all();
        let stalled = |state: &mut State| state.behaviour == Some(Behaviour::Stall);
        let _ = self.state.1.wait_timeout_while(state, Duration::from_secs(60), stalled);
    }

    fn take(&self, letter: String) {
        self.state.0.lock().unwrap().letters.push(letter);
        self.state.1.notify_all();
    }
}
