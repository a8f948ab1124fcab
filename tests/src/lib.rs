//! Helpers shared by the integration tests: the built program and its plugins, run as a user would.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

/// The folder with the built program and plugins: the one that this test's own program lies in, or the one above.
pub fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("a running program has a path");
        let deps = test.parent().expect("it lies in a folder");
        let folder = deps.parent().filter(|_| deps.ends_with("deps")).unwrap_or(deps);
        assert!(
            folder.join("heirloom").exists(),
            "the program is not built in `{}`; hint: run `cargo build --workspace` first, or `cargo xtask test`",
            folder.display()
        );
        folder.to_owned()
    })
}

/// The library that was built of a package, or of a crate's name.
///
/// # Panics
///
/// When it was not built.
pub fn library(package: &str) -> PathBuf {
    let file = format!("lib{}.so", package.replace('-', "_"));
    [built().join(&file), built().join("deps").join(&file)]
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("`{file}` is not built; hint: run `cargo build --workspace` first"))
}

/// What a program said on standard error, without the frame that lines are broken and drawn in.
pub fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).replace(['│', '·'], " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A folder of its own for one test, with an archive in it, and the program to work on it.
pub struct Bench {
    /// The folder; it goes with the test.
    pub folder: TempDir,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// An empty folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path
    }

    /// The program with this folder's archive and the built plugins, not started yet. Nothing of the user's own
    /// settings reaches it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&built().join("heirloom"), arguments)
    }

    /// The same for a program that lies elsewhere.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg("--archive")
            .arg(self.path("archive.heirloom"))
            .env("HEIRLOOM_PLUGINS", built())
            .env("XDG_DATA_HOME", self.path("data"))
            .env_remove("HEIRLOOM_HOME")
            .env_remove("HEIRLOOM_INDEX")
            .env_remove("HEIRLOOM_TRUST")
            .env_remove("HEIRLOOM_ARCHIVE")
            .env_remove("HEIRLOOM_LOG")
            .env("NO_COLOR", "1")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end where no file may grow beyond `kilobytes`, which stands for a full disk.
    pub fn run_on_a_full_disk(&self, arguments: &[&str], kilobytes: u32) -> Output {
        let program = self.command(arguments);
        let mut limited = Command::new("bash");
        limited.arg("-c").arg(format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\""));
        limited.arg(program.get_program()).args(program.get_args()).current_dir(self.folder.path());
        for (key, value) in program.get_envs() {
            match value {
                Some(value) => limited.env(key, value),
                None => limited.env_remove(key),
            };
        }
        limited.output().expect("bash starts")
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// The states and ids of the archive's runs; none where there is no archive yet, or one whose maker was killed
    /// while making it.
    pub fn runs(&self) -> Vec<Json> {
        let output = self.run(&["runs", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Runs the program, which must succeed; what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "heirloom {arguments:?} ended with {}:\n{said}", output.status);
        String::from_utf8(output.stdout).expect("the program prints UTF-8")
    }

    /// Runs the program with `--json`, which must succeed; what it printed.
    pub fn json(&self, arguments: &[&str]) -> Json {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("heirloom {arguments:?}: {error} in\n{text}"))
    }

    /// Writes a run file for a search on a recorded data set of NAS-Bench-201.
    pub fn search_file(&self, task: &str, strategy: &str, trials: u64) -> PathBuf {
        let table = root().join("meta-data/seed/nas-bench-201");
        let text = format!(
            "name = \"{task}\"\nseed = 1\n\n[task]\nname = \"{task}\"\n\n[strategy]\nname = \"{strategy}\"\n\n\
             [estimator]\nname = \"table\"\ntable = {table:?}\ntask = \"{task}\"\n\n[budget]\ntrials = {trials}\n"
        );
        self.write(&format!("{task}.toml"), &text)
    }

    /// Writes a run file for a search of `x` whose trials wait, from number `from` on, until the file `go` is there.
    pub fn held_file(&self, task: &str, strategy: &str, trials: u64, from: u64) -> PathBuf {
        // With the folder goes the last reason to wait.
        let script = "x=$(tr -dc '0-9.e-')\n: > begun-$1-$HEIRLOOM_TRIAL\n\
            while [ $HEIRLOOM_TRIAL -ge $2 ] && [ ! -e go ] && [ -e trial.sh ]; do sleep 0.02; done\n\
            echo \"{\\\"loss\\\": $x}\"\n";
        self.write("trial.sh", script);
        let text = format!(
            "name = \"{task}\"\nseed = 1\n\n[task]\nname = \"{task}\"\n\n[[space.parameter]]\nname = \"x\"\n\
             type = \"float\"\nlow = 0.0\nhigh = 1.0\n\n[strategy]\nname = \"{strategy}\"\n\n[estimator]\n\
             name = \"command\"\ncommand = [\"sh\", \"trial.sh\", \"{task}\", \"{from}\"]\n\
             objectives = [{{ name = \"loss\", direction = \"minimise\" }}]\n\n[budget]\ntrials = {trials}\n"
        );
        self.write(&format!("{task}.toml"), &text)
    }

    /// Waits until a trial of a [held](Self::held_file) search has begun.
    pub fn wait_for_trial(&self, search: &mut Child, task: &str, trial: u64) {
        let begun = self.path(&format!("begun-{task}-{trial}"));
        while !begun.exists() {
            let ended = search.try_wait().expect("it was started here");
            assert!(ended.is_none(), "the search ended before trial {trial} began: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All trials of a run as the archive exports them.
    pub fn trials(&self, run: &str) -> Vec<Json> {
        let text = self.ok(&["export", run, "--format", "jsonl"]);
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }
}
