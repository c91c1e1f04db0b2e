//! `mailto:` links (RFC 6068), of letters, of lists (RFC 2369) and from other programs.
//!
//! Of what a link asks for, only this is taken: `to`, `cc`, `subject`, `body`, `in-reply-to`. Others would let a page
//! attach files, or send copies that nobody sees (row U06). What is taken is shown before anything is sent.

use crate::compose::{FieldText, MessageId};
use crate::drafts::Written;
use crate::limits;

/// What a link asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mailto {
    /// Those it is for, as they stand there.
    pub to: Vec<String>,
    /// Those who are told.
    pub cc: Vec<String>,
    /// What it is about.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The letter that it answers.
    pub in_reply_to: Option<MessageId>,
    /// Names of fields that aren't taken from a link.
    pub refused: Vec<String>,
}

impl Mailto {
    /// Reads a link; `None` where it is none of `mailto:`, or longer than any that is meant well.
    pub fn parse(link: &str) -> Option<Self> {
        let (scheme, rest) = link.trim().split_once(':')?;
        if !scheme.eq_ignore_ascii_case("mailto") || link.len() > limits::MAILTO_OCTETS_MAX {
            return None;
        }
        // A fragment is no part of it (RFC 6068 §2).
        let rest = rest.split('#').next().unwrap_or_default();
        let (addresses, fields) = rest.split_once('?').unwrap_or((rest, ""));
        let mut read = Self { to: list(addresses), ..Self::default() };
        for field in fields.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            read.field(&decoded(name).to_ascii_lowercase(), value);
        }
        Some(read)
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "to" => self.to.extend(list(value)),
            "cc" => self.cc.extend(list(value)),
            "subject" => self.subject = one_line(value),
            // RFC 6068 §5: line breaks are %0D%0A.
            "body" => self.body = decoded(value).replace("\r\n", "\n").replace('\r', "\n"),
            "in-reply-to" => {
                let id = one_line(value);
                self.in_reply_to = MessageId::parse(&id);
            }
            _ => self.refused.push(FieldText::new(name).as_str().chars().take(40).collect()),
        }
    }

    /// The fields of a draft.
    pub fn written(&self) -> Written {
        let id = self.in_reply_to.as_ref().map(|id| id.as_str().to_owned());
        Written {
            to: self.to.join(", "),
            cc: self.cc.join(", "),
            subject: self.subject.clone(),
            references: id.iter().cloned().collect(),
            in_reply_to: id,
            ..Written::default()
        }
    }
}

/// The links of a field of RFC 2369 (§2), in order: each stands in `<>`, comments and what else there is between them is
/// passed over.
pub fn listed(value: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut rest = value;
    while links.len() < limits::LIST_LINKS_MAX
        && let Some((_, link)) = rest.split_once('<')
        && let Some((link, behind)) = link.split_once('>')
    {
        // §2: white space inside is removed.
        links.push(link.chars().filter(|c| !c.is_whitespace()).collect());
        rest = behind;
    }
    links
}

/// Addresses with commas between; a comma that is written `%2C` is part of one.
fn list(value: &str) -> Vec<String> {
    value.split(',').map(one_line).filter(|address| !address.is_empty()).collect()
}

/// Nothing that would begin a field of its own (row A08).
fn one_line(value: &str) -> String {
    FieldText::new(&decoded(value)).as_str().to_owned()
}

/// Without percent encoding (RFC 3986 §2.1); what is no UTF-8 gets marks, and NUL is none.
fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits
            .filter(|digits| *first == b'%' && digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or(*first));
        rest = if octet.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    String::from_utf8_lossy(&octets).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test] // Tests RFC 6068 §6.
    fn links_are_read() {
        let read = Mailto::parse(
            "mailto:list@x.example?In-Reply-To=%3C3469A91.D10AF4C@x.example%3E&subject=caf%C3%A9",
        )
        .unwrap();
        assert_eq!(read.to, ["list@x.example"]);
        assert_eq!(read.subject, "caf\u{e9}");
        assert_eq!(read.in_reply_to.unwrap().as_str(), "3469A91.D10AF4C@x.example");
        for (link, to, body) in [
            ("mailto:a@x.example,b%2Bc@x.example", &["a@x.example", "b+c@x.example"][..], ""),
            ("MAILTO:?to=a@x.example&cc=b@x.example", &["a@x.example"], ""),
            ("mailto:a@x.example?body=one%0D%0Atwo%0Athree", &["a@x.example"], "one\ntwo\nthree"),
            ("mailto:a@x.example?body=1+1%3D2", &["a@x.example"], "1+1=2"),
            ("mailto:%22a,b%22@x.example", &["\"a", "b\"@x.example"], ""),
            ("mailto:%22a%2Cb%22@x.example", &["\"a,b\"@x.example"], ""),
            ("mailto:", &[], ""),
            ("mailto:a%@x%2.example%zz", &["a%@x%2.example%zz"], ""),
        ] {
            let read = Mailto::parse(link).unwrap();
            assert_eq!(
                (read.to, read.body.as_str()),
                (to.iter().map(|to| (*to).to_owned()).collect(), body),
                "{link}"
            );
        }
        assert_eq!(Mailto::parse("http://x.example"), None);
        assert_eq!(Mailto::parse(&format!("mailto:a?body={}", "x".repeat(100_000))), None);
    }

    #[test]
    fn u06_a_link_attaches_nothing_and_hides_no_recipient() {
        let read = Mailto::parse(
            "mailto:x@a.example?attach=~/.gnupg/k&attachment=/etc/passwd&bcc=v@a.example&from=me@a.example\
             &reply-to=v@a.example&content-type=text/html&x-sign=no&subject=s",
        )
        .unwrap();
        assert_eq!(
            read.refused,
            ["attach", "attachment", "bcc", "from", "reply-to", "content-type", "x-sign"]
        );
        let written = read.written();
        assert_eq!((written.to.as_str(), written.subject.as_str()), ("x@a.example", "s"));
        assert!(
            written.attachments.is_empty() && written.bcc.is_empty() && written.fields.is_empty()
        );
    }

    #[test]
    fn u06_no_field_and_no_line_comes_out_of_a_value() {
        let link = "mailto:x@a.example%0D%0ABcc:v@a.example?subject=a%0D%0ABcc:%20v@a.example%00b\
            &cc=c@a.example%0ABcc:v&in-reply-to=%3Ca@b%3E%0D%0ABcc:v";
        let written = Mailto::parse(link).unwrap().written();
        for text in [&written.to, &written.cc, &written.subject] {
            assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
        }
        assert_eq!(written.subject, "a Bcc: v@a.example\u{fffd}b");
    }

    proptest! {
        #[test]
        fn any_link(link in "mailto:[%?&=@,a0-9ABDFäß#+]{0,60}") {
            let written = Mailto::parse(&link).unwrap().written();
            prop_assert!(!written.to.contains(char::is_control));
            prop_assert!(!written.subject.contains(char::is_control));
        }
    }
}
