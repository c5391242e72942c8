//! What one instance of a plugin may use.

use crate::settings::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainyard_plugin::graph::MAX_NODES;

/// Limits of one plugin, `[loss.limits]` in a config. Each has a default that no well-behaved plugin reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Milliseconds that one call may take. 0 is no deadline, for plugins that the config trusts.
    pub call_ms: u64,
    /// Mebibytes of memory.
    pub memory_mb: u64,
    /// Mebibytes that one call may return.
    pub output_mb: u64,
    /// Elements of all tables of a component.
    pub table_elements: usize,
    /// Core instances, memories and tables of a component, of each.
    pub instances: usize,
    /// Nodes of the graph that a loss or metric describes.
    pub graph_nodes: usize,
    /// Lines a second that it may log; more are counted and not shown.
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_ms: 10_000,
            memory_mb: 1024,
            output_mb: 256,
            table_elements: 100_000,
            instances: 100,
            graph_nodes: MAX_NODES,
            log_lines: 20,
        }
    }
}

impl Limits {
    /// Why `call_ms = 0` is refused.
    pub(super) const NO_DEADLINE: &str = "call_ms = 0 is for trusted plugins, which can hang the run: add \
                                          trust = \"wasm\" or \"native\" beside plugin = …";

    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            call_ms: section.integer("call_ms", 0.., default.call_ms),
            memory_mb: section.integer("memory_mb", 1..=4096, default.memory_mb),
            output_mb: section.integer("output_mb", 1..=4096, default.output_mb),
            table_elements: section.integer("table_elements", 1..=10_000_000, default.table_elements),
            instances: section.integer("instances", 1..=10_000, default.instances),
            graph_nodes: section.integer("graph_nodes", 1..=MAX_NODES as i64, default.graph_nodes),
            log_lines: section.integer("log_lines", 0..=10_000, default.log_lines),
        }
    }
}
