//! Users' rules with all our programs: what a script wants done with a letter, its sender sees from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, PASSWORD, Sink, Stage};
use postroad_tests::pop3;
use postroad_tests::process::{Process, run, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site, new_mail};

/// A host of ours whose users have rules.
struct Host {
    site: Site,
    mta: Process,
    mda: Process,
    _maa: Process,
}

impl Host {
    /// With these scripts, by their users.
    fn start(settings: &Settings, scripts: &[(&str, &str)]) -> Result<Self> {
        let site = Site::new(settings)?;
        fs::create_dir(site.path("sieve"))?;
        for (user, script) in scripts {
            fs::write(site.path(&format!("sieve/{user}.sieve")), script)?;
        }
        let (mda, mta, maa) = (site.mda()?, site.mta()?, site.maa()?);
        Ok(Self { site, mta, mda, _maa: maa })
    }

    /// Sends a letter to alice, with these fields on top; gives its queue id.
    fn send(&self, from: &str, fields: &str) -> Result<String> {
        let mut client = smtp::Client::connect(self.site.smtp)?;
        client.expect("EHLO client.test", 250)?;
        let letter = format!(
            "{fields}From: <{from}>\r\nTo: alice@our.test\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
        );
        let reply = client.message(from, &["alice@our.test"], letter.as_bytes())?;
        Ok(reply.queue_id().with_context(|| format!("{reply:?}"))?.to_owned())
    }

    /// Waits until a user has so many letters and nothing is on its way any more; gives the letters.
    fn settled(&self, user: &str, letters: usize) -> Result<Vec<String>> {
        let queue = || -> Result<String> {
            let mut command = self.site.command("postroad")?;
            let output = run(command.args(["queue", "list", "--json"]))?;
            Ok(String::from_utf8(output.stdout)?)
        };
        let has = || self.site.new_mail(user).map_or(0, |mail| mail.len());
        until("all letters where they belong", || {
            has() >= letters && queue().is_ok_and(|rows| rows.trim().is_empty())
        })
        .with_context(|| format!("{user} has {}, the queue {:?}", has(), queue()))
        .with_context(|| format!("{}\n{}", self.mta.log(), self.mda.log()))?;
        let mail = text(self.site.new_mail(user)?);
        ensure!(mail.len() == letters, "{user} has {} letters: {mail:#?}", mail.len());
        Ok(mail)
    }

    /// Waits until a letter's trace has these words.
    fn traced(&self, id: &str, words: &str) -> Result<()> {
        let trace = || -> Result<String> {
            let output = run(self.site.command("postroad")?.args(["trace", id]))?;
            Ok(String::from_utf8(output.stdout)?)
        };
        until("the rule in the trace", || trace().is_ok_and(|text| text.contains(words)))
            .with_context(|| format!("no {words:?} in {:?}", trace()))
    }
}

fn text(mail: Vec<Vec<u8>>) -> Vec<String> {
    mail.into_iter().map(|letter| String::from_utf8_lossy(&letter).into_owned()).collect()
}

/// The value of a letter's field.
fn field<'a>(letter: &'a str, name: &str) -> Option<&'a str> {
    let header = letter.split("\n\n").next().unwrap_or_default();
    header.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_letter_is_filed_where_its_rule_has_it() -> Result<()> {
    let script = "require [\"fileinto\", \"mailbox\"];\n\
         if header :contains \"List-Id\" \"rust\" {\n  fileinto :create \"Lists.Rust\";\n}\n";
    let host = Host::start(&Settings::default(), &[("alice", script)])?;
    let id = host.send("anna@client.test", "List-Id: <rust.lists.test>\r\n")?;
    host.send("anna@client.test", "")?;
    // The other one is in the inbox, where POP3 has it.
    host.settled("alice", 1)?;
    assert_eq!(new_mail(&host.site.path("mail/alice/.Lists.Rust"))?.len(), 1);
    let inbox = pop3::Client::log_in(host.site.pop3, "alice", PASSWORD)?.messages()?;
    assert_eq!(inbox.len(), 1);
    host.traced(&id, "filed into \"Lists.Rust\" by alice.sieve line 3")
}

#[test]
fn a_letter_is_sent_on_as_it_came() -> Result<()> {
    let script = "redirect \"bob@our.test\";\n";
    let host = Host::start(&Settings::default(), &[("alice", script)])?;
    let id = host.send("anna@client.test", "Bcc: secret@client.test\r\n")?;
    let mail = host.settled("bob", 1)?;
    assert_eq!(field(&mail[0], "Return-Path"), Some("<anna@client.test>"));
    assert_eq!(field(&mail[0], "Bcc"), Some("secret@client.test"));
    assert!(mail[0].contains("\nDelivered-To: alice@our.test\n"), "{}", mail[0]);
    assert!(host.site.new_mail("alice")?.is_empty());
    host.traced(&id, "sent on to bob@our.test by alice.sieve line 1")
}

const AWAY: &str = "require \"vacation\";\nvacation :days 7 \"I am away.\";\n";

#[test] // Tests RFC 5230 §4.2, §4.5 and §4.6.
fn m11_an_absence_is_told_once_and_to_people_alone() -> Result<()> {
    let host = Host::start(&Settings::default(), &[("alice", AWAY)])?;
    for (from, fields) in [
        ("bob@our.test", "List-Id: <rust.lists.test>\r\n"),
        ("bob@our.test", "Precedence: bulk\r\n"),
        ("bob@our.test", "Auto-Submitted: auto-generated\r\n"),
        ("", ""),
    ] {
        host.send(from, fields)?;
    }
    host.settled("alice", 4)?;
    host.settled("bob", 0)?;
    let id = host.send("bob@our.test", "")?;
    let answers = host.settled("bob", 1)?;
    host.send("bob@our.test", "")?;
    host.settled("alice", 6)?;
    assert_eq!(host.settled("bob", 1)?, answers);
    let answer = &answers[0];
    assert_eq!(field(answer, "Return-Path"), Some("<>"));
    assert!(field(answer, "Auto-Submitted").is_some_and(|value| value.starts_with("auto-replied")));
    assert!(answer.contains("I am away."), "{answer}");
    host.traced(&id, "bob@our.test was told of an absence by alice.sieve line 2")
}

#[test]
fn m11_two_absences_face_to_face_come_to_rest() -> Result<()> {
    let host = Host::start(&Settings::default(), &[("alice", AWAY), ("bob", AWAY)])?;
    host.send("bob@our.test", "")?;
    // Alice has bob's letter, bob has her answer, and that is all.
    host.settled("bob", 1)?;
    host.settled("alice", 1)?;
    Ok(())
}

#[test] // Tests RFC 5429 §2.1.
fn who_is_refused_is_told_why() -> Result<()> {
    let script = "require \"reject\";\nreject \"Not on a Sunday.\";\n";
    let host = Host::start(&Settings::default(), &[("alice", script)])?;
    let id = host.send("bob@our.test", "")?;
    let mail = host.settled("bob", 1)?;
    assert_eq!(field(&mail[0], "Return-Path"), Some("<>"));
    assert!(mail[0].contains("550 5.7.1 Not on a Sunday."), "{}", mail[0]);
    assert!(mail[0].contains("\nStatus: 5.7.1\n"), "{}", mail[0]);
    assert!(host.site.new_mail("alice")?.is_empty());
    host.traced(&id, "refused by alice.sieve line 2")
}

#[test]
fn m10_two_who_send_on_to_each_other_come_to_rest() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let scripts =
        [("alice", "redirect \"bob@our.test\";"), ("bob", "redirect \"alice@our.test\";")];
    let host = Host::start(&Settings::smart_host(sink.address), &scripts)?;
    host.send("anna@client.test", "")?;
    until("a notice to the sender", || !sink.messages().is_empty())
        .with_context(|| format!("{}\n{}", host.mta.log(), host.mda.log()))?;
    for user in ["alice", "bob"] {
        host.settled(user, 0)?;
    }
    let [notice] = &sink.messages()[..] else { panic!("{:?}", sink.messages()) };
    assert!(notice.contains("554 5.4.6 Mail is looping"), "{notice}");
    Ok(())
}

#[test]
fn a_script_with_a_mistake_loses_nothing_and_its_user_is_told_once() -> Result<()> {
    let host = Host::start(&Settings::default(), &[("alice", "fileinto \"Lists\";\n")])?;
    let id = host.send("anna@client.test", "")?;
    host.settled("alice", 2)?;
    host.send("anna@client.test", "")?;
    let mail = host.settled("alice", 3)?;
    let told: Vec<&String> =
        mail.iter().filter(|letter| letter.contains("Your mail rules have a mistake")).collect();
    let [told] = &told[..] else { panic!("{mail:#?}") };
    assert!(told.contains("alice.sieve:1:1:"), "{told}");
    host.traced(&id, "kept in the inbox, for the rules can't be followed")
}

/// The operator hears of it before a letter finds it: `postroad check` asks the delivery agent beside it.
#[test]
fn m04_check_names_rules_that_are_not_run_or_have_mistakes() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    fs::create_dir(site.path("sieve"))?;
    fs::write(site.path("sieve/alice.sieve"), "kep;\n")?;
    let bobs = site.path("sieve/bob.sieve");
    fs::write(&bobs, "keep;\n")?;
    fs::set_permissions(&bobs, fs::Permissions::from_mode(0o666))?;
    let output = run(site.command("postroad")?.arg("check"))?;
    let said = String::from_utf8(output.stdout)?;
    assert!(said.contains("alice.sieve:1:1: "), "{said}");
    assert!(said.contains("letters to bob wait: ") && said.contains("chmod go-w it"), "{said}");
    Ok(())
}
