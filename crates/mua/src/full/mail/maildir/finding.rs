//! Letters that are looked for, a few between two looks at what else is asked; and the index of texts, which another thread
//! writes meanwhile, a thousand letters at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use jiff::Zoned;
use postroad_catalog::pattern::Pattern;
use postroad_catalog::{Letters, Numbered, Search, ToIndex, Who};
use postroad_tui::data::{FolderId, Found, LetterId, Stage, Way};
use postroad_tui::effect::{self as tui, Job};
use postroad_tui::msg::What;

use super::{Actor, Done};
use crate::full::limits::FOUND_TOLD_EVERY;
use crate::full::mail::mapped;
use crate::limits::INDEXED_TOGETHER_MIN;
use crate::safe_line;

/// A search that goes on.
pub(super) struct Finding {
    pub(super) job: Job,
    folder: FolderId,
    validity: u32,
    search: Search,
    /// Found, and not told yet.
    found: Vec<u32>,
    told: Option<Instant>,
}

/// What is known of the index of the folder that is shown.
#[derive(Debug, Default)]
pub(super) struct Indexing {
    /// Whether there may be letters that it lacks.
    pub(super) wanted: bool,
    /// Who is at it.
    thread: Option<JoinHandle<usize>>,
    /// Set when nobody wants it any more.
    ended: Arc<AtomicBool>,
}

impl Indexing {
    pub(super) fn goes_on(&self) -> bool {
        self.thread.is_some()
    }
}

impl Drop for Indexing {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Actor {
    pub(super) fn find(&mut self, job: Job, asked: tui::Search) -> Done {
        let pattern = match Pattern::parse(&asked.pattern, &Zoned::now()) {
            Ok(pattern) => pattern,
            Err(error) => {
                self.tell.failed(job, safe_line!("{error}"), "");
                return Ok(());
            }
        };
        let who = Who { addresses: vec![self.start.me.clone()] };
        let folder = asked.folder.unwrap_or(FolderId(0));
        let opened = self.shown(folder)?;
        let letters = Letters {
            uids: asked.letters.to_vec(),
            numbered: match asked.way {
                Way::Up => Numbered::On(asked.first),
                Way::Down => Numbered::Back(asked.first),
            },
            marks: asked.marks.iter().map(|(uid, it)| (*uid, mapped::marks(*it))).collect(),
            tagged: asked.tagged,
        };
        let search = Search::new(opened, &pattern, &who, letters);
        let validity = opened.validity();
        self.finding =
            Some(Finding { job, folder, validity, search, found: Vec::new(), told: None });
        Ok(())
    }

    /// Looks at some letters.
    pub(super) fn find_on(&mut self) {
        let Some(finding) = &mut self.finding else { return };
        let is_open = |opened: &&mut super::Opened| {
            opened.id == finding.folder && opened.folder.validity() == finding.validity
        };
        let Some(opened) = self.opened.as_mut().filter(is_open) else {
            let job = finding.job;
            self.finding = None;
            self.tell.failed(job, "the folder is another one now", "");
            return;
        };
        let step = finding.search.step(&mut opened.folder);
        finding.found.extend(step.found);
        let is_due = finding.told.is_none_or(|told| told.elapsed() >= FOUND_TOLD_EVERY);
        if step.is_over || is_due && !finding.found.is_empty() {
            let (folder, validity) = (finding.folder, finding.validity);
            let id = |uid| LetterId { folder, validity, uid };
            let letters = finding.found.drain(..).map(id).collect();
            finding.told = Some(Instant::now());
            let found = Found { letters, complete: step.is_over };
            self.tell.tell(finding.job, What::Found(found));
        }
        if step.is_over {
            self.finding = None;
        }
    }

    /// Has some letters indexed, where there are such, and nobody is at it.
    pub(super) fn index_on(&mut self) {
        let Some(opened) = self.opened.as_mut().filter(|it| it.stage == Stage::Complete) else {
            return;
        };
        let indexing = &mut opened.indexing;
        if let Some(thread) = indexing.thread.take_if(|thread| thread.is_finished()) {
            // Where it was none others write it, or they can't be read: until something has changed.
            indexing.wanted &= thread.join().is_ok_and(|count| count > 0);
        }
        if !indexing.wanted || indexing.goes_on() {
            return;
        }
        let Some(some) = opened.folder.to_index(INDEXED_TOGETHER_MIN) else {
            indexing.wanted = false;
            return;
        };
        let ended = Arc::clone(&indexing.ended);
        // Its low priority can't be given back.
        let thread = thread::Builder::new().name("index".into());
        indexing.thread = thread.spawn(move || run(some, &ended)).ok();
        indexing.wanted = indexing.thread.is_some();
    }
}

fn run(some: ToIndex, ended: &AtomicBool) -> usize {
    let _ = rustix::process::setpriority_process(None, 19);
    some.run(&|| !ended.load(Ordering::Relaxed)).unwrap_or_else(|error| {
        tracing::warn!(%error, "letters aren't indexed");
        0
    })
}
