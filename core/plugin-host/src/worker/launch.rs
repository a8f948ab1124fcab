//! Starts workers of one component, each confined to what the plugin was granted.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use heirloom_model::{ComponentError, ComponentErrorKind, Seed, Space};
use heirloom_plugin_abi::embed::TARGET;
use heirloom_plugin_abi::{Capability, Kind, ToTracing};
use serde_json::Value as Json;

use crate::confine::{self, Confinement};
use crate::error::HostError;
use crate::health::{Crash, CrashReport, Health};
use crate::host::{HostState, plugins_of};
use crate::identity::Identity;
use crate::libtorch;
use crate::limits::WorkerLimits;
use crate::local::Recipe;
use crate::plugin::Plugin;
use crate::python::{self, Python};
use crate::source_folder;

use super::confined::{Bounds, Confined};
use super::environment;
use super::frame::{Verb, new_frame, seal};
use super::message::{Create, write};
use super::output::Output;
use super::process::Worker;
use super::scratch::Scratch;

/// How long a worker may take to start and make its component.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Starts workers of one component.
pub(super) struct Launcher {
    program: PathBuf,
    /// What the program becomes, for a plugin that is a folder of source.
    python: Option<Python>,
    /// What messages call the component.
    pub(super) who: Identity,
    pub(super) create: Create,
    /// The space whose configurations a worker may ask about.
    space: Option<Arc<Space>>,
    /// Seconds after which a call without a limit of its own counts as hanging.
    pub(super) call_limit: Duration,
    limits: WorkerLimits,
    granted: Vec<Capability>,
    /// Of all plugins whose code runs in the worker.
    health: Arc<Health>,
    /// The component's crashes since a call of it worked.
    in_a_row: Arc<AtomicU32>,
    /// What a report says whatever happens.
    report: CrashReport,
    /// Where LibTorch is, for plugins that compute with it.
    libtorch: Option<PathBuf>,
    /// Files and folders that its workers may read.
    readable: Vec<PathBuf>,
    /// Folders of the run that they may write.
    writable: Mutex<Vec<PathBuf>>,
    /// Of these the ones that were made for them, outer before inner.
    made: Mutex<Vec<PathBuf>>,
}

impl Launcher {
    pub(super) fn new(
        recipe: &Recipe<'_>,
        host: &HostState,
        subject: Vec<u8>,
        space: Option<Arc<Space>>,
    ) -> Result<Self, HostError> {
        say_what_is_missing();
        let plugin = recipe.plugin;
        let (kind, name) = (recipe.identity.kind, recipe.identity.name.as_str());
        let granted = host.granted(plugin);
        let components = host.with_nested(kind, name, recipe.options);
        refuse_source_within(recipe, &components, &granted)?;
        let involved = plugins_of(&components);
        let health = host.health(&involved);
        let no_program = |reason: String, hint: String| HostError::Worker {
            plugin: plugin.id().into(),
            version: plugin.version().into(),
            reason,
            hint,
        };
        let program =
            host.worker_program().map_err(|hint| no_program("its program was not found".into(), hint))?;
        let python = (!plugin.is_library()).then(|| python::of_plugin(plugin.path())).transpose();
        let python = python.map_err(|none| no_program(none.reason, none.hint))?;
        let create = Create {
            library: plugin.path().into(),
            fingerprint: plugin.fingerprint().into(),
            needs_libtorch: plugin.needs_libtorch(),
            module: plugin.manifest().module.clone(),
            plugin: format!("{} {}", plugin.id(), plugin.version()),
            kind,
            name: name.into(),
            options: recipe.options.to_string(),
            subject,
            threads: host.options.threads,
            folder: host.options.folder.clone(),
            search_paths: host.search_paths.clone(),
            max_level: ToTracing::max_level(),
        };
        let limits = host.limits();
        let libtorch = plugin.needs_libtorch().then(libtorch::folder).transpose();
        let libtorch = libtorch.map_err(|source| plugin.without_libtorch(source))?;
        let mut readable = limits.readable.clone();
        readable.extend(host.search_paths.iter().cloned().chain([plugin.path().into()]).flat_map(of_library));
        readable.extend(of_program(&program));
        if let Some(python) = &python {
            readable.extend(of_program(&python.path));
            readable.extend(python.folders.iter().cloned());
        }
        readable.extend(libtorch.iter().flat_map(|folder| of_libtorch(folder)));
        let schema = host.schema(kind, name).unwrap_or(&Json::Null);
        readable.extend(named_paths(host, schema, recipe.options));
        readable.sort_unstable();
        readable.dedup();
        Ok(Self {
            program,
            python,
            who: recipe.identity.clone(),
            create,
            space,
            call_limit: Duration::try_from_secs_f64(limits.call_seconds).unwrap_or(Duration::MAX),
            limits,
            granted,
            in_a_row: health.in_a_row(recipe.identity),
            health,
            report: report_of(recipe, &involved),
            libtorch,
            readable,
            writable: Mutex::default(),
            made: Mutex::default(),
        })
    }

    /// Starts a worker and has it make the component; returns what the component says of itself, as JSON.
    pub(super) fn start(&self) -> Result<(Worker, Vec<u8>), ComponentError> {
        // Of a library the worker itself finds out.
        if self.python.is_some() && source_folder::hash(&self.create.library)? != self.create.fingerprint {
            return Err(ComponentError::failed(
                "its source was changed since the host read it; hint: start the search again",
            ));
        }
        let mut worker = self.spawn().map_err(|error| {
            let program = self.program.display();
            let message = format!("the worker `{program}` does not start: {error}");
            ComponentError::new(ComponentErrorKind::Crashed, message)
        })?;
        let mut frame = new_frame();
        write(&self.create, &mut frame)?;
        let info = worker.call_simply(Verb::Create, &mut frame, START_LIMIT)?.to_vec();
        Ok((worker, info))
    }

    /// Lets workers write `folder` of the run, which is made where it is not there. Returns whether those that were
    /// started before cannot.
    pub(super) fn let_write(&self, folder: &Path) -> bool {
        let mut writable = self.writable.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has(Capability::Files) || writable.iter().any(|other| folder.starts_with(other)) {
            return false;
        }
        let absent: Vec<_> =
            folder.ancestors().take_while(|folder| !folder.exists()).map(Into::into).collect();
        // Where it cannot be made the plugin finds out and says so.
        if std::fs::create_dir_all(folder).is_ok() {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).extend(absent.into_iter().rev());
        }
        writable.push(folder.to_owned());
        true
    }

    /// Whether the plugin may be called, after all that it did.
    pub(super) fn check(&self) -> Result<(), ComponentError> {
        Ok(self.health.check()?)
    }

    /// A further worker does not start, because of `message`.
    pub(super) fn starts_no_more(&self, message: &str) {
        self.health.starts_no_more(message);
    }

    /// A call has worked.
    pub(super) fn worked(&self) {
        // Almost always it is 0 already: reading it costs next to nothing.
        if self.in_a_row.load(Ordering::Relaxed) > 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    /// A worker has died in `call`, or is of no use after it, because of `message`. Returns the message with who else
    /// may be to blame, and where the report is.
    pub(super) fn crashed(
        &self,
        call: &Call<'_>,
        worker: &Worker,
        message: String,
        ends_run: bool,
    ) -> String {
        // One that panicked lives on.
        worker.kill();
        let is_excess = worker.is_excess();
        let others = self.report.nested.iter().map(|(plugin, version)| {
            format!("; plugin `{plugin}` {version} ran in the same process, and may be to blame")
        });
        let message: String = [message].into_iter().chain(others).collect();
        let report = CrashReport {
            method: format!("{:?}", call.verb).to_lowercase(),
            trials: call.trials.clone(),
            seed: call.seed.map(|seed| seed.0.iter().map(|byte| format!("{byte:02x}")).collect()),
            message: message.clone(),
            printed: worker.printed(),
            ..self.report.clone()
        };
        let mut create = new_frame();
        let sealed = write(&self.create, &mut create).is_ok() && seal(Verb::Create, &mut create).is_ok();
        let replay = if sealed { [&[create.as_slice()], call.seen].concat() } else { Vec::new() };
        let in_a_row = &self.in_a_row;
        message + &self.health.crashed(&Crash { report, in_a_row, replay, ends_run, is_excess })
    }

    fn has(&self, capability: Capability) -> bool {
        self.granted.contains(&capability)
    }

    fn spawn(&self) -> io::Result<Worker> {
        let scratch = Scratch::new()?;
        let mut writable = self.writable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writable.push(scratch.path().into());
        let confinement = Confinement {
            memory_bytes: self.limits.memory_bytes,
            open_files: self.limits.open_files,
            file_bytes: self.limits.scratch_bytes,
            capabilities: self.granted.clone(),
            readable: self.readable.clone(),
            writable,
        };
        let bounds = Bounds {
            memory_bytes: self.limits.memory_bytes,
            processes: self.limits.processes,
            scratch_bytes: self.limits.scratch_bytes,
            starts_processes: starts_processes(&self.granted),
        };
        let (ours, theirs) = UnixStream::pair()?;
        // What a plugin prints must not mix with the host's own output.
        let (output, printed) = Output::new(&self.create.plugin)?;
        let files = self.has(Capability::Files);
        let mut command = Command::new(&self.program);
        command
            .arg(serde_json::to_string(&confinement)?)
            .args(self.python.iter().flat_map(Python::command))
            .env_clear()
            .envs(environment::variables(&self.limits.environment, scratch.path(), files))
            .envs(self.python.iter().flat_map(|python| python.variables.iter().cloned()))
            .envs(self.libtorch.iter().map(|folder| ("LIBTORCH", folder)))
            .stdin(OwnedFd::from(theirs))
            .stdout(printed.try_clone()?)
            .stderr(printed);
        if !files {
            command.current_dir(scratch.path());
        }
        let child = command.spawn()?;
        // The host's copies of what the worker holds: its end is seen when the worker's are closed.
        drop(command);
        Worker::new(
            Confined::new(child, scratch, bounds),
            ours,
            output,
            self.limits.cpu_seconds,
            self.space.clone(),
        )
    }
}

/// A call that ended its worker.
pub(super) struct Call<'a> {
    pub(super) verb: Verb,
    pub(super) trials: Vec<u64>,
    pub(super) seed: Option<Seed>,
    /// The frames after the worker's start that lead to the same end, this call's the last.
    pub(super) seen: &'a [&'a [u8]],
}

/// Whether a worker to which this is granted can start processes.
fn starts_processes(granted: &[Capability]) -> bool {
    granted.contains(&Capability::Processes) || !confine::holds_processes()
}

/// Refuses a strategy within options that is a folder of source: it needs a process of its own, and the worker of the
/// component that asks for it, the first of `components`, cannot start one.
fn refuse_source_within(
    recipe: &Recipe<'_>,
    components: &[(&str, &Plugin)],
    granted: &[Capability],
) -> Result<(), HostError> {
    let source = components.iter().skip(1).find(|(_, plugin)| !plugin.is_library());
    let Some((name, plugin)) = source.filter(|_| !starts_processes(granted)) else { return Ok(()) };
    let who = Identity::new(plugin, Kind::Strategy, name);
    Err(recipe.explain(ComponentError::configuration(format!(
        "its options name {who}, which is in Python and needs a worker of its own, and a worker starts no other; hint: \
         set `isolation = \"none\"` in `[run]`, or name a strategy that is a library"
    ))))
}

/// The report of a component to which nothing has happened yet; `involved` are the plugins in its worker.
fn report_of(recipe: &Recipe<'_>, involved: &[&Plugin]) -> CrashReport {
    let plugin = recipe.plugin;
    let (compiler, target) = plugin.built_with();
    CrashReport {
        plugin: plugin.id().into(),
        version: plugin.version().into(),
        fingerprint: plugin.fingerprint().into(),
        built: format!("for {target} with {compiler}"),
        host: format!("heirloom {} on {TARGET}", env!("CARGO_PKG_VERSION")),
        kind: recipe.identity.kind.to_string(),
        component: recipe.identity.name.clone(),
        options: recipe.options.clone(),
        nested: involved.iter().skip(1).map(|other| (other.id().into(), other.version().into())).collect(),
        method: String::new(),
        trials: Vec::new(),
        seed: None,
        message: String::new(),
        printed: String::new(),
        time: 0,
        replay: None,
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in made.iter().rev() {
            // Those that hold nothing: the others stay.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Says once in a process what this system cannot hold workers to.
fn say_what_is_missing() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        for missing in confine::missing() {
            tracing::warn!("isolation is weaker on this system: {missing}");
        }
    });
}

/// A plugin's library, or a folder of plugins: for a library its folder, where its own libraries may lie.
fn of_library(path: PathBuf) -> Vec<PathBuf> {
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
    // A library that lies about in the user's home does not open the home.
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let holds_home = home.as_deref().is_some_and(|home| home.starts_with(folder));
    if holds_home { vec![path] } else { vec![folder.to_owned()] }
}

/// A program's folder, or, where that is a `bin`, the installation around it; also where links lead.
fn of_program(program: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for program in [Some(program.to_owned()), program.canonicalize().ok()].into_iter().flatten() {
        let Some(folder) = program.parent() else { continue };
        let is_bin = folder.file_name().is_some_and(|name| name == "bin");
        let folder = if is_bin { folder.parent().unwrap_or(folder) } else { folder };
        folders.extend(of_library(folder.to_owned()));
    }
    folders
}

/// LibTorch's folder, also where links lead. The packages for Python keep NVIDIA's libraries beside it.
fn of_libtorch(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let beside = |folder: &Path| Some(folder.parent()?.join("nvidia")).filter(|path| path.is_dir());
    folders.extend(beside(folder));
    folders.extend(folder.canonicalize().ok().as_deref().and_then(beside));
    for entry in std::fs::read_dir(folder.join("lib")).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && let Ok(target) = entry.path().canonicalize()
            && let Some(outer) = target.parent()
            && !folders.iter().any(|folder| folder == outer)
        {
            folders.push(outer.to_owned());
        }
    }
    folders
}

/// What an option names; of a descriptor in TOML its folder too, for it names others beside it, as that of a recorded
/// table does. What is not there yet opens nothing else.
fn of_named(path: &Path) -> Vec<PathBuf> {
    let is_descriptor = path.extension().is_some_and(|extension| extension == "toml") && path.is_file();
    if is_descriptor { of_library(path.to_owned()) } else { vec![path.to_owned()] }
}

/// Whether a path is a default, taken from some folder. Its text is compared: as paths, `/run/.` does not end in `.`.
fn is_default(text: &str, default: &str) -> bool {
    let folder = text.strip_suffix(default);
    folder.is_some_and(|folder| folder.is_empty() || folder.ends_with('/'))
}

/// The files and folders that a user's options name. What a plugin put there itself, as a default, does not count.
fn named_paths(host: &HostState, schema: &Json, options: &Json) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    host.visit_options(schema, options, &mut |schema, value| {
        let Some(text) = value.as_str().filter(|_| schema["format"] == "path") else { return };
        let path = Path::new(text);
        let is_default = schema["default"].as_str().is_some_and(|default| is_default(text, default));
        if path.is_absolute() && !is_default {
            paths.extend(of_named(path));
        }
    });
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_an_option_names_opens_its_folder_and_any_other_file_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("table.toml");
        assert_eq!(of_named(&file), std::slice::from_ref(&file), "it is not there");
        std::fs::write(&file, "").unwrap();
        assert_eq!(of_named(&file), [folder.path()]);
        assert_eq!(of_named(folder.path()), [folder.path()]);
        let data = folder.path().join("data.csv");
        std::fs::write(&data, "").unwrap();
        assert_eq!(of_named(&data), std::slice::from_ref(&data));
    }

    #[test]
    fn a_file_beside_the_users_home_does_not_open_the_home() {
        let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else { return };
        for folder in home.ancestors() {
            let file = folder.join("table.toml");
            assert_eq!(of_library(file.clone()), [file]);
        }
    }

    #[test]
    fn a_default_is_known_again_in_whatever_folder_it_was_taken_from() {
        for (text, default) in [("/run/.", "."), ("/run/data.csv", "data.csv"), ("/etc/x", "/etc/x")] {
            assert!(is_default(text, default), "{text}");
        }
        for (text, default) in [("/run/x", "."), ("/run/my-data.csv", "data.csv"), ("/run/etc/x", "/etc/x")] {
            assert!(!is_default(text, default), "{text}");
        }
    }
}
