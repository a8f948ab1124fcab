use std::collections::BTreeSet;
use std::path::Path;

use heirloom_plugin_host::{Capability, HostOptions, Kind, PluginHost, TARGET};
use heirloom_plugin_package::{Draft, Grants, HASHES, LOCK, Lock, SealedPackage, docs, sign};

use crate::common::{Bench, Entry, entries, library, unreadable};

/// The lock with one plugin.
fn lock_of(plugin: &heirloom_plugin_package::LockedPlugin) -> Lock {
    let mut lock = Lock::default();
    lock.put(plugin.clone());
    lock
}

#[test]
fn a_library_goes_from_its_author_to_a_host_through_the_lock() {
    let bench = Bench::new();
    bench.publish(&bench.library_package());
    let added = bench.add("heirloom-faulty").unwrap();
    let lock = bench.path(LOCK);
    lock_of(&added.plugin).write(&lock).unwrap();
    let (path, read) = Lock::in_folder(lock.parent().unwrap()).unwrap().unwrap();
    assert_eq!(read.hash(), lock_of(&added.plugin).hash());
    let payload = added.plugin.payload(TARGET).unwrap();
    let built = heirloom_plugin_package::Hash::of_file(&library("heirloom_faulty_plugin")).unwrap();
    assert_eq!(payload.sha256, built);
    let installed = bench.home.open_locked(&path, &read).unwrap();
    let host = PluginHost::open(&[installed[0].path.clone()], HostOptions::default());
    assert_eq!(host.find(Kind::Strategy, "faulty").unwrap().path(), installed[0].path);
    assert!(host.problems().is_empty(), "{:?}", host.problems());
}

#[test]
fn sources_go_the_same_way_without_being_executed() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let paths: Vec<_> = entries(&package).into_iter().map(|entry| entry.path).collect();
    let expected = [
        "hashes.txt.minisig",
        "hashes.txt",
        "package.toml",
        "plugin.toml",
        "docs/index.md",
        "python/again.py",
        "python/inner/__init__.py",
        "python/plugin.toml",
        "schemas/strategy-again.json",
    ];
    assert_eq!(paths, expected, "hidden files and caches stay with the author");
    bench.publish(&package);
    let added = bench.add("again").unwrap();
    let installed = bench.home.open_locked(LOCK.as_ref(), &lock_of(&added.plugin)).unwrap();
    let host = PluginHost::open(&[installed[0].path.clone()], HostOptions::default());
    assert_eq!(host.names(Kind::Strategy), ["again"]);
    assert_eq!(added.plugin.payloads[0].target, "any");
}

#[test]
fn members_of_tables_are_described_with_their_tables() {
    let schema = serde_json::json!({ "properties": {
        "tree": { "type": "object", "required": ["depth"], "properties": { "depth": { "type": "integer" } } },
        "cuts": { "type": "array", "items": { "properties": { "at": { "type": "number", "default": 1 } } } },
    } });
    let described: Vec<_> =
        docs::options(&schema).into_iter().map(|option| (option.name.clone(), option.left_out())).collect();
    let expected = [("cuts", "none"), ("cuts[].at", "1"), ("tree", "none"), ("tree.depth", "required")];
    assert_eq!(described, expected.map(|(name, left_out)| (name.to_owned(), left_out.to_owned())));
}

#[test]
fn a_secret_key_is_not_packed_signed_or_published() {
    let bench = Bench::new();
    let folder = bench.sources("0.1.0", "");
    let draft = || Draft::of_sources(&folder).unwrap().write(&bench.path("dist"));
    let package = draft().unwrap();
    let encrypted = "untrusted comment: minisign encrypted secret key\nRWRTY0Iy\n";
    for text in [bench.key.text(), encrypted.into()] {
        std::fs::write(folder.join("inner/author.key"), &text).unwrap();
        let error = draft().unwrap_err().to_string();
        assert!(error.contains("inner/author.key` cannot be packed: it is a secret key"), "{error}");
        // One that came in some other way.
        let lying =
            bench.lying(&package, |entries| entries.push(Entry::file("docs/inner.txt", text.as_str())));
        let signing = sign(&lying, &bench.key).unwrap_err().to_string();
        assert!(signing.contains("`docs/inner.txt` is a secret key"), "{signing}");
        let publishing = bench.index.publish(&lying, &bench.key.public()).unwrap_err().to_string();
        assert!(publishing.contains("`docs/inner.txt` is a secret key"), "{publishing}");
    }
    // What only speaks of one is packed.
    std::fs::write(folder.join("inner/author.key"), "a minisign\nsecret key is refused\n").unwrap();
    draft().unwrap();
}

#[test]
fn the_same_content_gives_the_same_package() {
    let bench = Bench::new();
    let first = std::fs::read(bench.source_package("0.1.0", "")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let second = bench.source_package("0.1.0", "");
    assert_eq!(first, std::fs::read(&second).unwrap());
    sign(&second, &bench.key).unwrap();
    assert_eq!(first, std::fs::read(&second).unwrap(), "signing again changes nothing");
}

#[test]
fn a_package_of_sources_holds_what_the_host_takes_for_the_plugins_own() {
    let bench = Bench::new();
    let folder = bench.sources("0.1.0", "");
    std::fs::create_dir_all(folder.join("runs.heirloom.files/trial-0")).unwrap();
    for name in ["runs.heirloom", "runs.heirloom-wal", "runs.heirloom.files/trial-0/weights"] {
        std::fs::write(folder.join(name), "the author's runs").unwrap();
    }
    let package = Draft::of_sources(&folder).unwrap().write(&bench.path("dist")).unwrap();
    let packed = entries(&package);
    let packed: BTreeSet<_> = packed.iter().filter_map(|entry| entry.path.strip_prefix("python/")).collect();
    assert_eq!(packed, BTreeSet::from(["again.py", "inner/__init__.py", "plugin.toml"]));
}

#[test]
fn minisign_verifies_what_is_signed_here() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    if std::process::Command::new("minisign").arg("-v").output().is_err() {
        return println!("skipped: `minisign` is not installed");
    }
    let key = bench.path("author.pub");
    std::fs::write(&key, bench.key.public().text()).unwrap();
    for entry in &entries(&package)[..2] {
        std::fs::write(bench.path(&entry.path), &entry.bytes).unwrap();
    }
    let mut minisign = std::process::Command::new("minisign");
    minisign.args(["-V", "-p"]).arg(&key).arg("-m").arg(bench.path(HASHES));
    let output = minisign.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("heirloom package id=again version=0.1.0 interface=1"), "{said}");
}

#[test]
fn what_is_changed_in_the_store_does_not_run() {
    let bench = Bench::new();
    bench.publish(&bench.source_package("0.1.0", ""));
    let plugin = bench.add("again").unwrap().plugin;
    let lock = lock_of(&plugin);
    let folder = bench.home.folder_of(&plugin.content);
    let refused = || bench.home.open_locked(LOCK.as_ref(), &lock).unwrap_err().to_string();
    let change = |path: &str, text: &str| {
        let path = folder.join(path);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, text).unwrap();
        before
    };
    let before = change("python/again.py", "import os");
    let error = refused();
    assert!(
        error.contains("`python/again.py` was changed") && error.contains("plugin add --locked"),
        "{error}"
    );
    change("python/again.py", &before);
    change("python/json.py", "import os");
    assert!(refused().contains("json.py` is not in its list of hashes"), "{}", refused());
    std::fs::remove_file(folder.join("python/json.py")).unwrap();
    let before = change(HASHES, "");
    assert!(refused().contains("`hashes.txt` was changed"), "{}", refused());
    change(HASHES, &before);
    // What an interpreter left behind is nobody's: it goes.
    std::fs::create_dir(folder.join("python/__pycache__")).unwrap();
    change("python/__pycache__/again.pyc", "bytecode");
    bench.home.open_locked(LOCK.as_ref(), &lock).unwrap();
    assert!(!folder.join("python/__pycache__").exists());
    // Which Python runs it is the user's own word.
    change("python/local.toml", "python = \"python3\"");
    bench.home.open_locked(LOCK.as_ref(), &lock).unwrap();
    // And what is damaged is fetched again.
    change("python/again.py", "import os");
    assert!(bench.home.restore(&bench.index, &plugin, &Grants::default()).unwrap());
    bench.home.open_locked(LOCK.as_ref(), &lock).unwrap();
    assert!(!bench.home.restore(&bench.index, &plugin, &Grants::default()).unwrap());
}

#[test]
fn a_lock_brings_the_very_same_packages_to_another_home() {
    let bench = Bench::new();
    bench.publish(&bench.source_package("0.1.0", ""));
    let plugin = bench.add("again").unwrap().plugin;
    bench.publish(&bench.source_package("0.2.0", ""));
    let other = Bench::new();
    let lock = lock_of(&plugin);
    let error = other.home.open_locked(LOCK.as_ref(), &lock).unwrap_err().to_string();
    assert!(error.contains("`again` 0.1.0") && error.contains("heirloom plugin add --locked"), "{error}");
    assert!(other.home.restore(&bench.index, &plugin, &Grants::default()).unwrap());
    assert_eq!(other.home.open_locked(LOCK.as_ref(), &lock).unwrap()[0].plugin, plugin);
    // A lock of other content than the index has under that version is not served.
    let mut changed = plugin.clone();
    changed.content = heirloom_plugin_package::Hash::of(b"other");
    let error = other.home.restore(&bench.index, &changed, &Grants::default()).unwrap_err().to_string();
    assert!(error.contains("was changed"), "{error}");
}

#[test]
fn a_lock_cannot_name_another_version_or_key_than_the_store_has() {
    let bench = Bench::new();
    bench.publish(&bench.source_package("0.1.0", ""));
    let plugin = bench.add("again").unwrap().plugin;
    let refused = |change: fn(&mut heirloom_plugin_package::LockedPlugin)| {
        let mut plugin = plugin.clone();
        change(&mut plugin);
        bench.home.open_locked(LOCK.as_ref(), &lock_of(&plugin)).unwrap_err().to_string()
    };
    let error = refused(|plugin| plugin.version = "0.9.0".parse().unwrap());
    assert!(error.contains("version=0.1.0") && error.contains("version=0.9.0"), "{error}");
    let error = refused(|plugin| plugin.key = "0123456789ABCDEF".parse().unwrap());
    assert!(error.contains("no successor that it signed"), "{error}");
    let error = refused(|plugin| plugin.id = "other".into());
    assert!(error.contains("public key"), "{error}");
    let error = refused(|plugin| plugin.payloads[0].sha256 = heirloom_plugin_package::Hash::of(b"other"));
    assert!(error.contains("was changed"), "{error}");
}

#[test]
fn capabilities_are_granted_or_the_plugin_is_not_installed() {
    let bench = Bench::new();
    bench.publish(&bench.source_package("0.1.0", "\"processes\", \"network\""));
    let some = Grants { capabilities: vec![Capability::Network], key: None };
    let error = bench.home.add(&bench.index, "again", None, &some).unwrap_err().to_string();
    assert!(error.contains("asks for `processes`, which was not granted"), "{error}");
    assert!(error.contains("`--grant processes`") && !error.contains("`network`"), "{error}");
    assert!(bench.stored().is_empty() && bench.home.trust().unwrap().pinned_key("again").is_none());
    let all = Grants {
        capabilities: vec![Capability::Processes, Capability::Network, Capability::Files],
        key: None,
    };
    let plugin = bench.home.add(&bench.index, "again", None, &all).unwrap().plugin;
    assert_eq!(plugin.capabilities, [Capability::Processes, Capability::Network], "no more than it asks for");
}

#[test]
fn the_newest_version_that_runs_here_is_chosen() {
    let bench = Bench::new();
    for version in ["0.9.0", "0.10.0", "0.2.0", "1.0.0-beta.1"] {
        bench.publish(&bench.source_package(version, ""));
    }
    assert_eq!(bench.add("again").unwrap().plugin.version.to_string(), "0.10.0");
    let wanted = "1.0.0-beta.1".parse().unwrap();
    let added = bench.home.add(&bench.index, "again", Some(&wanted), &Grants::default()).unwrap();
    assert_eq!(added.plugin.version, wanted);
    let missing = "7.0.0".parse().unwrap();
    let error =
        bench.home.add(&bench.index, "again", Some(&missing), &Grants::default()).unwrap_err().to_string();
    assert!(error.contains("no version 7.0.0 of `again`; hint: it has 0.2.0, 0.9.0, 0.10.0"), "{error}");
    let error = bench.add("agan").unwrap_err().to_string();
    assert!(error.contains("no plugin `agan`; hint: did you mean `again`?"), "{error}");
}

#[test]
fn a_plugin_of_a_newer_interface_is_refused_by_name_level_and_remedy() {
    let bench = Bench::new();
    let folder = bench.sources("0.1.0", "");
    let manifest = folder.join("plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replacen("module", "interface = 9\nmodule", 1)).unwrap();
    let package = Draft::of_sources(&folder).unwrap().write(&bench.path("dist")).unwrap();
    sign(&package, &bench.key).unwrap();
    let error = bench.refused(&package);
    assert!(error.contains("`again` 0.1.0") && error.contains("interface level 9"), "{error}");
}

#[test]
fn a_page_tells_of_components_options_and_capabilities() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "\"network\"");
    let page = entries(&package).into_iter().find(|entry| entry.path == "docs/index.md").unwrap();
    for part in [
        "# again 0.1.0",
        "Asks to be allowed: `network`",
        "## strategy `again`",
        "| `rate` | number | `0.5` |  (≥ 0) |",
        "[strategy]\nname = \"again\"\nrate = 0.5\n",
    ] {
        assert!(page.text().contains(part), "`{part}` is not in\n{}", page.text());
    }
    let read = SealedPackage::open(&package).unwrap().without_signature().unwrap().read().unwrap();
    let schema = read.schema(&read.description().components[0].schema).unwrap();
    let components = vec![(read.manifest().components[0].clone(), schema)];
    assert_eq!(docs::page(read.manifest(), &read.description().version, &components), page.text());
}

#[test]
fn what_cannot_be_packed_says_why() {
    let bench = Bench::new();
    let none = Draft::of_libraries(&[library("heirloom_not_a_plugin")]).err().unwrap().to_string();
    assert!(none.contains("no Heirloom plugin"), "{none}");
    let faulty = library("heirloom_faulty_plugin");
    let copy = bench.path("libcopy.so");
    std::fs::copy(&faulty, &copy).unwrap();
    let twice = Draft::of_libraries(&[faulty.clone(), copy]).err().unwrap().to_string();
    assert!(twice.contains(&format!("another library for `{TARGET}`")), "{twice}");
    let other = Draft::of_libraries(&[faulty, library("heirloom_altered_plugin")]).err().unwrap().to_string();
    assert!(other.contains("built from another `plugin.toml`"), "{other}");
    let folder = bench.sources("1.0", "");
    let version = Draft::of_sources(&folder).err().unwrap().to_string();
    assert!(version.contains("version `1.0`") && version.contains("hint: write it as `1.2.3`"), "{version}");
    let folder = bench.sources("1.0.0", "");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("data.py")).unwrap();
    let link = Draft::of_sources(&folder).err().unwrap().to_string();
    assert!(link.contains("data.py` cannot be packed: it is a symbolic link"), "{link}");
    std::fs::remove_file(folder.join("data.py")).unwrap();
    std::os::unix::fs::symlink("/etc", folder.join("data")).unwrap();
    let link = Draft::of_sources(&folder).err().unwrap().to_string();
    assert!(link.contains("data` cannot be packed: it is a symbolic link"), "{link}");
    std::fs::write(bench.path("text.heirloom"), "a text").unwrap();
    assert!(unreadable(&bench.path("text.heirloom")).contains("is no package"));
    assert!(unreadable(Path::new("nowhere.heirloom")).contains("`nowhere.heirloom` cannot be read"));
}
