//! A plugin's name, and the names in its source that follow from it.

use crate::TemplateError;

/// A name that can be a plugin's id, a component's name, a crate and a module at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginName(String);

/// Names that the crate would share with what it depends on, or with a word of one of the languages.
const TAKEN: &[&str] = &[
    "alloc",
    "as",
    "async",
    "await",
    "break",
    "build",
    "class",
    "const",
    "continue",
    "core",
    "crate",
    "def",
    "deps",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "fn",
    "for",
    "gen",
    "heirloom",
    "if",
    "impl",
    "import",
    "in",
    "incremental",
    "let",
    "lib",
    "loop",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "none",
    "pass",
    "plugin",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "where",
    "while",
    "yield",
];

/// What the names in packages may have.
const MAX_LENGTH: usize = 40;

impl PluginName {
    /// Checks a name: `a-z`, `0-9` and `-`, a letter first, not a word that the sources could not use.
    pub fn new(name: &str) -> Result<Self, TemplateError> {
        match wrong_with(name) {
            None => Ok(Self(name.into())),
            Some(problem) => {
                Err(TemplateError::Name { name: name.into(), problem: problem.into(), hint: suggest(name) })
            }
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The crate's name in code, a Python module's: with `_` for `-`.
    pub fn identifier(&self) -> String {
        self.0.replace('-', "_")
    }
}

fn wrong_with(name: &str) -> Option<&'static str> {
    let first = name.bytes().next();
    if first.is_none() {
        Some("it is empty")
    } else if name.len() > MAX_LENGTH {
        Some("it has more than 40 letters")
    } else if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        Some("it is not made of `a-z`, `0-9` and `-` alone")
    } else if !first.is_some_and(|byte| byte.is_ascii_lowercase()) {
        Some("it does not begin with a letter")
    } else if name.ends_with('-') || name.contains("--") {
        Some("a `-` stands between two letters or digits")
    } else if TAKEN.contains(&name) || name.starts_with("heirloom-plugin") {
        Some("the name is taken: by a language, or by a part of Heirloom")
    } else {
        None
    }
}

/// A name like `name` that would do.
fn suggest(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let words: Vec<_> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut joined = words.join("-");
    joined.truncate(MAX_LENGTH - "my-".len());
    let joined = joined.trim_end_matches('-');
    let with_prefix = format!("my-{joined}");
    [joined, &with_prefix]
        .into_iter()
        .find(|name| wrong_with(name).is_none())
        .map_or_else(|| "a name such as `my-search`".into(), |name| format!("`{name}` would do"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sources_could_not_use_are_refused_with_one_that_would_do() {
        for (name, problem, hint) in [
            ("My Search", "not made of", "`my-search` would do"),
            ("tree_search", "not made of", "`tree-search` would do"),
            ("3d", "begin with a letter", "`my-3d` would do"),
            ("match", "is taken", "`my-match` would do"),
            ("heirloom-plugin", "is taken", "`my-heirloom-plugin` would do"),
            ("a--b", "between", "`a-b` would do"),
            ("", "empty", "such as `my-search`"),
            ("größe", "not made of", "`gr-e` would do"),
        ] {
            let message = PluginName::new(name).unwrap_err().to_string();
            assert!(message.contains(problem) && message.contains(hint), "{message}");
        }
        let long = "a".repeat(41);
        assert!(PluginName::new(&long).unwrap_err().to_string().contains("40 letters"));
        assert!(PluginName::new(&long[1..]).is_ok());
        assert_eq!(PluginName::new("tree-search-2").unwrap().identifier(), "tree_search_2");
    }
}
