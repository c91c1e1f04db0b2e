//! Programs that rules run, as the real binary runs real programs (rows M07 to M09).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MDA: &str = env!("CARGO_BIN_EXE_postroad-mda");
const LETTER: &str = "From: Bob <bob@x.example>\nSubject: hello\n\nbody\n";
const REQUIRE: &str = "require [\"vnd.dovecot.pipe\", \"vnd.dovecot.filter\", \"vnd.dovecot.execute\", \
    \"copy\", \"variables\", \"envelope\", \"fileinto\", \"editheader\"];\n";

/// What is being written can't be run: while one thread writes a program no other starts a process, which would
/// have the file open for a moment.
static WRITING: Mutex<()> = Mutex::new(());

/// Settings, a user, rules, and a folder of programs.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self::with("")
    }

    /// With more lines in `[mda]`.
    fn with(lines: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.mode("", 0o755);
        for folder in ["sieve", "programs", "out"] {
            std::fs::create_dir(place.path(folder)).unwrap();
            place.mode(folder, 0o755);
        }
        place.write(
            "users",
            "alice:{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$\
            aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n",
            0o600,
        );
        let (data, domains) = (place.0.path(), ["our.example"]);
        let settings = format!(
            "data = {data:?}\nhostname = \"mx.our.example\"\ndomains = {domains:?}\n\
             [mda]\nprograms = \"programs\"\n{lines}\n"
        );
        place.write("postroad.toml", &settings, 0o600);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::write(self.path(name), text).unwrap();
        self.mode(name, mode);
    }

    /// A program of these lines, which finds a folder to write into in `$D`.
    fn program(&self, name: &str, lines: &str) {
        let text = format!("#!/bin/sh\nD={}\n{lines}\n", self.path("out").display());
        self.write(&format!("programs/{name}"), &text, 0o700);
    }

    /// Whether there is something, and it is whole.
    fn out(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path("out").join(name)).ok()?;
        text.ends_with('\n').then_some(text)
    }

    fn rules(&self, script: &str) {
        self.write("sieve/alice.sieve", &format!("{REQUIRE}{script}\n"), 0o600);
    }

    /// Delivers, and gives the exit code and what was said.
    fn deliver(&self, letter: &str) -> (Option<i32>, String) {
        self.deliver_by(&mut Command::new(MDA), letter)
    }

    fn deliver_by(&self, command: &mut Command, letter: &str) -> (Option<i32>, String) {
        let config = self.path("postroad.toml");
        let spawned = {
            let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
            command
                .arg("--config")
                .arg(config)
                .args(["-d", "alice", "-f", "\"x; id\"@x.example"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        };
        let mut child = spawned.unwrap();
        let _ = child.stdin.take().unwrap().write_all(letter.as_bytes());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    }

    /// Makes rules and delivers.
    #[track_caller]
    fn ends(&self, script: &str, code: i32) -> String {
        self.rules(script);
        let (ended, said) = self.deliver(LETTER);
        assert_eq!(ended, Some(code), "{script}: {said}");
        said
    }

    fn inbox(&self) -> Vec<String> {
        letters(&self.path("mail/alice"))
    }

    /// Takes what is there out of it.
    fn empty(&self) -> usize {
        let count = self.inbox().len();
        for folder in ["mail/alice/new", "mail/alice/cur"] {
            for entry in std::fs::read_dir(self.path(folder)).into_iter().flatten() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        count
    }

    /// What `postroad trace` would read.
    fn trace(&self) -> String {
        let files = std::fs::read_dir(self.path("trace")).into_iter().flatten();
        files.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }

    /// The number in a file that a program writes, and whether that process is over.
    fn is_over(&self, name: &str) -> bool {
        let Some(number) = self.out(name) else { return false };
        let status = std::fs::read_to_string(format!("/proc/{}/stat", number.trim()));
        status.map_or(true, |status| status.contains(") Z "))
    }
}

fn letters(maildir: &Path) -> Vec<String> {
    let oracle = maildir::Maildir::from(maildir.to_owned());
    oracle.list_new().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "still waiting: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_takes_a_letter_changes_one_and_is_asked() {
    let place = Place::new();
    place.program("take", "cat > $D/letter");
    place.ends("pipe \"take\";", 0);
    let taken = place.out("letter").unwrap();
    assert!(
        taken.starts_with("Return-Path: <\"x; id\"@x.example>\nDelivered-To: alice@"),
        "{taken}"
    );
    assert!(taken.ends_with(LETTER) && !taken.contains('\r'), "{taken}");
    assert_eq!(place.empty(), 0);
    place.ends("pipe :copy \"take\";", 0);
    assert_eq!(place.empty(), 1);

    place.program("mark", "sed \"s/^Subject: /Subject: [$1] /\"");
    place.ends("filter \"mark\" \"list\";", 0);
    let [letter] = &place.inbox()[..] else { panic!("{:?}", place.inbox()) };
    assert!(letter.ends_with("Subject: [list] hello\n\nbody\n"), "{letter}");
    assert!(letter.starts_with("Return-Path: "), "{letter}");
    place.empty();

    symlink("/bin/hostname", place.path("programs/ask")).unwrap();
    place.program("say", "cat; echo \"$1\"");
    place.ends(
        "execute :pipe :output \"said\" \"say\" \"x\"; execute :input \"y\" :output \"y\" \"say\" \"\";\n\
         if string :contains \"said\" \"${said}\" { discard; }\n\
         if not string :matches \"${said}\" \"From: Bob*x\" { keep; } addheader \"X-Y\" \"${y}\"; keep;",
        0,
    );
    assert!(place.inbox()[0].contains("X-Y: y\n"), "{:?}", place.inbox());
    let trace = place.trace();
    assert!(trace.contains("given to the program \\\"take\\\" by alice.sieve line 2"), "{trace}");
    assert!(trace.contains("the program \\\"mark\\\" ran"), "{trace}");
}

#[test]
fn m07_no_argument_is_a_word_for_a_shell_and_none_is_dropped() {
    let place = Place::new();
    place.program(
        "args",
        "for a in \"$@\"; do printf '<%s>\\n' \"$a\"; done > $D/args; env > $D/env",
    );
    place.ends(
        "if envelope :matches \"from\" \"*\" { set \"sender\" \"${1}\"; }\n\
         pipe \"args\" [\"${sender}\", \"-f\", \"\", \"${nobody}\", \"a\nb\", \"$(id)\", \"`id`; id > x\", \"*\"];",
        0,
    );
    assert_eq!(
        place.out("args").unwrap(),
        "<\"x; id\"@x.example>\n<-f>\n<>\n<>\n<a\r\nb>\n<$(id)>\n<`id`; id > x>\n<*>\n"
    );
    let environment = place.out("env").unwrap();
    for line in [
        "SENDER=\"x; id\"@x.example",
        "RECIPIENT=alice@mx.our.example",
        "ORIG_RECIPIENT=alice@mx.our.example",
        "USER=alice",
        "LOGNAME=alice",
        "HOME=/",
        "SHELL=/bin/sh",
        "HOST=mx.our.example",
    ] {
        assert!(environment.lines().any(|other| other == line), "{line}: {environment}");
    }
    // What looks like a path, or like a variable's, is no program's name.
    for script in ["pipe \"../take\";", "pipe \"/bin/sh\" [\"-c\", \"id\"];", "pipe \"${x}\";"] {
        place.empty();
        place.ends(script, 0);
        assert!(place.inbox().iter().any(|letter| letter.ends_with(LETTER)), "{script}");
    }
}

/// The session of this test as /proc names it: "0" in a container whose session began outside.
fn own_session() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    after_name.split(' ').nth(3).unwrap().to_owned()
}

#[test]
fn m08_nothing_of_the_callers_world_reaches_a_program() {
    let place = Place::new();
    place.program(
        "world",
        "echo $(ls /proc/self/fd) > $D/fds\n\
         env > $D/env\n\
         umask > $D/umask\n\
         pwd > $D/pwd\n\
         grep '^Sig[BI]' /proc/self/status > $D/signals\n\
         ulimit -c > $D/core\n\
         cut -d' ' -f5-7 /proc/self/stat > $D/session\n\
         cat > /dev/null",
    );
    place.rules("pipe \"world\";");
    // A caller that leaves all it can: descriptors, signals ignored, masks, limits, variables.
    let lines = "umask 000; ulimit -c unlimited 2> /dev/null; cd /tmp; trap '' HUP INT USR1 TERM CHLD\n\
        exec 7< /etc/passwd 9> /dev/null; exec \"$@\"";
    let mut caller = Command::new("/bin/sh");
    caller
        .args(["-c", lines, "sh", MDA])
        .env("LD_PRELOAD", "/nowhere/evil.so")
        .env("LD_LIBRARY_PATH", "/nowhere")
        .env("BASH_ENV", "/nowhere/evil")
        .env("ENV", "/nowhere/evil")
        .env("IFS", "/")
        .env("PATH", "/nowhere")
        .env("PS4", "$(id)");
    let (code, said) = place.deliver_by(&mut caller, LETTER);
    assert_eq!(code, Some(0), "{said}");
    // ls itself has the folder open.
    assert_eq!(place.out("fds").unwrap(), "0 1 2 3\n");
    assert_eq!(place.out("umask").unwrap(), "0077\n");
    assert_eq!(place.out("pwd").unwrap(), "/\n");
    assert_eq!(place.out("core").unwrap(), "0\n");
    for line in place.out("signals").unwrap().lines() {
        let mask = u64::from_str_radix(line.split('\t').nth(1).unwrap(), 16).unwrap();
        // 32 and 33 are the C library's own; nobody can set them.
        assert_eq!(mask & !(0b11 << 31), 0, "{line}");
    }
    let session = place.out("session").unwrap();
    let [group, session, terminal] = session.split(' ').collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(terminal, "0\n");
    assert_ne!(group, session, "the program can't signal what watches over it by its group");
    assert_ne!(session, own_session());
    let environment = place.out("env").unwrap();
    let known = [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "SENDER",
        "RECIPIENT",
        "ORIG_RECIPIENT",
        "HOST",
        // A shell's own.
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
    ];
    for line in environment.lines() {
        let name = line.split('=').next().unwrap();
        assert!(known.contains(&name), "{environment}");
    }
    assert!(environment.lines().any(|line| line.starts_with("PATH=/usr/local/bin:/usr/bin:/bin")));
}

#[test]
fn m09_each_exit_code_and_death_by_signal() {
    let place = Place::new();
    place.program("exit", "cat > /dev/null; echo 'so it \x1b[2J is' >&2; exit $1");
    for code in [0, 1, 64, 65, 66, 67, 70, 71, 73, 74, 76, 77, 78, 99, 100, 112, 126, 127, 255] {
        place.ends(&format!("pipe \"exit\" \"{code}\";"), 0);
        // Never lost, never bounced, and not twice.
        assert_eq!(place.empty(), usize::from(code != 0), "{code}");
    }
    for code in [75, 111] {
        let said = place.ends(&format!("pipe \"exit\" \"{code}\"; fileinto \"INBOX\";"), 75);
        assert!(said.contains(&format!("exit code {code}, saying")), "{said}");
        assert!(!said.contains('\x1b'), "{said}");
        assert_eq!(place.empty(), 0, "{code}");
    }
    place.program("signal", "kill -$1 $$");
    for signal in ["KILL", "TERM", "SEGV"] {
        assert!(place.ends(&format!("pipe \"signal\" \"{signal}\";"), 75).contains("by signal"));
        assert_eq!(place.empty(), 0);
    }
    // With ":try" nothing of it counts.
    for (script, kept) in [
        ("pipe :try \"exit\" \"75\";", 1),
        ("pipe :try \"exit\" \"1\";", 1),
        ("pipe :try \"signal\" \"KILL\";", 1),
        ("pipe :try \"exit\" \"1\"; discard;", 0),
        ("pipe :try :copy \"exit\" \"1\";", 1),
        ("pipe :try \"exit\" \"0\";", 0),
        ("pipe \"exit\" \"1\"; keep;", 1),
    ] {
        place.ends(script, 0);
        assert_eq!(place.empty(), kept, "{script}");
    }
    // A filter that fails changes nothing, and says so as a test.
    for code in [1, 75, 99] {
        place.ends(&format!("if filter \"exit\" \"{code}\" {{ discard; }}"), 0);
        assert!(place.inbox()[0].ends_with(LETTER));
        place.empty();
    }
    let trace = place.trace();
    assert!(
        trace
            .contains("not taken by the program \\\"exit\\\" by alice.sieve line 2: exit code 100")
    );
    assert!(trace.contains("the program \\\"exit\\\" failed: exit code 99, saying"), "{trace}");
}

#[test]
fn m09_it_reads_nothing_and_says_a_gigabyte() {
    let place = Place::new();
    symlink("/bin/true", place.path("programs/true")).unwrap();
    place.rules("pipe \"true\"; pipe :copy \"true\" \"again\";");
    let long = format!("{LETTER}{}", "0123456789abcde\n".repeat(5 * 1024 * 1024 / 16));
    let (code, said) = place.deliver(&long);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(place.empty(), 0);

    place.program("gigabyte", "head -c 1073741824 /dev/zero; exit $1");
    place.ends("pipe \"gigabyte\" \"0\";", 0);
    assert_eq!(place.empty(), 0);
    place.ends("pipe \"gigabyte\" \"1\";", 0);
    assert_eq!(place.empty(), 1);
    // As a letter it is too much, and is ended.
    place.program("endless", "exec yes 'A: b'");
    place.ends("if filter \"endless\" { discard; }", 0);
    assert!(place.inbox()[0].ends_with(LETTER));
    place.empty();
    place.ends("execute :output \"x\" \"gigabyte\" \"0\"; if string \"${x}\" \"\" { discard; }", 0);
    assert_eq!(place.empty(), 1);
    assert!(place.trace().contains("says too much and was ended"));
    assert!(place.trace().len() < 100_000, "{}", place.trace().len());
}

#[test]
fn m09_what_never_ends_is_ended_with_all_that_it_forked_away() {
    let place = Place::with("delivery_time_max = \"8s\"");
    place.program(
        "never",
        "( setsid sh -c \"echo \\$\\$ > $D/daemon; exec sleep 1000\" & )\n\
         sh -c \"trap '' TERM HUP; echo \\$\\$ > $D/child; sleep 1000; sleep 1000\" &\n\
         echo $$ > $D/self\n\
         exec sleep 1000",
    );
    let said = place.ends("pipe \"never\";", 75);
    assert!(said.contains("takes too long"), "{said}");
    assert_eq!(place.empty(), 0);
    for name in ["self", "child", "daemon"] {
        wait_until(name, || place.is_over(name));
    }
}

#[test]
fn m09_what_forks_away_and_ends_is_not_waited_for() {
    let place = Place::new();
    // Its children hold all that they got.
    place.program("away", "sh -c \"echo \\$\\$ > $D/away; exec sleep 1000\" & exit $1");
    for (script, kept) in [
        ("pipe \"away\" \"0\";", 0),
        ("pipe \"away\" \"1\";", 1),
        ("if execute \"away\" \"0\" { discard; }", 0),
    ] {
        place.ends(script, 0);
        assert_eq!(place.empty(), kept, "{script}");
        // It goes on: so mail programs send in the background.
        wait_until("its number", || place.out("away").is_some());
        let number: i32 = place.out("away").unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(number).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        std::fs::remove_file(place.path("out/away")).unwrap();
    }
}

#[test]
fn without_programs_the_letter_is_kept_and_the_user_told_once() {
    for script in [
        "pipe \"missing\";",
        "filter \"missing\"; discard;",
        "pipe \"loose\";",
        "pipe :try \"loose\";",
    ] {
        let place = Place::new();
        place.program("loose", "exit 0");
        place.mode("programs/loose", 0o777);
        place.ends(script, 0);
        let (code, _) = place.deliver(LETTER);
        assert_eq!(code, Some(0));
        let inbox = place.inbox();
        assert_eq!(inbox.iter().filter(|letter| letter.ends_with(LETTER)).count(), 2, "{script}");
        let told = inbox.iter().find(|letter| letter.contains("rules have a mistake")).unwrap();
        assert!(told.contains("program \""), "{told}");
        assert_eq!(inbox.len(), 3);
    }
}

#[test]
fn m07_m08_m09_what_letters_leave_by_is_run_so_too() {
    let place = Place::with(&format!(
        "submit = \"sendmail:{}\"",
        Place::new().0.path().join("nowhere").display()
    ));
    assert!(place.ends("redirect \"bob@y.example\";", 75).contains("cannot run"));

    let place = Place::new();
    place.program(
        "sendmail",
        "printf '%s\\n' \"$@\" > $D/args; env > $D/env; echo $(ls /proc/self/fd) > $D/fds; . $D/how",
    );
    let settings = std::fs::read_to_string(place.path("postroad.toml")).unwrap();
    let submit = format!("submit = \"sendmail:{}\"\n", place.path("programs/sendmail").display());
    place.write("postroad.toml", &format!("{settings}{submit}"), 0o600);
    let redirect = r#"redirect "\"$(id)\"@y.example"; redirect "-oQ@y.example";"#;
    place.write("out/how", "cat > $D/letter\n", 0o600);
    place.ends(redirect, 0);
    assert_eq!(
        place.out("args").unwrap(),
        "-i\n-f\n\"x; id\"@x.example\n--\n\"$(id)\"@y.example\n-oQ@y.example\n"
    );
    assert!(place.out("letter").unwrap().ends_with(LETTER));
    assert_eq!(place.out("fds").unwrap(), "0 1 2 3\n");
    assert!(!place.out("env").unwrap().contains("CARGO"));
    for (how, expected) in [
        ("cat > /dev/null; echo 'no way' >&2; exit 75\n", "exit code 75, saying \"no way\""),
        ("kill -9 $$\n", "ended by signal 9"),
        ("exit 0\n", "did not read all of it"),
    ] {
        place.write("out/how", how, 0o600);
        let said = place.ends(redirect, 75);
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(place.inbox().len(), 0);
}
