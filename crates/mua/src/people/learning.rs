//! Whom a letter goes to: its envelope's recipients, with the names that its header has for them.

use super::book::{Book, BookError, now};
use crate::account::Account;
use crate::compose::answer::mailboxes;
use crate::compose::{Letter, Mailbox};
use crate::render::Summary;

/// Remembers those whom a letter goes to. It has left: what can't be remembered is a word in the log, and no more.
pub(crate) fn learn(letter: &Letter, account: &Account) {
    let recipients = recipients(letter, account);
    let learnt = Book::of(account)
        .and_then(|book| book.change(|people| people.written_to(&recipients, now())));
    match learnt {
        // Whoever has no home has no book.
        Ok(()) | Err(BookError::NoFolder) => {}
        Err(error) => {
            let error = crate::error::words(&error);
            tracing::warn!(error, "the address book doesn't know whom a letter went to");
        }
    }
}

/// Them, the user apart; those of `Bcc` have no name.
fn recipients(letter: &Letter, account: &Account) -> Vec<Mailbox> {
    let summary = Summary::of(&letter.content);
    let named: Vec<Mailbox> =
        mailboxes(&summary.to).into_iter().chain(mailboxes(&summary.cc)).collect();
    let addresses = letter.envelope.recipients.iter().map(|recipient| &recipient.address);
    addresses
        .filter(|address| **address != account.address)
        .map(|address| {
            let found = named.iter().find(|mailbox| mailbox.address == *address);
            found.cloned().unwrap_or_else(|| Mailbox::new(None, address.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use postroad_protocol::address::Address;

    use super::*;
    use crate::account::Overrides;
    use crate::compose::{AddressList, Draft};

    #[test]
    fn all_who_get_it_are_learnt_with_their_names_but_not_the_user() {
        let home = tempfile::tempdir().unwrap();
        let overrides = Overrides { address: Some("me@x.example".into()), ..Overrides::default() };
        let account = Account::load(&overrides).unwrap();
        let account = Account { people: Some(home.path().join("addresses")), ..account };
        let list = |text: &str| AddressList::parse(text, None).unwrap().0;
        let mut draft = Draft::new(Mailbox::new(None, Address::parse("me@x.example").unwrap()));
        draft.to = list("Jörg Groß <joerg@x.example>, me@x.example");
        draft.cc = list("\"Lee, Ann\" <ann@x.example>");
        draft.bcc = list("Secret <bob@x.example>");
        learn(&draft.into_letter().unwrap(), &account);
        let people = Book::of(&account).unwrap().people().unwrap();
        let mut known: Vec<(String, Option<String>)> =
            people.known.into_iter().map(|it| (it.address.to_string(), it.name)).collect();
        known.sort();
        let named = |address: &str, name: &str| (address.to_owned(), Some(name.to_owned()));
        assert_eq!(
            known,
            [
                named("ann@x.example", "Lee, Ann"),
                ("bob@x.example".to_owned(), None),
                named("joerg@x.example", "Jörg Groß"),
            ]
        );
    }
}
