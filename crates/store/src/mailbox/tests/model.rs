//! Two processes and other programs do what they like to a folder, and a map says what is to come of it.
//!
//! The map holds texts and flags: a text is one letter for ever. Each process has a client that was away and comes back
//! (QRESYNC): what it is told of changes and of what is gone has to lead to what is there.

use std::collections::BTreeMap;

use postroad_disk::{Disk, NoLinks};
use postroad_testkit::LyingDisk;
use proptest::prelude::*;

use super::*;
use crate::mailbox::name::{self, Flagged, Name, State, identity, push_name};

/// What somebody does. Numbers choose among the letters that are there.
#[derive(Debug, Clone)]
enum Step {
    Delivered {
        flags: u8,
    },
    Flagged {
        letter: usize,
        flags: u8,
    },
    MovedToCur {
        letter: usize,
    },
    /// As mbsync does.
    Suffixed {
        letter: usize,
    },
    Removed {
        letter: usize,
    },
    /// A letter under another one's identity.
    Twin {
        letter: usize,
    },
    Ours {
        process: usize,
        what: Ours,
    },
}

#[derive(Debug, Clone)]
enum Ours {
    Refresh,
    TakeIn,
    Flag { letters: Vec<usize>, change: FlagChange },
    Expunge { letter: usize },
    Append { letters: usize },
    Copied { letter: usize },
    Tidy,
    Reopen,
}

fn change() -> impl Strategy<Value = FlagChange> {
    let flags = |system| LetterFlags { system, keywords: 0 };
    (0..3, 0..64_u8).prop_map(move |(kind, system)| match kind {
        0 => FlagChange::Add(flags(system)),
        1 => FlagChange::Remove(flags(system)),
        _ => FlagChange::Replace(flags(system)),
    })
}

fn ours() -> impl Strategy<Value = Ours> {
    let letters = prop::collection::vec(any::<usize>(), 1..4);
    prop_oneof![
        3 => Just(Ours::Refresh),
        1 => Just(Ours::TakeIn),
        4 => (letters, change()).prop_map(|(letters, change)| Ours::Flag { letters, change }),
        2 => any::<usize>().prop_map(|letter| Ours::Expunge { letter }),
        1 => (1..4_usize).prop_map(|letters| Ours::Append { letters }),
        1 => any::<usize>().prop_map(|letter| Ours::Copied { letter }),
        1 => Just(Ours::Tidy),
        1 => Just(Ours::Reopen),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let letter = any::<usize>;
    prop_oneof![
        3 => (0..64_u8).prop_map(|flags| Step::Delivered { flags }),
        2 => (letter(), 0..64_u8).prop_map(|(letter, flags)| Step::Flagged { letter, flags }),
        1 => letter().prop_map(|letter| Step::MovedToCur { letter }),
        1 => letter().prop_map(|letter| Step::Suffixed { letter }),
        1 => letter().prop_map(|letter| Step::Removed { letter }),
        1 => letter().prop_map(|letter| Step::Twin { letter }),
        9 => (0..2_usize, ours()).prop_map(|(process, what)| Step::Ours { process, what }),
    ]
}

/// What a client knows.
#[derive(Debug, Default)]
struct Client {
    modseq: u64,
    letters: BTreeMap<u32, LetterFlags>,
}

/// How changes of others are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changes {
    Told,
    LookedFor,
}

struct World {
    disk: Arc<dyn Disk>,
    folder: Maildir,
    processes: Vec<(Mailbox, Client)>,
    changes: Changes,
    /// Flags by text.
    expected: BTreeMap<String, u8>,
    /// Which text a UID is.
    named: BTreeMap<u32, String>,
    /// Others have changed something, and nobody has looked since.
    unseen: bool,
    count: usize,
}

impl World {
    fn new(disk: Arc<dyn Disk>, folder: Maildir, changes: Changes) -> Self {
        let mut world = Self {
            disk,
            folder,
            processes: Vec::new(),
            changes,
            expected: BTreeMap::new(),
            named: BTreeMap::new(),
            unseen: false,
            count: 0,
        };
        for _ in 0..2 {
            let mailbox = world.open();
            world.processes.push((mailbox, Client::default()));
        }
        world
    }

    fn open(&self) -> Mailbox {
        let all = Mailboxes::new(Arc::clone(&self.disk), "host");
        let all = match self.changes {
            Changes::Told => all.watching(|| {}),
            Changes::LookedFor => all,
        };
        Arc::new(all).open(&self.folder).unwrap()
    }

    fn new_text(&mut self) -> String {
        self.count += 1;
        format!("letter {}", self.count)
    }

    fn put(&mut self, path: &Path, flags: u8) {
        let text = self.new_text();
        let mut file = self.disk.create_new(path).unwrap();
        file.write_all_at(&[text.as_bytes()], 0).unwrap();
        self.expected.insert(text, flags);
    }

    /// Where a letter is, as another program finds it.
    fn find(&self, letter: usize) -> Option<(String, PathBuf)> {
        let texts: Vec<&String> = self.expected.keys().collect();
        let wanted = *texts.get(letter.checked_rem(texts.len())?)?;
        for directory in [self.folder.new_dir(), self.folder.cur_dir()] {
            for entry in self.disk.read_dir(&directory).unwrap() {
                let path = directory.join(&entry.name);
                if self.read(&path) == *wanted {
                    return Some((wanted.clone(), path));
                }
            }
        }
        panic!("{wanted} is lost");
    }

    fn read(&self, path: &Path) -> String {
        let mut text = vec![0; 64];
        let read = self.disk.open_read(path).unwrap().read_at(&mut text, 0).unwrap();
        text.truncate(read);
        String::from_utf8(text).unwrap()
    }

    fn rename(&self, from: &Path, stored: &[u8], state: State) -> bool {
        let mut name = Vec::new();
        push_name(stored, Flagged { state, keywords: 0 }, &mut name);
        let to = self.folder.cur_dir().join(as_path(&name));
        from == to || self.disk.rename_noreplace(from, &to).is_ok()
    }

    fn step(&mut self, step: Step) {
        self.unseen |= !matches!(step, Step::Ours { .. });
        match step {
            Step::Delivered { flags } => {
                self.count += 1;
                let name = format!("{}.M{}P1.h", 1_000 + self.count / 3, self.count);
                let state = State::INFO.with_flags(flags);
                let mut full = Vec::new();
                push_name(name.as_bytes(), Flagged { state, keywords: 0 }, &mut full);
                let path = match flags {
                    0 => self.folder.new_dir().join(name),
                    _ => self.folder.cur_dir().join(as_path(&full)),
                };
                self.put(&path, flags);
            }
            Step::Flagged { letter, flags } => {
                let Some((text, path)) = self.find(letter) else { return };
                let name = file_name(&path);
                let stored = Name::parse(&name, name::Place::Cur).stored;
                if self.rename(&path, stored, State::INFO.with_flags(flags)) {
                    self.expected.insert(text, flags);
                }
            }
            Step::MovedToCur { letter } => {
                let Some((_, path)) = self.find(letter) else { return };
                let name = file_name(&path);
                let parsed = Name::parse(&name, name::Place::Cur);
                self.rename(&path, parsed.stored, parsed.flagged.state.and(State::INFO));
            }
            Step::Suffixed { letter } => {
                let Some((_, path)) = self.find(letter) else { return };
                let name = file_name(&path);
                let state = Name::parse(&name, name::Place::Cur).flagged.state;
                self.count += 1;
                let stored = [identity(&name), format!(",U={}", self.count).as_bytes()].concat();
                self.rename(&path, &stored, state.and(State::INFO));
            }
            Step::Removed { letter } => {
                let Some((text, path)) = self.find(letter) else { return };
                self.disk.remove(&path).unwrap();
                self.expected.remove(&text);
            }
            Step::Twin { letter } => {
                // If the first were renamed or gone before anybody looks, nothing would tell it from the second.
                self.check(0);
                let Some((_, path)) = self.find(letter) else { return };
                self.count += 1;
                let suffix = format!(",T={}", self.count);
                let name = [identity(&file_name(&path)), suffix.as_bytes()].concat();
                self.put(&self.folder.new_dir().join(as_path(&name)), 0);
                self.check(0);
            }
            Step::Ours { process, what } => self.ours(process, what),
        }
    }

    fn ours(&mut self, process: usize, what: Ours) {
        let texts: Vec<String> = self.expected.keys().cloned().collect();
        let of = |letter: usize| texts.get(letter.checked_rem(texts.len())?).cloned();
        let named = self.named.clone();
        let uid = |text: &String| named.iter().find(|(_, of)| *of == text).map(|(uid, _)| *uid);
        let mut new = Vec::new();
        let mailbox = &mut self.processes[process].0;
        match what {
            Ours::Refresh => mailbox.refresh().unwrap(),
            Ours::TakeIn => drop(mailbox.take_in().unwrap()),
            Ours::Flag { letters, change } => {
                let texts = letters.into_iter().filter_map(of);
                let chosen: Vec<(u32, String)> =
                    texts.filter_map(|text| Some((uid(&text)?, text))).collect();
                let uids: Vec<u32> = chosen.iter().map(|(uid, _)| *uid).collect();
                let changed = mailbox.set_flags(&uids, change, None).unwrap().changed;
                for (uid, text) in chosen {
                    let Some(flags) = self.expected.get_mut(&text) else { continue };
                    let now = change.of(LetterFlags { system: *flags, keywords: 0 }).system;
                    // What others have changed since this process looked may hide that there was something to do.
                    match changed.contains(&uid) {
                        true => *flags = now,
                        false => assert!(now == *flags || self.unseen),
                    }
                }
            }
            Ours::Expunge { letter } => {
                if let Some(text) = of(letter)
                    && let Some(uid) = uid(&text)
                    && mailbox.expunge(&[uid]).unwrap() == [uid]
                {
                    self.expected.remove(&text);
                }
            }
            Ours::Append { letters } => {
                for _ in 0..letters {
                    self.count += 1;
                    let text = format!("letter {}", self.count);
                    let mut letter = mailbox.new_letter().unwrap();
                    letter.write(text.as_bytes()).unwrap();
                    letter.set_flags(LetterFlags::SEEN);
                    self.expected.insert(text, LetterFlags::SEEN.system);
                    new.push(letter);
                }
                assert_eq!(mailbox.append(new).unwrap().len(), letters);
            }
            // A copy says the same: only its place in the mailbox is looked at.
            Ours::Copied { letter } => {
                if let Some(text) = of(letter)
                    && let Some(uid) = uid(&text)
                {
                    let copied = mailbox.copy_within(&[uid]).unwrap();
                    let copies: Vec<u32> = copied.into_iter().map(|(_, copy)| copy).collect();
                    assert_eq!(mailbox.expunge(&copies).unwrap(), copies);
                }
            }
            Ours::Tidy => {
                let mut locked = mailbox.lock().unwrap();
                mailbox.write_anew(&mut locked).unwrap();
            }
            Ours::Reopen => {
                let mailbox = self.open();
                self.processes[process].0 = mailbox;
            }
        }
        self.check(process);
    }

    fn check(&mut self, process: usize) {
        let (mailbox, client) = &mut self.processes[process];
        mailbox.refresh().unwrap();
        let view: BTreeMap<u32, LetterFlags> =
            mailbox.entries().map(|entry| (entry.uid(), entry.flags())).collect();
        // What the client is told leads there.
        let fresh = mailbox.changed_since(client.modseq).map(|entry| (entry.uid(), entry.flags()));
        client.letters.extend(fresh.collect::<Vec<_>>());
        for (from, to) in mailbox.expunged_since(client.modseq) {
            client.letters.retain(|uid, _| !(from..=to).contains(uid));
        }
        assert_eq!(client.letters, view);
        assert!(mailbox.highest_modseq() >= client.modseq);
        client.modseq = mailbox.highest_modseq();
        let mut found = BTreeMap::new();
        for (uid, flags) in view {
            let mut text = String::new();
            mailbox.open_letter(uid).unwrap().wire().read_to_string(&mut text).unwrap();
            assert!(uid < mailbox.uid_next());
            let before = self.named.insert(uid, text.clone());
            assert!(before.is_none_or(|before| before == text), "{uid} names two letters");
            assert_eq!(flags.keywords, 0);
            found.insert(text, flags.system);
        }
        assert_eq!(found, self.expected);
        self.unseen = false;
    }
}

fn file_name(path: &Path) -> Vec<u8> {
    path.file_name().unwrap().as_encoded_bytes().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_anybody_does_is_seen_by_all(steps in prop::collection::vec(step(), 0..60)) {
        let (disk, folder) = simulated();
        let mut world = World::new(Arc::new(disk), folder, Changes::LookedFor);
        steps.into_iter().for_each(|step| world.step(step));
        world.check(0);
        world.check(1);
    }

    #[test]
    fn and_on_the_hosts_disk_with_and_without_being_told(
        steps in prop::collection::vec(step(), 0..60),
        changes in prop_oneof![Just(Changes::Told), Just(Changes::LookedFor)],
    ) {
        let place = Place::new();
        // What isn't synced is there as long as the host is.
        let disk = LyingDisk::forgetting(Arc::new(NoLinks), |_| true);
        let root = OsDisk.resolve(place.inbox.root()).unwrap();
        let mut world = World::new(Arc::new(disk), Maildir::at(root), changes);
        steps.into_iter().for_each(|step| world.step(step));
        world.check(0);
        world.check(1);
    }
}
