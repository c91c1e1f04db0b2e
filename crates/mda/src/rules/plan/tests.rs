use postroad_sieve::{Facts, Message};

use super::*;

/// What `script` makes of a letter to alice, as lines.
fn plan(script: &str) -> Vec<String> {
    plan_for(script, "bob@x.example", Recipient::Alone)
}

fn plan_for(script: &str, from: &str, recipient: Recipient) -> Vec<String> {
    let script = postroad_sieve::compile("a.sieve", script.as_bytes())
        .unwrap_or_else(|error| panic!("{error}"));
    let own = [Address::parse("alice@our.example").unwrap()];
    let facts = Facts { own_addresses: &own, ..Facts::default() };
    let outcome = script.run(&Message::new(b"Subject: x\r\nTo: a@b.example\r\n\r\n"), &facts);
    let is_there = |name: &FolderName| match name.to_string().as_str() {
        "Missing" | "Missing2" => Ok(FolderIs::Missing),
        _ => Ok(FolderIs::Usable),
    };
    let to = Address::parse("alice@our.example").unwrap();
    let from = &ReversePath::parse(from).unwrap();
    let program = |name: &str| match name {
        "missing" => Err("there is no program".to_owned()),
        name => Ok(Program::at(name.as_ref())),
    };
    let folder_for = |attribute: &str, _: Option<&FolderName>| {
        Ok((attribute == "\\Junk").then(|| FolderName::parse("Spam").unwrap()))
    };
    let ground = Ground {
        to: &to,
        from,
        recipient,
        folder: &is_there,
        folder_for: &folder_for,
        program: &program,
    };
    lines(Plan::of(outcome, &ground).unwrap())
}

fn lines(plan: Plan) -> Vec<String> {
    let stores = plan.stores.iter().map(|Store { spot, content }| {
        let Spot { place, flags, made_for } = spot;
        let flags = match flags.is_empty() {
            true => String::new(),
            false => format!(" with {flags}"),
        };
        let content = if *content == Content::Original { "" } else { " edited" };
        let made_for = made_for.as_ref().map(|attribute| format!(" made for {attribute}"));
        let made_for = made_for.unwrap_or_default();
        match place {
            Place::Inbox => format!("store INBOX{flags}{content}{made_for}"),
            Place::Folder(name) => format!("store {name}{flags}{content}{made_for}"),
        }
    });
    let sendings = plan.sendings.iter().map(|Sending { to, .. }| {
        let to: Vec<String> = to.iter().map(ToString::to_string).collect();
        format!("send {}", to.join(" "))
    });
    let answers = plan.answers.iter().map(|Answer { from, to, copy, .. }| {
        let copy = if copy.is_some() { " and a copy" } else { "" };
        format!("answer from <{from}> to {}{copy}", shown(to))
    });
    let pipes = plan.pipes.iter().map(|PlannedPipe { program, pipe, by }| {
        let kept = if pipe.kept.is_some() { ", else keep" } else { "" };
        format!("pipe to {}{by}{kept}", program.name.display())
    });
    let refusal = plan.refusal.iter().map(|lines| format!("refuse: {}", lines.join(" / ")));
    let notes = plan.notes.iter().cloned();
    let mistake = plan.mistake.iter().map(|mistake| format!("mistake: {mistake}"));
    stores
        .chain(sendings)
        .chain(answers)
        .chain(pipes)
        .chain(refusal)
        .chain(notes)
        .chain(mistake)
        .collect()
}

#[test]
fn what_scripts_come_to() {
    for (script, expected) in [
        ("", &["store INBOX"][..]),
        ("keep;", &["store INBOX", "kept in the inbox by a.sieve line 1"]),
        ("discard;", &["discarded by a.sieve line 1"]),
        ("\n\ndiscard; stop;", &["discarded by a.sieve line 3"]),
        (
            "require \"fileinto\";\nfileinto \"Lists.Rust\";",
            &["store Lists.Rust", "filed into \"Lists.Rust\" by a.sieve line 2"],
        ),
        (
            "require \"fileinto\"; fileinto \"inbox\"; keep;",
            &["store INBOX", "filed into \"inbox\" by a.sieve line 1"],
        ),
        (
            "require [\"fileinto\", \"copy\"]; fileinto :copy \"Entwürfe\";",
            &["store Entw&APw-rfe", "store INBOX", "filed into \"Entwürfe\" by a.sieve line 1"],
        ),
        // A folder that isn't there, twice, and the inbox: once there.
        (
            "require [\"fileinto\", \"copy\"]; fileinto :copy \"Missing\"; fileinto \"Missing2\"; keep;",
            &[
                "store INBOX",
                "kept in the inbox, not in \"Missing\" by a.sieve line 1: there is no such folder",
                "kept in the inbox, not in \"Missing2\" by a.sieve line 1: there is no such folder",
                "kept in the inbox by a.sieve line 1",
            ],
        ),
        (
            "require [\"fileinto\", \"imap4flags\"]; fileinto :flags [\"\\\\Seen\", \"Work\", \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"] \"A\";",
            &[
                "store A with \\Seen Work",
                "filed into \"A\" by a.sieve line 1",
                "without the flags xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ],
        ),
        (
            "redirect \"eve@x.example\"; redirect \"bob@x.example\";",
            &[
                "send eve@x.example bob@x.example",
                "sent on to eve@x.example by a.sieve line 1",
                "sent on to bob@x.example by a.sieve line 1",
            ],
        ),
        (
            "require \"vnd.dovecot.pipe\";\npipe \"x\" [\"a\"];",
            &["pipe to x by a.sieve line 2, else keep"],
        ),
        // A program that isn't there is a mistake, and loses nothing.
        (
            "require \"vnd.dovecot.pipe\"; pipe \"missing\";",
            &[
                "store INBOX",
                "not given to a program by a.sieve line 1: there is no program",
                "mistake: a.sieve:1:29: there is no program",
            ],
        ),
        // Row M10.
        (
            "redirect \"Alice@our.example\";",
            &["store INBOX", "kept in the inbox, not sent to its own recipient by a.sieve line 1"],
        ),
    ] {
        assert_eq!(plan(script), expected, "{script}");
    }
}

#[test]
fn who_is_refused_and_who_is_not() {
    let script = "require \"reject\"; reject \"No.\r\nReally.\";";
    for (from, recipient, expected) in [
        (
            "bob@x.example",
            Recipient::Alone,
            &["refuse: No. / Really.", "refused by a.sieve line 1"][..],
        ),
        (
            "",
            Recipient::Alone,
            &["refused by a.sieve line 1, and dropped: it has no sender", "discarded"],
        ),
        (
            "bob@x.example",
            Recipient::OneOfSeveral,
            &[
                "store INBOX",
                "kept in the inbox: others get it too, so not refused by a.sieve line 1",
            ],
        ),
    ] {
        assert_eq!(plan_for(script, from, recipient), expected);
    }
}

#[test] // Tests RFC 5490 §3.2, RFC 5293 §7.
fn folders_that_are_made_and_letters_that_are_changed() {
    assert_eq!(
        plan("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Missing\";"),
        ["store Missing", "filed into \"Missing\" by a.sieve line 1"]
    );
    // Tests RFC 8579 §4.
    let required = "require [\"fileinto\", \"special-use\", \"mailbox\"]; fileinto";
    assert_eq!(
        plan(&format!("{required} :specialuse \"\\\\Junk\" \"Missing\";")),
        [
            "store Spam made for \\Junk",
            "filed into \"Spam\", which is for \\Junk by a.sieve line 1"
        ]
    );
    assert_eq!(
        plan(&format!("{required} :specialuse \"\\\\Sent\" :create \"Missing\";")),
        ["store Missing made for \\Sent", "filed into \"Missing\" by a.sieve line 1"]
    );
    assert_eq!(plan("require \"editheader\"; addheader \"X-A\" \"b\";"), ["store INBOX edited"]);
}

#[test] // Tests RFC 5435, RFC 8580.
fn letters_of_the_scripts_own() {
    let script = "require [\"enotify\", \"fcc\", \"mailbox\"];\n\
        notify :fcc \"Sent\" :create \"mailto:pager@x.example\";";
    assert_eq!(
        plan(script),
        [
            "store INBOX",
            "answer from <alice@our.example> to pager@x.example and a copy",
            "pager@x.example was notified by a.sieve line 2",
        ]
    );
}

#[test]
fn m02_names_that_cannot_be_folders_are_a_mistake_and_lose_nothing() {
    for name in ["../x", "/abs", "a/../b", ".", "cur", "a.new", "x..y"] {
        let got = plan(&format!("require \"fileinto\"; fileinto \"{name}\";"));
        assert_eq!(got.first().map(String::as_str), Some("store INBOX"), "{name}");
        let mistake = format!("mistake: a.sieve:1:21: \"{name}\" can't be a folder: ");
        assert!(got.iter().any(|line| line.starts_with(&mistake)), "{got:?}");
    }
}

#[test]
fn a_script_that_fails_keeps_the_letter() {
    let fails = "require [\"fileinto\", \"variables\"]; fileinto :flags \"x\" \"y\";";
    assert!(postroad_sieve::compile("a.sieve", fails.as_bytes()).is_err());
    let got = plan("require [\"fileinto\", \"variables\"]; fileinto \"A\"; fileinto \"${x}\";");
    assert_eq!(got.first().map(String::as_str), Some("store INBOX"));
    assert!(got.last().unwrap().starts_with("mistake: a.sieve:1:"), "{got:?}");
    assert_eq!(got.len(), 3, "{got:?}");
}
