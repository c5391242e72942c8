//! Compiles the CUDA kernels of `host/cuda/*.cu` into the program, when the feature `cuda` is on.
//!
//! Each file becomes one image (a fatbin) with machine code for the architectures below and PTX of the newest, which a
//! driver compiles for GPUs that came later. `OUT_DIR/kernels.rs` lists the images by the names of their files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::{env, fs, thread};

/// Compute capabilities that get machine code: A100, and H100 with its kin.
const ARCHITECTURES: [u32; 2] = [80, 90];

/// Errors of one file that are shown.
const ERRORS_MAX: usize = 8;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={}", message.trim_end().replace('\n', "\ncargo::error="));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let folder = PathBuf::from("../cuda"); // cargo runs this in the folder of its manifest
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: cargo runs this program")?);
    println!("cargo::rerun-if-changed={}", folder.display()); // headers too, and files that come or go
    let nvcc = nvcc()?;
    let sources = sources(&folder)?;
    compile_all(&nvcc, &sources, &out)?;
    let list = out.join("kernels.rs");
    fs::write(&list, kernels(&sources, &out)).map_err(|error| format!("{}: {error}", list.display()))
}

/// The compiler: of CUDA_HOME, of CUDA_PATH, or the first in PATH.
fn nvcc() -> Result<PathBuf, String> {
    let file = format!("nvcc{}", env::consts::EXE_SUFFIX);
    for name in ["CUDA_HOME", "CUDA_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
        let Some(home) = env::var_os(name).filter(|home| !home.is_empty()) else { continue };
        let nvcc = Path::new(&home).join("bin").join(&file);
        return if nvcc.is_file() { Ok(nvcc) } else { Err(format!("{name}: {} is no file", nvcc.display())) };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|nvcc| nvcc.is_file()).ok_or_else(|| {
        "the feature `cuda` needs nvcc, the compiler of CUDA 13: `make cuda` gets it, or set CUDA_HOME".to_owned()
    })
}

/// The name and the path of every file of kernels, in order.
fn sources(folder: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let unreadable = |error| format!("{}: {error}", folder.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "cu") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            sources.push((name, path));
        }
    }
    sources.sort();
    Ok(sources)
}

fn image(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.fatbin"))
}

/// As many at a time as cargo allows, the largest first; all errors together.
fn compile_all(nvcc: &Path, sources: &[(String, PathBuf)], out: &Path) -> Result<(), String> {
    let jobs = env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1);
    let mut waiting: Vec<_> = sources.iter().collect();
    waiting.sort_by_key(|(_, path)| fs::metadata(path).map_or(0, |metadata| metadata.len()));
    let (waiting, errors) = (Mutex::new(waiting), Mutex::new(Vec::new()));
    let next = || waiting.lock().ok()?.pop();
    thread::scope(|scope| {
        for _ in 0..sources.len().min(jobs) {
            scope.spawn(|| {
                while let Some((name, source)) = next() {
                    if let (Err(error), Ok(mut errors)) = (compile(nvcc, source, &image(out, name)), errors.lock()) {
                        errors.push(error);
                    }
                }
            });
        }
    });
    let mut errors = errors.into_inner().map_err(|_| "a thread has panicked")?;
    errors.sort();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
}

fn compile(nvcc: &Path, source: &Path, image: &Path) -> Result<(), String> {
    let mut command = Command::new(nvcc);
    command.args(["-fatbin", "-std=c++17", "-O3"]).arg("-o").arg(image);
    for capability in ARCHITECTURES {
        command.arg(format!("-gencode=arch=compute_{capability},code=sm_{capability}"));
    }
    let newest = ARCHITECTURES[ARCHITECTURES.len() - 1];
    command.arg(format!("-gencode=arch=compute_{newest},code=compute_{newest}"));
    let ran = command.arg(source).output().map_err(|error| format!("{}: {error}", nvcc.display()))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let errors: Vec<_> = said.lines().filter(|line| line.contains("error") || line.contains("fatal")).collect();
    // the first say why, the last counts them
    let shown = match errors.as_slice() {
        [] => said.into_owned(),
        [first @ .., last] if first.len() > ERRORS_MAX => [&first[..ERRORS_MAX], &["…", last]].concat().join("\n"),
        few => few.join("\n"),
    };
    Err(format!("nvcc could not compile {} ({}):\n{shown}", source.display(), ran.status))
}

/// The text of `kernels.rs`.
fn kernels(sources: &[(String, PathBuf)], out: &Path) -> String {
    let mut text = format!(
        "/// Compute capabilities whose machine code is in every image; PTX of the last serves later ones.\n\
         #[allow(dead_code)]\n\
         pub const ARCHITECTURES: &[u32] = &{ARCHITECTURES:?};\n\
         /// Files of kernels by name, each an image for `cuModuleLoadData`.\n\
         pub const KERNELS: &[(&str, &[u8])] = &[\n"
    );
    for (name, _) in sources {
        // writing to a string cannot fail
        let _ = writeln!(text, "    ({name:?}, include_bytes!({:?})),", image(out, name));
    }
    text + "];\n"
}
