//! Names of files, completed by Tab: the shell looks, this puts in what it has found.

use postroad_safetext::SafeText;

use super::Effects;
use crate::effect::Ask;
use crate::line_edit::LineEdit;
use crate::model::{Model, Prompt, Wanted};

/// Whether the name of a file is typed.
pub(super) fn are_typed(wanted: &Wanted) -> bool {
    matches!(wanted, Wanted::Attach | Wanted::SaveParts { .. })
}

/// Asks which files what stands before the caret may be.
pub(super) fn ask(model: &mut Model, edit: &LineEdit, effects: &mut Effects) {
    model.jobs.cancel(effects, |ask| matches!(ask, Ask::Files(_)));
    model.jobs.ask(Ask::Files(edit.halves().0.to_owned()), effects);
}

/// Puts in as much as all of them have; where that is no more than was typed, they are shown.
pub(super) fn came(model: &mut Model, typed: &str, whole: &str, names: Vec<SafeText>) {
    let Some(Prompt::Line { edit, wanted, .. }) = &mut model.prompt else { return };
    if !are_typed(wanted) || edit.halves().0 != typed {
        return;
    }
    edit.put_before(whole);
    if names.len() > 1 {
        model.files = names;
    }
}
