//! The host against real libraries. `heirloom-faulty-plugin` and its like are dev-dependencies so that cargo builds
//! them; they are never named, because a library that is linked and loaded would export its symbols twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

mod hostile;

mod in_process;

mod isolated;

mod log;

mod quarantine;

mod refused;
