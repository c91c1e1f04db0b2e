//! Lines go to a file or a pipe from a thread of their own, in batches, and nobody waits for it.
//!
//! [`Writer::push`] copies a line into a bounded buffer. The thread wakes when the buffer stops being
//! empty, gathers for a moment so that a busy agent pays for one wake-up and one write per batch and
//! not per line, and writes what is there. A sink that blocks stops the thread alone: the buffer fills
//! up, and further lines are dropped and counted.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the batches go.
pub(crate) trait Sink: Send + 'static {
    /// Writes a batch of whole lines. On an error the whole batch counts as lost.
    fn write(&mut self, batch: &[u8]) -> io::Result<()>;

    /// Told after a successful write that `lines` more were lost since the last time.
    fn lost(&mut self, lines: u64) {
        let _ = lines;
    }
}

/// How much is buffered, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Octets in the buffer at most; lines beyond are dropped.
    pub(crate) octets_max: usize,
    /// How long a batch is gathered before it is written.
    pub(crate) gather: Duration,
}

/// The near end of the thread.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    buffer: Mutex<Buffer>,
    /// The buffer stopped being empty, or somebody wants it written at once.
    wake: Condvar,
    /// A batch was written.
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Buffer {
    lines: Vec<u8>,
    count: u64,
    state: State,
    urgent: bool,
    closed: bool,
}

/// What the thread is at.
#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Waiting,
    Writing,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(name: &str, bounds: Bounds, sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            bounds,
            buffer: Mutex::default(),
            wake: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name(name.into()).spawn(move || theirs.run(sink))?;
        Ok(Self { shared })
    }

    /// Adds one line, its line feed included; drops it where the buffer is full.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut buffer = self.shared.lock();
        if buffer.lines.len() + line.len() > self.shared.bounds.octets_max {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = buffer.lines.is_empty();
        buffer.lines.extend_from_slice(line);
        buffer.count += 1;
        drop(buffer);
        // While a batch is gathered or written nobody sleeps: most pushes wake nobody.
        if was_empty {
            self.shared.wake.notify_one();
        }
    }

    /// Waits until all that was pushed so far is written, `patience` at most.
    pub(crate) fn flush(&self, patience: Duration) {
        let mut buffer = self.shared.lock();
        buffer.urgent = true;
        self.shared.wake.notify_one();
        let unwritten = |b: &mut Buffer| !b.lines.is_empty() || b.state == State::Writing;
        drop(self.shared.written.wait_timeout_while(buffer, patience, unwritten));
    }

    /// Lines lost so far: dropped at the full buffer, or refused by the sink.
    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.flush(FLUSH_AT_END);
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
    }
}

/// How long the end of a process waits for its last lines.
pub(crate) const FLUSH_AT_END: Duration = Duration::from_secs(1);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // A panic elsewhere leaves at worst a half-added line.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: gather, write, until the writer is gone.
    fn run(&self, mut sink: impl Sink) {
        let mut batch = Vec::new();
        let mut told = 0;
        while let Some(count) = self.next_batch(&mut batch) {
            if sink.write(&batch).is_err() {
                self.dropped.fetch_add(count, Ordering::Relaxed);
            } else {
                let dropped = self.dropped.load(Ordering::Relaxed);
                if dropped > told {
                    sink.lost(dropped - told);
                    told = dropped;
                }
            }
            // A burst must not hold its memory for ever.
            batch.clear();
            batch.shrink_to(BATCH_KEPT_OCTETS);
            self.lock().state = State::Waiting;
            self.written.notify_all();
        }
    }

    /// Waits for lines and takes them into `batch`; how many there are, or `None` at the end.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let idle = |b: &mut Buffer| b.lines.is_empty() && !b.closed;
        let poison = PoisonError::into_inner;
        let buffer = self.wake.wait_while(self.lock(), idle).unwrap_or_else(poison);
        let calm = |b: &mut Buffer| !b.urgent && !b.closed;
        let gathered = self.wake.wait_timeout_while(buffer, self.bounds.gather, calm);
        let (mut buffer, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        if buffer.lines.is_empty() {
            return None;
        }
        std::mem::swap(&mut buffer.lines, batch);
        buffer.state = State::Writing;
        buffer.urgent = false;
        Some(std::mem::take(&mut buffer.count))
    }
}

/// Capacity that an idle buffer keeps.
const BATCH_KEPT_OCTETS: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const BOUNDS: Bounds = Bounds { octets_max: 64, gather: Duration::from_millis(1) };
    const LONG: Duration = Duration::from_secs(60);

    struct Collect(Arc<Mutex<Vec<u8>>>);

    impl Sink for Collect {
        fn write(&mut self, batch: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(batch);
            Ok(())
        }

        fn lost(&mut self, lines: u64) {
            self.0.lock().unwrap().extend_from_slice(format!("lost {lines}\n").as_bytes());
        }
    }

    /// Blocks in each write until the test lets it go on, as a full pipe does.
    struct Blocked {
        entered: mpsc::Sender<()>,
        go_on: mpsc::Receiver<io::Result<()>>,
        inner: Collect,
    }

    impl Sink for Blocked {
        fn write(&mut self, batch: &[u8]) -> io::Result<()> {
            self.entered.send(()).unwrap();
            self.go_on.recv().unwrap()?;
            self.inner.write(batch)
        }

        fn lost(&mut self, lines: u64) {
            self.inner.lost(lines);
        }
    }

    #[test]
    fn lines_arrive_in_order_and_before_the_writer_is_gone() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let writer = Writer::start("test", BOUNDS, Collect(Arc::clone(&seen))).unwrap();
        writer.push(b"one\n");
        writer.flush(LONG);
        assert_eq!(*seen.lock().unwrap(), b"one\n");
        writer.push(b"two\n");
        writer.push(b"three\n");
        drop(writer);
        assert_eq!(*seen.lock().unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn f22_a_blocked_sink_blocks_nobody_and_drops_are_counted() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (entered, is_entered) = mpsc::channel();
        let (let_go, go_on) = mpsc::channel();
        let sink = Blocked { entered, go_on, inner: Collect(Arc::clone(&seen)) };
        let writer = Writer::start("test", BOUNDS, sink).unwrap();
        writer.push(b"first\n");
        is_entered.recv_timeout(LONG).unwrap();
        // 16 octets a line: four fit.
        for _ in 0..10 {
            writer.push(b"0123456789abcde\n");
        }
        assert_eq!(writer.dropped(), 6);
        let_go.send(Ok(())).unwrap();
        let_go.send(Ok(())).unwrap();
        writer.flush(LONG);
        let text = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("0123").count(), 4);
        assert_eq!(text.matches("lost 6").count(), 1);
    }

    #[test]
    fn f22_lines_that_the_sink_refuses_are_counted() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (entered, _is_entered) = mpsc::channel();
        let (let_go, go_on) = mpsc::channel();
        let sink = Blocked { entered, go_on, inner: Collect(Arc::clone(&seen)) };
        let writer = Writer::start("test", BOUNDS, sink).unwrap();
        let_go.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        writer.push(b"one\n");
        writer.push(b"two\n");
        let_go.send(Ok(())).unwrap();
        writer.flush(LONG);
        assert!(writer.dropped() >= 1);
    }
}
