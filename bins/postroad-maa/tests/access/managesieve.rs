//! ManageSieve, with real files: what is put, chosen and run.

use std::fs;
use std::path::PathBuf;

use crate::host::{Client, Host};

const LOGIN: &str = "AUTHENTICATE \"PLAIN\" \"AGFsaWNlAHNlIGNyZXQ=\"";

async fn greeting(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        match client.line().await {
            line if line == "OK" => return lines,
            line if line.is_empty() => panic!("the connection ends: {lines:?}"),
            line => lines.push(line),
        }
    }
}

async fn log_in(host: &Host) -> Client {
    let mut client = Client::connect(host.managesieve).await;
    greeting(&mut client).await;
    assert_eq!(client.ask(LOGIN).await, "OK \"logged in\"");
    client
}

async fn log_out(mut client: Client) {
    assert_eq!(client.ask("LOGOUT").await, "OK \"good-bye\"");
    assert_eq!(client.closed().await, b"");
}

fn main_script(host: &Host) -> PathBuf {
    host.path("sieve/alice.sieve")
}

#[tokio::test]
async fn scripts_are_put_chosen_and_run() {
    let host = Host::start();
    let mut client = log_in(&host).await;
    assert_eq!(client.ask("LISTSCRIPTS").await, "OK");
    assert_eq!(client.ask("HAVESPACE \"holidays\" 99").await, "OK \"done\"");
    let script = "require \"fileinto\";\r\nfileinto \"a\";";
    let put = format!("PUTSCRIPT \"holidays\" {{{}+}}\r\n{script}", script.len());
    assert_eq!(client.ask(&put).await, "OK \"done\"");
    assert_eq!(fs::read_to_string(main_script(&host)).unwrap(), "");
    assert_eq!(client.ask("SETACTIVE \"holidays\"").await, "OK \"done\"");
    assert_eq!(fs::read_to_string(main_script(&host)).unwrap(), script);
    assert_eq!(client.ask("LISTSCRIPTS").await, "\"holidays\" ACTIVE");
    assert_eq!(client.line().await, "OK");
    // What is wrong is told by its place, and what was there stays.
    let wrong = "keep;\r\nkep;";
    let put = format!("PUTSCRIPT \"holidays\" {{{}+}}\r\n{wrong}", wrong.len());
    let answer = client.ask(&put).await;
    assert!(answer.starts_with("NO {") || answer.starts_with("NO \"holidays:2:1: "), "{answer}");
    if answer.starts_with("NO {") {
        let problem = client.line().await;
        assert!(problem.starts_with("holidays:2:1: "), "{problem}");
    }
    assert_eq!(fs::read_to_string(main_script(&host)).unwrap(), script);
    assert_eq!(client.ask("CHECKSCRIPT \"keep;\"").await, "OK \"done\"");
    assert_eq!(client.ask("RENAMESCRIPT \"holidays\" \"work\"").await, "OK \"done\"");
    let gone = client.ask("GETSCRIPT \"holidays\"").await;
    assert_eq!(gone, "NO (NONEXISTENT) \"there is no such script\"");
    assert_eq!(client.ask("GETSCRIPT \"work\"").await, format!("{{{}}}", script.len()));
    assert_eq!(client.line().await, "require \"fileinto\";");
    assert_eq!(client.line().await, "fileinto \"a\";");
    assert_eq!(client.line().await, "OK");
    let active = client.ask("DELETESCRIPT \"work\"").await;
    assert_eq!(active, "NO (ACTIVE) \"it is the active script\"");
    assert_eq!(client.ask("SETACTIVE \"\"").await, "OK \"done\"");
    assert_eq!(client.ask("DELETESCRIPT \"work\"").await, "OK \"done\"");
    assert_eq!(fs::read_to_string(main_script(&host)).unwrap(), "");
    log_out(client).await;
    host.stop().await;
}

#[tokio::test]
async fn a_script_that_is_there_is_kept_and_another_process_serves_beside() {
    let host = Host::start_with_tls(|_| {});
    fs::create_dir_all(host.path("sieve")).unwrap();
    fs::write(main_script(&host), "discard;").unwrap();
    // The user's process is there before the first such session.
    let pop3 = host.log_in("alice").await;
    let mut client = Client::connect(host.managesieve).await;
    assert!(greeting(&mut client).await.contains(&"\"STARTTLS\"".to_owned()));
    assert_eq!(client.ask("STARTTLS").await, "OK \"begin TLS\"");
    let mut client = client.start_tls().await;
    let offered = greeting(&mut client).await;
    assert!(offered.contains(&"\"SASL\" \"PLAIN LOGIN\"".to_owned()), "{offered:?}");
    assert_eq!(client.ask(LOGIN).await, "OK \"logged in\"");
    assert_eq!(client.ask("LISTSCRIPTS").await, "\"main\" ACTIVE");
    assert_eq!(client.line().await, "OK");
    assert_eq!(fs::read_to_string(main_script(&host)).unwrap(), "discard;");
    pop3.quit().await;
    log_out(client).await;
}

#[tokio::test]
async fn i06_names_lead_nowhere_else() {
    let host = Host::start();
    fs::create_dir_all(host.path("sieve/bob")).unwrap();
    fs::write(host.path("sieve/bob/secret.sieve"), "keep;").unwrap();
    let mut client = log_in(&host).await;
    for name in ["../bob/secret", "/etc/passwd", ".active", ".."] {
        let answer = client.ask(&format!("GETSCRIPT \"{name}\"")).await;
        assert_eq!(answer, "NO \"no script can have that name here\"", "{name}");
    }
    log_out(client).await;
}

#[tokio::test] // Tests RFC 5804 §2.14.1.
async fn who_has_left_is_followed_by_another_one() {
    for is_inside_tls in [false, true] {
        let host = Host::start_with_tls(|_| {});
        let mut client = Client::connect(host.managesieve).await;
        greeting(&mut client).await;
        if is_inside_tls {
            assert_eq!(client.ask("STARTTLS").await, "OK \"begin TLS\"");
            client = client.start_tls().await;
            greeting(&mut client).await;
        }
        assert_eq!(client.ask(LOGIN).await, "OK \"logged in\"");
        assert_eq!(client.ask("PUTSCRIPT \"mine\" \"keep;\"").await, "OK \"done\"");
        assert_eq!(client.ask("UNAUTHENTICATE").await, "OK \"nobody is logged in\"");
        assert_eq!(client.ask("LISTSCRIPTS").await, "NO \"log in first\"");
        // What is sent ahead is for whoever serves strangers; bob has none of alice's scripts.
        assert_eq!(client.ask(LOGIN).await, "OK \"logged in\"");
        client
            .send(
                b"UNAUTHENTICATE\r\nNOOP \"x\"\r\nAUTHENTICATE \"PLAIN\" \"AGJvYgBzZSBjcmV0\"\r\n",
            )
            .await;
        assert_eq!(client.line().await, "OK \"nobody is logged in\"");
        assert_eq!(client.line().await, "OK (TAG \"x\") \"nothing done\"");
        assert_eq!(client.line().await, "OK \"logged in\"");
        assert_eq!(client.ask("LISTSCRIPTS").await, "OK");
        assert_eq!(client.ask("UNAUTHENTICATE").await, "OK \"nobody is logged in\"");
        assert_eq!(client.ask(LOGIN).await, "OK \"logged in\"");
        assert_eq!(client.ask("LISTSCRIPTS").await, "\"mine\"");
        assert_eq!(client.line().await, "OK");
        log_out(client).await;
        host.stop().await;
    }
}
