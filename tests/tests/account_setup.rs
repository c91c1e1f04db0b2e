//! The first run: name and address are typed, DNS knows the rest, what is wrong is said by its name, and letters are read
//! and sent by the account that was kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use postroad_tests::peers::{Needs, Nsd, Packages, Stage};
use postroad_tests::process::{free_port, run, until};
use postroad_tests::suite::{Up, binary, new_mail};
use postroad_tests::tmux::Tmux;
use tempfile::tempdir;

const USERS: &[&str] = &["--domain", "example.test", "--user", "alice:wonder-land"];
const SIZE: (u16, u16) = (120, 40);

/// Our user agent in a home folder of its own, trusting the suite's authority.
fn user_agent(up: &Up, home: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary("postroad-mua")?);
    command
        .args(arguments)
        .env("HOME", home)
        .env("POSTROAD_CONFIG", "/nonexistent")
        .env("POSTROAD_MUA_TRUST", &up.ready.ca);
    Ok(command)
}

/// SRV records (RFC 6186) of the suite's own servers.
fn zone(up: &Up) -> Result<String> {
    let (imaps, submissions) = (up.address("imaps")?.port(), up.address("submissions")?.port());
    Ok(format!(
        "_imaps._tcp SRV 0 1 {imaps} localhost.\n_submissions._tcp SRV 0 1 {submissions} localhost.\n\
         _imap._tcp SRV 0 0 0 .\n"
    ))
}

#[test]
fn dns_knows_the_servers_and_a_wrong_password_is_said() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let Some(servers) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let nsd = Nsd::start(&servers, &[("example.test", &zone(&up)?)])?;
    let home = tempdir()?;
    let dns = nsd.address.to_string();
    let setup = user_agent(&up, home.path(), &["account", "--setup", "--dns", &dns])?;
    let terminal = Tmux::start(&stage, SIZE, &setup)?;
    for (question, answer) in [
        ("Your name", "Alice"),
        ("Your address", "alice"),
        ("is no address", "alice@example.test"),
        ("Use these (y/n)", ""),
        ("Password", "not-hers"),
        ("user or password is wrong", "a"),
        ("Login", "alice"),
    ] {
        terminal.until_shown(question)?;
        terminal.type_text(answer)?;
        terminal.keys(&["Enter"])?;
    }
    terminal.until("asked again", |screen| {
        screen.iter().filter(|line| line.starts_with("Password, or")).count() == 2
    })?;
    terminal.type_text("wonder-land")?;
    terminal.keys(&["Enter"])?;
    terminal.until_shown("Written:")?;
    ensure!(terminal.ended()? == 0);
    let screen = terminal.screen()?.join("\n");
    assert!(screen.contains("says _imaps._tcp.example.test"), "who said it is shown: {screen}");
    let raw = String::from_utf8_lossy(&terminal.raw()?).into_owned();
    assert!(!raw.contains("wonder-land") && !raw.contains("not-hers"), "no password is shown");

    let config = home.path().join(".config/postroad");
    let mut files: Vec<String> = fs::read_dir(&config)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    files.sort();
    assert_eq!(files, ["mua.toml", "password"]);
    for file in &files {
        assert_eq!(fs::metadata(config.join(file))?.permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert!(!fs::read_to_string(config.join("mua.toml"))?.contains("wonder-land"));

    // It is an account: a letter goes out by it, and is read by it.
    let send = ["send", "--to", "alice@example.test", "-s", "to myself", "-m", "by my new account"];
    run(&mut user_agent(&up, home.path(), &send)?)?;
    let maildir = up.maildir("alice")?;
    until("the letter", || new_mail(maildir).is_ok_and(|mail| mail.len() == 1))?;
    let listed = run(&mut user_agent(&up, home.path(), &["list"])?)?;
    assert!(String::from_utf8_lossy(&listed.stdout).contains("to myself"));

    let doctor = |password: &str| -> Result<(bool, String)> {
        fs::write(config.join("password"), password)?;
        let mut command = user_agent(&up, home.path(), &["doctor"])?;
        let output = command.env("EDITOR", "true").output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let (is_well, words) = doctor("wonder-land\n")?;
    assert!(is_well && words.contains("1 letter"), "{words}");
    let (is_well, words) = doctor("not-hers\n")?;
    assert!(!is_well && words.matches("user or password is wrong").count() == 2, "{words}");
    Ok(())
}

#[test]
fn what_fails_is_named_and_nothing_is_kept() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let home = tempdir()?;
    // A name server that isn't there: nobody knows anything.
    let dns = format!("127.0.0.1:{}", free_port());
    let mut setup = user_agent(&up, home.path(), &["account", "--setup", "--dns", &dns])?;
    setup.env_remove("POSTROAD_MUA_TRUST");
    let terminal = Tmux::start(&stage, SIZE, &setup)?;
    let answer = |question: &str, answer: &str| -> Result<()> {
        terminal.until("asked", |screen| {
            screen
                .iter()
                .rev()
                .find(|line| !line.is_empty())
                .is_some_and(|line| line.contains(question))
        })?;
        terminal.type_text(answer)?;
        terminal.keys(&["Enter"])
    };
    let imaps = up.address("imaps")?.port();
    answer("Your name", "Alice")?;
    answer("Your address", "alice@example.test")?;
    terminal.until_shown("That isn't enough to go by")?;
    for (server, words) in [
        ("imaps://no-such-host.invalid".to_owned(), "the server's name is wrong"),
        (format!("imaps://localhost:{}", free_port()), "nobody answers at this port"),
        (format!("imaps://localhost:{imaps}"), "the encryption isn't right"),
    ] {
        answer("Read from", &server)?;
        answer("Send by", "smtps://localhost:1")?;
        answer("Login", "alice")?;
        if words.contains("name") {
            answer("Password", "wonder-land")?;
        }
        terminal.until_shown(words)?;
        answer("(a)gain", if words.contains("encryption") { "q" } else { "a" })?;
    }
    terminal.until_shown("Nothing is kept.")?;
    ensure!(terminal.ended()? == 1);
    let left: Vec<_> = fs::read_dir(home.path().join(".config/postroad"))?.collect();
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}
