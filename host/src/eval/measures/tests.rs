//! The measures against those of scikit-learn, SciPy and seqeval, which tests/peers/measures_sklearn.py wrote down.

use super::bootstrap::interval;
use super::*;
use serde_json::Value;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/measures.json"));

fn golden(task: &str) -> Vec<Value> {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden[task].as_array().unwrap().clone();
    assert!(cases.len() > 2, "{task} has cases");
    cases
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|value| value.as_u64().unwrap() as u32).collect()
}

fn names(n: u64) -> Vec<String> {
    (0..n).map(|id| format!("class {id}")).collect()
}

#[track_caller]
fn assert_close(what: &str, got: f64, expected: f64) {
    let tolerance = 1e-12 * expected.abs().max(1.0);
    assert!((got - expected).abs() <= tolerance, "{what}: expected {expected}, got {got}");
}

#[track_caller]
fn assert_score(what: &str, got: &Score, expected: &Value) {
    for (got, expected) in [got.precision, got.recall, got.f1, got.support as f64].into_iter().zip(numbers(expected)) {
        assert_close(what, got, expected);
    }
}

#[track_caller]
fn assert_averages(what: &str, got: &Averages, expected: &Value) {
    for (name, got) in [("micro", &got.micro), ("macro", &got.plain), ("weighted", &got.weighted)] {
        assert_score(&format!("{what}: {name}"), got, &expected[name]);
    }
}

#[test]
fn classes_equal_scikit_learn() {
    for case in golden("classes") {
        let (name, n) = (case["name"].as_str().unwrap(), case["n_classes"].as_u64().unwrap());
        let probabilities = case.get("probabilities").map(numbers);
        let (gold, predicted) = (ids(&case["gold"]), ids(&case["predicted"]));
        let report = ClassReport::new(&names(n), &gold, &predicted, probabilities.as_deref(), 1).unwrap();
        assert_eq!(report.classes.len() as u64, n);
        for (class, expected) in report.classes.iter().zip(case["classes"].as_array().unwrap()) {
            assert_score(&format!("{name}: {}", class.name), &class.score, expected);
        }
        assert_averages(name, &report.averages, &case["averages"]);
        assert_close(name, report.accuracy, case["accuracy"].as_f64().unwrap());
        assert_close(name, report.balanced_accuracy, case["balanced_accuracy"].as_f64().unwrap());
        assert_close(name, report.matthews, case["matthews"].as_f64().unwrap());
        let confusion = Confusion::new(n as usize, &gold, &predicted).unwrap();
        let mut cells = vec![vec![0; n as usize]; n as usize];
        confusion.cells().for_each(|(gold, predicted, count)| cells[gold as usize][predicted as usize] = count);
        assert_eq!(serde_json::to_value(cells).unwrap(), case["confusion"], "{name}");
        let Some(calibration) = report.calibration else { continue };
        assert_eq!(most_probable(n as usize, &probabilities.unwrap()), predicted, "{name}");
        assert_close(name, calibration.nll, case["nll"].as_f64().unwrap());
        assert_close(name, calibration.brier, case["brier"].as_f64().unwrap());
        assert_close(name, calibration.ece, case["ece"].as_f64().unwrap());
        assert_eq!(calibration.reliability.len(), 15);
        for (bin, expected) in calibration.reliability.iter().zip(case["reliability"].as_array().unwrap()) {
            for (got, expected) in [bin.count as f64, bin.confidence, bin.accuracy].into_iter().zip(numbers(expected)) {
                assert_close(&format!("{name}: above {}", bin.low), got, expected);
            }
        }
    }
}

#[test]
fn labels_equal_scikit_learn() {
    for case in golden("labels") {
        let n = case["n_labels"].as_u64().unwrap();
        let side = |name: &str| -> Vec<bool> {
            case[name].as_array().unwrap().iter().map(|value| value.as_bool().unwrap()).collect()
        };
        let report = LabelReport::new(&names(n), &side("gold"), &side("predicted"), 1).unwrap();
        for (label, expected) in report.labels.iter().zip(case["labels"].as_array().unwrap()) {
            assert_score(&label.name, &label.score, expected);
        }
        assert_averages("labels", &report.averages, &case["averages"]);
        assert_score("samples", &report.samples, &case["samples"]);
        assert_close("accuracy", report.accuracy, case["accuracy"].as_f64().unwrap());
        assert_close("hamming", report.hamming, case["hamming"].as_f64().unwrap());
    }
}

#[test]
fn numbers_equal_scikit_learn() {
    for case in golden("regression") {
        let report = RegressionReport::new(&numbers(&case["gold"]), &numbers(&case["predicted"])).unwrap();
        assert_close("mse", report.mse, case["mse"].as_f64().unwrap());
        assert_close("mae", report.mae, case["mae"].as_f64().unwrap());
        assert_close("rmse", report.rmse, case["mse"].as_f64().unwrap().sqrt());
        for (name, got) in [("r2", report.r2), ("pearson", report.pearson), ("spearman", report.spearman)] {
            assert_eq!(got.is_some(), case[name].is_f64(), "{name}: {got:?}, {}", case[name]);
            assert_close(name, got.unwrap_or(0.0), case[name].as_f64().unwrap_or(0.0));
        }
    }
}

fn tags(sentences: &Value) -> Vec<Vec<&str>> {
    fn texts(tags: &Value) -> Vec<&str> {
        tags.as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect()
    }
    sentences.as_array().unwrap().iter().map(texts).collect()
}

#[test]
fn entities_equal_seqeval() {
    for case in golden("entities") {
        let name = case["name"].as_str().unwrap();
        let (gold, predicted) = (tags(&case["gold"]), tags(&case["predicted"]));
        let readings = [(Reading::Conll, "conll", "entities"), (Reading::Strict, "strict", "strict_entities")];
        for (reading, key, found) in readings.into_iter().filter(|(_, key, _)| case.get(key).is_some()) {
            for (tags, expected) in gold.iter().zip(case[found].as_array().unwrap()) {
                let found: Vec<_> =
                    entities(tags, reading).unwrap().iter().map(|e| (e.kind.to_owned(), e.start, e.end)).collect();
                assert_eq!(serde_json::to_value(found).unwrap(), *expected, "{name}: {key}: {tags:?}");
            }
            let report = EntityReport::new(&gold, &predicted, reading, 1).unwrap();
            let expected = case[key]["types"].as_array().unwrap();
            assert_eq!(report.types.len(), expected.len(), "{name}: {key}");
            for (kind, expected) in report.types.iter().zip(expected) {
                assert_score(&format!("{name}: {key}: {}", kind.name), &kind.score, expected);
            }
            assert_averages(&format!("{name}: {key}"), &report.averages, &case[key]["averages"]);
            assert_close(name, report.accuracy, case["accuracy"].as_f64().unwrap());
        }
    }
    assert_eq!(golden("entities").iter().filter(|case| case.get("strict").is_some()).count(), 2);
}

#[test]
fn intervals_are_those_of_the_resamples() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let Interval { low, high } = interval(numbers(&golden["percentiles"]["values"]));
    let expected = numbers(&golden["percentiles"]["ends"]);
    assert_close("low", low, expected[0]);
    assert_close("high", high, expected[1]);

    // 320 of 400 right: the standard error of a share of 0.8 is 0.02
    let (gold, predicted) = (vec![0; 400], Vec::from_iter((0..400).map(|document| u32::from(document % 5 == 0))));
    let of = |seed| ClassReport::new(&names(2), &gold, &predicted, None, seed).unwrap().intervals;
    let Intervals { accuracy, f1 } = of(1);
    assert!((accuracy.low - (0.8 - 1.96 * 0.02)).abs() < 0.005, "{accuracy:?}");
    assert!((accuracy.high - (0.8 + 1.96 * 0.02)).abs() < 0.005, "{accuracy:?}");
    // the mean of 2·accuracy / (1 + accuracy) and 0 rises with the accuracy, as do its percentiles
    for (f1, accuracy) in [(f1.low, accuracy.low), (f1.high, accuracy.high)] {
        assert!((f1 - accuracy / (1.0 + accuracy)).abs() < 1e-4, "{f1}, {accuracy}");
    }
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(threads.install(|| of(1)), of(1));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let class = |gold: &[u32], predicted: &[u32], probabilities: Option<&[f64]>| {
        ClassReport::new(&names(2), gold, predicted, probabilities, 1).unwrap_err().to_string()
    };
    let cases = [
        (class(&[], &[], None), "predicted classes: expected at least one document to measure, got none"),
        (class(&[0, 1], &[0], None), "predicted classes: expected 2, one for each gold value, got 1"),
        (class(&[0, 2], &[0, 0], None), "document 1: gold class: expected less than 2, got 2"),
        (class(&[0], &[7], None), "document 0: predicted class: expected less than 2, got 7"),
        (class(&[0], &[0], Some(&[1.0])), "probabilities: expected 1 documents × 2 classes, got 1"),
        (class(&[0], &[0], Some(&[1.5, -0.5])), "document 0: probability: expected 0 to 1, got 1.5"),
        (class(&[0], &[0], Some(&[f64::NAN, 0.5])), "document 0: probability: expected 0 to 1, got NaN"),
        (class(&[0], &[0], Some(&[0.5, 0.25])), "document 0: probabilities: expected a sum of 1, got 0.75"),
        (
            RegressionReport::new(&[0.0, f64::NAN], &[0.0, 0.0]).unwrap_err().to_string(),
            "document 1: gold number: expected a finite one, got NaN",
        ),
        (
            LabelReport::new(&names(2), &[true], &[true], 1).unwrap_err().to_string(),
            "gold labels: expected a multiple of 2 labels, got 1",
        ),
        (
            EntityReport::new(&[vec!["O"]], &[vec!["O", "O"]], Reading::Conll, 1).unwrap_err().to_string(),
            "sentence 0: expected 1 predicted tags, got 2",
        ),
        (
            EntityReport::new(&[vec!["O"]], &[vec!["X-A"]], Reading::Conll, 1).unwrap_err().to_string(),
            "sentence 0: predicted: token 0: tag: expected B, I, O, E or S and a type, such as B-PER, got \"X-A\"",
        ),
        (
            EntityReport::new(&[vec!["O", ""]], &[vec!["O", "O"]], Reading::Strict, 1).unwrap_err().to_string(),
            "sentence 0: gold: token 1: tag: expected B, I or O and a type, such as B-PER, got \"\"",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}
