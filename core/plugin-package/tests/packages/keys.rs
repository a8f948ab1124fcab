use heirloom_plugin_package::minisign::{PublicKey, SecretKey};
use heirloom_plugin_package::{Draft, Grants, LOCK, Lock, Statement, Trust, TrustLevel, sign};

use crate::common::Bench;

/// A package of a version, signed by a key.
fn signed(bench: &Bench, version: &str, key: &SecretKey) -> std::path::PathBuf {
    let folder = bench.sources(version, "");
    let path = Draft::of_sources(&folder).unwrap().write(&bench.path("dist")).unwrap();
    sign(&path, key).unwrap();
    path
}

fn pinned(bench: &Bench) -> String {
    bench.home.trust().unwrap().pinned_key("again").unwrap().to_string()
}

fn id(key: &SecretKey) -> String {
    key.public().id().to_string()
}

#[test]
fn a_key_is_pinned_on_first_use_and_another_one_is_refused() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    let added = bench.add("again").unwrap();
    assert_eq!(added.newly_pinned, Some(bench.key.public().id()));
    assert_eq!(bench.add("again").unwrap().newly_pinned, None);
    // Another index, run by somebody else, has a newer version under the same name.
    let other = Bench::new();
    other.publish(&signed(&other, "9.0.0", &other.key));
    let grants = Grants::default();
    let error = bench.home.add(&other.index, "again", None, &grants).unwrap_err().to_string();
    for part in [&id(&bench.key), &id(&other.key), "heirloom plugin key pin FILE.pub --plugin again"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(bench.stored().len(), 1);
    // The user's own word is another matter; what is installed under the first key still runs.
    let key = other.key.public();
    bench.home.change_trust(|trust| trust.pin("again", &key)).unwrap();
    bench.home.add(&other.index, "again", None, &grants).unwrap();
    let mut lock = Lock::default();
    lock.put(added.plugin);
    assert_eq!(bench.home.open_locked(LOCK.as_ref(), &lock).unwrap().len(), 1);
}

#[test]
fn a_successor_that_the_old_key_signed_is_followed() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    let first = bench.add("again").unwrap();
    let (second, third) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let newer = signed(&bench, "0.2.0", &third);
    let refused = bench.index.publish(&newer, &third.public()).unwrap_err().to_string();
    assert!(refused.contains("heirloom plugin key rotate --from OLD.key --to NEW.pub"), "{refused}");
    // Two steps at once, published in the wrong order.
    bench.index.publish_statement(&Statement::successor(&second, &third.public())).unwrap();
    bench.index.publish_statement(&Statement::successor(&bench.key, &second.public())).unwrap();
    bench.index.publish(&newer, &third.public()).unwrap();
    let added = bench.add("again").unwrap();
    assert_eq!(added.plugin.version.to_string(), "0.2.0");
    assert_eq!(pinned(&bench), id(&third));
    let mut lock = Lock::default();
    lock.put(first.plugin);
    assert_eq!(bench.home.open_locked(LOCK.as_ref(), &lock).unwrap().len(), 1, "the old version still runs");
}

#[test]
fn keys_that_name_each_other_in_a_ring_come_to_rest_at_the_last() {
    let keys: Vec<_> = (0..3).map(|_| SecretKey::generate().unwrap()).collect();
    let link = |from: usize| {
        let statement = Statement::successor(&keys[from], &keys[(from + 1) % 3].public());
        (std::path::PathBuf::from(statement.file_name()), statement)
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut trust = Trust::default();
        trust.pin("again", &keys[0].public()).unwrap();
        trust.learn(&order.map(link)).unwrap();
        assert_eq!(trust.pinned_key("again"), Some(keys[2].public().id()), "{order:?}");
    }
}

#[test]
fn a_successor_that_somebody_else_named_is_not() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    bench.add("again").unwrap();
    let thief = SecretKey::generate().unwrap();
    // Signed by the thief, in the old key's name.
    let forged = Statement::successor(&thief, &thief.public()).text();
    let signed_lines: Vec<_> = forged.lines().collect();
    let honest = Statement::successor(&bench.key, &thief.public()).text();
    let honest: Vec<_> = honest.lines().collect();
    // The beginning of the line names the key, the rest is the thief's signature.
    let line = format!("{}{}", &honest[3][..14], &signed_lines[3][14..]);
    let text = [&signed_lines[..3], &[&line], &signed_lines[4..]].concat().join("\n") + "\n";
    let statement = Statement::parse(&text).unwrap();
    bench.index.publish_statement(&statement).unwrap();
    let error = bench.add("again").unwrap_err().to_string();
    assert!(error.contains("statement `keys/") && error.contains("; hint: "), "{error}");
    assert_eq!(pinned(&bench), id(&bench.key));
}

#[test]
fn a_revoked_key_is_never_trusted_again() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    let added = bench.add("again").unwrap();
    bench.index.publish_statement(&Statement::revoked(&bench.key, "laptop stolen")).unwrap();
    let error = bench.add("again").unwrap_err().to_string();
    assert!(error.contains("was revoked: laptop stolen"), "{error}");
    // What is installed does not run any more either.
    let mut lock = Lock::default();
    lock.put(added.plugin);
    let error = bench.home.open_locked(LOCK.as_ref(), &lock).unwrap_err().to_string();
    assert!(error.contains("was revoked: laptop stolen") && error.contains("plugin update again"), "{error}");
    // The thief names a successor, after the fact: it does not count.
    let thief = SecretKey::generate().unwrap();
    bench.index.publish_statement(&Statement::successor(&bench.key, &thief.public())).unwrap();
    assert!(bench.add("again").is_err());
    assert_eq!(pinned(&bench), id(&bench.key));
    let newer = signed(&bench, "0.2.0", &bench.key);
    let error = bench.index.publish(&newer, &bench.key.public()).unwrap_err().to_string();
    assert!(error.contains("laptop stolen"), "{error}");
    // The index forgets the revocation; the user does not.
    std::fs::write(bench.path("index/keys.json"), "[]").unwrap();
    assert!(bench.add("again").unwrap_err().to_string().contains("laptop stolen"));
}

#[test]
fn a_successor_named_before_the_revocation_goes_on() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    bench.add("again").unwrap();
    let next = SecretKey::generate().unwrap();
    bench.index.publish_statement(&Statement::successor(&bench.key, &next.public())).unwrap();
    bench.index.publish_statement(&Statement::revoked(&bench.key, "old")).unwrap();
    bench.index.publish(&signed(&bench, "0.2.0", &next), &next.public()).unwrap();
    assert_eq!(bench.add("again").unwrap().plugin.version.to_string(), "0.2.0");
    assert_eq!(pinned(&bench), id(&next));
    let old = bench.home.add(&bench.index, "again", Some(&"0.1.0".parse().unwrap()), &Grants::default());
    assert!(old.unwrap_err().to_string().contains("was revoked: old"));
}

#[test]
fn an_index_cannot_revoke_a_key_that_is_not_its_own() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    bench.add("again").unwrap();
    let stranger = SecretKey::generate().unwrap();
    bench.index.publish_statement(&Statement::revoked(&stranger, "whatever")).unwrap();
    bench.add("again").unwrap();
    let reasons: Vec<_> =
        bench.home.trust().unwrap().keys().filter_map(|(_, why)| why.map(str::to_owned)).collect();
    assert!(reasons.is_empty(), "{reasons:?}");
}

#[test]
fn an_index_that_changes_or_forgets_versions_is_refused() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    bench.publish(&signed(&bench, "0.2.0", &bench.key));
    bench.add("again").unwrap();
    let list = bench.path("index/plugins/again/index.json");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replace("\"0.2.0\"", "\"0.3.0\"")).unwrap();
    let error = bench.add("again").unwrap_err().to_string();
    assert!(error.contains("version 0.2.0 of `again` is gone since it was last read"), "{error}");
    let interface = text.replacen("\"interface\": 1", "\"interface\": 2", 1);
    std::fs::write(&list, interface).unwrap();
    let error = bench.add("again").unwrap_err().to_string();
    assert!(error.contains("version 0.1.0 of `again` changed since it was last read"), "{error}");
    std::fs::write(&list, text).unwrap();
    bench.add("again").unwrap();
}

#[test]
fn a_published_version_stays_as_it_is() {
    let bench = Bench::new();
    let package = signed(&bench, "0.1.0", &bench.key);
    bench.publish(&package);
    let again = bench.index.publish(&package, &bench.key.public()).unwrap_err().to_string();
    assert!(
        again.contains("has version 0.1.0 of `again` already") && again.contains("raise the version"),
        "{again}"
    );
    let renamed = bench.path("again-0.9.0.heirloom");
    std::fs::copy(&package, &renamed).unwrap();
    let error = bench.index.publish(&renamed, &bench.key.public()).unwrap_err().to_string();
    assert!(error.contains("again-0.9.0.heirloom") && error.contains("again-0.1.0.heirloom"), "{error}");
}

#[test]
fn trust_survives_its_file_and_levels_only_tighten() {
    let bench = Bench::new();
    bench.publish(&signed(&bench, "0.1.0", &bench.key));
    bench.add("again").unwrap();
    let path = bench.home.trust_path();
    let trust = Trust::read(&path).unwrap();
    assert_eq!(trust.key(bench.key.public().id()), Some(bench.key.public()));
    assert_eq!(trust.level(), TrustLevel::UnsignedLocal);
    assert_eq!(TrustLevel::SignedOnly.max(TrustLevel::UnsignedLocal), TrustLevel::SignedOnly);
    // A key under another's name is a file that was tampered with.
    let other: PublicKey = SecretKey::generate().unwrap().public();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(&bench.key.public().line(), &other.line())).unwrap();
    let error = Trust::read(&path).unwrap_err().to_string();
    assert!(error.contains(&format!("key {} is key {}", bench.key.public().id(), other.id())), "{error}");
}
