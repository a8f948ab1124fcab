//! Did you mean …?

/// The candidate that is most likely meant by `word`: within a third of its letters wrong, swapped or missing.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    let distances = candidates.into_iter().map(|candidate| (distance(word, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// "did you mean `x`?", or the list of what there is, after `lead` ("its keys are").
pub fn remedy(word: &str, lead: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => format!("{lead} none"),
        None => {
            let names: Vec<_> = candidates.iter().map(|name| format!("`{name}`")).collect();
            format!("{lead} {}", names.join(", "))
        }
    }
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour (optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().replace('-', "_").chars().collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_are_recognised_and_other_words_are_not() {
        let keys = ["trials", "seconds", "cost_seconds"];
        assert_eq!(nearest("trails", keys), Some("trials"));
        assert_eq!(nearest("second", keys), Some("seconds"));
        assert_eq!(nearest("cost-seconds", keys), Some("cost_seconds"));
        assert_eq!(nearest("memory", keys), None);
        assert_eq!(remedy("memory", "there are", &keys), "there are `trials`, `seconds`, `cost_seconds`");
        assert_eq!(remedy("memory", "there are", &[]), "there are none");
    }
}
