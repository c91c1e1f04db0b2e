//! A terminal's rows, with their colours, as SVG.

use std::fmt::Write as _;

/// Of a letter, in pixels.
const WIDE: u32 = 8;
const HIGH: u32 = 17;
const SIZE: u32 = 13;
const MARGIN: u32 = 8;
/// What a terminal has where nothing was chosen: its letters, and what is behind them.
const PLAIN: (&str, &str) = ("#d8d8d8", "#181818");
/// The sixteen colours, dark ones first.
const COLOURS: [&str; 16] = [
    "#282828", "#d75f5f", "#87af5f", "#d7af5f", "#5f87d7", "#af87d7", "#5fafaf", "#b8b8b8",
    "#787878", "#ff8787", "#afd787", "#ffd787", "#87afff", "#d7afff", "#87d7d7", "#f8f8f8",
];

/// How letters look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    colour: Option<usize>,
    behind: Option<usize>,
    bold: bool,
    faint: bool,
    underlined: bool,
    reversed: bool,
}

impl Style {
    /// `ESC [ … m`
    fn set(&mut self, parameters: &str) {
        for number in parameters.split(';').map(|number| number.parse().unwrap_or(0)) {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                4 => self.underlined = true,
                7 => self.reversed = true,
                22 => (self.bold, self.faint) = (false, false),
                24 => self.underlined = false,
                27 => self.reversed = false,
                30..=37 => self.colour = Some(number - 30),
                39 => self.colour = None,
                40..=47 => self.behind = Some(number - 40),
                49 => self.behind = None,
                90..=97 => self.colour = Some(number - 90 + 8),
                100..=107 => self.behind = Some(number - 100 + 8),
                _ => {}
            }
        }
    }

    fn colours(self) -> (&'static str, &'static str) {
        let of = |colour: Option<usize>| colour.and_then(|colour| COLOURS.get(colour)).copied();
        let (letters, behind) =
            (of(self.colour).unwrap_or(PLAIN.0), of(self.behind).unwrap_or(PLAIN.1));
        if self.reversed { (behind, letters) } else { (letters, behind) }
    }
}

/// Rows as `tmux capture-pane -e` gives them, with the cursor.
pub(super) fn of(rows: &[String], cursor: (u16, u16), (columns, lines): (u16, u16)) -> String {
    let (wide, high) =
        (u32::from(columns) * WIDE + 2 * MARGIN, u32::from(lines) * HIGH + 2 * MARGIN);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" \
         font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"{SIZE}\">\n\
         <rect width=\"{wide}\" height=\"{high}\" rx=\"6\" fill=\"{}\"/>\n",
        PLAIN.1
    );
    let mut style = Style::default();
    for (row, text) in rows.iter().enumerate() {
        let mut column = 0;
        for (style, text) in runs(text, &mut style) {
            let columns = width(&text);
            draw(&mut picture, (column, row), columns, style, &text);
            column += columns;
        }
    }
    let (x, y) = (MARGIN + u32::from(cursor.0) * WIDE, MARGIN + u32::from(cursor.1) * HIGH);
    let _ = writeln!(
        picture,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDE}\" height=\"{HIGH}\" fill=\"{}\" opacity=\"0.5\"/>\n</svg>",
        PLAIN.0
    );
    picture
}

fn draw(
    picture: &mut String,
    (column, row): (usize, usize),
    columns: usize,
    style: Style,
    text: &str,
) {
    let pixels = |count: usize, of: u32| u32::try_from(count).unwrap_or(0) * of;
    let (x, y) = (MARGIN + pixels(column, WIDE), MARGIN + pixels(row, HIGH));
    let (colour, behind) = style.colours();
    let wide = pixels(columns, WIDE);
    if behind != PLAIN.1 {
        let _ = writeln!(
            picture,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{HIGH}\" fill=\"{behind}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
    let line = if style.underlined { " text-decoration=\"underline\"" } else { "" };
    let faint = if style.faint { " opacity=\"0.65\"" } else { "" };
    let _ = writeln!(
        picture,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{wide}\" fill=\"{colour}\"{weight}{line}{faint} xml:space=\"preserve\">{escaped}</text>",
        y + SIZE
    );
}

/// Letters of one style, one after the other; the row begins with the style that the one above ended with.
fn runs(row: &str, style: &mut Style) -> Vec<(Style, String)> {
    let mut runs = Vec::new();
    for (number, piece) in row.split("\x1b[").enumerate() {
        let text = match piece.split_once('m') {
            Some((parameters, text)) if number > 0 => {
                style.set(parameters);
                text
            }
            _ => piece,
        };
        if !text.is_empty() {
            runs.push((*style, text.to_owned()));
        }
    }
    runs
}

/// Columns: letters of the East are two wide here.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{ffe6}') { 2 } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_apart_by_their_styles() {
        let mut style = Style::default();
        let runs = runs("a\x1b[1;31mb\x1b[0mc\x1b[7m", &mut style);
        assert!(style.reversed);
        let told: Vec<_> =
            runs.iter().map(|(style, text)| (style.bold, style.colour, text.as_str())).collect();
        assert_eq!(told, [(false, None, "a"), (true, Some(1), "b"), (false, None, "c")]);
    }

    #[test]
    fn what_is_shown_breaks_no_picture() {
        let picture = of(&["<b> & \x1b[7m見".to_owned()], (0, 0), (80, 1));
        assert!(picture.contains("&lt;b&gt; &amp; ") && picture.ends_with("</svg>\n"), "{picture}");
        assert_eq!(width("見a"), 3);
    }
}
