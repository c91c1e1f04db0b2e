//! `cargo xtask screens`: the README's pictures of the full screen, taken of the program in a terminal.
//!
//! | looking for | it is in |
//! |---|---|
//! | which screens, and the keys that lead there | here |
//! | the letters | `letters.rs` |
//! | a terminal's rows as a picture | `picture.rs` |

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::suite::binary;
use postroad_tests::tmux::Tmux;

use crate::step::{cargo, done, root, run as run_step};

mod letters;
mod picture;

const SIZE: (u16, u16) = (80, 24);

/// A picture, the keys that lead there from the one before it, and what is seen then.
const SCREENS: &[(&str, &[&str], &str)] = &[
    ("index", &["o", "t"], "(threads)"),
    ("letter", &["2", "Enter", "Enter"], "Shall we say Thursday"),
    ("answer", &["r"], "text/plain"),
    ("keys", &["q", "n", "i", "?", "t", "h", "r"], "Find: thr"),
];

pub(crate) fn run() -> anyhow::Result<()> {
    run_step("build", cargo().args(["build", "--locked", "--bin", "postroad-mua"]))?;
    let stage = Stage::set_up_with(Needs::Tools, Packages::Screens)?.context("no tmux here")?;
    let home = tempfile::tempdir()?;
    letters::write(&home.path().join("Maildir"))?;
    let tmux = Tmux::start(&stage, SIZE, &program(home.path())?)?;
    tmux.until("all letters", |rows| {
        let has = |text: &str| rows.iter().any(|row| row.contains(text));
        has("Msgs:") && !has("(checking)")
    })?;
    let folder = root().join("docs/screens");
    fs::create_dir_all(&folder)?;
    for (name, keys, seen) in SCREENS {
        done(name, || {
            for key in *keys {
                tmux.keys(&[key])?;
            }
            tmux.until_shown(seen)?;
            let path = folder.join(format!("{name}.svg"));
            let picture = picture::of(&tmux.styled()?, tmux.cursor()?, SIZE);
            fs::write(&path, picture).with_context(|| format!("cannot write {}", path.display()))
        })?;
    }
    Ok(())
}

fn program(home: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(binary("postroad-mua")?);
    command
        .env("HOME", home)
        .env("TZ", "UTC")
        .env("POSTROAD_MUA_ADDRESS", "anna@our.example")
        .env("POSTROAD_MUA_NAME", "Anna")
        .env("EDITOR", "true")
        .env("XDG_STATE_HOME", home.join("state"))
        .arg("open");
    Ok(command)
}
