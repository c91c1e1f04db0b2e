//! What is asked in the last line: the words, and where in them the answers stand.

use std::ops::Range;

use postroad_safetext::{SafeText, safe_line};

use crate::keys::Key;
use crate::screens::{Answer, Choice, OneOf, Prompt};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// All of it, the answers too.
    pub words: SafeText,
    /// Octets of the words that are an answer, and the key for it.
    pub answers: Vec<(Range<usize>, Key)>,
}

impl Prompt {
    /// What is asked; nothing where a line is typed.
    pub fn question(&self) -> Option<Question> {
        match self {
            Self::Line { .. } => None,
            Self::Choice { words, wanted } => Some(yes_or_no(words, wanted.usual())),
            Self::Letter { words, wanted } => {
                Some(Question { answers: letters(words.as_str(), *wanted), words: words.clone() })
            }
        }
    }
}

impl Choice {
    /// What Enter says.
    pub(crate) fn usual(&self) -> Answer {
        match self {
            Self::KeepDraft
            | Self::Leave(_)
            | Self::NoSubject
            | Self::NoAttachment
            | Self::MakeFolder(..)
            | Self::Bounce(..) => Answer::Yes,
            Self::DiscardDraft(_)
            | Self::DiscardQueued(_)
            | Self::Forget(_)
            | Self::Print(_)
            | Self::PrintParts(..)
            | Self::Unsubscribe(_)
            | Self::RemoveFolder(_)
            | Self::OpenLink(_) => Answer::No,
        }
    }
}

/// `Keep it? ([yes]/no):`
fn yes_or_no(words: &SafeText, usual: Answer) -> Question {
    let (yes, no) = match usual {
        Answer::Yes => ("[yes]", "no"),
        Answer::No => ("yes", "[no]"),
    };
    let first = words.as_str().len() + " (".len();
    let second = first + yes.len() + "/".len();
    let answers = vec![
        (first..first + yes.len(), Key::Char('y')),
        (second..second + no.len(), Key::Char('n')),
    ];
    Question { words: safe_line!("{} ({yes}/{no}):", words.as_str()), answers }
}

/// Where each letter stands that may be pressed: words as `t(o)`, or the letter alone. What comes from outside stands behind
/// them, and is no answer whatever it says.
fn letters(words: &str, wanted: OneOf) -> Vec<(Range<usize>, Key)> {
    let allowed = match wanted {
        OneOf::Order(_) => "dfrsotuz",
        OneOf::Folders => "acu",
        OneOf::Seal => "esbc",
        OneOf::Replace => "yna",
        OneOf::Mark(..) => "DNOr*!",
        OneOf::Attendance(_) => "adt",
    };
    let mut answers: Vec<(Range<usize>, Key)> = Vec::new();
    let mut behind = 0;
    for word in words.split_inclusive([' ', '/']) {
        let start = behind;
        behind += word.len();
        let bare = word.trim_end_matches([' ', '/', '?', ':', ',']);
        let letter = match bare.split_once('(').map(|(_, rest)| rest.chars().collect::<Vec<_>>()) {
            Some(rest) if rest.get(1) == Some(&')') || rest.len() == 1 => rest.first().copied(),
            Some(_) => None,
            None => bare.trim_end_matches(')').chars().next().filter(|_| bare.len() <= 2),
        };
        let Some(letter) = letter.filter(|letter| allowed.contains(*letter)) else { continue };
        let key = Key::Char(letter);
        if answers.iter().all(|(_, known)| *known != key) {
            answers.push((start..start + bare.len(), key));
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FolderId, LetterId, Way};
    use crate::screens::{Marking, Which};

    fn answers(prompt: &Prompt) -> Vec<(String, Key)> {
        let asked = prompt.question().unwrap();
        let word = |range: &Range<usize>| asked.words.as_str()[range.clone()].to_owned();
        asked.answers.iter().map(|(range, key)| (word(range), *key)).collect()
    }

    #[test]
    fn answers_stand_where_they_are_told() {
        let letter = LetterId { folder: FolderId(0), validity: 1, uid: 1 };
        let of = |words: &str, wanted: OneOf| {
            answers(&Prompt::Letter { words: SafeText::line(words), wanted })
        };
        for (words, wanted, told) in [
            (
                "Rev-Sort (d)ate/t(o)/si(z)e?:",
                OneOf::Order(Way::Down),
                "(d)ate d, t(o) o, si(z)e z",
            ),
            (
                "Set flag? (D/N/O/r/*/!):",
                OneOf::Mark(Marking::Set, Which::Tagged),
                "(D D, N N, O O, r r, * *, !) !",
            ),
            (
                "Sign and (e)ncrypt, (b)oth, or (c)lear?:",
                OneOf::Seal,
                "(e)ncrypt e, (b)oth b, (c)lear c",
            ),
            ("Replace it? (y)es, (n)o, (a)ll:", OneOf::Replace, "(y)es y, (n)o n, (a)ll a"),
            // What somebody else wrote is no answer.
            (
                "(a)ccept (d)ecline (t)entative: tell (a)nna/d/(d)@x.example?",
                OneOf::Attendance(letter),
                "(a)ccept a, (d)ecline d, (t)entative t",
            ),
        ] {
            let found = of(words, wanted);
            let found: Vec<String> =
                found.iter().map(|(word, key)| format!("{word} {key}")).collect();
            assert_eq!(found.join(", "), told);
        }
    }

    #[test]
    fn yes_and_no_stand_behind_what_is_asked() {
        for (wanted, yes, no) in [
            (Choice::KeepDraft, "[yes]", "no"),
            (Choice::OpenLink("http://x (yes/[no]):".into()), "yes", "[no]"),
        ] {
            let prompt = Prompt::Choice { words: "Open (yes/no)?".into(), wanted };
            let (y, n) = (Key::Char('y'), Key::Char('n'));
            assert_eq!(answers(&prompt), [(yes.to_owned(), y), (no.to_owned(), n)]);
        }
    }
}
