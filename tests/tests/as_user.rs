//! `postroad-as`: a letter is filed as the user of the host that it is for, by a process that can't be anybody else.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use postroad_tests::peers::{Needs, Stage};
use postroad_tests::process::{Ending, Process, listens, run, until};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site, binary, new_mail};

const LETTER: &[u8] = b"From: anna@client.test\nSubject: hello\n\nhello\n";

/// The delivery agent's programs.
const AGENT: [&str; 2] = ["postroad-mda", "postroad-mda-whole"];

/// In place of `postroad-mda`: says who and where it is.
const WITNESS: &str = r#"#!/bin/sh
for word in "$@"; do echo "word [$word]"; done
env | sed 's/^/variable /'
echo "umask $(umask)"
echo "core $(ulimit -c)"
echo "folder $(pwd)"
echo "descriptors $(echo /proc/self/fd/*)"
sed 's/[[:space:]]\+/ /g' /proc/self/status
"#;

/// A folder with our program and its agent, as an admin may have installed them.
struct Place {
    folder: PathBuf,
    stage: Stage,
}

impl Place {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let folder = stage.path("installed");
        let place = Self { folder, stage };
        fs::create_dir(&place.folder)?;
        place.mode("", 0o755)?;
        fs::copy(binary("postroad-as")?, place.path("postroad-as"))?;
        place.mode("postroad-as", 0o755)?;
        for name in AGENT {
            fs::write(place.path(name), WITNESS)?;
            place.mode(name, 0o755)?;
        }
        Ok(Some(place))
    }

    /// Puts the delivery agent there in place of the witness.
    fn install_agent(&self) -> Result<()> {
        AGENT.into_iter().try_for_each(|name| {
            fs::copy(binary(name)?, self.path(name))?;
            Ok(())
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn mode(&self, name: &str, mode: u32) -> Result<()> {
        Ok(fs::set_permissions(self.path(name), Permissions::from_mode(mode))?)
    }

    /// Gives it to a group, whose members may then become anybody.
    fn set_uid(&self, group: &str, mode: u32) -> Result<()> {
        chown(self.path("postroad-as"), Some(0), Some(Stage::user(group)?.id))?;
        self.mode("postroad-as", mode)
    }

    fn call(&self, words: &[&str]) -> Result<Output> {
        let command = self.stage.command(&self.path("postroad-as").display().to_string());
        called(command, words)
    }

    fn call_as(&self, caller: &str, words: &[&str]) -> Result<Output> {
        self.call_there_as(caller, &self.path("postroad-as"), words)
    }

    fn call_there_as(&self, caller: &str, program: &Path, words: &[&str]) -> Result<Output> {
        // From a shell: setpriv itself still may execute what it likes.
        let mut command = self.stage.command_as(caller, "sh")?;
        command.args(["-c", "exec \"$@\"", "sh"]).arg(program);
        called(command, words)
    }
}

fn called(mut command: Command, words: &[&str]) -> Result<Output> {
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // Who refuses at once doesn't read.
    let _ = child.stdin.take().context("no standard input")?.write_all(LETTER);
    Ok(child.wait_with_output()?)
}

#[track_caller]
fn ends(called: &Output, code: i32, said: &str) {
    let all = String::from_utf8_lossy(&called.stderr);
    assert_eq!(called.status.code(), Some(code), "{all}");
    assert!(all.starts_with(said), "{all}");
    // Nothing ran in place of it.
    assert!(code == 0 || called.stdout.is_empty(), "{all}");
}

#[test]
fn m08_the_agent_is_the_user_and_inherits_nothing() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let program = place.path("postroad-as").display().to_string();
    // A caller that leaves behind what it can.
    let mut careless = place.stage.command("env");
    careless.args(["-C", "/root", "--block-signal=TERM,HUP", "LD_PRELOAD=", "IFS=x", "ENV=/x"]);
    careless.args([
        "BASH_ENV=/x",
        "POSTROAD_CONFIG=/x",
        "HOME=/root",
        "SENDER=",
        "EXTENSION=lists",
    ]);
    careless.args([
        "sh",
        "-c",
        "umask 0; ulimit -c unlimited; exec 7</etc/shadow; exec \"$@\"",
        "sh",
    ]);
    careless.arg(program);
    let words = ["alice", "-f", "x; id", "-a", "--config", "-m", "a b"];
    let called = called(careless, &words)?;
    ends(&called, 0, "");
    let said = String::from_utf8(called.stdout)?;
    let of = |word: &str| -> Vec<&str> {
        said.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
    };
    assert_eq!(of("word"), ["[-f]", "[x; id]", "[-a]", "[--config]", "[-m]", "[a b]"]);
    let (home, id) = (place.stage.path("home/alice"), Stage::user("alice")?.id);
    let home = home.display();
    let mut variables = of("variable");
    // The shell's own.
    variables.retain(|variable| !variable.starts_with("PWD="));
    variables.sort_unstable();
    assert_eq!(
        variables,
        [
            "EXTENSION=lists",
            &format!("HOME={home}"),
            "LOGNAME=alice",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "SENDER=",
            "SHELL=/bin/sh",
            "USER=alice",
        ]
    );
    assert_eq!((of("umask"), of("core")), (vec!["0077"], vec!["0"]));
    assert_eq!(of("folder"), [home.to_string()]);
    assert!(!of("descriptors")[0].contains("/7"), "{said}");
    for (word, value) in [
        ("Uid:", [id; 4].map(|id| id.to_string()).join(" ")),
        ("Gid:", [id; 4].map(|id| id.to_string()).join(" ")),
        ("Groups:", id.to_string()),
        ("CapEff:", "0000000000000000".to_owned()),
        ("CapPrm:", "0000000000000000".to_owned()),
        ("SigBlk:", "0000000000000000".to_owned()),
    ] {
        assert_eq!(
            of(word).first().map(|text| text.trim()),
            Some(value.as_str()),
            "{word}\n{said}"
        );
    }
    Ok(())
}

#[test]
fn m03_nobody_becomes_root_or_the_system() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    for name in [
        "root",
        "0",
        "daemon",
        "nobody",
        "../root",
        "",
        "-d",
        "--",
        "alice\n",
        "root\n",
        "/etc/passwd",
        "\u{430}lice",
        "r\u{43e}ot",
        "alice@our.test",
        "no-such-user",
    ] {
        let called = place.call(&[name])?;
        ends(&called, 67, "5.1.1 No such user here\n");
    }
    for words in [&[][..], &["alice", "--config", "/x"], &["alice", "-p", "/etc/shadow"]] {
        ends(&place.call(words)?, 75, "4.3.5 ");
    }
    // Only root can.
    ends(&place.call_as("bob", &["alice"])?, 75, "4.3.5 only root");
    Ok(())
}

#[test]
fn m03_whoever_is_in_the_group_may_become_a_user_and_nobody_else() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.set_uid("postroad", 0o4750)?;
    let called = place.call_as("postroad", &["alice"])?;
    ends(&called, 0, "");
    let id = Stage::user("alice")?.id;
    assert!(String::from_utf8(called.stdout)?.contains(&format!("Uid: {id} {id} {id} {id}\n")));
    ends(&place.call_as("postroad", &["root"])?, 67, "5.1.1 ");
    assert_eq!(place.call_as("bob", &["alice"])?.status.code(), Some(126));
    for mode in [0o4755, 0o4751] {
        place.set_uid("postroad", mode)?;
        ends(&place.call_as("bob", &["alice"])?, 75, "4.3.5 everybody could become everybody");
    }
    Ok(())
}

#[test]
fn m03_what_others_could_have_put_there_is_not_run() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let alice = Stage::user("alice")?.id;
    let refused = |words: &str| -> Result<()> {
        ends(&place.call(&["alice"])?, 75, &format!("4.3.5 {words}"));
        Ok(())
    };
    for name in ["", "postroad-mda", "postroad-mda-whole"] {
        place.mode(name, 0o777)?;
        refused("others could change")?;
        place.mode(name, 0o755)?;
        chown(place.path(name), Some(alice), None)?;
        refused("others could change")?;
        chown(place.path(name), Some(0), None)?;
    }
    ends(&place.call(&["alice"])?, 0, "");
    fs::rename(place.path("postroad-mda"), place.path("other"))?;
    refused("cannot look at")?;
    std::os::unix::fs::symlink("other", place.path("postroad-mda"))?;
    refused("others could change")?;
    // By another name of ours, where somebody has put a program of their own beside it.
    place.set_uid("postroad", 0o4750)?;
    let theirs = place.stage.path("home/alice/bin");
    fs::create_dir(&theirs)?;
    fs::hard_link(place.path("postroad-as"), theirs.join("postroad-as"))?;
    fs::copy(place.path("other"), theirs.join("postroad-mda"))?;
    for path in ["", "postroad-mda"] {
        chown(theirs.join(path), Some(alice), None)?;
    }
    let linked = place.call_there_as("postroad", &theirs.join("postroad-as"), &["bob"])?;
    ends(&linked, 75, "4.3.5 others could change");
    Ok(())
}

#[test]
fn m16_a_letter_is_filed_in_the_user_s_home_by_the_user() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.install_agent()?;
    let called = place.call(&["alice", "-f", "anna@client.test", "-a", "alice+lists@our.test"])?;
    ends(&called, 0, "");
    let maildir = place.stage.path("home/alice/Maildir");
    let letters = new_mail(&maildir)?;
    let letter = String::from_utf8_lossy(letters.first().context("no letter")?).into_owned();
    let top = "Return-Path: <anna@client.test>\nDelivered-To: alice+lists@our.test\n";
    assert!(letter.starts_with(top), "{letter}");
    let file = fs::read_dir(maildir.join("new"))?.next().context("no file")??.metadata()?;
    assert_eq!((file.mode() & 0o7777, file.uid()), (0o600, Stage::user("alice")?.id));
    Ok(())
}

/// Settings by which users of the host get letters, and nobody is a user of ours but those in `users`.
fn site(place: &Place, users: &str) -> Result<Site> {
    place.set_uid("postroad", 0o4750)?;
    let mda = "host_users = true\n".into();
    let site = Site::new(&Settings { mda, ..Settings::default() })?;
    let all = fs::read_to_string(site.path("users"))?;
    let is_named = |line: &&str| users.split(' ').any(|user| line.starts_with(&format!("{user}:")));
    let ours: Vec<String> = all.lines().filter(is_named).map(|line| format!("{line}\n")).collect();
    fs::write(site.path("users"), ours.concat())?;
    fs::write(site.path("aliases"), "mixed: bob, alice\nlonely: no-such\nsome: alice, no-such\n")?;
    let agent = Stage::user("postroad")?.id.to_string();
    run(Command::new("chown").args(["-R", &agent]).arg(site.path("")))?;
    Ok(site)
}

/// A file of `config/systemd/system`.
fn unit(name: &str) -> Result<String> {
    let units = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/systemd/system"));
    fs::read_to_string(units.join(name)).with_context(|| format!("cannot read {name}"))
}

const DROP_IN: &str = "postroad-mda.service.d/host-users.conf";

/// Our server, which may become no more than our unit for it lets it, and a client of it.
fn serve(place: &Place, site: &Site) -> Result<(Process, smtp::Client)> {
    let drop_in = unit(DROP_IN)?;
    let sets = drop_in.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
    let kept: Vec<String> = sets
        .flat_map(str::split_whitespace)
        .map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()))
        .collect();
    let id = Stage::user("postroad")?.id;
    let mut server = place.stage.command("setpriv");
    server.arg(format!("--bounding-set=-all{}", kept.concat()));
    server.arg("setpriv").args([format!("--reuid={id}"), format!("--regid={id}")]);
    server.arg("--clear-groups").arg(place.path("postroad-mda"));
    server.args(["serve", "--config"]).arg(site.config());
    let mut server = Process::spawn("mda", server, &site.path(""), Ending::Gentle)?;
    server.until("listened", || listens(site.lmtp))?;
    let mut client = smtp::Client::connect(site.lmtp)?;
    client.expect("LHLO client.test", 250)?;
    Ok((server, client))
}

/// systemd.exec(5): each of these has a service that isn't root's gain no privileges, whatever `NoNewPrivileges` says.
#[test]
fn the_unit_for_users_of_the_host_takes_back_what_forbids_them() -> Result<()> {
    const IMPLY: &[&str] = &[
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "NoNewPrivileges",
        "PrivateDevices",
        "ProtectClock",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictAddressFamilies",
        "RestrictFileSystems",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "SystemCallArchitectures",
        "SystemCallFilter",
        "SystemCallLog",
        // Beside those: users of the host are nobody there, or have no homes.
        "PrivateUsers",
        "ProtectHome",
        "ProtectSystem",
    ];
    let set = |text: &str, name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned())
    };
    for agent in ["postroad-mda", "postroad-maa"] {
        let drop_in = unit(&format!("{agent}.service.d/host-users.conf"))?;
        let unit = unit(&format!("{agent}.service"))?;
        for name in IMPLY.iter().filter(|name| set(&unit, name).is_some()) {
            let taken_back = set(&drop_in, name);
            let is_it = matches!(taken_back.as_deref(), Some("" | "no" | "full"));
            assert!(is_it, "{agent} {name}: {taken_back:?}");
        }
    }
    Ok(())
}

#[test]
fn m03_by_lmtp_users_of_the_host_get_letters_as_themselves() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.install_agent()?;
    let site = site(&place, "")?;
    let (server, mut client) = serve(&place, &site)?;
    client.expect("MAIL FROM:<anna@client.test>", 250)?;
    for stranger in ["root", "daemon", "nobody", "no-such-user", "-d", "-f"] {
        let told = client.command(&format!("RCPT TO:<{stranger}@our.test>"))?;
        assert_eq!((told.code, told.text.starts_with("5.1.1 ")), (550, true), "{stranger}");
    }
    client.expect("RCPT TO:<alice+lists@our.test>", 250)?;
    client.expect("RCPT TO:<bob@our.test>", 250)?;
    let maildir = |user: &str| place.stage.path("home").join(user).join("Maildir");
    // Bob has made a mess of his mailbox.
    fs::write(maildir("bob"), "")?;
    client.expect("DATA", 354)?;
    client.send(b"Subject: to a user of the host\r\n\r\nhello\r\n.\r\n")?;
    let (first, second) = (client.reply()?, client.reply()?);
    assert_eq!((first.code, second.code), (250, 451), "{}", server.log());
    let letters = new_mail(&maildir("alice"))?;
    let letter = String::from_utf8_lossy(letters.first().context("no letter")?).into_owned();
    let top = "Return-Path: <anna@client.test>\nDelivered-To: alice+lists@our.test\n";
    assert!(letter.starts_with(top), "{letter}");
    let id = Stage::user("alice")?.id;
    let file = fs::read_dir(maildir("alice").join("new"))?.next().context("no file")??;
    assert_eq!(file.metadata()?.uid(), id);
    // Each letter's way is told, also of who didn't get it; a moment later than the client is.
    let told = [
        "alice+lists@our.test: filed as the user alice of the host",
        "bob@our.test: not filed as the user bob of the host: 451 4.3.0 ",
    ];
    let is_told = || trace(&site).is_ok_and(|trace| told.iter().all(|text| trace.contains(text)));
    until("the traces", is_told).with_context(|| trace(&site).unwrap_or_default())?;
    Ok(())
}

/// What `postroad trace` reads.
fn trace(site: &Site) -> Result<String> {
    let files = fs::read_dir(site.path("trace"))?;
    files.map(|file| Ok(fs::read_to_string(file?.path())?)).collect()
}

#[test]
fn m03_aliases_lead_to_users_of_the_host_beside_ours() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.install_agent()?;
    let site = site(&place, "bob")?;
    let (server, mut client) = serve(&place, &site)?;
    client.expect("MAIL FROM:<anna@client.test>", 250)?;
    client.expect("RCPT TO:<lonely@our.test>", 550)?;
    client.expect("RCPT TO:<some@our.test>", 550)?;
    client.expect("RCPT TO:<mixed@our.test>", 250)?;
    client.expect("DATA", 354)?;
    client.send(b"Subject: to both\r\n\r\nhello\r\n.\r\n")?;
    let reply = client.reply()?;
    assert_eq!(reply.code, 250, "{reply:?} {}", server.log());
    let alice = place.stage.path("home/alice/Maildir");
    assert_eq!((new_mail(&alice)?.len(), site.new_mail("bob")?.len()), (1, 1));

    // No reply says that she alone refuses it, and "later" of hers is later for both.
    let rules =
        place.stage.write("home/alice/.postroad.sieve", "require \"reject\"; reject \"No.\";")?;
    place.stage.own(&rules, "alice")?;
    let mut send = |code| -> Result<()> {
        client.expect("MAIL FROM:<anna@client.test>", 250)?;
        client.expect("RCPT TO:<mixed@our.test>", 250)?;
        client.expect("DATA", 354)?;
        client.send(b"Subject: to both\r\n\r\nagain\r\n.\r\n")?;
        let reply = client.reply()?;
        assert_eq!(reply.code, code, "{reply:?} {}", server.log());
        Ok(())
    };
    send(250)?;
    assert_eq!((new_mail(&alice)?.len(), site.new_mail("bob")?.len()), (2, 2));
    fs::set_permissions(place.stage.path("home/alice"), Permissions::from_mode(0o1755))?;
    send(451)?;
    assert_eq!((new_mail(&alice)?.len(), site.new_mail("bob")?.len()), (2, 2));
    Ok(())
}

/// One reply speaks for all who are behind an address: it may say that nobody has the letter only where that is so.
#[test]
fn m03_what_one_user_of_the_host_has_is_not_refused_for_another() -> Result<()> {
    const QUEUED: &str = "Received: from x by y id ABC;\r\n\tthe other day\r\n";
    let Some(place) = Place::set_up()? else { return Ok(()) };
    place.install_agent()?;
    let site = site(&place, "")?;
    let (server, mut client) = serve(&place, &site)?;
    // The alias leads to Bob first.
    for (refuses, header, code, bob_has_it) in
        [("bob", QUEUED, 550, false), ("alice", QUEUED, 451, true), ("alice", "", 550, true)]
    {
        let agent = format!(
            "#!/bin/sh\n[ $USER = {refuses} ] && echo '5.7.1 No.' >&2 && exit 77\ncat > ~/letter\n"
        );
        // The server goes on as what it is.
        fs::remove_file(place.path("postroad-mda"))?;
        fs::write(place.path("postroad-mda"), agent)?;
        place.mode("postroad-mda", 0o755)?;
        client.expect("MAIL FROM:<anna@client.test>", 250)?;
        client.expect("RCPT TO:<mixed@our.test>", 250)?;
        client.expect("DATA", 354)?;
        client.send(format!("{header}Subject: to both\r\n\r\nhello\r\n.\r\n").as_bytes())?;
        let reply = client.reply()?;
        assert_eq!(reply.code, code, "{refuses} {header} {reply:?} {}", server.log());
        let letter = |user| place.stage.path(&format!("home/{user}/letter"));
        assert!(!letter("alice").exists(), "{refuses}");
        assert_eq!(fs::remove_file(letter("bob")).is_ok(), bob_has_it, "{refuses}");
    }
    Ok(())
}
