//! "You wrote *attached*": words that speak of something that goes with a letter.
//!
//! Only the author's own words count: neither what is quoted nor a signature. Words are looked for by how they begin,
//! since many languages change their ends.

use crate::render::flowed;

/// How words begin that speak of an attachment, in lower case.
const BEGINNINGS: &[&str] = &[
    // English, and those that took the word over.
    "attach",
    "enclosed",
    // German
    "anhang",
    "angeh\u{e4}ng",
    "anbei",
    "beigef\u{fc}g",
    "anlage",
    "beiliegend",
    // French
    "ci-joint",
    "joint",
    "joins",
    "pi\u{e8}ce-joint",
    // Spanish
    "adjunt",
    // Italian
    "allegat",
    "allego",
    // Portuguese
    "anexo",
    "anexa",
    "anexei",
    // Dutch
    "bijlage",
    "bijgevoegd",
    // Swedish, Danish, Norwegian
    "bifoga",
    "bilag",
    "vedh\u{e6}ft",
    "vedlagt",
    "vedlegg",
    // Finnish
    "liitte",
    "oheis",
    // Polish, Czech
    "za\u{142}\u{105}cz",
    "p\u{159}iklad\u{e1}m",
    "p\u{159}\u{ed}loh",
    "p\u{159}\u{ed}loze",
    // Hungarian, Turkish
    "mell\u{e9}kl",
    "csatol",
    "ekte",
    // Russian, Ukrainian
    "\u{432}\u{43b}\u{43e}\u{436}\u{435}\u{43d}",
    "\u{43f}\u{440}\u{438}\u{43a}\u{440}\u{435}\u{43f}",
    "\u{432}\u{43a}\u{43b}\u{430}\u{434}\u{435}\u{43d}",
    // Greek
    "\u{3c3}\u{3c5}\u{3bd}\u{3b7}\u{3bc}\u{3bc}",
];
/// Words of languages that put no blanks between words.
const ANYWHERE: &[&str] =
    &["\u{6dfb}\u{4ed8}", "\u{9644}\u{4ef6}", "\u{9644}\u{4e0a}", "\u{cca8}\u{bd80}"];

/// The first word of the author's that speaks of an attachment.
pub fn spoken_of(text: &str) -> Option<&str> {
    let own = text.lines().take_while(|line| *line != flowed::SIGNATURE);
    own.filter(|line| !line.starts_with('>')).find_map(|line| {
        let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '-'));
        words
            .find(|word| {
                let word = word.to_lowercase();
                BEGINNINGS.iter().any(|begin| word.starts_with(begin))
            })
            .or_else(|| ANYWHERE.iter().copied().find(|word| line.contains(word)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_speak_of_attachments() {
        for (text, word) in [
            ("Please find attached the plan.", Some("attached")),
            ("See the Attachment", Some("Attachment")),
            ("im Anhang der Plan", Some("Anhang")),
            ("Der Plan ist angeh\u{e4}ngt", Some("angeh\u{e4}ngt")),
            ("Ci-joint le plan", Some("Ci-joint")),
            ("Adjunto el plan", Some("Adjunto")),
            ("In allegato il piano", Some("allegato")),
            ("Segue em anexo", Some("anexo")),
            ("Zie bijlage", Some("bijlage")),
            ("Bifogat hittar du", Some("Bifogat")),
            ("W za\u{142}\u{105}czniku plan", Some("za\u{142}\u{105}czniku")),
            (
                "\u{418} \u{432}\u{43e} \u{432}\u{43b}\u{43e}\u{436}\u{435}\u{43d}\u{438}\u{438}",
                Some("\u{432}\u{43b}\u{43e}\u{436}\u{435}\u{43d}\u{438}\u{438}"),
            ),
            ("\u{9644}\u{4ef6}\u{662f}\u{8ba1}\u{5212}", Some("\u{9644}\u{4ef6}")),
            ("Hello there", None),
            ("Unattached, it stays", None),
            ("> see the attached file\nYes, I saw it", None),
            ("Regards\n-- \nno attachments please", None),
            ("", None),
        ] {
            assert_eq!(spoken_of(text), word, "{text}");
        }
    }
}
