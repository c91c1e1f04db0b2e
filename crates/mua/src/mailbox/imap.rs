//! A folder at an IMAP server, for commands: one session, and what they ask of it.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::{Told, Who, is_like};
use postroad_imap::command::Change;
use postroad_imap::value::{Keyword, MailboxName, NameEncoding};
use postroad_store::LetterFlags;
use postroad_tui::data::{Marks, Role};

use super::{Edit, Entry, MailboxError, Mark, Missing, Remember, letters_of, short_id};
use crate::account::{Account, Server};
use crate::full::{Known, catalog_marks};
use crate::imap::{Answer, Asked, Counting, Header, Hint, ImapError, Session, needs_letters};
use crate::limits;
use crate::password::Terminal;
use crate::undo::{Deed, WasThere};

/// Headers that are read at once: lists show letters one after the other.
const HEADERS_AHEAD: usize = 50;

/// A folder that is open, in a session of its own.
pub struct Selected {
    account: Account,
    server: Server,
    session: Session,
    known: Known,
    entries: Vec<Entry>,
    /// UIDs, by names.
    uids: HashMap<String, u32>,
    headers: HashMap<u32, Header>,
}

/// A search that goes on: letters that may be meant, the newest first.
#[derive(Debug)]
pub(crate) struct Sought {
    left: VecDeque<u32>,
    looks: Looks,
}

/// What is looked at of letters that a server has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Nothing: it has found what was asked for.
    None,
    Headers,
    Letters,
}

/// The letters of flags (maildir(5)).
const FLAGS: [(Marks, char); 6] = [
    (Marks::DRAFT, 'D'),
    (Marks::FLAGGED, 'F'),
    (Marks::FORWARDED, 'P'),
    (Marks::ANSWERED, 'R'),
    (Marks::SEEN, 'S'),
    (Marks::DELETED, 'T'),
];

impl Selected {
    /// Connects, logs in, and looks at a folder: the inbox, where none is named.
    ///
    /// # Errors
    /// Where there is no such folder, and any [`ImapError`].
    pub(crate) async fn open(
        account: &Account,
        server: &Server,
        folder: Option<&str>,
    ) -> Result<Self, MailboxError> {
        let name = folder.map_or_else(|| Ok(MailboxName::inbox()), named)?;
        let mut session = Session::open(account, server, Terminal::Ours).await?;
        let known = match Known::select(&mut session, account, server, name.clone()).await {
            // Not all say by a code that there is none (RFC 5530).
            Err(refused @ ImapError::Refused { .. }) => {
                let folders = session.folders(Counting::Spared).await?;
                return Err(match folders.iter().any(|folder| folder.name == name) {
                    true => refused.into(),
                    false => MailboxError::NoFolder { name: name.as_str().to_owned() },
                });
            }
            known => known?,
        };
        let (account, server) = (account.clone(), server.clone());
        let (entries, uids, headers) = Default::default();
        let mut selected = Self { account, server, session, known, entries, uids, headers };
        selected.list();
        Ok(selected)
    }

    /// Looks at another folder of the same server.
    pub(crate) async fn go_to(&mut self, name: MailboxName) -> Result<(), ImapError> {
        let Self { session, account, server, .. } = self;
        self.known = Known::select(session, account, server, name).await?;
        self.list();
        Ok(())
    }

    fn list(&mut self) {
        let validity = self.known.validity;
        let name = |uid: u32| format!("{validity}.{uid}");
        let entry = |(index, (uid, marks)): (usize, &(u32, Marks))| Entry {
            number: index + 1,
            id: short_id(&name(*uid)),
            name: name(*uid),
            flags: flags(*marks),
            keywords: Vec::new(),
            octets: 0,
            arrived: None,
        };
        let letters = &self.known.letters;
        self.entries = letters.iter().enumerate().map(entry).collect();
        self.uids = letters.iter().map(|(uid, _)| (name(*uid), *uid)).collect();
        self.headers.clear();
    }

    /// All folders, the inbox first.
    pub(crate) async fn folders(&mut self) -> Result<Vec<MailboxName>, ImapError> {
        let folders = self.session.folders(Counting::Spared).await?;
        Ok(folders.into_iter().map(|folder| folder.name).collect())
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn uid(&self, entry: &Entry) -> Result<u32, ImapError> {
        self.uids.get(&entry.name).copied().ok_or(ImapError::Gone)
    }

    fn uids_of(&self, entries: &[Entry]) -> Result<Vec<u32>, ImapError> {
        entries.iter().map(|entry| self.uid(entry)).collect()
    }

    /// Where the letter of a UID stands.
    fn place(&self, uid: u32) -> Option<usize> {
        self.known.letters.binary_search_by_key(&uid, |(uid, _)| *uid).ok()
    }

    /// Some fields of a letter's header; those of letters behind it come along.
    pub(super) async fn header(&mut self, entry: &Entry) -> Result<Vec<u8>, ImapError> {
        let uid = self.uid(entry)?;
        if !self.headers.contains_key(&uid) {
            let from = entry.number.saturating_sub(1);
            let ahead = self.known.letters.iter().skip(from).take(HEADERS_AHEAD);
            let uids: Vec<u32> = ahead.map(|(uid, _)| *uid).collect();
            self.read_headers(&uids).await?;
        }
        let header = self.headers.get(&uid).ok_or(ImapError::Gone)?;
        Ok(header.fields.clone())
    }

    async fn read_headers(&mut self, uids: &[u32]) -> Result<(), ImapError> {
        self.headers.clear();
        for header in self.session.headers(uids, &mut |_| Ok(())).await? {
            let place = self.place(header.uid);
            if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
                entry.octets = header.size;
                entry.keywords.clone_from(&header.keywords);
                entry.arrived = Timestamp::from_second(header.arrived).ok();
            }
            self.headers.insert(header.uid, header);
        }
        Ok(())
    }

    pub(super) async fn message(&mut self, entry: &Entry) -> Result<Vec<u8>, ImapError> {
        let (uid, mut content) = (self.uid(entry)?, Vec::new());
        let most = limits::MESSAGE_OCTETS_MAX;
        if let Some(path) = self.known.kept(uid)
            && let Ok(kept) = postroad_disk::read_whole(&path, most)
        {
            return Ok(kept);
        }
        self.session.letter(uid, most, &mut content, &mut |_| Ok(())).await?;
        Ok(content)
    }

    pub(super) async fn mark(&mut self, entry: &Entry, mark: Mark) -> Result<(), ImapError> {
        let uid = self.uid(entry)?;
        let marks = match mark {
            Mark::Seen => Marks::SEEN,
            Mark::Replied => Marks::ANSWERED,
            Mark::Passed => Marks::FORWARDED,
        };
        self.session.mark(&[uid], Change::Add, marks, &mut |_| Ok(())).await
    }

    /// Gives letters flags, and takes some away.
    pub(super) async fn tag(
        &mut self,
        entries: &[Entry],
        edit: &Edit,
        remember: Remember<'_>,
    ) -> Result<(), MailboxError> {
        let uids = self.uids_of(entries)?;
        let (add, remove) = (keywords(&edit.add_keywords)?, keywords(&edit.remove_keywords)?);
        let mut had: HashMap<u32, Vec<String>> = HashMap::new();
        if edit.has_keywords() {
            for some in uids.chunks(HEADERS_AHEAD) {
                let headers = self.session.headers(some, &mut |_| Ok(())).await?;
                had.extend(headers.into_iter().map(|header| (header.uid, header.keywords)));
            }
        }
        let was = |(uid, entry): (&u32, &Entry)| WasThere {
            uid: *uid,
            flags: entry.flags.clone(),
            keywords: had.get(uid).cloned(),
        };
        remember(Deed::FlaggedThere {
            server: self.label(),
            folder: self.known.name.as_str().to_owned(),
            validity: self.known.validity,
            letters: uids.iter().zip(entries).map(was).collect(),
        });
        let session = &mut self.session;
        session.mark(&uids, Change::Remove, of_flags(edit.remove), &mut |_| Ok(())).await?;
        session.mark(&uids, Change::Add, of_flags(edit.add), &mut |_| Ok(())).await?;
        session.mark_keywords(&uids, Change::Remove, &remove).await?;
        Ok(session.mark_keywords(&uids, Change::Add, &add).await?)
    }

    /// Moves letters to the folder for what is thrown away, which is made where there is none; those that are there already
    /// are removed.
    pub(super) async fn delete(
        &mut self,
        entries: &[Entry],
        remember: Remember<'_>,
    ) -> Result<(), ImapError> {
        let uids = self.uids_of(entries)?;
        let trash = self.session.folder_for(Role::Trash).await?;
        if trash == self.known.name {
            return self.session.remove(&uids, &mut |_| Ok(())).await;
        }
        self.move_there(&uids, &trash, Missing::Made, remember).await.map(drop)
    }

    /// Moves letters to another folder; `false` where there is none, and none is to be made.
    pub(super) async fn move_to(
        &mut self,
        entries: &[Entry],
        to: &str,
        missing: Missing,
        remember: Remember<'_>,
    ) -> Result<bool, MailboxError> {
        let to = named(to)?;
        let uids = self.uids_of(entries)?;
        Ok(self.move_there(&uids, &to, missing, remember).await?)
    }

    /// What is remembered of it is where the letters are now, which the server tells when it has moved them (RFC 4315 §3): of
    /// others it can't be taken back.
    async fn move_there(
        &mut self,
        uids: &[u32],
        to: &MailboxName,
        missing: Missing,
        remember: Remember<'_>,
    ) -> Result<bool, ImapError> {
        let moved = match (self.session.move_to(uids, to, missing, &mut |_| Ok(())).await, missing)
        {
            (Err(ImapError::Refused { hint: Hint::Create, .. }), Missing::Refused) => {
                return Ok(false);
            }
            (moved, _) => moved?,
        };
        if !moved.pairs.is_empty() {
            remember(Deed::MovedThere {
                server: self.label(),
                from: self.known.name.as_str().to_owned(),
                to: to.as_str().to_owned(),
                validity: moved.validity,
                letters: moved.pairs.iter().map(|(_, now)| *now).collect(),
            });
        }
        Ok(true)
    }

    /// What the journal calls this server and its user.
    fn label(&self) -> String {
        label(&self.account, &self.server)
    }

    /// Asks the server for letters that are like a pattern.
    pub(crate) async fn search(
        &mut self,
        pattern: &Pattern,
        who: &Who,
    ) -> Result<Sought, ImapError> {
        let asked = Asked::of(pattern, who);
        let found = match asked.is_all() {
            true => self.known.letters.iter().map(|(uid, _)| *uid).collect(),
            // A command has the list that it began with.
            false => self.session.search(&asked, &mut |_| Ok(())).await?,
        };
        let looks = match asked.answer {
            Answer::Exact => Looks::None,
            Answer::AnyCase | Answer::Rough if needs_letters(pattern) => Looks::Letters,
            Answer::AnyCase | Answer::Rough => Looks::Headers,
        };
        Ok(Sought { left: found.into_iter().rev().collect(), looks })
    }

    /// The next letter that is meant, and what lists want of its header; `None` where there are no more.
    pub(crate) async fn next(
        &mut self,
        sought: &mut Sought,
        pattern: &Pattern,
        who: &Who,
    ) -> Result<Option<(Entry, Vec<u8>)>, ImapError> {
        while let Some(uid) = sought.left.pop_front() {
            // One that has come since.
            let Some(place) = self.place(uid) else { continue };
            if !self.headers.contains_key(&uid) {
                let ahead = sought.left.iter().take(HEADERS_AHEAD - 1).copied();
                let uids: Vec<u32> = [uid].into_iter().chain(ahead).collect();
                self.read_headers(&uids).await?;
            }
            // One that has gone since.
            let Some(header) = self.headers.get(&uid).cloned() else { continue };
            let Some(entry) = self.entries.get(place).cloned() else { continue };
            let told = Told {
                marks: catalog_marks(header.marks),
                number: place as u64 + 1,
                arrived: header.arrived,
                octets: Some(header.size),
            };
            let is_meant = match sought.looks {
                Looks::None => true,
                Looks::Headers => is_like(pattern, who, &header.fields, &told),
                Looks::Letters => match self.message(&entry).await {
                    Ok(letter) => is_like(pattern, who, &letter, &Told { octets: None, ..told }),
                    Err(ImapError::Gone | ImapError::TooLarge { .. }) => false,
                    Err(error) => return Err(error),
                },
            };
            if is_meant {
                return Ok(Some((entry, header.fields)));
            }
        }
        Ok(None)
    }

    pub(super) async fn close(self) {
        self.session.log_out().await;
    }
}

/// Takes back what was done at a server; says how many letters have moved on, or that the server is another one.
///
/// # Errors
/// What the server said: it can be tried again.
pub(crate) async fn take_back(
    account: &Account,
    server: &Server,
    deed: &Deed,
) -> Result<usize, MailboxError> {
    let (at, folder, validity, uids) = match deed {
        Deed::MovedThere { server, to, validity, letters, .. } => {
            (server, to, *validity, letters.clone())
        }
        Deed::FlaggedThere { server, folder, validity, letters } => {
            (server, folder, *validity, letters.iter().map(|it| it.uid).collect())
        }
        Deed::Moved { .. } | Deed::Copied { .. } | Deed::Flagged { .. } | Deed::Held { .. } => {
            return Ok(0);
        }
    };
    if *at != label(account, server) {
        return Err(MailboxError::DoneAt { server: at.clone() });
    }
    let mut selected = Selected::open(account, server, Some(folder)).await?;
    // RFC 9051 §2.3.1.1: the numbers are other letters' now.
    let is_here = |uid: &u32| selected.known.validity == validity && selected.place(*uid).is_some();
    let (here, missing): (Vec<u32>, Vec<u32>) = uids.into_iter().partition(is_here);
    let session = &mut selected.session;
    match deed {
        Deed::MovedThere { from, .. } => {
            session.move_to(&here, &named(from)?, Missing::Made, &mut |_| Ok(())).await?;
        }
        Deed::FlaggedThere { letters, .. } => {
            for was in letters.iter().filter(|it| here.contains(&it.uid)) {
                let WasThere { uid, flags, .. } = was;
                let had = marks_of(flags);
                let all = FLAGS.iter().fold(Marks::NONE, |all, (mark, _)| all.with(*mark));
                session.mark(&[*uid], Change::Remove, all.without(had), &mut |_| Ok(())).await?;
                session.mark(&[*uid], Change::Add, had, &mut |_| Ok(())).await?;
                if let Some(had) = &was.keywords {
                    let now = session.headers(&[*uid], &mut |_| Ok(())).await?;
                    let now = now.into_iter().flat_map(|header| header.keywords);
                    let new: Vec<String> = now.filter(|it| !had.contains(it)).collect();
                    session.mark_keywords(&[*uid], Change::Remove, &keywords(&new)?).await?;
                    session.mark_keywords(&[*uid], Change::Add, &keywords(had)?).await?;
                }
            }
        }
        Deed::Moved { .. } | Deed::Copied { .. } | Deed::Flagged { .. } | Deed::Held { .. } => {}
    }
    selected.close().await;
    Ok(missing.len())
}

/// Whose server a deed was done at.
fn label(account: &Account, server: &Server) -> String {
    let user = account.login.as_ref().map_or("", |login| login.user.as_str());
    format!("{user}@{}:{}", server.host, server.port)
}

/// A folder as the server calls it.
pub(super) fn named(folder: &str) -> Result<MailboxName, MailboxError> {
    MailboxName::parse(folder.as_bytes(), NameEncoding::Utf8)
        .ok_or_else(|| MailboxError::NoFolder { name: folder.to_owned() })
}

/// Keywords, as IMAP has them (RFC 9051 §9, flag-keyword).
fn keywords(names: &[String]) -> Result<Vec<Keyword>, MailboxError> {
    let keyword = |name: &String| {
        let keyword = Keyword::parse(name.as_bytes());
        keyword.ok_or_else(|| MailboxError::NoKeyword { name: name.clone() })
    };
    names.iter().map(keyword).collect()
}

/// The marks that flags are.
fn of_flags(flags: LetterFlags) -> Marks {
    marks_of(&letters_of(flags))
}

fn flags(marks: Marks) -> String {
    FLAGS.iter().filter(|(mark, _)| marks.has(*mark)).map(|(_, letter)| letter).collect()
}

/// The marks of flags' letters.
fn marks_of(flags: &str) -> Marks {
    let there = FLAGS.iter().filter(|(_, letter)| flags.contains(*letter));
    there.fold(Marks::NONE, |all, (mark, _)| all.with(*mark))
}
