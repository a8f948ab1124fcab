//! A dynamic library that is no plugin.

/// Something to export.
pub extern "C" fn answer() -> u32 {
    42
}
