//! Writing with the editor: what is written is a draft from the start, and stays one until its letter is safe.

use std::path::Path;

use super::reader::append;
use super::send::{Output, see_off};
use super::{Context, author};
use crate::account::{Account, Inbox};
use crate::drafts::{Answers, Drafts, OpenDraft, Written};
use crate::error::Error;
use crate::mailbox::{Mailbox, Mark};
use crate::outbox::Notes;
use crate::people::book::aliases;
use crate::sealed::{self, Asks};
use crate::{safe_line, sent};

use super::text_input;

/// Lets the author write on from `initial`, and sends what comes of it.
pub(super) async fn write(
    context: &mut Context<'_, '_>,
    account: &Account,
    written: &Written,
    initial: &str,
    output: Output,
) -> Result<(), Error> {
    let draft = Drafts::of(account)?.begin(written, initial)?;
    if let Err(error) = text_input::edit(&draft.text_path()) {
        // Whoever has written nothing has nothing to keep.
        match draft.text() {
            Ok(text) if text == initial => draft.remove()?,
            _ => say_kept(context, &draft),
        }
        return Err(error);
    }
    send(context, account, draft, output).await
}

/// Sends a draft as it is; where that fails it stays, and is named.
pub(super) async fn send(
    context: &mut Context<'_, '_>,
    account: &Account,
    draft: OpenDraft,
    output: Output,
) -> Result<(), Error> {
    send_recorded(context, account, draft, output, None).await
}

/// The same, with a copy in a mailbox file.
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
    let letter = sealed::seal(letter, written.protection, account, Asks::Here)?;
    let notes = Notes { draft: Some(draft.id().clone()), ..sent::notes(account) };
    see_off(context, account, &letter, &notes, output).await?;
    // It has left: a copy that can't be made is said, and no failure.
    if let Some(Err(error)) = record.map(|path| append(path, &letter.content)) {
        context.screen.say(&safe_line!("{}", error.words()));
    }
    Ok(written.answers)
}

fn say_kept(context: &mut Context<'_, '_>, draft: &OpenDraft) {
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
