//! Commands at the `&` prompt.

use super::selection::{Selection, SelectionError};
use super::settings::Setting;
use crate::compose::answer::Audience;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `p`, `t`, `P`, `T`, `to`: shows letters.
    Show(Selection, Shown),
    /// `n`, Enter, a list alone: shows the next letter, or the first of the list behind the current one.
    Next(Selection),
    /// `-`: shows the one before.
    Previous,
    /// `h`: the list of letters, the page with these in it.
    Headers(Selection),
    /// `f`: these letters' lines of the list.
    From(Selection),
    /// `z`, `z-`: the next or the last page of the list.
    Scroll(Page),
    /// `d`, `dp`: strikes letters, and shows the next one.
    Delete(Selection, Then),
    /// `u`: takes that back.
    Undelete(Selection),
    /// `tou`, `U`, `fl`, `unfl`: sets or takes away a flag.
    Mark(Selection, Mark),
    /// `s`, `c`, `S`, `C`, `mb`: appends letters to a file.
    Save(Selection, SaveTo, Origin),
    /// `w`: texts without their headers into a file, attachments beside it.
    Write(Selection, Option<String>),
    /// `pi`, `|`: gives letters to a command.
    Pipe(Selection, String),
    /// `r`, `R`: answers.
    Reply(Selection, Audience),
    /// `fwd`: sends letters on.
    Forward(Selection, String),
    /// `m`: writes a new letter.
    Mail(String),
    /// `e`, `v`: changes letters with the editor.
    Edit(Selection),
    /// `si`: how long letters are.
    Size(Selection),
    /// `fi`, `fo`: names this mailbox, or goes to another.
    Folder(Option<String>),
    /// `folders`: which others there are.
    Folders,
    /// `fo`, `F`: answers, with a copy in a file of the author's name.
    Followup(Selection, Audience),
    /// `a`, `g`, `una`, `se`, `uns`, `ig`, `ret`: sets something up.
    Settings(Vec<Setting>),
    /// `if`: what follows is for some alone.
    If(Condition),
    /// `else`
    Else,
    /// `endif`
    Endif,
    /// `so`: the lines of a file.
    Source(String),
    /// `cd`: goes to another directory.
    Directory(Option<String>),
    /// `ec`: says words.
    Echo(String),
    /// `!`, `sh`: runs a command, or a shell.
    Shell(Option<String>),
    /// `=`: the number of the current letter.
    Number,
    /// `ho`, `pre`: letters stay where they are, which they do anyway.
    Hold,
    /// `?`, `hel`, `l`
    Help,
    /// `q`: deletes what was struck, and goes.
    Quit,
    /// `x`: goes.
    Exit,
    /// `#`: nothing.
    Comment,
}

/// For what the lines behind `if` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Sending.
    Sending,
    /// Reading.
    Reading,
    /// What other programs know: never.
    Other,
}

/// How much of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The fields that matter, and the text.
    Usual,
    /// All fields.
    Whole,
    /// The first lines.
    Top,
}

/// Which page of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The next one.
    Next,
    /// The one before.
    Previous,
}

/// What comes behind striking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The prompt.
    Ask,
    /// The next letter.
    ShowNext,
}

/// Flags that are set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// `tou`
    Read,
    /// `U`
    Unread,
    /// `fl`
    Flagged,
    /// `unfl`
    Unflagged,
}

/// Where letters are appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveTo {
    /// That file.
    File(String),
    /// The file of read letters: `MBOX`, else `mbox` in the home directory.
    Mbox,
    /// A file of the author's name, here.
    Author,
}

/// What becomes of letters that were saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// They are struck: in the file they are safe.
    Struck,
    /// They stay.
    Kept,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nothing is called that.
    #[error("no command {0:?}; ? shows all")]
    Unknown(String),
    /// Something has to stand behind it.
    #[error("{0} wants {1} behind it")]
    Lacks(&'static str, &'static str),
    /// Its list can't be read.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Show(Shown),
    Next,
    Headers,
    From,
    Scroll,
    Delete(Then),
    Undelete,
    Mark(Mark),
    Save(Origin),
    SaveByAuthor(Origin),
    Mbox,
    Write,
    Pipe,
    Reply(Audience),
    Forward,
    Mail,
    Edit,
    Size,
    Folder,
    Folders,
    Followup(Audience),
    Alias,
    Unalias,
    Set,
    Unset,
    Ignore,
    Retain,
    If,
    Else,
    Endif,
    Source,
    Directory,
    Echo,
    Shell,
    Number,
    Hold,
    Help,
    Quit,
    Exit,
    Comment,
}

/// Names, how many of their letters are enough, what they mean, and what `?` says: empty for another name of the one
/// above.
const VERBS: &[(&str, usize, Verb, &str)] = &[
    ("next", 1, Verb::Next, "n LIST      the next letter, as Enter; a LIST alone: its next one"),
    ("print", 1, Verb::Show(Shown::Usual), "p LIST      show letters (t too)"),
    ("type", 1, Verb::Show(Shown::Usual), ""),
    (
        "Print",
        1,
        Verb::Show(Shown::Whole),
        "P LIST      show them with all of their header (T too)",
    ),
    ("Type", 1, Verb::Show(Shown::Whole), ""),
    ("top", 2, Verb::Show(Shown::Top), "to LIST     show their first lines"),
    ("headers", 1, Verb::Headers, "h LIST      the list, with that letter in it"),
    ("from", 1, Verb::From, "f LIST      lines of the list"),
    ("z", 1, Verb::Scroll, "z   z-      the next and the last page of the list"),
    ("delete", 1, Verb::Delete(Then::Ask), "d LIST      delete, when you leave by q"),
    ("dp", 2, Verb::Delete(Then::ShowNext), "dp          delete, and show the next"),
    ("dt", 2, Verb::Delete(Then::ShowNext), ""),
    ("undelete", 1, Verb::Undelete, "u LIST      take that back"),
    ("reply", 1, Verb::Reply(Audience::Everybody), "r LIST      answer everybody"),
    ("respond", 1, Verb::Reply(Audience::Everybody), ""),
    ("Reply", 1, Verb::Reply(Audience::Author), "R LIST      answer the author"),
    ("Respond", 1, Verb::Reply(Audience::Author), ""),
    (
        "followup",
        2,
        Verb::Followup(Audience::Everybody),
        "fo  F LIST  answer everybody, the author; a copy goes into a file of the author's name",
    ),
    ("Followup", 1, Verb::Followup(Audience::Author), ""),
    ("mail", 1, Verb::Mail, "m ADDRESS   write a letter"),
    ("forward", 4, Verb::Forward, "fwd LIST ADDRESS   send letters on"),
    ("fwd", 3, Verb::Forward, ""),
    (
        "save",
        1,
        Verb::Save(Origin::Struck),
        "s LIST FILE append letters to a file, and delete them (S: a file of the author's name)",
    ),
    ("Save", 1, Verb::SaveByAuthor(Origin::Struck), ""),
    (
        "copy",
        1,
        Verb::Save(Origin::Kept),
        "c LIST FILE append them, and keep them (C: a file of the author's name)",
    ),
    ("Copy", 1, Verb::SaveByAuthor(Origin::Kept), ""),
    ("mbox", 2, Verb::Mbox, "mb LIST     append them to ~/mbox, and delete them"),
    ("write", 1, Verb::Write, "w LIST FILE their texts into a file, attachments beside it"),
    ("touch", 3, Verb::Mark(Mark::Read), "tou LIST    mark them read"),
    ("unread", 5, Verb::Mark(Mark::Unread), "U LIST      mark them unread"),
    ("Unread", 1, Verb::Mark(Mark::Unread), ""),
    ("new", 3, Verb::Mark(Mark::Unread), ""),
    ("flag", 2, Verb::Mark(Mark::Flagged), "fl   unfl   mark them important, take that back"),
    ("unflag", 4, Verb::Mark(Mark::Unflagged), ""),
    ("pipe", 2, Verb::Pipe, "| LIST \"COMMAND\"   give letters to a command"),
    ("|", 1, Verb::Pipe, ""),
    (
        "edit",
        1,
        Verb::Edit,
        "e LIST      change letters with the editor (v too): what they were is deleted",
    ),
    ("visual", 1, Verb::Edit, ""),
    ("size", 2, Verb::Size, "si LIST     how long they are"),
    ("=", 1, Verb::Number, "=           which letter is the current one"),
    (
        "file",
        2,
        Verb::Folder,
        "fi MAILBOX  go to another one: +NAME, % the inbox, # the one before, & ~/mbox",
    ),
    ("folder", 4, Verb::Folder, ""),
    ("folders", 7, Verb::Folders, "folders     which there are"),
    ("chdir", 2, Verb::Directory, "cd DIR      go to another directory"),
    ("cd", 2, Verb::Directory, ""),
    ("echo", 2, Verb::Echo, ""),
    ("alias", 1, Verb::Alias, "a NAME ADDRESS...   a short name (una NAME: no more)"),
    ("group", 1, Verb::Alias, ""),
    ("unalias", 3, Verb::Unalias, ""),
    ("set", 2, Verb::Set, "se NAME=VALUE       a setting, as in ~/.mailrc (uns NAME: no more)"),
    ("unset", 3, Verb::Unset, ""),
    (
        "ignore",
        2,
        Verb::Ignore,
        "ig FIELD  ret FIELD fields that aren't shown; that alone are shown",
    ),
    ("discard", 2, Verb::Ignore, ""),
    ("retain", 3, Verb::Retain, ""),
    ("if", 1, Verb::If, ""),
    ("else", 2, Verb::Else, ""),
    ("endif", 2, Verb::Endif, ""),
    ("source", 2, Verb::Source, "so FILE     the commands of a file that set something up"),
    ("hold", 2, Verb::Hold, ""),
    ("preserve", 3, Verb::Hold, ""),
    ("shell", 2, Verb::Shell, "! COMMAND   run a command"),
    ("!", 1, Verb::Shell, ""),
    ("help", 3, Verb::Help, ""),
    ("list", 1, Verb::Help, ""),
    ("?", 1, Verb::Help, ""),
    ("quit", 1, Verb::Quit, "q           delete what was struck, and go"),
    ("exit", 2, Verb::Exit, "x           go, and delete nothing"),
    ("xit", 1, Verb::Exit, ""),
    ("#", 1, Verb::Comment, ""),
];

/// What `?` shows, a line each.
pub fn help() -> impl Iterator<Item = &'static str> {
    let lines = VERBS.iter().map(|(_, _, _, help)| *help).filter(|help| !help.is_empty());
    lines.chain([
        "LIST: numbers, 1-3, . this one, ^ first, $ last, + next, - the one before, * all; AUTHOR, /SUBJECT,",
        "      :u unread, :r read, :a answered, :f flagged, :d deleted. Without one: the current letter",
    ])
}

/// Reads a line.
///
/// # Errors
/// Where it is no command, or its list can't be read.
pub fn parse(line: &str) -> Result<Command, CommandError> {
    let line = line.trim();
    if line == "-" {
        return Ok(Command::Previous);
    }
    let (name, rest) = split(line);
    let verb = match name {
        "" => Verb::Next,
        name => verb_of(name).ok_or_else(|| CommandError::Unknown(name.to_owned()))?,
    };
    command(verb, rest.trim())
}

/// The command's name, and what is behind it: a name ends where its letters end (`d3`), a sign is one alone.
fn split(line: &str) -> (&str, &str) {
    let end = match line.chars().next() {
        Some('!' | '|' | '=' | '?' | '#') => 1,
        _ => line.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(line.len()),
    };
    line.split_at(end)
}

fn verb_of(name: &str) -> Option<Verb> {
    let fits = |full: &str, least: usize| name.len() >= least && full.starts_with(name);
    VERBS.iter().find(|(full, least, ..)| fits(full, *least)).map(|(_, _, verb, _)| *verb)
}

fn command(verb: Verb, rest: &str) -> Result<Command, CommandError> {
    let list = || Selection::parse(rest);
    let one = || Some(unquoted(rest).to_owned()).filter(|word| !word.is_empty());
    Ok(match verb {
        Verb::Show(how) => Command::Show(list()?, how),
        Verb::Next => Command::Next(list()?),
        Verb::Headers => Command::Headers(list()?),
        Verb::From => Command::From(list()?),
        Verb::Scroll => match rest {
            "-" => Command::Scroll(Page::Previous),
            _ => Command::Scroll(Page::Next),
        },
        Verb::Delete(then) => Command::Delete(list()?, then),
        Verb::Undelete => Command::Undelete(list()?),
        Verb::Mark(mark) => Command::Mark(list()?, mark),
        Verb::Save(origin) => {
            let (list, file) = list_and_word(rest)?;
            Command::Save(list, file.map_or(SaveTo::Mbox, SaveTo::File), origin)
        }
        Verb::SaveByAuthor(origin) => Command::Save(list()?, SaveTo::Author, origin),
        Verb::Mbox => Command::Save(list()?, SaveTo::Mbox, Origin::Struck),
        Verb::Write => {
            let (list, file) = list_and_word(rest)?;
            Command::Write(list, file)
        }
        Verb::Pipe => {
            let (list, command) = list_and_word(rest)?;
            Command::Pipe(list, command.ok_or(CommandError::Lacks("|", "a command"))?)
        }
        Verb::Reply(audience) => Command::Reply(list()?, audience),
        Verb::Forward => {
            let (list, address) = list_and_word(rest)?;
            Command::Forward(list, address.ok_or(CommandError::Lacks("fwd", "an address"))?)
        }
        Verb::Mail => Command::Mail(one().ok_or(CommandError::Lacks("m", "an address"))?),
        Verb::Edit => Command::Edit(list()?),
        Verb::Size => Command::Size(list()?),
        Verb::Folder => Command::Folder(one()),
        Verb::Folders => Command::Folders,
        Verb::Followup(audience) => Command::Followup(list()?, audience),
        Verb::Alias => {
            let mut words = words(rest).into_iter();
            let name = words.next();
            let list = words.map(|word| word.trim_end_matches(',').to_owned());
            let list = list.filter(|word| !word.is_empty()).collect();
            Command::Settings(vec![Setting::Alias(name, list)])
        }
        Verb::Unalias => Command::Settings(vec![Setting::Unalias(words(rest))]),
        Verb::Set => Command::Settings(Setting::set(&words(rest))),
        Verb::Unset => Command::Settings(vec![Setting::Unset(words(rest))]),
        Verb::Ignore => Command::Settings(vec![Setting::Ignore(words(rest))]),
        Verb::Retain => Command::Settings(vec![Setting::Retain(words(rest))]),
        Verb::If => Command::If(match rest.chars().next() {
            Some('s' | 'S') => Condition::Sending,
            Some('r' | 'R') => Condition::Reading,
            _ => Condition::Other,
        }),
        Verb::Else => Command::Else,
        Verb::Endif => Command::Endif,
        Verb::Source => Command::Source(one().ok_or(CommandError::Lacks("so", "a file"))?),
        Verb::Directory => Command::Directory(one()),
        Verb::Echo => Command::Echo(unquoted(rest).to_owned()),
        Verb::Shell => Command::Shell(Some(rest.to_owned()).filter(|command| !command.is_empty())),
        Verb::Number => Command::Number,
        Verb::Hold => Command::Hold,
        Verb::Help => Command::Help,
        Verb::Quit => Command::Quit,
        Verb::Exit => Command::Exit,
        Verb::Comment => Command::Comment,
    })
}

/// A list, and the last word behind it: quotes keep blanks in it. One word alone is that word, not a list, unless it can
/// be nothing else (`s 3`: letter 3 into the usual file).
fn list_and_word(rest: &str) -> Result<(Selection, Option<String>), CommandError> {
    let (list, word) = match rest.strip_suffix(['"', '\'']) {
        Some(quoted) if quoted.len() > 1 => {
            let quote = rest.get(quoted.len()..).unwrap_or_default();
            quoted.rsplit_once(quote).unwrap_or(("", quoted))
        }
        _ => rest.rsplit_once([' ', '\t']).unwrap_or(("", rest)),
    };
    let is_list = |word: &str| {
        let digits = |c: char| c.is_ascii_digit() || "-.^$*,".contains(c);
        word.starts_with(':') || !word.is_empty() && word.chars().all(digits) && word != "-"
    };
    match (list.trim(), word) {
        (list, word) if word.is_empty() || is_list(word) && !rest.ends_with(['"', '\'']) => {
            Ok((Selection::parse(&format!("{list} {word}"))?, None))
        }
        (list, word) => Ok((Selection::parse(list)?, Some(word.to_owned()))),
    }
}

/// Words as a shell has them: blanks in quotes, and behind a backslash, end none.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (' ' | '\t', None) => words.extend(word.take()),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            ('\\', None) => word.get_or_insert_default().extend(chars.next()),
            // `\n` and `\t` are for who puts the value into a letter.
            ('\\', Some('"')) => {
                let next = chars.next();
                let is_quoted = matches!(next, Some('"' | '\\'));
                let word = word.get_or_insert_default();
                word.extend((!is_quoted).then_some('\\').into_iter().chain(next));
            }
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn unquoted(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> Selection {
        Selection::parse(text).unwrap()
    }

    #[test]
    fn commands_as_people_type_them() {
        use Command::*;
        let file = |name: &str| SaveTo::File(name.to_owned());
        for (line, command) in [
            ("3\n", Next(list("3"))),
            ("p 3", Show(list("3"), Shown::Usual)),
            ("pri3-5", Show(list("3-5"), Shown::Usual)),
            ("t", Show(list(""), Shown::Usual)),
            ("T *", Show(list("*"), Shown::Whole)),
            ("to $", Show(list("$"), Shown::Top)),
            ("top", Show(list(""), Shown::Top)),
            ("tou 1", Mark(list("1"), super::Mark::Read)),
            ("\n", Next(list(""))),
            ("n", Next(list(""))),
            ("+", Next(list("+"))),
            ("-", Previous),
            ("/lunch", Next(list("/lunch"))),
            (":u", Next(list(":u"))),
            ("$", Next(list("$"))),
            ("h", Headers(list(""))),
            ("h40", Headers(list("40"))),
            ("f *", From(list("*"))),
            ("f ann /plan", From(list("ann /plan"))),
            ("z", Scroll(Page::Next)),
            ("z-", Scroll(Page::Previous)),
            ("d", Delete(list(""), Then::Ask)),
            ("d3", Delete(list("3"), Then::Ask)),
            ("d:r", Delete(list(":r"), Then::Ask)),
            ("dp", Delete(list(""), Then::ShowNext)),
            ("dt 2", Delete(list("2"), Then::ShowNext)),
            ("u 2", Undelete(list("2"))),
            ("U 2", Mark(list("2"), super::Mark::Unread)),
            ("unread 2", Mark(list("2"), super::Mark::Unread)),
            ("s", Save(list(""), SaveTo::Mbox, Origin::Struck)),
            ("s 1", Save(list("1"), SaveTo::Mbox, Origin::Struck)),
            ("s 1-3 old", Save(list("1-3"), file("old"), Origin::Struck)),
            ("s old", Save(list(""), file("old"), Origin::Struck)),
            ("s /plan /tmp/x", Save(list("/plan"), file("/tmp/x"), Origin::Struck)),
            ("s 2 \"two words\"", Save(list("2"), file("two words"), Origin::Struck)),
            ("c \"7\"", Save(list(""), file("7"), Origin::Kept)),
            ("S 2", Save(list("2"), SaveTo::Author, Origin::Struck)),
            ("C", Save(list(""), SaveTo::Author, Origin::Kept)),
            ("mb", Save(list(""), SaveTo::Mbox, Origin::Struck)),
            ("w 1 text", Write(list("1"), Some("text".into()))),
            ("w", Write(list(""), None)),
            ("| cat", Pipe(list(""), "cat".into())),
            ("pi 1 'grep -c x'", Pipe(list("1"), "grep -c x".into())),
            ("r", Reply(list(""), Audience::Everybody)),
            ("R2", Reply(list("2"), Audience::Author)),
            ("fwd 2 a@x.example", Forward(list("2"), "a@x.example".into())),
            ("m a@x.example, b@x.example", Mail("a@x.example, b@x.example".into())),
            ("si *", Size(list("*"))),
            ("fi", Folder(None)),
            ("folder Mail/old", Folder(Some("Mail/old".into()))),
            ("cd /tmp", Directory(Some("/tmp".into()))),
            ("ec hello", Echo("hello".into())),
            ("!id -u", Shell(Some("id -u".into()))),
            ("!", Shell(None)),
            ("=", Number),
            ("ho 1", Hold),
            ("?", Help),
            ("q", Quit),
            ("x", Exit),
            ("ex", Exit),
            ("# d *", Comment),
        ] {
            assert_eq!(parse(line), Ok(command), "{line:?}");
        }
    }

    #[test]
    fn commands_that_set_something_up() {
        use Command::*;
        for (line, command) in [
            ("e 2", Edit(list("2"))),
            ("v", Edit(list(""))),
            ("folders", Folders),
            ("fo 2", Followup(list("2"), Audience::Everybody)),
            ("F", Followup(list(""), Audience::Author)),
            ("so ~/more", Source("~/more".into())),
            ("if s", If(Condition::Sending)),
            ("if receive", If(Condition::Reading)),
            ("if t", If(Condition::Other)),
            ("el", Else),
            ("endif", Endif),
            ("ig", Settings(vec![Setting::Ignore(vec![])])),
            ("a", Settings(vec![Setting::Alias(None, vec![])])),
            (
                "alias ann \"Ann Lee <ann@x.example>\", bob",
                Settings(vec![Setting::Alias(
                    Some("ann".into()),
                    vec!["Ann Lee <ann@x.example>".into(), "bob".into()],
                )]),
            ),
            (
                "set prompt='& ' nosave a\\ b sign=\"a\\nb\\\"c\"",
                Settings(vec![
                    Setting::Set(vec![
                        ("prompt".into(), "& ".into()),
                        ("a b".into(), String::new()),
                        ("sign".into(), "a\\nb\"c".into()),
                    ]),
                    Setting::Unset(vec!["save".into()]),
                ]),
            ),
        ] {
            assert_eq!(parse(line), Ok(command), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_command_says_what_to_do() {
        for (line, words) in [
            ("so", "so wants a file behind it"),
            ("frobnicate 1", "no command \"frobnicate\"; ? shows all"),
            ("m", "m wants an address behind it"),
            ("|", "| wants a command behind it"),
            ("fwd 2", "fwd wants an address behind it"),
            ("p /", "/ wants a part of the subject behind it"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), words, "{line}");
        }
    }

    #[test]
    fn the_table_has_no_name_that_is_never_reached() {
        for (full, least, verb, _) in VERBS {
            assert_eq!(verb_of(full), Some(*verb), "{full}");
            assert_eq!(verb_of(full.get(..*least).unwrap()), Some(*verb), "{full}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in ".{0,60}") {
            let _ = parse(&line);
        }
    }
}
