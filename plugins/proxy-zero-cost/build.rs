//! Tells the linker of tests where LibTorch is; plugins find it opened by their host.

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if let Ok(folder) = std::env::var("LIBTORCH") {
        println!("cargo::rustc-link-arg-tests=-Wl,-rpath,{folder}/lib");
    }
}
