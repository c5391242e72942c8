//! The head of a model, compared with what the task has logits of.

use crate::feed::tasks::TaskConfig;
use crate::plugin::Plugin;
use crate::{Error, Result};

/// The setting of models with several heads.
const HEAD: &str = "head";
/// The head for one label of a text, the one for a label of each token, and others of models that come with the
/// program.
const SEQUENCE: &str = "sequence";
const TOKENS: &str = "tokens";
const OTHERS: [&str; 3] = ["lm", "mlm", "none"];

/// Refuses a head whose logits are not those of the task. A head that is not known is left to the model.
///
/// # Errors
/// Such a head, with the one that the task needs.
pub fn check_head(task: &TaskConfig, model: &Plugin) -> Result<()> {
    let Some((_, head)) = model.settings().find(|(key, _)| key == HEAD) else { return Ok(()) };
    let (wanted, head) = (wanted(task), head.trim_matches('"'));
    let is_other = OTHERS.contains(&head);
    let (expected, is_wrong) = match wanted {
        Some(wanted) => (format!("{wanted:?}"), is_other || head != wanted && [SEQUENCE, TOKENS].contains(&head)),
        None => ("one over the vocabulary".to_owned(), [SEQUENCE, TOKENS].contains(&head)),
    };
    match is_wrong {
        true => Err(Error::usage(format!(
            "model.config.head: expected {expected}, as task.kind is {:?}, got {head:?}",
            task.name()
        ))),
        false => Ok(()),
    }
}

fn wanted(task: &TaskConfig) -> Option<&'static str> {
    match task {
        TaskConfig::Labels(_) => Some(SEQUENCE),
        TaskConfig::Tags(_) => Some(TOKENS),
        _ => None,
    }
}
