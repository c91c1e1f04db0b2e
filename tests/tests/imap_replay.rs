//! What mail programs say that can't be run here, said to our agent: each command has to be answered, and as the program
//! counts on.
//!
//! A file in `imap_replay` is one program's dialogue. Which commands it sends, in which form and order, is known from the
//! place that the file names: a recorded session, the program's own tests, or its maker's description. The files are written
//! anew from that, for a mailbox of ours; their form is told in `imap_replay/dialogue.rs`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use postroad_tests::suite::{Settings, Site};

#[path = "imap_replay/dialogue.rs"]
mod dialogue;
#[path = "imap_replay/letters.rs"]
mod letters;
#[path = "imap_replay/play.rs"]
mod play;

use dialogue::Dialogue;

/// One test for each file, and a file for each test.
macro_rules! clients {
    ($($test:ident $file:literal),+ $(,)?) => {
        $(#[test]
        fn $test() -> Result<()> {
            replay(include_str!(concat!("imap_replay/", $file, ".dialogue")))
        })+

        const FILES: &[&str] = &[$(concat!($file, ".dialogue")),+];
    };
}

clients! {
    apple_mail_on_a_phone "apple-mail",
    emailjs "emailjs",
    evolution "evolution",
    geary "geary",
    horde_in_nextcloud "horde",
    jakarta_mail "jakarta-mail",
    k9_and_thunderbird_for_android "k9",
    mailkit "mailkit",
    outlook "outlook",
    roundcube "roundcube",
}

#[test]
fn no_dialogue_is_forgotten() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imap_replay");
    let mut files: Vec<String> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    files.retain(|name| name.ends_with(".dialogue"));
    files.sort();
    assert_eq!(files, FILES);
    Ok(())
}

/// Says all of it to an agent of its own.
fn replay(text: &str) -> Result<()> {
    let dialogue = Dialogue::parse(text)?;
    let site = Site::new(&Settings::default())?;
    let maildir = site.path("mail/alice");
    letters::fill(&maildir, dialogue.letters)?;
    let maa = site.maa()?;
    play::play(&dialogue, site.imap, &maildir)
        .with_context(|| format!("{}:\n{}", dialogue.client, maa.log()))?;
    let log = maa.log();
    ensure!(!log.contains(" ERROR ") && !log.contains(" WARN "), "{}:\n{log}", dialogue.client);
    Ok(())
}
