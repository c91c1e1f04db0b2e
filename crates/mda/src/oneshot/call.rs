//! How we were called: what the flags came to, and the environment of procmail's, dovecot-lda's, mail.local's,
//! Postfix's, OpenSMTPD's and qmail's callers.

use std::path::PathBuf;

use postroad_protocol::address::ReversePath;

use super::personality::LeftBehind;
use crate::letter::{self, Header, Shape};
use crate::mailbox::MissingMailbox;
use crate::rules::Recipient;

/// What the flags came to, whoever's they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// The settings.
    pub config: Option<PathBuf>,
    /// The user whose mailbox it is, with or without a domain.
    pub user: Option<String>,
    /// Whom the letter was for before aliases.
    pub original_recipient: Option<String>,
    /// What stood behind the separator in the recipient's address.
    pub extension: Option<String>,
    /// Whom it is for now.
    pub final_recipient: Option<String>,
    /// The sender.
    pub sender: Option<String>,
    /// The folder.
    pub folder: Option<String>,
    /// Where the letter goes if that isn't there.
    pub missing_folder: MissingFolder,
    /// What becomes of a letter that is known again.
    pub repeated: Repeated,
    /// What is made for a user of the host who has no mailbox.
    pub missing_mailbox: MissingMailbox,
    /// The rules, in place of the user's own.
    pub rules: Option<PathBuf>,
    /// The file that the letter is in, in place of standard input.
    pub letter: Option<PathBuf>,
    /// Fields that are added to its header.
    pub fields: Vec<AddedField>,
    /// Rules in the user's home that aren't ours to follow, and not to be forgotten either.
    pub left_behind: Option<LeftBehind>,
}

/// What becomes of a letter for a folder that isn't there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingFolder {
    /// It goes into the mailbox itself.
    #[default]
    Inbox,
    /// The folder is made.
    Created,
}

/// What becomes of a letter that was delivered before, by its queue id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repeated {
    /// Nothing: transfer agents try again where our answer was lost.
    #[default]
    LeftOut,
    /// It is stored once more: a person wants it so.
    Stored,
}

/// A header field from the command line: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedField(Vec<u8>);

impl AddedField {
    /// `Name: value`.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', text)?;
        let name = text.get(..colon)?;
        // RFC 5322 §3.6.8.
        let is_name = !name.is_empty() && name.iter().all(|octet| matches!(octet, 33..=126));
        let is_line = !text.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
        (is_name && is_line && text.len() <= LINE_OCTETS_MAX).then(|| Self(text.to_vec()))
    }
}

/// RFC 5322 §2.1.1, without its end.
const LINE_OCTETS_MAX: usize = 998;

/// The variables that callers set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `USER`, or `LOGNAME`.
    pub user: Option<String>,
    /// `HOME`
    pub home: Option<String>,
    /// `MAIL`: the file that the user's mail is in.
    pub mail: Option<String>,
    /// `SENDER`
    pub sender: Option<String>,
    /// `RECIPIENT`
    pub recipient: Option<String>,
    /// `ORIGINAL_RECIPIENT`
    pub original_recipient: Option<String>,
    /// `LOCAL`: the local part of the recipient.
    pub local: Option<String>,
    /// `DOMAIN`, or `HOST`: its domain.
    pub domain: Option<String>,
    /// `EXTENSION`, or `EXT`.
    pub extension: Option<String>,
    /// `ONE_OF_SEVERAL`: how this ends is the reply for others, too, who get the same letter.
    pub one_of_several: Option<String>,
}

impl Environment {
    /// Reads the variables; `variable` gives one by its name. What isn't UTF-8 counts as unset.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty())
        };
        // What qmail would have us put on top of the letter.
        let line = |name: &str, field: &str| {
            variable(name)?.trim_end().strip_prefix(field).map(|value| value.trim().to_owned())
        };
        Self {
            user: first(&["USER", "LOGNAME"]),
            home: first(&["HOME"]),
            mail: first(&["MAIL"]),
            // An empty one is the null reverse-path: it is kept apart from "not set".
            sender: variable("SENDER").or_else(|| line("RPLINE", "Return-Path:")),
            recipient: first(&["RECIPIENT"]).or_else(|| line("DTLINE", "Delivered-To:")),
            original_recipient: first(&["ORIGINAL_RECIPIENT"]),
            local: first(&["LOCAL"]),
            domain: first(&["DOMAIN", "HOST"]),
            extension: first(&["EXTENSION", "EXT"]),
            one_of_several: first(&["ONE_OF_SEVERAL"]),
        }
    }

    /// Whether how this ends is the reply for this recipient alone.
    pub(super) fn speaks_for(&self) -> Recipient {
        match self.one_of_several {
            None => Recipient::Alone,
            Some(_) => Recipient::OneOfSeveral,
        }
    }
}

impl Call {
    /// The sender that the caller named. Nobody's letter is refused for a sender that can't be read: it is
    /// then as if none was named.
    pub(super) fn sender(&self, environment: &Environment) -> Option<ReversePath> {
        let named = self.sender.as_ref().or(environment.sender.as_ref());
        named.and_then(|text| letter::reverse_path(text))
    }

    /// What the caller has it do with the letter: another aim is another delivery.
    pub(super) fn aim(&self) -> String {
        let folder = self.folder.as_deref().unwrap_or_default();
        let rules = self.rules.as_deref().map(|rules| rules.to_string_lossy()).unwrap_or_default();
        match (folder.is_empty(), rules.is_empty()) {
            (true, true) => String::new(),
            // No folder's name has a NUL.
            _ => format!("{folder}\0{rules}"),
        }
    }

    /// The recipient's whole address, as far as the caller named one: the nearest first. `host` is where one
    /// without a domain is.
    pub(super) fn recipients<'a>(
        &'a self,
        environment: &'a Environment,
        host: &str,
    ) -> impl Iterator<Item = String> + 'a {
        let local_at_domain = environment
            .local
            .as_ref()
            .zip(environment.domain.as_ref())
            .map(|(local, domain)| format!("{local}@{domain}"));
        let of_this_host = self
            .original_recipient
            .as_ref()
            .filter(|text| !text.is_empty() && !text.contains('@'))
            .map(|local| format!("{local}@{host}"));
        [
            self.final_recipient.as_ref(),
            environment.recipient.as_ref(),
            self.original_recipient.as_ref(),
            self.user.as_ref(),
        ]
        .into_iter()
        .flatten()
        .cloned()
        .chain(local_at_domain)
        .chain(environment.original_recipient.clone())
        .chain(of_this_host)
        .filter(|text| text.contains('@'))
    }

    /// What stands behind the separator in the recipient's address.
    pub(super) fn extension<'a>(&'a self, environment: &'a Environment) -> Option<&'a str> {
        let given = self.extension.as_deref().filter(|text| !text.is_empty());
        given.or(environment.extension.as_deref())
    }

    /// The letter's beginning with the added fields on top of its header.
    pub(crate) fn add_fields(&self, start: Vec<u8>) -> Vec<u8> {
        if self.fields.is_empty() {
            return start;
        }
        let from_line = match start.starts_with(b"From ") {
            true => memchr::memchr(b'\n', &start).map_or(0, |at| at + 1),
            false => 0,
        };
        let (from_line, rest) = start.split_at_checked(from_line).unwrap_or((&[], &start));
        let lines = self.fields.iter().flat_map(|field| [field.0.as_slice(), b"\n"]);
        let end: &[u8] = match Header::read(rest).shape {
            Shape::Message => b"",
            Shape::BareBody => b"\n",
        };
        let parts = std::iter::once(from_line).chain(lines).chain([end, rest]);
        parts.collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn who_sent_it() {
        let sender = |flag: Option<&str>, variable: Option<&str>| {
            let call = Call { sender: flag.and_then(some), ..Call::default() };
            let environment =
                Environment { sender: variable.and_then(some), ..Environment::default() };
            call.sender(&environment).map(|path| path.to_string())
        };
        assert_eq!(sender(Some("a@b.example"), Some("c@d.example")), some("a@b.example"));
        assert_eq!(sender(Some("<a@b.example>"), None), some("a@b.example"));
        assert_eq!(sender(None, Some("c@d.example")), some("c@d.example"));
        assert_eq!(sender(Some(""), Some("c@d.example")), some(""));
        assert_eq!(sender(Some("MAILER-DAEMON"), None), some(""));
        assert_eq!(sender(Some("x; id\n"), None), None);
        assert_eq!(sender(None, None), None);
    }

    #[test]
    fn whom_it_is_for() {
        let host = "mx.our.example";
        let call = Call {
            user: some("alice@our.example"),
            original_recipient: some("first@our.example"),
            final_recipient: some("final@our.example"),
            ..Call::default()
        };
        let environment = Environment {
            recipient: some("variable@our.example"),
            local: some("local"),
            domain: some("our.example"),
            ..Environment::default()
        };
        assert_eq!(
            call.recipients(&environment, host).collect::<Vec<_>>(),
            ["final", "variable", "first", "alice", "local"]
                .map(|name| format!("{name}@our.example"))
        );
        let call = Call { original_recipient: some("alice+x"), ..Call::default() };
        let nowhere = Environment::default();
        assert_eq!(call.recipients(&nowhere, host).next(), some("alice+x@mx.our.example"));
        assert_eq!(call.recipients(&environment, host).next(), some("variable@our.example"));
    }

    #[test]
    fn variables_of_several_callers() {
        let environment = Environment::read(|name| match name {
            "LOGNAME" => some("alice"),
            "USER" | "SENDER" => some(""),
            "EXT" => some("lists"),
            "HOST" => some("our.example"),
            _ => None,
        });
        assert_eq!(environment.user, some("alice"));
        assert_eq!(environment.sender, some(""));
        assert_eq!(environment.extension, some("lists"));
        assert_eq!(environment.domain, some("our.example"));
    }

    #[test]
    fn the_lines_that_qmail_would_have_on_top() {
        let environment = Environment::read(|name| match name {
            "DTLINE" => some("Delivered-To: alice-lists@our.example\n"),
            "RPLINE" => some("Return-Path: <>\n"),
            _ => None,
        });
        assert_eq!(environment.recipient, some("alice-lists@our.example"));
        assert_eq!(Call::default().sender(&environment), Some(ReversePath::Null));
    }

    #[test]
    fn fields_are_added_on_top_of_a_header() {
        let fields = [&b"X-A: b"[..], b"X-C:d"];
        let call = Call {
            fields: fields.into_iter().filter_map(AddedField::parse).collect(),
            ..Call::default()
        };
        for (letter, wanted) in [
            ("A: b\n\nc\n", "X-A: b\nX-C:d\nA: b\n\nc\n"),
            ("From x y\nA: b\n\nc\n", "From x y\nX-A: b\nX-C:d\nA: b\n\nc\n"),
            ("\nc\n", "X-A: b\nX-C:d\n\nc\n"),
            ("no header\n", "X-A: b\nX-C:d\n\nno header\n"),
        ] {
            let start = call.add_fields(letter.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&start), wanted);
        }
        assert_eq!(Call::default().add_fields(b"x".to_vec()), b"x");
    }

    #[test] // Tests RFC 5322 §2.1.1, §3.6.8.
    fn m12_an_added_field_stays_one_line() {
        let long = format!("A: {}", "x".repeat(995));
        for text in
            ["A: b", "A:", "X-Ä: b", "A b: c", ": x", "A", "", "A: b\nC: d", "A: b\r", "A: \0"]
        {
            let is_field = matches!(text, "A: b" | "A:");
            assert_eq!(AddedField::parse(text.as_bytes()).is_some(), is_field, "{text:?}");
        }
        assert!(AddedField::parse(long.as_bytes()).is_some());
        assert!(AddedField::parse(format!("{long}x").as_bytes()).is_none());
    }
}
