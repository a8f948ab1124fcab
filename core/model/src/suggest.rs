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

/// "did you mean `x`?", or the list of what there is, after `lead` ("its keys are").
pub fn remedy(word: &str, lead: &str, names: &[&str]) -> String {
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => format!("{lead} none"),
        None => format!("{lead} {}", list(names)),
    }
}

/// The names as messages list them: "`a`, `b`".
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
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

    #[test]
    fn what_is_like_nothing_gets_the_whole_list() {
        let keys = ["trials", "seconds", "cost_seconds"];
        assert_eq!(remedy("trails", "there are", &keys), "did you mean `trials`?");
        assert_eq!(remedy("memory", "there are", &keys), "there are `trials`, `seconds`, `cost_seconds`");
        assert_eq!(remedy("memory", "there are", &[]), "there are none");
    }
}
