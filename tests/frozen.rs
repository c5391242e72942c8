//! Parameters without a gradient: they take no memory for one, and no update changes them.

use crate::device;
use candle_core::{DType, Device};
use std::collections::BTreeSet;
use trainyard::model::{Allocator, Init, Params};
use trainyard::ops::Precision;
use trainyard::ops::update::{LossTotal, Step};
use trainyard::optim::{Optimizer, OptimizerConfig, OptimizerGroup, OptimizerRule};

fn params(allocator: Allocator, frozen: &[&str]) -> Params {
    let frozen: BTreeSet<String> = frozen.iter().map(|&name| name.to_owned()).collect();
    let mut params = Params::new(allocator, 1).frozen(frozen);
    params.add("embedding", &[5, 4], Init::Normal(1.0)).unwrap();
    params.add("norm", &[4], Init::Ones).unwrap();
    let [q, k] = [("q", 3), ("k", 2)].map(|(name, rows)| (name.to_owned(), rows, Init::Normal(1.0)));
    params.add_stacked(&[q, k], Some(4)).unwrap();
    params
}

fn config(group: Vec<OptimizerGroup>) -> OptimizerConfig {
    let rule = OptimizerRule::AdamW { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.5 };
    OptimizerConfig { rule, group }
}

#[test]
fn only_what_has_a_gradient_is_updated() {
    let engine = device::engine(Precision::F32);
    let params = params(Allocator::new(&engine), &["embedding", "k"]);
    let config = config(Vec::new());
    let mut optimizer = Optimizer::new(&config, &params, &engine).unwrap();
    let before: Vec<_> = params.iter().map(|(_, param)| device::values(&param.value)).collect();
    let trained: Vec<_> = params.iter().filter(|(_, param)| param.grad.is_some()).map(|(name, _)| name).collect();
    assert_eq!(trained, ["norm", "q"]);
    assert_eq!((params.n_values(), params.n_trained()), (44, 16));
    for (_, param) in params.iter() {
        let Some(grad) = &param.grad else { continue };
        let ones = candle_core::Tensor::ones(grad.shape(), DType::F32, &Device::Cpu).unwrap();
        grad.write(&ones).unwrap();
    }
    let norms: Vec<_> = optimizer.gradient_norms(&engine).unwrap().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(norms, ["norm", "q"], "frozen parameters have no gradient to check");
    assert_eq!(optimizer.state_names(), ["norm.first", "norm.second", "q.first", "q.second"]);
    let step = Step { number: 1, lr: 0.1, clip: 0.0 };
    let total = match device::is_cpu() {
        true => LossTotal::Cpu { sum: 1.0, weight: 1.0 },
        false => {
            let ones = candle_core::Tensor::ones(2, DType::F64, &Device::Cpu).unwrap();
            LossTotal::Gpu(device::on(&ones))
        }
    };
    optimizer.judge(&engine, &total, &step).unwrap();
    optimizer.update(&engine, &step).unwrap();
    for ((name, param), before) in params.iter().zip(before) {
        let changes = device::values(&param.value) != before;
        assert_eq!(changes, trained.contains(&name), "{name}");
    }
}

#[test]
fn a_gradient_that_is_not_there_takes_no_memory() {
    let bytes = |frozen: &[&str]| params(Allocator::only_shapes(Precision::F32, &device::device()), frozen).bytes();
    let all = bytes(&[]);
    assert_eq!(all - bytes(&["embedding"]), 5 * 4 * 4);
    assert_eq!(all - bytes(&["q", "k"]), 5 * 4 * 4);
    // the gradient of a stack is one
    assert_eq!(all - bytes(&["q"]), 0);
}

/// Gradients of 1, one step of AdamW from these parameters: each moves by lr · (1 + decay · value), as PyTorch's AdamW
/// with parameter groups does: m̂ / √v̂ is 1.
#[test]
fn groups_have_rates_and_decays_of_their_own() {
    let engine = device::engine(Precision::F64);
    let params = params(Allocator::new(&engine), &[]);
    let group = |patterns: &[&str], lr_factor, weight_decay| OptimizerGroup {
        patterns: patterns.iter().map(|&pattern| pattern.to_owned()).collect(),
        lr_factor,
        weight_decay,
    };
    let groups = vec![group(&["embed*", "norm"], 0.5, Some(0.0)), group(&["q", "norm"], 0.0, None)];
    let mut optimizer = Optimizer::new(&config(groups), &params, &engine).unwrap();
    let before: Vec<_> = params.iter().map(|(_, param)| device::values(&param.value)).collect();
    for (_, param) in params.iter() {
        let grad = param.grad.as_ref().unwrap();
        grad.write(&candle_core::Tensor::ones(grad.shape(), DType::F64, &Device::Cpu).unwrap()).unwrap();
    }
    let step = Step { number: 1, lr: 0.1, clip: 0.0 };
    let total = match device::is_cpu() {
        true => LossTotal::Cpu { sum: 1.0, weight: 1.0 },
        false => LossTotal::Gpu(device::on(&candle_core::Tensor::ones(2, DType::F64, &Device::Cpu).unwrap())),
    };
    optimizer.judge(&engine, &total, &step).unwrap();
    optimizer.update(&engine, &step).unwrap();
    for ((name, param), before) in params.iter().zip(before) {
        let (lr, decay) = match name {
            "embedding" => (0.05, 0.0),
            "k" => (0.1, 0.5),
            "norm" => (0.05, 0.0),
            _ => (0.0, 0.5),
        };
        for (now, before) in device::values(&param.value).iter().zip(before) {
            let expected = before - lr * (1.0 + decay * before);
            assert!((now - expected).abs() < 1e-7, "{name}: {before} became {now}, expected {expected}");
        }
    }
    let error = Optimizer::new(&config(vec![group(&["q", "v"], 1.0, None)]), &params, &engine).err().unwrap();
    assert!(error.to_string().starts_with("optimizer.group.0.match: \"v\" matches no parameter"), "{error}");
}
