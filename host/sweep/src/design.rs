//! Designs: which values of the axes go together.

use super::base::Base;
use super::cells::RUNS_MAX;
use super::sweep::{Axis, Design, Random, Range, Scale, Sweep, Values};
use super::value;
use std::collections::BTreeSet;
use toml::Value;
use trainyard_base::random::Stream;
use trainyard_base::{Error, Result};

/// Draws for each variant that is asked for, before it is said that there are no more.
const DRAWS: usize = 100;

/// Changes of the base: axes by key, with a value each.
pub type Changes = Vec<(String, Value)>;

/// The variants of a sweep that was checked, in a fixed order.
///
/// # Errors
/// More variants than there may be runs, more draws than there are variants.
pub fn variants(sweep: &Sweep, base: &Base) -> Result<Vec<Changes>> {
    match (sweep.design, sweep.random) {
        (Design::OneAtATime, _) => Ok(one_at_a_time(&sweep.axes, base)),
        (Design::Random | Design::Halving, Some(random)) => drawn(&sweep.axes, random),
        _ => grid(&sweep.axes),
    }
}

fn list(axis: &Axis) -> &[Value] {
    match &axis.values {
        Values::List(values) => values,
        Values::Range(_) => &[],
    }
}

/// All combinations; the last axis varies fastest.
fn grid(axes: &[Axis]) -> Result<Vec<Changes>> {
    let n = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(list(axis).len()));
    if n.is_none_or(|n| n > RUNS_MAX) {
        let sizes: Vec<_> = axes.iter().map(|axis| list(axis).len().to_string()).collect();
        return Err(too_many(&format!("{} combinations", sizes.join(" × "))));
    }
    let mut variants = vec![Changes::new()];
    for axis in axes {
        let with = |changes: &Changes, value: &Value| {
            changes.iter().cloned().chain([(axis.key.clone(), value.clone())]).collect::<Changes>()
        };
        variants = variants.iter().flat_map(|changes| list(axis).iter().map(|value| with(changes, value))).collect();
    }
    Ok(variants)
}

/// The base, and each value alone that is not the base's.
fn one_at_a_time(axes: &[Axis], base: &Base) -> Vec<Changes> {
    let is_base = |key: &str, value: &Value| {
        let settings = value::settings(key, value).unwrap_or_default();
        settings.iter().all(|(key, value)| base.at(key).is_some_and(|held| value::are_equal(held, value)))
    };
    let of = |axis: &Axis| -> Vec<Changes> {
        let others = list(axis).iter().filter(|value| !is_base(&axis.key, value));
        others.map(|value| vec![(axis.key.clone(), value.clone())]).collect()
    };
    [Changes::new()].into_iter().chain(axes.iter().flat_map(of)).collect()
}

/// Combinations that differ. Each axis has a stream of its own, so that another axis or another order of values changes
/// none of its draws.
fn drawn(axes: &[Axis], random: Random) -> Result<Vec<Changes>> {
    let Random { n, seed } = random;
    if n > RUNS_MAX {
        return Err(too_many(&format!("{n} variants")));
    }
    let streams: Vec<_> = axes.iter().map(|axis| Stream::new(seed, &axis.key)).collect();
    let axes: Vec<_> = axes.iter().map(sorted).collect();
    let (mut seen, mut variants) = (BTreeSet::new(), Vec::new());
    for draw in 0..(DRAWS * n) as u64 {
        let choose = |(axis, stream): (&Axis, &Stream)| (axis.key.clone(), chosen(&axis.values, stream.uniform(draw)));
        let changes: Changes = axes.iter().zip(&streams).map(choose).collect();
        if seen.insert(changes.iter().map(|(_, value)| value::text(value)).collect::<Vec<_>>()) {
            variants.push(changes);
        }
        if variants.len() == n {
            return Ok(variants);
        }
    }
    let found = variants.len();
    Err(Error::usage(format!("random.n: expected as many variants as the axes have, got {n}, of which {found} differ")))
}

fn sorted(axis: &Axis) -> Axis {
    let mut axis = axis.clone();
    if let Values::List(values) = &mut axis.values {
        values.sort_by_cached_key(value::text);
    }
    axis
}

/// The value at `uniform`, which is in [0, 1).
fn chosen(values: &Values, uniform: f64) -> Value {
    let range = match values {
        Values::List(list) => return list[(uniform * list.len() as f64) as usize].clone(),
        Values::Range(range) => range,
    };
    let Range { from, to, step, scale, whole } = *range;
    let number = match (step, scale) {
        (Some(step), _) => {
            let places = ((to - from) / step * (1.0 + 1e-12)).floor() + 1.0;
            from + step * (uniform * places).floor()
        }
        (None, Scale::Log) => (from.ln() + uniform * (to.ln() - from.ln())).exp(),
        (None, Scale::Linear) if whole => from + (uniform * (to - from + 1.0)).floor(),
        (None, Scale::Linear) => from + uniform * (to - from),
    };
    match whole {
        true => Value::Integer(number.round().clamp(from, to) as i64),
        // steps keep all their digits, but not the error of the sum
        false => Value::Float(rounded(number, if step.is_some() { 12 } else { 3 }).clamp(from, to)),
    }
}

/// The number with so many significant digits: what is drawn is read by people too.
fn rounded(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

/// The error of a sweep that is too large.
pub fn too_many(got: &str) -> Error {
    Error::usage(format!(
        "expected a sweep of at most {RUNS_MAX} runs, got {got}; name fewer values, or draw by [random]"
    ))
}
