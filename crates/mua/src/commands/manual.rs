//! `postroad-mua manual` and `completions`: what is known of the commands, for man(1) and for shells.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{CommandLine, Context};
use crate::error::{Error, Exit};
use crate::front::{self, Usage};
use crate::mailx;
use crate::safe_line;

const NAME: &str = "postroad-mua";

/// Write the manual's pages
#[derive(Debug, clap::Args)]
pub(super) struct ManualArguments {
    /// The folder that they are written to, as in ~/.local/share/man/man1; without one the main page is printed
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Print what a shell needs to complete commands
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

pub(super) fn manual(
    context: &mut Context<'_, '_>,
    arguments: &ManualArguments,
) -> Result<Exit, Error> {
    let Some(folder) = &arguments.into else {
        let mut page = Vec::new();
        Man::new(CommandLine::command()).render(&mut page)?;
        context.screen.show_raw(&page)?;
        return Ok(Exit::Done);
    };
    let written = write_all(folder).map_err(|error| {
        Usage(format!("the manual isn't written to {}: {error}", folder.display()))
    })?;
    context.screen.say(&safe_line!("{written} pages in {}", folder.display()));
    Ok(Exit::Done)
}

pub(super) fn completions(
    context: &mut Context<'_, '_>,
    arguments: &CompletionsArguments,
) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), NAME, &mut script);
    context.screen.show_raw(&script)?;
    Ok(Exit::Done)
}

/// One page for the program, one for each command, and those of the front doors; gives how many there are.
fn write_all(folder: &Path) -> io::Result<usize> {
    std::fs::create_dir_all(folder)?;
    let mut command = CommandLine::command();
    // The front doors have pages of their own.
    for door in ["mail", "sendmail"] {
        command = command.mut_subcommand(door, |door| door.hide(true));
    }
    command.build();
    let mut written = 0;
    for page in std::iter::once(&command).chain(command.get_subcommands()) {
        if page.is_hide_set() || page.get_name() == "help" {
            continue;
        }
        Man::new(page.clone()).generate_to(folder)?;
        written += 1;
    }
    for (name, page) in [("mail.1", mail()), ("sendmail.1", sendmail())] {
        std::fs::write(folder.join(name), page.render())?;
        written += 1;
    }
    Ok(written)
}

fn mail() -> Roff {
    let prompt = mailx::command::help().collect::<Vec<_>>().join("\n");
    let mut page = door("MAIL", "mail", "read and send mail", front::mail::HELP);
    section(&mut page, "COMMANDS AT THE PROMPT", &prompt);
    section(
        &mut page,
        "IN A LETTER THAT IS WRITTEN AT A TERMINAL",
        &mailx::escape::HELP.join("\n"),
    );
    see_also(&mut page);
    page
}

fn sendmail() -> Roff {
    let mut page = door("SENDMAIL", "sendmail", "send a message", front::sendmail::HELP);
    see_also(&mut page);
    page
}

fn door(title: &str, name: &str, about: &str, help: &str) -> Roff {
    let mut page = Roff::new();
    page.control("TH", [title, "1"]);
    page.control("SH", ["NAME"]).text([roman(format!("{name} - {about}"))]);
    section(&mut page, "SYNOPSIS", help);
    page
}

fn see_also(page: &mut Roff) {
    page.control("SH", ["SEE ALSO"]).text([bold(NAME), roman("(1)")]);
}

/// Lines as they stand.
fn section(page: &mut Roff, heading: &str, lines: &str) {
    page.control("SH", [heading]).control("nf", []);
    for line in lines.lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let written = write_all(folder.path()).unwrap();
        let names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), written);
        for name in ["postroad-mua.1", "postroad-mua-send.1", "mail.1", "sendmail.1"] {
            assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
        }
        let page = std::fs::read_to_string(folder.path().join("mail.1")).unwrap();
        assert!(page.contains("dp ") && page.contains("\\-s SUBJECT"), "{page}");
    }

    #[test]
    fn shells_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), NAME, &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("outbox") && script.contains("drafts"), "{shell}");
        }
    }
}
