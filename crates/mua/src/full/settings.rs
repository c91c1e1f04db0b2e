//! How the screen looks, from the environment.

use postroad_tui::model::{Colours, Look};

/// The look that the environment asks for.
pub(super) fn look(environment: impl Fn(&str) -> Option<String>) -> Look {
    Look { colours: colours(environment), ..Look::default() }
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
pub(super) fn is_dumb(term: Option<&str>) -> bool {
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
            assert_eq!(look(value).colours, colours, "{set:?}");
        }
        assert!(is_dumb(None) && is_dumb(Some("dumb")) && !is_dumb(Some("xterm")));
    }
}
