//! GETMETADATA and SETMETADATA (RFC 5464).

use postroad_imap::command::{GetMetadata, MetadataDepth};
use postroad_imap::response::{Annotations, Code, Data, NoMetadata};
use postroad_imap::value::MailboxName;
use postroad_store::{Annotated, EntryName, Maildir, Metadata, StoreError};

use super::ending::{Done, Ended, Refused};
use super::session::Session;

/// What is annotated: a folder, or the server, which is what an empty name means (RFC 5464 §1).
struct Place {
    folder: Maildir,
    is_server: bool,
}

impl Place {
    fn of(session: &Session, mailbox: &MailboxName) -> Result<Self, Refused> {
        Ok(match mailbox.as_str().is_empty() {
            true => Self { folder: session.shared.inbox.clone(), is_server: true },
            false => Self { folder: session.find(mailbox)?, is_server: false },
        })
    }

    fn annotated(&self) -> Annotated<'_> {
        match self.is_server {
            true => Annotated::Server(&self.folder),
            false => Annotated::Folder(&self.folder),
        }
    }
}

pub(super) fn get(session: &Session, wanted: &GetMetadata, out: &mut Vec<u8>) -> Ended {
    let place = Place::of(session, &wanted.mailbox)?;
    let metadata = session.courier().metadata(place.annotated()).map_err(refused)?;
    let names = wanted.entries.iter().map(|entry| parse(entry)).collect::<Result<Vec<_>, _>>()?;
    let (mut values, mut longest) = (Vec::new(), None);
    for (name, value) in found(&metadata, &names, wanted.depth) {
        // RFC 5464 §4.2.1: longer ones are left out, and the client is told of the longest.
        let octets = value.map_or(0, |value| value.len() as u64);
        if wanted.max_size.is_some_and(|most| octets > most) {
            longest = longest.max(Some(octets));
            continue;
        }
        values.push((name.to_string().into_bytes(), value.map(<[u8]>::to_vec)));
    }
    if !values.is_empty() {
        let (mailbox, annotations) = (wanted.mailbox.clone(), Annotations::Values(values));
        session.say(&Data::Metadata { mailbox, annotations }, out);
    }
    Ok(match longest {
        Some(octets) => {
            Done::with(Code::Metadata(NoMetadata::LongEntries(octets)), "Some are longer")
        }
        None => Done::new("Those are they"),
    })
}

/// The entries that are asked for, and those below them as far as that is wanted; one that isn't there has no value.
fn found<'a>(
    metadata: &'a Metadata,
    names: &'a [EntryName],
    depth: MetadataDepth,
) -> Vec<(&'a EntryName, Option<&'a [u8]>)> {
    let mut found = Vec::new();
    for name in names {
        found.push((name, metadata.get(name)));
        let above = format!("{name}/");
        let below = metadata.entries().filter(|(entry, _)| {
            let entry = entry.to_string();
            match (depth, entry.strip_prefix(&above)) {
                (MetadataDepth::Itself, _) | (_, None) => false,
                (MetadataDepth::Children, Some(rest)) => !rest.contains('/'),
                (MetadataDepth::Infinite, Some(_)) => true,
            }
        });
        found.extend(below.map(|(entry, value)| (entry, Some(value))));
    }
    found
}

pub(super) fn set(
    session: &Session,
    mailbox: &MailboxName,
    entries: &[(Vec<u8>, Option<Vec<u8>>)],
) -> Ended {
    let place = Place::of(session, mailbox)?;
    let entries = entries.iter().map(|(name, value)| Ok((parse(name)?, value.clone())));
    let entries = entries.collect::<Result<Vec<_>, Refused>>()?;
    let mut fits = Ok(());
    let changed = session.courier().change_metadata(place.annotated(), |metadata| {
        let before = metadata.clone();
        fits = entries.into_iter().try_for_each(|(name, value)| metadata.set(name, value));
        // RFC 5464 §4.3: all or none.
        if fits.is_err() {
            *metadata = before;
        }
    });
    changed.map_err(refused)?;
    session.shared.tell_structure();
    match fits {
        Ok(()) => Ok(Done::new("Set")),
        Err(error) => Err(Refused::no_with(Code::Metadata(NoMetadata::TooMany), error.to_string())),
    }
}

fn parse(entry: &[u8]) -> Result<EntryName, Refused> {
    let name = std::str::from_utf8(entry).ok().and_then(|text| EntryName::parse(text).ok());
    name.ok_or_else(|| Refused::bad("An entry's name begins with /private/ or /shared/"))
}

fn refused(error: StoreError) -> Refused {
    Refused::from(&error)
}
