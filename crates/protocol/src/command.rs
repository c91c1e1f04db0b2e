//! Commands of SMTP and LMTP as a server reads them (RFC 5321 §4.1.1, RFC 2033 §4).
//!
//! [`Command::parse`] takes one line without its CRLF and gives a [`Command`] whose parts are checked:
//! paths are [`ReversePath`] and [`ForwardPath`], parameters are typed, xtext is decoded, and nothing
//! in it can hold CR, LF, NUL or another control character. What can fail is a [`CommandError`],
//! which knows the [`Reply`] that the client gets.
//!
//! Which commands may come when is the business of [`crate::server`].

use crate::address::{AddressError, Domain, ForwardPath, ReversePath};
use crate::envelope::{Body, Notify, Ret, Utf8};
use crate::limits;
use crate::reply::Reply;
use crate::xtext;

mod parameters;

use parameters::{Key, Seen, parameters_of, parse_envid, parse_notify, parse_orcpt, parse_size};

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// HELO (RFC 5321 §4.1.1.1).
    Helo(ClientName),
    /// EHLO (RFC 5321 §4.1.1.1).
    Ehlo(ClientName),
    /// LHLO (RFC 2033 §4.1).
    Lhlo(ClientName),
    /// MAIL (RFC 5321 §4.1.1.2).
    Mail(Mail),
    /// RCPT (RFC 5321 §4.1.1.3).
    Rcpt(Rcpt),
    /// DATA (RFC 5321 §4.1.1.4).
    Data,
    /// BDAT (RFC 3030 §2).
    Bdat(Bdat),
    /// RSET (RFC 5321 §4.1.1.5).
    Rset,
    /// VRFY (RFC 5321 §4.1.1.6); its argument is never looked at.
    Vrfy,
    /// EXPN (RFC 5321 §4.1.1.7); its argument is never looked at.
    Expn,
    /// HELP (RFC 5321 §4.1.1.8).
    Help,
    /// NOOP (RFC 5321 §4.1.1.9).
    Noop,
    /// QUIT (RFC 5321 §4.1.1.10).
    Quit,
    /// STARTTLS (RFC 3207 §4).
    StartTls,
    /// AUTH (RFC 4954 §4).
    Auth(Auth),
}

/// What a client calls itself in HELO, EHLO or LHLO: letters, digits and `-._:[]` only, so that it
/// can stand in a `Received` field and in a log line as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientName(String);

impl ClientName {
    /// Reads the argument of HELO. Real clients say names that are no domains (`localhost`,
    /// `my_pc`, bare addresses); RFC 5321 §4.1.4 forbids to refuse mail for that.
    ///
    /// # Errors
    /// [`CommandError::Argument`] where it is empty, too long or holds other characters.
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        let octet = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        // RFC 5321 §4.5.3.1.2
        let fits = (1..=limits::DOMAIN_OCTETS_MAX).contains(&text.len());
        match fits && text.bytes().all(octet) {
            true => Ok(Self(text.to_owned())),
            false => Err(CommandError::Argument("a host name or an address literal")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// MAIL with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender.
    pub reverse_path: ReversePath,
    /// SIZE=, octets that the client expects to send (RFC 1870 §6); more than `u64` counts as its maximum.
    pub size: Option<u64>,
    /// BODY= (RFC 6152 §2).
    pub body: Body,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub utf8: Utf8,
    /// RET= (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// ENVID=, decoded (RFC 3461 §4.4).
    pub envid: Option<String>,
}

/// RCPT with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// The recipient.
    pub forward_path: ForwardPath,
    /// NOTIFY= (RFC 3461 §4.1).
    pub notify: Notify,
    /// ORCPT=, `type;address`, decoded (RFC 3461 §4.2).
    pub orcpt: Option<String>,
}

/// BDAT: this many octets follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bdat {
    /// How many.
    pub octets: u64,
    /// Whether the message ends with them.
    pub last: Last,
}

/// Whether a chunk is the message's last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// More chunks follow.
    No,
    /// `LAST` was said.
    Yes,
}

/// AUTH with its initial response, still in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    /// The mechanism, in upper case.
    pub mechanism: String,
    /// The initial response: base64, or `=` for an empty one (RFC 4954 §4).
    pub initial: Option<String>,
}

/// Without the initial response: it holds a password.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The verb is unknown.
    #[error("command not recognised")]
    Unknown,
    /// The line holds octets that no command may.
    #[error("a command is text without control characters")]
    Octets,
    /// The argument is missing or is something else than this.
    #[error("expected {0}")]
    Argument(&'static str),
    /// There is an argument where none may be.
    #[error("no argument is allowed here")]
    NoArgument,
    /// BDAT is malformed: how many octets follow is unknown, so the session can't go on.
    #[error("expected BDAT SIZE [LAST]")]
    Chunk,
    /// The path can't be read.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A parameter's value can't be read, or it is there twice.
    #[error("bad value of {0}")]
    Value(&'static str),
    /// A parameter isn't known.
    #[error("parameter not recognised")]
    Parameter,
}

impl CommandError {
    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            // RFC 5321 §4.2.4, RFC 3463 §3.6.
            Self::Unknown => Reply::new(500, (5, 5, 1), self.to_string()),
            Self::Octets => Reply::new(500, (5, 5, 2), self.to_string()),
            Self::Argument(_) | Self::NoArgument | Self::Chunk | Self::Value(_) => {
                Reply::new(501, (5, 5, 4), self.to_string())
            }
            // RFC 6531 §3.5: 553 where the address needs SMTPUTF8.
            Self::Address(AddressError::NeedsSmtpUtf8) => {
                Reply::new(553, (5, 6, 7), self.to_string())
            }
            Self::Address(_) => Reply::new(501, (5, 1, 3), self.to_string()),
            // RFC 5321 §4.1.1.11
            Self::Parameter => Reply::new(555, (5, 5, 4), self.to_string()),
        }
    }
}

impl Command {
    /// Reads one line, CRLF already removed.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        Self::parse_at(line, None)
    }

    /// As [`Command::parse`]; with a domain, a recipient without one is of that.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn parse_at(line: &[u8], domain: Option<&Domain>) -> Result<Self, CommandError> {
        // RFC 6531 §3.4 lets UTF-8 into MAIL and RCPT; nothing lets control characters in, and
        // neither do we let in the ones beyond ASCII that some libraries take for line ends.
        let text = std::str::from_utf8(line).map_err(|_| CommandError::Octets)?;
        if text
            .chars()
            .any(|c| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}'))
        {
            return Err(CommandError::Octets);
        }
        let (verb, argument) = match text.split_once(' ') {
            Some((verb, argument)) => (verb, argument.trim_matches([' ', '\t'])),
            None => (text.trim_end_matches('\t'), ""),
        };
        let bare = |command: Self| match argument {
            "" => Ok(command),
            _ => Err(CommandError::NoArgument),
        };
        // RFC 5321 §2.4: verbs are case-insensitive.
        match Verb::of(verb).ok_or(CommandError::Unknown)? {
            Verb::Helo => ClientName::parse(argument).map(Self::Helo),
            Verb::Ehlo => ClientName::parse(argument).map(Self::Ehlo),
            Verb::Lhlo => ClientName::parse(argument).map(Self::Lhlo),
            Verb::Mail => Mail::parse(argument).map(Self::Mail),
            Verb::Rcpt => Rcpt::parse(argument, domain).map(Self::Rcpt),
            Verb::Data => bare(Self::Data),
            Verb::Bdat => Bdat::parse(argument).map(Self::Bdat),
            Verb::Rset => bare(Self::Rset),
            Verb::Vrfy if argument.is_empty() => Err(CommandError::Argument("VRFY NAME")),
            Verb::Vrfy => Ok(Self::Vrfy),
            Verb::Expn => Ok(Self::Expn),
            Verb::Help => Ok(Self::Help),
            Verb::Noop => Ok(Self::Noop), // RFC 5321 §4.1.1.9: an argument is ignored
            Verb::Quit => bare(Self::Quit),
            Verb::StartTls => bare(Self::StartTls), // RFC 3207 §4: 501 with an argument
            Verb::Auth => Auth::parse(argument).map(Self::Auth),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Helo,
    Ehlo,
    Lhlo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Vrfy,
    Expn,
    Help,
    Noop,
    Quit,
    StartTls,
    Auth,
}

/// Ordered by how often they come.
const VERBS: [(&str, Verb); 15] = [
    ("RCPT", Verb::Rcpt),
    ("MAIL", Verb::Mail),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("EHLO", Verb::Ehlo),
    ("LHLO", Verb::Lhlo),
    ("QUIT", Verb::Quit),
    ("RSET", Verb::Rset),
    ("HELO", Verb::Helo),
    ("NOOP", Verb::Noop),
    ("STARTTLS", Verb::StartTls),
    ("AUTH", Verb::Auth),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Expn),
    ("HELP", Verb::Help),
];

impl Verb {
    fn of(text: &str) -> Option<Self> {
        VERBS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, verb)| *verb)
    }
}

impl Mail {
    /// MAIL with no parameters.
    pub fn new(reverse_path: ReversePath) -> Self {
        let (body, utf8) = (Body::default(), Utf8::default());
        Self { reverse_path, size: None, body, utf8, ret: None, envid: None }
    }

    /// `"FROM:" Reverse-path [SP Mail-parameters]` (RFC 5321 §4.1.1.2).
    fn parse(argument: &str) -> Result<Self, CommandError> {
        const EXPECTED: CommandError = CommandError::Argument("MAIL FROM:<ADDRESS>");
        let (path, parameters) = split_path(argument, "FROM:").ok_or(EXPECTED)?;
        let mut mail = Self::new(ReversePath::parse(path)?);
        let mut seen = Seen::default();
        for (key, value) in parameters_of(parameters) {
            mail.set(seen.once(key)?, value)?;
        }
        // RFC 6531 §3.4: a UTF-8 address needs the parameter.
        let ascii = mail.reverse_path.address().is_none_or(|address| address.is_ascii());
        match (ascii, mail.utf8) {
            (false, Utf8::Ascii) => Err(AddressError::NeedsSmtpUtf8.into()),
            (true, _) | (_, Utf8::SmtpUtf8) => Ok(mail),
        }
    }

    fn set(&mut self, key: Key, value: Option<&str>) -> Result<(), CommandError> {
        let is = |word: &str| value.is_some_and(|value| value.eq_ignore_ascii_case(word));
        match key {
            Key::Size => self.size = Some(parse_size(value).ok_or(CommandError::Value("SIZE"))?),
            // RFC 6152 §2. BINARYMIME (RFC 3030 §3) isn't offered.
            Key::Body if is("7BIT") => self.body = Body::SevenBit,
            Key::Body if is("8BITMIME") => self.body = Body::EightBitMime,
            Key::Body => return Err(CommandError::Value("BODY")),
            // RFC 6531 §3.4: the parameter has no value.
            Key::SmtpUtf8 if value.is_none() => self.utf8 = Utf8::SmtpUtf8,
            Key::SmtpUtf8 => return Err(CommandError::Value("SMTPUTF8")),
            // RFC 3461 §4.3
            Key::Ret if is("FULL") => self.ret = Some(Ret::Full),
            Key::Ret if is("HDRS") => self.ret = Some(Ret::Headers),
            Key::Ret => return Err(CommandError::Value("RET")),
            Key::Envid => {
                self.envid = Some(value.and_then(parse_envid).ok_or(CommandError::Value("ENVID"))?);
            }
            // RFC 4954 §5: who vouches for the sender. We trust nobody's word for it, but check the form.
            Key::Auth => {
                value.and_then(xtext::decode).ok_or(CommandError::Value("AUTH"))?;
            }
            Key::Notify | Key::Orcpt => return Err(CommandError::Parameter),
        }
        Ok(())
    }
}

impl Rcpt {
    /// RCPT with no parameters.
    pub fn new(forward_path: ForwardPath) -> Self {
        Self { forward_path, notify: Notify::default(), orcpt: None }
    }

    /// `"TO:" Forward-path [SP Rcpt-parameters]` (RFC 5321 §4.1.1.3).
    fn parse(argument: &str, domain: Option<&Domain>) -> Result<Self, CommandError> {
        const EXPECTED: CommandError = CommandError::Argument("RCPT TO:<ADDRESS>");
        let (path, parameters) = split_path(argument, "TO:").ok_or(EXPECTED)?;
        let mut rcpt = Self::new(match domain {
            Some(domain) => ForwardPath::parse_at(path, domain)?,
            None => ForwardPath::parse(path)?,
        });
        let mut seen = Seen::default();
        for (key, value) in parameters_of(parameters) {
            rcpt.set(seen.once(key)?, value)?;
        }
        Ok(rcpt)
    }

    fn set(&mut self, key: Key, value: Option<&str>) -> Result<(), CommandError> {
        match key {
            Key::Notify => {
                self.notify = value.and_then(parse_notify).ok_or(CommandError::Value("NOTIFY"))?;
            }
            Key::Orcpt => {
                self.orcpt = Some(value.and_then(parse_orcpt).ok_or(CommandError::Value("ORCPT"))?);
            }
            Key::Size | Key::Body | Key::SmtpUtf8 | Key::Ret | Key::Envid | Key::Auth => {
                return Err(CommandError::Parameter);
            }
        }
        Ok(())
    }
}

impl Bdat {
    /// `1*20DIGIT [SP "LAST"]` (RFC 3030 §2).
    fn parse(argument: &str) -> Result<Self, CommandError> {
        let (octets, last) = match argument.split_once(' ') {
            Some((octets, last)) if last.eq_ignore_ascii_case("LAST") => (octets, Last::Yes),
            Some(_) => return Err(CommandError::Chunk),
            None => (argument, Last::No),
        };
        // No sign, no "0x": digits alone.
        if octets.is_empty() || !octets.bytes().all(|b| b.is_ascii_digit()) {
            return Err(CommandError::Chunk);
        }
        octets.parse().map(|octets| Self { octets, last }).map_err(|_| CommandError::Chunk)
    }
}

impl Auth {
    /// `mechanism [SP initial-response]` (RFC 4954 §4).
    fn parse(argument: &str) -> Result<Self, CommandError> {
        let (mechanism, initial) = match argument.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.to_owned())),
            None => (argument, None),
        };
        // RFC 4422 §3.1: sasl-mech = 1*20mech-char
        let octet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        match (1..=20).contains(&mechanism.len()) && mechanism.bytes().all(octet) {
            true => Ok(Self { mechanism: mechanism.to_ascii_uppercase(), initial }),
            false => Err(CommandError::Argument("AUTH MECHANISM")),
        }
    }
}

/// Parts `FROM:<path> parameters` into what stands between the brackets and what follows them.
///
/// Deviates from RFC 5321 §3.3: white space behind the colon is let pass, for many scripts send it.
fn split_path<'a>(argument: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let (head, rest) = argument.split_at_checked(prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let inner = rest.trim_start_matches([' ', '\t']).strip_prefix('<')?;
    let end = closing_bracket(inner)?;
    let (path, rest) = inner.split_at_checked(end)?;
    let parameters = rest.strip_prefix('>')?;
    // Parameters are parted from the path by a space.
    (parameters.is_empty() || parameters.starts_with([' ', '\t'])).then_some((path, parameters))
}

/// Where the `>` stands that isn't in a quoted local part.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().position(|byte| {
        let end = byte == b'>' && !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        end
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Address;
    use crate::envelope::Wanted;

    #[track_caller]
    fn check(line: &str, expected: Result<Command, u16>) {
        let got = Command::parse(line.as_bytes()).map_err(|error| error.reply().code().value());
        assert_eq!(got, expected, "{line:?}");
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn commands_with_and_without_arguments() {
        let name = |text| ClientName::parse(text).unwrap();
        check("EHLO a.example", Ok(Command::Ehlo(name("a.example"))));
        check("helo [192.0.2.1]", Ok(Command::Helo(name("[192.0.2.1]"))));
        check("LHLO [IPv6:2001:db8::1]", Ok(Command::Lhlo(name("[IPv6:2001:db8::1]"))));
        check("data", Ok(Command::Data));
        check("RSET ", Ok(Command::Rset));
        check("NOOP whatever", Ok(Command::Noop));
        check("HELP MAIL", Ok(Command::Help));
        check("VRFY a b", Ok(Command::Vrfy));
        check("EXPN list", Ok(Command::Expn));
        check("QUIT", Ok(Command::Quit));
        check("STARTTLS", Ok(Command::StartTls));
        check("BDAT 10 last", Ok(Command::Bdat(Bdat { octets: 10, last: Last::Yes })));
        check("BDAT 0", Ok(Command::Bdat(Bdat { octets: 0, last: Last::No })));
        let initial = Some("=".to_owned());
        check("AUTH plain =", Ok(Command::Auth(Auth { mechanism: "PLAIN".into(), initial })));
    }

    #[test]
    fn lines_that_are_no_command() {
        for (line, code) in [
            ("", 500),
            (" ", 500),
            ("FOO", 500),
            ("MAILFROM:<>", 500),
            ("DATA x", 501),
            ("QUIT now", 501),
            ("STARTTLS now", 501),
            ("EHLO", 501),
            ("EHLO a b", 501),
            ("VRFY", 501),
            ("MAIL", 501),
            ("MAIL FROM", 501),
            ("MAIL FROM:", 501),
            ("MAIL TO:<a@b.example>", 501),
            ("MAIL FROM:a@b.example", 501),
            ("MAIL FROM:<a@b.example", 501),
            ("MAIL FROM:<a@b.example>SIZE=1", 501),
            ("MAIL FROM:<a@b.example> SIZE", 501),
            ("MAIL FROM:<a@b.example> SIZE=", 501),
            ("MAIL FROM:<a@b.example> SIZE=-1", 501),
            ("MAIL FROM:<a@b.example> SIZE=1 SIZE=1", 501),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 501),
            ("MAIL FROM:<a@b.example> SMTPUTF8=1", 501),
            ("MAIL FROM:<a@b.example> RET=BODY", 501),
            ("MAIL FROM:<a@b.example> FOO=1", 555),
            ("MAIL FROM:<a@b.example> NOTIFY=NEVER", 555),
            ("RCPT TO:<>", 501),
            ("RCPT TO:<a@b.example> SIZE=1", 555),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER,SUCCESS", 501),
            ("RCPT TO:<a@b.example> NOTIFY=", 501),
            ("RCPT TO:<a@b.example> ORCPT=rfc822", 501),
            ("AUTH", 501),
            ("AUTH PLAIN;", 501),
            ("NOOP \u{7f}", 500),
            ("NOOP \u{2028}", 500),
        ] {
            check(line, Err(code));
        }
    }

    #[test] // Tests RFC 3461 §4.
    fn mail_and_rcpt_with_all_parameters() {
        let mut mail = Mail::new(ReversePath::Address(address("\"a>b\"@c.example")));
        mail.size = Some(1);
        mail.body = Body::EightBitMime;
        mail.utf8 = Utf8::SmtpUtf8;
        mail.ret = Some(Ret::Headers);
        mail.envid = Some("a+b=c d".into());
        let line = "MAIL FROM: <\"a>b\"@C.Example> size=1 body=8bitmime SMTPUTF8 RET=hdrs ENVID=a+2Bb+3Dc+20d AUTH=<>";
        check(line, Ok(Command::Mail(mail)));
        let mut rcpt = Rcpt::new(ForwardPath::Address(address("b@c.example")));
        rcpt.notify = Notify::On { success: Wanted::Yes, failure: Wanted::No, delay: Wanted::Yes };
        rcpt.orcpt = Some("rfc822;x@y.example".into());
        check(
            "RCPT TO:<@a.example:b@c.example> NOTIFY=success,DELAY ORCPT=rfc822;x@y.example",
            Ok(Command::Rcpt(rcpt)),
        );
        check("RCPT TO:<Postmaster>", Ok(Command::Rcpt(Rcpt::new(ForwardPath::Postmaster))));
        check("MAIL FROM:<>", Ok(Command::Mail(Mail::new(ReversePath::Null))));
        // RFC 1870 §6: a number that no 64 bits hold is larger than any limit.
        let mut mail = Mail::new(ReversePath::Null);
        mail.size = Some(u64::MAX);
        check("MAIL FROM:<> SIZE=99999999999999999999", Ok(Command::Mail(mail)));
    }

    #[test] // Tests RFC 3461 §4, §4.2 and §4.4.
    fn s20_xtext_that_is_none() {
        for value in
            ["+0A", "a+0D+0Ab", "+00", "+7F", "+2", "+", "+G0", "a=b", "a\\", &"x".repeat(10_000)]
        {
            for line in [
                format!("MAIL FROM:<> ENVID={value}"),
                format!("RCPT TO:<a@b.example> ORCPT=rfc822;{value}"),
            ] {
                let legal = value == "a\\"; // a backslash is just a character here
                assert_eq!(Command::parse(line.as_bytes()).is_ok(), legal, "{line}");
            }
        }
        for value in ["+0A", "+", "a=b", ""] {
            let line = format!("MAIL FROM:<> AUTH={value}");
            assert_eq!(Command::parse(line.as_bytes()).is_ok(), value.is_empty(), "{line}");
        }
        check(&format!("MAIL FROM:<> ENVID={}", "x".repeat(101)), Err(501));
        check(&format!("RCPT TO:<a@b.example> ORCPT=rfc822;{}", "x".repeat(494)), Err(501));
    }

    #[test]
    fn passwords_are_not_in_debug_output() {
        let command = Command::parse(b"AUTH PLAIN AHUAc2VjcmV0").unwrap();
        assert!(!format!("{command:?}").contains("AHU"));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&line);
        }

        #[test]
        fn nothing_in_a_command_could_be_a_line_of_its_own(
            line in "(MAIL FROM|RCPT TO):<[a-z\"\\\\@.\u{80}-\u{10ff}\r\n\0]{0,20}> ?(ENVID|ORCPT|AUTH)=[a-z;+0-9A-F]{0,20}",
        ) {
            if let Ok(command) = Command::parse(line.as_bytes()) {
                let text = match command {
                    Command::Mail(mail) => format!("{}{:?}", mail.reverse_path, mail.envid),
                    Command::Rcpt(rcpt) => format!("{}{:?}", rcpt.forward_path, rcpt.orcpt),
                    _ => String::new(),
                };
                prop_assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }
}
