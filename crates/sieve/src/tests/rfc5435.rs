//! RFC 5435: enotify, and RFC 5436: notifications by mail.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 3.2 | REQUIRED: mailto | `mailto` |
//! | 3.2 | MUST fail at run time for another method, and for a URI that is wrong | `examples`, `src/extensions/enotify/mailto.rs` |
//! | 3.4 | MUST ignore importance where the method has none | `mailto`: it has |
//! | 3.8 | MUST say where a notification comes from | `knitting`: owner-email |
//! | 4 | MUST validate as `notify` does | `tests_on_methods` |
//! | 5 | MUST fail, and MUST NOT be an error, for a wrong URI, another method, an unknown capability | `tests_on_methods` |
//! | 7 | MUST NOT cancel the implicit keep | `examples` |
//! | 8 | MUST break loops; MUST limit notifications | `mailto`, `many` |
//! | 8 | MUST let administrators limit them | `NOTIFICATIONS_MAX` and `NOTIFIED_MAX` in src/limits.rs; `many` |
//! | 8 | MUST log them | mda: `letters_of_the_scripts_own`, its notes |
//! | 8 | MUST encode what a URI is made of | `examples`: :encodeurl; none is made by us |
//! | 5436 2.7 | MUST tell of letters with an empty sender; MUST have an empty sender then | `mailto` |
//! | 5436 2.7 | MUST NOT submit twice | mda: sent once, with the letter |
//! | 5436 2.7 | MUST ignore from, auto-submitted, received, message-id, date of a URI | `mailto`, `src/extensions/enotify/mailto.rs` |
//! | 5436 2.7, 2.7.1 | MUST have Auto-Submitted on top, with owner-email or owner-token | `knitting` |
//! | 5436 2.7 | MUST NOT copy Message-ID and Date | `knitting`; the Message-ID is the caller's |
//! | 5436 5 | MUST break loops | `mailto` |
//! | 5436 5 | MUST have means against slow loops and complaints | owner-email; mda: the notes say which line of whose script |

use jiff::Zoned;
use postroad_protocol::address::Address;

use super::{MESSAGE_A, actions, described, done, facts, holds, outcome, refused};
use crate::{Action, Facts, Notification};

const REQUIRES: &str = "require [\"enotify\", \"fileinto\", \"variables\", \"envelope\"];";

/// RFC 5436 §3.
const KNITTING: &str = "Return-Path: <knitting-bounces@example.com>
Received: from mail.example.com by mail.example.org
  for <recipient@example.org>; Wed, 7 Dec 2005 05:08:02 -0500
Message-ID: <1234567.89ABCDEF@example.com>
Date: Wed, 07 Dec 2005 10:59:19 +0100
Precedence: list
List-Id: Knitting Mailing List <knitting.example.com>
From: \"Jeff Smith\" <jeff@hobbies.example.com>
To: \"Knitting Mailing List\" <knitting@example.com>
Subject: [Knitting] A new sweater

I just finished a great new sweater!
";

#[track_caller]
fn notification_of(script: &str, message: &str, from: &str) -> Option<Notification> {
    let own = [Address::parse("recipient@example.org").unwrap()];
    let facts = Facts {
        envelope_from: Some(from),
        own_addresses: &own,
        now: "2005-12-07T05:08:55-05[-05]".parse::<Zoned>().unwrap(),
        ..facts()
    };
    let outcome = outcome(&format!("{REQUIRES}\n{script}"), message, &facts);
    assert_eq!(outcome.error, None);
    actions(&outcome).into_iter().find_map(|action| match action {
        Action::Notify(notification) => Some(notification),
        _ => None,
    })
}

#[track_caller]
fn notification(script: &str, message: &str) -> String {
    let found = notification_of(script, message, "knitting-bounces@example.com").unwrap();
    String::from_utf8(found.message).unwrap().replace("\r\n", "\n")
}

#[test] // Tests RFC 5436 §2.7 and §3.
fn knitting() {
    let script = r#"if header :contains "list-id" "knitting.example.com" {
        if header :matches "Subject" "[*] *" {
          notify :message "From ${1} list: ${2}"
              :importance "3"
              "mailto:0123456789@sms.example.net?to=backup@example.com";
        }
      }"#;
    let expected = "Auto-Submitted: auto-notified; owner-email=\"recipient@example.org\"
Date: Wed, 7 Dec 2005 05:08:55 -0500
From: recipient@example.org
To: 0123456789@sms.example.net,
 backup@example.com
Subject: From Knitting list: A new sweater
Importance: low
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii

";
    assert_eq!(notification(script, KNITTING), expected);
}

#[test] // Tests RFC 5436 §2.3 to §2.7.
fn mailto() {
    for (script, expected) in [
        ("notify \"mailto:a@b.example\";", "Subject: [Knitting] A new sweater\n"),
        ("notify \"mailto:a@b.example?subject=Mail\";", "Subject: Mail\n"),
        ("notify :message \"Said\" \"mailto:a@b.example?subject=Mail\";", "Subject: Said\n"),
        ("notify \"mailto:a@b.example?body=one%0D%0Atwo\";", "\n\none\ntwo\n"),
        ("notify \"mailto:a@b.example?cc=c@d.example\";", "\nCc: c@d.example\n"),
        (
            "notify :from \"recipient@example.org\" \"mailto:a@b.example\";",
            "\nFrom: recipient@example.org\n",
        ),
        // Others are ignored, as are URIs that say who it is from.
        (
            "notify :from \"boss@example.org\" \"mailto:a@b.example\";",
            "\nFrom: recipient@example.org\n",
        ),
        (
            "notify \"mailto:a@b.example?from=boss@example.org&Auto-Submitted=no\";",
            "\nFrom: recipient@example.org\n",
        ),
        ("notify :importance \"1\" \"mailto:a@b.example\";", "\nImportance: high\n"),
        ("notify \"mailto:a@b.example?keywords=x\";", "\nKeywords: x\n"),
        ("notify :options [\"a=b\", \"c.d-e=\"] \"mailto:a@b.example\";", "To: a@b.example\n"),
    ] {
        let got = notification(script, KNITTING);
        assert!(got.contains(expected), "{script}\n{got}");
        assert!(
            got.starts_with(
                "Auto-Submitted: auto-notified; owner-email=\"recipient@example.org\"\n"
            )
        );
        assert_eq!(got.matches("uto-").count(), 2, "{got}");
    }
    // The envelope: a notice is told of by a notice.
    let sender = |from: &str| {
        notification_of("notify \"mailto:a@b.example\";", KNITTING, from)
            .unwrap()
            .sender
            .to_string()
    };
    assert_eq!(sender("a@b.example"), "recipient@example.org");
    assert_eq!(sender(""), "");
    // What was sent automatically is not told of.
    for (header, is_told) in [
        ("Auto-Submitted: auto-notified", false),
        ("Auto-Submitted: no", true),
        ("List-Id: x", true),
    ] {
        let message = format!("{header}\n\n");
        let got = notification_of("notify \"mailto:a@b.example\";", &message, "c@d.example");
        assert_eq!(got.is_some(), is_told, "{header}");
    }
}

#[test] // Row M12.
fn m12_a_notification_has_no_field_of_its_senders() {
    let message = "Subject: a =?utf-8?q?=0D=0ABcc:_victim=40x.example=0D=0A=1B[2J?=\n\n";
    let got = notification("notify \"mailto:a@b.example\";", message);
    assert!(!got.contains("\nBcc") && !got.contains('\u{1b}'), "{got}");
    let script = "if header :matches \"Subject\" \"*\" { notify :message \"${1}\" \"mailto:a@b.example?keywords=%0d%0aBcc:x\"; }";
    let got = notification(script, message);
    assert!(!got.contains("\nBcc"), "{got}");
}

#[test]
fn examples() {
    let first = r#"if header :contains "from" "boss@example.org" {
           notify :importance "1" :message "This is probably very important" "mailto:alm@example.com";
           # Don't send any further notifications
           stop;
       }
       if header :contains "to" "sievemailinglist@example.org" {
           if header :matches "Subject" "*" { set "subject" "${1}"; }
           if header :matches "From" "*" { set "from" "${1}"; }
           notify :importance "3" :message "[SIEVE] ${from}: ${subject}" "mailto:alm@example.com";
           fileinto "INBOX.sieve";
       }"#;
    let second = r#"if header :matches "from" "*@*.example.org" {
           if envelope :all :matches "from" "*" { set "env_from" " [really: ${1}]"; }
           if header :matches "Subject" "*" { set "subject" "${1}"; }
           if address :matches :all "from" "*" { set "from_addr" "${1}"; }
           notify :message "${from_addr}${env_from}: ${subject}" "mailto:alm@example.com";
       }"#;
    let third = r#"set "notif_method" "xmpp:tim@example.com?message;subject=SIEVE;body=You%20got%20mail";
     if header :contains "subject" "Your dog" { set "notif_method" "tel:+14085551212"; }
     if header :contains "to" "sievemailinglist@example.org" { set "notif_method" ""; }
     if not string :is "${notif_method}" "" { notify "${notif_method}"; }"#;
    let fourth = r#"if not valid_notify_method ["mailto:", "http://gw.example.net/notify?test"] { discard; }"#;
    let fifth = r#"if notify_method_capability "xmpp:tim@example.com?message;subject=SIEVE" "Online" "yes" { discard; }"#;
    let sixth = r#"set :encodeurl "body_param" "Safe body&evil=evilbody";
       notify "mailto:tim@example.com?body=${body_param}";"#;
    for (section, script, message, expected) in [
        ("3.7", first, "From: boss@example.org\n\n", "notify alm@example.com; keep"),
        (
            "3.7",
            first,
            "To: sievemailinglist@example.org\n\n",
            "notify alm@example.com; fileinto INBOX.sieve",
        ),
        ("3.7", second, "From: a@b.example.org\n\n", "notify alm@example.com; keep"),
        // We have no such method, and that is an error (§3.2).
        (
            "3.7",
            third,
            "Subject: x\n\n",
            "error: test:5:47: \"xmpp:tim@example.com?message;subject=SIEVE;body=You%20got%20\": only \"mailto:\" is a method here",
        ),
        ("3.7", third, "To: sievemailinglist@example.org\n\n", "keep"),
        ("4", fourth, "\n", "discard"),
        ("5", fifth, "\n", "keep"),
        ("6", sixth, "\n", "notify tim@example.com; keep"),
    ] {
        assert_eq!(done(&format!("{REQUIRES}\n{script}"), message), expected, "§{section}");
    }
    let got = notification(second, "From: a@b.example.org\nSubject: s\n\n");
    assert!(
        got.contains("Subject: a@b.example.org [really: knitting-bounces@example.com]: s\n"),
        "{got}"
    );
    let got = notification(sixth, "\n");
    assert!(got.ends_with("\n\nSafe body&evil=evilbody\n"), "{got}");
}

#[test] // Tests RFC 5435 §4 and §5.
fn tests_on_methods() {
    let requires = ", \"enotify\", \"relational\"";
    for (test, expected) in [
        ("valid_notify_method \"mailto:a@b.example\"", true),
        ("valid_notify_method [\"mailto:a@b.example\", \"mailto:c@d.example?subject=x\"]", true),
        ("valid_notify_method [\"mailto:a@b.example\", \"xmpp:a@b.example\"]", false),
        ("valid_notify_method \"mailto:\"", false),
        ("notify_method_capability \"mailto:a@b.example\" \"online\" \"maybe\"", true),
        ("notify_method_capability \"mailto:a@b.example\" \"ONLINE\" \"MAYBE\"", true),
        ("notify_method_capability \"mailto:a@b.example\" \"online\" [\"yes\", \"no\"]", false),
        ("notify_method_capability :contains \"mailto:a@b.example\" \"unknown\" \"\"", false),
        ("notify_method_capability :contains \"nonsense\" \"online\" \"\"", false),
        ("notify_method_capability :count \"eq\" \"mailto:a@b.example\" \"online\" \"1\"", true),
    ] {
        assert_eq!(holds(requires, test, MESSAGE_A), expected, "{test}");
    }
}

#[test] // Tests RFC 5435 §7 and §8, RFC 5436 §2.7.
fn many() {
    let script = |n: usize| {
        let notify = |n: usize| format!("notify \"mailto:u{n}@b.example\";");
        format!("require \"enotify\"; {}", (0..n).map(notify).collect::<String>())
    };
    assert_eq!(done(&script(4), MESSAGE_A).matches("notify").count(), 4);
    assert!(done(&script(5), MESSAGE_A).contains("more than 4 notifications"));
    let twice = "require \"enotify\"; notify \"mailto:a@b.example\"; notify :message \"x\" \"mailto:a@b.example\";";
    assert_eq!(done(twice, MESSAGE_A), "notify a@b.example; keep");
    for (script, expected) in [
        ("notify \"mailto:a@b.example\"; discard;", "notify a@b.example"),
        ("notify \"mailto:a@b.example\"; reject \"x\";", "notify a@b.example; Reject: x"),
        ("reject \"x\"; notify \"mailto:a@b.example\";", "Reject: x; notify a@b.example"),
    ] {
        let script = format!("require [\"enotify\", \"reject\"]; {script}");
        assert_eq!(described(&outcome(&script, MESSAGE_A, &facts())), expected);
    }
}

#[test]
fn mistakes() {
    for (script, expected) in [
        (
            "notify :importance \"4\" \"mailto:a@b.example\";",
            "an importance is \"1\", \"2\" or \"3\"",
        ),
        ("notify :importance 1 \"mailto:a@b.example\";", "\":importance\" is followed by a string"),
        (
            "notify :options \"x\" \"mailto:a@b.example\";",
            "an option is a name, \"=\", and a value",
        ),
        ("notify :fcc \"Sent\" \"mailto:a@b.example\";", "unless \"require\" lists \"fcc\""),
        ("notify;", "\"notify\" takes a string"),
    ] {
        let script = format!("require \"enotify\"; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
}
