//! IMAP up to a login, and the way from there into a user's process.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use postroad_config::{ClearTextLogin, Config, ImapSwitch};

use crate::host::{Client, Host, PASSWORD, patiently};

async fn connect(host: &Host) -> Client {
    let mut client = Client::connect(host.imap).await;
    assert_greets(&mut client).await;
    client
}

async fn assert_greets(client: &mut Client) {
    let greeting = client.line().await;
    assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev"), "{greeting}");
    assert!(greeting.ends_with("] pop.example ready"), "{greeting}");
}

async fn log_out(mut client: Client) {
    assert!(client.ask("z LOGOUT").await.starts_with("* BYE "));
    assert!(client.line().await.starts_with("z OK "));
    assert_eq!(client.closed().await, b"");
}

#[tokio::test]
async fn a_login_leads_into_the_users_process_in_clear_and_inside_tls() {
    let host = Host::start_with_tls(|_| {});
    // What is sent ahead is answered there.
    let mut client = connect(&host).await;
    client.send(format!("a LOGIN alice \"{PASSWORD}\"\r\nb NOOP\r\n").as_bytes()).await;
    let answer = client.line().await;
    assert!(answer.starts_with("a OK [CAPABILITY IMAP4rev"), "{answer}");
    assert!(client.line().await.starts_with("b OK "));
    log_out(client).await;
    // STARTTLS and SASL-IR.
    let mut client = connect(&host).await;
    assert_eq!(client.ask("a STARTTLS").await, "a OK begin TLS");
    let mut client = client.start_tls().await;
    let answer = client.ask("b AUTHENTICATE PLAIN AGFsaWNlAHNlIGNyZXQ=").await;
    assert!(answer.starts_with("b OK [CAPABILITY "), "{answer}");
    assert!(client.ask("c NOOP").await.starts_with("c OK "));
    // TLS at once, with POP3 of the same user beside it.
    let mut beside = Client::inside_tls(host.imaps.unwrap()).await;
    assert_greets(&mut beside).await;
    assert_eq!(beside.ask("a AUTHENTICATE LOGIN").await, "+ VXNlcm5hbWU6");
    assert_eq!(beside.ask("YWxpY2U=").await, "+ UGFzc3dvcmQ6");
    let answer = beside.ask("c2UgY3JldA==").await;
    assert!(answer.starts_with("a OK [CAPABILITY "), "{answer}");
    host.log_in("alice").await.quit().await;
    log_out(client).await;
    log_out(beside).await;
    host.stop().await;
}

#[tokio::test]
async fn wrong_logins_stay_in_front() {
    let host = Host::start();
    let mut client = connect(&host).await;
    let refusal = "NO [AUTHENTICATIONFAILED] name or password is wrong";
    assert_eq!(client.ask("a LOGIN alice wrong").await, format!("a {refusal}"));
    assert_eq!(client.ask("b LOGIN nobody wrong").await, format!("b {refusal}"));
    let answer = client.ask(&format!("c LOGIN alice \"{PASSWORD}\"")).await;
    assert!(answer.starts_with("c OK "), "{answer}");
    log_out(client).await;
    let host = Host::start_with(|config| config.maa.sessions_per_user_max = 1);
    let first = host.log_in("alice").await;
    let mut client = connect(&host).await;
    let answer = client.ask(&format!("c LOGIN alice \"{PASSWORD}\"")).await;
    assert_eq!(answer, "c NO [LIMIT] too many sessions, try later");
    first.quit().await;
}

#[tokio::test]
async fn i05_no_passwords_in_clear() {
    let host = Host::start_with_tls(|config| config.maa.clear_text_login = ClearTextLogin::Never);
    let mut client = Client::connect(host.imap).await;
    let greeting = client.line().await;
    assert!(greeting.contains(" STARTTLS LOGINDISABLED]"), "{greeting}");
    let answer = client.ask(&format!("a LOGIN alice \"{PASSWORD}\"")).await;
    assert!(answer.starts_with("a NO [PRIVACYREQUIRED] "), "{answer}");
}

#[tokio::test]
async fn i04_commands_ahead_of_the_handshake_are_never_run() {
    let host = Host::start_with_tls(|_| {});
    let mut client = connect(&host).await;
    let tail = format!("a STARTTLS\r\nb LOGIN alice \"{PASSWORD}\"\r\n");
    client.send(tail.as_bytes()).await;
    assert_eq!(client.line().await, "a OK begin TLS");
    let mut client = client.start_tls().await;
    assert_eq!(client.ask("c SELECT INBOX").await, "c BAD log in first");
}

#[tokio::test]
async fn a_stop_says_good_bye() {
    let host = Host::start();
    let mut client = connect(&host).await;
    let answer = client.ask(&format!("c LOGIN alice \"{PASSWORD}\"")).await;
    assert!(answer.starts_with("c OK "), "{answer}");
    host.ask_to_stop();
    assert!(client.closed().await.starts_with(b"* BYE "));
    host.stop().await;
}

/// What a client says once COMPRESS is active, and what it hears.
fn deflated(octets: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(octets.len() / 100 + 1_024);
    deflate.compress_vec(octets, &mut out, FlushCompress::Sync).unwrap();
    assert_eq!(deflate.total_in(), octets.len() as u64);
    out
}

fn inflated(octets: &[u8]) -> String {
    let mut out = Vec::with_capacity(1 << 20);
    Decompress::new(false).decompress_vec(octets, &mut out, FlushDecompress::Sync).unwrap();
    String::from_utf8(out).unwrap()
}

async fn logged_in(host: &Host, user: &str) -> (Client, String) {
    let mut client = connect(host).await;
    let answer = client.ask(&format!("a LOGIN {user} \"{PASSWORD}\"")).await;
    assert!(answer.starts_with("a OK [CAPABILITY "), "{answer}");
    (client, answer)
}

#[tokio::test] // Tests RFC 4978 §3.
async fn what_comes_behind_compress_is_deflated() {
    let host = Host::start();
    let (mut client, _) = logged_in(&host, "alice").await;
    client.send(b"b COMPRESS DEFLATE\r\n").await;
    assert_eq!(client.line().await, "b OK DEFLATE is active");
    client.send(&deflated(b"c NOOP\r\nd COMPRESS DEFLATE\r\ne LOGOUT\r\n")).await;
    let said = inflated(&client.closed().await);
    let said: Vec<&str> = said.split_terminator("\r\n").collect();
    let [noop, again, bye, logout] = *said.as_slice() else { panic!("{said:?}") };
    assert_eq!(noop, "c OK Done");
    assert!(again.starts_with("d NO [COMPRESSIONACTIVE] "), "{again}");
    assert!(bye.starts_with("* BYE ") && logout.starts_with("e OK "), "{said:?}");
    // In clear it means nothing any more, and isn't carried out.
    let (mut client, _) = logged_in(&host, "alice").await;
    client.send(b"b COMPRESS DEFLATE\r\nc CREATE Sent\r\n").await;
    assert_eq!(client.line().await, "b OK DEFLATE is active");
    client.closed().await;
    assert!(!host.maildir("alice").join(".Sent").exists());
    host.stop().await;
}

#[tokio::test]
async fn i11_a_bomb_is_a_line_that_is_too_long() {
    let host = Host::start();
    let (mut client, _) = logged_in(&host, "alice").await;
    assert_eq!(client.ask("b COMPRESS DEFLATE").await, "b OK DEFLATE is active");
    let bomb = deflated(&vec![b'x'; 128 << 20]);
    assert!(bomb.len() < 256 * 1024, "{}", bomb.len());
    client.send(&bomb).await;
    let said = inflated(&client.closed().await);
    assert!(said.contains("* BYE "), "{said}");
    // Others never notice.
    let (mut client, _) = logged_in(&host, "alice").await;
    assert_eq!(client.ask("b NOOP").await, "b OK Done");
    host.stop().await;
}

#[tokio::test]
async fn extensions_are_switched_for_all_and_for_one() {
    let off = |config: &mut Config| {
        let off = ImapSwitch::try_from("-NOTIFY".to_owned()).unwrap();
        config.maa.imap_extensions = vec![off];
    };
    let host = Host::start_with_users(off, |line| match line.starts_with("bob:") {
        true => format!("{line}::::::imap_extensions=+NOTIFY,-COMPRESS,+UIDONLY,+MESSAGELIMIT=500"),
        false => line.to_owned(),
    });
    for (user, has, lacks, command) in [
        ("alice", "COMPRESS=DEFLATE", "NOTIFY", "NOTIFY NONE"),
        ("bob", "NOTIFY", "COMPRESS", "COMPRESS DEFLATE"),
    ] {
        let (mut client, told) = logged_in(&host, user).await;
        assert!(told.contains(&format!(" {has} ")) && !told.contains(lacks), "{user}: {told}");
        // Those are for whom they are switched on.
        let asked = [told.contains(" UIDONLY "), told.contains(" MESSAGELIMIT=500")];
        assert_eq!(asked, [user == "bob"; 2], "{told}");
        let answer = client.ask(&format!("b {command}")).await;
        assert_eq!(answer, format!("b BAD {lacks} is switched off here"));
        log_out(client).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn texts_are_indexed_in_the_background_and_behind_the_wall() {
    let host = Host::start();
    for number in 0..300 {
        let letter = format!("Subject: number {number}\n\nseldom{number}x\n");
        host.put("alice", &format!("cur/{}.M1P1.x:2,", 1_796_000_000 + number), letter.as_bytes());
    }
    let mut client = connect(&host).await;
    let answer = client.ask(&format!("a LOGIN alice \"{PASSWORD}\"")).await;
    assert!(answer.starts_with("a OK "), "{answer}");
    client.send(b"b SELECT INBOX\r\n").await;
    while !client.line().await.starts_with("b OK ") {}
    let index = host.maildir("alice").join("postroad-text");
    patiently(async {
        // A segment comes in one piece, and is more than its head.
        while std::fs::metadata(&index).map_or(0, |file| file.len()) < 70_000 {
            assert!(client.ask("c NOOP").await.starts_with("c OK "));
        }
    })
    .await;
    assert_eq!(client.ask("d SEARCH TEXT seldom217x").await, "* SEARCH 218");
    assert!(client.line().await.starts_with("d OK "));
    log_out(client).await;
    host.stop().await;
}
