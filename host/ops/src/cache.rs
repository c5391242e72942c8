//! The caches of this machine, by which products choose how much they read at a time. Results do not depend on it.

use std::fs;
use std::path::Path;

/// Where Linux describes the caches of the first core.
const CACHES: &str = "/sys/devices/system/cpu/cpu0/cache";

/// What is assumed where nothing is said.
const USUAL: usize = 1 << 20;

/// Bytes of a core's second-level cache, by what Linux says; 1 MiB elsewhere.
pub fn second_level() -> usize {
    let mut caches = fs::read_dir(CACHES).into_iter().flatten().filter_map(Result::ok);
    caches.find_map(|cache| size_of_second(&cache.path())).unwrap_or(USUAL)
}

/// The size of a cache, if it is one of the second level.
fn size_of_second(cache: &Path) -> Option<usize> {
    let says = |name: &str| fs::read_to_string(cache.join(name)).ok();
    (says("level")?.trim() == "2").then(|| bytes(says("size")?.trim())).flatten()
}

/// As Linux writes sizes: `1024K`, `1M`.
fn bytes(size: &str) -> Option<usize> {
    let unit = |letter, shift: u32| size.strip_suffix(letter).map(|number| (number, shift));
    let (number, shift) = unit('K', 10).or_else(|| unit('M', 20)).unwrap_or((size, 0));
    number.parse::<usize>().ok()?.checked_shl(shift).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_linux() {
        let read = ["1024K", "2M", "4096", "0K", "K", ""].map(bytes);
        assert_eq!(read, [Some(1 << 20), Some(2 << 20), Some(4096), None, None, None]);
        assert!(second_level() >= 1 << 16);
    }
}
