//! Did you mean …?

use heirloom_model::nearest;

/// "did you mean `x`?", or the list of what there is, after `lead` ("there are"), or `none` where there is nothing.
pub fn remedy(word: &str, lead: &str, names: &[&str], none: impl FnOnce() -> String) -> String {
    match nearest(word, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => none(),
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
    fn what_is_like_nothing_gets_the_whole_list_or_what_is_said_of_none() {
        let said = |word, names: &[&str]| remedy(word, "there are", names, || "it has none".into());
        assert_eq!(said("trails", &["trials", "seconds"]), "did you mean `trials`?");
        assert_eq!(said("memory", &["trials", "seconds"]), "there are `trials`, `seconds`");
        assert_eq!(said("memory", &[]), "it has none");
    }
}
