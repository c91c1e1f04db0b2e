//! Our IMAP and Dovecot's on copies of one Maildir: the same letters, numbers, flags and answers. Where they differ, it is
//! listed here, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use postroad_imap::NameEncoding;
use postroad_imap::command::SectionText;
use postroad_imap::response::{Code, Content, Data, FetchItem, MailboxAttribute};
use postroad_message::{Body, Part};
use postroad_tests::corpus;
use postroad_tests::peers::{Dovecot, Needs, Stage};
use postroad_tests::process::Process;
use postroad_tests::suite::{Settings, Site};

#[path = "imap_beside_dovecot/dialogue.rs"]
mod dialogue;

use dialogue::{Dialogue, Said};

/// When the first letter came.
const FIRST: u64 = 1_700_000_000;

/// Flags of letters, in turn.
const FLAGS: [&str; 8] = ["", "S", "F", "R", "T", "D", "FRS", "DFRST"];

/// Both servers, each with a mailbox of its own that holds the same.
struct Both {
    _stage: Stage,
    _dovecot: Dovecot,
    _site: Site,
    maa: Process,
    ours: Dialogue,
    theirs: Dialogue,
    /// Names of the letters in the corpus, by their UID.
    names: BTreeMap<u32, String>,
}

impl Both {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let site = Site::new(&Settings::default())?;
        let names = fill(&site.path("mail/alice"))?;
        let home = stage.path("home/alice/Maildir");
        fill(&home)?;
        Stage::give(&home, Stage::user("alice")?.id)?;
        let dovecot = Dovecot::start(&stage)?;
        let maa = site.maa()?;
        let ours = Dialogue::log_in(site.imap)?;
        let theirs = Dialogue::log_in(dovecot.imap)?;
        Ok(Some(Self { _stage: stage, _dovecot: dovecot, _site: site, maa, ours, theirs, names }))
    }

    /// What both say to a command.
    fn ask(&mut self, command: &str) -> Result<[Said; 2]> {
        let ours = self.ours.ask(command).with_context(|| self.maa.log())?;
        Ok([ours, self.theirs.ask(command).context("Dovecot")?])
    }

    /// What both say to a command that has to succeed.
    fn ok(&mut self, command: &str) -> Result<[Said; 2]> {
        let ours = self.ours.ok(command).with_context(|| self.maa.log())?;
        Ok([ours, self.theirs.ok(command).context("Dovecot")?])
    }
}

/// A Maildir with the corpus in it, and folders.
fn fill(maildir: &Path) -> Result<BTreeMap<u32, String>> {
    let letters = corpus::messages()?;
    let root = [("", 0), (".Archive", 10), (".Lists.Rust", 20), (".Entw&APw-rfe", 30)];
    for (folder, some) in root {
        let folder = maildir.join(folder);
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let some = if some == 0 { letters.len() } else { some };
        for (number, letter) in letters.iter().take(some).enumerate() {
            let flags = FLAGS[number % FLAGS.len()];
            let name = match number % 5 {
                // No name twice: Dovecot would copy one over the other.
                0 => format!("new/{}.M1P{some}Q{number}.x", FIRST + number as u64),
                _ => format!("cur/{}.M1P{some}Q{number}.x:2,{flags}", FIRST + number as u64),
            };
            // As deliveries store them.
            let text: Vec<u8> =
                letter.octets.iter().copied().filter(|octet| *octet != b'\r').collect();
            fs::write(folder.join(&name), text)?;
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST + 60 * number as u64);
            File::options().write(true).open(folder.join(&name))?.set_modified(at)?;
        }
    }
    fs::write(maildir.join("subscriptions"), "Archive\nLists.Rust\n")?;
    Ok((1..).zip(letters.into_iter().map(|letter| letter.name)).collect())
}

/// What FETCH tells of each letter, by its UID.
fn fetched(said: &Said) -> Result<BTreeMap<u32, String>> {
    let mut pieces = said.pieces.iter();
    let mut letters = BTreeMap::new();
    for data in &said.data {
        let Data::Fetch { items, .. } = data else { continue };
        let mut items = items.clone();
        for item in &mut items {
            if let FetchItem::Section { content, .. }
            | FetchItem::Binary { content, .. }
            | FetchItem::Rfc822(_, content) = item
                && matches!(content, Content::Streamed(_))
            {
                *content = Content::Octets(pieces.next().context("a piece is missing")?.clone());
            }
        }
        let uid = items.iter().find_map(|item| match item {
            FetchItem::Uid(uid) => Some(*uid),
            _ => None,
        });
        items.retain(|item| !matches!(item, FetchItem::Uid(_)));
        items.iter_mut().for_each(normalize);
        if items.is_empty() {
            continue;
        }
        let uid = uid.context("a letter without its UID")?.get();
        let mut line = Vec::new();
        Data::Fetch { number: NonZeroU32::MIN, items }.write(&mut line, NameEncoding::Utf8);
        letters.insert(uid, line.escape_ascii().to_string());
    }
    Ok(letters)
}

/// Takes away what may be said in more than one way.
fn normalize(item: &mut FetchItem) {
    match item {
        FetchItem::Flags(flags) => {
            // Dovecot calls all letters recent that it hasn't seen before; we those that are in new/.
            flags.retain(|flag| flag.as_str() != "\\Recent");
            flags.sort_by_key(|flag| flag.as_str().to_owned());
        }
        FetchItem::Body(part) | FetchItem::BodyStructure(part) => normalize_part(part),
        FetchItem::Section { section, content, .. } => {
            if let SectionText::HeaderFields(names) | SectionText::HeaderFieldsNot(names) =
                &mut section.text
            {
                names.iter_mut().for_each(|name| name.make_ascii_uppercase());
            }
            normalize_content(content);
        }
        FetchItem::Binary { content, .. } | FetchItem::Rfc822(_, content) => {
            normalize_content(content);
        }
        _ => {}
    }
}

/// A part that isn't there is NIL for us, and empty for Dovecot.
fn normalize_content(content: &mut Content) {
    if matches!(content, Content::Nil) {
        *content = Content::Octets(Vec::new());
    }
}

/// Upper and lower case mean the same.
fn normalize_part(part: &mut Part) {
    part.kind.make_ascii_lowercase();
    part.subtype.make_ascii_lowercase();
    part.encoding.make_ascii_lowercase();
    part.parameters.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    if let Some(disposition) = &mut part.disposition {
        disposition.kind.make_ascii_lowercase();
        disposition.parameters.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    }
    match &mut part.content {
        Body::Multipart(parts) => parts.iter_mut().for_each(normalize_part),
        Body::Message { message, .. } => normalize_part(message),
        Body::Text(_) | Body::Other => {}
    }
}

/// Attributes that are compared, letter by letter.
const ATTRIBUTES: &[&str] = &[
    "FLAGS",
    "INTERNALDATE",
    "RFC822.SIZE",
    "ENVELOPE",
    "BODY",
    "BODYSTRUCTURE",
    "BODY.PEEK[]",
    "BODY.PEEK[]<0.100>",
    "BODY.PEEK[]<90.1000000>",
    "BODY.PEEK[]<10000000.1>",
    "BODY.PEEK[HEADER]",
    "BODY.PEEK[TEXT]",
    "BODY.PEEK[TEXT]<3.20>",
    "BODY.PEEK[HEADER.FIELDS (Subject From date X-NONE)]",
    "BODY.PEEK[HEADER.FIELDS.NOT (Received Subject)]",
    "BODY.PEEK[HEADER.FIELDS (References)]<2.30>",
    "BODY.PEEK[1]",
    "BODY.PEEK[1]<5.10>",
    "BODY.PEEK[1.MIME]",
    "BODY.PEEK[1.HEADER]",
    "BODY.PEEK[1.TEXT]",
    "BODY.PEEK[1.1]",
    "BODY.PEEK[1.1.MIME]",
    "BODY.PEEK[1.2]",
    "BODY.PEEK[2]",
    "BODY.PEEK[2.MIME]",
    "BODY.PEEK[2.HEADER]",
    "BODY.PEEK[2.TEXT]",
    "BODY.PEEK[2.1]",
    "BODY.PEEK[2.2]",
    "BODY.PEEK[3]",
    "BODY.PEEK[3.MIME]",
    "BODY.PEEK[3.HEADER.FIELDS (Subject)]",
    "BODY.PEEK[99]",
    "RFC822.HEADER",
    "BINARY.PEEK[1]",
    "BINARY.PEEK[2]",
    "BINARY.SIZE[1]",
    "BINARY.SIZE[2]",
];

/// What of ours differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// We tell nothing: NIL, or no octets.
    Nothing,
    /// We tell something else.
    Other,
}

/// Where we differ: letters (all, where none is named), attributes (all that begin so, with a star), how, and why.
const DIFFERENT: &[(&str, &str, Ours, &str)] = &[
    ("", "BODY.PEEK[1.1]", Ours::Nothing, LEAF),
    ("", "BODY.PEEK[1.1.MIME]", Ours::Nothing, LEAF),
    ("", "BODY.PEEK[2.1]", Ours::Nothing, LEAF),
    ("", "BINARY*", Ours::Nothing, "Only parts without parts are decoded (RFC 9051 §6.4.5)"),
    ("cpython/msg_15.eml", "ENVELOPE", Ours::Other, NO_HOST),
    ("cpython/msg_43.eml", "ENVELOPE", Ours::Other, NO_HOST),
    ("mail-parser/rfc-004.eml", "ENVELOPE", Ours::Other, NO_HOST),
    ("mail-parser/rfc-004.eml", "BODY", Ours::Other, NO_HOST),
    ("mail-parser/rfc-004.eml", "BODYSTRUCTURE", Ours::Other, NO_HOST),
    ("dovecot/malformed-019.eml", "ENVELOPE", Ours::Other, "Of two dates Dovecot takes the last"),
    (
        "spamscope/mail_test_9.eml",
        "ENVELOPE",
        Ours::Other,
        "A tab at a fold stays (RFC 5322 §2.2.3)",
    ),
    ("cpython/msg_25.eml", "BODY*", Ours::Other, NO_DELIMITER),
    ("cpython/msg_25.eml", "BINARY*", Ours::Other, NO_DELIMITER),
    ("dovecot/malformed-016.eml", "BODY*", Ours::Other, LONG_BOUNDARY),
    ("dovecot/malformed-016.eml", "BINARY*", Ours::Other, LONG_BOUNDARY),
    ("dovecot/thirdparty-004.eml", "BODY", Ours::Other, TWO_WORDS),
    ("dovecot/thirdparty-004.eml", "BODYSTRUCTURE", Ours::Other, TWO_WORDS),
    ("made/sections.eml", "BODY", Ours::Other, DELIMITER),
    ("made/sections.eml", "BODYSTRUCTURE", Ours::Other, DELIMITER),
    ("cpython/msg_35.eml", "BODY.PEEK[HEADER.FIELDS*", Ours::Other, NO_EMPTY_LINE),
    ("made/empty-body.eml", "BODY.PEEK[HEADER.FIELDS*", Ours::Other, NO_EMPTY_LINE),
    ("made/fields-without-blank-line.eml", "BODY.PEEK[HEADER.FIELDS*", Ours::Other, NO_EMPTY_LINE),
    ("dovecot/thirdparty-015.eml", "BODY.PEEK[3.HEADER.FIELDS*", Ours::Other, NO_EMPTY_LINE),
    ("dovecot/thirdparty-011.eml", "BODY.PEEK[1.MIME]", Ours::Other, EMPTY_LINE),
    ("dovecot/thirdparty-015.eml", "BODY.PEEK[2.HEADER]", Ours::Other, EMPTY_LINE),
    ("mail-parser/rfc-000.eml", "BINARY.SIZE*", Ours::Other, SIZE),
    ("mailparse/test_email_01.eml", "BINARY.SIZE*", Ours::Other, SIZE),
];

const LEAF: &str = "Of a part that has no parts Dovecot gives that part as its first one";
const NO_HOST: &str = "A mailbox without a host has none, and not MISSING_DOMAIN";
const NO_DELIMITER: &str =
    "A multipart that names no boundary has one part, its body: Dovecot's is empty";
const LONG_BOUNDARY: &str =
    "Each boundary begins with the next one: whose delimiter a line is, anybody may guess";
const TWO_WORDS: &str = "Of the encoding \"8 bit\" we tell the first word";
const DELIMITER: &str = "The line end before a delimiter is the delimiter's (RFC 2046 §5.1.1)";
const NO_EMPTY_LINE: &str =
    "Where there is neither an empty line nor a body, none is told (RFC 9051 §6.4.5.1)";
const EMPTY_LINE: &str = "An empty line right before a delimiter ends the header all the same";
const SIZE: &str = "Dovecot reckons it; it has to be what BINARY tells (RFC 9051 §6.4.5)";

#[test]
fn letters_are_told_the_same() -> Result<()> {
    let Some(mut both) = Both::set_up()? else { return Ok(()) };
    both.ok("EXAMINE INBOX")?;
    let mut used = BTreeSet::new();
    let mut surprises = Vec::new();
    for attribute in ATTRIBUTES {
        for (uid, name) in both.names.clone() {
            let command = format!("UID FETCH {uid} ({attribute})");
            let [ours, theirs] = both.ask(&command)?;
            let [our_line, their_line] = [told(&ours)?, told(&theirs)?];
            if our_line == their_line {
                continue;
            }
            let how = match our_line.contains("{0}") || our_line.contains("] 0)") {
                true => Ours::Nothing,
                false => Ours::Other,
            };
            let known = DIFFERENT.iter().position(|(letter, attributes, ours, _)| {
                let is_meant = match attributes.strip_suffix('*') {
                    Some(begin) => attribute.starts_with(begin),
                    None => attribute == attributes,
                };
                name.starts_with(letter) && is_meant && *ours == how
            });
            match known {
                Some(known) => {
                    used.insert(known);
                }
                None => surprises.push(format!(
                    "{name} {attribute}\n  ours:   {our_line}\n  theirs: {their_line}"
                )),
            }
        }
    }
    ensure!(surprises.is_empty(), "{} differ:\n{}", surprises.len(), surprises.join("\n"));
    let unused: Vec<_> =
        (0..DIFFERENT.len()).filter(|n| !used.contains(n)).map(|n| DIFFERENT[n]).collect();
    ensure!(unused.is_empty(), "those are the same by now: {unused:?}");
    Ok(())
}

/// How FETCH of one letter ended, and its line.
fn told(said: &Said) -> Result<String> {
    let lines: String = fetched(said)?.into_values().collect();
    Ok(format!("{:?} {lines}", said.end.status))
}

/// What is asked beside letters, in this order.
const COMMANDS: &[&str] = &[
    "LIST \"\" *",
    "LIST \"\" %",
    "LIST \"\" Lists.%",
    "LIST Lists. *",
    "LIST \"\" \"\"",
    "LSUB \"\" *",
    "LSUB \"\" %",
    "LIST (SUBSCRIBED) \"\" *",
    "LIST \"\" (INBOX Arch*) RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))",
    "NAMESPACE",
    "STATUS Archive (MESSAGES UIDNEXT UNSEEN)",
    "STATUS \"Entw&APw-rfe\" (MESSAGES UIDNEXT UNSEEN)",
    "STATUS Lists (MESSAGES)",
    "STATUS Nowhere (MESSAGES)",
    "SELECT Nowhere",
    "SELECT Lists",
    "SELECT Archive",
    "UID FETCH 1:* FLAGS",
    "FETCH 2:4,6 (UID FLAGS)",
    "FETCH 11 FLAGS",
    "UID FETCH 11 FLAGS",
    "UID FETCH 11:* (UID)",
    "STORE 1:3 +FLAGS (\\Seen)",
    "STORE 2 -FLAGS (\\Seen)",
    "STORE 3 FLAGS.SILENT (\\Draft)",
    "STORE 3:4 +FLAGS ($Work)",
    "FETCH 1:* FLAGS",
    "COPY 2:3 Lists.Rust",
    "COPY 2 Nowhere",
    "UID COPY 400 Lists.Rust",
    "UID EXPUNGE 1:4",
    "EXPUNGE",
    "FETCH 1:* (UID FLAGS)",
    "MOVE 1:2 Lists.Rust",
    "STATUS Lists.Rust (MESSAGES UIDNEXT UNSEEN)",
    "APPEND Lists.Rust CATENATE (URL \"/INBOX/;UID=1/;SECTION=HEADER\" URL \"/INBOX/;UID=3/;SECTION=TEXT\")",
    "APPEND Lists.Rust (\\Seen) CATENATE (URL \"/INBOX/;UID=2\" URL \"/INBOX/;UID=2/;PARTIAL=0.100\")",
    "STATUS Lists.Rust (MESSAGES UIDNEXT UNSEEN)",
    "EXAMINE Lists.Rust",
    "FETCH * (FLAGS RFC822.SIZE)",
    "SELECT Archive",
    "APPEND Lists.Rust CATENATE (URL \"/INBOX/;UID=999999\")",
    "APPEND Lists.Rust CATENATE (URL \"/INBOX;UIDVALIDITY=1/;UID=1\")",
    "APPEND Lists.Rust CATENATE (URL \"/Nowhere/;UID=1\")",
    "APPEND Lists.Rust CATENATE (URL \"/INBOX\")",
    "APPEND Lists.Rust CATENATE (URL \"/INBOX/;UID=1/;SECTION=99\")",
    "CREATE Lists.Rust",
    "CREATE New",
    "DELETE Nowhere",
    "RENAME New INBOX",
    "RENAME New Newer.Below",
    "LIST \"\" New*",
    "DELETE Newer.Below",
    "SUBSCRIBE Nowhere",
    "LSUB \"\" Now*",
    "UNSUBSCRIBE Nowhere",
    "CLOSE",
    "FETCH 1 FLAGS",
    "NOOP",
];

/// Where we differ in those, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("SELECT Archive", "$Forwarded has its letter in names of files"),
    ("STORE 1:3 +FLAGS (\\Seen)", "Dovecot doesn't tell what it didn't change"),
    ("STORE 3:4 +FLAGS ($Work)", "$Forwarded has its letter in names of files"),
    ("EXAMINE Lists.Rust", "$Forwarded has its letter in names of files"),
    (
        "APPEND Lists.Rust CATENATE (URL \"/INBOX/;UID=1/;SECTION=99\")",
        "Dovecot takes a part that isn't there for an empty one; RFC 4469 §4.1 has a code for it",
    ),
    (
        "APPEND Lists.Rust CATENATE (URL \"/INBOX\")",
        "Dovecot has no code for a URL that names no letter",
    ),
    ("EXPUNGE", "Dovecot begins with the last one"),
    ("MOVE 1:2 Lists.Rust", "Dovecot begins with the last one"),
    ("SUBSCRIBE Nowhere", NEED_NOT_EXIST),
    ("LSUB \"\" Now*", NEED_NOT_EXIST),
];

const NEED_NOT_EXIST: &str =
    "Dovecot subscribes to what exists alone; both may be (RFC 9051 §6.3.7)";

#[test]
fn mailboxes_are_told_the_same() -> Result<()> {
    let Some(mut both) = Both::set_up()? else { return Ok(()) };
    let mut surprises = Vec::new();
    for command in COMMANDS {
        let [ours, theirs] = both.ask(command)?;
        let (ours, theirs) = (summary(&ours), summary(&theirs));
        let is_known = OTHERWISE.iter().any(|(known, _)| known == command);
        if (ours != theirs) != is_known {
            surprises.push(format!("{command}\n  ours:   {ours:?}\n  theirs: {theirs:?}"));
        }
    }
    ensure!(surprises.is_empty(), "{}\n{}", surprises.join("\n"), both.maa.log());
    Ok(())
}

/// All that is said to a command, but what each server numbers for itself.
fn summary(said: &Said) -> Vec<String> {
    let mut lines: Vec<String> = said.data.iter().filter_map(line).collect();
    lines.sort();
    lines.push(format!("{:?} {}", said.end.status, said.end.code.as_ref().map_or("", code)));
    lines
}

fn line(data: &Data) -> Option<String> {
    let mut data = data.clone();
    match &mut data {
        Data::Recent(_) => return None,
        Data::Fetch { items, .. } => {
            // We tell it always.
            items.retain(|item| !matches!(item, FetchItem::Uid(_)));
            items.iter_mut().for_each(normalize);
        }
        Data::Status { values, .. } => values.sort_by_key(|value| format!("{value:?}")),
        Data::List(item) | Data::Lsub(item) => {
            // Uses are known by names here, and by settings there; no children are told always, or when asked; the
            // second revision has its own word for what can't be selected.
            item.attributes.retain(|attribute| {
                !matches!(
                    attribute,
                    MailboxAttribute::Use(_)
                        | MailboxAttribute::HasNoChildren
                        | MailboxAttribute::NonExistent
                )
            });
            item.attributes.sort_by_key(|attribute| format!("{attribute:?}"));
        }
        _ => {}
    }
    let mut line = Vec::new();
    data.write(&mut line, NameEncoding::Utf8);
    Some(line.escape_ascii().to_string())
}

/// The code's name, where both have to say it.
fn code(code: &Code) -> &'static str {
    match code {
        Code::TryCreate => "TRYCREATE",
        Code::AlreadyExists => "ALREADYEXISTS",
        Code::CopyUid { .. } => "COPYUID",
        Code::AppendUid { .. } => "APPENDUID",
        Code::BadUrl(_) => "BADURL",
        Code::ReadWrite => "READ-WRITE",
        Code::ReadOnly => "READ-ONLY",
        _ => "",
    }
}
