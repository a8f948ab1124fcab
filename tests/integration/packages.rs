use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use heirloom_tests::{Bench, built, complaint, library, root};
use serde_json::Value as Json;

/// An author and a user, who share nothing but an index.
struct People {
    author: Bench,
    user: Bench,
}

impl People {
    fn new() -> Self {
        let people = Self { author: Bench::new(), user: Bench::new() };
        people.author.ok(&["plugin", "key", "new"]);
        people
    }

    fn index(&self) -> String {
        self.author.path("index").to_str().unwrap().to_owned()
    }

    /// Packs, signs and publishes what lies at a path; what `pack` said.
    fn publish(&self, path: impl AsRef<Path>) -> Json {
        let path = path.as_ref().to_str().unwrap();
        let packed = self.author.json(&["plugin", "pack", path, "--out", "dist"]);
        let package = packed["package"].as_str().unwrap();
        self.author.ok(&["plugin", "sign", package]);
        self.author.ok(&["plugin", "publish", package, "--index", "index"]);
        packed
    }

    fn add(&self, plugin: &str) -> Json {
        self.user.json(&["plugin", "add", plugin, "--index", &self.index()])
    }

    /// The user's program, with nothing on its search paths but what comes with it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.user.command(arguments);
        command.env_remove("HEIRLOOM_PLUGINS");
        command
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(!output.status.success(), "heirloom {arguments:?} should fail");
        complaint(&output)
    }
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// Standard output as JSON.
fn printed(output: &Output) -> Json {
    assert!(output.status.success(), "{}", complaint(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

const EVOLUTION: &str = "heirloom-strategy-evolution";

#[test]
fn a_plugin_goes_from_its_author_to_a_search_through_the_lock() {
    let people = People::new();
    let packed = people.publish(library("heirloom_strategy_evolution"));
    assert_eq!(packed["description"]["id"], EVOLUTION);
    let package = packed["package"].as_str().unwrap();
    let verified = people.author.json(&["plugin", "verify", package]);
    let (user, index) = (&people.user, people.index());
    let added = people.add(EVOLUTION);
    assert_eq!(added["added"]["key"], verified["key"]);
    assert_eq!(added["newly_pinned"], verified["key"], "{added}");
    assert_eq!(added["added"]["content"], verified["content"]);
    assert_eq!(people.add(EVOLUTION)["newly_pinned"], Json::Null);

    let listed = user.json(&["plugin", "info", "evolution"]);
    let path = listed[0]["path"].as_str().unwrap();
    assert!(path.contains("/store/") && listed[0]["signed"] == true, "{listed}");
    let page = user.ok(&["plugin", "docs", "evolution"]);
    contains(
        &page,
        &["# heirloom-strategy-evolution 0.1.0", "| `population` | integer | `30` |", "[strategy]"],
    );

    user.search_file("cifar10", "evolution", 40);
    let summary = user.json(&["search", "cifar10.toml"]);
    assert_eq!((&summary["n_trials"], &summary["versions"][EVOLUTION]), (&40.into(), &"0.1.0".into()));

    // Gone from the lock, the search takes what it finds; gone from the store, the lock says how to get it back.
    let content = added["added"]["content"].as_str().unwrap();
    std::fs::remove_dir_all(user.path("data/heirloom/store").join(content)).unwrap();
    let error = complaint(&user.run(&["search", "cifar10.toml"]));
    contains(&error, &[EVOLUTION, "is not installed here", "heirloom plugin add --locked"]);
    assert_eq!(user.json(&["plugin", "add", "--locked"])["installed"][0], format!("{EVOLUTION}@0.1.0"));
    user.ok(&["search", "cifar10.toml"]);
    let removed = user.json(&["plugin", "remove", EVOLUTION, "--purge"]);
    assert_eq!(removed["purged"], true);
    assert_eq!(user.json(&["plugin", "info", "evolution"])[0]["signed"], false);
    let error = complaint(&user.run(&["plugin", "remove", EVOLUTION]));
    contains(&error, &["`heirloom.lock` has no plugin"]);
    let error = complaint(&user.run(&["plugin", "add", "heirloom-evolution", "--index", &index]));
    contains(&error, &["no plugin `heirloom-evolution`", "it has `heirloom-strategy-evolution`"]);
}

#[test]
fn a_changed_library_in_the_store_is_not_loaded() {
    let people = People::new();
    people.publish(library("heirloom_strategy_evolution"));
    people.add(EVOLUTION);
    let path = people.user.json(&["plugin", "info", "evolution"])[0]["path"].as_str().unwrap().to_owned();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    people.user.search_file("cifar10", "evolution", 10);
    let output = people.user.run(&["search", "cifar10.toml"]);
    assert_eq!(output.status.code(), Some(1));
    contains(&complaint(&output), &["libheirloom_strategy_evolution.so` was changed", "plugin add --locked"]);
    people.user.ok(&["plugin", "add", "--locked"]);
    people.user.ok(&["search", "cifar10.toml"]);
}

#[test]
fn a_library_that_lies_about_its_extension_is_refused_when_it_is_loaded() {
    // Its record says `strategy/1`, and what it gives for that has another layout: only loading can find out.
    let people = People::new();
    people.publish(library("heirloom_altered_plugin"));
    people.add("heirloom-altered");
    people.user.search_file("cifar10", "altered", 10);
    let output = people.user.run(&["search", "cifar10.toml"]);
    assert_eq!(output.status.code(), Some(1));
    contains(&complaint(&output), &["heirloom-altered", "strategy/1", "layout"]);
    assert!(people.user.runs().is_empty(), "no run was begun");
}

/// Begins a search of 40 trials and kills it on its way.
fn killed(people: &People) {
    let user = &people.user;
    user.held_file("held", "evolution", 40, 20);
    let mut search = user.command(&["search", "held.toml"]);
    let mut search = search.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    user.wait_for_trial(&mut search, "held", 20);
    search.kill().unwrap();
    search.wait().unwrap();
    user.write("go", "");
}

#[test]
fn a_run_goes_on_under_its_own_lock_or_when_told() {
    let people = People::new();
    people.publish(library("heirloom_strategy_evolution"));
    people.publish(library("heirloom_estimator_table"));
    people.add(EVOLUTION);
    killed(&people);
    let lock = people.user.path("heirloom.lock");
    let before = std::fs::read_to_string(&lock).unwrap();
    people.add("heirloom-estimator-table");
    let error = complaint(&people.user.run(&["resume"]));
    contains(&error, &["is another one than the run began under", "its hash is", "--other-lock"]);
    std::fs::remove_file(&lock).unwrap();
    let error = complaint(&people.user.run(&["resume"]));
    contains(&error, &["heirloom.lock", "which is gone", "--other-lock"]);
    // Other words for the same plugins are the same lock.
    std::fs::write(&lock, format!("# ours\n\n{before}")).unwrap();
    let summary = people.user.json(&["resume"]);
    assert_eq!(summary["n_trials"], 40, "{summary}");
}

#[test]
fn a_run_can_be_told_to_go_on_under_another_lock() {
    let people = People::new();
    people.publish(library("heirloom_strategy_evolution"));
    people.add(EVOLUTION);
    killed(&people);
    people.user.ok(&["plugin", "remove", EVOLUTION]);
    contains(&complaint(&people.user.run(&["resume"])), &["is another one than the run began under"]);
    assert_eq!(people.user.json(&["resume", "--other-lock"])["n_trials"], 40);
}

#[test]
fn trust_only_tightens() {
    let people = People::new();
    people.publish(library("heirloom_strategy_evolution"));
    people.add(EVOLUTION);
    // A program of its own, with no plugins beside it.
    std::fs::create_dir_all(people.user.path("program")).unwrap();
    let program = people.user.path("program/heirloom");
    std::fs::copy(built().join("heirloom"), &program).unwrap();
    let names = |level: &str| {
        let mut command = people.user.command_of(&program, &["plugin", "list", "--json"]);
        let listed = printed(&command.env("HEIRLOOM_TRUST", level).output().unwrap());
        let name = |plugin: &Json| (plugin["id"].as_str().unwrap().to_owned(), plugin["signed"] == true);
        listed["plugins"].as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("signed-only"), [(EVOLUTION.to_owned(), true)]);
    assert!(names("unsigned-local").len() > 2);
    // The user's own setting cannot be loosened from outside.
    let settings = people.user.path("data/heirloom/trust.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("unsigned-local", "signed-only")).unwrap();
    assert_eq!(names("unsigned-local"), [(EVOLUTION.to_owned(), true)]);
    let error = people.fails(&["plugin", "list", "--plugins", "."]);
    contains(&error, &["may hold unsigned plugins", "signed-only", "pack, sign and add"]);
    std::fs::write(&settings, text).unwrap();
    let mut command = people.user.command(&["plugin", "list"]);
    let output = command.env("HEIRLOOM_TRUST", "everything").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    contains(&complaint(&output), &["`HEIRLOOM_TRUST` is `everything`", "`signed-only` or `unsigned-local`"]);
}

/// A Python plugin of a version in the author's folder.
fn python_plugin(author: &Bench, version: &str, capabilities: &str) -> PathBuf {
    let folder = author.path("again");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "id = \"their-again\"\ndescription = \"Draws\"\nversion = \"{version}\"\nlanguage = \"python\"\nmodule = \
         \"again\"\ncapabilities = [{capabilities}]\n\n[[component]]\nkind = \"strategy\"\nname = \"again\"\n\
         description = \"Draws\"\n"
    );
    author.write("again/plugin.toml", &manifest);
    author.write(
        "again/again.py",
        "from heirloom_plugin import strategy\n\n@strategy(\"again\")\nclass Again:\n    def __init__(self, problem, \
         options, context):\n        self.space = problem.space\n\n    def ask(self, request):\n        return \
         [self.space.sample(request.rng(index)) for index in range(request.n)]\n\n    def tell(self, observations):\n        \
         pass\n",
    );
    author.write("again/README.md", "Draws, in Python.\n");
    folder
}

#[test]
fn a_python_plugin_is_packed_signed_installed_updated_and_searched_with() {
    let people = People::new();
    python_plugin(&people.author, "0.1.0", "");
    let packed = people.publish("again");
    assert_eq!(packed["description"]["payload"][0]["target"], "any");
    people.add("their-again");
    if Command::new("python3").arg("-V").output().is_ok() {
        people.user.search_file("cifar10", "again", 15);
        let summary = people.user.json(&["search", "cifar10.toml"]);
        assert_eq!(summary["versions"]["their-again"], "0.1.0", "{summary}");
        // The interpreter left nothing behind that nobody signed.
        people.user.ok(&["search", "cifar10.toml"]);
    } else {
        println!("skipped: the search with a Python plugin, for there is no `python3`");
    }
    python_plugin(&people.author, "0.2.0", "\"network\"");
    people.publish("again");
    assert_eq!(people.user.json(&["plugin", "update", "--dry-run"])["updated"][0]["to"], "0.2.0");
    let error = complaint(&people.user.run(&["plugin", "update"]));
    contains(&error, &["`their-again` 0.2.0 asks for `network`", "`--grant network`"]);
    let error = complaint(&people.user.run(&["plugin", "update", "--grant", "everything"]));
    contains(&error, &["there are `processes`, `network`, `files`"]);
    let updated = people.user.json(&["plugin", "update", "their-again", "--grant", "network"]);
    assert_eq!(
        (&updated["updated"][0]["from"], &updated["updated"][0]["to"]),
        (&"0.1.0".into(), &"0.2.0".into())
    );
    assert!(
        std::fs::read_to_string(people.user.path("heirloom.lock"))
            .unwrap()
            .contains("capabilities = [\"network\"]")
    );
    assert_eq!(people.user.ok(&["plugin", "update"]).trim(), "nothing is newer");
    // Back to an older version, by name.
    assert_eq!(people.add("their-again@0.1.0")["before"]["version"], "0.2.0");
}

#[test]
fn a_crash_of_an_installed_plugin_is_repeated_through_the_lock() {
    let people = People::new();
    let (author, user) = (&people.author, &people.user);
    std::fs::create_dir_all(author.path("fragile")).unwrap();
    author.write(
        "fragile/plugin.toml",
        "id = \"their-fragile\"\ndescription = \"Ends\"\nversion = \"0.1.0\"\nlanguage = \"python\"\n\
         module = \"fragile\"\n\n[[component]]\nkind = \"estimator\"\nname = \"fragile\"\ndescription = \"Ends\"\n",
    );
    author.write(
        "fragile/fragile.py",
        "import os\n\nfrom heirloom_plugin import estimator\n\n\n@estimator(\"fragile\", objectives={\"loss\": \
         \"minimise\"})\ndef train(trial):\n    os._exit(3)\n",
    );
    people.publish("fragile");
    people.add("their-fragile");
    user.write(
        "run.toml",
        "seed = 1\n[task]\nname = \"t\"\n[[space.parameter]]\nname = \"x\"\ntype = \"float\"\nlow = 0\nhigh = 1\n\
         [strategy]\nname = \"random\"\n[estimator]\nname = \"fragile\"\n[budget]\ntrials = 1\n",
    );
    let search = user.run(&["search", "run.toml"]);
    assert_eq!(search.status.code(), Some(1), "{}", complaint(&search));
    let replayed = user.run(&["plugin", "report", "their-fragile", "--replay", "--json"]);
    assert_eq!(replayed.status.code(), Some(3), "{}", complaint(&replayed));
    let ended: Json = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(ended["Died"]["call"], 1, "{ended}");
}

#[test]
fn a_run_remembers_the_plugin_within_its_strategy_and_the_compiled_modules_in_that_ones_folder() {
    let user = Bench::new();
    let again = |version: &str| python_plugin(&user, version, "");
    again("0.1.0");
    user.write("again/fast.so", "[1, 2]");
    let file = user.held_file("held", "asha", 40, 20);
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("name = \"asha\"\n", "name = \"asha\"\nbase = { name = \"again\" }\n");
    std::fs::write(&file, text).unwrap();
    let mut search = user.command(&["search", "held.toml", "--plugins", "again"]);
    let mut search = search.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    user.wait_for_trial(&mut search, "held", 20);
    search.kill().unwrap();
    search.wait().unwrap();
    user.write("go", "");

    let resume = ["resume", "--plugins", "again", "--json"];
    let refusal = || complaint(&user.run(&resume));
    user.write("again/fast.so", "[1, 3]");
    contains(&refusal(), &["began with another build of plugin `their-again` 0.1.0", "--other-lock"]);
    user.write("again/fast.so", "[1, 2]");
    // What a search or its user writes there is no code.
    user.write("again/curves.svg", "");
    again("0.2.0");
    contains(&refusal(), &["began with plugin `their-again` 0.1.0, and there is 0.2.0 now", "--other-lock"]);
    again("0.1.0");
    let summary = printed(&user.run(&resume));
    assert_eq!((&summary["n_trials"], &summary["versions"]["their-again"]), (&40.into(), &"0.1.0".into()));
}

#[test]
fn keys_are_made_rotated_and_revoked_by_command() {
    let people = People::new();
    let (author, user) = (&people.author, &people.user);
    python_plugin(author, "0.1.0", "");
    people.publish("again");
    let first = people.add("their-again")["newly_pinned"].as_str().unwrap().to_owned();
    let own = author.path("data/heirloom/keys/author.key").to_str().unwrap().to_owned();
    let error = complaint(&author.run(&["plugin", "key", "new"]));
    contains(&error, &["author.key`", "a key is never overwritten"]);
    let second = author.json(&["plugin", "key", "new", "second", "--out", "secret"]);
    #[cfg(unix)]
    {
        let data = std::fs::metadata(author.path("secret/second.key")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o777, 0o600);
    }
    python_plugin(author, "0.2.0", "");
    let package = author.json(&["plugin", "pack", "again"])["package"].as_str().unwrap().to_owned();
    author.ok(&["plugin", "sign", &package, "--key", "secret/second.key"]);
    let publish = ["plugin", "publish", &package, "--index", "index", "--key", "secret/second.pub"];
    contains(&complaint(&author.run(&publish)), &["was signed by key", &first, "heirloom plugin key rotate"]);
    author.ok(&["plugin", "key", "rotate", "--from", &own, "--to", "secret/second.pub", "--index", "index"]);
    author.ok(&publish);
    author.ok(&["plugin", "key", "revoke", &own, "--reason", "laptop lost", "--index", "index"]);
    // The user's next look at the index follows the author, and the old key is out.
    user.ok(&["plugin", "update"]);
    let keys = user.json(&["plugin", "key", "list"]);
    let keys = keys["keys"].as_array().unwrap();
    let find = |id: &Json| keys.iter().find(|key| key["key"] == *id).unwrap();
    assert_eq!(find(&second["key"])["plugins"][0], "their-again");
    assert_eq!(find(&first.as_str().into())["revoked"], "laptop lost");
    let error = complaint(&user.run(&["plugin", "add", "their-again@0.1.0"]));
    contains(&error, &[&first, "was revoked: laptop lost"]);
    // By the user's own decision, too.
    let id = second["key"].as_str().unwrap();
    user.ok(&["plugin", "key", "revoke", id, "--reason", "I do not like it"]);
    contains(&complaint(&user.run(&["plugin", "list"])), &[id, "I do not like it"]);
}

#[test]
fn what_a_person_forgets_is_said_with_a_remedy() {
    let people = People::new();
    let (author, user) = (&people.author, &people.user);
    let package = author.json(&["plugin", "pack", library("heirloom_strategy_evolution").to_str().unwrap()]);
    let package = package["package"].as_str().unwrap();
    let error = complaint(&author.run(&["plugin", "publish", package, "--index", "index"]));
    contains(&error, &["is not signed", "heirloom plugin sign"]);
    let error = complaint(&user.run(&["plugin", "add", "x"]));
    contains(&error, &["no index is named", "--index FOLDER", "HEIRLOOM_INDEX"]);
    let error = complaint(&user.run(&["plugin", "add", "x", "--index", "nowhere"]));
    contains(&error, &["index `nowhere`", "there is no such folder"]);
    let error = complaint(&user.run(&["plugin", "add", "x", "--index", "https://example.org/plugins"]));
    contains(&error, &["`https` is not spoken yet", "copy the index's folder here"]);
    let error = complaint(&user.run(&["plugin", "sign", package]));
    contains(&error, &["author.key` cannot be read", "heirloom plugin key new"]);
    let error = complaint(&user.run(&["plugin", "pack", "."]));
    contains(&error, &["plugin.toml` cannot be read", "name the plugin's folder"]);
    author.ok(&["plugin", "sign", package]);
    let file = author.path(package).to_str().unwrap().to_owned();
    let error = complaint(&user.run(&["plugin", "add", &file]));
    contains(&error, &["public key", "is not known", "--key FILE.pub"]);
    let key = author.path("data/heirloom/keys/author.pub").to_str().unwrap().to_owned();
    let added = user.json(&["plugin", "add", &file, "--key", &key]);
    assert_eq!(added["added"]["id"], EVOLUTION);
    let error = complaint(&user.run(&["plugin", "update", EVOLUTION]));
    contains(&error, &["came from a file, not from an index"]);
}

#[test]
fn a_plugin_in_c_goes_the_same_way() {
    let people = People::new();
    let folder = people.author.path("coin");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["coin.c", "plugin.toml", "Makefile", "README.md"] {
        std::fs::copy(root().join("examples/c-strategy").join(file), folder.join(file)).unwrap();
    }
    let header = format!("HEIRLOOM={}", root().join("core/plugin-abi/include").display());
    let Ok(made) = Command::new("make").arg(header).current_dir(&folder).output() else {
        return println!("skipped: there is no `make`");
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let packed = people.publish("coin");
    assert_eq!(packed["description"]["language"], "c");
    let component = packed["description"]["component"][0]["name"].as_str().unwrap().to_owned();
    let id = packed["description"]["id"].as_str().unwrap();
    people.add(id);
    let found = people.user.json(&["plugin", "info", &component]);
    assert_eq!((&found[0]["id"], &found[0]["signed"]), (&id.into(), &true.into()));
    people.user.search_file("cifar10", &component, 20);
    assert_eq!(people.user.json(&["search", "cifar10.toml"])["versions"][id], "0.1.0");
}
