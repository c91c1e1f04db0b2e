//! What another program does to the files.

use std::path::PathBuf;

use super::view::{Flags, KEYWORDS, LETTERS, NAMES};
use super::{Letter, World};

impl World {
    pub(super) fn outside(&mut self) {
        let names: Vec<String> = self.mailboxes.keys().cloned().collect();
        let name = &names[self.random.below(names.len())];
        match self.random.below(6) {
            0 | 1 => self.deliver(name),
            2 | 3 => self.reflag(name),
            4 => self.toggle_keyword(name),
            _ => self.remove(name),
        }
    }

    fn path(&self, name: &str, part: &str) -> PathBuf {
        let root = self.place.root();
        match name {
            "INBOX" => root.join(part),
            name => root.join(format!(".{name}")).join(part),
        }
    }

    fn deliver(&mut self, name: &str) {
        if self.is_full(name) {
            return self.remove(name);
        }
        let text = self.new_text();
        let flags = match self.random.once_in(2) {
            true => 0,
            false => self.random.flags() & !KEYWORDS,
        };
        let base = format!("{}.M{text}P1Q1.x", 1_796_000_000 + text);
        let part = match flags {
            0 => format!("new/{base}"),
            flags => format!("cur/{base}:2,{}", letters_of(flags)),
        };
        self.note(format!("delivered into {name}: {part}"));
        std::fs::write(self.path(name, &part), format!("Subject: s\n\n{text}\n")).unwrap();
        let letter = Letter { uid: None, text, flags, or: None, touched: true };
        self.mailboxes.get_mut(name).unwrap().letters.push(letter);
    }

    /// A file, and its place among the mailbox's letters, where there is no doubt which letter it is.
    fn any_file(&mut self, name: &str) -> Option<(PathBuf, usize)> {
        let mut files = Vec::new();
        for part in ["new", "cur"] {
            let entries = std::fs::read_dir(self.path(name, part)).unwrap();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        files.sort_unstable();
        if files.is_empty() {
            return None;
        }
        let path = files.swap_remove(self.random.below(files.len()));
        let content = std::fs::read_to_string(&path).unwrap();
        let text: u32 = content.lines().last()?.parse().unwrap();
        let letters = &self.mailboxes[name].letters;
        let mut of = (0..letters.len()).filter(|at| letters[*at].text == text);
        let at = of.next().expect("a file that nobody has put there");
        (of.next().is_none() && letters[at].or.is_none()).then_some((path, at))
    }

    fn remove(&mut self, name: &str) {
        let Some((path, at)) = self.any_file(name) else { return };
        self.note(format!("removed {}", path.display()));
        std::fs::remove_file(path).unwrap();
        self.mailboxes.get_mut(name).unwrap().letters.remove(at);
    }

    fn reflag(&mut self, name: &str) {
        let flags = self.random.flags() & !KEYWORDS;
        self.rename(name, |info, known| {
            let small = info.chars().filter(char::is_ascii_lowercase);
            (letters_of(flags).chars().chain(small).collect(), flags | known & KEYWORDS)
        });
    }

    fn toggle_keyword(&mut self, name: &str) {
        let known = std::fs::read_to_string(self.path(name, "dovecot-keywords"));
        let known = known.unwrap_or_default();
        let lines: Vec<&str> = known.lines().collect();
        if lines.is_empty() {
            return;
        }
        let (number, keyword) = lines[self.random.below(lines.len())].split_once(' ').unwrap();
        let letter = char::from(b'a' + number.parse::<u8>().unwrap());
        let flag: Flags = 1 << NAMES.iter().position(|name| *name == keyword).unwrap();
        self.rename(name, |info, known| {
            let mut letters: Vec<char> = info.chars().filter(|one| *one != letter).collect();
            if known & flag == 0 {
                letters.push(letter);
                letters.sort_unstable();
            }
            (letters.into_iter().collect(), known ^ flag)
        });
    }

    fn rename(&mut self, name: &str, to: impl FnOnce(&str, Flags) -> (String, Flags)) {
        let Some((path, at)) = self.any_file(name) else { return };
        let file = path.file_name().unwrap().to_str().unwrap();
        let (base, info) = file.split_once(":2,").unwrap_or((file, ""));
        let known = self.mailboxes[name].letters[at].flags;
        let (info, flags) = to(info, known);
        let new = self.path(name, "cur").join(format!("{base}:2,{info}"));
        self.note(format!("renamed {} to {}", path.display(), new.display()));
        std::fs::rename(&path, &new).unwrap();
        let letter = &mut self.mailboxes.get_mut(name).unwrap().letters[at];
        letter.touched |= letter.flags != flags;
        letter.flags = flags;
    }
}

fn letters_of(flags: Flags) -> String {
    let letters = LETTERS.iter().enumerate().filter(|(at, _)| flags & 1 << at != 0);
    letters.map(|(_, letter)| char::from(*letter)).collect()
}
