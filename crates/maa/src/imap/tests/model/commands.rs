//! What clients do, and what has to come of it.

use super::view::{DELETED, Flags, Known, Line, SEEN, View, members, names_of};
use super::{Hears, Kind, Letter, Mailbox, Revision, World};

/// Letters that a command is about: what is written, and their UIDs.
struct Chosen {
    uid: &'static str,
    set: String,
    uids: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
    Replace,
}

impl Change {
    fn of(self, flags: Flags, with: Flags) -> Flags {
        match self {
            Self::Add => flags | with,
            Self::Remove => flags & !with,
            Self::Replace => with,
        }
    }
}

impl Letter {
    /// Where another program has changed it, the change may have seemed to be there already.
    fn change(&mut self, change: impl Fn(Flags) -> Flags) {
        let before = self.flags;
        self.flags = change(before);
        self.or = self.or.map(change).or(self.touched.then_some(before));
    }
}

impl World {
    pub(super) fn any_step(&mut self) {
        let who = self.random.below(self.peers.len());
        match self.random.below(100) {
            0..6 if self.peers[who].hears == Hears::AnyTime => {
                self.unasked(who);
                self.compare(who);
            }
            0..12 => self.noop(who),
            12..34 => self.outside(),
            34..42 => self.append(who),
            42..44 => self.status(who),
            44..46 => self.list(who),
            46..49 => self.mailboxes(who),
            49..50 => self.another_of_that_name(who),
            50..51 => self.reconnect(who),
            51..57 => {
                let name = self.any_name();
                let verb = if self.random.once_in(4) { "EXAMINE" } else { "SELECT" };
                self.select(who, verb, &name);
            }
            57..59 => self.leave(who),
            other => match self.lost(who) {
                None => {
                    let name = self.any_name();
                    self.select(who, "SELECT", &name);
                }
                Some(lost) => {
                    if lost {
                        let view = self.peers[who].view.as_ref();
                        let is_there = view.is_some_and(|it| self.mailboxes.contains_key(&it.name));
                        self.tried(match is_there {
                            true => "a mailbox that is another one now",
                            false => "a mailbox that is gone",
                        });
                    }
                    self.with_letters(who, other);
                }
            },
        }
    }

    fn with_letters(&mut self, who: usize, choice: usize) {
        match choice {
            59..75 => self.store(who),
            75..83 => self.fetch(who),
            83..88 => self.search(who),
            88..92 => self.copy(who),
            92..95 => self.replace(who),
            _ => self.expunge(who),
        }
    }

    fn noop(&mut self, who: usize) {
        let said = self.send(who, "NOOP");
        self.hear(who, &said);
        self.compare(who);
    }

    fn choose(&mut self, who: usize) -> Option<Chosen> {
        let by_uid = self.random.once_in(2);
        let (one, other) = (self.random.below(1 << 16), self.random.below(3));
        let letters = &self.peers[who].view.as_ref()?.letters;
        let from = one.checked_rem(letters.len())?;
        let to = (from + other).min(letters.len() - 1);
        let uids: Vec<u32> = letters[from..=to].iter().filter_map(|known| known.uid).collect();
        let (uid, set) = match (by_uid, uids.as_slice()) {
            (true, [first, .., last]) => ("UID ", format!("{first}:{last}")),
            (true, [one]) => ("UID ", one.to_string()),
            _ => ("", format!("{}:{}", from + 1, to + 1)),
        };
        Some(Chosen { uid, set, uids })
    }

    fn store(&mut self, who: usize) {
        let Some(Chosen { uid, set, uids }) = self.choose(who) else { return self.noop(who) };
        let (flags, choice) = (self.random.flags(), self.random.below(3));
        let change = [Change::Add, Change::Remove, Change::Replace][choice];
        let silent = self.random.once_in(3);
        let may_ask = self.peers[who].kind != Kind::Plain && self.random.once_in(3);
        let (nth, highest) = (self.random.below(1 << 16), self.random.once_in(2));
        let view = self.peers[who].view.as_ref().unwrap();
        let since = may_ask.then(|| match highest {
            true => view.modseq,
            false => view.letters[nth % view.letters.len()].modseq,
        });
        let asked = since.map_or(String::new(), |since| format!("(UNCHANGEDSINCE {since}) "));
        let said = self.send(
            who,
            &format!(
                "{uid}STORE {set} {asked}{}FLAGS{} ({})",
                ["+", "-", ""][choice],
                if silent { ".SILENT" } else { "" },
                names_of(flags)
            ),
        );
        let Some((view, mailbox)) = self.open(who) else { return };
        if !view.writable {
            assert!(!said.is_ok(), "stored in a mailbox that is open for reading");
            return self.hear(who, &said);
        }
        assert!(said.is_ok(), "{}", said.end);
        let modified = said.code("MODIFIED").map_or(Vec::new(), |code| members(&code[0]));
        for uid_of in uids {
            let at = view.letters.iter().position(|known| known.uid == Some(uid_of)).unwrap();
            let number = if uid.is_empty() { u32::try_from(at + 1).unwrap() } else { uid_of };
            let is_modified = modified.contains(&number);
            let known = &mut view.letters[at];
            let last = mailbox.told.get(&uid_of).map(|(modseq, _)| *modseq);
            let Some(letter) = mailbox.letter(uid_of) else { continue };
            if is_modified {
                let in_step = !letter.touched && known.flags == Some(letter.flags);
                let in_step = in_step && last == Some(known.modseq);
                assert!(!in_step || since.unwrap() < known.modseq, "UID {uid_of} wasn't modified");
                continue;
            }
            if let (Some(since), Some(last), false) = (since, last, letter.touched) {
                assert!(last <= since, "UID {uid_of} was stored over a change");
            }
            letter.change(|before| change.of(before, flags));
            if silent {
                // So a client has it.
                known.flags = known.flags.map(|before| change.of(before, flags));
            }
        }
        let is_fetch = |line: &Line| matches!(line, Line::Fetch(fetch) if fetch.flags.is_some());
        if silent && said.lines.iter().any(is_fetch) {
            self.tried("a change by others under a silent one");
        }
        self.hear(who, &said);
    }

    fn fetch(&mut self, who: usize) {
        let Some(Chosen { uid, set, uids }) = self.choose(who) else { return self.noop(who) };
        let more = match self.peers[who].kind {
            Kind::Plain => "",
            Kind::CondStore | Kind::QResync => " MODSEQ",
        };
        let reads = self.random.once_in(3);
        let text = if reads { " BODY[TEXT]" } else { "" };
        let said = self.send(who, &format!("{uid}FETCH {set} (UID FLAGS{more}{text})"));
        let Some((view, mailbox)) = self.open(who) else { return };
        assert!(said.is_ok(), "{}", said.end);
        if reads && view.writable {
            for uid in uids {
                if let Some(letter) = mailbox.letter(uid) {
                    letter.change(|flags| flags | SEEN);
                }
            }
        }
        self.hear(who, &said);
    }

    fn search(&mut self, who: usize) {
        let (name, flag) =
            [("SEEN", SEEN), ("DELETED", DELETED), ("KEYWORD $one", 64)][self.random.below(3)];
        let not = self.random.once_in(2);
        let uid = if self.random.once_in(2) { "UID " } else { "" };
        let command = format!("{uid}SEARCH {}{name}", if not { "NOT " } else { "" });
        let said = self.send(who, &command);
        let revision = self.peers[who].revision;
        if revision == Revision::Two {
            self.tried("ESEARCH");
        }
        let Some((view, mailbox)) = self.open(who) else { return };
        let others = said.lines.iter().filter_map(|line| match line {
            Line::Other(text) => Some(text),
            _ => None,
        });
        let found = others.filter_map(|text| match revision {
            Revision::One => text.strip_prefix("* SEARCH").map(str::to_owned),
            // RFC 9051 §7.3.4.
            Revision::Two => {
                let rest = text.strip_prefix("* ESEARCH (TAG ")?.split_once(')')?.1;
                Some(rest.split_once(" ALL ").map_or(String::new(), |(_, set)| set.to_owned()))
            }
        });
        let found = found.collect::<Vec<_>>().pop().unwrap();
        let found: Vec<u32> = match revision {
            Revision::One => found.split_whitespace().map(|it| it.parse().unwrap()).collect(),
            Revision::Two if found.is_empty() => Vec::new(),
            Revision::Two => members(&found),
        };
        for (at, known) in view.letters.iter().enumerate() {
            let uid_of = known.uid.unwrap();
            let number = if uid.is_empty() { u32::try_from(at + 1).unwrap() } else { uid_of };
            let Some(letter) = mailbox.letter(uid_of) else { continue };
            if !letter.touched && letter.or.is_none() {
                let wanted = (letter.flags & flag != 0) != not;
                assert_eq!(found.contains(&number), wanted, "UID {uid_of}");
            }
        }
        self.hear(who, &said);
    }

    fn append(&mut self, who: usize) {
        let name = self.any_name();
        if self.is_full(&name) {
            return self.noop(who);
        }
        let mut command = format!("APPEND {name}");
        let mut letters = Vec::new();
        for _ in 0..=self.random.below(2) {
            let (text, flags) = (self.new_text(), self.random.flags());
            let content = format!("Subject: s\r\n\r\n{text}\r\n");
            command += &format!(" ({}) {{{}+}}\r\n{content}", names_of(flags), content.len());
            letters.push(Letter { uid: None, text, flags, or: None, touched: false });
        }
        let said = self.send(who, &command);
        if self.mailboxes.contains_key(&name) {
            let code = said.code("APPENDUID").expect("APPENDUID");
            for (uid, letter) in members(&code[1]).into_iter().zip(letters) {
                self.add(&name, code[0].parse().unwrap(), Letter { uid: Some(uid), ..letter });
            }
        } else {
            assert!(said.end.starts_with("a NO [TRYCREATE]"), "{}", said.end);
        }
        self.hear(who, &said);
    }

    fn copy(&mut self, who: usize) {
        let name = self.any_name();
        let Some(Chosen { uid, set, uids }) = self.choose(who).filter(|_| !self.is_full(&name))
        else {
            return self.noop(who);
        };
        let moves = self.random.once_in(2);
        let verb = if moves { "MOVE" } else { "COPY" };
        let said = self.send(who, &format!("{uid}{verb} {set} {name}"));
        let exists = self.mailboxes.contains_key(&name);
        let Some((view, mailbox)) = self.open(who) else {
            assert!(said.code("COPYUID").is_none(), "copied out of a mailbox that isn't there");
            return;
        };
        if !exists || moves && !view.writable {
            assert!(!said.is_ok(), "{}", said.end);
            return self.hear(who, &said);
        }
        assert!(said.is_ok(), "{}", said.end);
        let there: Vec<Letter> =
            uids.iter().filter_map(|uid| mailbox.letter(*uid).cloned()).collect();
        if moves {
            let is_moved = |letter: &Letter| letter.uid.is_some_and(|uid| uids.contains(&uid));
            mailbox.letters.retain(|letter| !is_moved(letter));
        }
        let code = said.code("COPYUID");
        assert_eq!(code.is_none(), there.is_empty(), "{}", said.end);
        if let Some(code) = code {
            let from: Vec<u32> = there.iter().filter_map(|letter| letter.uid).collect();
            assert_eq!(members(&code[1]), from, "other letters were copied");
            for (uid, letter) in members(&code[2]).into_iter().zip(there) {
                let letter = Letter { uid: Some(uid), touched: false, ..letter };
                self.add(&name, code[0].parse().unwrap(), letter);
            }
        }
        self.hear(who, &said);
    }

    /// REPLACE (RFC 8508): another letter in place of one, in whichever mailbox.
    fn replace(&mut self, who: usize) {
        let name = self.any_name();
        let chosen = self.choose(who).filter(|chosen| chosen.uids.len() == 1);
        let Some(Chosen { uid, set, uids }) = chosen.filter(|_| !self.is_full(&name)) else {
            return self.noop(who);
        };
        let number = set.split(':').next().unwrap().to_owned();
        let (text, flags) = (self.new_text(), self.random.flags());
        let content = format!("Subject: s\r\n\r\n{text}\r\n");
        let octets = content.len();
        let command = format!(
            "{uid}REPLACE {number} {name} ({}) {{{octets}+}}\r\n{content}",
            names_of(flags)
        );
        let said = self.send(who, &command);
        let exists = self.mailboxes.contains_key(&name);
        let Some((view, mailbox)) = self.open(who) else {
            assert!(said.code("APPENDUID").is_none(), "replaced in a mailbox that isn't there");
            return;
        };
        let was_there = mailbox.letter(uids[0]).is_some();
        if !exists || !view.writable {
            assert!(!said.is_ok(), "{}", said.end);
            return self.hear(who, &said);
        }
        assert!(said.is_ok() || !was_there, "{}", said.end);
        if said.is_ok() {
            mailbox.letters.retain(|letter| letter.uid != Some(uids[0]));
            self.tried(match self.peers[who].view.as_ref().is_some_and(|view| view.name == name) {
                true => "REPLACE here",
                false => "REPLACE into another mailbox",
            });
            let code = said.code("APPENDUID").expect("APPENDUID");
            let letter =
                Letter { uid: Some(members(&code[1])[0]), text, flags, or: None, touched: false };
            self.add(&name, code[0].parse().unwrap(), letter);
        }
        self.hear(who, &said);
    }

    /// Whether it is known which letters are to be deleted.
    fn knows_deleted(mailbox: &Mailbox) -> bool {
        let unsure =
            |letter: &Letter| letter.or.is_some_and(|or| (or ^ letter.flags) & DELETED != 0);
        !mailbox.letters.iter().any(unsure)
    }

    fn expunge(&mut self, who: usize) {
        let chosen = self.choose(who).filter(|chosen| !chosen.uid.is_empty());
        if self.open(who).is_some_and(|(_, mailbox)| !Self::knows_deleted(mailbox)) {
            return self.noop(who);
        }
        let said = match &chosen {
            Some(Chosen { set, .. }) => self.send(who, &format!("UID EXPUNGE {set}")),
            None => self.send(who, "EXPUNGE"),
        };
        let Some((view, mailbox)) = self.open(who) else { return };
        assert_eq!(said.is_ok(), view.writable, "{}", said.end);
        if view.writable {
            let uids = chosen.map_or_else(|| all(view), |chosen| chosen.uids);
            mailbox.expunge(&uids);
        }
        self.hear(who, &said);
    }

    /// CLOSE or UNSELECT.
    fn leave(&mut self, who: usize) {
        let Some(lost) = self.lost(who) else { return };
        let closes = self.random.once_in(2);
        if self.open(who).is_some_and(|(_, mailbox)| !Self::knows_deleted(mailbox)) {
            return self.noop(who);
        }
        let said = self.send(who, if closes { "CLOSE" } else { "UNSELECT" });
        assert!(said.is_ok() || lost, "{}", said.end);
        if let Some((view, mailbox)) = self.open(who)
            && closes
            && view.writable
        {
            mailbox.looked_at();
            let uids = all(view);
            mailbox.expunge(&uids);
        }
        if said.is_ok() {
            self.peers[who].view = None;
        }
    }

    pub(super) fn select(&mut self, who: usize, verb: &str, name: &str) {
        let kept = self.peers[who].kept.get(name).cloned();
        let kept = kept.filter(|_| self.peers[who].kind == Kind::QResync && self.random.once_in(2));
        let writable = verb == "SELECT";
        let command = match &kept {
            Some((validity, modseq, letters)) => {
                let known = match (letters.last(), self.random.once_in(2)) {
                    (Some((last, _)), true) => format!(" 1:{last}"),
                    _ => String::new(),
                };
                format!("{verb} {name} (QRESYNC ({validity} {modseq}{known}))")
            }
            None => format!("{verb} {name}"),
        };
        let said = self.send(who, &command);
        self.peers[who].view = None;
        let Some(which) = self.mailboxes.get(name).map(|mailbox| mailbox.which) else {
            assert!(said.end.starts_with("a NO [NONEXISTENT]"), "{}", said.end);
            return;
        };
        assert!(said.is_ok(), "{}", said.end);
        let number = |code: &str| said.code(code).unwrap()[0].parse::<u64>().unwrap();
        let uid_validity = u32::try_from(number("UIDVALIDITY")).unwrap();
        self.validity(name, uid_validity);
        let modseq = number("HIGHESTMODSEQ");
        let mailbox = self.mailboxes.get_mut(name).unwrap();
        mailbox.modseq(modseq);
        mailbox.looked_at();
        assert!(number("UIDNEXT") > mailbox.last_uid.into(), "UIDNEXT");
        let letters = match kept.filter(|(validity, ..)| *validity == uid_validity) {
            Some((_, _, letters)) => resynchronised(letters, &said.lines),
            None => Vec::new(),
        };
        let view = View { name: name.to_owned(), which, writable, letters, modseq };
        self.peers[who].view = Some(view);
        self.hear(who, &said);
        self.compare(who);
    }

    fn status(&mut self, who: usize) {
        let name = self.any_name();
        let more = match self.peers[who].kind {
            Kind::Plain => "",
            Kind::CondStore | Kind::QResync => " HIGHESTMODSEQ",
        };
        let items = format!("MESSAGES UIDNEXT UIDVALIDITY UNSEEN{more}");
        let said = self.send(who, &format!("STATUS {name} ({items})"));
        if let Some(mailbox) = self.mailboxes.get_mut(&name) {
            let told = said.lines.iter().find_map(|line| match line {
                Line::Other(text) if text.starts_with("* STATUS") => text.split_once('('),
                _ => None,
            });
            let told: Vec<u64> =
                told.unwrap().1.split([' ', ')']).filter_map(|word| word.parse().ok()).collect();
            mailbox.looked_at();
            let unseen = mailbox.letters.iter().filter(|letter| letter.flags & SEEN == 0).count();
            assert_eq!(told[0], mailbox.letters.len() as u64, "MESSAGES");
            assert!(told[1] > mailbox.last_uid.into(), "UIDNEXT");
            let is_sure = mailbox.letters.iter().all(|letter| letter.or.is_none());
            assert!(!is_sure || told[3] == unseen as u64, "UNSEEN: {unseen}");
            told.get(4).into_iter().for_each(|told| mailbox.modseq(*told));
            self.validity(&name, u32::try_from(told[2]).unwrap());
        } else {
            assert!(said.end.starts_with("a NO [NONEXISTENT]"), "{}", said.end);
        }
        self.hear(who, &said);
    }

    fn list(&mut self, who: usize) {
        let subscribed = self.random.once_in(2);
        let said = self.send(who, if subscribed { "LSUB \"\" *" } else { "LIST \"\" *" });
        let listed = said.lines.iter().filter_map(|line| match line {
            Line::Other(text) if text.starts_with("* L") && !text.contains("\\Noselect") => {
                text.split(' ').next_back().map(str::to_owned)
            }
            _ => None,
        });
        let listed: std::collections::BTreeSet<String> = listed.collect();
        match subscribed {
            true => assert_eq!(listed, self.subscribed),
            false => assert!(listed.iter().eq(self.mailboxes.keys()), "{listed:?}"),
        }
        self.hear(who, &said);
    }

    /// The mailbox that somebody has open is removed, and another one has its name.
    fn another_of_that_name(&mut self, who: usize) {
        let open = self.peers.iter().filter_map(|peer| Some(peer.view.as_ref()?.name.clone()));
        let is_one = |name: &String| name != "INBOX" && self.mailboxes.contains_key(name);
        let names: Vec<String> = open.filter(is_one).collect();
        let Some(at) = self.random.below(1 << 16).checked_rem(names.len()) else { return };
        for verb in ["DELETE", "CREATE"] {
            let said = self.send(who, &format!("{verb} {}", names[at]));
            assert!(said.is_ok(), "{}", said.end);
            self.mailboxes.remove(&names[at]);
            if verb == "CREATE" {
                let mailbox = self.new_mailbox();
                self.subscribed.insert(names[at].clone());
                self.mailboxes.insert(names[at].clone(), mailbox);
            }
            self.hear(who, &said);
        }
    }

    /// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
    fn mailboxes(&mut self, who: usize) {
        let (name, to) = (self.any_name(), self.any_name());
        let exists = self.mailboxes.contains_key(&name);
        let (command, is_ok) = match self.random.below(8) {
            0..4 => (format!("CREATE {name}"), !exists),
            4 => (format!("DELETE {name}"), exists && name != "INBOX"),
            5 => (format!("RENAME {name} {to}"), self.may_rename(&name, &to)),
            6 => (format!("SUBSCRIBE {name}"), true),
            _ => (format!("UNSUBSCRIBE {name}"), true),
        };
        let said = self.send(who, &command);
        assert_eq!(said.is_ok(), is_ok, "{command}: {}", said.end);
        if is_ok {
            match command.as_bytes()[0] {
                b'C' => {
                    let mailbox = self.new_mailbox();
                    self.subscribed.insert(name.clone());
                    self.mailboxes.insert(name, mailbox);
                }
                b'D' => drop(self.mailboxes.remove(&name)),
                b'R' => self.rename_mailbox(&name, &to),
                b'S' => drop(self.subscribed.insert(name)),
                _ => drop(self.subscribed.remove(&name)),
            }
        }
        self.hear(who, &said);
    }

    /// A mailbox and those below it, with what they would be called.
    fn family(&self, name: &str, to: &str) -> Vec<(String, String)> {
        let rest = |other: &String| {
            let rest = other.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{to}{rest}"))
        };
        self.mailboxes.keys().filter_map(|old| Some((old.clone(), rest(old)?))).collect()
    }

    fn may_rename(&self, name: &str, to: &str) -> bool {
        let family = self.family(name, to);
        let is_below = to.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let is_free = |(_, new): &(String, String)| !self.mailboxes.contains_key(new);
        let inbox = name == "INBOX";
        to != "INBOX"
            && !self.mailboxes.contains_key(to)
            && (inbox || !is_below && !family.is_empty() && family.iter().all(is_free))
    }

    fn rename_mailbox(&mut self, name: &str, to: &str) {
        if name == "INBOX" {
            let mut mailbox = self.new_mailbox();
            let inbox = self.mailboxes.get_mut("INBOX").unwrap();
            mailbox.letters = std::mem::take(&mut inbox.letters);
            mailbox.letters.iter_mut().for_each(|letter| letter.uid = None);
            self.mailboxes.insert(to.to_owned(), mailbox);
            self.subscribed.insert(to.to_owned());
            return;
        }
        for (old, new) in self.family(name, to) {
            // Whoever has it open under its old name has nothing open any more.
            let which = self.new_text();
            let mailbox = self.mailboxes.remove(&old).unwrap();
            let validity = mailbox.uid_validity.unwrap_or_default();
            for letter in &mailbox.letters {
                if let Some(uid) = letter.uid {
                    self.name(&new, validity, uid, letter.text);
                }
            }
            let last = self.validities.entry(new.clone()).or_default();
            *last = validity.max(*last);
            self.mailboxes.insert(new.clone(), Mailbox { which, ..mailbox });
            if self.subscribed.contains(&old) {
                self.subscribed.insert(new);
            }
        }
    }
}

impl Mailbox {
    fn expunge(&mut self, uids: &[u32]) {
        let is_there = |letter: &Letter| letter.uid.is_some_and(|uid| uids.contains(&uid));
        self.letters.retain(|letter| letter.flags & DELETED == 0 || !is_there(letter));
    }
}

fn all(view: &View) -> Vec<u32> {
    view.letters.iter().filter_map(|known| known.uid).collect()
}

/// What a client has kept, brought up to date by what it was told when it opened the mailbox (RFC 7162 §3.2.5).
fn resynchronised(kept: Vec<(u32, Flags)>, lines: &[Line]) -> Vec<Known> {
    let mut letters: std::collections::BTreeMap<u32, Flags> = kept.into_iter().collect();
    let mut exists = 0;
    for line in lines {
        match line {
            Line::Exists(letters) => exists = *letters,
            Line::VanishedEarlier(uids) => letters.retain(|uid, _| !uids.contains(uid)),
            Line::Fetch(fetch) => {
                letters.insert(fetch.uid.unwrap(), fetch.flags.unwrap());
            }
            _ => {}
        }
    }
    assert_eq!(letters.len(), exists, "what was kept, and EXISTS");
    let known = |(uid, flags)| Known { uid: Some(uid), flags: Some(flags), modseq: 0 };
    letters.into_iter().map(known).collect()
}
