//! Sessions that rest have no process, and go on where they were.

use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustix::process::{Pid, Signal, kill_process};

use crate::host::{Client, Host, PASSWORD, patiently};
use crate::workers::workers;

/// Sessions rest as soon as they may.
fn host() -> Host {
    Host::start_with_tls(|config| config.maa.park_after = Duration::from_millis(1))
}

/// Says a command, gives all lines of its answer.
async fn ask(client: &mut Client, command: &str) -> Vec<String> {
    let tag = command.split(' ').next().unwrap_or_default().to_owned() + " ";
    let mut lines = vec![client.ask(command).await];
    while !lines.last().is_some_and(|line| line.starts_with(&tag)) {
        lines.push(client.line().await);
    }
    assert!(lines.last().is_some_and(|line| line.starts_with(&format!("{tag}OK "))), "{lines:?}");
    lines
}

async fn logged_in(mut client: Client) -> Client {
    let greeting = client.line().await;
    assert!(greeting.starts_with("* OK "), "{greeting}");
    ask(&mut client, &format!("a LOGIN alice \"{PASSWORD}\"")).await;
    client
}

async fn idle(client: &mut Client) {
    assert_eq!(client.ask("i IDLE").await, "+ idling");
}

/// Waits until no process serves the user.
async fn until_parked(host: &Host) {
    patiently(async {
        while !workers(&host.maildir("alice")).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Waits until one does.
async fn until_awake(host: &Host) -> Pid {
    patiently(async {
        loop {
            if let Some(worker) = workers(&host.maildir("alice")).first() {
                return *worker;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_parked_idle_is_told_of_deliveries_in_clear_and_inside_tls() {
    let host = host();
    host.put("alice", "cur/1.one:2,S", b"Subject: one\n\n");
    let mut clear = logged_in(Client::connect(host.imap).await).await;
    let mut inside = logged_in(Client::inside_tls(host.imaps.expect("a port")).await).await;
    for client in [&mut clear, &mut inside] {
        assert!(ask(client, "b SELECT INBOX").await.contains(&"* 1 EXISTS".to_owned()));
        idle(client).await;
    }
    for number in 2..5 {
        until_parked(&host).await;
        host.put("alice", &format!("new/{number}.more"), b"Subject: more\n\n");
        for client in [&mut clear, &mut inside] {
            assert_eq!(client.line().await, format!("* {number} EXISTS"));
            assert!(client.line().await.ends_with(" RECENT"));
        }
    }
    // Flags and letters that are gone, too.
    until_parked(&host).await;
    let letter = host.maildir("alice").join("cur/1.one:2,S");
    std::fs::rename(&letter, host.maildir("alice").join("cur/1.one:2,FS")).expect("renames");
    for client in [&mut clear, &mut inside] {
        assert_eq!(client.line().await, "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))");
    }
    until_parked(&host).await;
    for client in [&mut clear, &mut inside] {
        client.send(b"DONE\r\n").await;
        assert_eq!(client.line().await, "i OK Idled");
        assert!(ask(client, "z LOGOUT").await[0].starts_with("* BYE "));
    }
    host.stop().await;
}

/// A client behind COMPRESS.
struct Deflated {
    client: Client,
    out: Compress,
    into: Decompress,
    said: String,
}

impl Deflated {
    async fn begin(mut client: Client) -> Self {
        ask(&mut client, "a0 COMPRESS DEFLATE").await;
        let (out, into) = (Compress::new(Compression::best(), false), Decompress::new(false));
        Self { client, out, into, said: String::new() }
    }

    async fn send(&mut self, line: &str) {
        let mut sent = Vec::with_capacity(line.len() + 1_024);
        let line = format!("{line}\r\n");
        self.out.compress_vec(line.as_bytes(), &mut sent, FlushCompress::Sync).expect("deflates");
        self.client.send(&sent).await;
    }

    /// Reads up to a line that holds this.
    async fn until(&mut self, wanted: &str) -> String {
        loop {
            for (at, _) in self.said.match_indices("\r\n") {
                let begin = self.said[..at].rfind("\r\n").map_or(0, |end| end + 2);
                if self.said[begin..at].contains(wanted) {
                    let rest = self.said.split_off(at + 2);
                    return std::mem::replace(&mut self.said, rest);
                }
            }
            let came = self.client.some().await;
            assert!(!came.is_empty(), "{wanted} isn't in {}", self.said);
            let mut text = Vec::with_capacity(64 * 1024);
            self.into.decompress_vec(&came, &mut text, FlushDecompress::Sync).expect("inflates");
            self.said += &String::from_utf8(text).expect("text");
        }
    }
}

#[tokio::test] // Tests RFC 4978 §3.
async fn a_parked_session_goes_on_deflating() {
    let host = host();
    host.put("alice", "cur/1.one:2,S", b"Subject: one\n\n");
    let mut idle = Deflated::begin(logged_in(Client::connect(host.imap).await).await).await;
    let port = host.imaps.expect("a port");
    let mut other = Deflated::begin(logged_in(Client::inside_tls(port).await).await).await;
    for client in [&mut idle, &mut other] {
        client.send("b1 SELECT INBOX").await;
        client.until("b1 OK").await;
    }
    for number in 2..5 {
        idle.send(&format!("c{number} IDLE")).await;
        idle.until("+ idling").await;
        until_parked(&host).await;
        host.put("alice", &format!("new/{number}.more"), b"Subject: more\n\n");
        idle.until(&format!("* {number} EXISTS")).await;
        until_parked(&host).await;
        idle.send("DONE").await;
        idle.until(&format!("c{number} OK")).await;
        until_parked(&host).await;
        // The same words again: they refer to what another process has read.
        other.send("d1 UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
        assert!(other.until("d1 OK").await.contains("Subject: one"));
    }
    // The front says good-bye to those who rest.
    until_parked(&host).await;
    host.ask_to_stop();
    idle.until("* BYE ").await;
    other.until("* BYE ").await;
}

#[tokio::test]
async fn a_parked_session_goes_on_with_its_numbers() {
    let host = host();
    for number in 1..6 {
        let letter = format!("Subject: number {number}\n\n");
        host.put("alice", &format!("cur/{number}.x:2,"), letter.as_bytes());
    }
    let mut client = logged_in(Client::inside_tls(host.imaps.expect("a port")).await).await;
    ask(&mut client, "b ENABLE QRESYNC").await;
    ask(&mut client, "c SELECT INBOX").await;
    assert_eq!(ask(&mut client, "d SEARCH RETURN (SAVE) SUBJECT \"number 4\"").await.len(), 1);
    until_parked(&host).await;
    // While nobody looks: the second goes, another comes.
    std::fs::remove_file(host.maildir("alice").join("cur/2.x:2,")).expect("removes");
    host.put("alice", "cur/6.x:2,", b"Subject: number 6\n\n");
    // Sequence numbers are as the client knows them, and what it has saved is there.
    let mut told = ask(&mut client, "e FETCH 3 (UID)").await;
    assert_eq!(told[0], "* 3 FETCH (UID 3)");
    until_parked(&host).await;
    let lines = ask(&mut client, "f UID FETCH $ (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").await;
    assert!(lines.iter().any(|line| line == "Subject: number 4"), "{lines:?}");
    told.extend(lines);
    // All that has changed is told, once, in the way that was enabled.
    patiently(async {
        while !told.contains(&"* VANISHED 2".to_owned()) {
            until_parked(&host).await;
            told.extend(ask(&mut client, "g NOOP").await);
        }
    })
    .await;
    until_parked(&host).await;
    told.extend(ask(&mut client, "h NOOP").await);
    let counts: Vec<_> = told.iter().filter(|line| line.ends_with(" EXISTS")).collect();
    assert_eq!(counts, ["* 6 EXISTS"]);
    let lines = ask(&mut client, "i UID SEARCH ALL").await;
    assert_eq!(lines[0], "* SEARCH 1 3 4 5 6");
    assert!(ask(&mut client, "z LOGOUT").await[0].starts_with("* BYE "));
    host.stop().await;
}

#[tokio::test]
async fn another_session_wakes_all_and_they_share_what_they_see() {
    let host = host();
    host.put("alice", "cur/1.one:2,", b"Subject: one\n\n");
    let mut first = logged_in(Client::connect(host.imap).await).await;
    ask(&mut first, "b SELECT INBOX").await;
    idle(&mut first).await;
    until_parked(&host).await;
    let mut second = logged_in(Client::connect(host.imap).await).await;
    ask(&mut second, "b SELECT INBOX").await;
    // A keyword that no file name holds: only who is in the same process hears of it at once.
    let keywords: Vec<String> = (0..30).map(|number| format!("word{number}")).collect();
    ask(&mut second, &format!("c STORE 1 +FLAGS ({})", keywords.join(" "))).await;
    patiently(async { while !first.line().await.contains(" word29") {} }).await;
    for client in [first, second] {
        drop(client);
    }
    host.stop().await;
}

#[tokio::test]
async fn who_is_gone_while_parked_needs_no_process_and_a_stop_says_good_bye() {
    let host = host();
    let mut gone = logged_in(Client::connect(host.imap).await).await;
    let mut there = logged_in(Client::connect(host.imap).await).await;
    let mut inside = logged_in(Client::inside_tls(host.imaps.expect("a port")).await).await;
    for client in [&mut gone, &mut there, &mut inside] {
        ask(client, "b SELECT INBOX").await;
        idle(client).await;
    }
    until_parked(&host).await;
    drop(gone);
    host.ask_to_stop();
    for client in [there, inside] {
        assert_eq!(client.closed().await, b"* BYE The server is shutting down\r\n");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_mailbox_that_is_another_one_ends_the_session() {
    let host = host();
    let mut client = logged_in(Client::connect(host.imap).await).await;
    ask(&mut client, "b CREATE Work").await;
    ask(&mut client, "c SELECT Work").await;
    until_parked(&host).await;
    std::fs::remove_dir_all(host.maildir("alice").join(".Work")).expect("removes");
    client.send(b"d NOOP\r\n").await;
    let said = client.closed().await;
    assert!(said.starts_with(b"* BYE "), "{}", String::from_utf8_lossy(&said));
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_killed_ends_sessions_that_were_parked_before() {
    let host = host();
    let mut clear = logged_in(Client::connect(host.imap).await).await;
    let mut inside = logged_in(Client::inside_tls(host.imaps.expect("a port")).await).await;
    until_parked(&host).await;
    // A session that never rests keeps the process.
    let _pop3 = host.log_in("alice").await;
    for client in [&mut clear, &mut inside] {
        ask(client, "b NOOP").await;
    }
    kill_process(until_awake(&host).await, Signal::KILL).expect("kills");
    for client in [clear, inside] {
        assert_eq!(client.closed().await, b"");
    }
    host.stop().await;
}
