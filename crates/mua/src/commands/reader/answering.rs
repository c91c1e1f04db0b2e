//! Answers and new letters, written line by line at the prompt.

use super::super::lines::{self, Start};
use super::super::{author, writing};
use super::Reader;
use crate::compose::answer::{Audience, forward as forwarded, quoted, reply as answered};
use crate::drafts::{Answers, Attached, Written};
use crate::error::Error;
use crate::mailbox::Mark;
use crate::mailx::selection::{Among, Selection};
use crate::render::View;

impl Reader<'_, '_, '_> {
    pub(super) async fn reply(
        &mut self,
        list: &Selection,
        audience: Audience,
    ) -> Result<(), Error> {
        for number in self.letters.chosen(list, Among::Kept).await? {
            let view = View::of(&self.letters.message(number).await?);
            let letter = self.letters.entry(number)?.name;
            let answers = Answers { letter, flag: Mark::Replied.letter() };
            let draft = answered(&view, author(&self.account), audience)?;
            let written = Written { answers: Some(answers), ..Written::of(&draft) };
            self.letters.go_to(number);
            self.write_letter(&Start { quoted: quoted(&view), ..Start::of(written) }).await?;
        }
        Ok(())
    }

    pub(super) async fn forward(&mut self, list: &Selection, to: &str) -> Result<(), Error> {
        for number in self.letters.chosen(list, Among::Kept).await? {
            let raw = self.letters.message(number).await?;
            let letter = self.letters.entry(number)?.name;
            let draft = forwarded(&View::of(&raw), Vec::new(), author(&self.account));
            let written = Written {
                to: to.to_owned(),
                attachments: vec![Attached::Forwarded],
                answers: Some(Answers { letter, flag: Mark::Passed.letter() }),
                ..Written::of(&draft)
            };
            self.letters.go_to(number);
            self.write_letter(&Start { forwarded: Some(raw), ..Start::of(written) }).await?;
        }
        Ok(())
    }

    pub(super) async fn mail(&mut self, to: &str) -> Result<(), Error> {
        let written = Written { to: to.to_owned(), ..Written::default() };
        self.write_letter(&Start::of(written)).await
    }

    async fn write_letter(&mut self, start: &Start) -> Result<(), Error> {
        let letters = Some(&mut self.letters);
        let Some(draft) = lines::write(self.context, &self.account, start, letters).await? else {
            return Ok(());
        };
        writing::send(self.context, &self.account, draft, super::super::send::SAID).await
    }
}
