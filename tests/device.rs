//! The device of the suite: the CPU, or the one that `TRAINYARD_TEST_DEVICE` names. `gpu.rs` runs it on a GPU.

use candle_core::DType;
use std::cell::OnceCell;
use trainyard::ops::{Device, DeviceChoice, Engine, Precision, Tensor};

/// The device of all tests of this process. Each thread opens it for itself: launches of one are captured while those
/// of others run.
pub fn device() -> Device {
    thread_local! {
        static DEVICE: OnceCell<Device> = const { OnceCell::new() };
    }
    let open = || {
        let name = std::env::var("TRAINYARD_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
        let device = Device::open(DeviceChoice::parse(&name).expect("TRAINYARD_TEST_DEVICE")).unwrap().0;
        // Never closed: the process may end before this thread does, and the driver with it.
        std::mem::forget(device.clone());
        device
    };
    DEVICE.with(|device| device.get_or_init(open).clone())
}

/// Whether the device is the CPU.
pub fn is_cpu() -> bool {
    device().gpu().is_none()
}

/// An engine there.
pub fn engine(precision: Precision) -> Engine {
    Engine::on(device(), precision)
}

/// A copy of `tensor` there.
pub fn on(tensor: &candle_core::Tensor) -> Tensor {
    Tensor::copied(tensor, tensor.dtype(), &device()).unwrap()
}

/// Zeros there.
pub fn zeros(shape: &[usize], dtype: DType) -> Tensor {
    Tensor::zeros(shape, dtype, &device()).unwrap()
}

/// Numbers of one type, whatever it is.
pub fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_vec().unwrap()
}

/// Norm of a tensor, and a sum that tells one that is transposed, permuted or negated from the right one: what the
/// scripts in `peers` write of tensors.
pub fn probe(values: &[f64]) -> [f64; 2] {
    let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    [norm, values.iter().enumerate().map(|(index, value)| value * (index as f64 + 1.0).sin()).sum()]
}

/// The folder of the tests; it is read when they run, because a bundle of them may be elsewhere than where it was
/// built.
pub fn manifest_dir() -> String {
    std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned())
}
