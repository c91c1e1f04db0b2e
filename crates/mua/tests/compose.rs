//! What is composed is read back as it was meant (RFC 5322, RFC 2045 to 2047, RFC 2231).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use postroad_mua::compose::{Attachment, Draft, FieldText, Mailbox};
use postroad_mua::render::View;
use postroad_protocol::address::Address;
use proptest::prelude::*;

fn mailbox(name: &str, local: &str) -> Mailbox {
    let address = Address::parse(&format!("\"{local}\"@x.example")).unwrap();
    Mailbox::new(Some(name), address)
}

fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim_end().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn letters_are_read_as_they_were_meant(
        subject in "\\PC{0,120}",
        name in "\\PC{0,40}",
        local in "[a-z][a-z0-9 .+-]{0,20}[a-z]",
        body in "(\\PC{0,100}[\n]){0,8}",
        file in "[a-zä][a-zA-Zäöü€ ()'.-]{0,40}",
        content in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut draft = Draft::new(mailbox(&name, &local));
        draft.to = vec![mailbox(&name, &local), mailbox("Bob", "bob")];
        draft.subject = FieldText::new(&subject);
        draft.body = body.clone();
        draft.attachments.push(Attachment::File { name: FieldText::new(&file), content: content.clone() });
        let letter = draft.into_letter().unwrap();
        check_wire(&letter.content)?;
        let view = View::of(&letter.content);
        let person = view.summary.to.first().unwrap();
        prop_assert_eq!(person.address.as_deref().map(|text| text.replace(['"', '\\'], "")), Some(format!("{local}@x.example")));
        prop_assert_eq!(view.summary.to.len(), 2);
        prop_assert_eq!(FieldText::new(&view.summary.subject), FieldText::new(&subject));
        prop_assert_eq!(FieldText::new(person.name.as_deref().unwrap_or_default()), FieldText::new(&name));
        prop_assert_eq!(lines(&view.text()), lines(&body));
        prop_assert_eq!(view.summary.message_id.as_deref(), Some(letter.message_id.as_str()));
        let [part] = &view.attachments[..] else { panic!("{:?}", view.attachments) };
        prop_assert_eq!(&part.content, &content);
        prop_assert_eq!(part.name.as_deref().map(FieldText::new), Some(FieldText::new(&file)));
    }

    #[test]
    fn a08_whatever_stands_in_a_draft_no_field_is_added(text in "(\r|\n|\r\n|Bcc: v@x|[ -~]|\\PC){0,60}") {
        let mut draft = Draft::new(mailbox(&text, "us"));
        draft.to = vec![mailbox(&text, "a")];
        draft.bcc = vec![mailbox(&text, "secret")];
        draft.subject = FieldText::new(&text);
        draft.body = text.clone();
        // Refused or made harmless; either way it adds nothing.
        let _ = draft.add_field(&format!("X-Mark: {text}"));
        draft.attachments.push(Attachment::File { name: FieldText::new(&text), content: Vec::new() });
        let letter = draft.into_letter().unwrap();
        check_wire(&letter.content)?;
        let content = String::from_utf8(letter.content).unwrap();
        let (header, _) = content.split_once("\r\n\r\n").unwrap();
        let fields = header.lines().filter(|line| !line.starts_with([' ', '\t']));
        let known = ["Date", "From", "Message-ID", "To", "Subject", "X-Mark", "User-Agent", "MIME-Version", "Content-Type"];
        for field in fields {
            let name = field.split(':').next().unwrap_or_default();
            prop_assert!(known.contains(&name), "{}", field);
        }
        prop_assert!(!content.contains("secret"));
    }
}

/// RFC 5322 §2.1: CRLF line ends only; §2.1.1: 998 octets a line; and no NUL.
fn check_wire(content: &[u8]) -> Result<(), TestCaseError> {
    let text: String = content.iter().map(|b| char::from(*b)).collect();
    prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
    prop_assert!(text.split("\r\n").all(|line| line.len() <= 998));
    Ok(())
}

#[test]
fn a_forwarded_message_travels_whole() {
    let original = b"From: a@x.example\r\nSubject: in\r\n\r\nbody \xc3\xa4\r\n".to_vec();
    let view = View::of(&original);
    let mut draft =
        postroad_mua::compose::answer::forward(&view, original.clone(), mailbox("Us", "us"));
    draft.to = vec![mailbox("Bob", "bob")];
    let letter = draft.into_letter().unwrap();
    let forwarded = View::of(&letter.content);
    assert_eq!(forwarded.summary.subject, "Fwd: in");
    assert_eq!(forwarded.attachments[0].media_type, "message/rfc822");
    assert!(forwarded.text().contains("body ä"), "{}", forwarded.text());
    assert!(letter.content.windows(original.len()).any(|window| window == original));
}

#[test]
fn a_message_with_lines_too_long_for_smtp_is_forwarded_as_a_file() {
    let original = format!("Subject: long\r\n\r\n{}\r\n", "x".repeat(2_000)).into_bytes();
    let view = View::of(&original);
    let mut draft =
        postroad_mua::compose::answer::forward(&view, original.clone(), mailbox("Us", "us"));
    draft.to = vec![mailbox("Bob", "bob")];
    let letter = draft.into_letter().unwrap();
    check_wire(&letter.content).unwrap();
    assert_eq!(View::of(&letter.content).attachments[0].content, original);
}
