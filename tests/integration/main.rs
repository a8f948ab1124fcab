//! Tests through Heirloom's public boundaries: the built program, the built plugins, the source tree.

// The architecture's invariants.
mod tidy;
