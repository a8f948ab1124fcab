//! Plugins that compute with LibTorch: nobody sets a library path, and without LibTorch all else works.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Once;

use heirloom_libtorch::VERSION;
use heirloom_tests::{Bench, built, complaint};

const LIBRARY: &str = "libheirloom_torch_plugin.so";

/// Whether the plugin is built; says so where it is not, past the test runner, which hides what passing tests print.
pub(crate) fn is_built() -> bool {
    let is_built = built().join(LIBRARY).exists();
    static SAID: Once = Once::new();
    if !is_built {
        let line = "skipped: crates that need LibTorch, which plain `cargo test` leaves out; hint: `cargo xtask test` \
                    installs it and tests them too\n";
        SAID.call_once(|| std::io::stderr().write_all(line.as_bytes()).unwrap());
    }
    is_built
}

fn search_file(bench: &Bench, estimator: &str, isolation: &str) -> PathBuf {
    let text = format!(
        "name = \"sums\"\nseed = 1\n[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\n\
         low = 0\nhigh = 1\n[[space.parameter]]\nname = \"y\"\ntype = \"float\"\nlow = 2\nhigh = 3\n\
         [strategy]\nname = \"random\"\n[estimator]\nname = \"{estimator}\"\n[budget]\ntrials = 7\n\
         [run]\nisolation = \"{isolation}\"\n"
    );
    bench.write("sums.toml", &text)
}

#[test]
fn a_plugin_computes_with_libtorch_although_nobody_sets_a_library_path() {
    if !is_built() {
        return;
    }
    for isolation in ["none", "process"] {
        let bench = Bench::new();
        search_file(&bench, "tensor-sum", isolation);
        let mut search = bench.command(&["search", "sums.toml"]);
        let output = search.env_remove("LD_LIBRARY_PATH").env_remove("LIBTORCH").output().unwrap();
        assert!(output.status.success(), "{isolation}: {}", complaint(&output));
        let trials = bench.trials("sums");
        assert_eq!(trials.len(), 7);
        for trial in trials {
            let number = |name: &str| trial[name].as_f64().unwrap_or_else(|| panic!("{name} of {trial}"));
            assert!((number("sum") - (number("x") + number("y"))).abs() < 1e-12, "{trial}");
        }
    }
}

/// The program alone in a folder, for a user who has nothing else.
struct Stranded {
    bench: Bench,
}

impl Stranded {
    fn new() -> Self {
        let bench = Bench::new();
        for program in ["heirloom", "heirloom-plugin-worker"] {
            std::fs::copy(built().join(program), bench.path(program)).unwrap();
        }
        Self { bench }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command_of(&self.bench.path("heirloom"), arguments);
        // No Python either, which might have its own.
        command.env("HOME", self.bench.folder.path()).env("PATH", self.bench.path("none"));
        command.env_remove("LIBTORCH").env_remove("HEIRLOOM_PLUGIN_WORKER");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

#[test]
fn without_libtorch_its_plugins_say_what_is_missing_and_all_else_works() {
    if !is_built() {
        return;
    }
    let stranded = Stranded::new();
    for isolation in ["none", "process"] {
        search_file(&stranded.bench, "tensor-sum", isolation);
        let output = stranded.run(&["search", "sums.toml"]);
        let text = complaint(&output);
        assert!(!output.status.success(), "{isolation}: {text}");
        let looked = stranded.bench.path(&format!("data/heirloom/libtorch-{VERSION}-cpu/torch"));
        for part in [
            "`heirloom-torch` 0.1.0",
            &format!("it needs LibTorch {VERSION}"),
            &looked.display().to_string(),
            "help: `cargo xtask libtorch`",
            &format!("pip install torch=={VERSION}"),
        ] {
            // Lines are broken where the terminal wants it.
            let (part, text) = (part.replace(' ', ""), text.replace(' ', ""));
            assert!(text.contains(&part), "{isolation}: `{part}` is not in {text}");
        }
    }
    let listed = stranded.run(&["plugin", "list"]);
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("tensor-sum"));
    let doctor = stranded.run(&["doctor"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success() && text.contains("lacks  libtorch"), "{text}");
    stranded.bench.search_file("cifar10", "random", 5);
    let output = stranded.run(&["search", "cifar10.toml"]);
    assert!(output.status.success(), "{}", complaint(&output));
}

#[test]
fn another_version_of_libtorch_is_named_and_not_opened() {
    if !is_built() {
        return;
    }
    let stranded = Stranded::new();
    let other = stranded.bench.path("other");
    std::fs::create_dir_all(other.join("lib")).unwrap();
    std::fs::write(other.join("lib/libtorch_cpu.so"), "").unwrap();
    std::fs::write(other.join("build-version"), "2.5.1+cpu\n").unwrap();
    search_file(&stranded.bench, "tensor-sum", "none");
    let output = stranded.command(&["search", "sums.toml"]).env("LIBTORCH", &other).output().unwrap();
    let text = complaint(&output);
    assert!(!output.status.success(), "{text}");
    let expected = format!("LibTorch 2.5.1+cpu where {VERSION} is wanted");
    assert!(text.contains(&expected), "{text}");
}
