//! Runs the built `trainyard` program as users do.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// The result of a finished program.
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Waits for the end of a program whose outputs are piped.
    pub fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A call of the program.
pub struct Call {
    command: Command,
    input: Vec<u8>,
}

/// `trainyard` with these arguments.
pub fn trainyard(arguments: &[&str]) -> Call {
    let mut command = Command::new(program());
    command.args(arguments);
    Call { command, input: Vec::new() }
}

impl Call {
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// The file that is run.
    pub fn program(&self) -> &Path {
        Path::new(self.command.get_program())
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    pub fn run(mut self) -> Outcome {
        let mut child = self.spawn();
        let mut stdin = child.stdin.take().unwrap();
        let input = std::mem::take(&mut self.input);
        // A program that does not read its input closes the pipe: that is its right.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let outcome = Outcome::of(child);
        writer.join().unwrap();
        outcome
    }

    /// Runs it to an end without an error.
    #[track_caller]
    pub fn succeeds(self) -> Outcome {
        let call = format!("{:?}", self.command);
        let ran = self.run();
        assert_eq!(ran.code, 0, "{call}: {}", ran.stderr);
        ran
    }

    /// SIGKILL after `time`; the exit code if the program was done before.
    pub fn kill_after(mut self, time: Duration) -> Option<i32> {
        let mut child = self.spawn();
        std::thread::sleep(time);
        child.kill().unwrap();
        child.wait().unwrap().code()
    }

    /// Begins it, with its input and outputs in the hands of the caller.
    pub fn spawn(&mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// The program of these sources, next to this test's executable. Cargo does not build another package's program for a
/// test, so this builds it, once: otherwise a stale program could be tested unnoticed.
pub fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let cargo = env!("CARGO");
        let status = Command::new(cargo).args(["build", "--release", "--quiet", "--package", "trainyard"]).status();
        assert!(status.unwrap().success(), "the program does not build");
        let test = std::env::current_exe().unwrap();
        test.parent().unwrap().parent().unwrap().join("trainyard").with_extension(std::env::consts::EXE_EXTENSION)
    };
    BUILT.get_or_init(find).clone()
}

/// A folder with this `run.toml`, and `text.txt`: four hundred short lines.
pub fn folder_of_lines(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..400).map(|i| format!("line {} of {}\n", i * 7919 % 4001, i % 13)).collect();
    std::fs::write(folder.path().join("text.txt"), text).unwrap();
    std::fs::write(folder.path().join("run.toml"), config).unwrap();
    folder
}
