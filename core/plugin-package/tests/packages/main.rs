//! Packages from built libraries to a user's store, honest ones and attacks.

#![allow(clippy::unwrap_used, reason = "every line here is a test's")]

// A signed package of a built library, and a user's home.
mod common;

// From an author's library into a user's store and lock.
mod install;

// Packages that must be refused.
mod attacks;

// Keys: pinned, rotated, revoked.
mod keys;

// Random bytes through every parser.
mod random;
