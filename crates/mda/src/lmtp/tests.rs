//! Sessions over a pipe, with real accounts, and disks that hang or are full.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use postroad_disk::{DirEntry, DiskError, DiskFile, DiskLock, Space, Stat};
use postroad_protocol::address::{Address, ForwardPath, ReversePath};
use postroad_protocol::command::ClientName;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::trace_fields::{Secured, With};
use postroad_testkit::{FaultyDisk, Plan};
use tokio::io::{AsyncBufReadExt as _, BufReader, DuplexStream};

use super::delivery::{Letter, Progress, Teller};
use super::destination::Destination;
use super::*;
use crate::letter::Header;

mod dsn;
mod mbox;
mod power_cut;
mod quota;
mod relay;
mod repeats;
mod rules;

const USERS: [&str; 3] = ["alice", "bob", "carol"];
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// A server's state in a folder of its own.
struct Place {
    dir: tempfile::TempDir,
    shared: Arc<Shared>,
    _trigger: process::Trigger,
}

impl Place {
    fn new() -> Self {
        Self::with_disk(Arc::new(NoLinks))
    }

    fn with_disk(disk: Arc<dyn Disk>) -> Self {
        Self::with(disk, "")
    }

    fn with(disk: Arc<dyn Disk>, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let hash = "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        let users: String = USERS.iter().map(|user| format!("{user}:{hash}\n")).collect();
        std::fs::write(dir.path().join("users"), users).unwrap();
        std::fs::set_permissions(dir.path().join("users"), PermissionsExt::from_mode(0o600))
            .unwrap();
        std::fs::write(
            dir.path().join("aliases"),
            "both: alice, bob\ntwice: alice, alice+lists@our.example\naway: alice, eve@elsewhere.example\n",
        )
        .unwrap();
        let text = format!(
            "data = {:?}\nhostname = \"mx.our.example\"\ndomains = [\"our.example\"]\n{settings}\n",
            dir.path()
        );
        let config = postroad_config::parse(Path::new("test.toml"), &text).unwrap().config;
        let (trigger, shutdown) = Shutdown::manual();
        let shared = Arc::new(Shared::new(config, disk, shutdown).unwrap());
        Self { dir, shared, _trigger: trigger }
    }

    fn connect(&self) -> Client {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { converse(&shared, theirs, Peer::Local { uid: 0 }).await });
        Client(BufReader::new(ours))
    }

    fn maildir(&self, user: &str) -> PathBuf {
        self.dir.path().join("mail").join(user)
    }

    fn letters(&self, user: &str) -> Vec<String> {
        self.letters_in(&self.maildir(user))
    }

    fn letters_in(&self, maildir: &Path) -> Vec<String> {
        let oracle = maildir::Maildir::from(maildir.to_owned());
        oracle
            .list_new()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }
}

struct Client(BufReader<DuplexStream>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next reply's last line.
    async fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            if line.get(3..4) != Some("-") {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Greets and opens a transaction with these recipients; gives their replies.
    async fn begin(&mut self, recipients: &[&str]) -> Vec<String> {
        self.hear().await;
        self.say("LHLO client.example\r\n").await;
        self.hear().await;
        self.recipients(recipients).await
    }

    async fn recipients(&mut self, recipients: &[&str]) -> Vec<String> {
        self.recipients_of("eve@elsewhere.example", recipients).await
    }

    async fn recipients_of(&mut self, sender: &str, recipients: &[&str]) -> Vec<String> {
        self.say(&format!("MAIL FROM:<{sender}>\r\n")).await;
        assert_eq!(self.hear().await, "250 2.1.0 Ok");
        let mut replies = Vec::new();
        for recipient in recipients {
            self.say(&format!("RCPT TO:<{recipient}>\r\n")).await;
            replies.push(self.hear().await);
        }
        replies
    }

    /// Sends content; gives one reply for each recipient.
    async fn data(&mut self, content: &str, recipients: usize) -> Vec<String> {
        self.say("DATA\r\n").await;
        assert!(self.hear().await.starts_with("354 "));
        self.say(&format!("{content}\r\n.\r\n")).await;
        let mut replies = Vec::new();
        for _ in 0..recipients {
            replies.push(self.hear().await);
        }
        // Not one reply more.
        self.say("NOOP\r\n").await;
        assert_eq!(self.hear().await, "250 2.0.0 Ok");
        replies
    }
}

/// The beginnings of replies.
#[track_caller]
fn check(replies: &[String], expected: &[&str]) {
    assert_eq!(replies.len(), expected.len(), "{replies:?}");
    for (reply, expected) in replies.iter().zip(expected) {
        assert!(reply.starts_with(expected), "{reply} is not {expected}");
    }
}

#[tokio::test] // Tests RFC 2033 §4.2: a reply for each recipient that was accepted, in order.
async fn a_reply_for_each_recipient() {
    let place = Place::new();
    let mut client = place.connect();
    let recipients = [
        "alice@our.example",
        "nobody@our.example",
        "alice@elsewhere.example",
        "bob+lists@our.example",
        "postmaster",
        "both@our.example",
        "away@our.example",
    ];
    let replies = client.begin(&recipients).await;
    check(
        &replies,
        &[
            "250 2.1.5",
            "550 5.1.1",
            "550 5.1.2",
            "250 2.1.5",
            "250 2.1.5",
            "250 2.1.5",
            "451 4.3.5",
        ],
    );
    let replies = client.data("Subject: hello\r\n\r\n..stuffed", 4).await;
    check(&replies, &["250 2.0.0 Filed as "; 4]);
    // Alice is the postmaster, and one of both.
    assert_eq!((place.letters("alice").len(), place.letters("bob").len()), (3, 2));
    let letter = place.letters("bob").into_iter().find(|text| text.contains("bob+lists")).unwrap();
    assert!(letter.starts_with(
        "Return-Path: <eve@elsewhere.example>\nDelivered-To: bob+lists@our.example\n"
    ));
    assert!(letter.contains("\nReceived: from client.example\n\tby mx.our.example with LMTP id "));
    assert!(letter.ends_with("+0000\nSubject: hello\n\n.stuffed\n"), "{letter}");
}

/// RFC 2033 §4.3, RFC 3030 §2, RFC 6152, RFC 6531: one pipelined group, in chunks, beyond ASCII.
#[tokio::test]
async fn chunks_beyond_ascii_are_filed_as_they_came() {
    let place = Place::new();
    let mut client = place.connect();
    client.hear().await;
    client.say("LHLO client.example\r\n").await;
    client.hear().await;
    let (head, body) = ("Subject: Grüße\r\n\r\n", "..\r\n.\r\nschöne\r\n");
    client
        .say(&format!(
            "MAIL FROM:<jürgen@elsewhere.example> BODY=8BITMIME SMTPUTF8\r\n\
             RCPT TO:<alice@our.example>\r\nRCPT TO:<nobody@our.example>\r\n\
             RCPT TO:<bob@our.example>\r\n\
             BDAT {}\r\n{head}BDAT {} LAST\r\n{body}NOOP\r\n",
            head.len(),
            body.len()
        ))
        .await;
    let mut replies = Vec::new();
    for _ in 0..8 {
        replies.push(client.hear().await);
    }
    let expected = [
        "250 2.1.0",
        "250 2.1.5",
        "550 5.1.1",
        "250 2.1.5",
        "250 2.0.0 Chunk",
        "250 2.0.0 Filed",
        "250 2.0.0 Filed",
        "250 2.0.0 Ok",
    ];
    check(&replies, &expected);
    for user in ["alice", "bob"] {
        let letter = place.letters(user).remove(0);
        assert!(letter.starts_with("Return-Path: <jürgen@elsewhere.example>\n"), "{letter}");
        assert!(letter.contains(" with UTF8LMTP id "), "{letter}");
        assert!(letter.ends_with("Subject: Grüße\n\n..\n.\nschöne\n"), "{letter}");
    }
}

#[tokio::test] // As sendmail's local mailer names its users.
async fn recipients_without_a_domain() {
    let place = Place::new();
    let mut client = place.connect();
    let replies = client.begin(&["alice", "bob+lists", "nobody", "../bob", "al ice"]).await;
    check(&replies, &["250 2.1.5", "250 2.1.5", "550 5.1.1", "501 5.", "501 5."]);
    check(&client.data("Subject: x", 2).await, &["250 2.0.0 Filed as "; 2]);
    assert!(place.letters("bob")[0].contains("Delivered-To: bob+lists@our.example\n"));
}

#[tokio::test] // Tests RFC 2033 §4.2: DATA without a recipient MUST be 503.
async fn m13_wrong_order_changes_nothing() {
    let place = Place::new();
    let mut client = place.connect();
    check(&client.begin(&["nobody@our.example"]).await, &["550 5.1.1"]);
    for (command, reply) in [
        ("DATA", "503 5.5.1"),
        ("MAIL FROM:<>", "503 5.5.1"),
        ("EHLO client.example", "500 5.5.1"),
        ("RSET", "250 2.0.0"),
        ("RCPT TO:<alice@our.example>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
    ] {
        client.say(&format!("{command}\r\n")).await;
        check(&[client.hear().await], &[reply]);
    }
    check(&client.recipients(&["alice@our.example"]).await, &["250 2.1.5"]);
    check(&client.data("", 1).await, &["250 2.0.0 Filed as "]);
}

#[tokio::test]
async fn m13_a_thousand_recipients_have_a_reply_each() {
    let place = Place::new();
    let mut client = place.connect();
    let names: Vec<String> = (0..1_000).map(|n| format!("alice+{n}@our.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    client.begin(&names).await;
    let replies = client.data("Subject: to all", names.len()).await;
    check(&replies, &["250 2.0.0 Filed as "; 1_000]);
    assert_eq!(place.letters("alice").len(), 1_000);
}

/// A disk on which one call for files below one folder hangs until the other end of a channel is dropped; what it is
/// told before that, it panics at.
#[derive(Debug)]
struct HangingDisk {
    below: &'static str,
    call: HangingCall,
    reached: mpsc::Sender<()>,
    released: std::sync::Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug, PartialEq)]
enum HangingCall {
    Create,
    Read,
    Rename,
    /// That of the new letters.
    List,
}

impl HangingDisk {
    /// The disk, what is told of each call that hangs, and what lets them go on.
    fn new(call: HangingCall) -> (Self, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (reached, hangs) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = std::sync::Mutex::new(released);
        (Self { below: "bob", call, reached, released }, hangs, release)
    }

    fn wait(&self, call: HangingCall, path: &Path) {
        if call == self.call && path.components().any(|part| part.as_os_str() == self.below) {
            let _ = self.reached.send(());
            let is_told = self.released.lock().unwrap().recv().is_ok();
            if is_told {
                // Without the words of a panic: to print a backtrace may take longer than others wait.
                std::panic::resume_unwind(Box::new("a bug"));
            }
        }
    }
}

impl Disk for HangingDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.wait(HangingCall::Create, path);
        NoLinks.create_new(path)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        NoLinks.open(path)
    }

    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.wait(HangingCall::Read, path);
        NoLinks.open_read(path)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        NoLinks.link(from, to)
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.wait(HangingCall::Rename, to);
        NoLinks.rename_noreplace(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        NoLinks.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        NoLinks.remove(path)
    }

    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        NoLinks.create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        NoLinks.sync_dir(path)
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        if path.ends_with("new") {
            self.wait(HangingCall::List, path);
        }
        NoLinks.read_dir(path)
    }

    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        NoLinks.space(path)
    }

    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        NoLinks.stat(path)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        NoLinks.lock(path)
    }

    fn lock_part(&self, path: &Path, part: u64) -> Result<Box<dyn DiskLock>, DiskError> {
        NoLinks.lock_part(path, part)
    }
}

#[tokio::test]
async fn m13_a_mailbox_that_hangs_holds_up_nobody_else() {
    let (disk, _, release) = HangingDisk::new(HangingCall::Create);
    let place = Place::with_disk(Arc::new(disk));
    let mut client = place.connect();
    client.begin(&["bob@our.example", "alice@our.example", "carol@our.example"]).await;
    let replies = client.data("Subject: one", 3).await;
    check(&replies, &["451 4.2.0", "250 2.0.0", "250 2.0.0"]);
    // Next time that isn't even tried.
    client.recipients(&["alice@our.example", "bob@our.example"]).await;
    check(&client.data("Subject: two", 2).await, &["250 2.0.0", "451 4.2.0"]);
    // What was answered "later" comes again: it isn't filed behind the client's back.
    drop(release);
    drop(client);
    while Arc::strong_count(&place.shared) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!((place.letters("alice").len(), place.letters("bob").len()), (2, 0));
}

#[tokio::test]
async fn m13_a_thousand_recipients_and_one_that_hangs_have_a_reply_each() {
    let (disk, _, release) = HangingDisk::new(HangingCall::Create);
    let place = Place::with_disk(Arc::new(disk));
    let mut client = place.connect();
    let name = |n| match n {
        500 => "bob@our.example".to_owned(),
        n => format!("alice+{n}@our.example"),
    };
    let names: Vec<String> = (0..1_000).map(name).collect();
    client.begin(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let replies = client.data("Subject: to all", names.len()).await;
    for (n, reply) in replies.iter().enumerate() {
        check(std::slice::from_ref(reply), &[if n == 500 { "451 4.2.0" } else { "250 2.0.0" }]);
    }
    assert_eq!(place.letters("alice").len(), 999);
    drop(release);
}

#[tokio::test]
async fn m13_a_thread_that_breaks_down_is_later_for_its_recipient_alone() {
    let (disk, _, bug) = HangingDisk::new(HangingCall::Create);
    bug.send(()).unwrap();
    drop(bug);
    let place = Place::with_disk(Arc::new(disk));
    let mut client = place.connect();
    client.begin(&["bob@our.example", "alice@our.example", "carol@our.example"]).await;
    check(&client.data("Subject: x", 3).await, &["451 4.3.0", "250 2.0.0", "250 2.0.0"]);
    // It doesn't count as a mailbox that hangs: the same session goes on.
    client.recipients(&["bob@our.example"]).await;
    check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
    assert_eq!((place.letters("alice").len(), place.letters("bob").len()), (1, 1));
}

#[tokio::test]
async fn m13_whoever_leads_the_syncs_may_break_down() {
    let (disk, _, bug) = HangingDisk::new(HangingCall::Rename);
    bug.send(()).unwrap();
    drop(bug);
    let place = Place::with_disk(Arc::new(disk));
    let mut client = place.connect();
    client.begin(&["bob@our.example"]).await;
    check(&client.data("Subject: x", 1).await, &["451 4.3.0"]);
    assert!(place.letters("bob").is_empty());
    client.recipients(&["bob@our.example"]).await;
    check(&client.data("Subject: x", 1).await, &["250 2.0.0"]);
    assert_eq!(place.letters("bob").len(), 1);
}

#[tokio::test]
async fn m13_a_mailbox_that_takes_long_to_be_read_is_not_one_that_hangs() {
    let (disk, hangs, release) = HangingDisk::new(HangingCall::List);
    let place = Place::with_disk(Arc::new(disk));
    let start = Bytes::from_static(b"Received: by mx with ESMTP id 4ABC; date\r\n\r\nbody\r\n");
    let letter = Letter {
        header: Header::read(&start),
        start,
        rest: None,
        whole: std::sync::Mutex::default(),
        sameness: std::sync::OnceLock::new(),
        return_path: ReversePath::Null,
        client: ClientName::parse("client.example").unwrap(),
        address: None,
        with: With::Lmtp(Secured::Clear),
        utf8: Utf8::Ascii,
        ret: None,
        envid: None,
        arrived: std::time::SystemTime::now(),
    };
    let path = ForwardPath::Address(Address::parse("bob@our.example").unwrap());
    let to = Destination::find(&place.shared, &path).unwrap();
    let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let shared = Arc::clone(&place.shared);
    let filing = std::thread::spawn(move || {
        filing::file(&shared, &Arc::new(letter), to, Teller::new(tell, 0));
    });
    // What it knows of deliveries is read for the first time: it is looked through.
    hangs.recv().unwrap();
    assert_eq!(hear.try_recv().unwrap(), (0, Progress::Written));
    drop(release);
    filing.join().unwrap();
    let mut last = None;
    while let Some(step) = hear.recv().await {
        last = last.or(Some(step).filter(|(_, step)| matches!(step, Progress::Done(..))));
    }
    let Some((0, Progress::Done(reply, _))) = last else { panic!("{last:?}") };
    assert_eq!(reply.code().value(), 250, "{reply}");
}

#[tokio::test]
async fn m13_what_nobody_waits_for_any_more_is_taken_back() {
    let (disk, hangs, release) = HangingDisk::new(HangingCall::Rename);
    let place = Place::with_disk(Arc::new(disk));
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let shared = Arc::clone(&place.shared);
    let session =
        tokio::spawn(async move { converse(&shared, theirs, Peer::Local { uid: 0 }).await });
    let mut client = Client(BufReader::new(ours));
    client.begin(&["bob@our.example"]).await;
    client.say("DATA\r\n").await;
    client.hear().await;
    client.say("Subject: late\r\n\r\n.\r\n").await;
    while hangs.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    // As when the agent ends in the middle of a session, or "later" was answered.
    session.abort();
    assert!(session.await.unwrap_err().is_cancelled());
    drop(release);
    while Arc::strong_count(&place.shared) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(place.letters("bob").is_empty());
}

#[tokio::test]
async fn m06_a_full_disk_is_for_later() {
    let disk = FaultyDisk::new();
    let place = Place::with_disk(Arc::new(disk.clone()));
    disk.put_dir(&place.maildir("alice"));
    let mut client = place.connect();
    client.begin(&["alice@our.example"]).await;
    check(&client.data("Subject: fits", 1).await, &["250 2.0.0"]);
    let files = disk.files();
    for (errno, reply) in [(ENOSPC, "452 4.3.1"), (EDQUOT, "452 4.2.2"), (EIO, "451 4.3.0")] {
        disk.plan(Plan::FailFrom { call: 4, errno });
        client.recipients(&["alice@our.example"]).await;
        check(&client.data("Subject: too much", 1).await, &[reply]);
        assert!(disk.count("write") <= 1);
        disk.plan(Plan::Sound);
    }
    client.recipients(&["alice@our.example"]).await;
    check(&client.data("Subject: fits again", 1).await, &["250 2.0.0"]);
    let left = |path: &&PathBuf| path.parent().unwrap().ends_with("new");
    assert_eq!(disk.files().iter().filter(left).count(), files.len() + 1);
}

#[tokio::test]
async fn a_loop_is_refused_for_that_recipient_alone() {
    let place = Place::new();
    let mut client = place.connect();
    client.begin(&["alice@our.example", "bob@our.example"]).await;
    let content = "Received: x\r\nDelivered-To: alice@our.example\r\n\r\n";
    check(&client.data(content, 2).await, &["554 5.4.6", "250 2.0.0"]);
}

#[tokio::test]
async fn a_large_letter_comes_out_as_it_went_in() {
    let place = Place::new();
    let mut client = place.connect();
    let body: String = (0..40_000).map(|n| format!("{n:070}\r\n")).collect();
    client.begin(&["alice@our.example", "bob@our.example"]).await;
    check(&client.data(&format!("Subject: large\r\n\r\n{body}"), 2).await, &["250 2.0.0"; 2]);
    for user in ["alice", "bob"] {
        let letters = place.letters(user);
        let (_, got) = letters[0].split_once("\n\n").unwrap();
        assert!(got == body.replace("\r\n", "\n") + "\n", "{user}");
    }
}

#[tokio::test]
async fn what_was_filed_is_in_the_trace() {
    let place = Place::new();
    let mut client = place.connect();
    client.begin(&["alice@our.example"]).await;
    let content =
        "Received: by x with ESMTP id 0123456789ABC; date\r\nMessage-ID: <m@x.example>\r\n\r\n";
    let reply = client.data(content, 1).await.remove(0);
    let id = reply.strip_prefix("250 2.0.0 Filed as ").unwrap().to_owned();
    place.shared.journal.flush();
    let trace = place.dir.path().join("trace");
    for known_by in ["0123456789ABC", "<m@x.example>"] {
        let records = postroad_observe::trace::merge(&trace, known_by).unwrap();
        let record = records.first().unwrap();
        assert!(format!("{:?}", record.event).contains(&id), "{record:?}");
    }
}
