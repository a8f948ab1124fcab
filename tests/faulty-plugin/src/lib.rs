//! A plugin that does on demand everything a plugin must not do.
//!
//! Without a fault its strategy draws at random and its estimator sums the values, so that tests can compare what a
//! host makes of it before and after a fault.

#![allow(
    unsafe_code,
    reason = "a segmentation fault is one of its faults, an exit that must not happen in order another"
)]

mod fault;

mod strategy;

mod estimator;

mod proxy;

heirloom_plugin::export_plugin! {
    strategies: { "faulty" => strategy::faulty, "wrapper" => strategy::wrapper },
    estimators: { "faulty" => estimator::faulty },
    proxies: { "faulty" => proxy::faulty },
}
