//! Names and addresses that look like others (row U03): a name that is an address, letters of several alphabets in one
//! word, a domain in letters that look like Latin ones.
//!
//! Names of people whom the user knows, and domains that differ from theirs by a Latin letter, are in [`super::known`].

use icu_properties::CodePointMapData;
use icu_properties::props::Script;

use crate::render::Person;

/// What to look at twice in an author.
pub(super) fn cues(author: &Person) -> Vec<String> {
    let mut cues = Vec::new();
    let address = author.address.as_deref().unwrap_or_default();
    let name = author.name.as_deref().unwrap_or_default();
    if let Some(other) = address_in(name).filter(|other| !other.eq_ignore_ascii_case(address)) {
        cues.push(format!("its name says {other}, but it is from {address}"));
    }
    let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
    cues.extend(domain_cue(domain));
    if let Some(word) = name.split_whitespace().find(|word| is_mixed(word)) {
        cues.push(format!("letters of several alphabets are in its name: {word}"));
    }
    cues
}

/// An address that stands in a name.
fn address_in(name: &str) -> Option<&str> {
    let is_part = |c: char| c.is_whitespace() || "<>()[]\",;:'".contains(c);
    name.split(is_part).find(|word| {
        word.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.split('.').filter(|label| !label.is_empty()).count() >= 2
        })
    })
}

fn domain_cue(domain: &str) -> Option<String> {
    let (shown, _) = idna::domain_to_unicode(domain);
    if shown.is_ascii() {
        return None;
    }
    let ascii = idna::domain_to_ascii(&shown).unwrap_or_else(|_| domain.to_owned());
    let odd = shown.split('.').find(|label| is_mixed(label) || looks_latin(label));
    Some(match odd {
        Some(label) => format!("its domain looks like another one: {label} is {ascii}"),
        None => format!("its domain {shown} is {ascii}"),
    })
}

/// Whether letters of several alphabets stand in one word, other than languages have it (UTS #39, "highly restrictive").
fn is_mixed(word: &str) -> bool {
    let scripts = CodePointMapData::<Script>::new();
    let mut seen: Vec<Script> = Vec::new();
    for c in word.chars() {
        let script = scripts.get(c);
        let counts = ![Script::Common, Script::Inherited, Script::Unknown].contains(&script);
        if counts && !seen.contains(&script) {
            seen.push(script);
        }
    }
    let all_in = |known: &[Script]| seen.iter().all(|script| known.contains(script));
    seen.len() > 1
        && !all_in(&[Script::Latin, Script::Han, Script::Hiragana, Script::Katakana])
        && !all_in(&[Script::Latin, Script::Han, Script::Bopomofo])
        && !all_in(&[Script::Latin, Script::Han, Script::Hangul])
}

/// Cyrillic and Greek letters that look like Latin ones.
const LATIN_LOOKS: &str = "\u{430}\u{435}\u{43e}\u{440}\u{441}\u{443}\u{445}\u{456}\u{458}\u{455}\u{4bb}\u{501}\u{51b}\u{51d}\
    \u{4cf}\u{3bf}\u{3b1}\u{3bd}\u{3c1}\u{3c5}\u{3b9}\u{3ba}\u{3c7}\u{3b3}";

/// Whether a word of another alphabet consists of such letters alone.
fn looks_latin(word: &str) -> bool {
    let mut letters = word.chars().filter(|c| c.is_alphabetic()).peekable();
    letters.peek().is_some() && letters.all(|c| LATIN_LOOKS.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cued(name: &str, address: &str) -> String {
        let name = (!name.is_empty()).then(|| name.to_owned());
        cues(&Person { name, address: Some(address.to_owned()) }).join("; ")
    }

    #[test]
    fn u03_a_name_that_is_somebody_elses_address() {
        for (name, address, cue) in [
            ("admin@bank.example", "eve@attack.example", true),
            ("Admin (admin@bank.example)", "eve@attack.example", true),
            ("\"admin@bank.example\" via list", "list@l.example", true),
            ("admin@bank.example", "Admin@Bank.example", false),
            ("Ann @ Work", "ann@x.example", false),
            ("user@host", "ann@x.example", false),
            ("Ann", "ann@x.example", false),
            ("", "ann@x.example", false),
        ] {
            assert_eq!(cued(name, address).contains("its name says"), cue, "{name} <{address}>");
        }
    }

    #[test]
    fn u03_domains_that_look_like_others_are_shown_as_they_are() {
        for (domain, words) in [
            (
                "p\u{430}ypal.example",
                "looks like another one: p\u{430}ypal is xn--pypal-4ve.example",
            ),
            ("xn--pypal-4ve.example", "looks like another one"),
            // All of it Cyrillic, and all of it looks Latin.
            ("\u{430}\u{440}\u{440}\u{435}.example", "looks like another one"),
            ("m\u{fc}ller.example", "its domain m\u{fc}ller.example is xn--mller-kva.example"),
            (
                "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}.example",
                "its domain \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
            ),
        ] {
            let cued = cued("", &format!("a@{domain}"));
            assert!(cued.contains(words), "{domain}: {cued}");
        }
        assert_eq!(cued("", "a@bank.example"), "");
    }

    #[test]
    fn u03_names_in_several_alphabets() {
        for (name, is_odd) in [
            ("P\u{430}yPal", true),
            ("\u{410}\u{43d}\u{43d}\u{430} Smith", false),
            ("\u{6771}\u{4eac}\u{30bf}\u{30ef}\u{30fc} Tower", false),
            ("J\u{fc}rgen 2", false),
        ] {
            assert_eq!(cued(name, "a@x.example").contains("alphabets"), is_odd, "{name}");
        }
    }
}
