//! Parameters without a gradient: they take no memory for one, and no update changes them.

use crate::device;
use candle_core::{DType, Device};
use std::collections::BTreeSet;
use trainyard::model::{Allocator, Init, Params};
use trainyard::ops::Precision;
use trainyard::ops::update::{LossTotal, Step};
use trainyard::optim::{Optimizer, OptimizerConfig};

fn params(allocator: Allocator, frozen: &[&str]) -> Params {
    let frozen: BTreeSet<String> = frozen.iter().map(|&name| name.to_owned()).collect();
    let mut params = Params::new(allocator, 1).frozen(frozen);
    params.add("embedding", &[5, 4], Init::Normal(1.0)).unwrap();
    params.add("norm", &[4], Init::Ones).unwrap();
    params.add_stacked(&[("q".to_owned(), 3), ("k".to_owned(), 2)], 4, Init::Normal(1.0)).unwrap();
    params
}

#[test]
fn only_what_has_a_gradient_is_updated() {
    let engine = device::engine(Precision::F32);
    let params = params(Allocator::new(&engine), &["embedding", "k"]);
    let config = OptimizerConfig::AdamW { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.5 };
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
    assert_eq!(optimizer.state().keys().collect::<Vec<_>>(), ["norm.first", "norm.second", "q.first", "q.second"]);
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
