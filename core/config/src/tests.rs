use std::path::Path;

use heirloom_model::Direction;
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value as Json, json};

use super::*;

/// Two strategies, an estimator and a proxy; `evolution` takes a `population` from 2.
struct Plugins;

impl Catalogue for Plugins {
    fn names(&self, kind: ComponentKind) -> Vec<String> {
        let names: &[&str] = match kind {
            ComponentKind::Strategy => &["random", "evolution"],
            ComponentKind::Estimator => &["table"],
            ComponentKind::Proxy => &["cost"],
        };
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check_options(
        &self,
        _: ComponentKind,
        name: &str,
        options: &mut Json,
        folder: &Path,
    ) -> Vec<OptionMistake> {
        let mut mistakes = Vec::new();
        let mut complain = |path: &str, message: &str| {
            mistakes.push(OptionMistake { path: path.into(), message: message.into() });
        };
        match name {
            "evolution" if options.get("population").is_some_and(|n| n.as_u64().is_none_or(|n| n < 2)) => {
                complain("population", "`population` must be at least 2; hint: the paper uses 100");
            }
            "table" => match options.get("table").and_then(Json::as_str) {
                None => complain("table", "option `table` is missing; hint: add `table = \"….toml\"`"),
                Some(path) => options["table"] = json!(folder.join(path)),
            },
            _ => {}
        }
        mistakes
    }
}

const GOOD: &str = r#"
seed = 7
[task]
name = "cifar100"
[space]
preset = "nas-bench-201"
[objective]
name = "val_acc"
direction = "maximise"
[strategy]
name = "evolution"
population = 50
[estimator]
name = "table"
table = "nb201.toml"
[[proxy]]
name = "cost"
keep = 0.5
unit = "flops"
[budget]
trials = 100
cost_seconds = 1e6
[limits]
seconds = 600
memory_mb = 4096
[run]
workers = 2
isolation = "process"
[isolation]
memory_mb = 500
call_seconds = 30
environment = ["https_proxy"]
readable = ["data"]
[warm_start]
mode = "inform"
exclude_tasks = ["cifar100"]
[archive]
path = "lab.heirloom"
"#;

fn check(text: &str) -> Result<RunConfig, ConfigError> {
    RunFile::from_text("run.toml", text, Path::new("/lab")).check(&Plugins)
}

/// What the user sees, without colours.
fn message(text: &str) -> String {
    let error = check(text).expect_err("the text holds a mistake");
    let mut shown = String::new();
    let theme = GraphicalTheme::unicode_nocolor();
    GraphicalReportHandler::new_themed(theme).with_width(100).render_report(&mut shown, &error).unwrap();
    shown.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn a_good_file_becomes_a_run_with_nothing_left_to_guess() {
    let config = check(GOOD).unwrap();
    assert_eq!((config.name.as_str(), config.seed, config.workers), ("cifar100", 7, 2));
    assert_eq!(config.objective.as_ref().unwrap().direction, Some(Direction::Maximise));
    assert_eq!(config.strategy.options, json!({ "population": 50 }));
    assert_eq!(config.estimator.options, json!({ "table": "/lab/nb201.toml" }));
    assert_eq!(config.proxies[0].component.options, json!({ "unit": "flops" }));
    assert_eq!(config.budget, BudgetConfig { trials: Some(100), seconds: None, cost_seconds: Some(1e6) });
    assert_eq!(config.limits.memory_bytes, Some(4_096_000_000));
    let worker = WorkerConfig {
        memory_bytes: Some(500_000_000),
        call_seconds: Some(30.0),
        environment: vec!["https_proxy".into()],
        readable: vec!["/lab/data".into()],
        ..WorkerConfig::default()
    };
    assert_eq!(config.worker, worker);
    let without = check(&GOOD.replace("memory_mb = 500\n", "")).unwrap();
    assert_eq!(without.hash(), config.hash());
    assert_eq!(config.warm_start.mode, WarmStartMode::Inform);
    assert_eq!(config.archive.as_deref(), Some(Path::new("/lab/lab.heirloom")));
    let kept = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<RunConfig>(&kept).unwrap(), config);
}

#[test]
fn a_task_says_how_its_data_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), "id,code,class\n1,2,0\n").unwrap();
    let with = |keys: &str| GOOD.replace("name = \"cifar100\"\n", &format!("name = \"mine\"\n{keys}"));
    let keys = "kind = \"classification\"\ncategorical = [\"code\"]\nignore = [\"id\"]\n";
    let file = RunFile::from_text("run.toml", with(&format!("data = \"data.csv\"\n{keys}")), folder.path());
    let data = file.check(&Plugins).unwrap().task.data.unwrap();
    assert_eq!((data.kind, data.target), (TargetConfig::Classification, None));
    assert_eq!((data.categorical, data.ignore), (vec!["code".to_owned()], vec!["id".to_owned()]));
    let said = message(&with(keys));
    for key in ["kind", "categorical", "ignore"] {
        assert!(said.contains(&format!("`task.{key}` is given without `task.data`")), "{said}");
    }
    // As runs of before kept it.
    let kept: DataConfig = serde_json::from_value(json!({ "path": "data.csv", "target": null })).unwrap();
    assert_eq!(kept.kind, TargetConfig::Auto);
    assert_eq!(serde_json::to_value(kept).unwrap(), json!({ "path": "data.csv", "target": null }));
}

#[test]
fn proxies_vote_with_given_weights_or_those_of_the_archive() {
    let vote =
        |table: &str| check(&GOOD.replace("[budget]", &format!("[vote]\n{table}[budget]"))).unwrap().vote;
    let given = |weights: &[(&str, f64)]| {
        VoteWeights::Given(weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect())
    };
    assert_eq!(check(GOOD).unwrap().vote, None);
    assert_eq!(vote(""), Some(VoteConfig { weights: given(&[]), references: 32, keep: 1.0 }));
    assert_eq!(
        vote("weights = { cost = -2 }\nreferences = 8\n"),
        Some(VoteConfig { weights: given(&[("cost", -2.0)]), references: 8, keep: 1.0 })
    );
    let archive = VoteConfig { weights: VoteWeights::Archive, references: 32, keep: 0.25 };
    assert_eq!(vote("weights = \"archive\"\nkeep = 0.25\n"), Some(archive));
}

#[test]
fn the_hash_follows_what_decides_the_trials_and_nothing_else() {
    let hash = |text: &str| check(text).unwrap().hash();
    let same = GOOD
        .replace("workers = 2", "workers = 3")
        .replace("lab.heirloom", "other")
        .replace("seed = 7", "name = \"x\"\nseed = 7");
    assert_eq!(hash(GOOD), hash(&same));
    for (from, to) in
        [("seed = 7", "seed = 8"), ("population = 50", "population = 51"), ("keep = 0.5", "keep = 0.6")]
    {
        assert_ne!(hash(GOOD), hash(&GOOD.replace(from, to)), "{to}");
    }
}

#[test]
fn a_space_can_stand_in_its_own_file_and_mistakes_point_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let space = "[[parameter]]\nname = \"lr\"\ntype = \"float\"\nlow = 1e-5\nhigh = 1.0\nlog = true\n";
    std::fs::write(folder.path().join("space.toml"), space).unwrap();
    let text = GOOD.replace("preset = \"nas-bench-201\"", "file = \"space.toml\"");
    let file = RunFile::from_text("run.toml", text, folder.path());
    assert_eq!(file.check(&Plugins).unwrap().space.unwrap().parameters[0].name, "lr");

    std::fs::write(folder.path().join("space.toml"), space.replace("high", "hihg")).unwrap();
    let Err(ConfigError::Mistakes { mistakes, .. }) = file.check(&Plugins) else {
        panic!("`hihg` is no key")
    };
    assert!(mistakes[0].file().unwrap().ends_with("space.toml"));
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!(mistakes[0].line(), Some(5));
}

#[test]
fn what_is_forbidden_beside_a_preset_or_a_file_is_added_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let space = "forbidden = [{ parameter = \"op_0_1\", is = \"a\" }]\n[architecture]\nkind = \"edge-cell\"\n\
                 n_nodes = 2\noperations = [\"a\", \"b\", \"c\"]\n";
    std::fs::write(folder.path().join("space.toml"), space).unwrap();
    let clause = |operation: &str| format!("{{ parameter = \"op_0_1\", is = \"{operation}\" }}");
    for (way, operation, n_forbidden) in
        [("preset = \"nas-bench-201\"", "none", 1), ("file = \"space.toml\"", "b", 2)]
    {
        let given = format!("{way}\nname = \"mine\"\nforbidden = [{}]", clause(operation));
        let text = GOOD.replace("preset = \"nas-bench-201\"", &given);
        let config = RunFile::from_text("run.toml", text, folder.path()).check(&Plugins).unwrap();
        let spec = config.space.unwrap();
        assert_eq!((spec.name.as_str(), spec.forbidden.len()), ("mine", n_forbidden));
    }
}

/// Every message in `tests/messages/*.txt` is what its `*.toml` gives. With `HEIRLOOM_BLESS=1` the texts are written.
#[test]
fn every_kind_of_mistake_has_its_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.sort();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    let bless = std::env::var_os("HEIRLOOM_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let shown = message(&std::fs::read_to_string(&case).unwrap());
        let expected = case.with_extension("txt");
        if bless {
            std::fs::write(&expected, &shown).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "changed messages (HEIRLOOM_BLESS=1 accepts them):\n{}", wrong.join("\n"));
}

/// The key `table.key` of the run file.
fn schema_key(table: &str, name: &str) -> &'static schema::Key {
    let find = |keys: &'static [schema::Key], name: &str| keys.iter().find(|key| key.name == name).unwrap();
    let schema::Kind::Table(table) = find(schema::RUN_FILE.keys, table).kind else {
        panic!("`{table}` is no table")
    };
    find(table.keys, name)
}

#[test]
fn what_is_left_out_is_read_as_the_reference_states() {
    let (start, end) = (GOOD.find("[run]").unwrap(), GOOD.find("[archive]").unwrap());
    let config = check(&format!("{}[vote]\n{}", &GOOD[..start], &GOOD[end..])).unwrap();
    let config = serde_json::to_value(config).unwrap();
    for (table, key, place) in [
        ("vote", "references", "/vote/references"),
        ("vote", "keep", "/vote/keep"),
        ("run", "workers", "/workers"),
        ("run", "isolation", "/isolation"),
        ("warm_start", "mode", "/warm_start/mode"),
        ("warm_start", "initial", "/warm_start/initial"),
    ] {
        let schema::Presence::Otherwise(stated) = schema_key(table, key).presence else {
            panic!("`{table}.{key}` is required")
        };
        assert_eq!(config.pointer(place).unwrap().to_string(), stated, "{table}.{key}");
    }
}

#[test]
fn every_word_is_read_as_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), "x,class\n1,0\n").unwrap();
    let good = GOOD.replace("[space]", "data = \"data.csv\"\nkind = \"auto\"\n[space]");
    for (table, key, written) in [
        ("objective", "direction", "direction = \"maximise\""),
        ("run", "isolation", "isolation = \"process\""),
        ("task", "kind", "kind = \"auto\""),
        ("warm_start", "mode", "mode = \"inform\""),
    ] {
        let schema::Kind::OneOf(words) = schema_key(table, key).kind else { panic!("`{key}` has no words") };
        for word in words {
            let text = good.replace(written, &format!("{key} = \"{word}\""));
            let config = RunFile::from_text("run.toml", text, folder.path()).check(&Plugins).unwrap();
            let read = match key {
                "direction" => json!(config.objective.unwrap().direction),
                "isolation" => json!(config.isolation),
                "kind" => json!(config.task.data.unwrap().kind),
                _ => json!(config.warm_start.mode),
            };
            assert_eq!(read, json!(word));
        }
    }
}

#[test]
fn the_readme_holds_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let marker = "edit `src/schema.rs` instead -->\n";
    let (before, written) = readme.split_once(marker).expect("the README has the marker");
    let reference = schema::reference();
    if written != reference {
        std::fs::write(&path, format!("{before}{marker}{reference}")).unwrap();
        panic!("the README's reference was stale and is now rewritten: run the test again and commit it");
    }
}
