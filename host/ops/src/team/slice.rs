//! Short time slices: a thread that the others of a step wait for should run as soon as there is something to do.

/// Asks the system for the shortest slices of the processor for the calling thread. Its share of the processor stays
/// the same; it gets it in smaller parts, and when it is woken it runs at once if it has had less than its share
/// (Linux 6.12 and later; elsewhere nothing changes).
pub(super) fn shorten() {
    #[cfg(target_os = "linux")]
    linux::shorten();
}

#[cfg(target_os = "linux")]
mod linux {
    /// `struct sched_attr` of sched_setattr(2), its first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// Nanoseconds: the least that Linux accepts.
    const SLICE: u64 = 100_000;

    /// The policy of ordinary threads, SCHED_OTHER.
    const ORDINARY: u32 = 0;

    pub(super) fn shorten() {
        let size = size_of::<Attributes>() as u32;
        let mut attributes = Attributes { size, ..Attributes::default() };
        // SAFETY: the kernel writes at most `size` bytes; thread 0 is the calling one.
        let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        if got != 0 || attributes.policy != ORDINARY {
            return;
        }
        attributes.runtime = SLICE;
        // SAFETY: the kernel reads `size` bytes. Where it refuses, slices stay as they are.
        let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}
