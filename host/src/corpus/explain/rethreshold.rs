//! What other limits would drop, from what was measured: no text is read again, but for a few documents that show that
//! the filters still measure the same.

use super::drops::{Counter, DropTable, percent};
use super::prepared::Prepared;
use super::sample::line;
use crate::corpus::rules::{FilterRules, Limits};
use crate::corpus::{Judged, NamedFilter, Outcome};
use crate::{Error, Result};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Documents that are measured again.
const CHECKED: usize = 64;

/// The corpus under the limits that it was prepared with, and under others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rethreshold {
    /// Every setting that changed.
    pub changed: Vec<Change>,
    /// As prepared.
    pub before: DropTable,
    /// With the new limits.
    pub after: DropTable,
    /// Documents that were kept and are dropped now.
    pub go: u64,
    /// Documents that were dropped and are kept now.
    pub come: u64,
    /// Documents among the latter that deduplication, or another stage that looks at what the filters keep, never saw.
    pub unseen: u64,
    /// The documents whose verdict changes, in the corpus's order, if they were asked for.
    pub moved: Vec<Moved>,
}

/// A setting that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The filter's name.
    pub filter: String,
    /// The setting.
    pub setting: String,
    /// Its value when the corpus was prepared; none for the plugin's default.
    pub before: Option<String>,
    /// Its value now; none for the plugin's default.
    pub after: Option<String>,
}

/// A document whose verdict changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Its id.
    pub id: String,
    /// True when it is kept now.
    pub comes: bool,
    /// The filter that drops it, now or before.
    pub filter: String,
    /// Reason of the filter.
    pub reason: String,
}

/// Decides again with `filters`, which are the corpus's own with other limits. `list` names the documents whose verdict
/// changes.
///
/// # Errors
/// Filters that are others, settings that change what is measured, a store that cannot be read.
pub fn rethreshold(prepared: &Prepared, filters: &[NamedFilter<'_>], list: bool) -> Result<Rethreshold> {
    let scores = |index: usize| prepared.limits.filters.get(index).is_some_and(|old| !old.rules.is_empty());
    let new = filters.iter().enumerate().map(|(index, filter)| FilterRules::of(filter, scores(index)));
    let mut new = new.collect::<Result<Vec<_>>>()?;
    // what comes behind the filters is none of theirs
    new.extend(prepared.limits.filters.iter().filter(|filter| filter.plugin.is_empty()).cloned());
    let changed = changes(&prepared.limits.filters, &new)?;
    measures_the_same(prepared, filters)?;
    let (old, new) = (&prepared.limits, &Limits::new(new));
    let none = || Part {
        before: Counter::new(old, 0),
        after: Counter::new(new, 0),
        go: 0,
        come: 0,
        unseen: 0,
        moved: Vec::new(),
    };
    let part = |piece: &crate::corpus::prepare::Piece| -> Result<Part> {
        let mut part = none();
        for judged in piece.read()? {
            part.count(old, new, &judged?, list);
        }
        Ok(part)
    };
    let pieces = prepared.pieces()?;
    let all = pieces.par_iter().map(part).try_reduce(none, |a, b| Ok(a.merge(b)))?;
    let Part { before, after, go, come, unseen, moved } = all;
    Ok(Rethreshold { changed, before: before.table(old), after: after.table(new), go, come, unseen, moved })
}

struct Part {
    before: Counter,
    after: Counter,
    go: u64,
    come: u64,
    unseen: u64,
    moved: Vec<Moved>,
}

impl Part {
    fn count(&mut self, old: &Limits, new: &Limits, judged: &Judged, list: bool) {
        let (comes, (by, verdict)) = match (self.before.count(old, judged), self.after.count(new, judged)) {
            (None, Some(dropped)) => (false, dropped),
            (Some(dropped), None) => (true, dropped),
            _ => return,
        };
        let count = if comes { &mut self.come } else { &mut self.go };
        *count += 1;
        // in the order of asking, a document that no verdict dropped was asked about until a stage left it out
        self.unseen += u64::from(comes && judged.outcomes.contains(&Outcome::NotAsked));
        if list {
            let filter = new.filters[by].name.clone();
            self.moved.push(Moved { id: judged.document.id.clone(), comes, filter, reason: verdict.reason });
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.moved.extend(other.moved);
        Self {
            before: self.before.merge(other.before),
            after: self.after.merge(other.after),
            go: self.go + other.go,
            come: self.come + other.come,
            unseen: self.unseen + other.unseen,
            moved: self.moved,
        }
    }
}

/// The settings that changed, which must all be limits of what was measured.
fn changes(old: &[FilterRules], new: &[FilterRules]) -> Result<Vec<Change>> {
    let names = |filters: &[FilterRules]| filters.iter().map(|filter| filter.name.clone()).collect::<Vec<_>>();
    let (old_names, new_names) = (names(old), names(new));
    if old_names != new_names || old.iter().zip(new).any(|(old, new)| old.source != new.source) {
        return Err(anew(&format!(
            "data.filter: the corpus was prepared with [{}], the config has [{}]",
            old_names.join(", "),
            new_names.join(", ")
        )));
    }
    let mut all: Vec<Change> = Vec::new();
    for (old, new) in old.iter().zip(new) {
        let name = &old.name;
        if old.plugin != new.plugin {
            return Err(anew(&format!("filter {name:?}: was {}, is {}", old.plugin, new.plugin)));
        }
        let changes = changes_of(old, new);
        let is_limit = |setting: &str| old.rules.iter().any(|rule| rule.setting == setting);
        if let Some(Change { setting, .. }) = changes.iter().find(|change| !is_limit(&change.setting)) {
            return Err(anew(&match old.rules.is_empty() {
                true => format!(
                    "filter {name:?}: its verdicts are stored, not what it measures, and {setting} changes them"
                ),
                false => format!("filter {name:?}: {setting} changes what is measured"),
            }));
        }
        let shape = |filter: &FilterRules| -> Vec<_> {
            filter.rules.iter().map(|rule| (rule.reason.clone(), rule.setting.clone(), rule.bound)).collect()
        };
        if shape(old) != shape(new) {
            return Err(anew(&format!("filter {name:?}: it has other rules than those that were stored")));
        }
        all.extend(changes);
    }
    Ok(all)
}

fn changes_of(old: &FilterRules, new: &FilterRules) -> Vec<Change> {
    let settings: BTreeSet<_> = old.settings.keys().chain(new.settings.keys()).collect();
    let change = |setting: &String| {
        let (before, after) = (old.settings.get(setting).cloned(), new.settings.get(setting).cloned());
        (before != after).then(|| Change { filter: old.name.clone(), setting: setting.clone(), before, after })
    };
    settings.into_iter().filter_map(change).collect()
}

fn anew(why: &str) -> Error {
    Error::usage(format!("{why}; run trainyard prepare"))
}

/// Measures the first documents again: what is stored must be what these filters measure, bit for bit.
fn measures_the_same(prepared: &Prepared, filters: &[NamedFilter<'_>]) -> Result<()> {
    let Some(piece) = prepared.pieces()?.into_iter().find(|piece| piece.info.documents > 0) else { return Ok(()) };
    // of a rewritten document, what a filter saw is not stored
    let is_plain = |judged: &Result<Judged>| !judged.as_ref().is_ok_and(|judged| judged.original.is_some());
    let documents = piece.read()?.filter(is_plain).take(CHECKED).collect::<Result<Vec<_>>>()?;
    for (index, named) in filters.iter().enumerate() {
        let mut stored = Vec::new();
        for judged in &documents {
            let of_filter = prepared.limits.outcomes(judged).find(|(of, ..)| *of == index);
            if let Some((_, _, Outcome::Values(values))) = of_filter {
                stored.push((judged, values));
            }
        }
        let mut filter = (named.make)()?;
        if stored.is_empty() || filter.two_pass() {
            continue;
        }
        let texts: Vec<_> = stored.iter().map(|(judged, _)| judged.document.text()).collect();
        let measured = filter.measure(&texts)?;
        let n_rules = measured.len() / texts.len();
        for (i, (judged, values)) in stored.iter().enumerate() {
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            if bits(&measured[i * n_rules..(i + 1) * n_rules]) != bits(values) {
                let (name, id) = (&named.name, &judged.document.id);
                return Err(anew(&format!(
                    "filter {name:?}: it measures document {id:?} otherwise than what is stored"
                )));
            }
        }
    }
    Ok(())
}

impl fmt::Display for Rethreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changed, before, after, go, come, unseen, moved } = self;
        let or_default = |value: &Option<String>| value.clone().unwrap_or_else(|| "default".into());
        for Change { filter, setting, before, after } in changed {
            writeln!(f, "{filter}.{setting}: {} → {}", or_default(before), or_default(after))?;
        }
        writeln!(f, "\n{:<54} {:>18}  {:>18}", "", "as prepared", "with these limits")?;
        let all = before.documents;
        let cell = |n: u64| format!("{n:>9} {:>8}", percent(n, all));
        writeln!(f, "{:<54} {:>18}  {:>18}", "kept", cell(before.kept), cell(after.kept))?;
        for (before, after) in before.filters.iter().zip(&after.filters) {
            let reasons: BTreeSet<_> =
                before.reasons.iter().chain(&after.reasons).map(|reason| &reason.reason).collect();
            for reason in reasons {
                let of = |filter: &super::FilterDrops| {
                    filter.reasons.iter().find(|found| found.reason == *reason).map_or(0, |found| found.documents)
                };
                let name = format!("{}: {reason}", before.name);
                writeln!(f, "{name:<54} {:>18}  {:>18}", cell(of(before)), cell(of(after)))?;
            }
        }
        writeln!(f, "\n{go} documents are dropped now, {come} are kept now")?;
        if *unseen > 0 {
            writeln!(f, "{unseen} of those kept now were not compared with the others yet: trainyard prepare does it")?;
        }
        for Moved { id, comes, filter, reason } in moved {
            let sign = if *comes { '+' } else { '-' };
            writeln!(f, "{sign} {}  {filter}: {reason}", line(id))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::rules::RuleReport;
    use trainyard_plugin::Rule;

    fn filter(name: &str, min: &str, other: &str, measures: bool) -> FilterRules {
        let rule = RuleReport::from(&Rule::at_least("few", "min", min.parse().unwrap()));
        FilterRules {
            name: name.into(),
            plugin: format!("{name} 1"),
            settings: [("min".to_owned(), min.to_owned()), ("other".to_owned(), other.to_owned())].into(),
            source: None,
            two_pass: false,
            rules: if measures { vec![rule] } else { vec![] },
        }
    }

    fn error(old: &[FilterRules], new: &[FilterRules]) -> String {
        changes(old, new).unwrap_err().to_string()
    }

    #[test]
    fn only_limits_of_what_was_measured_may_change() {
        let old = [filter("a", "1", "x", true), filter("b", "1", "x", false)];
        assert_eq!(changes(&old, &old).unwrap(), []);
        let new = [filter("a", "2", "x", true), old[1].clone()];
        let change = &changes(&old, &new).unwrap()[0];
        assert_eq!((change.setting.as_str(), change.after.as_deref()), ("min", Some("2")));

        let new = [filter("a", "1", "y", true), old[1].clone()];
        assert_eq!(error(&old, &new), "filter \"a\": other changes what is measured; run trainyard prepare");
        let new = [old[0].clone(), filter("b", "2", "x", false)];
        let expected = "filter \"b\": its verdicts are stored, not what it measures, and min changes them; run \
                        trainyard prepare";
        assert_eq!(error(&old, &new), expected);
        let expected = "data.filter: the corpus was prepared with [a, b], the config has [a]; run trainyard prepare";
        assert_eq!(error(&old, &old[..1]), expected);
        let new = [FilterRules { plugin: "a 2".into(), ..old[0].clone() }, old[1].clone()];
        assert_eq!(error(&old, &new), "filter \"a\": was a 1, is a 2; run trainyard prepare");
    }
}
