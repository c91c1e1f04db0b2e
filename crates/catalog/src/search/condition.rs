//! A pattern, made ready for many letters, and whether it holds for one.

use postroad_message::{Part, Scope};
use postroad_store::{Columns, LetterFlags};

use super::Who;
use super::sought::Sought;
use crate::folder::Folder;
use crate::order::Marks;
use crate::pattern::{Kind, Pattern, Place, Span, State, When};

/// What is cheap stands first in lists.
#[derive(Debug)]
pub(super) enum Condition {
    Always,
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Marks {
        all: Marks,
        none: Marks,
    },
    Tagged,
    /// Words of a keyword's name, and the flags that these are in the folder.
    Keyword(Sought, LetterFlags),
    Number(Span),
    Octets(Span),
    Sent(When),
    Came(When),
    Fields(&'static [&'static str], Sought),
    /// An address is in one of them.
    Address(&'static [&'static str], Sought),
    /// There is a field of that name, which a letter hasn't that lacks it as a text.
    Field(&'static str, Sought),
    Header(Sought),
    Text(Scope, Sought),
    Files(Span),
    Sealed(Seal, Vec<Sought>),
}

/// What a letter's text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    Signed,
    Encrypted,
}

/// What is known of a letter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Where it stands in the order of the search.
    pub(super) at: usize,
    /// What a list numbers it with.
    pub(super) number: u64,
    pub(super) is_tagged: bool,
    pub(super) marks: Option<Marks>,
    pub(super) flags: Option<LetterFlags>,
    pub(super) columns: Option<Columns>,
    pub(super) content: Content<'a>,
}

/// How much of a letter is at hand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    Unread,
    /// The texts of fields that are kept ([`postroad_message::field_texts`]).
    Fields(&'a [u8]),
    Header(&'a [u8]),
    Letter(&'a [u8], &'a Part),
}

/// How much of a letter has to be known to tell whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reads {
    Marks,
    /// Its length and its dates.
    Columns,
    /// The fields that are cached, or its header.
    Fields,
    /// All of it.
    Letter,
}

impl<'a> Known<'a> {
    pub(super) fn new(at: usize, number: u64) -> Self {
        Self {
            at,
            number,
            is_tagged: false,
            marks: None,
            flags: None,
            columns: None,
            content: Content::Unread,
        }
    }
}

impl Condition {
    pub(super) fn of(pattern: &Pattern, who: &Who) -> Self {
        let each = |all: &[Pattern]| {
            let mut all: Vec<Self> = all.iter().map(|one| Self::of(one, who)).collect();
            all.sort_by_key(Self::reads);
            all
        };
        let marks = |all, none| Self::Marks { all, none };
        let none = Marks::default();
        match pattern {
            Pattern::All => Self::Always,
            Pattern::And(all) => Self::All(each(all)),
            Pattern::Or(all) => Self::Any(each(all)),
            Pattern::Not(one) => Self::Not(Box::new(Self::of(one, who))),
            Pattern::Is(state) => match state {
                State::New => marks(Marks::NEW, Marks::SEEN),
                State::Old => marks(none, Marks::SEEN.and(Marks::NEW)),
                State::Unread => marks(none, Marks::SEEN),
                State::Read => marks(Marks::SEEN, none),
                State::Flagged => marks(Marks::FLAGGED, none),
                State::Deleted => marks(Marks::DELETED, none),
                State::Answered => marks(Marks::ANSWERED, none),
                State::Tagged => Self::Tagged,
            },
            Pattern::Number(span) => Self::Number(*span),
            Pattern::Octets(span) => Self::Octets(*span),
            Pattern::Attachments(span) => Self::Files(*span),
            Pattern::Sent(when) => Self::Sent(when.clone()),
            Pattern::Came(when) => Self::Came(when.clone()),
            // Keywords first: they are known without a letter's being read.
            Pattern::Has(Place::Label, words) => Self::Any(vec![
                Self::Keyword(Sought::new(words), LetterFlags::default()),
                Self::words(Place::Label, Sought::new(words)),
            ]),
            Pattern::Has(place, words) => Self::words(*place, Sought::new(words)),
            Pattern::Kind(kind) => Self::kind(*kind, who),
        }
    }

    fn words(place: Place, words: Sought) -> Self {
        match place {
            Place::From => Self::Fields(&["From"], words),
            Place::To => Self::Fields(&["To"], words),
            Place::Cc => Self::Fields(&["Cc"], words),
            Place::Recipients => Self::Fields(&["To", "Cc"], words),
            Place::Anybody => Self::Fields(&["From", "To", "Cc", "Sender"], words),
            Place::Sender => Self::Fields(&["Sender"], words),
            Place::Subject => Self::Fields(&["Subject"], words),
            Place::MessageId => Self::Fields(&["Message-ID"], words),
            Place::References => Self::Fields(&["References", "In-Reply-To"], words),
            Place::Label => Self::Fields(&["X-Label"], words),
            Place::Header => Self::Header(words),
            Place::Body => Self::Text(Scope::Body, words),
            Place::Letter => Self::Text(Scope::All, words),
        }
    }

    fn kind(kind: Kind, who: &Who) -> Self {
        let address = |names| {
            let addresses = who.addresses.iter().filter(|address| !address.is_empty());
            Self::Any(addresses.map(|one| Self::Address(names, Sought::text(one))).collect())
        };
        let field = |name, text| Self::Field(name, Sought::text(text));
        match kind {
            Kind::ToMe => address(&["To", "Cc"]),
            Kind::FromMe => address(&["From"]),
            // RFC 2919, RFC 2369.
            Kind::List => {
                Self::Any(vec![field("List-Id", "List-Id:"), field("List-Post", "List-Post:")])
            }
            Kind::Signed => Self::Sealed(Seal::Signed, vec![Sought::text("signed")]),
            Kind::Encrypted => {
                let texts = ["encrypted", "pkcs7-mime"].map(Sought::text);
                Self::Sealed(Seal::Encrypted, texts.into())
            }
        }
    }

    /// How much has to be known at most.
    pub(super) fn reads(&self) -> Reads {
        match self {
            Self::All(all) | Self::Any(all) => {
                all.iter().map(Self::reads).max().unwrap_or(Reads::Marks)
            }
            Self::Not(one) => one.reads(),
            Self::Always
            | Self::Marks { .. }
            | Self::Tagged
            | Self::Keyword(..)
            | Self::Number(_) => Reads::Marks,
            Self::Octets(_) | Self::Sent(_) | Self::Came(_) => Reads::Columns,
            Self::Fields(..) | Self::Address(..) | Self::Field(..) | Self::Header(_) => {
                Reads::Fields
            }
            Self::Text(..) | Self::Files(_) | Self::Sealed(..) => Reads::Letter,
        }
    }

    /// Whether lengths or dates tell anything.
    pub(super) fn asks_columns(&self) -> bool {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().any(Self::asks_columns),
            Self::Not(one) => one.asks_columns(),
            leaf => leaf.reads() == Reads::Columns,
        }
    }

    /// Asks a folder's index for all words; these letters are looked at, in this order.
    pub(super) fn ask_index(&mut self, folder: &mut Folder, uids: &[u32]) {
        let mut sought = Vec::new();
        self.each_sought(&mut |one| sought.push(one));
        if sought.is_empty() {
            return;
        }
        let mut places: Vec<(u32, usize)> =
            uids.iter().enumerate().map(|(at, uid)| (*uid, at)).collect();
        places.sort_unstable();
        sought.into_iter().for_each(|one| one.ask_index(folder, &places));
    }

    /// Asks a folder which of its keywords are meant.
    pub(super) fn ask_keywords(&mut self, folder: &Folder) {
        match self {
            Self::All(all) | Self::Any(all) => {
                all.iter_mut().for_each(|one| one.ask_keywords(folder));
            }
            Self::Not(one) => one.ask_keywords(folder),
            Self::Keyword(sought, flags) => *flags = folder.keywords_like(|it| sought.are_in(it)),
            _ => {}
        }
    }

    fn each_sought<'c>(&'c mut self, tell: &mut dyn FnMut(&'c mut Sought)) {
        match self {
            Self::All(all) | Self::Any(all) => all.iter_mut().for_each(|one| one.each_sought(tell)),
            Self::Not(one) => one.each_sought(tell),
            Self::Fields(_, sought)
            | Self::Address(_, sought)
            | Self::Field(_, sought)
            | Self::Header(sought)
            | Self::Text(_, sought) => tell(sought),
            Self::Sealed(_, sought) => sought.iter_mut().for_each(tell),
            Self::Always
            | Self::Marks { .. }
            | Self::Tagged
            | Self::Keyword(..)
            | Self::Number(_)
            | Self::Octets(_)
            | Self::Sent(_)
            | Self::Came(_)
            | Self::Files(_) => {}
        }
    }

    /// Whether it holds; none where more has to be known for that. The answer doesn't depend on how much is known.
    pub(super) fn holds(&self, known: &Known<'_>) -> Option<bool> {
        let (at, content) = (known.at, known.content);
        let each = |one: &Self| one.holds(known);
        let unless = |sought: &Sought, look: &dyn Fn() -> Option<bool>| {
            if sought.is_lacking(at) { Some(false) } else { look() }
        };
        let columns = |look: &dyn Fn(Columns) -> bool| known.columns.map(look);
        match self {
            Self::Always => Some(true),
            Self::All(all) => all_hold(all.iter().map(each)),
            Self::Any(all) => not(all_hold(all.iter().map(|one| not(each(one))))),
            Self::Not(one) => not(each(one)),
            Self::Marks { all, none } => known
                .marks
                .map(|marks| marks.contains(*all) && !none.each().any(|mark| marks.contains(mark))),
            Self::Tagged => Some(known.is_tagged),
            Self::Keyword(_, meant) if meant.is_empty() => Some(false),
            Self::Keyword(_, meant) => known.flags.map(|flags| flags.without(*meant) != flags),
            Self::Number(span) => Some(span.contains(known.number)),
            Self::Octets(span) => columns(&|columns| span.contains(columns.size)),
            Self::Sent(when) => {
                columns(&|columns| columns.sent.is_some_and(|sent| when.contains(sent.at)))
            }
            Self::Came(when) => columns(&|columns| when.contains(columns.arrived)),
            Self::Fields(names, sought) => unless(sought, &|| sought.in_fields(content, names)),
            Self::Address(names, sought) => unless(sought, &|| sought.as_address(content, names)),
            Self::Field(name, sought) => unless(sought, &|| content.has_field(name)),
            Self::Header(sought) => unless(sought, &|| sought.in_header(content)),
            Self::Text(scope, sought) => unless(sought, &|| sought.in_letter(content, *scope)),
            Self::Files(span) => {
                content.part().map(|part| span.contains(part.files().len() as u64))
            }
            Self::Sealed(seal, sought) => match sought.iter().all(|one| one.is_lacking(at)) {
                true => Some(false),
                false => content.part().map(|part| seal.is_on(part)),
            },
        }
    }
}

/// Whether all hold; one that doesn't is enough to know.
fn all_hold(holds: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for holds in holds {
        match holds {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn not(holds: Option<bool>) -> Option<bool> {
    holds.map(|holds| !holds)
}

impl<'a> Content<'a> {
    fn part(self) -> Option<&'a Part> {
        match self {
            Self::Unread | Self::Fields(_) | Self::Header(_) => None,
            Self::Letter(_, part) => Some(part),
        }
    }

    fn has_field(self, name: &str) -> Option<bool> {
        let header = match self {
            Self::Unread | Self::Fields(_) => return None,
            Self::Header(header) => header,
            Self::Letter(letter, part) => letter.get(part.header.clone()).unwrap_or_default(),
        };
        Some(postroad_message::field_values(header, name).next().is_some())
    }
}

impl Seal {
    /// Whether a part, or one in it, is so (RFC 1847, RFC 8551 §3.2).
    fn is_on(self, part: &Part) -> bool {
        let is_mime = |name: &str| part.is("application", name);
        let is_smime = is_mime("pkcs7-mime") || is_mime("x-pkcs7-mime");
        let is_signed_data = || {
            let mut types =
                part.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"smime-type"));
            types.any(|(_, value)| value.eq_ignore_ascii_case(b"signed-data"))
        };
        let is_own = match self {
            Self::Signed => part.is("multipart", "signed") || is_smime && is_signed_data(),
            Self::Encrypted => part.is("multipart", "encrypted") || is_smime && !is_signed_data(),
        };
        is_own
            || match &part.content {
                postroad_message::Body::Multipart(parts) => parts.iter().any(|one| self.is_on(one)),
                postroad_message::Body::Message { message, .. } => self.is_on(message),
                postroad_message::Body::Text(_) | postroad_message::Body::Other => false,
            }
    }
}
