//! Whose mailbox a one-shot delivery goes into, and as whom.
//!
//! | `-d` | settings | mailbox | rules |
//! |---|---|---|---|
//! | - | - | the caller's: `~/Maildir` or a mailbox file | `~/.postroad.sieve`, else `~/.dovecot.sieve` |
//! | user | a file | `mda.maildir` and `mda.mbox` of that user of ours | `mda.sieve` of that user |
//! | user | a file, where only the host knows the user, who calls | as without `-d` | as without `-d` |
//! | user | none | that user's of the host, as the caller's | as the caller's |
//!
//! Which of the two a user of the host has: [`mailbox::of_host_user`].

use std::cell::LazyCell;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use postroad_accounts::{Accounts, Directory, QuotaRule, Resolution, Sources, UserName};
use postroad_config::Config;
use postroad_host::HostUser;
use postroad_protocol::address::Address;
use postroad_protocol::reply::Reply;
use postroad_store::{FolderName, Maildir};

use super::call::{Call, Environment, MissingFolder};
use super::host_user;
use super::personality::LeftBehind;
use crate::events::Chain;
use crate::mailbox::Habits;
use crate::{mailbox, replies};

/// A user's rules, in a home.
const OUR_SCRIPT: &str = ".postroad.sieve";
/// Where they may be; the second is where Dovecot has them.
const SCRIPTS: [&str; 2] = [OUR_SCRIPT, ".dovecot.sieve"];

/// Where a letter goes.
#[derive(Debug)]
pub(super) struct Recipient {
    /// The mailbox.
    pub(super) maildir: Maildir,
    /// What `Delivered-To` says.
    pub(super) address: Address,
    /// The user's name.
    pub(super) user: String,
    /// Where the user's rules may be: the first that is there counts.
    pub(super) scripts: Vec<PathBuf>,
    /// What the file of users says that the mailbox may hold.
    pub(super) quota: QuotaRule,
    /// The home of a user of the host.
    pub(super) home: Option<PathBuf>,
}

/// Whose mailbox it is, and where.
struct Found {
    maildir: Maildir,
    user: String,
    scripts: Vec<PathBuf>,
    quota: QuotaRule,
    home: Option<PathBuf>,
}

impl Found {
    fn in_home(home: &Path, user: String, habits: Habits<'_>) -> Self {
        let scripts = SCRIPTS.map(|name| home.join(name)).to_vec();
        let maildir = mailbox::of_host_user(home, &user, habits);
        let (quota, home) = (QuotaRule::default(), Some(home.to_owned()));
        Self { maildir, user, scripts, quota, home }
    }
}

/// Finds the recipient, and becomes the owner of the mailbox where that is somebody else.
pub(super) fn find(
    call: &Call,
    environment: &Environment,
    config: &Config,
    settings: SettingsFrom,
) -> Result<Recipient, Reply> {
    let Found { maildir, user, mut scripts, quota, home } = match (&call.user, settings) {
        (None, _) => of_caller(call, environment)?,
        (Some(user), SettingsFrom::File) => of_ours(user, config, call, environment)?,
        (Some(user), SettingsFrom::Nowhere) => of_host_user(user, call, environment)?,
    };
    if let Some(home) = &home {
        is_in_order(home)?;
    }
    if let Some(rules) = &call.rules {
        // Without them the letter would go where it shouldn't.
        if !rules.is_file() {
            let text = format!("there are no rules in {}: mend the path", rules.display());
            return Err(replies::misconfigured(&text));
        }
        scripts = vec![rules.clone()];
    } else if let (Some(home), Some(theirs)) = (&home, call.left_behind) {
        no_rules_are_forgotten(home, theirs, &scripts)?;
    }
    let address = address(call, environment, config, &user)?;
    Ok(Recipient { maildir, address, user, scripts, quota, home })
}

/// The same where it costs no more than a look at some names: the caller's own Maildir, which is there, in a home that is
/// in order and has no rules, ours or left behind. `None` where it is anything else, or can't be told.
pub(super) fn of_plain_call(
    call: &Call,
    environment: &Environment,
    config: &Config,
) -> Option<Recipient> {
    let Call { user: None, rules: None, letter: None, .. } = call else { return None };
    // Row M03.
    let user = environment.user.clone().filter(|name| name != "root")?;
    let home = environment.home.as_ref().map(PathBuf::from).filter(|home| home.is_absolute())?;
    let maildir = mailbox::in_home(&home);
    if postroad_host::caller() == 0 || !maildir.root().exists() {
        return None;
    }
    is_in_order(&home).ok()?;
    let rules = SCRIPTS.into_iter().chain(call.left_behind.map(|theirs| theirs.name));
    rules.map(|name| home.join(name)).all(|file| is_missing(&file)).then_some(())?;
    let address = address(call, environment, config, &user).ok()?;
    let (quota, scripts) = (QuotaRule::default(), Vec::new());
    Some(Recipient { maildir, address, user, scripts, quota, home: Some(home) })
}

fn is_missing(file: &Path) -> bool {
    let looked_at = file.symlink_metadata();
    looked_at.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Row M04. A home that isn't there is mostly one that isn't mounted: nobody's mail is to lie below the mount. In one
/// that others can write to they may put a mailbox of theirs in the place of the user's, and by the sticky bit a user
/// says "wait", as with qmail.
fn is_in_order(home: &Path) -> Result<(), Reply> {
    let why = match std::fs::metadata(home) {
        Err(error) => format!("{error}; is it mounted?"),
        Ok(metadata) if !metadata.is_dir() => "it is no directory".to_owned(),
        Ok(metadata) if metadata.mode() & 0o1000 != 0 => {
            "it is sticky, which says \"wait\"; chmod -t it".to_owned()
        }
        Ok(metadata) if metadata.mode() & 0o002 != 0 => {
            "everybody can write to it; chmod o-w it".to_owned()
        }
        Ok(_) => return Ok(()),
    };
    Err(replies::misconfigured(&format!("the home {} is not in order: {why}", home.display())))
}

/// Who swaps the program counts on users' rules: a letter that would go elsewhere without them waits, until they are
/// rules of ours.
fn no_rules_are_forgotten(home: &Path, theirs: LeftBehind, ours: &[PathBuf]) -> Result<(), Reply> {
    let file = home.join(theirs.name);
    // Whether it can be read is asked where it is imported; what is empty says nothing.
    let is_there = file.symlink_metadata().is_ok_and(|metadata| metadata.len() > 0);
    if !is_there || ours.iter().any(|script| script.symlink_metadata().is_ok()) {
        return Ok(());
    }
    let (language, script) = (theirs.language, home.join(OUR_SCRIPT));
    Err(replies::misconfigured(&format!(
        "the rules in {file} are not ours: \"postroad-mda import {language} {file} --output {script}\" writes them as \
         Sieve; with an empty {script} all goes to the inbox",
        file = file.display(),
        script = script.display(),
    )))
}

/// Whether there is a file of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SettingsFrom {
    File,
    Nowhere,
}

/// The folder that the caller names, where it is there or is to be made; else the mailbox itself.
pub(super) fn folder(maildir: Maildir, call: &Call, disk: &dyn postroad_disk::Disk) -> Maildir {
    let name = call.folder.as_deref().and_then(|name| FolderName::parse(name).ok());
    match name.map(|name| maildir.folder(&name)) {
        // What can't be made there is an error of the delivery.
        Some(folder) if call.missing_folder == MissingFolder::Created => folder,
        Some(folder) if folder.exists(disk).unwrap_or(false) => folder,
        Some(_) | None => maildir,
    }
}

fn of_caller(call: &Call, environment: &Environment) -> Result<Found, Reply> {
    let uid = postroad_host::caller();
    // Row M03. Nothing that lies in root's home is ever written by mail.
    if uid == 0 {
        return Err(no_mail_for_root());
    }
    // Postfix delivers to root as somebody else (`default_privs`), who can't look at root's rules.
    if environment.user.as_deref() == Some("root") {
        return Err(replies::misconfigured(NO_MAIL_FOR_ROOT));
    }
    // Only where it is needed: the host's name service may be slow, and just to load it takes a while.
    let known = LazyCell::new(|| host_user::by_uid(uid));
    let home = environment.home.as_ref().map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.map_or_else(
        || match &*known {
            Ok(Some(user)) => Ok(user.home.clone()),
            Ok(None) => {
                let text = format!("uid {uid} has no home directory: set HOME or give -d USER");
                Err(replies::misconfigured(&text))
            }
            Err(reply) => Err(reply.clone()),
        },
        Ok,
    )?;
    let name =
        environment.user.clone().or_else(|| Some(known.as_ref().ok()?.as_ref()?.name.clone()));
    let habits = Habits { mail: environment.mail.as_deref(), missing: call.missing_mailbox };
    Ok(Found::in_home(&home, name.unwrap_or_else(|| format!("uid{uid}")), habits))
}

fn of_ours(
    user: &str,
    config: &Config,
    call: &Call,
    environment: &Environment,
) -> Result<Found, Reply> {
    let accounts = Accounts::open(Sources::of(config))
        .map_err(|error| replies::misconfigured(&Chain(&error).to_string()))?;
    let directory = accounts.directory();
    let Some(user) = named(&directory, user) else {
        // Beside our users there are the host's: when they call, their own name is theirs.
        return match is_caller(user)? {
            true => of_caller(call, environment),
            false => Err(replies::unknown_to(&directory)),
        };
    };
    if directory.is_of_host(user.as_str()) {
        return of_host_user(user.as_str(), call, environment);
    }
    let maildir = mailbox::of_user(&config.mda, &user);
    if postroad_host::caller() == 0 {
        let file = maildir.inbox_file().filter(|file| file.exists());
        host_user::become_owner_of(file.unwrap_or(maildir.root()))?;
    }
    let scripts = config.mda.sieve_of(user.as_str()).into_iter().collect();
    let quota = directory.quota(user.as_str());
    Ok(Found { maildir, user: user.as_str().to_owned(), scripts, quota, home: None })
}

/// Whether that is the name, with or without a domain, that the host knows us by.
fn is_caller(text: &str) -> Result<bool, Reply> {
    let name = text.split('@').next().unwrap_or_default();
    let caller = host_user::by_uid(postroad_host::caller())?;
    Ok(caller.is_some_and(|caller| caller.name == name))
}

/// `alice`, `alice@our.example`, `alice+lists@our.example`.
fn named(directory: &Directory, text: &str) -> Option<UserName> {
    if let Some(user) = directory.user(text) {
        return Some(user.clone());
    }
    let address = Address::parse(text).ok()?;
    if let Some((user, _)) = directory.mailbox(&address) {
        return Some(user.clone());
    }
    match directory.resolve(&address) {
        Resolution::Mailbox { user, .. } => Some(user),
        // Aliases were the business of whoever called us.
        Resolution::Alias(_) | Resolution::Unknown | Resolution::NotLocal => None,
    }
}

fn of_host_user(text: &str, call: &Call, environment: &Environment) -> Result<Found, Reply> {
    let name = text.split('@').next().unwrap_or_default();
    let user = host_user::by_name(name)?.ok_or_else(replies::unknown_user)?;
    // Row M03: root by that or any other name.
    if user.uid == 0 {
        return Err(no_mail_for_root());
    }
    let caller = postroad_host::caller();
    if caller == user.uid {
        return of_caller(call, environment);
    }
    if caller != 0 {
        return Err(replies::misconfigured(&cannot_become(caller, &user)));
    }
    // MAIL would be the caller's.
    let habits = Habits { mail: None, missing: call.missing_mailbox };
    let wanted = mailbox::of_host_user(&user.home, &user.name, habits);
    if let Some(file) = wanted.inbox_file() {
        host_user::make_mailbox_file(file, &user)?;
    }
    host_user::become_user(&user)?;
    Ok(Found::in_home(&user.home, user.name, habits))
}

fn cannot_become(caller: u32, user: &HostUser) -> String {
    format!(
        "uid {caller} cannot deliver to {}: run postroad-mda as that user or as root, or give --config FILE \
         where the user has a mailbox",
        user.name
    )
}

const NO_MAIL_FOR_ROOT: &str = "No mail is filed for root: make root an alias of a person";

fn no_mail_for_root() -> Reply {
    Reply::new(550, (5, 1, 1), NO_MAIL_FOR_ROOT)
}

/// The recipient's address: what the caller named, or what user and host make.
fn address(
    call: &Call,
    environment: &Environment,
    config: &Config,
    name: &str,
) -> Result<Address, Reply> {
    let host = &config.hostname;
    let mut named = call.recipients(environment, host);
    if let Some(address) = named.find_map(|text| Address::parse(&text).ok()) {
        return Ok(address);
    }
    let separator = config.accounts.detail_separator;
    let with_extension = call
        .extension(environment)
        .and_then(|extension| Address::parse(&format!("{name}{separator}{extension}@{host}")).ok());
    with_extension
        .or_else(|| Address::parse(&format!("{name}@{host}")).ok())
        .ok_or_else(|| replies::misconfigured("the recipient's name makes no address"))
}
