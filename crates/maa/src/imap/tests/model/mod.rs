//! Random commands of three sessions on a few mailboxes, and another program's changes, beside a model of what has to
//! come of them.
//!
//! Each client knows what it was told, and nothing else; after each NOOP that has to be what the model holds. UIDs name
//! one letter for ever, UIDVALIDITY and mod-sequences never fall, nothing is expunged while a client counts by numbers,
//! and a session whose mailbox was removed or renamed under it changes nothing any more.
//!
//! `POSTROAD_CRASH_SEED` repeats a run, or tries another one; `POSTROAD_MODEL_STEPS` makes it longer.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::{Client, Place};
use view::{Flags, Line, View};

mod commands;
mod outside;
mod view;

const STEPS: usize = 100_000;
const SEED: u64 = 5321;
const CLIENTS: usize = 3;
/// A mailbox that has more gets no more.
const LETTERS_MAX: usize = 10;
/// Commands that are shown where something is wrong.
const LOGGED: usize = 60;
/// What has to have happened now and then, for a run to mean anything.
const TRIED: [&str; 14] = [
    "APPENDUID",
    "BYE",
    "COPYUID",
    "ESEARCH",
    "EXPUNGEISSUED",
    "MODIFIED",
    "REPLACE here",
    "REPLACE into another mailbox",
    "VANISHED (EARLIER)",
    "a change by others under a silent one",
    "a mailbox that is another one now",
    "a mailbox that is gone",
    "told of another mailbox",
    "told without being asked",
];
const FOLDERS: [&str; 5] = ["INBOX", "A", "B", "A.X", "B.X"];

/// Xorshift (Marsaglia 2003): small, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % u64::try_from(bound).unwrap()).unwrap()
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Few of them.
    fn flags(&mut self) -> Flags {
        let mut bits = || Flags::try_from(self.below(1 << view::NAMES.len())).unwrap();
        bits() & bits()
    }
}

#[derive(Debug, Clone)]
struct Letter {
    /// None knows it before a client has seen it.
    uid: Option<u32>,
    text: u32,
    flags: Flags,
    /// What the flags may be as well: of a change that met one by another program.
    or: Option<Flags>,
    /// Another program has changed it, and nobody has looked since.
    touched: bool,
}

#[derive(Debug, Default)]
struct Mailbox {
    /// No other one has it.
    which: u32,
    uid_validity: Option<u32>,
    letters: Vec<Letter>,
    /// The greatest UID that was told.
    last_uid: u32,
    highest_modseq: u64,
    /// The last change that was told of each UID.
    told: HashMap<u32, (u64, Flags)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    CondStore,
    QResync,
}

/// UIDVALIDITY, mod-sequence, letters.
type Kept = (u32, u64, Vec<(u32, Flags)>);

/// Which protocol a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Revision {
    One,
    /// RFC 9051, once it was enabled.
    Two,
}

/// When a client hears of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hears {
    AtCommands,
    /// NOTIFY (RFC 5465): between them, too, and of other mailboxes.
    AnyTime,
}

struct Peer {
    client: Client,
    kind: Kind,
    revision: Revision,
    hears: Hears,
    view: Option<View>,
    /// What it knew of a mailbox when it was in step the last time.
    kept: HashMap<String, Kept>,
}

/// What was said to a command.
struct Said {
    lines: Vec<Line>,
    end: String,
}

impl Said {
    fn is_ok(&self) -> bool {
        self.end.starts_with("a OK")
    }

    /// The arguments of a response code.
    fn code(&self, name: &str) -> Option<Vec<String>> {
        let others = self.lines.iter().filter_map(|line| match line {
            Line::Other(text) => Some(text),
            _ => None,
        });
        let start = format!("[{name} ");
        let mut found =
            others.chain([&self.end]).filter_map(|text| view::between(text, &start, "]"));
        found.next().map(|found| found.split(' ').map(str::to_owned).collect())
    }
}

struct World {
    place: Place,
    random: Random,
    seed: u64,
    step: usize,
    peers: Vec<Peer>,
    mailboxes: BTreeMap<String, Mailbox>,
    subscribed: BTreeSet<String>,
    /// The greatest UIDVALIDITY that a name ever had.
    validities: HashMap<String, u32>,
    /// Which letter each UID is, for ever: by UIDVALIDITY.
    named: HashMap<(String, u32, u32), u32>,
    count: u32,
    /// How often there was what is to be tried.
    tried: BTreeMap<&'static str, usize>,
    log: VecDeque<String>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.log.iter().for_each(|line| eprintln!("{line}"));
            eprintln!("POSTROAD_CRASH_SEED={}, step {}", self.seed, self.step);
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        // Where syncs cost nothing, if there is such a place.
        let memory = std::path::Path::new("/dev/shm");
        let place = match tempfile::tempdir_in(memory) {
            Ok(dir) => Place::in_directory(dir),
            Err(_) => Place::new(),
        };
        let mut random = Random(seed.wrapping_mul(2).wrapping_add(1));
        for _ in 0..8 {
            random.below(2);
        }
        let mailboxes = BTreeMap::from([("INBOX".to_owned(), Mailbox::default())]);
        let mut world = Self {
            place,
            random,
            seed,
            step: 0,
            peers: Vec::new(),
            mailboxes,
            subscribed: BTreeSet::new(),
            validities: HashMap::new(),
            named: HashMap::new(),
            count: 0,
            tried: BTreeMap::new(),
            log: VecDeque::new(),
        };
        for _ in 0..CLIENTS {
            let peer = world.connect();
            world.peers.push(peer);
        }
        world
    }

    fn connect(&mut self) -> Peer {
        let mut client = self.place.connect();
        let kind = [Kind::Plain, Kind::CondStore, Kind::QResync][self.random.below(3)];
        match kind {
            Kind::Plain => {}
            Kind::CondStore => drop(client.ok("ENABLE CONDSTORE")),
            Kind::QResync => drop(client.ok("ENABLE QRESYNC")),
        }
        let revision = match self.random.once_in(2) {
            true => Revision::One,
            false => Revision::Two,
        };
        if revision == Revision::Two {
            client.ok("ENABLE IMAP4rev2");
        }
        let hears = match self.random.once_in(3) {
            true => Hears::AnyTime,
            false => Hears::AtCommands,
        };
        if hears == Hears::AnyTime {
            client.ok("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) \
                 (personal (MessageNew MessageExpunge))");
        }
        Peer { client, kind, revision, hears, view: None, kept: HashMap::new() }
    }

    fn reconnect(&mut self, who: usize) {
        let mut peer = self.connect();
        // It is the same client: what it has kept, it has.
        peer.kept = std::mem::take(&mut self.peers[who].kept);
        self.peers[who] = peer;
    }

    fn note(&mut self, line: String) {
        if self.log.len() == LOGGED {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    fn send(&mut self, who: usize, command: &str) -> Said {
        let Peer { client, kind, revision, hears, .. } = &mut self.peers[who];
        let mut said = client.command(command);
        let peer = format!("{who} {kind:?} {revision:?} {hears:?}");
        self.note(format!("{peer}: {command:?}\n        {said:?}"));
        if self.peers[who].client.session.is_over {
            assert!(self.lost(who).is_some_and(|lost| lost), "BYE without need");
            self.tried("BYE");
            self.peers[who].view = None;
            self.reconnect(who);
        }
        let end = said.pop().unwrap();
        assert!(!end.starts_with("a BAD"), "{end}");
        let by_numbers = ["FETCH", "STORE", "SEARCH"].iter().any(|name| command.starts_with(name));
        let lines = view::lines(said);
        let is_expunge = |line: &Line| matches!(line, Line::Expunge(_) | Line::Vanished(_));
        assert!(!(by_numbers && lines.iter().any(is_expunge)), "expunged while it counts");
        let said = Said { lines, end };
        for code in ["MODIFIED", "EXPUNGEISSUED", "COPYUID", "APPENDUID"] {
            if said.code(code).is_some() || said.end.contains(code) {
                self.tried(code);
            }
        }
        if said.lines.iter().any(|line| matches!(line, Line::VanishedEarlier(_))) {
            self.tried("VANISHED (EARLIER)");
        }
        said
    }

    /// What a client hears that has asked for it, between two commands.
    fn unasked(&mut self, who: usize) {
        let said = self.peers[who].client.unasked();
        self.note(format!("{who}, unasked:\n        {said:?}"));
        if self.peers[who].client.session.is_over {
            assert!(self.lost(who).is_some_and(|lost| lost), "BYE without need");
            self.peers[who].view = None;
            return self.reconnect(who);
        }
        let lines = view::lines(said);
        if !lines.is_empty() {
            self.tried("told without being asked");
        }
        self.hear(who, &Said { lines, end: String::new() });
    }

    /// Of mailboxes that it hasn't open: how many letters there are, as they are looked at in that moment.
    fn hear_of_others(&mut self, who: usize, lines: &[Line]) {
        // What the client has asked for has more in it.
        let statuses = lines.iter().filter_map(|line| match line {
            Line::Other(text) => text.strip_prefix("* STATUS ").filter(|it| !it.contains("UNSEEN")),
            _ => None,
        });
        let mut heard = 0;
        for status in statuses {
            let (name, items) = status.split_once(" (").unwrap();
            let open = self.peers[who].view.as_ref().is_some_and(|view| view.name == name);
            assert!(!open || self.lost(who) == Some(true), "STATUS of the mailbox that is open");
            let told = view::between(items, "MESSAGES ", " ").unwrap();
            let Some(mailbox) = self.mailboxes.get_mut(name) else { continue };
            assert_eq!(told, mailbox.letters.len().to_string(), "MESSAGES of {name}");
            mailbox.looked_at();
            heard += 1;
        }
        if heard > 0 {
            self.tried("told of another mailbox");
        }
    }

    fn tried(&mut self, what: &'static str) {
        *self.tried.entry(what).or_default() += 1;
    }

    /// Whether the mailbox that a session has open isn't there any more; `None` where it has none open.
    fn lost(&self, who: usize) -> Option<bool> {
        let view = self.peers[who].view.as_ref()?;
        Some(self.mailboxes.get(&view.name).is_none_or(|mailbox| mailbox.which != view.which))
    }

    /// The view of a session, and its mailbox, where that is there.
    fn open(&mut self, who: usize) -> Option<(&mut View, &mut Mailbox)> {
        let view = self.peers[who].view.as_mut()?;
        let mailbox = self.mailboxes.get_mut(&view.name)?;
        (mailbox.which == view.which).then_some((view, mailbox))
    }

    /// A client takes in what it was told about the mailbox that it has open, and asks for what it doesn't know.
    fn hear(&mut self, who: usize, said: &Said) {
        self.hear_of_others(who, &said.lines);
        self.take(who, &said.lines);
        self.ask(who);
        if let Some((_, mailbox)) = self.open(who) {
            mailbox.looked_at();
        }
    }

    fn take(&mut self, who: usize, lines: &[Line]) {
        for line in lines {
            let Some((view, mailbox)) = self.open(who) else { return };
            view.hear(line);
            let Line::Fetch(fetch) = line else { continue };
            let Some(uid) = view.letters[fetch.number - 1].uid else { continue };
            let name = view.name.clone();
            let adopted = mailbox.told(uid, fetch);
            let uid_validity = mailbox.uid_validity.unwrap();
            if let Some(text) = adopted {
                self.name(&name, uid_validity, uid, text);
            }
        }
    }

    fn ask(&mut self, who: usize) {
        let more = match self.peers[who].kind {
            Kind::Plain => "",
            Kind::CondStore | Kind::QResync => " MODSEQ",
        };
        let Some((view, mailbox)) = self.open(who) else { return };
        // With QRESYNC all is told but which letter it is.
        let some_unseen = mailbox.letters.iter().any(|letter| letter.uid.is_none());
        let is_unseen = |uid| some_unseen && mailbox.letters.iter().all(|letter| letter.uid != uid);
        let is_unknown = |known: &view::Known| {
            known.uid.is_none() || known.flags.is_none() || is_unseen(known.uid)
        };
        let Some(first) = view.letters.iter().position(is_unknown) else { return };
        let command = format!("FETCH {}:* (UID FLAGS{more} BODY.PEEK[TEXT])", first + 1);
        let said = self.send(who, &command);
        self.take(who, &said.lines);
    }

    /// A UID is a letter's, for ever.
    fn name(&mut self, name: &str, uid_validity: u32, uid: u32, text: u32) {
        let before = self.named.insert((name.to_owned(), uid_validity, uid), text);
        assert!(before.is_none_or(|before| before == text), "UID {uid} is given again in {name}");
    }

    /// UIDVALIDITY, as it was told.
    fn validity(&mut self, name: &str, told: u32) {
        let mailbox = self.mailboxes.get_mut(name).unwrap();
        let last = self.validities.entry(name.to_owned()).or_default();
        match mailbox.uid_validity {
            Some(known) => assert_eq!(known, told, "another UIDVALIDITY of {name}"),
            None => assert!(told > *last, "UIDVALIDITY of {name} is given again"),
        }
        mailbox.uid_validity = Some(told);
        *last = told.max(*last);
    }

    /// A letter with a UID that its mailbox has never given before.
    fn add(&mut self, name: &str, uid_validity: u32, letter: Letter) {
        self.validity(name, uid_validity);
        let uid = letter.uid.unwrap();
        self.name(name, uid_validity, uid, letter.text);
        let mailbox = self.mailboxes.get_mut(name).unwrap();
        assert!(uid > mailbox.last_uid, "UID {uid} of {name} isn't greater than those before");
        mailbox.last_uid = uid;
        mailbox.letters.push(letter);
    }

    /// What a client knows is what is there.
    fn compare(&mut self, who: usize) {
        let Some((view, mailbox)) = self.open(who) else { return };
        let mut expected = Vec::new();
        for letter in &mut mailbox.letters {
            let uid = letter.uid.expect("a letter that the client was never told of");
            let known = view.letters.iter().find(|known| known.uid == Some(uid));
            if let Some(or) = letter.or.take()
                && known.is_some_and(|known| known.flags == Some(or))
            {
                letter.flags = or;
            }
            expected.push((uid, letter.flags));
        }
        expected.sort_unstable();
        let known = |known: &view::Known| (known.uid.unwrap(), known.flags.unwrap());
        let known: Vec<(u32, Flags)> = view.letters.iter().map(known).collect();
        assert_eq!(known, expected, "what the client knows, and what is there, in {}", view.name);
        let (name, modseq) = (view.name.clone(), view.modseq);
        let uid_validity = mailbox.uid_validity.unwrap();
        self.peers[who].kept.insert(name, (uid_validity, modseq, known));
    }

    fn any_name(&mut self) -> String {
        let known: Vec<&String> = self.mailboxes.keys().collect();
        match self.random.once_in(3) {
            true => known[self.random.below(known.len())].clone(),
            false => FOLDERS[self.random.below(FOLDERS.len())].to_owned(),
        }
    }

    fn new_mailbox(&mut self) -> Mailbox {
        self.count += 1;
        Mailbox { which: self.count, ..Mailbox::default() }
    }

    fn new_text(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn is_full(&self, name: &str) -> bool {
        self.mailboxes.get(name).is_some_and(|mailbox| mailbox.letters.len() >= LETTERS_MAX)
    }
}

impl Mailbox {
    /// Another program's changes are seen.
    fn looked_at(&mut self) {
        self.letters.iter_mut().for_each(|letter| letter.touched = false);
    }

    fn letter(&mut self, uid: u32) -> Option<&mut Letter> {
        self.letters.iter_mut().find(|letter| letter.uid == Some(uid))
    }

    fn modseq(&mut self, told: u64) {
        assert!(told >= self.highest_modseq, "HIGHESTMODSEQ fell");
        self.highest_modseq = told;
    }

    /// What is told of a letter has to be so. Gives the text of one that nobody has seen before.
    fn told(&mut self, uid: u32, fetch: &view::Fetch) -> Option<u32> {
        let mut adopted = None;
        if let Some(text) = fetch.text {
            match self.letter(uid) {
                Some(letter) => assert_eq!(letter.text, text, "UID {uid} is another letter"),
                None => adopted = self.adopt(uid, text, fetch.flags),
            }
        }
        let Some(flags) = fetch.flags else { return adopted };
        if let Some(letter) = self.letter(uid) {
            if letter.or == Some(flags) {
                letter.flags = flags;
            }
            let is_right = letter.flags == flags;
            assert!(is_right || letter.touched, "UID {uid} has {}", view::names_of(letter.flags));
            if is_right && !letter.touched {
                letter.or = None;
            }
        }
        if let Some(modseq) = fetch.modseq {
            let (before, known) = self.told.get(&uid).copied().unwrap_or_default();
            assert!(modseq >= before, "the mod-sequence of UID {uid} fell");
            assert!(modseq > before || known == flags, "UID {uid} was changed without one");
            self.told.insert(uid, (modseq, flags));
            self.highest_modseq = self.highest_modseq.max(modseq);
        }
        adopted
    }

    /// A letter that another program has put there. One that was removed since may be told for a while.
    fn adopt(&mut self, uid: u32, text: u32, flags: Option<Flags>) -> Option<u32> {
        let unseen = |letter: &&mut Letter| letter.uid.is_none() && letter.text == text;
        let mut unseen: Vec<&mut Letter> = self.letters.iter_mut().filter(unseen).collect();
        let fits = unseen.iter().position(|letter| Some(letter.flags) == flags).unwrap_or_default();
        assert!(!unseen.is_empty(), "nobody has put UID {uid} there: {text}");
        unseen.swap_remove(fits).uid = Some(uid);
        self.last_uid = self.last_uid.max(uid);
        Some(text)
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn i12_what_clients_are_told_is_what_is_there() {
    let steps = number("POSTROAD_MODEL_STEPS").map_or(STEPS, |steps| steps.try_into().unwrap());
    let mut world = World::new(number("POSTROAD_CRASH_SEED").unwrap_or(SEED));
    while world.step < steps {
        world.step += 1;
        world.any_step();
    }
    // Nobody has changed anything that the model doesn't know.
    for name in world.mailboxes.keys().cloned().collect::<Vec<_>>() {
        world.select(0, "SELECT", &name);
    }
    for what in TRIED {
        let times = world.tried.get(what).copied().unwrap_or_default();
        assert!(times >= steps / 20_000, "{what}: only {times} times in {steps} steps");
    }
}
