//! RFC 5230: vacation, and RFC 6131: its seconds.
//!
//! | § | what is asked for | held by |
//! |---|---|---|
//! | 4.1 | MUST allow more than 7 days, SHOULD more than 30; the least is above 0 | `periods_and_errors` |
//! | 4.2 | REQUIRED: another response is sent though one was | `previous_responses` |
//! | 4.2 | MUST NOT expand variables before the response is looked up | `previous_responses` |
//! | 4.2 | MUST remember at least 1,000 | mda: `MEMOS_KEPT_MAX`, asserted there |
//! | 4.3 | MUST encode a subject if, and only if, it isn't ASCII; MUST have a default | `fields_of_the_response` |
//! | 4.5 | MUST NOT answer where the user isn't named in To, Cc, Bcc, or their Resent- | `m11_who_gets_no_response` |
//! | 4.6 | MUST have addresses that get no response | `m11_who_gets_no_response` |
//! | 4.7 | MUST fail where it is executed twice | `periods_and_errors` |
//! | 4.7 | MUST NOT fail with discard, keep, fileinto, redirect | `periods_and_errors` |
//! | 5 | a header in `:mime` has no eight-bit text | `m12_mime` |
//! | 5.1 | SHOULD have an empty reverse-path, and ask for no notices | mda: `m11_an_absence_is_told_once_and_never_to_nobody` |
//! | 5.6 | MUST take UTF-8 | `fields_of_the_response` |
//! | 5.8 | MUST have In-Reply-To, SHOULD have References | `the_response` |
//! | 8 | MUST NOT answer what wasn't sent to the user; nor again in the period unless the script changes | `m11_who_gets_no_response`, `previous_responses` |
//! | 6131 2 | MUST refuse `:days` with `:seconds`; MUST take 0 to 2^31; the most is at least a day | `periods_and_errors` |
//! | 3834 2 | MUST NOT answer blindly, nor to a null address | `m11_who_gets_no_response` |
//! | 3834 3.1.1 | MUST let the user say what From is | `fields_of_the_response` |
//! | 3834 3.1.4 | MUST NOT have the Date of anything but the response | `the_response` |
//! | 3834 5 | MUST know Auto-Submitted with parameters | `m11_who_gets_no_response` |
//! | 3834 5.2 | auto-replied on answers, auto-generated never | `the_response` |

use jiff::Zoned;
use postroad_protocol::address::Address;

use super::{actions, described, done, outcome, refused};
use crate::{Action, Facts, MemoKind, Past, Reply};

const LETTER: &str = "From: coyote@desert.example.org\nTo: tjs@example.edu\nSubject: Cyrus bug\n\
    Message-ID: <3@desert.example.org>\nReferences: <1@x.example>\n <2@x.example>\n\nbody\n";

fn facts(own: &[Address]) -> Facts<'_> {
    Facts {
        envelope_from: Some("coyote@desert.example.org"),
        envelope_to: Some("tjs@example.edu"),
        own_addresses: own,
        now: "2026-01-15T12:00[Europe/Berlin]".parse::<Zoned>().unwrap(),
        ..Facts::default()
    }
}

/// The response to a letter.
#[track_caller]
fn reply_with(script: &str, message: &str, facts: &Facts<'_>) -> Option<Reply> {
    let outcome = outcome(script, message, facts);
    assert_eq!(outcome.error, None);
    actions(&outcome).into_iter().find_map(|action| match action {
        Action::Vacation(reply) => Some(reply),
        _ => None,
    })
}

#[track_caller]
fn reply(script: &str, message: &str) -> Option<Reply> {
    let own = [Address::parse("tjs@example.edu").unwrap()];
    reply_with(script, message, &facts(&own))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.message.clone()).unwrap().replace("\r\n", "\n")
}

#[test] // Tests RFC 5230 §5.1 to §5.8.
fn the_response() {
    let own = [Address::parse("tjs@example.edu").unwrap()];
    let script = "require \"vacation\";
   vacation :days 23 :addresses [\"tjs@example.edu\",
                                 \"ts4z@landru.example.edu\"]
   \"I'm away until October 19.
   If it's an emergency, call 911, I guess.\" ;";
    let outcome = outcome(script, LETTER, &facts(&own));
    assert_eq!(described(&outcome), "vacation to coyote@desert.example.org; keep");
    let reply = reply(script, LETTER).unwrap();
    let expected = "From: tjs@example.edu\nTo: coyote@desert.example.org\nSubject: Auto: Cyrus bug\n\
        Date: Thu, 15 Jan 2026 12:00:00 +0100\nIn-Reply-To: <3@desert.example.org>\n\
        References: <1@x.example>\n <2@x.example>\n <3@desert.example.org>\nAuto-Submitted: auto-replied\n\
        MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n\
        I'm away until October 19.\n   If it's an emergency, call 911, I guess.\n";
    assert_eq!(text(&reply), expected);
    let memo = reply.memo.unwrap();
    assert_eq!((memo.kind, memo.seconds), (MemoKind::Vacation, 23 * 86_400));
}

#[test] // Tests RFC 5230 §4.3, §5.3 and §5.8.
fn fields_of_the_response() {
    let field = |script: &str, message: &str, name: &str| {
        let reply = reply(&format!("require \"vacation\"; {script}"), message).unwrap();
        let found = postroad_protocol::header::find(&reply.message, name)?;
        Some(String::from_utf8(found.value().to_vec()).unwrap())
    };
    let bare = "To: tjs@example.edu\n\n";
    for (script, message, name, expected) in [
        ("vacation \"x\";", bare, "Subject", Some("Automated reply")),
        ("vacation :subject \"Gone fishing\" \"x\";", LETTER, "Subject", Some("Gone fishing")),
        ("vacation :subject \"Fête\" \"x\";", LETTER, "Subject", Some("=?utf-8?B?RsOqdGU=?=")),
        (
            "vacation :from \"Tim <me@example.edu>\" \"x\";",
            LETTER,
            "From",
            Some("\"Tim\" <me@example.edu>"),
        ),
        ("vacation \"x\";", bare, "In-Reply-To", None),
        ("vacation \"x\";", bare, "References", None),
        ("vacation \"x\";", bare, "Auto-Submitted", Some("auto-replied")),
        ("vacation \"é\";", bare, "Content-Transfer-Encoding", Some("base64")),
    ] {
        assert_eq!(field(script, message, name).as_deref(), expected, "{script} {name}");
    }
}

#[test] // Tests RFC 5230 §5.4, with erratum 2035 that RFC 8580 §4 quotes.
fn from_the_address_that_was_written_to() {
    let own = ["tjs@example.edu", "Tim@example.edu"].map(|own| Address::parse(own).unwrap());
    for (message, expected) in [
        ("To: tim@example.edu\n\n", "Tim@example.edu"),
        ("To: x@y.example\nCc: tim@example.edu\n\n", "Tim@example.edu"),
        ("To: tjs@example.edu, tim@example.edu\n\n", "tjs@example.edu"),
        ("To: x@y.example\nBcc: tim@example.edu\n\n", "tjs@example.edu"),
    ] {
        let reply = reply_with("require \"vacation\"; vacation \"x\";", message, &facts(&own));
        let text = text(&reply.unwrap());
        assert!(text.starts_with(&format!("From: {expected}\n")), "{message}{text}");
    }
}

#[test] // Tests RFC 5230 §4.4 and §5; row M12.
fn m12_mime() {
    let script = "require \"vacation\";
   vacation :mime text:
Content-Type: multipart/alternative; boundary=foo
Bcc: victim@x.example

--foo

I'm at the beach relaxing.  Mmmm, surf...

--foo
Content-Type: text/html; charset=us-ascii

<BODY></BODY>

--foo--
.
;";
    let text = text(&reply(script, LETTER).unwrap());
    let (header, body) = text.split_once("\n\n").unwrap();
    assert!(header.contains("\nContent-Type: multipart/alternative; boundary=foo"), "{header}");
    assert!(!header.contains("Bcc"), "{header}");
    assert!(body.starts_with("--foo\n\nI'm at the beach"), "{body}");
    let eight_bit = "require \"vacation\"; vacation :mime \"Content-Type: text/é\r\n\r\nx\";";
    let own = [Address::parse("tjs@example.edu").unwrap()];
    assert!(described(&outcome(eight_bit, LETTER, &facts(&own))).contains("is ASCII"));
}

struct Remembers(Vec<Vec<u8>>);

impl Past for Remembers {
    fn remembers(&self, kind: MemoKind, key: &[u8]) -> bool {
        kind == MemoKind::Vacation && self.0.iter().any(|known| known == key)
    }
}

/// How many of some letters in a row, from one sender, are answered.
fn answered(script: &str, subjects: &[&str]) -> usize {
    let own = [Address::parse("tjs@example.edu").unwrap()];
    let mut past = Remembers(Vec::new());
    let mut count = 0;
    for subject in subjects {
        let letter = format!("To: tjs@example.edu\nSubject: {subject}\n\n");
        let reply = reply_with(script, &letter, &Facts { past: &past, ..facts(&own) });
        let Some(reply) = reply else { continue };
        count += 1;
        past.0.extend(reply.memo.map(|memo| memo.key));
    }
    count
}

#[test] // Tests RFC 5230 §4.2.
fn previous_responses() {
    let cyrus = r#"require "vacation";
   if header :contains "subject" "cyrus" { vacation "I'm out -- send mail to cyrus-bugs"; }
   else { vacation "I'm out -- call me at +1 304 555 0123"; }"#;
    let lunch = r#"require "vacation";
   if header :contains "subject" "lunch" { vacation :handle "ran-away" "I'm out and can't meet for lunch"; }
   else { vacation :handle "ran-away" "I'm out"; }"#;
    let variables = r#"require ["vacation", "variables"];
   if header :matches "subject" "*" {
       vacation :subject "Automatic response to: ${1}" "I'm away -- send mail to foo in my absence";
   }"#;
    for (script, subjects, expected) in [
        (cyrus, &["Cyrus bug", "come over for dinner", "Cyrus bug", "dinner"][..], 2),
        (lunch, &["lunch?", "dinner?"], 1),
        (variables, &["one", "two", "three"], 1),
    ] {
        assert_eq!(answered(script, subjects), expected, "{script}");
    }
    // The same words in other parameters are another response.
    let key = |script: &str| {
        reply(&format!("require \"vacation\"; {script}"), LETTER).unwrap().memo.unwrap().key
    };
    assert_ne!(key("vacation :subject \"a\" \"b\";"), key("vacation \"ab\";"));
    assert_ne!(key("vacation :subject \"a\" \"b\";"), key("vacation :from \"a@b.example\" \"b\";"));
    assert_ne!(key("vacation :mime \"b\";"), key("vacation \"b\";"));
    assert_eq!(key("vacation :days 3 \"b\";"), key("vacation \"b\";"));
}

#[test] // Row M11; tests RFC 5230 §4.5 and §4.6.
fn m11_who_gets_no_response() {
    let own = [Address::parse("tjs@example.edu").unwrap()];
    let script = "require \"vacation\"; vacation :addresses \"ts4z@landru.example.edu\" \"x\";";
    let answered = |sender: Option<&str>, header: &str| {
        let facts = Facts { envelope_from: sender, ..facts(&own) };
        reply_with(script, &format!("{header}\n\n"), &facts).is_some()
    };
    let to_us = "To: tjs@example.edu";
    for sender in ["coyote@desert.example.org", "postmaster@x.example"] {
        assert!(answered(Some(sender), to_us), "{sender}");
    }
    for sender in [
        "",
        "mailer-daemon@x.example",
        "MAILER-DAEMON@x.example",
        "listserv@x.example",
        "Majordomo@x.example",
        "owner-list@x.example",
        "list-request@x.example",
        "noreply@x.example",
        "tjs@example.edu",
        "TJS@Example.EDU",
        "ts4z@landru.example.edu",
        "nonsense",
    ] {
        assert!(!answered(Some(sender), to_us), "{sender}");
    }
    assert!(!answered(None, to_us));
    for header in ["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"] {
        assert!(
            answered(Some("c@d.example"), &format!("{header}: X <TJS@example.edu>")),
            "{header}"
        );
    }
    assert!(answered(Some("c@d.example"), "To: ts4z@landru.example.edu"));
    for header in [
        "To: other@example.edu",
        "X-To: tjs@example.edu",
        "Subject: tjs@example.edu",
        "To: xtjs@example.edu",
    ] {
        assert!(!answered(Some("c@d.example"), header), "{header}");
    }
    for header in [
        "List-Id: <x.example>",
        "List-Help: x",
        "List-Subscribe: x",
        "List-Unsubscribe: <mailto:x@y.example>",
        "list-post: NO",
        "List-Owner: x",
        "List-Archive: x",
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; x=y",
        "Auto-Submitted: no\nAuto-Submitted: auto-replied",
        "Precedence: bulk",
        "Precedence: LIST",
    ] {
        assert!(!answered(Some("c@d.example"), &format!("{to_us}\n{header}")), "{header}");
    }
    for header in ["Auto-Submitted: no", "Auto-Submitted: No (really)", "Precedence: first-class"] {
        assert!(answered(Some("c@d.example"), &format!("{to_us}\n{header}")), "{header}");
    }
}

#[test] // Row M11: two vacations face to face fall silent after one letter.
fn m11_a_response_gets_no_response() {
    let script = "require \"vacation\"; vacation \"x\";";
    let response = reply(script, LETTER).unwrap();
    let own = [Address::parse("coyote@desert.example.org").unwrap()];
    // What answers is sent with the null reverse-path; even if somebody put a sender there.
    for sender in ["", "tjs@example.edu"] {
        let facts = Facts {
            envelope_from: Some(sender),
            envelope_to: Some("coyote@desert.example.org"),
            ..facts(&own)
        };
        assert_eq!(reply_with(script, &text(&response), &facts), None);
    }
}

#[test] // Tests RFC 5230 §4.1 and §4.7, RFC 6131 §2.
fn periods_and_errors() {
    let seconds = |tag: &str| {
        let script = format!("require \"vacation-seconds\"; vacation {tag} \"x\";");
        reply(&script, LETTER).unwrap().memo.map(|memo| memo.seconds)
    };
    for (tag, expected) in [
        ("", Some(7 * 86_400)),
        (":days 0", Some(86_400)),
        (":days 1", Some(86_400)),
        (":days 31", Some(31 * 86_400)),
        (":days 100000", Some(180 * 86_400)),
        (":seconds 1800", Some(1_800)),
        (":seconds 0", None),
        (":seconds 2147483648", Some(180 * 86_400)),
    ] {
        assert_eq!(seconds(tag), expected, "{tag}");
    }
    for (script, expected) in [
        ("vacation :days 1 :seconds 1 \"x\";", "\":days\" and \":seconds\" exclude each other"),
        ("vacation :from \"nobody\" \"x\";", "is no list of addresses"),
    ] {
        let script = format!("require \"vacation-seconds\"; {script}");
        assert!(refused(&script).contains(expected), "{}", refused(&script));
    }
    assert!(
        refused("require \"vacation\"; vacation :seconds 1 \"x\";")
            .contains("unless \"require\" lists \"vacation-seconds\"")
    );
    // Twice is an error, even if nobody is told.
    let twice = "require \"vacation\"; vacation \"x\"; vacation \"y\";";
    assert!(done(twice, "\n").contains("\"vacation\" runs once in a script"));
    // With other actions it is none.
    let own = [Address::parse("tjs@example.edu").unwrap()];
    for (action, expected) in [
        ("discard;", "vacation to coyote@desert.example.org"),
        ("keep;", "vacation to coyote@desert.example.org; keep"),
        ("fileinto \"a\";", "vacation to coyote@desert.example.org; fileinto a"),
        (
            "redirect \"a@b.example\";",
            "vacation to coyote@desert.example.org; redirect a@b.example",
        ),
    ] {
        let script = format!("require [\"vacation\", \"fileinto\"]; vacation \"x\"; {action}");
        assert_eq!(described(&outcome(&script, LETTER, &facts(&own))), expected);
    }
}

#[test]
fn examples() {
    let boss = "require \"vacation\"; if header :contains \"from\" \"boss@example.edu\" { redirect \"pleeb@isp.example.org\"; } \
        else { vacation \"Sorry, I'm away, I'll read your\r\nmessage when I get around to it.\"; }";
    let language = "require \"vacation\"; if header :contains [\"accept-language\", \"content-language\"] \"en\" \
        { vacation \"I am away this week.\"; } else { vacation \"Estoy ausente esta semana.\"; }";
    let division = "require \"vacation\"; if address :matches \"from\" \"*@ourdivision.example.com\" \
        { vacation :subject \"Gone fishing\" \"Having lots of fun! Back in a day or two!\"; } \
        else { vacation :subject \"Je suis parti cette semaine\" \"Je lirai votre message quand je retourne.\"; }";
    let meeting = "require [\"vacation-seconds\"]; vacation :addresses [\"tjs@example.edu\", \"ts4z@landru.example.edu\"] \
        :seconds 1800 \"I am in a meeting, and do not have access to email.\";";
    let received = "require [\"vacation-seconds\"]; vacation :handle \"auto-resp\" :seconds 0 \
        \"Your request has been received.  A service\r\nrepresentative will contact you as soon as\r\n\
        possible, usually within one business day.\";";
    for (section, script, header, expected) in [
        ("4.8", boss, "From: boss@example.edu", None),
        ("4.8", boss, "From: x@y.example", Some("Sorry, I'm away")),
        ("7", language, "Accept-Language: en", Some("I am away this week.")),
        ("7", language, "A: b", Some("Estoy ausente")),
        ("7", division, "From: a@ourdivision.example.com", Some("Subject: Gone fishing")),
        ("7", division, "From: a@b.example", Some("Subject: Je suis parti cette semaine")),
        ("6131 §3", meeting, "A: b", Some("I am in a meeting")),
        ("6131 §3", received, "A: b", Some("Your request has been received.")),
    ] {
        let reply = reply(script, &format!("To: tjs@example.edu\n{header}\n\n"));
        let found = reply.as_ref().map(text);
        assert_eq!(found.is_some(), expected.is_some(), "§{section}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "§{section}");
    }
}
