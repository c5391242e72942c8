//! `[data]` of a run's config.

mod fields;
mod held_out;
mod loading;
mod source;
mod tokens;

pub use fields::{
    Bio, ColumnsConfig, FieldsConfig, INPUT, LABEL, LabelFrom, LabelsConfig, MESSAGES, SYSTEM, TAGS, TARGET, TOOLS,
    Unlabelled,
};
pub use held_out::HeldOutConfig;
pub use loading::{CurriculumConfig, Packing};
pub use source::{Format, InvalidLines, InvalidUtf8, SourceConfig};
pub(crate) use tokens::open_counted;
pub use tokens::{TokenFormat, TokensConfig};

use super::dedup::{DecontaminateConfig, DedupConfig};
use super::split::Split;
use crate::plugin::PluginConfig;
use crate::settings::Section;
use fields::Shared;
use schemars::JsonSchema;
use serde::Serialize;
use source::name_apart;
use std::path::PathBuf;

/// `[data]`: where documents come from, which stay, and how they are split.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DataConfig {
    /// Share of documents held out for validation while training, 0 to below 1.
    pub validation: f64,
    /// Share of documents held out for the final test, 0 to below 1.
    pub test: f64,
    /// A field of the documents' metadata, such as `book`: documents with the same value are in the same split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What becomes of odd labels, and by which field splits are stratified.
    #[serde(flatten)]
    pub labels: LabelsConfig,
    /// Whether what filters measure is stored, so that their limits can be changed without reading the text again.
    pub scores: bool,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// How documents become sequences.
    pub packing: Packing,
    /// Where finished work is kept, for this run and others; `run.dir/store` if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// `[data.dedup]`: repetitions, which go after all filters; none are looked for without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup: Option<DedupConfig>,
    /// `[data.held_out]`: text of its own for test, and for validation, that nothing filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutConfig>,
    /// `[data.decontaminate]`: training text that evaluations know, which goes last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decontaminate: Option<DecontaminateConfig>,
    /// Tokens that another program wrote, in place of sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensConfig>,
    /// `[[data.curriculum]]`, the first to begin first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curriculum: Vec<CurriculumConfig>,
    /// `[data.fields]`: the fields that hold the text, and what is learnt from besides it; every source has them too.
    #[serde(skip_serializing_if = "FieldsConfig::is_empty")]
    pub fields: FieldsConfig,
    /// `[[data.source]]`, at least one unless there are tokens.
    pub source: Vec<SourceConfig>,
    /// `[[data.filter]]`, applied in this order, after those of the source.
    pub filter: Vec<PluginConfig>,
}

impl DataConfig {
    /// All documents of `source`, unfiltered, none held out.
    pub fn new(source: Vec<SourceConfig>) -> Self {
        Self {
            validation: 0.0,
            test: 0.0,
            group: None,
            labels: LabelsConfig::default(),
            scores: true,
            threads: 0,
            packing: Packing::default(),
            store: None,
            dedup: None,
            held_out: None,
            decontaminate: None,
            tokens: None,
            curriculum: Vec::new(),
            fields: FieldsConfig::default(),
            source,
            filter: Vec::new(),
        }
    }

    /// Every filter with the source that it is for, if it is for one: those first.
    pub fn filters(&self) -> impl Iterator<Item = (Option<u16>, &PluginConfig)> {
        let of_sources = (0..).zip(&self.source);
        let of_sources = of_sources.flat_map(|(index, source)| source.filter.iter().map(move |f| (Some(index), f)));
        of_sources.chain(self.filter.iter().map(|filter| (None, filter)))
    }

    /// What `[data]` may contain.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let tokens = TokensConfig::read(section);
        let group = section.text_that("group", "a field of the metadata", |text| !text.is_empty());
        let shared = Shared::read(section, group.as_ref());
        let mut source = section.sections("source", |section| SourceConfig::read(section, &shared)).unwrap_or_default();
        match &tokens {
            None if source.is_empty() => section.problem("source", "expected at least one [[data.source]], got none"),
            Some(_) if !source.is_empty() => {
                section.conflict(&["tokens", "source"], "expected tokens or sources, got both");
            }
            _ => {}
        }
        if let Some(twice) = name_apart(&mut source) {
            section.problem("source", format!("expected sources of different names, got {twice:?} twice"));
        }
        check_shares(section, &source);
        let held_out = section.optional("held_out", |section| HeldOutConfig::read(section, &shared));
        let share = |split| if held_out.as_ref().is_some_and(|text| text.gives(split)) { 0.0 } else { 0.05 };
        let (validation, test) = (share(Split::Validation), share(Split::Test));
        let config = Self {
            filter: section.sections("filter", |section| PluginConfig::read(section, None)).unwrap_or_default(),
            validation: section.number("validation", 0.0..1.0, validation),
            test: section.number("test", 0.0..1.0, test),
            group,
            labels: shared.labels,
            fields: shared.fields,
            scores: section.boolean("scores", true),
            threads: section.integer("threads", 0..=1024, 0),
            packing: Packing::read(section),
            store: section.path("store"),
            dedup: section.optional("dedup", DedupConfig::read),
            held_out,
            decontaminate: section.optional("decontaminate", DecontaminateConfig::read),
            curriculum: CurriculumConfig::read(section, &source),
            tokens,
            ..Self::new(source)
        };
        if config.tokens.is_some() && !config.filter.is_empty() {
            section
                .conflict(&["filter", "tokens"], "filters judge text, and data.tokens has none: remove one of the two");
        }
        config.check_held_out(section);
        if config.validation + config.test >= 1.0 {
            let message =
                format!("expected less than 1 together with data.test, got {} + {}", config.validation, config.test);
            section.conflict(&["validation", "test"], message);
        }
        config
    }
}

/// Refuses shares that leave nothing for the other sources.
fn check_shares(section: &Section<'_>, sources: &[SourceConfig]) {
    let shares: f64 = sources.iter().filter_map(|source| source.share).sum();
    let are_all = sources.iter().all(|source| source.share.is_some());
    if shares > 1.0 + 1e-9 || (shares >= 1.0 && !are_all) {
        let message = format!("expected shares that leave something for the other sources, got {shares} together");
        section.problem("source", message);
    }
}

impl DataConfig {
    /// How a file of other documents is read: as the first source, or the held-out text, is; they need no labels.
    pub fn like(&self, path: &std::path::Path) -> SourceConfig {
        let like = self.source.first().or(self.held_out.as_ref().map(|held_out| &held_out.source));
        let own = SourceConfig::new(path);
        match like {
            None => own,
            Some(like) => SourceConfig {
                path: own.path,
                name: own.name,
                format: None,
                label: None,
                label_from: None,
                labels: LabelsConfig { unlabelled: Unlabelled::Keep, ..like.labels.clone() },
                filter: Vec::new(),
                ..like.clone()
            },
        }
    }

    /// Whether anything is held out for validation.
    pub fn has_validation(&self) -> bool {
        let share = self.validation > 0.0 || self.is_given(Split::Validation);
        self.tokens.as_ref().map_or(share, |tokens| tokens.validation.is_some())
    }

    /// Says whether `[data.held_out]` gives the documents of `split`.
    pub fn is_given(&self, split: Split) -> bool {
        self.held_out.as_ref().is_some_and(|held_out| held_out.gives(split))
    }

    /// Whether filters or deduplication may change the text of a share that is held out.
    pub fn is_filtered(&self) -> bool {
        self.dedup.is_some() || self.filters().next().is_some()
    }

    fn check_held_out(&self, section: &Section<'_>) {
        if self.held_out.is_none() {
            return;
        }
        if self.tokens.is_some() {
            let message = "data.tokens has files of its own for validation and test: remove one of the two";
            return section.conflict(&["held_out", "tokens"], message);
        }
        for (key, share, split) in
            [("test", self.test, Split::Test), ("validation", self.validation, Split::Validation)]
        {
            if share > 0.0 && self.is_given(split) {
                let message =
                    format!("expected 0, the {key} text is that of data.held_out, got {share}; remove the key");
                section.conflict(&[key, "held_out"], message);
            }
        }
    }

    /// Whether some source is met more often than another, at some time.
    pub fn is_mixed(&self) -> bool {
        let first = self.source.first().map_or(1.0, |source| source.weight);
        let is_own = |source: &SourceConfig| source.weight != first || source.share.is_some();
        !self.curriculum.is_empty() || self.source.iter().any(is_own)
    }
}
