//! A filter that misbehaves in one function, as its setting says.

use std::sync::atomic::{AtomicU64, Ordering};
use trainyard_misbehave::misbehave;
use trainyard_plugin::{Create, Filter, PluginError, Result, Span, Verdict, config, export};

config! {
    /// Settings of `hostile-filter`.
    pub struct Settings {
        /// what goes wrong, and in which function
        behaviour: String = "nothing",
    }
}

/// The filter.
pub struct Hostile {
    behaviour: String,
    observed: u64,
}

/// Calls so far, of all instances: no answer may depend on it.
static CALLS: AtomicU64 = AtomicU64::new(0);

impl Create for Hostile {
    type Config = Settings;

    fn create(settings: Settings) -> Result<Self> {
        misbehave(&settings.behaviour, "create")?;
        Ok(Self { behaviour: settings.behaviour, observed: 0 })
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        // there is nobody to tell
        let _ = misbehave(&self.behaviour, "destroy");
    }
}

impl Filter for Hostile {
    fn judge(&mut self, documents: &[&str]) -> Result<Vec<Verdict>> {
        misbehave(&self.behaviour, "judge")?;
        if let Some(document) = documents.iter().find(|document| document.contains("poison")) {
            misbehave(&format!("{} in poison", self.behaviour), "poison")?;
            return Err(PluginError::input(format!("cannot judge {document:?}")));
        }
        let n_calls = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut verdicts: Vec<_> = documents.iter().map(|_| Verdict::keep()).collect();
        let Some(first) = verdicts.first_mut() else { return Ok(verdicts) };
        let mut span = |start, end| first.spans.push(Span { start, end });
        match self.behaviour.as_str() {
            "too-few" => drop(verdicts.pop()),
            "too-many" => verdicts.push(Verdict::keep()),
            "span-outside" => span(0, u32::MAX),
            "span-inverted" => span(2, 1),
            "span-inside-a-character" => span(0, 1),
            "nan" => first.score = Some(f64::NAN),
            "infinity" => first.score = Some(f64::NEG_INFINITY),
            "long-reason" => *first = Verdict::drop("x".repeat(101)),
            "control-reason" => *first = Verdict::drop("\u{1b}[2J"),
            "huge-text" => *first = Verdict::rewrite("x".repeat(300 << 20)),
            "growing" => *first = Verdict::rewrite(format!("{}!", documents[0])),
            "counts-calls" => *first = Verdict::keep().score(n_calls as f64),
            "depends-on-the-batch" => *first = Verdict::keep().score(documents.len() as f64),
            "counts-observed" => *first = Verdict::keep().score(self.observed as f64),
            _ => {}
        }
        Ok(verdicts)
    }

    fn two_pass(&self) -> bool {
        misbehave(&self.behaviour, "two-pass").is_ok()
    }

    fn observe(&mut self, documents: &[&str]) -> Result<()> {
        misbehave(&self.behaviour, "observe")?;
        self.observed += documents.len() as u64;
        Ok(())
    }

    fn state(&self) -> Result<Vec<u8>> {
        misbehave(&self.behaviour, "state")?;
        Ok(match self.behaviour.as_str() {
            "state-is-lost" => Vec::new(),
            "huge-state" => vec![7; 300 << 20],
            _ => self.observed.to_le_bytes().to_vec(),
        })
    }

    fn merge(&mut self, state: &[u8]) -> Result<()> {
        misbehave(&self.behaviour, "merge")?;
        match state.try_into() {
            Ok(bytes) => self.observed += u64::from_le_bytes(bytes),
            Err(_) => return Err(PluginError::input(format!("expected a state of 8 bytes, got {}", state.len()))),
        }
        Ok(())
    }
}

// the claim is a lie when it is `growing`
export!(filter "hostile-filter" = Hostile, abilities = ["idempotent"]);
