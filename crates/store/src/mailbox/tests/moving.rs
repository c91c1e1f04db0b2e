//! Letters that move, where something goes wrong on the way and the process goes on.

use super::*;

/// The names of shown letters in a folder of a simulated disk.
fn letters_in(disk: &FaultyDisk, folder: &Maildir) -> usize {
    let (new, cur) = (folder.new_dir(), folder.cur_dir());
    let is_shown = |path: &&PathBuf| path.starts_with(&new) || path.starts_with(&cur);
    disk.files().iter().filter(is_shown).count()
}

/// A client that was told NO tries again: by then the letter may be there already, and is to go where it was.
#[test]
fn a_move_that_failed_at_any_call_and_is_tried_again_leaves_one_letter() {
    let mut call = 0;
    loop {
        let (disk, inbox) = simulated();
        let lists = inbox.folder(&FolderName::parse("Lists").unwrap());
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&lists.root().join(part));
        }
        disk.put(Path::new("/mail/alice/cur/1.h:2,"), b"x");
        let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
        let (mut from, mut to) = (all.open(&inbox).unwrap(), all.open(&lists).unwrap());
        from.refresh().unwrap();
        to.refresh().unwrap();
        disk.plan(Plan::Fail { call, errno: 5 });
        let failed = from.move_to(&[1], &mut to).is_err();
        let calls = disk.calls().len() as u64;
        disk.plan(Plan::Sound);
        from.move_to(&[1], &mut to).unwrap();
        assert_eq!((letters_in(&disk, &inbox), letters_in(&disk, &lists)), (0, 1), "call {call}");
        if !failed && call >= calls {
            return;
        }
        call += 1;
    }
}

/// Somebody removes the register in that moment: the old letter has another UID then, and goes all the same.
#[test]
fn an_old_letter_goes_whatever_its_uid_is_by_then() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let folder = place.inbox.folder(&FolderName::parse("Lists").unwrap());
    folder.create(&OsDisk, "2.x").unwrap();
    let mut inbox = place.open();
    refreshed(&mut inbox);
    let mut lists = Place::process().open(&folder).unwrap();
    let copies = inbox.copies(&[1], &folder).unwrap();
    let moving = inbox.all.begin_move(&place.inbox, &folder, &copies).unwrap();
    lists.take_copies(copies).unwrap();
    fs::remove_file(place.path("postroad-register")).unwrap();
    inbox.end_move(moving).unwrap();
    assert_eq!(place.names(), Vec::<String>::new());
    assert_eq!(lists.exists(), 1);
}

/// What isn't ours in that place is neither believed nor taken into memory.
#[test]
fn a_file_that_is_longer_than_any_of_ours_moves_nothing() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let path = place.path("postroad-moving");
    let file = fs::File::create(&path).unwrap();
    file.set_len(1 << 43).unwrap();
    drop(file);
    let mut inbox = place.open();
    assert_eq!(refreshed(&mut inbox), "1=1.h:");
    assert!(fs::metadata(&path).unwrap().len() <= 8);
}

/// It waits for its folder, and for nobody's sake but its own letters'.
#[test]
fn a_move_that_cannot_be_finished_holds_up_no_other() {
    let place = Place::new();
    for name in ["cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,"] {
        place.put(name);
    }
    let [broken, lists, more] = ["Broken", "Lists", "More"].map(|name| {
        let folder = place.inbox.folder(&FolderName::parse(name).unwrap());
        folder.create(&OsDisk, "2.x").unwrap();
        folder
    });
    let all = Place::process();
    let open = |folder| all.open(folder).unwrap();
    let (mut inbox, mut target) = (open(&place.inbox), open(&broken));
    refreshed(&mut inbox);
    // Somebody gets no further than that, and nobody can look at the folder then.
    let copies = inbox.copies(&[1], &broken).unwrap();
    let moving = all.begin_move(&place.inbox, &broken, &copies).unwrap();
    target.take_copies(copies).unwrap();
    drop((moving, target));
    let (cur, away) = (broken.cur_dir(), broken.root().join("away"));
    fs::rename(&cur, &away).unwrap();
    fs::write(&cur, "").unwrap();
    let octets = || fs::metadata(place.path("postroad-moving")).unwrap().len();
    let left = octets();
    assert!(all.finish_moving(&place.inbox).is_err());
    let (mut to_lists, mut to_more) = (open(&lists), open(&more));
    inbox.move_to(&[2], &mut to_lists).unwrap();
    assert_eq!((to_lists.exists(), octets()), (1, left));
    // Somebody gets stuck behind it, in another folder.
    let copies = inbox.copies(&[3], &more).unwrap();
    let moving = all.begin_move(&place.inbox, &more, &copies).unwrap();
    to_more.take_copies(copies).unwrap();
    drop(moving);
    assert!(octets() > left);
    // Its own letter, and its own folder, wait.
    assert!(inbox.move_to(&[1], &mut to_lists).is_err());
    assert_eq!((to_lists.exists(), octets()), (1, left), "the one behind it was finished");
    let copies = inbox.copies(&[1], &lists).unwrap();
    assert!(all.begin_move(&place.inbox, &broken, &copies).is_err());
    assert_eq!(refreshed(&mut inbox), "1=1.h:");
    fs::remove_file(&cur).unwrap();
    fs::rename(&away, &cur).unwrap();
    assert_eq!(refreshed(&mut all.open(&place.inbox).unwrap()), "");
    assert_eq!([&broken, &lists, &more].map(|folder| open(folder).exists()), [1, 1, 1]);
    assert!(octets() <= 8);
}
