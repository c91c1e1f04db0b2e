//! Users of the host who read their mail: each is served by a process of their own, which `postroad-as` has made theirs; the
//! access agent itself has no right to any of it.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, PASSWORD, Stage};
use postroad_tests::process::{Ending, PATIENCE, Process, listens, run, until};
use postroad_tests::suite::{Settings, Site, binary, new_mail};
use postroad_tests::{imap, pop3, smtp};

/// Whoever is in it may have users served: the agent.
const CALLERS: u32 = 64_301;
/// Who may be served.
const SERVED: u32 = 64_302;

const PROGRAMS: [&str; 4] = ["postroad-as", "postroad-maa", "postroad-mda", "postroad-mda-whole"];

/// A host as an admin may have set it up: our programs, and settings by which alice and bob are users of the host.
struct Host {
    folder: PathBuf,
    site: Site,
    stage: Stage,
}

impl Host {
    /// `served` are in the group that may be.
    fn set_up(served: &str) -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let groups = fs::read_to_string(stage.path("etc/group"))?;
        let ours = format!("postroad-access:x:{CALLERS}:\npostroad-users:x:{SERVED}:{served}\n");
        stage.write("etc/group", &(groups + &ours))?;
        for user in ["alice", "bob"] {
            let home = stage.path(&format!("home/{user}"));
            fs::set_permissions(home, Permissions::from_mode(0o700))?;
        }
        let folder = stage.path("installed");
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        for name in PROGRAMS {
            fs::copy(binary(name)?, folder.join(name))?;
            fs::set_permissions(folder.join(name), Permissions::from_mode(0o755))?;
        }
        let (agent, becomes) = (Stage::user("postroad")?.id, folder.join("postroad-as"));
        chown(&becomes, Some(0), Some(agent))?;
        fs::set_permissions(&becomes, Permissions::from_mode(0o4750))?;
        let (mda, tables) = ("host_users = true\n".into(), "park_after = \"1s\"\n".into());
        let site = Site::new(&Settings { mda, tables, ..Settings::default() })?;
        let users = fs::read_to_string(site.path("users"))?;
        let lines = users.lines().map(|line| format!("{line}::::::host_user=yes\n"));
        fs::write(site.path("users"), lines.collect::<String>())?;
        run(Command::new("chown").arg("-R").arg(agent.to_string()).arg(site.path("")))?;
        Ok(Some(Self { folder, site, stage }))
    }

    /// An agent of ours, which has no capability and may become no more than its unit lets it.
    fn agent(&self, name: &str, groups: &[u32], words: &[&str]) -> Result<Process> {
        let id = Stage::user("postroad")?.id;
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let mut command = self.stage.command("setpriv");
        command.arg("--bounding-set=-all,+setuid,+setgid").arg("setpriv");
        command.args([format!("--reuid={id}"), format!("--regid={id}")]);
        command.arg(match groups.is_empty() {
            true => "--clear-groups".to_owned(),
            false => format!("--groups={}", groups.join(",")),
        });
        command.arg(self.folder.join(name)).args(words).arg("--config").arg(self.site.config());
        Process::spawn(name, command, &self.site.path(""), Ending::Gentle)
    }

    fn maa(&self) -> Result<Process> {
        let mut process = self.agent("postroad-maa", &[CALLERS], &[])?;
        let Site { imap, pop3, managesieve, .. } = self.site;
        process.until("listened", || [imap, pop3, managesieve].into_iter().all(listens))?;
        Ok(process)
    }

    fn mda(&self) -> Result<Process> {
        let mut process = self.agent("postroad-mda", &[], &["serve"])?;
        process.until("listened", || listens(self.site.lmtp))?;
        Ok(process)
    }

    fn home(&self, user: &str) -> PathBuf {
        self.stage.path("home").join(user)
    }

    /// Makes a letter of a user's, as the user.
    fn put(&self, user: &str, name: &str, subject: &str) -> Result<()> {
        let maildir = self.home(user).join("Maildir");
        let letter = format!("From: anna@client.test\nSubject: {subject}\n\nhello {user}\n");
        for folder in ["", "tmp", "new", "cur"] {
            let folder = maildir.join(folder);
            if !folder.exists() {
                fs::create_dir(&folder)?;
                fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
                self.stage.own(&folder, user)?;
            }
        }
        let path = maildir.join("tmp").join(name);
        fs::write(&path, letter)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        self.stage.own(&path, user)?;
        Ok(fs::rename(path, maildir.join("new").join(name))?)
    }

    fn log_in(&self, user: &str) -> Result<imap::Client> {
        imap::Client::log_in(self.site.imap, user, PASSWORD)
    }
}

/// The workers of a user: processes that are the user's.
fn workers(host: &Host, user: &str) -> Result<Vec<PathBuf>> {
    let (id, program) = (Stage::user(user)?.id, host.folder.join("postroad-maa"));
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let is_theirs = fs::metadata(&path).is_ok_and(|process| process.uid() == id);
        if is_theirs && fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program) {
            found.push(path);
        }
    }
    Ok(found)
}

fn status(process: &Path) -> Result<String> {
    let text = fs::read_to_string(process.join("status"))?;
    Ok(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether that user, with no more rights than that, can look at it.
fn may_list(stage: &Stage, user: &str, path: &Path) -> Result<bool> {
    let mut command = stage.command_as(user, "ls")?;
    command.arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.status()?.success())
}

#[test]
fn m03_each_reads_by_a_process_of_their_own() -> Result<()> {
    let Some(host) = Host::set_up("alice,bob")? else { return Ok(()) };
    let (mda, maa) = (host.mda()?, host.maa()?);
    let served = || -> Result<()> {
        // Whose password is in our file has a mailbox in their home.
        let mut lmtp = smtp::Client::connect(host.site.lmtp)?;
        lmtp.expect("LHLO client.test", 250)?;
        let letter = b"Subject: by LMTP\r\n\r\nhello\r\n";
        let reply = lmtp.message("anna@client.test", &["alice@our.test"], letter)?;
        ensure!(reply.code == 250, "{reply:?} {}", mda.log());
        ensure!(new_mail(&host.home("alice").join("Maildir"))?.len() == 1, "{}", mda.log());
        ensure!(!host.site.path("mail/alice").exists(), "it went elsewhere");
        host.put("bob", "1.bob", "for Bob alone")?;

        // Bob has it by POP3, Alice hers by IMAP, and stores another.
        let mut bob = pop3::Client::log_in(host.site.pop3, "bob", PASSWORD)?;
        let mut alice = host.log_in("alice")?;
        let messages = bob.messages()?;
        ensure!(
            messages.len() == 1 && messages.concat().ends_with(b"hello bob\r\n"),
            "{messages:?}"
        );
        let selected = alice.command("SELECT INBOX")?.join("\n");
        ensure!(selected.contains("* 1 EXISTS"), "{selected}");
        let fetched = alice.command("FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]")?.join("\n");
        ensure!(fetched.contains("by LMTP"), "{fetched}");
        alice.append("INBOX", "\\Seen", "Subject: her own\r\n\r\nhello\r\n")?;
        alice.command("CREATE Archive")?;

        for user in ["alice", "bob"] {
            let id = Stage::user(user)?.id;
            let [process] = &workers(&host, user)?[..] else {
                anyhow::bail!("no process of {user}'s")
            };
            let status = status(process)?;
            for (word, value) in [
                ("Uid:", [id; 4].map(|id| id.to_string()).join(" ")),
                ("Gid:", [id; 4].map(|id| id.to_string()).join(" ")),
                ("Groups:", format!("{id} {SERVED}")),
                ("CapPrm:", "0000000000000000".to_owned()),
                ("CapEff:", "0000000000000000".to_owned()),
                ("NoNewPrivs:", "1".to_owned()),
            ] {
                ensure!(status.contains(&format!("{word} {value} ")), "{word} {value}: {status}");
            }
            // All that is there is the user's.
            let others = run(Command::new("find").arg(host.home(user)).args([
                "!",
                "-user",
                &id.to_string(),
            ]))?;
            ensure!(others.stdout.is_empty(), "{}", String::from_utf8_lossy(&others.stdout));
            // Neither the agent nor the other one can look at it.
            for stranger in ["postroad", "alice", "bob"] {
                let may = may_list(&host.stage, stranger, &host.home(user).join("Maildir/new"))?;
                ensure!(may == (stranger == user), "{stranger} in {user}'s");
            }
        }
        let files =
            ["cur", "new"].map(|part| fs::read_dir(host.home("alice").join("Maildir").join(part)));
        for file in files.into_iter().flatten().flatten() {
            let mode = file?.metadata()?.mode() & 0o7777;
            ensure!(mode == 0o600, "{mode:o}");
        }
        Ok(())
    };
    served().with_context(|| maa.log())
}

#[test]
fn m03_who_is_not_in_the_group_is_not_served_and_who_asks_must_be_the_agent() -> Result<()> {
    let Some(host) = Host::set_up("alice")? else { return Ok(()) };
    let maa = host.maa()?;
    let refused = || -> Result<()> {
        let mut bob = imap::Client::connect(host.site.imap)?;
        let error = bob.command(&format!("LOGIN bob {PASSWORD}")).err().context("bob is served")?;
        ensure!(format!("{error:#}").contains("[UNAVAILABLE]"), "{error:#}");
        // In clear it was given to a process that may be somebody's by then: no other password is to come there.
        ensure!(bob.command(&format!("LOGIN alice {PASSWORD}")).is_err(), "it goes on");
        until("the reason", || maa.log().contains("bob is not in the group postroad-users"))?;
        ensure!(!host.home("bob").join("Maildir").exists(), "something was made");
        host.log_in("alice")?.command("SELECT INBOX")?;
        Ok(())
    };
    refused().with_context(|| maa.log())?;

    // The agent, as somebody who has taken it over would call it.
    let call = |groups: &str, words: &[&str]| -> Result<Output> {
        let id = Stage::user("postroad")?.id;
        let mut command = host.stage.command("setpriv");
        command.args([format!("--reuid={id}"), format!("--regid={id}"), groups.to_owned()]);
        // From a shell: setpriv itself still may execute what it likes.
        command.args(["sh", "-c", "exec \"$@\"", "sh"]).arg(host.folder.join("postroad-as"));
        Ok(command.args(words).stdin(Stdio::null()).output()?)
    };
    let agent = format!("--groups={CALLERS}");
    for (groups, words, code, said) in [
        (agent.as_str(), &["--serve", "root", "mail"][..], 67, "5.1.1 "),
        (&agent, &["--serve", "daemon", "mail"], 67, "5.1.1 "),
        (&agent, &["--serve", "nobody", "rules"], 67, "5.1.1 "),
        (&agent, &["--serve", "postroad", "mail"], 75, "4.3.5 postroad is not in the group"),
        (&agent, &["--serve", "bob", "mail"], 75, "4.3.5 bob is not in the group postroad-users"),
        (&agent, &["--serve", "alice", "fsck"], 75, "4.3.5 nothing of that name"),
        (&agent, &["--serve", "alice", "mail", "--config", "/x"], 75, "4.3.5 nothing of that name"),
        // The transfer and the delivery agent may deliver, and read nothing.
        (
            "--clear-groups",
            &["--serve", "alice", "mail"],
            75,
            "4.3.5 only who is in the group postroad-access",
        ),
        // It serves whoever is logged in, over a socket, and nobody else.
        (
            &agent,
            &["--serve", "alice", "mail"],
            1,
            "postroad-maa: a worker is started by postroad-maa itself",
        ),
    ] {
        let output = call(groups, words)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?} {stderr}");
        assert!(stderr.starts_with(said), "{words:?} {stderr}");
    }
    Ok(())
}

/// What somebody may do with a process of their own: takes descriptor `which` from it (pidfd_getfd(2)), and goes on by `script`,
/// which has it as `fd`.
fn take(host: &Host, user: &str, which: u32, script: &str) -> Result<()> {
    const TAKE: &str = "import ctypes, os, socket, sys\n\
         pid, which = map(int, sys.argv[1:3])\n\
         fd = ctypes.CDLL(None, use_errno=True).syscall(438, os.pidfd_open(pid), which, 0)\n\
         if fd < 0: sys.exit(os.strerror(ctypes.get_errno()))\n";
    let [process] = &workers(host, user)?[..] else { anyhow::bail!("no process of {user}'s") };
    let mut python = host.stage.command_as(user, "python3")?;
    python.args(["-c", &format!("{TAKE}{script}")]);
    run(python.arg(process.file_name().context("a number")?).arg(which.to_string()))?;
    Ok(())
}

#[test]
fn m07_who_owns_a_process_has_no_hold_on_the_agent() -> Result<()> {
    let Some(host) = Host::set_up("alice,bob")? else { return Ok(()) };
    let maa = host.maa()?;
    let held = || -> Result<()> {
        let (mut alice, mut bob) = (host.log_in("alice")?, host.log_in("bob")?);
        // Standard error is a pipe, and what is said there is hers to say.
        let line = "2026-01-02T03:04:05.678901Z ERROR maa login failed name=bob\\n";
        take(&host, "alice", 2, &format!("os.write(fd, 2 * b'{line}')"))?;
        let said = "ERROR maa said by the user's own process user=alice said=\"maa login failed name=bob\"";
        until("what was said", || maa.log().matches(said).count() == 2)?;
        let is_hers = |line: &str| line.contains("login failed") && !line.contains(said);
        ensure!(!maa.log().lines().any(is_hers), "a line is hers");
        // Standard input is what the agent hears her process by.
        let give = "socket.send_fds(socket.socket(fileno=fd), [b'{}'], [os.pipe()[0]])";
        take(&host, "alice", 0, give)?;
        until("it isn't believed", || maa.log().contains("a worker gave away a descriptor"))?;
        until("her session ends", || alice.command("NOOP").is_err())?;
        bob.command("NOOP")?;
        host.log_in("alice")?.command("SELECT INBOX")?;
        Ok(())
    };
    held().with_context(|| maa.log())
}

/// A ManageSieve session of Alice's.
struct Rules(BufReader<TcpStream>);

impl Rules {
    fn log_in(host: &Host) -> Result<Self> {
        let stream = TcpStream::connect(host.site.managesieve)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut rules = Self(BufReader::new(stream));
        rules.until_ok("the greeting")?;
        // NUL alice NUL, and the password.
        rules.command("AUTHENTICATE \"PLAIN\" \"AGFsaWNlAGNvcnJlY3QtaG9yc2U=\"")?;
        Ok(rules)
    }

    fn command(&mut self, command: &str) -> Result<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.until_ok(command)
    }

    fn until_ok(&mut self, what: &str) -> Result<String> {
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line)?;
            ensure!(read > 0 && !line.starts_with("NO"), "{what}: {said}{line}");
            said.push_str(&line);
            if line.starts_with("OK") {
                return Ok(said);
            }
        }
    }
}

#[test]
fn m03_rules_are_put_into_the_home_by_a_process_that_has_no_mail() -> Result<()> {
    let Some(host) = Host::set_up("alice,bob")? else { return Ok(()) };
    let (mda, maa) = (host.mda()?, host.maa()?);
    let managed = || -> Result<()> {
        let mut alice = host.log_in("alice")?;
        alice.command("CREATE Archive")?;
        let home = host.home("alice");
        let there = |name: &str| home.join(name).symlink_metadata().is_ok();
        // Who reads mail has no rules for it.
        ensure!(!there("sieve") && !there(".postroad.sieve"), "rules were made");
        let mut rules = Rules::log_in(&host)?;
        ensure!(workers(&host, "alice")?.len() == 2, "{:?}", workers(&host, "alice")?);
        let script = "require \"fileinto\"; fileinto \"Archive\";\r\n";
        rules.command(&format!("PUTSCRIPT \"mine\" {{{}+}}\r\n{script}", script.len()))?;
        rules.command("SETACTIVE \"mine\"")?;
        let listed = rules.command("LISTSCRIPTS")?;
        ensure!(listed.contains("\"mine\" ACTIVE"), "{listed}");
        let link = fs::symlink_metadata(home.join(".postroad.sieve"))?;
        ensure!(link.uid() == Stage::user("alice")?.id, "it is {}'s", link.uid());

        let mut lmtp = smtp::Client::connect(host.site.lmtp)?;
        lmtp.expect("LHLO client.test", 250)?;
        let letter = b"Subject: by rules\r\n\r\nhello\r\n";
        let reply = lmtp.message("anna@client.test", &["alice@our.test"], letter)?;
        ensure!(reply.code == 250, "{reply:?} {}", mda.log());
        let told = alice.command("STATUS Archive (MESSAGES)")?.join("\n");
        ensure!(told.contains("(MESSAGES 1)"), "{told} {}", mda.log());

        // Her process may keep a connection in clear: nobody else's password comes there.
        rules.command("UNAUTHENTICATE")?;
        ensure!(rules.command("CAPABILITY").is_err(), "it goes on");
        Ok(())
    };
    managed().with_context(|| maa.log())
}

#[test]
fn sessions_rest_and_wake_across_users() -> Result<()> {
    let Some(host) = Host::set_up("alice,bob")? else { return Ok(()) };
    let maa = host.maa()?;
    let rests = || -> Result<()> {
        host.put("alice", "1.alice", "first")?;
        let mut alice = host.log_in("alice")?;
        alice.command("SELECT INBOX")?;
        alice.send(b"i IDLE\r\n")?;
        let mut said = alice.response()?;
        ensure!(said.starts_with('+'), "{said}");
        let process = workers(&host, "alice")?;
        ensure!(process.len() == 1, "{process:?}");
        until("nobody is needed", || workers(&host, "alice").is_ok_and(|all| all.is_empty()))?;
        // By what happens in the mailbox, then by a word.
        host.put("alice", "2.alice", "second")?;
        while !said.contains("2 EXISTS") {
            said = alice.response()?;
        }
        until("nobody is needed", || workers(&host, "alice").is_ok_and(|all| all.is_empty()))?;
        alice.send(b"DONE\r\n")?;
        while !said.starts_with("i OK") {
            said = alice.response()?;
        }
        let fetched = alice.command("FETCH 2 BODY[HEADER.FIELDS (SUBJECT)]")?.join("\n");
        ensure!(fetched.contains("second"), "{fetched}");
        alice.command("LOGOUT")?;
        Ok(())
    };
    rests().with_context(|| maa.log())
}
