//! A link in the user's browser, by a key alone, and only one of the web (row U18).

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use postroad_tui::effect::Job;
use postroad_tui::msg::What;

use super::wake::Teller;
use crate::render::Link;
use crate::render::links::Goes;
use crate::safe_line;
use crate::safe_text::SafeText;

/// What opens a link where `BROWSER` isn't set.
const OPENER: &str = "xdg-open";

/// Has the browser open it, in the background, and says what came of that.
pub(super) fn open(job: Job, link: &SafeText, tell: &Teller) {
    // Read anew: it has been on the screen, and is what a browser reads only if it is the same.
    let link = Link::new("", link.as_str());
    let (Goes::Web { .. }, target) = (&link.goes, &link.target) else {
        return tell.failed(job, "only links of http and https are opened", "");
    };
    let (program, words) = argv(std::env::var("BROWSER").ok().as_deref(), target);
    match start(&program, &words, Stdio::null()) {
        Ok(mut child) => {
            let program = SafeText::line(&program);
            tell.tell(job, What::Told(safe_line!("Handed to {}", program.as_str())));
            // Somebody has to wait for it; who can't be made leaves it to the end of this program.
            let wait = move || drop(child.wait());
            drop(std::thread::Builder::new().name("browser".into()).spawn(wait));
        }
        Err(error) => {
            let words = safe_line!("cannot start {program}: {error}");
            tell.failed(job, words, "name a browser in BROWSER");
        }
    }
}

/// `BROWSER` is a list with colons between; of its first entry, words, with `%s` for the link or the link behind them.
fn argv(browser: Option<&str>, link: &str) -> (String, Vec<String>) {
    let first = browser.unwrap_or_default().split(':').map(str::trim).find(|one| !one.is_empty());
    let mut words = first.unwrap_or(OPENER).split_whitespace();
    let program = words.next().unwrap_or(OPENER).to_owned();
    let mut has_link = false;
    let mut words: Vec<String> = words
        .map(|word| {
            has_link |= word.contains("%s");
            word.replace("%s", link)
        })
        .collect();
    if !has_link {
        words.push(link.to_owned());
    }
    (program, words)
}

/// Has the browser open a page, beside this program.
pub(crate) fn start_with(link: &str) -> std::io::Result<Child> {
    let (program, words) = argv(std::env::var("BROWSER").ok().as_deref(), link);
    start(&program, &words, Stdio::null())
}

/// A program beside the screen: no shell reads its words, and what it says doesn't reach the terminal.
pub(super) fn start(program: &str, words: &[String], input: Stdio) -> std::io::Result<Child> {
    Command::new(program)
        .args(words)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u18_a_link_is_one_word_of_a_command() {
        for (browser, program, words) in [
            (None, "xdg-open", vec!["http://a.example/$(x);y"]),
            (Some(""), "xdg-open", vec!["http://a.example/$(x);y"]),
            (Some("firefox:w3m"), "firefox", vec!["http://a.example/$(x);y"]),
            (
                Some("chromium --incognito %s"),
                "chromium",
                vec!["--incognito", "http://a.example/$(x);y"],
            ),
            (Some("open -u%s -n"), "open", vec!["-uhttp://a.example/$(x);y", "-n"]),
        ] {
            let found = argv(browser, "http://a.example/$(x);y");
            let words = words.into_iter().map(str::to_owned).collect();
            assert_eq!(found, (program.to_owned(), words));
        }
    }
}
