//! How things look. Nothing is told by colour alone: each of these stands beside a letter, a bar or a
//! place that says the same.

use ratatui_core::style::{Color, Modifier, Style as Drawn};

use crate::data::Trust;
use crate::model::Colours;

/// What a piece of text is, for the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Nothing special.
    #[default]
    Plain,
    /// The bars above and below a list.
    Bar,
    /// Where the user is.
    Selected,
    /// A letter that is struck, where the user is.
    SelectedStruck,
    /// A letter that nobody has read.
    Unread,
    /// A letter that is struck.
    Struck,
    /// Names of fields.
    Name,
    /// Keys at the foot.
    Keys,
    /// Quoted words, and how often they were.
    Quote(u8),
    /// A signature, what is still being read.
    Faint,
    /// Our own words between others'.
    Ours,
    /// Whether a letter is from whom it says.
    Trust(Trust),
    /// What was looked for.
    Found,
    /// Something went wrong.
    Wrong,
}

impl Style {
    pub(super) fn drawn(self, colours: Colours) -> Drawn {
        let plain = Drawn::new();
        let coloured = |colour| match colours {
            Colours::None => plain,
            Colours::Sixteen | Colours::Many => plain.fg(colour),
        };
        match self {
            Self::Plain => plain,
            Self::Bar | Self::Selected => plain.add_modifier(Modifier::REVERSED),
            Self::SelectedStruck => {
                coloured(Color::Red).add_modifier(Modifier::REVERSED | Modifier::DIM)
            }
            Self::Unread | Self::Name => plain.add_modifier(Modifier::BOLD),
            Self::Struck => coloured(Color::Red).add_modifier(Modifier::DIM),
            Self::Keys | Self::Faint => plain.add_modifier(Modifier::DIM),
            Self::Quote(depth) => match depth % 3 {
                1 => coloured(Color::Green),
                2 => coloured(Color::Cyan),
                _ => coloured(Color::Magenta),
            },
            Self::Ours => coloured(Color::Blue).add_modifier(Modifier::BOLD),
            Self::Trust(level) => {
                let colour = match level {
                    Trust::Good => Color::Green,
                    Trust::Open => Color::Yellow,
                    Trust::Bad => Color::Red,
                };
                coloured(colour).add_modifier(Modifier::REVERSED | Modifier::BOLD)
            }
            Self::Found => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
            Self::Wrong => coloured(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}
