//! Training on a GPU: on the emulator of tests/gpu/emulator, which runs the same kernels on the CPU.

mod artefact;
mod runs;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Variables that make a program find the emulator instead of a driver.
struct Emulator {
    folder: PathBuf,
}

impl Emulator {
    /// Built once.
    fn get() -> &'static Self {
        static EMULATOR: OnceLock<Emulator> = OnceLock::new();
        EMULATOR.get_or_init(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let folder = root.parent().unwrap().join("target/emulator");
            let status = Command::new(root.join("gpu/emulator/build.sh")).arg(&folder).status().unwrap();
            assert!(status.success(), "the emulator does not build");
            Self { folder }
        })
    }

    fn variables(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_LIBRARY_PATH", self.folder.clone()),
            ("TRAINYARD_CUDA_KERNELS", self.folder.join("kernels.so")),
            // so that kernels of losses are compiled anew only when they change
            ("XDG_CACHE_HOME", self.folder.join("cache")),
        ]
    }
}

/// Runs tests of this executable on the emulator.
fn pass_on_emulator(filters: &[&str]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.envs(Emulator::get().variables()).env("TRAINYARD_TEST_DEVICE", "cuda:0");
    let output = command.args(filters).args(["--skip", "compat::", "--skip", "gpu::"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(" 0 passed"), "no test was run: {text}");
}

// One test suite for both devices: these pass on the emulator as they do on the CPU. `make test` trains on it (`runs`).

#[test]
#[ignore = "broad: make test-all"]
fn broad_ops_pass_on_the_emulator() {
    pass_on_emulator(&["ops::"]);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_losses_pass_on_the_emulator() {
    pass_on_emulator(&["loss::"]);
}

#[test]
#[ignore = "broad: make test-all"]
fn broad_models_and_training_pass_on_the_emulator() {
    pass_on_emulator(&["model::", "training::"]);
}

/// The emulator finds the errors that its README lists.
#[test]
#[ignore = "broad: make test-all"]
fn broad_the_emulator_passes_its_own_checks() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpu/emulator/check.sh");
    let output = Command::new(script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
