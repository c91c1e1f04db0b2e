//! `postroad-mda refilter`: a user's rules over letters that are filed already.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::{Disk as _, DiskError, NoLinks};
use postroad_observe::inert::escape;
use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::reply::Reply;
use postroad_store::{Courier, FolderName, Maildir, Stored};

use super::{Call, Environment, Verdict, ground, recipient, settings};
use crate::asked::Asked;
use crate::events::{self, Chain};
use crate::letter::{Came, Header};
use crate::replies;
use crate::rules::{self, Book as _, Mailbox, Parcel, Rules, UserScript, refilter};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Refilter {
    /// The settings.
    pub config: Option<PathBuf>,
    /// Whose mailbox; `None`: the caller's.
    pub user: Option<String>,
    /// Which folders, in UTF-8; none: the inbox.
    pub folders: Vec<String>,
    /// A script in place of the user's own.
    pub script: Option<PathBuf>,
    /// Whether anything is done.
    pub mode: Mode,
}

/// Whether anything is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is only said.
    #[default]
    Preview,
    /// It is done, letter by letter: it may be interrupted at each.
    Apply,
}

/// How many letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refiltered {
    /// Were looked at.
    pub letters: usize,
    /// Were moved or flagged, or would be.
    pub changed: usize,
    /// Could not be read, run over or moved; they are where they were.
    pub failed: usize,
}

/// Who hears what is done.
pub trait Listener {
    /// So many letters will be looked at.
    fn expects(&mut self, letters: usize);

    /// What becomes of the next one, in a line.
    ///
    /// # Errors
    /// Where that goes nowhere: nothing more is done.
    fn hears(&mut self, line: &str) -> io::Result<()>;
}

/// Runs the rules over letters, and says of each what becomes of it.
///
/// # Errors
/// Where there is no such user, folder or script, or nobody reads what is said.
pub fn refilter(
    wanted: &Refilter,
    environment: &Environment,
    listener: &mut dyn Listener,
) -> Result<Refiltered, Verdict> {
    run(wanted, environment, listener).map_err(Verdict::from)
}

fn run(
    wanted: &Refilter,
    environment: &Environment,
    listener: &mut dyn Listener,
) -> Result<Refiltered, Reply> {
    let wrong = |text: &str| replies::misconfigured(text);
    let call = Call { user: wanted.user.clone(), rules: wanted.script.clone(), ..Call::default() };
    let (config, settings) = settings(wanted.config.clone())?;
    let recipient = recipient::find(&call, environment, &config, settings)?;
    // As deliveries are; and nothing is executed here, whatever rules say.
    events::confined(&ground(&recipient).confine().into());
    let rules = Rules::of_settings(&config);
    let script = rules
        .script(&recipient.scripts, recipient.maildir.root())
        .map_err(|error| wrong(&Chain(&error).to_string()))?
        .ok_or_else(|| wrong("the user has no rules: give them with --script FILE"))?;
    if let Err(problems) = &script.compiled {
        return Err(wrong(&problems.to_string()));
    }
    let courier = Courier::new(Arc::new(NoLinks), &config.hostname);
    let inbox = courier.resolve(&recipient.maildir);
    let inbox = inbox.map_err(|error| wrong(&Chain(&error).to_string()))?;
    let pass = Pass {
        rules: &rules,
        script: &script,
        mailbox: Mailbox { courier: &courier, inbox: &inbox },
        recipient: &recipient,
        host: &config.hostname,
        octets_max: config.mda.message_size_max,
        mode: wanted.mode,
    };
    // Before any is moved: each is looked at once.
    let folders = folders(&wanted.folders, &inbox)?;
    let letters = folders.iter().map(|folder| courier.letters(folder));
    let letters = letters.collect::<Result<Vec<_>, _>>();
    let letters = letters.map_err(|error| wrong(&Chain(&error).to_string()))?.concat();
    listener.expects(letters.len());
    let mut count = Refiltered::default();
    for letter in letters {
        let line = pass.letter(&letter, &mut count);
        // Whoever delivers here names the files.
        let path = letter.path().display().to_string();
        listener
            .hears(&format!("{}: {line}", escape(&path)))
            .map_err(|error| wrong(&format!("cannot say what is done: {error}")))?;
    }
    Ok(count)
}

fn folders(names: &[String], inbox: &Maildir) -> Result<Vec<Maildir>, Reply> {
    let inbox_itself = || match inbox.inbox_file() {
        None => Ok(inbox.clone()),
        Some(file) => Err(replies::misconfigured(&format!(
            "the inbox is the mailbox file {}, which isn't read: name folders",
            file.display()
        ))),
    };
    if names.is_empty() {
        return Ok(vec![inbox_itself()?]);
    }
    let folder = |name: &String| match name.eq_ignore_ascii_case("INBOX") {
        true => inbox_itself(),
        false => FolderName::from_utf8(name).map(|name| inbox.folder(&name)).map_err(|error| {
            replies::misconfigured(&format!("\"{}\": {error}", name.escape_debug()))
        }),
    };
    names.iter().map(folder).collect()
}

/// What is the same for all letters.
struct Pass<'a> {
    rules: &'a Rules,
    script: &'a UserScript,
    mailbox: Mailbox<'a>,
    recipient: &'a recipient::Recipient,
    host: &'a str,
    octets_max: u64,
    mode: Mode,
}

impl Pass<'_> {
    /// What becomes of a letter, or what stands in the way.
    fn letter(&self, letter: &Stored, count: &mut Refiltered) -> String {
        count.letters += 1;
        match self.try_letter(letter) {
            Ok((line, changed)) => {
                count.changed += usize::from(changed == Changed::Yes);
                line
            }
            Err(error) => {
                count.failed += 1;
                format!("stays: {error}")
            }
        }
    }

    /// As much of it as a letter may have.
    fn read(&self, letter: &Stored) -> Result<Vec<u8>, DiskError> {
        let file = NoLinks.open_read(&letter.path())?;
        let octets = file.len()?.min(self.octets_max);
        let mut message = vec![0; usize::try_from(octets).unwrap_or(usize::MAX)];
        let read = file.read_at(&mut message, 0)?;
        message.truncate(read);
        Ok(message)
    }

    fn try_letter(&self, letter: &Stored) -> Result<(String, Changed), String> {
        let message = self.read(letter).map_err(|error| Chain(&error).to_string())?;
        let header = Header::read(&message);
        let parcel = Parcel {
            message: header.kept_of(&message).collect::<Vec<_>>().concat().into(),
            return_path: &header.return_path.clone().unwrap_or(ReversePath::Null),
            to: &self.recipient.address,
            user: &self.recipient.user,
            recipient: rules::Recipient::Alone,
            came: Came::Piped { uid: postroad_host::caller() },
            utf8: Utf8::Ascii,
            asked: Asked::default(),
            host: self.host,
        };
        let again = self.rules.again(self.script, &parcel, self.mailbox, letter.folder());
        let again = again.map_err(|error| Chain(&error).to_string())?;
        let mut line = format!("\"{}\" {}", refilter::subject(&message), again.why);
        let Some(spot) = again.spot else { return Ok((line, Changed::No)) };
        if self.mode == Mode::Apply {
            let notes = self.rules.refile(letter, spot, self.mailbox);
            for note in notes.map_err(|error| Chain(&error).to_string())? {
                line += &format!("; {note}");
            }
        }
        Ok((line, Changed::Yes))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Yes,
    No,
}
