//! What somebody may have meant.

/// The end of a message: the known name that is nearest to `name`, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    // long names are nobody's slip, and comparing takes the product of both lengths
    let near =
        known.filter(|known| name.len() <= 2 * known.len() + 8).map(|known| (distance(name, known), known)).min();
    match near {
        Some((edits, known)) if edits <= 1 + known.len() / 3 => format!("; did you mean {known:?}?"),
        _ => String::new(),
    }
}

/// Levenshtein distance. Its own copy, because the SDK depends on nothing.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
