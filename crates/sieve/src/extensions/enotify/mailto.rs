//! `mailto` URIs (RFC 6068), as notification methods (RFC 5436 §2.1, §2.7).
//!
//! ```text
//! mailtoURI = "mailto:" [ to ] [ "?" hfname "=" hfvalue *( "&" hfname "=" hfvalue ) ]
//! ```

use postroad_protocol::address::Address;

use crate::limits;

/// What such a URI says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mailto {
    pub(super) to: Vec<Address>,
    pub(super) cc: Vec<Address>,
    pub(super) subject: Option<String>,
    pub(super) body: String,
    /// Fields that nothing depends on.
    pub(super) others: Vec<(String, String)>,
}

/// Fields that a URI has no say in (RFC 5436 §2.7): who it is from, what breaks loops, what shapes the letter.
const IGNORED: &[&str] = &[
    "from",
    "sender",
    "bcc",
    "auto-submitted",
    "received",
    "return-path",
    "delivered-to",
    "message-id",
    "date",
    "mime-version",
    "dkim-signature",
];

/// Whether a URI is one of these, whatever else is in it.
pub(super) fn is_scheme_of(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("mailto"))
}

impl Mailto {
    /// # Errors
    /// Another scheme, or what is no such URI, in words.
    pub(super) fn parse(uri: &str) -> Result<Self, String> {
        let shown = || uri.chars().take(60).collect::<String>().escape_debug().to_string();
        let rest = match uri.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => rest,
            _ => return Err(format!("\"{}\": only \"mailto:\" is a method here", shown())),
        };
        let wrong = || format!("\"{}\" is no mailto URI", shown());
        // RFC 3986 §2: everything else is encoded.
        let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`#".contains(c);
        if uri.len() > limits::URI_OCTETS_MAX || !rest.chars().all(is_plain) {
            return Err(wrong());
        }
        let (to, fields) = rest.split_once('?').unwrap_or((rest, ""));
        let mut method = Self { to: addresses(to).ok_or_else(wrong)?, ..Self::default() };
        for field in fields.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').ok_or_else(wrong)?;
            let name = decoded(name).ok_or_else(wrong)?;
            let text = decoded(value).ok_or_else(wrong)?;
            match name.to_ascii_lowercase().as_str() {
                "to" => method.to.extend(addresses(value).ok_or_else(wrong)?),
                "cc" => method.cc.extend(addresses(value).ok_or_else(wrong)?),
                "subject" => method.subject = Some(text),
                "body" => method.body = text,
                lower if is_ignored(lower) => {}
                _ if !is_field_name(&name) => return Err(wrong()),
                _ => method.others.push((capitalized(&name), text)),
            }
        }
        match method.to.len() + method.cc.len() {
            0 => Err(format!("\"{}\" names nobody", shown())),
            1..=limits::NOTIFIED_MAX => Ok(method),
            _ => Err(format!("a notification has at most {} recipients", limits::NOTIFIED_MAX)),
        }
    }

    pub(super) fn recipients(&self) -> Vec<Address> {
        let mut recipients: Vec<Address> = Vec::new();
        for address in self.to.iter().chain(&self.cc) {
            if !recipients.contains(address) {
                recipients.push(address.clone());
            }
        }
        recipients
    }
}

fn is_ignored(name: &str) -> bool {
    IGNORED.contains(&name) || name.starts_with("content-") || name.starts_with("resent-")
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// RFC 5436 §2.7 suggests it.
fn capitalized(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// Addresses with commas between them, each still encoded.
fn addresses(list: &str) -> Option<Vec<Address>> {
    // RFC 6068 §2: a comma in an address is encoded, unless all of the list is one field's value.
    let list = list.replace("%2C", ",").replace("%2c", ",");
    let parts = list.split(',').filter(|part| !part.is_empty());
    parts.map(|part| Address::parse(decoded(part)?.trim()).ok()).collect()
}

/// Percent-encoding undone (RFC 3986 §2.1); `None` where it is broken or isn't UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, behind @ ..] = rest {
        match (octet, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let hex = |digit: &u8| char::from(*digit).to_digit(16);
                octets.push(u8::try_from(hex(high)? * 16 + hex(low)?).ok()?);
                rest = behind;
            }
            (b'%', _) => return None,
            _ => {
                octets.push(*octet);
                rest = behind;
            }
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5436 §2.1 and §2.7.
    fn uris() {
        let parse = |uri: &str| Mailto::parse(uri).ok();
        let to = |uri: &str| {
            parse(uri).map(|m| {
                m.recipients().iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            })
        };
        for (uri, expected) in [
            ("mailto:a@b.example", Some("a@b.example")),
            ("MAILTO:a@b.example,c@d.example", Some("a@b.example,c@d.example")),
            ("mailto:?to=a@b.example&cc=c%40d.example", Some("a@b.example,c@d.example")),
            ("mailto:a@b.example?to=a@b.example", Some("a@b.example")),
            ("mailto:", None),
            ("mailto:nobody", None),
            ("mailto:a@b.example%0d%0aBcc:x@y.example", None),
            ("mailto:a b@c.example", None),
            ("mailto:a@b.example?x", None),
            ("mailto:a@b.example?su%ject=x", None),
            ("mailto:a@b.example?a:b=x", None),
            ("xmpp:tim@example.com", None),
            ("tel:+14085551212", None),
            ("", None),
            ("mailto:a@b,c@d,e@f,g@h,i@j", None),
        ] {
            assert_eq!(to(uri).as_deref(), expected, "{uri}");
        }
        let method = parse(
            "mailto:a@b.example?subject=S%20x&BODY=one%0D%0Atwo&from=x&auto-submitted=no&received=x\
            &message-id=x&date=x&bcc=v@w.example&keywords=k&content-type=x",
        )
        .unwrap();
        assert_eq!(method.subject.as_deref(), Some("S x"));
        assert_eq!(method.body, "one\r\ntwo");
        assert_eq!(method.others, [("Keywords".to_owned(), "k".to_owned())]);
        assert_eq!(method.recipients().len(), 1);
    }
}
