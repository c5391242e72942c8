//! How the CPU kernels reach the elements of candle tensors, and how they use the machine.

use super::{Engine, Float, Tensor, View};
use crate::{Error, Result};
use candle_core::{CpuStorage, InplaceOp1, Layout, Storage};
use std::cell::RefCell;

/// Runs `body` on the elements of `reads` and, writable, of `writes`. All must be contiguous, on the CPU, of type `T`,
/// and no tensor of `writes` may share its storage with another one of the call.
///
/// # Errors
/// Tensors of another type or device, ones that are not contiguous, one that is given twice, and what `body` reports.
pub fn with_slices<T: Float, const R: usize, const W: usize>(
    reads: [&Tensor; R],
    writes: [&Tensor; W],
    body: impl FnOnce([&[T]; R], [&mut [T]; W]) -> Result<()>,
) -> Result<()> {
    with_slice_lists(&reads, &writes, |reads, writes| match (reads.try_into(), writes.try_into()) {
        (Ok(reads), Ok(writes)) => body(reads, writes),
        _ => Err(Error::run("a kernel got another number of tensors than it has")),
    })
}

/// The same of as many tensors as there are.
///
/// # Errors
/// Tensors of another type or device, ones that are not contiguous, one that is given twice, and what `body` reports.
pub fn with_slice_lists<T: Float>(
    reads: &[&Tensor],
    writes: &[&Tensor],
    body: impl FnOnce(Vec<&[T]>, Vec<&mut [T]>) -> Result<()>,
) -> Result<()> {
    let reads = reads.iter().map(|tensor| tensor.cpu()).collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = reads.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let mut slices = Vec::with_capacity(reads.len());
    for (storage, layout) in &guards {
        let Storage::Cpu(storage) = &**storage else {
            return Err(Error::run("a CPU kernel was given a tensor of another device"));
        };
        let (start, end) = layout.contiguous_offsets().ok_or_else(not_contiguous)?;
        slices.push(&storage.as_slice::<T>()?[start..end]);
    }
    check_apart(&guards.iter().map(|(storage, _)| &raw const **storage).collect::<Vec<_>>(), writes)?;
    write_all(writes, Vec::with_capacity(writes.len()), &mut Some(|outs: Vec<&mut [T]>| body(slices, outs)))
}

/// Storage is locked while it is read or written: a kernel that got the same one twice would wait for itself.
fn check_apart(reads: &[*const Storage], writes: &[&Tensor]) -> Result<()> {
    let mut seen = reads.to_vec();
    for tensor in writes {
        let address = &raw const *tensor.cpu()?.storage_and_layout().0;
        if seen.contains(&address) {
            return Err(Error::run("a kernel was given a tensor to write that it also reads, or writes twice"));
        }
        seen.push(address);
    }
    Ok(())
}

/// The tensors of some views, each once, and for each view which of them it is a view of: what several views lie in
/// must be opened once.
///
/// # Errors
/// Two tensors that are different parts of one storage.
pub fn distinct<'a, const N: usize>(views: [View<'a>; N]) -> Result<(Vec<&'a Tensor>, [usize; N])> {
    let (mut tensors, mut places, mut indices) = (Vec::new(), Vec::new(), [0; N]);
    for (index, view) in indices.iter_mut().zip(&views) {
        let (storage, layout) = view.tensor.cpu()?.storage_and_layout();
        let storage = std::ptr::from_ref::<Storage>(&storage);
        let place = (storage, layout.contiguous_offsets().ok_or_else(not_contiguous)?);
        let found = places.iter().position(|(other, _)| *other == storage);
        if found.is_some_and(|found: usize| places[found] != place) {
            return Err(Error::run("a kernel was given two parts of one tensor: give it views of the whole"));
        }
        *index = found.unwrap_or(tensors.len());
        if found.is_none() {
            tensors.push(view.tensor);
            places.push(place);
        }
    }
    Ok((tensors, indices))
}

fn not_contiguous() -> Error {
    Error::run("a kernel was given a tensor that is not contiguous")
}

/// candle gives a tensor's elements mutably only inside an in-place op, one tensor at a time: open them one inside the
/// other.
fn write_all<T: Float, F>(tensors: &[&Tensor], opened: Vec<&mut [T]>, body: &mut Option<F>) -> Result<()>
where
    F: FnOnce(Vec<&mut [T]>) -> Result<()>,
{
    let Some((tensor, rest)) = tensors.split_first() else {
        return match body.take() {
            Some(body) => body(opened),
            None => Ok(()),
        };
    };
    let op = Open(RefCell::new(Some((rest, opened, body))), RefCell::new(Ok(())));
    tensor.cpu()?.inplace_op1(&op)?;
    op.1.into_inner()
}

type Pending<'a, T, F> = (&'a [&'a Tensor], Vec<&'a mut [T]>, &'a mut Option<F>);

struct Open<'a, T, F>(RefCell<Option<Pending<'a, T, F>>>, RefCell<Result<()>>);

impl<T: Float, F> InplaceOp1 for Open<'_, T, F>
where
    F: FnOnce(Vec<&mut [T]>) -> Result<()>,
{
    fn name(&self) -> &'static str {
        "trainyard-kernel"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((rest, opened, body)) = self.0.take() else { return Ok(()) };
        let range = layout.contiguous_offsets();
        let result = match (T::of_storage(storage), range) {
            (Some(values), Some((start, end))) => {
                let mut slices: Vec<&mut [T]> = opened;
                slices.push(&mut values[start..end]);
                write_all(rest, slices, body)
            }
            (None, _) => Err(Error::run("a kernel was given tensors of different types")),
            (_, None) => Err(not_contiguous()),
        };
        *self.1.borrow_mut() = result;
        Ok(())
    }
}

/// Runs `kernel` compiled for the widest vector instructions of this CPU. `kernel` and what it calls must be
/// `#[inline(always)]` to profit.
#[inline(always)]
pub fn vectorised<R>(kernel: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(kernel)
}

/// Elements per task: large enough to pay for the hand-over, fixed so that results do not depend on the number of
/// threads.
pub const TASK: usize = 16 * 1024;

/// Calls `kernel(offset, chunk)` for pieces of `out` on all threads.
pub fn for_chunks<T: Float>(engine: &Engine, out: &mut [T], kernel: impl Fn(usize, &mut [T]) + Sync) {
    engine.for_each(out.chunks_mut(TASK).enumerate(), |(i, chunk)| kernel(i * TASK, chunk));
}

/// Rows of `width` elements per task.
pub fn rows_per_task(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Runs `$kernel` with `$type` standing for the element type of tensor `$tensor`.
#[macro_export]
macro_rules! with_type {
    ($tensor:expr, $type:ident => $kernel:expr) => {
        match $tensor.dtype() {
            candle_core::DType::F32 => {
                type $type = f32;
                $kernel
            }
            candle_core::DType::F64 => {
                type $type = f64;
                $kernel
            }
            other => Err($crate::Error::run(format!("training needs f32 or f64 tensors, got {other:?}"))),
        }
    };
}
pub(crate) use with_type;
