//! How far a deployment is, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deploy_agent::{Event, Watch};
use indicatif::{DecimalBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

const BAR: &str =
    "fetch    {bar:24} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}";

/// How often a bar is drawn, in hertz.
const BAR_HZ: u8 = 10;

/// How long it is quiet between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Returns what shows progress here.
pub(crate) fn watch(quiet: bool) -> Arc<dyn Watch> {
    match (quiet, io::stderr().is_terminal()) {
        (true, _) => Arc::new(()),
        (false, true) => Arc::new(Bar::new()),
        (false, false) => Arc::new(Lines::new()),
    }
}

struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(BAR_HZ));
        Self(match ProgressStyle::with_template(BAR) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }
}

impl Watch for Bar {
    fn note(&self, event: Event) {
        match event {
            Event::Due { n_bytes } => self.0.inc_length(n_bytes),
            Event::Received { n_bytes } => self.0.inc(n_bytes),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Lines {
    began: Instant,
    due: AtomicU64,
    received: AtomicU64,
    printed: Mutex<Instant>,
}

impl Lines {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, due: AtomicU64::new(0), received: AtomicU64::new(0), printed: Mutex::new(now) }
    }

    fn print_if_due(&self, received: u64) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.elapsed() >= LINE_EVERY {
            *printed = Instant::now();
            anstream::eprintln!("{}", line(received, self.due.load(Ordering::Relaxed), self.began.elapsed()));
        }
    }
}

impl Watch for Lines {
    fn note(&self, event: Event) {
        match event {
            Event::Due { n_bytes } => drop(self.due.fetch_add(n_bytes, Ordering::Relaxed)),
            Event::Received { n_bytes } => {
                self.print_if_due(self.received.fetch_add(n_bytes, Ordering::Relaxed) + n_bytes);
            }
        }
    }
}

fn line(received: u64, due: u64, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = (received.saturating_mul(1000) / millis).max(1);
    let secs_left = due.saturating_sub(received) / rate;
    let [received, due, rate] = [received, due, rate].map(DecimalBytes);
    format!("fetch    {received} of {due}  {rate}/s  {secs_left} s left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_how_fast_and_how_long_still() {
        let line = line(50_000_000, 150_000_000, Duration::from_secs(10));
        assert_eq!(line, "fetch    50.00 MB of 150.00 MB  5.00 MB/s  20 s left");
    }
}
