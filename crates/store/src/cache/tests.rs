use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::OsDisk;
use postroad_testkit::{FaultyDisk, Random};
use proptest::prelude::*;

use super::*;
use crate::limits::CACHE_BLOCK_LETTERS_MAX;

const KEY: CacheKey = CacheKey { mailbox_id: [7; 16], uid_validity: 3 };

/// Facts that own what they are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Letter {
    columns: Columns,
    texts: [Option<Vec<u8>>; 5],
    message_id: Option<IdHash>,
    email_id: Option<EmailId>,
    references: Vec<IdHash>,
    kind: SubjectKind,
}

impl Letter {
    fn facts(&self) -> Facts<'_> {
        let [envelope, structure, subject, preview, fields] =
            self.texts.each_ref().map(Option::as_deref);
        Facts {
            columns: self.columns,
            envelope,
            structure,
            message_id: self.message_id,
            email_id: self.email_id,
            references: &self.references,
            subject: subject.map(|base| Subject { base, kind: self.kind }),
            preview,
            fields,
        }
    }

    fn draw(random: &mut Random) -> Self {
        let mut text = |longest: u64| {
            let octets = random.below(longest);
            (random.below(4) > 0).then(|| (0..octets).map(|_| random.below(256) as u8).collect())
        };
        let texts = [text(300), text(300), text(60), text(200), text(100)];
        let sent = (random.below(3) > 0).then(|| Sent {
            at: random.below(1 << 40).cast_signed(),
            zone: random.below(900) as i16,
        });
        let columns =
            Columns { size: random.below(1 << 40), sent, arrived: random.below(1 << 33) as i64 };
        let references =
            (0..random.below(4)).map(|_| random.below(u64::MAX).to_le_bytes()).collect();
        let message_id = (random.below(5) > 0).then(|| random.below(99).to_le_bytes());
        let email_id = (random.below(3) > 0).then(|| [random.below(256) as u8; 15]);
        let is_reply = random.below(2) == 0;
        let kind = if is_reply { SubjectKind::Reply } else { SubjectKind::Original };
        Self { columns, texts, message_id, email_id, references, kind }
    }
}

/// As if much had been written over.
fn make_untidy(cache: &mut Cache) {
    if let Some((_, known)) = cache.file.parts() {
        known.waste += 1 << 40;
    }
}

fn base(uid: u32) -> Vec<u8> {
    format!("176444{uid}.M1P2Q3R4.host").into_bytes()
}

fn letters(seed: u64, count: u32) -> BTreeMap<u32, Letter> {
    let mut random = Random::new(seed);
    (1..=count).map(|uid| (uid * 3, Letter::draw(&mut random))).collect()
}

/// A folder on a real disk.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Maildir::at(dir.path()).create(&OsDisk, "1.x").unwrap();
        Self { dir }
    }

    fn open(&self) -> Cache {
        Cache::open(Arc::new(OsDisk), &Maildir::at(self.dir.path()), KEY).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }
}

fn remember<'a>(cache: &mut Cache, letters: impl IntoIterator<Item = (&'a u32, &'a Letter)>) {
    for (uid, letter) in letters {
        assert_eq!(cache.remember(*uid, &base(*uid), &letter.facts()).unwrap(), Written::All);
    }
    assert_eq!(cache.flush().unwrap(), Written::All);
}

#[track_caller]
fn check(cache: &mut Cache, letters: &BTreeMap<u32, Letter>) {
    assert_eq!(cache.len(), letters.len());
    for (uid, letter) in letters {
        assert_eq!(cache.get(*uid, &base(*uid)), Some(letter.facts()), "{uid}");
        assert_eq!(cache.columns(*uid, &base(*uid)), Some(letter.columns));
    }
}

#[test]
fn what_is_remembered_is_known_to_all() {
    let (place, all) = (Place::new(), letters(1, 2_000));
    let mut other = place.open();
    let mut cache = place.open();
    remember(&mut cache, &all);
    check(&mut cache, &all);
    check(&mut place.open(), &all);
    assert!(other.is_empty() && other.get(3, &base(3)).is_none());
    other.refresh().unwrap();
    check(&mut other, &all);
    assert!(other.get(4, &base(4)).is_none() && other.get(0, b"").is_none());
    // The other one appends, and both know it.
    let more = BTreeMap::from([(7, all[&3].clone())]);
    remember(&mut other, &more);
    cache.refresh().unwrap();
    assert_eq!(cache.get(7, &base(7)), Some(all[&3].facts()));
}

#[test]
fn a_stale_cache_answers_for_no_other_letter() {
    let (place, all) = (Place::new(), letters(1, 9));
    remember(&mut place.open(), &all);
    assert!(place.open().get(3, &base(4)).is_none());
    assert!(place.open().columns(3, &base(4)).is_none());
    for key in [CacheKey { uid_validity: 4, ..KEY }, CacheKey { mailbox_id: [8; 16], ..KEY }] {
        let folder = Maildir::at(place.dir.path());
        let mut cache = Cache::open(Arc::new(OsDisk), &folder, key).unwrap();
        assert!(cache.is_empty());
        remember(&mut cache, &letters(2, 2));
        check(&mut cache, &letters(2, 2));
        assert!(place.open().is_empty());
        remember(&mut place.open(), &all);
    }
}

#[test]
fn what_comes_later_stands_in_place_of_what_was_known() {
    let (place, mut all) = (Place::new(), letters(1, 300));
    let mut cache = place.open();
    remember(&mut cache, all.iter().rev());
    check(&mut cache, &all);
    let structure = Some(b"(\"text\" \"plain\")".to_vec());
    all.values_mut().for_each(|letter| letter.texts[1] = structure.clone());
    remember(&mut cache, &all);
    check(&mut cache, &all);
    check(&mut place.open(), &all);
}

#[test]
fn tidied_it_is_the_same_without_those_that_are_gone() {
    let (place, mut all) = (Place::new(), letters(1, 3_000));
    let mut cache = place.open();
    for (uid, letter) in &all {
        remember(&mut cache, [(uid, letter)]);
    }
    let mut reader = place.open();
    all.retain(|uid, _| uid % 2 == 0);
    assert_eq!(cache.tidy(|uid| uid % 2 == 0).unwrap(), Written::All);
    check(&mut cache, &all);
    check(&mut place.open(), &all);
    // Who has the old one open keeps it until it looks.
    assert_eq!(reader.get(6, &base(6)), Some(all[&6].facts()));
    assert_eq!(reader.len(), 3_000);
    reader.refresh().unwrap();
    check(&mut reader, &all);
    assert!(cache.file.known().blocks <= 1 + 1_500 / CACHE_BLOCK_LETTERS_MAX as u64);
    let before = std::fs::metadata(place.file()).unwrap().len();
    cache.tidy(|_| true).unwrap();
    assert_eq!(std::fs::metadata(place.file()).unwrap().len(), before);
    assert_eq!(std::fs::read_dir(place.dir.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn one_writes_at_a_time_and_the_other_does_not_wait() {
    let (place, all) = (Place::new(), letters(1, 3));
    let (mut one, mut other) = (place.open(), place.open());
    remember(&mut one, &all);
    let held = one.file.locked().unwrap();
    assert!(held.is_some());
    other.remember(1, &base(1), &all[&3].facts()).unwrap();
    assert_eq!(other.flush().unwrap(), Written::NotOurTurn);
    drop(held);
    remember(&mut other, &letters(2, 1));
    one.refresh().unwrap();
    assert_eq!(one.get(3, &base(3)), Some(letters(2, 1)[&3].facts()));
}

#[test]
fn anybody_may_delete_it_at_any_moment() {
    let (place, all) = (Place::new(), letters(1, 50));
    let mut cache = place.open();
    remember(&mut cache, &all);
    std::fs::remove_file(place.file()).unwrap();
    check(&mut cache, &all);
    cache.refresh().unwrap();
    assert!(cache.is_empty());
    let more = letters(2, 5);
    remember(&mut cache, &more);
    check(&mut cache, &more);
    check(&mut place.open(), &more);
    std::fs::write(place.file(), "").unwrap();
    remember(&mut cache, &all);
    check(&mut place.open(), &all);
}

#[test]
fn a_torn_tail_is_cut_off_and_another_version_is_none() {
    let (place, all) = (Place::new(), letters(1, 20));
    let (first, second): (Vec<_>, Vec<_>) = all.iter().partition(|(uid, _)| **uid < 30);
    remember(&mut place.open(), first.iter().copied());
    let short = std::fs::metadata(place.file()).unwrap().len();
    remember(&mut place.open(), second.iter().copied());
    let whole = std::fs::read(place.file()).unwrap();
    for cut in usize::try_from(short).unwrap()..whole.len() {
        std::fs::write(place.file(), &whole[..cut]).unwrap();
        let mut cache = place.open();
        assert_eq!(cache.len(), first.len(), "{cut}");
        if cut % 97 == 0 {
            remember(&mut cache, second.iter().copied());
            assert_eq!(std::fs::read(place.file()).unwrap(), whole);
        }
    }
    let mut other = whole.clone();
    other[7] ^= 1;
    std::fs::write(place.file(), &other).unwrap();
    assert!(place.open().is_empty());
}

#[test]
fn whatever_call_fails_what_is_known_is_right() {
    let all = letters(5, 12);
    let parts: Vec<Vec<_>> = all.iter().collect::<Vec<_>>().chunks(3).map(<[_]>::to_vec).collect();
    let play = |disk: &FaultyDisk| {
        let folder = Maildir::at("/mail/alice");
        let Ok(mut cache) = Cache::open(Arc::new(disk.clone()), &folder, KEY) else { return };
        for part in &parts {
            for (uid, letter) in part {
                let _ = cache.remember(**uid, &base(**uid), &letter.facts());
            }
            let _ = cache.flush();
        }
        make_untidy(&mut cache);
        let _ = cache.tidy(|uid| uid > 6);
    };
    let disk = || {
        let disk = FaultyDisk::new();
        disk.put_dir("/mail/alice/tmp".as_ref());
        disk
    };
    let sound = disk();
    sound.plan(postroad_testkit::Plan::Sound);
    play(&sound);
    let calls = sound.calls().len() as u64;
    assert!(calls > 30);
    for call in 0..calls {
        let disk = disk();
        disk.plan(postroad_testkit::Plan::Fail { call, errno: 5 });
        play(&disk);
        let torn = (0..4).map(|seed| disk.copy().restart_after_torn_cut(seed));
        for disk in torn.chain([disk.copy(), disk.copy().restart_after_cut()]) {
            let folder = Maildir::at("/mail/alice");
            let mut cache = Cache::open(Arc::new(disk), &folder, KEY).unwrap();
            for (uid, letter) in &all {
                let known = cache.get(*uid, &base(*uid));
                assert!(known.is_none() || known == Some(letter.facts()), "call {call}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_rebuilt_cache_equals_the_old_one(seed in any::<u64>(), count in 1_u32..60) {
        let all = letters(seed, count);
        let (old, new) = (Place::new(), Place::new());
        remember(&mut old.open(), &all);
        // Another order, other blocks, some of them twice, tidied.
        let mut random = Random::new(seed);
        let mut order: Vec<_> = all.iter().chain(all.iter().take(5)).collect();
        order.sort_by_cached_key(|_| random.below(1 << 30));
        let mut cache = new.open();
        for part in order.chunks(7) {
            remember(&mut cache, part.iter().copied());
        }
        make_untidy(&mut cache);
        cache.tidy(|_| true).unwrap();
        let (mut old, mut new) = (old.open(), new.open());
        prop_assert_eq!(old.len(), new.len());
        for uid in 0..=count * 3 {
            prop_assert_eq!(old.get(uid, &base(uid)), new.get(uid, &base(uid)));
        }
    }

    #[test]
    fn a_wrong_octet_hides_letters_and_changes_none(
        seed in any::<u64>(),
        place in any::<prop::sample::Index>(),
        octet in 1_u8..,
    ) {
        let (folder, all) = (Place::new(), letters(seed, 20));
        remember(&mut folder.open(), &all);
        let mut file = std::fs::read(folder.file()).unwrap();
        let place = place.index(file.len());
        file[place] ^= octet;
        std::fs::write(folder.file(), file).unwrap();
        let mut cache = folder.open();
        for (uid, letter) in &all {
            let known = cache.get(*uid, &base(*uid));
            prop_assert!(known.is_none() || known == Some(letter.facts()));
        }
    }
}
