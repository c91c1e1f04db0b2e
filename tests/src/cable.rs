//! A cable to a server, which a test can cut, or have carry nothing.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// What it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// All of it.
    All,
    /// Nothing: connections stand, and no octet comes.
    Nothing,
    /// It is cut: connections end, and new ones end at once.
    Cut,
}

/// The cable; it is there until the test's process ends.
#[derive(Debug)]
pub struct Cable {
    /// Where the near end is.
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    carries: Carries,
    open: Vec<TcpStream>,
}

impl Cable {
    /// Lays one to a server.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Shared { server, carries: Carries::All, open: Vec::new() };
        let shared = Arc::new(Mutex::new(shared));
        let laid = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut shared = laid.lock().unwrap_or_else(PoisonError::into_inner);
                if shared.carries == Carries::Cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(shared.server) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    if let (Ok(from), Ok(to), Ok(known)) =
                        (from.try_clone(), to.try_clone(), from.try_clone())
                    {
                        shared.open.push(known);
                        let laid = Arc::clone(&laid);
                        thread::spawn(move || carry(from, to, &laid));
                    }
                }
            }
        });
        Ok(Self { address, shared })
    }

    /// Leads it to another server; connections that stand lead to the one that they led to.
    pub fn lead_to(&self, server: SocketAddr) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).server = server;
    }

    /// Has it carry this from now on.
    pub fn carry(&self, carries: Carries) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.carries = carries;
        if carries == Carries::Cut {
            for stream in shared.open.drain(..) {
                // One that has ended is cut already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, shared: &Mutex<Shared>) {
    let mut octets = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut octets) {
        while shared.lock().unwrap_or_else(PoisonError::into_inner).carries == Carries::Nothing {
            thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(octets.get(..count).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
