//! IMAP up to a login, and the way from there into a user's process.

use postroad_config::ClearTextLogin;

use crate::host::{Client, Host, PASSWORD};

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
