//! Into which folder a letter is filed, and how.

use postroad_sieve::{Create, Fcc, Filing, Unfit};
use postroad_store::{Flags, FolderName, StoreError};

use super::super::script::unfit;
use super::{By, FolderIs, Ground, Place, Plan, Spot, Store};

impl Plan {
    pub(super) fn file_into(
        &mut self,
        mailbox: &str,
        filing: Filing,
        by: By<'_>,
        ground: &Ground<'_>,
    ) -> Result<(), StoreError> {
        let place = match found_for(mailbox, filing.special_use.as_deref(), ground)? {
            Some((attribute, folder)) => {
                self.notes.push(format!("filed into \"{folder}\", which is for {attribute}{by}"));
                Place::Folder(folder)
            }
            None => {
                let place = self.place(mailbox, filing.create, by, ground)?;
                if place != Place::Inbox || is_inbox(mailbox) {
                    self.notes.push(format!("filed into \"{mailbox}\"{by}"));
                }
                place
            }
        };
        self.store(place, filing);
        Ok(())
    }

    /// Where a mailbox of that name is. What is none is a mistake, and the inbox.
    fn place(
        &mut self,
        mailbox: &str,
        create: Create,
        by: By<'_>,
        ground: &Ground<'_>,
    ) -> Result<Place, StoreError> {
        if is_inbox(mailbox) {
            return Ok(Place::Inbox);
        }
        Ok(match FolderName::from_utf8(mailbox) {
            // RFC 5490 §3.2.
            Ok(name) if create == Create::IfMissing => Place::Folder(name),
            Ok(name) if (ground.folder)(&name)? == FolderIs::Usable => Place::Folder(name),
            // RFC 5228 §4.1 leaves it to us what is done where a mailbox isn't there.
            Ok(_) => {
                let why = "there is no such folder";
                self.notes.push(format!("kept in the inbox, not in \"{mailbox}\"{by}: {why}"));
                Place::Inbox
            }
            Err(error) => {
                let mistake = match unfit(mailbox) {
                    Some(Unfit { problem, hint: Some(hint) }) => format!("{problem} ({hint})"),
                    Some(Unfit { problem, hint: None }) => problem,
                    None => error.to_string(),
                };
                self.notes.push(format!("kept in the inbox{by}: {mistake}"));
                self.mistaken(by, &mistake);
                Place::Inbox
            }
        })
    }

    /// Where a copy of a letter goes that the script writes.
    pub(super) fn copy(
        &mut self,
        fcc: Option<Fcc>,
        by: By<'_>,
        ground: &Ground<'_>,
    ) -> Result<Option<Spot>, StoreError> {
        let Some(Fcc { mailbox, flags, create, special_use }) = fcc else { return Ok(None) };
        let place = match found_for(&mailbox, special_use.as_deref(), ground)? {
            Some((_, folder)) => Place::Folder(folder),
            None => self.place(&mailbox, create, by, ground)?,
        };
        Ok(Some(self.spot(place, &flags, special_use)))
    }

    fn spot(&mut self, place: Place, flags: &[String], made_for: Option<String>) -> Spot {
        let (flags, others) = Flags::of(flags);
        if !others.is_empty() {
            self.notes.push(format!("without the flags {}", others.join(" ")));
        }
        Spot { place, flags, made_for }
    }

    /// RFC 5228 §2.10.3: once into the same place, also where two folders' letters end up in the inbox.
    pub(super) fn store(&mut self, place: Place, filing: Filing) {
        let Filing { content, flags, create: _, special_use } = filing;
        let spot = self.spot(place, &flags, special_use);
        if !self.stores.iter().any(|store| store.spot.place == spot.place) {
            self.stores.push(Store { spot, content });
        }
    }
}

/// RFC 8579 §4: a folder that has the attribute comes before the named one.
fn found_for<'a>(
    mailbox: &str,
    attribute: Option<&'a str>,
    ground: &Ground<'_>,
) -> Result<Option<(&'a str, FolderName)>, StoreError> {
    let Some(attribute) = attribute else { return Ok(None) };
    let named = FolderName::from_utf8(mailbox).ok();
    let found = (ground.folder_for)(attribute, named.as_ref())?;
    Ok(found.map(|folder| (attribute, folder)))
}

/// RFC 9051 §5.1: in any case.
pub(in crate::rules) fn is_inbox(mailbox: &str) -> bool {
    mailbox.eq_ignore_ascii_case("INBOX")
}
