//! What each command does. The name under which the program was called decides the grammar: `mail` and
//! `mailx`, `sendmail` and `mailq`, or else subcommands.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;

use clap::{CommandFactory as _, Parser, Subcommand};
use postroad_tui::model::Plain;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::account::{Account, Overrides};
use crate::compose::Mailbox as Person;
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::mailbox::{Mailbox, MailboxError};
use crate::safe_text::SafeText;
use crate::screen::Screen;
use crate::{full, outbox, safe_line};

mod account;
mod address;
mod answer;
mod doctor;
mod drafts;
mod folders;
mod keys;
mod lines;
mod login;
mod mail;
mod mailrc;
mod manual;
mod moving;
mod outbox_commands;
mod reader;
mod reading;
mod saving;
mod schema;
mod search;
mod send;
mod sendmail;
mod setup;
mod shell;
mod smtp_input;
pub(crate) mod text_input;
mod threads;
mod verifying;
mod writing;

/// Write, send and read mail
#[derive(Debug, Parser)]
#[command(name = "postroad-mua", version, about, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    overrides: Overrides,
    /// Numbered lines and prompts in place of a screen
    #[arg(long)]
    plain: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read mail in full screen, as without a command
    Open(OpenArguments),
    /// Send a letter; its text is read from standard input
    Send(send::Arguments),
    /// List the letters in the inbox, or in another folder
    List(reading::ListArguments),
    /// List the letters of a Maildir as conversations
    Threads(threads::ThreadsArguments),
    /// Show letters
    Read(reading::ReadArguments),
    /// Save what goes with letters: attachments, into new files
    Save(saving::SaveArguments),
    /// Answer a letter; your text is read from standard input
    Reply(answer::ReplyArguments),
    /// Send a letter on to somebody else
    Forward(answer::ForwardArguments),
    /// Delete letters: into the Trash, for good at a POP3 server
    Delete(reading::DeleteArguments),
    /// Move letters into another folder
    Move(moving::MoveArguments),
    /// Set or take away flags of letters
    Tag(moving::TagArguments),
    /// Folders: list, make, rename, remove, subscribe
    #[command(alias = "folder")]
    Folders(folders::Arguments),
    /// Take back what was done last: a deletion, a move, flags, a letter that is still held
    Undo(moving::UndoArguments),
    /// Whether letters are from whom they say: by their signatures, and by what hosts that you trust have found
    Verify(verifying::VerifyArguments),
    /// How letters travelled: hosts, delays, TLS, and who says so
    Trace(verifying::Arguments),
    /// Find letters, the newest first: by words that they hold, or by mutt's patterns
    Search(search::SearchArguments),
    /// Letters that are being written
    Drafts(drafts::Arguments),
    /// Letters that haven't left yet
    Outbox(outbox_commands::Arguments),
    /// People whom you know: find, add, remove
    Address(address::Arguments),
    /// Show the account, or write an account file
    Account(account::Arguments),
    /// Keys to sign and encrypt with: list, make, import, export
    Keys(keys::Arguments),
    /// Look whether the account works: read, write, send
    Doctor(doctor::Arguments),
    /// Write the manual's pages, for man(1)
    Manual(manual::ManualArguments),
    /// Print what a shell needs to complete these commands
    Completions(manual::CompletionsArguments),
    /// What the lines of --json hold, as JSON Schema
    Schema(schema::SchemaArguments),
    /// Be the mail command
    #[command(disable_help_flag = true)]
    Mail {
        /// As of mail(1)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Be the sendmail command
    #[command(disable_help_flag = true)]
    Sendmail {
        /// As of sendmail(1)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct OpenArguments {
    /// The folder to begin with [default: the inbox]
    folder: Option<String>,
    /// Numbered lines and prompts in place of a screen, as where TERM is dumb
    #[arg(long)]
    plain: bool,
}

/// Where letters are looked for.
#[derive(Debug, Clone, Default, clap::Args)]
struct In {
    /// The folder that the letters are in, as in Lists.Rust, or as the server calls it [default: the inbox]
    #[arg(long, short = 'f', value_name = "FOLDER")]
    folder: Option<String>,
}

impl In {
    async fn open(&self, account: &Account) -> Result<Mailbox, MailboxError> {
        Mailbox::open_at(account, self.folder.as_deref()).await
    }

    /// Whether a folder of that name is meant.
    fn is(&self, name: &str) -> bool {
        let own = self.folder.as_deref().unwrap_or(INBOX);
        own == name || own.eq_ignore_ascii_case(INBOX) && name.eq_ignore_ascii_case(INBOX)
    }
}

/// What every mailbox calls its inbox, in any case.
const INBOX: &str = "INBOX";

/// What every command works with.
struct Context<'a, 'b> {
    overrides: Overrides,
    screen: &'a mut Screen<'b>,
}

impl Context<'_, '_> {
    fn account(&self) -> Result<Account, Error> {
        Ok(Account::load(&self.overrides)?)
    }
}

/// The account's owner, as an author.
fn author(account: &Account) -> Person {
    Person::new(account.name.as_deref(), account.address.clone())
}

/// Runs the program; `arguments` begins with the name that it was called by. Gives the exit status.
pub fn run(arguments: impl Iterator<Item = OsString>) -> u8 {
    quiet_panics();
    keep_no_core();
    postroad_net::tls::install_provider();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let mut screen = Screen::new(&mut out, &mut err);
    let exit = match words(arguments) {
        Ok(words) => {
            let result = match full_screen(&words) {
                // It waits for nothing but keys and messages: no runtime is around it.
                Some(wanted) => open(&wanted, &mut screen),
                None => on_runtime(dispatch(&words, &mut screen)),
            };
            result.unwrap_or_else(|error| complain(&error, &mut screen))
        }
        Err(usage) => complain(&Error::Usage(usage), &mut screen),
    };
    exit as u8
}

/// One thread does it all: a command has one thing to do at a time.
fn on_runtime(work: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// What the full screen is to begin with.
struct FullScreen {
    overrides: Overrides,
    folder: Option<String>,
    plain: Plain,
}

/// The full screen, if these words ask for it: `open`, or no command where somebody sits at both ends.
fn full_screen(words: &[String]) -> Option<FullScreen> {
    if is_front_door(words) {
        return None;
    }
    let line = CommandLine::try_parse_from(words).ok()?;
    let (folder, is_plain) = match line.command {
        Some(Command::Open(arguments)) => (arguments.folder, arguments.plain || line.plain),
        None if is_interactive() => (None, line.plain),
        Some(_) | None => return None,
    };
    let plain = if is_plain { Plain::Lines } else { Plain::Screen };
    Some(FullScreen { overrides: line.overrides.anchored(), folder, plain })
}

fn open(wanted: &FullScreen, screen: &mut Screen<'_>) -> Result<Exit, Error> {
    if !is_interactive() {
        let words = "open needs a terminal at both ends; list and read need none";
        return Err(Usage(words.into()).into());
    }
    let mut context = Context { overrides: wanted.overrides.clone(), screen };
    if setup::is_wanted(&wanted.overrides) {
        match on_runtime(setup::run(&mut context, &setup::DialogArguments::default()))? {
            Exit::Done => {}
            exit => return Ok(exit),
        }
    }
    let mut accounts = Vec::new();
    for overrides in wanted.overrides.of_each() {
        context.overrides = overrides.clone();
        let account = context.account()?;
        nudge_outbox(&mut context, &account);
        accounts.push((account, overrides));
    }
    full::run(&accounts, wanted.folder.as_deref(), wanted.plain)
}

/// No crash leaves passwords and letters in a file (row U17). Programs that are started from here may raise the limit again.
fn keep_no_core() {
    let limit = getrlimit(Resource::Core);
    // Where it can't be set it is as it was for every program.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..limit });
}

/// The panic's own text may hold what a stranger wrote: only where it happened is told. What parses
/// strangers' letters runs where a panic costs a page, not the program.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault in this program");
        // The main thread has the terminal, if anybody has; its end is the program's.
        if std::thread::current().name() == Some("main") && full::give_back() {
            eprintln!("postroad-mua: a fault in this program ({place})");
        }
    }));
}

fn words(arguments: impl Iterator<Item = OsString>) -> Result<Vec<String>, Usage> {
    let word = |word: OsString| {
        word.into_string()
            .map_err(|word| Usage(format!("an argument is no UTF-8: {}", word.to_string_lossy())))
    };
    arguments.map(word).collect()
}

fn complain(error: &Error, screen: &mut Screen<'_>) -> Exit {
    // A reader that has seen enough closes the pipe: that is nobody's fault.
    if matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe) {
        return Exit::Done;
    }
    screen.say(&safe_line!("postroad-mua: {}", error.words()));
    error.exit()
}

/// The name that the program was called by.
fn called(words: &[String]) -> Cow<'_, str> {
    words.first().map(Path::new).and_then(Path::file_name).unwrap_or_default().to_string_lossy()
}

/// Whether it stands in for another program.
fn is_front_door(words: &[String]) -> bool {
    matches!(called(words).as_ref(), "mail" | "mailx" | "Mail" | "sendmail" | "mailq")
}

async fn dispatch(words: &[String], screen: &mut Screen<'_>) -> Result<Exit, Error> {
    let rest = words.get(1..).unwrap_or_default();
    let context = |screen| Context { overrides: Overrides::from_environment(), screen };
    match called(words).as_ref() {
        "mail" | "mailx" | "Mail" => mail::run(context(screen), rest).await,
        "sendmail" => sendmail::run(context(screen), rest).await,
        "mailq" => outbox_commands::show_queue(&mut context(screen)).await,
        _ => subcommand(words, screen).await,
    }
}

async fn subcommand(words: &[String], screen: &mut Screen<'_>) -> Result<Exit, Error> {
    let line = match CommandLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => return Ok(explain(&error)),
    };
    let mut context = Context { overrides: line.overrides.anchored(), screen };
    let Some(command) = line.command else {
        // Nobody sits in front of it: a command is missing.
        let strict = CommandLine::command().subcommand_required(true).arg_required_else_help(true);
        return Ok(strict
            .try_get_matches_from(words)
            .map_or_else(|error| explain(&error), |_| Exit::Usage));
    };
    match command {
        Command::Open(_) => Ok(Exit::Usage),
        Command::Send(arguments) => send::run(&mut context, arguments).await,
        Command::List(arguments) => reading::list(&mut context, &arguments).await,
        Command::Threads(arguments) => threads::run(&mut context, &arguments).await,
        Command::Read(arguments) => reading::read(&mut context, &arguments).await,
        Command::Save(arguments) => saving::save(&mut context, &arguments).await,
        Command::Reply(arguments) => answer::reply(&mut context, arguments).await,
        Command::Forward(arguments) => answer::forward(&mut context, arguments).await,
        Command::Delete(arguments) => reading::delete(&mut context, &arguments).await,
        Command::Move(arguments) => moving::move_letters(&mut context, &arguments).await,
        Command::Tag(arguments) => moving::tag(&mut context, &arguments).await,
        Command::Folders(arguments) => folders::run(&mut context, &arguments).await,
        Command::Undo(arguments) => moving::undo(&mut context, &arguments).await,
        Command::Verify(arguments) => verifying::verify(&mut context, &arguments).await,
        Command::Trace(arguments) => verifying::trace(&mut context, &arguments).await,
        Command::Search(arguments) => search::search(&mut context, &arguments).await,
        Command::Drafts(arguments) => drafts::run(&mut context, &arguments).await,
        Command::Outbox(arguments) => outbox_commands::run(&mut context, &arguments).await,
        Command::Address(arguments) => address::run(&mut context, &arguments),
        Command::Account(arguments) => account::run(&mut context, &arguments).await,
        Command::Keys(arguments) => keys::run(&mut context, &arguments),
        Command::Doctor(arguments) => doctor::run(&mut context, &arguments).await,
        Command::Manual(arguments) => manual::manual(&mut context, &arguments),
        Command::Completions(arguments) => manual::completions(&mut context, &arguments),
        Command::Schema(arguments) => schema::run(&mut context, &arguments),
        Command::Mail { words } => mail::run(context, &words).await,
        Command::Sendmail { words } => sendmail::run(context, &words).await,
    }
}

/// Whether all that a front door is asked for is help; its own options have one letter.
fn asks_for_help(words: &[String]) -> bool {
    matches!(words, [word] if word == "--help")
}

fn show_help(context: &mut Context<'_, '_>, help: &str) -> Result<Exit, Error> {
    for line in help.lines() {
        context.screen.show(&safe_line!("{line}"))?;
    }
    Ok(Exit::Done)
}

/// clap's own words: help to standard output, a mistake to standard error.
fn explain(error: &clap::Error) -> Exit {
    // What it quotes is what the caller typed; where it can't be printed nobody reads it.
    let _ = error.print();
    match error.exit_code() {
        0 => Exit::Done,
        _ => Exit::Usage,
    }
}

/// Every start of the user agent tries what waits in the outbox, and says what was refused: nobody else
/// tells the author.
fn nudge_outbox(context: &mut Context<'_, '_>, account: &Account) {
    let Some(folder) = account.outbox.as_deref() else { return };
    if is_interactive() {
        drafts::remind(context, account);
    }
    match outbox::listing::refused(folder) {
        0 => {}
        count => context.screen.say(&safe_line!(
            "{} in the outbox refused by the server: see postroad-mua outbox",
            letters(count)
        )),
    }
    if outbox::has_letters(folder)
        && let Err(error) = outbox::start::start(&context.overrides)
    {
        tracing::warn!(%error, "cannot start the sender");
    }
}

/// Whether somebody sits at both ends.
fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// `1 letter`, `2 letters`
fn letters(count: usize) -> SafeText {
    match count {
        1 => SafeText::line("1 letter"),
        _ => safe_line!("{count} letters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u17_a_crash_leaves_no_core() {
        keep_no_core();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
    }
}
