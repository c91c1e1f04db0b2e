//! An access agent on ports of its own, with real processes for its users, their Maildirs in a temporary folder, and a
//! client that speaks line by line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroad_accounts::{Scheme, UserName, users};
use postroad_config::{ClearTextLogin, Config};
use postroad_maa::{Door, Maa};
use postroad_net::listen::Handed;
use postroad_net::process::Trigger;
use postroad_net::{Io, Shutdown, tls};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinHandle;

/// Longer than anything takes that goes well.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PASSWORD: &str = "se cret";

/// What serves a user.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_postroad-maa");

pub(crate) struct Host {
    folder: tempfile::TempDir,
    pub(crate) pop3: SocketAddr,
    pub(crate) pop3s: Option<SocketAddr>,
    pub(crate) imap: SocketAddr,
    pub(crate) imaps: Option<SocketAddr>,
    pub(crate) managesieve: SocketAddr,
    trigger: Trigger,
    serving: JoinHandle<()>,
}

impl Host {
    /// Users alice and bob, logins in clear allowed.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_with_users(change, str::to_owned)
    }

    /// The same with other lines in the file of users.
    pub(crate) fn start_with_users(
        change: impl FnOnce(&mut Config),
        line: impl Fn(&str) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::default();
        let at = |name: &str| folder.path().join(name);
        config.hostname = "pop.example".into();
        config.log.level = "error".into();
        config.trace.dir = at("trace");
        config.accounts.users = at("users");
        config.accounts.aliases = at("aliases");
        config.mda.maildir = at("mail/{user}").display().to_string();
        config.maa.imap = vec![([127, 0, 0, 1], 0).into()];
        config.maa.imaps = vec![([127, 0, 0, 1], 0).into()];
        config.maa.pop3 = vec![([127, 0, 0, 1], 0).into()];
        config.maa.pop3s = vec![([127, 0, 0, 1], 0).into()];
        config.maa.managesieve = vec![([127, 0, 0, 1], 0).into()];
        config.maa.control = at("maa.sock");
        config.mda.sieve = at("sieve/{user}.sieve").display().to_string();
        config.maa.clear_text_login = ClearTextLogin::Loopback;
        change(&mut config);
        for user in ["alice", "bob"] {
            let name = UserName::parse(user).expect("a name");
            users::add(&config.accounts.users, &name, PASSWORD.as_bytes(), Scheme::Argon2id)
                .expect("adds");
            for folder in ["new", "cur", "tmp"] {
                let folder = at("mail").join(user).join(folder);
                std::fs::create_dir_all(folder).expect("creates");
            }
        }
        let users = std::fs::read_to_string(&config.accounts.users).expect("reads");
        let users: String = users.lines().map(|user| line(user) + "\n").collect();
        std::fs::write(&config.accounts.users, users).expect("writes");
        let maa = Maa::start(&config, Handed::default(), Path::new(PROGRAM)).expect("starts");
        let port = |door| maa.addresses(door).first().copied();
        let (pop3, pop3s) = (port(Door::Pop3).expect("a port"), port(Door::Pop3s));
        let (imap, imaps) = (port(Door::Imap).expect("a port"), port(Door::Imaps));
        let managesieve = port(Door::ManageSieve).expect("a port");
        let (trigger, shutdown) = Shutdown::manual();
        let serving = tokio::spawn(maa.serve(shutdown));
        Self { folder, pop3, pop3s, imap, imaps, managesieve, trigger, serving }
    }

    /// A host with a certificate of its own making.
    pub(crate) fn start_with_tls(change: impl FnOnce(&mut Config)) -> Self {
        let made =
            rcgen::generate_simple_self_signed(["pop.example".to_owned()]).expect("a certificate");
        let files = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).expect("writes");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("writes");
        Self::start_with(|config| {
            config.tls.certificate = Some(certificate);
            config.tls.key = Some(key);
            change(config);
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn maildir(&self, user: &str) -> PathBuf {
        self.path("mail").join(user)
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.path("trace")
    }

    /// Puts a file into a user's `new/` or `cur/`.
    pub(crate) fn put(&self, user: &str, place: &str, content: &[u8]) -> PathBuf {
        let path = self.maildir(user).join(place);
        std::fs::write(&path, content).expect("writes");
        path
    }

    pub(crate) async fn connect(&self) -> Client {
        let mut client = Client::connect(self.pop3).await;
        assert_eq!(client.line().await, "+OK pop.example POP3 server ready");
        client
    }

    pub(crate) async fn log_in(&self, user: &str) -> Client {
        let mut client = self.connect().await;
        let answer = client.log_in(user, PASSWORD).await;
        assert!(answer.starts_with("+OK "), "{answer}");
        client
    }

    /// Asks the agent to stop and waits for its end.
    pub(crate) async fn stop(self) {
        self.trigger.stop();
        patiently(self.serving).await.expect("ends");
    }

    pub(crate) fn ask_to_stop(&self) {
        self.trigger.stop();
    }
}

pub(crate) struct Client {
    io: BufReader<Io>,
}

impl Client {
    /// Connects, and reads no greeting.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let io = Io::connect_tcp(address).await.expect("connects");
        Self { io: BufReader::new(io) }
    }

    /// Connects inside TLS.
    pub(crate) async fn inside_tls(address: SocketAddr) -> Self {
        let io = Io::connect_tcp(address).await.expect("connects");
        Self { io: BufReader::new(handshake(io).await) }
    }

    /// Goes on inside TLS. What was read ahead is given back.
    pub(crate) async fn start_tls(self) -> Self {
        assert!(self.io.buffer().is_empty(), "nothing comes ahead of the handshake");
        Self { io: BufReader::new(handshake(self.io.into_inner()).await) }
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        patiently(self.io.write_all(octets)).await.expect("writes");
        patiently(self.io.flush()).await.expect("flushes");
    }

    /// A line without its CRLF; empty at the end of the connection.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        patiently(self.io.read_until(b'\n', &mut line)).await.expect("reads");
        let text = String::from_utf8_lossy(&line).into_owned();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        text.trim_end_matches("\r\n").to_owned()
    }

    /// What has come; nothing at the end of the connection.
    pub(crate) async fn some(&mut self) -> Vec<u8> {
        let came = patiently(self.io.fill_buf()).await.expect("reads").to_vec();
        self.io.consume(came.len());
        came
    }

    /// Says a command, gives the first line of the response.
    pub(crate) async fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).await;
        self.line().await
    }

    /// Reads a multi-line response as it is on the wire, the first line left out.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        while !octets.ends_with(b"\r\n.\r\n") && octets != b".\r\n" {
            let read = patiently(self.io.read_until(b'\n', &mut octets)).await.expect("reads");
            assert!(read > 0, "the response ends early");
        }
        octets
    }

    /// Says a command, gives the lines of the response behind the first, which must be +OK.
    pub(crate) async fn ask_for_many(&mut self, command: &str) -> Vec<u8> {
        let first = self.ask(command).await;
        assert!(first.starts_with("+OK"), "{command}: {first}");
        self.rest().await
    }

    pub(crate) async fn listing(&mut self, command: &str) -> Vec<String> {
        let text = String::from_utf8(self.ask_for_many(command).await).expect("ASCII");
        let lines = text.trim_end_matches(".\r\n").lines();
        lines.map(str::to_owned).collect()
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) -> String {
        assert_eq!(self.ask(&format!("USER {user}")).await, "+OK now the password");
        self.ask(&format!("PASS {password}")).await
    }

    /// Waits until the server has closed the connection; what it said before is given.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = patiently(self.io.read_to_end(&mut rest)).await;
        rest
    }

    pub(crate) async fn quit(mut self) {
        assert_eq!(self.ask("QUIT").await, "+OK good-bye");
        assert_eq!(self.closed().await, b"");
    }
}

async fn handshake(io: Io) -> Io {
    tls::install_provider();
    let name = "pop.example".try_into().expect("a name");
    let config = tls::opportunistic().expect("a configuration");
    patiently(io.connect_tls(config, name)).await.expect("shakes hands")
}

/// What doesn't end fails, in place of hanging.
pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("lists");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<_> = entries.map(|e| name(e).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
