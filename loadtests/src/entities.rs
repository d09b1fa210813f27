//! Entities that nobody wrote, as many as wanted, and what people would type to find them.
//!
//! Words are made of syllables and drawn as real ones are: few of them very often, most of them hardly ever. Always the
//! same for a number.

use charm_model::name::Series;
use charm_model::reference::{BaseId, Revision};
use charm_model::timestamp::Timestamp;
use search_index::{Entry, Kind};

/// How many different words there are.
const N_WORDS: u64 = 50_000;

/// How many different tags and interfaces there are.
const N_TAGS: u64 = 60;
const N_INTERFACES: u64 = 400;

const SYLLABLES: [&str; 32] = [
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su", "ta", "ve",
    "wi", "xo", "zu", "bra", "cle", "dri", "flo", "gru", "sta", "tre", "pli", "sno", "kra", "ster", "ment",
];

const SERIES: [&str; 6] = ["trusty", "xenial", "bionic", "focal", "jammy", "noble"];

/// What stands behind a name as often as not.
const ENDINGS: [&str; 6] = ["", "", "-k8s", "-operator", "-server", "-exporter"];

/// Numbers without pattern, always the same for a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Returns a number below that.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let choice = self.below(choices.len() as u64);
        usize::try_from(choice).ok().and_then(|choice| choices.get(choice)).copied().unwrap_or_default()
    }

    /// Returns a word: the first of all is the most frequent.
    pub(crate) fn word(&mut self) -> String {
        // Evenly over the logarithm, which is how words are distributed.
        let magnitude = self.below(u64::from(N_WORDS.ilog2()) + 1);
        word(self.below((2 << magnitude).min(N_WORDS)))
    }

    fn words(&mut self, n_least: u64, n_most: u64) -> Vec<String> {
        let n_words = n_least + self.below(n_most - n_least + 1);
        (0..n_words).map(|_| self.word()).collect()
    }

    /// Returns up to so many of the first words.
    fn labels(&mut self, n_most: u64, n_words: u64) -> Vec<String> {
        (0..self.below(n_most + 1)).map(|_| word(self.below(n_words))).collect()
    }

    /// Returns a text of so many words.
    fn text(&mut self, n_least: u64, n_most: u64) -> String {
        self.words(n_least, n_most).join(" ")
    }
}

/// Returns a word by its number.
fn word(number: u64) -> String {
    let mut dice = Dice::new(number ^ 0x5eed);
    (0..2 + number.min(N_WORDS) / (N_WORDS / 2)).map(|_| dice.one_of(&SYLLABLES)).collect::<String>()
        + dice.one_of(&SYLLABLES)
}

fn name(dice: &mut Dice) -> String {
    let first = dice.word();
    let rest = if dice.below(3) == 0 { String::new() } else { format!("-{}", dice.word()) };
    format!("{first}{rest}{}", dice.one_of(&ENDINGS))
}

/// Returns all entries of the base with that number, one for each of its series; their owner is one of a tenth as many.
pub(crate) fn entries(number: u64) -> anyhow::Result<Vec<Entry>> {
    let mut dice = Dice::new(number);
    // The number keeps two bases of an owner apart.
    let base = BaseId {
        owner: format!("owner{}", number / 10).parse()?,
        name: format!("{}-n{number}", name(&mut dice)).parse()?,
    };
    let is_bundle = dice.below(10) == 0;
    let first = dice.below(SERIES.len() as u64);
    let n_series = if is_bundle { 0 } else { 1 + dice.below(3) };
    let mut supported = Vec::new();
    for place in first..(first + n_series).min(SERIES.len() as u64) {
        supported.push(SERIES[usize::try_from(place)?].parse::<Series>()?);
    }
    if is_bundle {
        supported.push(Series::bundle());
    }
    let plain = Entry {
        base,
        series: Series::bundle(),
        revision: Revision::FIRST,
        kind: if is_bundle { Kind::Bundle } else { Kind::Charm },
        supported: supported.clone(),
        is_multi_series: !is_bundle,
        is_lead: false,
        is_preferred: false,
        is_promulgated: dice.below(50) == 0,
        title: String::new(),
        summary: dice.text(5, 12),
        description: dice.text(20, 60),
        readme: dice.text(50, 200),
        tags: dice.labels(2, N_TAGS),
        provides: dice.labels(2, N_INTERFACES),
        requires: dice.labels(3, N_INTERFACES),
        options: dice.words(0, 10),
        architectures: Vec::new(),
        applications: if is_bundle { dice.words(2, 8) } else { Vec::new() },
        downloads: dice.below(1 << dice.clone().below(20)),
        revisions: 1,
        published_at: Timestamp::from_micros(1_700_000_000_000_000),
    };
    let entry = |(place, series): (usize, Series)| {
        let is_first = place == 0;
        Entry { series, is_lead: is_first, is_preferred: is_first, ..plain.clone() }
    };
    Ok(supported.into_iter().enumerate().map(entry).collect())
}

/// Returns what somebody types who looks for something: names, words, and every fifth time not quite.
pub(crate) fn query(number: u64) -> String {
    let mut dice = Dice::new(number ^ 0x0dd5);
    let text = if dice.below(2) == 0 { name(&mut dice) } else { dice.text(1, 4) };
    if dice.below(5) > 0 {
        return text;
    }
    let missing = usize::try_from(dice.below(text.len() as u64)).unwrap_or_default();
    text.char_indices().filter(|(at, _)| *at != missing).map(|(_, character)| character).collect()
}

/// Returns what stands in the field after each of the first keystrokes.
pub(crate) fn keystrokes(number: u64) -> Vec<String> {
    let text = query(number);
    (1..=text.len().min(10)).filter_map(|end| text.get(..end)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_the_same_every_time_and_each_is_another() {
        let base = |number| entries(number).unwrap()[0].base.clone();
        assert_eq!(base(7), base(7));
        let mut bases: Vec<_> = (0..1_000).map(base).collect();
        bases.sort();
        bases.dedup();
        assert_eq!(bases.len(), 1_000);
    }

    #[test]
    fn some_words_are_everywhere_and_most_are_rare() {
        let mut dice = Dice::new(1);
        let mut counts = std::collections::HashMap::<String, u32>::new();
        (0..100_000).for_each(|_| *counts.entry(dice.word()).or_default() += 1);
        let most = counts.values().max().unwrap();
        assert!(*most > 3_000 && counts.len() > 5_000, "{most} {}", counts.len());
    }

    #[test]
    fn keystrokes_make_what_is_typed() {
        let typed = keystrokes(3);
        assert!(typed.windows(2).all(|pair| pair[1].starts_with(&pair[0])));
        assert!(query(3).starts_with(typed.last().unwrap()));
    }
}
