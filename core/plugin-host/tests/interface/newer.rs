//! Plugins of an interface level that this host does not speak: it says which, and what to do, without loading them.

use heirloom_plugin_host::{HostError, Isolation};
use serde_json::json;

use crate::common::{changed, host_of, problem};

const NEWER: &str = "plugin `heirloom-faulty` 0.1.0 was built for interface level 2, this host speaks level 1; hint: update \
                     Heirloom, or install an older version of the plugin";

const OLDER: &str = "plugin `heirloom-faulty` 0.1.0 was built for interface level 0, this host speaks level 1; hint: build \
                     it again with this host's `heirloom-plugin`, or install a newer version of the plugin";

#[test]
fn the_message_has_plugin_level_range_and_remedy() {
    for (level, expected) in [("{\"interface\":2,", NEWER), ("{\"interface\":0,", OLDER)] {
        let (_folder, path) = changed(&[("{\"interface\":1,", level)]);
        let host = host_of(&path);
        assert_eq!(host.problems().iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
        for isolation in [Isolation::None, Isolation::Process] {
            let error = host.strategy("faulty", &json!({}), isolation, &problem()).map(drop).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn a_newer_plugin_is_named_even_where_its_record_has_words_that_are_not_known_yet() {
    for unknown in [
        ("{\"kind\":\"strategy\"", "{\"kind\":\"imaginer\""),
        ("kind = \"strategy\"", "kind = \"imaginer\""),
        ("informs = true ", "imagines = 1234"),
    ] {
        let (_folder, path) = changed(&[("{\"interface\":1,", "{\"interface\":2,"), unknown]);
        let host = host_of(&path);
        assert_eq!(
            host.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
            [NEWER],
            "{unknown:?}"
        );
        // A run file that names its component says so too.
        let error = host
            .strategy("faulty", &json!({}), Isolation::None, &problem())
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("one plugin was left out: plugin `heirloom-faulty` 0.1.0 was built for"),
            "{error}"
        );
        assert!(error.contains("level 2, this host speaks level 1: update Heirloom"), "{error}");
    }
}

#[test]
fn unknown_words_at_a_level_that_is_spoken_have_both_remedies() {
    let (_folder, path) = changed(&[("informs = true ", "imagines = 1234")]);
    let host = host_of(&path);
    let [problem] = host.problems() else { panic!("{:?}", host.problems()) };
    assert!(matches!(problem, HostError::BadManifest { .. }), "{problem}");
    let text = problem.to_string();
    assert!(text.contains("unknown field `imagines`"), "{text}");
    assert!(
        text.contains(
            "hint: ask its author for another build, or update Heirloom if it was made for a newer"
        ),
        "{text}"
    );
}
