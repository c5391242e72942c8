//! Training on a GPU: on the emulator of tests/gpu/emulator, which runs the same kernels on the CPU.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Builds the emulator once; its folder has the libraries and the kernels.
fn emulator() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("../target/emulator");
        let status = Command::new(root.join("gpu/emulator/build.sh")).arg(&folder).status().unwrap();
        assert!(status.success(), "the emulator does not build");
        folder
    })
}

/// A command that finds the emulator instead of a driver.
fn on_emulator(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let folder = emulator();
    let mut command = Command::new(program);
    command
        .env("LD_LIBRARY_PATH", folder)
        .env("TRAINYARD_CUDA_KERNELS", folder.join("kernels.so"))
        .env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

/// The tests of ops, losses, models and training pass there as they do on the CPU.
#[test]
fn the_suite_passes_on_the_emulator() {
    let mut command = on_emulator(std::env::current_exe().unwrap());
    command.env("TRAINYARD_TEST_DEVICE", "cuda:0");
    let output = command.args(["ops::", "loss::", "model::", "training::"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
