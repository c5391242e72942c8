//! Parameters with their gradients, in one fixed order.

use super::memory::Allocator;
use crate::base::random::Stream;
use crate::ops::{BlockFormat, Blocks, Quantized, Tensor, Weight, add};
use crate::{Error, Result};
use candle_core::{DType, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// One parameter and its gradient. Clones share them.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its values; only their shape where they are in `blocks`.
    pub value: Tensor,
    /// Its values in blocks of few bits, where a frozen one is held so.
    pub blocks: Option<Blocks>,
    /// What the backward passes of this step have added up; none of a frozen parameter, which never changes.
    pub grad: Option<Tensor>,
    /// Its values in bfloat16, where products on a GPU read that.
    pub shadow: Option<Tensor>,
}

impl Param {
    /// Its values in the format `dtype` of what they are multiplied with or added to.
    pub fn as_type(&self, dtype: DType) -> &Tensor {
        match &self.shadow {
            Some(shadow) if shadow.dtype() == dtype => shadow,
            _ => &self.value,
        }
    }

    /// The same as a factor of products.
    pub fn weight(&self, dtype: DType) -> Weight<'_> {
        self.blocks.as_ref().map_or_else(|| self.as_type(dtype).into(), Weight::from)
    }

    /// Replaces the values.
    fn write(&self, tensor: &candle_core::Tensor) -> Result<()> {
        match &self.blocks {
            Some(blocks) => blocks.write(tensor),
            None => self.value.write(tensor),
        }?;
        self.refresh_shadow()
    }

    /// Views of `n` rows from `first` on.
    fn narrow(&self, first: usize, n: usize) -> Result<Self> {
        let view = |tensor: &Tensor| tensor.narrow(first, n);
        let [grad, shadow] = [&self.grad, &self.shadow].map(|tensor| tensor.as_ref().map(view).transpose());
        let blocks = self.blocks.as_ref().map(|blocks| blocks.narrow(first, n)).transpose()?;
        Ok(Self { value: view(&self.value)?, blocks, grad: grad?, shadow: shadow? })
    }

    /// After values were written.
    fn refresh_shadow(&self) -> Result<()> {
        self.shadow.as_ref().map_or(Ok(()), |shadow| add::copy(&self.value, shadow))
    }
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
    /// Uniform between minus this and this.
    Uniform(f64),
}

/// All parameters of a model, by name. The order of names is the order everywhere: optimizer, norm, files.
#[derive(Debug)]
pub struct Params {
    by_name: BTreeMap<String, Param>,
    /// Names of parameters that have no gradient.
    frozen: BTreeSet<String>,
    /// The parameters that are held in blocks.
    quantized: Option<Quantized>,
    allocator: Allocator,
    seed: u64,
    /// Says that those to come are 0 until they are loaded or drawn.
    is_loaded: bool,
    /// How each begins.
    inits: BTreeMap<String, Init>,
}

impl Params {
    /// No parameters yet; those to come are made by `allocator` and begin from `seed`.
    pub fn new(allocator: Allocator, seed: u64) -> Self {
        Self {
            by_name: BTreeMap::new(),
            frozen: BTreeSet::new(),
            quantized: None,
            allocator,
            seed,
            is_loaded: false,
            inits: BTreeMap::new(),
        }
    }

    /// Gives parameters of these names, which are to come, no gradient.
    pub fn frozen(self, names: BTreeSet<String>) -> Self {
        Self { frozen: names, ..self }
    }

    /// Holds some matrices, which are to come and frozen, in blocks. A GPU holds the rounded numbers as they are.
    pub fn in_blocks(self, quantized: Option<Quantized>) -> Self {
        Self { quantized, ..self }
    }

    /// With `is_loaded`, parameters that are to come are 0 until they are loaded or drawn.
    pub fn loaded(self, is_loaded: bool) -> Self {
        Self { is_loaded, ..self }
    }

    /// The parameters that are held in blocks.
    pub fn quantized(&self) -> Option<&Quantized> {
        self.quantized.as_ref()
    }

    /// How the parameter `name` is quantized.
    fn format(&self, name: &str) -> Option<BlockFormat> {
        self.quantized.as_ref().filter(|quantized| quantized.tensors.contains(name)).map(|quantized| quantized.format)
    }

    /// Adds a parameter. Its beginning depends on the seed and its name, not on the order of calls.
    ///
    /// # Errors
    /// A GPU without room for it.
    pub fn add(&mut self, name: &str, shape: &[usize], init: Init) -> Result<Param> {
        let fill = |shape: &Shape| self.tensor(self.values(name, shape.elem_count(), init), shape);
        let (is_frozen, format) = (self.frozen.contains(name), self.format(name));
        let param = self.param(shape.into(), (is_frozen, format), fill)?;
        self.register(name, param.clone(), init)?;
        Ok(param)
    }

    /// Adds matrices `[rows, columns]`, or vectors without `columns`, given as (name, rows, beginning), that lie one
    /// below the other in one tensor, which is returned: one product multiplies them all. Each is a parameter of its
    /// own, a view of its rows, returned too. The whole has a gradient unless all are frozen.
    ///
    /// # Errors
    /// A GPU without room for them.
    pub fn add_stacked(
        &mut self,
        parts: &[(String, usize, Init)],
        columns: Option<usize>,
    ) -> Result<(Param, Vec<Param>)> {
        let rows = parts.iter().map(|(_, rows, _)| rows).sum::<usize>();
        let shape: Vec<usize> = [rows].into_iter().chain(columns).collect();
        let is_frozen = parts.iter().all(|(name, ..)| self.frozen.contains(name));
        let format = parts.first().and_then(|(name, ..)| self.format(name));
        let stack = self.param(shape.into(), (is_frozen, format), |shape| {
            let n = |rows: usize| rows * columns.unwrap_or(1);
            let values = parts.iter().flat_map(|(name, rows, init)| self.values(name, n(*rows), *init));
            self.tensor(values.collect(), shape)
        })?;
        let (mut first, mut views) = (0, Vec::with_capacity(parts.len()));
        for (name, rows, init) in parts {
            let mut part = stack.narrow(first, *rows)?;
            part.grad = part.grad.filter(|_| !self.frozen.contains(name));
            self.register(name, part.clone(), *init)?;
            views.push(part);
            first += rows;
        }
        Ok((stack, views))
    }

    fn param(
        &self,
        shape: Shape,
        (is_frozen, format): (bool, Option<BlockFormat>),
        fill: impl FnOnce(&Shape) -> Result<Tensor>,
    ) -> Result<Param> {
        let allocator = &self.allocator;
        if let (Some(format), [rows, columns], None) = (format, shape.dims(), allocator.device().gpu()) {
            let blocks = allocator.blocks(format, [*rows, *columns]);
            if allocator.has_memory() && !self.is_loaded {
                blocks.write(&fill(&shape)?.to_cpu()?)?;
            }
            return Ok(Param { value: allocator.only_shape(shape)?, blocks: Some(blocks), grad: None, shadow: None });
        }
        let shadow = |dtype| {
            let shadow = allocator.zeros_as(shape.clone(), dtype);
            shadow.map(Some)
        };
        let shadow = allocator.shadow().map_or(Ok(None), shadow)?;
        let grad = if is_frozen { None } else { Some(allocator.zeros(shape.clone())?) };
        let value = match self.is_loaded {
            true => allocator.zeros(shape)?,
            false => allocator.make(shape, allocator.dtype(), fill)?,
        };
        let param = Param { value, blocks: None, grad, shadow };
        // Of shapes alone there is nothing to copy.
        if param.value.gpu().is_some() {
            param.refresh_shadow()?;
        }
        Ok(param)
    }

    fn values(&self, name: &str, n: usize, init: Init) -> Vec<f64> {
        match init {
            Init::Zeros => vec![0.0; n],
            Init::Ones => vec![1.0; n],
            Init::Normal(deviation) => {
                Stream::new(self.seed, &format!("init/{name}")).normals(n).map(|x| x * deviation).collect()
            }
            Init::Uniform(bound) => {
                let stream = Stream::new(self.seed, &format!("init/{name}"));
                (0..n as u64).map(|index| (2.0 * stream.uniform(index) - 1.0) * bound).collect()
            }
        }
    }

    fn tensor(&self, values: Vec<f64>, shape: &Shape) -> Result<Tensor> {
        let values = candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu)?;
        Tensor::copied(&values, self.allocator.dtype(), self.allocator.device())
    }

    fn register(&mut self, name: &str, param: Param, init: Init) -> Result<()> {
        self.inits.insert(name.to_owned(), init);
        match self.by_name.insert(name.to_owned(), param) {
            Some(_) => Err(Error::run(format!("parameter {name} exists twice"))),
            None => Ok(()),
        }
    }

    /// Bytes of values and gradients.
    pub fn bytes(&self) -> u64 {
        self.allocator.bytes()
    }

    /// Names and parameters in the fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.by_name.iter().map(|(name, param)| (name.as_str(), param))
    }

    /// Number of values in all parameters.
    pub fn n_values(&self) -> usize {
        self.by_name.values().map(|param| param.value.elem_count()).sum()
    }

    /// Replaces the values of one parameter.
    ///
    /// # Errors
    /// No such parameter, or one of another shape.
    pub fn set(&self, name: &str, tensor: &candle_core::Tensor) -> Result<()> {
        let param = self.by_name.get(name);
        let param = param.ok_or_else(|| Error::run(format!("the model has no parameter {name}")))?;
        match self.format(name).filter(|_| param.blocks.is_none()) {
            Some(format) => param.write(&format.rounded(tensor)?),
            None => param.write(tensor),
        }
    }

    /// Number of values in those that have a gradient.
    pub fn n_trained(&self) -> usize {
        self.by_name.values().filter(|param| param.grad.is_some()).map(|param| param.value.elem_count()).sum()
    }

    /// Gives parameters that were not drawn when they were made their beginning, those of `names`.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn draw(&self, names: impl Fn(&str) -> bool) -> Result<()> {
        let undrawn = self.by_name.iter().filter(|(name, _)| self.is_loaded && names(name));
        for (name, param) in undrawn {
            let init = self.inits.get(name).copied().unwrap_or(Init::Zeros);
            let values = self.values(name, param.value.elem_count(), init);
            param.write(&candle_core::Tensor::from_vec(values, param.value.shape(), &candle_core::Device::Cpu)?)?;
        }
        Ok(())
    }

    /// Replaces all values.
    ///
    /// # Errors
    /// A tensor that is missing, has another shape, or that the model does not have.
    pub fn load(&self, mut tensors: BTreeMap<String, candle_core::Tensor>) -> Result<()> {
        for (name, param) in &self.by_name {
            let tensor = tensors.remove(name).ok_or_else(|| Error::run(format!("tensor {name} is missing")))?;
            if tensor.shape() != param.value.shape() {
                return Err(Error::run(format!(
                    "tensor {name} has shape {:?}, the model needs {:?}",
                    tensor.dims(),
                    param.value.dims()
                )));
            }
            param.write(&tensor)?;
        }
        match tensors.keys().next() {
            Some(name) => Err(Error::run(format!("tensor {name} does not belong to this model"))),
            None => Ok(()),
        }
    }
}
