//! `postroad user`: the file of users. Running agents see a change within a second.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use postroad_accounts::{
    Label, Scheme, Service, UserName, app_passwords, generate_password, users,
};
use postroad_config::{Accounts, ScramOffer};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::cli::{Form, Output, Settings};
use crate::screen;

/// `postroad user`
#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// The name: what stands before the @
        #[arg(value_parser = UserName::parse)]
        name: UserName,
        #[command(flatten)]
        source: Source,
    },
    /// Change a user's password; it is asked for, or read from standard input
    Password {
        /// The name
        #[arg(value_parser = UserName::parse)]
        name: UserName,
        #[command(flatten)]
        source: Source,
    },
    /// Remove a user; the mail stays
    Remove {
        /// The name
        #[arg(value_parser = UserName::parse)]
        name: UserName,
    },
    /// List the users
    List(Form),
    /// Add, list and remove a user's app passwords: one for each program, each taken back by itself
    AppPassword {
        #[command(subcommand)]
        action: AppPasswordAction,
    },
}

#[derive(Debug, Subcommand)]
enum AppPasswordAction {
    /// Make an app password up and print it; nobody can print it again
    Add {
        /// Whose
        #[arg(value_parser = UserName::parse)]
        user: UserName,
        /// What it is called: the program or the device that gets it
        #[arg(value_parser = Label::parse)]
        name: Label,
        /// What it is good for, of imap, pop3, sieve, submission; all of them unless told
        #[arg(long = "for", value_name = "PROTOCOL", value_delimiter = ',', value_parser = Service::parse)]
        services: Vec<Service>,
    },
    /// List a user's app passwords
    List {
        /// Whose
        #[arg(value_parser = UserName::parse)]
        user: UserName,
        #[command(flatten)]
        form: Form,
    },
    /// Take an app password back: it opens nothing from now on; sessions that it opened go on
    Remove {
        /// Whose
        #[arg(value_parser = UserName::parse)]
        user: UserName,
        /// What it is called
        #[arg(value_parser = Label::parse)]
        name: Label,
    },
}

/// Where the new password comes from, and how it is kept.
#[derive(Debug, Args)]
struct Source {
    /// Keep keys of SCRAM-SHA-256 in place of an Argon2id hash: the password need never be sent, and a stolen file is
    /// easier to guess from. Unless told, a password is kept as the one before; a new user's as those of all others
    #[arg(long, conflicts_with = "argon2id")]
    scram: bool,
    /// Keep an Argon2id hash: the dearest to guess from a stolen file, and no SCRAM
    #[arg(long)]
    argon2id: bool,
    /// Make a password up and print it
    #[arg(long)]
    generate: bool,
}

/// Octets of a password that are read at most; the accounts crate has the real limit.
const INPUT_OCTETS_MAX: u64 = 4_096;

pub(crate) fn run(user: &User) -> Result<ExitCode> {
    let loaded = user.settings.load()?;
    let (config, file) = (&loaded.config, &loaded.config.accounts.users);
    let mut out = anstream::stdout().lock();
    match &user.action {
        Action::Add { name, source } => {
            if known(file, name).is_ok() {
                bail!(
                    "there is a user \"{name}\" already: `postroad user password {name}` changes the password"
                );
            }
            let password = source.password()?;
            // Somebody of that name may have been removed by hand.
            app_passwords::remove_all(&config.accounts.app_passwords, name)?;
            let users = users::schemes(file)?;
            let as_the_others = match users.iter().all(|(_, scheme)| *scheme == Some(Scheme::Scram))
            {
                true if !users.is_empty() => Scheme::Scram,
                true | false => Scheme::Argon2id,
            };
            users::add(file, name, password.octets(), source.scheme(as_the_others))?;
            let addresses: Vec<_> =
                config.domains.iter().map(|domain| name.at(domain).to_string()).collect();
            writeln!(out, "{name} is a user now: {}", addresses.join(", "))?;
            password.tell(&mut out)?;
            tell_of_scram(&mut out, &config.accounts)?;
        }
        Action::Password { name, source } => {
            let password = source.password()?;
            let users = users::schemes(file)?;
            let as_before = users.iter().find(|(user, _)| is_same(user, name));
            let as_before = as_before.and_then(|(_, scheme)| *scheme).unwrap_or_default();
            users::set_password(file, name, password.octets(), source.scheme(as_before))?;
            writeln!(out, "{name} has a new password")?;
            password.tell(&mut out)?;
            tell_of_scram(&mut out, &config.accounts)?;
        }
        Action::Remove { name } => {
            users::remove(file, name)?;
            app_passwords::remove_all(&config.accounts.app_passwords, name)?;
            let maildir = config.mda.maildir.replace("{user}", name.as_str());
            writeln!(out, "{name} is no user any more; the mail stays in {maildir}")?;
        }
        Action::AppPassword { action } => app_password(action, &config.accounts, &mut out)?,
        Action::List(form) => list(&users::schemes(file)?, form, &mut out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// How passwords are kept is said where it isn't the same for all.
fn list(users: &[(UserName, Option<Scheme>)], form: &Form, out: &mut impl io::Write) -> Result<()> {
    let is_mixed = users.iter().any(|(_, scheme)| Some(scheme) != users.first().map(|(_, it)| it));
    for (name, scheme) in users {
        let shown = screen::shown(name.as_str(), 255);
        match form.output() {
            Output::Json => {
                let row = serde_json::json!({ "name": name.as_str(), "password": scheme.map(Scheme::name) });
                writeln!(out, "{row}")?;
            }
            Output::Screen if scheme.is_none() => {
                writeln!(
                    out,
                    "{shown}, whose line is wrong: nobody logs in as {shown} (postroad check)"
                )?;
            }
            Output::Screen if is_mixed && *scheme == Some(Scheme::Scram) => {
                writeln!(out, "{shown}, with keys of SCRAM")?;
            }
            Output::Screen => writeln!(out, "{shown}")?,
        }
    }
    Ok(())
}

fn tell_of_scram(out: &mut impl io::Write, accounts: &Accounts) -> Result<()> {
    if let Some(problem) = scram_problem(accounts.scram, &users::schemes(&accounts.users)?) {
        writeln!(out, "note: {problem}")?;
    }
    Ok(())
}

/// Where some users have keys of SCRAM: who hasn't, what that does, and what to do.
pub(crate) fn scram_problem(
    offer: ScramOffer,
    users: &[(UserName, Option<Scheme>)],
) -> Option<String> {
    let kept_as = |wanted| users.iter().filter(move |(_, scheme)| *scheme == Some(wanted));
    let (with, without): (Vec<_>, Vec<_>) =
        (kept_as(Scheme::Scram).collect(), kept_as(Scheme::Argon2id).collect());
    if with.is_empty() || without.is_empty() {
        return None;
    }
    let mut names: Vec<String> =
        without.iter().take(NAMED_MAX).map(|(name, _)| name.to_string()).collect();
    if let more @ 1.. = without.len().saturating_sub(NAMED_MAX) {
        names.push(format!("and {more} more"));
    }
    let (names, command) = (names.join(", "), "postroad user password NAME --scram");
    match offer {
        ScramOffer::All => Some(format!(
            "SCRAM is offered to nobody as long as these have no keys for it: {names} ({command})"
        )),
        ScramOffer::Any => Some(format!(
            "SCRAM is offered, and programs that prefer it fail for those who have no keys: {names} ({command}; or scram = \"all\" in [accounts], which offers it only when all have)"
        )),
        ScramOffer::Off => None,
    }
}

/// Users that are named at most.
const NAMED_MAX: usize = 10;

fn is_same(user: &UserName, name: &UserName) -> bool {
    user.as_str().eq_ignore_ascii_case(name.as_str())
}

fn app_password(
    action: &AppPasswordAction,
    accounts: &Accounts,
    out: &mut impl io::Write,
) -> Result<()> {
    let file = &accounts.app_passwords;
    match action {
        AppPasswordAction::Add { user, name, services } => {
            let user = known(&accounts.users, user)?;
            let password = app_passwords::add(file, &user, name, services)?;
            writeln!(out, "{user} has an app password \"{name}\" now, for {}", all_of(services))?;
            writeln!(out, "password: {password}")?;
        }
        AppPasswordAction::List { user, form } => {
            let user = known(&accounts.users, user)?;
            for it in app_passwords::list(file, &user)? {
                let services = all_of(&it.services);
                match form.output() {
                    Output::Json => {
                        let services: Vec<_> = it.services.iter().map(|it| it.name()).collect();
                        let row = serde_json::json!({
                            "name": it.label.as_str(), "made_on": it.made_on, "protocols": services
                        });
                        writeln!(out, "{row}")?;
                    }
                    Output::Screen => {
                        let made_on = screen::shown(&it.made_on, 20);
                        writeln!(out, "{}, made on {made_on}, for {services}", it.label)?;
                    }
                }
            }
        }
        AppPasswordAction::Remove { user, name } => {
            app_passwords::remove(file, user, name)?;
            writeln!(out, "{user} has no app password \"{name}\" any more")?;
        }
    }
    Ok(())
}

/// The user of that name, as the file spells it.
fn known(users: &Path, name: &UserName) -> Result<UserName> {
    users::list(users)?
        .into_iter()
        .find(|user| is_same(user, name))
        .with_context(|| format!("there is no user \"{name}\": `postroad user list` shows them"))
}

/// In words.
fn all_of(services: &[Service]) -> String {
    match services.is_empty() {
        true => "all protocols".to_owned(),
        false => services.iter().map(|service| service.name()).collect::<Vec<_>>().join(", "),
    }
}

/// A new password, and whether the caller knows it.
enum Password {
    Given(String),
    Generated(String),
}

impl Source {
    fn scheme(&self, unless_told: Scheme) -> Scheme {
        match (self.scram, self.argon2id) {
            (true, _) => Scheme::Scram,
            (_, true) => Scheme::Argon2id,
            (false, false) => unless_told,
        }
    }

    fn password(&self) -> Result<Password> {
        if self.generate {
            return generate_password().context("cannot make a password").map(Password::Generated);
        }
        if io::stdin().is_terminal() {
            let first = prompt("New password: ")?;
            if first != prompt("Once more: ")? {
                bail!("the two are not the same: nothing was changed");
            }
            return Ok(Password::Given(first));
        }
        read_line(&mut io::stdin().lock()).map(Password::Given)
    }
}

impl Password {
    fn octets(&self) -> &[u8] {
        let (Self::Given(password) | Self::Generated(password)) = self;
        password.as_bytes()
    }

    fn tell(&self, out: &mut impl io::Write) -> Result<()> {
        if let Self::Generated(password) = self {
            writeln!(out, "password: {password}")?;
        }
        Ok(())
    }
}

/// Asks on the terminal, without showing what is typed.
fn prompt(question: &str) -> Result<String> {
    let stdin = io::stdin().lock();
    let before = tcgetattr(&stdin).context("cannot ask the terminal")?;
    let mut silent = before.clone();
    silent.local_modes -= LocalModes::ECHO;
    silent.local_modes |= LocalModes::ECHONL;
    eprint!("{question}");
    io::stderr().flush()?;
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("cannot silence the terminal")?;
    let mut stdin = stdin;
    let line = read_line(&mut stdin);
    tcsetattr(&stdin, OptionalActions::Flush, &before).context("cannot set the terminal back")?;
    line
}

/// The first line, without its end.
fn read_line(input: &mut impl io::BufRead) -> Result<String> {
    let mut line = String::new();
    input
        .by_ref()
        .take(INPUT_OCTETS_MAX)
        .read_line(&mut line)
        .context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("no password was given: type one, send one to standard input, or use --generate");
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_keys_is_named_where_others_have() {
        let users = |without: usize, with: usize| -> Vec<(UserName, Option<Scheme>)> {
            let user = |n, scheme| (UserName::parse(&format!("user{n}")).unwrap(), Some(scheme));
            let without = (0..without).map(|n| user(n, Scheme::Argon2id));
            without.chain((100..100 + with).map(|n| user(n, Scheme::Scram))).collect()
        };
        let all = scram_problem(ScramOffer::All, &users(12, 1)).unwrap();
        assert!(all.contains("offered to nobody") && all.contains("user9, and 2 more ("), "{all}");
        let any = scram_problem(ScramOffer::Any, &users(1, 12)).unwrap();
        assert!(any.contains("no keys: user0 (postroad user password NAME --scram;"), "{any}");
        for offer in [ScramOffer::All, ScramOffer::Any, ScramOffer::Off] {
            assert_eq!(scram_problem(offer, &users(3, 0)), None);
            assert_eq!(scram_problem(offer, &users(0, 3)), None);
        }
        assert_eq!(scram_problem(ScramOffer::Off, &users(1, 1)), None);
        let mut shown = Vec::new();
        list(&users(1, 1), &Form::default(), &mut shown).unwrap();
        assert_eq!(String::from_utf8(shown).unwrap(), "user0\nuser100, with keys of SCRAM\n");
    }

    #[test]
    fn passwords_are_one_line() {
        for (input, expected) in
            [("a b c\nrest", Some("a b c")), ("x\r\n", Some("x")), ("", None), ("\n", None)]
        {
            assert_eq!(read_line(&mut input.as_bytes()).ok().as_deref(), expected, "{input:?}");
        }
    }
}
