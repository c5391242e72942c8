//! Which program a run is trained with.

/// Version of the program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that the program was built from, with a `+` if the sources had other changes; `unknown` when it was built
/// from an archive.
pub const COMMIT: &str = env!("TRAINYARD_COMMIT");
