//! What travels between two versions of a file, beside other ways to bring it.

use std::fmt;

use serde::Serialize;

use super::markdown::grid;
use crate::deltas::Delta;

/// How a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// As it is shipped, compressed.
    Shipped,
    /// The tar of its content.
    Unpacked,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shipped => "as shipped",
            Self::Unpacked => "unpacked",
        })
    }
}

/// One way of a step, with all that travelled on it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Way {
    /// In both directions, headers and all.
    pub(crate) n_bytes: u64,
    pub(crate) seconds: f64,
}

/// From a version to the next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) series: String,
    pub(crate) form: Form,
    pub(crate) from: String,
    pub(crate) to: String,
    /// The length of the new version.
    pub(crate) whole_bytes: u64,
    /// To the store.
    pub(crate) up: Way,
    /// To a unit that has the version before.
    pub(crate) down: Way,
    /// How long after the publish the store had a patch for units; `None` if it did not come to have one.
    pub(crate) patch_seconds: Option<f64>,
    pub(crate) casync: Delta,
    pub(crate) zstd_3: Delta,
    pub(crate) zstd_9: Delta,
}

const HEADINGS: [&str; 10] =
    ["megabytes", "whole", "up", "down", "casync", "zstd -3", "zstd -9", "up ×", "down ×", "patch after"];

/// Returns a table for each form, with a line for each step, for each series, and for all.
pub(super) fn render(steps: &[Step]) -> String {
    let forms = [
        (Form::Unpacked, "Unpacked: × `zstd -3 --patch-from`"),
        (Form::Shipped, "As shipped: × the whole file"),
    ];
    let tables = forms.into_iter().filter_map(|(form, title)| {
        let of_form: Vec<&Step> = steps.iter().filter(|it| it.form == form).collect();
        (!of_form.is_empty()).then(|| format!("{title}\n\n{}", table(&of_form)))
    });
    tables.collect::<Vec<_>>().join("\n")
}

fn table(steps: &[&Step]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    for series in steps.chunk_by(|one, other| one.series == other.series) {
        rows.extend(
            series
                .iter()
                .map(|step| cells(&format!("{}, {} → {}", step.series, step.from, step.to), &[step])),
        );
        rows.push(cells(&format!("**{}**", series[0].series), series));
    }
    rows.push(cells("**all**", steps));
    grid(&rows)
}

/// Returns what several steps come to together.
fn cells(name: &str, steps: &[&Step]) -> Vec<String> {
    let whole: u64 = steps.iter().map(|it| it.whole_bytes).sum();
    let (up, down) = (sum(steps, |it| it.up), sum(steps, |it| it.down));
    let [casync, zstd_3, zstd_9] = [
        sum_of_deltas(steps, |it| it.casync),
        sum_of_deltas(steps, |it| it.zstd_3),
        sum_of_deltas(steps, |it| it.zstd_9),
    ];
    let measure = match steps.first().map(|it| it.form) {
        Some(Form::Unpacked) => zstd_3.n_bytes,
        _ => whole,
    };
    vec![
        name.to_owned(),
        megabytes(whole),
        way(up),
        way(down),
        delta(casync),
        delta(zstd_3),
        delta(zstd_9),
        ratio(up.n_bytes, measure),
        ratio(down.n_bytes, measure),
        patch(steps),
    ]
}

fn sum(steps: &[&Step], of: impl Fn(&Step) -> Way) -> Way {
    let none = Way { n_bytes: 0, seconds: 0.0 };
    steps
        .iter()
        .map(|it| of(it))
        .fold(none, |sum, it| Way { n_bytes: sum.n_bytes + it.n_bytes, seconds: sum.seconds + it.seconds })
}

fn sum_of_deltas(steps: &[&Step], of: impl Fn(&Step) -> Delta) -> Delta {
    let none = Delta { n_bytes: 0, make_seconds: 0.0, apply_seconds: 0.0 };
    steps.iter().map(|it| of(it)).fold(none, |sum, it| Delta {
        n_bytes: sum.n_bytes + it.n_bytes,
        make_seconds: sum.make_seconds + it.make_seconds,
        apply_seconds: sum.apply_seconds + it.apply_seconds,
    })
}

/// Returns how long the store took to make its patches, all together; a dash if one of them did not come.
fn patch(steps: &[&Step]) -> String {
    let seconds: Option<f64> = steps.iter().map(|it| it.patch_seconds).sum();
    seconds.map_or_else(|| "–".to_owned(), |it| format!("{it:.1} s"))
}

fn way(way: Way) -> String {
    format!("{}, {:.1} s", megabytes(way.n_bytes), way.seconds)
}

fn delta(delta: Delta) -> String {
    format!("{}, {:.1} + {:.1} s", megabytes(delta.n_bytes), delta.make_seconds, delta.apply_seconds)
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are printed")]
fn megabytes(n_bytes: u64) -> String {
    format!("{:.2}", n_bytes as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are printed")]
fn ratio(n_bytes: u64, measure: u64) -> String {
    format!("{:.2}", n_bytes as f64 / measure as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(series: &str, form: Form, to: &str, n_bytes: u64, patch_seconds: Option<f64>) -> Step {
        let delta = Delta { n_bytes: 2_000_000, make_seconds: 0.5, apply_seconds: 0.25 };
        Step {
            series: series.to_owned(),
            form,
            from: "1".to_owned(),
            to: to.to_owned(),
            whole_bytes: 10_000_000,
            up: Way { n_bytes, seconds: 1.0 },
            down: Way { n_bytes: n_bytes / 2, seconds: 2.0 },
            patch_seconds,
            casync: delta,
            zstd_3: delta,
            zstd_9: Delta { n_bytes: 1_000_000, ..delta },
        }
    }

    #[test]
    fn sums_are_of_bytes_and_not_of_ratios() {
        let steps = [
            step("a", Form::Unpacked, "2", 2_000_000, Some(1.5)),
            step("a", Form::Unpacked, "3", 4_000_000, Some(2.0)),
            step("b", Form::Unpacked, "2", 3_000_000, None),
            step("a", Form::Shipped, "2", 5_000_000, None),
        ];
        assert_eq!(
            render(&steps),
            "\
Unpacked: × `zstd -3 --patch-from`

| megabytes | whole | up          | down        | casync            | zstd -3           | zstd -9           | up × | down × | patch after |
| --------- | ----- | ----------- | ----------- | ----------------- | ----------------- | ----------------- | ---- | ------ | ----------- |
| a, 1 → 2  | 10.00 | 2.00, 1.0 s | 1.00, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 1.00 | 0.50   | 1.5 s       |
| a, 1 → 3  | 10.00 | 4.00, 1.0 s | 2.00, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 2.00 | 1.00   | 2.0 s       |
| **a**     | 20.00 | 6.00, 2.0 s | 3.00, 4.0 s | 4.00, 1.0 + 0.5 s | 4.00, 1.0 + 0.5 s | 2.00, 1.0 + 0.5 s | 1.50 | 0.75   | 3.5 s       |
| b, 1 → 2  | 10.00 | 3.00, 1.0 s | 1.50, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 1.50 | 0.75   | –           |
| **b**     | 10.00 | 3.00, 1.0 s | 1.50, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 1.50 | 0.75   | –           |
| **all**   | 30.00 | 9.00, 3.0 s | 4.50, 6.0 s | 6.00, 1.5 + 0.8 s | 6.00, 1.5 + 0.8 s | 3.00, 1.5 + 0.8 s | 1.50 | 0.75   | –           |

As shipped: × the whole file

| megabytes | whole | up          | down        | casync            | zstd -3           | zstd -9           | up × | down × | patch after |
| --------- | ----- | ----------- | ----------- | ----------------- | ----------------- | ----------------- | ---- | ------ | ----------- |
| a, 1 → 2  | 10.00 | 5.00, 1.0 s | 2.50, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 0.50 | 0.25   | –           |
| **a**     | 10.00 | 5.00, 1.0 s | 2.50, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 0.50 | 0.25   | –           |
| **all**   | 10.00 | 5.00, 1.0 s | 2.50, 2.0 s | 2.00, 0.5 + 0.2 s | 2.00, 0.5 + 0.2 s | 1.00, 0.5 + 0.2 s | 0.50 | 0.25   | –           |
"
        );
    }
}
