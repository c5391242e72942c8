//! The meaning of a change of each config key for a run that is resumed: one table.

/// The meaning of a change of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Not part of the identity: it changes no bit of the model, or the content of a file counts instead.
    Free,
    /// It changes the run: allowed with `--allow-changed`, and recorded.
    May,
    /// It decides which tokens the run is trained on: allowed with `--allow-changed`, and the data is prepared again.
    Data,
    /// It never changes within a run. This holds for every key without a line here.
    Fixed,
}

use Class::{Data, Fixed, Free, May};

/// Keys, the meaning of a change, and their name in `--allow-changed` (by default the first two parts of the key). `*`
/// stands for one part of a key, `**` for any number. The first line that matches counts. The keys of plugins are in
/// [`PLUGIN_KEYS`].
const KEYS: &[(&str, Class, &str)] = &[
    // where the run lies
    ("run.name", Free, ""),
    ("run.dir", Free, ""),
    ("run.tags", Free, ""),
    ("report.**", Free, ""),
    ("ranks.strategy", Free, ""),
    ("ranks.deadline_s", Free, ""),
    ("ranks.**", May, "ranks"),
    ("run.note", Free, ""),
    ("run.seed", May, "seed"),
    // the contents of the sources, not their paths
    ("data", Data, "data"),
    ("data.source.*.path", Free, ""),
    ("data.tokens.train", Free, ""),
    ("data.tokens.validation", Free, ""),
    ("data.tokens.test", Free, ""),
    // how the work on data is done
    ("data.threads", Free, ""),
    ("data.store", Free, ""),
    ("data.dedup.memory_mb", Free, ""),
    // how tokens become batches
    ("data.packing", May, "data.packing"),
    ("data.curriculum.**", May, "data.curriculum"),
    ("data.source.*.weight", May, "data.curriculum"),
    ("data.source.*.share", May, "data.curriculum"),
    // which tokens there are: what is new in [data] is so until it has another line
    ("data.validation", Data, "data.split"),
    ("data.test", Data, "data.split"),
    ("data.held_out.path", Free, ""),
    ("data.held_out", Data, "data.held_out"),
    ("data.held_out.name", Free, ""),
    ("data.held_out.**", Data, "data.held_out"),
    ("data.dedup.**", Data, "data.dedup"),
    ("data.decontaminate.**", Data, "data.decontaminate"),
    ("data.group", Data, "data.group"),
    ("data.source.**", Data, "data.source"),
    ("data.tokens.**", Data, "data.tokens"),
    ("data.fields.**", Data, "data.fields"),
    ("data.**", Data, ""),
    ("tokenizer.model", Data, "tokenizer"),
    ("tokenizer.end_of_text", Data, "tokenizer"),
    // what it holds was read before the first step
    ("adapter.from", Free, ""),
    // the shape of the tensors
    ("model.**", Fixed, "model"),
    ("train.precision", Fixed, "train.precision"),
    ("optimizer.kind", Fixed, "optimizer.kind"),
    // the steps
    ("optimizer.**", May, "optimizer"),
    ("schedule.**", May, "schedule"),
    ("train.steps", May, "train.steps"),
    ("train.batch", May, "train.batch"),
    ("train.accumulate", May, "train.batch"),
    ("train.clip", May, "train.batch"),
    ("train.deterministic", May, "train.deterministic"),
    // what is measured meanwhile, and when that ends the run
    ("train.validate_every", May, "train.validate"),
    ("train.validate_batches", May, "train.validate"),
    ("train.patience", May, "train.patience"),
    // how the work is done; a run may be resumed on another device, whose numbers differ in their last bits
    ("train.checkpoint_every", Free, ""),
    ("train.watch", Free, ""),
    ("train.keep_checkpoints", Free, ""),
    ("train.threads", Free, ""),
    ("train.workers", Free, ""),
    ("train.device", Free, ""),
    ("train.recompute", Free, ""),
    // the text that the finished model writes
    ("sample.**", Free, ""),
    ("eval.**", Free, ""),
];

/// The tables that name a plugin, the meaning of a change, and their name in `--allow-changed`.
const PLUGINS: &[(&str, Class, &str)] = &[
    ("tokenizer", Data, "tokenizer"),
    ("data.filter.*", Data, "filter"),
    ("data.source.*.filter.*", Data, "filter"),
    // a model whose tensors do not fit the checkpoint's is refused when they are read
    ("model", May, "model"),
    ("loss", May, "loss"),
    ("metric.*", May, "metric"),
];

/// The keys of such a table, and whether they count. Consent and limits decide whether a plugin runs, not its answers.
const PLUGIN_KEYS: &[(&str, bool)] = &[
    ("plugin", true),
    ("name", true),
    ("config.**", true),
    ("allow.**", true),
    ("on_error", true),
    ("trust", false),
    ("draft", false),
    ("sha256", false),
    ("isolation", false),
    ("max_errors", false),
    ("limits.**", false),
];

/// Returns the meaning of a change of `key`, and its name in `--allow-changed`.
pub fn class(key: &str) -> (Class, String) {
    let parts: Vec<_> = key.split('.').collect();
    if let Some((class, place, rest)) = of_plugin(&parts)
        && let Some((_, counts)) = PLUGIN_KEYS.iter().find(|(pattern, _)| fits(pattern, rest))
    {
        return (if *counts { class } else { Free }, place.to_owned());
    }
    let own_place = || parts[..parts.len().min(2)].join(".");
    match KEYS.iter().find(|(pattern, ..)| fits(pattern, &parts)) {
        Some((_, class, "")) => (*class, own_place()),
        Some((_, class, place)) => (*class, (*place).to_owned()),
        None => (Fixed, own_place()),
    }
}

/// Whether the key names a plugin, whose file counts.
pub fn names_plugin(key: &str) -> bool {
    let parts: Vec<_> = key.split('.').collect();
    of_plugin(&parts).is_some_and(|(.., rest)| rest == ["plugin"])
}

/// Returns, for a key in the table of a plugin, the meaning of a change, its name in `--allow-changed`, and its parts
/// within the table.
fn of_plugin<'a>(parts: &'a [&'a str]) -> Option<(Class, &'static str, &'a [&'a str])> {
    PLUGINS.iter().find_map(|(table, class, place)| {
        let (start, rest) = parts.split_at_checked(table.split('.').count())?;
        fits(table, start).then_some((*class, *place, rest))
    })
}

/// Returns everything that `--allow-changed` may name besides a key.
pub fn places() -> Vec<&'static str> {
    let named = KEYS.iter().chain(PLUGINS).filter(|(_, class, place)| !place.is_empty() && *class != Fixed);
    let mut all: Vec<_> = named.map(|(.., place)| *place).collect();
    all.push("numerics"); // no key: see train/numerics.rs
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a pattern matches a key of these parts.
fn fits(pattern: &str, parts: &[&str]) -> bool {
    let mut left = parts.iter();
    for part in pattern.split('.') {
        match (part, left.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (part, Some(got)) if part == *got => {}
            _ => return false,
        }
    }
    left.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_classes_and_places() {
        for (key, expected, place) in [
            ("optimizer.lr", May, "optimizer"),
            ("optimizer.kind", Fixed, "optimizer.kind"),
            ("data.dedup.minhash.bands", Data, "data.dedup"),
            ("data.source.3.text_field", Data, "data.source"),
            ("data.source.3.filter.0.config.n", Data, "filter"),
            ("data.source.3.filter.0.limits.call_ms", Free, "filter"),
            ("tokenizer.config.vocab_size", Data, "tokenizer"),
            ("tokenizer.allow", Data, "tokenizer"),
            ("metric.1.trust", Free, "metric"),
            ("loss.config.plugin", May, "loss"),
            ("model.layers", Fixed, "model"),
            ("model.context", Fixed, "model"),
            ("model.config.layers", May, "model"),
            ("model.limits.call_ms", Free, "model"),
            ("train.something_new", Fixed, "train.something_new"),
            ("data.something_new", Data, "data.something_new"),
        ] {
            assert_eq!(class(key), (expected, place.to_owned()), "{key}");
        }
        assert!(names_plugin("metric.0.plugin") && !names_plugin("loss.config.plugin"));
    }
}
