//! Letters that Debian's GnuPG and openssl have sealed, read by the user agent with the keys that are there, and letters of
//! the user agent's read by them. No packet leaves for a key server meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Sink, Stage, fed};
use postroad_tests::process::until;
use postroad_tests::suite::binary;
use tempfile::{TempDir, tempdir};

const ENTITY: &str = "Content-Type: text/plain; charset=utf-8\r\n\r\nat noon\r\n";

/// Somebody with a keyring and a Maildir; the agent of the keyring ends with it.
struct Person<'s> {
    stage: &'s Stage,
    home: TempDir,
    address: &'static str,
    submission: String,
}

impl Drop for Person<'_> {
    fn drop(&mut self) {
        let mut command = self.command(Path::new("gpgconf"));
        let _ = fed(command.args(["--kill", "all"]), b"");
    }
}

impl<'s> Person<'s> {
    fn new(stage: &'s Stage, address: &'static str, sink: &Sink) -> Result<Self> {
        let submission = format!("smtp://{}", sink.address);
        let person = Self { stage, home: tempdir()?, address, submission };
        for folder in ["Maildir/new", "Maildir/cur", "Maildir/tmp"] {
            fs::create_dir_all(person.home.path().join(folder))?;
        }
        let gnupg = person.home.path().join(".gnupg");
        fs::create_dir(&gnupg)?;
        fs::set_permissions(&gnupg, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        person.gpg(
            &["--passphrase", "", "--quick-generate-key", address, "default", "default"],
            b"",
        )?;
        Ok(person)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = self.stage.command(&program.to_string_lossy());
        command
            .env("HOME", self.home.path())
            .env("GNUPGHOME", self.home.path().join(".gnupg"))
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", self.address)
            .env("POSTROAD_MUA_SUBMISSION", &self.submission)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .current_dir(self.home.path());
        command
    }

    fn gpg(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let fixed = ["--batch", "--quiet", "--pinentry-mode", "loopback"];
        let output = fed(self.command(Path::new("gpg")).args(fixed).args(words), input)?;
        ensure!(output.status.success(), "gpg {words:?}: {output:?}");
        Ok(output.stdout)
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        fed(self.command(&binary("postroad-mua")?).args(words), b"")
    }

    fn says(&self, words: &[&str]) -> Result<String> {
        let output = self.run(words)?;
        ensure!(output.status.success(), "{words:?}: {output:?}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn knows(&self, other: &Self) -> Result<()> {
        let key = other.gpg(&["--export", other.address], b"")?;
        self.gpg(&["--import"], &key)?;
        Ok(())
    }

    fn gets(&self, name: &str, letter: &str) -> Result<()> {
        Ok(fs::write(self.home.path().join("Maildir/new").join(name), letter)?)
    }

    fn reads(&self, letter: &str) -> Result<String> {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.gets(&format!("{}.{count}.letter", 1_700_000_000 + count), letter)?;
        self.says(&["read", "latest"])
    }
}

fn part(kind: &str, parts: [&str; 2]) -> String {
    format!(
        "From: Ann <ann@a.example>\r\nTo: bob@b.example\r\nMIME-Version: 1.0\r\nContent-Type: {kind}; boundary=b\r\n\r\n\
         --b\r\n{}\r\n--b\r\n{}\r\n--b--\r\n",
        parts[0], parts[1]
    )
}

fn signed(signature: &[u8]) -> String {
    let signature = String::from_utf8_lossy(signature).replace('\n', "\r\n");
    let signature = format!("Content-Type: application/pgp-signature\r\n\r\n{signature}");
    part("multipart/signed; protocol=\"application/pgp-signature\"", [ENTITY, &signature])
}

fn encrypted(message: &[u8]) -> String {
    let message = String::from_utf8_lossy(message).replace('\n', "\r\n");
    let message = format!("Content-Type: application/octet-stream\r\n\r\n{message}");
    let version = "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n";
    part("multipart/encrypted; protocol=\"application/pgp-encrypted\"", [version, &message])
}

#[test]
fn letters_go_to_and_fro_between_gnupg_and_us() -> Result<()> {
    let Some(servers) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Seals)? else { return Ok(()) };
    let sink = Sink::start(&servers)?;
    let ann = Person::new(&stage, "ann@a.example", &sink)?;
    let bob = Person::new(&stage, "bob@b.example", &sink)?;
    ann.knows(&bob)?;
    bob.knows(&ann)?;
    let listed = bob.says(&["keys"])?;
    ensure!(listed.contains("ann@a.example") && listed.contains("GnuPG: yours"), "{listed}");

    // Theirs, read by us.
    let letter = signed(&ann.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes())?);
    let read = bob.reads(&letter)?;
    ensure!(read.starts_with("[? Signed with a key that nobody you rely on vouches for"), "{read}");
    let ours = ann.says(&["keys", "list", "--json", "ann@a.example"])?;
    let ours: serde_json::Value = serde_json::from_str(&ours)?;
    let fingerprint = ours["fingerprint"].as_str().context("it has one")?.to_owned();
    bob.gpg(&["--passphrase", "", "--yes", "--quick-lsign-key", &fingerprint], b"")?;
    let read = bob.reads(&letter)?;
    ensure!(read.starts_with("[+ Signed by ann@a.example"), "{read}");
    let read = bob.reads(&letter.replace("noon", "nine"))?;
    ensure!(read.starts_with("[! The signature doesn't fit"), "{read}");
    let words =
        ["--armor", "--trust-model", "always", "-r", "bob@b.example", "--sign", "--encrypt"];
    let read = bob.reads(&encrypted(&ann.gpg(&words, ENTITY.as_bytes())?))?;
    ensure!(read.starts_with("[? Encrypted; Signed by ann@a.example"), "{read}");
    ensure!(read.contains("at noon"), "{read}");

    // Ours, read by them.
    ann.says(&["send", "--encrypt", "-t", "bob@b.example", "-s", "the plan", "-m", "at one"])?;
    until("the letter has come", || sink.messages().len() == 1)?;
    let letter = sink.messages().remove(0);
    ensure!(!letter.contains("the plan") && !letter.contains("at one"), "{letter}");
    let at = letter.find("-----BEGIN PGP MESSAGE").context("it is encrypted")?;
    let plain = bob.gpg(&["--decrypt"], &letter.as_bytes()[at..])?;
    let plain = String::from_utf8_lossy(&plain).into_owned();
    ensure!(plain.contains("Subject: the plan") && plain.contains("at one"), "{plain}");
    Ok(())
}

#[test]
fn nobody_on_the_network_is_asked_for_a_key() -> Result<()> {
    let Some(servers) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Seals)? else { return Ok(()) };
    let sink = Sink::start(&servers)?;
    let (ann, bob) = (
        Person::new(&stage, "ann@a.example", &sink)?,
        Person::new(&stage, "bob@b.example", &sink)?,
    );
    // Settings that would have GnuPG look.
    let settings = "auto-key-retrieve\nauto-key-locate wkd,dane\nkeyserver hkp://127.0.0.1:9\n";
    fs::write(bob.home.path().join(".gnupg/gpg.conf"), settings)?;
    let letter = signed(&ann.gpg(&["--armor", "--detach-sign"], ENTITY.as_bytes())?);
    bob.gets("1.letter", &letter)?;
    let calls = bob.home.path().join("calls");
    let mut command = bob.command(&PathBuf::from("strace"));
    command.args(["-f", "-e", "trace=connect,execve", "-o"]).arg(&calls);
    let output = fed(command.arg(binary("postroad-mua")?).args(["read", "latest"]), b"")?;
    ensure!(output.status.success(), "{output:?}");
    let read = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(read.starts_with("[? Signed with a key that you don't have"), "{read}");
    let calls = fs::read_to_string(calls)?;
    ensure!(calls.contains("/gpg\""), "gpg was never started");
    // It is told to leave dirmngr alone; that is the one that would look, and it is reached by a socket.
    let asks = ["AF_INET", "/dirmngr\"", "S.dirmngr"];
    ensure!(!asks.iter().any(|asks| calls.contains(asks)), "{calls}");
    Ok(())
}
