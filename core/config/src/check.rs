//! From text to a [`RunConfig`]: all checks, in one place, with every mistake that can be found at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_model::{Limits, MIN_KEPT, suggest};
use miette::NamedSource;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::catalogue::{Catalogue, ComponentKind};
use crate::mistake::{ConfigError, Mistake};
use crate::run_config::{
    BudgetConfig, ComponentConfig, DataConfig, Isolation, ObjectiveConfig, ProxyConfig, RunConfig,
    TargetConfig, TaskConfig, VoteConfig, VoteWeights, WarmStartConfig, WarmStartMode, WorkerConfig,
};
use crate::schema::RUN_FILE;
use crate::tree::{Entry, Node, NodeValue};
use crate::{space, validate};

/// Trials of a warm start's initial design: about what a surrogate needs before it knows the new task better than
/// past ones do (Feurer et al. 2018, RGPE, section 5).
const DEFAULT_INITIAL: usize = 10;

/// Random configurations among which a vote places scores: a place is then right to a few hundredths, and the first
/// vote costs as much as a few dozen proposals.
const DEFAULT_REFERENCES: usize = 32;

/// A run file as it was written.
#[derive(Debug, Clone)]
pub struct RunFile {
    source: Arc<NamedSource<String>>,
    folder: PathBuf,
}

impl RunFile {
    /// Reads a run file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.display().to_string(),
            problem: error.to_string(),
        })?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Ok(Self::from_text(&path.display().to_string(), text, &folder))
    }

    /// A run file from text. `name` stands in messages; paths in it are relative to `folder`.
    pub fn from_text(name: &str, text: impl Into<String>, folder: &Path) -> Self {
        Self { source: Arc::new(NamedSource::new(name, text.into())), folder: folder.to_owned() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.source.inner()
    }

    /// Checks the whole file.
    ///
    /// Errors with all mistakes that can be told apart: a plugin's options are checked even when the budget is
    /// wrong, but nothing is checked beyond a text that is not TOML.
    pub fn check(&self, catalogue: &dyn Catalogue) -> Result<RunConfig, ConfigError> {
        let tree = Node::parse(self.text()).map_err(|mistakes| self.error(mistakes))?;
        let mut checker = Checker { tree: &tree, folder: &self.folder, catalogue, mistakes: Vec::new() };
        validate::validate(&tree, &(0..0), "", &RUN_FILE, &mut checker.mistakes);
        let config = checker.run_config();
        if checker.mistakes.is_empty() { Ok(config) } else { Err(self.error(checker.mistakes)) }
    }

    /// A mistake that shows only later, when the run's parts are made. `path` says where: keys joined by `.`.
    pub fn mistake(&self, path: &str, message: &str) -> ConfigError {
        let span = Node::parse(self.text()).map_or(0..0, |tree| tree.locate(path));
        self.error(vec![Mistake::from_error(span, message)])
    }

    fn error(&self, mistakes: Vec<Mistake>) -> ConfigError {
        let mut mistakes: Vec<_> =
            mistakes.into_iter().map(|mistake| mistake.in_file(&self.source)).collect();
        mistakes.sort_by_key(|mistake| mistake.span.start);
        ConfigError::Mistakes { file: self.source.name().into(), mistakes }
    }
}

/// Reads a tree whose names and types were checked: what is absent or of another type was reported and is read
/// as its default, for the sake of the mistakes that follow.
struct Checker<'a> {
    tree: &'a Node,
    folder: &'a Path,
    catalogue: &'a dyn Catalogue,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn run_config(&mut self) -> RunConfig {
        let task = self.task();
        let (proxies, vote) = (self.proxies(), self.vote());
        self.check_kept(&proxies, vote.as_ref());
        RunConfig {
            name: self.text("", "name").unwrap_or_else(|| task.name.clone()),
            seed: self.tree.get("seed").and_then(Node::whole).unwrap_or(0).unsigned_abs(),
            task,
            space: self
                .tree
                .entry("space")
                .and_then(|entry| space::check_section(entry, self.folder, &mut self.mistakes)),
            objective: self.objective(),
            strategy: self.component("strategy", ComponentKind::Strategy),
            estimator: self.component("estimator", ComponentKind::Estimator),
            proxies,
            vote,
            budget: self.budget(),
            limits: Limits {
                seconds: self.get("limits", "seconds").and_then(Node::number),
                memory_bytes: self
                    .get("limits", "memory_mb")
                    .and_then(Node::whole)
                    .map(|megabytes| megabytes.unsigned_abs().saturating_mul(1_000_000)),
            },
            workers: self
                .get("run", "workers")
                .and_then(Node::whole)
                .map_or(1, |n| n.unsigned_abs() as usize),
            isolation: self.word("run", "isolation").unwrap_or(Isolation::None),
            worker: self.worker(),
            warm_start: self.warm_start(),
            archive: self.text("archive", "path").map(|path| self.folder.join(path)),
        }
    }

    fn task(&mut self) -> TaskConfig {
        let name = self.text("task", "name").unwrap_or_default();
        let target = self.text("task", "target");
        let data = self.text("task", "data").map(|path| self.folder.join(path));
        if let Some(path) = data.as_ref().filter(|path| !path.exists()) {
            let span = self.tree.locate("task.data");
            let message = format!("`task.data` names `{}`, which is not there", path.display());
            let hint = "relative paths start at the run file's folder";
            self.mistakes.push(Mistake::new(span, message).hint(hint));
        }
        let of_data = ["target", "kind", "categorical", "ignore"];
        let tree = self.tree;
        let is_given = |key: &&str| tree.get("task").is_some_and(|task| task.get(key).is_some());
        for key in of_data.into_iter().filter(|key| data.is_none() && is_given(key)) {
            let message = format!("`task.{key}` is given without `task.data`");
            let mistake = Mistake::new(tree.locate(&format!("task.{key}")), message);
            self.mistakes.push(mistake.hint(format!("add `data = …`, or leave `{key}` out")));
        }
        let kind = self.word("task", "kind").unwrap_or(TargetConfig::Auto);
        let (categorical, ignore) = (self.texts("task", "categorical"), self.texts("task", "ignore"));
        TaskConfig { name, data: data.map(|path| DataConfig { path, target, kind, categorical, ignore }) }
    }

    fn objective(&self) -> Option<ObjectiveConfig> {
        let name = self.text("objective", "name")?;
        Some(ObjectiveConfig { name, direction: self.word("objective", "direction") })
    }

    fn budget(&mut self) -> BudgetConfig {
        let budget = BudgetConfig {
            trials: self.get("budget", "trials").and_then(Node::whole).map(i64::unsigned_abs),
            seconds: self.get("budget", "seconds").and_then(Node::number),
            cost_seconds: self.get("budget", "cost_seconds").and_then(Node::number),
        };
        let names = ["trials", "seconds", "cost_seconds"];
        if let Some(entry) = self.tree.entry("budget")
            && matches!(entry.node.value, NodeValue::Table(_))
            && !names.iter().any(|name| validate::is_given(&entry.node, name))
        {
            let mistake = Mistake::new(entry.key_span.clone(), "`[budget]` sets no end to the run");
            self.mistakes.push(mistake.hint("add at least one of `trials`, `seconds`, `cost_seconds`"));
        }
        budget
    }

    fn warm_start(&self) -> WarmStartConfig {
        let mode = self.word("warm_start", "mode").unwrap_or(WarmStartMode::Seed);
        let exclude_tasks = self.texts("warm_start", "exclude_tasks");
        let initial = self.get("warm_start", "initial").and_then(Node::whole);
        let initial = initial.map_or(DEFAULT_INITIAL, |n| n.unsigned_abs() as usize);
        WarmStartConfig { mode, initial, exclude_tasks }
    }

    fn component(&mut self, table: &str, kind: ComponentKind) -> ComponentConfig {
        let tree = self.tree;
        match tree.entry(table) {
            Some(entry) => self.check_component(&entry.node, entry.key_span.clone(), kind, &["name"]),
            None => ComponentConfig { name: String::new(), options: Json::Null },
        }
    }

    fn proxies(&mut self) -> Vec<ProxyConfig> {
        let tree = self.tree;
        let Some(entry) = tree.entry("proxy") else { return Vec::new() };
        let proxy = |node: &Node| ProxyConfig {
            component: self.check_component(node, node.span.clone(), ComponentKind::Proxy, &["name", "keep"]),
            keep: node.get("keep").and_then(Node::number).unwrap_or(1.0),
        };
        entry.node.items().iter().map(proxy).collect()
    }

    /// What all filters together let pass.
    fn check_kept(&mut self, proxies: &[ProxyConfig], vote: Option<&VoteConfig>) {
        let keeps = proxies.iter().map(|proxy| proxy.keep).chain(vote.map(|vote| vote.keep));
        let kept: f64 = keeps.product();
        // A share that is none was named already; a product of shares that are not exact may lie just below.
        if kept > 0.0 && kept < 0.999 * MIN_KEPT {
            let span = self.tree.entry("proxy").map_or(0..0, |entry| entry.key_span.clone());
            let message = format!("of the proposals {kept} pass, less than one in {:.0}", MIN_KEPT.recip());
            self.mistakes.push(Mistake::new(span, message).hint("raise `keep`"));
        }
    }

    fn vote(&mut self) -> Option<VoteConfig> {
        let entry = self.tree.entry("vote")?;
        let proxies = self.tree.get("proxy").map(Node::items).unwrap_or_default();
        let names: Vec<&str> = proxies.iter().filter_map(|node| node.get("name")?.text()).collect();
        if names.is_empty() {
            let mistake = Mistake::new(entry.key_span.clone(), "`[vote]` stands without a `[[proxy]]`");
            self.mistakes.push(mistake.hint("add the proxies that vote, or leave it out"));
        }
        let twice =
            proxies.iter().zip(&names).enumerate().find(|(at, (_, name))| names[..*at].contains(name));
        if let Some((_, (node, name))) = twice {
            let message = format!("two proxies are called `{name}`, and a vote knows them by their names");
            self.mistakes.push(Mistake::new(node.locate("name"), message).hint("leave one of them out"));
        }
        let weights = match entry.node.entry("weights") {
            None => VoteWeights::Given(BTreeMap::new()),
            Some(weights) if weights.node.text() == Some("archive") => VoteWeights::Archive,
            Some(weights) => VoteWeights::Given(self.given_weights(weights, &names)),
        };
        let references = entry.node.get("references").and_then(Node::whole);
        Some(VoteConfig {
            weights,
            references: references.map_or(DEFAULT_REFERENCES, |n| n.unsigned_abs() as usize),
            keep: entry.node.get("keep").and_then(Node::number).unwrap_or(1.0),
        })
    }

    /// The weights that stand in the file, by the proxies' `names`.
    fn given_weights(&mut self, weights: &Entry, names: &[&str]) -> BTreeMap<String, f64> {
        if !matches!(weights.node.value, NodeValue::Table(_)) {
            let message = format!("`vote.weights` is {}", weights.node.describe());
            let mistake = Mistake::new(weights.node.span.clone(), message);
            self.mistakes.push(mistake.hint("`\"archive\"`, or a table of numbers by the proxies' names"));
        }
        let mut given = BTreeMap::new();
        for Entry { key, key_span, node } in weights.node.entries() {
            if !names.contains(&key.as_str()) {
                let remedy = suggest::remedy(key, "its proxies are", names);
                self.mistakes
                    .push(Mistake::new(key_span.clone(), format!("no proxy `{key}` votes")).hint(remedy));
            }
            match node.number().filter(|weight| weight.is_finite()) {
                Some(weight) => _ = given.insert(key.clone(), weight),
                None => {
                    let message = format!("the weight of `{key}` is {}", node.describe());
                    let mistake = Mistake::new(node.span.clone(), message);
                    self.mistakes.push(mistake.hint("a number; 0 leaves a proxy out"));
                }
            }
        }
        if !names.is_empty() && names.iter().all(|name| given.get(*name) == Some(&0.0)) {
            let mistake = Mistake::new(weights.node.span.clone(), "no proxy has a vote");
            self.mistakes.push(mistake.hint("give one a weight other than 0, or leave `[vote]` out"));
        }
        given
    }

    /// Checks that the component exists, and lets it check the keys of its table that are its own. `ours` are the run
    /// file's.
    fn check_component(
        &mut self,
        node: &Node,
        place: crate::tree::Span,
        kind: ComponentKind,
        ours: &[&str],
    ) -> ComponentConfig {
        let name = node.get("name").and_then(Node::text).unwrap_or_default().to_owned();
        let own = |entry: &&Entry| !ours.contains(&entry.key.as_str());
        let options = node.entries().iter().filter(own);
        let mut options: Json = options.map(|entry| (entry.key.clone(), entry.node.to_json())).collect();
        if name.is_empty() {
            return ComponentConfig { name, options };
        }
        let names = self.catalogue.names(kind);
        if names.contains(&name) {
            for mistake in self.catalogue.check_options(kind, &name, &mut options, self.folder) {
                let known_place = node.get(mistake.path.split('.').next().unwrap_or_default()).is_some();
                let span = if known_place { node.locate(&mistake.path) } else { place.clone() };
                self.mistakes.push(Mistake::from_error(span, &mistake.message));
            }
        } else {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let message = format!("there is no {} `{name}`", kind.as_str());
            let remedy = match (kind, name.as_str()) {
                (ComponentKind::Proxy, "vote") => "proxies vote in a table of their own, `[vote]`".into(),
                _ => suggest::remedy(
                    &name,
                    "`heirloom plugin list` shows where plugins are looked for; there are",
                    &names,
                ),
            };
            let remedy = self.catalogue.whole_remedy(&name, remedy);
            self.mistakes.push(Mistake::new(node.locate("name"), message).hint(remedy));
        }
        ComponentConfig { name, options }
    }

    fn worker(&self) -> WorkerConfig {
        let whole = |key| self.get("isolation", key).and_then(Node::whole).map(i64::unsigned_abs);
        let bytes = |key| whole(key).map(|megabytes: u64| megabytes.saturating_mul(1_000_000));
        let seconds = |key| self.get("isolation", key).and_then(Node::number);
        WorkerConfig {
            memory_bytes: bytes("memory_mb"),
            cpu_seconds: seconds("cpu_seconds"),
            call_seconds: seconds("call_seconds"),
            open_files: whole("open_files"),
            processes: whole("processes"),
            scratch_bytes: bytes("scratch_mb"),
            environment: self.texts("isolation", "environment"),
            readable: self.texts("isolation", "readable").iter().map(|path| self.folder.join(path)).collect(),
        }
    }

    fn get(&self, table: &str, key: &str) -> Option<&Node> {
        if table.is_empty() { self.tree.get(key) } else { self.tree.get(table)?.get(key) }
    }

    fn texts(&self, table: &str, key: &str) -> Vec<String> {
        let items = self.get(table, key).map(Node::items).unwrap_or_default();
        items.iter().filter_map(Node::text).map(str::to_owned).collect()
    }

    fn text(&self, table: &str, key: &str) -> Option<String> {
        self.get(table, key).and_then(Node::text).map(str::to_owned)
    }

    /// What one of a few words means; `None` where none is given, or one that was reported.
    fn word<T: DeserializeOwned>(&self, table: &str, key: &str) -> Option<T> {
        serde_json::from_value(self.text(table, key)?.into()).ok()
    }
}
