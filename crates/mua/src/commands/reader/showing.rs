//! A letter on the terminal: as much of it as was asked for, through the pager where it is long.

use jiff::tz::TimeZone;
use rustix::termios::tcgetwinsize;

use super::super::{is_interactive, shell};
use super::Reader;
use crate::error::Error;
use crate::mailx::command::Shown;
use crate::mailx::settings::Settings;
use crate::render::{View, header_end, page};
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks};

/// Lines of a letter that `top` shows.
const TOP_LINES: usize = 5;
/// What shows a letter page by page where nothing is named.
const PAGER: &str = "more";

impl Reader<'_, '_, '_> {
    pub(super) async fn show(&mut self, number: usize, how: Shown) -> Result<(), Error> {
        let raw = self.letters.message(number).await?;
        let view = sealed::view(&raw, &self.account.keys, Asks::Here);
        // Of a sealed letter the fields that count.
        let header = view.seal.as_ref().map_or(raw.as_slice(), |seal| &seal.header);
        let usual = || match self.settings.has_fields() {
            true => whole(header, &view, |field| self.settings.shows(field)),
            false => page::page(&view, &TimeZone::system()),
        };
        let text = match how {
            Shown::Usual => usual(),
            Shown::Whole => whole(header, &view, |_| true),
            Shown::Top => {
                let lines = self.settings.number("toplines").unwrap_or(TOP_LINES);
                let text = usual();
                let lines: Vec<&str> = text.as_str().lines().take(lines).collect();
                SafeText::block(&lines.join("\n"))
            }
        };
        self.letters.go_to(number);
        // Above the letter, where nothing that it says can stand (row U09).
        let seal = view.seal.as_ref().map(|seal| format!("{}\n", seal.line().as_str()));
        let seal = seal.unwrap_or_default();
        let text = SafeText::block(&format!("Message {number}:\n{seal}{}", text.as_str()));
        match rows_at_once(&self.settings) {
            Some(rows) if is_interactive() && text.as_str().lines().count() > rows => {
                let pager = self.settings.or_environment("PAGER");
                let pager = pager.unwrap_or_else(|| PAGER.to_owned());
                shell::feed(&pager, format!("{}\n", text.as_str()).into_bytes())?;
            }
            _ => self.context.screen.show(&text)?,
        }
        self.letters.read(number).await
    }
}

/// How many lines are shown without the pager: what `crt` says, or else what the terminal has; all where it isn't set.
fn rows_at_once(settings: &Settings) -> Option<usize> {
    if !settings.is_set("crt") {
        return None;
    }
    let terminal = || tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_row));
    settings.number("crt").or_else(terminal).filter(|rows| *rows > 0)
}

/// A letter with these fields of its header.
fn whole(raw: &[u8], view: &View, shows: impl Fn(&str) -> bool) -> SafeText {
    let header = raw.get(..header_end(raw)).unwrap_or(raw);
    let header = String::from_utf8_lossy(header);
    let mut shown = String::new();
    let mut is_shown = false;
    for line in header.trim_end().lines() {
        if !line.starts_with([' ', '\t']) {
            let field = line.split_once(':').map_or("", |(field, _)| field.trim_end());
            is_shown = shows(field);
        }
        if is_shown {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown.push('\n');
    shown.push_str(view.text().trim_end());
    SafeText::block(&shown)
}
