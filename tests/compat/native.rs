//! The structs of the native form: what stands where. A table says its size and may grow at its end; the others, which
//! stand in lists, stay as they are.

use std::mem::offset_of;
use trainyard_plugin::abi;

/// Structs that say their own size.
const GROWING: [&str; 6] = ["Host", "TokenizerTable", "FilterTable", "LossTable", "MetricTable", "TextMetricTable"];

/// `STRUCT SIZE` and `STRUCT.FIELD OFFSET TYPE`, a line each, on a machine with addresses of 64 bits.
pub fn current() -> String {
    let mut text = format!("version {}\nsymbol {}\n", abi::VERSION, abi::SYMBOL_PREFIX);
    macro_rules! layouts {
        ($($name:ident $type:ty { $($field:ident)* })+) => { $(
            text.push_str(&format!("{} {}\n", stringify!($name), size_of::<$type>()));
            $( text.push_str(&format!(
                "{}.{} {} {}\n",
                stringify!($name),
                stringify!($field),
                offset_of!($type, $field),
                type_of(|it: &$type| &it.$field)
            )); )*
        )+ };
    }
    layouts! {
        List abi::List<u8> { ptr len }
        Setting abi::Setting { key tag integer number text numbers texts }
        TokenBatch abi::TokenBatch { ids ends }
        Verdict abi::Verdict { keep has_score has_text score reason text spans }
        Node abi::Node { op inputs attributes }
        Output abi::Output { name sum weight }
        TextPair abi::TextPair { hypothesis references }
        Header abi::Header { size version kind identity create destroy ability }
        Host abi::Host { size context error bytes special tokens verdict graph info number log }
        TokenizerTable abi::TokenizerTable { header observe train load vocabulary encode decode }
        FilterTable abi::FilterTable { header two_pass observe state merge judge }
        LossTable abi::LossTable { header describe }
        MetricTable abi::MetricTable { header info describe }
        TextMetricTable abi::TextMetricTable { header info update state merge value }
    }
    text
}

/// The type of a field without the paths to it, the signature of a function included.
fn type_of<S, T>(_field: impl Fn(&S) -> &T) -> String {
    let mut text = String::new();
    for part in std::any::type_name::<T>().split_inclusive(|char: char| !char.is_alphanumeric() && !"_:".contains(char))
    {
        text.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    text
}

/// The rules that `current` breaks.
pub fn check(frozen: &str, current: &str) -> Vec<String> {
    let (old, new) = (lines(frozen), lines(current));
    if value(&old, "version") != value(&new, "version") {
        return vec![format!(
            "native structs: version {} was published, this is {}: freeze a copy of its own and keep an adapter for the \
             old one",
            value(&old, "version").unwrap_or("?"),
            value(&new, "version").unwrap_or("?")
        )];
    }
    let mut broken = Vec::new();
    for (name, was) in &old {
        let is_size = !name.contains('.') && name.starts_with(char::is_uppercase);
        let grows = |is: &str| is_size && GROWING.contains(name) && was.parse::<usize>().ok() < is.parse().ok();
        match value(&new, name) {
            None => broken.push(format!("native structs: {name} is gone: plugins were built with it")),
            Some(is) if is == *was || grows(is) => {}
            Some(is) if is_size => broken.push(format!(
                "native structs: {name} had {was} bytes and has {is}: only a struct that says its size may grow, give \
                 the new one a name of its own"
            )),
            Some(is) => broken.push(format!(
                "native structs: {name} was {was} and is {is}: what was published stays where it is, new fields go to \
                 the end"
            )),
        }
    }
    // a table that grows needs a host that knows both sizes, which the frozen copy is there to remind of
    for (name, _) in new.iter().filter(|(name, _)| value(&old, name).is_none()) {
        broken.push(format!(
            "native structs: {name} is new: say in check_header what a table without it means, then freeze the copy"
        ));
    }
    broken
}

fn lines(text: &str) -> Vec<(&str, &str)> {
    text.lines().filter_map(|line| line.split_once(' ')).collect()
}

fn value<'a>(lines: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    lines.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when `old` becomes `new` in the layout.
    #[track_caller]
    fn found(old: &str, new: &str, expected: &str) {
        let frozen = super::super::read("native.txt");
        assert!(frozen.contains(old), "{old}");
        let broken = check(&frozen, &frozen.replacen(old, new, 1));
        assert_eq!(broken.len(), usize::from(!expected.is_empty()), "{broken:?}");
        assert!(broken.iter().all(|text| text.contains(expected)), "{broken:?}");
    }

    #[test]
    fn what_was_published_stays_where_it_is() {
        found("Verdict.score 16 f64", "Verdict.score 24 f64", "what was published stays where it is");
        found("Setting.tag 16 u32\n", "", "Setting.tag is gone: plugins were built with it");
        found(
            "number 72 unsafe extern \"C\" fn(*mut c_void, f64)",
            "number 72 unsafe extern \"C\" fn(*mut c_void, f32)",
            "what was",
        );
        found("symbol trainyard_plugin_v0_", "symbol trainyard_v0_", "what was published stays where it is");
    }

    #[test]
    fn only_tables_grow() {
        found("Node 48", "Node 56", "only a struct that says its size may grow");
        found("LossTable 64", "LossTable 72", "");
        found("LossTable 64", "LossTable 56", "only a struct that says its size may grow");
        found("\nMetricTable 72", "\nMetricTable 72\nLossTable.later 64 u32", "LossTable.later is new");
        found("version 0", "version 1", "keep an adapter for the old one");
    }
}
