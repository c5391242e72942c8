//! The kinds of plugins: what the host knows of each, one file per kind.
//!
//! A kind's file holds its [`Entry`], the checks of its answers, its trait over any [`Seat`] for the rest of the host,
//! and the way from a linked-in instance to a seat. Nothing else under `plugin` names a kind, but for the tables of
//! native plugins, whose layout is C's.

mod filter;
mod loss;
mod metric;
mod metrics;
mod model;
mod names;
mod text_metric;
mod tokenizer;
mod vocabulary;

pub use filter::PLUGIN_ERROR;
pub use vocabulary::Specials;

use super::Plugin;
use super::call::{Answer, Call, Function};
use super::checked::Checks;
use super::guard::Guarded;
use super::limits::Limits;
use super::seat::Seat;
use std::cell::RefCell;
use trainyard_plugin::{Constructor, Identity, Kind, PluginError, Result, Setting};

/// What the host knows of a kind.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The contract, as major and minor, since which plugins of the kind load in every host of their contract. None for
    /// a draft, which still changes with the host: its plugins load only where the config allows it.
    pub frozen_in: Option<(u32, u32)>,
    /// The table of a run's config that names such a plugin.
    pub section: &'static str,
    /// The functions of every plugin of the kind.
    pub functions: &'static [Function],
    /// The functions of plugins whose identity lists an ability.
    pub abilities: &'static [Ability],
    /// The call that brings a new instance to where another one was, from what that one's `train` or `state` returned.
    /// None for plugins that keep nothing.
    pub restore: Option<for<'a> fn(&'a [u8]) -> Call<'a>>,
    /// What `on_error = "skip"` leaves out; none for plugins without items.
    pub skip: Option<Skip>,
    /// New checks, for an instance with these limits.
    pub checks: fn(&Limits) -> Box<dyn Checks>,
    /// What `plugin new` writes.
    pub example: Example,
}

/// An ability and the functions that come with it.
pub struct Ability {
    /// The name in identities.
    pub name: &'static str,
    pub functions: &'static [Function],
}

/// What `on_error = "skip"` does when a call with a batch fails.
#[derive(Clone, Copy)]
pub struct Skip {
    /// The functions whose items can be left out.
    pub functions: &'static [Function],
    /// What one item is, in messages.
    pub item: &'static str,
    /// Whether a call that failed may have changed the instance.
    pub changes: bool,
    /// The answer for one item that is left out.
    pub left_out: fn() -> Result<Answer>,
    /// One answer from those for single items.
    pub join: fn(Vec<Answer>) -> Result<Answer>,
}

/// A small real plugin of the kind, in each language.
#[derive(Clone, Copy)]
pub struct Example {
    /// One line.
    pub description: &'static str,
    /// Its settings in `plugin.toml`.
    pub settings: &'static str,
    /// The plugin in Rust, its test included.
    pub rust: &'static str,
    /// The plugin and its test in C.
    pub c: [&'static str; 2],
    /// The plugin and its test in Python.
    pub python: [&'static str; 2],
    /// The plugin and its test in JavaScript.
    pub javascript: [&'static str; 2],
}

/// The example in `host/templates` whose files have this name.
macro_rules! example {
    ($name:literal, $description:literal, settings $settings:expr) => {
        $crate::plugin::kinds::Example {
            description: $description,
            settings: $settings,
            rust: $crate::plugin::kinds::template!("rust/", $name, ".rs"),
            c: [
                $crate::plugin::kinds::template!("c/", $name, ".c"),
                $crate::plugin::kinds::template!("c/test_", $name, ".c"),
            ],
            python: [
                $crate::plugin::kinds::template!("python/", $name, ".py"),
                $crate::plugin::kinds::template!("python/test_", $name, ".py"),
            ],
            javascript: [
                $crate::plugin::kinds::template!("js/", $name, ".js"),
                $crate::plugin::kinds::template!("js/test_", $name, ".js"),
            ],
        }
    };
}
use example;

/// A file in `host/templates`.
macro_rules! template {
    ($($path:literal),+) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $($path),+))
    };
}
use template;

/// The kinds that `[[metric]]` takes.
pub const METRICS: &[Kind] = &[Kind::Metric, Kind::TextMetric];

/// What the host knows of `kind`.
pub fn entry(kind: Kind) -> &'static Entry {
    match kind {
        Kind::Tokenizer => &tokenizer::ENTRY,
        Kind::Filter => &filter::ENTRY,
        Kind::Loss => &loss::ENTRY,
        Kind::Metric => &metric::ENTRY,
        Kind::TextMetric => &text_metric::ENTRY,
        Kind::Model => &model::ENTRY,
    }
}

impl Entry {
    /// How far the kind is settled: `frozen` or `draft`.
    pub fn stability(&self) -> &'static str {
        if self.frozen_in.is_some() { "frozen" } else { "draft" }
    }
}

/// A new instance of a plugin that is linked in.
///
/// # Errors
/// Settings that the plugin refuses.
pub fn linked(create: Constructor, settings: &[Setting]) -> Result<Box<dyn Seat>> {
    Ok(match create {
        Constructor::Tokenizer(create) => Box::new(create(settings)?),
        Constructor::Filter(create) => Box::new(create(settings)?),
        Constructor::Loss(create) => Box::new(create(settings)?),
        Constructor::Metric(create) => Box::new(create(settings)?),
        Constructor::TextMetric(create) => Box::new(create(settings)?),
        Constructor::Model(create) => Box::new(create(settings)?),
    })
}

/// The functions of a plugin with this identity.
pub fn functions(identity: &Identity) -> Vec<Function> {
    let Entry { functions, abilities, .. } = entry(identity.kind);
    let abilities = abilities.iter().filter(|ability| identity.has(ability.name));
    functions.iter().chain(abilities.flat_map(|ability| ability.functions)).copied().collect()
}

/// What a linked-in instance of another kind says of a function.
fn not_of(call: Call<'_>, kind: Kind) -> PluginError {
    PluginError::internal(format!("{} is not a function of a {kind}", call.function().name()))
}

/// An instance as the rest of the host holds it: checked, under the policy of its config, and behind the trait of its
/// kind.
pub struct Instance {
    /// The traits have functions that only look, but every call may end in a new instance.
    seat: RefCell<Guarded>,
}

impl Instance {
    /// Calls a function of whatever kind.
    ///
    /// # Errors
    /// Whatever the plugin fails with, and answers that are wrong.
    pub fn call(&mut self, call: Call<'_>) -> Result<Answer> {
        self.seat.get_mut().call(call)
    }

    /// Calls a function, for what is in its answer.
    fn ask<T: TryFrom<Answer, Error = PluginError>>(&self, call: Call<'_>) -> Result<T> {
        self.seat.borrow_mut().call(call)?.try_into()
    }
}

impl Plugin {
    /// What the host knows of the plugin's kind.
    pub(crate) fn entry(&self) -> &'static Entry {
        entry(self.identity().kind)
    }

    /// A new instance of whatever kind.
    pub(crate) fn instance(&self) -> Result<Instance> {
        Ok(Instance { seat: RefCell::new(Guarded::new(self.source.clone())?) })
    }

    /// A new instance, which must be of this kind.
    fn instance_of(&self, kind: Kind) -> Result<Box<Instance>> {
        match self.identity().kind {
            own if own == kind => self.instance().map(Box::new),
            other => Err(PluginError::internal(format!("{}: is a {other}, expected a {kind}", self.culprit()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::checked::Checked;
    use super::*;
    use trainyard_plugin::Identity;

    /// An instance that is linked in, checked as one of its kind with these abilities. Its errors begin with `P`.
    pub(super) fn checked(kind: Kind, abilities: &[&str], seat: impl Seat + 'static) -> Result<Checked> {
        let mut text =
            format!("trainyard-plugin\t1\nkind\t{kind}\nname\tp\nversion\t1.0.0\ncontract\t0.1\nsdk\t0.1.0\n");
        abilities.iter().for_each(|ability| text += &format!("ability\t{ability}\n"));
        let identity = Identity::parse(&text).expect("it has every line");
        let limits = Limits { graph_nodes: 100, ..Limits::default() };
        Checked::new("P".into(), &identity, (entry(kind).checks)(&limits), Box::new(seat))
    }

    #[test]
    fn every_kind_has_an_entry_and_functions_of_its_own() {
        for kind in Kind::ALL {
            let entry = entry(kind);
            assert_eq!((entry.frozen_in, entry.stability()), (Some((0, 1)), "frozen"), "{kind}");
            if let Some(skip) = &entry.skip {
                assert!(entry.functions.contains(&skip.functions[0]), "{kind}");
            }
            if let Some(restore) = entry.restore {
                assert!(entry.functions.contains(&restore(&[]).function()), "{kind}");
            }
        }
    }
}
