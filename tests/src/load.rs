//! Clients that go on sending while servers die, and remember what they were promised.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::smtp::Client;

/// How the clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speak {
    /// `EHLO`
    Smtp,
    /// `LHLO`
    Lmtp,
}

/// Some clients, each with a connection of its own.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    speak: Speak,
    recipient: String,
    stop: AtomicBool,
    attempts: AtomicUsize,
    promised: Mutex<BTreeSet<String>>,
}

impl Load {
    /// Starts `clients` that send to `recipient` until they are stopped.
    #[must_use]
    pub fn start(server: SocketAddr, speak: Speak, recipient: &str, clients: usize) -> Self {
        let shared = Arc::new(Shared {
            server,
            speak,
            recipient: recipient.to_owned(),
            stop: AtomicBool::new(false),
            attempts: AtomicUsize::new(0),
            promised: Mutex::new(BTreeSet::new()),
        });
        let threads = (0..clients).map(|_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.send_until_stopped())
        });
        Self { threads: threads.collect(), shared }
    }

    /// Messages answered 250 so far.
    #[must_use]
    pub fn promised(&self) -> usize {
        self.shared.promised().len()
    }

    /// Stops the clients; gives the Message-IDs (without brackets) of all messages answered 250.
    #[must_use]
    pub fn stop(mut self) -> BTreeSet<String> {
        self.end();
        std::mem::take(&mut *self.shared.promised())
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A client that panicked has shown why.
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
    fn promised(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_until_stopped(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            // The server is down, or went down: that is what the test is about.
            if self.session().is_err() {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Sends messages over one connection, each only once: without a 250 its fate is open.
    fn session(&self) -> Result<()> {
        let mut client = Client::connect(self.server)?;
        let hello = match self.speak {
            Speak::Smtp => "EHLO client.test",
            Speak::Lmtp => "LHLO client.test",
        };
        client.expect(hello, 250)?;
        while !self.stop.load(Ordering::Relaxed) {
            let id = format!("{}@load.test", self.attempts.fetch_add(1, Ordering::Relaxed));
            let letter = letter(&id);
            if client.message("alice@our.test", &[&self.recipient], letter.as_bytes())?.code == 250
            {
                self.promised().insert(id);
            }
        }
        Ok(())
    }
}

/// A letter whose last line tells whether it is whole.
fn letter(id: &str) -> String {
    let line = "All of it or nothing: half a letter is no letter at all.\r\n";
    format!("Message-ID: <{id}>\r\nSubject: load\r\n\r\n{}end of {id}\r\n", line.repeat(60))
}

/// The Message-ID of a letter of this load, if the letter is whole.
#[must_use]
pub fn whole(letter: &str) -> Option<&str> {
    let id = letter.split_once("Message-ID: <")?.1.split_once('>')?.0;
    letter.trim_end().ends_with(&format!("end of {id}")).then_some(id)
}
