//! Which program writes a record, where and when.

use chrono::{SecondsFormat, Utc};

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that the program was built from, with a `+` if the sources had other changes; `unknown` when it was built
/// from an archive.
pub const COMMIT: &str = env!("TRAINYARD_COMMIT");

/// Name of this machine; empty where the system does not say.
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// The time of day, as RFC 3339 in UTC: `2026-11-29T05:03:17Z`.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}
