//! Stopping a run: the signal that Ctrl-C sends, to the process that trains in its folder and to no other.

use std::fs;
use std::path::Path;
use trainyard_experiments::{LOCK, is_running};
use trainyard_report::host_name;

/// Asks the run in a folder to end, which trains on machine `host`, empty if unknown. Returns the process's id.
///
/// # Errors
/// A line that says why there is no process to ask.
pub fn stop(folder: &Path, host: &str) -> Result<i32, String> {
    if !host.is_empty() && host != host_name() {
        return Err(format!("it trains on the machine {host}: stop it there"));
    }
    let lock = folder.join(LOCK);
    let holder = fs::read_to_string(&lock).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let Some(holder) = holder.filter(|holder| *holder > 1 && is_running(folder, host)) else {
        return Err("no process trains it".to_owned());
    };
    if !has_open(holder, &lock) {
        return Err(format!("process {holder} does not hold its lock: stop it where it was started"));
    }
    interrupt(holder)?;
    Ok(holder)
}

/// Says whether a process has a file open. Where the system does not tell, the file's own word counts.
#[cfg(target_os = "linux")]
fn has_open(process: i32, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let Some(file) = identity(path) else { return false };
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    open.flatten().any(|entry| identity(&entry.path()) == Some(file))
}

#[cfg(not(target_os = "linux"))]
fn has_open(_: i32, _: &Path) -> bool {
    true
}

#[cfg(unix)]
fn interrupt(process: i32) -> Result<(), String> {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = Pid::from_raw(process).ok_or("no process trains it")?;
    kill_process(pid, Signal::INT).map_err(|error| format!("cannot signal process {process}: {error}"))
}

#[cfg(not(unix))]
fn interrupt(process: i32) -> Result<(), String> {
    Err(format!("this system has no such signal: stop process {process} where it was started"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn said(folder: &Path, host: &str) -> String {
        stop(folder, host).unwrap_err()
    }

    #[test]
    fn only_the_holder_of_the_lock_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let (path, lock) = (folder.path(), folder.path().join(LOCK));
        assert_eq!(said(path, ""), "no process trains it");
        assert_eq!(said(path, "elsewhere"), "it trains on the machine elsewhere: stop it there");
        // the shell lives, and holds nothing
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        fs::write(&lock, format!("{}\n", child.id())).unwrap();
        assert_eq!(said(path, ""), "no process trains it");
        // this process holds the lock under the name of another
        let held = File::open(&lock).unwrap();
        held.try_lock().unwrap();
        if cfg!(target_os = "linux") {
            assert!(said(path, "").ends_with("does not hold its lock: stop it where it was started"));
        }
        for text in ["0", "1", "-1", "x", ""] {
            fs::write(&lock, text).unwrap();
            assert_eq!(said(path, ""), "no process trains it", "{text}");
        }
        assert!(child.try_wait().unwrap().is_none(), "it was signalled");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
