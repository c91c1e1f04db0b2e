//! Answers: who gets a reply, what it quotes, how it stays in its thread (RFC 5322 §3.6.2, §3.6.4).

use std::borrow::Cow;

use postroad_protocol::address::Address;

use super::ComposeError;
use super::draft::{Attachment, Draft};
use super::field::{FieldText, Mailbox, MessageId};
use crate::limits;
use crate::render::{BlockKind, ListPost, Person, Summary, View, flowed};
use crate::safe_text::SafeText;

/// Who gets a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The author, or whom the author named in Reply-To.
    Author,
    /// Everybody who got the letter, too.
    Everybody,
    /// The mailing list that it came by (RFC 2369 §3.4).
    List,
}

/// A reply with nothing in it yet. Addresses that nobody can write to are left out; where none is
/// left the draft has no recipients, and says so when it is sent.
///
/// # Errors
/// Where the letter came by no list, and the reply is to go to it.
pub fn reply(original: &View, us: Mailbox, audience: Audience) -> Result<Draft, ComposeError> {
    let summary = &original.summary;
    let mut draft = Draft::new(us);
    let authors = if summary.reply_to.is_empty() { &summary.from } else { &summary.reply_to };
    // Mail-Followup-To is where an author wants answers for all to go, as mutt and lists have it.
    draft.to = match audience {
        Audience::Author => mailboxes(authors),
        Audience::Everybody | Audience::List if !summary.followup_to.is_empty() => {
            mailboxes(&summary.followup_to)
        }
        Audience::Everybody => mailboxes(authors),
        Audience::List => vec![list(summary)?],
    };
    if audience == Audience::Everybody && summary.followup_to.is_empty() {
        let us = draft.from.address.clone();
        let known: Vec<Address> = draft.to.iter().map(|mailbox| mailbox.address.clone()).collect();
        let others = mailboxes(&summary.to).into_iter().chain(mailboxes(&summary.cc));
        draft.cc =
            others.filter(|other| other.address != us && !known.contains(&other.address)).collect();
    }
    draft.subject = prefixed("Re: ", &["re:", "aw:"], &summary.subject);
    draft.in_reply_to = summary.message_id.as_deref().and_then(MessageId::parse);
    draft.references = references(summary);
    Ok(draft)
}

/// Where the letter's list takes letters.
fn list(summary: &Summary) -> Result<Mailbox, ComposeError> {
    match &summary.list {
        None => Err(ComposeError::NoList(
            "the letter came by no mailing list: it has no List-Post; g answers all",
        )),
        // RFC 2369 §3.4
        Some(ListPost::No) => Err(ComposeError::NoList("the list of that letter takes none")),
        Some(ListPost::To(address)) => {
            let address = Address::parse(address).map_err(|_| {
                ComposeError::NoList("the list's address, in List-Post, is none; g answers all")
            })?;
            Ok(Mailbox::new(None, address))
        }
    }
}

/// A forward: the whole message goes along as it is.
pub fn forward(original: &View, raw: Vec<u8>, us: Mailbox) -> Draft {
    let mut draft = Draft::new(us);
    draft.subject = prefixed("Fwd: ", &["fwd:", "fw:", "wg:"], &original.summary.subject);
    draft.references = references(&original.summary);
    draft.attachments.push(Attachment::Message(raw));
    draft
}

/// The text of a letter with `> ` before each line. What a terminal would obey is written out:
/// whoever reads the reply shouldn't get it from us.
pub fn quoted(original: &View) -> String {
    let who = original.summary.from.first();
    let who = who.and_then(|person| person.name.as_deref().or(person.address.as_deref()));
    let mut text = format!("{} wrote:\n", SafeText::line(who.unwrap_or("Somebody")));
    for block in &original.blocks {
        if !text.ends_with(":\n") {
            text.push_str(">\n");
        }
        // Paragraphs that were one line for the screen are lines again (RFC 3676 §4.2).
        let lines = match block.kind {
            BlockKind::Flowed => flowed::folded(&block.text, limits::QUOTED_COLUMNS),
            _ => Cow::Borrowed(block.text.as_str()),
        };
        for line in SafeText::block(lines.trim_end()).as_str().lines() {
            text.push_str(if line.starts_with('>') { ">" } else { "> " });
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

pub(crate) fn mailboxes(people: &[Person]) -> Vec<Mailbox> {
    people
        .iter()
        .filter_map(|person| {
            let address = Address::parse(person.address.as_deref()?).ok()?;
            Some(Mailbox::new(person.name.as_deref(), address))
        })
        .collect()
}

/// The subject with one prefix, however many there were.
fn prefixed(prefix: &str, known: &[&str], subject: &str) -> FieldText {
    let mut rest = subject.trim();
    while let Some(tail) = known.iter().find_map(|known| strip_ignoring_case(rest, known)) {
        rest = tail.trim_start();
    }
    FieldText::new(&format!("{prefix}{rest}"))
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..)).flatten()
}

/// RFC 5322 §3.6.4: the parent's References (else its In-Reply-To, if that is one id), then its own id.
pub(super) fn references(parent: &Summary) -> Vec<MessageId> {
    let thread = match (parent.references.as_slice(), parent.in_reply_to.as_slice()) {
        ([], [one]) => std::slice::from_ref(one),
        (thread, _) => thread,
    };
    let mut ids: Vec<MessageId> =
        thread.iter().chain(&parent.message_id).filter_map(|id| MessageId::parse(id)).collect();
    // The first id ties the thread together, the last ones place the letter in it.
    if ids.len() > limits::REFERENCES_MAX {
        ids.drain(1..=ids.len() - limits::REFERENCES_MAX);
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Mailbox {
        Mailbox::new(Some("Us"), Address::parse("us@our.example").unwrap())
    }

    fn view(header: &str) -> View {
        View::of(format!("{header}\r\n\r\nfirst\r\n> second\r\n").as_bytes())
    }

    fn shown(mailboxes: &[Mailbox]) -> Vec<String> {
        mailboxes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_reply_goes_to_the_author_or_where_the_author_says() {
        let original =
            view("From: A <a@x.example>\r\nTo: us@our.example, b@x.example\r\nCc: c@x.example");
        assert_eq!(
            shown(&reply(&original, us(), Audience::Author).unwrap().to),
            ["A <a@x.example>"]
        );
        let all = reply(&original, us(), Audience::Everybody).unwrap();
        assert_eq!(shown(&all.cc), ["b@x.example", "c@x.example"]);
        let list = view("From: a@x.example\r\nReply-To: list@x.example");
        assert_eq!(shown(&reply(&list, us(), Audience::Author).unwrap().to), ["list@x.example"]);
    }

    #[test] // Tests RFC 2369 §3.4.
    fn a_reply_to_a_list_goes_to_the_list() {
        let to = |header: &str, audience| {
            let original = view(&format!("From: a@x.example\r\nCc: c@x.example\r\n{header}"));
            let draft = reply(&original, us(), audience)?;
            let shown: Vec<String> = [shown(&draft.to), shown(&draft.cc)].concat();
            Ok::<_, ComposeError>(shown.join(", "))
        };
        let list = |header| to(header, Audience::List);
        for (header, found) in [
            ("List-Post: <mailto:dev@l.example>", "dev@l.example"),
            (
                "List-Post: <https://l.example/post>,\r\n <mailto:dev%2Bx@l.example?subject=s> (Moderated)",
                "dev+x@l.example",
            ),
            (
                "List-Post: <mailto:dev@l.example>\r\nMail-Followup-To: dev@l.example, b@x.example",
                "dev@l.example, b@x.example",
            ),
            ("List-Post: <mailto:dev@l.example>\r\nReply-To: a2@x.example", "dev@l.example"),
        ] {
            assert_eq!(list(header).unwrap(), found, "{header}");
        }
        for header in [
            "Subject: s",
            "List-Post: NO (closed)",
            "List-Post: <mailto:@>",
            "List-Post: x",
            "List-Post: <mailto:>",
        ] {
            assert!(matches!(list(header), Err(ComposeError::NoList(_))), "{header}");
        }
        let all = "Mail-Followup-To: dev@l.example";
        assert_eq!(to(all, Audience::Everybody).unwrap(), "dev@l.example");
        assert_eq!(to(all, Audience::Author).unwrap(), "a@x.example");
    }

    #[test]
    fn a_reply_stays_in_its_thread() {
        let original =
            view("Message-ID: <c@x>\r\nReferences: <a@x> <b@x>\r\nSubject: RE: re: Plan");
        let draft = reply(&original, us(), Audience::Author).unwrap();
        let ids: Vec<&str> = draft.references.iter().map(MessageId::as_str).collect();
        assert_eq!(ids, ["a@x", "b@x", "c@x"]);
        assert_eq!(draft.in_reply_to.unwrap().as_str(), "c@x");
        assert_eq!(draft.subject.as_str(), "Re: Plan");
    }

    #[test]
    fn a_long_thread_keeps_its_first_and_last_ids() {
        let ids: Vec<String> = (0..50).map(|n| format!("<{n}@x>")).collect();
        let original = view(&format!("References: {}\r\nMessage-ID: <own@x>", ids.join("\r\n ")));
        let references = reply(&original, us(), Audience::Author).unwrap().references;
        assert_eq!(references.len(), limits::REFERENCES_MAX);
        assert_eq!(references.first().unwrap().as_str(), "0@x");
        assert_eq!(references.last().unwrap().as_str(), "own@x");
    }

    #[test]
    fn quotes_are_marked_and_inert() {
        let original = View::of_text("one\n> two\n\x1b[2Jthree\n".into());
        assert_eq!(quoted(&original), "Somebody wrote:\n> one\n>> two\n> \\x1b[2Jthree\n");
    }

    #[test]
    fn a08_a_reply_to_hostile_fields_has_no_field_of_theirs() {
        for header in [
            "From: =?utf-8?q?a=0D=0ABcc:_v?= <a@x.example>\r\nSubject: =?utf-8?q?a=0D=0ABcc:_v?=",
            "From: \"x\rBcc: v@x.example\" <a@x.example>\r\nSubject: x\rBcc: v@x.example",
            "From: <a@x.example>\r\nSubject: s\r\nMessage-ID: <a\rBcc:v@x>\r\nReferences: <b\nBcc: v>",
            "From: a@x.example\r\nTo: =?utf-8?b?DQpCY2M6IHY=?= <b@x.example>",
        ] {
            let original = view(header);
            for draft in [
                reply(&original, us(), Audience::Everybody).unwrap(),
                forward(&original, header.as_bytes().to_vec(), us()),
            ] {
                let mut draft = draft;
                draft.to = mailboxes(&[Person { name: None, address: Some("a@x.example".into()) }]);
                let letter = draft.into_letter().unwrap();
                let end = crate::render::header_end(&letter.content);
                let header = String::from_utf8(letter.content[..end].to_vec()).unwrap();
                assert!(!header.replace("\r\n", "").contains(['\r', '\n', '\0']), "{header}");
                let names = header.lines().filter(|line| !line.starts_with([' ', '\t']));
                assert!(
                    names.clone().all(|line| !line.to_ascii_lowercase().starts_with("bcc")),
                    "{header}"
                );
            }
        }
    }
}
