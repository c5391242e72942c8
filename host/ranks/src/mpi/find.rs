//! Where the MPI library is.

use std::env;
use std::iter::successors;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// The library with the standard's interface. The file without a number may be a linker's script.
const NAME: &str = "libmpi_abi.so.1";

/// Libraries of MPI without the standard's interface: Open MPI before 6, MPICH before 5.
const OLDER: [&str; 2] = ["libmpi.so.40", "libmpi.so.12"];

/// Names a folder of the library, or the library.
pub const VARIABLE: &str = "TRAINYARD_MPI";

/// Where the library may be, the most particular first: `TRAINYARD_MPI`, `$MPI_HOME/lib`, `lib` beside the launcher of
/// this process, which may have started it by another program, and beside the `mpirun` that the path finds, and the
/// loader's own places.
pub fn candidates() -> Vec<PathBuf> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let named = named.map(|path| if path.is_dir() { path.join(NAME) } else { path });
    let home = env::var_os("MPI_HOME").map(|home| PathBuf::from(home).join("lib").join(NAME));
    named.into_iter().chain(home).chain(beside_mpirun(NAME)).chain([PathBuf::from(NAME)]).collect()
}

/// A library of MPI that has another interface, for a message.
pub fn older() -> Option<PathBuf> {
    let system = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let in_system = OLDER.iter().flat_map(|name| system.iter().map(move |folder| Path::new(folder).join(name)));
    let beside = OLDER.iter().flat_map(|name| beside_mpirun(name));
    beside.chain(in_system).find(|path| path.exists())
}

/// The file in `lib` beside the folder of each program that started this one, `numactl` and `time` among them, and of
/// each `mpirun` that the path finds.
fn beside_mpirun(name: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| folder.join("mpirun").exists());
    let parents = successors(Some(parent_id()), |&process| parent_of(process)).take_while(|&process| process > 1);
    let programs = parents.filter_map(|process| std::fs::read_link(format!("/proc/{process}/exe")).ok());
    let launchers = programs.filter_map(|program| Some(program.parent()?.to_path_buf()));
    let bins = launchers.chain(folders);
    bins.filter_map(|bin| Some(bin.parent()?.join("lib").join(name))).filter(|file| file.exists()).collect()
}

/// The process that started this one.
fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // behind the name in parentheses, which may hold anything: the state, then the parent
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
