//! The answer to an invitation, as a letter to who asks (RFC 6047).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_calendar::answer::{Answer, NoAnswer};
use postroad_protocol::address::Address;

use super::ComposeError;
use super::answer::references;
use super::draft::{Attachment, Draft};
use super::field::{FieldText, Mailbox, MessageId};
use crate::render::View;
use crate::safe_text::SafeText;

/// A letter to the organiser of the first invitation in a letter, and to nobody else; its text says the same for people.
///
/// # Errors
/// Where there is none that wants an answer, or nobody could be told.
pub fn attend(
    original: &View,
    us: Mailbox,
    how: Answer,
    now: Timestamp,
) -> Result<Draft, ComposeError> {
    let asked = original.invitations.iter().find(|it| it.organizer().is_ok());
    let asked = asked.or(original.invitations.first()).ok_or(NoAnswer::NotAsked)?;
    let name = us.name.as_ref().map(|name| name.as_str().to_owned());
    let reply = asked.answer(&us.address.to_string(), name.as_deref(), how, now)?;
    let to = Address::parse(&reply.to).map_err(|_| NoAnswer::NoOrganizer)?;
    let event = asked.events.first().ok_or(NoAnswer::NotAsked)?;
    let summary = SafeText::line(&event.summary);
    let mut draft = Draft::new(us);
    draft.to = vec![Mailbox::new(reply.name.as_deref(), to)];
    draft.subject = FieldText::new(&format!("{}: {}", how.subject(), summary.as_str()));
    draft.in_reply_to = original.summary.message_id.as_deref().and_then(MessageId::parse);
    draft.references = references(&original.summary);
    let who = name.unwrap_or_else(|| draft.from.address.to_string());
    let begins = event.begins(&TimeZone::system());
    draft.body = format!("{who} {}: {}\n{begins}\n", how.verb(), summary.as_str());
    let (name, content) = (FieldText::new("reply.ics"), reply.text.into_bytes());
    draft.attachments.push(Attachment::File { name, content });
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "From: ann@x.example\nMessage-ID: <1@x.example>\nMIME-Version: 1.0\n\
        Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nCome!\n--b\n\
        Content-Type: text/calendar; method=REQUEST; charset=utf-8\n\n\
        BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:u1\nDTSTART;VALUE=DATE:20261207\n\
        SUMMARY:Lunch\\nBy       boss@bank.example\nORGANIZER;CN=Ann:mailto:ann@x.example\nEND:VEVENT\nEND:VCALENDAR\n--b--\n";

    fn us() -> Mailbox {
        Mailbox::new(Some("Us"), Address::parse("us@our.example").unwrap())
    }

    fn view(letter: &str) -> View {
        View::of(letter.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn an_invitation_is_shown_in_words_and_none_of_its_texts_is_a_line() {
        let text = view(LETTER).text().replace("\r\n", "\n");
        assert_eq!(
            text,
            "Come!\n\nInvitation: Lunch By       boss@bank.example\nWhen     Mon 7 Dec 2026, the whole day\n\
             By       Ann <ann@x.example>\n"
        );
        assert_eq!(view(LETTER).attachments.len(), 1, "it can be saved still");
    }

    #[test] // Tests RFC 6047 §3.
    fn u09_who_asks_and_did_not_write_is_said() {
        let beware = "Beware   the letter itself is from eve@attack.example";
        let others = LETTER.replacen("From: ann@x.example", "From: Ann <eve@attack.example>", 1);
        assert!(view(&others).text().contains(beware), "{}", view(&others).text());
        assert!(!view(LETTER).text().contains("Beware"));
        // The author of a letter inside a letter is its own.
        let inside = format!(
            "From: eve@attack.example\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n{LETTER}"
        );
        assert!(!view(&inside).text().contains("Beware"), "{}", view(&inside).text());
    }

    #[test] // Tests RFC 6047 §2.4 and §2.5.
    fn the_answer_goes_to_the_organiser_alone() {
        let draft = attend(&view(LETTER), us(), Answer::Accept, Timestamp::UNIX_EPOCH).unwrap();
        let letter = draft.into_letter().unwrap();
        let to: Vec<String> =
            letter.envelope.recipients.iter().map(|it| it.address.to_string()).collect();
        assert_eq!(to, ["ann@x.example"]);
        let text = String::from_utf8(letter.content).unwrap();
        for part in [
            "Subject: Accepted: Lunch By",
            "In-Reply-To: <1@x.example>",
            "text/calendar; method=\"REPLY\"; charset=\"utf-8\"; name=\"reply.ics\"",
            "Us comes: Lunch",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let answered = View::of(text.as_bytes());
        let read = answered.invitations.first().expect("it is read as a calendar");
        assert_eq!(read.method, postroad_calendar::Method::Reply);
        let none = attend(
            &view("From: a@x.example\n\nhello\n"),
            us(),
            Answer::Accept,
            Timestamp::UNIX_EPOCH,
        );
        assert!(matches!(none, Err(ComposeError::Invitation(NoAnswer::NotAsked))));
    }
}
