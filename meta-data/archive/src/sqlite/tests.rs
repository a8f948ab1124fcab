use super::*;
use crate::conformance::storage_conformance;

#[test]
fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    storage_conformance(|| {
        count.set(count.get() + 1);
        Box::new(SqliteStore::create(&folder.path().join(format!("{}.archive", count.get()))).unwrap())
    });
}
