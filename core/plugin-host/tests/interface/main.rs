//! The life of the interface: older and newer plugins and hosts, and what they can do together.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "says what was not tested")]

mod common;

mod negotiation;

mod newer;

mod published;
