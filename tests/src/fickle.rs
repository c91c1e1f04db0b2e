//! An LMTP server that takes every recipient, and lets the test decide what it says to each message.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Result, ensure};

/// Says what is replied to a message's final dot, given how many messages came before it. What it does before it
/// returns is done while the client waits.
pub type Verdict = Box<dyn FnMut(usize) -> &'static str + Send>;

/// The server; it listens until the test's process ends.
#[derive(Debug)]
pub struct Fickle {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    verdict: Mutex<Verdict>,
    messages: Mutex<Vec<(String, String)>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("messages", &self.messages).finish_non_exhaustive()
    }
}

impl Fickle {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn start(verdict: Verdict) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { verdict: Mutex::new(verdict), messages: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // A client that hangs up, or is killed, is nothing to tell.
                thread::spawn(move || shared.session(client).ok());
            }
        });
        Ok(Self { address, shared })
    }

    /// The messages that were answered with this code, each as it came.
    #[must_use]
    pub fn answered(&self, code: &str) -> Vec<String> {
        let messages = self.shared.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let of_code = messages.iter().filter(|(reply, _)| reply.starts_with(code));
        of_code.map(|(_, message)| message.clone()).collect()
    }
}

impl Shared {
    fn session(&self, client: TcpStream) -> Result<()> {
        let mut client = BufReader::new(client);
        say(&mut client, "220 fickle.test LMTP")?;
        let mut recipients = 0;
        loop {
            let line = line(&mut client)?;
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match word.as_str() {
                "LHLO" => say(&mut client, "250-fickle.test\r\n250 ENHANCEDSTATUSCODES")?,
                "RCPT" => {
                    recipients += 1;
                    say(&mut client, "250 2.1.5 Ok")?;
                }
                "DATA" => {
                    say(&mut client, "354 go on")?;
                    self.message(&mut client, recipients)?;
                    recipients = 0;
                }
                "QUIT" => return say(&mut client, "221 2.0.0 Bye"),
                _ => {
                    recipients = 0;
                    say(&mut client, "250 2.0.0 Ok")?;
                }
            }
        }
    }

    fn message(&self, client: &mut BufReader<TcpStream>, recipients: usize) -> Result<()> {
        let mut message = String::new();
        loop {
            let line = line(client)?;
            if line == ".\r\n" {
                break;
            }
            message.push_str(&line);
        }
        let reply = {
            let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
            let reply = verdict(messages.len());
            messages.push((reply.to_owned(), message));
            reply
        };
        // RFC 2033 §4.2: one reply for each recipient.
        (0..recipients).try_for_each(|_| say(client, reply))
    }
}

fn say(client: &mut BufReader<TcpStream>, line: &str) -> Result<()> {
    Ok(client.get_mut().write_all(format!("{line}\r\n").as_bytes())?)
}

fn line(client: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    ensure!(client.read_line(&mut line)? > 0, "closed");
    Ok(line)
}
