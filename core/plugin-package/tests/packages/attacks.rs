use std::time::{Duration, Instant};

use heirloom_plugin_package::minisign::SecretKey;
use heirloom_plugin_package::{Grants, HASHES, Hash, SIGNATURE, sign};

use crate::common::{Bench, Entry, entries, entry, library_path, replace, sealed, write};

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn a_byte_changed_in_the_library_is_found() {
    let bench = Bench::new();
    let mut entries = entries(&bench.library_package());
    let path = library_path(&entries);
    let library = &mut entry(&mut entries, &path).bytes;
    let middle = library.len() / 2;
    library[middle] ^= 1;
    let error = bench.refused(&bench.by_hand(&entries));
    contains(&error, &[&path, "was changed", "listed is"]);
}

#[test]
fn a_byte_changed_in_the_manifest_is_found() {
    let bench = Bench::new();
    let mut entries = entries(&bench.source_package("0.1.0", ""));
    replace(&mut entries, "plugin.toml", "Draws again", "Draws agaim");
    let error = bench.refused(&bench.by_hand(&entries));
    contains(&error, &["`plugin.toml` was changed", "fetch the package again"]);
}

#[test]
fn a_byte_changed_in_the_list_of_hashes_is_found() {
    let bench = Bench::new();
    let mut entries = entries(&bench.source_package("0.1.0", ""));
    let list = entry(&mut entries, HASHES);
    list.bytes[0] = if list.bytes[0] == b'0' { b'1' } else { b'0' };
    let error = bench.refused(&bench.by_hand(&entries));
    let key = bench.key.public().id().to_string();
    contains(&error, &["its signature by key", &key, "is not of these bytes"]);
}

#[test]
fn a_list_of_hashes_that_fits_the_changed_files_is_not_the_signed_one() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let signature = entry(&mut entries(&package), SIGNATURE).clone();
    let mut files = entries(&package);
    replace(&mut files, "python/again.py", "raise", "pass #");
    let mut entries = sealed(files, &SecretKey::generate().unwrap());
    entries[0] = signature;
    contains(&bench.refused(&bench.by_hand(&entries)), &["is not of these bytes"]);
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let other = SecretKey::generate().unwrap();
    sign(&package, &other).unwrap();
    let error = bench.refused(&package);
    let (ours, theirs) = (bench.key.public().id().to_string(), other.public().id().to_string());
    contains(&error, &["signed by key", &ours, &theirs]);
}

#[test]
fn a_package_without_a_signature_is_not_installed() {
    let bench = Bench::new();
    let mut entries = entries(&bench.source_package("0.1.0", ""));
    entries.retain(|entry| entry.path != SIGNATURE);
    let error = bench.refused(&bench.by_hand(&entries));
    contains(&error, &["is not signed", "hint: its author runs `heirloom plugin sign`", "--plugins FOLDER"]);
}

#[test]
fn an_old_version_under_a_newer_name_is_refused() {
    let bench = Bench::new();
    let old = bench.source_package("0.1.0", "");
    bench.publish(&old);
    let new = bench.source_package("0.2.0", "");
    bench.publish(&new);
    // The index says 0.2.0 and shows the old package, properly signed by the right key, in its place.
    let shown = bench.path("index/plugins/again/again-0.2.0.heirloom");
    std::fs::copy(&old, &shown).unwrap();
    let error = bench.add("again").unwrap_err().to_string();
    contains(&error, &["`0.1.0`", "the index", "`0.2.0`", "hint: an old or foreign package"]);
    // Even an index that lies throughout cannot make it newer: the signature says which version it is.
    let list = bench.path("index/plugins/again/index.json");
    let text = std::fs::read_to_string(&list).unwrap();
    let hash = |path| Hash::of_file(path).unwrap().to_string();
    std::fs::write(&list, text.replace(&hash(&new), &hash(&old))).unwrap();
    let fresh = Bench::new();
    let error = fresh.home.add(&bench.index, "again", None, &Grants::default()).unwrap_err().to_string();
    contains(&error, &["`0.1.0`", "the index", "`0.2.0`"]);
    assert!(fresh.stored().is_empty());
    // Nor can a package that says another version than its signature.
    let mut changed = entries(&old);
    let signature = entry(&mut changed, SIGNATURE).text().replace("version=0.1.0", "version=0.2.0");
    entry(&mut changed, SIGNATURE).bytes = signature.into();
    contains(&bench.refused(&bench.by_hand(&changed)), &["its trusted comment was changed"]);
}

#[test]
fn the_version_of_a_signature_and_of_the_package_are_the_same() {
    let bench = Bench::new();
    let mut files = entries(&bench.source_package("0.1.0", ""));
    let signed_as_old = sealed(files.clone(), &bench.key)[0].clone();
    replace(&mut files, "package.toml", "version = \"0.1.0\"", "version = \"0.2.0\"");
    // The list is signed anew, with the comment of the old version: what a careless author's script might do.
    let mut all = sealed(files, &bench.key);
    let comment = "heirloom package id=again version=0.1.0 interface=1";
    let signature =
        heirloom_plugin_package::minisign::Signature::sign(&bench.key, &all[1].bytes, comment).text();
    assert_ne!(signature, signed_as_old.text());
    all[0] = Entry::file(SIGNATURE, signature);
    contains(&bench.refused(&bench.by_hand(&all)), &["version=0.1.0", "version=0.2.0"]);
}

#[test]
fn paths_that_escape_are_refused_and_nothing_is_written() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    for path in
        ["../../escaped.py", "/tmp/escaped.py", "python/../../../escaped.py", "python\\..\\escaped.py"]
    {
        // An author who lies signs such a list.
        let lying = bench.lying(&package, |entries| entries.push(Entry::file(path, "x")));
        contains(&bench.refused(&lying), &["`hashes.txt` line", "leads out of the package's folder"]);
        // One who does not sign it adds the entry.
        let mut entries = entries(&package);
        entries.push(Entry::file(path, "x"));
        contains(&bench.refused(&bench.by_hand(&entries)), &[path, "leads out of the package's folder"]);
    }
}

#[test]
fn links_and_devices_are_refused() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let kinds = [(b'1', "a hard link"), (b'2', "a symbolic link"), (b'3', "a device"), (b'4', "a device")];
    let more = [(b'5', "a folder"), (b'6', "a pipe"), (b'L', "a long name"), (b'x', "a long name")];
    for (kind, name) in kinds.into_iter().chain(more) {
        let link = Entry { kind, ..Entry::file("python/link.py", "") };
        let error = bench.refused(&bench.lying(&package, |entries| entries.push(link.clone())));
        contains(&error, &["`python/link.py` is", name, "only plain files are unpacked"]);
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let started = Instant::now();
    // A list that promises more than packages may hold.
    let large = Entry { size: Some((1 << 33) - 1), ..Entry::file("python/large.py", "") };
    let error = bench.refused(&bench.lying(&package, |entries| entries.push(large.clone())));
    contains(&error, &["larger than 1073741824 bytes together"]);
    // An entry that holds more than the list promises.
    let mut all = entries(&package);
    let again = entry(&mut all, "python/again.py");
    again.bytes = vec![b' '; 64 << 20];
    contains(&bench.refused(&bench.by_hand(&all)), &["`python/again.py` has 67108864 bytes, listed are"]);
    // A list that is one itself: 2 GiB of zeros in some kilobytes.
    let bomb = bench.path("bomb.heirloom");
    write(&bomb, &[Entry { size: Some(2 << 30), ..Entry::file(HASHES, vec![0; 1 << 20]) }]);
    contains(&bench.refused(&bomb), &["`hashes.txt` is larger than 4194304 bytes"]);
    // A text that is read whole.
    let page = Entry::file("docs/long.md", vec![b'x'; 2 << 20]);
    let error = bench.refused(&bench.lying(&package, |entries| entries.push(page.clone())));
    contains(&error, &["`docs/long.md` is larger than 1048576 bytes"]);
    // Too many files.
    let error = bench.refused(&bench.lying(&package, |entries| {
        entries.extend((0..10_001).map(|index| Entry::file(&format!("python/m{index}.py"), "")));
    }));
    contains(&error, &["more than 10000 files"]);
    // A compression that wants more memory than a reader gives.
    let wide = bench.path("wide.heirloom");
    let mut encoder = zstd::Encoder::new(std::fs::File::create(&wide).unwrap(), 1).unwrap();
    encoder.window_log(27).unwrap();
    std::io::copy(&mut std::io::Read::take(std::io::repeat(7), 256 << 20), &mut encoder).unwrap();
    encoder.finish().unwrap();
    contains(&bench.refused(&wide), &["is no package"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn files_are_those_that_are_listed_no_more_and_no_less() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let good = entries(&package);
    let mut more = good.clone();
    more.push(Entry::file("python/json.py", "import os"));
    contains(&bench.refused(&bench.by_hand(&more)), &["`python/json.py` is not in its list of hashes"]);
    let mut less = good.clone();
    less.retain(|entry| entry.path != "python/again.py");
    contains(&bench.refused(&bench.by_hand(&less)), &["`python/again.py` is listed and not there"]);
    let mut twice = good.clone();
    twice.push(entry(&mut twice.clone(), "python/again.py").clone());
    contains(&bench.refused(&bench.by_hand(&twice)), &["`python/again.py` is there twice"]);
    let case = Entry::file("python/AGAIN.py", "");
    let error = bench.refused(&bench.lying(&package, |entries| entries.push(case.clone())));
    contains(&error, &["differs from another path by case alone"]);
}

#[test]
fn packages_that_are_cut_short_are_refused() {
    let bench = Bench::new();
    let whole = std::fs::read(bench.source_package("0.1.0", "")).unwrap();
    let path = bench.path("short.heirloom");
    for part in 0..16 {
        std::fs::write(&path, &whole[..whole.len() * part / 16]).unwrap();
        let error = bench.refused(&path);
        contains(&error, &["is no package"]);
    }
}

#[test]
fn a_package_that_lies_about_its_components_is_refused() {
    let bench = Bench::new();
    let package = bench.library_package();
    // It claims an estimator that the library does not export.
    let error = bench.refused(&bench.lying(&package, |entries| {
        let claim = "\n[[component]]\nkind = \"estimator\"\nname = \"more\"\n";
        let manifest = entry(entries, "plugin.toml");
        manifest.bytes.extend(format!("{claim}description = \"x\"\n").bytes());
        let description = entry(entries, "package.toml");
        description.bytes.extend(format!("{claim}schema = \"schemas/estimator-more.json\"\n").bytes());
        entries.push(Entry::file("schemas/estimator-more.json", "{}"));
    }));
    contains(&error, &["it lies about `lib/", "said to have estimator `more`, which it has not"]);
    // It names the kind of component that the library has not: `plugin.toml` and `package.toml` differ.
    let error = bench.refused(&bench.lying(&package, |entries| {
        replace(entries, "package.toml", "kind = \"proxy\"", "kind = \"estimator\"");
    }));
    contains(&error, &["`package.toml` is wrong", "other components than `plugin.toml`"]);
}

#[test]
fn a_package_that_lies_about_its_options_is_refused() {
    let bench = Bench::new();
    let package = bench.library_package();
    let error = bench.refused(&bench.lying(&package, |entries| {
        let schema = entry(entries, "schemas/estimator-faulty.json");
        schema.bytes = br#"{"type": "object", "properties": {}, "additionalProperties": true}"#.to_vec();
    }));
    contains(&error, &["lies about `schemas/estimator-faulty.json`", "takes other options"]);
    let error = bench.refused(&bench.lying(&package, |entries| {
        entry(entries, "schemas/estimator-faulty.json").bytes = b"[]".to_vec();
    }));
    contains(&error, &["`schemas/estimator-faulty.json` is no JSON object"]);
    let sources = bench.source_package("0.1.0", "");
    let error = bench.refused(&bench.lying(&sources, |entries| {
        replace(entries, "schemas/strategy-again.json", "0.5", "0.25");
    }));
    contains(&error, &["takes other options in `python`"]);
}

#[test]
fn a_package_that_lies_about_what_its_library_is_is_refused() {
    let bench = Bench::new();
    let package = bench.library_package();
    let lie = |from: &str, to: &str| {
        bench.refused(&bench.lying(&package, |entries| replace(entries, "package.toml", from, to)))
    };
    contains(&lie("interface = 1", "interface = 7"), &["interface level 7", "; hint: "]);
    contains(
        &lie("version = \"0.1.0\"", "version = \"0.3.0\""),
        &["said to be `heirloom-faulty` 0.3.0, it is"],
    );
    contains(&lie("id = \"heirloom-faulty\"", "id = \"other\""), &["`plugin.toml` has id `heirloom-faulty`"]);
    contains(&lie("fingerprint = \"", "fingerprint = \"0"), &["its fingerprint is said to be `0"]);
    let target = entries(&package).into_iter().find(|entry| entry.path == "package.toml").unwrap();
    let target = target.text().split("target = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let from = format!("target = \"{target}\"");
    contains(&lie(&from, "target = \"any\""), &["said to be for `any`, it is for"]);
    contains(&lie(&from, "target = \"wasm32\""), &["has no payload for", &target, "only for `wasm32`"]);
    // A manifest of other words than the one inside: here it would hide that results are not reproducible.
    let error = bench.refused(&bench.lying(&package, |entries| {
        replace(entries, "plugin.toml", "informs = true", "informs = false");
    }));
    contains(&error, &["the `plugin.toml` inside it is another one"]);
    // What asks for less than the library's own manifest asks for.
    let sources = bench.source_package("0.1.0", "\"network\"");
    let error = bench.refused(&bench.lying(&sources, |entries| {
        replace(entries, "package.toml", "capabilities = [\"network\"]", "capabilities = []");
    }));
    contains(&error, &["asks for other capabilities than `plugin.toml`"]);
}

#[test]
fn a_package_does_not_say_which_program_runs_it() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    for name in ["python/local.toml", "python/Local.TOML"] {
        let local = Entry::file(name, "python = \"./evil\"\n");
        let error = bench.refused(&bench.lying(&package, |entries| entries.push(local.clone())));
        contains(&error, &[name, "would say which program runs it"]);
    }
    for name in ["python/.venv/bin/python", "python/.venv/pyvenv.cfg"] {
        let local = Entry::file(name, "x");
        let error = bench.refused(&bench.lying(&package, |entries| entries.push(local.clone())));
        contains(&error, &[name, "a hidden name"]);
    }
}

#[test]
fn a_file_in_the_library_s_place_that_is_none_is_refused() {
    let bench = Bench::new();
    let package = bench.library_package();
    let error = bench.refused(&bench.lying(&package, |entries| {
        let path = library_path(entries);
        entry(entries, &path).bytes = b"#!/bin/sh\ntouch /tmp/owned\n".to_vec();
    }));
    contains(&error, &["it lies about `lib/", "no dynamic library"]);
}
