//! Answers and new letters, written line by line at the prompt.

use std::path::Path;

use super::super::lines::{self, Start};
use super::super::send::SAID;
use super::super::writing::Reminds;
use super::super::{author, writing};
use super::Reader;
use super::keeping::author_file;
use crate::compose::answer::{Audience, forward as forwarded, quoted, reply as answered};
use crate::drafts::{Answers, Attached, Written};
use crate::error::Error;
use crate::mailbox::Mark;
use crate::mailx::selection::{Among, Selection};
use crate::sealed::{self, Asks};

/// Whether an answer is kept, besides in Sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// It isn't.
    No,
    /// In a file of the author's name.
    ByAuthor,
}

impl Reader<'_, '_, '_> {
    /// Answers; with a copy in a file of the author's name where it is to be recorded.
    pub(super) async fn reply(
        &mut self,
        list: &Selection,
        audience: Audience,
        record: Record,
    ) -> Result<(), Error> {
        let audience = match (self.settings.is_set("flipr"), audience) {
            (true, Audience::Everybody) => Audience::Author,
            (true, Audience::Author) => Audience::Everybody,
            (_, audience) => audience,
        };
        for number in self.letters.chosen(list, Among::Kept).await? {
            let raw = self.letters.message(number).await?;
            let view = sealed::view(&raw, &self.account.keys, Asks::Here);
            let letter = self.letters.entry(number)?.name;
            let answers = Answers { letter, flag: Mark::Replied.letter(), folder: None };
            let draft = answered(&view, author(&self.account), audience)?;
            let protection = sealed::for_answer(&view);
            let written = Written { answers: Some(answers), protection, ..Written::of(&draft) };
            self.letters.go_to(number);
            let start = Start { quoted: quoted(&view), ..Start::of(written) };
            let record = (record == Record::ByAuthor).then(|| author_file(&view));
            self.write_letter(&start, record.as_deref()).await?;
        }
        Ok(())
    }

    pub(super) async fn forward(&mut self, list: &Selection, to: &str) -> Result<(), Error> {
        for number in self.letters.chosen(list, Among::Kept).await? {
            let raw = self.letters.message(number).await?;
            let letter = self.letters.entry(number)?.name;
            // What was encrypted to us goes on as it was before, and is encrypted to those who get it.
            let (view, opened) = sealed::look(&raw, &self.account.keys, Asks::Here);
            let draft = forwarded(&view, Vec::new(), author(&self.account));
            let written = Written {
                to: to.to_owned(),
                attachments: vec![Attached::Forwarded],
                answers: Some(Answers { letter, flag: Mark::Passed.letter(), folder: None }),
                protection: sealed::for_answer(&view),
                ..Written::of(&draft)
            };
            self.letters.go_to(number);
            let forwarded = Some(opened.unwrap_or(raw));
            self.write_letter(&Start { forwarded, ..Start::of(written) }, None).await?;
        }
        Ok(())
    }

    pub(super) async fn mail(&mut self, to: &str) -> Result<(), Error> {
        let mut written = Written::default();
        lines::add_to(&mut written.to, to);
        self.write_letter(&Start::of(written), None).await
    }

    async fn write_letter(&mut self, start: &Start, record: Option<&Path>) -> Result<(), Error> {
        let (letters, account) = (Some(&mut self.letters), &self.account);
        let written = lines::write(self.context, (account, &self.settings), start, letters).await?;
        let Some(draft) = written else { return Ok(()) };
        if !writing::is_confirmed(self.context, &draft, Reminds::OfAttachments)? {
            writing::say_kept(self.context, &draft);
            return Ok(());
        }
        writing::send_recorded(self.context, account, draft, SAID, record).await
    }
}
