//! Which sessions rest: their clients have said nothing for a while, and nothing is to be done for them. Where all of a
//! user do, no process is needed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// All sessions of a worker.
#[derive(Debug)]
pub(crate) struct Rest {
    /// How long a client says nothing before; `None` for ever.
    after: Option<Duration>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sessions that there are.
    here: usize,
    /// Those that rest, by a number of each time that one began to.
    resting: HashMap<u64, Option<PathBuf>>,
    last: u64,
    /// Those up to this are to go, while they still rest.
    asked: u64,
}

/// All rest, at one time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AllRest {
    /// The last that began to.
    pub(crate) last: u64,
    /// Folders of mailboxes where clients wait for news.
    pub(crate) watched: Vec<PathBuf>,
}

/// A session is here until this is dropped.
#[derive(Debug)]
pub(crate) struct Here<'a>(&'a Rest);

/// It rests until this is dropped.
struct Resting<'a> {
    rest: &'a Rest,
    number: u64,
}

impl Rest {
    pub(crate) fn new(after: Option<Duration>) -> Self {
        Self { after, state: watch::Sender::default() }
    }

    pub(crate) fn come(&self) -> Here<'_> {
        self.state.send_modify(|state| state.here += 1);
        Here(self)
    }

    /// Returns when the session, which has rested for a while, is to go; dropped, it doesn't rest any more. `watched` is
    /// the folder where its client waits for news.
    pub(crate) async fn until_asked(&self, watched: Option<PathBuf>) {
        let Some(after) = self.after else { return std::future::pending().await };
        sleep(after).await;
        let resting = self.begin(watched);
        let number = resting.number;
        // An error is that nobody is there who could ask.
        if self.state.subscribe().wait_for(|state| state.asked >= number).await.is_err() {
            std::future::pending().await
        }
    }

    fn begin(&self, watched: Option<PathBuf>) -> Resting<'_> {
        let mut number = 0;
        self.state.send_modify(|state| {
            state.last += 1;
            number = state.last;
            state.resting.insert(number, watched);
        });
        Resting { rest: self, number }
    }

    /// Returns when all rest, and did not when `seen` was.
    pub(crate) async fn all(&self, seen: u64) -> AllRest {
        let all_rest = |state: &State| {
            state.here > 0 && state.resting.len() == state.here && state.last != seen
        };
        let mut changes = self.state.subscribe();
        match changes.wait_for(all_rest).await {
            Ok(state) => {
                let mut watched: Vec<_> = state.resting.values().flatten().cloned().collect();
                watched.sort();
                watched.dedup();
                AllRest { last: state.last, watched }
            }
            Err(_) => std::future::pending().await,
        }
    }

    /// Has those go that rest since `last` or before.
    pub(crate) fn ask(&self, last: u64) {
        self.state.send_modify(|state| state.asked = last);
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.here -= 1);
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.rest.state.send_modify(|state| {
            state.resting.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::time::timeout;

    use super::*;

    const AFTER: Duration = Duration::from_secs(60);

    async fn nothing_comes_of<T>(future: impl Future<Output = T>) {
        assert!(timeout(10 * AFTER, future).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn all_rest_when_the_last_does_and_go_when_they_are_asked() {
        let rest = Rest::new(Some(AFTER));
        nothing_comes_of(rest.all(0)).await;
        let (_first, _second) = (rest.come(), rest.come());
        let (inbox, mut one) =
            (PathBuf::from("/inbox"), pin!(rest.until_asked(Some("/inbox".into()))));
        nothing_comes_of(async { tokio::join!(rest.all(0), one.as_mut()) }).await;
        let mut two = pin!(rest.until_asked(None));
        let all = tokio::select! { all = rest.all(0) => all, () = one.as_mut() => panic!("nobody asked"), () = two.as_mut() => panic!("nobody asked") };
        assert_eq!(all, AllRest { last: 2, watched: vec![inbox] });
        // It isn't said twice.
        nothing_comes_of(rest.all(all.last)).await;
        rest.ask(all.last);
        tokio::join!(one, two);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_begun_again_since_stays() {
        let rest = Rest::new(Some(AFTER));
        let _here = rest.come();
        let all = {
            let mut one = pin!(rest.until_asked(None));
            tokio::select! { all = rest.all(0) => all, () = one.as_mut() => panic!("nobody asked") }
        };
        // It has said something meanwhile.
        rest.ask(all.last);
        let mut one = pin!(rest.until_asked(None));
        nothing_comes_of(one.as_mut()).await;
        let again = tokio::select! { all = rest.all(all.last) => all, () = one.as_mut() => panic!("nobody asked") };
        rest.ask(again.last);
        one.await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_rests_where_that_is_switched_off() {
        let rest = Rest::new(None);
        let _here = rest.come();
        nothing_comes_of(async { tokio::join!(rest.until_asked(None), rest.all(0)) }).await;
    }
}
