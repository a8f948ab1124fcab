//! Components that are each broken in one way, named for the check that finds it: to prove that every check of a
//! plugin can fail, and that one fault fails one check.
//!
//! `sound` ones are broken in no way.

#![allow(unsafe_code, reason = "one of its faults is to use the C library's random numbers")]

mod strategy;

mod options;

mod estimator;

mod proxy;

heirloom_plugin::export_plugin! {
    strategies: {
        "strategy-sound" => strategy::sound,
        "hunt-crowd" => strategy::crowd,
        "strategy-in-bounds" => strategy::in_bounds,
        "strategy-conditions" => strategy::conditions,
        "strategy-forbidden" => strategy::forbidden,
        "strategy-fidelity" => strategy::fidelity,
        "strategy-lineage" => strategy::lineage,
        "strategy-count" => strategy::count,
        "strategy-large-batch" => strategy::large_batch,
        "strategy-pending" => strategy::pending,
        "strategy-any-order" => strategy::any_order,
        "strategy-failed-trials" => strategy::failed_trials,
        "strategy-equal-results" => strategy::equal_results,
        "strategy-extreme-results" => strategy::extreme_results,
        "strategy-odd-results" => strategy::odd_results,
        "strategy-wrong-input" => strategy::wrong_input,
        "strategy-filtered-trials" => strategy::filtered_trials,
        "strategy-foreign-trials" => strategy::foreign_trials,
        "strategy-empty-tell" => strategy::empty_tell,
        "strategy-empty-ask" => strategy::empty_ask,
        "strategy-tells-together" => strategy::tells_together,
        "strategy-deterministic" => strategy::deterministic,
        "strategy-interleaved" => strategy::interleaved,
        "strategy-follows-seed" => strategy::follows_seed,
        "strategy-save-restore" => strategy::save_restore,
        "strategy-damaged-state" => strategy::damaged_state,
        "strategy-inform" => strategy::inform,
        "strategy-exhausted" => strategy::exhausted,
        "strategy-judge" => strategy::judge,
        "strategy-judge-apart" => strategy::judge_apart,
        "strategy-recommend" => strategy::recommend,
        "component-quiet" => strategy::quiet,
        "component-drop" => strategy::dropped,
        "component-threads" => strategy::threads,
        "component-memory" => strategy::memory,
        "component-worker" => strategy::worker,
        "component-beside-another-plugin" => strategy::beside_another_plugin,
        "component-schema" => options::schema,
        "component-defaults" => options::defaults,
        "component-explained" => options::explained,
        "component-made" => options::made,
    },
    estimators: {
        "estimator-sound" => estimator::sound,
        "estimator-info" => estimator::info,
        "estimator-count" => estimator::count,
        "estimator-finite" => estimator::finite,
        "estimator-curve-order" => estimator::curve_order,
        "estimator-stop" => estimator::stop,
        "estimator-cancel" => estimator::cancel,
        "estimator-cancel-latency" => estimator::cancel_latency,
        "estimator-failure-kinds" => estimator::failure_kinds,
        "estimator-rejects" => estimator::rejects,
        "estimator-relatives" => estimator::relatives,
        "estimator-parallel" => estimator::parallel,
        "estimator-batch" => estimator::batch,
        "estimator-deterministic" => estimator::deterministic,
    },
    proxies: {
        "proxy-sound" => proxy::sound,
        "proxy-info" => proxy::info,
        "proxy-direction" => proxy::direction,
        "proxy-count" => proxy::count,
        "proxy-finite" => proxy::finite,
        "proxy-tells-apart" => proxy::tells_apart,
        "proxy-batch" => proxy::batch,
        "proxy-scale" => proxy::scale,
        "proxy-deterministic" => proxy::deterministic,
        "proxy-rejects" => proxy::rejects,
        "proxy-parallel" => proxy::parallel,
    },
}
