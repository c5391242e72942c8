//! The head of a model that has several, as the task needs it.

use crate::feed::tasks::TaskConfig;
use crate::plugin::{PluginConfig, inspect};
use crate::settings::Section;
use std::path::Path;

/// The setting of models that have several heads: it names one of those in its description.
const HEAD: &str = "head";

/// Names of the head that a task needs, the first that a model has.
fn names(task: &TaskConfig) -> &'static [&'static str] {
    match task {
        TaskConfig::Causal | TaskConfig::Chat(_) => &["lm"],
        TaskConfig::Masked(_) => &["mlm", "lm"],
        TaskConfig::Labels(_) => &["sequence"],
        TaskConfig::Tags(_) => &["tokens"],
        TaskConfig::Seq2Seq(_) | TaskConfig::Denoise(_) | TaskConfig::Embeddings(_) => &[],
    }
}

/// Sets the head of the model `plugin` for `task`, unless the config says which (`is_given`). One that has none for the
/// task is left as it is.
pub fn choose_head(section: &Section<'_>, plugin: &mut PluginConfig, is_given: bool, task: &TaskConfig) {
    let own = plugin.config.get(HEAD).and_then(toml::Value::as_str).map(str::to_owned);
    if task.continues_text() && own.is_none() {
        return;
    }
    // a plugin that cannot be read is reported where it is opened
    let Ok(model) = inspect(Path::new(&plugin.plugin)) else { return };
    let Some(setting) = model.settings.into_iter().find(|setting| setting.name == HEAD) else { return };
    let is_known = |name: &&str| setting.doc.split(|char: char| !char.is_alphanumeric()).any(|word| word == *name);
    let Some(name) = names(task).iter().copied().find(is_known) else { return };
    match own.as_deref() {
        Some(own) if is_given => {
            if own != name && task.has_labels() {
                let message = format!(
                    "{HEAD}: expected {name:?}, the head for task.kind = {:?}, got {own:?}; leave it out",
                    task.name()
                );
                section.problem("config", message);
            }
        }
        own if own.unwrap_or(setting.default.trim_matches('"')) == name => {}
        _ => drop(plugin.config.insert(HEAD.to_owned(), name.into())),
    }
}
