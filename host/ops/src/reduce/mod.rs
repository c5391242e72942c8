//! Sums over rows, in a fixed order.

pub(super) mod cpu;
pub(super) mod gpu;
