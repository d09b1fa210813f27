//! How far a transfer is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text::{duration, size};

/// Returns how far a transfer is, how fast, and how long it still takes: `50.0 MB of 150.0 MB  5.0 MB/s  20s left`.
pub fn numbers(done: u64, total: u64, bytes_per_second: u64) -> String {
    let left = match total.saturating_sub(done).checked_div(bytes_per_second) {
        Some(seconds) => format!("{} left", duration(Duration::from_secs(seconds))),
        None => String::new(),
    };
    format!("{} of {}  {}/s  {left}", size(done), size(total), size(bytes_per_second))
}

/// Returns a bar on standard error; its message is for [`numbers`].
pub fn bar(phase: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{prefix:<8} {bar:24} {msg}") {
        bar.set_style(style.progress_chars("##-"));
    }
    bar.with_prefix(phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_how_much_how_fast_and_how_long_still() {
        let told = numbers(50_000_000, 150_000_000, 5_000_000);
        assert_eq!(told, "50.0 MB of 150.0 MB  5.0 MB/s  20s left");
        assert_eq!(numbers(0, 1000, 0), "0 B of 1.0 kB  0 B/s  ");
    }
}
