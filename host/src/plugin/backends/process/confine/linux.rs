//! Linux's means: Landlock against reading other processes, seccomp against everything else.

use super::Allowed;
use super::calls::{ALWAYS, LOADING, OLD_ALWAYS, OLD_WRITING, WRITING};
use landlock::{
    AccessFs, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope,
};
use libc::{
    CLONE_THREAD, F_SETOWN, F_SETPIPE_SZ, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, MAP_ANONYMOUS, MAP_GROWSDOWN,
    MAP_SHARED, MAP_TYPE, O_ACCMODE, O_CREAT, O_RDONLY, O_TRUNC, PR_GET_DUMPABLE, PR_GET_NAME, PR_SET_NAME,
    PR_SET_NO_NEW_PRIVS, PR_SET_TIMERSLACK, PROT_WRITE, TCGETS, TIOCGWINSZ,
};
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{self, Eq, MaskedEq, Ne};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, apply_filter_all_threads};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

/// `PR_SET_VMA`, with which allocators name their memory.
const PR_SET_VMA: u64 = 0x5356_4d41;
/// Commands that libc does not name everywhere.
const F_SETSIG: u64 = 10;
const F_SETOWN_EX: u64 = 15;

/// The number of an argument, how it is compared, and with what.
type Condition = (u8, SeccompCmpOp, u64);

/// Puts this thread, and all that it starts, where they can neither look into other processes nor send them signals.
///
/// # Errors
/// What the system does not keep apart.
pub fn separate() -> Result<(), String> {
    match landlocked() {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        _ => Err("this kernel has no Landlock, so that the plugin can read the environment of your processes".into()),
    }
}

fn landlocked() -> Result<RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::ReadFile)?
        .scope(Scope::Signal | Scope::AbstractUnixSocket)?
        .create()?;
    for path in readable() {
        // what went meanwhile is not read either
        if let Ok(opened) = PathFd::new(&path) {
            ruleset = ruleset.add_rule(PathBeneath::new(opened, AccessFs::ReadFile))?;
        }
    }
    ruleset.restrict_self()
}

/// All files, but for those that tell of other processes: a user with the right to measure, such as root, is asked
/// nothing else before they are opened.
fn readable() -> Vec<PathBuf> {
    let within = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_process = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes()[0].is_ascii_digit());
    let system = within("/proc").filter(|path| !is_process(path));
    // `/proc/self` is a link to this one's own
    within("/").filter(|path| path != Path::new("/proc")).chain(system).collect()
}

/// Refuses every system call that is neither needed always nor for what is allowed.
///
/// # Errors
/// Why the filter of system calls could not be set.
pub fn filter(allowed: Allowed) -> Result<(), String> {
    let refused =
        |why: String| format!("this kernel takes no filter ({why}), so that the plugin may do all that you may");
    let program = program(allowed).map_err(|error| refused(error.to_string()))?;
    apply_filter_all_threads(&program).map_err(|error| refused(error.to_string()))
}

fn program(allowed: Allowed) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let lists: &[&[i64]] = match allowed {
        Allowed::Reading => &[ALWAYS, OLD_ALWAYS],
        Allowed::Writing => &[ALWAYS, OLD_ALWAYS, WRITING, OLD_WRITING],
        Allowed::Loading => &[ALWAYS, OLD_ALWAYS, WRITING, OLD_WRITING, LOADING],
    };
    rules.extend(lists.iter().flat_map(|list| list.iter()).map(|&call| (call, Vec::new())));
    for (call, ways) in conditional(allowed) {
        rules.insert(call, ways.iter().map(|way| rule(way)).collect::<Result<_, _>>()?);
    }
    // as if the system did not have the call: programs know what to do then, and libc's threads need it of `clone3`
    let absent = SeccompAction::Errno(libc::ENOSYS as u32);
    SeccompFilter::new(rules, absent, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
}

/// A way that is allowed when all conditions hold.
fn rule(conditions: &[Condition]) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = |(argument, operator, value): &Condition| {
        // flags of `mmap` and `clone` fill a word, numbers of processes and commands half of one
        let length = if matches!(operator, MaskedEq(_)) { Qword } else { Dword };
        SeccompCondition::new(*argument, length, operator.clone(), *value)
    };
    SeccompRule::new(conditions.iter().map(condition).collect::<Result<_, _>>()?)
}

/// Calls whose arguments decide, with the ways in which they are allowed.
fn conditional(allowed: Allowed) -> Vec<(i64, Vec<Vec<Condition>>)> {
    let own = u64::from(std::process::id());
    let mask = |argument, mask: i32, value: i32| (argument, MaskedEq(mask as u64), value as u64);
    let one_of = |argument: u8, values: &[u64]| values.iter().map(|&value| vec![(argument, Eq, value)]).collect();
    let mut calls = vec![
        // threads and no processes
        (libc::SYS_clone, vec![vec![mask(0, CLONE_THREAD, CLONE_THREAD)]]),
        (libc::SYS_kill, one_of(0, &[own])),
        (libc::SYS_tgkill, one_of(0, &[own])),
        // limits are read, and set by the host
        (libc::SYS_prlimit64, [0, own].map(|process| vec![(0, Eq, process), (2, MaskedEq(u64::MAX), 0)]).into()),
        (libc::SYS_sched_setaffinity, one_of(0, &[0])),
        // a socket that is connected, and none that is yet to be
        (libc::SYS_sendto, vec![vec![(4, MaskedEq(u64::MAX), 0)]]),
        (
            libc::SYS_mmap,
            vec![
                vec![mask(3, MAP_SHARED | MAP_GROWSDOWN, 0)],
                vec![mask(3, MAP_TYPE | MAP_ANONYMOUS | MAP_GROWSDOWN, MAP_SHARED), mask(2, PROT_WRITE, 0)],
            ],
        ),
        // signals to any process, and buffers of any size
        (
            libc::SYS_fcntl,
            vec![[F_SETOWN as u64, F_SETSIG, F_SETOWN_EX, F_SETPIPE_SZ as u64].map(|command| (1, Ne, command)).into()],
        ),
        (libc::SYS_ioctl, one_of(1, &[TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX])),
        (
            libc::SYS_prctl,
            one_of(
                0,
                &[
                    PR_SET_NAME as u64,
                    PR_GET_NAME as u64,
                    PR_GET_DUMPABLE as u64,
                    PR_SET_NO_NEW_PRIVS as u64,
                    PR_SET_TIMERSLACK as u64,
                    PR_SET_VMA,
                ],
            ),
        ),
    ];
    if allowed == Allowed::Reading {
        let writes = O_ACCMODE | O_CREAT | O_TRUNC;
        calls.push((libc::SYS_openat, vec![vec![mask(2, writes, O_RDONLY)]]));
        #[cfg(target_arch = "x86_64")]
        calls.push((libc::SYS_open, vec![vec![mask(1, writes, O_RDONLY)]]));
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_filters_compile() {
        for allowed in [Allowed::Reading, Allowed::Writing, Allowed::Loading] {
            assert!(program(allowed).expect("a program").len() < 4096);
        }
    }
}
