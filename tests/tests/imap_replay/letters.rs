//! What is in the mailbox at first: plain letters, one with an attachment, one as text and as HTML.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;

/// When the first letter came.
const FIRST: u64 = 1_796_000_000;

/// Flags of letters, in turn, as in the names of their files.
const FLAGS: [&str; 4] = ["S", "", "F", "RS"];

/// Makes a Maildir with letters.
pub(super) fn fill(maildir: &Path, letters: usize) -> Result<()> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    for number in 1..=letters {
        let flags = FLAGS[(number - 1) % FLAGS.len()];
        put(maildir, number, &format!("cur/{}.M1P1Q{number}.x:2,{flags}", came(number)))?;
    }
    Ok(())
}

/// A further letter comes.
pub(super) fn deliver(maildir: &Path, number: usize) -> Result<()> {
    let name = format!("{}.M1P1Q{number}.x", came(number));
    put(maildir, number, &format!("tmp/{name}"))?;
    Ok(fs::rename(maildir.join("tmp").join(&name), maildir.join("new").join(&name))?)
}

fn came(number: usize) -> u64 {
    FIRST + 60 * number as u64
}

fn put(maildir: &Path, number: usize, name: &str) -> Result<()> {
    let path = maildir.join(name);
    fs::write(&path, letter(number))?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(came(number));
    Ok(File::options().write(true).open(path)?.set_modified(at)?)
}

fn letter(number: usize) -> String {
    let fields = format!(
        "Subject: letter {number}\nFrom: Anna <anna@client.test>\nTo: alice@our.test\n\
         Date: Sun, 29 Nov 2026 12:{number:02}:00 +0000\nMessage-ID: <{number}@client.test>\n\
         MIME-Version: 1.0\n"
    );
    let body = match number {
        2 => {
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n\
             this is 2\n--b\nContent-Type: application/pdf; name=a.pdf\n\
             Content-Disposition: attachment; filename=a.pdf\nContent-Transfer-Encoding: base64\n\n\
             JVBERi0=\n--b--\n"
        }
        3 => {
            "References: <1@client.test>\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\
             Content-Type: text/plain; charset=utf-8\n\nthis is 3\n--b\nContent-Type: text/html\n\n\
             <p>this is 3</p>\n--b--\n"
        }
        _ => return format!("{fields}Content-Type: text/plain\n\nthis is {number}\n"),
    };
    fields + body
}
