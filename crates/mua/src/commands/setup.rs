//! Setting up an account: name and address are asked for, the rest is looked for, shown with whoever said so, and tried
//! before it is kept.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postroad_discovery::{Found, Issuer, Login, Ways};
use postroad_protocol::address::Address;

use super::text_input::{hidden_line, line};
use super::{Context, is_interactive, login};
use crate::account::{
    Account, Inbox, Overrides, ProofSource, Submission, account_file_path, more_account_files,
};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::identity::Here;
use crate::safe_text::SafeText;
use crate::trial::{self, Failed, Step};
use crate::{limits, safe_line};

/// What is asked instead of this host's name servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub(super) struct DialogArguments {
    /// The name server to ask, instead of this host's
    #[arg(long, value_name = "IP:PORT", hide_short_help = true)]
    dns: Option<std::net::SocketAddr>,
}

/// Whether nothing here says who writes and where letters are: then the full screen begins with these questions.
pub(super) fn is_wanted(overrides: &Overrides) -> bool {
    let is_told = overrides.address.is_some() || overrides.inbox.is_some();
    let has_file = account_file_path(overrides)
        .is_none_or(|path| path.exists() || !more_account_files(&path).is_empty());
    !is_told && !has_file && !has_mail_here()
}

/// Whether this host has letters of the caller.
fn has_mail_here() -> bool {
    let home = std::env::home_dir().unwrap_or_default();
    let spool = Path::new("/var/mail").join(Here::look().user);
    let named = std::env::var_os("MAIL").is_some_and(|path| Path::new(&path).is_file());
    home.join("Maildir").is_dir() || spool.exists() || named
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &DialogArguments,
) -> Result<Exit, Error> {
    if !is_interactive() {
        let words = "setting up an account asks questions, so it needs a terminal; account --write needs none";
        return Err(Usage(words.into()).into());
    }
    let path = account_file_path(&context.overrides)
        .ok_or_else(|| Usage("no home folder; give --account-file FILE".into()))?;
    if path.exists() {
        let problem = format!(
            "there is an account file {} already; edit it, or move it away",
            path.display()
        );
        return Err(Usage(problem).into());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let trust = context.overrides.trust.clone();
    let (answers, secret, tokens) = (Answers::default(), None, None);
    let mut dialog = Dialog { context, path, trust, answers, secret, tokens };
    let kept = dialog.hold(arguments).await;
    dialog.clean_up(&kept);
    match kept? {
        Kept::Yes => Ok(Exit::Done),
        Kept::No => {
            dialog.context.screen.say(&safe_line!("Nothing is kept."));
            Ok(Exit::No)
        }
    }
}

/// What goes into the account file.
#[derive(Debug, Default)]
struct Answers {
    name: String,
    address: String,
    inbox: String,
    submission: String,
    user: String,
    password_file: Option<PathBuf>,
    password_command: Vec<String>,
    provider: Option<ProviderAnswers>,
}

/// What goes into its table `[oauth2]`.
#[derive(Debug)]
struct ProviderAnswers {
    issuer: Issuer,
    client_id: String,
    /// A file with the secret that goes with that.
    client_secret_file: Option<PathBuf>,
}

/// Whether the account was kept.
enum Kept {
    Yes,
    No,
}

/// What the person wants where something failed.
enum Choice {
    Again,
    Keep,
    GiveUp,
}

struct Dialog<'s, 'a, 'b> {
    context: &'s mut Context<'a, 'b>,
    /// The account file, which isn't there yet.
    path: PathBuf,
    trust: Option<PathBuf>,
    answers: Answers,
    /// The password file, where one was made, or that of the program's secret.
    secret: Option<PathBuf>,
    /// The file of tokens, where somebody has logged in.
    tokens: Option<PathBuf>,
}

impl Dialog<'_, '_, '_> {
    async fn hold(&mut self, arguments: &DialogArguments) -> Result<Kept, Error> {
        let here = Here::look();
        self.answers.name =
            self.asked("Your name", here.full_name.as_deref().unwrap_or_default())?;
        let address = loop {
            let typed = self.asked("Your address", "")?;
            match Address::parse(&typed) {
                Ok(address) => break address,
                Err(error) => self.say(&safe_line!("{typed} is no address: {error}")),
            }
        };
        self.answers.address = address.to_string();
        self.answers.user.clone_from(&self.answers.address);
        let found = self.look_for(&address, arguments).await;
        let is_taken = self.takes(&found)?;
        if !is_taken {
            self.ask_for_servers()?;
        }
        if self.has_login()? && !(is_taken && self.takes_tokens(&found)?) {
            self.ask_for_password()?;
        }
        loop {
            let account = self.write_beside()?;
            let failed = match self.tried(&account).await {
                Ok(()) => return self.keep(),
                Err(failed) => failed,
            };
            match self.choice()? {
                Choice::Keep => return self.keep(),
                Choice::GiveUp => return Ok(Kept::No),
                Choice::Again
                    if failed.step == Step::Password && self.answers.provider.is_some() =>
                {
                    self.forget_tokens();
                }
                Choice::Again if failed.step == Step::Password => {
                    self.answers.user = self.asked("Login", &self.answers.user.clone())?;
                    self.ask_for_password()?;
                }
                Choice::Again => self.ask_for_servers()?,
            }
        }
    }

    /// Asks the provider and DNS, and says what each of them says.
    async fn look_for(&mut self, address: &Address, arguments: &DialogArguments) -> Found {
        let (dns, trust) = (arguments.dns, self.trust.as_deref());
        let ways = match dns {
            Some(server) => Ways::by(&[server], 443, trust),
            None => Ways::of_host(trust),
        };
        let screen = &mut self.context.screen;
        screen.say(&safe_line!("Looking for the servers of {}", address.domain));
        match ways {
            Ok(ways) => {
                postroad_discovery::find(address, &ways, |tried| {
                    screen.say(&safe_line!("  {tried}"));
                })
                .await
            }
            Err(error) => {
                screen.say(&safe_line!("  {error}"));
                Found::default()
            }
        }
    }

    /// Shows what was found, and asks whether that is right: DNS alone proves nothing (RFC 6186 §6).
    fn takes(&mut self, found: &Found) -> Result<bool, Error> {
        let (Some(reading), Some(sending)) = (found.reading(), found.sending()) else {
            self.say(&safe_line!("That isn't enough to go by."));
            return Ok(false);
        };
        for (what, (service, source)) in [("Read from", reading), ("Send by  ", sending)] {
            self.say(&safe_line!("{what} {service} as {}, says {source}", service.user));
        }
        if !matches!(self.asked("Use these (y/n)", "y")?.to_lowercase().as_str(), "y" | "yes") {
            return Ok(false);
        }
        self.answers.inbox = reading.0.to_string();
        self.answers.submission = sending.0.to_string();
        self.answers.user.clone_from(&reading.0.user);
        Ok(true)
    }

    /// Whether tokens are shown in place of a password: where the servers want some, their provider says who gives them, and
    /// the person has what that knows this program by.
    fn takes_tokens(&mut self, found: &Found) -> Result<bool, Error> {
        let services = [found.reading(), found.sending()];
        let mut wanting = services.iter().flatten().filter(|(it, _)| it.login == Login::OAuth2);
        if wanting.next().is_none() {
            return Ok(false);
        }
        let Some((issuer, source)) = found.issuer_of_all() else {
            self.say(&safe_line!(
                "They want tokens (OAuth2), and nobody who names both says who gives them; providers have app passwords for that."
            ));
            return Ok(false);
        };
        let place = issuer.issuer.as_ref().or(issuer.token.as_ref());
        let host = place.and_then(|url| url.host_str()).unwrap_or_default().to_owned();
        self.say(&safe_line!("They want tokens (OAuth2) of {host}, says {source}"));
        self.say(&safe_line!(
            "It knows programs by a client id, which it gives to whoever asks for one (\"desktop\" or \"native\"); \
             with none, use an app password of its."
        ));
        let client_id = self.asked("Client id (empty for a password)", "")?;
        if client_id.is_empty() {
            return Ok(false);
        }
        self.context.screen.ask(&safe_line!("Client secret, if it gave one: "))?;
        let typed = hidden_line()?.unwrap_or_default();
        let client_secret_file = match typed.is_empty() {
            true => None,
            false => Some(self.keep_secret(&typed)?),
        };
        let issuer = issuer.clone();
        self.answers.provider = Some(ProviderAnswers { issuer, client_id, client_secret_file });
        Ok(true)
    }

    fn ask_for_servers(&mut self) -> Result<(), Error> {
        let domain = self.answers.address.rsplit('@').next().unwrap_or_default().to_owned();
        let or = |answer: &str, guess: String| match answer {
            "" => guess,
            answer => answer.to_owned(),
        };
        self.say(&safe_line!(
            "Read from imaps://HOST, pop3s://HOST or the path of a Maildir; send by smtps://HOST or smtp://HOST (STARTTLS)."
        ));
        let inbox = or(&self.answers.inbox, format!("imaps://imap.{domain}"));
        self.answers.inbox = self.asked("Read from", &inbox)?;
        let submission = or(&self.answers.submission, format!("smtps://smtp.{domain}"));
        self.answers.submission = self.asked("Send by", &submission)?;
        self.answers.user = self.asked("Login", &self.answers.user.clone())?;
        Ok(())
    }

    /// Whether a server is among what was said.
    fn has_login(&mut self) -> Result<bool, Error> {
        let account = self.write_beside()?;
        Ok(!matches!(account.inbox, Inbox::Maildir(_))
            || matches!(account.submission, Submission::Server { .. }))
    }

    fn ask_for_password(&mut self) -> Result<(), Error> {
        self.context.screen.ask(&safe_line!("Password, or !COMMAND that prints it: "))?;
        let typed = hidden_line()?.unwrap_or_default();
        if let Some(command) = typed.strip_prefix('!') {
            let words = command.split_whitespace().map(str::to_owned).collect();
            (self.answers.password_command, self.answers.password_file) = (words, None);
            return Ok(());
        }
        let path = self.keep_secret(&typed)?;
        (self.answers.password_file, self.answers.password_command) = (Some(path), Vec::new());
        Ok(())
    }

    /// Writes what nobody else is to read; gives the file.
    fn keep_secret(&mut self, typed: &str) -> Result<PathBuf, Error> {
        let path = match &self.secret {
            Some(path) => path.clone(),
            None => self.free_name()?,
        };
        let mut file = OpenOptions::new();
        file.write(true).mode(0o600).create(true).truncate(true);
        if self.secret.is_none() {
            file.create_new(true);
        }
        let mut file = file.open(&path)?;
        file.write_all(format!("{typed}\n").as_bytes())?;
        file.sync_all()?;
        self.secret = Some(path.clone());
        Ok(path)
    }

    /// A name for the password file that nothing has.
    fn free_name(&self) -> Result<PathBuf, Error> {
        let names = std::iter::once("password".to_owned())
            .chain((2..limits::PASSWORD_FILES_MAX).map(|number| format!("password-{number}")));
        let mut paths = names.map(|name| self.path.with_file_name(name));
        let free = paths.find(|path| !path.exists());
        free.ok_or_else(|| Usage("there are too many password files already".into()).into())
    }

    /// The file that becomes the account file, and the account that it makes.
    fn write_beside(&mut self) -> Result<Account, Error> {
        let beside = self.beside();
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(self.answers.file(self.trust.as_deref()).as_bytes())?;
        file.sync_all()?;
        let overrides = Overrides { account_file: Some(beside), ..Overrides::default() };
        Ok(Account::load(&overrides)?)
    }

    fn beside(&self) -> PathBuf {
        self.path.with_extension("new")
    }

    async fn tried(&mut self, account: &Account) -> Result<(), Failed> {
        let proof = account.login.as_ref().map(|login| &login.proof);
        if let (Some(ProofSource::Provider(provider)), None) = (proof, &self.tokens) {
            match login::log_in(self.context, account, login::way()).await {
                Ok(()) => self.tokens = Some(provider.tokens.clone()),
                Err(error) => {
                    let (step, words) = (Step::Password, error.words());
                    return Err(self.complain(Failed { step, words }));
                }
            }
        }
        self.say(&safe_line!("Trying {}", self.answers.inbox));
        match trial::reading(account).await {
            Ok(count) => self.say(&safe_line!("  right: {} there", super::letters(count))),
            Err(failed) => return Err(self.complain(failed)),
        }
        if matches!(account.submission, Submission::Server { .. }) {
            self.say(&safe_line!("Trying {}", self.answers.submission));
            match trial::sending(account).await {
                Ok(()) => self.say(&safe_line!("  right")),
                Err(failed) => return Err(self.complain(failed)),
            }
        }
        Ok(())
    }

    fn complain(&mut self, failed: Failed) -> Failed {
        self.say(&safe_line!("  {failed}"));
        failed
    }

    fn choice(&mut self) -> Result<Choice, Error> {
        loop {
            match self.asked("(a)gain, (k)eep it as it is, (q)uit", "a")?.as_str() {
                "a" => return Ok(Choice::Again),
                "k" => return Ok(Choice::Keep),
                "q" => return Ok(Choice::GiveUp),
                _ => {}
            }
        }
    }

    /// Gives the file its name; one that has come there meanwhile stays.
    fn keep(&mut self) -> Result<Kept, Error> {
        fs::hard_link(self.beside(), &self.path).map_err(|error| {
            Usage(format!("the account isn't kept in {}: {error}", self.path.display()))
        })?;
        if let Some(folder) = self.path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        self.say(&safe_line!("Written: {}", self.path.display()));
        Ok(Kept::Yes)
    }

    /// Removes what isn't needed: all of it, unless the account was kept.
    fn clean_up(&mut self, kept: &Result<Kept, Error>) {
        // What is left of a dialog that was given up harms nobody.
        let _ = fs::remove_file(self.beside());
        let is_kept = matches!(kept, Ok(Kept::Yes));
        if !is_kept {
            self.forget_tokens();
        }
        let secret_file = self.answers.provider.as_ref().map(|it| &it.client_secret_file);
        let is_used = is_kept
            && (self.answers.password_file.is_some() || secret_file.is_some_and(Option::is_some));
        if let Some(secret) = self.secret.take().filter(|_| !is_used) {
            let _ = fs::remove_file(secret);
        }
    }

    /// Removes what a login has left, before another one or for good.
    fn forget_tokens(&mut self) {
        if let Some(tokens) = self.tokens.take() {
            let _ = fs::remove_file(tokens);
        }
    }

    /// What the person types; nothing stands for what was proposed, the end of input for no.
    fn asked(&mut self, question: &str, proposed: &str) -> Result<String, Error> {
        let shown = match proposed {
            "" => String::new(),
            proposed => format!(" [{proposed}]"),
        };
        self.context.screen.ask(&safe_line!("{question}{shown}: "))?;
        let Some(typed) = line()? else {
            return Err(Usage("nothing is set up: the input has ended".into()).into());
        };
        let typed = typed.trim().to_owned();
        Ok(if typed.is_empty() { proposed.to_owned() } else { typed })
    }

    fn say(&mut self, words: &SafeText) {
        self.context.screen.say(words);
    }
}

impl Answers {
    fn file(&self, trust: Option<&Path>) -> String {
        let text = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let path = |path: &Path| path.display().to_string();
        let has_login = self.password_file.is_some()
            || !self.password_command.is_empty()
            || self.provider.is_some();
        let mut table: toml::Table = [
            ("name", text(&self.name)),
            ("address", text(&self.address)),
            ("inbox", text(&self.inbox)),
            ("submission", text(&self.submission)),
            ("user", text(&self.user).filter(|_| has_login)),
            ("password_file", self.password_file.as_deref().map(path)),
            ("trust", trust.map(path)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), toml::Value::String(value?))))
        .collect();
        if !self.password_command.is_empty() {
            let words = self.password_command.iter().cloned().map(toml::Value::String).collect();
            table.insert("password_command".to_owned(), toml::Value::Array(words));
        }
        if let Some(provider) = &self.provider {
            table.insert("oauth2".to_owned(), toml::Value::Table(provider.table()));
        }
        table.to_string()
    }
}

impl ProviderAnswers {
    fn table(&self) -> toml::Table {
        let issuer = &self.issuer;
        let url = |url: &Option<url::Url>| url.as_ref().map(|url| url.to_string());
        // Places that were named by themselves need no description, and a bare name may be none that describes itself.
        let described = url(&issuer.issuer).filter(|_| issuer.token.is_none());
        let text = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        [
            ("client_id", text(&self.client_id)),
            (
                "client_secret_file",
                self.client_secret_file.as_ref().map(|it| it.display().to_string()),
            ),
            ("issuer", described),
            ("authorization", url(&issuer.authorization).filter(|_| issuer.token.is_some())),
            ("token", url(&issuer.token)),
            ("scope", text(&issuer.scope)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), toml::Value::String(value?))))
        .collect()
    }
}
