//! What a caller may say: the user, and flags that are no more than words about the letter.
//!
//! Settings and rules of the caller's (`--config`, a script by its path) would run programs as the user, and a file in
//! place of standard input would read what only the user may. So there are four flags, and no other is passed on.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

/// `postroad-mda`'s, each with a value: sender, original recipient or extension, final recipient, folder.
const FLAGS: [&[u8]; 4] = [b"-f", b"-a", b"-r", b"-m"];

const USAGE: &str =
    "usage: postroad-as USER [-f SENDER] [-a ADDRESS] [-r ADDRESS] [-m FOLDER] < LETTER";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) user: String,
    pub(crate) flags: Vec<OsString>,
}

impl Call {
    /// Without its first word, our own name.
    pub(crate) fn read(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        // What isn't UTF-8 is no user's name; the empty one isn't either.
        let user = words.next().ok_or(USAGE)?.into_string().unwrap_or_default();
        // Whoever changes an existing line may have it there.
        let mut words = words.peekable();
        words.next_if(|word| word.as_bytes() == b"--");
        let mut flags = Vec::new();
        while let Some(flag) = words.next() {
            if !FLAGS.contains(&flag.as_bytes()) {
                return Err(format!("the flag {flag:?} is not passed on; {USAGE}"));
            }
            let value = words.next().ok_or_else(|| format!("{flag:?} has no value; {USAGE}"))?;
            flags.extend([flag, value]);
        }
        Ok(Self { user, flags })
    }
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
        assert_eq!((call.user.as_str(), call.flags), ("alice", words.map(OsString::from).to_vec()));
        assert_eq!(read(&["alice", "--", "-f", "a@b"]), read(&["alice", "-f", "a@b"]));
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
        ] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
