//! "did you mean": the nearest of the names that are known.

/// Bytes beyond which a name is not compared.
const LONGEST: usize = 200;

/// Names that are listed when none is near.
const LISTED: usize = 20;

/// Ends a message about an unknown name: the nearest known one, or the known ones when none is near.
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let unknown = if unknown.len() > LONGEST { String::new() } else { unknown.to_lowercase() };
    let near = known.iter().map(|name| (strsim::jaro_winkler(&unknown, &name.to_lowercase()), name));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, name)) if likeness > 0.7 => format!("did you mean {name:?}?"),
        None => "there are none".to_owned(),
        Some(_) => {
            let rest = if known.len() > LISTED { ", …" } else { "" };
            format!("expected one of {}{rest}", known[..known.len().min(LISTED)].join(", "))
        }
    }
}
