//! Words that are looked for, and letters of which the index knows that they haven't got them: those needn't be read.

use postroad_message::{Needle, Part, Scope, casemap, field_values, kept_values, texts};

use super::condition::Content;
use crate::folder::Folder;
use crate::pattern::{Case, Words};

/// Words, made ready for many letters.
#[derive(Debug)]
pub(super) struct Sought {
    words: Words,
    /// Where it isn't, the words aren't.
    needle: Option<Needle>,
    lacking: Lacking,
}

/// A bit for each letter, by its place in the order of the search.
#[derive(Debug, Default)]
pub(super) struct Lacking(Vec<u64>);

impl Lacking {
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Asks the index; `places` are the letters by number, and where they stand.
    pub(super) fn ask(folder: &mut Folder, needle: &Needle, places: &[(u32, usize)]) -> Self {
        let mut lacking = vec![0_u64; places.len().div_ceil(64)];
        // Most stand one behind the other.
        let mut next = 0;
        folder.lacking(needle, &mut |uid| {
            let found = match places.get(next) {
                Some((here, _)) if *here == uid => Ok(next),
                _ => places.binary_search_by_key(&uid, |(uid, _)| *uid),
            };
            let Ok(found) = found else { return };
            next = found + 1;
            if let Some((_, at)) = places.get(found)
                && let Some(word) = lacking.get_mut(at / 64)
            {
                *word |= 1 << (at % 64);
            }
        });
        Self(lacking)
    }
}

impl Sought {
    pub(super) fn new(words: &Words) -> Self {
        Self { words: words.clone(), needle: words.needle(), lacking: Lacking::default() }
    }

    /// A text of ours, whatever its case.
    pub(super) fn text(text: &str) -> Self {
        Self::new(&Words::text(text.to_owned(), Case::Any))
    }

    pub(super) fn ask_index(&mut self, folder: &mut Folder, places: &[(u32, usize)]) {
        if let Some(needle) = &self.needle {
            self.lacking = Lacking::ask(folder, needle, places);
        }
    }

    /// Whether the letter at this place certainly hasn't got it.
    pub(super) fn is_lacking(&self, at: usize) -> bool {
        self.lacking.has(at)
    }

    pub(super) fn are_in(&self, text: &str) -> bool {
        self.words.are_in(text, self.needle.as_ref())
    }

    /// Whether they are in a field of one of these names; none where more has to be known.
    pub(super) fn in_fields(&self, content: Content<'_>, names: &[&str]) -> Option<bool> {
        let header = match content {
            Content::Unread => return None,
            Content::Fields(kept) => return self.in_kept(kept, names),
            Content::Header(header) => header,
            Content::Letter(letter, part) => letter.get(part.header.clone()).unwrap_or_default(),
        };
        let mut values = names.iter().flat_map(|name| field_values(header, name));
        Some(values.any(|value| self.are_in(&value)))
    }

    fn in_kept(&self, kept: &[u8], names: &[&str]) -> Option<bool> {
        let needle = self.needle.as_ref()?;
        let mut holds = Some(false);
        for name in names {
            match needle.is_in_field_texts(kept, name) {
                Some(false) => {}
                Some(true) if self.words.is_needle() => return Some(true),
                Some(true) | None => holds = None,
            }
        }
        holds
    }

    /// Whether an address is in a field of one of these names, and no longer one that ends or begins so.
    pub(super) fn as_address(&self, content: Content<'_>, names: &[&str]) -> Option<bool> {
        let address = self.needle.as_ref()?.folded();
        match content {
            Content::Unread => None,
            Content::Fields(kept) => {
                let mut is_in = false;
                for name in names {
                    is_in |= kept_values(kept, name)?.iter().any(|it| is_address_in(it, address));
                }
                Some(is_in)
            }
            Content::Header(header) => Some(is_address_in_fields(header, names, address)),
            Content::Letter(letter, part) => {
                let header = letter.get(part.header.clone()).unwrap_or_default();
                Some(is_address_in_fields(header, names, address))
            }
        }
    }

    /// Whether they are in a header, names of fields and all.
    pub(super) fn in_header(&self, content: Content<'_>) -> Option<bool> {
        match content {
            Content::Unread | Content::Fields(_) => None,
            Content::Header(header) => {
                Some(self.in_texts(header, &Part::undivided(header), Scope::All))
            }
            Content::Letter(letter, part) => {
                let header = letter.get(part.header.clone()).unwrap_or_default();
                Some(self.in_texts(header, &Part::undivided(header), Scope::All))
            }
        }
    }

    /// Whether they are in a letter, or its body: in texts, or names of files.
    pub(super) fn in_letter(&self, content: Content<'_>, scope: Scope) -> Option<bool> {
        match content {
            Content::Unread | Content::Fields(_) | Content::Header(_) => None,
            Content::Letter(letter, part) => Some(
                self.in_texts(letter, part, scope)
                    || part.file_names().iter().any(|name| self.are_in(name)),
            ),
        }
    }

    fn in_texts(&self, letter: &[u8], part: &Part, scope: Scope) -> bool {
        let may_have = self.needle.as_ref().map(|it| it.is_in_letter(letter, part, scope));
        match may_have {
            Some(is_in) if self.words.is_needle() || !is_in => is_in,
            _ => texts(letter, part, scope).any(|text| self.are_in(&text)),
        }
    }
}

fn is_address_in_fields(header: &[u8], names: &[&str], address: &[u8]) -> bool {
    let mut values = names.iter().flat_map(|name| field_values(header, name));
    values.any(|value| is_address_in(&casemap::fold(value.as_bytes()), address))
}

/// Whether an address stands in a folded text, with nothing of an address around it.
fn is_address_in(text: &[u8], address: &[u8]) -> bool {
    let is_of_address = |octet: &u8| {
        !octet.is_ascii()
            || octet.is_ascii_alphanumeric()
            || b".!#$%&'*+/=?^_`{|}~-".contains(octet)
    };
    memchr::memmem::find_iter(text, address).any(|at| {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let behind = text.get(at + address.len()..).unwrap_or_default();
        // A full stop may end a sentence that has the address in it.
        let mut behind = behind.iter().skip_while(|octet| **octet == b'.');
        !before.is_some_and(is_of_address) && !behind.next().is_some_and(is_of_address)
    })
}
