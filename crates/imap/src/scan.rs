//! Reading: atoms, strings, numbers and lists (RFC 9051 §9), from a command or a response that is whole: its literals
//! stand where they came.

use std::borrow::Cow;
use std::num::NonZeroU32;

use memchr::{memchr, memchr2, memchr3};

use crate::value::NameEncoding;

/// Why something isn't what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// No command of that name.
    #[error("unknown command")]
    UnknownCommand,
    /// Something else stands where this should be.
    #[error("expected {0}")]
    Expected(&'static str),
    /// This isn't known here.
    #[error("unknown {0}")]
    Unknown(&'static str),
    /// NUL, CR, LF or another octet in a place where it may not be; 8-bit octets that are no UTF-8.
    #[error("octets that are not allowed here")]
    Octets,
    /// A special use that isn't known (RFC 6154 §3).
    #[error("unknown special use")]
    SpecialUse,
    /// A mailbox's name that is none (RFC 9051 §5.1).
    #[error("this can't be a mailbox's name")]
    MailboxName,
    /// Lists in lists in lists.
    #[error("nested too deeply")]
    Depth,
    /// A literal that is larger than is taken.
    #[error("the literal is too large")]
    Literal,
    /// More or longer than is taken.
    #[error("too long: {0}")]
    TooLong(&'static str),
}

/// What is known of each octet.
const ATOM: u8 = 1;
const ASTRING: u8 = 2;
const LIST: u8 = 4;
const TAG: u8 = 8;

/// RFC 9051 §9, in one look-up each:
/// ```text
/// ATOM-CHAR       = <any CHAR except atom-specials>
/// atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
/// ASTRING-CHAR    = ATOM-CHAR / resp-specials      ; "]"
/// list-char       = ATOM-CHAR / list-wildcards / resp-specials
/// tag             = 1*<any ASTRING-CHAR except "+">
/// ```
static CLASSES: [u8; 256] = classes();

#[allow(
    clippy::indexing_slicing,
    reason = "built at compile time, where a wrong index is an error"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut octet = 0x21;
    while octet < 0x7f {
        classes[octet as usize] = match octet as u8 {
            b'(' | b')' | b'{' | b'"' | b'\\' => 0,
            b'%' | b'*' => LIST,
            b']' => ASTRING | LIST | TAG,
            b'+' => ATOM | ASTRING | LIST,
            _ => ATOM | ASTRING | LIST | TAG,
        };
        octet += 1;
    }
    classes
}

fn is(octet: u8, class: u8) -> bool {
    CLASSES.get(usize::from(octet)).is_some_and(|classes| classes & class != 0)
}

/// Whether this is an atom.
pub(crate) fn is_atom(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&octet| is(octet, ATOM))
}

/// Whether this can be written as it is, where an astring is wanted.
pub(crate) fn is_astring(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&octet| is(octet, ASTRING))
}

/// Whether this is a tag.
pub(crate) fn is_tag(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&octet| is(octet, TAG))
}

/// A place in a command or a response.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    depth: u32,
    names: NameEncoding,
    eight_bit: EightBit,
}

/// Which octets beyond ASCII may stand between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EightBit {
    /// UTF-8 (RFC 9051 §4.3).
    Utf8,
    /// Any: servers pass on what they find in letters.
    Any,
}

/// What stands for a literal whose octets were handed on. No line holds it otherwise: NUL is refused.
const STREAMED: u8 = 0;

/// Writes what stands for a literal whose octets were handed on.
pub(crate) fn write_streamed(out: &mut Vec<u8>, octets: u64) {
    out.push(STREAMED);
    crate::write::number(out, octets);
    out.push(STREAMED);
}

pub(crate) type Scanned<T> = Result<T, SyntaxError>;

impl<'a> Cursor<'a> {
    pub(crate) fn new(octets: &'a [u8], depth: u32, names: NameEncoding) -> Self {
        Self { rest: octets, depth, names, eight_bit: EightBit::Utf8 }
    }

    /// What a server says: read more leniently.
    pub(crate) fn from_server(octets: &'a [u8], names: NameEncoding) -> Self {
        let depth = crate::limits::RESPONSE_DEPTH_MAX;
        Self { rest: octets, depth, names, eight_bit: EightBit::Any }
    }

    /// The number of octets of a literal that were handed on.
    pub(crate) fn streamed(&mut self) -> Scanned<Option<u64>> {
        if !self.eat(STREAMED) {
            return Ok(None);
        }
        let octets = self.number64()?;
        self.expect(STREAMED, "a literal")?;
        Ok(Some(octets))
    }

    /// Steps over a value that isn't known: an atom, a string, or a list of such.
    ///
    /// ```text
    /// tagged-ext-val = tagged-ext-simple / "(" [tagged-ext-comp] ")"
    /// body-extension = nstring / number / number64 / "(" body-extension *(SP body-extension) ")"
    /// ```
    pub(crate) fn skip_value(&mut self) -> Scanned<()> {
        match self.peek() {
            Some(b'(') => self.list_or_empty(Self::skip_value).map(drop),
            Some(b'"' | b'{') => self.string("a value").map(drop),
            Some(b'~') if self.eat_literal8() => self.literal().map(drop),
            // Sets have `*` and `:` in them, which no atom has.
            _ => match self.take_while(|octet| octet > b' ' && !matches!(octet, b'(' | b')')) {
                [] => Err(SyntaxError::Expected("a value")),
                _ => Ok(()),
            },
        }
    }

    pub(crate) fn names(&self) -> NameEncoding {
        self.names
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Steps over this octet, if it is next.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Steps over this word in any case, if it is next.
    pub(crate) fn eat_word(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn expect(&mut self, octet: u8, what: &'static str) -> Scanned<()> {
        if self.eat(octet) { Ok(()) } else { Err(SyntaxError::Expected(what)) }
    }

    /// One space: RFC 9051 §4, "exactly one space". A server's further ones are forgiven.
    pub(crate) fn space(&mut self) -> Scanned<()> {
        self.expect(b' ', "a space")?;
        while self.eight_bit == EightBit::Any && self.eat(b' ') {}
        Ok(())
    }

    /// Nothing is left. Spaces at the end of a line are forgiven: Outlook for Mac sends some.
    pub(crate) fn end(&mut self) -> Scanned<()> {
        while self.eat(b' ') {}
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(SyntaxError::Expected("the end of the line"))
        }
    }

    pub(crate) fn take_while(&mut self, is_in: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&octet| !is_in(octet)).unwrap_or(self.rest.len());
        self.take(end).unwrap_or_default()
    }

    pub(crate) fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(head)
    }

    fn some_of(&mut self, class: u8, what: &'static str) -> Scanned<&'a [u8]> {
        match self.take_while(|octet| is(octet, class)) {
            [] if self.peek().is_some_and(|octet| !(b' '..0x7f).contains(&octet)) => {
                Err(SyntaxError::Octets)
            }
            [] => Err(SyntaxError::Expected(what)),
            text => Ok(text),
        }
    }

    pub(crate) fn atom(&mut self, what: &'static str) -> Scanned<&'a [u8]> {
        self.some_of(ATOM, what)
    }

    pub(crate) fn tag(&mut self) -> Scanned<&'a [u8]> {
        self.some_of(TAG, "a tag")
    }

    /// An atom in upper case, short enough to be the name of anything.
    pub(crate) fn word(&mut self, what: &'static str) -> Scanned<Vec<u8>> {
        Ok(self.atom(what)?.to_ascii_uppercase())
    }

    /// Letters, digits, `.`, `-` and `_` alone: names that stand before `[` or another mark.
    pub(crate) fn name(&mut self) -> &'a [u8] {
        self.take_while(|octet| {
            octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_')
        })
    }

    /// ```text
    /// astring = 1*ASTRING-CHAR / string
    /// ```
    pub(crate) fn astring(&mut self, what: &'static str) -> Scanned<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(what),
            _ => self.some_of(ASTRING, what).map(Cow::Borrowed),
        }
    }

    /// ```text
    /// list-mailbox = 1*list-char / string
    /// ```
    pub(crate) fn list_mailbox(&mut self) -> Scanned<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string("a mailbox pattern"),
            _ => self.some_of(LIST, "a mailbox pattern").map(Cow::Borrowed),
        }
    }

    /// ```text
    /// nstring = string / nil
    /// ```
    pub(crate) fn nstring(&mut self, what: &'static str) -> Scanned<Option<Cow<'a, [u8]>>> {
        if self.eat_nil() { Ok(None) } else { self.string(what).map(Some) }
    }

    /// `nil / string / literal8`; a literal8 holds any octet (RFC 3516 §4.4).
    pub(crate) fn nstring8(&mut self, what: &'static str) -> Scanned<Option<Cow<'a, [u8]>>> {
        if self.eat_literal8() {
            self.literal().map(Cow::Borrowed).map(Some)
        } else {
            self.nstring(what)
        }
    }

    fn eat_literal8(&mut self) -> bool {
        self.rest.starts_with(b"~{") && self.eat(b'~')
    }

    /// `NIL`, and not the begin of a longer atom.
    pub(crate) fn eat_nil(&mut self) -> bool {
        match self.rest.split_at_checked(3) {
            Some((head, rest))
                if head.eq_ignore_ascii_case(b"NIL")
                    && !rest.first().is_some_and(|&octet| is(octet, ASTRING)) =>
            {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// ```text
    /// string  = quoted / literal
    /// literal = "{" number64 ["+"] "}" CRLF *CHAR8
    /// ```
    pub(crate) fn string(&mut self, what: &'static str) -> Scanned<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => {
                let content = self.literal()?;
                // RFC 9051 §4.3: no NUL in a literal.
                match memchr(0, content) {
                    None => Ok(Cow::Borrowed(content)),
                    Some(_) => Err(SyntaxError::Octets),
                }
            }
            _ => Err(SyntaxError::Expected(what)),
        }
    }

    fn literal(&mut self) -> Scanned<&'a [u8]> {
        const WHAT: &str = "a literal";
        self.expect(b'{', WHAT)?;
        let octets = self.number64()?;
        self.eat(b'+');
        if !self.eat_word(b"}\r\n") {
            return Err(SyntaxError::Expected(WHAT));
        }
        let octets = usize::try_from(octets).map_err(|_| SyntaxError::Literal)?;
        self.take(octets).ok_or(SyntaxError::Expected(WHAT))
    }

    /// ```text
    /// quoted          = DQUOTE *QUOTED-CHAR DQUOTE
    /// QUOTED-CHAR     = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4
    /// ```
    /// UTF-8 is taken before it was enabled too: clients send names and passwords so.
    pub(crate) fn quoted(&mut self) -> Scanned<Cow<'a, [u8]>> {
        self.expect(b'"', "a quoted string")?;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let end =
                memchr2(b'"', b'\\', self.rest).ok_or(SyntaxError::Expected("a closing quote"))?;
            let piece = self.take(end).unwrap_or_default();
            let quote = self.eat(b'"');
            if quote && unescaped.is_none() {
                return self.checked_text(Cow::Borrowed(piece));
            }
            let text = unescaped.get_or_insert_default();
            text.extend_from_slice(piece);
            if quote {
                return self.checked_text(Cow::Owned(unescaped.unwrap_or_default()));
            }
            self.eat(b'\\');
            match self.peek() {
                Some(octet @ (b'"' | b'\\')) => {
                    self.eat(octet);
                    text.push(octet);
                }
                _ => {
                    return Err(SyntaxError::Expected("a quote or a backslash behind a backslash"));
                }
            }
        }
    }

    fn digits(&mut self) -> Option<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        if digits.is_empty() {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
    }

    /// ```text
    /// number = 1*DIGIT   ; Unsigned 32-bit integer
    /// ```
    pub(crate) fn number(&mut self) -> Scanned<u32> {
        let number = self.digits().and_then(|number| u32::try_from(number).ok());
        number.ok_or(SyntaxError::Expected("a number"))
    }

    /// ```text
    /// nz-number = digit-nz *DIGIT
    /// ```
    pub(crate) fn nz_number(&mut self) -> Scanned<NonZeroU32> {
        NonZeroU32::new(self.number()?).ok_or(SyntaxError::Expected("a number above 0"))
    }

    /// ```text
    /// number64 = 1*DIGIT   ; Unsigned 63-bit integer
    /// ```
    pub(crate) fn number64(&mut self) -> Scanned<u64> {
        let number = self.digits().filter(|&number| number <= i64::MAX as u64);
        number.ok_or(SyntaxError::Expected("a number"))
    }

    /// Runs `inner` one level deeper; lists of lists of lists end somewhere.
    pub(crate) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Scanned<T>) -> Scanned<T> {
        self.depth = self.depth.checked_sub(1).ok_or(SyntaxError::Depth)?;
        let value = inner(self)?;
        self.depth += 1;
        Ok(value)
    }

    /// `"(" item *(SP item) ")"`
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Scanned<T>,
    ) -> Scanned<Vec<T>> {
        let items = self.list_or_empty(&mut item)?;
        if items.is_empty() {
            Err(SyntaxError::Expected("something in the list"))
        } else {
            Ok(items)
        }
    }

    /// `"(" [item *(SP item)] ")"`
    pub(crate) fn list_or_empty<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Scanned<T>,
    ) -> Scanned<Vec<T>> {
        self.nested(|cursor| {
            cursor.expect(b'(', "a list")?;
            let mut items = Vec::new();
            if cursor.eat(b')') {
                return Ok(items);
            }
            loop {
                items.push(item(cursor)?);
                // A space before the end is forgiven: examples of RFC 9394 have some.
                if cursor.eat(b')') || cursor.eat_word(b" )") {
                    return Ok(items);
                }
                cursor.space()?;
            }
        })
    }

    /// Text between quotes: no NUL, CR or LF; UTF-8 where it isn't ASCII.
    fn checked_text<'t>(&self, text: Cow<'t, [u8]>) -> Scanned<Cow<'t, [u8]>> {
        let is_bad = memchr3(0, b'\r', b'\n', &text).is_some();
        let is_text = self.eight_bit == EightBit::Any || std::str::from_utf8(&text).is_ok();
        if is_bad || !is_text { Err(SyntaxError::Octets) } else { Ok(text) }
    }
}
