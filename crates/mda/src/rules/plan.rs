//! From what a script decided to what is to be done: a pure function.
//!
//! Sieve names folders in any words, some of which can't be folders here, and asks for what can't be had for
//! this letter. What is left over of its wishes is in the inbox: no letter is lost for a name.

use std::fmt;

use postroad_protocol::address::{Address, ReversePath};
use postroad_sieve::{
    Action, Content, Create, Decision, Fcc, Filing, Memo, Origin, Outcome, Pipe, Unfit,
};
use postroad_store::{Flags, FolderName, StoreError};

use super::script::unfit;
use crate::asked::{Asked, Goes};
use crate::programs::Program;

/// What is to be done with a letter: all of it, or nothing and "later".
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where it is filed.
    pub(crate) stores: Vec<Store>,
    /// To whom it is sent on.
    pub(crate) sendings: Vec<Sending>,
    /// Letters that answer it, or tell of it.
    pub(crate) answers: Vec<Answer>,
    /// Programs that it is given to.
    pub(crate) pipes: Vec<PlannedPipe>,
    /// Why it is refused; then nothing else is done with it.
    pub(crate) refusal: Option<Vec<String>>,
    /// What is to be remembered once all is done.
    pub(crate) memos: Vec<Memo>,
    /// What was decided by which rule, as log and trace say it afterwards.
    pub(crate) notes: Vec<String>,
    /// What is wrong with the script: its user has to hear of it.
    pub(crate) mistake: Option<String>,
}

/// Filed once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) spot: Spot,
    pub(crate) content: Content,
}

/// Where and how a letter is filed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) flags: Flags,
    /// What the folder is for, if it is made for this letter (RFC 8579 §4.1).
    pub(crate) made_for: Option<String>,
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Inbox,
    Folder(FolderName),
}

/// Sent on, to all of these at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) to: Vec<Address>,
    pub(crate) content: Content,
}

/// A letter of the script's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) from: ReversePath,
    pub(crate) to: Vec<Address>,
    /// Without a Message-ID.
    pub(crate) message: Vec<u8>,
    /// Where a copy of it is filed (RFC 8580).
    pub(crate) copy: Option<Spot>,
}

/// Given to a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedPipe {
    pub(crate) program: Program,
    pub(crate) pipe: Pipe,
    /// Which rule wants it.
    pub(crate) by: String,
}

/// Whether a letter can be filed in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FolderIs {
    /// It is there, or may be made.
    Usable,
    Missing,
}

/// Whether one reply speaks for this user alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    Alone,
    /// A member of an alias that nobody has expanded before us.
    OneOfSeveral,
}

/// What a plan depends on beside the script.
pub(crate) struct Ground<'a> {
    /// For whom the letter is.
    pub(crate) to: &'a Address,
    /// Whom it comes from.
    pub(crate) from: &'a ReversePath,
    pub(crate) recipient: Recipient,
    /// Looks a folder up.
    pub(crate) folder: &'a dyn Fn(&FolderName) -> Result<FolderIs, StoreError>,
    /// Finds the folder that is for something; the named one, where it is.
    pub(crate) folder_for: &'a FolderFor<'a>,
    /// Looks a program up, or says what is wrong with it.
    pub(crate) program: &'a dyn Fn(&str) -> Result<Program, String>,
}

/// As [`postroad_store::Courier::folder_for`].
pub(crate) type FolderFor<'a> =
    dyn Fn(&str, Option<&FolderName>) -> Result<Option<FolderName>, StoreError> + 'a;

impl Plan {
    /// Where a script can't be run at all, the letter is kept.
    pub(crate) fn keep(mistake: String) -> Self {
        let mut plan = Self { mistake: Some(mistake), ..Self::default() };
        plan.store(Place::Inbox, Filing::default());
        plan.notes.push("kept in the inbox, for the rules can't be followed".to_owned());
        plan
    }

    /// # Errors
    /// Where it can't be known whether a folder is there: the letter has to come again.
    pub(crate) fn of(outcome: Outcome, ground: &Ground<'_>) -> Result<Self, StoreError> {
        let Outcome { actions, discarded, memos, error, trace: _ } = outcome;
        if let Some(problem) = error {
            return Ok(Self::keep(problem.to_string()));
        }
        let mut plan = Self { memos, ..Self::default() };
        for decision in actions {
            plan.add(decision, ground)?;
        }
        let goes_nowhere =
            plan.stores.is_empty() && plan.sendings.is_empty() && plan.pipes.is_empty();
        if goes_nowhere && plan.refusal.is_none() {
            plan.notes.push(format!("discarded{}", By(discarded.as_ref())));
        }
        Ok(plan)
    }

    /// Where the letter itself goes. To another address in place of this one only where that is all that is done with
    /// it, for a recipient that one RCPT has named.
    pub(crate) fn goes(&self, recipient: Recipient, asked: Asked<'_>) -> Goes {
        let others: usize = self.sendings.iter().map(|sending| sending.to.len()).sum();
        let is_alone = recipient == Recipient::Alone && asked.rcpts.len() < 2;
        match (self.stores.is_empty(), others, self.pipes.is_empty()) {
            (false, ..) => Goes::Filed,
            (true, 0, true) => Goes::Nowhere,
            (true, 0, false) => Goes::ToPrograms,
            (true, 1, true) if is_alone => Goes::ToAnother,
            (true, ..) => Goes::ToOthers,
        }
    }

    fn add(&mut self, decision: Decision, ground: &Ground<'_>) -> Result<(), StoreError> {
        let by = By(decision.by.as_ref());
        match decision.action {
            Action::Keep(filing) => {
                // The implicit keep is nobody's decision.
                if by.0.is_some() {
                    self.notes.push(format!("kept in the inbox{by}"));
                }
                self.store(Place::Inbox, filing);
            }
            Action::FileInto { mailbox, filing } => {
                self.file_into(&mailbox, filing, by, ground)?;
            }
            Action::Redirect { to, content } => self.redirect(to, content, by, ground),
            Action::Reject { how: _, reason } => self.reject(reason, by, ground),
            Action::Pipe(pipe) => match (ground.program)(&pipe.program) {
                Ok(program) => {
                    let by = by.to_string();
                    self.pipes.push(PlannedPipe { program, pipe, by });
                }
                Err(mistake) => self.not_piped(pipe, mistake, by),
            },
            Action::Vacation(reply) => {
                self.notes.push(format!("{} was told of an absence{by}", reply.to));
                self.memos.extend(reply.memo);
                let copy = self.copy(reply.fcc, by, ground)?;
                let (from, to, message) = (ReversePath::Null, vec![reply.to], reply.message);
                self.answers.push(Answer { from, to, message, copy });
            }
            Action::Notify(notification) => {
                let to = shown(&notification.to);
                self.notes.push(format!("{to} was notified{by}"));
                let copy = self.copy(notification.fcc, by, ground)?;
                self.answers.push(Answer {
                    from: notification.sender,
                    to: notification.to,
                    message: notification.message,
                    copy,
                });
            }
        }
        Ok(())
    }

    /// A program that isn't there is a mistake, and what the script keeps then is kept.
    fn not_piped(&mut self, pipe: Pipe, mistake: String, by: By<'_>) {
        self.notes.push(format!("not given to a program{by}: {mistake}"));
        self.mistaken(by, &mistake);
        if let Some(filing) = pipe.kept {
            self.store(Place::Inbox, filing);
        }
    }

    /// Words in the protocol do for both kinds of refusal: whoever handed the letter in tells its sender.
    fn reject(&mut self, reason: Vec<String>, by: By<'_>, ground: &Ground<'_>) {
        match (ground.from, ground.recipient) {
            // RFC 5429 §2.1.1: nobody is there to be told, and a refusal would only go to the postmaster.
            (ReversePath::Null, _) => {
                self.notes.push(format!("refused{by}, and dropped: it has no sender"));
            }
            (ReversePath::Address(_), Recipient::OneOfSeveral) => {
                self.notes
                    .push(format!("kept in the inbox: others get it too, so not refused{by}"));
                self.store(Place::Inbox, Filing::default());
            }
            (ReversePath::Address(_), Recipient::Alone) => {
                self.notes.push(format!("refused{by}"));
                self.refusal = Some(reason);
            }
        }
    }

    fn file_into(
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

    /// The user hears of the first mistake, with its place.
    fn mistaken(&mut self, by: By<'_>, mistake: &str) {
        self.mistake.get_or_insert_with(|| match by.0 {
            Some(Origin { script, place }) => {
                format!("{script}:{}:{}: {mistake}", place.line, place.column)
            }
            None => mistake.to_owned(),
        });
    }

    /// Where a copy of a letter goes that the script writes.
    fn copy(
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
    fn store(&mut self, place: Place, filing: Filing) {
        let Filing { content, flags, create: _, special_use } = filing;
        let spot = self.spot(place, &flags, special_use);
        if !self.stores.iter().any(|store| store.spot.place == spot.place) {
            self.stores.push(Store { spot, content });
        }
    }

    fn redirect(&mut self, to: Address, content: Content, by: By<'_>, ground: &Ground<'_>) {
        // Row M10: it would come back, and be refused as looping.
        if to.to_string().eq_ignore_ascii_case(&ground.to.to_string()) {
            self.notes.push(format!("kept in the inbox, not sent to its own recipient{by}"));
            return self.store(Place::Inbox, Filing { content, ..Filing::default() });
        }
        self.notes.push(format!("sent on to {to}{by}"));
        match self.sendings.iter_mut().find(|sending| sending.content == content) {
            Some(sending) => sending.to.push(to),
            None => self.sendings.push(Sending { to: vec![to], content }),
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
pub(super) fn is_inbox(mailbox: &str) -> bool {
    mailbox.eq_ignore_ascii_case("INBOX")
}

fn shown(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// ` by alice.sieve line 12`, where a command wants it.
#[derive(Clone, Copy)]
struct By<'a>(Option<&'a Origin>);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Origin { script, place }) => write!(f, " by {script} line {}", place.line),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use postroad_sieve::{Facts, Message};

    use super::*;

    /// What `script` makes of a letter to alice, as lines.
    fn plan(script: &str) -> Vec<String> {
        plan_for(script, "bob@x.example", Recipient::Alone)
    }

    fn plan_for(script: &str, from: &str, recipient: Recipient) -> Vec<String> {
        let script = postroad_sieve::compile("a.sieve", script.as_bytes())
            .unwrap_or_else(|error| panic!("{error}"));
        let own = [Address::parse("alice@our.example").unwrap()];
        let facts = Facts { own_addresses: &own, ..Facts::default() };
        let outcome = script.run(&Message::new(b"Subject: x\r\nTo: a@b.example\r\n\r\n"), &facts);
        let is_there = |name: &FolderName| match name.to_string().as_str() {
            "Missing" | "Missing2" => Ok(FolderIs::Missing),
            _ => Ok(FolderIs::Usable),
        };
        let to = Address::parse("alice@our.example").unwrap();
        let from = &ReversePath::parse(from).unwrap();
        let program = |name: &str| match name {
            "missing" => Err("there is no program".to_owned()),
            name => Ok(Program::at(name.as_ref())),
        };
        let folder_for = |attribute: &str, _: Option<&FolderName>| {
            Ok((attribute == "\\Junk").then(|| FolderName::parse("Spam").unwrap()))
        };
        let ground = Ground {
            to: &to,
            from,
            recipient,
            folder: &is_there,
            folder_for: &folder_for,
            program: &program,
        };
        lines(Plan::of(outcome, &ground).unwrap())
    }

    fn lines(plan: Plan) -> Vec<String> {
        let stores = plan.stores.iter().map(|Store { spot, content }| {
            let Spot { place, flags, made_for } = spot;
            let flags = match flags.is_empty() {
                true => String::new(),
                false => format!(" with {flags}"),
            };
            let content = if *content == Content::Original { "" } else { " edited" };
            let made_for = made_for.as_ref().map(|attribute| format!(" made for {attribute}"));
            let made_for = made_for.unwrap_or_default();
            match place {
                Place::Inbox => format!("store INBOX{flags}{content}{made_for}"),
                Place::Folder(name) => format!("store {name}{flags}{content}{made_for}"),
            }
        });
        let sendings = plan.sendings.iter().map(|Sending { to, .. }| {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            format!("send {}", to.join(" "))
        });
        let answers = plan.answers.iter().map(|Answer { from, to, copy, .. }| {
            let copy = if copy.is_some() { " and a copy" } else { "" };
            format!("answer from <{from}> to {}{copy}", shown(to))
        });
        let pipes = plan.pipes.iter().map(|PlannedPipe { program, pipe, by }| {
            let kept = if pipe.kept.is_some() { ", else keep" } else { "" };
            format!("pipe to {}{by}{kept}", program.name.display())
        });
        let refusal = plan.refusal.iter().map(|lines| format!("refuse: {}", lines.join(" / ")));
        let notes = plan.notes.iter().cloned();
        let mistake = plan.mistake.iter().map(|mistake| format!("mistake: {mistake}"));
        stores
            .chain(sendings)
            .chain(answers)
            .chain(pipes)
            .chain(refusal)
            .chain(notes)
            .chain(mistake)
            .collect()
    }

    #[test]
    fn what_scripts_come_to() {
        for (script, expected) in [
            ("", &["store INBOX"][..]),
            ("keep;", &["store INBOX", "kept in the inbox by a.sieve line 1"]),
            ("discard;", &["discarded by a.sieve line 1"]),
            ("\n\ndiscard; stop;", &["discarded by a.sieve line 3"]),
            (
                "require \"fileinto\";\nfileinto \"Lists.Rust\";",
                &["store Lists.Rust", "filed into \"Lists.Rust\" by a.sieve line 2"],
            ),
            (
                "require \"fileinto\"; fileinto \"inbox\"; keep;",
                &["store INBOX", "filed into \"inbox\" by a.sieve line 1"],
            ),
            (
                "require [\"fileinto\", \"copy\"]; fileinto :copy \"Entwürfe\";",
                &["store Entw&APw-rfe", "store INBOX", "filed into \"Entwürfe\" by a.sieve line 1"],
            ),
            // A folder that isn't there, twice, and the inbox: once there.
            (
                "require [\"fileinto\", \"copy\"]; fileinto :copy \"Missing\"; fileinto \"Missing2\"; keep;",
                &[
                    "store INBOX",
                    "kept in the inbox, not in \"Missing\" by a.sieve line 1: there is no such folder",
                    "kept in the inbox, not in \"Missing2\" by a.sieve line 1: there is no such folder",
                    "kept in the inbox by a.sieve line 1",
                ],
            ),
            (
                "require [\"fileinto\", \"imap4flags\"]; fileinto :flags [\"\\\\Seen\", \"Work\", \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"] \"A\";",
                &[
                    "store A with \\Seen Work",
                    "filed into \"A\" by a.sieve line 1",
                    "without the flags xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                ],
            ),
            (
                "redirect \"eve@x.example\"; redirect \"bob@x.example\";",
                &[
                    "send eve@x.example bob@x.example",
                    "sent on to eve@x.example by a.sieve line 1",
                    "sent on to bob@x.example by a.sieve line 1",
                ],
            ),
            (
                "require \"vnd.dovecot.pipe\";\npipe \"x\" [\"a\"];",
                &["pipe to x by a.sieve line 2, else keep"],
            ),
            // A program that isn't there is a mistake, and loses nothing.
            (
                "require \"vnd.dovecot.pipe\"; pipe \"missing\";",
                &[
                    "store INBOX",
                    "not given to a program by a.sieve line 1: there is no program",
                    "mistake: a.sieve:1:29: there is no program",
                ],
            ),
            // Row M10.
            (
                "redirect \"Alice@our.example\";",
                &[
                    "store INBOX",
                    "kept in the inbox, not sent to its own recipient by a.sieve line 1",
                ],
            ),
        ] {
            assert_eq!(plan(script), expected, "{script}");
        }
    }

    #[test]
    fn who_is_refused_and_who_is_not() {
        let script = "require \"reject\"; reject \"No.\r\nReally.\";";
        for (from, recipient, expected) in [
            (
                "bob@x.example",
                Recipient::Alone,
                &["refuse: No. / Really.", "refused by a.sieve line 1"][..],
            ),
            (
                "",
                Recipient::Alone,
                &["refused by a.sieve line 1, and dropped: it has no sender", "discarded"],
            ),
            (
                "bob@x.example",
                Recipient::OneOfSeveral,
                &[
                    "store INBOX",
                    "kept in the inbox: others get it too, so not refused by a.sieve line 1",
                ],
            ),
        ] {
            assert_eq!(plan_for(script, from, recipient), expected);
        }
    }

    #[test] // Tests RFC 5490 §3.2, RFC 5293 §7.
    fn folders_that_are_made_and_letters_that_are_changed() {
        assert_eq!(
            plan("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Missing\";"),
            ["store Missing", "filed into \"Missing\" by a.sieve line 1"]
        );
        // Tests RFC 8579 §4.
        let required = "require [\"fileinto\", \"special-use\", \"mailbox\"]; fileinto";
        assert_eq!(
            plan(&format!("{required} :specialuse \"\\\\Junk\" \"Missing\";")),
            [
                "store Spam made for \\Junk",
                "filed into \"Spam\", which is for \\Junk by a.sieve line 1"
            ]
        );
        assert_eq!(
            plan(&format!("{required} :specialuse \"\\\\Sent\" :create \"Missing\";")),
            ["store Missing made for \\Sent", "filed into \"Missing\" by a.sieve line 1"]
        );
        assert_eq!(
            plan("require \"editheader\"; addheader \"X-A\" \"b\";"),
            ["store INBOX edited"]
        );
    }

    #[test] // Tests RFC 5435, RFC 8580.
    fn letters_of_the_scripts_own() {
        let script = "require [\"enotify\", \"fcc\", \"mailbox\"];\n\
            notify :fcc \"Sent\" :create \"mailto:pager@x.example\";";
        assert_eq!(
            plan(script),
            [
                "store INBOX",
                "answer from <alice@our.example> to pager@x.example and a copy",
                "pager@x.example was notified by a.sieve line 2",
            ]
        );
    }

    #[test]
    fn m02_names_that_cannot_be_folders_are_a_mistake_and_lose_nothing() {
        for name in ["../x", "/abs", "a/../b", ".", "cur", "a.new", "x..y"] {
            let got = plan(&format!("require \"fileinto\"; fileinto \"{name}\";"));
            assert_eq!(got.first().map(String::as_str), Some("store INBOX"), "{name}");
            let mistake = format!("mistake: a.sieve:1:21: \"{name}\" can't be a folder: ");
            assert!(got.iter().any(|line| line.starts_with(&mistake)), "{got:?}");
        }
    }

    #[test]
    fn a_script_that_fails_keeps_the_letter() {
        let fails = "require [\"fileinto\", \"variables\"]; fileinto :flags \"x\" \"y\";";
        assert!(postroad_sieve::compile("a.sieve", fails.as_bytes()).is_err());
        let got = plan("require [\"fileinto\", \"variables\"]; fileinto \"A\"; fileinto \"${x}\";");
        assert_eq!(got.first().map(String::as_str), Some("store INBOX"));
        assert!(got.last().unwrap().starts_with("mistake: a.sieve:1:"), "{got:?}");
        assert_eq!(got.len(), 3, "{got:?}");
    }
}
