//! The recipes of procmailex(5) that run programs: once by procmail, in alice's home, and once by us, in bob's, with the
//! scripts that `postroad-mda import` has written for them. Afterwards both homes hold the same.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Stage, fed};
use postroad_tests::process::run;

use super::examples;

/// How many scripts `import` writes for all examples.
const SCRIPTS: usize = 13;

/// Who sends each letter, and the letter.
const LETTERS: &[(&str, &[u8])] = &[
    ("ann@x.example", b"From: ann@x.example\nTo: joe@our.test\nSubject: hello\n\nJust a letter.\n"),
    (
        "lp@print-server.example",
        b"From: lp@print-server.example\nTo: joe@our.test\nSubject: job\n\n%!PS-Adobe\nshowpage\n",
    ),
    (
        "list@x.example",
        b"From: list@x.example\nTo: joe@our.test\nSubject: surfing weekly Digest\n\nContents\n\n\
          From: one@x.example\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nSubject: first\n\none\n\n\
          From: two@x.example\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nSubject: second\n\ntwo\n",
    ),
    (
        "carl@y.example",
        b"From: carl@y.example\nTo: joe@our.test\nSubject: send file readme\n\nplease\n",
    ),
    (
        "dora@z.example",
        b"From: dora@z.example\nTo: joe@our.test\nSubject: coded\nMime-Version: 1.0\n\
          Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\ncaf=C3=A9 and =\ntea\n",
    ),
    (
        "dora@z.example",
        b"From: dora@z.example\nTo: joe@our.test\nSubject: coded\nMime-Version: 1.0\n\
          Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nY2Fmw6kgYW5kIHRlYQo=\n",
    ),
    ("eve@x.example", b"From: eve@x.example\nTo: joe@our.test\nSubject: raw\n\ncaf\xc3\xa9\n"),
    (
        "MAILER-DAEMON@x.example",
        b"From: MAILER-DAEMON@x.example\nTo: joe@our.test\nSubject: Undelivered\n\nbounce\n",
    ),
];

/// Programs that the examples run and Debian doesn't have by these names, and those that would leave the host.
const PROGRAMS: &[(&str, &str)] = &[
    ("usr/bin/lpr", "#!/bin/sh\ncat >>$(getent passwd $(id -u) | cut -d: -f6)/printed\n"),
    ("usr/bin/uncompress", "#!/bin/sh\nmv \"$1\" \"${1%.Z}\"\n"),
    ("usr/bin/compress", "#!/bin/sh\nmv \"$1\" \"$1.Z\"\n"),
    (
        "usr/bin/mimencode",
        "#!/usr/bin/perl\nuse MIME::QuotedPrint; use MIME::Base64; local $/; my $text = <STDIN>;\n\
         my $flags = \"@ARGV\"; print $flags eq '-u -q' ? decode_qp($text)\n\
         : $flags eq '-u -b' ? decode_base64($text) : encode_qp($text);\n",
    ),
    (
        "usr/sbin/sendmail",
        "#!/bin/sh\n(for word do case $word in -*) ;; *) echo \"To $word\";; esac; done; cat; echo .) \
         >>$(getent passwd $(id -u) | cut -d: -f6)/sent\n",
    ),
];

/// What is in a home: letters by their folders, and what programs have written.
type State = BTreeMap<String, Vec<String>>;

struct Home<'a> {
    stage: &'a Stage,
    user: &'static str,
}

impl Home<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.stage.path("home").join(self.user).join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf> {
        let path = self.stage.write(&format!("home/{}/{name}", self.user), text)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(path)
    }

    /// A program as its user.
    fn command(&self, program: &str) -> Result<Command> {
        self.stage.command_as(self.user, program)
    }

    /// Empties it, and puts there what examples take for given.
    fn furnish(&self, rules: &str) -> Result<PathBuf> {
        let home = self.path("");
        for entry in fs::read_dir(&home)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        for (name, text) in
            [(".signature", "Joe\n"), ("info_file", "info\n"), ("fileserver/readme", "read me\n")]
        {
            self.write(name, text, 0o600)?;
        }
        for number in 0..40 {
            self.write(&format!("backup/msg.{number:02}"), "", 0o600)?;
        }
        let rules = rules.replace("$HOME", home.display().to_string().trim_end_matches('/'));
        let head = format!("MAILDIR={}\nDEFAULT=inbox/\n", home.display());
        let rc = self.write("_.rc", &format!("{head}{rules}"), 0o600)?;
        self.give()?;
        Ok(rc)
    }

    /// All that is there is its user's.
    fn give(&self) -> Result<()> {
        run(Command::new("chown")
            .args(["-R", &Stage::user(self.user)?.id.to_string()])
            .arg(self.path("")))?;
        Ok(())
    }

    fn state(&self) -> Result<State> {
        let (mut state, mut left) = (State::new(), 0);
        let home = self.path("");
        for path in files(&home)? {
            let name = path.strip_prefix(&home)?.to_string_lossy().into_owned();
            let parts: Vec<&str> = name.split('/').collect();
            let place = match parts.as_slice() {
                ["inbox" | "Maildir", "new" | "cur", _] => "inbox",
                // One agent's new letter is one of them, the other's is in a Maildir.
                ["backup", file] if file.starts_with("msg.") => {
                    left += 1;
                    continue;
                }
                ["Maildir", ".backup", ..] => continue,
                ["Maildir", folder, "new" | "cur", _] => folder.trim_start_matches('.'),
                ["Maildir", ..] | ["_.rc"] => continue,
                [file, ..] if file.starts_with('.') => continue,
                _ => &name,
            };
            let text = self.text(&path)?;
            state.entry(place.to_owned()).or_default().push(text);
        }
        state.insert("backup".to_owned(), vec![format!("{left} letters")]);
        state.values_mut().for_each(|texts| texts.sort());
        Ok(state)
    }

    /// What is in a file, without the lines that one agent writes and the other doesn't: fields on top, and the empty line
    /// that procmail has every letter end in.
    fn text(&self, path: &Path) -> Result<String> {
        let text = match path.extension().is_some_and(|extension| extension == "gz") {
            true => run(Command::new("gunzip").arg("-c").arg(path))?.stdout,
            false => fs::read(path)?,
        };
        let text = String::from_utf8_lossy(&text).replace(self.user, "USER");
        let own = ["From ", "Return-Path: ", "Delivered-To: ", "Received: "];
        let mut is_left_out = false;
        let kept = text.lines().filter(|line| {
            let goes_on = line.starts_with([' ', '\t']);
            is_left_out = own.iter().any(|own| line.starts_with(own)) || (is_left_out && goes_on);
            !is_left_out
        });
        let kept: Vec<&str> = kept.collect();
        Ok(kept.join("\n").trim_end().to_owned())
    }
}

/// All below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    Ok(all)
}

fn theirs(home: &Home<'_>, rules: &str) -> Result<Vec<State>> {
    let mut states = Vec::new();
    for (from, letter) in LETTERS {
        home.furnish(rules)?;
        let from_line = format!("From {from} Thu Jan  1 00:00:00 1970\n");
        let mut procmail = home.command("sh")?;
        // procmail ends before its clones and programs do, which hold the pipe.
        procmail.args(["-c", "cd && procmail -m ./_.rc 2>&1 | cat"]);
        let ended = fed(&mut procmail, &[from_line.as_bytes(), letter].concat())?;
        ensure!(ended.status.success(), "procmail: {ended:?}");
        states.push(home.state()?);
    }
    Ok(states)
}

/// `None` where no script is written.
fn ours(home: &Home<'_>, rules: &str) -> Result<Option<(Vec<State>, usize)>> {
    let (mut states, mut scripts) = (Vec::new(), 0);
    for (from, letter) in LETTERS {
        let rc = home.furnish(rules)?;
        let programs = home.path(".postroad/programs");
        fs::create_dir_all(&programs)?;
        for folder in [".postroad", ".postroad/programs"] {
            fs::set_permissions(home.path(folder), Permissions::from_mode(0o700))?;
        }
        home.give()?;
        let mut import = home.command("/mnt/postroad-mda")?;
        import.args(["import", "procmail"]).arg(&rc).arg("--programs").arg(&programs);
        import.arg("--output").arg(home.path(".postroad.sieve"));
        let imported = fed(&mut import, b"")?;
        scripts = fs::read_dir(&programs)?.count();
        if scripts == 0 {
            return Ok(None);
        }
        let findings = String::from_utf8_lossy(&imported.stderr).into_owned();
        for name in findings.lines().filter_map(|line| line.split(": runs ").nth(1)) {
            let name = name.split(' ').next().unwrap_or_default();
            symlink(format!("/usr/bin/{name}"), programs.join(name))?;
        }
        let mut deliver = home.command("/mnt/postroad-mda")?;
        let ended = fed(deliver.args(["-f", from, "-a", "joe@our.test"]), letter)?;
        let script = fs::read_to_string(home.path(".postroad.sieve")).context(findings)?;
        ensure!(ended.status.success(), "{ended:?}\n{script}");
        states.push(home.state()?);
    }
    Ok(Some((states, scripts)))
}

#[test]
fn procmail_and_the_scripts_that_are_written_for_its_recipes_do_the_same() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    for (path, text) in PROGRAMS {
        let path = stage.write(path, text)?;
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
    }
    let [alice, bob] = ["alice", "bob"].map(|user| Home { stage: &stage, user });
    let (mut scripts, mut differ) = (0, Vec::new());
    for example in examples(&stage)? {
        // Standard output is no place where a letter could be left.
        let example = example.replace("DEFAULT=|", "#");
        let Some((ours, count)) = ours(&bob, &example)? else { continue };
        scripts += count;
        let theirs = theirs(&alice, &example)?;
        for ((theirs, ours), (_, letter)) in theirs.iter().zip(&ours).zip(LETTERS) {
            if theirs != ours {
                let letter = String::from_utf8_lossy(letter);
                differ.push(format!("{example}\n{letter}\n{theirs:#?}, and with us {ours:#?}"));
            }
        }
    }
    ensure!(differ.is_empty(), "{}", differ.join("\n\n"));
    ensure!(scripts == SCRIPTS, "{scripts} scripts were written");
    Ok(())
}
