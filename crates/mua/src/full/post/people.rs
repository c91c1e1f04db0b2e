//! The address book, as the screen asks for it.

use postroad_store::Letter;
use postroad_tui::effect::{Job, PeopleAsk};
use postroad_tui::msg::What;

use super::{Actor, raw};
use crate::compose::answer::mailboxes;
use crate::drafts::typed;
use crate::error::Error;
use crate::front::Usage;
use crate::people::book::{Book, now, of_account};
use crate::people::is_alias;
use crate::render::Summary;
use crate::safe_line;

impl Actor {
    pub(super) fn people_asked(&self, ask: PeopleAsk) -> Result<What, Error> {
        match ask {
            PeopleAsk::List => Ok(self.people()),
            PeopleAsk::Call { alias, to } => self.call(&alias, &to),
            PeopleAsk::CallAuthor { .. } => Ok(What::Ended),
            PeopleAsk::Forget(word) => {
                let was_there = Book::of(&self.account)?.change(|people| people.forget(&word))?;
                self.tell_people();
                let words = if was_there { "was removed" } else { "isn't there any more" };
                Ok(What::Told(safe_line!("{word} {words}")))
            }
        }
    }

    fn people(&self) -> What {
        What::People(of_account(&self.account).rows().into())
    }

    /// Says who is known now, to a screen that hasn't asked.
    pub(super) fn tell_people(&self) {
        self.tell.tell(Job::NONE, self.people());
    }

    fn call(&self, alias: &str, to: &str) -> Result<What, Error> {
        if !is_alias(alias) {
            let words = "a short name has letters, digits and . _ + - alone";
            return Err(Usage(format!("{alias:?}: {words}")).into());
        }
        Book::of(&self.account)?.change(|people| people.call(alias, to))?;
        self.tell_people();
        Ok(What::Told(safe_line!("{alias} = {to}")))
    }

    /// Gives a letter's author a short name, and keeps them.
    pub(super) fn call_author(&self, file: &Letter, alias: &str) -> Result<What, Error> {
        let authors = mailboxes(&Summary::of(&raw(file)?).from);
        if authors.is_empty() {
            return Err(Usage("nobody can write to the author of that letter".into()).into());
        }
        let called = self.call(alias, &typed(&authors))?;
        Book::of(&self.account)?
            .change(|people| authors.iter().for_each(|author| people.keep(author, now())))?;
        self.tell_people();
        Ok(called)
    }
}
