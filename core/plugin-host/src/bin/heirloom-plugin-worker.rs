//! The worker process of `isolation = "process"`: started by a plugin host, never by hand.

fn main() -> std::io::Result<()> {
    heirloom_plugin_host::serve()
}
