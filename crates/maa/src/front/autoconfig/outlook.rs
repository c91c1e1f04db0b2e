//! Outlook's autodiscover, the plain XML one ([MS-OXDSCLI] §2.2.3 and §2.2.4): a question with an address in, an answer out.
//!
//! The question comes from anybody. It is read event by event; a document type, which could define entities or name files,
//! is refused, and no entity but XML's own five is known.

use postroad_protocol::address::Address;
use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

use super::{Book, Encryption, Offer, Protocol, Told};
use crate::limits;

pub(super) const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// What it calls the answers that we give.
const OUTLOOK: &str =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const AUTODISCOVER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";

/// Why there is no answer ([MS-OXDSCLI] §2.2.4.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It isn't a question.
    Invalid,
    /// Another kind of answer is wanted, as ActiveSync's.
    OtherSchema,
    /// The address isn't of a domain of ours.
    NotOurs,
}

/// Answers a question; `clock` is the time of the day.
pub(super) fn answer(book: &Book, offer: &Offer<'_>, question: &[u8], clock: &str) -> String {
    let settings = match asked(book, question) {
        Ok(address) => settings(offer, &address),
        Err(trouble) => error(trouble, clock),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover xmlns=\"{AUTODISCOVER}\">\n{settings}</Autodiscover>\n"
    )
}

/// The address that is asked about.
pub(super) fn asked(book: &Book, question: &[u8]) -> Result<Address, Trouble> {
    let question = std::str::from_utf8(question).map_err(|_| Trouble::Invalid)?;
    let Question { address, schema } = read(question).ok_or(Trouble::Invalid)?;
    // Where it names none it is Outlook.
    if schema.is_some_and(|schema| schema != OUTLOOK) {
        return Err(Trouble::OtherSchema);
    }
    let address = address.ok_or(Trouble::Invalid)?;
    book.address(&address).ok_or(Trouble::NotOurs)
}

/// What we look for in a question.
#[derive(Debug, Default)]
struct Question {
    address: Option<String>,
    schema: Option<String>,
}

/// Reads `Autodiscover/Request`; `None` where it is no XML, or more than a question needs.
fn read(text: &str) -> Option<Question> {
    let mut reader = Reader::from_str(text);
    let mut question = Question::default();
    let mut path: Vec<String> = Vec::new();
    let mut said = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                if path.len() == limits::AUTODISCOVER_DEPTH_MAX {
                    return None;
                }
                path.push(element.local_name().as_ref().to_owned());
                said.clear();
            }
            Event::End(_) => {
                let field = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["Autodiscover", "Request", "EMailAddress"] => Some(&mut question.address),
                    ["Autodiscover", "Request", "AcceptableResponseSchema"] => {
                        Some(&mut question.schema)
                    }
                    _ => None,
                };
                if let Some(field) = field
                    && field.replace(said.trim().to_owned()).is_some()
                {
                    return None;
                }
                path.pop()?;
                said.clear();
            }
            Event::Text(text) => said.push_str(&text.xml10_content()),
            Event::CData(text) => said.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(c) => said.push(c),
                None => said.push_str(resolve_predefined_entity(&reference.xml10_content())?),
            },
            Event::DocType(_) => return None,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return path.is_empty().then_some(question),
        }
    }
}

fn settings(offer: &Offer<'_>, address: &Address) -> String {
    // One of each: Outlook doesn't try a second one.
    let mut protocols = String::new();
    for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Submission] {
        if let Some(service) = offer.of(protocol).next() {
            protocols.push_str(&one(offer, service, address));
        }
    }
    format!(
        "  <Response xmlns=\"{OUTLOOK}\">
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
{protocols}    </Account>
  </Response>
"
    )
}

fn one(offer: &Offer<'_>, service: &Told, address: &Address) -> String {
    let kind = match service.protocol {
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP3",
        Protocol::Submission => "SMTP",
    };
    let encryption = match service.encryption {
        Encryption::AtOnce => "SSL",
        Encryption::Upgrade => "TLS",
    };
    let (host, port) = (escape(offer.host.as_str()), service.port);
    let address = address.to_string();
    let login = escape(&address);
    format!(
        "      <Protocol>
        <Type>{kind}</Type>
        <Server>{host}</Server>
        <Port>{port}</Port>
        <LoginName>{login}</LoginName>
        <DomainRequired>off</DomainRequired>
        <SPA>off</SPA>
        <SSL>on</SSL>
        <Encryption>{encryption}</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>
"
    )
}

fn error(trouble: Trouble, clock: &str) -> String {
    let (code, message) = match trouble {
        Trouble::Invalid => (600, "Invalid Request"),
        Trouble::OtherSchema => (601, "Provider is not available"),
        Trouble::NotOurs => (500, "The email address can't be found."),
    };
    let message = escape(message);
    format!(
        "  <Response>
    <Error Time=\"{clock}\" Id=\"0\">
      <ErrorCode>{code}</ErrorCode>
      <Message>{message}</Message>
      <DebugData />
    </Error>
  </Response>
"
    )
}
