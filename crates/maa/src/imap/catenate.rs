//! CATENATE (RFC 4469): a new letter out of parts of others, which their client need not fetch.

use std::sync::Arc;

use postroad_catalog::read::whole;
use postroad_imap::response::Code;
use postroad_imap::value::MessageUrl;
use postroad_message::Part;

use super::append::Upload;
use super::ending::Refused;
use super::fetch::excerpt;
use super::session::Session;
use super::shared::Open;

/// Adds what a URL points to, as FETCH BODY.PEEK would tell it.
pub(super) fn add(session: &Session, upload: &mut Upload, url: &[u8]) -> Result<(), Refused> {
    upload.count_url()?;
    let wanted = MessageUrl::parse(url).ok_or_else(|| bad(url, "That is no letter's URL"))?;
    let open = opened(session, &wanted).map_err(|_| bad(url, "There is no such mailbox"))?;
    let letter = {
        let mailbox = &mut open.inside().mailbox;
        mailbox.refresh()?;
        let validity = wanted.uid_validity.map_or(mailbox.uid_validity(), Into::into);
        if validity != mailbox.uid_validity() {
            return Err(bad(url, "The mailbox has other numbers by now"));
        }
        mailbox.open_letter(wanted.uid.get()).map_err(|_| bad(url, "There is no such letter"))?
    };
    // Nobody is kept from the mailbox.
    let octets = whole(&letter)?;
    let part = Part::of(&octets);
    let excerpt = excerpt(&part, &octets, &wanted.section);
    let excerpt = excerpt.ok_or_else(|| bad(url, "The letter has no such part"))?;
    let range = match wanted.partial {
        Some(partial) => partial.within(excerpt.octets()),
        None => 0..excerpt.octets(),
    };
    let mut piece = Vec::new();
    excerpt.write(range, &mut piece);
    upload.write(&piece, &session.shared)
}

fn opened(session: &Session, wanted: &MessageUrl) -> Result<Arc<Open>, Refused> {
    match &wanted.mailbox {
        Some(mailbox) => Ok(session.shared.open(&session.find(mailbox)?)?),
        None => Ok(Arc::clone(&session.selected()?.open)),
    }
}

/// RFC 4469 §4.1.
fn bad(url: &[u8], why: &'static str) -> Refused {
    Refused::no_with(Code::BadUrl(url.to_vec()), why)
}
