//! The order of letters.

use postroad_safetext::safe_line;

use super::Effects;
use crate::data::{By, Order, Way};
use crate::effect::Ask;
use crate::model::{Model, OneOf, Prompt};

/// The letters that mutt asks for, and what they mean.
const LETTERS: [(char, By); 8] = [
    ('d', By::Sent),
    ('f', By::From),
    ('r', By::Arrived),
    ('s', By::Subject),
    ('o', By::To),
    ('t', By::Threads),
    ('u', By::Number),
    ('z', By::Octets),
];

/// Asks which one.
pub(super) fn ask(model: &mut Model, way: Way) {
    let words = match way {
        Way::Up => "Sort (d)ate/(f)rm/(r)ecv/(s)ubj/t(o)/(t)hread/(u)nsort/si(z)e?:",
        Way::Down => "Rev-Sort (d)ate/(f)rm/(r)ecv/(s)ubj/t(o)/(t)hread/(u)nsort/si(z)e?:",
    };
    model.prompt = Some(Prompt::Letter { words: words.into(), wanted: OneOf::Order(way) });
}

/// One was chosen.
pub(super) fn chosen(model: &mut Model, letter: char, way: Way, effects: &mut Effects) {
    match LETTERS.iter().find(|(known, _)| *known == letter.to_ascii_lowercase()) {
        Some((_, by)) => arrange(model, Order { by: *by, way }, effects),
        None => model.say("There is no such order."),
    }
}

/// From `set sort=`.
pub(super) fn named(model: &mut Model, name: &str, effects: &mut Effects) {
    match Order::named(name) {
        Some(order) => arrange(model, order, effects),
        None => model.say("There is no such order."),
    }
}

pub(super) fn arrange(model: &mut Model, order: Order, effects: &mut Effects) {
    model.order = order;
    model.jobs.ask(Ask::Arrange(order), effects);
}

impl Order {
    /// The one that mutt calls so.
    pub fn named(name: &str) -> Option<Self> {
        let (way, by) = match name.strip_prefix("reverse-") {
            Some(by) => (Way::Down, by),
            None => (Way::Up, name),
        };
        let found = LETTERS.iter().find(|(_, known)| known.name() == by);
        found.map(|(_, by)| Self { by: *by, way })
    }

    /// What mutt calls it: `date`, `reverse-date`.
    pub fn name(self) -> postroad_safetext::SafeText {
        let reverse = match self.way {
            Way::Up => "",
            Way::Down => "reverse-",
        };
        safe_line!("{reverse}{}", self.by.name())
    }
}
