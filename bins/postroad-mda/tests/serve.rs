//! The real server on a real unix socket: readiness, a transcript, SIGTERM, and SIGKILL under load.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a process may take for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server in a folder of its own.
struct Running {
    dir: tempfile::TempDir,
    notify: UnixDatagram,
    child: Child,
}

impl Running {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hash = "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        for (name, text) in [
            ("users", format!("alice:{hash}\n")),
            ("postroad.toml", format!("data = {:?}\ndomains = [\"our.example\"]\n", dir.path())),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
            std::fs::set_permissions(dir.path().join(name), PermissionsExt::from_mode(0o600))
                .unwrap();
        }
        let notify = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        notify.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = Self::spawn(&dir);
        let running = Self { dir, notify, child };
        running.wait_until_ready();
        running
    }

    fn spawn(dir: &tempfile::TempDir) -> Child {
        Command::new(env!("CARGO_BIN_EXE_postroad-mda"))
            .args(["serve", "--config"])
            .arg(dir.path().join("postroad.toml"))
            .env("NOTIFY_SOCKET", dir.path().join("notify"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait_until_ready(&self) {
        let mut octets = [0; 512];
        let length = self.notify.recv(&mut octets).unwrap();
        assert!(octets[..length].starts_with(b"READY=1"));
    }

    /// Starts it again after its end.
    fn restart(&mut self) {
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.dir);
        self.wait_until_ready();
    }

    fn connect(&self) -> Client {
        let stream = UnixStream::connect(self.dir.path().join("run/lmtp.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// The bodies of all letters in alice's new/.
    fn letters(&self) -> Vec<String> {
        let path: PathBuf = self.dir.path().join("mail/alice");
        let text = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
        let oracle = maildir::Maildir::from(path);
        let letters = oracle.list_new().map(|entry| text(entry.unwrap().path()));
        letters.map(|letter| letter.split_once("\n\n").unwrap().1.to_owned()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client(BufReader<UnixStream>);

impl Client {
    /// Says something and gives the last line of the reply; `None` where the server is gone.
    fn ask(&mut self, text: &str) -> Option<String> {
        self.0.get_mut().write_all(text.as_bytes()).ok()?;
        self.hear()
    }

    fn hear(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.get(3..4) != Some("-") {
                return Some(line.trim_end().to_owned());
            }
        }
    }

    /// Delivers one letter; whether it was acknowledged.
    fn deliver(&mut self, body: &str) -> Option<bool> {
        self.ask("MAIL FROM:<>\r\n")?;
        self.ask("RCPT TO:<alice@our.example>\r\n")?;
        self.ask("DATA\r\n")?;
        Some(self.ask(&format!("\r\n{body}\r\n.\r\n"))?.starts_with("250 "))
    }
}

#[test]
fn a_session_from_greeting_to_quit() {
    let running = Running::start();
    let mut client = running.connect();
    assert!(client.hear().unwrap().starts_with("220 "));
    for (said, reply) in [
        ("LHLO client.example\r\n", "250 "),
        ("MAIL FROM:<eve@elsewhere.example>\r\n", "250 2.1.0 Ok"),
        ("RCPT TO:<nobody@our.example>\r\n", "550 5.1.1 No such user here"),
        ("RCPT TO:<alice@our.example>\r\n", "250 2.1.5 Ok"),
        ("DATA\r\n", "354 "),
        ("Subject: hello\r\n\r\nbody\r\n.\r\n", "250 2.0.0 Filed as "),
        ("QUIT\r\n", "221 2.0.0 Bye"),
    ] {
        let got = client.ask(said).unwrap();
        assert!(got.starts_with(reply), "{said:?}: {got}");
    }
    assert_eq!(client.hear(), None);
    assert_eq!(running.letters(), ["body\n"]);
}

#[test]
fn asked_to_stop_it_finishes_what_is_under_way() {
    let mut running = Running::start();
    let mut idle = running.connect();
    let mut busy = running.connect();
    for client in [&mut idle, &mut busy] {
        client.hear().unwrap();
        client.ask("LHLO client.example\r\n").unwrap();
    }
    busy.ask("MAIL FROM:<>\r\n").unwrap();
    busy.ask("RCPT TO:<alice@our.example>\r\n").unwrap();
    running.terminate();
    // Who has no transaction open is told at once, who has is let finish.
    assert!(idle.hear().unwrap().starts_with("421 4.3.2"));
    busy.ask("DATA\r\n").unwrap();
    assert!(busy.ask("\r\nlast\r\n.\r\n").unwrap().starts_with("250 2.0.0 Filed"));
    assert!(busy.hear().unwrap().starts_with("421 4.3.2"));
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(running.letters(), ["last\n"]);
}

#[test]
fn killed_under_load_it_has_all_that_was_acknowledged() {
    const CLIENTS: usize = 8;
    let mut running = Running::start();
    let mut acknowledged = Vec::new();
    let mut sent = 0;
    for round in 0..5 {
        let (tell, hear) = std::sync::mpsc::channel();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (mut client, tell) = (running.connect(), tell.clone());
                std::thread::spawn(move || {
                    let mut work = || -> Option<()> {
                        client.hear()?;
                        client.ask("LHLO client.example\r\n")?;
                        for letter in 0.. {
                            let body = format!("{round}.{number}.{letter}");
                            let kept = client.deliver(&body)?;
                            tell.send((body, kept)).ok()?;
                        }
                        None
                    };
                    work();
                })
            })
            .collect();
        drop(tell);
        // In the middle of it, wherever that is.
        let first: Vec<_> = hear.iter().take(60 + 17 * round).collect();
        running.child.kill().unwrap();
        let answers: Vec<_> = first.into_iter().chain(hear.iter()).collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        sent += answers.len() + CLIENTS;
        acknowledged
            .extend(answers.into_iter().filter(|(_, kept)| *kept).map(|(body, _)| body + "\n"));
        running.restart();
    }
    let letters = running.letters();
    for body in &acknowledged {
        assert!(letters.contains(body), "{body:?} was acknowledged and is gone");
    }
    // What nobody was told of may be there: at most one for each client and round.
    assert!(letters.len() <= sent, "{} letters of {sent}", letters.len());
}

/// This needs a kernel with Landlock, and fails without.
#[test]
fn m01_a_folder_that_is_put_in_the_mailboxes_place_gets_no_letter() {
    let running = Running::start();
    let path = |name: &str| running.dir.path().join(name);
    let mut client = running.connect();
    client.hear();
    client.ask("LHLO client.example\r\n").unwrap();
    // What doesn't fit into memory, too.
    let large = vec!["x".repeat(70); 10_000].join("\r\n");
    for body in ["hello", &large] {
        assert_eq!(client.deliver(body), Some(true));
    }
    std::fs::rename(path("mail"), path("gone")).unwrap();
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(path("mail/alice").join(part)).unwrap();
    }
    assert_eq!(client.deliver("hello"), Some(false));
    assert!(running.letters().is_empty());
    std::fs::remove_dir_all(path("mail")).unwrap();
    std::fs::rename(path("gone"), path("mail")).unwrap();
    assert_eq!(client.deliver("hello"), Some(true));
    assert_eq!(running.letters().len(), 3);
}
