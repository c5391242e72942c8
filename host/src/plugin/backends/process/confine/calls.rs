//! The system calls that a confined plugin may make, whatever their arguments.

use libc::*;

/// Files that are open or read, memory, threads, signals of its own, who it is, time and waiting.
#[rustfmt::skip]
pub const ALWAYS: &[i64] = &[
    // files
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2,
    SYS_pwritev2, SYS_close, SYS_close_range, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_lseek, SYS_readlinkat,
    SYS_getdents64, SYS_faccessat, SYS_faccessat2, SYS_statfs, SYS_fstatfs, SYS_fadvise64, SYS_readahead, SYS_getcwd,
    SYS_dup, SYS_dup3, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
    // memory
    SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_mlock, SYS_mlock2, SYS_munlock, SYS_mincore,
    SYS_msync, SYS_membarrier, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_get_mempolicy,
    // threads
    SYS_futex, SYS_get_robust_list, SYS_set_robust_list, SYS_set_tid_address, SYS_rseq, SYS_gettid, SYS_sched_yield,
    SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_getcpu, SYS_exit, SYS_exit_group, SYS_restart_syscall, SYS_seccomp,
    // signals
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigpending,
    SYS_rt_sigtimedwait, SYS_sigaltstack,
    // who and where it is
    SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid,
    SYS_getresgid, SYS_getpgid, SYS_getsid, SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_times, SYS_getpriority,
    // time and waiting
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_timerfd_create,
    SYS_timerfd_settime, SYS_timerfd_gettime, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl,
    SYS_epoll_pwait, SYS_eventfd2, SYS_pipe2, SYS_recvfrom, SYS_getrandom,
];

/// Files in memory, which only loading makes.
pub const LOADING: &[i64] = &[SYS_memfd_create];

/// Files that are made, changed and removed.
#[rustfmt::skip]
pub const WRITING: &[i64] = &[
    SYS_openat, SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_mkdirat, SYS_truncate,
    SYS_fallocate, SYS_fchmod, SYS_fchmodat, SYS_linkat, SYS_symlinkat, SYS_utimensat, SYS_umask,
    SYS_copy_file_range, SYS_sendfile,
];

/// Older forms of those in [`ALWAYS`].
#[rustfmt::skip]
#[cfg(target_arch = "x86_64")]
pub const OLD_ALWAYS: &[i64] = &[
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_dup2, SYS_poll, SYS_select, SYS_epoll_create,
    SYS_epoll_wait, SYS_eventfd, SYS_pipe, SYS_time, SYS_alarm, SYS_getrlimit, SYS_getpgrp, SYS_arch_prctl,
];

/// Older forms of those in [`WRITING`].
#[rustfmt::skip]
#[cfg(target_arch = "x86_64")]
pub const OLD_WRITING: &[i64] = &[
    SYS_open, SYS_creat, SYS_unlink, SYS_rename, SYS_mkdir, SYS_rmdir, SYS_chmod, SYS_link, SYS_symlink,
];

/// This processor has none.
#[cfg(not(target_arch = "x86_64"))]
pub const OLD_ALWAYS: &[i64] = &[];

/// This processor has none.
#[cfg(not(target_arch = "x86_64"))]
pub const OLD_WRITING: &[i64] = &[];
