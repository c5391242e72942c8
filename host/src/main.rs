//! The `trainyard` program.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
