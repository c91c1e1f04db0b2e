//! What a person sees.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_mua::render::list::{Row, RowJson};
use postroad_mua::render::{Summary, View, page};

const LETTER: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\r\nReply-To: list@x.example\r\n\
    To: us@our.example, \"Baker, Bob\" <b@x.example>\r\nCc: c@x.example\r\n\
    Date: Sun, 22 Nov 2026 20:00:00 +0100\r\nSubject: Quarter\r\n plan\r\nMessage-ID: <1@x.example>\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello,\r\n\r\n\tsee below.\r\n--b\r\n\
    Content-Type: application/pdf; name=plan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";

const HOSTILE: &str = "From: \"\u{1b}]0;t\u{7}Bank\" <a@x.example>\r\nSubject: ann\u{202e}fdp.exe\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\u{1b}[2Jpay now\u{9b}31m\r\n--b\r\n\
    Content-Type: image/png; name=\"../../\u{1b}[31m.ssh/x\"\r\n\r\nx\r\n--b--\r\n";

fn row(message: &str, flags: &str) -> Row {
    Row {
        number: 7,
        id: "0a1b2c3d".into(),
        name: "1795374000.M1P1.host".into(),
        flags: flags.into(),
        keywords: Vec::new(),
        octets: message.len() as u64,
        arrived: Some(Timestamp::from_second(1_795_374_000).unwrap()),
        summary: Summary::of(message.as_bytes()),
    }
}

#[test]
fn a_letter() {
    insta::assert_snapshot!(page::page(&View::of(LETTER.as_bytes()), &TimeZone::UTC), @r"
    From: Jürgen <j@x.example>
    Reply-To: list@x.example
    To: us@our.example, Baker, Bob <b@x.example>
    Cc: c@x.example
    Date: Sun, 22 Nov 2026 19:00:00 +0000
    Subject: Quarter plan
    [1] plan.pdf (application/pdf, 5)

    Hello,

            see below.
    ");
}

#[test]
fn a_hostile_letter() {
    insta::assert_snapshot!(page::page(&View::of(HOSTILE.as_bytes()), &TimeZone::UTC), @r"
    From: \x1b]0;t\x07Bank <a@x.example>
    Subject: ann\u{202e}fdp.exe
    [1] ../../\x1b[31m.ssh/x (image/png, 1)

    \x1b[2Jpay now\x9b31m
    ");
}

#[test]
fn lines_of_the_list() {
    let lines: Vec<String> =
        [(LETTER, ""), (LETTER, "S"), (LETTER, "RS"), (HOSTILE, "F"), ("\r\n", "")]
            .map(|(message, flags)| row(message, flags).line(&TimeZone::UTC).to_string())
            .to_vec();
    insta::assert_snapshot!(lines.join("\n"), @r"
       7 0a1b2c3d N 2026-11-22 19:00  Jürgen                    Quarter plan
       7 0a1b2c3d   2026-11-22 19:00  Jürgen                    Quarter plan
       7 0a1b2c3d r 2026-11-22 19:00  Jürgen                    Quarter plan
       7 0a1b2c3d ! 2026-11-22 19:00  \x1b]0;t\x07Bank          ann\u{202e}fdp.exe
       7 0a1b2c3d N 2026-11-22 19:00
    ");
}

#[test]
fn a_letter_as_json() {
    let view = View::of(LETTER.as_bytes());
    let row = row(LETTER, "S");
    let json = serde_json::to_string_pretty(&RowJson::of(&row).with_view(&view)).unwrap();
    insta::assert_snapshot!(json, @r#"
    {
      "number": 7,
      "id": "0a1b2c3d",
      "name": "1795374000.M1P1.host",
      "flags": "S",
      "size": 407,
      "date": "2026-11-22T19:00:00Z",
      "from": "Jürgen <j@x.example>",
      "to": "us@our.example, Baker, Bob <b@x.example>",
      "cc": "c@x.example",
      "subject": "Quarter plan",
      "message_id": "1@x.example",
      "body": "Hello,\r\n\r\n\tsee below.\n",
      "attachments": [
        {
          "number": 1,
          "name": "plan.pdf",
          "media_type": "application/pdf",
          "size": 5
        }
      ]
    }
    "#);
}
