//! Hands the target and the compiler's version to the code: both are part of what a plugin library says of itself.

use std::process::Command;

fn main() {
    let target = std::env::var("TARGET").expect("cargo sets it");
    let rustc = std::env::var("RUSTC").expect("cargo sets it");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler that cargo runs");
    let version = String::from_utf8_lossy(&version.stdout);
    println!("cargo:rustc-env=HEIRLOOM_TARGET={target}");
    println!("cargo:rustc-env=HEIRLOOM_RUSTC={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
