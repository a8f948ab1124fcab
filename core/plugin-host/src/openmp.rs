//! How OpenMP's threads wait for one another: LibTorch's compute with them, here and in workers.
//!
//! By default a thread that waits turns in a loop for milliseconds. Where other programs want the cores, it holds the very
//! core that the thread it waits for needs.

/// Unless the user chose otherwise, threads turn only briefly and then sleep. OpenMP reads this where it is loaded.
const VARIABLES: [(&str, &str); 2] = [("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", SPINS)];

/// How often a thread looks before it sleeps. Steps a second of a perceptron of 256 units, batches of 128, two threads on two
/// cores, by default and with 0, 1000, 3000: 1259, 910, 1189, 1224 where nothing else runs; 13, 507, 284, 217 beside three
/// compilers. Of 1024 units, batches of 256: 142, 123, 142, 139, and 5, 25, 26, 14. `torch.train.mlp.2-threads` gives
/// 104,900 samples a second by default, 101,500 with 1000, and PyTorch 93,700.
const SPINS: &str = "1000";

/// What is to be set beside variables of these names: nothing where the user chose.
pub(crate) fn variables(is_set: impl Fn(&str) -> bool) -> &'static [(&'static str, &'static str)] {
    if VARIABLES.iter().any(|(name, _)| is_set(name)) { &[] } else { &VARIABLES }
}

/// Sets how OpenMP's threads wait in this process. To be called where a program begins: later, where there are other
/// threads, it does nothing, as these may read the environment meanwhile.
pub fn calm_threads() {
    let is_alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    if !is_alone {
        return;
    }
    for (name, value) in variables(|name| std::env::var_os(name).is_some()) {
        // SAFETY: no other thread is there to read or write the environment, and this one does neither meanwhile.
        unsafe { std::env::set_var(name, value) };
    }
}
