//! A script run over letters that are filed already.
//!
//! Nothing is lost by it, and nobody hears of it: letters are moved, or get flags. What is discarded goes into the
//! folder that is for `\Trash`. What is kept stays where it is, also beside a copy that the script files elsewhere:
//! run twice, it does nothing the second time. Nothing is sent, refused or given to a program again, no header is
//! changed, and what was remembered (whom `vacation` has told, what `duplicate` has seen) isn't asked.

use postroad_observe::inert::is_inert;
use postroad_protocol::header;
use postroad_sieve::{Call, Content, ProgramError, Programs, Ran};
use postroad_store::{Flags, FolderName, Maildir, StoreError, Stored};

use super::plan::{Place, Plan, Spot, Store};
use super::{Mailbox, NotPrepared, Parcel, Past, Rules, UserScript, carry_out};
use crate::events::Chain;
use crate::limits;

/// What is to be done with one letter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// Where it goes, and what it gets; `None`: it stays as it is.
    pub(crate) spot: Option<Spot>,
    /// Which rules want that, and what isn't done again: a line that is safe on a terminal.
    pub(crate) why: String,
}

impl Rules {
    /// What a script would do with a letter that is in `folder`.
    pub(crate) fn again(
        &self,
        script: &UserScript,
        parcel: &Parcel<'_>,
        mailbox: Mailbox<'_>,
        folder: &Maildir,
    ) -> Result<Again, NotPrepared> {
        let plan = self.plan_with(script, parcel, mailbox, (&Forgotten, &NotRun))?;
        let trash = || -> Result<FolderName, StoreError> {
            let named = FolderName::parse("Trash").ok();
            let found = mailbox.courier.folder_for(mailbox.inbox, "\\Trash", named.as_ref())?;
            // It is a name.
            found.or(named).ok_or_else(|| StoreError::NotADirectory { path: "Trash".into() })
        };
        Ok(Again::of(plan, &place_of(folder, mailbox), trash)?)
    }

    /// Does it; gives what couldn't be had with it.
    pub(crate) fn refile(
        &self,
        letter: &Stored,
        spot: Spot,
        mailbox: Mailbox<'_>,
    ) -> Result<Vec<String>, StoreError> {
        let (courier, to) = (mailbox.courier, mailbox.at(spot.place));
        let made_for = carry_out::missing_for(spot.made_for, &to, courier)?;
        let (_, left_out) = courier.refile(letter, &to, &spot.flags)?;
        let mut notes = Vec::new();
        carry_out::assign(made_for, &to, courier, &mut notes);
        notes.extend(left_out.map(|left_out| format!("without the keywords {}", Chain(&left_out))));
        Ok(notes)
    }
}

impl Again {
    fn of(
        plan: Plan,
        here: &Place,
        trash: impl FnOnce() -> Result<FolderName, StoreError>,
    ) -> Result<Self, StoreError> {
        let Plan { stores, sendings, answers, pipes, refusal, memos: _, mut notes, mistake } = plan;
        let stays = |why: String| Ok(Self { spot: None, why: safe(&why) });
        if let Some(mistake) = mistake {
            return stays(format!("stays: {mistake}"));
        }
        let is_sent = !sendings.is_empty() || !answers.is_empty() || !pipes.is_empty();
        if is_sent || refusal.is_some() {
            notes.push("not sent, run or refused again".to_owned());
        }
        if stores.iter().any(|store| store.content != Content::Original) {
            notes.push("its header isn't changed".to_owned());
        }
        let why = notes.join("; ");
        let kept = |store: &Store| store.spot.place == Place::Inbox || store.spot.place == *here;
        let at = stores.iter().position(kept).unwrap_or_default();
        let spot = match stores.into_iter().nth(at) {
            Some(store) if kept(&store) => match store.spot.flags.is_empty() {
                true => return stays(format!("stays: {why}")),
                false => Spot { place: here.clone(), ..store.spot },
            },
            Some(store) => store.spot,
            None if is_sent || refusal.is_some() => return stays(format!("stays: {why}")),
            None => {
                let (place, flags) = (Place::Folder(trash()?), Flags::default());
                if place == *here {
                    return stays(format!("stays: {why}"));
                }
                Spot { place, flags, made_for: None }
            }
        };
        let does = match &spot.place {
            place if place == here => format!("gets {}", spot.flags),
            Place::Inbox => "moves into the inbox".to_owned(),
            Place::Folder(name) => format!("moves into {name}"),
        };
        let why = safe(&format!("{does}: {why}"));
        Ok(Self { spot: Some(spot), why })
    }
}

fn place_of(folder: &Maildir, mailbox: Mailbox<'_>) -> Place {
    match folder.name() {
        Some(name) if folder != mailbox.inbox => Place::Folder(name.clone()),
        Some(_) | None => Place::Inbox,
    }
}

/// A letter's subject as it may stand on a terminal.
pub(crate) fn subject(message: &[u8]) -> String {
    let mut fields = header::fields(message).take_while(|field| !field.name.is_empty());
    let value = fields.find(|field| field.is("Subject")).map(|field| field.value());
    safe(&String::from_utf8_lossy(value.unwrap_or_default()))
}

/// One line, without what a terminal obeys, and not without end.
fn safe(text: &str) -> String {
    let plain = |c| if is_inert(c) { c } else { char::REPLACEMENT_CHARACTER };
    text.chars().take(limits::REFILTER_LINE_CHARS_MAX).map(plain).collect()
}

/// Nothing is remembered.
struct Forgotten;

impl Past for Forgotten {
    fn remembers(&self, _: postroad_sieve::MemoKind, _: &[u8]) -> bool {
        false
    }
}

/// Programs that all succeed, and are not run.
struct NotRun;

impl Programs for NotRun {
    fn run(&self, _: &Call<'_>) -> Result<Ran, ProgramError> {
        Ok(Ran::Imagined)
    }
}
