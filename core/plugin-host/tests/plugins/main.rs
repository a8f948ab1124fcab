//! The host against real libraries. `heirloom-faulty-plugin` and its like are dev-dependencies so that cargo builds
//! them; they are never named, because a library that is linked and loaded would export its symbols twice.

mod common;

mod in_process;

mod isolated;

mod refused;
