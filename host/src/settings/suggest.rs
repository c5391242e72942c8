//! "did you mean": the nearest of the names that are known.

/// Bytes beyond which a name is not compared.
const LONGEST: usize = 200;

/// Ends a message about an unknown name: the nearest known one, or all of them when none is near.
pub fn did_you_mean(unknown: &str, known: &[&str]) -> String {
    // comparing takes time in proportion to both lengths, and a name a hundred times as long is like none
    let unknown = if unknown.len() > LONGEST { String::new() } else { unknown.to_lowercase() };
    let near = known.iter().map(|name| (strsim::jaro_winkler(&unknown, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((likeness, name)) if likeness > 0.7 => format!("did you mean {name:?}?"),
        _ => format!("expected one of {}", known.join(", ")),
    }
}
