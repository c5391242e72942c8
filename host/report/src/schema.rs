//! `metrics.jsonl` as a JSON schema, from the types of its records.

use crate::Record;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

/// Says what no type says.
const ABOUT: &str = "A line of a run's metrics.jsonl: an object with its kind, and the step that it belongs to. JSON \
                     has no numbers that are not finite: where a number may be null, null is NaN or infinity, or what \
                     is not known. Lines of earlier versions may have fewer keys, and lines of later versions more.";

/// The JSON schema (draft 2020-12) of a line of `metrics.jsonl`, as this version writes it: one of several objects, by
/// their `kind`. Descriptions are the doc comments of [`Record`] and of what it contains.
pub fn schema() -> Value {
    // what a reader puts in the place of a key that earlier versions did not write is no value of a run
    let without_defaults = RecursiveTransform(|schema: &mut Schema| drop(schema.remove("default")));
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(without_defaults);
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<Record>();
    schema.insert("title".to_owned(), "metrics.jsonl".into());
    schema.insert("description".to_owned(), ABOUT.into());
    schema.to_value()
}

#[cfg(test)]
mod tests;
