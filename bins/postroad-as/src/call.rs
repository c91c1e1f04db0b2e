//! What a caller may say: the user, and of a letter flags that are no more than words about it, or of a mailbox which part
//! of it is served.
//!
//! Settings and rules of the caller's (`--config`, a script by its path) would run programs as the user, and a file in
//! place of standard input would read what only the user may. So there are four flags, and no other is passed on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

/// `postroad-mda`'s, each with a value: sender, original recipient or extension, final recipient, folder.
const FLAGS: [&[u8]; 4] = [b"-f", b"-a", b"-r", b"-m"];

/// In place of a user's name, which begins with no "-".
const SERVE: &[u8] = b"--serve";

const USAGE: &str = "usage: postroad-as USER [-f SENDER] [-a ADDRESS] [-r ADDRESS] [-m FOLDER] < LETTER, or postroad-as --serve USER mail|rules";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) user: String,
    pub(crate) work: Work,
}

/// What the user is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Files a letter, of which the flags tell.
    File(Vec<OsString>),
    /// Reads their own mail, or has their own rules, over the sessions that the access agent hands over.
    Serve(Part),
}

/// What is served; each has a process of its own, which can't reach the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Mail,
    Rules,
}

impl Part {
    const ALL: [Self; 2] = [Self::Mail, Self::Rules];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Rules => "rules",
        }
    }
}

impl Call {
    /// Without its first word, our own name.
    pub(crate) fn read(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words = words.peekable();
        if words.next_if(|word| word.as_bytes() == SERVE).is_some() {
            return Self::read_serving(words);
        }
        let user = user(words.next())?;
        // Whoever changes an existing line may have it there.
        words.next_if(|word| word.as_bytes() == b"--");
        let mut flags = Vec::new();
        while let Some(flag) = words.next() {
            if !FLAGS.contains(&flag.as_bytes()) {
                return Err(format!("the flag {flag:?} is not passed on; {USAGE}"));
            }
            let value = words.next().ok_or_else(|| format!("{flag:?} has no value; {USAGE}"))?;
            flags.extend([flag, value]);
        }
        Ok(Self { user, work: Work::File(flags) })
    }

    fn read_serving(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let (user, word) = (user(words.next())?, words.next().unwrap_or_default());
        let part = Part::ALL.into_iter().find(|part| part.word().as_bytes() == word.as_bytes());
        match (part, words.next()) {
            (Some(part), None) => Ok(Self { user, work: Work::Serve(part) }),
            (None, _) | (_, Some(_)) => Err(format!("nothing of that name is served; {USAGE}")),
        }
    }
}

/// What isn't UTF-8 is no user's name; the empty one isn't either.
fn user(word: Option<OsString>) -> Result<String, String> {
    Ok(word.ok_or(USAGE)?.into_string().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Call, String> {
        Call::read(words.iter().map(OsString::from))
    }

    #[test]
    fn m07_values_stay_values() {
        let words = ["-f", "x; id", "-a", "--config", "-r", "", "-m", "-p\n"];
        let call = read(&[&["alice"], &words[..]].concat()).unwrap();
        let flags = Work::File(words.map(OsString::from).to_vec());
        assert_eq!((call.user.as_str(), call.work), ("alice", flags));
        assert_eq!(read(&["alice", "--", "-f", "a@b"]), read(&["alice", "-f", "a@b"]));
    }

    #[test]
    fn m07_who_serves_says_which_part_and_no_more() {
        for (word, part) in [("mail", Part::Mail), ("rules", Part::Rules)] {
            let call = read(&["--serve", "alice", word]).unwrap();
            assert_eq!(call, Call { user: "alice".to_owned(), work: Work::Serve(part) });
        }
        // Nobody has that name: it is looked up, and not found.
        assert_eq!(read(&["--serve", "--serve", "mail"]).unwrap().user, "--serve");
    }

    #[test]
    fn m08_what_would_make_the_agent_obey_the_caller_is_not_passed_on() {
        for words in [
            &[][..],
            &["alice", "-f"],
            &["alice", "--config", "/tmp/x"],
            &["alice", "--as", "procmail"],
            &["alice", "-p", "/etc/shadow"],
            &["alice", "-d", "bob"],
            &["alice", "-l"],
            &["alice", "/tmp/x.sieve"],
            &["alice", "-f", "a@b", "--", "x"],
            &["alice", "-fa@b"],
            &["alice", "deliver"],
            &["alice", "--serve", "mail"],
            &["--serve"],
            &["--serve", "alice"],
            &["--serve", "alice", "fsck"],
            &["--serve", "alice", "mail", "rules"],
            &["--serve", "--", "alice", "mail"],
            &["--serve", "alice", "mail", "--config", "/tmp/x"],
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
