use std::sync::Arc;

use postroad_tui::data::{Found, Head, Listing, Marks, Order, Row, Stage, Way};
use postroad_tui::effect::{FlagEdit, Search};

use super::*;

fn two() -> Accounts {
    Accounts::new(vec!["home".into(), "work".into()], Some(FolderId(0)))
}

fn row(id: u32, name: &'static str) -> FolderRow {
    let role = (name == "INBOX").then_some(Role::Inbox);
    FolderRow { id: FolderId(id), name: name.into(), role, counts: None }
}

/// What is shown of what an account tells.
fn told(accounts: &mut Accounts, account: usize, job: u64, what: What) -> Option<Report> {
    accounts.outward(account, Report { job: Job(job), what })
}

fn folders(accounts: &mut Accounts, account: usize, rows: Vec<FolderRow>) -> Vec<FolderRow> {
    match told(accounts, account, 0, What::Folders(rows)).unwrap().what {
        What::Folders(rows) => rows,
        other => panic!("{other:?}"),
    }
}

fn asked(accounts: &mut Accounts, job: u64, ask: Ask) -> Whose {
    accounts.inward(Job(job), ask).unwrap()
}

fn of_work(id: u32) -> FolderId {
    FolderId(1 << OWN_BITS | id)
}

#[test]
fn folders_of_all_are_one_list_and_each_knows_its_own() {
    let mut accounts = two();
    let rows = folders(&mut accounts, 1, vec![row(0, "INBOX")]);
    assert_eq!((rows[1].name.as_str(), rows[1].id), ("work: INBOX", of_work(0)));
    let rows = folders(&mut accounts, 0, vec![row(0, "INBOX")]);
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["All inboxes", "home: INBOX", "work: INBOX"]);
    let one = |ask: Ask| Whose::One(1, ask);
    assert_eq!(asked(&mut accounts, 1, Ask::Open(of_work(0))), one(Ask::Open(FolderId(0))));
    // What has no folder is for the same one.
    let new = Ask::NewDraft(Start::Empty);
    assert_eq!(asked(&mut accounts, 2, new.clone()), one(new));
    assert_eq!(asked(&mut accounts, 3, Ask::Folders), Whose::All(Ask::Folders));
    let letter = LetterId { folder: of_work(0), validity: 1, uid: 7 };
    let ask = Ask::Move { letters: vec![letter], to: Target::Folder(FolderId(0)) };
    let crossing = Crossing {
        from: 1,
        letters: vec![LetterId { folder: FolderId(0), ..letter }],
        to: 0,
        folder: FolderId(0),
        title: "home: INBOX".into(),
        how: How::Move,
    };
    assert_eq!(asked(&mut accounts, 4, ask), Whose::Across(vec![crossing], Vec::new()));
}

#[test]
fn one_account_is_as_it_was() {
    let mut accounts = Accounts::new(vec!["home".into()], Some(FolderId(0)));
    let rows = folders(&mut accounts, 0, vec![row(3, "a")]);
    assert_eq!((rows.len(), rows[0].id, rows[0].name.as_str()), (1, FolderId(3), "a"));
}

#[test]
fn who_did_the_last_thing_takes_it_back() {
    let mut accounts = two();
    let done = |words: &'static str| What::Done(UndoLabel { words: words.into(), held: None });
    told(&mut accounts, 0, 0, done("one"));
    told(&mut accounts, 1, 0, done("two"));
    told(&mut accounts, 0, 0, done("three"));
    asked(&mut accounts, 1, Ask::Open(of_work(0)));
    for place in [0, 1, 0] {
        assert_eq!(asked(&mut accounts, 2, Ask::Undo), Whose::One(place, Ask::Undo));
    }
}

fn listing(stage: Stage, heads: &[(u32, u32, u8)]) -> What {
    let head = |(uid, sent, depth): &(u32, u32, u8)| Head {
        uid: *uid,
        sent: *sent,
        flags: Marks::NONE,
        depth: *depth,
    };
    What::Listing(Arc::new(Listing {
        folder: FolderId(0),
        validity: 9,
        generation: 1,
        stage,
        order: Order::default(),
        heads: heads.iter().map(head).collect(),
    }))
}

/// The folder of all inboxes, with two letters of each account; the numbers there, in order.
fn all(accounts: &mut Accounts) -> Vec<u32> {
    let parts = vec![(0, Ask::Open(FolderId(0))), (1, Ask::Open(FolderId(0)))];
    assert_eq!(asked(accounts, 5, Ask::Open(ALL)), Whose::Some(parts));
    let first = told(accounts, 0, 5, listing(Stage::Complete, &[(1, 10, 0), (2, 30, 0)])).unwrap();
    assert_eq!(first.job, Job::NONE, "the other one is still waited for");
    let last = told(accounts, 1, 5, listing(Stage::Complete, &[(1, 20, 0), (7, 40, 1)])).unwrap();
    assert_eq!(last.job, Job(5));
    let What::Listing(listing) = last.what else { panic!("no list") };
    assert_eq!((listing.folder, listing.stage), (ALL, Stage::Complete));
    // The answer stays with what it answers.
    let sent: Vec<u32> = listing.heads.iter().map(|head| head.sent).collect();
    assert_eq!(sent, [10, 20, 40, 30]);
    listing.heads.iter().map(|head| head.uid).collect()
}

fn id(uid: u32) -> LetterId {
    LetterId { folder: ALL, validity: 1, uid }
}

fn own(uid: u32) -> LetterId {
    LetterId { folder: FolderId(0), validity: 9, uid }
}

#[test]
fn all_inboxes_are_one_and_each_account_is_asked_for_its_own() {
    let mut accounts = two();
    let uids = all(&mut accounts);
    let edit = FlagEdit::default();
    let letters = uids.iter().map(|uid| id(*uid)).collect();
    let flags = asked(&mut accounts, 6, Ask::Flag { letters, edit });
    let of =
        |letters: &[u32]| Ask::Flag { letters: letters.iter().map(|it| own(*it)).collect(), edit };
    assert_eq!(flags, Whose::Some(vec![(0, of(&[1, 2])), (1, of(&[1, 7]))]));
    // The last answer is the job's.
    let done = || What::Done(UndoLabel { words: "marked".into(), held: None });
    assert_eq!(told(&mut accounts, 1, 6, done()).unwrap().job, Job::NONE);
    assert_eq!(told(&mut accounts, 0, 6, done()).unwrap().job, Job(6));

    // Rows say whose letters they are.
    let rows = Ask::Rows { folder: ALL, uids: vec![uids[1], uids[3]] };
    let of = |uid: u32| Ask::Rows { folder: FolderId(0), uids: vec![uid] };
    assert_eq!(asked(&mut accounts, 7, rows), Whose::Some(vec![(0, of(2)), (1, of(1))]));
    let row = Row { from: "Alice".into(), ..Row::default() };
    let rows = What::Rows { folder: FolderId(0), rows: vec![(1, row)] };
    let told = told(&mut accounts, 1, 7, rows).unwrap();
    let What::Rows { folder, rows } = told.what else { panic!("no rows") };
    assert_eq!((folder, rows[0].0, rows[0].1.from.as_str()), (ALL, uids[1], "work: Alice"));

    // An answer is the account's.
    let read = asked(&mut accounts, 8, Ask::Read(id(uids[2])));
    assert_eq!(read, Whose::One(1, Ask::Read(own(7))));
    let new = asked(&mut accounts, 9, Ask::NewDraft(Start::Forward(id(uids[0]))));
    assert_eq!(new, Whose::One(0, Ask::NewDraft(Start::Forward(own(1)))));
    let to = Target::Folder(of_work(3));
    let mixed = uids.iter().map(|uid| id(*uid)).collect();
    let across = asked(&mut accounts, 10, Ask::Copy { letters: mixed, to: to.clone() });
    let Whose::Across(crossings, stay) = across else { panic!("{across:?}") };
    assert_eq!((crossings.len(), stay.len()), (1, 1));
    assert_eq!((crossings[0].from, crossings[0].to, crossings[0].letters.len()), (0, 1, 2));
    assert_eq!(stay[0].0, 1);
    let moved = asked(&mut accounts, 11, Ask::Move { letters: vec![id(uids[1])], to });
    let to = Target::Folder(FolderId(3));
    assert_eq!(moved, Whose::Some(vec![(1, Ask::Move { letters: vec![own(1)], to })]));
    // Of a letter that nobody has heard of.
    assert!(accounts.inward(Job(12), Ask::Read(id(99))).is_err());
}

#[test]
fn the_next_letter_is_the_next_of_all_accounts() {
    let mut accounts = two();
    let uids = all(&mut accounts);
    let search = Search {
        folder: Some(ALL),
        pattern: "x".into(),
        letters: uids.clone().into(),
        first: 0,
        way: Way::Up,
        marks: vec![(uids[1], Marks::SEEN)],
        tagged: vec![uids[3]],
    };
    let Whose::Some(parts) = asked(&mut accounts, 6, Ask::Search(search)) else { panic!() };
    let [(0, Ask::Search(home)), (1, Ask::Search(work))] = parts.as_slice() else { panic!() };
    assert_eq!((&home.letters[..], &work.letters[..]), (&[1, 2][..], &[1, 7][..]));
    assert_eq!((&work.marks[..], &home.tagged[..]), (&[(1, Marks::SEEN)][..], &[2][..]));
    let found = |letters: &[u32], complete: bool| {
        let letters = letters.iter().map(|uid| own(*uid)).collect();
        What::Found(Found { letters, complete })
    };
    // The other account may have one before it.
    assert!(told(&mut accounts, 0, 6, found(&[2], false)).is_none());
    let first = told(&mut accounts, 1, 6, found(&[1], true)).unwrap();
    let What::Found(first) = first.what else { panic!() };
    assert_eq!(first.letters, [id(uids[1]), id(uids[3])]);
    assert!(!first.complete);
    let last = told(&mut accounts, 0, 6, found(&[], true)).unwrap();
    assert!(matches!(last.what, What::Found(Found { complete: true, .. })) && last.job == Job(6));
}
