//! Folders of other programs: their tensors, and whose parameters these are. Tensors are compared with those of the
//! crate `safetensors`, which Hugging Face maintains.

mod convert;
mod fit;
mod tensors;

use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use trainyard::formats::safetensors::TensorSource;

/// Tensors by name, to be written.
struct Tensors(BTreeMap<String, Tensor>);

impl Tensors {
    /// Tensors of these names and shapes, with different numbers.
    fn new(names: &[(&str, &[usize])]) -> Self {
        let tensor = |(i, (name, shape)): (usize, &(&str, &[usize]))| {
            let n = shape.iter().product::<usize>();
            let numbers: Vec<f32> = (0..n).map(|k| ((k * 7 + i * 13) % 101) as f32 / 8.0 - 5.0).collect();
            ((*name).to_owned(), Tensor::from_vec(numbers, *shape, &Device::Cpu).unwrap())
        };
        Self(names.iter().enumerate().map(tensor).collect())
    }

    /// Writes `model.safetensors`, by the reference.
    fn save(&self, folder: &Path) {
        candle_core::safetensors::save(&self.0.clone().into_iter().collect(), folder.join("model.safetensors"))
            .unwrap();
    }
}

impl TensorSource for Tensors {
    fn list(&self) -> Vec<(String, Vec<usize>)> {
        self.0.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect()
    }

    fn tensor(&mut self, name: &str) -> trainyard::Result<Tensor> {
        Ok(self.0[name].clone())
    }
}

fn numbers(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().and_then(|flat| flat.to_dtype(DType::F64)?.to_vec1()).unwrap()
}

/// A file with this header and `n` bytes after it.
fn write_raw(path: &Path, header: &str, n: usize) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + n, 0);
    fs::write(path, bytes).unwrap();
}
