//! What of the message goes back with a notice (RFC 3461 §4.3 and §6.2), and in which form (RFC 6522 §4,
//! RFC 6533 §4).

use crate::envelope::{Ret, Utf8};
use crate::header;
use crate::limits;
use crate::quoted_printable;

use super::{Kind, Notice, write_line};

/// The part of the message that goes back.
pub(super) struct Returned<'a> {
    pub(super) extent: Extent,
    pub(super) octets: &'a [u8],
    form: Form,
    encoding: Encoding,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All.
    Whole,
    /// The header, as the sender wants it or as it is usual.
    Header,
    /// The header, for all of it would be too much.
    HeaderOfLarge,
}

/// What the header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// ASCII; or octets that are no UTF-8, as programs of the last century send them.
    Traditional,
    /// UTF-8 (RFC 6532).
    Global,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    SevenBit,
    EightBit,
    QuotedPrintable,
}

impl<'a> Returned<'a> {
    pub(super) fn of(notice: &Notice<'a>) -> Self {
        let (header, _) = header::split(notice.content);
        let extent = extent(notice.kind, notice.ret, notice.content.len());
        let octets = match extent {
            Extent::Whole => notice.content,
            Extent::Header | Extent::HeaderOfLarge => bounded(header),
        };
        let form = match !header.is_ascii() && std::str::from_utf8(header).is_ok() {
            true => Form::Global,
            false => Form::Traditional,
        };
        let encoding = match (extent, form, notice.utf8()) {
            _ if octets.is_ascii() => Encoding::SevenBit,
            // RFC 6533 §4.5: encoded, for we can't know that all hosts on the way know SMTPUTF8.
            (_, Form::Global, Utf8::Ascii) => Encoding::QuotedPrintable,
            (_, Form::Global, Utf8::SmtpUtf8) => Encoding::EightBit,
            // RFC 2046 §5.2.1: message/rfc822 can't be encoded.
            (Extent::Whole, Form::Traditional, _) => Encoding::EightBit,
            (_, Form::Traditional, _) => Encoding::QuotedPrintable,
        };
        Self { extent, octets, form, encoding }
    }

    /// Whether the notice needs 8BITMIME for it.
    pub(super) fn is_8bit(&self) -> bool {
        self.encoding == Encoding::EightBit
    }

    /// Writes the part's fields and the part behind what is there already.
    pub(super) fn write(&self, mut text: String) -> Vec<u8> {
        let kind = match (self.extent, self.form) {
            (Extent::Whole, Form::Traditional) => "message/rfc822",
            (Extent::Whole, Form::Global) => "message/global",
            (_, Form::Traditional) => "text/rfc822-headers",
            (_, Form::Global) => "message/global-headers",
        };
        let description = match self.extent {
            Extent::Whole => "Your message",
            Extent::Header | Extent::HeaderOfLarge => "Header of your message",
        };
        let encoding = match self.encoding {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::QuotedPrintable => "quoted-printable",
        };
        write_line(
            &mut text,
            format_args!(
                "Content-Type: {kind}\r\nContent-Description: {description}\r\n\
                 Content-Transfer-Encoding: {encoding}\r\n"
            ),
        );
        let mut message = match self.encoding {
            Encoding::SevenBit | Encoding::EightBit => [text.as_bytes(), self.octets].concat(),
            Encoding::QuotedPrintable => {
                quoted_printable::encode(self.octets, &mut text);
                text.into_bytes()
            }
        };
        if !message.ends_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
        }
        message
    }
}

/// All of it where the sender asked for that, or where it is small and the sender said nothing. A notice without
/// a failure has the header only (RFC 3461 §4.3).
fn extent(kind: Kind, ret: Option<Ret>, octets: usize) -> Extent {
    let octets_max = match (kind, ret) {
        (Kind::Failure, Some(Ret::Full)) => limits::RETURNED_IN_FULL_OCTETS_MAX,
        (Kind::Failure, None) => limits::RETURNED_OCTETS_MAX,
        (Kind::Failure, Some(Ret::Headers)) | (Kind::Delay { .. } | Kind::Success, _) => {
            return Extent::Header;
        }
    };
    match octets <= octets_max {
        true => Extent::Whole,
        false => Extent::HeaderOfLarge,
    }
}

/// The fields from the top that fit.
fn bounded(header: &[u8]) -> &[u8] {
    let fits = |end: &usize| *end <= limits::RETURNED_HEADER_OCTETS_MAX;
    let ends = header::fields(header).scan(0, |end, field| {
        *end += field.raw.len();
        Some(*end)
    });
    let end = ends.take_while(fits).last().unwrap_or_default();
    header.get(..end).unwrap_or_default()
}
