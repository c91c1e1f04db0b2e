//! What `:` calls keys by: mutt's names, where it has them.

use super::table::Action;
use crate::data::Field;

/// All that can be called. What asks for something with the key that was pressed has no name, nor has `:`.
const NAMES: &[(Action, &str)] = &[
    (Action::Next, "next-undeleted"),
    (Action::Previous, "previous-undeleted"),
    (Action::NextAny, "next-entry"),
    (Action::PreviousAny, "previous-entry"),
    (Action::NextNew, "next-new-then-unread"),
    (Action::PreviousNew, "previous-new-then-unread"),
    (Action::PageDown, "next-page"),
    (Action::PageUp, "previous-page"),
    (Action::HalfDown, "half-down"),
    (Action::HalfUp, "half-up"),
    (Action::PageTop, "top-page"),
    (Action::PageMiddle, "middle-page"),
    (Action::PageBottom, "bottom-page"),
    (Action::LineDown, "next-line"),
    (Action::LineUp, "previous-line"),
    (Action::First, "first-entry"),
    (Action::Last, "last-entry"),
    (Action::Open, "display-message"),
    (Action::Delete, "delete-message"),
    (Action::Undelete, "undelete-message"),
    (Action::ToggleNew, "toggle-new"),
    (Action::ToggleFlag, "flag-message"),
    (Action::Tag, "tag-entry"),
    (Action::TagPrefix, "tag-prefix"),
    (Action::SetMark, "set-flag"),
    (Action::ClearMark, "clear-flag"),
    (Action::Copy, "copy-message"),
    (Action::Pipe, "pipe-message"),
    (Action::Address, "display-address"),
    (Action::NewMail, "buffy-list"),
    (Action::FetchMail, "fetch-mail"),
    (Action::ShowLimit, "show-limit"),
    (Action::Version, "show-version"),
    (Action::Print, "print-message"),
    (Action::Shell, "shell-escape"),
    (Action::Spell, "ispell"),
    (Action::NextThread, "next-thread"),
    (Action::PreviousThread, "previous-thread"),
    (Action::NextSubthread, "next-subthread"),
    (Action::PreviousSubthread, "previous-subthread"),
    (Action::Parent, "parent-message"),
    (Action::Collapse, "collapse-thread"),
    (Action::CollapseAll, "collapse-all"),
    (Action::DeleteThread, "delete-thread"),
    (Action::UndeleteThread, "undelete-thread"),
    (Action::ReadThread, "read-thread"),
    (Action::TagThread, "tag-thread"),
    (Action::DeleteSubthread, "delete-subthread"),
    (Action::UndeleteSubthread, "undelete-subthread"),
    (Action::ReadSubthread, "read-subthread"),
    (Action::Sort, "sort-mailbox"),
    (Action::SortReverse, "sort-reverse"),
    (Action::Sync, "sync-mailbox"),
    (Action::ChangeFolder, "change-folder"),
    (Action::Folders, "browse-mailboxes"),
    (Action::Archive, "archive-message"),
    (Action::Save, "save-message"),
    (Action::Headers, "display-toggle-weed"),
    (Action::Parts, "view-attachments"),
    (Action::ToggleQuoted, "toggle-quoted"),
    (Action::SkipQuoted, "skip-quoted"),
    (Action::SkipHeaders, "skip-headers"),
    (Action::ListReply, "list-reply"),
    (Action::Bounce, "bounce-message"),
    (Action::Resend, "resend-message"),
    (Action::Conversation, "conversation"),
    (Action::Links, "links"),
    (Action::Explain, "explain-message"),
    (Action::Original, "open-original"),
    (Action::CheckSignatures, "check-signatures"),
    (Action::Attend, "answer-invitation"),
    (Action::ListAction, "list-action"),
    (Action::Mailcap, "view-mailcap"),
    (Action::Mail, "mail"),
    (Action::Reply, "reply"),
    (Action::Group, "group-reply"),
    (Action::Forward, "forward-message"),
    (Action::Outbox, "outbox"),
    (Action::Query, "query"),
    (Action::CreateAlias, "create-alias"),
    (Action::Sidebar, "toggle-sidebar"),
    (Action::MakeFolder, "create-mailbox"),
    (Action::RenameFolder, "rename-mailbox"),
    (Action::RemoveFolder, "delete-mailbox"),
    (Action::Subscribe, "subscribe"),
    (Action::Unsubscribe, "unsubscribe"),
    (Action::Leave, "leave-letter"),
    (Action::Edit, "edit-message"),
    (Action::Field(Field::To), "edit-to"),
    (Action::Field(Field::Cc), "edit-cc"),
    (Action::Field(Field::Bcc), "edit-bcc"),
    (Action::Field(Field::Subject), "edit-subject"),
    (Action::Field(Field::ReplyTo), "edit-reply-to"),
    (Action::CutLine, "cut-line"),
    (Action::PutLine, "put-line"),
    (Action::Replace, "replace"),
    (Action::UndoText, "undo-change"),
    (Action::RedoText, "redo-change"),
    (Action::Attach, "attach-file"),
    (Action::Detach, "detach-file"),
    (Action::Send, "send-message"),
    (Action::Seal, "pgp-menu"),
    (Action::Postpone, "postpone-message"),
    (Action::Retry, "retry"),
    (Action::Discard, "discard"),
    (Action::Help, "help"),
    (Action::Redraw, "refresh"),
    (Action::Suspend, "suspend"),
    (Action::Search, "search"),
    (Action::SearchBack, "search-reverse"),
    (Action::SearchAll, "search-all"),
    (Action::SearchNext, "search-next"),
    (Action::SearchToggle, "search-toggle"),
    (Action::Limit, "limit"),
    (Action::DeletePattern, "delete-pattern"),
    (Action::UndeletePattern, "undelete-pattern"),
    (Action::TagPattern, "tag-pattern"),
    (Action::UntagPattern, "untag-pattern"),
    (Action::Quit, "quit"),
    (Action::Exit, "exit"),
];

impl Action {
    /// What `:` calls it; nothing where it can't be called.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::mutt::TABLE;
    use std::collections::BTreeSet;

    #[test]
    fn all_keys_have_a_name_of_their_own() {
        for binding in TABLE {
            let has_none =
                matches!(binding.action, Action::Jump | Action::Letter | Action::Command);
            assert_eq!(binding.action.name().is_empty(), has_none, "{binding:?}");
        }
        let names: BTreeSet<&str> = NAMES.iter().map(|(_, name)| *name).collect();
        assert_eq!(names.len(), NAMES.len());
    }
}
