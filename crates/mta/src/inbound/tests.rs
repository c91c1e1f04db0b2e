//! Sessions with a whole MTA behind them: queue and accounts in a folder of their own, a client at any
//! address, nothing beyond this process.

use std::net::SocketAddr;
use std::time::Duration;

use postroad_accounts::UserName;
use postroad_config::ClearTextLogin;
use postroad_net::Io;
use postroad_net::listen::Handed;
use postroad_net::process::Trigger;
use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::Notify;
use postroad_queue::{Cursor, Filter, QueueRow};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::task::TaskTracker;

use super::*;
use crate::Mta;
use crate::live::Live;

mod limits;
mod relay;
mod reload;
mod submission;

/// An MTA for `our.example` with the users alice and bob (password `secret`) and the aliases `team` and
/// `sales`.
pub(crate) struct Host {
    folder: TempDir,
    mta: Mta,
    sessions: TaskTracker,
    trigger: Trigger,
}

impl Host {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["alice", "bob"] {
            let name = UserName::parse(name).unwrap();
            postroad_accounts::users::add(
                &at("users"),
                &name,
                b"secret",
                postroad_accounts::Scheme::Argon2id,
            )
            .unwrap();
        }
        std::fs::write(at("aliases"), "team: alice, eve@third.example\nsales: bob\n").unwrap();
        let (certificate, key) = write_certificate(folder.path());
        let mut config = Config {
            hostname: "mx.our.example".to_owned(),
            domains: vec!["our.example".parse().unwrap()],
            ..Config::default()
        };
        config.data = folder.path().to_owned();
        config.trace.dir = at("trace");
        config.accounts.users = at("users");
        config.accounts.aliases = at("aliases");
        (config.tls.certificate, config.tls.key) = (Some(certificate), Some(key));
        config.mta.queue = at("queue");
        config.mta.socket = at("submit.sock");
        config.mta.control = at("control.sock");
        config.mda.socket = at("lmtp.sock");
        (config.mta.smtp, config.mta.submission, config.mta.submissions) = (vec![], vec![], vec![]);
        // A name server that isn't there: nothing leaves this host.
        config.mta.dns.servers = vec!["127.0.0.1:9".parse().unwrap()];
        config.mta.clear_text_login = ClearTextLogin::Loopback;
        config.mta.networks = vec!["198.51.100.0/24".parse().unwrap()];
        change(&mut config);
        let (trigger, shutdown) = Shutdown::manual();
        let mta = Mta::start(config, None, Handed::default(), shutdown).await.unwrap();
        Self { folder, mta, sessions: TaskTracker::new(), trigger }
    }

    pub(crate) fn inbound(&self) -> Arc<Inbound> {
        self.mta.live.inbound()
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.mta.live)
    }

    /// Connects as a client at that address would, and reads the greeting.
    pub(crate) async fn connect(&self, door: Door, ip: &str) -> Client {
        let mut client = self.dial(door, ip).await;
        client.expect("220 mx.our.example").await;
        client
    }

    /// Connects to the unix socket as a process of that user would, and says hello.
    pub(crate) async fn connect_as(&self, uid: u32) -> Client {
        let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let peer = Peer::Local { uid };
        service::welcome(&self.inbound(), Door::Local, Io::unix(ours), peer, &self.sessions);
        let mut client = Client { io: Io::unix(theirs), read: Vec::new() };
        client.play("S: 220\nC: EHLO localhost\nS: 250-").await;
        client
    }

    async fn dial(&self, door: Door, ip: &str) -> Client {
        let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let peer = Peer::Ip(SocketAddr::new(ip.parse().unwrap(), 40_000));
        service::welcome(&self.inbound(), door, Io::unix(ours), peer, &self.sessions);
        Client { io: Io::unix(theirs), read: Vec::new() }
    }

    pub(crate) async fn queued(&self) -> Vec<QueueRow> {
        self.inbound().shard.find(&Filter::default(), Cursor::default(), 1_000).await.rows
    }

    /// The content of the only message.
    async fn content(&self) -> String {
        let rows = self.queued().await;
        assert_eq!(rows.len(), 1);
        let content = self.inbound().shard.content(rows[0].id).await.unwrap();
        String::from_utf8(content.to_vec()).unwrap()
    }
}

fn write_certificate(folder: &std::path::Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["mx.our.example".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

/// The other end of a session.
pub(crate) struct Client {
    io: Io,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.send_octets(format!("{text}\r\n").as_bytes()).await;
    }

    async fn send_octets(&mut self, octets: &[u8]) {
        self.io.write_all(octets).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// The next whole reply; empty where the server has closed.
    async fn reply(&mut self) -> String {
        let mut from = 0;
        loop {
            while let Some(end) = self.read[from..].iter().position(|octet| *octet == b'\n') {
                let line_end = from + end + 1;
                if self.read.get(from + 3) == Some(&b' ') {
                    let reply = self.read.drain(..line_end).collect();
                    return String::from_utf8(reply).unwrap();
                }
                from = line_end;
            }
            if self.io.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return String::new();
            }
        }
    }

    #[track_caller]
    fn expect<'a>(&'a mut self, expected: &'a str) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.reply().await;
            let matches = reply.starts_with(expected) && reply.is_empty() == expected.is_empty();
            assert!(matches, "{caller}: expected {expected:?}, got {reply:?}");
        }
    }

    /// Plays `C:` and `S:` lines.
    pub(crate) async fn play(&mut self, dialog: &str) {
        for line in dialog.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_at(2) {
                ("C:", text) => self.send(text.strip_prefix(' ').unwrap_or(text)).await,
                ("S:", text) => {
                    let reply = self.reply().await;
                    assert!(reply.starts_with(text.trim()), "{line}: got {reply:?}");
                }
                _ => panic!("neither C: nor S: in {line:?}"),
            }
        }
    }

    /// Logs in as that user.
    async fn log_in(&mut self, user: &str) {
        use base64::Engine as _;
        let message = format!("\0{user}\0secret");
        let message = base64::engine::general_purpose::STANDARD.encode(message);
        self.send("EHLO client.example").await;
        self.expect("250-").await;
        self.send(&format!("AUTH PLAIN {message}")).await;
        self.expect("235").await;
    }

    /// Sends a message whole; gives the last reply.
    pub(crate) async fn deliver(&mut self, from: &str, to: &[&str], content: &[u8]) -> String {
        self.send(&format!("MAIL FROM:<{from}>")).await;
        self.expect("250 2.1.0").await;
        for address in to {
            self.send(&format!("RCPT TO:<{address}>")).await;
            self.expect("250 2.1.5").await;
        }
        self.send("DATA").await;
        self.expect("354").await;
        self.send_octets(content).await;
        self.send_octets(b".\r\n").await;
        self.reply().await
    }
}

#[tokio::test]
async fn a_message_is_queued_with_our_trace_field_on_top() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: EHLO client.example\nS: 250-").await;
    let reply =
        client.deliver("a@b.example", &["alice@our.example"], b"Subject: x\r\n\r\n..hi\r\n").await;
    let rows = host.queued().await;
    assert_eq!(reply, format!("250 2.0.0 Ok: queued as {}\r\n", rows[0].id));
    let content = host.content().await;
    let start = "Received: from client.example ([192.0.2.1])\r\n\tby mx.our.example with ESMTP id ";
    assert!(content.starts_with(start), "{content}");
    assert!(content.contains("\r\n\tfor <alice@our.example>;\r\n\t"), "{content}");
    assert!(content.ends_with("\r\nSubject: x\r\n\r\n.hi\r\n"), "{content}");
}

#[tokio::test] // Tests RFC 3461 §5.2.7.1.
async fn aliases_are_expanded_into_the_queue() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client
        .play(
            "C: EHLO client.example
             S: 250-
             C: MAIL FROM:<a@b.example>
             S: 250
             C: RCPT TO:<team@our.example>
             S: 250
             C: RCPT TO:<alice@our.example> NOTIFY=NEVER
             S: 250
             C: DATA
             S: 354
             C: .
             S: 250",
        )
        .await;
    let rows = host.queued().await;
    let recipients = &rows[0].envelope.recipients;
    let addresses: Vec<_> =
        recipients.iter().map(|recipient| recipient.address.to_string()).collect();
    assert_eq!(addresses, ["alice@our.example", "eve@third.example"]);
    // Who was named keeps its own parameters, though the alias holds it too.
    assert_eq!((recipients[0].notify, &recipients[0].orcpt), (Notify::Never, &None));
    assert_eq!(recipients[1].notify, Notify::Unsaid);
    assert_eq!(recipients[1].orcpt.as_deref(), Some("rfc822;team@our.example"));
}

#[tokio::test] // Tests RFC 3461 §5.2.7.3 (c).
async fn the_sender_is_told_of_an_alias_of_several_once() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client
        .play(
            "C: EHLO client.example
             S: 250-
             C: MAIL FROM:<a@b.example> ENVID=mine RET=HDRS
             S: 250
             C: RCPT TO:<team@our.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Team@B.example
             S: 250
             C: RCPT TO:<sales@our.example> NOTIFY=SUCCESS
             S: 250
             C: DATA
             S: 354
             C: Subject: hello
             C: .
             S: 250",
        )
        .await;
    let rows = host.queued().await;
    let [notice, message] = &rows[..] else { panic!("{rows:?}") };
    let (notice, message) = match notice.envelope.reverse_path {
        ReversePath::Null => (notice, message),
        ReversePath::Address(_) => (message, notice),
    };
    for recipient in &message.envelope.recipients {
        let notify = match recipient.address.to_string().as_str() {
            // RFC 3461 §5.2.7.2: an alias of one hands everything on.
            "bob@our.example" => "On { success: Yes, failure: No, delay: No }",
            _ => "On { success: No, failure: No, delay: Yes }",
        };
        assert_eq!(format!("{:?}", recipient.notify), notify, "{recipient:?}");
    }
    assert_eq!(notice.envelope.recipients[0].address.to_string(), "a@b.example");
    let content = host.inbound().shard.content(notice.id).await.unwrap();
    let content = String::from_utf8_lossy(&content);
    for expected in [
        "Original-Envelope-Id: mine\r\n",
        "Original-Recipient: rfc822;Team@B.example\r\nFinal-Recipient: rfc822;team@our.example\r\n",
        "Action: expanded\r\nStatus: 2.1.5\r\n",
        "Subject: hello\r\n",
    ] {
        assert!(content.contains(expected), "{content}");
    }
    assert_eq!(content.matches("Final-Recipient").count(), 1);
}

#[tokio::test]
async fn a_large_message_goes_through_the_spool_unchanged() {
    let host = Host::start().await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client.play("C: HELO client.example\nS: 250").await;
    let body: String = (0..60_000).map(|number| format!("line {number} of many\r\n")).collect();
    let content = format!("Subject: large\r\nMessage-ID: <large@b.example>\r\n\r\n{body}");
    let reply = client.deliver("a@b.example", &["alice@our.example"], content.as_bytes()).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    assert!(host.content().await.ends_with(&format!("\r\n{content}")));
}

#[tokio::test]
async fn a_stop_lets_the_transaction_finish() {
    let host = Host::start().await;
    let mut idle = host.connect(Door::Smtp, "192.0.2.2").await;
    let mut client = host.connect(Door::Smtp, "192.0.2.1").await;
    client
        .play("C: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 250\nC: DATA\nS: 354")
        .await;
    host.trigger.stop();
    idle.expect("421 4.3.2").await;
    idle.expect("").await;
    client.play("C: Subject: x\nC: .\nS: 250 2.0.0\nS: 421 4.3.2").await;
    assert_eq!(host.queued().await.len(), 1);
    assert!(host.folder.path().exists());
}
