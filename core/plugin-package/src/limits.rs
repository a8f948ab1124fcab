//! What a package may weigh. A bomb is refused by these before it goes off.

/// All files together, unpacked, in bytes.
pub const UNPACKED: u64 = 1 << 30;

/// How many files.
pub const FILES: usize = 10_000;

/// The list of hashes, in bytes.
pub const HASHES: u64 = 4 << 20;

/// A text that is read whole (manifests, schemas, pages), in bytes.
pub const TEXT: u64 = 1 << 20;

/// The window of the compression, as a power of two in bytes: what a reader must hold.
pub const WINDOW_LOG: u32 = 23;
