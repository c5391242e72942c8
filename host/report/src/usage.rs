//! What plugins did and cost, a line for each.

use super::text::{NAME_CHARS, bytes, count, duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use trainyard_base::clean;

/// One plugin of a run: counts of this process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PluginReport {
    /// Where the config names it: `tokenizer`, `filter`, `loss` or `metric`.
    pub place: Cow<'static, str>,
    /// Its name.
    pub name: String,
    /// `builtin`, `wasm`, `native` or `process`.
    pub backend: String,
    /// Calls of its functions.
    pub calls: u64,
    /// Documents, sequences or pairs that it was given.
    pub items: u64,
    /// Bytes of text or token ids that it was given.
    pub bytes: u64,
    /// Seconds in its calls, over all threads.
    pub seconds: f64,
    /// Calls that failed.
    pub errors: u64,
    /// Items left out because of errors.
    pub skipped: u64,
    /// Instances made again because of errors.
    pub restarts: u64,
}

impl Display for PluginReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plural = |n: u64, what: &str| format!("{} {what}{}", count(n as f64), if n == 1 { "" } else { "s" });
        let name = format!("{} ({})", clean::clip(&self.name, NAME_CHARS), self.backend);
        write!(f, "{:<10} {name:<28} {}", self.place, plural(self.calls, "call"))?;
        if self.items > 0 {
            write!(f, ", {}, {}", plural(self.items, "item"), bytes(self.bytes as f64))?;
        }
        match self.seconds {
            seconds if seconds < 1.0 => write!(f, " in {:.1} ms", 1e3 * seconds)?,
            seconds => write!(f, " in {}", duration(seconds))?,
        }
        for (n, what) in [(self.errors, "error"), (self.restarts, "restart")] {
            if n > 0 {
                write!(f, ", {}", plural(n, what))?;
            }
        }
        match self.skipped {
            0 => Ok(()),
            n => write!(f, ", {n} skipped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_there_is_to_say() {
        let loss = PluginReport {
            place: "loss".into(),
            name: "focal".into(),
            backend: "wasm".into(),
            calls: 1,
            seconds: 3e-5,
            ..PluginReport::default()
        };
        assert_eq!(loss.to_string(), "loss       focal (wasm)                 1 call in 0.0 ms");
        let filter = PluginReport {
            place: "filter".into(),
            calls: 12,
            items: 1500,
            bytes: 3_200_000,
            seconds: 90.0,
            errors: 3,
            restarts: 1,
            skipped: 2,
            ..loss
        };
        let expected = "filter     focal (wasm)                 12 calls, 1.50k items, 3.05 MiB in 1m 30s, 3 errors, 1 restart, \
                        2 skipped";
        assert_eq!(filter.to_string(), expected);
    }
}
