//! How far a deployment is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deploy_agent::{Event, Watch};
use indicatif::ProgressBar;
use store_client::ClientError;
use terminal::{bar, duration, numbers};

use crate::refusal::chain;

/// How often a bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// How long it is quiet between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A wait that is shorter is over before anybody has read of it.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Returns what shows progress here.
pub(crate) fn watch(quiet: bool) -> Arc<dyn Watch> {
    match (quiet, io::stderr().is_terminal()) {
        (true, _) => Arc::new(()),
        (false, true) => Arc::new(Teller::new(Some(bar("fetch", 0)))),
        (false, false) => Arc::new(Teller::new(None)),
    }
}

/// Tells how far a deployment is: on its bar, or in lines where it has none.
struct Teller {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    began: Instant,
    told: Instant,
    waited: Option<Instant>,
    due: u64,
    done: u64,
}

impl Teller {
    fn new(bar: Option<ProgressBar>) -> Self {
        let now = Instant::now();
        Self { bar, state: Mutex::new(State { began: now, told: now, waited: None, due: 0, done: 0 }) }
    }

    fn tell(&self, state: &mut State) {
        let every = if self.bar.is_some() { DRAW_EVERY } else { LINE_EVERY };
        if state.told.elapsed() < every {
            return;
        }
        state.told = Instant::now();
        match &self.bar {
            None => anstream::eprintln!("{:<8} {}", "fetch", state.numbers()),
            Some(bar) => {
                bar.set_length(state.due);
                bar.set_position(state.done);
                bar.set_message(state.numbers());
            }
        }
    }
}

impl State {
    fn numbers(&self) -> String {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        numbers(self.done, self.due, self.done.saturating_mul(1000) / millis)
    }
}

impl Watch for Teller {
    fn note(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Due { n_bytes } => state.due += n_bytes,
            Event::Made { n_bytes } => {
                state.done += n_bytes;
                self.tell(&mut state);
            }
        }
    }

    fn waits(&self, because: &ClientError, delay: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Files that are fetched at once are interrupted at once.
        let is_told = state.waited.is_some_and(|at| at.elapsed() < delay);
        if delay < WORTH_TELLING || is_told {
            return;
        }
        state.waited = Some(Instant::now());
        let line = format!("{}; trying again in {}", chain(because), duration(delay));
        let print = || anstream::eprintln!("{line}");
        self.bar.as_ref().map_or_else(print, |bar| bar.suspend(print));
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
