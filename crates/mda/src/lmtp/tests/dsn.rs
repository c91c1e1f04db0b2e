//! What senders ask to be told (RFC 3461), and replies that go out as they are known (RFC 2033 §5).

use postroad_protocol::envelope::{Notify, Ret, Wanted};

use super::relay::{Relay, Taken};
use super::*;

const ALICE: &str = "alice@our.example";
const BOTH: &str = "NOTIFY=SUCCESS,FAILURE";

impl Client {
    /// Sends a letter with parameters; gives the replies behind it.
    async fn ask(&mut self, mail: &str, rcpts: &[&str], header: &str) -> Vec<String> {
        let rcpts: String = rcpts.iter().map(|rcpt| format!("RCPT TO:{rcpt}\r\n")).collect();
        let count = rcpts.lines().count();
        self.say(&format!("MAIL FROM:{mail}\r\n{rcpts}")).await;
        for _ in 0..=count {
            assert!(self.hear().await.starts_with("250 "));
        }
        self.data(&format!("{header}Subject: hello\r\n\r\nbody"), count).await
    }
}

impl Place {
    /// A client that was greeted; whether it was offered DSN.
    async fn greeted(&self) -> (Client, bool) {
        let mut client = self.connect();
        client.hear().await;
        client.say("LHLO client.example\r\n").await;
        let mut is_offered = false;
        loop {
            let mut line = String::new();
            client.0.read_line(&mut line).await.unwrap();
            is_offered |= line == "250-DSN\r\n";
            if !line.starts_with("250-") {
                return (client, is_offered);
            }
        }
    }

    /// All that has left: what was sent on, and notices.
    async fn left(&self, relay: &Relay) -> (Vec<Taken>, Vec<Taken>) {
        self.shared.finish().await;
        let taken = std::mem::take(&mut *relay.taken());
        taken.into_iter().partition(|taken| !taken.content.contains("report-type="))
    }
}

fn queued(id: &str) -> String {
    format!("Received: by x with ESMTP id {id}; date\r\n")
}

#[tokio::test] // Tests RFC 3461 §5.2.3: it is said once, by whoever has heard it last.
async fn a_sender_is_told_of_a_letter_that_is_filed() {
    let place = Place::new();
    let relay = place.relay();
    let (mut client, is_offered) = place.greeted().await;
    assert!(is_offered);
    let rcpt = format!("<alice+x@our.example> {BOTH} ORCPT=rfc822;Al+2Bx@a.example");
    let mail = "<eve@elsewhere.example> RET=FULL ENVID=QQ+2B1";
    let letter = queued("0123456789ABC");
    check(&client.ask(mail, &[&rcpt], &letter).await, &["250 2.0.0 Filed as "]);
    let (others, notices) = place.left(&relay).await;
    let ([], [notice]) = (&others[..], &notices[..]) else { panic!("{notices:?}") };
    assert_eq!((notice.from.as_str(), &notice.to[..]), ("", &["eve@elsewhere.example".into()][..]));
    assert_eq!((notice.ret, &notice.envid), (None, &None));
    for line in [
        "From: Mail delivery <MAILER-DAEMON@mx.our.example>",
        "To: <eve@elsewhere.example>",
        "Subject: Your message was delivered: hello",
        "Auto-Submitted: auto-replied",
        "Original-Envelope-Id: QQ+1",
        "Reporting-MTA: dns; mx.our.example",
        "Original-Recipient: rfc822;Al+x@a.example",
        "Final-Recipient: rfc822;alice+x@our.example",
        "Action: delivered",
        "Status: 2.0.0",
        "Final-Log-ID: 0123456789ABC",
        "Content-Type: text/rfc822-headers",
    ] {
        assert!(notice.content.lines().any(|l| l == line), "{line}\n{}", notice.content);
    }
    // What comes again, since the reply was lost, was told of before.
    check(&client.ask(mail, &[&rcpt], &letter).await, &["250 2.0.0 Recognised"]);
    assert_eq!(place.left(&relay).await.1, []);
}

#[tokio::test] // Tests RFC 3461 §5.2 and §5.2.3 (b) and (c).
async fn nobody_is_told_who_has_not_asked_or_cannot_be() {
    let place = Place::new();
    let relay = place.relay();
    let (mut client, _) = place.greeted().await;
    for (mail, parameters) in [
        ("<eve@elsewhere.example>", ""),
        ("<eve@elsewhere.example>", "NOTIFY=FAILURE,DELAY"),
        ("<eve@elsewhere.example>", "NOTIFY=NEVER"),
        ("<>", BOTH),
    ] {
        let rcpt = format!("<{ALICE}> {parameters}");
        check(&client.ask(mail, &[&rcpt], "").await, &["250 2.0.0 Filed as "]);
    }
    assert_eq!(place.left(&relay).await, (vec![], vec![]));
}

#[tokio::test] // Tests RFC 3461 §5.2.8.
async fn one_notice_tells_of_all_who_were_asked_about() {
    let place = Place::new();
    let relay = place.relay();
    place.script("carol", "require \"reject\"; reject \"No.\";");
    let (mut client, _) = place.greeted().await;
    let rcpts = [
        format!("<{ALICE}> {BOTH} ORCPT=rfc822;one@a.example"),
        "<bob@our.example>".to_owned(),
        format!("<carol@our.example> {BOTH}"),
        format!("<{ALICE}> {BOTH} ORCPT=rfc822;two@a.example"),
        format!("<bob+x@our.example> {BOTH}"),
    ];
    let rcpts = rcpts.each_ref().map(String::as_str);
    let replies = client.ask("<eve@elsewhere.example>", &rcpts, "").await;
    check(&replies, &["250 2.0.0", "250 2.0.0", "550 5.7.1", "250 2.0.0", "250 2.0.0"]);
    assert_eq!(place.letters("alice").len(), 1);
    let (_, notices) = place.left(&relay).await;
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    let told: Vec<&str> = notice
        .content
        .lines()
        .filter(|line| line.starts_with("Original-R") || line.starts_with("Final-R"))
        .collect();
    assert_eq!(
        told,
        [
            "Original-Recipient: rfc822;one@a.example",
            "Final-Recipient: rfc822;alice@our.example",
            "Original-Recipient: rfc822;two@a.example",
            "Final-Recipient: rfc822;alice@our.example",
            "Final-Recipient: rfc822;bob+x@our.example",
        ]
    );
}

/// RFC 3461 §5.2.7, RFC 5228 §4.4: what is said of a letter that rules deal with, and what goes on with it.
#[tokio::test]
async fn what_rules_do_with_a_letter_is_told_as_it_is() {
    let place = Place::new();
    let relay = place.relay();
    let (mut client, _) = place.greeted().await;
    let on = |success| Notify::On { success, failure: Wanted::Yes, delay: Wanted::No };
    let one = "redirect \"far@away.example\";";
    let own = "rfc822;alice@our.example";
    for (number, (script, told, notify)) in [
        ("keep;".to_owned(), Some("delivered"), None),
        ("discard;".to_owned(), None, None),
        (one.to_owned(), None, Some(on(Wanted::Yes))),
        (format!("{one} keep;"), Some("delivered"), Some(on(Wanted::No))),
        (format!("{one} redirect \"and@beyond.example\";"), Some("expanded"), Some(on(Wanted::No))),
        (format!("require \"vacation\"; vacation \"Away.\"; {one}"), None, Some(on(Wanted::Yes))),
    ]
    .into_iter()
    .enumerate()
    {
        place.script("alice", &format!("{script} # {number}"));
        let rcpt = format!("<{ALICE}> {BOTH}");
        let mail = "<eve@elsewhere.example> RET=HDRS ENVID=id";
        client.ask(mail, &[&rcpt], &queued(&format!("ID{number}"))).await;
        let (sent_on, notices) = place.left(&relay).await;
        let action = |notice: &Taken| {
            let mut lines = notice.content.lines();
            lines.find_map(|line| line.strip_prefix("Action: ")).map(str::to_owned)
        };
        let actions: Vec<_> = notices.iter().filter_map(action).collect();
        assert_eq!(actions, Vec::from_iter(told.map(str::to_owned)), "{script}");
        let redirect = sent_on.iter().find(|taken| taken.to[0] == "far@away.example");
        assert_eq!(redirect.map(|taken| taken.notify[0]), notify, "{script}");
        if let Some(redirect) = redirect {
            assert!(redirect.orcpt.iter().all(|orcpt| orcpt.as_deref() == Some(own)), "{script}");
            assert_eq!((redirect.ret, redirect.envid.as_deref()), (Some(Ret::Headers), Some("id")));
        }
    }
}

#[tokio::test] // An alias that nobody has expanded before us (RFC 3461 §5.2.7.3).
async fn a_member_of_an_alias_tells_nobody_more_than_once() {
    let place = Place::new();
    let relay = place.relay();
    place.script("alice", "redirect \"far@away.example\";");
    place.script("bob", "redirect \"and@beyond.example\";");
    let (mut client, _) = place.greeted().await;
    let rcpt = format!("<both@our.example> {BOTH}");
    client.ask("<eve@elsewhere.example>", &[&rcpt], "").await;
    let (sent_on, notices) = place.left(&relay).await;
    assert!(sent_on.iter().all(|taken| taken.notify[0].success() == Wanted::No), "{sent_on:?}");
    assert_eq!(sent_on.len(), 2);
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert!(notice.content.contains("Action: expanded\r\n"), "{}", notice.content);
}

#[tokio::test]
async fn dsn_is_not_offered_where_no_notice_could_leave() {
    let place = Place::new();
    let (mut client, is_offered) = place.greeted().await;
    assert!(!is_offered);
    client.say(&format!("MAIL FROM:<>\r\nRCPT TO:<{ALICE}> {BOTH}\r\n")).await;
    check(&[client.hear().await, client.hear().await], &["250 ", "555 5.5.4"]);
    // Somebody is there now.
    let _relay = place.relay();
    assert!(place.greeted().await.1);
}

#[tokio::test] // Tests RFC 3461 §5.2.2 (b).
async fn what_goes_to_who_knows_no_dsn_is_relayed() {
    let place = Place::new();
    let relay = Relay::without_dsn(Relay::listen(&place.shared.config.mta.socket));
    place.script("alice", "redirect \"far@away.example\";");
    let (mut client, is_offered) = place.greeted().await;
    assert!(is_offered);
    client.ask("<eve@elsewhere.example> ENVID=id", &[&format!("<{ALICE}> {BOTH}")], "").await;
    let (sent_on, notices) = place.left(&relay).await;
    assert_eq!((sent_on[0].notify[0], &sent_on[0].envid), (Notify::Unsaid, &None));
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert!(notice.content.contains("Action: relayed\r\n"), "{}", notice.content);
}

#[tokio::test]
async fn a_notice_that_is_not_taken_is_tried_again_and_holds_up_nobody() {
    let place = Place::new();
    let socket = &place.shared.config.mta.socket;
    let gone = Relay::listen(socket);
    let (mut client, is_offered) = place.greeted().await;
    assert!(is_offered);
    drop(gone);
    std::fs::remove_file(socket).unwrap();
    let rcpt = format!("<{ALICE}> {BOTH}");
    check(&client.ask("<eve@elsewhere.example>", &[&rcpt], "").await, &["250 2.0.0 Filed as "]);
    while place.shared.successes.put_off().0 == 0 {
        tokio::task::yield_now().await;
    }
    let relay = place.relay();
    let (_, notices) = place.left(&relay).await;
    assert_eq!((notices.len(), place.shared.successes.put_off()), (1, (0, 0)));
    // What even then isn't taken is lost.
    check(&client.ask("<later@elsewhere.example>", &[&rcpt], "").await, &["250 2.0.0 Filed as "]);
    let (_, notices) = place.left(&relay).await;
    assert_eq!((notices.len(), place.shared.successes.put_off()), (0, (0, 0)));
}

#[tokio::test] // Tests RFC 2033 §5: a reply doesn't wait for those behind it.
async fn m13_the_first_reply_is_there_while_the_second_letter_hangs() {
    let place = Place::new();
    let listener = Relay::listen(&place.shared.config.mta.socket);
    place.script("bob", "redirect \"far@away.example\";");
    let mut client = place.connect();
    client.begin(&[ALICE, "bob@our.example", ALICE]).await;
    client.say("DATA\r\n").await;
    check(&[client.hear().await], &["354 "]);
    client.say("Subject: one\r\n\r\n.\r\n").await;
    check(&[client.hear().await], &["250 2.0.0 Filed as "]);
    // Bob's letter waits for a greeting. Now there is one.
    let relay = Relay::on(listener);
    check(
        &[client.hear().await, client.hear().await],
        &["250 2.0.0 Dealt with", "250 2.0.0 Filed"],
    );
    assert_eq!(relay.taken().len(), 1);
}
