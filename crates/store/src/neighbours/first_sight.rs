//! A folder that has no register yet, and was another program's; one that is to be another program's again; and one that
//! comes back from there.
//!
//! | step | what a crash after it leaves |
//! |---|---|
//! | POP3's UIDLs are written, durably | a file that nobody reads yet; the next look writes it again |
//! | Courier's keywords become letters in files' names | some have them; the next look gives them to the others |
//! | the register is written | all is taken over |
//!
//! A folder that was given to Dovecot has a file `postroad-exported`, which says what `dovecot-uidlist` was then. Whoever
//! opens the folder next and finds another list takes up what Dovecot has numbered meanwhile. Where we have gone on, too,
//! and clients know two letters by one UID, the folder's letters get new ones, with another UIDVALIDITY.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::{Disk, Stamp};

use super::{MODSEQ_BEGIN, Numbered, Numbers, courier, dovecot, newest};
use crate::file_name::FileNames;
use crate::flags::Flags;
use crate::{
    KeywordsLeftOut, Mailbox, MailboxError, Mailboxes, Maildir, Seed, SeedLetter, StoreError,
    keywords, small_file,
};

/// What POP3 calls letters of a folder, where that isn't what their UIDs make.
const UIDLS: &str = "postroad-uidls";
/// What Dovecot's list was when the folder was given to it.
pub(super) const EXPORTED: &str = "postroad-exported";

/// Opens a folder, with the numbers of the program that it was of.
pub(crate) fn open(all: &Arc<Mailboxes>, folder: &Maildir) -> Result<Mailbox, MailboxError> {
    let (disk, exported) = (all.disk(), folder.root().join(EXPORTED));
    if let Some(file) = small_file::open(disk, &exported)? {
        let then = small_file::read_part(&exported, file.as_ref(), 0..file.len()?)?;
        if let Some(numbers) = gone_on(disk, folder, &then)? {
            let mailbox = all.take_back(folder, &seed(disk, folder, numbers)?)?;
            match disk.remove(&exported) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => return Ok(mailbox),
            }
        }
    }
    all.open_with(folder, || take_over(disk, folder))
}

fn take_over(disk: &dyn Disk, folder: &Maildir) -> Result<Option<Seed>, MailboxError> {
    let Some((numbers, format)) = newest(disk, folder)? else { return Ok(None) };
    if format.file == courier::FORMAT.file {
        let keywords = courier::keywords(disk, folder)?;
        give_keywords(disk, folder, &keywords, &namer(folder))?;
    }
    seed(disk, folder, numbers).map(Some)
}

/// Dovecot's numbers, where they are others than those that it was given.
fn gone_on(
    disk: &dyn Disk,
    folder: &Maildir,
    then: &[u8],
) -> Result<Option<Numbers>, MailboxError> {
    let file = folder.root().join(dovecot::FORMAT.file);
    match disk.stamp(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        stamp if stamp_text(stamp.as_ref().ok()) == then => Ok(None),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(super::read(disk, &file, &dovecot::FORMAT)?),
    }
}

/// Which list it is, and when it last changed.
fn stamp_text(stamp: Option<&Stamp>) -> Vec<u8> {
    let Some(Stamp { changed, number, octets, .. }) = stamp else { return Vec::new() };
    let changed = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{number} {octets} {}\n", changed.as_nanos()).into_bytes()
}

/// Gives names in tmp/.
fn namer(folder: &Maildir) -> impl Fn() -> PathBuf {
    let (tmp, names) = (folder.tmp(), FileNames::new("first"));
    move || tmp.join(names.next(SystemTime::now()))
}

/// Keeps what POP3 calls the letters; what is left for the register.
fn seed(disk: &dyn Disk, folder: &Maildir, numbers: Numbers) -> Result<Seed, MailboxError> {
    let uidls = uidls_text(&numbers);
    if !uidls.is_empty() {
        let by = namer(folder);
        small_file::replace(disk, &by(), &folder.root().join(UIDLS), uidls.as_bytes())?;
    }
    let Numbers { uid_validity, uid_next, letters } = numbers;
    let letters = letters.into_iter().map(|it| SeedLetter { uid: it.uid, name: it.name }).collect();
    Ok(Seed { uid_validity, uid_next, modseq: MODSEQ_BEGIN, letters })
}

/// Renames letters so that their names have these keywords. A folder has letters for so many only: what finds none left
/// is left out.
fn give_keywords(
    disk: &dyn Disk,
    folder: &Maildir,
    keywords: &BTreeMap<Vec<u8>, Vec<String>>,
    by: &dyn Fn() -> PathBuf,
) -> Result<(), StoreError> {
    if keywords.is_empty() {
        return Ok(());
    }
    let directory = folder.cur_dir();
    for entry in disk.read_dir(&directory)? {
        let name = entry.name.as_bytes();
        let base = name.split(|octet| *octet == b':').next().unwrap_or(name);
        let Some(more) = keywords.get(base) else { continue };
        let info = name.get(base.len()..).unwrap_or_default();
        let old = info.strip_prefix(b":2,").unwrap_or_default();
        let mut names = keywords::names(disk, folder, old)?;
        names.extend_from_slice(more);
        let (letters, left_out) = keywords::letters(disk, folder, &by(), &names);
        if let Some(KeywordsLeftOut::Unknown { source, .. }) = left_out {
            return Err(source);
        }
        let mut new = OsStr::from_bytes(base).to_owned();
        new.push(Flags::default().with_letters(old).info(&letters));
        match disk.rename_noreplace(&directory.join(&entry.name), &directory.join(&new)) {
            // It has them already; or somebody has renamed or removed it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
                ) => {}
            renamed => renamed?,
        }
    }
    Ok(disk.sync_dir(&directory)?)
}

/// UIDVALIDITY, and then each letter's UID and what POP3 calls it; nothing where none has a name of its own.
fn uidls_text(numbers: &Numbers) -> String {
    let line = |letter: &Numbered| Some(format!("{} {}\n", letter.uid, letter.uidl.as_ref()?));
    let lines: String = numbers.letters.iter().filter_map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("{}\n{lines}", numbers.uid_validity),
    }
}

fn parse_uidls(file: &[u8], uid_validity: u32) -> BTreeMap<u32, String> {
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines();
    let is_of_those = lines.next().is_some_and(|line| line.parse() == Ok(uid_validity));
    let letter = |line: &str| {
        let (uid, uidl) = line.split_once(' ')?;
        Some((uid.parse().ok()?, dovecot::unique_id(uidl.as_bytes())?))
    };
    lines.filter(|_| is_of_those).filter_map(letter).collect()
}

impl Mailbox {
    /// What POP3 calls letters by their UIDs, as far as another program has called them something else before.
    ///
    /// # Errors
    /// What the disk said.
    pub fn kept_uidls(&self) -> Result<BTreeMap<u32, String>, MailboxError> {
        let file = self.folder().root().join(UIDLS);
        Ok(parse_uidls(&small_file::read(self.disk(), &file)?, self.uid_validity()))
    }

    /// What POP3 calls a letter where nobody has called it anything else: as Dovecot does by its defaults, so that
    /// clients that came from there know it.
    pub fn uidl(&self, uid: u32) -> String {
        format!("{uid:08x}{:08x}", self.uid_validity())
    }

    /// Writes the folder's numbers as Dovecot has them, so that it goes on with them. It isn't to run on this mailbox
    /// meanwhile.
    ///
    /// # Errors
    /// What the disk said, or that the folder can't be looked at.
    pub fn export_to_dovecot(&mut self) -> Result<Exported, MailboxError> {
        self.refresh()?;
        let mut uidls = self.kept_uidls()?;
        let mut left = 0;
        let mut letters = Vec::with_capacity(self.exists());
        for entry in self.entries() {
            left += usize::from(self.has_keywords_without_letters(entry.flags()));
            let name = entry.path().file_name().unwrap_or_default().as_bytes().to_vec();
            letters.push(Numbered { uid: entry.uid(), name, uidl: uidls.remove(&entry.uid()) });
        }
        let (uid_validity, uid_next) = (self.uid_validity(), self.uid_next());
        let numbers = Numbers { uid_validity, uid_next, letters };
        let text = dovecot::text(&numbers, &self.mailbox_id());
        let file = self.folder().root().join(dovecot::FORMAT.file);
        let _turn = self.folder().turn(self.disk())?;
        let _lock = keywords::lock(self.disk(), self.folder())?;
        small_file::replace(self.disk(), &self.tmp_path(), &file, &text)?;
        self.numbers_were_given_back()?;
        let (exported, stamp) = (self.folder().root().join(EXPORTED), self.disk().stamp(&file)?);
        let then = stamp_text(Some(&stamp));
        small_file::replace(self.disk(), &self.tmp_path(), &exported, &then)?;
        Ok(Exported { letters: numbers.letters.len(), without_keywords: left })
    }
}

/// What was written for another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Letters with their numbers.
    pub letters: usize,
    /// Those of them that have keywords which the other program can't know: a folder has letters for 26.
    pub without_keywords: usize,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use postroad_disk::OsDisk;
    use postroad_testkit::{FaultyDisk, Plan};

    use super::*;
    use crate::{FlagChange, LetterFlags};

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new(files: &[(&str, &str)]) -> Self {
            let place = Self { dir: tempfile::tempdir().unwrap() };
            place.folder().create(&OsDisk, "1.x").unwrap();
            for (name, text) in files {
                let path = place.dir.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            place
        }

        fn folder(&self) -> Maildir {
            Maildir::at(self.dir.path())
        }

        fn open(&self) -> Mailbox {
            let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"));
            let mut mailbox = all.open(&self.folder()).unwrap();
            mailbox.refresh().unwrap();
            mailbox
        }
    }

    /// UID, identity, flags.
    fn shown(mailbox: &Mailbox) -> Vec<String> {
        let show = |entry: crate::Entry<'_>| {
            let identity = String::from_utf8_lossy(entry.identity()).into_owned();
            let mut flags = mailbox.flag_names(entry.flags());
            flags.sort_unstable();
            format!("{} {identity} {}", entry.uid(), flags.join(" "))
        };
        mailbox.entries().map(show).collect()
    }

    const DOVECOT: [(&str, &str); 6] = [
        (
            "dovecot-uidlist",
            "3 V77 N30 Gabc\n4 Pold.4 :1.a:2,\n9 W14 :2.b,S=5:2,S\n20 :9.gone\n21 :3.c\n",
        ),
        ("dovecot-keywords", "0 work\n"),
        ("cur/1.a:2,Sa", "Subject: a\n\n"),
        ("cur/2.b,S=5:2,F", "x\n"),
        ("new/3.c", "y\n"),
        ("new/4.d", "z\n"),
    ];

    #[test]
    fn a_folder_of_dovecot_keeps_its_numbers() {
        let place = Place::new(&DOVECOT);
        let mailbox = place.open();
        assert_eq!((mailbox.uid_validity(), mailbox.uid_next()), (77, 31));
        assert_eq!(shown(&mailbox), ["4 1.a \\Seen work", "9 2.b \\Flagged", "21 3.c ", "30 4.d "]);
        assert!(mailbox.highest_modseq() >= MODSEQ_BEGIN);
        assert_eq!(mailbox.kept_uidls().unwrap(), BTreeMap::from([(4, "old.4".to_owned())]));
        assert_eq!(mailbox.uidl(9), "000000090000004d");
        // What it writes later is nothing to us.
        fs::write(place.dir.path().join("dovecot-uidlist"), "3 V78 N2 Gabc\n1 :1.a\n").unwrap();
        assert_eq!(place.open().uid_validity(), 77);
    }

    #[test]
    fn what_is_given_back_to_dovecot_is_what_it_would_have_written() {
        let place = Place::new(&DOVECOT);
        let mut mailbox = place.open();
        mailbox.set_flags(&[9], FlagChange::Add(LetterFlags::SEEN), None).unwrap();
        mailbox.expunge(&[21]).unwrap();
        let exported = mailbox.export_to_dovecot().unwrap();
        assert_eq!(exported, Exported { letters: 3, without_keywords: 0 });
        let numbers = super::super::first_numbers(&OsDisk, &place.folder()).unwrap().unwrap();
        let letters: Vec<_> = numbers
            .letters
            .iter()
            .map(|it| (it.uid, String::from_utf8_lossy(&it.name).into_owned(), it.uidl.as_deref()))
            .collect();
        let expected = [
            (4, "1.a:2,Sa".to_owned(), Some("old.4")),
            (9, "2.b,S=5:2,FS".to_owned(), None),
            (30, "4.d".to_owned(), None),
        ];
        assert_eq!((numbers.uid_validity, numbers.uid_next, letters), (77, 31, expected.to_vec()));
    }

    /// What Dovecot has made of a folder that it was given back.
    fn gone_on(list: &str) -> (Place, Mailbox) {
        let place = Place::new(&DOVECOT);
        let mut mailbox = place.open();
        mailbox.set_flags(&[4], FlagChange::Add(LetterFlags::DRAFT), None).unwrap();
        mailbox.export_to_dovecot().unwrap();
        // Nothing has come of it yet.
        let by = super::super::numbered_by(&OsDisk, &place.folder()).unwrap();
        assert_eq!(by, super::super::NumberedBy::Another);
        assert_eq!(shown(&place.open()), shown(&mailbox));
        fs::remove_file(place.dir.path().join("cur/2.b,S=5:2,F")).unwrap();
        for name in ["cur/5.e:2,S", "new/6.f", "new/7.g"] {
            fs::write(place.dir.path().join(name), "x\n").unwrap();
        }
        fs::write(place.dir.path().join("dovecot-uidlist"), list).unwrap();
        (place, mailbox)
    }

    #[test]
    fn what_dovecot_has_numbered_since_it_was_given_back_is_taken_up() {
        let (place, before) = gone_on(
            "3 V77 N40 Gabc\n4 Pold.4 :1.a:2,\n9 :2.b,S=5:2,\n21 :3.c\n30 :4.d\n33 :6.f\n35 Px :5.e:2,S\n",
        );
        let mailbox = place.open();
        let expected = [
            "4 1.a \\Draft \\Seen work",
            "21 3.c ",
            "30 4.d ",
            "33 6.f ",
            "35 5.e \\Seen",
            "40 7.g ",
        ];
        assert_eq!(shown(&mailbox), expected);
        assert_eq!((mailbox.uid_validity(), mailbox.mailbox_id()), (77, before.mailbox_id()));
        assert_eq!(mailbox.kept_uidls().unwrap().get(&35).map(String::as_str), Some("x"));
        // A client that was here before learns of it, and of no more.
        let modseq = before.highest_modseq();
        let changed: Vec<u32> = mailbox.changed_since(modseq).map(|entry| entry.uid()).collect();
        assert_eq!(changed, [33, 35, 40]);
        assert_eq!(mailbox.expunged_since(modseq), [(9, 9)]);
        // Once.
        assert!(!place.dir.path().join(EXPORTED).exists());
        assert_eq!(shown(&place.open()), expected);
    }

    #[test]
    fn where_dovecot_has_begun_anew_so_do_we() {
        let (place, _) = gone_on("3 V79 N3 Gabc\n1 :1.a:2,\n2 :6.f\n");
        let mailbox = place.open();
        assert_eq!(mailbox.uid_validity(), 79);
        let expected =
            ["1 1.a \\Draft \\Seen work", "2 6.f ", "3 3.c ", "4 4.d ", "5 5.e \\Seen", "6 7.g "];
        assert_eq!(shown(&mailbox), expected);
        assert_eq!(place.open().uid_validity(), 79);
        // A list that is none is no reason to.
        let (place, _) = gone_on("\0\0\0\n");
        assert_eq!(place.open().uid_validity(), 77);
    }

    /// A folder that was given to Dovecot; then we have numbered one more letter, and so has Dovecot, by `uid`.
    fn both_gone_on(uid: u32, expunged: &[u32]) -> (Place, Mailbox) {
        let place = Place::new(&DOVECOT);
        let mut mailbox = place.open();
        mailbox.export_to_dovecot().unwrap();
        let mut letter = mailbox.new_letter().unwrap();
        letter.write(b"x").unwrap();
        assert_eq!(mailbox.append(vec![letter]).unwrap(), [31]);
        mailbox.expunge(expunged).unwrap();
        fs::write(place.dir.path().join("new/6.f"), "x\n").unwrap();
        let next = uid + 1;
        let list =
            format!("3 V77 N{next} Gabc\n4 :1.a:2,\n9 :2.b,S=5:2,\n21 :3.c\n30 :4.d\n{uid} :6.f\n");
        fs::write(place.dir.path().join("dovecot-uidlist"), list).unwrap();
        let again = place.open();
        (place, again)
    }

    #[test]
    fn where_both_have_gone_on_no_uid_names_two_letters() {
        let (place, mailbox) = both_gone_on(31, &[]);
        assert!(mailbox.uid_validity() > 77);
        assert_eq!(mailbox.exists(), 6);
        assert_eq!(place.open().uid_validity(), mailbox.uid_validity());
        // Nor where ours has gone.
        assert!(both_gone_on(31, &[31]).1.uid_validity() > 77);
        // What Dovecot's list has still, and isn't there, is no other letter.
        assert_eq!(both_gone_on(32, &[21]).1.uid_validity(), 77);
    }

    #[test]
    fn whatever_call_fails_what_dovecot_has_numbered_is_taken_up_all_the_same() {
        let root = std::path::Path::new("/mail/alice");
        let disk = || {
            let disk = FaultyDisk::new();
            ["tmp", "new", "cur"].iter().for_each(|part| disk.put_dir(&root.join(part)));
            for (name, text) in DOVECOT {
                disk.put(&root.join(name), text.as_bytes());
            }
            let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
            all.open(&Maildir::at(root)).unwrap().export_to_dovecot().unwrap();
            disk.put(&root.join("new/6.f"), b"x");
            let list = "3 V77 N40 Gabc\n4 Pold.4 :1.a:2,\n9 :2.b,S=5:2,\n21 :3.c\n33 :6.f\n";
            disk.remove(&root.join("dovecot-uidlist")).unwrap();
            disk.put(&root.join("dovecot-uidlist"), list.as_bytes());
            disk
        };
        let open = |disk: &FaultyDisk| {
            let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
            let mut mailbox = all.open(&Maildir::at(root))?;
            mailbox.refresh()?;
            Ok::<_, MailboxError>(shown(&mailbox))
        };
        let sound = disk();
        sound.plan(Plan::Sound);
        let expected = open(&sound).unwrap();
        assert_eq!(expected[3], "33 6.f ");
        for call in 0..sound.calls().len() as u64 {
            let disk = disk();
            disk.plan(Plan::Fail { call, errno: 5 });
            let _ = open(&disk);
            let again = open(&disk.restart_after_cut()).unwrap();
            assert_eq!(again[..4], expected[..4], "call {call}");
        }
    }

    const COURIER: [(&str, &str); 6] = [
        ("courierimapuiddb", "1 796009240 9\n1 1.a,S=5\n5 2.b\n"),
        ("courierimapkeywords/:list", "work\nhome\nb(d\n\n1.a,S=5:1 0\n2.b:1\n7.x:0\n"),
        ("courierimapkeywords/.12.2.b", "work\n"),
        ("cur/1.a,S=5:2,S", "x\n"),
        ("cur/2.b:2,", "y\n"),
        ("new/3.c", "z\n"),
    ];

    #[test]
    fn a_folder_of_courier_keeps_its_numbers_and_keywords() {
        let place = Place::new(&COURIER);
        let mailbox = place.open();
        assert_eq!((mailbox.uid_validity(), mailbox.uid_next()), (796_009_240, 10));
        assert_eq!(shown(&mailbox), ["1 1.a \\Seen home work", "5 2.b work", "9 3.c "]);
    }

    #[test]
    fn keywords_that_courier_left_long_ago_are_not_taken() {
        let mut files = COURIER.to_vec();
        files[0] = ("dovecot-uidlist", "3 V77 N30 Gabc\n4 :1.a,S=5:2,\n");
        let mailbox = Place::new(&files).open();
        assert_eq!(shown(&mailbox), ["4 1.a \\Seen", "30 2.b ", "31 3.c "]);
    }

    #[test]
    fn whatever_call_fails_numbers_are_taken_over_all_the_same() {
        let disk = || {
            let disk = FaultyDisk::new();
            for part in ["tmp", "new", "cur", "courierimapkeywords"] {
                disk.put_dir(&std::path::Path::new("/mail/alice").join(part));
            }
            for (name, text) in COURIER {
                disk.put(&std::path::Path::new("/mail/alice").join(name), text.as_bytes());
            }
            disk
        };
        let open = |disk: &FaultyDisk| {
            let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
            all.open(&Maildir::at("/mail/alice")).map(|mailbox| shown(&mailbox))
        };
        let sound = disk();
        sound.plan(Plan::Sound);
        let expected = open(&sound).unwrap();
        assert_eq!(expected.len(), 3);
        for call in 0..sound.calls().len() as u64 {
            let disk = disk();
            disk.plan(Plan::Fail { call, errno: 5 });
            let _ = open(&disk);
            let again = open(&disk.restart_after_cut()).unwrap();
            assert_eq!(again, expected, "call {call}");
        }
    }
}
