//! The signed letter of RFC 8463, appendix A, as it is and changed, with its keys in a name server of ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use postroad_mailauth::{CheckError, Checked, Checker, Outcome};
use postroad_testkit::dns::{Data, Dns};

/// RFC 8463 §A.3
const LETTER: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";

/// RFC 8463 §A.2
const ED25519: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const TRIED_OUT: &str = "v=DKIM1; t=s:y; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const RSA: &str = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

async fn keys() -> Dns {
    let name = |selector: &str| format!("{selector}._domainkey.football.example.com.");
    let table = [(name("brisbane"), Data::Text(ED25519)), (name("test"), Data::Text(RSA))];
    let table: Vec<(&str, Data)> =
        table.iter().map(|(name, data)| (name.as_str(), data.clone())).collect();
    Dns::serve_zone("example.com.", &table).await.unwrap()
}

fn said(checked: &Checked) -> Vec<String> {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Holds => "holds".to_owned(),
        Outcome::Broken(why) => format!("broken: {why}"),
        Outcome::Unknown(_) => "unknown".to_owned(),
        Outcome::Later(_) => "later".to_owned(),
    };
    let one = |it: &postroad_mailauth::Signature| {
        format!("{} {} {}", it.domain, it.selector, word(&it.outcome))
    };
    checked.signatures.iter().map(one).collect()
}

#[tokio::test] // Tests RFC 6376 §6.1 and RFC 8463 §A.
async fn a_letter_as_it_was_signed_and_changed() {
    let dns = keys().await;
    let checker = Checker::at(&[dns.address]).unwrap();
    let both = |ed: &str, rsa: &str| {
        vec![
            format!("football.example.com brisbane {ed}"),
            format!("football.example.com test {rsa}"),
        ]
    };
    let text = "broken: the text was changed";
    let field = "broken: a field was changed, or another key has signed";
    for (what, from, to, expected) in [
        ("as it is", "", "", both("holds", "holds")),
        ("as it is on the wire", "\n", "\r\n", both("holds", "holds")),
        ("its text", "lost", "won", both(text, text)),
        ("its subject", "dinner", "lunch", both(field, field)),
        ("its author", "joe@", "eve@", both(field, field)),
        ("white space that doesn't count", "Is dinner", "Is  dinner", both("holds", "holds")),
        (
            "no such key",
            "s=brisbane",
            "s=sydney",
            vec![
                "football.example.com sydney unknown".into(),
                "football.example.com test holds".into(),
            ],
        ),
        (
            "another domain",
            "d=football.example.com; i=@football.example.com;\n q=dns/txt; s=t",
            "d=example.com; q=dns/txt; s=t",
            vec!["football.example.com brisbane holds".into(), "example.com test unknown".into()],
        ),
        (
            "expired",
            "t=1528637909; h=from : to :\n",
            "t=1528637909; x=1528637910; h=from : to :\n",
            both("unknown", "holds"),
        ),
        (
            "a field above that isn't signed",
            "DKIM-Signature: v=1; a=ed",
            "Received: x\nDKIM-Signature: v=1; a=ed",
            both("holds", "holds"),
        ),
        (
            "a second author",
            "From: Joe",
            "From: Eve <eve@attack.example>\nFrom: Joe",
            both(field, field),
        ),
    ] {
        let letter = match from {
            "" => LETTER.to_owned(),
            "\n" => LETTER.replace('\n', "\r\n"),
            from => LETTER.replacen(from, to, 1),
        };
        assert!(from.is_empty() || letter != LETTER, "{what}");
        let checked = checker.check(letter.as_bytes()).await.unwrap();
        assert_eq!(said(&checked), expected, "{what}");
        assert_eq!(checked.chain, None);
    }
}

#[tokio::test]
async fn hostile_letters_come_to_an_end() {
    let dns = Dns::failing(2).await.unwrap();
    let checker = Checker::at(&[dns.address]).unwrap();
    let failing = checker.check(LETTER.as_bytes()).await.unwrap();
    assert!(said(&failing).iter().all(|line| line.ends_with("later")), "{failing:?}");
    let signature = LETTER.split("From:").next().unwrap();
    let many = format!("{}From: a@x.example\n\nb\n", signature.repeat(40));
    assert_eq!(checker.check(many.as_bytes()).await, Err(CheckError::TooMany));
    let names = (0..100_000).map(|number| format!(" x{number}:\n")).collect::<String>();
    let long = LETTER.replacen("h=from", &format!("h={names} from"), 1);
    assert_eq!(checker.check(long.as_bytes()).await, Err(CheckError::LongHeader));
    for none in
        ["", "\n", "\r\n\r\n", "DKIM-Signature:", "DKIM-Signature: v=1; l=99999999999999999999\n\n"]
    {
        assert!(!matches!(checker.check(none.as_bytes()).await, Err(CheckError::Late)), "{none:?}");
    }
}

/// How much of the text is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    Part,
}

/// Signs by the key of RFC 8032 §7.1.
fn sign(letter: &str, selector: &str, fields: &[&str], of: Of) -> String {
    use mail_auth::common::crypto::Ed25519Key;
    use mail_auth::common::headers::HeaderWriter as _;
    use mail_auth::dkim::DkimSigner;
    let secret = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ];
    let public = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];
    let key = Ed25519Key::from_seed_and_public_key(&secret, &public).unwrap();
    let signer = DkimSigner::from_key(key)
        .domain("football.example.com")
        .selector(selector)
        .headers(fields.iter().map(|field| (*field).to_owned()))
        .body_length(of == Of::Part);
    format!("{}{letter}", signer.sign(letter.as_bytes()).unwrap().to_header())
}

const OURS: &str = "Subject: hello\r\nFrom: a@football.example.com\r\n\r\ntext\r\n";

#[tokio::test] // Tests RFC 6376 §3.5 and §8.2.
async fn a_signature_of_a_part_is_told_as_one() {
    let dns = keys().await;
    let checker = Checker::at(&[dns.address]).unwrap();
    let letter = sign(OURS, "brisbane", &["From"], Of::Part) + "and what somebody has added\r\n";
    let checked = checker.check(letter.as_bytes()).await.unwrap();
    assert_eq!(said(&checked), ["football.example.com brisbane holds"]);
    assert!(checked.signatures[0].is_partial && checked.unreadable == 0);
    // Where there are many, each would cost a hash of all of the text.
    let many = format!("{}{letter}", "ARC-Seal: i=1\r\n".repeat(10));
    let checked = checker.check(many.as_bytes()).await.unwrap();
    assert_eq!((checked.signatures.len(), checked.unreadable), (0, 1), "{checked:?}");
    let checked = checker.check(format!("DKIM-Signature: v=9\r\n{OURS}").as_bytes()).await.unwrap();
    assert_eq!((checked.signatures.len(), checked.unreadable), (0, 1), "{checked:?}");
}

#[tokio::test] // Tests RFC 6376 §3.6.1.
async fn a_key_that_is_tried_out_proves_nothing() {
    let name = "trial._domainkey.football.example.com.";
    let dns = Dns::serve_zone("example.com.", &[(name, Data::Text(TRIED_OUT))]).await.unwrap();
    let checker = Checker::at(&[dns.address]).unwrap();
    let letter = sign(OURS, "trial", &["From"], Of::All);
    let checked = checker.check(letter.as_bytes()).await.unwrap();
    assert_eq!(said(&checked), ["football.example.com trial unknown"], "{checked:?}");
}

#[tokio::test] // Tests RFC 6376 §5.4.
async fn a_signature_that_leaves_the_author_out_is_of_no_worth() {
    let signed = |fields: &[&str]| sign(OURS, "brisbane", fields, Of::All);
    let dns = keys().await;
    let checker = Checker::at(&[dns.address]).unwrap();
    let whole = checker.check(signed(&["From", "Subject"]).as_bytes()).await.unwrap();
    assert_eq!(said(&whole), ["football.example.com brisbane holds"]);
    let half = checker.check(signed(&["Subject"]).as_bytes()).await.unwrap();
    assert!(said(&half)[0].contains("doesn't cover"), "{half:?}");
}
