//! The power fails at each call that a delivery makes to the disk, each call fails in turn, and the process is killed
//! at each: over every way that a letter can take (inbox, folders, rules, what they remember, the ledger).
//!
//! Whatever that leaves, and whoever hands the letter over once more, since no reply came or it was lost:
//! - what was answered 250 is there, whole, and is recognised as a repeat;
//! - what wasn't answered is absent or whole, and then there is exactly one of it, in each place where it is to be;
//! - nothing in a new/ or cur/ is half a letter, and that stays so after the next power cut.
//!
//! Builds without one of the syncs have to be found.

use std::collections::BTreeMap;

use bytes::Bytes;
use postroad_protocol::address::{Address, ForwardPath, ReversePath};
use postroad_protocol::command::ClientName;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::trace_fields::{Secured, With};
use postroad_testkit::lying_disk::{Sync, SyncOf};
use postroad_testkit::power_cut::{Cut, Cuts, Length, Violation};
use postroad_testkit::{LyingDisk, Recording};
use tokio::sync::mpsc::unbounded_channel;

use super::relay::Relay;
use super::*;
use crate::letter::Header;
use crate::lmtp::delivery::{Letter, Progress, Teller};
use crate::lmtp::destination::Destination;
use crate::lmtp::filing::file;

/// Trees that are drawn at each call.
const TREES: u64 = 60;

const REPEAT: &str = "Recognised as a repeat: the letter is here already";

/// What is delivered.
#[derive(Debug, Clone, Copy)]
struct Story {
    name: &'static str,
    /// Alice's rules.
    script: &'static str,
    /// What its topmost `Received` says of each letter's queue entry.
    queue_id: &'static str,
    settings: &'static str,
    to: &'static str,
    letters: usize,
    octets: usize,
    /// Whether the mailboxes were there before.
    there: There,
    /// Where each letter is to be, below the mailboxes.
    places: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Nothing,
    Mailboxes,
    /// And what is kept account of, since longer than a week.
    OldLedger,
    /// And letters and a ledger of the time before a power cut.
    LedgerInDoubt,
}

const ONE: Story = Story {
    name: "one",
    script: "",
    queue_id: "id 4ABC",
    settings: "",
    to: "alice",
    letters: 1,
    octets: 700,
    there: There::Mailboxes,
    places: &["alice"],
};

const STORIES: &[Story] = &[
    ONE,
    Story { name: "three", letters: 3, ..ONE },
    Story { name: "a large one", octets: 140_000, ..ONE },
    Story { name: "one for a new mailbox", there: There::Nothing, ..ONE },
    Story { name: "two when the ledger is full", there: There::OldLedger, letters: 2, ..ONE },
    Story { name: "two when the power was cut", there: There::LedgerInDoubt, letters: 2, ..ONE },
    Story { name: "for two by an alias", to: "both", places: &["alice", "bob"], ..ONE },
    Story {
        name: "counted by a quota",
        settings: "[mda.quota]\nstorage = \"1MiB\"",
        letters: 2,
        ..ONE
    },
    Story {
        name: "into a new folder",
        script: "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Lists\";",
        letters: 2,
        places: &["alice/.Lists"],
        ..ONE
    },
    Story {
        name: "into a new folder of a new mailbox",
        script: "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Lists\";",
        there: There::Nothing,
        places: &["alice/.Lists"],
        ..ONE
    },
    Story {
        name: "into three folders",
        script: "require [\"fileinto\", \"mailbox\"];
            fileinto :create \"A\"; fileinto :create \"B\"; keep;",
        places: &["alice/.A", "alice/.B", "alice"],
        ..ONE
    },
    Story {
        name: "with flags",
        script: "require [\"imap4flags\"]; keep :flags [\"\\\\Seen\"];",
        letters: 2,
        ..ONE
    },
    Story { name: "discarded", script: "discard;", letters: 2, places: &[], ..ONE },
    Story {
        name: "remembered by rules",
        script: "require [\"duplicate\"]; if duplicate { discard; }",
        letters: 2,
        ..ONE
    },
    Story {
        name: "sent on and kept",
        script: "require [\"copy\", \"vacation\"];
            redirect :copy \"far@away.example\"; vacation \"Back on Monday.\";",
        letters: 2,
        ..ONE
    },
    Story { name: "sent on", script: "redirect \"far@away.example\";", places: &[], ..ONE },
];

/// A build of the delivery agent.
struct Build {
    disk: Box<dyn Fn(FaultyDisk) -> Arc<dyn Disk>>,
}

impl Build {
    fn sound() -> Self {
        Self { disk: Box::new(|disk| Arc::new(disk)) }
    }

    fn forgetting(forgets: fn(Sync<'_>) -> bool) -> Self {
        let disk = move |disk| Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets)) as _;
        Self { disk: Box::new(disk) }
    }
}

/// The settings of all processes of a story; mailboxes are on the simulated disk.
struct Stage {
    place: Place,
    /// Takes what rules send on.
    relay: Relay,
    story: Story,
}

/// A letter, and what was answered when (in calls).
#[derive(Debug, Clone)]
struct Handed {
    text: String,
    answered: Option<usize>,
}

impl Stage {
    fn new(story: &Story) -> Self {
        let place = Place::with(
            Arc::new(NoLinks),
            &format!("mda.maildir = \"/mail/{{user}}\"\n{}", story.settings),
        );
        if !story.script.is_empty() {
            place.script("alice", story.script);
        }
        let relay = place.relay();
        Self { place, relay, story: *story }
    }

    /// A process of the delivery agent.
    fn start(&self, disk: Arc<dyn Disk>) -> Arc<Shared> {
        let (_, shutdown) = Shutdown::manual();
        Arc::new(Shared::new(self.place.shared.config.clone(), disk, shutdown).unwrap())
    }

    fn letters(&self) -> Vec<Handed> {
        let letter = |n: usize| {
            let body = "0123456789abcdefghijklmnopqrstuvwxyz\r\n".repeat(self.story.octets / 38);
            let text = format!(
                "Received: by x with ESMTP {id}{n}; date\r\nMessage-ID: <m{n}@x.example>\r\nTo: alice@our.example\r\n\r\n{body}end {n}\r\n",
                id = self.story.queue_id
            );
            Handed { text, answered: None }
        };
        (0..self.story.letters).map(letter).collect()
    }

    /// A disk with what was there before, durably.
    fn disk(&self) -> FaultyDisk {
        let disk = FaultyDisk::new();
        disk.put_dir(Path::new("/mail"));
        if self.story.there == There::Nothing {
            return disk;
        }
        for user in ["alice", "bob"] {
            for part in ["tmp", "new", "cur"] {
                disk.put_dir(&Path::new("/mail").join(user).join(part));
            }
        }
        let ledger = Path::new("/mail/alice/postroad-deliveries");
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        match self.story.there {
            There::Nothing | There::Mailboxes => {}
            There::OldLedger => {
                let text = format!("\nboot 0\n\n1000 done {0}\n\n{now} done {0}\n", "A".repeat(16));
                disk.put(ledger, text.as_bytes());
            }
            There::LedgerInDoubt => {
                let text = format!("\nboot before\n\n{now} done {0}\n\0\0\0", "A".repeat(16));
                disk.put(ledger, text.as_bytes());
            }
        }
        disk
    }

    /// Hands over a letter; gives the reply.
    fn hand_over(&self, shared: &Arc<Shared>, text: &str) -> Reply {
        let start = Bytes::copy_from_slice(text.as_bytes());
        let letter = Arc::new(Letter {
            header: Header::read(&start),
            start,
            rest: None,
            whole: std::sync::Mutex::default(),
            sameness: std::sync::OnceLock::new(),
            return_path: ReversePath::parse("eve@elsewhere.example").unwrap(),
            client: ClientName::parse("client.example").unwrap(),
            address: None,
            with: With::Lmtp(Secured::Clear),
            utf8: Utf8::Ascii,
            ret: None,
            envid: None,
            arrived: std::time::SystemTime::now(),
        });
        let address = Address::parse(&format!("{}@our.example", self.story.to)).unwrap();
        let to = Destination::find(shared, &ForwardPath::Address(address)).unwrap();
        let (tell, mut hear) = unbounded_channel();
        file(shared, &letter, to, Teller::new(tell, 0));
        loop {
            match hear.try_recv() {
                Ok((_, Progress::Done(reply, _))) => return reply,
                Ok(_) => {}
                // One letter at a time leads its own sync: the reply is there.
                Err(_) => panic!("no reply"),
            }
        }
    }

    fn deliver(&self, build: &Build, disk: &FaultyDisk, letters: &mut [Handed]) {
        let shared = self.start((build.disk)(disk.clone()));
        for letter in letters {
            let reply = self.hand_over(&shared, &letter.text);
            if reply.code().value() == 250 {
                letter.answered = Some(disk.recorded());
            }
        }
    }

    /// How many letters there are in each place; or what is half a letter.
    fn shown(
        &self,
        disk: &FaultyDisk,
        letters: &[Handed],
    ) -> Result<Vec<BTreeMap<PathBuf, usize>>, String> {
        let mut shown = vec![BTreeMap::new(); letters.len()];
        for path in disk.files() {
            let (Some(part), Some(name)) = (path.parent(), path.file_name()) else { continue };
            if !part.ends_with("new") && !part.ends_with("cur") {
                continue;
            }
            let text = String::from_utf8(disk.read(&path).unwrap()).unwrap_or_default();
            let is = |letter: &Handed| {
                let letter = letter.text.replace("\r\n", "\n");
                text.starts_with("Return-Path: <eve@elsewhere.example>\nDelivered-To: ")
                    && text.strip_suffix(&letter).is_some_and(|top| top.ends_with("+0000\n"))
            };
            let sized = name.to_string_lossy().contains(&format!(",S={},W=", text.len()));
            match letters.iter().position(is).filter(|_| sized) {
                Some(n) => *shown[n].entry(part.parent().unwrap().to_owned()).or_default() += 1,
                None => return Err(format!("half a letter in {}", path.display())),
            }
        }
        Ok(shown)
    }

    /// Whether there is each letter for which `must` says so, once in each place.
    fn check_there(
        &self,
        disk: &FaultyDisk,
        letters: &[Handed],
        must: impl Fn(&Handed) -> bool,
    ) -> Result<(), String> {
        let places: BTreeMap<PathBuf, usize> =
            self.story.places.iter().map(|place| (Path::new("/mail").join(place), 1)).collect();
        for (letter, shown) in letters.iter().zip(self.shown(disk, letters)?) {
            if must(letter) && shown != places {
                return Err(format!("a letter is in {shown:?}"));
            }
            if shown.iter().any(|(place, count)| *count > 1 || !places.contains_key(place)) {
                return Err(format!("an unanswered letter is in {shown:?}"));
            }
        }
        Ok(())
    }

    /// What the next process finds, and what comes of all letters when they are handed over again.
    fn check_next(
        &self,
        disk: &FaultyDisk,
        letters: &[Handed],
        answered: impl Fn(&Handed) -> bool,
    ) -> Result<(), String> {
        self.check_there(disk, letters, &answered)?;
        check_memory(disk)?;
        self.check_again(&self.start(Arc::new(disk.clone())), disk, letters, answered)?;
        // And that is durable.
        let next = disk.restart_after_cut();
        self.check_there(&next, letters, |_| true)
            .map_err(|what| format!("after the next power cut: {what}"))
    }

    /// What comes of all letters when they are handed over again.
    fn check_again(
        &self,
        shared: &Arc<Shared>,
        disk: &FaultyDisk,
        letters: &[Handed],
        answered: impl Fn(&Handed) -> bool,
    ) -> Result<(), String> {
        for letter in letters {
            let sent = self.relay.taken().len();
            let reply = self.hand_over(shared, &letter.text);
            if reply.code().value() != 250 {
                return Err(format!("a mailbox takes no letters any more: {reply}"));
            }
            if answered(letter) && !reply.to_string().contains(REPEAT) {
                return Err(format!("a repeat was not recognised: {reply}"));
            }
            if answered(letter) && self.relay.taken().len() != sent {
                return Err("a letter was sent on again".to_owned());
            }
        }
        self.check_there(disk, letters, |_| true)
    }

    /// Plays it once; gives all that the disk went through, and what was answered.
    fn play(&self, build: &Build) -> (Recording, Vec<Handed>) {
        let (disk, mut letters) = (self.disk(), self.letters());
        disk.record();
        self.deliver(build, &disk, &mut letters);
        assert!(letters.iter().all(|letter| letter.answered.is_some()), "{:?}", self.story);
        (disk.recording(), letters)
    }
}

/// Whether what rules remember is whole.
fn check_memory(disk: &FaultyDisk) -> Result<(), String> {
    let memory = disk.read(Path::new("/mail/alice/postroad-rules-memory")).unwrap_or_default();
    let whole =
        memory.is_empty() || memory.ends_with(b"\n") && memory.is_ascii() && !memory.contains(&0);
    whole.then_some(()).ok_or_else(|| "half a memory".to_owned())
}

fn check_story(cuts: &mut Cuts, build: &Build, story: &Story) -> Result<(), Violation> {
    let stage = Stage::new(story);
    let (recording, letters) = stage.play(build);
    cuts.at_each_call(story.name, &recording, TREES, |Cut { calls, disk }| {
        stage
            .check_next(&disk, &letters, |letter| letter.answered.is_some_and(|when| when <= calls))
    })
}

#[test]
fn f02_ten_thousand_power_cuts_in_the_delivery_agent_lose_no_letter_and_double_none() {
    let count = Length::from_env().play(|cuts| {
        STORIES.iter().try_for_each(|story| check_story(cuts, &Build::sound(), story))
    });
    assert!(count >= 10_000, "only {count} power cuts");
}

/// Hands all letters over with such a plan for each call in turn; then everything works again, and they are handed
/// over once more: to the same process, to the next one, and after a power cut.
fn check_plan(story: &Story, plan: impl Fn(u64) -> Plan) {
    let stage = Stage::new(story);
    for call in 0.. {
        let (disk, mut letters) = (stage.disk(), stage.letters());
        disk.plan(plan(call));
        let shared = stage.start(Arc::new(disk.clone()));
        for letter in &mut letters {
            let reply = stage.hand_over(&shared, &letter.text);
            letter.answered = (reply.code().value() == 250).then_some(0);
        }
        let calls = disk.calls();
        let Some(last) = calls.get(usize::try_from(call).unwrap()) else {
            assert!(letters.iter().all(|letter| letter.answered.is_some()), "{}", story.name);
            return;
        };
        let answered = |letter: &Handed| letter.answered.is_some();
        let all = || -> Result<(), String> {
            stage.check_there(&disk, &letters, answered)?;
            disk.plan(Plan::Sound);
            if !matches!(plan(call), Plan::Kill { .. }) {
                let left = disk.copy();
                stage.check_again(&shared, &disk, &letters, |_| false)?;
                stage.check_next(&left, &letters, |_| false)?;
            }
            // What left no letter is known again only where the ledger could be written.
            let known = |letter: &Handed| answered(letter) && !story.places.is_empty();
            stage.check_next(&disk.restart(), &letters, known)?;
            stage.check_next(&disk.restart_after_cut(), &letters, known)
        };
        let checked = all();
        assert!(checked.is_ok(), "{}, {:?} at {last}: {checked:?}", story.name, plan(call));
    }
}

#[test]
fn f01_the_delivery_agent_is_killed_at_each_call() {
    STORIES.iter().for_each(|story| check_plan(story, |call| Plan::Kill { call }));
}

#[test]
fn f08_m06_each_call_of_a_delivery_fails_once_or_from_then_on() {
    for story in STORIES.iter().filter(|story| story.octets < 100_000) {
        for errno in [EIO, ENOSPC] {
            check_plan(story, |call| Plan::Fail { call, errno });
            check_plan(story, |call| Plan::FailFrom { call, errno });
        }
    }
}

/// The harness reports it, in words that have this in them.
#[track_caller]
fn check_caught(forgets: fn(Sync<'_>) -> bool, name: &str, expected: &str) {
    let story = STORIES.iter().find(|story| story.name == name).unwrap();
    let caught = check_story(&mut Cuts::of_seed(1), &Build::forgetting(forgets), story);
    let violation = caught.expect_err("a broken build went unnoticed");
    assert!(violation.to_string().contains(expected), "{violation}");
}

#[test]
fn f02_a_build_that_does_not_sync_a_letter_is_caught() {
    let in_tmp =
        |sync: Sync<'_>| sync.of == SyncOf::Content && sync.path.starts_with("/mail/alice/tmp");
    check_caught(in_tmp, "one", "half a letter");
}

#[test]
fn f02_a_build_that_does_not_sync_names_is_caught() {
    for (part, name) in [
        ("/mail/alice/new", "one"),
        ("/mail/alice/cur", "with flags"),
        ("/mail/alice/.B/new", "into three folders"),
        ("/mail/alice", "into a new folder of a new mailbox"),
    ] {
        let story = STORIES.iter().find(|story| story.name == name).unwrap();
        let build = Build {
            disk: Box::new(move |disk| {
                let forgets =
                    move |sync: Sync<'_>| sync.of == SyncOf::Names && sync.path == Path::new(part);
                Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets))
            }),
        };
        let caught = check_story(&mut Cuts::of_seed(1), &build, story);
        let violation = caught.expect_err("a broken build went unnoticed").to_string();
        assert!(violation.contains("a letter is in {"), "{violation}");
    }
}

/// What leaves no letter has only its line.
#[test]
fn f02_a_build_that_does_not_sync_what_was_discarded_is_caught() {
    let content =
        |sync: Sync<'_>| sync.of == SyncOf::Content && sync.path.ends_with("postroad-deliveries");
    check_caught(content, "discarded", "a repeat was not recognised");
    let name = |sync: Sync<'_>| sync.of == SyncOf::Names && sync.path == Path::new("/mail/alice");
    check_caught(name, "discarded", "a repeat was not recognised");
}

#[test]
fn f02_a_build_that_does_not_sync_what_rules_remember_is_caught() {
    let memory = |sync: Sync<'_>| {
        sync.of == SyncOf::Content
            && sync.last_write.ends_with(b"\n")
            && sync.last_write.len() < 100
    };
    check_caught(memory, "remembered by rules", "half a memory");
}

/// A delivery that can't be known again is doubled; so the harness sees doubles.
#[test]
fn f02_a_build_that_recognises_nothing_is_caught() {
    let story = Story { name: "without a queue id", queue_id: "", ..ONE };
    let caught = check_story(&mut Cuts::of_seed(1), &Build::sound(), &story);
    let violation = caught.expect_err("a broken build went unnoticed").to_string();
    assert!(
        violation.contains("a repeat was not recognised")
            || violation.contains("\"/mail/alice\": 2"),
        "{violation}"
    );
}
