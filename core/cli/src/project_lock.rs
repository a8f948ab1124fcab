//! The lock of a project, as searches use it: its plugins verified, its hash kept with each run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use heirloom_archive::{Archive, RunId};
use heirloom_plugin_host::{Capability, PluginHost};
use heirloom_plugin_package::{Installed, LOCK, Lock, TrustLevel};
use serde::Deserialize;

use crate::catalogue::Plugins;
use crate::context::{self, Context, data_folder};
use crate::failure::{Failure, OrFail};

/// A lock whose plugins are installed and were verified.
pub(crate) struct ProjectLock {
    path: PathBuf,
    lock: Lock,
    installed: Vec<Installed>,
}

/// What a run remembers of the lock it began under.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RecordedLock {
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
}

impl ProjectLock {
    /// The lock in a folder, if there is one.
    pub(crate) fn of_folder(context: &Context, folder: &Path) -> miette::Result<Option<Self>> {
        let Some((path, lock)) = Lock::in_folder(folder).or_fail()? else { return Ok(None) };
        let installed = context.home()?.open_locked(&path, &lock).or_fail()?;
        Ok(Some(Self { path, lock, installed }))
    }

    /// The lock that a run goes on under: the one it began under, or where `other` is allowed, whatever is there now.
    pub(crate) fn again(
        context: &Context,
        recorded: &RecordedLock,
        other: bool,
    ) -> miette::Result<Option<Self>> {
        let file = recorded.file.display();
        let remedy = "hint: bring that lock back, from version control, or go on under what is there now with \
                      `--other-lock`";
        if !recorded.file.exists() {
            return match other {
                true => Ok(None),
                false => {
                    Err(Failure::new(format!("the run began under lock `{file}`, which is gone; {remedy}"))
                        .into())
                }
            };
        }
        let lock = Lock::read(&recorded.file).or_fail()?;
        let now = lock.hash();
        if now.as_str() != recorded.sha256 && !other {
            let then = recorded.sha256.get(..12).unwrap_or(&recorded.sha256);
            return Err(Failure::new(format!(
                "lock `{file}` is another one than the run began under: its hash is {}…, it was {then}…; {remedy}",
                now.short()
            ))
            .into());
        }
        let installed = context.home()?.open_locked(&recorded.file, &lock).or_fail()?;
        Ok(Some(Self { path: recorded.file.clone(), lock, installed }))
    }

    /// Its libraries and folders of sources.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.installed.iter().map(|installed| installed.path.clone())
    }

    /// What each plugin was granted when it was installed.
    pub(crate) fn granted(&self) -> BTreeMap<String, BTreeSet<Capability>> {
        let plugins = self.lock.plugins.iter();
        plugins.map(|plugin| (plugin.id.clone(), plugin.capabilities.iter().copied().collect())).collect()
    }

    /// The table in a run's record of plugins; read back by [`RecordedLock::of`].
    pub(crate) fn record(&self) -> String {
        let file = toml::Value::String(self.path.to_string_lossy().into_owned());
        format!("[lock]\nfile = {file}\nsha256 = \"{}\"\n", self.lock.hash())
    }
}

impl RecordedLock {
    /// The lock in a run's record of plugins, if it had one.
    pub(crate) fn of(plugin_lock: &str) -> miette::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Record {
            lock: Option<RecordedLock>,
        }
        let head = plugin_lock.split("[[plugin]]").next().unwrap_or_default();
        let record: Record = toml::from_str(head)
            .map_err(|error| Failure::new(format!("the run's record of its plugins is damaged: {error}")))?;
        Ok(record.lock)
    }
}

/// A plugin in a run's record of plugins.
#[derive(Debug, Deserialize)]
struct RecordedPlugin {
    id: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    sha256: String,
}

impl RecordedPlugin {
    fn all(plugin_lock: &str) -> miette::Result<Vec<Self>> {
        #[derive(Deserialize)]
        struct Record {
            #[serde(default)]
            plugin: Vec<RecordedPlugin>,
        }
        let record: Record = toml::from_str(plugin_lock).map_err(|error| {
            let hint = "hint: go on all the same with `--other-lock`";
            Failure::new(format!("the run's record of its plugins is damaged: {error}; {hint}"))
        })?;
        Ok(record.plugin)
    }

    fn hash(&self) -> &str {
        self.sha256.get(..12).unwrap_or(&self.sha256)
    }
}

/// Refuses to go on with other builds of plugins than a run began with: both are records of its plugins.
pub(crate) fn check_builds(run: RunId, then: &str, now: &str) -> miette::Result<()> {
    let now = RecordedPlugin::all(now)?;
    for then in RecordedPlugin::all(then)? {
        let (id, version) = (&then.id, &then.version);
        let problem = match now.iter().find(|now| now.id == *id) {
            Some(now) if now.sha256 == then.sha256 || then.sha256.is_empty() => continue,
            Some(now) if now.version == *version => format!(
                "another build of plugin `{id}` {version} than there is now: its hash was {}…, it is {}…",
                then.hash(),
                now.hash()
            ),
            Some(now) => format!("plugin `{id}` {version}, and there is {} now", now.version),
            None => format!("plugin `{id}` {version}, which is not there now"),
        };
        let hint = "bring that build back, or go on with what is there now with `--other-lock`";
        return Err(Failure::new(format!("run `{run}` began with {problem}; hint: {hint}")).into());
    }
    Ok(())
}

/// Keeps the lock that a run runs under with it, so that it can be had again.
pub(crate) fn keep(archive: &Archive, run: RunId, plugins: &Plugins) -> miette::Result<()> {
    let Some(lock) = plugins.project_lock() else { return Ok(()) };
    let name = format!("{LOCK}/{}", lock.lock.hash().short());
    archive.put_artifact(run, None, &name, lock.lock.text().as_bytes()).or_fail()?;
    Ok(())
}

/// Where plugins are looked for that nobody signed: nowhere but beside the program where the user wants it so.
pub(crate) fn unsigned_paths(context: &Context) -> miette::Result<Vec<PathBuf>> {
    match trust_level(context)? {
        TrustLevel::UnsignedLocal => {
            if let Some(folder) = context.plugin_folders.iter().find(|folder| !folder.exists()) {
                let message = format!("`--plugins {}` is not there; hint: check the path", folder.display());
                return Err(Failure::usage(message).into());
            }
            let mut paths = context.plugin_folders.clone();
            paths.extend(PluginHost::default_search_paths());
            paths.extend(data_folder().map(|folder| folder.join("plugins")));
            Ok(paths)
        }
        TrustLevel::SignedOnly => match context.plugin_folders.first() {
            None => Ok(PluginHost::search_paths_beside_program()),
            Some(folder) => Err(Failure::usage(format!(
                "`--plugins {}` may hold unsigned plugins, and you want only signed ones (`signed-only` in \
                 `HEIRLOOM_TRUST` or `trust.toml`); hint: leave it out, or pack, sign and add them; see `{LOCK}`",
                folder.display()
            ))
            .into()),
        },
    }
}

/// The stricter of the user's settings and the environment.
pub(crate) fn trust_level(context: &Context) -> miette::Result<TrustLevel> {
    let set = match data_folder() {
        Some(_) => context.home()?.trust().or_fail()?.level(),
        None => TrustLevel::default(),
    };
    let Some(text) = context::set("HEIRLOOM_TRUST") else { return Ok(set) };
    match TrustLevel::parse(&text.to_string_lossy()) {
        Some(level) => Ok(level.max(set)),
        None => Err(Failure::usage(format!(
            "`HEIRLOOM_TRUST` is `{}`; hint: it is `signed-only` or `unsigned-local`",
            text.to_string_lossy()
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_which_lock_a_run_began_under_whatever_its_path() {
        let path = PathBuf::from("/some/\"folder\"/é/heirloom.lock");
        let lock = ProjectLock { path: path.clone(), lock: Lock::default(), installed: Vec::new() };
        let text = lock.record() + "\n[[plugin]]\nid = \"x\"\n";
        let sha256 = Lock::default().hash().to_string();
        assert_eq!(RecordedLock::of(&text).unwrap(), Some(RecordedLock { file: path, sha256 }));
        assert_eq!(RecordedLock::of("[[plugin]]\nid = \"x\"\n").unwrap(), None);
        assert_eq!(RecordedLock::of("").unwrap(), None);
    }

    #[test]
    fn a_run_is_not_gone_on_with_by_another_build_of_a_plugin() {
        let entry = |id: &str, version: &str, sha256: &str| {
            format!("[[plugin]]\nid = \"{id}\"\nversion = \"{version}\"\nsha256 = \"{sha256}\"\n")
        };
        let lock = "[lock]\nfile = \"heirloom.lock\"\nsha256 = \"0\"\n\n";
        let then = lock.to_owned() + &entry("a", "0.1.0", "aaaaaaaaaaaaaaaa") + &entry("b", "0.1.0", "bb");
        let refusal = |now: &str| {
            check_builds(RunId::new(), &then, now)
                .map_err(|error| error.to_string())
                .err()
                .unwrap_or_default()
        };
        assert_eq!(refusal(&then), "");
        assert!(
            refusal(&then.replace("\"bb", "\"cc")).contains("`b` 0.1.0 than there is now: its hash was bb")
        );
        let newer = then.replace("\"bb", "\"cc").replace("0.1.0\"\nsha256 = \"cc", "0.2.0\"\nsha256 = \"cc");
        assert!(refusal(&newer).contains("plugin `b` 0.1.0, and there is 0.2.0 now"), "{}", refusal(&newer));
        assert!(refusal(lock).contains("plugin `a` 0.1.0, which is not there now"));
        // A run of before builds were recorded.
        check_builds(RunId::new(), "", &then).unwrap();
    }
}
