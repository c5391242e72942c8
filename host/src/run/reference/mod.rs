//! The reference of all settings, as a page and as a JSON schema: keys, types, ranges and defaults from the readers of
//! the config, meanings from the doc comments of the types that hold them.

mod page;
mod schema;

pub use page::reference_page;
pub use schema::json_schema;

use crate::run::RunConfig;
use schemars::schema_for;
use serde_json::Value;

/// What the doc comments say about the keys of a config.
struct Meanings(Value);

impl Meanings {
    fn new() -> Self {
        Self(schema_for!(RunConfig).to_value())
    }

    /// The meaning of the key at a path such as `data.source.0.path`.
    fn of(&self, path: &str) -> Option<String> {
        self.find(path).iter().find_map(|node| text(node))
    }

    /// The meaning of the table, or of the list of tables, at a path: what its type says, or else what the key says.
    fn of_table(&self, path: &str) -> Option<String> {
        let found = self.find(path);
        let entries = self.find(&format!("{path}.0"));
        let types = entries.iter().chain(&found).filter_map(|node| self.type_of(node));
        types.filter_map(text).next().or_else(|| found.iter().find_map(|node| text(node)))
    }

    /// The meaning of a word that a key may have.
    fn of_word(&self, path: &str, word: &str) -> Option<String> {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        let (tables, found) = (self.find(table), self.find(path));
        // a word that decides which keys a table has is told by that table
        let mut kinds =
            tables.iter().flat_map(|node| self.parts(node)).filter(|node| node["properties"][key]["const"] == word);
        let mut words = found.iter().flat_map(|node| self.parts(node)).filter(|node| node["const"] == word);
        words.find_map(text).or_else(|| kinds.find_map(text))
    }

    /// Every description of a key: one for each kind of table that has it.
    fn find(&self, path: &str) -> Vec<&Value> {
        let mut nodes = vec![&self.0];
        for part in path.split('.') {
            let inside = nodes.iter().flat_map(|node| self.parts(node));
            nodes = match part.parse::<usize>() {
                Ok(_) => inside.filter_map(|node| node.get("items")).collect(),
                Err(_) => inside.filter_map(|node| node.get("properties")?.get(part)).collect(),
            };
        }
        nodes
    }

    /// The type that a schema names, which may be optional.
    fn type_of<'a>(&'a self, node: &'a Value) -> Option<&'a Value> {
        let name = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        let optional = || node["anyOf"].as_array()?.iter().find_map(|node| self.type_of(node));
        name.map(|name| &self.0["$defs"][name]).or_else(optional)
    }

    /// The schemas that a schema is made of: itself, what it refers to, and its alternatives.
    fn parts<'a>(&'a self, node: &'a Value) -> Vec<&'a Value> {
        let mut all = vec![node];
        if let Some(name) = node["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            all.extend(self.parts(&self.0["$defs"][name]));
        }
        for kind in ["oneOf", "anyOf", "allOf"] {
            all.extend(node[kind].as_array().into_iter().flatten().flat_map(|node| self.parts(node)));
        }
        all
    }
}

/// The doc comment of a schema, in one line.
fn text(node: &Value) -> Option<String> {
    let text = node.get("description")?.as_str()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}
