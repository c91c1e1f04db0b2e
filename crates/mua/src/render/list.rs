//! A line of the list, and the object that `--json` prints in its place.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Summary, page};
use crate::bounce::Bounce;
use crate::safe_text::SafeText;
use crate::sealed::Seal;
use crate::trust::Level;

/// One message in a list.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its position, from 1.
    pub number: usize,
    /// Its short id, the same for ever.
    pub id: String,
    /// The mailbox's own name for it: base name or unique id.
    pub name: String,
    /// The letters of its flags (maildir(5)).
    pub flags: String,
    /// Its keywords.
    pub keywords: Vec<String>,
    /// Octets.
    pub octets: u64,
    /// When it arrived, where the mailbox knows.
    pub arrived: Option<Timestamp>,
    /// Its header.
    pub summary: Summary,
}

impl Row {
    /// Number, id, mark, date in the zone of whoever reads it, sender, subject.
    pub fn line(&self, zone: &TimeZone) -> SafeText {
        let from = match self.summary.from.first() {
            Some(person) => {
                person.name.as_deref().or(person.address.as_deref()).unwrap_or_default()
            }
            None => "",
        };
        let from = SafeText::line(from).padded(24);
        let subject = SafeText::line(&self.summary.subject).cut(200);
        let line = format!(
            "{:>4} {:8} {} {:16}  {from}  {subject}",
            self.number,
            self.id,
            self.mark(),
            self.date().map(|date| shown(date, zone)).unwrap_or_default(),
        );
        SafeText::line(line.trim_end())
    }

    /// When it was written, or when it arrived (row A19).
    fn date(&self) -> Option<Timestamp> {
        self.summary.date.or(self.arrived)
    }

    /// `N` new, `r` answered, `!` flagged, blank once read.
    fn mark(&self) -> char {
        let has = |flag| self.flags.contains(flag);
        match () {
            () if has('F') => '!',
            () if has('R') => 'r',
            () if has('S') => ' ',
            () => 'N',
        }
    }
}

fn shown(date: Timestamp, zone: &TimeZone) -> String {
    date.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A row as JSON; `body` and `attachments` only where one message was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RowJson<'a> {
    /// The folder that it is in, where several are told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Its position, from 1.
    pub number: usize,
    /// Its short id.
    pub id: &'a str,
    /// Base name or unique id.
    pub name: &'a str,
    /// The letters of its flags.
    pub flags: &'a str,
    /// Its keywords.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub keywords: &'a [String],
    /// Octets.
    pub size: u64,
    /// When it was written, or when it arrived; RFC 3339.
    pub date: Option<String>,
    /// Authors.
    pub from: String,
    /// Recipients.
    pub to: String,
    /// Those who were told.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cc: String,
    /// What it is about.
    pub subject: &'a str,
    /// Its Message-ID without brackets.
    pub message_id: Option<&'a str>,
    /// What it says of another letter, if it came to say what became of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce: Option<BounceJson<'a>>,
    /// What was found of its seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealJson<'a>>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What can be saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<PartJson<'a>>>,
}

/// What a letter says of another one, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BounceJson<'a> {
    /// That letter, and whom it reached.
    #[serde(flatten)]
    pub bounce: &'a Bounce,
    /// The folder in which that letter is, if it is the user's.
    pub found_in: Option<String>,
}

/// A seal, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SealJson<'a> {
    /// `good`, `open`, `bad`: as bad as the worst of it.
    pub level: &'static str,
    /// Whether the letter was encrypted, and was opened.
    pub encrypted: bool,
    /// In words.
    pub words: &'a str,
}

impl<'a> SealJson<'a> {
    /// What is said of it.
    pub fn of(seal: &'a Seal) -> Self {
        let level = match seal.level {
            Level::Good => "good",
            Level::Open => "open",
            Level::Bad => "bad",
        };
        Self { level, encrypted: seal.is_encrypted, words: &seal.words }
    }
}

/// Something that can be saved, as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PartJson<'a> {
    /// Its number, from 1, for `read --save`.
    pub number: usize,
    /// The name that the message gives it.
    pub name: Option<&'a str>,
    /// What the message says it is.
    pub media_type: &'a str,
    /// Octets.
    pub size: usize,
}

impl<'a> RowJson<'a> {
    /// A row without its content.
    pub fn of(row: &'a Row) -> Self {
        Self {
            folder: None,
            number: row.number,
            id: &row.id,
            name: &row.name,
            flags: &row.flags,
            keywords: &row.keywords,
            size: row.octets,
            date: row.date().map(|date| date.to_string()),
            from: page::people(&row.summary.from),
            to: page::people(&row.summary.to),
            cc: page::people(&row.summary.cc),
            subject: &row.summary.subject,
            message_id: row.summary.message_id.as_deref(),
            bounce: None,
            seal: None,
            body: None,
            attachments: None,
        }
    }

    /// A row of a folder, where several are told of.
    #[must_use]
    pub fn in_folder(self, folder: Option<String>) -> Self {
        Self { folder, ..self }
    }

    /// A row with what the message says of another one.
    #[must_use]
    pub fn with_bounce(self, bounce: Option<BounceJson<'a>>) -> Self {
        Self { bounce, ..self }
    }

    /// A row with what a view found in the message.
    pub fn with_view(mut self, view: &'a super::View) -> Self {
        let part = |(index, part): (usize, &'a super::Part)| PartJson {
            number: index + 1,
            name: part.name.as_deref(),
            media_type: &part.media_type,
            size: part.content.len(),
        };
        self.seal = view.seal.as_ref().map(SealJson::of);
        self.body = Some(view.text());
        self.attachments = Some(view.attachments.iter().enumerate().map(part).collect());
        self
    }
}
