//! The letters behind `~`, as mutt 2.2 has them.

use super::{Kind, Pattern, PatternError, Place, State};

const PLACES: [(char, Place); 14] = [
    ('f', Place::From),
    ('t', Place::To),
    ('c', Place::Cc),
    ('C', Place::Recipients),
    ('L', Place::Anybody),
    ('e', Place::Sender),
    ('s', Place::Subject),
    ('i', Place::MessageId),
    ('x', Place::References),
    ('y', Place::Label),
    // NeoMutt's, for keywords.
    ('Y', Place::Label),
    ('h', Place::Header),
    ('b', Place::Body),
    ('B', Place::Letter),
];

const STATES: [(char, State); 8] = [
    ('N', State::New),
    ('O', State::Old),
    ('U', State::Unread),
    ('R', State::Read),
    ('F', State::Flagged),
    ('D', State::Deleted),
    ('Q', State::Answered),
    ('T', State::Tagged),
];

const KINDS: [(char, Kind); 5] = [
    ('p', Kind::ToMe),
    ('P', Kind::FromMe),
    ('l', Kind::List),
    ('g', Kind::Signed),
    ('G', Kind::Encrypted),
];

/// What mutt can find, and why it isn't found here.
const CANNOT_DO: [(char, &str); 14] = [
    ('E', "letters don't expire"),
    ('H', "letters have no spam tag"),
    ('k', "keys in letters aren't known"),
    ('M', "types of parts aren't looked at; ~h looks at the header's"),
    ('n', "letters have no score"),
    ('S', "letters don't supersede others"),
    ('u', "no lists are subscribed to; ~l is any list"),
    ('v', "threads aren't known here"),
    ('V', "signatures aren't checked"),
    ('=', "letters aren't compared with each other"),
    ('#', "threads aren't known here"),
    ('$', "threads aren't known here"),
    ('(', "threads aren't known here"),
    ('<', "threads aren't known here"),
];

pub(super) fn place(letter: char) -> Option<Place> {
    PLACES.iter().find(|(own, _)| *own == letter).map(|(_, place)| *place)
}

/// A pattern that wants nothing behind it.
pub(super) fn flag(letter: char, sign: char) -> Result<Pattern, PatternError> {
    if letter == 'A' {
        return Ok(Pattern::All);
    }
    if let Some((_, state)) = STATES.iter().find(|(own, _)| *own == letter) {
        return Ok(Pattern::Is(*state));
    }
    if let Some((_, kind)) = KINDS.iter().find(|(own, _)| *own == letter) {
        return Ok(Pattern::Kind(*kind));
    }
    let pattern = format!("{sign}{letter}");
    // `~>` is of threads as `~<` is.
    let asked = if letter == '>' { '<' } else { letter };
    match CANNOT_DO.iter().find(|(own, _)| *own == asked) {
        Some((_, why)) => Err(PatternError::CannotDo { pattern, why }),
        None => Err(PatternError::Unknown { pattern }),
    }
}

pub(super) fn of_place(place: Place) -> char {
    PLACES.iter().find(|(_, own)| *own == place).map_or('B', |(letter, _)| *letter)
}

pub(super) fn of_state(state: State) -> char {
    STATES.iter().find(|(_, own)| *own == state).map_or('A', |(letter, _)| *letter)
}

pub(super) fn of_kind(kind: Kind) -> char {
    KINDS.iter().find(|(_, own)| *own == kind).map_or('A', |(letter, _)| *letter)
}
