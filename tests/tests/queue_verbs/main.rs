//! `postroad queue` on letters that wait: every verb, beside running deliveries, and with the agent stopped.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, Sink, Stage};
use postroad_tests::process::{Process, free_port, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};
use serde_json::Value;

mod tries;

/// A site whose next hop for two domains is down.
struct Waiting {
    site: Site,
    /// Where nobody listens.
    hop: SocketAddr,
    /// The ids of what waits, in order of arrival.
    ids: Vec<String>,
    letters: Vec<String>,
}

/// Sender, recipients and length of the letters that wait.
const LETTERS: &[(&str, &[&str], usize)] = &[
    ("anna@client.test", &["bob@down.test"], 10),
    ("anna@client.test", &["bob@down.test", "carol@off.test"], 10),
    ("otto@client.test", &["carol@off.test"], 40_000),
    ("", &["Bob@Down.test"], 2_000_000),
];

impl Waiting {
    /// Starts the agent, hands letters in and waits until each was tried.
    fn start() -> Result<(Self, Process)> {
        let (waiting, mta) = Self::hand_in("")?;
        for id in &waiting.ids {
            let tried = |line: &str| line.contains(id) && line.contains("status=deferred");
            until("each letter tried", || mta.log().lines().any(tried))
                .with_context(|| mta.log())?;
        }
        Ok((waiting, mta))
    }

    /// Starts the agent with these lines in the routes, and hands letters in.
    fn hand_in(lines: &str) -> Result<(Self, Process)> {
        let hop = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let route = |domain: &str| {
            format!("[[route]]\ndomain = \"{domain}\"\nnext_hop = \"smtp://{hop}\"\n{lines}")
        };
        let site = Site::new(&Settings::tables(route("down.test") + &route("off.test")))?;
        let mta = site.mta()?;
        let mut client = smtp::Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        let mut waiting = Self { site, hop, ids: Vec::new(), letters: Vec::new() };
        for (number, (from, to, octets)) in LETTERS.iter().enumerate() {
            let line = "Zeilen mit \u{1b}[31mFarbe.\r\n";
            let letter =
                format!("Subject: {number}\r\n\r\n{}", line.repeat(octets / line.len() + 1));
            let reply = client.message(from, to, letter.as_bytes())?;
            let id = reply.queue_id().with_context(|| format!("{reply:?}"))?;
            waiting.ids.push(id.to_owned());
            waiting.letters.push(letter);
        }
        Ok((waiting, mta))
    }

    fn queue(&self, words: &str) -> Result<Output> {
        let mut command = self.site.command("postroad")?;
        command.arg("queue").args(words.split_ascii_whitespace());
        Ok(command.stdin(Stdio::null()).output()?)
    }

    /// What the command prints; it has to succeed.
    fn says(&self, words: &str) -> Result<String> {
        let output = self.queue(words)?;
        ensure!(output.status.success(), "queue {words}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What the command complains of; it has to fail.
    fn complains(&self, words: &str) -> Result<String> {
        let output = self.queue(words)?;
        ensure!(!output.status.success(), "queue {words}: {output:?}");
        Ok(String::from_utf8(output.stderr)?)
    }

    /// The places in [`LETTERS`] of those that are listed with these filters.
    fn listed(&self, filters: &str) -> Result<Vec<usize>> {
        let place = |line: &str| {
            let message: Value = serde_json::from_str(line)?;
            let id = message["queue_id"].as_str().context("no id")?;
            self.ids.iter().position(|known| known == id).with_context(|| format!("{id} is new"))
        };
        self.says(&format!("list --json {filters}"))?.lines().map(place).collect()
    }

    #[track_caller]
    fn check(&self, filters: &str, expected: &[usize]) -> Result<()> {
        assert_eq!(self.listed(filters)?, expected, "{filters}");
        Ok(())
    }

    /// Our program by another name.
    fn called(&self, name: &str, words: &[&str]) -> Result<Output> {
        let link = self.site.path(name);
        if !link.exists() {
            symlink(postroad_tests::suite::binary("postroad")?, &link)?;
        }
        let mut command = Command::new(link);
        command.env("POSTROAD_CONFIG", self.site.config()).args(words).stdin(Stdio::null());
        Ok(command.output()?)
    }
}

#[test]
fn every_filter_finds_what_it_means() -> Result<()> {
    let (waiting, _mta) = Waiting::start()?;
    let hop = waiting.hop;
    for (filters, expected) in [
        ("", &[0, 1, 2, 3][..]),
        ("--from anna@client.test", &[0, 1]),
        ("--sender ANNA@client.test --domain off.test", &[1]),
        ("--from @client.test", &[0, 1, 2]),
        ("--from <>", &[3]),
        ("--to bob@down.test", &[0, 1, 3]),
        ("--to @off.test", &[1, 2]),
        ("--domain DOWN.test", &[0, 1, 3]),
        ("--next-hop 127.0.0.1", &[0, 1, 2, 3]),
        (&format!("--next-hop smtp://{hop}"), &[0, 1, 2, 3]),
        ("--next-hop elsewhere.test", &[]),
        ("--reply 4.4.1", &[0, 1, 2, 3]),
        ("--reply rejected-as-spam", &[]),
        ("--state held", &[]),
        ("--larger-than 30KiB", &[2, 3]),
        ("--larger-than 30KiB --smaller-than 1MiB", &[2]),
        ("--newer-than 1h", &[0, 1, 2, 3]),
        ("--older-than 1h", &[]),
        ("--limit 2", &[0, 1]),
        (&format!("--after {} --limit 1", waiting.ids[1]), &[2]),
        (&format!("{} {}", waiting.ids[2].to_lowercase(), waiting.ids[0]), &[0, 2]),
    ] {
        waiting.check(filters, expected)?;
    }
    for filters in ["--from nonsense", "--domain a..b", "../../x", "--after ../../x"] {
        waiting.complains(&format!("list {filters}"))?;
    }
    let sums: Vec<Value> = waiting
        .says("summary --by domain --json")?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(
        sums.iter()
            .map(|sum| (sum["name"].as_str(), sum["recipients"].as_u64()))
            .collect::<Vec<_>>(),
        [(Some("down.test"), Some(3)), (Some("off.test"), Some(2))]
    );
    Ok(())
}

#[test]
fn every_verb_does_what_it_says() -> Result<()> {
    let (waiting, mta) = Waiting::start()?;
    let [first, second, ..] = waiting.ids.as_slice() else { unreachable!() };

    // For eyes: nothing of the letter acts on a terminal, nor is it cut where nobody looks.
    let lines = waiting.says("list")?;
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert!(lines.lines().all(|line| line.split('\t').count() == 7), "{lines}");
    let shown = waiting.says(&format!("show {first}"))?;
    assert!(shown.contains("Subject: 0") && !shown.contains('\u{1b}'), "{shown}");
    let why = waiting.says(&format!("why {first}"))?;
    assert!(why.contains("bob@down.test") && why.contains("next attempt"), "{why}");

    // All of it is never meant by saying nothing.
    for verb in ["hold", "release", "retry", "delete"] {
        let error = waiting.complains(verb)?;
        assert!(error.contains("--all"), "{error}");
    }
    assert!(waiting.complains("delete 0000000000000")?.contains("no message 0000000000000"));

    assert_eq!(waiting.says(&format!("hold --dry-run {first} {second}"))?.lines().count(), 3);
    waiting.check("--state held", &[])?;
    assert_eq!(waiting.says(&format!("hold {first} {second}"))?, "2 messages held\n");
    waiting.check("--state held", &[0, 1])?;
    assert_eq!(waiting.says("hold --all --json")?, "{\"edit\":\"hold\",\"messages\":2}\n");
    assert!(waiting.says(&format!("why {first}"))?.contains("is held"));
    assert_eq!(waiting.says("release --domain off.test")?, "2 messages released\n");
    waiting.check("--state held", &[0, 3])?;
    assert_eq!(waiting.says("release --all")?, "2 messages released\n");
    assert_eq!(waiting.says("retry --from anna@client.test")?, "2 messages due now\n");
    waiting.says("flush")?;
    waiting.says("delete --dry-run --all")?;
    waiting.check("", &[0, 1, 2, 3])?;
    assert_eq!(waiting.says(&format!("delete {first}"))?, "1 message deleted\n");
    waiting.check("", &[1, 2, 3])?;

    // Ids may come from a list.
    let mut command = waiting.site.command("postroad")?;
    command.args(["queue", "delete", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let list = waiting.says("list --domain off.test")?;
    child.stdin.take().context("a pipe")?.write_all(list.as_bytes())?;
    assert_eq!(String::from_utf8(child.wait_with_output()?.stdout)?, "2 messages deleted\n");
    waiting.check("", &[3])?;
    assert!(mta.log().contains("the operator changed the queue"), "{}", mta.log());
    Ok(())
}

#[test]
fn an_export_is_the_message_octet_by_octet() -> Result<()> {
    let (waiting, _mta) = Waiting::start()?;
    let folder = waiting.site.path("exported");
    let dir = folder.display();
    assert!(waiting.complains("export")?.contains("--all"));
    assert!(waiting.complains("export --all")?.contains("--dir"));
    waiting.says(&format!("export --all --dir {dir}"))?;
    for ((id, letter), (from, to, _)) in waiting.ids.iter().zip(&waiting.letters).zip(LETTERS) {
        let message = fs::read(folder.join(format!("{id}.eml")))?;
        assert!(message.starts_with(b"Received: ") && message.ends_with(letter.as_bytes()), "{id}");
        let envelope: Value =
            serde_json::from_slice(&fs::read(folder.join(format!("{id}.json")))?)?;
        assert_eq!(envelope["sender"], *from);
        assert_eq!(envelope["octets"], message.len());
        assert_eq!(envelope["recipients"].as_array().map(Vec::len), Some(to.len()));

        let output = waiting.queue(&format!("export {id}"))?.stdout;
        let preamble = output.strip_suffix(message.as_slice()).context("the message is another")?;
        let preamble = std::str::from_utf8(preamble)?;
        let expected = format!("X-Queue-ID: {id}\r\n");
        assert!(preamble.starts_with(&expected), "{preamble}");
        assert!(preamble.contains(&format!("X-Envelope-From: <{from}>")), "{preamble}");
        assert_eq!(preamble.matches("X-Envelope-To: <").count(), to.len(), "{preamble}");
    }
    // What is there is somebody's.
    let error = waiting.complains(&format!("export {} --dir {dir}", waiting.ids[0]))?;
    assert!(error.contains("File exists"), "{error}");
    Ok(())
}

#[test]
fn postfix_spellings_answer() -> Result<()> {
    let (waiting, _mta) = Waiting::start()?;
    let [first, second, ..] = waiting.ids.as_slice() else { unreachable!() };
    let text = |output: Output| -> Result<String> {
        ensure!(output.status.success(), "{output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let mailq = text(waiting.called("mailq", &[])?)?;
    assert!(mailq.starts_with("----Queue ID----- --Size-- ---Arrival Time----"), "{mailq}");
    assert!(mailq.ends_with(" Kbytes in 4 Requests.\n"), "{mailq}");
    assert!(mailq.contains("MAILER-DAEMON"), "{mailq}");
    assert!(
        mailq.lines().any(|line| line.starts_with(first) && line.ends_with(" anna@client.test"))
    );
    assert_eq!(text(waiting.called("postqueue", &["-p"])?)?.lines().count(), mailq.lines().count());
    assert_eq!(text(waiting.called("postqueue", &["-f"])?)?, "");
    assert_eq!(text(waiting.called("postqueue", &["-i", second])?)?, "");
    assert_eq!(text(waiting.called("postqueue", &["-s", "off.test"])?)?, "");

    waiting.called("postsuper", &["-h", second])?;
    waiting.check("--state held", &[1])?;
    let listed: Vec<Value> = text(waiting.called("postqueue", &["-j"])?)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let held: Vec<&Value> = listed.iter().filter(|one| one["queue_name"] == "hold").collect();
    assert_eq!(held.len(), 1, "{listed:?}");
    assert_eq!(held[0]["queue_id"], **second);
    assert_eq!(held[0]["recipients"][1]["address"], "carol@off.test");
    waiting.called("postsuper", &["-H", "ALL"])?;
    waiting.check("--state held", &[])?;
    waiting.called("postsuper", &["-d", first])?;
    waiting.check("", &[1, 2, 3])?;

    assert_eq!(waiting.called("postqueue", &[])?.status.code(), Some(64));
    let lost = waiting.called("postqueue", &["-p", "-c", "/nonexistent/postroad.toml"])?;
    assert_eq!(lost.status.code(), Some(69), "{lost:?}");
    Ok(())
}

#[test]
fn the_queue_of_a_stopped_agent_is_read_and_changed() -> Result<()> {
    let (waiting, mta) = Waiting::start()?;
    let folder = waiting.site.path("exported");
    waiting.says(&format!("export --all --dir {}", folder.display()))?;
    let [first, second, third, fourth] = waiting.ids.as_slice() else { unreachable!() };

    // Beside a running agent that nobody can reach, files are read and never changed.
    let socket = waiting.site.path("run/mta.sock");
    fs::remove_file(&socket)?;
    waiting.check("", &[0, 1, 2, 3])?;
    let error = waiting.complains(&format!("delete {first}"))?;
    assert!(error.contains("in use"), "{error}");
    waiting.check("", &[0, 1, 2, 3])?;
    assert!(mta.terminate()?.success());

    // A write that was cut off harms nothing of what stood before.
    let segments = waiting.site.path("queue/segments");
    let mut last: Vec<_> =
        fs::read_dir(&segments)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    last.sort();
    let last = last.last().context("a segment")?;
    fs::File::options().append(true).open(last)?.write_all(&[0xa5; 777])?;
    waiting.check("", &[0, 1, 2, 3])?;
    let hop = format!("--next-hop {} --reply 4.4.1", waiting.hop);
    waiting.check(&hop, &[0, 1, 2, 3])?;
    assert!(waiting.says(&format!("show {first}"))?.contains("Subject: 0"));
    assert!(waiting.says(&format!("why {first}"))?.contains("isn't running"));
    for id in &waiting.ids {
        let exported = waiting.queue(&format!("export {id}"))?.stdout;
        assert!(exported.ends_with(&fs::read(folder.join(format!("{id}.eml")))?), "{id}");
    }

    assert_eq!(waiting.says(&format!("hold {first} {second}"))?, "2 messages held\n");
    assert_eq!(waiting.says(&format!("release {second}"))?, "1 message released\n");
    assert_eq!(waiting.says(&format!("delete {third}"))?, "1 message deleted\n");
    waiting.check("--state held", &[0])?;
    let mailq = waiting.called("mailq", &[])?;
    let warned = String::from_utf8(mailq.stderr)?;
    assert!(warned.contains("Mail system is down"), "{warned}");
    let mailq = String::from_utf8(mailq.stdout)?;
    assert!(mailq.contains(&format!("{first}!")), "{mailq}");

    // The agent finds what was done.
    let mta = waiting.site.mta()?;
    waiting.check("", &[0, 1, 3])?;
    waiting.check("--state held", &[0])?;
    let tried = |id: &str| {
        let mut lines = mta.log().lines().map(str::to_owned).collect::<Vec<_>>();
        lines.retain(|line| line.contains(id) && line.contains("status=deferred"));
        lines.len()
    };
    let before = tried(fourth);
    until("what isn't held tried again", || tried(fourth) > before)?;
    Ok(())
}

#[test] // Tests row Q08: hold, delete and requeue while delivering are serialised.
fn q08_edits_while_delivering_lose_and_double_nothing() -> Result<()> {
    const SENDERS: usize = 4;
    const EACH: usize = 60;
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let sink = Sink::start_at(&stage, address, &[])?;
    let site = Site::new(&Settings::smart_host(address))?;
    let mta = site.mta()?;
    let queue = |words: &str| -> Result<String> {
        let mut command = site.command("postroad")?;
        let output = command.arg("queue").args(words.split(' ')).output()?;
        ensure!(output.status.success(), "{words}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let deliver = |sender: usize| -> Result<()> {
        let mut client = smtp::Client::connect(site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        for number in 0..EACH {
            let letter = format!("Subject: letter {sender}-{number}\r\n\r\nx\r\n");
            let to = format!("bob@{}.test", if number % 3 == 0 { "doomed" } else { "wanted" });
            let reply = client.message("anna@client.test", &[&to], letter.as_bytes())?;
            ensure!(reply.code == 250, "{reply:?}");
        }
        Ok(())
    };
    let (deliver, done) = (&deliver, AtomicBool::new(false));
    let (deleted, sent) = std::thread::scope(|scope| {
        let operator = scope.spawn(|| -> Result<u64> {
            let mut deleted = 0;
            while !done.load(Ordering::Relaxed) {
                queue("hold --all")?;
                let answer: Value =
                    serde_json::from_str(&queue("delete --domain doomed.test --json")?)?;
                deleted += answer["messages"].as_u64().context("a number")?;
                queue("release --all")?;
                queue("retry --all")?;
            }
            Ok(deleted)
        });
        let senders: Vec<_> =
            (0..SENDERS).map(|sender| scope.spawn(move || deliver(sender))).collect();
        let sent: Result<Vec<()>> =
            senders.into_iter().map(|sender| sender.join().expect("no panic")).collect();
        done.store(true, Ordering::Relaxed);
        (operator.join().expect("no panic"), sent)
    });
    sent?;
    let deleted = usize::try_from(deleted?)?;
    queue("release --all")?;
    until("an empty queue", || queue("list").is_ok_and(|list| list.is_empty()))
        .with_context(|| mta.log())?;

    let arrived = sink.messages();
    let copies = |domain_is_wanted: bool| {
        let mut counts = Vec::new();
        for sender in 0..SENDERS {
            for number in (0..EACH).filter(|number| (number % 3 != 0) == domain_is_wanted) {
                let subject = format!("Subject: letter {sender}-{number}\n");
                counts.push(arrived.iter().filter(|letter| letter.contains(&subject)).count());
            }
        }
        counts
    };
    assert!(copies(true).iter().all(|count| *count == 1), "{:?}", copies(true));
    // One that was on its way when it was deleted arrives, and was counted: it is nowhere twice, nor lost unasked.
    let doomed = copies(false);
    assert!(doomed.iter().all(|count| *count <= 1), "{doomed:?}");
    let gone = doomed.iter().filter(|count| **count == 0).count();
    assert!(gone <= deleted, "{gone} are gone, and {deleted} were deleted");
    Ok(())
}
