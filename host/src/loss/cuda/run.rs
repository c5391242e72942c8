//! Runs a plan on a GPU: chunk by chunk, so that the logits of a whole batch never exist. Nothing is read back: a step
//! can be launched without waiting for the one before, and its launches can be captured and repeated.

use super::emit::{Format, PassSizes, Sizes, sizes, source, threads};
use super::layout::Layout;
use super::rows::NARROW_THREADS;
use crate::loss::Totals;
use crate::loss::split::Plan;
use crate::model::Head;
use crate::ops::cuda::{Grid, Kernel, Operand, Product, Scratch, arguments};
use crate::ops::linear::Transform;
use crate::ops::{Gpu, Precision, Tensor, add_column_sums, check_gpu};
use crate::rows::{PlacedRows, RowInput};
use crate::{Error, Result};
use candle_core::DType;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The logits of a chunk take at most this much memory, but there are at most `ROWS_MAX` and at least one row of them.
const CHUNK_BYTES: usize = 256 << 20;
const ROWS_MAX: usize = 4096;

/// Products are made of tiles with this many rows.
const TILE_ROWS: usize = 128;

/// A row of logits begins at a multiple of this many elements, so that every element format has its rows at multiples
/// of 16 bytes.
const ROW_ALIGNMENT: usize = 8;

/// Threads of the kernel that computes what is not a row.
const SMALL_THREADS: u32 = 1024;

/// What a run reads and writes.
pub(in crate::loss) struct Arguments<'a> {
    /// `[rows, width]`
    pub hidden: &'a Tensor,
    /// Weight `[vocab, width]`, bias `[vocab]`.
    pub head: Head<'a>,
    /// With all inputs that the plan reads.
    pub rows: &'a PlacedRows<'a>,
    pub step: u64,
    /// `[rows, width]`: overwritten.
    pub dhidden: Option<&'a Tensor>,
}

/// The kernels of a plan on a GPU.
struct Kernels {
    gpu: Arc<Gpu>,
    format: Format,
    transform: Transform,
    sizes: Sizes,
    /// For each stage.
    small: Vec<Option<Kernel>>,
    rows: Vec<Option<Kernel>>,
    add_totals: Kernel,
}

/// The kernels of a plan for each GPU, format and transform that it has run with, compiled when it first does.
#[derive(Default)]
pub(in crate::loss) struct Compiled(Mutex<Vec<Arc<Kernels>>>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compiled")
    }
}

impl Compiled {
    fn kernels(&self, gpu: &Arc<Gpu>, plan: &Plan, format: Format, transform: Transform) -> Result<Arc<Kernels>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |other: &&Arc<Kernels>| {
            other.format == format && other.transform == transform && Arc::ptr_eq(&other.gpu, gpu)
        };
        if let Some(kernels) = known.iter().find(is_same) {
            return Ok(Arc::clone(kernels));
        }
        let kernels = Arc::new(Kernels::new(gpu, plan, format, transform)?);
        known.push(Arc::clone(&kernels));
        Ok(kernels)
    }

    /// Runs `plan` on a batch that was checked. `totals` are added to. Waits for the GPU only where rows are kept.
    ///
    /// # Errors
    /// A GPU that fails, tensors of other sizes, an input that was not sent.
    pub fn run(&self, gpu: &Arc<Gpu>, plan: &Plan, totals: &mut Totals, arguments: &Arguments<'_>) -> Result<()> {
        if arguments.rows.rows().is_empty() {
            return Ok(());
        }
        let format = format(arguments.hidden.dtype())?;
        let kernels = self.kernels(gpu, plan, format, arguments.head.transform())?;
        let run = Run::new(&kernels, plan, arguments)?;
        let sums = totals.device().ok_or_else(|| Error::run("loss: totals of the CPU for a run on a GPU"))?;
        check_gpu("loss", &[(sums, DType::F64, 2 * plan.outputs.len())])?;
        for (number, stage) in kernels.sizes.stages.iter().enumerate() {
            if let Some(kernel) = &kernels.small[number] {
                run.small(kernel)?;
            }
            if let (Some(sizes), Some(pass), Some(kernel)) =
                (&stage.pass, &plan.stages[number].pass, &kernels.rows[number])
            {
                run.pass(kernel, sizes, pass.needs_logits, pass.has_gradient)?;
            }
        }
        run.add_totals(sums)?;
        if let (Some(kept), Some(summed)) = (totals.rows_mut(), plan.summed_rows()) {
            kept.extend(run.exported(Layout::new(plan).export_place(summed))?);
        }
        Ok(())
    }
}

impl Kernels {
    fn new(gpu: &Arc<Gpu>, plan: &Plan, format: Format, transform: Transform) -> Result<Self> {
        let sizes = sizes(plan);
        let module = gpu.compile(&source(plan, format, transform))?;
        let named = |kind: &str, number: usize, exists: bool| {
            exists.then(|| module.kernel(&format!("{kind}_{number}"))).transpose()
        };
        let stages = || sizes.stages.iter().enumerate();
        Ok(Self {
            small: stages().map(|(i, stage)| named("small", i, stage.has_small)).collect::<Result<_>>()?,
            rows: stages().map(|(i, stage)| named("rows", i, stage.pass.is_some())).collect::<Result<_>>()?,
            add_totals: module.kernel("add_totals")?,
            gpu: Arc::clone(gpu),
            format,
            transform,
            sizes,
        })
    }
}

fn format(dtype: DType) -> Result<Format> {
    match dtype {
        DType::F32 => Ok(Format::F32),
        DType::F64 => Ok(Format::F64),
        DType::BF16 => Ok(Format::Bf16),
        other => Err(Error::run(format!("loss: hidden states are {other:?}, expected f32, f64 or bf16"))),
    }
}

/// Elements from one row of logits to the next.
fn stride(vocab: usize) -> usize {
    vocab.next_multiple_of(ROW_ALIGNMENT)
}

/// Rows of a chunk, whose logits take this many bytes each: whole tiles if possible.
fn chunk_rows(rows: usize, bytes: usize) -> usize {
    let most = (CHUNK_BYTES / bytes.max(1)).clamp(1, ROWS_MAX);
    let whole = if most > TILE_ROWS { most / TILE_ROWS * TILE_ROWS } else { most };
    whole.min(rows.max(1))
}

/// Bytes that the loss takes on a GPU, without its inputs and gradients.
pub(crate) fn bytes_on_gpu(precision: Precision, rows: usize, vocab: usize) -> u64 {
    let format = match precision {
        Precision::F32 => Format::F32,
        Precision::F64 => Format::F64,
        Precision::Bf16 => Format::Bf16,
    };
    let row = stride(vocab) * format.logit_bytes();
    let gradient = format.gradient_bytes().map_or(0, |bytes| stride(vocab) * bytes);
    (chunk_rows(rows, row) * (row + gradient)) as u64
}

/// One run of a plan.
struct Run<'r> {
    kernels: &'r Kernels,
    arguments: &'r Arguments<'r>,
    rows: usize,
    width: usize,
    vocab: usize,
    /// Addresses of the plan's row inputs, in the order of the table.
    inputs: Vec<u64>,
    /// f64: scalars, then sequences, of which there are at most as many as rows.
    values: Scratch<'r>,
    /// `[exports, rows]`
    exports: Scratch<'r>,
    step: u64,
}

impl<'r> Run<'r> {
    fn new(kernels: &'r Kernels, plan: &Plan, arguments: &'r Arguments<'r>) -> Result<Self> {
        let (gpu, sizes) = (&kernels.gpu, &kernels.sizes);
        let (rows, width) = (arguments.rows.rows().len(), arguments.hidden.row_width());
        let vocab = arguments.head.weight.value.elem_count() / width.max(1);
        check(arguments, rows, width, vocab)?;
        Ok(Self {
            inputs: addresses(plan, arguments.rows)?,
            values: gpu.scratch(8 * (sizes.n_scalars + sizes.n_sequences * rows))?,
            exports: gpu.scratch(kernels.format.logit_bytes() * sizes.n_exports * rows)?,
            step: gpu.step(arguments.step)?,
            kernels,
            arguments,
            rows,
            width,
            vocab,
        })
    }

    fn small(&self, kernel: &Kernel) -> Result<()> {
        // The gradients have no factor: what they are divided by is known when the step is complete.
        let scale = 0_u64;
        let (values, exports) = (self.values.pointer(), self.exports.pointer());
        let words = arguments![values, exports, self.rows, self.group(), self.vocab, self.step, scale];
        self.kernels.gpu.launch_kernel(kernel, Grid::new(1, SMALL_THREADS), words)
    }

    fn add_totals(&self, totals: &Tensor) -> Result<()> {
        let words = arguments![totals, self.values.pointer(), self.rows, self.group(), self.vocab];
        self.kernels.gpu.launch_kernel(&self.kernels.add_totals, Grid::new(1, 32), words)
    }

    /// The numbers `[rows]` of the export at `place`.
    fn exported(&self, place: usize) -> Result<Vec<f64>> {
        let Kernels { gpu, format, .. } = self.kernels;
        let from = self.exports.pointer() + (format.logit_bytes() * place * self.rows) as u64;
        if *format == Format::F64 {
            let mut values = vec![0_f64; self.rows];
            gpu.download(from, &mut values)?;
            return Ok(values);
        }
        let mut values = vec![0_f32; self.rows];
        gpu.download(from, &mut values)?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    fn pass(&self, kernel: &Kernel, sizes: &PassSizes, needs_logits: bool, has_gradient: bool) -> Result<()> {
        let Kernels { gpu, format, .. } = self.kernels;
        let stride = stride(self.vocab);
        let row = if needs_logits { stride * format.logit_bytes() } else { 0 };
        let rows = chunk_rows(self.rows, row * (1 + sizes.n_stored));
        let logits = gpu.scratch(rows * row)?;
        let stored = gpu.scratch(rows * row * sizes.n_stored)?;
        let apart = format.gradient_bytes().filter(|_| has_gradient);
        let apart = apart.map(|bytes| gpu.scratch(rows * stride * bytes)).transpose()?;
        let gradient = apart.as_ref().unwrap_or(&logits).pointer();
        for first in (0..self.rows).step_by(rows) {
            let chunk = Chunk { first, n: rows.min(self.rows - first), logits: logits.pointer(), gradient, stride };
            if needs_logits {
                self.make_logits(&chunk)?;
            }
            let grid = match sizes.is_wide {
                true => Grid::new(chunk.n, threads(self.vocab)),
                false => Grid::new(chunk.n.div_ceil(NARROW_THREADS as usize), NARROW_THREADS),
            };
            let before = arguments![
                chunk.logits,
                chunk.gradient,
                stored.pointer(),
                stride,
                chunk.first,
                chunk.n,
                self.rows,
                self.group(),
                self.vocab,
            ];
            let after = arguments![self.values.pointer(), self.exports.pointer()];
            gpu.launch_kernel(kernel, grid, &[before, self.inputs.as_slice(), after].concat())?;
            if has_gradient {
                self.add_gradients(&chunk)?;
            }
        }
        Ok(())
    }

    fn group(&self) -> u64 {
        self.arguments.rows.group()
    }

    /// What the logits are made of: `[n, vocab]` = hidden · weightᵀ + bias
    fn make_logits(&self, chunk: &Chunk) -> Result<()> {
        self.kernels.gpu.matmul(&Product {
            m: chunk.n,
            n: self.vocab,
            k: self.width,
            a: self.hidden(chunk),
            b: self.weight().t(),
            out: chunk.logits,
            out_dtype: self.arguments.head.weight.value.dtype(),
            out_stride: chunk.stride,
            add: false,
            residual: None,
            bias: self.arguments.head.bias.map(|bias| bias.value.pointer()),
        })
    }

    /// dhidden `[n, width]` = dlogits · weight, dweight `[vocab, width]` += dlogitsᵀ · hidden, dbias `[vocab]` +=
    /// Σ rows dlogits
    fn add_gradients(&self, chunk: &Chunk) -> Result<()> {
        let Some(dhidden) = self.arguments.dhidden else { return Ok(()) };
        let dtype = dhidden.dtype();
        let dlogits = Operand { pointer: chunk.gradient, dtype, stride: chunk.stride, transposed: false };
        let product = Product {
            m: chunk.n,
            n: self.width,
            k: self.vocab,
            a: dlogits,
            b: self.weight(),
            out: at(dhidden, chunk.first * self.width),
            out_dtype: dtype,
            out_stride: self.width,
            add: false,
            residual: None,
            bias: None,
        };
        self.kernels.gpu.matmul(&product)?;
        let Head { weight, bias, .. } = self.arguments.head;
        if let Some(grad) = &weight.grad {
            self.kernels.gpu.matmul(&Product {
                m: self.vocab,
                k: chunk.n,
                a: dlogits.t(),
                b: self.hidden(chunk),
                out: grad.pointer(),
                out_dtype: grad.dtype(),
                add: true,
                ..product
            })?;
        }
        let Some(grad) = bias.and_then(|bias| bias.grad.as_ref()) else { return Ok(()) };
        add_column_sums(&self.kernels.gpu, (chunk.gradient, dtype, chunk.stride), chunk.n, grad)
    }

    fn hidden(&self, chunk: &Chunk) -> Operand {
        let hidden = self.arguments.hidden;
        let pointer = at(hidden, chunk.first * self.width);
        Operand { pointer, dtype: hidden.dtype(), stride: self.width, transposed: false }
    }

    fn weight(&self) -> Operand {
        let weight = self.arguments.head.weight.as_type(self.arguments.hidden.dtype());
        Operand { pointer: weight.pointer(), dtype: weight.dtype(), stride: self.width, transposed: false }
    }
}

/// Some neighbouring rows.
struct Chunk {
    first: usize,
    n: usize,
    /// Addresses of `[n, stride]`.
    logits: u64,
    gradient: u64,
    stride: usize,
}

/// Address of an element.
fn at(tensor: &Tensor, element: usize) -> u64 {
    tensor.pointer() + (element * tensor.dtype().size_in_bytes()) as u64
}

/// Where the row inputs of `plan` lie.
fn addresses(plan: &Plan, rows: &PlacedRows<'_>) -> Result<Vec<u64>> {
    let address = |input| {
        let missing = || Error::run(format!("loss: {} was not sent to the GPU", RowInput::name(input)));
        rows.pointer(input).ok_or_else(missing)
    };
    plan.inputs.iter().map(address).collect()
}

fn check(arguments: &Arguments<'_>, rows: usize, width: usize, vocab: usize) -> Result<()> {
    let Arguments { hidden, head, dhidden, .. } = *arguments;
    let (dtype, wide) = (hidden.dtype(), head.weight.value.dtype());
    check_gpu(
        "loss",
        &[
            (hidden, dtype, rows * width),
            (head.weight.as_type(dtype), dtype, vocab * width),
            (head.weight.grad.as_ref().unwrap_or(&head.weight.value), wide, vocab * width),
            (dhidden.unwrap_or(hidden), dtype, rows * width),
        ],
    )?;
    if let Some(bias) = head.bias {
        let bias = [Some(&bias.value), bias.grad.as_ref()].into_iter().flatten();
        bias.into_iter().try_for_each(|tensor| check_gpu("loss", &[(tensor, wide, vocab)]))?;
    }
    if !(1..crate::loss::VOCAB_MAX).contains(&vocab) {
        return Err(Error::run(format!(
            "loss: vocabulary of {vocab} tokens, expected 1 to {}",
            crate::loss::VOCAB_MAX - 1
        )));
    }
    Ok(())
}
