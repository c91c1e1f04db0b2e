//! Rules of procmail and maildrop: what they do with letters themselves, and what the Sieve does that
//! `postroad-mda import` makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, Stage};
use postroad_tests::process::{outcome, run};
use postroad_tests::suite;

#[path = "import/programs.rs"]
mod programs;

/// Letters, each with what sets it apart.
const LETTERS: [&str; 9] = [
    "From: Ann <ann@x.example>\nTo: joe@our.example\nSubject: hello\n\nJust a letter.\n",
    "From: Ann <ann@x.example>\nTo: rust@lists.example\nCc: joe@our.example\nSubject: [rust] one (urgent)\nList-Id: <rust.lists.example>\n\nBody\n",
    "From: spam@bad.example\nTo: joe@our.example\nSubject: CHEAP pills\nX-Spam-Flag: YES\nX-Spam-Level: *******\n\nBuy pills, viagra!\n",
    "From: MAILER-DAEMON@x.example\nTo: joe@our.example\nSubject: Undelivered mail\n\n%!PS-Adobe\nbounce\n",
    "From: boss@work.example\nReply-To: other@work.example\nTo: \"Joe O'Hara\" <joe@our.example>\nSubject: Re: meeting\nX-Priority: 1\n\nmeeting at ten\n%! not first\n",
    "From: list-owner@lists.example\nTo: Multiple recipients of list <list@lists.example>\nPrecedence: bulk\nSubject: digest, Vol 3\n\none\n\ntwo\n",
    "From: carl@y.example\nTo: joe+shop@our.example\nSubject: a long subject that\n goes over two lines urgent\nX-Tag: a.b\n\nTeX text\n",
    "From: dora@z.example\nSubject: TeX and friends\nTo: joe@our.example\nMime-Version: 1.0\nContent-Type: text/plain\n\nfirst line\nsecond line viagra\n",
    "From: eve@x.example\nTo: joe@our.example\nsubject: lower-case name, meeting\n\n",
];

/// Rcfiles; each begins with `MAILDIR`, `DEFAULT` and `SENDMAIL`.
const RCFILES: &[&str] = &[
    "",
    ":0:\n* ^Subject:.*urgent\nurgent\n",
    ":0\n* ^Subject:.*URGENT\nurgent/\n",
    ":0D:\n* ^Subject:.*CHEAP\ncheap\n:0D\n* ^subject:\nlower\n",
    ":0\n* ^TO_rust@lists\nlists/rust/\n:0\n* ^TOjoe\nmine/\n",
    ":0\n* ^FROM_DAEMON\ndaemons/\n",
    ":0\n* ^FROM_MAILER\nmailers/\n:0\n* !^FROM_DAEMON\npeople/\n",
    ":0\n* ^X-Spam-Flag: YES\n/dev/null\n",
    ":0\n* ^X-Spam-Level: \\*\\*\\*\\*\\*\nspam/\n",
    ":0 B\n* viagra\nspam/\n",
    ":0 HB\n* meeting\nmeetings/\n",
    ":0\n* meeting\nmeetings/\n",
    ":0\n* B ?? ^%!\nanywhere/\n",
    ":0\n* B ?? ^^%!\nps/\n",
    ":0 B\n* ^second line viagra$\nlines/\n",
    ":0 B\n* first line$second\nlines/\n",
    ":0 HB\n* urgent.*$(.*$)*Body\nboth/\n",
    ":0\n* < 1000\nsmall/\n:0\n* > 1000\nlarge/\n",
    ":0 c\n* ^From.*ann\nann/\n:0\n* ^Subject:.*\\[rust\\]\nrust/\n",
    ":0 c\n* ^From:.*ann\n! bob@y.example\n  :0 A\n  ann/\n",
    ":0\n* ^From:.*ann\n{\n  :0 c\n  ! bob@y.example\n  :0\n  * ^Subject:.*hello\n  hello/\n}\n",
    ":0\n* ^Subject:.*hello\na/\n:0 E\n* ^Subject:.*meeting\nb/\n:0 E\nc/\n",
    ":0 c\n* ^Subject:.*hello\na/\n:0 E\n* ^Subject:.*meeting\nb/\n:0 E\nc/\n",
    ":0 c\n* ^From:.*ann\na/\n:0 A\n* ^Subject:.*hello\nb/\n:0 E\nc/\n",
    ":0 c\n* ^From:.*ann\na/\n:0 a\nb/\n",
    ":0 c\n{\n  :0\n  * ^From:.*ann\n  ann/\n  :0\n  others/\n}\n:0\nall/\n",
    ":0\n* ^Subject:.*\\[\\/[a-z]+\nlists/$MATCH/\n",
    ":0\n* ^Subject: *\\/[a-z]+\n* MATCH ?? ^^hello^^\nhello/\n",
    ":0\n* ^From:.*@\\/[a-z.]+\n{ HOST_OF=$MATCH }\n:0\n* HOST_OF ?? work\nwork/\n",
    "WHO=x.example\n:0\n* $ ^From:.*$\\WHO\nx/\n",
    "LIST=(rust|tex)\n:0\n* $ ^Subject:.*$LIST\nlists/\n",
    ":0\n* ^Subject:.*(hello|meeting|digest)\nsome/\n",
    ":0\n* ^(From|To|Cc):.*(ann|boss)@\nthem/\n",
    ":0\n* ^Subject:.*\\<one\\>\none/\n:0\n* ^Subject:.*\\<hell\\>\nhell/\n",
    ":0\n* ^Subject:.*TeX[^t]\ntex/\n",
    ":0\n* ^X-[a-z]+: 1\npriority/\n",
    ":0\n* 1^0 ^X-Spam-Flag: YES\n* 1^0 B ?? viagra\nspam/\n",
    ":0\n* ! ^To:.*joe\nnot-to-me/\n",
    ":0\n* ^To:.*joe\n* ! ^X-Spam\n* ! B ?? %!\nclean/\n",
    ":0\n! bob@y.example carl@z.example\n",
    ":0 c\nbackup/\n",
    ":0\n* ^From:.*boss\na/ b/\n",
    ":0\n* ^Content-Type: *text/plain\ntext/\n:0\n* ^Mime-Version:\nmime/\n",
    ":0 fhw\n| formail -I 'Subject: new'\n:0\n* ^Subject: new\nrenewed/\n",
    ":0 fhw\n* ^X-Tag:\n| formail -A 'X-Seen: yes'\n:0\n* ^X-Seen: yes\nseen/\n",
    "TAG=`formail -zxX-Tag:`\n:0\n* TAG ?? a.b\ntagged/\n",
    ":0\n* ^From +.*example\nfrom-line/\n",
    ":0\n* ^Subject:.*meeting|^X-Tag:\neither/\n",
    ":0\n* ^(Subject: Re:|X-Spam-Flag:)\neither/\n",
    "INCLUDERC=more.rc\n:0\n* ^Subject:.*pills\npills/\n",
    "UMASK=077\nVERBOSE=no\nLOGABSTRACT=no\nLOCKTIMEOUT=10\n:0:lock\n* ^From.*eve\neve\n",
];
const MORE_RC: &str = "# what more.rc holds\n:0\n* ^From:.*boss\nincluded/\n";

/// Filter files, which begin with `DEFAULT` and `SENDMAIL`.
const FILTERS: &[&str] = &[
    "",
    "if (/^Subject:.*urgent/)\n  to \"urgent\"\n",
    "if (/^subject:.*meeting/:D)\n  to \"lower\"\n",
    "if (/^From:.*ann/ && !/^Subject:.*hello/)\n{\n  to \"ann\"\n}\nelse\n{\n  to \"others\"\n}\n",
    "if (/^From:.*(boss|carl)@/)\n  to \"them\"\nelsif (/^Precedence: *bulk/)\n  to \"bulk\"\nelse\n  to \"rest\"\n",
    "if (/viagra/:b)\n  to \"spam\"\n",
    "if (/^second/:b || /^X-Spam-Flag: YES/:h)\n  to \"some\"\n",
    "cc \"all\"\nif (/^Subject:.*TeX\\b/)\n  to \"tex\"\n",
    "if (/^Subject: *\\[(\\w+)\\]/)\n  to \"list-$MATCH1\"\n",
    "if (/^From:.*@([a-z.]+)/ && $MATCH1 eq \"x.example\")\n  to \"x\"\n",
    "if ($SIZE > 1000)\n  to \"large\"\n",
    "to \"!bob@y.example\"\n",
    "cc \"!bob@y.example\"\nif (hasaddr(\"joe@our.example\"))\n  to \"mine\"\n",
    "A=\"tag\"\nif (/^X-Tag:/)\n{\n  A=\"tagged\"\n}\nto \"$A\"\n",
    "exception {\n  if (/^Subject: *hello$/)\n    to \"hello\"\n}\n",
    "if (/^X-Spam-Flag:/)\n  exit\n",
    "xfilter \"reformail -A'X-Seen: yes'\"\nif (/^X-Seen: yes/)\n  to \"seen\"\n",
    "include \"more.rc\"\nto \"late\"\n",
];
const MORE_FILTER: &str = "if (/^From:.*boss/)\n  to \"included\"\n";

/// Where a letter went, in order: "inbox", a folder, "to an address".
type Went = Vec<String>;

/// A place for one peer's deliveries.
struct Place {
    stage: Stage,
    folder: PathBuf,
}

impl Place {
    fn new() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(None) };
        let folder = stage.path("home/rules");
        fs::create_dir_all(folder.join("p"))?;
        for (number, letter) in LETTERS.iter().enumerate() {
            // One is longer than the others: procmail counts the line ends otherwise, and an mbox's first line.
            let filler = if number == 6 { "filler\n".repeat(300) } else { String::new() };
            let letter = format!("{letter}{filler}");
            let from = letter.split("From: ").nth(1).unwrap_or_default();
            let from = from.lines().next().unwrap_or_default().trim_end_matches('>');
            let from = from.rsplit('<').next().unwrap_or_default();
            fs::write(folder.join(format!("{number}.from")), from)?;
            let mbox = format!("From {from} Thu Jan  1 00:00:00 1970\n{letter}");
            fs::write(folder.join(format!("{number}.mbox")), mbox)?;
            fs::write(folder.join(format!("{number}.eml")), letter)?;
        }
        stage.write("home/rules/sendmail", "#!/bin/sh\nd=${0%/*}\ncat >/dev/null\nfor a do case $a in -*|'') ;; *) echo \"$a\" >>\"$d/sent\";; esac; done\n")?;
        make_runnable(&folder.join("sendmail"))?;
        Ok(Some(Self { stage, folder }))
    }

    /// Gives every letter to a command with `$n` in it, and says where each went.
    fn all(&self, command: &str) -> Result<Vec<Went>> {
        let folder = self.folder.display();
        // procmail ends before its clones and programs do. They hold the pipe: `cat` ends when all of them have.
        let script = format!(
            "cd {folder}/p || exit 1\nfor n in 0 1 2 3 4 5 6 7 8; do\nmkdir -p lists\n{command} 2>&1 | cat >>../said\n\
             mkdir ../went.$n && for f in * .[a-z]*; do [ -e \"$f\" ] && case $f in *.rc|_*) ;; *) mv \"$f\" ../went.$n/;; esac; done\n\
             [ -e ../sent ] && mv ../sent ../went.$n/_sent\ndone; exit 0\n"
        );
        run(self.stage.command("sh").env("HOME", self.folder.join("p")).arg("-c").arg(script))?;
        let mut all = Vec::new();
        for number in 0..LETTERS.len() {
            let went = self.folder.join(format!("went.{number}"));
            let mut places = Went::new();
            collect(&went, "", &mut places)?;
            places.sort();
            all.push(places);
            fs::remove_dir_all(&went)?;
        }
        Ok(all)
    }

    /// What the peer had to say.
    fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap_or_default()
    }

    /// What the Sieve that is made of rules would do with every letter; and the Sieve.
    fn ours(&self, language: &str, rules: &str) -> Result<(Vec<Went>, String)> {
        let rules = self.folder.join("p").join(rules);
        let imported = outcome(
            Command::new(suite::binary("postroad-mda")?).args(["import", language]).arg(&rules),
        )?;
        let sieve = String::from_utf8_lossy(&imported.stdout).into_owned();
        ensure!(
            imported.status.code() == Some(0),
            "{}{sieve}",
            String::from_utf8_lossy(&imported.stderr)
        );
        let script = self.folder.join("made.sieve");
        fs::write(&script, &sieve)?;
        let mut all = Vec::new();
        for number in 0..LETTERS.len() {
            let from = fs::read_to_string(self.folder.join(format!("{number}.from")))?;
            let letter = fs::File::open(self.folder.join(format!("{number}.eml")))?;
            let tested = run(Command::new(suite::binary("postroad-mda")?)
                .args(["sieve", "test"])
                .arg(&script)
                .args(["-f", &from, "-a", "joe@our.example"])
                .stdin(letter))
            .with_context(|| sieve.clone())?;
            all.push(would(&String::from_utf8_lossy(&tested.stdout)));
        }
        Ok((all, sieve))
    }
}

/// The lines of `sieve test` that say what would be done.
fn would(tested: &str) -> Went {
    let mut went = Went::new();
    for line in tested.lines() {
        let line = line.trim_end_matches(", changed");
        if line == "would file into the inbox" {
            went.push("inbox".to_owned());
        } else if let Some(folder) = line.strip_prefix("would file into the folder ") {
            went.push(folder.to_owned());
        } else if let Some(to) = line.strip_prefix("would send on to ") {
            went.extend(to.split(", ").map(|to| format!("to {to}")));
        }
    }
    went.sort();
    went
}

/// Letters in Maildirs, mailboxes and what was sent on, by the names that we have for them.
fn collect(folder: &Path, name: &str, places: &mut Went) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inner = if name.is_empty() { file.clone() } else { format!("{name}.{file}") };
        match (path.is_dir(), file.as_str()) {
            (true, "new") => {
                places.extend(fs::read_dir(&path)?.map(|_| name.to_owned()));
            }
            (true, _) => collect(&path, &inner, places)?,
            (false, "_sent") => {
                let sent = fs::read_to_string(&path)?;
                places.extend(sent.lines().map(|to| format!("to {to}")));
            }
            (false, _) => {
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                let letters = text.lines().filter(|line| line.starts_with("From "));
                places.extend(letters.map(|_| inner.clone()));
            }
        }
    }
    Ok(())
}

fn make_runnable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// Every difference, with the rules that show it.
fn differences(rules: &str, theirs: &[Went], (ours, sieve): &(Vec<Went>, String)) -> Vec<String> {
    let pairs = theirs.iter().zip(ours).enumerate();
    let differ = pairs.filter(|(_, (theirs, ours))| theirs != ours);
    differ
        .map(|(letter, (theirs, ours))| {
            format!("letter {letter}: {theirs:?}, and with us {ours:?}\n{rules}\n{sieve}")
        })
        .collect()
}

#[test]
fn procmail_and_its_rules_as_sieve_do_the_same() -> Result<()> {
    let Some(place) = Place::new()? else { return Ok(()) };
    let mut all = Vec::new();
    for rules in RCFILES {
        let folder = place.folder.join("p");
        let head = format!(
            "MAILDIR={}\nDEFAULT=inbox/\nSENDMAIL={}/sendmail\n",
            folder.display(),
            place.folder.display()
        );
        fs::write(folder.join("_.rc"), format!("{head}{rules}"))?;
        fs::write(folder.join("more.rc"), MORE_RC)?;
        let theirs = place.all("procmail -m ./_.rc <../$n.mbox")?;
        let is_lost = theirs.iter().any(Vec::is_empty) && !rules.contains("/dev/null");
        ensure!(!is_lost, "procmail filed nothing: {theirs:?}\n{rules}{}", place.said());
        all.extend(differences(rules, &theirs, &place.ours("procmail", "_.rc")?));
    }
    ensure!(all.is_empty(), "{}", all.join("\n\n"));
    Ok(())
}

#[test]
fn maildrop_and_its_rules_as_sieve_do_the_same() -> Result<()> {
    let Some(place) = Place::new()? else { return Ok(()) };
    let mut all = Vec::new();
    for rules in FILTERS {
        let folder = place.folder.join("p");
        let head = format!("DEFAULT=\"inbox\"\nSENDMAIL=\"{}/sendmail\"\n", place.folder.display());
        let more = folder.join("more.rc").display().to_string();
        let rules = &rules.replace("more.rc", &more);
        fs::write(folder.join("_.rc"), format!("{head}{rules}"))?;
        fs::write(&more, MORE_FILTER)?;
        for file in ["_.rc", "more.rc"] {
            place.stage.lock_away(&folder.join(file))?;
        }
        let theirs = place.all("maildrop -f \"$(cat ../$n.from)\" ./_.rc <../$n.eml")?;
        let is_lost = theirs.iter().any(Vec::is_empty) && !rules.contains("exit");
        ensure!(!is_lost, "maildrop filed nothing: {theirs:?}\n{rules}{}", place.said());
        all.extend(differences(rules, &theirs, &place.ours("mailfilter", "_.rc")?));
    }
    ensure!(all.is_empty(), "{}", all.join("\n\n"));
    Ok(())
}

/// The examples of procmailex(5), which Debian's package brings: each by itself.
fn examples(stage: &Stage) -> Result<Vec<String>> {
    let unpack = "zcat /usr/share/man/man5/procmailex.5.gz";
    let Output { stdout: page, .. } = run(stage.command("sh").args(["-c", unpack]))?;
    let page = String::from_utf8_lossy(&page);
    let page = page.split(".SH EXAMPLES").nth(1).unwrap_or_default();
    let examples = page.split("\n.Sx ").skip(1).filter_map(|from| from.split("\n.Ex").next());
    let text = |example: &str| {
        let lines = example.split_once('\n').map_or("", |(_, lines)| lines);
        lines.replace("\\e", "\\").replace("\\-", "-") + "\n"
    };
    Ok(examples.map(text).collect())
}

/// Lines on which recipes begin.
fn recipes(rules: &str) -> Vec<usize> {
    let lines = rules.lines().enumerate();
    lines.filter(|(_, line)| line.trim_start().starts_with(":0")).map(|(at, _)| at + 1).collect()
}

#[test]
fn the_recipes_of_procmails_manual_become_sieve() -> Result<()> {
    let Some(place) = Place::new()? else { return Ok(()) };
    let home = place.folder.join("p");
    for (name, text) in [(".signature", "Joe\n"), ("info_file", "info\n"), (".urgent", "ann\n")] {
        fs::write(home.join(name), text)?;
        place.stage.lock_away(&home.join(name))?;
    }
    let (mut all, mut needing, mut left) = (0, 0, Vec::new());
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for example in examples(&place.stage)? {
        let rules = home.join("_.rc");
        // Files of the home are where this test has them.
        let example = example.replace("$HOME", &home.display().to_string());
        let head = format!("MAILDIR={}\n", home.display());
        fs::write(&rules, format!("{head}{example}"))?;
        let imported = outcome(
            Command::new(suite::binary("postroad-mda")?).args(["import", "procmail"]).arg(&rules),
        )?;
        let sieve = String::from_utf8_lossy(&imported.stdout).into_owned();
        let findings = String::from_utf8_lossy(&imported.stderr).into_owned();
        let script = place.folder.join("made.sieve");
        fs::write(&script, &sieve)?;
        run(Command::new(suite::binary("postroad-mda")?).args(["sieve", "check"]).arg(&script))?;
        let of_recipes: Vec<usize> = recipes(&example).iter().map(|line| line + 1).collect();
        all += of_recipes.len();
        for finding in findings.lines() {
            let found = finding.split("_.rc:").nth(1).and_then(|text| text.split_once(": "));
            let (line, what) = found.with_context(|| finding.to_owned())?;
            match (what.contains("~/.postroad/programs"), of_recipes.contains(&line.parse()?)) {
                (true, true) => needing += 1,
                (false, true) if !what.contains("now stands") && !what.starts_with("never") => {
                    left.push(finding.to_owned());
                }
                (_, _) => *others.entry(what.to_owned()).or_default() += 1,
            }
        }
    }
    println!("{all} recipes, {needing} of them with programs to be put in place; left: {left:?}");
    println!("beside the recipes: {others:#?}");
    ensure!(all == 50, "{all} recipes in procmailex(5)");
    ensure!((all - left.len()) * 10 >= all * 9, "left out: {left:#?}");
    Ok(())
}
