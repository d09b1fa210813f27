//! Small texts: sizes, durations, counts.

use std::fmt::{Display, Write as _};
use std::time::Duration;

/// Returns a size as people read it, in powers of 1000: `184.2 kB`.
pub fn size(n_bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if n_bytes < 1000 {
        return format!("{n_bytes} B");
    }
    let exponent = n_bytes.ilog10() / 3;
    let tenths = n_bytes / 10_u64.pow(3 * exponent - 1);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[exponent as usize - 1])
}

/// Returns a time as people read it: `13s`, `2m05s`, `3h07m`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns a number with its noun: `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns lines as one text, each with its end.
pub fn lines(lines: impl IntoIterator<Item = impl Display>) -> String {
    lines.into_iter().fold(String::new(), |mut text, line| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}

/// Returns the share of a whole in percent, with one decimal.
pub fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case(0 => "0 B")]
    #[test_case(999 => "999 B")]
    #[test_case(1000 => "1.0 kB")]
    #[test_case(184_234 => "184.2 kB")]
    #[test_case(1_618_000_000 => "1.6 GB")]
    #[test_case(u64::MAX => "18.4 EB")]
    fn a_size(n_bytes: u64) -> String {
        size(n_bytes)
    }

    #[test_case(13 => "13s")]
    #[test_case(125 => "2m05s")]
    #[test_case(11_220 => "3h07m")]
    fn a_duration(seconds: u64) -> String {
        duration(Duration::from_secs(seconds))
    }

    #[test_case(993, 1000 => "99.3 %")]
    #[test_case(0, 0 => "0.0 %")]
    fn a_share(part: u64, whole: u64) -> String {
        percent(part, whole)
    }
}
