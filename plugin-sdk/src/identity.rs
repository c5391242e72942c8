//! Who a plugin is, in a form that sits in the compiled file and is read without running it.
//!
//! The text is a list of lines, each a key and its values separated by tabs:
//!
//! ```text
//! trainyard-plugin  1
//! kind              loss
//! name              focal
//! version           0.1.0
//! contract          0.1
//! sdk               0.1.0
//! license           MIT OR Apache-2.0
//! description       cross-entropy that weighs down what is easy
//! ability           idempotent
//! setting           gamma  f64  2.0  focusing exponent, 0 or more; 0 is plain cross-entropy
//! ```
//!
//! It is the WASM custom section and the ELF section named [`SECTION`]. An unknown key is ignored, so the list may
//! grow.

/// The version of the contract (`wit/plugin.wit`) that this SDK speaks, as major and minor.
pub const CONTRACT: (u32, u32) = (0, 1);

/// The name of the section that holds the text.
pub const SECTION: &str = "trainyard_plugin";

/// What a plugin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`crate::Tokenizer`].
    Tokenizer,
    /// [`crate::Filter`].
    Filter,
    /// [`crate::Loss`].
    Loss,
    /// [`crate::Metric`].
    Metric,
    /// [`crate::TextMetric`].
    TextMetric,
    /// [`crate::Model`].
    Model,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [Kind::Tokenizer, Kind::Filter, Kind::Loss, Kind::Metric, Kind::TextMetric, Kind::Model];

    /// The number in the tables of native plugins, and the place in [`Kind::ALL`].
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The name in identities, configs and WIT worlds.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Tokenizer => "tokenizer",
            Kind::Filter => "filter",
            Kind::Loss => "loss",
            Kind::Metric => "metric",
            Kind::TextMetric => "text-metric",
            Kind::Model => "model",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Who a plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it is for.
    pub kind: Kind,
    /// Its name, in lower case with hyphens.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The contract it was built for, as major and minor.
    pub contract: (u32, u32),
    /// The version of the SDK it was built with.
    pub sdk: String,
    /// Its licence, as an SPDX expression.
    pub license: String,
    /// What it does, in one line.
    pub description: String,
    /// What it claims to do beyond its kind, by name. A host asks for the names that it knows, such as
    /// [`IDEMPOTENT`], and ignores others.
    pub abilities: Vec<String>,
    /// Its settings.
    pub settings: Vec<SettingInfo>,
}

/// Ability of a filter: judging what it rewrote keeps it as it is. `trainyard plugin check` holds it to that.
pub const IDEMPOTENT: &str = "idempotent";

/// Ability of a filter: it hands out [`crate::Filter::rules`] and what they compare. `export!(measured_filter …)`
/// claims it.
pub const MEASURES: &str = "measures";

/// Ability of a tokenizer: not every text comes back from its tokens, as with lower-casing.
pub const LOSSY: &str = "lossy";

/// Ability of a text metric: it reads what the model was given, by [`crate::TextMetric::update_prompted`].
pub const PROMPTS: &str = "prompts";

/// Ability of a text metric: it says what its value is computed with, by [`crate::TextMetric::signature`].
pub const SIGNATURE: &str = "signature";

/// How the abilities of a model begin that name the `model_type`s of Hugging Face's `config.json` that it imports, such
/// as `hf:gpt2`.
pub const HUGGING_FACE: &str = "hf:";

/// One setting of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInfo {
    /// Its name.
    pub name: String,
    /// Its type, as in [`crate::config!`].
    pub value_type: String,
    /// Its default, as written in the source.
    pub default: String,
    /// What it means.
    pub doc: String,
}

impl Identity {
    /// Whether the plugin claims the ability `name`.
    pub fn has(&self, name: &str) -> bool {
        self.abilities.iter().any(|ability| ability == name)
    }

    /// Reads the text; the error says which line is missing or wrong.
    ///
    /// # Errors
    /// The line that is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.trim_end_matches('\0').lines();
        match lines.next() {
            Some("trainyard-plugin\t1") => {}
            Some(line) => {
                return Err(format!("identity begins with {:?}, expected \"trainyard-plugin\\t1\"", clip(line)));
            }
            None => return Err("identity is empty".into()),
        }
        let (mut settings, mut abilities) = (Vec::new(), Vec::new());
        let mut fields = std::collections::BTreeMap::new();
        for line in lines {
            match line.split('\t').collect::<Vec<_>>().as_slice() {
                ["setting", name, value_type, default, doc] => settings.push(SettingInfo {
                    name: (*name).into(),
                    value_type: (*value_type).into(),
                    default: (*default).into(),
                    doc: doc.trim().into(),
                }),
                ["setting", ..] => return Err(format!("identity: setting line {:?} has not five columns", clip(line))),
                ["ability", name] => abilities.push((*name).to_owned()),
                [key, value] => {
                    fields.insert(*key, *value);
                }
                _ => {}
            }
        }
        let field = |key: &str| {
            fields.get(key).map(|value| (*value).to_owned()).ok_or_else(|| format!("identity has no line {key:?}"))
        };
        let kind = field("kind")?;
        Ok(Self {
            kind: Kind::ALL
                .into_iter()
                .find(|known| known.name() == kind)
                .ok_or_else(|| format!("identity: kind {kind:?} is unknown"))?,
            name: field("name")?,
            version: field("version")?,
            contract: parse_contract(&field("contract")?)?,
            sdk: field("sdk")?,
            license: field("license").unwrap_or_default(),
            description: field("description").unwrap_or_default(),
            abilities,
            settings,
        })
    }
}

fn parse_contract(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("identity: contract {:?} is not major.minor", clip(text));
    let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
    Ok((major.parse().map_err(|_| wrong())?, minor.parse().map_err(|_| wrong())?))
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}
