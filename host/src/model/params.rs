//! Parameters with their gradients, in one fixed order.

use crate::ops::add;
use crate::random::Stream;
use crate::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;

/// One parameter and its gradient. Clones share both.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its values.
    pub value: Tensor,
    /// What the backward passes of this step have added up.
    pub grad: Tensor,
}

/// How a parameter begins.
#[derive(Debug, Clone, Copy)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Normal with mean 0 and this deviation.
    Normal(f64),
}

/// All parameters of a model, by name. The order of names is the order everywhere: optimizer, norm, files.
#[derive(Debug)]
pub struct Params {
    by_name: BTreeMap<String, Param>,
    dtype: DType,
    seed: u64,
}

impl Params {
    /// No parameters yet; those to come are of type `dtype` and begin from `seed`.
    pub fn new(dtype: DType, seed: u64) -> Self {
        Self { by_name: BTreeMap::new(), dtype, seed }
    }

    /// Adds a parameter. Its beginning depends on the seed and its name, not on the order of calls.
    pub fn add(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Param> {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = match init {
            Init::Zeros => vec![0.0; n],
            Init::Ones => vec![1.0; n],
            Init::Normal(deviation) => {
                Stream::new(self.seed, &format!("init/{name}")).normals(n).map(|x| x * deviation).collect()
            }
        };
        let value = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.dtype)?;
        // A copy of its own: kernels write in place, and `to_dtype` may return the same storage.
        let value = value.force_contiguous()?;
        let param = Param { grad: Tensor::zeros(shape, self.dtype, &Device::Cpu)?, value };
        if self.by_name.insert(name.to_owned(), param.clone()).is_some() {
            return Err(Error::run(format!("parameter {name} exists twice")));
        }
        Ok(param)
    }

    /// Names and parameters in the fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.by_name.iter().map(|(name, param)| (name.as_str(), param))
    }

    /// Number of values in all parameters.
    pub fn n_values(&self) -> usize {
        self.by_name.values().map(|param| param.value.elem_count()).sum()
    }

    /// Sets every gradient to 0.
    pub fn zero_grads(&self) -> Result<()> {
        self.by_name.values().try_for_each(|param| add::zero(&param.grad))
    }

    /// Replaces all values. A missing, unknown or wrongly shaped tensor is an error.
    pub fn load(&self, mut tensors: BTreeMap<String, Tensor>) -> Result<()> {
        for (name, param) in &self.by_name {
            let tensor = tensors.remove(name).ok_or_else(|| Error::run(format!("tensor {name} is missing")))?;
            if tensor.shape() != param.value.shape() {
                return Err(Error::run(format!(
                    "tensor {name} has shape {:?}, the model needs {:?}",
                    tensor.dims(),
                    param.value.dims()
                )));
            }
            add::copy(&tensor.to_dtype(self.dtype)?.contiguous()?, &param.value)?;
        }
        match tensors.keys().next() {
            Some(name) => Err(Error::run(format!("tensor {name} does not belong to this model"))),
            None => Ok(()),
        }
    }
}
