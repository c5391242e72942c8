//! The `trainyard` program with CUDA kernels, under a different name so that both can be in one folder.

#[path = "../cli/mod.rs"]
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
