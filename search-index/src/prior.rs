//! What speaks for or against an entry, whatever is asked.

use crate::entry::{Entry, Kind};

/// Names of this kind are there to show or to try something.
const TRIALS: &[&str] = &[
    "test",
    "tests",
    "testing",
    "testbench",
    "example",
    "examples",
    "demo",
    "dummy",
    "hello",
    "sample",
    "tutorial",
];

/// Who writes this warns of the charm.
const WARNINGS: &[&str] = &["deprecated", "obsolete", "do not use", "no longer maintained", "unmaintained"];

/// When the first charms were published, and for how long a charm is still new after that: years.
const EPOCH_MICROS: f64 = 1.325e15;
const SPAN_MICROS: f64 = 20.0 * 365.25 * 86_400e6;

/// Returns the factor on an entry's score: around 1, and never 0.
pub(crate) fn prior(entry: &Entry) -> f64 {
    let promulgated = if entry.is_promulgated { 1.25 } else { 1.0 };
    let downloads = 1.0 + 0.04 * count(entry.downloads).ln_1p();
    let revisions = 1.0 + 0.02 * f64::from(entry.revisions.min(200)).ln_1p();
    // A reference that may mean either means the charm: so may a word.
    let kind = if entry.kind == Kind::Bundle { 0.92 } else { 1.0 };
    promulgated * downloads * revisions * kind * freshness(entry) * doubt(entry)
}

/// The classes that factors fall into, the best first.
pub(crate) const CLASSES: std::ops::Range<u8> = 0..4;

/// Returns the class of a factor: the best are few wherever there are downloads, and promulgated ones elsewhere.
pub(crate) fn class(prior: f64) -> u8 {
    match prior {
        1.5.. => 0,
        1.3.. => 1,
        1.15.. => 2,
        _ => 3,
    }
}

/// What was published lately is a little better: a tenth over the whole of the store's life.
fn freshness(entry: &Entry) -> f64 {
    let age = count(entry.published_at.as_micros().max(0).cast_unsigned()) - EPOCH_MICROS;
    1.0 + 0.1 * (age / SPAN_MICROS).clamp(0.0, 1.0)
}

fn doubt(entry: &Entry) -> f64 {
    let is_trial = entry.base.name.as_str().split('-').any(|word| TRIALS.contains(&word));
    let text = format!("{} {}", entry.summary, crate::entry::cut(&entry.description, 300)).to_lowercase();
    let is_warned_of = WARNINGS.iter().any(|warning| text.contains(warning));
    let is_silent = entry.summary.is_empty() && entry.description.is_empty();
    (if is_trial { 0.6 } else { 1.0 })
        * (if is_warned_of { 0.7 } else { 1.0 })
        * (if is_silent { 0.9 } else { 1.0 })
}

/// Counts are far below 2⁵³, and an order of magnitude is all that is wanted of them.
#[expect(clippy::cast_precision_loss, reason = "an order of magnitude is enough")]
fn count(number: u64) -> f64 {
    number as f64
}
