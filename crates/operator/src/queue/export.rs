//! `postroad queue export`: messages as files, with their envelopes.

use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, IsTerminal as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use postroad_observe::control::{Answer, Filter, Message, Request, State};

use super::show::{Letter, letter};
use super::which::{Which, portions};
use crate::control::Agent;
use crate::screen;

/// Without --dir, one message goes to standard output: header fields with its envelope (X-Queue-ID, X-Queue-Arrived,
/// X-Envelope-From, one X-Envelope-To for each recipient that is still to get it and X-Envelope-Done for each that
/// isn't), then the message as it is, lines ending in CRLF. With --dir, each message becomes two files: ID.eml, octet
/// for octet the message, and ID.json, its envelope as `postroad queue show --json` has it.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// Every message
    #[arg(long)]
    all: bool,
    /// The folder to write ID.eml and ID.json to; what is there already isn't written over
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Say which messages it would be, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write to a terminal, whatever the message may do to it
    #[arg(long)]
    force: bool,
}

pub(super) fn run(agent: &mut Agent, export: &Export) -> Result<ExitCode> {
    let filter = export.which.filter()?;
    if filter == Filter::default() && !export.all {
        bail!(
            "say which messages: queue ids, filters as --from, --to, --next-hop (all are in --help), or --all"
        );
    }
    let ids = ids(agent, &filter)?;
    let out = &mut anstream::stdout().lock();
    if export.dry_run {
        for id in &ids {
            writeln!(out, "{id}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    match (&export.dir, ids.as_slice()) {
        (_, []) => {
            bail!("the queue holds no such message: `postroad queue list` shows those it holds")
        }
        (Some(dir), ids) => {
            let written = to_folder(agent, ids, dir);
            writeln!(
                out,
                "{} written to {}",
                screen::counted(written.count, "message"),
                dir.display()
            )?;
            written.result.map(|()| ExitCode::SUCCESS)
        }
        (None, [id]) => {
            if std::io::stdout().is_terminal() && !export.force {
                bail!(
                    "a message may do harm to a terminal: write it to a file (> {id}.eml, or --dir .), look at it with `postroad queue show {id}`, or say --force"
                );
            }
            let (letter, told) = letter(agent, id, u64::MAX);
            if letter.message.queue_id.is_empty() {
                return told.map(|()| ExitCode::SUCCESS);
            }
            // Raw, past what takes colours out.
            let mut out = std::io::stdout().lock();
            out.write_all(preamble(&letter.message).as_bytes())?;
            out.write_all(&letter.content)?;
            out.flush()?;
            told.map(|()| ExitCode::SUCCESS)
        }
        (None, ids) => bail!(
            "{} don't fit into one output: say where to write them, as in --dir ./letters",
            screen::counted(ids.len() as u64, "message")
        ),
    }
}

fn ids(agent: &mut Agent, filter: &Filter) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for filter in portions(filter) {
        agent.ask(&Request::List { filter, limit: u64::MAX, after: None }, |answer, _| {
            if let Answer::Message(message) = answer {
                ids.push(message.queue_id);
            }
            Ok(())
        })?;
    }
    Ok(ids)
}

/// How many messages were written, and what was wrong with the last of the others.
struct Written {
    count: u64,
    result: Result<()>,
}

fn to_folder(agent: &mut Agent, ids: &[String], dir: &Path) -> Written {
    let mut written = Written { count: 0, result: create(dir) };
    if written.result.is_err() {
        return written;
    }
    for id in ids {
        // One that is damaged, or was delivered meanwhile, keeps no other back.
        let (letter, told) = letter(agent, id, u64::MAX);
        match write(&letter, dir, id).and(told) {
            Ok(()) => written.count += 1,
            Err(error) => {
                anstream::eprintln!("postroad: {id}: {error:#}");
                written.result = Err(error).context("not all messages could be exported");
            }
        }
    }
    written
}

fn create(dir: &Path) -> Result<()> {
    // Other people's mail: for our eyes only.
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        done => done.with_context(|| format!("cannot make the folder {}", dir.display())),
    }
}

/// The envelope first: it is there, too, where the content is damaged.
fn write(letter: &Letter, dir: &Path, id: &str) -> Result<()> {
    let Letter { message, content } = letter;
    if message.queue_id != id {
        return Ok(()); // It is gone, and so it was told.
    }
    let envelope = serde_json::to_vec_pretty(message)?;
    save(&dir.join(format!("{id}.json")), &[envelope.as_slice(), b"\n"].concat())?;
    // Of a damaged one, what is left.
    if !content.is_empty() || message.octets == 0 {
        save(&dir.join(format!("{id}.eml")), content)?;
    }
    Ok(())
}

fn save(path: &Path, octets: &[u8]) -> Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    // Who exports often deletes next.
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// The envelope as header fields on top of the message's own.
fn preamble(message: &Message) -> String {
    let mut fields = vec![
        ("X-Queue-ID", message.queue_id.clone()),
        ("X-Queue-Arrived", screen::moment(message.arrived)),
        ("X-Envelope-From", format!("<{}>", message.sender) + &parameters(message)),
    ];
    for recipient in &message.recipients {
        let name = match recipient.state {
            State::Waiting | State::Held => "X-Envelope-To",
            State::Done => "X-Envelope-Done",
        };
        let mut value = format!("<{}>", recipient.address);
        for (key, parameter) in [("NOTIFY", &recipient.notify), ("ORCPT", &recipient.orcpt)] {
            if let Some(parameter) = parameter {
                value += &format!(" {key}={}", xtext(parameter));
            }
        }
        fields.push((name, value));
    }
    // No address holds a line break; should one ever, it ends here.
    let line = |(name, value): (&str, String)| {
        format!("{name}: {}\r\n", value.replace(char::is_control, "?"))
    };
    fields.into_iter().map(line).collect()
}

/// What MAIL said besides the reverse-path.
fn parameters(message: &Message) -> String {
    let mut text = String::new();
    if let Some(body) = &message.body {
        text += &format!(" BODY={body}");
    }
    if message.smtputf8 {
        text += " SMTPUTF8";
    }
    if let Some(ret) = &message.ret {
        text += &format!(" RET={ret}");
    }
    if let Some(envid) = &message.envid {
        text += &format!(" ENVID={}", xtext(envid));
    }
    text
}

/// RFC 3461 §4: the form that such a value has in a command, which holds no space.
fn xtext(text: &str) -> String {
    let octet = |octet: u8| match octet {
        b'+' | b'=' => format!("+{octet:02X}"),
        b'!'..=b'~' => char::from(octet).to_string(),
        _ => format!("+{octet:02X}"),
    };
    text.bytes().map(octet).collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::examples;
    use super::*;

    #[test]
    fn the_envelope_stands_on_top() {
        let [mut message, _] = examples();
        message.envid = Some("x y".into());
        message.recipients[0].orcpt = Some("rfc822;a+b@example.org".into());
        message.recipients[1].state = State::Done;
        assert_eq!(
            preamble(&message),
            "X-Queue-ID: 0CKZ3V9A0BCDE\r\n\
             X-Queue-Arrived: 1970-01-01T00:16:40Z\r\n\
             X-Envelope-From: <alice@example.test> ENVID=x+20y\r\n\
             X-Envelope-To: <bob@example.org> ORCPT=rfc822;a+2Bb@example.org\r\n\
             X-Envelope-Done: <dave@example.org>\r\n"
        );
    }

    #[test]
    fn nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let [message, _] = examples();
        let id = message.queue_id.clone();
        let content = vec![b'x'; 4_096];
        let letter = Letter { message, content };
        write(&letter, dir.path(), &id).unwrap();
        assert_eq!(std::fs::read(dir.path().join(format!("{id}.eml"))).unwrap(), letter.content);
        let error = format!("{:#}", write(&letter, dir.path(), &id).unwrap_err());
        assert!(error.contains("File exists"), "{error}");
    }
}
