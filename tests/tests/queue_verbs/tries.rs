//! Tries that the operator asks for are made, whatever was put off; and what verbs say without doing it.

use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{Process, until};
use serde_json::Value;

use super::Waiting;

/// Letters whose next hop was found down, and is left alone while a test lasts.
fn patient() -> Result<(Waiting, Process)> {
    let (waiting, mta) = Waiting::hand_in("retry_first = \"1h\"\nretry_longest = \"2h\"\n")?;
    // It is as good as tried for all of them.
    until("one tried", || mta.log().contains("status=deferred")).with_context(|| mta.log())?;
    let put_off = || {
        let why = waiting.says("why --json --limit 0").unwrap_or_default();
        let positions = why.lines().map(serde_json::from_str::<Value>);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let later = |why: Value| why["next_attempt"].as_u64().is_some_and(|at| at > now + 60);
        !why.is_empty() && positions.into_iter().all(|why| why.is_ok_and(later))
    };
    until("all put off", put_off)
        .with_context(|| format!("{}\n{}", waiting.says("why").unwrap_or_default(), mta.log()))?;
    Ok((waiting, mta))
}

/// The subjects of what came, in order.
fn subjects(sink: &Sink) -> Vec<String> {
    let subject = |letter: &String| {
        letter.lines().find_map(|line| Some(line.strip_prefix("Subject: ")?.to_owned()))
    };
    let mut subjects: Vec<String> = sink.messages().iter().filter_map(subject).collect();
    subjects.sort();
    subjects.dedup();
    subjects
}

/// A host that is back while the agent leaves it alone: after `ask` these letters come.
fn check(ask: impl FnOnce(&Waiting) -> Result<Output>, expected: &[&str]) -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let (waiting, mta) = patient()?;
    let sink = Sink::start_at(&stage, waiting.hop, &[])?;
    let output = ask(&waiting)?;
    ensure!(output.status.success(), "{output:?}");
    let came = || subjects(&sink);
    until("the letters", || expected.iter().all(|letter| came().iter().any(|one| one == letter)))
        .with_context(|| format!("{:?} of {expected:?} came\n{}", came(), mta.log()))?;
    // Now that the host is known to be up, those may come whose own time has come; the first has been tried.
    let first_is_asked_for = expected.contains(&"0");
    until("the first gone, or waiting", || {
        waiting.listed("").is_ok_and(|left| left.contains(&0) != first_is_asked_for)
    })
    .with_context(|| mta.log())
}

#[test]
fn retry_of_everything() -> Result<()> {
    check(|waiting| waiting.queue("retry --all"), &["0", "1", "2", "3"])
}

#[test]
fn retry_by_a_filter() -> Result<()> {
    check(|waiting| waiting.queue("retry --larger-than 30KiB --smaller-than 1MiB"), &["2"])
}

#[test]
fn flush() -> Result<()> {
    check(|waiting| waiting.queue("flush"), &["0", "1", "2", "3"])
}

#[test]
fn postqueue_f() -> Result<()> {
    check(|waiting| waiting.called("postqueue", &["-f"]), &["0", "1", "2", "3"])
}

#[test]
fn postqueue_i() -> Result<()> {
    check(|waiting| waiting.called("postqueue", &["-i", &waiting.ids[2]]), &["2"])
}

#[test]
fn postqueue_s() -> Result<()> {
    check(|waiting| waiting.called("postqueue", &["-s", "off.test"]), &["1", "2"])
}

#[test]
fn a_release_is_tried_at_once() -> Result<()> {
    check(
        |waiting| {
            waiting.says("hold --to carol@off.test")?;
            waiting.queue("release --from otto@client.test")
        },
        &["2"],
    )
}

#[test]
fn dry_runs_say_what_would_be_done_and_do_nothing() -> Result<()> {
    let (waiting, mta) = patient()?;
    let [first, second, third, fourth] = waiting.ids.as_slice() else { unreachable!() };
    waiting.says(&format!("hold {first} {second}"))?;
    let folder = waiting.site.path("exported");
    let export = format!("export --dry-run --all --dir {}", folder.display());
    for (words, ids) in [
        ("hold --dry-run --all", &[third, fourth][..]),
        ("release --dry-run --all", &[first, second]),
        ("release --dry-run --domain off.test", &[second]),
        ("retry --dry-run --all", &[third, fourth]),
        ("delete --dry-run --larger-than 1MiB", &[fourth]),
        ("export --dry-run --older-than 0s", &[first, second, third, fourth]),
        (&export, &[first, second, third, fourth]),
    ] {
        let lines = waiting.says(words)?;
        let mut told: Vec<&str> =
            lines.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
        // A line for each recipient.
        told.dedup();
        assert_eq!(told, ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), "{words}\n{lines}");
    }
    waiting.check("--state held", &[0, 1])?;
    waiting.check("--state waiting", &[2, 3])?;
    // The log is written a moment later, in order: the hold and this are all that was changed.
    waiting.says("delete --all")?;
    until("the change in the log", || mta.log().contains("edit=delete"))?;
    let log = mta.log();
    assert_eq!(log.matches("the operator changed the queue").count(), 2, "{log}");
    assert!(!folder.exists());
    Ok(())
}

#[test]
fn every_verb_takes_every_filter() -> Result<()> {
    let (waiting, _mta) = Waiting::start()?;
    let hop = format!("--next-hop smtp://{}", waiting.hop);
    let filters = [
        ("--reply 4.4.1", 4),
        ("--to @off.test", 2),
        (hop.as_str(), 4),
        ("--state waiting", 4),
        ("--newer-than 1h", 4),
        ("--older-than 1h", 0),
        ("--larger-than 30KiB", 2),
        ("--smaller-than 30KiB", 2),
        ("--sender <> --domain down.test", 1),
    ];
    let said = |count, what: &str| match count {
        1 => format!("1 message {what}\n"),
        _ => format!("{count} messages {what}\n"),
    };
    for (filter, count) in filters {
        let lines = |words: &str| Ok::<_, anyhow::Error>(waiting.says(words)?.lines().count());
        assert_eq!(lines(&format!("show --json {filter}"))?, count, "{filter}");
        assert_eq!(lines(&format!("export --dry-run {filter}"))?, count, "{filter}");
        assert!(lines(&format!("why --json {filter}"))? >= count, "{filter}");
        assert_eq!(waiting.says(&format!("retry {filter}"))?, said(count, "due now"), "{filter}");
    }
    // A hold forgets the last reply.
    for (filter, count) in &filters[1..] {
        assert_eq!(waiting.says(&format!("hold {filter}"))?, said(*count, "held"), "{filter}");
        assert_eq!(waiting.listed("--state held")?.len(), *count, "{filter}");
        let filter = filter.replace("--state waiting", "--state held");
        let released = waiting.says(&format!("release {filter}"))?;
        assert_eq!(released, said(*count, "released"), "{filter}");
        assert_eq!(waiting.listed("--state held")?.len(), 0, "{filter}");
    }
    assert_eq!(waiting.says("delete --larger-than 30KiB")?, "2 messages deleted\n");
    assert_eq!(
        waiting.says("delete --smaller-than 30KiB --to bob@down.test")?,
        "2 messages deleted\n"
    );
    waiting.check("", &[])
}

#[test]
fn show_and_why_for_programs() -> Result<()> {
    let (waiting, _mta) = Waiting::start()?;
    let [first, second, ..] = waiting.ids.as_slice() else { unreachable!() };
    let read = |words: &str| -> Result<Vec<Value>> {
        waiting.says(words)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    };
    let shown = read(&format!("show --json {second} {first}"))?;
    assert_eq!(shown.len(), 2);
    // In the order in which they were named.
    let letter = &shown[0];
    assert_eq!(letter["queue_id"], **second);
    assert_eq!(letter["sender"], "anna@client.test");
    assert_eq!(letter["recipients"].as_array().map(Vec::len), Some(2), "{letter}");
    assert_eq!(letter["recipients"][1]["address"], "carol@off.test");
    assert_eq!(letter["recipients"][1]["state"], "waiting");
    assert!(letter["recipients"][1]["last"].as_str().is_some_and(|last| last.contains("4.4.1")));
    assert!(letter["content"].as_str().is_some_and(|content| content.contains("Subject: 1\r\n")));
    assert!(waiting.complains(&format!("show {first} 0000000000000"))?.contains("0000000000000"));

    let shown = waiting.says("show --from anna@client.test")?;
    assert!(shown.contains("Subject: 0") && shown.contains("Subject: 1"), "{shown}");
    let shown = waiting.says("show --limit 1")?;
    assert!(shown.ends_with("1 of 4 messages; --limit shows more.\n"), "{shown}");

    let why = read(&format!("why --json {first}"))?;
    assert_eq!(why.len(), 1);
    assert_eq!(why[0]["queue_id"], **first);
    assert_eq!(why[0]["recipients"][0], "bob@down.test");
    assert_eq!(why[0]["next_hop"], format!("smtp://{}", waiting.hop));
    assert!(why[0]["next_attempt"].is_u64(), "{}", why[0]);
    assert!(why[0]["last"].as_str().is_some_and(|last| last.contains("4.4.1")), "{}", why[0]);
    waiting.says(&format!("hold {first}"))?;
    let why = read(&format!("why --json {first}"))?;
    assert!(why[0]["obstacle"].to_string().contains("held"), "{}", why[0]);
    assert!(why[0]["next_attempt"].is_null(), "{}", why[0]);
    Ok(())
}
