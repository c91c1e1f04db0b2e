//! Invitations as programs write them, and hostile ones.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::answer::{Answer, NoAnswer};

/// As Outlook writes them, with a zone of Windows' name.
const OUTLOOK: &str = "BEGIN:VCALENDAR\r\nPRODID:-//Microsoft Corporation//Outlook 16.0 MIMEDIR//EN\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\n\
BEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n\
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n\
BEGIN:VEVENT\r\nUID:040000008200E00074C5B7101A82E008\r\nSEQUENCE:2\r\nDTSTAMP:20261130T120000Z\r\n\
DTSTART;TZID=W. Europe Standard Time:20261207T100000\r\nDTEND;TZID=W. Europe Standard Time:20261207T113000\r\n\
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20270301T090000Z\r\nEXDATE;TZID=W. Europe Standard Time:20261221T100000\r\n\
SUMMARY;LANGUAGE=en-us:Planning\\, once more\r\nLOCATION:Room 1\\; upstairs\r\n\
ORGANIZER;CN=Ann Lee:mailto:ann@x.example\r\n\
ATTENDEE;CN=\"Us, the readers\";PARTSTAT=NEEDS-ACTION;RSVP=TRUE:MAILTO:us@our.example\r\n\
ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED:mailto:bob@x.example\r\nATTENDEE;PARTSTAT=TENTATIVE:urn:uuid:1\r\n\
END:VEVENT\r\nEND:VCALENDAR\r\n";

fn words(text: &str) -> String {
    words_from(text, &["ann@x.example"])
}

fn words_from(text: &str, authors: &[&str]) -> String {
    let zone = TimeZone::get("America/New_York").unwrap();
    let invitation = Invitation::read(text).map(|it| it.words(&zone, "Us@our.example", authors));
    invitation.map_or_else(|| "none".to_owned(), |lines| lines.join("\n"))
}

fn event(method: &str, lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:{method}\nBEGIN:VEVENT\nUID:u\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
    )
}

#[test] // Tests RFC 5546 §3.2.2.
fn what_is_asked() {
    insta::assert_snapshot!(words(OUTLOOK), @r"
    Invitation, changed: Planning, once more
    When     Mon 7 Dec 2026, 04:00 – 05:30 (America/New_York)
             Mon 7 Dec 2026, 10:00 – 11:30 (Europe/Berlin)
    Again    every 2 weeks on Monday, until Mon 1 Mar 2027, but for 1 of them
    Where    Room 1; upstairs
    By       Ann Lee <ann@x.example>
    Asked    3: Us, the readers <us@our.example> (no answer yet), Bob <bob@x.example> (comes), somebody without an address of mail (comes perhaps)
    You      no answer yet
    Changed  this stands in place of what you got before (change 2)
    ");
}

#[test] // Tests RFC 6047 §3 and RFC 5546 §6.1.
fn u09_who_speaks_is_compared_with_who_wrote() {
    let people = "ORGANIZER;CN=Boss:mailto:Boss@bank.example\nATTENDEE:mailto:bob@x.example";
    let by_secretary = "ORGANIZER;SENT-BY=\"mailto:sue@bank.example\":mailto:boss@bank.example";
    for (method, lines, authors, is_said) in [
        ("REQUEST", people, vec!["boss@bank.example"], false),
        ("REQUEST", people, vec!["eve@attack.example"], true),
        ("REQUEST", people, vec!["bob@x.example"], true),
        ("REQUEST", people, vec![], true),
        ("CANCEL", people, vec!["eve@attack.example"], true),
        ("CANCEL", people, vec!["other@x.example", "boss@bank.example"], false),
        ("REPLY", people, vec!["bob@x.example"], false),
        ("REPLY", people, vec!["eve@attack.example"], true),
        ("COUNTER", people, vec!["eve@attack.example"], true),
        ("REQUEST", by_secretary, vec!["sue@bank.example"], false),
        ("REQUEST", by_secretary, vec!["eve@attack.example"], true),
        ("REQUEST", "ORGANIZER:urn:uuid:1", vec!["eve@attack.example"], true),
        ("PUBLISH", "", vec!["eve@attack.example"], false),
    ] {
        let told = words_from(&event(method, lines), &authors);
        let line =
            told.lines().find(|line| line.starts_with("Beware   the letter itself is from "));
        assert_eq!(line.is_some(), is_said, "{method} {lines} {authors:?}: {told}");
        assert!(line.is_none_or(|line| authors.iter().all(|it| line.contains(it))), "{told}");
    }
}

#[test]
fn times() {
    for (lines, expected) in [
        ("DTSTART;VALUE=DATE:20261207", "Mon 7 Dec 2026, the whole day"),
        ("DTSTART;VALUE=DATE:20261207\nDURATION:P4294967295D", "Mon 7 Dec 2026, the whole day"),
        (
            "DTSTART;VALUE=DATE:20261207\nDTEND;VALUE=DATE:20261210",
            "Mon 7 Dec 2026 – Wed 9 Dec 2026, whole days",
        ),
        (
            "DTSTART:20261207T100000Z\nDURATION:PT45M",
            "Mon 7 Dec 2026, 05:00 – 05:45 (America/New_York)",
        ),
        (
            "DTSTART:20261207T230000\nDURATION:PT2H",
            "Mon 7 Dec 2026, 23:00 – Tue 8 Dec 2026, 01:00 (wherever you are)",
        ),
        (
            "DTSTART;TZID=America/New_York:20261207T100000",
            "Mon 7 Dec 2026, 10:00 (America/New_York)",
        ),
        (
            "DTSTART;TZID=Middle-earth/Shire:20261207T100000",
            "Mon 7 Dec 2026, 10:00 (in a zone that isn't known here: Middle-earth/Shire)",
        ),
        // The hour that doesn't exist in the night when clocks go on.
        ("DTSTART;TZID=America/New_York:20270314T023000", "14 Mar 2027"),
        ("DTSTART;VALUE=DATE:20260230", ""),
        ("DTSTART:99999999T999999Z", ""),
        ("DTSTART:nonsense", ""),
    ] {
        let told = words(&event("REQUEST", lines));
        let line = told.lines().find_map(|line| line.strip_prefix("When     ")).unwrap_or_default();
        match expected {
            "" => assert_eq!(line, "", "{lines}"),
            expected => assert!(line.contains(expected), "{lines}: {line}"),
        }
    }
}

#[test] // Tests RFC 5545 §3.3.10.
fn series_in_words() {
    for (rule, expected) in [
        ("FREQ=DAILY", "every day, without an end"),
        ("FREQ=DAILY;COUNT=10", "every day, 10 times in all"),
        (
            "FREQ=MONTHLY;BYDAY=2MO,-1FR",
            "every month on the 2nd Monday and the last Friday, without an end",
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1", "every month on day 15 and the last one, without an end"),
        (
            "FREQ=YEARLY;BYMONTH=1,2;BYDAY=SU",
            "every year on Sunday in January and February, without an end",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
            "every month on Monday, Tuesday, Wednesday, Thursday and Friday, only number the 2nd last one of these, without an end",
        ),
        ("FREQ=SECONDLY", "every second, without an end"),
        ("FREQ=WEEKLY;INTERVAL=0", "every week, without an end"),
        (
            "FREQ=YEARLY;BYMONTHDAY=1,2,3,4,5,6,7,8,9,10",
            "every year on day 1, 2, 3, 4, 5, 6, 7 and 3 more, without an end",
        ),
    ] {
        let told = words(&event("REQUEST", &format!("DTSTART:20261207T100000Z\nRRULE:{rule}")));
        let line = told.lines().find_map(|line| line.strip_prefix("Again    "));
        assert_eq!(line, Some(expected), "{rule}");
    }
    assert!(!words(&event("REQUEST", "DTSTART:20261207T100000Z")).contains("Again"));
}

#[test] // Tests RFC 5546 §3.2.
fn what_a_calendar_is_for() {
    let bob = "ATTENDEE;CN=Bob;PARTSTAT=DECLINED:mailto:bob@x.example";
    for (method, lines, title) in [
        ("REQUEST", "SUMMARY:x", "Invitation: x"),
        ("PUBLISH", "SUMMARY:x", "Event: x"),
        ("X-OTHER", "", "Event: (no title)"),
        ("CANCEL", "SUMMARY:x", "Called off: x"),
        ("REQUEST", "SUMMARY:x\nSTATUS:CANCELLED", "Called off: x"),
        ("REPLY", bob, "Answer of Bob <bob@x.example>, who doesn't come: (no title)"),
        ("COUNTER", bob, "Bob <bob@x.example> would have it otherwise: (no title)"),
        ("DECLINECOUNTER", "", "It stays as it was: (no title)"),
        ("REFRESH", "", "somebody asks to hear of it again: (no title)"),
        ("ADD", "", "One more of a series: (no title)"),
    ] {
        let told = words(&event(method, lines));
        assert_eq!(told.lines().next(), Some(title), "{method} {lines}");
    }
    let one = words(&event("CANCEL", "DTSTART:20261214T100000Z\nRECURRENCE-ID:20261214T090000Z"));
    assert!(
        one.contains("Only     that one of the series which was to be Mon 14 Dec 2026, 04:00"),
        "{one}"
    );
    for none in
        ["", "BEGIN:VCARD\nEND:VCARD", "BEGIN:VCALENDAR\nEND:VCALENDAR", "nonsense", "BEGIN:VEVENT"]
    {
        assert!(["none", "Event: (no title)"].contains(&words(none).as_str()), "{none}");
    }
}

#[test] // Tests RFC 5546 §3.2.3.
fn the_answer() {
    let invitation = Invitation::read(OUTLOOK).unwrap();
    let now: Timestamp = "2026-11-30T22:00:00Z".parse().unwrap();
    let reply =
        invitation.answer("us@our.example", Some("Us \"\r\n"), Answer::Accept, now).unwrap();
    assert_eq!((reply.to.as_str(), reply.name.as_deref()), ("ann@x.example", Some("Ann Lee")));
    insta::assert_snapshot!(reply.text.replace("\r\n", "\n"));
    let read = Invitation::read(&reply.text).unwrap();
    assert_eq!(
        (read.method, read.events[0].uid.as_str()),
        (Method::Reply, "040000008200E00074C5B7101A82E008")
    );
    assert_eq!(read.events[0].attendees.len(), 1, "nobody answers for others");
    assert_eq!(read.events[0].attendees[0].presence, Presence::Accepted);
    assert_eq!(read.events[0].start, invitation.events[0].start);
    assert_eq!(read.answer("us@our.example", None, Answer::Accept, now), Err(NoAnswer::NotAsked));
}

#[test]
fn only_who_can_be_told_is_answered() {
    let now = Timestamp::UNIX_EPOCH;
    let answered = |method, lines: &str| {
        let invitation = Invitation::read(&event(method, lines)).unwrap();
        invitation.answer("us@our.example", None, Answer::Decline, now).map(|reply| reply.to)
    };
    let organizer = "ORGANIZER:mailto:ann@x.example";
    assert_eq!(answered("REQUEST", organizer), Ok("ann@x.example".to_owned()));
    assert_eq!(answered("CANCEL", organizer), Err(NoAnswer::NotAsked));
    assert_eq!(answered("PUBLISH", organizer), Err(NoAnswer::NotAsked));
    for none in [
        "",
        "ORGANIZER:https://x.example/ann",
        "ORGANIZER:mailto:",
        "ORGANIZER:mailto:ann@x.example?bcc=eve@attack.example",
        "ORGANIZER:mailto:ann@x.example%0abcc:eve@attack.example",
        "ORGANIZER:javascript:mailto:ann@x.example",
    ] {
        assert_eq!(answered("REQUEST", none), Err(NoAnswer::NoOrganizer), "{none}");
    }
}

#[test]
fn hostile_calendars_come_to_an_end() {
    let endless = "DTSTART:20261207T100000Z\nRRULE:FREQ=SECONDLY;COUNT=4294967295;BYSECOND=0,1,2,3,4,5,6,7,8,9";
    assert!(words(&event("REQUEST", endless)).contains("every second"));
    let crowd: String = (0..30_000).map(|n| format!("ATTENDEE:mailto:a{n}@x.example\n")).collect();
    let told = words(&event("REQUEST", &crowd));
    assert!(
        told.len() < 10_000 && told.contains("30000: ") && told.contains("and 29980 more"),
        "{}",
        told.len()
    );
    let many = "BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n".repeat(5_000);
    let told = words(&format!("BEGIN:VCALENDAR\nMETHOD:REQUEST\n{many}END:VCALENDAR\n"));
    assert!(told.contains("and 4980 more events, in the file"), "{told}");
    let deep = "BEGIN:VEVENT\n".repeat(40_000);
    words(&format!("BEGIN:VCALENDAR\n{deep}"));
    let long = words(&event("REQUEST", &format!("SUMMARY:{}", "x".repeat(900_000))));
    assert!(long.len() < 1_000);
    assert_eq!(words(&event("REQUEST", &"X:y\n".repeat(60_000))), "none");
    assert_eq!(words(&event("REQUEST", &format!("SUMMARY:{}", "x".repeat(2_000_000)))), "none");
}

proptest::proptest! {
    #[test]
    fn no_calendar_panics(lines in proptest::collection::vec(
        proptest::sample::select(vec![
            "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "METHOD:REQUEST", "UID:1", "UID:", "DTSTART:20261207T100000Z",
            "DTSTART;TZID=x:20261207T240000", "DTEND;VALUE=DATE:00000000", "DURATION:-P99999999W", "DURATION:P4294967295D", "RRULE:FREQ=DAILY;UNTIL=1",
            "RRULE:;;==", "RRULE:FREQ=MONTHLY;BYDAY=-32768MO", "RDATE:20261207,20261208", "EXDATE:x", "ORGANIZER:mailto:a@b", "ATTENDEE;PARTSTAT=:mailto:",
            "SEQUENCE:-9223372036854775808", "SUMMARY:\u{1b}[2J\\n\\,", " folded", "RECURRENCE-ID;RANGE=THISANDFUTURE:1", "BEGIN:VTIMEZONE", "BEGIN:STANDARD",
        ]), 0..40)) {
        fuzz::invitation(lines.join("\r\n").as_bytes());
    }
}
