//! `postroad-mda sieve`: what a user's rules are, and what they would do.

use std::error::Error as _;
use std::io::Write as _;

use postroad_mda::rules::tools::{self, Formatted, TestEnvelope, ToolError};

use crate::arguments::Tool;
use crate::say;

/// Runs it; gives the exit code.
pub(crate) fn run(tool: Tool) -> u8 {
    let text = match tool {
        Tool::Check { file } => tools::check(&file).map(|()| Vec::new()),
        Tool::Test { file, from, to } => {
            let envelope = TestEnvelope { from, to };
            tools::test(&file, &envelope, std::io::stdin()).map(String::into_bytes)
        }
        Tool::Format { file, write: false } => tools::format(&file, Formatted::Shown),
        Tool::Format { file, write: true } => {
            tools::format(&file, Formatted::Written).map(|_| Vec::new())
        }
    };
    match text {
        Ok(text) => match std::io::stdout().write_all(&text) {
            Ok(()) => 0,
            // Nobody reads it.
            Err(_) => 2,
        },
        Err(error) => {
            match error.source() {
                Some(cause) => say(&format_args!("{error}: {cause}")),
                None => say(&error),
            }
            match error {
                ToolError::Mistakes(_) => 1,
                ToolError::File { .. } | ToolError::Address(_) => 2,
            }
        }
    }
}
