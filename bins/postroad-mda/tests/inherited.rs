//! The real binary with what a careless or hostile caller leaves it: descriptors, signals, masks, limits, folders
//! that are gone, variables. It ends with 0, 67, 75 or 77, by no signal, and no letter is lost or changed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use place::{BINARY, Called, LETTER, Place, UnderWay, call_by};

mod place;

impl Place {
    /// Calls for alice, from a shell that has done `before`, with these redirections.
    fn call_after(&self, before: &str, redirections: &str, letter: &[u8]) -> Called {
        let mut shell = Command::new("/bin/sh");
        let script = format!("{before}\nexec \"$@\" {redirections}");
        shell.args(["-c", &script, "sh", BINARY, "-d", "alice"]).env_clear();
        shell.env("PATH", "/usr/bin:/bin").env("POSTROAD_CONFIG", self.path("postroad.toml"));
        call_by(&mut shell, letter)
    }

    /// Every letter that alice has, which is taken away.
    fn take_letters(&self) -> Vec<String> {
        if !self.path("mail/alice/new").exists() {
            return Vec::new();
        }
        let letters = self.letters("mail/alice");
        std::fs::remove_dir_all(self.path("mail/alice")).unwrap();
        letters
    }
}

#[test]
fn m08_descriptors_that_are_closed() {
    let place = Place::new();
    for closed in ["1>&-", "2>&-", "1>&- 2>&-"] {
        place.call_after("", closed, LETTER.as_bytes()).ends(0, "");
        let letters = place.take_letters();
        assert!(letters.len() == 1 && letters[0].ends_with(LETTER), "{closed}: {letters:?}");
    }
    for closed in ["0<&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"] {
        let called = place.call_after("", closed, LETTER.as_bytes());
        assert_eq!(called.0.status.code(), Some(75), "{closed}");
    }
    place.call_after("", "0<&-", b"").ends(75, "4.3.5 standard input is closed");
    // Nor is one that can't be read an empty letter, or a folder one.
    place.call_after("", "0>/dev/null", b"").ends(75, "4.3.0 cannot read the letter");
    place.call_after("", "0</", b"").ends(75, "4.3.0 cannot read the letter");
    assert!(place.take_letters().is_empty());
}

#[test]
fn m16_m08_a_mask_for_modes_changes_none() {
    let place = Place::new();
    for mask in ["0", "0777", "0277"] {
        place.call_after(&format!("umask {mask}"), "", LETTER.as_bytes()).ends(0, "");
        let mailbox = place.path("mail/alice");
        let owner = std::fs::metadata(place.dir.path()).unwrap().uid();
        for folder in ["", "tmp", "new", "cur"] {
            let metadata = std::fs::metadata(mailbox.join(folder)).unwrap();
            assert_eq!(
                (metadata.mode() & 0o7777, metadata.uid()),
                (0o700, owner),
                "{mask} {folder}"
            );
        }
        let file = std::fs::read_dir(mailbox.join("new")).unwrap().next().unwrap().unwrap();
        let metadata = file.metadata().unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o600, owner), "{mask}");
        assert_eq!(place.take_letters().len(), 1);
    }
}

#[test]
fn m08_signals_that_a_caller_ignores_or_holds_change_nothing() {
    let place = Place::new();
    let signals = "HUP,INT,QUIT,TERM,PIPE,ALRM,CHLD,USR1,USR2,XFSZ,XCPU";
    let ignored = format!("set -- env --ignore-signal={signals} \"$@\"");
    let held = format!("set -- env --block-signal={signals} \"$@\"");
    place.call_after(&held, "", LETTER.as_bytes()).ends(0, "");
    assert_eq!(place.take_letters().len(), 1);
    place.call_after(&ignored, "", LETTER.as_bytes()).ends(0, "");
    assert_eq!(place.take_letters().len(), 1);
    // Who ignores the ends of children doesn't hear of a program's.
    place.leave_by("cat > $D/sent");
    place.script("redirect \"far@away.example\";");
    place.call_after(&ignored, "", LETTER.as_bytes()).ends(0, "");
    assert!(std::fs::read_to_string(place.path("sent")).unwrap().ends_with(LETTER));
    place.leave_by("cat > /dev/null; exit 75");
    place.call_after(&ignored, "", LETTER.as_bytes()).ends(75, "4.3.0 ");
}

/// Else nobody could say how the delivery ended, and the letter would come again until it is given back.
#[test]
fn m08_a_watched_delivery_of_a_caller_that_ignores_the_ends_of_children() {
    let place = Place::new();
    let watched = "us=$1; shift; set -- env --ignore-signal=CHLD,INT,PIPE \"$us\" watched \"$@\"";
    place.call_after(watched, "", LETTER.as_bytes()).ends(0, "");
    assert_eq!(place.take_letters().len(), 1);
    // So are those of several recipients.
    let several = "us=$1; shift; \
        set -- env --ignore-signal=CHLD,INT,PIPE \"$us\" --as procmail \"$@\" alice@our.example";
    place.call_after(several, "", LETTER.as_bytes()).ends(0, "");
    assert_eq!(place.take_letters().len(), 2);
}

#[test]
fn m08_signals_that_mean_nothing_to_us_end_nothing() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    let under_way = UnderWay::begin(&place);
    for signal in [Signal::USR1, Signal::USR2, Signal::IO, Signal::CHILD, Signal::WINCH] {
        kill_process(Pid::from_child(&under_way.child), signal).unwrap();
    }
    under_way.end().ends(0, "");
}

#[test]
fn m08_a_folder_that_is_gone_is_nothing_to_us() {
    let place = Place::new();
    let gone = place.path("gone");
    let before = format!("mkdir {0}; cd {0}; rmdir {0}", gone.display());
    place.call_after(&before, "", LETTER.as_bytes()).ends(0, "");
    assert_eq!(place.take_letters().len(), 1);
}

#[test]
fn m08_limits_are_try_later_and_leave_nothing() {
    let place = Place::new();
    let letter = format!("A: b\n\n{}", "x".repeat(100_000));
    // With less memory or stack, no program of our size is even started.
    let limits = [
        "ulimit -f 0",
        "ulimit -f 1",
        "ulimit -f 100",
        "ulimit -s 128",
        "ulimit -s 1024",
        "ulimit -v 40000",
        "ulimit -v 100000",
        "ulimit -v 131071",
        "ulimit -v 131072",
        "ulimit -d 8192",
        "ulimit -c 0",
        "ulimit -l 0",
    ];
    // With three, the loader can't open what we are made of.
    let descriptors = (4..16).map(|most| format!("ulimit -n {most}"));
    let mut filed = 0;
    for limit in limits.map(str::to_owned).into_iter().chain(descriptors) {
        let called = place.call_after(&limit, "", letter.as_bytes());
        let said = String::from_utf8_lossy(&called.0.stderr).into_owned();
        let letters = place.letters_or_none();
        match called.0.status.code() {
            Some(0) => filed += 1,
            Some(75) => assert!(said.starts_with("4."), "{limit}: {said}"),
            _ => panic!("{limit}: {} {said}", called.0.status),
        }
        assert_eq!(letters, filed, "{limit}: {said}");
    }
    assert!(filed > 2);
}

impl Place {
    fn letters_or_none(&self) -> usize {
        match self.path("mail/alice/new").exists() {
            true => self.letters("mail/alice").len(),
            false => 0,
        }
    }
}

#[test]
fn m08_variables_that_libraries_heed_change_nothing() {
    let place = Place::new();
    let config = place.path("postroad.toml");
    for (name, value) in [
        ("RUST_MIN_STACK", "1"),
        ("RUST_MIN_STACK", "x"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LOG", "trace"),
        ("TZ", "/etc/shadow"),
        ("TZ", ":../../x"),
        ("TMPDIR", "/nowhere/at/all"),
        ("LC_ALL", "x\n"),
        ("COLUMNS", "-1"),
    ] {
        let variables = [("POSTROAD_CONFIG", config.to_str().unwrap()), (name, value)];
        place.run(&["-d", "alice"], &variables, LETTER.as_bytes()).ends(0, "");
        let letters = place.take_letters();
        assert!(letters.len() == 1 && letters[0].ends_with(LETTER), "{name}={value}: {letters:?}");
    }
}
