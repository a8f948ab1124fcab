use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use heirloom_tests::{built, root};

fn folder() -> PathBuf {
    root().join("docs/plugins/src")
}

/// The pages, by file name.
fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// A page without what stands in code.
fn prose(page: &str) -> String {
    let mut in_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    // Every second piece between backticks is code.
    text.split('`').step_by(2).collect::<Vec<_>>().join("")
}

/// Where the links of a text lead.
fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchors of a page: its headings as mdBook and GitHub write them.
fn anchors(page: &str) -> BTreeSet<String> {
    let heading = |line: &str| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        Some(kept.collect::<String>().replace(' ', "-"))
    };
    page.lines().filter_map(heading).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() >= 8, "{}", pages.len());
    for (name, page) in &pages {
        let text = prose(page);
        for link in links(&text) {
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { folder().join(name) } else { folder().join(file) };
            assert!(target.exists(), "{name}: `{link}` leads to no file");
            if !anchor.is_empty() {
                let page = std::fs::read_to_string(&target).unwrap();
                assert!(anchors(&page).contains(anchor), "{name}: `{link}` leads to no heading");
            }
        }
    }
}

#[test]
fn every_page_stands_in_the_summary_once() {
    let summary = std::fs::read_to_string(folder().join("SUMMARY.md")).unwrap();
    let mut listed: Vec<_> = links(&summary).into_iter().map(str::to_owned).collect();
    listed.sort();
    let pages: Vec<_> =
        pages().into_iter().map(|(name, _)| name).filter(|name| name != "SUMMARY.md").collect();
    assert_eq!(listed, pages);
}

/// The commands of a page that a reader would type: lines of `sh` blocks that begin with the program's name.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut block = None;
    let mut commands = Vec::new();
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language == "sh" || language == "console"),
            (Some(_), Some(_)) => block = None,
            (None, Some(true)) => {
                let typed = line.split(" #").next().unwrap_or(line).trim().trim_start_matches("$ ");
                let words: Vec<_> = typed.split_whitespace().map(str::to_owned).collect();
                if words.first().is_some_and(|word| word == "heirloom") {
                    commands.push(words[1..].to_vec());
                }
            }
            _ => {}
        }
    }
    commands
}

/// What the program says of a command.
fn help(command: &[&str]) -> Option<String> {
    let output = Command::new(built().join("heirloom")).args(command).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_command_and_option_is_one_that_the_program_has() {
    let mut n_commands = 0;
    for (name, page) in pages() {
        for words in commands(&page) {
            // The one global option that takes a value and stands in front.
            let words: Vec<_> = match words.iter().position(|word| word == "--plugins") {
                Some(at) => words
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| *i != at && *i != at + 1)
                    .map(|(_, w)| w)
                    .collect(),
                None => words.iter().collect(),
            };
            let n_names = if words[0] == "plugin" || words[0] == "archive" { 2 } else { 1 };
            let mut command: Vec<&str> = words.iter().take(n_names).map(|word| word.as_str()).collect();
            let said = help(&command)
                .unwrap_or_else(|| panic!("{name}: there is no `heirloom {}`", command.join(" ")));
            // `plugin key new` and the like.
            if let Some(next) = words.get(n_names)
                && said.contains("Commands:")
                && !next.starts_with('-')
            {
                command.push(next);
            }
            let said = help(&command)
                .unwrap_or_else(|| panic!("{name}: there is no `heirloom {}`", command.join(" ")));
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap_or(option);
                assert!(said.contains(option), "{name}: `heirloom {}` has no `{option}`", command.join(" "));
            }
            n_commands += 1;
        }
    }
    assert!(n_commands >= 10, "{n_commands}");
}

#[test]
fn the_guide_names_the_files_that_a_new_plugin_has() {
    let template = Path::new("core/plugin-template/templates/rust");
    let guide = std::fs::read_to_string(folder().join("first-plugin.md")).unwrap();
    for file in ["Cargo.toml", "plugin.toml", "src/lib.rs", "src/search.rs", "tests/", "search/"] {
        assert!(guide.contains(&format!("`{file}`")), "{file}");
    }
    let library = std::fs::read_to_string(root().join(template).join("strategy/lib.rs")).unwrap();
    // The options of the guide are those of the template and one more.
    for option in [
        "#[option(default = 10, low = 1)]\npub n_initial: usize",
        "#[option(default = 0.1, low = 0.0, high = 1.0)]\npub fresh: f64",
    ] {
        let plain = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        assert!(plain(&guide).contains(option) && plain(&library).contains(option), "{option}");
    }
}
