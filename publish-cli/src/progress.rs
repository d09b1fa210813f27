//! How far a transfer is: a bar on a terminal, a line every five seconds elsewhere, JSON lines where those are wanted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use charm_model::digest::Sha256;
use charm_model::timestamp::Timestamp;
use indicatif::ProgressBar;
use serde::Serialize;
use store_client::{ClientError, Event, Progress};
use terminal::{bar, duration, numbers, size};

use crate::cli::Format;
use crate::failure::chain;
use crate::moment::minute;
use crate::output::{Output, json};

const LINE_EVERY: Duration = Duration::from_secs(5);
const JSON_EVERY: Duration = Duration::from_secs(1);
const DRAW_EVERY: Duration = Duration::from_millis(100);

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
        let (n_bytes, total, until) = (size(*n_bytes), size(*total), minute(*until));
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
    /// What the store keeps if this ends now.
    kept: Option<Kept>,
    began: Instant,
    told: Instant,
    waited: Option<Instant>,
    bar: ProgressBar,
}

/// What the store has of a publish that is under way.
struct Kept {
    stored: BTreeMap<Sha256, u64>,
    /// How many bytes it asked for.
    total: u64,
    until: Timestamp,
}

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Bar,
    Lines,
    Json,
}

impl Form {
    fn every(self) -> Duration {
        match self {
            Self::Bar => DRAW_EVERY,
            Self::Lines => LINE_EVERY,
            Self::Json => JSON_EVERY,
        }
    }
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
            kept: None,
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
        if self.output.draws() && total > 0 {
            state.bar = bar(phase, total);
            state.draw();
        }
    }

    /// Takes note of what the store has of each blob, of how many bytes it asked for, and of until when it keeps them, as
    /// it will what is still sent.
    pub(crate) fn keeps(&self, stored: BTreeMap<Sha256, u64>, total: u64, until: Timestamp) {
        self.state().kept = Some(Kept { stored, total, until });
    }

    /// Takes note that what was sent is published, so that nothing is left to go on with.
    pub(crate) fn committed(&self) {
        self.state().kept = None;
    }

    /// Begins to count what is sent, behind what the store has.
    pub(crate) fn begin_upload(&self) {
        let (total, stored) = match &self.state().kept {
            Some(kept) => (kept.total, kept.stored.clone()),
            None => return,
        };
        self.begin("upload", total);
        let mut state = self.state();
        state.before = stored.values().sum();
        state.done = state.before;
        state.positions = stored;
        state.draw();
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
        let Kept { stored, total, until } = state.kept.as_ref()?;
        let n_bytes = stored.values().sum::<u64>();
        if n_bytes.max(*total) == 0 {
            return None;
        }
        // The store asks for more at the end where it has not accepted a proof.
        Some(Safe { n_bytes, total: n_bytes.max(*total), until: *until })
    }

    fn advance(&self, blob: Sha256, position: u64) {
        let mut state = self.state();
        let before = state.positions.insert(blob, position).unwrap_or(0);
        state.done = (state.done + position).saturating_sub(before);
        // The store asks for more at the end where it has not accepted a proof.
        state.total = state.total.max(state.done);
        self.tell(&mut state);
    }

    fn tell(&self, state: &mut State) {
        let Some(form) = self.form().filter(|form| state.told.elapsed() >= form.every()) else { return };
        state.told = Instant::now();
        match form {
            Form::Bar => state.draw(),
            Form::Lines => self.output.note(&format!("{:<8} {}", state.phase, state.numbers())),
            Form::Json => {
                if let Ok(line) = json("progress", &state.json()) {
                    // Whether anybody still reads shows when the result is written.
                    let _ = Output::raw(format!("{line}\n").as_bytes());
                }
            }
        }
    }

    /// Returns how progress is told, if at all.
    fn form(&self) -> Option<Form> {
        if !self.output.shows_progress() {
            None
        } else if self.output.format() == Format::Jsonl {
            Some(Form::Json)
        } else if self.output.draws() {
            Some(Form::Bar)
        } else {
            Some(Form::Lines)
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

    fn draw(&self) {
        self.bar.set_length(self.total);
        self.bar.set_message(self.numbers());
        self.bar.set_position(self.done);
    }

    fn numbers(&self) -> String {
        numbers(self.done, self.total, self.bytes_per_second())
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
            Event::Sent { blob, position, .. }
            | Event::Received { blob, position, .. }
            | Event::Made { blob, position } => {
                self.advance(blob, position);
            }
            Event::Stored { blob, position } => {
                if let Some(kept) = &mut self.state().kept {
                    kept.stored.insert(blob, position);
                }
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
        meter.keeps([(blob, 60)].into(), 100, Timestamp::from_micros(0));
        meter.begin_upload();
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
        meter.keeps([(Sha256([1; 32]), 300_000_000)].into(), 1_220_000_000, Timestamp::from_micros(0));
        meter.begin_upload();
        meter.note(Event::Sent { blob: Sha256([1; 32]), n_bytes: 1, position: 900_000_000 });
        meter.note(Event::Stored { blob: Sha256([1; 32]), position: 812_000_000 });
        insta::assert_snapshot!(
            meter.safe().unwrap(),
            @"812.0 MB of 1.2 GB are safe in the store until 1970-01-01 00:00 UTC; run the same command to continue"
        );
        meter.committed();
        assert_eq!(meter.safe(), None);
    }
}
