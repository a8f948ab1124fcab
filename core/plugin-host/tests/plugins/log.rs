//! Events of a plugin's own copy of `tracing`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use heirloom_plugin_host::Isolation;
use serde_json::json;

use crate::common::{ask, host, problem};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn events_reach_the_hosts_log_with_the_plugins_name_in_process_and_isolated() {
    for isolation in [Isolation::None, Isolation::Process] {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut strategy = host().strategy("faulty", &json!({}), isolation, &problem()).unwrap();
            strategy.ask(&ask(0, 3)).unwrap();
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let line = text.lines().find(|line| line.contains("asked n=3")).unwrap_or_else(|| panic!("{text}"));
        assert!(line.contains("INFO") && line.contains("heirloom-faulty 0.1.0"), "{line}");
        assert!(line.contains("heirloom_faulty_plugin::strategy"), "{line}");
    }
}
