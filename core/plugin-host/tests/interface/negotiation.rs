//! `strategy/2` as it could come, from both sides: each side may be the older one.

use heirloom_model::TrialId;
use heirloom_next_interface::strategy as next_host;
use heirloom_plugin_abi::{LoadedLibrary, LogSink, ToTracing};
use heirloom_plugin_host::{Isolation, PluginHost};
use serde_json::json;

use crate::common::{ask, host_of, library, problem};

/// A library as the host of tomorrow has it: loaded and started.
fn loaded(name: &str) -> LoadedLibrary {
    let library = LoadedLibrary::load(&library(name)).unwrap();
    library.init(LogSink::new::<ToTracing>(name)).unwrap();
    library
}

fn todays_host(name: &str) -> PluginHost {
    host_of(&library(name))
}

#[test]
fn a_newer_host_uses_an_older_plugin_through_its_adapter() {
    let (version, mut strategy) = next_host(&loaded("heirloom_faulty_plugin"), "faulty", &problem()).unwrap();
    assert_eq!(version, "strategy/1");
    assert_eq!(strategy.ask(&ask(0, 3)).unwrap().len(), 3);
    strategy.tell(&[]).unwrap();
    assert_eq!(strategy.explain(TrialId(1)), None);
}

#[test]
fn a_newer_host_uses_all_of_a_newer_plugin_whether_that_serves_older_hosts_too_or_not() {
    for (library, name) in [("heirloom_next_plugin", "next"), ("heirloom_next_plugin_both", "next-both")] {
        let (version, mut strategy) = next_host(&loaded(library), name, &problem()).unwrap();
        assert_eq!(version, "strategy/2");
        assert_eq!(strategy.ask(&ask(0, 3)).unwrap().len(), 3);
        assert_eq!(strategy.explain(TrialId(1)).unwrap(), "trial 1 was drawn at random");
    }
}

#[test]
fn an_older_host_uses_a_newer_plugin_that_serves_it() {
    let host = todays_host("heirloom_next_plugin_both");
    assert!(host.problems().is_empty(), "{:?}", host.problems());
    for isolation in [Isolation::None, Isolation::Process] {
        let mut strategy = host.strategy("next-both", &json!({}), isolation, &problem()).unwrap();
        let proposals = strategy.ask(&ask(0, 3)).unwrap();
        let (_, mut newer) =
            next_host(&loaded("heirloom_next_plugin_both"), "next-both", &problem()).unwrap();
        assert_eq!(proposals, newer.ask(&ask(0, 3)).unwrap());
    }
}

#[test]
fn an_older_host_says_what_a_plugin_has_that_does_not_serve_it() {
    let host = todays_host("heirloom_next_plugin");
    for isolation in [Isolation::None, Isolation::Process] {
        let error =
            host.strategy("next", &json!({}), isolation, &problem()).map(drop).unwrap_err().to_string();
        assert!(
            error.contains("plugin `heirloom-next` 0.1.0") || error.contains("(`heirloom-next` 0.1.0)"),
            "{error}"
        );
        assert!(
            error.contains(
                "it has `strategy/2`, this host speaks `strategy/1`; hint: update Heirloom, or install an older version of \
                 the plugin"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_host_that_left_an_extension_behind_says_so_too() {
    let library = loaded("heirloom_faulty_plugin");
    assert_eq!(library.newest(&["strategy/2", "strategy/1"]).unwrap(), "strategy/1");
    let error = library.newest(&["strategy/3", "strategy/2"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "it has `strategy/1`, this host speaks `strategy/3` and `strategy/2`; hint: build it again with this host's \
         `heirloom-plugin`, or install a newer version of the plugin"
    );
    let error = library.newest(&["mixture/1"]).unwrap_err().to_string();
    assert!(
        error.starts_with("it has no such extension, this host speaks `mixture/1`; hint: build it"),
        "{error}"
    );
}
