//! App passwords: further passwords of a user, each for one program, which can be taken back one by one.
//!
//! ```text
//! # user:name:protocols:made on:hash
//! alice:telephone:imap,submission:2026-11-30:{SHA256}<base64>
//! alice:old laptop:*:2026-11-30:{SHA256}<base64>
//! ```
//! They are made up here and never chosen, with 100 bits each. So one pass of SHA-256 keeps them: whoever has stolen the file
//! would have to try 2^99 of them, whatever each try costs, and slow hashes and salts, which make up for what people choose,
//! would only cost the server. A login with one takes microseconds.
//!
//! [`add`], [`remove`] and [`remove_all`] write the file as `crate::users` does.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::edit::{EditError, current, edit, system};
use crate::error::AccountsError;
use crate::name::{UserName, fold};
use crate::{limits, password, scram};

/// What somebody logs in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// ManageSieve.
    Sieve,
    /// Submission of letters.
    Submission,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Imap, Self::Pop3, Self::Sieve, Self::Submission];

    /// Its name here.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Sieve => "sieve",
            Self::Submission => "submission",
        }
    }

    /// The service of that name.
    ///
    /// # Errors
    /// Where there is none, with the names of all.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|service| service.name() == name);
        let names = || Self::ALL.map(Self::name).join(", ");
        found.ok_or_else(|| format!("\"{name}\" is none of {}", names()))
    }
}

/// What an app password is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// Reads a name.
    ///
    /// # Errors
    /// Where it is empty, too long, or has other characters than letters, digits, spaces, `.`, `_` and `-`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=limits::LABEL_OCTETS_MAX).contains(&text.len())
            && text.trim() == text
            && text.chars().all(|c| c.is_alphanumeric() || " ._-".contains(c));
        fits.then(|| Self(text.to_owned())).ok_or_else(|| {
            "an app password is called by letters, digits, spaces, \".\", \"_\" and \"-\", 64 octets at most".into()
        })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of a user's app passwords; the password itself is known to nobody but the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// Its name, which no other of the user's has.
    pub label: Label,
    /// What it is good for; empty: for all.
    pub services: Vec<Service>,
    /// The day on which it was made, as in `2026-11-30`.
    pub made_on: String,
    hash: Hash,
}

/// SHA-256 of an app password.
#[derive(Clone, PartialEq, Eq)]
struct Hash([u8; 32]);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl Hash {
    /// Of what a person has typed: with the hyphens or without, in capitals or not. `None` where it is no app password.
    fn of(typed: &[u8]) -> Option<Self> {
        let typed = std::str::from_utf8(typed).ok()?;
        let plain: String = typed.chars().filter(|c| !"- ".contains(*c)).collect();
        let is_one = plain.len() == password::GENERATED_CHARACTERS;
        is_one.then(|| Self(scram::sha256(plain.to_ascii_lowercase().as_bytes())))
    }
}

impl AppPassword {
    /// Whether it is good for that.
    pub fn is_for(&self, service: Service) -> bool {
        self.services.is_empty() || self.services.contains(&service)
    }

    fn to_line(&self, user: &UserName) -> String {
        let services = self.services.iter().map(|service| service.name()).collect::<Vec<_>>();
        let services = if services.is_empty() { "*".to_owned() } else { services.join(",") };
        let Self { label, made_on, hash: Hash(hash), .. } = self;
        format!("{user}:{label}:{services}:{made_on}:{{SHA256}}{}", STANDARD.encode(hash))
    }
}

/// All users' app passwords.
#[derive(Debug, Default)]
pub(crate) struct AppPasswords(HashMap<String, Vec<AppPassword>>);

impl AppPasswords {
    /// Reads the file's text; `path` is for the errors.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, AccountsError> {
        let mut all = Self::default();
        let mut labels = HashSet::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |problem: String| AccountsError::line(path, index + 1, problem);
            let Some((user, app_password)) = parse_line(line).map_err(wrong)? else { continue };
            let key = fold(user.as_str());
            if !labels.insert((key.clone(), app_password.label.clone())) {
                let label = app_password.label;
                return Err(wrong(format!("\"{user}\" has an app password \"{label}\" already")));
            }
            all.0.entry(key).or_default().push(app_password);
        }
        Ok(all)
    }

    pub(crate) fn of(&self, user: &UserName) -> &[AppPassword] {
        self.0.get(&fold(user.as_str())).map_or(&[], Vec::as_slice)
    }

    /// The one that was typed, where it is good for that.
    pub(crate) fn find(
        &self,
        user: &UserName,
        typed: &[u8],
        service: Service,
    ) -> Option<&AppPassword> {
        self.find_for_any(user, typed).filter(|app_password| app_password.is_for(service))
    }

    /// The same, whatever it is for.
    pub(crate) fn find_for_any(&self, user: &UserName, typed: &[u8]) -> Option<&AppPassword> {
        let Hash(typed) = Hash::of(typed)?;
        let mut found = None;
        // All of them, however soon one fits: time doesn't tell which.
        for app_password in self.of(user) {
            if verify_slices_are_equal(&typed, &app_password.hash.0).is_ok() {
                found = Some(app_password);
            }
        }
        found
    }
}

/// Reads one line; blank lines and comments are `None`.
fn parse_line(line: &str) -> Result<Option<(UserName, AppPassword)>, String> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split(':').collect();
    let [user, label, services, made_on, hash] = fields.as_slice() else {
        return Err("a line is \"user:name:protocols:day:{SHA256}hash\": add app passwords with \"postroad user app-password add\"".into());
    };
    let user = UserName::parse(user).map_err(|error| error.to_string())?;
    let label = Label::parse(label)?;
    let services = match *services {
        "*" => Vec::new(),
        services => services.split(',').map(Service::parse).collect::<Result<_, _>>()?,
    };
    let hash = hash.strip_prefix("{SHA256}").and_then(|hash| STANDARD.decode(hash).ok());
    let hash = hash.and_then(|hash| hash.try_into().ok()).map(Hash);
    let hash = hash.ok_or("the hash is damaged: remove this line and make a new app password")?;
    Ok(Some((user, AppPassword { label, services, made_on: (*made_on).to_owned(), hash })))
}

/// The app passwords of a user, in the order of the file. A file that isn't there has none.
///
/// # Errors
/// [`EditError::File`].
pub fn list(path: &Path, user: &UserName) -> Result<Vec<AppPassword>, EditError> {
    Ok(AppPasswords::parse(path, &current(path)?)?.of(user).to_vec())
}

/// Makes a new one, good for these services (for all, where there are none), and gives it: it can't be had again. That there is
/// such a user is the caller's to know.
///
/// # Errors
/// [`EditError::LabelTaken`], [`EditError::TooManyAppPasswords`], or that the file can't be read or written; it is then as it
/// was.
pub fn add(
    path: &Path,
    user: &UserName,
    label: &Label,
    services: &[Service],
) -> Result<String, EditError> {
    let password = password::generate().map_err(system("make a password for", path))?;
    let hash = Hash::of(password.as_bytes()).ok_or(EditError::Password)?;
    let made_on = jiff::Zoned::now().date().to_string();
    let new = AppPassword { label: label.clone(), services: services.to_vec(), made_on, hash };
    edit(path, |text| {
        let all = AppPasswords::parse(path, text)?;
        let theirs = all.of(user);
        if theirs.iter().any(|app_password| app_password.label == *label) {
            return Err(EditError::LabelTaken { user: user.clone(), label: label.clone() });
        }
        if theirs.len() >= limits::APP_PASSWORDS_MAX {
            return Err(EditError::TooManyAppPasswords(user.clone()));
        }
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        Ok(format!("{text}{gap}{}\n", new.to_line(user)))
    })?;
    Ok(password)
}

/// Takes one back: who logs in with it from now on is refused.
///
/// # Errors
/// [`EditError::NoSuchLabel`], or that the file can't be read or written; it is then as it was.
pub fn remove(path: &Path, user: &UserName, label: &Label) -> Result<(), EditError> {
    match remove_where(path, user, |app_password| app_password.label == *label)? {
        0 => Err(EditError::NoSuchLabel { user: user.clone(), label: label.clone() }),
        _ => Ok(()),
    }
}

/// Takes back all of a user's, and says how many there were.
///
/// # Errors
/// That the file can't be read or written; it is then as it was.
pub fn remove_all(path: &Path, user: &UserName) -> Result<usize, EditError> {
    match list(path, user)?.is_empty() {
        true => Ok(0),
        false => remove_where(path, user, |_| true),
    }
}

fn remove_where(
    path: &Path,
    user: &UserName,
    goes: impl Fn(&AppPassword) -> bool,
) -> Result<usize, EditError> {
    let mut removed = 0;
    edit(path, |text| {
        AppPasswords::parse(path, text)?;
        let mut kept = String::with_capacity(text.len());
        for line in text.lines() {
            let is_theirs = matches!(parse_line(line), Ok(Some((owner, app_password)))
                if fold(owner.as_str()) == fold(user.as_str()) && goes(&app_password));
            if is_theirs {
                removed += 1;
            } else {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        Ok(kept)
    })?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::parse(name).expect("a name")
    }

    fn label(text: &str) -> Label {
        Label::parse(text).expect("a label")
    }

    #[test]
    fn one_is_made_used_and_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app-passwords");
        let alice = user("alice");
        let password = add(&path, &alice, &label("telephone"), &[Service::Imap]).expect("made");
        let other = add(&path, &alice, &label("old laptop"), &[]).expect("made");
        let read = || {
            AppPasswords::parse(&path, &std::fs::read_to_string(&path).expect("read"))
                .expect("whole")
        };
        let found = |typed: &str, service| {
            read().find(&user("ALICE"), typed.as_bytes(), service).map(|it| it.label.to_string())
        };
        assert_eq!(found(&password, Service::Imap).as_deref(), Some("telephone"));
        assert_eq!(found(&password, Service::Submission), None, "it is for IMAP");
        assert_eq!(found(&other, Service::Submission).as_deref(), Some("old laptop"));
        // As people type them.
        assert_eq!(
            found(&password.replace('-', "").to_uppercase(), Service::Imap).as_deref(),
            Some("telephone")
        );
        assert_eq!(found(&password.replace('-', " "), Service::Imap).as_deref(), Some("telephone"));
        assert_eq!(found("", Service::Imap), None);
        assert_eq!(read().find(&user("bob"), password.as_bytes(), Service::Imap), None);
        assert!(!std::fs::read_to_string(&path).expect("read").contains(&password));

        let taken = add(&path, &alice, &label("telephone"), &[]);
        assert!(matches!(taken, Err(EditError::LabelTaken { .. })), "{taken:?}");
        remove(&path, &user("Alice"), &label("telephone")).expect("removed");
        assert_eq!(found(&password, Service::Imap), None);
        let gone = remove(&path, &alice, &label("telephone"));
        assert!(matches!(gone, Err(EditError::NoSuchLabel { .. })), "{gone:?}");
        assert_eq!(remove_all(&path, &alice).expect("removed"), 1);
        assert_eq!(list(&path, &alice).expect("read"), []);
    }

    #[test]
    fn a_user_has_so_many_and_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app-passwords");
        for n in 0..limits::APP_PASSWORDS_MAX {
            add(&path, &user("alice"), &label(&n.to_string()), &[]).expect("made");
        }
        let more = add(&path, &user("alice"), &label("more"), &[]);
        assert!(matches!(more, Err(EditError::TooManyAppPasswords(_))), "{more:?}");
        assert!(add(&path, &user("bob"), &label("more"), &[]).is_ok());
    }

    #[test]
    fn lines_that_are_none_are_named() {
        let hash = STANDARD.encode([7; 32]);
        let path = Path::new("app-passwords");
        for (line, problem) in [
            ("alice", "a line is"),
            (&*format!("alice:a:ftp:2026-11-30:{{SHA256}}{hash}"), "\"ftp\" is none of imap, pop3"),
            (&*format!("../a:a:*:2026-11-30:{{SHA256}}{hash}"), "a user name is"),
            (&*format!("alice::*:2026-11-30:{{SHA256}}{hash}"), "an app password is called"),
            ("alice:a:*:2026-11-30:{SHA256}AAAA", "the hash is damaged"),
            ("alice:a:*:2026-11-30:{PLAIN}secret", "the hash is damaged"),
        ] {
            let error = AppPasswords::parse(path, &format!("# one\n\n{line}\n"))
                .expect_err(line)
                .to_string();
            assert!(error.starts_with("app-passwords:3: ") && error.contains(problem), "{error}");
        }
        let twice = format!(
            "alice:a:*:2026-11-30:{{SHA256}}{hash}\nAlice:a:*:2026-11-30:{{SHA256}}{hash}\n"
        );
        assert!(AppPasswords::parse(path, &twice).is_err());
    }
}
