//! Values of pytorch-crf: `tests/peers/crf_torch.py`.

use super::{Given, assert_close};
use crate::Float;
use serde_json::Value;

const GOLDEN: &str = include_str!("../../../../../tests/golden/crf.json");

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn floats<T: Float>(value: &Value) -> Vec<T> {
    numbers(value).into_iter().map(T::of).collect()
}

fn whole(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|x| x as u32).collect()
}

fn check<T: Float>(case: &Value, limit: f64) {
    let name = |what: &str| format!("{what} of {} in {}", case["name"], std::any::type_name::<T>());
    let rows = case["rows"].as_u64().unwrap() as usize;
    let lengths = whole(&case["lengths"]);
    let given = Given::<T> {
        emissions: floats(&case["emissions"]),
        tags: whole(&case["tags"]),
        sequences: lengths.iter().enumerate().map(|(i, &n)| i * rows..i * rows + n as usize).collect(),
        start: floats(&case["start"]),
        end: floats(&case["end"]),
        transitions: floats(&case["transitions"]),
        scales: floats(&case["scales"]),
        allowed: None,
    };
    let got = given.answers(T::ZERO);
    for (likelihood, (partition, score)) in
        got.likelihoods.iter().zip(numbers(&case["partition"]).iter().zip(numbers(&case["score"])))
    {
        assert_close(&name("partition"), &[likelihood.partition], &[*partition], limit);
        assert_close(&name("loss"), &[likelihood.loss()], &[partition - score], limit);
    }
    let expected = &case["gradients"];
    assert_close(&name("demissions"), &got.emissions, &numbers(&expected["emissions"]), limit);
    assert_close(&name("dstart"), &got.start, &numbers(&expected["start"]), limit);
    assert_close(&name("dend"), &got.end, &numbers(&expected["end"]), limit);
    assert_close(&name("dtransitions"), &got.transitions, &numbers(&expected["transitions"]), limit);
    for (range, best) in given.sequences.iter().zip(case["best"].as_array().unwrap()) {
        assert_eq!(got.best[range.clone()], whole(best), "{}", name("best tags"));
    }
}

#[test]
fn values_and_gradients_are_those_of_pytorch_crf() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        check::<f64>(case, 1e-9);
        check::<f32>(case, 1e-6);
    }
}
