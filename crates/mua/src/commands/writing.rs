//! Writing with the editor: what is written is a draft from the start, and stays one until its letter is safe.

use std::path::Path;

use super::reader::append;
use super::send::{Output, see_off, tell_doubts};
use super::{Context, author, is_interactive};
use crate::account::{Account, Inbox};
use crate::compose::reminder;
use crate::drafts::{Answers, Drafts, OpenDraft, Written};
use crate::error::{Error, Exit};
use crate::mailbox::{Mailbox, Mark};
use crate::outbox::Notes;
use crate::people::book::aliases;
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks};
use crate::{safe_line, sent};

use super::text_input;

/// What its author is reminded of before a letter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reminds {
    /// Of a subject, and of attachments that the text speaks of.
    OfAll,
    /// Of attachments: for the subject they were asked before.
    OfAttachments,
}

/// Lets the author write on from `initial`, and sends what comes of it; exit 1 where they think better of it.
pub(super) async fn write(
    context: &mut Context<'_, '_>,
    account: &Account,
    written: &Written,
    initial: &str,
    output: Output,
) -> Result<Exit, Error> {
    let draft = Drafts::of(account)?.begin(written, initial)?;
    if let Err(error) = text_input::edit(&draft.text_path()) {
        // Whoever has written nothing has nothing to keep.
        match draft.text() {
            Ok(text) if text == initial => draft.remove()?,
            _ => say_kept(context, &draft),
        }
        return Err(error);
    }
    send(context, account, draft, output, Reminds::OfAll).await
}

/// Sends a draft as it is, once its author has confirmed what looks forgotten; where that fails, or they don't, it stays, and
/// is named.
pub(super) async fn send(
    context: &mut Context<'_, '_>,
    account: &Account,
    draft: OpenDraft,
    output: Output,
    reminds: Reminds,
) -> Result<Exit, Error> {
    match is_confirmed(context, &draft, reminds) {
        Ok(true) => send_recorded(context, account, draft, output, None).await.map(|()| Exit::Done),
        Ok(false) => {
            say_kept(context, &draft);
            Ok(Exit::No)
        }
        Err(error) => {
            say_kept(context, &draft);
            Err(error)
        }
    }
}

/// Asks whether a letter may leave that lacks what its author may have forgotten. Who isn't at a terminal isn't asked.
pub(super) fn is_confirmed(
    context: &mut Context<'_, '_>,
    draft: &OpenDraft,
    reminds: Reminds,
) -> Result<bool, Error> {
    if !is_interactive() {
        return Ok(true);
    }
    let (written, text) = (draft.written()?, draft.text()?);
    if reminds == Reminds::OfAll
        && written.subject.trim().is_empty()
        && !confirms(context, &safe_line!("There is no subject. Send it all the same? (y/n): "))?
    {
        return Ok(false);
    }
    let word = reminder::spoken_of(&text).filter(|_| written.attachments.is_empty());
    match word {
        Some(word) => {
            let word = SafeText::line(word).cut(40);
            let word = word.as_str();
            let words = safe_line!(
                "You wrote \"{word}\", nothing is attached. Send it all the same? (y/n): "
            );
            confirms(context, &words)
        }
        None => Ok(true),
    }
}

/// Whether who sits at the terminal says yes.
pub(super) fn confirms(context: &mut Context<'_, '_>, question: &SafeText) -> Result<bool, Error> {
    context.screen.ask(question)?;
    let typed = text_input::line()?.unwrap_or_default().trim().to_lowercase();
    Ok(matches!(typed.as_str(), "y" | "yes"))
}

/// Sends it unasked, with a copy in a mailbox file.
pub(super) async fn send_recorded(
    context: &mut Context<'_, '_>,
    account: &Account,
    draft: OpenDraft,
    output: Output,
    record: Option<&Path>,
) -> Result<(), Error> {
    match queue(context, account, (&draft, record), output).await {
        Ok(answers) => {
            // Where it can't be removed the sender does it: the letter says which draft it was.
            if let Err(error) = draft.remove() {
                tracing::warn!(%error, "the draft of a letter that was queued is not removed");
            }
            if let Some(answers) = answers {
                mark(context, account, &answers).await;
            }
            Ok(())
        }
        Err(error) => {
            say_kept(context, &draft);
            Err(error)
        }
    }
}

async fn queue(
    context: &mut Context<'_, '_>,
    account: &Account,
    (draft, record): (&OpenDraft, Option<&Path>),
    output: Output,
) -> Result<Option<Answers>, Error> {
    draft.keep_text()?;
    let written = draft.written()?.expanded(&aliases(account));
    let letter = written.draft(&draft.folder(), author(account), draft.text()?)?.into_letter()?;
    let to = letter.envelope.recipients.iter().map(|to| to.address.to_string()).collect::<Vec<_>>();
    tell_doubts(context, &sealed::check(written.protection, &to, account, Asks::Here)?);
    let letter = sealed::seal(letter, written.protection, account, Asks::Here)?;
    let notes = Notes { draft: Some(draft.id().clone()), ..sent::notes(account) };
    see_off(context, account, &letter, &notes, output).await?;
    // It has left: a copy that can't be made is said, and no failure.
    if let Some(Err(error)) = record.map(|path| append(path, &letter.content)) {
        context.screen.say(&safe_line!("{}", error.words()));
    }
    Ok(written.answers)
}

pub(super) fn say_kept(context: &mut Context<'_, '_>, draft: &OpenDraft) {
    let id = draft.id();
    context
        .screen
        .say(&safe_line!("Your letter is kept: postroad-mua drafts edit {id}, drafts send {id}"));
}

/// Sets the flag of the letter that was answered. The answer has left: a flag that can't be set is said, and no
/// failure.
pub(super) async fn mark(context: &mut Context<'_, '_>, account: &Account, answers: &Answers) {
    let Some(mark) = Mark::of(answers.flag) else { return };
    if matches!(account.inbox, Inbox::Pop3 { .. } | Inbox::Mbox(_)) {
        return;
    }
    let marked = async {
        let mut inbox = Mailbox::open_at(account, answers.folder.as_deref()).await?;
        let entry = inbox.find(&answers.letter)?;
        inbox.mark(&entry, mark).await?;
        inbox.close().await
    };
    if let Err(error) = marked.await {
        context.screen.say(&safe_line!("The letter's flag is not set: {error}"));
    }
}
