//! The statistics for people: tables and bars for a terminal.

use super::{Bucket, Counted, GramStats, LabelStats, Stats};
use crate::report::{bytes, count};
use std::fmt::{self, Display, Formatter};

/// Columns of the longest bar.
const BAR: usize = 40;
/// Eighths of a column.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Rows of the tables of n-grams and characters; that of words shows all that were asked for.
const ROWS: usize = 10;

impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sources = &self.sources;
        let width = sources.iter().map(|source| source.name.chars().count()).max().unwrap_or(0).max(9);
        let column = |value: u64| count(value as f64);
        writeln!(f, "{:width$}  documents      size  characters   words   lines   words per document", "")?;
        writeln!(f, "{:width$}                                                       5%    50%     95%", "")?;
        for source in sources.iter().chain([&self.total]) {
            let [low, _, median, _, high] = source.words_quantiles.map(column);
            writeln!(
                f,
                "{:width$}  {:>9}  {:>8}  {:>10}  {:>6}  {:>6}  {low:>6} {median:>6}  {high:>6}",
                source.name,
                column(source.documents),
                bytes(source.bytes as f64),
                column(source.characters),
                column(source.words),
                column(source.lines),
            )?;
        }
        for source in sources.iter().chain([&self.total]) {
            let name = if sources.is_empty() { String::new() } else { format!(" of {}", visible(&source.name)) };
            label_table(f, &format!("labels{name}"), &source.labels)?;
            label_table(f, &format!("tags{name}"), &source.tags)?;
        }
        let duplicates = share(self.duplicates, self.total.documents);
        writeln!(f, "\nexact duplicates: {} documents ({duplicates})\n\nwords per document", self.duplicates)?;
        histogram(f, &self.total.words_histogram)?;
        for grams in &self.grams {
            print_grams(f, grams)?;
        }
        writeln!(f, "\n{} different characters", self.characters.types)?;
        table(f, self.characters.top.iter().take(ROWS))?;
        writeln!(f, "\nscripts")?;
        table(f, self.characters.scripts.iter())
    }
}

fn print_grams(f: &mut Formatter<'_>, grams: &GramStats) -> fmt::Result {
    let GramStats { n, tokens, types, hapaxes, top } = grams;
    let ratio = *types as f64 / (*tokens).max(1) as f64;
    let (tokens, once) = (count(*tokens as f64), share(*hapaxes, *types));
    if *n == 1 {
        writeln!(f, "\n{tokens} words, {types} different (type/token {ratio:.4}), {once} of these once")?;
        return zipf(f, top);
    }
    writeln!(f, "\n{tokens} {n}-grams, {types} different ({ratio:.4}), {once} of these once")?;
    table(f, top.iter().take(ROWS))
}

/// By Zipf's law rank times share is about the same for all words.
fn zipf(f: &mut Formatter<'_>, top: &[Counted]) -> fmt::Result {
    let most = top.first().map_or(0, |first| first.count);
    writeln!(f, "  rank        count    share  rank × share")?;
    for (rank, counted) in (1..).zip(top) {
        let Counted { text, count, share } = counted;
        let product = f64::from(rank) * share;
        let (text, bar) = (visible(text), bar(*count, most, BAR / 2));
        writeln!(f, "  {rank:>4}  {count:>11}  {:>6.3}%  {product:>12.3}  {text}  {bar}", 100.0 * share)?;
    }
    Ok(())
}

fn table<'a>(f: &mut Formatter<'_>, rows: impl Iterator<Item = &'a Counted>) -> fmt::Result {
    for Counted { text, count, share } in rows {
        writeln!(f, "        {count:>11}  {:>6.3}%  {}", 100.0 * share, visible(text))?;
    }
    Ok(())
}

/// Labels with their counts, all together and by split.
fn label_table(f: &mut Formatter<'_>, title: &str, labels: &[LabelStats]) -> fmt::Result {
    if labels.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    for LabelStats { counted: Counted { text, count, share }, splits } in labels {
        let splits: Vec<_> = splits.iter().map(|(split, n)| format!("{} {n}", split.name())).collect();
        let splits = if splits.len() > 1 { format!("  ({})", splits.join(", ")) } else { String::new() };
        writeln!(f, "        {count:>11}  {:>6.3}%  {}{splits}", 100.0 * share, visible(text))?;
    }
    Ok(())
}

fn histogram(f: &mut Formatter<'_>, buckets: &[Bucket]) -> fmt::Result {
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    for Bucket { low, high, count } in buckets {
        writeln!(f, "  {low:>9} – {high:<9} {count:>9}  {}", bar(*count, most, BAR))?;
    }
    Ok(())
}

/// A bar of `width` columns for `most`, drawn in eighths of a column.
fn bar(count: u64, most: u64, width: usize) -> String {
    let eighths = (count as f64 / most.max(1) as f64 * (8 * width) as f64).round() as usize;
    let eighths = if count > 0 { eighths.max(1) } else { 0 };
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.1}%", 100.0 * part as f64 / whole.max(1) as f64)
}

/// Text as a terminal can show it in one line, not too long.
fn visible(text: &str) -> String {
    let is_odd = |char: char| char.is_control() || char.is_whitespace();
    let shown = match text {
        " " => "␣".to_owned(),
        text if text.chars().count() == 1 && text.chars().all(is_odd) => text.escape_default().to_string(),
        text => text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect(),
    };
    match shown.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        assert_eq!([bar(0, 8, 1), bar(1, 8, 1), bar(8, 8, 2), bar(3, 4, 2)], ["", "▏", "██", "█▌"]);
        assert_eq!((bar(1, 1_000_000, 10), bar(0, 0, 5)), ("▏".into(), String::new()));
    }

    #[test]
    fn text_stays_in_its_line() {
        assert_eq!(
            ["a b", " ", "\n", "\u{3000}", "x\u{7}"].map(visible),
            ["a b", "␣", "\\n", "\\u{3000}", "x\u{fffd}"]
        );
        assert_eq!(visible(&"é".repeat(70)).chars().count(), 61);
    }
}
