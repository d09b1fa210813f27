//! The word that was probably meant.

/// Returns the known word that is at most two letters away from `word`, the nearest first.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    /// The longest word that is compared. The work grows with its square, and no known one is longer.
    const MAX_BYTES: usize = 64;
    if word.len() > MAX_BYTES {
        return None;
    }
    let near = known
        .into_iter()
        .map(|it| (distance(word, it), it))
        .filter(|(letters, it)| *letters <= 2 && *letters < it.len());
    near.min().map(|(_, it)| it)
}

/// Levenshtein's distance, row by row.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, from) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (left, to) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[left + 1];
            row[left + 1] = replaced.min(diagonal + 1).min(row[left] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use test_case::test_case;

    use super::*;

    #[test_case("defualt-stream" => Some("default-stream"))]
    #[test_case("stream" => Some("streams"))]
    #[test_case("shape" => Some("shape"))]
    #[test_case("whatever" => None)]
    #[test_case("" => None; "nothing")]
    fn finds_what_was_meant(word: &str) -> Option<&'static str> {
        nearest(word, ["default-stream", "streams", "shape"])
    }
}
