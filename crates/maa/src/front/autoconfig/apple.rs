//! A profile for Apple's devices: a property list with a `com.apple.mail.managed` payload. A person opens its address in the
//! browser, and is asked for the password.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use postroad_protocol::address::Address;
use quick_xml::escape::escape;

use super::{Offer, Protocol};

pub(super) const CONTENT_TYPE: &str = "application/x-apple-aspen-config; charset=utf-8";

/// The profile; without an address the device asks for that, too. `None` where there is nothing to read or send mail by.
pub(super) fn profile(offer: &Offer<'_>, address: Option<&Address>) -> Option<String> {
    let imap = offer.of(Protocol::Imap).next().map(|service| (service, "EmailTypeIMAP"));
    let pop3 = || offer.of(Protocol::Pop3).next().map(|service| (service, "EmailTypePOP"));
    let (incoming, kind) = imap.or_else(pop3)?;
    let outgoing = offer.of(Protocol::Submission).next()?;
    let host = offer.host.as_str();
    let address = address.map(ToString::to_string);

    let mut account = Dictionary::new(3);
    account.text("PayloadType", "com.apple.mail.managed");
    account.number("PayloadVersion", 1);
    account.text("PayloadIdentifier", &format!("{host}.mail"));
    account.text("PayloadUUID", &uuid(host, address.as_deref(), "mail"));
    account.text("PayloadDisplayName", host);
    account.text("EmailAccountDescription", address.as_deref().unwrap_or(host));
    account.text("EmailAccountType", kind);
    if let Some(address) = &address {
        account.text("EmailAddress", address);
    }
    for (side, service) in [("Incoming", incoming), ("Outgoing", outgoing)] {
        let key = |name: &str| format!("{side}MailServer{name}");
        account.text(&key("Authentication"), "EmailAuthPassword");
        account.text(&key("HostName"), host);
        account.number(&key("PortNumber"), service.port);
        account.yes(&key("UseSSL"));
        if let Some(address) = &address {
            account.text(&key("Username"), address);
        }
    }
    account.yes("OutgoingPasswordSameAsIncomingPassword");

    let mut profile = Dictionary::new(1);
    profile.text("PayloadType", "Configuration");
    profile.number("PayloadVersion", 1);
    profile.text("PayloadIdentifier", host);
    profile.text("PayloadUUID", &uuid(host, address.as_deref(), "profile"));
    profile.text("PayloadDisplayName", address.as_deref().unwrap_or(host));
    profile.text("PayloadOrganization", host);
    profile.list("PayloadContent", account);
    Some(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
{}</plist>
",
        profile.end()
    ))
}

/// The same for the same account, so that a profile that is installed again takes the place of the first (a UUID of
/// version 8, RFC 9562 §5.8).
fn uuid(host: &str, address: Option<&str>, what: &str) -> String {
    let text = [host, address.unwrap_or_default(), what].join("\n");
    let mut octets = [0; 16];
    for (octet, hashed) in octets.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
        *octet = *hashed;
    }
    let number = u128::from_be_bytes(octets);
    let number = number & !(0xf << 76) | 8 << 76;
    let number = number & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{number:032X}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// A `dict` of a property list, indented.
struct Dictionary {
    depth: usize,
    text: String,
}

impl Dictionary {
    fn new(depth: usize) -> Self {
        let mut dictionary = Self { depth, text: String::new() };
        dictionary.line(0, "<dict>");
        dictionary
    }

    fn line(&mut self, deeper: usize, line: &str) {
        let spaces = 2 * (self.depth - 1 + deeper);
        // Writing to a String doesn't fail.
        let _ = writeln!(self.text, "{:spaces$}{line}", "");
    }

    fn entry(&mut self, key: &str, value: &str) {
        self.line(1, &format!("<key>{key}</key>"));
        self.line(1, value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.entry(key, &format!("<string>{}</string>", escape(value)));
    }

    fn number(&mut self, key: &str, value: u16) {
        self.entry(key, &format!("<integer>{value}</integer>"));
    }

    fn yes(&mut self, key: &str) {
        self.entry(key, "<true/>");
    }

    fn list(&mut self, key: &str, only: Self) {
        self.entry(key, "<array>");
        self.text.push_str(&only.end());
        self.line(1, "</array>");
    }

    fn end(mut self) -> String {
        self.line(0, "</dict>");
        self.text
    }
}
