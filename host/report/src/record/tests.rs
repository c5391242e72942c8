//! Records as lines, and lines of earlier versions as records.

use super::*;
use serde_json::json;

#[test]
fn no_output_takes_the_place_of_a_number_of_the_host() {
    let names = ["loss", "step", "lr", "loss", "grad_norm", "step"].map(str::to_owned);
    let step = Step {
        step: 12,
        loss: 3.0,
        lr: 0.01,
        grad_norm: 7.0,
        seconds: Some(2.5),
        tokens: Some(768),
        epochs: Some(0.25),
        tokens_per_second: 100.0,
        data_wait_ms: 1.5,
        outputs: Step::outputs(&names, &[3.0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        ..Step::default()
    };
    let expected = json!({
        "kind": "step", "step": 12, "loss": 3.0, "lr": 0.01, "grad_norm": 7.0, "seconds": 2.5, "tokens": 768,
        "epochs": 0.25, "tokens_per_second": 100.0, "data_wait_ms": 1.5,
        "outputs": { "step": 0.1, "lr": 0.2, "loss": 0.3, "grad_norm": 0.4, "step-2": 0.5 },
    });
    let record = Record::Step(step);
    assert_eq!(serde_json::to_value(&record).expect("JSON"), expected);
    assert_eq!(Record::from_json(expected), Some(record));
    assert!(Step::outputs(&names[..1], &[3.0]).is_empty());
}

/// What is not finite is `null` in JSON and comes back as NaN.
#[test]
fn a_number_that_is_not_finite_is_read_back() {
    let outputs = BTreeMap::from([("a".to_owned(), f64::NAN), ("b".to_owned(), 1.0)]);
    let step = Record::Step(Step { step: 1, grad_norm: f64::INFINITY, outputs, ..Step::default() });
    let value = serde_json::to_value(&step).expect("JSON");
    assert!(value["grad_norm"].is_null() && value["outputs"]["a"].is_null());
    let Some(Record::Step(step)) = Record::from_json(value) else { panic!("a step") };
    assert!(step.grad_norm.is_nan() && step.outputs["a"].is_nan() && step.outputs["b"] == 1.0);
}

/// Lines of the version before records had a kind.
#[test]
fn lines_without_a_kind_are_known_by_their_keys() {
    let read = |text: &str| Record::from_json(serde_json::from_str(text).expect("JSON"));
    let step = read(r#"{"data_wait_ms":0.05,"grad_norm":1.5,"loss":5.5,"lr":0.001,"step":3,"tokens_per_second":1e4}"#);
    let Some(Record::Step(step)) = step else { panic!("{step:?}") };
    assert_eq!((step.step, step.loss, step.seconds, step.tokens), (3, 5.5, None, None));
    let validation = read(
        r#"{"step":4,"validation":{"loss":2.5},"validation_batches":[2,9],"validation_outputs":{"loss":{"x":null}}}"#,
    );
    let Some(Record::Validation(validation)) = validation else { panic!("{validation:?}") };
    assert_eq!((validation.values["loss"], validation.batches), (2.5, Some([2, 9])));
    assert!(validation.outputs["loss"]["x"].is_nan());
    let last = read(
        r#"{"step":4,"model_step":2,"final":{"validation":[{"name":"loss","plugin":"focal","value":1.5,"unit":"",
            "higher_is_better":false,"comparable":"loss"}],"test":[],"texts":{"test":{"text":"raw","documents":1,
            "bytes":2,"lossy":false}},"baseline":{"bytes":4,"gzip_bytes":3,"xz_bytes":2},"sample":""}}"#,
    );
    let Some(Record::Final(last)) = last else { panic!("{last:?}") };
    assert_eq!((last.model_step, last.report.validation[0].value), (2, 1.5));
    let plugins = r#"{"step":4,"plugins":[{"place":"loss","name":"focal","backend":"wasm","calls":1,"items":0,"bytes":0,
                     "seconds":0.1,"errors":0,"skipped":0,"restarts":0}]}"#;
    for (text, kind) in [
        (plugins, "plugins"),
        (r#"{"step":0,"warning":"x"}"#, "warning"),
        (r#"{"step":20,"from":"step-20","later":[30,40]}"#, "rewind"),
    ] {
        let record = read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(serde_json::to_value(&record).expect("JSON")["kind"], kind);
    }
    // of a later version, or of another program
    assert_eq!(read(r#"{"kind":"picture","step":4}"#), None);
    assert_eq!(read(r#"{"step":4}"#), None);
}
