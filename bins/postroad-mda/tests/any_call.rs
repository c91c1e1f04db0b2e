//! Any arguments, variables, settings, rules and letters: the real binary ends with 0, 67, 75 or 77, by no signal,
//! and only 0 leaves a letter (goal: no caller can make a bounce or a loss of a mistake).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use place::{BINARY, LETTER, Place, call_by};

mod place;

/// In a debug build a call takes some 3 ms.
const CALLS: u32 = 250;

/// Another seed, from the variable `POSTROAD_SEED`, tries other calls.
fn seed() -> u64 {
    std::env::var("POSTROAD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Numbers from a seed (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn joined(&mut self, most: usize, pieces: &[&[u8]]) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count).flat_map(|_| self.of(pieces)).copied().collect()
    }
}

const WORDS: &[&[u8]] = &[
    b"-d",
    b"alice",
    b"alice@our.example",
    b"root",
    b"nobody",
    b"-a",
    b"lists",
    b"-f",
    b"",
    b"-",
    b"--",
    b"-m",
    b"../x",
    b"-r",
    b"<>",
    b"-l",
    b"-z",
    b"-Y",
    b"-t",
    b"-o",
    b"-k",
    b"-e",
    b"-p",
    b"/dev/null",
    b"/",
    b"-A",
    b"X: y",
    b"X: y\nZ: 1",
    b"-D",
    b"1/2",
    b"-V",
    b"-w",
    b"90",
    b"-c",
    b"x.toml",
    b"--config",
    b"--as",
    b"procmail",
    b"dovecot-lda",
    b"maildrop",
    b"--help",
    b"--version",
    b"-v",
    b"-h",
    b"deliver",
    b"help",
    b"DEFAULT=x",
    b"a=b",
    b"/x.sieve",
    b"plugin/quota=1",
    b"mail_debug=yes",
    b"\xff\xfe",
    b"\x1b[2J",
    b"-\xff",
    b"$(id)",
    b"; id",
    b"-dalice",
];

const VARIABLES: &[&str] = &[
    "USER",
    "LOGNAME",
    "SENDER",
    "RECIPIENT",
    "ORIGINAL_RECIPIENT",
    "LOCAL",
    "DOMAIN",
    "HOST",
    "EXT",
    "EXTENSION",
    "DTLINE",
    "RPLINE",
    "RUST_MIN_STACK",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "TZ",
    "TMPDIR",
    "COLUMNS",
];

const VALUES: &[&[u8]] = &[
    b"",
    b"alice",
    b"alice@our.example",
    b"a@b@c",
    b"<>",
    b"MAILER-DAEMON",
    b"x; id",
    b"\n",
    b"\xff",
    b"-f",
    b"0",
    b"1",
    b"Delivered-To: x@y.example\n",
    b"Return-Path: <>\n",
    b"../../x",
];

const SETTINGS: &[&[u8]] = &[
    b"mda.message_size_max = \"1KiB\"\n",
    b"hostname = \"x\"\n",
    b"hostname = \"\\n\"\n",
    b"nonsense",
    b"= 3\n",
    b"\xff",
    b"accounts.detail_separator = \"-\"\n",
    b"mda.maildir = \"/\"\n",
    b"mda.submit = \"sendmail:/bin/false\"\n",
    b"[mda]\n",
    b"domains = [\"other.example\"]\n",
];

const RULES: &[&[u8]] = &[
    b"keep;",
    b"discard;",
    b"stop;",
    b"require \"reject\";",
    b"reject \"no\\r\\nX: y\";",
    b"require \"fileinto\";",
    b"fileinto \"../x\";",
    b"redirect \"a@b.example\";",
    b"if not true {",
    b"}",
    b"\"",
    b"\xff",
    b"((((",
    b"/*",
    b"text:\n",
];

const LETTERS: &[&[u8]] = &[
    LETTER.as_bytes(),
    b"From x Sat Jan  1 00:00:00 2000\n",
    b"Return-Path: <a@b.example>\r\n",
    b"Subject: x\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xff",
    b"Delivered-To: alice@our.example\n",
    b"Received: x\n",
    b"Received: x\nDelivered-To: alice@our.example\n\n",
    b" folded\n",
    b"LHLO x\r\n",
    b"MAIL FROM:<>\r\n",
    b"QUIT\r\n",
    b".\r\n",
];

#[test]
fn m07_any_call_ends_with_one_of_four_codes() {
    let seed = seed();
    let mut numbers = Numbers(seed);
    let place = Place::new();
    place.script("");
    let settings = std::fs::read(place.path("postroad.toml")).unwrap();
    let mut ended = [0_u32; 256];
    for number in 0..CALLS {
        let mut text = settings.clone();
        if numbers.below(4) == 0 {
            text.extend(numbers.joined(3, SETTINGS));
        }
        std::fs::write(place.path("postroad.toml"), text).unwrap();
        let rules = match numbers.below(6) {
            0 | 1 => numbers.joined(5, RULES),
            2 => b"require \"reject\"; reject \"no\";".to_vec(),
            _ => Vec::new(),
        };
        std::fs::write(place.path("sieve/alice.sieve"), rules).unwrap();
        let letter = numbers.joined(5, LETTERS);

        let mut words: Vec<OsString> = Vec::new();
        if numbers.below(2) == 0 {
            words.extend(
                ["--as", numbers.of(&["procmail", "dovecot-lda", "maildrop"])].map(OsString::from),
            );
        }
        // Half of them get as far as a mailbox.
        if numbers.below(2) == 0 {
            words.extend(["-f", "b@x.example", "-d", "alice"].map(OsString::from));
        }
        for _ in 0..numbers.below(4) {
            words.push(OsStr::from_bytes(numbers.of(WORDS)).to_owned());
        }
        let mut command = Command::new(BINARY);
        // Never the home of whoever runs the tests.
        command
            .args(&words)
            .env_clear()
            .env("HOME", place.path("home"))
            .current_dir(place.dir.path());
        if numbers.below(8) > 0 {
            command.env("POSTROAD_CONFIG", place.path("postroad.toml"));
        }
        for _ in 0..numbers.below(4) {
            command.env(numbers.of(VARIABLES), OsStr::from_bytes(numbers.of(VALUES)));
        }
        let output = call_by(&mut command, &letter).0;
        let said = String::from_utf8_lossy(&output.stderr);
        let context =
            || format!("POSTROAD_SEED={seed}, call {number}, {words:?}: {}: {said}", output.status);
        let code = output.status.code().unwrap_or_else(|| panic!("{}", context()));
        assert!(matches!(code, 0 | 67 | 75 | 77), "{}", context());
        assert!(!said.contains("broken down"), "{}", context());
        if matches!(code, 67 | 77) {
            assert!(said.starts_with("5."), "{}", context());
        }
        ended[usize::try_from(code).unwrap()] += 1;
    }
    // All four ways are taken, by any seed.
    for code in [0, 67, 75, 77] {
        assert!(ended[code] > 0, "POSTROAD_SEED={seed}: none of {CALLS} ended with {code}");
    }
    assert!(!place.path("x").exists() && !place.path("mail/x").exists());
}
