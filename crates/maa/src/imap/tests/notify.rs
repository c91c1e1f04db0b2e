//! NOTIFY (RFC 5465).

use super::{Client, Place};

const LETTER: &str =
    "From: alice@example.org\nTo: bob@example.org\nSubject: Re: good morning\n\n.\n";

/// A mailbox, who wants to hear of it, and who changes it.
fn three() -> (Place, Client, Client) {
    let place = Place::new();
    place.put("cur/1796000001.M1P1Q1.x:2,", LETTER);
    let (mut one, other) = (place.connect(), place.connect());
    for mailbox in ["Lists", "Lists.Lemonade", "Lists.Im2000", "misc"] {
        one.ok(&format!("CREATE {mailbox}"));
    }
    (place, one, other)
}

fn append(client: &mut Client, mailbox: &str) {
    let letter = LETTER.replace('\n', "\r\n");
    let said =
        client.send(format!("a APPEND {mailbox} {{{}+}}\r\n{letter}\r\n", letter.len()).as_bytes());
    assert!(said.contains("a OK"), "{said}");
}

/// Lines without numbers that differ from run to run.
fn plain(lines: Vec<String>) -> Vec<String> {
    let without = |line: String| match line.split_once("UIDVALIDITY ") {
        Some((before, after)) => {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            format!("{before}UIDVALIDITY 1{}", after.get(digits..).unwrap_or_default())
        }
        None => line,
    };
    lines.into_iter().map(without).collect()
}

#[test] // Tests RFC 5465 §3.1, with its example.
fn letters_are_told_of_in_the_selected_mailbox_and_others() {
    let (place, mut one, mut other) = three();
    assert_eq!(one.unasked(), [""; 0]);
    let said = one.ok(
        "notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) \
         MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))",
    );
    assert_eq!(
        plain(said),
        [
            "* STATUS Lists (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)",
            "* STATUS Lists.Im2000 (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)",
            "* STATUS Lists.Lemonade (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)",
        ]
    );
    one.ok("SELECT INBOX");
    append(&mut other, "Lists.Lemonade");
    append(&mut other, "misc");
    assert_eq!(
        plain(one.unasked()),
        ["* STATUS Lists.Lemonade (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)"]
    );
    assert_eq!(one.unasked(), [""; 0]);
    // A delivery.
    place.put("new/1796000002.M1P1Q1.x", LETTER);
    assert_eq!(
        one.unasked(),
        [
            "* 2 EXISTS",
            "* 1 RECENT",
            "* 2 FETCH (UID 2 BODY[HEADER.FIELDS (from to subject)] {75}",
            "From: alice@example.org",
            "To: bob@example.org",
            "Subject: Re: good morning",
            "",
            ")",
        ]
    );
    // What it stores itself isn't fetched for it.
    append(&mut one, "INBOX");
    assert_eq!(one.unasked(), [""; 0]);
    // FlagChange was not asked for.
    other.ok("SELECT INBOX");
    other.ok("STORE 1 +FLAGS (\\Flagged)");
    assert_eq!(one.unasked(), [""; 0]);
    other.ok("STORE 1:2 +FLAGS (\\Deleted)");
    other.ok("EXPUNGE");
    assert_eq!(one.unasked(), ["* 1 EXPUNGE", "* 1 EXPUNGE"]);
}

#[test] // Tests RFC 5465 §6.1, §3.1.
fn expunges_wait_and_nothing_is_told() {
    let (_place, mut one, mut other) = three();
    append(&mut other, "INBOX");
    one.ok("SELECT INBOX");
    other.ok("SELECT INBOX");
    one.ok("NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge FlagChange))");
    other.ok("STORE 1 +FLAGS (\\Deleted)");
    other.ok("EXPUNGE");
    append(&mut other, "INBOX");
    other.ok("STORE 1 +FLAGS (\\Seen)");
    assert_eq!(one.unasked(), ["* 3 EXISTS", "* 0 RECENT", "* 2 FETCH (UID 2 FLAGS (\\Seen))"]);
    assert_eq!(one.ok("NOOP"), ["* 1 EXPUNGE"]);
    // Another mailbox may be asked about, and the selected one isn't then.
    for command in ["NOTIFY NONE", "NOTIFY SET (mailboxes INBOX (MessageNew MessageExpunge))"] {
        one.ok(command);
        append(&mut other, "INBOX");
        assert_eq!(one.unasked(), [""; 0], "{command}");
        assert_eq!(one.ok("FETCH 1 UID"), ["* 1 FETCH (UID 2)"], "{command}");
        assert!(one.ok("NOOP").iter().any(|line| line.ends_with(" EXISTS")), "{command}");
    }
    one.ok("UNSELECT");
    append(&mut other, "INBOX");
    assert_eq!(plain(one.unasked()), ["* STATUS INBOX (MESSAGES 5 UIDNEXT 7 UIDVALIDITY 1)"]);
}

#[test] // Tests RFC 5465 §5.1 to §5.3.
fn flags_elsewhere_are_told_by_numbers() {
    let (_place, mut one, mut other) = three();
    append(&mut other, "misc");
    other.ok("SELECT misc");
    one.ok("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))");
    other.ok("STORE 1 +FLAGS (\\Seen)");
    assert_eq!(plain(one.unasked()), ["* STATUS misc (UNSEEN 0 UIDVALIDITY 1)"]);
    other.ok("STORE 1 +FLAGS (\\Flagged)");
    assert_eq!(one.unasked(), [""; 0], "the client knows of no mod-sequences");
    one.ok("ENABLE CONDSTORE");
    other.ok("STORE 1 -FLAGS (\\Flagged)");
    let said = one.unasked().concat();
    assert!(said.starts_with("* STATUS misc (HIGHESTMODSEQ ") && said.contains(" UIDVALIDITY "));
    other.ok("STORE 1 +FLAGS (\\Deleted)");
    other.ok("EXPUNGE");
    let said = one.unasked().concat();
    assert!(said.starts_with("* STATUS misc (MESSAGES 0 UIDNEXT 2 HIGHESTMODSEQ "), "{said}");
}

#[test] // Tests RFC 5465 §5.4, §5.5.
fn mailboxes_are_told_of_by_their_names() {
    let (_place, mut one, mut other) = three();
    one.ok("NOTIFY SET (personal (MailboxName SubscriptionChange)) \
         (subscribed (MessageNew MessageExpunge))");
    // What is made is subscribed.
    for (command, told) in [
        (
            "CREATE misc.New",
            vec![
                "* LIST (\\HasChildren \\Subscribed) \".\" misc",
                "* LIST (\\HasNoChildren \\Subscribed) \".\" misc.New",
            ],
        ),
        ("UNSUBSCRIBE misc.New", vec!["* LIST (\\HasNoChildren) \".\" misc.New"]),
        (
            "DELETE misc.New",
            vec![
                "* LIST (\\HasNoChildren \\Subscribed) \".\" misc",
                "* LIST (\\NonExistent \\HasNoChildren) \".\" misc.New",
            ],
        ),
        // Without those below it.
        (
            "RENAME Lists Old",
            vec!["* LIST (\\HasChildren \\Subscribed) \".\" Old (\"OLDNAME\" (Lists))"],
        ),
        ("UNSUBSCRIBE misc", vec!["* LIST (\\HasNoChildren) \".\" misc"]),
    ] {
        other.ok(command);
        assert_eq!(one.unasked(), told, "{command}");
    }
    append(&mut other, "misc");
    assert_eq!(one.unasked(), [""; 0]);
    // §6.4: from here on its letters are told of.
    other.ok("SUBSCRIBE misc");
    assert_eq!(one.unasked(), ["* LIST (\\HasNoChildren \\Subscribed) \".\" misc"]);
    append(&mut other, "misc");
    assert_eq!(plain(one.unasked()), ["* STATUS misc (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1)"]);
    // §5: what the client does itself it isn't told.
    for command in
        ["CREATE misc.Own", "SUBSCRIBE misc.Own", "RENAME misc.Own misc.O", "DELETE misc.O"]
    {
        assert_eq!(one.ok(command), [""; 0], "{command}");
        assert_eq!(one.unasked(), [""; 0], "{command}");
    }
}

#[test] // Tests RFC 5465 §5.6, §5.7.
fn annotations_are_told_of() {
    let (_place, mut one, mut other) = three();
    one.ok("NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))");
    other.ok("SETMETADATA INBOX (/shared/comment \"x\" /private/comment \"y\")");
    assert_eq!(one.unasked(), ["* METADATA INBOX /private/comment /shared/comment"]);
    other.ok("SETMETADATA INBOX (/shared/comment NIL)");
    assert_eq!(one.unasked(), ["* METADATA INBOX /shared/comment"]);
    other.ok("SETMETADATA \"\" (/shared/comment \"x\")");
    assert_eq!(one.unasked(), ["* METADATA \"\" /shared/comment"]);
    one.ok("SETMETADATA INBOX (/shared/comment \"z\")");
    assert_eq!(one.unasked(), [""; 0]);
}

#[test] // Tests RFC 5465 §3.1, §5, §6.1, §8.
fn what_cannot_be_asked() {
    let (_place, mut one, mut other) = three();
    for (command, answer) in [
        (
            "NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))",
            "a NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange \
             MailboxMetadataChange ServerMetadataChange)]",
        ),
        ("NOTIFY SET (personal (Something))", "a NO [BADEVENT ("),
        ("NOTIFY SET (personal (MessageNew))", "a BAD "),
        ("NOTIFY SET (personal (MessageExpunge))", "a BAD "),
        ("NOTIFY SET (personal (FlagChange))", "a BAD "),
        ("NOTIFY SET (personal (MessageNew (UID) MessageExpunge))", "a BAD "),
        ("NOTIFY SET (selected (MailboxName))", "a BAD "),
        ("NOTIFY SET (selected (MessageNew MessageExpunge)) (selected-delayed NONE)", "a BAD "),
        ("NOTIFY SET", "a BAD "),
        ("NOTIFY", "a BAD "),
    ] {
        let said = one.command(command).concat();
        assert!(said.starts_with(answer), "{command}: {said}");
    }
    // None of that has counted.
    one.ok("SELECT INBOX");
    append(&mut other, "INBOX");
    assert_eq!(one.ok("FETCH 1 UID"), ["* 1 FETCH (UID 1)", "* 2 EXISTS", "* 0 RECENT"]);
    // A mailbox that isn't there is ignored (§3.1).
    one.ok("NOTIFY SET (mailboxes (Nowhere misc) (MessageNew MessageExpunge))");
    append(&mut other, "misc");
    assert_eq!(one.unasked().len(), 1);
}

#[test] // Tests RFC 5465 §5.8.
fn too_many_mailboxes_are_refused() {
    let (_place, mut one, mut other) = three();
    for number in 0..crate::limits::NOTIFY_MAILBOXES_MAX - 6 {
        one.ok(&format!("CREATE many.{number}"));
    }
    one.ok("NOTIFY SET (personal (MessageNew MessageExpunge))");
    other.ok("CREATE one-more");
    assert_eq!(one.unasked(), [""; 0]);
    other.ok("CREATE too-many");
    let said = one.unasked().concat();
    assert!(said.starts_with("* OK [NOTIFICATIONOVERFLOW] "), "{said}");
    append(&mut other, "misc");
    assert_eq!(one.unasked(), [""; 0], "nothing more is told");
    let said = one.command("NOTIFY SET (personal (MessageNew MessageExpunge))").concat();
    assert!(said.starts_with("a NO [NOTIFICATIONOVERFLOW]"), "{said}");
    one.ok("NOTIFY SET (mailboxes misc (MessageNew MessageExpunge))");
}

#[test] // Tests RFC 9051 §7.3.5.
fn a_keyword_that_is_new_is_told() {
    let (_place, mut one, mut other) = three();
    one.ok("SELECT INBOX");
    other.ok("SELECT INBOX");
    let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Work";
    let told = [
        format!("* FLAGS ({flags})"),
        format!("* OK [PERMANENTFLAGS ({flags} \\*)] Those stay"),
        "* 1 FETCH (UID 1 FLAGS ($Work))".to_owned(),
    ];
    assert_eq!(one.ok("STORE 1 +FLAGS ($Work)"), told);
    assert_eq!(other.ok("NOOP"), told);
    assert_eq!(one.ok("STORE 1 -FLAGS ($Work)"), ["* 1 FETCH (UID 1 FLAGS ())"]);
    assert_eq!(other.ok("NOOP"), ["* 1 FETCH (UID 1 FLAGS ())"]);
}
