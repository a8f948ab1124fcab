//! Tests through Heirloom's public boundaries: the built program, the built plugins, the source tree.

#![allow(clippy::unwrap_used, reason = "every line here is a test's")]

// A search from its file to its report, cold and warm.
mod search;

// Ctrl-C, kill -9, a full disk: nothing that was finished is lost.
mod resume;

// Plugins that are broken on purpose.
mod faults;

// `plugin check`: every check has something that breaks it, and what is sound passes.
mod checks;

// A plugin that attacks its host and the machine.
mod hostile;

// Reports of crashes: whose they are, and what repeats them.
mod reports;

// `plugin dev`: a plugin built and searched with again at every change.
mod dev;

// Plugins that compute with LibTorch, with it and without.
mod libtorch;

// Many processes on one archive.
mod crowd;

// What a person is told when something is wrong, and how a program can tell.
mod messages;

// The commands beside `search`: what they print for programs.
mod commands;

// The book of plugins.
mod book;

// A plugin by somebody who has never seen this project.
mod stranger;

// From an author's library, packed and signed, to a search in a clean home.
mod packages;

// Trained networks for their users.
mod export;

// The architecture's invariants.
mod tidy;
