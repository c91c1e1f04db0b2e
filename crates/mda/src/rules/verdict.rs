//! What filters before us have found out about a letter (RFC 5235), read from the header fields that the settings
//! name. Without that nothing is believed: anybody can write such fields.
//!
//! Of several fields of the name the topmost counts, as filters put theirs on top. One that adds it at the end has to
//! take out what came with the letter (SpamAssassin, rspamd and amavis do).
//!
//! | field | what is read in it |
//! |---|---|
//! | `X-Spam-Status: Yes, score=12.3 required=5.0 …` | `score=` (old ones: `hits=`) |
//! | `X-Spamd-Result: default: False [3.40 / 15.00]; …` | both numbers: the second is the most |
//! | `X-Spam-Score: 4.2`, `4.2 / 15` | the number, or both |
//! | `X-Spam-Level: *****` | one for each sign |
//! | `X-Spam: Yes`, `X-Spam-Flag: NO` | all or nothing |
//! | `X-Virus-Status: Infected (Eicar)`, `Clean` | the first word |

use postroad_config::Filters;
use postroad_protocol::header;
use postroad_sieve::Virus;

/// Their verdicts, as far as there are any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) spam_percent: Option<u8>,
    pub(super) virus: Option<Virus>,
}

/// Reads them.
pub(super) fn of(message: &[u8], filters: &Filters) -> Verdict {
    let value = |name: &str| {
        let is_it = |field: &header::Field<'_>| !name.is_empty() && field.is(name);
        // What follows a line that is no field is body, whatever it looks like.
        let fields = header::fields(message).take_while(|field| !field.name.is_empty());
        let value = { fields }.find(is_it)?.value();
        std::str::from_utf8(value).ok()
    };
    Verdict {
        spam_percent: value(&filters.spam_header)
            .and_then(|value| spam(value, f64::from(filters.spam_score_max))),
        virus: value(&filters.virus_header).and_then(virus),
    }
}

fn spam(value: &str, most: f64) -> Option<u8> {
    if let Some((score, most)) = score_of(value, most) {
        return Some(percent(score, most));
    }
    if let Some(first) = value.chars().next()
        && !first.is_alphanumeric()
        && value.chars().all(|c| c == first)
    {
        // More than there can be in a line is more than enough.
        let signs = u32::try_from(value.chars().count()).unwrap_or(u32::MAX);
        return Some(percent(f64::from(signs), most));
    }
    match first_word(value).to_ascii_lowercase().as_str() {
        "yes" | "true" | "spam" => Some(100),
        "no" | "false" | "ham" => Some(0),
        _ => None,
    }
}

/// The score, and the most that it can be.
fn score_of(value: &str, most: f64) -> Option<(f64, f64)> {
    for word in ["score=", "hits="] {
        if let Some((_, rest)) = value.split_once(word) {
            return Some((leading_number(rest)?.0, most));
        }
    }
    let bracketed = value.split_once('[').map(|(_, inside)| inside);
    let (score, rest) = leading_number(bracketed.unwrap_or(value))?;
    let of = rest.trim_start().strip_prefix('/').and_then(leading_number);
    let most = of.map(|(of, _)| of).filter(|of| *of > 0.0).unwrap_or(most);
    Some((score, most))
}

/// The number that a text begins with, and what follows.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    number.is_finite().then_some((number, rest))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 100"
)]
fn percent(score: f64, most: f64) -> u8 {
    (score / most * 100.0).round().clamp(0.0, 100.0) as u8
}

fn virus(value: &str) -> Option<Virus> {
    match first_word(value).to_ascii_lowercase().as_str() {
        "clean" | "no" | "false" | "ok" => Some(Virus::None),
        "replaced" => Some(Virus::Replaced),
        "cured" | "cleaned" | "disinfected" => Some(Virus::Cured),
        "suspected" | "suspicious" | "possible" => Some(Virus::Possible),
        "infected" | "yes" | "true" | "virus" => Some(Virus::Certain),
        _ => None,
    }
}

fn first_word(value: &str) -> &str {
    value.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 5235 §3.2.
    fn scores_as_filters_write_them() {
        for (value, percent) in [
            ("4.2", Some(42)),
            ("-1.5", Some(0)),
            ("0", Some(0)),
            ("99", Some(100)),
            ("7.5 / 15", Some(50)),
            ("7.5 / 0", Some(75)),
            ("Yes, score=12.3 required=5.0 tests=A,B", Some(100)),
            ("No, score=-0.1 required=5.0", Some(0)),
            ("No, hits=2 required=5.0", Some(20)),
            ("Yes, score= 5", Some(50)),
            ("default: False [3.00 / 15.00];\r\n\tR_DKIM(0.00)[x]", Some(20)),
            ("*****", Some(50)),
            ("+++++++++++++", Some(100)),
            ("Yes", Some(100)),
            ("NO", Some(0)),
            ("", None),
            ("*x*", None),
            ("score=much", None),
            ("NaN", None),
            ("inf", None),
            ("1.2.3", None),
            ("perhaps", None),
        ] {
            assert_eq!(spam(value, 10.0), percent, "{value:?}");
        }
    }

    #[test] // Tests RFC 5235 §3.3.
    fn what_scanners_say() {
        for (value, found) in [
            ("Clean", Some(Virus::None)),
            ("Infected (Eicar)", Some(Virus::Certain)),
            ("Yes", Some(Virus::Certain)),
            ("disinfected", Some(Virus::Cured)),
            ("Replaced", Some(Virus::Replaced)),
            ("suspected; x", Some(Virus::Possible)),
            ("", None),
            ("?", None),
        ] {
            assert_eq!(virus(value), found, "{value:?}");
        }
    }

    #[test] // Tests RFC 5235 §4.
    fn only_the_topmost_of_the_named_fields_is_believed() {
        let filters = |spam: &str, virus: &str| Filters {
            spam_header: spam.to_owned(),
            virus_header: virus.to_owned(),
            ..Filters::default()
        };
        let letter = b"x-spam-score: 9\r\nX-Spam-Score: 0\r\nX-Virus: clean\r\n\r\nX-Other: 5\r\n";
        let known = |spam, virus| {
            let verdict = of(letter, &filters(spam, virus));
            (verdict.spam_percent, verdict.virus)
        };
        assert_eq!(known("X-Spam-Score", "X-Virus"), (Some(90), Some(Virus::None)));
        assert_eq!(known("", ""), (None, None));
        assert_eq!(known("X-Other", "X-Other"), (None, None));
    }
}
