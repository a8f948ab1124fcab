//! A plugin that attacks its host and the user's machine, on demand and at one trial.
//!
//! What an attack comes to is told as the trial's failure, or as a number among its metrics, so that a test sees what
//! the plugin could do. Before and after it behaves.

#![allow(unsafe_code, reason = "an attack asks the system directly")]

mod attack;

mod frames;

mod component;

heirloom_plugin::export_plugin! {
    strategies: { "hostile" => component::strategy },
    estimators: { "hostile" => component::estimator },
}
