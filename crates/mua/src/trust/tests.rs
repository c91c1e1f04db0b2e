//! Letters whose results are true, forged, or in the wrong place.

use super::*;

fn trusted(named: &[&str], own: &[&str]) -> Trusted {
    let owned = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
    Trusted { named: owned(named), own: owned(own), ..Trusted::default() }
}

fn seen(header: &str, trusted: &Trusted) -> Report {
    let raw = format!("{header}\n\nSigned by bank.example, DMARC pass (judged by mx.home)\n")
        .replace('\n', "\r\n");
    report(raw.as_bytes(), &Summary::of(raw.as_bytes()), trusted)
}

const PASS: &str = "Authentication-Results: mx.home; dkim=pass header.d=bank.example; dmarc=pass header.from=bank.example";
const OURS: &str = "Received: from mail.x.example ([192.0.2.1]) by mx.home with ESMTPS; Mon, 30 Nov 2026 14:00:03 +0000";
const THEIRS: &str =
    "Received: from laptop by mail.x.example with ESMTPSA; Mon, 30 Nov 2026 14:00:00 +0000";
const FROM: &str = "From: Bank <a@bank.example>";

#[test]
fn u09_results_that_anybody_can_have_written_do_not_count() {
    let named = trusted(&["mx.home"], &[]);
    let own = trusted(&[], &["mx.home"]);
    let nobody = trusted(&[], &["other.home"]);
    let forged_hop = "Received: from x by mx.home with ESMTPS; Mon, 30 Nov 2026 13:00:00 +0000";
    for (name, fields, trusted, counts) in [
        ("above the host's own Received", vec![PASS, OURS, THEIRS, FROM], &own, true),
        ("below it: the sender may have written it", vec![OURS, PASS, THEIRS, FROM], &own, false),
        (
            "below it, by a host that removes what others write",
            vec![OURS, PASS, THEIRS, FROM],
            &named,
            true,
        ),
        ("below another's Received", vec![OURS, THEIRS, PASS, FROM], &named, false),
        ("with a forged Received below it", vec![OURS, PASS, forged_hop, FROM], &own, false),
        ("with no Received at all", vec![PASS, FROM], &own, false),
        ("with a stranger's Received on top", vec![THEIRS, PASS, forged_hop, FROM], &own, false),
        ("by nobody that is trusted", vec![PASS, OURS, THEIRS, FROM], &nobody, false),
    ] {
        let report = seen(&fields.join("\n"), trusted);
        assert_eq!(
            (report.judged.len(), report.claimed.len()),
            if counts { (1, 0) } else { (0, 1) },
            "{name}"
        );
        let line = report.line().map(|(level, _)| level);
        assert_eq!(line, counts.then_some(Level::Good), "{name}");
    }
    // Words of the letter are no verdict, wherever they stand.
    let forged = seen(&format!("{FROM}\nTrust: Signed by bank.example"), &named);
    assert_eq!(forged.line(), None);
}

#[test]
fn u09_what_was_judged_is_what_is_shown() {
    let named = trusted(&["mx.home"], &[]);
    for (results, from, level, words) in [
        (
            "dkim=pass header.d=bank.example; dmarc=pass header.from=bank.example",
            "bank.example",
            Level::Good,
            "Signed by bank.example, DMARC pass",
        ),
        (
            "spf=pass smtp.mailfrom=x@mail.bank.example; dmarc=pass",
            "bank.example",
            Level::Good,
            "From bank.example, DMARC pass",
        ),
        (
            "dkim=pass header.d=attack.example; dmarc=pass header.from=attack.example",
            "bank.example",
            Level::Bad,
            "attack.example was judged",
        ),
        ("dmarc=fail header.from=bank.example", "bank.example", Level::Bad, "DMARC fail"),
        (
            "dkim=pass header.d=attack.example",
            "bank.example",
            Level::Open,
            "Signed by attack.example, which",
        ),
        (
            "dkim=pass header.i=@mail.bank.example",
            "bank.example",
            Level::Open,
            "Signed by mail.bank.example, which",
        ),
        // Anybody can have a domain below these.
        ("dkim=pass header.d=evil.co.uk", "co.uk", Level::Open, "Signed by evil.co.uk, which"),
        ("dkim=pass header.d=example", "bank.example", Level::Open, "Signed by example, which"),
        ("dkim=pass header.d=bank.example", "mail.bank.example", Level::Good, "Signed by bank"),
        ("dkim=pass header.d=notbank.example", "bank.example", Level::Open, "needn't know of"),
        ("dkim=fail header.d=bank.example", "bank.example", Level::Bad, "Changed on its way"),
        (
            "spf=pass smtp.mailfrom=a@bank.example",
            "bank.example",
            Level::Open,
            "Not signed; sent by a server",
        ),
        ("spf=fail smtp.mailfrom=a@bank.example", "bank.example", Level::Open, "Nothing proves"),
        ("none", "bank.example", Level::Open, "Nothing proves"),
        (
            "dkim=pass (dmarc=pass) reason=\"; dmarc=pass\" header.d=x.example",
            "bank.example",
            Level::Open,
            "Signed by x.example",
        ),
    ] {
        let report =
            seen(&format!("Authentication-Results: mx.home; {results}\nFrom: a@{from}"), &named);
        let (found, line) = report.line().unwrap();
        assert_eq!(found, level, "{results}: {line}");
        assert!(line.contains(words) && line.ends_with("(judged by mx.home)"), "{results}: {line}");
    }
}

#[test]
fn u03_a_cue_comes_before_any_verdict() {
    let named = trusted(&["mx.home"], &[]);
    let results = "Authentication-Results: mx.home; dmarc=pass header.from=attack.example";
    for (from, words) in [
        ("From: \"admin@bank.example\" <eve@attack.example>", "its name says admin@bank.example"),
        ("From: a@attack.example\nFrom: b@bank.example", "several From fields"),
        ("From: a@attack.example, b@bank.example", "2 authors"),
    ] {
        let (level, line) = seen(&format!("{results}\n{from}"), &named).line().unwrap();
        assert!(
            level == Level::Bad && line.starts_with("Beware: ") && line.contains(words),
            "{line}"
        );
    }
}

#[test]
fn a_letters_way_is_told_from_its_beginning() {
    let report = seen(
        "Received: from mx.home by store.home with LMTP; Mon, 30 Nov 2026 14:00:04 +0000\n\
         Received: from mail.x.example (mail.x.example [192.0.2.1]) (using TLSv1.3 with cipher X) by mx.home with ESMTPS id 1;\n Mon, 30 Nov 2026 14:00:03 +0000\n\
         Received: from laptop by mail.x.example with ESMTPSA; Mon, 30 Nov 2026 14:00:00 +0000\n\
         Received: nonsense\n\
         DKIM-Signature: v=1; d=x.example; h=From:To:\n Subject; l=10; b=x\nFrom: a@x.example",
        &trusted(&["mx.home"], &["store.home"]),
    );
    insta::assert_snapshot!(report.explained().join("\n"), @r#"
    ? Nobody that you trust has judged it
    x.example claims to have signed a part of it, with from to subject
    Name hosts whose judgement counts in the account file: trusted_results = ["mx.example.org"]

    How it travelled  total 4 s
     1 ? -> ?
       ?, no time, claimed
     2 laptop -> mail.x.example
       ESMTPSA, TLS, 2026-11-30 14:00:00 UTC, claimed
     3 mail.x.example [192.0.2.1] -> mx.home
       ESMTPS, TLS 1.3, 3 s, told by the first host that you trust
     4 mx.home -> store.home
       LMTP, 1 s, told by a host that you trust
    "#);
}

#[test]
fn only_a_signature_that_holds_covers_a_field() {
    let signature =
        "DKIM-Signature: d=Bank.example; h=From:List-Unsubscribe:List-Unsubscribe-Post; b=x";
    let named = trusted(&["mx.home"], &[]);
    let covers = |header: &str| seen(header, &named).is_signed("List-Unsubscribe");
    assert!(covers(&format!("{PASS}\n{signature}\n{FROM}")));
    assert!(!covers(&format!("{signature}\n{FROM}")));
    assert!(!covers(&format!("{PASS}\n{}\n{FROM}", signature.replace("List-Unsubscribe:", ""))));
    assert!(!covers(&format!("{PASS}\n{}\n{FROM}", signature.replace("Bank", "attack"))));
}
