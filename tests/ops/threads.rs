//! No result depends on the number of threads.

use super::{column, engine, on, shape, zeros};
use crate::device::device;
use candle_core::DType;
use trainyard::ops::activation::{self, Activation};
use trainyard::ops::attention::{self, Gradients, Inputs, Shape};
use trainyard::ops::embedding::{self, Lookup};
use trainyard::ops::rotary::{self, Angles, Table};
use trainyard::ops::update::{Slot, Slots};
use trainyard::ops::{Assign, Tensor, View, gated, layer_norm, linear, linear::Layout, rms_norm};

const DTYPE: DType = DType::F32;
const ROWS: usize = 513;
const WIDTH: usize = 96;

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for ops in [attention_and_linear, norms, pointwise] {
        let run = |threads: usize| -> Vec<Vec<f64>> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let results = pool.install(|| ops().unwrap());
            results.iter().map(|result| result.to_vec().unwrap()).collect()
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(3));
    }
}

type Results = trainyard::Result<Vec<Tensor>>;

fn random(name: &str, shape: &[usize], dtype: DType) -> Tensor {
    on(&super::random(name, shape, dtype))
}

fn attention_and_linear() -> Results {
    let shape = Shape { kv_heads: 2, ..shape(171, 4, 24) };
    let n = shape.qkv_width();
    let (x, w, b) = (random("x", &[ROWS, WIDTH], DTYPE), random("w", &[WIDTH, n], DTYPE), random("b", &[n], DTYPE));
    let qkv = zeros(&[ROWS, n], DTYPE);
    linear::forward(&engine(), &x, (&w, Layout::InOut), Some(&b), None, &qkv)?;
    let positions: Vec<u32> = (0..ROWS as u32).map(|i| i % 171).collect();
    let (positions, table) = (column(&positions), Table::new(ROWS, &Angles::new(24, 1e4), DTYPE, &device())?);
    let turned = |tensor| View::new(tensor, 0, 6 * 24);
    rotary::forward(&engine(), turned(&qkv)?, &positions, &table)?;
    let (out, lse) = (zeros(&[ROWS, WIDTH], DTYPE), zeros(&[3, 4, 171], DTYPE));
    let inputs = Inputs::packed(&qkv, &positions, shape)?;
    attention::forward(&engine(), &inputs, shape, &out, &lse)?;
    let dqkv = zeros(&[ROWS, n], DTYPE);
    attention::backward(&engine(), &x, &inputs, shape, &out, &lse, &Gradients::packed(&dqkv, shape)?)?;
    rotary::backward(&engine(), turned(&dqkv)?, &positions, &table)?;
    let (dx, dw, db) = (zeros(&[ROWS, WIDTH], DTYPE), zeros(&[WIDTH, n], DTYPE), zeros(&[n], DTYPE));
    let set_dx = Some(((&dx).into(), Assign::Set));
    linear::backward(&engine(), &dqkv, &x, (&w, Layout::InOut), set_dx, Some(&dw), Some(&db))?;
    let [first, value] = [(); 2].map(|()| zeros(&[WIDTH, n], DTYPE));
    let slot = Slot { value, grad: dw.clone(), first, second: None, shadow: None, own: None, decay: 0.0, rate: 1.0 };
    let squares = Slots::new(vec![slot], &device())?.squares(&engine())?;
    let squares = candle_core::Tensor::new(squares, &candle_core::Device::Cpu)?.into();
    Ok(vec![out, lse, dqkv, dx, dw, db, squares])
}

fn norms() -> Results {
    let [x, dy] = ["x", "dy"].map(|name| random(name, &[ROWS, WIDTH], DTYPE));
    let [w, b] = ["w", "b"].map(|name| random(name, &[WIDTH], DTYPE));
    let [layer_out, layer_dx, rms_out, rms_dx] = [(); 4].map(|()| zeros(&[ROWS, WIDTH], DTYPE));
    let [layer_dw, layer_db, rms_dw] = [(); 3].map(|()| zeros(&[WIDTH], DTYPE));
    let (stats, scale) = (zeros(&[ROWS, 2], DTYPE), zeros(&[ROWS, 1], DTYPE));
    let parameters = [Some(&layer_dw), Some(&layer_db)];
    let [layer, rms] = [&layer_dx, &rms_dx].map(|dx| Some((dx.into(), Assign::Add)));
    layer_norm::forward(&engine(), &x, Some(&w), Some(&b), 1e-5, &layer_out, &stats)?;
    layer_norm::backward(&engine(), &dy, &x, Some(&w), &stats, layer, parameters)?;
    rms_norm::forward(&engine(), &x, Some((&w).into()), 1e-6, &rms_out, &scale)?;
    rms_norm::backward(&engine(), &dy, &x, Some((&w).into()), &scale, rms, Some(&rms_dw))?;
    Ok(vec![layer_out, layer_dx, layer_dw, layer_db, rms_out, rms_dx, rms_dw])
}

fn pointwise() -> Results {
    let (x, dy) = (random("x", &[ROWS, 2 * WIDTH], DTYPE), random("dy", &[ROWS, WIDTH], DTYPE));
    let (out, dx) = (zeros(&[ROWS, WIDTH], DTYPE), zeros(&[ROWS, 2 * WIDTH], DTYPE));
    gated::forward(&engine(), Activation::Silu, &x, &out)?;
    gated::backward(&engine(), Activation::Silu, &x, &dy, &dx)?;
    let (activated, slope) = (zeros(&[ROWS, 2 * WIDTH], DTYPE), on(&dx.to_cpu()?));
    activation::forward(&engine(), Activation::GeluErf, &x, &activated)?;
    activation::backward(&engine(), Activation::GeluErf, &x, &slope, &slope)?;
    let (ids, dtokens) = ((0..ROWS as u32).map(|i| i * i % 37).collect::<Vec<_>>(), zeros(&[37, WIDTH], DTYPE));
    embedding::backward(&engine(), &dy, &[Lookup::new(&column(&ids), &dtokens)])?;
    Ok(vec![out, dx, activated, slope, dtokens])
}
