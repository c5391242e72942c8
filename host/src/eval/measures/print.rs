//! The reports for people: a table of scores, which classes are confused, and how far probabilities can be trusted.

use super::bootstrap::Interval;
use super::calibration::{Bin, Calibration};
use super::regression::RegressionReport;
use super::report::{ClassReport, Confused, EntityReport, LabelReport};
use super::score::{Averages, Named, Score};
use crate::base::clean;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use unicode_width::UnicodeWidthStr;

/// Characters that are shown of a name.
const NAME_CHARS: usize = 40;
/// Classes of the largest table of scores.
const TABLE_MAX: usize = 40;
/// Classes of the largest matrix.
const MATRIX_MAX: usize = 12;
/// Pairs that are shown of a matrix that is larger.
const PAIRS: usize = 10;
/// Heights of a bar in one line.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Display for ClassReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = scores(f, "class", &self.classes)?;
        averages(f, width, &self.averages, None)?;
        writeln!(f, "\n{:<23} {:>8}", "documents", self.documents)?;
        interval(f, "accuracy", self.accuracy, self.intervals.accuracy)?;
        interval(f, "macro f1", self.averages.plain.f1, self.intervals.f1)?;
        line(f, "balanced accuracy", self.balanced_accuracy)?;
        line(f, "Matthews correlation", self.matthews)?;
        if let Some(calibration) = &self.calibration {
            write!(f, "{calibration}")?;
        }
        match self.classes.len() <= MATRIX_MAX {
            true => matrix(f, &self.classes, &self.confusion),
            false => pairs(f, &self.classes, &self.confusion),
        }
    }
}

impl Display for LabelReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = scores(f, "label", &self.labels)?;
        averages(f, width, &self.averages, Some(&self.samples))?;
        writeln!(f, "\n{:<23} {:>8}", "documents", self.documents)?;
        interval(f, "all labels right", self.accuracy, self.intervals.accuracy)?;
        interval(f, "micro f1", self.averages.micro.f1, self.intervals.f1)?;
        line(f, "wrong decisions", self.hamming)
    }
}

impl Display for EntityReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = scores(f, "entity", &self.types)?;
        averages(f, width, &self.averages, None)?;
        writeln!(f, "\n{:<23} {:>8}", "sentences", self.sentences)?;
        interval(f, "micro f1", self.averages.micro.f1, self.intervals.f1)?;
        interval(f, "accuracy of tags", self.accuracy, self.intervals.accuracy)
    }
}

impl Display for RegressionReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<23} {:>8}", "documents", self.documents)?;
        line(f, "root mean square", self.rmse)?;
        line(f, "mean square", self.mse)?;
        line(f, "mean absolute", self.mae)?;
        for (name, value) in [("R²", self.r2), ("Pearson", self.pearson), ("Spearman", self.spearman)] {
            match value {
                Some(value) => line(f, name, value)?,
                None => writeln!(f, "{name:<23} undefined")?,
            }
        }
        Ok(())
    }
}

impl Display for Calibration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, "negative log-likelihood", self.nll)?;
        line(f, "Brier score", self.brier)?;
        line(f, "calibration error", self.ece)?;
        let most = self.reliability.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64;
        let bars =
            |value: &dyn Fn(&Bin) -> f64| -> String { self.reliability.iter().map(|bin| bar(value(bin))).collect() };
        writeln!(f, "\n{:<13}0{:13}1", "confidence", "")?;
        writeln!(f, "documents   │{}│", bars(&|bin| bin.count as f64 / most))?;
        writeln!(f, "expected    │{}│", bars(&|bin| bin.confidence))?;
        writeln!(f, "accuracy    │{}│", bars(&|bin| bin.accuracy))
    }
}

/// A line of the lists below the table.
fn line(f: &mut Formatter<'_>, name: &str, value: f64) -> fmt::Result {
    writeln!(f, "{name:<23} {value:>8.4}")
}

fn interval(f: &mut Formatter<'_>, name: &str, value: f64, interval: Interval) -> fmt::Result {
    writeln!(f, "{name:<23} {value:>8.4}  (95 %: {:.4} to {:.4})", interval.low, interval.high)
}

/// The table's head and a line for each class; returns the width of its first column.
fn scores(f: &mut Formatter<'_>, what: &str, classes: &[Named]) -> Result<usize, fmt::Error> {
    let mut shown: Vec<&Named> = classes.iter().collect();
    if classes.len() > TABLE_MAX {
        shown.sort_by(|a, b| a.score.f1.total_cmp(&b.score.f1));
        shown.truncate(TABLE_MAX);
        writeln!(f, "the {TABLE_MAX} of {} with the lowest f1; --json prints all of them", classes.len())?;
    }
    let names: Vec<_> = shown.iter().map(|class| clean::clip(&class.name, NAME_CHARS)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0).max("mean of documents".len());
    writeln!(f, "{what:width$}  precision    recall        f1   support")?;
    names.iter().zip(shown).try_for_each(|(name, class)| score(f, width, name, &class.score))?;
    Ok(width)
}

fn averages(f: &mut Formatter<'_>, width: usize, averages: &Averages, samples: Option<&Score>) -> fmt::Result {
    writeln!(f)?;
    let Averages { micro, plain, weighted } = averages;
    for (name, value) in [("micro average", micro), ("macro average", plain), ("weighted average", weighted)] {
        score(f, width, name, value)?;
    }
    samples.map_or(Ok(()), |samples| score(f, width, "mean of documents", samples))
}

fn score(f: &mut Formatter<'_>, width: usize, name: &str, score: &Score) -> fmt::Result {
    let Score { precision, recall, f1, support } = score;
    writeln!(f, "{}  {precision:>9.4} {recall:>9.4} {f1:>9.4} {support:>9}", padded(name, width))
}

/// A name with spaces up to a width in columns: a Chinese character takes two.
fn padded(name: &str, width: usize) -> String {
    format!("{name}{}", " ".repeat(width.saturating_sub(name.width())))
}

/// Gold classes in lines, predicted ones in columns with the same numbers.
fn matrix(f: &mut Formatter<'_>, classes: &[Named], confusion: &[Confused]) -> fmt::Result {
    let ids: BTreeMap<&str, usize> = classes.iter().map(|class| class.name.as_str()).zip(0..).collect();
    let mut counts = vec![vec![0; classes.len()]; classes.len()];
    for Confused { gold, predicted, count } in confusion {
        counts[ids[gold.as_str()]][ids[predicted.as_str()]] += count;
    }
    let cell = counts.iter().flatten().map(|count: &u64| count.to_string().len()).max().unwrap_or(0).max(3);
    let names: Vec<_> = classes.iter().map(|class| clean::clip(&class.name, NAME_CHARS)).collect();
    let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
    writeln!(f, "\ngold class in lines, predicted class in columns")?;
    let heads: String = (1..=classes.len()).map(|number| format!("  {number:>cell$}")).collect();
    writeln!(f, "{:>2} {}{heads}", "", padded("", width))?;
    for ((number, name), counts) in (1..).zip(&names).zip(&counts) {
        let counts: String = counts.iter().map(|count| format!("  {count:>cell$}")).collect();
        writeln!(f, "{number:>2} {}{counts}", padded(name, width))?;
    }
    Ok(())
}

/// The pairs of classes that are confused most often.
fn pairs(f: &mut Formatter<'_>, classes: &[Named], confusion: &[Confused]) -> fmt::Result {
    let support: BTreeMap<&str, u64> = classes.iter().map(|class| (class.name.as_str(), class.score.support)).collect();
    let mut wrong: Vec<_> = confusion.iter().filter(|pair| pair.gold != pair.predicted).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    // equal ones stay in the order of their ids
    wrong.sort_by_key(|pair| std::cmp::Reverse(pair.count));
    writeln!(f, "\nmost confused")?;
    for Confused { gold, predicted, count } in wrong.into_iter().take(PAIRS) {
        let share = 100.0 * *count as f64 / support[gold.as_str()].max(1) as f64;
        let [shown, as_what] = [gold, predicted].map(|name| clean::clip(name, NAME_CHARS));
        writeln!(f, "{count:>9}  {shown} taken for {as_what} ({share:.1} % of {shown})")?;
    }
    Ok(())
}

/// A bar for a number from 0 to 1; none only for 0.
fn bar(value: f64) -> char {
    let height = (8.0 * value).round() as usize;
    HEIGHTS[if value > 0.0 { height.clamp(1, 8) } else { 0 }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::measures::{Reading, most_probable};

    const PROBABILITIES: [f64; 15] = [0.9, 0.1, 0.0, 0.2, 0.7, 0.1, 0.6, 0.2, 0.2, 0.0, 0.05, 0.95, 0.3, 0.3, 0.4];

    fn class_report() -> ClassReport {
        let names = ["sports", "体育新闻", "a\u{1b}[31m"].map(str::to_owned);
        let predicted = most_probable(3, &PROBABILITIES);
        ClassReport::new(&names, &[0, 1, 1, 2, 2], &predicted, Some(&PROBABILITIES), 1).unwrap()
    }

    #[test]
    fn classes_for_people() {
        let expected = "\
class              precision    recall        f1   support
sports                0.5000    1.0000    0.6667         1
体育新闻              1.0000    0.5000    0.6667         2
a\\u{1b}[31m           1.0000    1.0000    1.0000         2

micro average         0.8000    0.8000    0.8000         5
macro average         0.8333    0.8333    0.7778         5
weighted average      0.9000    0.8000    0.8000         5

documents                      5
accuracy                  0.8000  (95 %: 0.4000 to 1.0000)
macro f1                  0.7778  (95 %: 0.3333 to 1.0000)
balanced accuracy         0.8333
Matthews correlation      0.7500
negative log-likelihood   0.6078
Brier score               0.3490
calibration error         0.3300

confidence   0             1
documents   │     █  █ █  ██│
expected    │     ▃  ▅ ▆  ▇█│
accuracy    │     █    █  ██│

gold class in lines, predicted class in columns
                  1    2    3
 1 sports         1    0    0
 2 体育新闻       1    1    0
 3 a\\u{1b}[31m    0    0    2
";
        assert_eq!(class_report().to_string(), expected);
    }

    #[test]
    fn many_classes_for_people() {
        let names: Vec<_> = (0..50).map(|id| format!("class {id}")).collect();
        let predicted = |n| if n % 7 == 0 { n % 2 } else { n % 50 };
        let (gold, predicted): (Vec<u32>, Vec<u32>) = (0..500).map(|n| (n % 50, predicted(n))).unzip();
        let report = ClassReport::new(&names, &gold, &predicted, None, 1).unwrap().to_string();
        assert!(report.starts_with("the 40 of 50 with the lowest f1; --json prints all of them\nclass  "), "{report}");
        let (_, confused) = report.split_once("most confused\n").unwrap();
        assert_eq!(confused.lines().count(), 10);
        assert_eq!(confused.lines().next().unwrap(), "        2  class 5 taken for class 1 (20.0 % of class 5)");
    }

    #[test]
    fn keys_of_json() {
        let keys = |value: serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        let report = serde_json::to_value(class_report()).unwrap();
        assert_eq!(keys(report["classes"][0].clone()), "f1 name precision recall support");
        assert_eq!(keys(report["macro"].clone()), "f1 precision recall support");
        let expected = "accuracy balanced_accuracy brier classes confusion documents ece intervals macro matthews micro \
                        nll reliability weighted";
        assert_eq!(keys(report), expected);
        let without = ClassReport { calibration: None, ..class_report() };
        assert_eq!(serde_json::to_value(without).unwrap().get("ece"), None);
    }

    #[test]
    fn other_reports_for_people() {
        let names = ["a", "b"].map(str::to_owned);
        let labels = LabelReport::new(&names, &[true, false, true, true], &[true, true, false, true], 1).unwrap();
        assert!(
            labels.to_string().contains("mean of documents     0.7500    0.7500    0.6667         3\n"),
            "{labels}"
        );
        assert!(labels.to_string().ends_with("wrong decisions           0.5000\n"), "{labels}");
        let (gold, predicted) = (["B-A", "I-A", "O"].to_vec(), ["B-A", "I-A", "B-B"].to_vec());
        let entities = EntityReport::new(&[gold], &[predicted], Reading::Conll, 1).unwrap();
        assert!(
            entities.to_string().contains("\nA                     1.0000    1.0000    1.0000         1\n"),
            "{entities}"
        );
        let single = RegressionReport::new(&[1.0], &[1.5]).unwrap();
        assert!(single.to_string().ends_with("\nSpearman                undefined\n"), "{single}");
        assert!(serde_json::to_string(&single).unwrap().ends_with("\"r2\":null,\"pearson\":null,\"spearman\":null}"));
    }
}
