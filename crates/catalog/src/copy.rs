//! Copies of letters, in another folder of the mailbox or in the same.

use postroad_store::{Flags, Letter, LetterFlags, Maildir};

use crate::error::CatalogError;
use crate::folder::{Folder, Kind};
use crate::limits::COPY_PIECE_OCTETS;

/// What IMAP calls them (RFC 9051 §2.3.2).
const NAMES: [(LetterFlags, &str); 6] = [
    (LetterFlags::DRAFT, "\\Draft"),
    (LetterFlags::FLAGGED, "\\Flagged"),
    (LetterFlags::FORWARDED, "$Forwarded"),
    (LetterFlags::ANSWERED, "\\Answered"),
    (LetterFlags::SEEN, "\\Seen"),
    (LetterFlags::DELETED, "\\Deleted"),
];

impl Folder {
    /// Puts copies of letters into a folder, durably, with their flags; into this one where it is opened a second time. Gives
    /// for each what stays of the copy's name ([`Folder::find`]); letters that are gone are left out.
    ///
    /// # Errors
    /// What the disk said: none is copied; of folders that aren't ours some may be.
    pub fn copy_to(&mut self, uids: &[u32], to: &mut Self) -> Result<Vec<Vec<u8>>, CatalogError> {
        if let (Kind::Kept(from), Kind::Kept(target)) = (&mut self.kind, &mut to.kind) {
            let pairs = from.mailbox.copy_to(uids, &mut target.mailbox)?;
            return Ok(pairs.iter().filter_map(|(_, uid)| to.identity(*uid)).collect());
        }
        let mut copies = Vec::new();
        for &uid in uids {
            match self.open_letter(uid) {
                Err(error) if error.is_gone() => {}
                letter => copies.push(self.copy_one(&letter?, uid, to.place())?),
            }
        }
        to.refresh()?;
        Ok(copies)
    }

    /// Puts copies of letters into a folder of another mailbox, durably, with their flags. Gives the numbers of those that were
    /// copied; letters that are gone are left out.
    ///
    /// # Errors
    /// What the disk said: some may be copied.
    pub fn copy_out(&mut self, uids: &[u32], to: &Maildir) -> Result<Vec<u32>, CatalogError> {
        let mut copied = Vec::new();
        for &uid in uids {
            match self.open_letter(uid) {
                Err(error) if error.is_gone() => {}
                letter => {
                    self.copy_one(&letter?, uid, to)?;
                    copied.push(uid);
                }
            }
        }
        Ok(copied)
    }

    fn copy_one(&self, letter: &Letter, uid: u32, to: &Maildir) -> Result<Vec<u8>, CatalogError> {
        let mut draft = self.inside.courier.begin(to)?;
        let (mut piece, mut at) = (vec![0; COPY_PIECE_OCTETS], 0);
        loop {
            let read = letter.read_at(&mut piece, at)?;
            let octets = piece.get(..read).unwrap_or_default();
            if octets.is_empty() {
                break;
            }
            draft.write(octets)?;
            at += read as u64;
        }
        let flags = self.flags(uid).unwrap_or_default();
        let names = NAMES.iter().filter(|(flag, _)| flags.contains(*flag));
        let names: Vec<String> = names.map(|(_, name)| (*name).to_owned()).collect();
        draft.set_flags(Flags::of(&names).0);
        let filed = draft.deliver()?;
        let name = filed.path.file_name().unwrap_or_default().as_encoded_bytes();
        Ok(name.split(|octet| matches!(octet, b',' | b':')).next().unwrap_or_default().to_vec())
    }
}
