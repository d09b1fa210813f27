//! How far a transfer is: a bar on a terminal, a line every five seconds elsewhere, JSON lines where those are wanted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use charm_model::digest::Sha256;
use charm_model::timestamp::Timestamp;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use store_client::{ClientError, Event, Progress};

use crate::cli::Format;
use crate::failure::chain;
use crate::output::{Output, json};
use crate::text::{duration, size};

const LINE_EVERY: Duration = Duration::from_secs(5);
const JSON_EVERY: Duration = Duration::from_secs(1);
const DRAWS_PER_SECOND: u8 = 10;

/// A wait that is shorter is over before anybody has read of it.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// What survives an interruption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Safe {
    n_bytes: u64,
    total: u64,
    until: Timestamp,
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_bytes, total, until } = self;
        let (n_bytes, total) = (size(*n_bytes), size(*total));
        write!(
            f,
            "{n_bytes} of {total} are safe in the store until {until}; run the same command to continue"
        )
    }
}

/// Counts what moves, and tells.
pub(crate) struct Meter {
    output: Output,
    state: Mutex<State>,
}

struct State {
    phase: &'static str,
    /// Bytes of the phase; 0 if not known.
    total: u64,
    done: u64,
    /// How much of that an earlier run has done.
    before: u64,
    /// How far each blob of the phase is: a part that is sent again is not counted twice.
    positions: BTreeMap<Sha256, u64>,
    stored: BTreeMap<Sha256, u64>,
    until: Option<Timestamp>,
    began: Instant,
    told: Instant,
    waited: Option<Instant>,
    bar: ProgressBar,
}

#[derive(Serialize)]
struct Line {
    phase: &'static str,
    done: u64,
    total: u64,
    bytes_per_second: u64,
}

impl Meter {
    pub(crate) fn new(output: Output) -> Self {
        let now = Instant::now();
        let state = State {
            phase: "",
            total: 0,
            done: 0,
            before: 0,
            positions: BTreeMap::new(),
            stored: BTreeMap::new(),
            until: None,
            began: now,
            told: now,
            waited: None,
            bar: ProgressBar::hidden(),
        };
        Self { output, state: Mutex::new(state) }
    }

    /// Begins to count anew, under that name, toward so many bytes.
    pub(crate) fn begin(&self, phase: &'static str, total: u64) {
        self.finish();
        let mut state = self.state();
        let now = Instant::now();
        (state.phase, state.total, state.began, state.told) = (phase, total, now, now);
        (state.done, state.before) = (0, 0);
        state.positions.clear();
        state.stored.clear();
        if self.output.draws() && total > 0 {
            state.bar = bar(phase, total);
        }
    }

    /// Goes on from what has arrived of each blob, which the store keeps until then, as it will what is still sent.
    pub(crate) fn go_on(&self, arrived: BTreeMap<Sha256, u64>, until: Timestamp) {
        let mut state = self.state();
        state.until = Some(until);
        state.before = arrived.values().sum();
        state.done = state.before;
        state.total += state.before;
        state.bar.set_length(state.total);
        state.bar.set_position(state.done);
        // What an earlier run has done says nothing of how fast this one is.
        state.bar.reset_eta();
        state.positions = arrived.clone();
        state.stored = arrived;
    }

    /// Ends the phase, and takes its bar away.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.bar.finish_and_clear();
        state.bar = ProgressBar::hidden();
    }

    /// Returns what is safe in the store, if anything was being sent.
    pub(crate) fn safe(&self) -> Option<Safe> {
        let state = self.state();
        let until = state.until?;
        Some(Safe { n_bytes: state.stored.values().sum(), total: state.total, until })
    }

    fn advance(&self, blob: Sha256, position: u64) {
        let mut state = self.state();
        let before = state.positions.insert(blob, position).unwrap_or(0);
        state.done = (state.done + position).saturating_sub(before);
        // The store asks for more at the end where it has not accepted a proof.
        if state.done > state.total {
            state.total = state.done;
            state.bar.set_length(state.done);
        }
        self.tell(&mut state);
    }

    fn tell(&self, state: &mut State) {
        state.bar.set_position(state.done);
        let is_json = self.output.format() == Format::Jsonl;
        let every = if is_json { JSON_EVERY } else { LINE_EVERY };
        if !self.output.shows_progress() || self.output.draws() || state.told.elapsed() < every {
            return;
        }
        state.told = Instant::now();
        if !is_json {
            self.output.note(&state.line());
        } else if let Ok(line) = json("progress", &state.json()) {
            // Whether anybody still reads shows when the result is written.
            let _ = Output::raw(format!("{line}\n").as_bytes());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn bytes_per_second(&self) -> u64 {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        self.done.saturating_sub(self.before).saturating_mul(1000) / millis
    }

    fn line(&self) -> String {
        let rate = self.bytes_per_second();
        let left = self.total.saturating_sub(self.done) / rate.max(1);
        let (done, total) = (size(self.done), size(self.total));
        format!(
            "{:<8} {done} of {total}  {}/s  {} left",
            self.phase,
            size(rate),
            duration(Duration::from_secs(left))
        )
    }

    fn json(&self) -> Line {
        Line {
            phase: self.phase,
            done: self.done,
            total: self.total,
            bytes_per_second: self.bytes_per_second(),
        }
    }
}

impl Progress for Meter {
    fn note(&self, event: Event) {
        match event {
            Event::Hashed { n_bytes } => {
                let mut state = self.state();
                state.done += n_bytes;
                self.tell(&mut state);
            }
            Event::Sent { blob, position, .. } | Event::Received { blob, position, .. } => {
                self.advance(blob, position);
            }
            Event::Stored { blob, position } => {
                self.state().stored.insert(blob, position);
            }
            Event::Proved { .. } => {}
        }
    }

    fn waits(&self, because: &ClientError, delay: Duration) {
        let mut state = self.state();
        // Blobs that are sent at once are interrupted at once.
        let is_told = state.waited.is_some_and(|at| at.elapsed() < delay);
        if delay < WORTH_TELLING || is_told {
            return;
        }
        state.waited = Some(Instant::now());
        let line = format!("{}; trying again in {}", chain(because), duration(delay));
        state.bar.suspend(|| self.output.note(&line));
    }
}

fn bar(phase: &'static str, total: u64) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let template =
        "{prefix:<8} {bar:24} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("##-"));
    }
    bar.with_prefix(phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Global;

    fn meter() -> Meter {
        Meter::new(Output::new(&Global { quiet: true, ..Global::default() }))
    }

    #[test]
    fn a_part_that_is_sent_again_is_counted_once() {
        let meter = meter();
        let blob = Sha256([1; 32]);
        meter.begin("upload", 100);
        for position in [40, 80, 60, 100] {
            meter.note(Event::Sent { blob, n_bytes: 20, position });
        }
        assert_eq!(meter.state().done, 100);
    }

    #[test]
    fn what_an_earlier_run_has_sent_counts_as_done_and_not_as_fast() {
        let meter = meter();
        let blob = Sha256([1; 32]);
        meter.begin("upload", 40);
        meter.go_on([(blob, 60)].into(), Timestamp::from_micros(0));
        let Line { done, total, bytes_per_second, .. } = meter.state().json();
        assert_eq!((done, total, bytes_per_second), (60, 100, 0));
        meter.note(Event::Sent { blob, n_bytes: 40, position: 100 });
        let Line { done, total, .. } = meter.state().json();
        assert_eq!((done, total), (100, 100));
    }

    #[test]
    fn an_interruption_tells_what_the_store_has_acknowledged() {
        let meter = meter();
        assert_eq!(meter.safe(), None);
        meter.begin("upload", 920_000_000);
        meter.go_on([(Sha256([1; 32]), 300_000_000)].into(), Timestamp::from_micros(0));
        meter.note(Event::Sent { blob: Sha256([1; 32]), n_bytes: 1, position: 900_000_000 });
        meter.note(Event::Stored { blob: Sha256([1; 32]), position: 812_000_000 });
        insta::assert_snapshot!(
            meter.safe().unwrap(),
            @"812.0 MB of 1.2 GB are safe in the store until 1970-01-01T00:00:00Z; run the same command to continue"
        );
    }
}
