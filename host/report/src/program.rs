//! Where and when a record is written.

use chrono::{SecondsFormat, Utc};

/// Name of this machine; empty where the system does not say.
pub fn host_name() -> String {
    sysinfo::System::host_name().unwrap_or_default()
}

/// The time of day, as RFC 3339 in UTC: `2026-11-29T05:03:17Z`.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}
