//! How the screen looks, from the environment.

use postroad_tui::model::{Colours, Look, Plain};

/// The look that the user or the environment asks for.
pub(super) fn look(plain: Plain, environment: impl Fn(&str) -> Option<String>) -> Look {
    let plain = match environment("TERM") {
        term if is_dumb(term.as_deref()) => Plain::Lines,
        _ => plain,
    };
    Look { colours: colours(environment), plain, ..Look::default() }
}

fn colours(environment: impl Fn(&str) -> Option<String>) -> Colours {
    // https://no-color.org: set, and not empty.
    if environment("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Colours::None;
    }
    let term = environment("TERM").unwrap_or_default();
    let is_direct = environment("COLORTERM").is_some_and(|value| !value.is_empty());
    if term.starts_with("vt") || term.ends_with("-m") {
        Colours::None
    } else if is_direct || term.contains("256color") || term.contains("direct") {
        Colours::Many
    } else {
        Colours::Sixteen
    }
}

/// Whether the terminal can't place anything on the screen.
fn is_dumb(term: Option<&str>) -> bool {
    matches!(term, None | Some("" | "dumb" | "unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_terminals() {
        for (set, colours) in [
            (&[("TERM", "xterm")][..], Colours::Sixteen),
            (&[("TERM", "screen-256color")], Colours::Many),
            (&[("TERM", "xterm"), ("COLORTERM", "truecolor")], Colours::Many),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "1")], Colours::None),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Colours::Many),
            (&[("TERM", "vt100")], Colours::None),
        ] {
            let value = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let look = look(Plain::Screen, value);
            assert_eq!((look.colours, look.plain), (colours, Plain::Screen), "{set:?}");
        }
        for (term, plain) in [
            (None, Plain::Lines),
            (Some("dumb"), Plain::Lines),
            (Some(""), Plain::Lines),
            (Some("xterm"), Plain::Screen),
        ] {
            let value = |name: &str| term.filter(|_| name == "TERM").map(str::to_owned);
            assert_eq!(look(Plain::Screen, value).plain, plain, "{term:?}");
            assert_eq!(look(Plain::Lines, value).plain, Plain::Lines);
        }
    }
}
