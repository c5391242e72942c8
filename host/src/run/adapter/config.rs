//! The keys of `[adapter]`.

use super::Adapted;
use crate::base::patterns::Pattern;
use crate::formats::peft::{A, Adapter, PeftConfig};
use crate::model::Params;
use crate::ops::BlockFormat;
use crate::settings::Section;
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `[adapter]`: LoRA (Hu et al., arXiv 2106.09685). Beside each linear layer `x W` that it names, `x A B` of a small
/// `rank` is trained, times `alpha` / `rank`, and everything else stays as it was.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AdapterConfig {
    /// A folder with an adapter that PEFT or another run has saved, from which it begins, and which says what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// Columns between A and B.
    pub rank: u32,
    /// What the product is multiplied with, together with 1 / `rank`.
    pub alpha: f64,
    /// Share of the inputs of A that are set to zero while training.
    pub dropout: f64,
    /// Patterns of the names of linear layers that get one, or of the ends of these names, such as `q_proj`; all but
    /// the output layer if not said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether `alpha` is divided by the square root of the rank (Kalajdzievski, arXiv 2312.03732).
    pub rslora: bool,
    /// Other ranks, by patterns of the layers' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ranks: BTreeMap<String, u32>,
    /// Other values of `alpha`, by patterns of the layers' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alphas: BTreeMap<String, f64>,
    /// Whether the weights that stay as they are, are held in blocks of 8 bits (`int8`) or 4 (`nf4`, as in `QLoRA`,
    /// arXiv 2305.14314), or as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantize: Option<BlockFormat>,
    /// Patterns of the names of parameters, or of modules that hold them, that are trained as a whole besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_train: Vec<String>,
}

const PATTERNS: &str = "a list of patterns of names, such as [\"q_proj\", \"v_proj\"]";

/// What `quantize` may be.
const QUANTIZE: [(&str, Option<BlockFormat>); 3] =
    [("none", None), ("int8", Some(BlockFormat::Int8)), ("nf4", Some(BlockFormat::Nf4))];

/// The largest rank.
const RANK_MAX: i64 = 1 << 16;

/// A table of numbers by names.
fn by_name<T>(
    section: &mut Section<'_>,
    key: &'static str,
    expected: &str,
    number: impl Fn(&toml::Value) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut numbers = BTreeMap::new();
    for (name, value) in section.settings(key) {
        match number(&value) {
            Some(number) => drop(numbers.insert(name, number)),
            None => section.problem(key, format!("{name}: expected {expected}, got {value}")),
        }
    }
    numbers
}

impl AdapterConfig {
    /// What `[adapter]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let is_pattern = |text: &str| Pattern::new(text).is_ok();
        let from = section.path("from");
        let saved = match from.as_deref().map(Self::of_folder) {
            // a run that has begun does not need the folder again: its config says the rest
            Some(Err(error)) if !section.holds("rank") => {
                section.problem("from", error);
                None
            }
            Some(Ok(saved)) => Some(saved),
            _ => None,
        };
        let rank = section.integer("rank", 1..=RANK_MAX, saved.as_ref().map_or(8, |saved| saved.rank));
        let own = Self {
            from,
            rank,
            alpha: section.number("alpha", 0.0.., saved.as_ref().map_or(2.0 * f64::from(rank), |saved| saved.alpha)),
            dropout: section.number("dropout", 0.0..1.0, saved.as_ref().map_or(0.0, |saved| saved.dropout)),
            targets: section.texts("targets", PATTERNS, is_pattern),
            rslora: section.boolean("rslora", saved.as_ref().is_some_and(|saved| saved.rslora)),
            ranks: by_name(section, "ranks", "a whole number of 1 or more", |value| {
                u32::try_from(value.as_integer()?).ok().filter(|&rank| rank > 0)
            }),
            alphas: by_name(section, "alphas", "a number of 0 or more", |value| {
                let number = value.as_float().or(value.as_integer().map(|whole| whole as f64));
                number.filter(|number| number.is_finite() && *number >= 0.0)
            }),
            quantize: section.choice("quantize", &QUANTIZE, None),
            also_train: section.texts("also_train", PATTERNS, is_pattern),
        };
        let Some(saved) = saved else { return own };
        Self {
            targets: if own.targets.is_empty() { saved.targets } else { own.targets },
            ranks: if own.ranks.is_empty() { saved.ranks } else { own.ranks },
            alphas: if own.alphas.is_empty() { saved.alphas } else { own.alphas },
            also_train: if own.also_train.is_empty() { saved.also_train } else { own.also_train },
            ..own
        }
    }

    /// What the adapter in a folder is.
    fn of_folder(folder: &Path) -> Result<Self> {
        let adapter = Adapter::open(folder)?;
        if adapter.config.use_dora {
            let (folder, cure) = (folder.display(), "make a model of it with: trainyard convert");
            return Err(Error::usage(format!(
                "{folder}: is of DoRA, which is not trained further; {cure} {folder} FOLDER"
            )));
        }
        let PeftConfig { r: rank, lora_alpha: alpha, lora_dropout: dropout, use_rslora: rslora, .. } = adapter.config;
        let own = |layer: &str| {
            let matrix = format!("{layer}{A}");
            adapter.names().find(|(name, _)| *name == matrix).and_then(|(_, shape)| u32::try_from(*shape.first()?).ok())
        };
        let mut saved = Self {
            from: None,
            rank,
            alpha,
            dropout,
            targets: adapter.layers().map(str::to_owned).collect(),
            rslora,
            quantize: None,
            ranks: BTreeMap::new(),
            alphas: BTreeMap::new(),
            also_train: adapter
                .names()
                .map(|(name, _)| name)
                .filter(|name| !name.contains(".lora_"))
                .map(str::to_owned)
                .collect(),
        };
        for layer in adapter.layers() {
            if let Some(other) = own(layer).filter(|&other| other != rank) {
                saved.ranks.insert(layer.to_owned(), other);
            }
            let (_, other) = adapter.config.of_layer(layer);
            if other != alpha {
                saved.alphas.insert(layer.to_owned(), other);
            }
        }
        Ok(saved)
    }

    /// Gives the parameters of the adapter the values that it begins from, if it begins from others.
    ///
    /// # Errors
    /// A folder that is no longer there, tensors that are missing or do not fit.
    pub fn load(&self, adapted: &Adapted, params: &Params) -> Result<()> {
        let Some(from) = &self.from else { return Ok(()) };
        let mut adapter = Adapter::open(from)?;
        for name in &adapted.trained {
            let tensor = adapter.read(name)?;
            params.set(name, &tensor).map_err(|error| error.context(format!("{}: {name}", from.display())))?;
        }
        Ok(())
    }
}
