//! The grammar of `mail`, as BSD and POSIX have it, with files for `-a` as s-nail and mutt do.
//!
//! ```text
//! mail [-EeHiInv] [-a FILE|HEADER] [-b BCC] [-c CC] [-C FIELD] [-q FILE] [-r FROM] [-s SUBJECT] ADDRESS… [sendmail option…]
//! mail [-eHN] [-f MAILDIR]
//! ```
//! Options end at the first address. The words behind the addresses, from the first that begins with
//! `-`, are options of `sendmail`: so `-f` before the addresses opens a mailbox, and behind them it is
//! the sender (`mail -s "subject" rcpt -f sender`).

use std::path::{Path, PathBuf};

use super::sendmail;
use super::{Letters, Usage};

/// `mail --help`
pub const HELP: &str = "\
Send a letter whose text is on standard input:
  mail [-s SUBJECT] [-c CC] [-b BCC] [-a FILE|FIELD] [-r FROM] [-E] ADDRESS... [-f SENDER]
    -E  send nothing where the text is empty      -q FILE  begin the text with a file
    At a terminal lines that begin with ~ are commands (~? shows them); a lone dot ends the letter
Read mail:
  mail [-H|-e] [-f MAILDIR]
    -H  only list it      -e  only say by the exit status whether there is any
    At the prompt ? shows the commands; ~/.mailrc sets things up: alias, set, ignore, retain, if, source
Who you are and where mail leaves and is read: postroad-mua account";

/// What a caller of `mail` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Send what is on standard input.
    Send(Box<Outgoing>),
    /// Read a mailbox.
    Read(Reading),
}

/// A letter whose text is on standard input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// `-s`
    pub subject: String,
    /// The addresses, as they were given.
    pub to: Vec<String>,
    /// `-c`
    pub cc: Vec<String>,
    /// `-b`
    pub bcc: Vec<String>,
    /// `-r`: author and sender.
    pub from: Option<String>,
    /// `-a` with a file.
    pub attachments: Vec<PathBuf>,
    /// `-q`: a file that the text begins with.
    pub begin: Option<PathBuf>,
    /// `-a` or `-C` with a header field.
    pub fields: Vec<String>,
    /// What is done with an empty text.
    pub empty_body: EmptyBody,
    /// The sender behind the addresses: `-f`.
    pub envelope_sender: Option<String>,
    /// The name behind the addresses: `-F`.
    pub full_name: Option<String>,
}

/// What is done with an empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyBody {
    /// It is sent.
    #[default]
    Sent,
    /// `-E`: nothing is sent, and that is no error.
    Dropped,
}

/// How a mailbox is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// `-f`: another mailbox than the inbox.
    pub mailbox: Option<PathBuf>,
    /// What is done with it.
    pub what: What,
}

/// What is done with a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Commands are read from standard input.
    Commands,
    /// `-H`: the list is printed.
    List,
    /// `-e`: the exit status says whether there is mail.
    Ask,
}

/// Reads the words behind the program's name. `is_file` tells whether a file of that name is there.
///
/// # Errors
/// Where an option is unknown or lacks its argument, or `-a` fits both of its meanings.
pub fn parse(words: &[String], is_file: impl Fn(&Path) -> bool) -> Result<Request, Usage> {
    let mut outgoing = Outgoing::default();
    let mut reading = Reading { mailbox: None, what: What::Commands };
    let mut letters = Letters::new(words);
    let mut opens_a_mailbox = false;
    while let Some(option) = letters.next_option() {
        match option {
            's' => outgoing.subject = letters.argument(option)?.to_owned(),
            'c' => outgoing.cc.push(letters.argument(option)?.to_owned()),
            'b' => outgoing.bcc.push(letters.argument(option)?.to_owned()),
            'r' => outgoing.from = Some(letters.argument(option)?.to_owned()),
            'a' => match header_or_file(letters.argument(option)?, &is_file)? {
                HeaderOrFile::Header(field) => outgoing.fields.push(field),
                HeaderOrFile::File(path) => outgoing.attachments.push(path),
            },
            'C' => outgoing.fields.push(letters.argument(option)?.to_owned()),
            'q' => outgoing.begin = Some(letters.argument(option)?.into()),
            'E' => outgoing.empty_body = EmptyBody::Dropped,
            'e' => reading.what = What::Ask,
            'H' => reading.what = What::List,
            'f' => opens_a_mailbox = true,
            // Interrupts, no start-up file, no list first, be wordy: this program has nothing to change.
            'i' | 'I' | 'n' | 'N' | 'v' => {}
            'S' => {
                letters.argument(option)?;
            }
            't' => return Err(Usage::new("-t: give a whole message to sendmail -t instead")),
            'u' => return Err(Usage::new("-u: name the mailbox with -f MAILDIR instead")),
            _ => {
                return Err(Usage::new(format!("unknown option -{option}; mail --help shows all")));
            }
        }
    }
    let operands = letters.operands();
    if opens_a_mailbox {
        return match operands {
            [] => Ok(Request::Read(reading)),
            [path] => Ok(Request::Read(Reading { mailbox: Some(path.into()), ..reading })),
            _ => Err(Usage::new(
                "-f before the addresses opens one mailbox; behind them it is the sender",
            )),
        };
    }
    let first_option = operands.iter().position(|word| word.starts_with('-') && word.len() > 1);
    let (addresses, options) = operands.split_at(first_option.unwrap_or(operands.len()));
    outgoing.to = addresses.to_vec();
    sendmail_options(&mut outgoing, options)?;
    if outgoing.to.is_empty() && outgoing.cc.is_empty() && outgoing.bcc.is_empty() {
        return Ok(Request::Read(reading));
    }
    Ok(Request::Send(Box::new(outgoing)))
}

/// The words behind the addresses.
fn sendmail_options(outgoing: &mut Outgoing, options: &[String]) -> Result<(), Usage> {
    match sendmail::parse(options)? {
        sendmail::Request::Send(submission) => {
            if submission.header_recipients == sendmail::FromHeader::Yes {
                return Err(Usage::new("-t: the addresses are on the command line already"));
            }
            outgoing.to.extend(submission.recipients);
            outgoing.envelope_sender = submission.sender;
            outgoing.full_name = submission.full_name;
            Ok(())
        }
        sendmail::Request::Speak | sendmail::Request::ShowQueue | sendmail::Request::Flush => {
            Err(Usage::new("-bs, -bp and -q are options of sendmail alone"))
        }
    }
}

enum HeaderOrFile {
    Header(String),
    File(PathBuf),
}

/// bsd-mailx takes a header field there, s-nail and mutt a file. What looks like both is refused: a
/// wrong guess would send a file that nobody meant to send.
fn header_or_file(text: &str, is_file: impl Fn(&Path) -> bool) -> Result<HeaderOrFile, Usage> {
    let name = text.split_once(':').map(|(name, _)| name).unwrap_or_default();
    let is_header =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match (is_header, is_file(Path::new(text))) {
        (true, true) => Err(Usage::new(format!(
            "-a {text:?} is a header field and also a file; write ./{text} for the file"
        ))),
        (true, false) => Ok(HeaderOrFile::Header(text.to_owned())),
        (false, _) => Ok(HeaderOrFile::File(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    fn parsed(line: &[&str]) -> Result<Request, Usage> {
        parse(&words(line), |path| path == Path::new("Both: file"))
    }

    #[track_caller]
    fn check(line: &[&str], to: &[&str], change: impl FnOnce(&mut Outgoing)) {
        let mut expected = Outgoing { to: words(to), ..Outgoing::default() };
        change(&mut expected);
        assert_eq!(parsed(line), Ok(Request::Send(Box::new(expected))), "{line:?}");
    }

    #[test]
    fn letters() {
        let hi = |o: &mut Outgoing| o.subject = "hi".into();
        check(&["-s", "hi", "a@x.example"], &["a@x.example"], hi);
        check(&["-shi", "a", "b"], &["a", "b"], hi);
        check(&["-s", "", "a"], &["a"], |_| {});
        check(&["-c", "c1", "-c", "c2", "-b", "b1", "a"], &["a"], |o| {
            o.cc = words(&["c1", "c2"]);
            o.bcc = words(&["b1"]);
        });
        check(&["-r", "me@x.example", "-E", "-vin", "a"], &["a"], |o| {
            o.from = Some("me@x.example".into());
            o.empty_body = EmptyBody::Dropped;
        });
        check(&["-a", "plan.pdf", "-a", "X-Mark: 1", "a"], &["a"], |o| {
            o.attachments = vec!["plan.pdf".into()];
            o.fields = words(&["X-Mark: 1"]);
        });
        check(&["-q", "begin.txt", "-C", "X-Mark: 1", "a"], &["a"], |o| {
            o.begin = Some("begin.txt".into());
            o.fields = words(&["X-Mark: 1"]);
        });
        check(&["-b", "b", "-s", "hi"], &[], |o| {
            o.bcc = words(&["b"]);
            o.subject = "hi".into();
        });
    }

    #[test]
    fn behind_the_addresses_stand_options_of_sendmail() {
        check(&["-s", "subject", "rcpt", "-f", "sender"], &["rcpt"], |o| {
            o.subject = "subject".into();
            o.envelope_sender = Some("sender".into());
        });
        check(&["a", "b", "-fme@x.example", "-F", "Me", "-oi"], &["a", "b"], |o| {
            o.envelope_sender = Some("me@x.example".into());
            o.full_name = Some("Me".into());
        });
        check(&["a", "-f", "s", "b"], &["a", "b"], |o| o.envelope_sender = Some("s".into()));
    }

    #[test]
    fn mailboxes() {
        let read = |mailbox: Option<&str>, what| {
            Ok(Request::Read(Reading { mailbox: mailbox.map(PathBuf::from), what }))
        };
        assert_eq!(parsed(&[]), read(None, What::Commands));
        assert_eq!(parsed(&["-f", "Mail/old"]), read(Some("Mail/old"), What::Commands));
        assert_eq!(parsed(&["-H"]), read(None, What::List));
        assert_eq!(parsed(&["-e"]), read(None, What::Ask));
    }

    #[test]
    fn u14_nothing_is_taken_for_what_it_is_not() {
        for line in [
            &["-a", "Both: file", "a"][..],
            &["-s"],
            &["-Q", "a"],
            &["-u", "root"],
            &["-t"],
            &["-f", "a", "b"],
            &["a", "-bp"],
            &["a", "-t"],
            &["a", "-be"],
        ] {
            assert!(parsed(line).is_err(), "{line:?}");
        }
        // An address that looks like an option of sendmail's is one only behind the addresses, where it
        // is ignored as sendmail ignores it; and what looks like a command stays an address.
        check(&["a", "-oQ/x"], &["a"], |_| {});
        check(&["|id"], &["|id"], |_| {});
        check(&["-s", "two\nlines", "a"], &["a"], |o| o.subject = "two\nlines".into());
    }
}
