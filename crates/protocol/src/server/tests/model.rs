//! Row S14: a million random commands against an independent model of a session.
//!
//! Most remote holes found in mail servers in 2026 were state kept after an error. So every command
//! meets every outcome (policy says yes, no, later, or 421; the client vanishes), and after each one the
//! reply codes and the state have to be the model's.

use super::*;

const COMMANDS: usize = 1_000_000;
const SIZE_MAX: u64 = 64;
const RECIPIENTS_MAX: usize = 3;

/// Xorshift (Marsaglia 2003): small, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// What policy says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Yes,
    No,
    Later,
    Abort,
}

impl Verdict {
    fn random(random: &mut Random) -> Self {
        match random.below(40) {
            0..30 => Self::Yes,
            30..35 => Self::No,
            35..39 => Self::Later,
            _ => Self::Abort,
        }
    }

    /// The reply code, where yes is `yes`.
    fn code(self, yes: u16) -> u16 {
        match self {
            Self::Yes => yes,
            Self::No => 550,
            Self::Later => 451,
            Self::Abort => 421,
        }
    }

    fn answer(self, question: &Question) -> Answer {
        match (self, question) {
            (Self::Yes, Question::Message(_)) => {
                Answer::Stored(Reply::new(250, (2, 0, 0), "queued"))
            }
            (Self::Yes, _) => Answer::Yes,
            (Self::No, _) => Answer::No(Reply::new(550, (5, 7, 1), "no")),
            (Self::Later, _) => Answer::No(Reply::new(451, (4, 3, 0), "later")),
            (Self::Abort, _) => Answer::No(Reply::new(421, (4, 3, 2), "bye")),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Content {
    Good,
    BareLf,
    TooBig,
    Empty,
}

impl Content {
    fn octets(self) -> &'static [u8] {
        match self {
            Self::Good => b"A: b\r\n\r\n..c\r\n",
            Self::BareLf => b"A: b\n\r\n",
            Self::TooBig => b"0123456789012345678901234567890123456789012345678901234567890123\r\n",
            Self::Empty => b"",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Sent {
    Helo,
    Ehlo,
    BadEhlo,
    Lhlo,
    Mail,
    BadMail,
    BigMail,
    Rcpt,
    BadRcpt,
    Utf8Rcpt,
    Data(Content),
    Bdat(Content, Last),
    BadBdat,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth,
    Junk,
    Quit,
    /// The client goes, perhaps within a command.
    Vanish,
}

const CONTENTS: [Content; 4] = [Content::Good, Content::BareLf, Content::TooBig, Content::Empty];

impl Sent {
    fn random(random: &mut Random) -> Self {
        use Sent::*;
        match random.below(100) {
            0..8 => Ehlo,
            8..10 => Helo,
            10..28 => Mail,
            28..54 => Rcpt,
            54..66 => Data(random.of(&CONTENTS)),
            66..82 => Bdat(random.of(&CONTENTS), random.of(&[Last::No, Last::Yes])),
            82..98 => random.of(&[
                BadEhlo, Lhlo, BadMail, BigMail, BadRcpt, Utf8Rcpt, Rset, Noop, Vrfy, Expn, Help,
                Auth, Junk, StartTls,
            ]),
            _ => random.of(&[BadBdat, Quit, Vanish, StartTls]),
        }
    }

    fn octets(self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(match self {
            Self::Helo => b"HELO a.example\r\n",
            Self::Ehlo => b"EHLO a.example\r\n",
            Self::BadEhlo => b"EHLO a b\r\n",
            Self::Lhlo => b"LHLO a.example\r\n",
            Self::Mail => b"MAIL FROM:<a@a.example>\r\n",
            Self::BadMail => b"MAIL FROM:<a@@a.example>\r\n",
            Self::BigMail => b"MAIL FROM:<a@a.example> SIZE=65\r\n",
            Self::Rcpt => b"RCPT TO:<u@our.example>\r\n",
            Self::BadRcpt => b"RCPT TO:u@our.example\r\n",
            Self::Utf8Rcpt => b"RCPT TO:<\xc3\xbc@our.example>\r\n",
            Self::Data(_) => b"DATA\r\n",
            Self::Bdat(..) | Self::Vanish => b"",
            Self::BadBdat => b"BDAT x\r\n",
            Self::Rset => b"RSET\r\n",
            Self::Noop => b"NOOP\r\n",
            Self::Vrfy => b"VRFY u\r\n",
            Self::Expn => b"EXPN u\r\n",
            Self::Help => b"HELP\r\n",
            Self::StartTls => b"STARTTLS\r\n",
            Self::Auth => b"AUTH PLAIN AHUAcHc=\r\n",
            Self::Junk => b"FOO\r\n",
            Self::Quit => b"QUIT\r\n",
        });
        if let Self::Bdat(content, last) = self {
            use std::io::Write as _;
            let last = if last == Last::Yes { " LAST" } else { "" };
            write!(out, "BDAT {}{last}\r\n", content.octets().len()).unwrap();
            out.extend_from_slice(content.octets());
        }
    }
}

/// What a session is, as RFC 5321 §4.1.4 and RFC 3030 §2 tell it.
#[derive(Debug, Default, PartialEq)]
struct Model {
    hello: bool,
    tls: bool,
    open: Option<Open>,
    closed: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Open {
    recipients: usize,
    /// Octets of chunks so far, once there was one.
    chunks: Option<u64>,
}

impl Model {
    /// The reply codes that must come, `data` being the verdict on DATA or BDAT and `verdict` the one on
    /// MAIL, RCPT or the message.
    fn expect(&mut self, sent: Sent, data: Verdict, verdict: Verdict) -> Vec<u16> {
        let code = match sent {
            Sent::Helo | Sent::Ehlo => {
                (self.hello, self.open) = (true, None);
                250
            }
            Sent::BadEhlo | Sent::BadMail | Sent::BadRcpt => 501,
            Sent::Lhlo | Sent::Junk => 500,
            Sent::Mail | Sent::BigMail if self.open.is_some() || !self.hello => 503,
            Sent::BigMail => 552,
            Sent::Mail => {
                self.open = (verdict == Verdict::Yes).then(Open::default);
                verdict.code(250)
            }
            Sent::Rcpt | Sent::Utf8Rcpt => self.rcpt(sent, verdict),
            Sent::Data(content) => return self.data(content, data, verdict),
            Sent::Bdat(content, last) => self.bdat(content, last, data, verdict),
            Sent::BadBdat => {
                self.closed = true;
                501
            }
            Sent::Rset => {
                self.open = None;
                250
            }
            Sent::Noop => 250,
            Sent::Vrfy => 252,
            Sent::Expn => 502,
            Sent::Help => 214,
            Sent::Auth => 503,
            Sent::StartTls if self.tls || self.open.is_some() || !self.hello => 503,
            Sent::StartTls => {
                *self = Self { tls: true, ..Self::default() };
                220
            }
            Sent::Quit => {
                self.closed = true;
                221
            }
            Sent::Vanish => {
                *self = Self::default();
                return Vec::new();
            }
        };
        self.closed |= code == 421;
        vec![code]
    }

    fn rcpt(&mut self, sent: Sent, verdict: Verdict) -> u16 {
        match (&mut self.open, sent) {
            (None | Some(Open { chunks: Some(_), .. }), _) => 503,
            (Some(open), _) if open.recipients == RECIPIENTS_MAX => 452,
            (Some(_), Sent::Utf8Rcpt) => 553,
            (Some(open), _) => {
                open.recipients += usize::from(verdict == Verdict::Yes);
                verdict.code(250)
            }
        }
    }

    fn data(&mut self, content: Content, data: Verdict, verdict: Verdict) -> Vec<u16> {
        match self.open {
            None | Some(Open { recipients: 0, .. }) => return vec![503],
            Some(Open { chunks: Some(_), .. }) => {
                self.open = None;
                return vec![503];
            }
            Some(_) => self.open = None,
        }
        let codes = match (data, content) {
            (Verdict::Yes, Content::BareLf) => {
                self.closed = true;
                vec![354, 554]
            }
            (Verdict::Yes, Content::TooBig) => vec![354, 552],
            (Verdict::Yes, Content::Good | Content::Empty) => vec![354, verdict.code(250)],
            (refused, _) => vec![refused.code(354)],
        };
        self.closed |= codes.contains(&421);
        codes
    }

    fn bdat(&mut self, content: Content, last: Last, data: Verdict, verdict: Verdict) -> u16 {
        let octets = content.octets().len() as u64;
        let Some(open) = self.open.take().filter(|open| open.recipients > 0) else { return 503 };
        let total = open.chunks.unwrap_or(0) + octets;
        match (open.chunks, content, last) {
            _ if total > SIZE_MAX => 552,
            (None, ..) if data != Verdict::Yes => data.code(0),
            (_, Content::BareLf, _) => 554,
            (_, _, Last::Yes) => verdict.code(250),
            (_, _, Last::No) => {
                self.open = Some(Open { chunks: Some(total), ..open });
                250
            }
        }
    }
}

/// The machine, with the verdicts that are to be given next.
struct Real {
    server: Server,
    now: Instant,
    codes: Vec<u16>,
    /// Octets of content that belong to the message under way.
    content: usize,
    closed: bool,
    data: Verdict,
    verdict: Verdict,
}

impl Real {
    fn new(now: Instant) -> Self {
        let settings = Settings {
            size_max: SIZE_MAX,
            recipients_max: RECIPIENTS_MAX,
            client: ClientLimits::Exempt,
            ..settings(Service::Smtp)
        };
        let server = Server::new(settings, now);
        let (data, verdict) = (Verdict::Yes, Verdict::Yes);
        let mut real =
            Self { server, now, codes: Vec::new(), content: 0, closed: false, data, verdict };
        real.send(b"");
        real
    }

    fn send(&mut self, octets: &[u8]) {
        self.server.push(octets);
        loop {
            match self.server.step(self.now) {
                Step::NeedInput => break,
                Step::Ask(question) => {
                    let verdict = match question {
                        Question::Data => {
                            assert_eq!(self.content, 0, "content of another message is left");
                            self.data
                        }
                        Question::Message(_) => {
                            self.content = 0;
                            self.verdict
                        }
                        _ => self.verdict,
                    };
                    self.server.answer(verdict.answer(&question));
                }
                Step::StartTls => self.server.tls_started(self.now),
                Step::Content(octets) => self.content += octets.len(),
                Step::Discard(_) => self.content = 0,
                Step::Pause(_) => {}
                Step::Close => {
                    self.closed = true;
                    break;
                }
            }
        }
        let output = self.server.output();
        for line in output.split(|octet| *octet == b'\n').filter(|line| line.len() > 3) {
            if line[3] == b' ' {
                self.codes.push(
                    line[..3].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')),
                );
            }
        }
        output.clear();
    }

    /// The machine's state in the model's words.
    fn state(&self) -> Model {
        let open = self.server.transaction().map(|transaction| Open {
            recipients: transaction.recipients.len(),
            chunks: match &self.server.state {
                State::Chunked(_, chunks) => Some(chunks.octets),
                _ => None,
            },
        });
        Model {
            hello: self.server.hello().is_some(),
            tls: self.server.tls() == Tls::Active,
            open,
            closed: false,
        }
    }
}

#[test] // Tests RFC 5321 §4.1.4 and RFC 3030 §2.
fn s14_a_million_commands_leave_nothing_behind() {
    let mut random = Random(0x005e_ed0f_a11d_0915);
    let now = Instant::now();
    let (mut real, mut model) = (Real::new(now), Model::default());
    let mut octets = Vec::new();
    for number in 0..COMMANDS {
        let sent = Sent::random(&mut random);
        (real.data, real.verdict) = (Verdict::random(&mut random), Verdict::random(&mut random));
        let expected = model.expect(sent, real.data, real.verdict);
        real.codes.clear();
        sent.octets(&mut octets);
        // Cut at a random octet; what must be the last of its group comes whole.
        let cut = usize::try_from(random.below(octets.len() as u64 + 1)).unwrap();
        real.send(&octets[..cut]);
        real.send(&octets[cut..]);
        if let (Sent::Data(content), Some(354)) = (sent, real.codes.last()) {
            real.send(content.octets());
            real.send(b".\r\n");
        }
        assert_eq!(
            real.codes, expected,
            "command {number}: {sent:?}, {:?}, {:?}",
            real.data, real.verdict
        );
        assert_eq!(real.closed, model.closed, "command {number}: {sent:?}");
        if model.closed || matches!(sent, Sent::Vanish) {
            (real, model) = (Real::new(now), Model::default());
        }
        assert_eq!(real.state(), model, "command {number}: {sent:?}");
    }
}
