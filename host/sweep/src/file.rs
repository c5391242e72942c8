//! Sweep files: TOML.

use super::sweep::{Axis, Design, Halving, Random, Range, Scale, Seeds, Sweep, Values};
use std::path::Path;
use toml::{Table, Value};
use trainyard_base::files::{MAX_TEXT_BYTES, read_text};
use trainyard_base::{Error, Result};

const KEYS: [&str; 8] = ["base", "name", "seeds", "design", "set", "axes", "random", "halving"];
const RANDOM_KEYS: [&str; 2] = ["n", "seed"];
const HALVING_KEYS: [&str; 3] = ["factor", "steps", "metric"];
const RANGE_KEYS: [&str; 4] = ["from", "to", "step", "scale"];

impl Sweep {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, has a key that no sweep has, or describes no sweep.
    pub fn open(path: &Path) -> Result<Self> {
        let text = read_text(path, MAX_TEXT_BYTES)
            .map_err(|error| Error::usage(format!("{}: cannot read the sweep: {error}", path.display())))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a sweep file that is, or would be, at `path`: the base's path starts at its folder.
    ///
    /// # Errors
    /// As [`Sweep::open`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let read = |text: &str| {
            let sweep = read(text, path)?;
            sweep.check().map(|()| sweep)
        };
        read(text).map_err(|error| error.context(path.display()))
    }
}

fn read(text: &str, path: &Path) -> Result<Sweep> {
    let mut table: Table = text.parse().map_err(|error| syntax(text, &error))?;
    check_keys("", &table, &KEYS)?;
    let base = table.remove("base").ok_or_else(|| Error::usage("base: expected the path of a config, got none"))?;
    let base = path.parent().unwrap_or(Path::new("")).join(string("base", &base)?);
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("sweep");
    let name = table.remove("name").map_or(Ok(stem.to_owned()), |name| string("name", &name))?;
    let seeds = table.remove("seeds").map_or(Ok(Seeds::Count(1)), |value| seeds(&value))?;
    let design = table.remove("design").map_or(Ok(Design::default()), |value| design(&value))?;
    let set = table.remove("set").map_or(Ok(Vec::new()), |value| strings("set", &value))?;
    let axes = table.remove("axes").map_or(Ok(Vec::new()), axes)?;
    let random = table.remove("random").map(|value| random(&value)).transpose()?;
    let halving = table.remove("halving").map(|value| halving(&value)).transpose()?;
    Ok(Sweep { base, name, seeds, design, set, axes, random, halving })
}

/// Says where a file is no TOML, by line and column.
fn syntax(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Error::usage(format!("line {line}, column {column}: {}", error.message().replace('\n', ", ")))
}

fn axes(value: Value) -> Result<Vec<Axis>> {
    let mut axes = Vec::new();
    match value {
        Value::Table(table) => table.into_iter().try_for_each(|(key, value)| axis(key, value, &mut axes))?,
        other => return Err(expected("axes", "a table of settings and their values", &other)),
    }
    axes.sort_by(|a: &Axis, b| a.key.cmp(&b.key));
    if let Some(pair) = axes.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(Error::usage(format!("axes.{}: expected one list of values, got two", pair[0].key)));
    }
    Ok(axes)
}

/// Adds the axes of a key: one, or those of the tables that its dots make where it has no quotes.
fn axis(key: String, value: Value, axes: &mut Vec<Axis>) -> Result<()> {
    match value {
        Value::Array(values) => axes.push(Axis { key, values: Values::List(values) }),
        Value::Table(table) if is_range(&table) => {
            let values = Values::Range(range(&format!("axes.{key}"), &table)?);
            axes.push(Axis { key, values });
        }
        Value::Table(table) if !table.is_empty() => {
            table.into_iter().try_for_each(|(inner, value)| axis(format!("{key}.{inner}"), value, axes))?;
        }
        other => return Err(expected(&format!("axes.{key}"), "a list of values, or a range { from, to }", &other)),
    }
    Ok(())
}

/// Tells if a table is the range of an axis.
pub fn is_range(table: &Table) -> bool {
    let is_number = |key| table.get(key).is_some_and(|value| !matches!(value, Value::Array(_) | Value::Table(_)));
    is_number("from") || is_number("to")
}

/// Reads the range of an axis.
///
/// # Errors
/// A key that no range has, a value that is none.
pub fn range(place: &str, table: &Table) -> Result<Range> {
    check_keys(place, table, &RANGE_KEYS)?;
    let get = |key: &str| table.get(key).map(|value| number(&format!("{place}.{key}"), value)).transpose();
    let required =
        |key: &str| get(key)?.ok_or_else(|| Error::usage(format!("{place}.{key}: expected a number, got none")));
    let (from, to, step) = (required("from")?, required("to")?, get("step")?);
    let scale = match table.get("scale") {
        None => Scale::Linear,
        Some(value) => match value.as_str() {
            Some("linear") => Scale::Linear,
            Some("log") => Scale::Log,
            _ => return Err(expected(&format!("{place}.scale"), "\"linear\" or \"log\"", value)),
        },
    };
    let whole = ["from", "to", "step"].iter().filter_map(|key| table.get(*key)).all(Value::is_integer);
    Ok(Range { from, to, step, scale, whole })
}

fn random(value: &Value) -> Result<Random> {
    let table = value.as_table().ok_or_else(|| expected("random", "a table with n and seed", value))?;
    check_keys("random", table, &RANDOM_KEYS)?;
    let n = table.get("n").ok_or_else(|| Error::usage("random.n: expected a number of variants, got none"))?;
    let n = whole("random.n", n).and_then(|number| match usize::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(expected("random.n", "1 or more", n)),
    })?;
    let seed = table.get("seed").map_or(Ok(1), |seed| whole("random.seed", seed))?;
    Ok(Random { n, seed })
}

fn halving(value: &Value) -> Result<Halving> {
    let table = value.as_table().ok_or_else(|| expected("halving", "a table with factor and steps", value))?;
    check_keys("halving", table, &HALVING_KEYS)?;
    let factor = table.get("factor").map_or(Ok(3), |factor| whole("halving.factor", factor))?;
    let steps = table.get("steps").ok_or_else(|| Error::usage("halving.steps: expected [first, last], got none"))?;
    let steps = match steps.as_array().map(Vec::as_slice) {
        Some([first, last]) => [whole("halving.steps", first)?, whole("halving.steps", last)?],
        _ => return Err(expected("halving.steps", "the steps of the first rung and of the last", steps)),
    };
    let metric = table.get("metric").map(|metric| string("halving.metric", metric)).transpose()?;
    Ok(Halving { factor, steps, metric })
}

fn seeds(value: &Value) -> Result<Seeds> {
    match value {
        Value::Array(seeds) => Ok(Seeds::List(seeds.iter().map(|seed| whole("seeds", seed)).collect::<Result<_>>()?)),
        value => match whole("seeds", value) {
            Ok(n) => Ok(Seeds::Count(n)),
            Err(_) => Err(expected("seeds", "a number of seeds, or a list of seeds", value)),
        },
    }
}

fn design(value: &Value) -> Result<Design> {
    let names = Design::ALL.map(Design::name);
    let name = value.as_str().ok_or_else(|| expected("design", &format!("one of {}", names.join(", ")), value))?;
    let found = Design::ALL.into_iter().find(|design| design.name() == name);
    found.ok_or_else(|| Error::usage(format!("design: unknown design {name:?}, {}", did_you_mean(name, &names))))
}

fn check_keys(place: &str, table: &Table, known: &[&str]) -> Result<()> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
    Err(Error::usage(format!("{place}unknown key {unknown:?}, {}", did_you_mean(unknown, known))))
}

/// Ends a message about an unknown name: the nearest known one, or all of them when none is near.
fn did_you_mean(unknown: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (strsim::jaro_winkler(unknown, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((likeness, name)) if likeness > 0.7 => format!("did you mean {name:?}?"),
        _ => format!("expected one of {}", known.join(", ")),
    }
}

fn whole(place: &str, value: &Value) -> Result<u64> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| expected(place, "a whole number, 0 or more", value))
}

fn number(place: &str, value: &Value) -> Result<f64> {
    let number = value.as_float().or(value.as_integer().map(|whole| whole as f64));
    number.ok_or_else(|| expected(place, "a number", value))
}

fn string(place: &str, value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| expected(place, "a text", value))
}

fn strings(place: &str, value: &Value) -> Result<Vec<String>> {
    let list = value.as_array().ok_or_else(|| expected(place, "a list of texts", value))?;
    list.iter().map(|text| string(place, text)).collect()
}

fn expected(place: &str, expected: &str, got: &Value) -> Error {
    Error::usage(format!("{place}: expected {expected}, got {}", got.to_string().replace('\n', " ")))
}
