use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::full::wake::News;

struct Tried {
    ask: Outgoing<ToPost>,
    heard: Incoming<News>,
    home: tempfile::TempDir,
    job: u64,
}

fn tried() -> Tried {
    let home = tempfile::tempdir().unwrap();
    let overrides = Overrides {
        address: Some("me@x.example".into()),
        inbox: Some(home.path().join("Maildir").to_string_lossy().into_owned()),
        outbox: Some(home.path().join("outbox")),
        ..Overrides::default()
    };
    let account = Account::load(&overrides).unwrap();
    let account = Account {
        state: Some(home.path().join("state")),
        people: Some(home.path().join("addresses")),
        ..account
    };
    let (news, heard) = channel().unwrap();
    let ask = start(&account, &overrides, Teller(news, 0), SendsBy::Nobody).unwrap();
    Tried { ask, heard, home, job: 0 }
}

impl Tried {
    fn until(&mut self, job: Job) -> What {
        let limit = Instant::now() + Duration::from_secs(60);
        while Instant::now() < limit {
            self.heard.wait(None, Some(Duration::from_secs(1)));
            for news in self.heard.drain() {
                if let News::Report(_, report) = news
                    && report.job == job
                {
                    return report.what;
                }
            }
        }
        panic!("nothing came of {job:?}");
    }

    fn ask(&mut self, ask: Ask) -> What {
        self.job += 1;
        let job = Job(self.job);
        self.ask.send(ToPost::Ask(job, ask));
        self.until(job)
    }

    fn draft(&mut self, ask: Ask) -> DraftRow {
        match self.ask(ask) {
            What::Draft(draft) => *draft,
            other => panic!("{other:?}"),
        }
    }

    fn held(&self) -> usize {
        let held = self.home.path().join("outbox/drop/held");
        std::fs::read_dir(held).map_or(0, Iterator::count)
    }
}

/// A letter of the inbox.
fn letter(tried: &Tried, raw: &str) -> Letter {
    let inbox = tried.home.path().join("Maildir");
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(inbox.join(part)).unwrap();
    }
    std::fs::write(inbox.join("cur/1.M1.host:2,"), raw).unwrap();
    let inbox = postroad_store::Maildir::at(inbox);
    let catalog = postroad_catalog::Catalog::new(Arc::new(postroad_disk::OsDisk), inbox, "host");
    let mut folder = catalog.open(&postroad_store::MailboxName::Inbox).unwrap();
    folder.refresh().unwrap();
    folder.open_letter(1).unwrap()
}

const LETTER: &str = "From: a@x.example\nTo: me@x.example, b@x.example\nSubject: plan\n\
    Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee attached\n--b\n\
    Content-Type: text/plain; name=text\nContent-Disposition: attachment\n\nfile\n--b--\n";

#[test]
fn a_letter_is_sent_on_as_it_is_and_taken_back() {
    let mut tried = tried();
    let bounce = |tried: &mut Tried, to: &str| {
        let file = letter(tried, LETTER);
        tried.job += 1;
        let job = Job(tried.job);
        tried.ask.send(ToPost::Bounce { job, file, to: to.into() });
        tried.until(job)
    };
    assert!(matches!(bounce(&mut tried, "a b@@"), What::Failed { .. }));
    assert!(matches!(bounce(&mut tried, ""), What::Failed { .. }));
    assert_eq!(tried.held(), 0);
    let queued = bounce(&mut tried, "C <c@x.example>, d@x.example");
    let What::Queued { letter, .. } = queued else { panic!("{queued:?}") };
    let held = std::fs::read(tried.home.path().join("outbox/drop/held").join(&*letter.0)).unwrap();
    let held = String::from_utf8(held).unwrap();
    assert!(held.contains("Resent-To: \"C\" <c@x.example>"), "{held}");
    assert!(held.contains("see attached\r\n--b"), "{held}");
    assert!(matches!(tried.ask(Ask::TakeBack(letter)), What::Undone(_)));
    assert_eq!(tried.held(), 0);
    let What::Drafts(drafts) = tried.ask(Ask::Drafts) else { panic!() };
    assert!(drafts.is_empty(), "it is no draft: {drafts:?}");
}

#[test]
fn an_invitation_is_answered_by_a_letter_that_is_seen_before() {
    use postroad_tui::effect::Attendance;

    let mut tried = tried();
    let raw = "From: ann@x.example\nSubject: Lunch?\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n\
        METHOD:REQUEST\nBEGIN:VEVENT\nUID:u\nSUMMARY:Lunch\nORGANIZER:mailto:org@x.example\nEND:VEVENT\nEND:VCALENDAR\n";
    let begin = |tried: &mut Tried, raw: &str| {
        let file = letter(tried, raw);
        tried.job += 1;
        let (job, name) = (Job(tried.job), "1.M1.host".to_owned());
        let id = LetterId { folder: FolderId(0), validity: 1, uid: 1 };
        let start = Start::Attend(id, Attendance::Declined);
        tried.ask.send(ToPost::Begin { job, start, file, name });
        tried.until(job)
    };
    let What::Draft(draft) = begin(&mut tried, raw) else { panic!() };
    assert_eq!(draft.fields.to, "org@x.example");
    assert_eq!(draft.fields.subject, "Declined: Lunch");
    assert_eq!(draft.attachments.len(), 1);
    assert_eq!(tried.held(), 0, "nothing leaves by itself");
    let queued = tried.ask(Ask::Queue(draft.id.clone(), draft.fields));
    let What::Queued { letter, .. } = queued else { panic!("{queued:?}") };
    let held = std::fs::read(tried.home.path().join("outbox/drop/held").join(&*letter.0)).unwrap();
    let held = String::from_utf8(held).unwrap();
    for part in ["text/calendar; method=\"REPLY\"", "PARTSTAT=DECLINED", "UID:u"] {
        assert!(held.contains(part), "{part}: {held}");
    }
    assert!(matches!(begin(&mut tried, LETTER), What::Failed { .. }));
}

#[test]
fn a_letter_is_written_again_with_its_parts() {
    let mut tried = tried();
    let file = letter(&tried, LETTER);
    tried.job += 1;
    let (job, name) = (Job(tried.job), "1.M1.host".to_owned());
    let id = LetterId { folder: FolderId(0), validity: 1, uid: 1 };
    tried.ask.send(ToPost::Begin { job, start: Start::Resend(id), file, name });
    let What::Draft(draft) = tried.until(job) else { panic!() };
    assert_eq!(draft.fields.to, "me@x.example, b@x.example");
    assert_eq!((draft.fields.subject.as_str(), draft.text_lines), ("plan", 1));
    assert_eq!(draft.speaks_of.as_ref().map(SafeText::as_str), Some("attached"));
    // The part is called as the draft's own text is: neither is written over.
    assert_eq!(draft.attachments.len(), 1);
    assert_eq!(draft.attachments[0].octets, Some(4));
    assert!(matches!(tried.ask(Ask::Queue(draft.id.clone(), draft.fields)), What::Queued { .. }));
}

#[test]
fn a_letter_begins_with_one_part_of_another() {
    use postroad_tui::effect::{Audience, Inside};

    let mut tried = tried();
    let raw = "From: a@x.example\nTo: me@x.example\nSubject: outer\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee both\n--b\n\
        Content-Type: application/pdf; name=plan.pdf\nContent-Disposition: attachment\n\n12345\n--b\n\
        Content-Type: message/rfc822\n\nFrom: inner@x.example\nTo: c@x.example\nSubject: inner\n\nwords\n--b--\n";
    let id = LetterId { folder: FolderId(0), validity: 1, uid: 1 };
    let mut begin = |part: usize, how: Inside| {
        let file = letter(&tried, raw);
        tried.job += 1;
        let (job, name) = (Job(tried.job), "1.M1.host".to_owned());
        let start = Start::Inside(id, part, how);
        tried.ask.send(ToPost::Begin { job, start, file, name });
        tried.until(job)
    };
    let reply = Inside::Reply(Audience::Sender);
    for (part, how, to, subject, parts) in [
        (1, reply, "a@x.example", "Re: outer", &[][..]),
        (2, reply, "inner@x.example", "Re: inner", &[]),
        (1, Inside::Forward, "", "Fwd: outer", &["plan.pdf"]),
        (2, Inside::Forward, "", "Fwd: inner", &["the letter that is sent on"]),
        (2, Inside::Resend, "c@x.example", "inner", &[]),
    ] {
        let What::Draft(draft) = begin(part, how) else { panic!("{part} {how:?}") };
        let fields = (draft.fields.to.as_str(), draft.fields.subject.as_str());
        assert_eq!(fields, (to, subject), "{part} {how:?}");
        let names: Vec<&str> = draft.attachments.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, parts, "{part} {how:?}");
    }
    assert!(matches!(begin(1, Inside::Resend), What::Failed { .. }));
    assert!(matches!(begin(9, reply), What::Failed { .. }));
}

#[test]
fn what_goes_with_a_draft_is_looked_at() {
    let mut tried = tried();
    let draft = tried.draft(Ask::NewDraft(Start::Empty));
    let id = draft.id.clone();
    tried.ask(Ask::SaveText(id.clone(), "one\ntwo\n".into()));
    let file = tried.home.path().join("notes.txt");
    std::fs::write(&file, "a\u{1b}[2Jb\n").unwrap();
    tried.draft(Ask::Attach(id.clone(), file.clone()));
    let mut lines = |place: usize| match tried.ask(Ask::ViewDraft(id.clone(), place)) {
        What::Output(page) => {
            page.lines.iter().map(|line| line.text.as_str().to_owned()).collect::<Vec<_>>()
        }
        other => vec![format!("{other:?}")],
    };
    assert_eq!(lines(0), ["one", "two"]);
    assert_eq!(lines(1), ["a\\x1b[2Jb"]);
    std::fs::remove_file(&file).unwrap();
    assert!(lines(1)[0].starts_with("Failed"), "{:?}", lines(1));
}

#[test]
fn u06_a_letter_begins_as_a_link_asks_for_and_no_further() {
    let mut tried = tried();
    let link = "mailto:a@x.example?subject=s&body=one%0Atwo&bcc=v@x.example&attach=/etc/passwd";
    let draft = tried.draft(Ask::NewDraft(Start::To(link.into())));
    assert_eq!(draft.fields, Fields { subject: "s".into(), ..fields("a@x.example") });
    assert_eq!((draft.text_lines, draft.attachments.len()), (2, 0));
    let none = tried.ask(Ask::NewDraft(Start::To("http://x".into())));
    assert!(matches!(none, What::Failed { .. }), "{none:?}");
}

fn fields(to: &str) -> Fields {
    Fields { to: to.into(), subject: "hi".into(), ..Fields::default() }
}

#[test]
fn a_letter_is_written_queued_and_taken_back() {
    let mut tried = tried();
    let draft = tried.draft(Ask::NewDraft(Start::Empty));
    let text = tried.home.path().join("state/drafts").join(&*draft.id.0).join("text");
    std::fs::write(&text, "one\ntwo\n").unwrap();
    tried.ask.send(ToPost::Edited(draft.id.clone()));
    let What::Draft(edited) = tried.until(Job::NONE) else { panic!() };
    assert_eq!((edited.text_lines, edited.text_octets), (2, 8));
    let wrong = tried.ask(Ask::Queue(draft.id.clone(), fields("a b@@")));
    assert!(
        matches!(wrong, What::DraftWrong { field: postroad_tui::data::Field::To, .. }),
        "{wrong:?}"
    );
    let nobody = tried.ask(Ask::Queue(draft.id.clone(), fields("")));
    assert!(matches!(nobody, What::Failed { .. }), "{nobody:?}");
    assert_eq!(tried.held(), 0);
    let queued = tried.ask(Ask::Queue(draft.id.clone(), fields("you@x.example")));
    let What::Queued { letter, .. } = queued else { panic!("{queued:?}") };
    assert_eq!(tried.held(), 1, "it is on disk before anybody says so");
    let What::Drafts(drafts) = tried.ask(Ask::Drafts) else { panic!() };
    assert!(drafts.is_empty(), "its letter is on its way");
    let What::Outbox(rows) = tried.ask(Ask::Outbox(OutboxAsk::List)) else { panic!() };
    assert_eq!(rows.len(), 1);
    let back = tried.draft(Ask::TakeBack(letter.clone()));
    assert_eq!((back.id.clone(), back.fields), (draft.id.clone(), fields("you@x.example")));
    assert_eq!((tried.held(), back.text_lines), (0, 2));
    assert!(matches!(tried.ask(Ask::TakeBack(letter)), What::Failed { .. }));
    assert!(matches!(tried.ask(Ask::Discard(draft.id)), What::Ended));
    let What::Drafts(drafts) = tried.ask(Ask::Drafts) else { panic!() };
    assert!(drafts.is_empty() && !text.exists());
}

#[test]
fn what_is_kept_is_there_and_goes_on() {
    let mut tried = tried();
    let draft = tried.draft(Ask::NewDraft(Start::Empty));
    let file = tried.home.path().join("a.pdf");
    let gone = tried.ask(Ask::Attach(draft.id.clone(), file.clone()));
    assert!(matches!(gone, What::Failed { .. }), "{gone:?}");
    std::fs::write(&file, "12345").unwrap();
    let with = tried.draft(Ask::Attach(draft.id.clone(), file.clone()));
    let row = with.attachments.first().unwrap();
    assert_eq!(
        (row.name.as_str(), row.kind.as_str(), row.octets),
        ("a.pdf", "application/pdf", Some(5))
    );
    tried.draft(Ask::SaveDraft(draft.id.clone(), fields("you@x.example")));
    // What goes with a letter may be gone when it is to leave: the draft stays.
    std::fs::remove_file(&file).unwrap();
    let failed = tried.ask(Ask::Queue(draft.id.clone(), fields("you@x.example")));
    assert!(matches!(failed, What::Failed { .. }), "{failed:?}");
    let without = tried.draft(Ask::Detach(draft.id.clone(), 0));
    assert!(without.attachments.is_empty());
    let What::Drafts(drafts) = tried.ask(Ask::Drafts) else { panic!() };
    assert_eq!(drafts.first().map(|draft| draft.fields.clone()), Some(fields("you@x.example")));
    let again = tried.draft(Ask::NewDraft(Start::Recall(draft.id.clone())));
    assert_eq!(again.id, draft.id);
    let none = tried.ask(Ask::NewDraft(Start::Recall(Shown("../x".into()))));
    assert!(matches!(none, What::Failed { .. }), "{none:?}");
}

#[test]
fn u16_a_letter_whose_draft_has_gone_comes_back_all_the_same() {
    let mut tried = tried();
    let draft = tried.draft(Ask::NewDraft(Start::Empty));
    let folder = tried.home.path().join("state/drafts").join(&*draft.id.0);
    std::fs::write(folder.join("text"), "one\ntwo\n").unwrap();
    let fields = Fields { bcc: "them@x.example".into(), ..fields("you@x.example") };
    let queued = tried.ask(Ask::Queue(draft.id.clone(), fields.clone()));
    let What::Queued { letter, .. } = queued else { panic!("{queued:?}") };
    let journal = std::fs::read_to_string(tried.home.path().join("state/undo")).unwrap();
    assert!(journal.contains(&*letter.0), "undo knows of it: {journal}");
    std::fs::remove_dir_all(&folder).unwrap();
    let back = tried.draft(Ask::TakeBack(letter));
    assert_ne!(back.id, draft.id);
    assert_eq!((back.fields, back.text_lines, tried.held()), (fields, 2, 0));
}
