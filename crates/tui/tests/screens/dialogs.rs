//! Each question that is asked in the last line, at all sizes: what is asked, what is typed, and where the cursor stands.

use postroad_tui::data::{Marks, Unsubscribe};
use postroad_tui::effect::{Ask, Effect, FolderAsk, Start};
use postroad_tui::model::{Choice, Marking, Model, OneOf, Prompt, Seek, Sought, Towards, Wanted};
use postroad_tui::msg::What;

use crate::fixture::{answer, draft, outbox, page, people, reading, tell, three_letters};
use crate::{check, press};

/// What the snapshot of a question is called. Who asks a new one gives it a name here, and a row below.
fn name(prompt: &Prompt) -> &'static str {
    match prompt {
        Prompt::Line { wanted, .. } => line_name(wanted),
        Prompt::Choice { wanted, .. } => match wanted {
            Choice::Leave(_) => "aside-quit",
            Choice::KeepDraft => "compose-quit",
            Choice::NoSubject => "ask-no-subject",
            Choice::NoAttachment => "compose-attachment",
            Choice::DiscardDraft(_) => "ask-discard-draft",
            Choice::DiscardQueued(_) => "ask-discard-queued",
            Choice::Bounce(..) => "ask-bounce-sure",
            Choice::Print(_) => "ask-print",
            Choice::PrintParts(..) => "ask-print-part",
            Choice::Forget(_) => "people-forget",
            Choice::Unsubscribe(_) => "ask-unsubscribe",
            Choice::OpenLink(_) => "ask-unsubscribe-page",
            Choice::MakeFolder(..) => "ask-make-folder",
            Choice::RemoveFolder(_) => "ask-remove-folder",
        },
        Prompt::Letter { wanted, .. } => match wanted {
            OneOf::Order(postroad_tui::data::Way::Up) => "ask-order",
            OneOf::Order(postroad_tui::data::Way::Down) => "ask-order-reverse",
            OneOf::Replace => "ask-text-replace-it",
            OneOf::Seal => "compose-seal",
            OneOf::Folders => "ask-order-folders",
            OneOf::Mark(Marking::Set, _) => "ask-mark",
            OneOf::Mark(Marking::Clear, _) => "ask-unmark",
            OneOf::Attendance(_) => "pager-invitation",
        },
    }
}

fn line_name(wanted: &Wanted) -> &'static str {
    use postroad_tui::data::Field;
    use postroad_tui::model::{Deed, Whom};
    match wanted {
        Wanted::OpenFolder => "folder-prompt",
        Wanted::MoveTo(_) => "ask-move",
        Wanted::CopyTo(_) => "ask-copy",
        Wanted::Pipe(_) => "ask-pipe",
        Wanted::PipeParts { .. } => "ask-pipe-part",
        Wanted::Shell => "ask-shell",
        Wanted::Command => "ask-command",
        Wanted::Find(Seek::Forward) => "ask-search",
        Wanted::Find(Seek::Back) => "ask-search-back",
        Wanted::Find(Seek::Limit) => "ask-limit",
        Wanted::Within(Towards::End) => "ask-within",
        Wanted::InList(Towards::End) => "ask-in-list",
        Wanted::InList(Towards::Beginning) => "ask-in-list-back",
        Wanted::Within(Towards::Beginning) => "ask-within-back",
        Wanted::InText(Sought::Found) => "ask-text-find",
        Wanted::InText(Sought::Replaced) => "ask-text-replace",
        Wanted::ReplaceBy(_) => "ask-text-replace-by",
        Wanted::FindAll => "all-folders-asked",
        Wanted::Each(Deed::Strike) => "ask-each-strike",
        Wanted::Each(Deed::Unstrike) => "ask-each-unstrike",
        Wanted::Each(Deed::Tag) => "ask-each-tag",
        Wanted::Each(Deed::Untag) => "ask-each-untag",
        Wanted::First(Field::To) => "compose-to",
        Wanted::First(_) => "compose-subject",
        Wanted::Field(Field::To) => "ask-to",
        Wanted::Field(Field::Cc) => "ask-cc",
        Wanted::Field(Field::Bcc) => "ask-bcc",
        Wanted::Field(Field::Subject) => "ask-subject",
        Wanted::Field(Field::ReplyTo) => "ask-reply-to",
        Wanted::Jump => "ask-jump",
        Wanted::Attach => "ask-attach",
        Wanted::Bounce(_) => "ask-bounce",
        Wanted::Query => "people-query",
        Wanted::Alias(Whom::Author(_)) => "ask-alias-author",
        Wanted::Alias(Whom::Known(_)) => "ask-alias",
        Wanted::MakeFolder(_) => "ask-new-folder",
        Wanted::RenameFolder(_) => "ask-rename-folder",
        Wanted::SaveParts { .. } => "parts-save",
    }
}

/// Asks, types, and looks at it.
fn asked(wanted: &str, mut model: Model, keys: &str) {
    press(&mut model, keys);
    let prompt = model.prompt.as_ref().unwrap_or_else(|| panic!("{wanted}: nothing is asked"));
    assert_eq!(name(prompt), wanted);
    check(wanted, &model);
}

#[test]
fn questions_of_the_list() {
    for (wanted, keys) in [
        ("ask-search", "/~f alice"),
        ("ask-search-back", "<Esc>/quarter\u{202e}"),
        ("ask-limit", "l~s plan ~d <2w"),
        ("ask-each-strike", "D~s lunch"),
        ("ask-each-unstrike", "U~A"),
        ("ask-each-tag", "T"),
        ("ask-each-untag", "<^T>~f bob"),
        ("ask-move", "sArch"),
        ("ask-copy", "C"),
        ("ask-make-folder", "s=A folder with a name that is longer than most of them<Enter>"),
        ("ask-pipe", "|grep -c Hello"),
        ("ask-shell", "!date"),
        ("ask-print", "p"),
        ("ask-command", ":del"),
        ("ask-jump", "12"),
        ("ask-order", "o"),
        ("ask-order-reverse", "O"),
        ("ask-mark", "w"),
        ("ask-unmark", "W"),
        ("ask-bounce", "bcarol@far.example"),
        ("ask-bounce-sure", "bcarol@far.example, somebody.else@very.far.example<Enter>"),
        ("ask-alias-author", "arust"),
    ] {
        asked(wanted, three_letters(), keys);
    }
}

#[test]
fn questions_while_a_letter_is_read() {
    asked("ask-within", reading(page()), "/in (april|march)");
    asked("ask-within-back", reading(page()), "<Esc>/");
    asked("ask-in-list-back", reading(page()), "v<Esc>/");
    asked("ask-pipe-part", reading(page()), "vj|pdftotext - -");
    asked("ask-print-part", reading(page()), "vjp");
    let host = "news.a-shop-with-a-long-name.example".into();
    let link = "https://news.a-shop-with-a-long-name.example/u/1".into();
    let request = Unsubscribe::Request { host, link };
    let model = reading(postroad_tui::data::Page { unsubscribe: Some(request), ..page() });
    asked("ask-unsubscribe", model, "<Esc>L");
    let (host, link) = ("shop.example".into(), "https://shop.example/u/1".into());
    let on_page = Unsubscribe::Page { host, link };
    let model = reading(postroad_tui::data::Page { unsubscribe: Some(on_page), ..page() });
    asked("ask-unsubscribe-page", model, "<Esc>L");
}

fn writing() -> Model {
    let mut model = three_letters();
    let effects = press(&mut model, "=r");
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(Start::Reply(..)));
    answer(&mut model, &effects, is_new, What::Draft(draft().into()));
    model
}

#[test]
fn questions_while_a_letter_is_written() {
    for (wanted, keys) in [
        ("ask-to", "t, carol@far.example"),
        ("ask-cc", "ccarol@far.example"),
        ("ask-bcc", "b"),
        ("ask-subject", "s and then?"),
        ("ask-reply-to", "rme@our.example"),
        ("ask-attach", "a~/menu.pdf"),
    ] {
        asked(wanted, writing(), keys);
    }
    let mut model = writing();
    press(&mut model, "s<^U><Enter>");
    asked("ask-no-subject", model, "y");
}

#[test]
fn questions_about_a_text() {
    let mut model = writing();
    let text = "Hello Bob,\nthe plan of the week, and The plan of the month\n";
    tell(&mut model, What::Text { draft: draft().id, text: text.into() });
    asked("ask-text-find", model.clone(), "<^W>plan");
    asked("ask-text-replace", model.clone(), "<^\\>the plan");
    asked("ask-text-replace-by", model.clone(), "<^\\>the plan<Enter>a plan");
    asked("ask-text-replace-it", model, "<^\\>the plan<Enter>a plan<Enter>");
}

#[test]
fn questions_of_lists() {
    let mut model = three_letters();
    tell(&mut model, What::Outbox(outbox()));
    tell(&mut model, What::Drafts(vec![draft()]));
    asked("ask-discard-queued", model.clone(), "BD");
    asked("ask-discard-draft", model, "B<End>D");
    let mut model = writing();
    let effects = press(&mut model, "a~/m<Tab>");
    let names = vec!["menu.pdf".into(), "menus/".into(), "me\\u{202e}.txt".into()];
    let what = What::Files { typed: "~/m".into(), whole: "~/me".into(), names };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Files(_)), what);
    check("ask-attach-several", &model);
    let mut model = three_letters();
    tell(&mut model, What::People(people()));
    asked("ask-alias", model, "Q<Enter><Down>a");
}

#[test]
fn questions_about_folders() {
    for (wanted, keys) in [
        ("ask-new-folder", "yCPlans"),
        ("ask-rename-folder", "y*r-old"),
        ("ask-remove-folder", "y*d"),
        ("ask-order-folders", "yo"),
        ("ask-in-list", "y/list"),
    ] {
        asked(wanted, three_letters(), keys);
    }
    // What is asked of the account, and what is kept from it.
    let asks = |keys: &str| -> Vec<FolderAsk> {
        let mut model = three_letters();
        let of = |effect| match effect {
            Effect::Ask(_, Ask::Folder(ask)) => Some(ask),
            _ => None,
        };
        press(&mut model, keys).into_iter().filter_map(of).collect()
    };
    let last = three_letters().folders.last().unwrap().id;
    let first = three_letters().folders.first().unwrap().id;
    for (keys, expected) in [
        ("yC=Plans<Enter>", vec![FolderAsk::Make { beside: first, name: "Plans".into() }]),
        ("yC<Enter>", vec![]),
        ("y*r<^U>Old<Enter>", vec![FolderAsk::Rename { folder: last, to: "Old".into() }]),
        // As it is called.
        ("y*r<Enter>", vec![]),
        ("y*dy", vec![FolderAsk::Remove(last)]),
        ("y*d<Enter>", vec![]),
        ("y=dy", vec![]),
        ("y*s", vec![FolderAsk::Subscribe(last)]),
        ("y*u", vec![FolderAsk::Unsubscribe(last)]),
    ] {
        assert_eq!(asks(keys), expected, "{keys}");
    }
}

#[test]
fn what_is_looked_for_and_what_a_long_job_says() {
    use postroad_tui::msg::{Msg, Report};
    let mut model = three_letters();
    press(&mut model, "/nobody<Enter>d");
    check("searching", &model);
    let mut model = three_letters();
    let effects = press(&mut model, "Fj$");
    let job = effects.iter().find_map(|effect| match effect {
        Effect::Ask(job, Ask::Flag { edit, .. }) if edit.add == Marks::FLAGGED => Some(*job),
        _ => None,
    });
    let what = What::Progress { done: 12_000, of: 100_000 };
    postroad_tui::update(&mut model, Msg::Report(Report { job: job.unwrap(), what }));
    check("progress", &model);
}

/// However narrow the screen is, the answers are in sight, and the cursor stands behind them.
#[test]
fn answers_are_in_sight_on_any_screen() {
    for columns in 12..100 {
        let mut model = three_letters();
        press(&mut model, "bsomebody.with.a.long.name@a.host.that.is.far.away.example<Enter>");
        let screen = crate::shown(&model, (columns, 10)).replace('\n', " ");
        assert!(screen.contains("([yes]/no):"), "{columns}: {screen}");
        let mut model = three_letters();
        press(&mut model, "O");
        let screen = crate::shown(&model, (columns, 10)).replace('\n', "");
        assert!(screen.contains("si(z)e?:"), "{columns}: {screen}");
    }
}
