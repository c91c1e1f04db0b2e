//! Where words go: data to standard output, words about it to standard error, both as [`SafeText`] only.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::safe_text::{SafeText, json_line};

/// Standard output and standard error, or what stands for them in a test.
pub struct Screen<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Screen<'a> {
    /// A screen that writes data to `out` and words to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// Shows data: a line, or lines.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn show(&mut self, text: &SafeText) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Shows a line of columns, with tabs between them, for programs.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn show_columns(&mut self, columns: &[&SafeText]) -> io::Result<()> {
        let columns: Vec<&str> = columns.iter().map(|column| column.as_str()).collect();
        writeln!(self.out, "{}", columns.join("\t"))
    }

    /// Shows one value as a JSON object on a line of its own; `postroad-mua schema` is to know its type.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn show_json<T: Serialize + JsonSchema>(&mut self, value: &T) -> io::Result<()> {
        let line = json_line(value)?;
        writeln!(self.out, "{line}")
    }

    /// Asks without ending the line.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn ask(&mut self, text: &SafeText) -> io::Result<()> {
        write!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Says something to the person; where nobody listens, nothing is lost.
    pub fn say(&mut self, text: &SafeText) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes octets as they are: only where the person asked for the raw message.
    ///
    /// # Errors
    /// Where standard output is gone.
    pub fn show_raw(&mut self, octets: &[u8]) -> io::Result<()> {
        self.out.write_all(octets)
    }
}
