//! mutt's patterns as a server's SEARCH (RFC 9051 §6.4.4): what it can look for is looked for there, the rest here.

use jiff::tz::TimeZone;
use postroad_catalog::Who;
use postroad_catalog::pattern::{Kind, Pattern, Place, Span, State, When, Words};
use postroad_imap::command::{Charset, Command, Matching, Search, SearchKey};
use postroad_imap::response::Data;
use postroad_imap::value::{Date, Flag, Numbers};

use super::ImapError;
use super::session::Session;
use super::wire::Heard;
use crate::limits::IMAP_LETTERS_MAX;

/// What a server is asked for a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Letters that aren't found by it aren't meant.
    key: SearchKey,
    /// Whether those that are found have to be looked at here.
    pub(crate) answer: Answer,
}

/// What a server's answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// It is what was asked.
    Exact,
    /// But for capitals, which don't count for a server.
    AnyCase,
    /// There are others among those that are meant.
    Rough,
}

impl Asked {
    /// Whether a server would find all letters by it.
    pub(crate) fn is_all(&self) -> bool {
        self.key == SearchKey::All
    }
}

/// Whether more than what lists want of a header has to be known to tell whether a letter is like a pattern.
pub(crate) fn needs_letters(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::And(all) | Pattern::Or(all) => all.iter().any(needs_letters),
        Pattern::Not(one) => needs_letters(one),
        Pattern::Attachments(_) => true,
        Pattern::Kind(kind) => !matches!(kind, Kind::ToMe | Kind::FromMe),
        Pattern::Has(place, _) => {
            matches!(place, Place::Label | Place::Header | Place::Body | Place::Letter)
        }
        Pattern::All
        | Pattern::Is(_)
        | Pattern::Number(_)
        | Pattern::Octets(_)
        | Pattern::Sent(_)
        | Pattern::Came(_) => false,
    }
}

impl Asked {
    /// What finds at least all letters that are like a pattern.
    pub(crate) fn of(pattern: &Pattern, who: &Who) -> Self {
        match pattern {
            Pattern::All => exact(SearchKey::All),
            Pattern::And(all) => and(all.iter().map(|one| Self::of(one, who)).collect()),
            Pattern::Or(all) => or(all.iter().map(|one| Self::of(one, who)).collect()),
            Pattern::Not(one) => match Self::of(one, who) {
                Self { key, answer: Answer::Exact } => exact(not(key)),
                // Those that are found may be meant by it, or not.
                Self { answer: Answer::AnyCase | Answer::Rough, .. } => rough(SearchKey::All),
            },
            Pattern::Is(state) => exact(marked(*state)),
            // Numbers of a list and what is tagged in it are known here alone, and so are attachments.
            Pattern::Number(_) | Pattern::Attachments(_) => rough(SearchKey::All),
            Pattern::Octets(span) => octets(*span),
            Pattern::Sent(when) => days(when, SearchKey::SentSince, SearchKey::SentBefore),
            Pattern::Came(when) => days(when, SearchKey::Since, SearchKey::Before),
            Pattern::Has(place, words) => has(*place, words),
            Pattern::Kind(kind) => self::kind(*kind, who),
        }
    }
}

fn exact(key: SearchKey) -> Asked {
    Asked { key, answer: Answer::Exact }
}

fn rough(key: SearchKey) -> Asked {
    Asked { key, answer: Answer::Rough }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

/// Those that all find; what finds everything needn't be asked.
fn and(all: Vec<Asked>) -> Asked {
    let answer = all.iter().map(|one| one.answer).max().unwrap_or(Answer::Exact);
    let mut keys: Vec<SearchKey> =
        all.into_iter().map(|one| one.key).filter(|key| *key != SearchKey::All).collect();
    let key = match keys.len() {
        0 => SearchKey::All,
        1 => keys.remove(0),
        _ => SearchKey::And(keys),
    };
    Asked { key, answer }
}

fn or(all: Vec<Asked>) -> Asked {
    let answer = all.iter().map(|one| one.answer).max().unwrap_or(Answer::Exact);
    let mut keys = all.into_iter().map(|one| one.key).rev();
    // What is one of none is nothing.
    let Some(last) = keys.next() else { return exact(not(SearchKey::All)) };
    let key =
        keys.fold(last, |behind, key| match key == SearchKey::All || behind == SearchKey::All {
            true => SearchKey::All,
            false => SearchKey::Or(Box::new((key, behind))),
        });
    Asked { key, answer }
}

fn marked(state: State) -> SearchKey {
    let set = |flag| SearchKey::Flag(Matching::Set, flag);
    let unset = |flag| SearchKey::Flag(Matching::Unset, flag);
    match state {
        State::New => SearchKey::And(vec![unset(Flag::Seen), set(Flag::Recent)]),
        State::Old => SearchKey::And(vec![unset(Flag::Seen), unset(Flag::Recent)]),
        State::Unread => unset(Flag::Seen),
        State::Read => set(Flag::Seen),
        State::Flagged => set(Flag::Flagged),
        State::Deleted => set(Flag::Deleted),
        State::Answered => set(Flag::Answered),
        // Nobody at the server knows of it: whoever has a list looks before.
        State::Tagged => not(SearchKey::All),
    }
}

fn octets(span: Span) -> Asked {
    let larger = span.min.checked_sub(1).map(SearchKey::Larger);
    let smaller = span.max.checked_add(1).map(SearchKey::Smaller);
    and(larger.into_iter().chain(smaller).map(exact).collect())
}

/// Days in the server's zone may begin and end a day earlier or later than here.
fn days(when: &When, since: fn(Date) -> SearchKey, before: fn(Date) -> SearchKey) -> Asked {
    let day = |seconds: i64, more: i64| {
        let moment = jiff::Timestamp::from_second(seconds).ok()?;
        let date = moment.to_zoned(TimeZone::UTC).date();
        let date = Date::new(
            u16::try_from(date.year()).ok()?,
            u8::try_from(date.month()).ok()?,
            u8::try_from(date.day()).ok()?,
        )?;
        Some(Date::from_days(date.days() + more))
    };
    let range = when.range();
    let first = day(range.start, -1).map(since);
    let last = day(range.end, 2).map(before);
    let both = and(first.into_iter().chain(last).map(exact).collect());
    rough(both.key)
}

fn has(place: Place, words: &Words) -> Asked {
    let Some(text) = words.text_in_all().filter(|text| can_be_asked(text)) else {
        return rough(SearchKey::All);
    };
    let octets = || text.as_bytes().to_vec();
    let field = |name: &str| SearchKey::Header(name.as_bytes().to_vec(), octets());
    let fields = |names: &[&str]| or(names.iter().map(|name| exact(field(name))).collect()).key;
    let key = match place {
        Place::From => field("From"),
        Place::To => field("To"),
        Place::Cc => field("Cc"),
        Place::Recipients => fields(&["To", "Cc"]),
        Place::Anybody => fields(&["From", "Sender", "To", "Cc"]),
        Place::Sender => field("Sender"),
        Place::Subject => field("Subject"),
        Place::MessageId => field("Message-ID"),
        Place::References => fields(&["References", "In-Reply-To"]),
        Place::Label => field("X-Label"),
        // A server may look at values alone, and in bodies, too.
        Place::Header => return rough(SearchKey::All),
        Place::Body => SearchKey::Body(octets()),
        Place::Letter => SearchKey::Text(octets()),
    };
    match (words.is_text_in_any_case(), words.is_text()) {
        (true, _) => exact(key),
        (false, true) => Asked { key, answer: Answer::AnyCase },
        (false, false) => rough(key),
    }
}

/// RFC 9051 §9: no string has a NUL; and what breaks lines is compared by nobody.
fn can_be_asked(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn kind(kind: Kind, who: &Who) -> Asked {
    let field = |name: &str, text: &str| {
        exact(SearchKey::Header(name.as_bytes().to_vec(), text.as_bytes().to_vec()))
    };
    let addresses = |names: &[&str]| {
        let addresses = who.addresses.iter().filter(|address| can_be_asked(address));
        or(addresses.flat_map(|one| names.iter().map(move |name| field(name, one))).collect())
    };
    let text = |text: &str| exact(SearchKey::Text(text.as_bytes().to_vec()));
    match kind {
        Kind::ToMe => addresses(&["To", "Cc"]),
        Kind::FromMe => addresses(&["From"]),
        // RFC 2919, RFC 2369.
        Kind::List => or(vec![field("List-Id", ""), field("List-Post", "")]),
        Kind::Signed => rough(text("signed").key),
        Kind::Encrypted => rough(or(vec![text("encrypted"), text("pkcs7-mime")]).key),
    }
}

impl Session {
    /// UIDs of letters of the folder that is selected, sorted; `ear` hears what else is told meanwhile, such as letters that come
    /// and go.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub(crate) async fn search(
        &mut self,
        asked: &Asked,
        ear: &mut dyn FnMut(Data) -> Result<(), ImapError>,
    ) -> Result<Vec<u32>, ImapError> {
        let key = asked.key.clone();
        // What is ASCII needs no charset, and a server may know none (RFC 3501 §6.4.4).
        let charset = (!is_ascii(&key)).then_some(Charset::Utf8);
        let search = Search { returns: None, charset, key };
        let mut found = Vec::new();
        let mut too_many = Some(self.wire.broken("more letters found than a folder has"));
        self.run(&Command::Search(Numbers::Uid, search), &mut |heard| {
            match heard {
                Heard::Data(Data::Search { numbers, .. }) => found.extend(numbers),
                Heard::Data(data) => ear(data)?,
                _ => {}
            }
            // Row U13.
            match found.len() > IMAP_LETTERS_MAX {
                true => too_many.take().map_or(Ok(()), Err),
                false => Ok(()),
            }
        })
        .await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn is_ascii(key: &SearchKey) -> bool {
    match key {
        SearchKey::And(all) => all.iter().all(is_ascii),
        SearchKey::Or(both) => is_ascii(&both.0) && is_ascii(&both.1),
        SearchKey::Not(one) | SearchKey::Fuzzy(one) => is_ascii(one),
        SearchKey::Header(_, text) | SearchKey::Body(text) | SearchKey::Text(text) => {
            text.is_ascii()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Zoned;
    use postroad_imap::command::Literals;
    use postroad_imap::value::{NameEncoding, Tag};

    use super::*;

    /// What stands on the wire for a pattern, and whether more is looked at here.
    fn asked(typed: &str) -> (String, Answer) {
        let now: Zoned = "2026-11-26T12:00:00+00:00[UTC]".parse().unwrap();
        let who = Who { addresses: vec!["me@x.example".to_owned()] };
        let asked = Asked::of(&Pattern::parse(typed, &now).unwrap(), &who);
        let search = Search { returns: None, charset: None, key: asked.key };
        let tag = Tag::parse(b"a").unwrap();
        let command = Command::Search(Numbers::Uid, search);
        let outgoing = command.to_outgoing(&tag, Literals::Plus, NameEncoding::Utf7);
        let line = String::from_utf8(outgoing.octets().to_vec()).unwrap();
        (line.trim().trim_start_matches("a UID SEARCH ").to_owned(), asked.answer)
    }

    #[test]
    fn what_a_server_is_asked_for() {
        use Answer::{AnyCase, Exact, Rough};
        for (typed, line, answer) in [
            ("alice", "OR FROM alice SUBJECT alice", Exact),
            ("~f alice ~s lunch", "FROM alice SUBJECT lunch", Exact),
            ("~f alice | ~C bob", "OR FROM alice OR TO bob CC bob", Exact),
            ("!~F ~U", "NOT FLAGGED UNSEEN", Exact),
            ("~N", "UNSEEN RECENT", Exact),
            ("~z 100-200", "LARGER 99 SMALLER 201", Exact),
            ("=b Grüße", "BODY {7+}\r\nGrüße", AnyCase),
            ("~s lun.h", "SUBJECT lun", Rough),
            ("~s Lunch", "SUBJECT Lunch", AnyCase),
            ("~p", "OR TO me@x.example CC me@x.example", Exact),
            ("~l", "OR HEADER List-Id \"\" HEADER List-Post \"\"", Exact),
            ("~d 20261120-20261125", "SENTSINCE 19-Nov-2026 SENTBEFORE 28-Nov-2026", Rough),
            // What the server can't say is looked at here: all letters, or those that the rest leaves.
            ("~X 1-", "ALL", Rough),
            ("~X 1- ~f alice", "FROM alice", Rough),
            ("~X 1- | ~f alice", "ALL", Rough),
            ("!~s lu.ch", "ALL", Rough),
            ("~h x-spam", "ALL", Rough),
            ("~A", "ALL", Exact),
        ] {
            assert_eq!(asked(typed), (line.to_owned(), answer), "{typed}");
        }
    }
}
