use std::path::Path;

use postroad_tui::data::{By, LineKind, Marks, Role, Way};
use postroad_tui::effect::{FlagEdit, Target};
use postroad_tui::msg::Report;

use super::*;
use crate::full::wake::{Incoming, News};

struct Tried {
    ask: Outgoing<Request>,
    heard: Incoming<News>,
    root: tempfile::TempDir,
    listing: Option<Arc<Listing>>,
    folders: Vec<FolderRow>,
    job: u64,
}

fn letter(root: &Path, name: &str, subject: &str) {
    let date = "Date: Sun, 22 Nov 2026 20:00:00 +0100";
    let text =
        format!("From: Eve <eve@x.example>\nTo: me@x.example\nSubject: {subject}\n{date}\n\nhi\n");
    std::fs::write(root.join(name), text).unwrap();
}

fn stage() -> Tried {
    let root = tempfile::tempdir().unwrap();
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir(root.path().join(folder)).unwrap();
    }
    letter(root.path(), "cur/1.a.host:2,S", "first");
    letter(root.path(), "cur/2.b.host:2,", "second");
    letter(root.path(), "new/3.c.host", "third");
    began(root)
}

fn began(root: tempfile::TempDir) -> Tried {
    began_with(root, None, None)
}

fn began_with(
    root: tempfile::TempDir,
    sent: Option<SentFolder>,
    journal: Option<Journal>,
) -> Tried {
    let (news, heard) = channel().unwrap();
    let inbox = Maildir::at(root.path());
    let (post, _) = channel().unwrap();
    let begin = Start {
        inbox,
        first: MailboxName::Inbox,
        me: "me@x.example".into(),
        trusted: Trusted::default(),
        sent,
        post,
        journal,
    };
    let ask = start(begin, Teller(news, 0)).unwrap();
    Tried { ask, heard, root, listing: None, folders: Vec::new(), job: 0 }
}

impl Tried {
    /// All that is told until something is.
    fn until(&mut self, what: &str, mut is_it: impl FnMut(&mut Self, &Report) -> bool) -> What {
        let limit = Instant::now() + Duration::from_secs(60);
        while Instant::now() < limit {
            self.heard.wait(None, Some(Duration::from_secs(1)));
            let mut found = None;
            for news in self.heard.drain() {
                let News::Report(_, report) = news else { continue };
                match &report.what {
                    What::Listing(listing) => self.listing = Some(Arc::clone(listing)),
                    What::Folders(folders) => self.folders.clone_from(folders),
                    _ => {}
                }
                if found.is_none() && is_it(self, &report) {
                    found = Some(report.what);
                }
            }
            if let Some(found) = found {
                return found;
            }
        }
        panic!("{what} never came");
    }

    fn ask(&mut self, ask: Ask) -> What {
        self.job += 1;
        let job = Job(self.job);
        let what = format!("{ask:?}");
        self.ask.send(Request::Ask(job, ask));
        self.until(&what, |_, report| report.job == job && report.what.is_last())
    }

    fn id(&self, uid: u32) -> LetterId {
        let listing = self.listing.as_ref().unwrap();
        LetterId { folder: listing.folder, validity: listing.validity, uid }
    }

    fn uids(&self) -> Vec<u32> {
        self.listing.as_ref().unwrap().heads.iter().map(|head| head.uid).collect()
    }

    fn subjects(&mut self) -> Vec<String> {
        let uids = self.uids();
        match self.ask(Ask::Rows { folder: FolderId(0), uids }) {
            What::Rows { rows, .. } => {
                rows.iter().map(|(_, row)| row.subject.as_str().to_owned()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path().join(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_folder_that_nobody_knew_is_listed_with_rows_and_known_the_next_time() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    assert_eq!(stage.subjects(), ["first", "second", "third"]);
    let flags: Vec<Marks> =
        stage.listing.as_ref().unwrap().heads.iter().map(|head| head.flags).collect();
    assert_eq!(flags, [Marks::SEEN, Marks::NONE, Marks::RECENT]);
    // A look alone moves nothing.
    assert_eq!(stage.files("new"), ["3.c.host"]);
    stage.ask.send(Request::End);
    let mut again = began(stage.root);
    again.ask.send(Request::Ask(Job(1), Ask::Open(FolderId(0))));
    let known = again.until("a listing", |_, report| matches!(report.what, What::Listing(_)));
    let What::Listing(known) = known else { panic!() };
    assert_eq!((known.stage, known.heads.len()), (Stage::Known, 3));
    let sent: Vec<u32> = known.heads.iter().map(|head| head.sent).collect();
    assert_eq!(sent, [1_795_374_000; 3], "dates come from what is remembered");
}

#[test]
fn a_letter_that_comes_is_shown_without_being_asked_for() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    letter(stage.root.path(), "tmp/4.d.host", "fourth");
    std::fs::rename(stage.root.path().join("tmp/4.d.host"), stage.root.path().join("new/4.d.host"))
        .unwrap();
    stage.until("the fourth letter", |stage, _| {
        stage.listing.as_ref().is_some_and(|listing| listing.heads.len() == 4)
    });
    assert!(stage.subjects().contains(&"fourth".to_owned()));
}

#[test]
fn a_letter_that_came_back_leads_to_the_users_own_and_the_list_stays() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["new", "cur", "tmp", ".Sent", ".Sent/new", ".Sent/cur", ".Sent/tmp"] {
        std::fs::create_dir(root.path().join(folder)).unwrap();
    }
    std::fs::write(root.path().join(".Sent/maildirfolder"), "").unwrap();
    let ours = "Message-ID: <one@our.example>\nSubject: ours\nTo: bob@x.example\n\nour words\n";
    std::fs::write(root.path().join(".Sent/cur/1.a.host:2,S"), ours).unwrap();
    let bounce = "Subject: Undelivered\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n\nSorry.\n\n\
        --B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
        Final-Recipient: rfc822; bob@x.example\nAction: failed\nStatus: 5.1.1\n\n\
        --B\nContent-Type: text/rfc822-headers\n\nMessage-ID: <one@our.example>\n\n--B--\n";
    std::fs::write(root.path().join("cur/2.b.host:2,"), bounce).unwrap();
    let account = crate::account::Account::load(&crate::account::Overrides {
        address: Some("me@our.example".into()),
        inbox: Some(root.path().to_string_lossy().into_owned()),
        ..crate::account::Overrides::default()
    });
    let mut stage = began_with(root, SentFolder::of(&account.unwrap()), None);
    stage.ask(Ask::Open(FolderId(0)));
    let letter = stage.id(1);
    let What::Page(page) = stage.ask(Ask::Read(letter)) else { panic!() };
    let lines: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines[0], "[Not delivered to bob@x.example: 5.1.1]");
    let above = page.trust.as_ref().unwrap();
    assert_eq!(above.words.as_str(), "About your letter \"ours\"  ^O: open it");
    let id = page.original.clone().unwrap();
    let What::Original(ours) = stage.ask(Ask::Original { letter, id }) else { panic!() };
    assert_eq!(ours.lines[0].text.as_str(), "our words");
    assert_ne!(ours.letter.folder, letter.folder);
    // Its parts and its file are had where it is.
    let What::Page(again) = stage.ask(Ask::Read(ours.letter)) else { panic!() };
    assert_eq!(again.lines, ours.lines);
    let gone = LetterId { validity: 0, ..ours.letter };
    assert!(matches!(stage.ask(Ask::Read(gone)), What::Failed { .. }));
    let forged = Ask::Original { letter, id: "two@our.example".into() };
    assert!(matches!(stage.ask(forged), What::Failed { .. }));
    assert_eq!(stage.subjects(), ["Undelivered"]);
}

#[test]
fn letters_are_thrown_away_and_had_back() {
    let mut stage = stage();
    stage.ask(Ask::Folders);
    stage.ask(Ask::Open(FolderId(0)));
    let uids = stage.uids();
    let letters = vec![stage.id(uids[0]), stage.id(uids[1])];
    let done = stage.ask(Ask::Move { letters, to: Target::Role(Role::Trash) });
    let What::Done(label) = done else { panic!("{done:?}") };
    assert_eq!(label.words.as_str(), "2 letters moved to Trash");
    assert_eq!(stage.uids().len(), 1);
    assert_eq!(stage.files(".Trash/cur").len(), 2);
    let undone = stage.ask(Ask::Undo);
    let What::Undone(words) = undone else { panic!("{undone:?}") };
    assert_eq!(words.as_str(), "2 letters moved to Trash");
    assert_eq!(stage.uids().len(), 3);
    assert_eq!(stage.files(".Trash/cur").len(), 0);
    assert!(matches!(stage.ask(Ask::Undo), What::Failed { .. }));
}

#[test]
fn what_is_thrown_out_of_the_trash_is_gone() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let letters = vec![stage.id(stage.uids()[0])];
    stage.ask(Ask::Move { letters, to: Target::Role(Role::Trash) });
    stage.ask(Ask::Folders);
    let trash = stage.folders.iter().find(|row| row.role == Some(Role::Trash)).unwrap().id;
    stage.ask(Ask::Close(FolderId(0)));
    stage.ask(Ask::Open(trash));
    let letters = vec![stage.id(stage.uids()[0])];
    let ended = stage.ask(Ask::Move { letters, to: Target::Role(Role::Trash) });
    assert!(matches!(ended, What::Ended), "{ended:?}");
    assert!(stage.uids().is_empty());
    assert_eq!(stage.files(".Trash/cur").len(), 0);
}

#[test]
fn marks_are_on_disk_and_had_back() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let uids = stage.uids();
    let letters: Vec<LetterId> = uids.iter().map(|uid| stage.id(*uid)).collect();
    let edit = FlagEdit { add: Marks::FLAGGED, remove: Marks::SEEN };
    stage.ask(Ask::Flag { letters, edit });
    let marks = |stage: &Tried| -> Vec<Marks> {
        let heads = &stage.listing.as_ref().unwrap().heads;
        heads.iter().map(|head| head.flags.without(Marks::RECENT)).collect()
    };
    assert_eq!(marks(&stage), [Marks::FLAGGED; 3]);
    stage.ask(Ask::Undo);
    assert_eq!(marks(&stage), [Marks::SEEN, Marks::NONE, Marks::NONE]);
    stage.ask(Ask::Sync(FolderId(0)));
    assert_eq!(stage.files("new").len(), 0, "the folder was looked at");
}

#[test]
fn a_folder_that_another_program_numbers_is_read_and_nothing_is_written_there() {
    let mut stage = stage();
    std::fs::write(stage.root.path().join("dovecot-uidlist"), "3 V1700000000 N4\n").unwrap();
    stage.ask(Ask::Open(FolderId(0)));
    assert_eq!(stage.subjects(), ["first", "second", "third"]);
    assert_eq!(stage.files(""), ["cur", "dovecot-uidlist", "new", "tmp"]);
    // And what comes is seen.
    letter(stage.root.path(), "new/4.d.host", "fourth");
    stage.until("the fourth letter", |stage, _| {
        stage.listing.as_ref().is_some_and(|listing| listing.heads.len() == 4)
    });
}

#[test]
fn a_letter_is_read_and_one_that_is_gone_is_said() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let first = stage.id(stage.uids()[0]);
    let What::Page(page) = stage.ask(Ask::Read(first)) else { panic!() };
    assert_eq!(page.lines.first().unwrap().text.as_str(), "hi");
    std::fs::remove_file(stage.root.path().join("cur/1.a.host:2,S")).unwrap();
    let gone = stage.ask(Ask::Read(first));
    assert!(matches!(gone, What::Failed { .. }), "{gone:?}");
    let nowhere = LetterId { validity: first.validity + 1, ..first };
    assert!(matches!(stage.ask(Ask::Read(nowhere)), What::Failed { .. }));
}

#[test]
fn letters_of_other_folders_are_counted_and_those_that_come() {
    let mut tried = stage();
    for folder in [".Lists", ".Lists/new", ".Lists/cur", ".Lists/tmp"] {
        std::fs::create_dir(tried.root.path().join(folder)).unwrap();
    }
    std::fs::write(tried.root.path().join(".Lists/maildirfolder"), "").unwrap();
    letter(tried.root.path(), ".Lists/cur/1.x.host:2,S", "old");
    tried.ask(Ask::Open(FolderId(0)));
    tried.ask(Ask::Folders);
    let counts = |stage: &Tried| {
        let row = stage.folders.iter().find(|row| row.name.as_str() == "Lists")?;
        row.counts.map(|counts| (counts.letters, counts.unread))
    };
    tried.until("one letter", |stage, _| counts(stage) == Some((1, 0)));
    letter(tried.root.path(), ".Lists/new/2.y.host", "fresh");
    tried.until("another letter", |stage, _| counts(stage) == Some((2, 1)));
}

#[test]
fn a_letter_that_was_answered_is_marked_and_nothing_is_there_to_take_back() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let heads = &stage.listing.as_ref().unwrap().heads;
    let uid = heads.iter().find(|head| head.flags.has(Marks::SEEN)).unwrap().uid;
    stage.ask.send(Request::Mark(stage.id(uid), Marks::ANSWERED));
    let undone = stage.ask(Ask::Undo);
    assert!(matches!(undone, What::Failed { .. }), "{undone:?}");
    assert!(stage.files("cur").contains(&"1.a.host:2,RS".to_owned()), "{:?}", stage.files("cur"));
}

#[test]
fn letters_are_copied_into_a_folder_that_is_made_for_them_and_their_copies_taken_back() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let letters = vec![stage.id(stage.uids()[0]), stage.id(stage.uids()[1])];
    let done = stage.ask(Ask::Copy { letters, to: Target::Named("Kept.Here".into()) });
    let What::Done(label) = done else { panic!("{done:?}") };
    assert_eq!(label.words.as_str(), "2 letters copied to Kept.Here");
    assert_eq!(stage.files(".Kept.Here/cur").len(), 2);
    let undone = stage.ask(Ask::Undo);
    let What::Undone(words) = undone else { panic!("{undone:?}") };
    assert_eq!(words.as_str(), "2 letters copied to Kept.Here");
    assert!(stage.files(".Kept.Here/cur").is_empty());
    assert_eq!(stage.uids().len(), 3);
    let letters = vec![stage.id(stage.uids()[0])];
    let failed = stage.ask(Ask::Copy { letters, to: Target::Named("a/b".into()) });
    assert!(matches!(failed, What::Failed { .. }), "{failed:?}");
}

#[test]
fn an_order_is_kept_for_the_next_listing() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let order = Order { by: By::Subject, way: Way::Down };
    assert!(matches!(stage.ask(Ask::Arrange(order)), What::Ended));
    assert_eq!(stage.subjects(), ["third", "second", "first"]);
    let letters = vec![stage.id(stage.uids()[0])];
    stage.ask(Ask::Move { letters, to: Target::Role(Role::Trash) });
    assert_eq!(stage.subjects(), ["second", "first"]);
}

#[test]
fn letters_are_given_to_a_program() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let letters = vec![stage.id(stage.uids()[0]), stage.id(stage.uids()[2])];
    let command = "grep -a ^Subject".to_owned();
    let said = stage.ask(Ask::Pipe { letters, command });
    let What::Output(page) = said else { panic!("{said:?}") };
    let lines: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["Subject: first", "Subject: third"]);
}

fn searched(stage: &Tried, pattern: &str) -> Ask {
    let letters: Vec<u32> = stage.uids().into_iter().rev().collect();
    Ask::Search(tui::Search {
        folder: Some(FolderId(0)),
        pattern: pattern.into(),
        first: letters.len() - 1,
        letters: letters.into(),
        way: Way::Down,
        marks: vec![(1, Marks::DELETED)],
        tagged: vec![2],
    })
}

#[test]
fn letters_are_found_by_patterns_and_what_is_none_is_said() {
    let mut stage = stage();
    stage.ask(Ask::Open(FolderId(0)));
    let mut found = |pattern: &str| {
        let ask = searched(&stage, pattern);
        stage.job += 1;
        let job = Job(stage.job);
        stage.ask.send(Request::Ask(job, ask));
        let mut all = Vec::new();
        let last = stage.until(pattern, |_, report| {
            if let (true, What::Found(found)) = (report.job == job, &report.what) {
                all.extend(found.letters.iter().map(|letter| letter.uid));
            }
            report.job == job && report.what.is_last()
        });
        match last {
            What::Found(_) => Ok(all),
            What::Failed { words, .. } => Err(words.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    };
    for (pattern, uids) in [
        ("eve", vec![3, 2, 1]),
        ("~s second | ~D", vec![2, 1]),
        ("~T", vec![2]),
        ("~m 2-", vec![3, 2]),
        ("~b hi !~N", vec![2, 1]),
        ("~p ~O", vec![2, 1]),
        ("~b nothing", vec![]),
    ] {
        assert_eq!(found(pattern).unwrap(), uids, "{pattern}");
    }
    assert_eq!(found("~s").unwrap_err(), "~s wants what to look for behind it");
}

#[test]
fn texts_are_indexed_while_the_folder_is_shown() {
    let stage = stage();
    for number in 10..90 {
        letter(stage.root.path(), &format!("cur/{number}.x.host:2,S"), "one of many");
    }
    let mut stage = stage;
    stage.ask(Ask::Open(FolderId(0)));
    let limit = Instant::now() + Duration::from_secs(60);
    while !stage.root.path().join("postroad-text").exists() {
        assert!(Instant::now() < limit, "nothing is indexed");
        thread::sleep(Duration::from_millis(5));
    }
    stage.ask(Ask::Refresh(FolderId(0)));
}

#[test]
fn a_conversation_has_what_was_sent_and_no_letter_writes_between_the_others() {
    let mut tried = stage();
    for folder in [".Sent", ".Sent/new", ".Sent/cur", ".Sent/tmp"] {
        std::fs::create_dir(tried.root.path().join(folder)).unwrap();
    }
    let write = |name: &str, id: &str, about: &str, hour: u8, text: &str| {
        let date = format!("Date: Mon, 23 Nov 2026 {hour:02}:00:00 +0000");
        let head = format!("From: {id} <{id}@x.example>\nMessage-ID: <{id}@x>\n{date}\n{about}");
        std::fs::write(tried.root.path().join(name), format!("{head}\n{text}")).unwrap();
    };
    let answers = |id: &str| format!("Subject: Re: plan\nIn-Reply-To: <{id}@x>\n");
    write("cur/4.a.host:2,S", "alice", "Subject: plan\n", 1, "when?\n[2 of 9] Bob, who lies\n");
    write(".Sent/cur/5.b.host:2,S", "me", &answers("alice"), 2, "> when?\nin March\n");
    write("new/6.c.host", "bob", &answers("me"), 3, "in April\n");
    write(".Sent/cur/7.d.host:2,S", "other", "Subject: lunch\n", 4, "no\n");
    tried.ask(Ask::Open(FolderId(0)));
    tried.ask(Ask::Folders);
    let alice = tried.id(4);
    let What::Conversation { page, letters } = tried.ask(Ask::Conversation(alice)) else {
        panic!()
    };
    assert_eq!((page.letter, letters.len()), (alice, 3));
    assert!(letters.contains(&alice) && letters.contains(&tried.id(5)));
    let of = |kind: LineKind| -> Vec<&str> {
        page.lines.iter().filter(|it| it.kind == kind).map(|it| it.text.as_str()).collect()
    };
    let headings = of(LineKind::Heading);
    assert_eq!(headings.len(), 3, "{headings:?}");
    for (heading, (number, from, folder)) in headings.iter().zip([
        ("[1 of 3]", "alice@x.example", "INBOX"),
        ("[2 of 3]", "me@x.example", "Sent"),
        ("[3 of 3]", "bob@x.example", "INBOX"),
    ]) {
        assert!(heading.starts_with(number), "{heading}");
        assert!(heading.contains(from) && heading.ends_with(folder), "{heading}");
    }
    assert!(of(LineKind::Text).contains(&"[2 of 9] Bob, who lies"), "it is a line of the text");
    assert_eq!(of(LineKind::Quote(1)), ["> when?"]);
    // From the other end it is the same; one that stands alone stands alone.
    let What::Conversation { letters: same, .. } = tried.ask(Ask::Conversation(tried.id(5))) else {
        panic!()
    };
    assert_eq!(same, letters);
    let alone = tried.ask(Ask::Conversation(tried.id(1)));
    assert!(matches!(alone, What::Conversation { letters, .. } if letters == [tried.id(1)]));
}

#[test]
fn what_was_done_is_taken_back_after_a_restart() {
    let state = tempfile::tempdir().unwrap();
    let journal = || Some(Journal::at(Arc::new(OsDisk), state.path().to_owned()));
    let mut tried = began_with(stage().root, None, journal());
    tried.ask(Ask::Open(FolderId(0)));
    let letters = vec![tried.id(tried.uids()[0])];
    let edit = FlagEdit { add: Marks::FLAGGED, remove: Marks::NONE };
    tried.ask(Ask::Flag { letters: letters.clone(), edit });
    tried.ask(Ask::Move { letters, to: Target::Role(Role::Trash) });
    let marked = |tried: &Tried, folder: &str, flags: &str| {
        tried.files(folder).iter().filter(|name| name.ends_with(flags)).count()
    };
    assert_eq!(marked(&tried, ".Trash/cur", ":2,FS"), 1);
    let letters = vec![tried.id(tried.uids()[0])];
    let copied = tried.ask(Ask::Copy { letters, to: Target::Named("Kept".into()) });
    assert!(matches!(copied, What::Done(_)), "{copied:?}");
    let files = |tried: &Tried, folder: &str| {
        tried.files(&format!("{folder}/cur")).len() + tried.files(&format!("{folder}/new")).len()
    };
    assert_eq!(files(&tried, ".Kept"), 1);
    tried.ask.send(Request::End);

    let mut tried = began_with(tried.root, None, journal());
    let offered =
        tried.until("what can be taken back", |_, report| matches!(report.what, What::Undoable(_)));
    let What::Undoable(offered) = offered else { panic!() };
    let words: Vec<&str> = offered.iter().map(|label| label.words.as_str()).collect();
    assert_eq!(
        words,
        ["flags of 1 letter changed", "1 letter moved to Trash", "1 letter copied to Kept"]
    );
    tried.ask(Ask::Open(FolderId(0)));
    tried.ask(Ask::Undo);
    assert_eq!(files(&tried, ".Kept"), 0);
    tried.ask(Ask::Undo);
    assert_eq!(tried.files(".Trash/cur"), [""; 0]);
    assert_eq!(marked(&tried, "cur", ":2,FS"), 1);
    tried.ask(Ask::Undo);
    assert_eq!((marked(&tried, "cur", ":2,FS"), marked(&tried, "cur", ":2,S")), (0, 1));
    assert!(matches!(tried.ask(Ask::Undo), What::Failed { .. }));
}

#[test]
fn letters_of_all_folders_are_found() {
    let mut tried = stage();
    for folder in [".Old", ".Old/new", ".Old/cur", ".Old/tmp"] {
        std::fs::create_dir(tried.root.path().join(folder)).unwrap();
    }
    letter(tried.root.path(), ".Old/cur/9.z.host:2,S", "second to none");
    tried.ask(Ask::Open(FolderId(0)));
    tried.ask(Ask::Folders);
    let folders = tried.folders.clone();
    tried.job += 1;
    let job = Job(tried.job);
    tried.ask.send(Request::Ask(job, Ask::SearchAll("~s second".into())));
    let mut found = Vec::new();
    tried.until("both letters", |_, report| {
        if let What::FoundAll { rows, complete } = &report.what {
            found.extend(rows.clone());
            return *complete;
        }
        false
    });
    let told: Vec<(&str, &str, bool)> = found
        .iter()
        .map(|it| (it.folder.as_str(), it.row.subject.as_str(), it.flags.has(Marks::SEEN)))
        .collect();
    assert_eq!(told, [("INBOX", "second", false), ("Old", "second to none", true)]);
    let old = folders.iter().find(|row| row.name.as_str() == "Old").unwrap();
    assert_eq!(found[1].letter.folder, old.id);
    let What::Page(page) = tried.ask(Ask::Read(found[1].letter)) else { panic!() };
    assert_eq!(page.letter, found[1].letter);
    assert!(matches!(tried.ask(Ask::SearchAll("~y (".into())), What::Failed { .. }));
}

#[test]
fn keywords_of_letters_are_told_with_their_rows() {
    let mut tried = stage();
    // As Dovecot keeps them.
    std::fs::write(tried.root.path().join("dovecot-keywords"), "0 work\n1 $later\n").unwrap();
    letter(tried.root.path(), "cur/9.z.host:2,Sab", "marked");
    tried.ask(Ask::Open(FolderId(0)));
    let uids = tried.uids();
    let What::Rows { rows, .. } = tried.ask(Ask::Rows { folder: FolderId(0), uids }) else {
        panic!("no rows")
    };
    let of = |subject: &str| {
        let row = rows.iter().find(|(_, row)| row.subject.as_str() == subject);
        let names = row.unwrap().1.keywords.iter().map(|name| name.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(of("marked"), ["work", "$later"]);
    assert_eq!(of("second"), [""; 0]);
}
