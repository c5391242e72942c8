//! The `trainyard` program with CUDA kernels, under a name of its own so that both can lie in one folder.

#[path = "../cli/mod.rs"]
mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
