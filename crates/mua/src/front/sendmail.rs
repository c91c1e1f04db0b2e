//! The grammar of `sendmail`, as Postfix's has it: cron, git, PHP and many others call it.
//!
//! `sendmail [options] [address…]`: options end at the first address; what follows it are addresses,
//! however they begin.

use postroad_protocol::envelope::{Notify, Ret};

use super::{Letters, Usage};
use crate::compose::handed_in::HeaderRecipients;

/// `sendmail --help`
pub const HELP: &str = "\
Send the message on standard input:
  sendmail [-t] [-i] [-f SENDER] [-F NAME] [-N WHEN] [-R full|hdrs] [-V ENVID] [ADDRESS...]
    -t  to those of its To, Cc and Bcc      -i  a line with a lone dot doesn't end it
Letters that haven't left yet:
  sendmail -bp  show them      sendmail -q  try them now";

/// What a caller of `sendmail` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Send what is on standard input.
    Send(Submission),
    /// `-bs`: take messages by SMTP, on standard input and output.
    Speak,
    /// `-bp`, or the name `mailq`: show the outbox.
    ShowQueue,
    /// `-q`: try now.
    Flush,
}

/// What is known of a message before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Submission {
    /// `-f` or `-r`; empty or `<>` is the null reverse-path.
    pub sender: Option<String>,
    /// `-F`
    pub full_name: Option<String>,
    /// `-t`
    pub header_recipients: FromHeader,
    /// `-i`, `-oi`
    pub lone_dot: LoneDot,
    /// `-N`
    pub notify: Notify,
    /// `-R`
    pub ret: Option<Ret>,
    /// `-V`
    pub envid: Option<String>,
    /// The addresses, as they were given.
    pub recipients: Vec<String>,
}

/// Where recipients come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FromHeader {
    /// The command line.
    #[default]
    No,
    /// `-t`: the header, too.
    Yes,
}

impl From<FromHeader> for HeaderRecipients {
    fn from(from: FromHeader) -> Self {
        match from {
            FromHeader::No => Self::Ignored,
            FromHeader::Yes => Self::Taken,
        }
    }
}

/// What a line with nothing but a dot means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoneDot {
    /// The end of the message.
    #[default]
    Ends,
    /// A line with nothing but a dot.
    IsText,
}

/// Reads the words behind the program's name.
///
/// # Errors
/// Where an option is unknown, lacks its argument, or asks for what this program doesn't do.
pub fn parse(words: &[String]) -> Result<Request, Usage> {
    if let Some(word) = words.iter().find(|word| word.contains(['\n', '\r', '\0'])) {
        return Err(Usage::new(format!("an argument holds a line break: {word:?}")));
    }
    let mut submission = Submission::default();
    let mut mode = Mode::Send;
    let mut letters = Letters::new(words);
    while let Some(option) = letters.next_option() {
        match option {
            'f' | 'r' => submission.sender = Some(letters.argument(option)?.to_owned()),
            'F' => submission.full_name = Some(letters.argument(option)?.to_owned()),
            't' => submission.header_recipients = FromHeader::Yes,
            'i' => submission.lone_dot = LoneDot::IsText,
            'o' => match letters.attached() {
                "" => ignore(letters.argument(option)?),
                "i" => submission.lone_dot = LoneDot::IsText,
                // -oem, -odi, -om and their kin tuned another program.
                _ => {}
            },
            'b' => mode = parse_mode(letters.argument(option)?)?,
            'q' => {
                // -q30m asked a daemon to look every half hour; now is what is left of it.
                ignore(letters.attached());
                mode = Mode::Flush;
            }
            'N' => submission.notify = parse_notify(letters.argument(option)?)?,
            'R' => submission.ret = Some(parse_ret(letters.argument(option)?)?),
            'V' => submission.envid = Some(letters.argument(option)?.to_owned()),
            // Row U15: a configuration file, a log file, an option of the daemon, a body type, a label,
            // a protocol, a hop count: taken, and neither read nor opened nor obeyed.
            'A' | 'B' | 'C' | 'L' | 'O' | 'X' | 'c' | 'h' | 'p' => {
                ignore(letters.argument(option)?);
            }
            'G' | 'U' | 'm' | 'n' | 's' | 'e' | 'v' => {
                // Of -e the argument is in the same word.
                if option == 'e' {
                    ignore(letters.attached());
                }
            }
            'I' => return Err(no_such_mode("-I", "aliases need no rebuilding")),
            _ => {
                return Err(Usage::new(format!(
                    "unknown option -{option}; sendmail --help shows all"
                )));
            }
        }
    }
    submission.recipients = letters.operands().to_vec();
    Ok(match mode {
        Mode::Send => Request::Send(submission),
        Mode::Speak => Request::Speak,
        Mode::ShowQueue => Request::ShowQueue,
        Mode::Flush => Request::Flush,
    })
}

/// Takes a value that changes nothing.
fn ignore(_value: &str) {}

enum Mode {
    Send,
    Speak,
    ShowQueue,
    Flush,
}

fn parse_mode(mode: &str) -> Result<Mode, Usage> {
    Ok(match mode {
        "m" => Mode::Send,
        "p" => Mode::ShowQueue,
        "s" => Mode::Speak,
        "d" | "D" | "l" => return Err(no_such_mode("-bd", "postroad-mta is the server")),
        "i" => return Err(no_such_mode("-bi", "aliases need no rebuilding")),
        _ => {
            return Err(no_such_mode(
                &format!("-b{mode}"),
                "use -bm (send), -bs (SMTP) or -bp (queue)",
            ));
        }
    })
}

fn no_such_mode(mode: &str, instead: &str) -> Usage {
    Usage::new(format!("{mode} is not offered here; {instead}"))
}

/// RFC 3461 §4.1, as a word: `never`, or some of `success,failure,delay`.
fn parse_notify(text: &str) -> Result<Notify, Usage> {
    crate::outbox::decode_notify(text)
        .ok_or_else(|| Usage::new("-N takes never, or some of success,failure,delay"))
}

fn parse_ret(text: &str) -> Result<Ret, Usage> {
    match text.to_ascii_lowercase().as_str() {
        "full" => Ok(Ret::Full),
        "hdrs" => Ok(Ret::Headers),
        _ => Err(Usage::new("-R takes full or hdrs")),
    }
}

/// What is read of standard input: up to a line with nothing but a dot, unless dots are text.
pub fn up_to_lone_dot(input: &[u8], lone_dot: LoneDot) -> &[u8] {
    if lone_dot == LoneDot::IsText {
        return input;
    }
    let mut start = 0;
    for line in input.split_inclusive(|b| *b == b'\n') {
        if matches!(line, b".\n" | b".\r\n" | b".") {
            return input.get(..start).unwrap_or(input);
        }
        start += line.len();
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<String> {
        line.iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn check(line: &[&str], change: impl FnOnce(&mut Submission), recipients: &[&str]) {
        let mut expected = Submission { recipients: words(recipients), ..Submission::default() };
        change(&mut expected);
        assert_eq!(parse(&words(line)), Ok(Request::Send(expected)), "{line:?}");
    }

    #[test]
    fn as_cron_git_php_and_others_call_it() {
        check(
            &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
            |s| {
                s.full_name = Some("CronDaemon".into());
                s.lone_dot = LoneDot::IsText;
            },
            &["root"],
        );
        check(
            &["-i", "a@x.example", "b@x.example"],
            |s| s.lone_dot = LoneDot::IsText,
            &["a@x.example", "b@x.example"],
        );
        check(
            &["-t", "-i"],
            |s| {
                s.header_recipients = FromHeader::Yes;
                s.lone_dot = LoneDot::IsText;
            },
            &[],
        );
        check(
            &["-ti", "-fwww@x.example"],
            |s| {
                s.header_recipients = FromHeader::Yes;
                s.lone_dot = LoneDot::IsText;
                s.sender = Some("www@x.example".into());
            },
            &[],
        );
        check(
            &["-oi", "-f", "", "a"],
            |s| {
                s.lone_dot = LoneDot::IsText;
                s.sender = Some(String::new());
            },
            &["a"],
        );
        check(&["-bm", "-v", "-om", "-oem", "-odb", "a"], |_| {}, &["a"]);
        check(
            &["-N", "success,delay", "-R", "hdrs", "-V", "id", "a"],
            |s| {
                s.notify = parse_notify("success,delay").unwrap();
                s.ret = Some(Ret::Headers);
                s.envid = Some("id".into());
            },
            &["a"],
        );
        check(&["--", "-f"], |_| {}, &["-f"]);
    }

    #[test]
    fn queue_and_flush() {
        assert_eq!(parse(&words(&["-bp"])), Ok(Request::ShowQueue));
        assert_eq!(parse(&words(&["-bs"])), Ok(Request::Speak));
        for line in [["-q"], ["-q30m"], ["-qf"]] {
            assert_eq!(parse(&words(&line)), Ok(Request::Flush), "{line:?}");
        }
    }

    #[test]
    fn u15_what_could_name_a_file_or_a_program_is_ignored_or_refused() {
        for line in [
            &["-C/tmp/cf", "a"][..],
            &["-OQueueDirectory=/tmp", "a"],
            &["-O", "AliasFile=|id", "a"],
            &["-X", "/tmp/log", "a"],
            &["-X/tmp/log", "a"],
            &["-oQ/tmp", "a"],
            &["-oX/tmp/log", "a"],
        ] {
            check(line, |_| {}, &["a"]);
        }
        for line in [
            &["-be", "${run{id}}"][..],
            &["-bd"],
            &["-bi"],
            &["-bt"],
            &["-Z"],
            &["-f"],
            &["-N", "x"],
            &["-R", "x"],
            &["a\nb"],
            &["-fa\n-X/tmp/l"],
        ] {
            assert!(parse(&words(line)).is_err(), "{line:?}");
        }
        // One word stays one value, whatever is in it.
        check(&["-fx -X/tmp/l"], |s| s.sender = Some("x -X/tmp/l".into()), &[]);
    }

    #[test]
    fn u15_behind_the_first_address_nothing_is_an_option() {
        check(&["a", "-X/tmp/l", "-t"], |_| {}, &["a", "-X/tmp/l", "-t"]);
    }

    #[test]
    fn a_lone_dot_ends_the_message_unless_dots_are_text() {
        for (input, kept) in [
            ("a\n.\nb\n", "a\n"),
            ("a\r\n.\r\nb", "a\r\n"),
            (".\n", ""),
            ("a\n.", "a\n"),
            ("a\n..\n.b\n", "a\n..\n.b\n"),
            ("", ""),
        ] {
            assert_eq!(
                up_to_lone_dot(input.as_bytes(), LoneDot::Ends),
                kept.as_bytes(),
                "{input:?}"
            );
            assert_eq!(up_to_lone_dot(input.as_bytes(), LoneDot::IsText), input.as_bytes());
        }
    }
}
