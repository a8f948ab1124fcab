//! Did you mean …?

/// The candidate that is most likely meant by `word`: within a third of its letters wrong, swapped or missing. Upper and
/// lower case, `-` and `_` are one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let (allowed, word) = ((word.chars().count() / 3).max(1), plain(word));
    let distances =
        candidates.into_iter().map(|candidate| (strsim::osa_distance(&word, &plain(candidate)), candidate));
    distances
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
    }
}
