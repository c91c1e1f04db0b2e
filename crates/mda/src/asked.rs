//! What a letter's sender has asked to be told, and who tells it (RFC 3461).
//!
//! A client that hears DSN from our LMTP server leaves success to us. What is said depends on what becomes of the
//! letter (RFC 3461 §5.2):
//!
//! | the letter | its sender hears |
//! |---|---|
//! | is filed, whatever else is done with it | "delivered" (§5.2.3) |
//! | goes to one other address, and nowhere else | nothing from us: what was asked goes with it (§5.2.7.2); "relayed" where nobody there knows DSN (§5.2.2) |
//! | goes to several | "expanded", and SUCCESS doesn't go with it (§5.2.7.3 (c)) |
//! | is taken by programs alone | "relayed" (§5.2.4 (b)) |
//! | is dropped | nothing: it is in no mailbox, and `discard` is silent (RFC 5228 §4.4) |
//! | is refused | from the client, by our reply (RFC 5429 §2.1) |
//! | is filed in a file of the user's own process (`postroad-as`) | "delivered": all that it says is that it has it |

use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::client::Offer;
use postroad_protocol::dsn::Action;
use postroad_protocol::envelope::{Envelope, Notify, Recipient, Ret};

/// What was asked with one recipient's letter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Each RCPT that named the recipient; none where the letter didn't come by LMTP.
    pub(crate) rcpts: &'a [Recipient],
    pub(crate) ret: Option<Ret>,
    pub(crate) envid: Option<&'a str>,
}

/// Where a letter itself goes; what counts for the sender comes last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Goes {
    #[default]
    Nowhere,
    ToPrograms,
    /// To one address, in place of the one that it came for.
    ToAnother,
    ToOthers,
    Filed,
}

impl Asked<'_> {
    /// The envelope of a letter that is sent on.
    pub(crate) fn handed_on(self, from: &ReversePath, to: Vec<Address>, goes: Goes) -> Envelope {
        // Of several that were named, who would hear of failures.
        let hears = |rcpt: &&Recipient| rcpt.notify != Notify::Never;
        let rcpt = self.rcpts.iter().find(hears).or(self.rcpts.first());
        let recipient = |address: Address| match (rcpt, goes) {
            (None, _) => Recipient::new(address),
            (Some(rcpt), Goes::ToAnother) => rcpt.handed_on_to(address),
            (Some(rcpt), _) => rcpt.handed_on_to(address).without_success(),
        };
        Envelope {
            ret: self.ret,
            envid: self.envid.map(str::to_owned),
            ..Envelope::new(from.clone(), to.into_iter().map(recipient).collect())
        }
    }
}

impl Goes {
    /// What is said to who wanted to hear of success, where `next` says whether who took what was sent on knows DSN.
    pub(crate) fn success(self, next: Offer) -> Option<Action> {
        match (self, next) {
            (Self::Filed, _) => Some(Action::Delivered),
            (Self::ToOthers, _) => Some(Action::Expanded),
            (Self::ToAnother, Offer::Offered) | (Self::Nowhere, _) => None,
            (Self::ToAnother, Offer::Absent) | (Self::ToPrograms, _) => Some(Action::Relayed),
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_protocol::envelope::Wanted;

    use super::*;

    #[test] // Tests RFC 3461 §5.2.2, §5.2.3, §5.2.4, §5.2.7.2 and §5.2.7.3.
    fn what_is_said_of_where_it_goes() {
        for (goes, next, said) in [
            (Goes::Filed, Offer::Offered, Some(Action::Delivered)),
            (Goes::ToOthers, Offer::Offered, Some(Action::Expanded)),
            (Goes::ToOthers, Offer::Absent, Some(Action::Expanded)),
            (Goes::ToAnother, Offer::Offered, None),
            (Goes::ToAnother, Offer::Absent, Some(Action::Relayed)),
            (Goes::ToPrograms, Offer::Absent, Some(Action::Relayed)),
            (Goes::Nowhere, Offer::Absent, None),
        ] {
            assert_eq!(goes.success(next), said, "{goes:?} {next:?}");
        }
    }

    #[test] // Tests RFC 3461 §5.2.1 (d), §5.2.7.2 and §5.2.7.3 (c).
    fn what_goes_with_a_letter_that_is_sent_on() {
        let address = |text: &str| Address::parse(text).unwrap();
        let on = |success, failure| Notify::On { success, failure, delay: Wanted::No };
        let alice = address("alice@our.example");
        let rcpt = |notify, orcpt: Option<&str>| Recipient {
            address: alice.clone(),
            notify,
            orcpt: orcpt.map(str::to_owned),
        };
        let both = on(Wanted::Yes, Wanted::Yes);
        for (rcpts, goes, notify, orcpt) in [
            (vec![], Goes::ToAnother, Notify::Unsaid, None),
            (vec![rcpt(both, Some("rfc822;Al@x"))], Goes::ToAnother, both, Some("rfc822;Al@x")),
            (vec![rcpt(both, None)], Goes::ToAnother, both, Some("rfc822;alice@our.example")),
            (
                vec![rcpt(both, None)],
                Goes::ToOthers,
                on(Wanted::No, Wanted::Yes),
                Some("rfc822;alice@our.example"),
            ),
            (
                vec![rcpt(on(Wanted::Yes, Wanted::No), None)],
                Goes::Filed,
                Notify::Never,
                Some("rfc822;alice@our.example"),
            ),
            (
                vec![rcpt(Notify::Never, Some("rfc822;a@x")), rcpt(both, Some("rfc822;b@x"))],
                Goes::ToOthers,
                on(Wanted::No, Wanted::Yes),
                Some("rfc822;b@x"),
            ),
        ] {
            let asked = Asked { rcpts: &rcpts, ret: Some(Ret::Headers), envid: Some("id") };
            let to = vec![address("eve@x.example")];
            let envelope = asked.handed_on(&ReversePath::Null, to, goes);
            let [recipient] = &envelope.recipients[..] else { panic!("{envelope:?}") };
            assert_eq!(recipient.address, address("eve@x.example"));
            assert_eq!((recipient.notify, recipient.orcpt.as_deref()), (notify, orcpt));
            assert_eq!((envelope.ret, envelope.envid.as_deref()), (Some(Ret::Headers), Some("id")));
        }
    }
}
