use std::sync::atomic::{AtomicUsize, Ordering};

use heirloom_model::{Rng, Seed};
use heirloom_plugin_host::Manifest;
use heirloom_plugin_package::index::PluginIndex;
use heirloom_plugin_package::minisign::{PublicKey, SecretKey, Signature};
use heirloom_plugin_package::{
    Description, EntryPath, HASHES, HashList, Lock, SIGNATURE, SealedPackage, Statement, Trust,
    TrustedComment, TrustedPackage, manifest,
};

use crate::common::{Bench, entries, write};

/// How many texts go through the parsers, all kinds together.
const N_TEXTS: u64 = 1_000_000;

/// How many damaged packages are read.
const N_PACKAGES: u64 = 3_000;

/// How much more memory the process may have held at once after all of it, in kilobytes.
const MEMORY: u64 = 1 << 20;

/// Pieces that parsers stumble over.
const PIECES: [&str; 20] = [
    "\0",
    "\u{feff}",
    "../",
    "[[component]]",
    "[",
    "]]",
    "\"\"\"",
    "=",
    "{",
    "}}",
    "\r\n",
    "\n\n",
    "\\u{110000}",
    "18446744073709551616",
    "-1",
    "1e999",
    "nan",
    "ü",
    "[a.b.c.d.e.f.g.h.i.j]\n",
    "'''",
];

/// Changes a text at a few random places.
fn mutated(text: &str, other: &str, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + rng.below(24)).min(bytes.len());
        match rng.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part.repeat(1 + rng.below(8)));
            }
            3 => drop(bytes.splice(at..end, PIECES[rng.below(PIECES.len())].bytes())),
            4 => {
                let from = rng.below(other.len());
                let to = (from + rng.below(80)).min(other.len());
                bytes.splice(at..at, other.as_bytes()[from..to].iter().copied());
            }
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

/// What a parser makes of a text: `Some` where it takes it, with the text it would write for it.
type Parser = fn(&str) -> Option<String>;

/// Every parser with a good text to start from.
fn parsers(bench: &Bench) -> Vec<(&'static str, String, Parser)> {
    let package = bench.source_package("0.1.0", "\"network\"");
    bench.publish(&package);
    let mut lock = Lock::default();
    let grants = heirloom_plugin_package::Grants {
        capabilities: vec![heirloom_plugin_host::Capability::Network],
        key: None,
    };
    lock.put(bench.home.add(&bench.index, "again", None, &grants).unwrap().plugin);
    let all = entries(&package);
    let text = |path: &str| all.iter().find(|entry| entry.path == path).unwrap().text().to_owned();
    let read = |path: &str| std::fs::read_to_string(bench.path(path)).unwrap();
    let next = SecretKey::generate().unwrap().public();
    vec![
        ("plugin.toml", text("plugin.toml"), |text| {
            let _ = Manifest::parse(text);
            let manifest = manifest::parse(text).ok()?;
            // What is declared becomes schemas and pages.
            let _ = manifest.declared_record("any", "test");
            toml::to_string(&manifest).ok()
        }),
        ("package.toml", text("package.toml"), |text| Some(Description::parse(text).ok()?.text())),
        (HASHES, text(HASHES), |text| {
            let list = HashList::parse(text).ok()?;
            assert_eq!(list.text(), text, "a list of hashes has one text");
            assert!(list.files().all(|(path, _)| path.as_str().split('/').all(|part| part != "..")));
            Some(list.text())
        }),
        (SIGNATURE, text(SIGNATURE), |text| Some(Signature::parse(text).ok()?.text())),
        ("comment", "heirloom package id=again version=0.1.0 interface=1".into(), |text| {
            Some(TrustedComment::parse(text)?.to_string())
        }),
        ("public key", bench.key.public().text(), |text| Some(PublicKey::parse(text).ok()?.text())),
        ("secret key", bench.key.text(), |text| Some(SecretKey::parse(text).ok()?.text())),
        ("statement", Statement::successor(&bench.key, &next).text(), |text| {
            Some(Statement::parse(text).ok()?.text())
        }),
        ("index.json", read("index/plugins/again/index.json"), |text| {
            Some(PluginIndex::parse(text).ok()?.text())
        }),
        ("heirloom.lock", lock.text(), |text| Some(Lock::parse(text).ok()?.text())),
        ("trust.toml", read("home/trust.toml"), |text| {
            let trust: Trust = toml::from_str(text).ok()?;
            toml::to_string(&trust).ok()
        }),
        ("path", "lib/x86_64-unknown-linux-gnu/libagain.so".into(), |text| {
            let path = EntryPath::new(text).ok()?;
            assert!(
                path.under("f".as_ref()).starts_with("f") && text.split('/').all(|part| part != ".."),
                "{text}"
            );
            Some(path.to_string())
        }),
    ]
}

/// The most memory that this process held at once so far, in kilobytes; 0 where the system does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn random_manifests_and_lists_neither_panic_nor_fill_the_memory() {
    let bench = Bench::new();
    let parsers = parsers(&bench);
    for (name, text, parse) in &parsers {
        assert!(parse(text).is_some(), "the good `{name}` is refused");
    }
    let before = peak_memory();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let n_taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..n_threads {
            let (parsers, n_taken) = (&parsers, &n_taken);
            scope.spawn(move || {
                for number in (thread..N_TEXTS).step_by(n_threads as usize) {
                    let mut rng = Seed::from_number(4).derive("packages/random", number).rng();
                    let (name, text, parse) = &parsers[number as usize % parsers.len()];
                    let other = &parsers[rng.below(parsers.len())].1;
                    let bytes = mutated(text, other, &mut rng);
                    let Ok(changed) = String::from_utf8(bytes) else { continue };
                    if let Some(again) = parse(&changed) {
                        n_taken.fetch_add(1, Ordering::Relaxed);
                        // What a parser takes it also writes, and reads the same again.
                        assert_eq!(
                            parse(&again),
                            Some(again.clone()),
                            "`{name}` of text {number}:\n{changed}"
                        );
                    }
                }
            });
        }
    });
    let n_taken = n_taken.into_inner() as u64;
    assert!(n_taken > N_TEXTS / 1000 && n_taken < N_TEXTS / 2, "{n_taken} texts were taken");
    assert!(peak_memory() - before < MEMORY, "{} kB", peak_memory() - before);
}

#[test]
fn damaged_packages_are_refused_and_never_executed() {
    let bench = Bench::new();
    let package = bench.source_package("0.1.0", "");
    let whole = std::fs::read(&package).unwrap();
    let good = entries(&package);
    let path = bench.path("damaged.heirloom");
    let before = peak_memory();
    let mut n_read = 0;
    for number in 0..N_PACKAGES {
        let mut rng = Seed::from_number(4).derive("packages/damaged", number).rng();
        match number % 3 {
            // A byte of the file.
            0 => {
                let mut bytes = whole.clone();
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
                std::fs::write(&path, &bytes).unwrap();
            }
            // A byte of an entry, its kind or its size.
            1 => {
                let mut all = good.clone();
                let index = rng.below(all.len());
                let entry = &mut all[index];
                match rng.below(3) {
                    0 if !entry.bytes.is_empty() => {
                        let at = rng.below(entry.bytes.len());
                        entry.bytes[at] ^= 1 << rng.below(8);
                    }
                    1 => entry.kind = 1 + rng.below(255) as u8,
                    _ => entry.size = Some(entry.bytes.len() as u64 + 1 + rng.below(1 << 30) as u64),
                }
                write(&path, &all);
            }
            // Noise behind a good beginning of the compression's.
            _ => {
                let mut bytes = whole[..rng.below(whole.len())].to_vec();
                bytes.extend((0..rng.below(4096)).map(|_| rng.next_u64() as u8));
                std::fs::write(&path, &bytes).unwrap();
            }
        }
        let read = SealedPackage::open(&path)
            .and_then(|sealed| sealed.verify(&bench.key.public()))
            .and_then(TrustedPackage::read);
        // A bit may mean nothing: in a frame's header, in an untrusted comment. The content is the signed one or none.
        match read {
            Ok(package) => {
                n_read += 1;
                assert_eq!(package.hashes().text(), good[1].text(), "package {number}");
            }
            Err(error) => assert!(error.to_string().contains("hint: "), "package {number}: {error}"),
        }
    }
    assert!(n_read < N_PACKAGES / 20, "{n_read}");
    assert!(peak_memory() - before < MEMORY, "{} kB", peak_memory() - before);
}
