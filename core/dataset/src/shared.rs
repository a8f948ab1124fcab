//! Where tests find the recorded data that is too large to commit.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder `shared/data/FOLDER` beside the workspace, or `None` with a visible line when it is absent.
///
/// Looks in `$HEIRLOOM_SHARED_DATA/FOLDER` if that variable is set, else in `../shared/data/FOLDER` of the
/// running package's folder and of each folder above it.
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let found = match std::env::var_os("HEIRLOOM_SHARED_DATA") {
        Some(root) => Some(PathBuf::from(root).join(folder)).filter(|path| path.is_dir()),
        None => {
            let start = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
            let start = start.or_else(|| std::env::current_dir().ok())?;
            start
                .ancestors()
                .filter_map(Path::parent)
                .map(|above| above.join("shared/data").join(folder))
                .find(|path| path.is_dir())
        }
    };
    if found.is_none() {
        // Past the test runner, which hides what passing tests print.
        let _ = writeln!(std::io::stderr(), "skipped: shared data `{folder}` is absent");
    }
    found
}
