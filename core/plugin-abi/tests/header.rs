//! The C header is the types of `src/c/table.rs`, written by cbindgen, and the conveniences of `src/c/trailer.h`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config, DocumentationStyle, Language, Style};

fn written() -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/c");
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        documentation_style: DocumentationStyle::Cxx,
        cpp_compat: true,
        line_length: 110,
        tab_width: 2,
        no_includes: true,
        sys_includes: ["stdarg.h", "stddef.h", "stdint.h", "stdio.h", "string.h"].map(String::from).to_vec(),
        usize_is_size_t: true,
        header: Some(
            "/* Plugins of Heirloom in C and C++.\n *\n * Written by a test of heirloom-plugin-abi: do not edit.\n */\n\n\
             #ifndef HEIRLOOM_PLUGIN_H\n#define HEIRLOOM_PLUGIN_H"
                .into(),
        ),
        after_includes: Some("#ifdef __cplusplus\n#include <exception>\n#endif".into()),
        // The guard is closed behind the conveniences: they too may stand once in a file.
        trailer: Some(fs::read_to_string(source.join("trailer.h")).unwrap() + "\n#endif /* HEIRLOOM_PLUGIN_H */"),
        ..Config::default()
    };
    config.function.must_use = None;
    config.export.include = ["HeirloomPlugin".into()].to_vec();
    let bindings = Builder::new().with_config(config).with_src(source.join("table.rs")).generate().unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).unwrap()
}

#[test]
fn the_header_is_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/heirloom_plugin.h");
    let written = written();
    if std::env::var_os("HEIRLOOM_BLESS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    let differing = found.lines().zip(written.lines()).find(|(found, written)| found != written);
    assert_eq!(
        found, written,
        "first at {differing:?}; hint: HEIRLOOM_BLESS=1 cargo test -p heirloom-plugin-abi --test header"
    );
}
