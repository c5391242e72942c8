//! The parts of the SDK that are not Rust, as text: what `trainyard plugin new` and `build` hand to other languages.

/// The contract, `wit/plugin.wit`.
pub const WIT: &str = include_str!("../wit/plugin.wit");
/// The native form of the contract as a C header, with what makes writing a plugin in C short.
pub const C_HEADER: &str = include_str!("../include/trainyard_plugin.h");
/// What makes writing a model in C short, for [`C_HEADER`].
pub const C_NETWORK: &str = include_str!("../include/trainyard_network.h");
/// What makes a component of a plugin that was written for the header.
pub const C_BRIDGE: &str = include_str!("../c/bridge.c");
/// The Python module that plugins import.
pub const PYTHON: &str = include_str!("../python/trainyard_plugin.py");
/// The Python module that componentize-py enters.
pub const PYTHON_ENTRY: &str = include_str!("../python/trainyard_entry.py");
/// The JavaScript module that plugins import.
pub const JAVASCRIPT: &str = include_str!("../js/trainyard_plugin.js");
/// The JavaScript module whose exports become the component's.
pub const JAVASCRIPT_ENTRY: &str = include_str!("../js/trainyard_entry.js");
