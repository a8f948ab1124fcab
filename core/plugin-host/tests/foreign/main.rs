//! Plugins in other languages, made by their own tools: a C and a C++ compiler, a Python.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "what is skipped is said")]

mod common;

mod c;

mod python;
