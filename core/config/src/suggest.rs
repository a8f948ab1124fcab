//! Did you mean …?

use heirloom_model::nearest;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_nothing_gets_the_whole_list() {
        let keys = ["trials", "seconds", "cost_seconds"];
        assert_eq!(remedy("trails", "there are", &keys), "did you mean `trials`?");
        assert_eq!(remedy("memory", "there are", &keys), "there are `trials`, `seconds`, `cost_seconds`");
        assert_eq!(remedy("memory", "there are", &[]), "there are none");
    }
}
