//! Matrix products by cuBLASLt: factors of bfloat16 are summed in f32, f32 in f32 (not TF32), f64 in f64.
//!
//! For one GPU model, one version of the library and one shape the library always chooses the same algorithm, and no
//! algorithm adds in an order that varies: results are the same bits each time.

use super::memory::Memory;
use super::{Gpu, arguments};
use crate::{Error, Result};
use candle_core::DType;
use cudarc::cublaslt::{result, sys};
use cudarc::driver::CudaStream;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

/// Scratch memory of the library: what NVIDIA recommends for Hopper.
const WORKSPACE: usize = 32 << 20;

/// The library's names for a matrix as it is and for its transpose (`cublasOperation_t`).
const OP_N: i32 = 0;
const OP_T: i32 = 1;

/// A factor of a product: a row-major matrix, or its transpose.
#[derive(Debug, Clone, Copy)]
pub struct Operand {
    /// Address of the first element.
    pub pointer: u64,
    /// Type of the elements.
    pub dtype: DType,
    /// Elements from one row in memory to the next.
    pub stride: usize,
    /// Whether the factor is the transpose of what lies in memory.
    pub transposed: bool,
}

impl Operand {
    /// The transpose.
    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }
}

/// out `[m, n]` = a `[m, k]` · b `[k, n]` + what else is said; row-major.
#[derive(Debug, Clone, Copy)]
pub struct Product {
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// `[m, k]`
    pub a: Operand,
    /// `[k, n]`
    pub b: Operand,
    /// Address of the result.
    pub out: u64,
    /// Its type.
    pub out_dtype: DType,
    /// Elements from one row of `out`, and of `residual`, to the next.
    pub out_stride: usize,
    /// out += …; then there is no residual.
    pub add: bool,
    /// `[m, n]`, of the type and stride of `out`: is added.
    pub residual: Option<u64>,
    /// `[n]`, of the type of `out`: is added to every row.
    pub bias: Option<u64>,
}

/// What an algorithm is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    sizes: [usize; 3],
    strides: [usize; 3],
    transposed: [bool; 2],
    dtypes: [DType; 2],
    has_bias: bool,
    has_summand: bool,
    /// Bytes that the addresses of a, b, summand and out are multiples of, at most 256.
    alignment: [u32; 4],
}

/// The library, and the algorithms chosen so far.
pub(super) struct Blas {
    handle: Handle,
    workspace: Memory,
    plans: Mutex<HashMap<Shape, Arc<Plan>>>,
    stream: Arc<CudaStream>,
}

struct Handle(sys::cublasLtHandle_t);

/// Descriptors and algorithm of one shape.
struct Plan {
    product: sys::cublasLtMatmulDesc_t,
    /// Layouts of the library's A, B and C = D.
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    algorithm: sys::cublasLtMatmulAlgo_t,
}

// SAFETY: the library's handle may be used by any thread.
unsafe impl Send for Handle {}
// SAFETY: as above; the library locks what it changes.
unsafe impl Sync for Handle {}
// SAFETY: descriptors are plain memory of the library, not bound to a thread.
unsafe impl Send for Plan {}
// SAFETY: they are changed only under the lock of `Blas::plans`.
unsafe impl Sync for Plan {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and there is no other copy of it. An error cannot be reported.
        let _ = unsafe { result::destroy_handle(self.0) };
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: as for the handle.
        unsafe {
            let _ = result::destroy_matmul_desc(self.product);
            for layout in self.layouts {
                let _ = result::destroy_matrix_layout(layout);
            }
        }
    }
}

impl Blas {
    /// An open library with its workspace.
    ///
    /// # Errors
    /// A library that does not start, or no memory on the GPU.
    pub fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        Ok(Self {
            handle: Handle(result::create_handle().map_err(|error| blas_error("start", error))?),
            workspace: Memory::new(stream, WORKSPACE)?,
            plans: Mutex::default(),
            stream: stream.clone(),
        })
    }
}

impl Gpu {
    /// Multiplies.
    ///
    /// # Errors
    /// A GPU that fails.
    pub fn matmul(&self, product: &Product) -> Result<()> {
        let Product { m, n, k, a, b, out, residual, bias, add, .. } = *product;
        if m == 0 || n == 0 {
            return Ok(());
        }
        if product.out_dtype == DType::F64 && (bias.is_some() || residual.is_some()) {
            return self.matmul_prefilled(product);
        }
        if k == 0 {
            return Err(Error::run("cuda: a product with an inner dimension of 0"));
        }
        self.bind()?;
        let summand = if add { Some(out) } else { residual };
        let mut plans = self.blas.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let shape = Shape::of(product, summand);
        let plan = match plans.get(&shape) {
            Some(plan) => plan.clone(),
            None => {
                let plan = Arc::new(Plan::new(self.blas.handle.0, &shape)?);
                plans.insert(shape, plan.clone());
                plan
            }
        };
        let (one, beta) =
            (Scalar::new(product.out_dtype, 1.0), Scalar::new(product.out_dtype, f64::from(summand.is_some())));
        let workspace = self.blas.workspace.pointer();
        let pointer = |address: u64| address as *mut c_void;
        // SAFETY: the descriptors belong to `plan`, which lives; the pointer of the bias is set under the lock. The
        // addresses are those of tensors with the sizes of `product`, which each op checks.
        unsafe {
            if let Some(bias) = bias {
                set(plan.product, sys::cublasLtMatmulDescAttributes_t::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias)?;
            }
            let [layout_a, layout_b, layout_out] = plan.layouts;
            // The library is column-major: it computes outᵀ = bᵀ aᵀ.
            result::matmul(
                self.blas.handle.0,
                plan.product,
                one.pointer(),
                beta.pointer(),
                pointer(b.pointer),
                layout_a,
                pointer(a.pointer),
                layout_b,
                pointer(summand.unwrap_or(out)),
                layout_out,
                pointer(out),
                layout_out,
                &raw const plan.algorithm,
                pointer(workspace),
                WORKSPACE,
                self.blas.stream.cu_stream().cast(),
            )
        }
        .map_err(|error| blas_error(&format!("multiply [{m}, {k}] by [{k}, {n}]"), error))
    }

    /// In f64 the library adds no bias: the summands are written first.
    fn matmul_prefilled(&self, product: &Product) -> Result<()> {
        let Product { m, n, out, out_dtype, out_stride, residual, bias, .. } = *product;
        assert!(!product.add, "summands of a product that is added to");
        let words = arguments![bias.unwrap_or(0), residual.unwrap_or(0), out, m, n, out_stride];
        self.launch_flat("prefill", out_dtype, m * n, words)?;
        self.matmul(&Product { add: true, residual: None, bias: None, ..*product })
    }
}

impl Shape {
    fn of(product: &Product, summand: Option<u64>) -> Self {
        let Product { m, n, k, a, b, out, out_dtype, out_stride, bias, .. } = *product;
        let alignment = |address: u64| 1 << address.trailing_zeros().min(8);
        Self {
            sizes: [m, n, k],
            strides: [a.stride, b.stride, out_stride],
            transposed: [a.transposed, b.transposed],
            dtypes: [a.dtype, out_dtype],
            has_bias: bias.is_some(),
            has_summand: summand.is_some(),
            alignment: [b.pointer, a.pointer, summand.unwrap_or(out), out].map(alignment),
        }
    }
}

impl Plan {
    fn new(handle: sys::cublasLtHandle_t, shape: &Shape) -> Result<Self> {
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        let [m, n, k] = shape.sizes;
        let [dtype, out_dtype] = shape.dtypes;
        let (compute, scale) = match out_dtype {
            DType::F64 => (sys::cublasComputeType_t::CUBLAS_COMPUTE_64F, sys::cudaDataType_t::CUDA_R_64F),
            _ => (sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, sys::cudaDataType_t::CUDA_R_32F),
        };
        let fail = |error| blas_error(&format!("multiply [{m}, {k}] by [{k}, {n}] in {dtype:?}"), error);
        let product = result::create_matmul_desc(compute, scale).map_err(fail)?;
        let layout = |dtype, rows: usize, columns: usize, stride: usize| {
            result::create_matrix_layout(data_type(dtype)?, rows as u64, columns as u64, stride as i64).map_err(fail)
        };
        // Row-major [rows, columns] is column-major [columns, rows].
        let factor = |rows: usize, columns: usize, stride, transposed: bool| match transposed {
            false => layout(dtype, columns, rows, stride),
            true => layout(dtype, rows, columns, stride),
        };
        let layout_a = factor(k, n, shape.strides[1], shape.transposed[1])?;
        let layout_b = factor(m, k, shape.strides[0], shape.transposed[0])?;
        let layout_out = layout(out_dtype, n, m, shape.strides[2])?;
        let operation = |transposed: bool| match transposed {
            false => OP_N,
            true => OP_T,
        };
        // SAFETY: the descriptors were just made; the values have the types that the attributes are documented with.
        let algorithm = unsafe {
            set(product, Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &operation(shape.transposed[1]))?;
            set(product, Attribute::CUBLASLT_MATMUL_DESC_TRANSB, &operation(shape.transposed[0]))?;
            if shape.has_bias {
                let epilogue = sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS as i32;
                set(product, Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
            }
            choose(handle, product, [layout_a, layout_b, layout_out], shape).map_err(fail)?
        };
        Ok(Self { product, layouts: [layout_a, layout_b, layout_out], algorithm })
    }
}

/// The library's choice for these descriptors.
///
/// # Safety
/// The handle and the descriptors are valid.
unsafe fn choose(
    handle: sys::cublasLtHandle_t,
    product: sys::cublasLtMatmulDesc_t,
    [a, b, out]: [sys::cublasLtMatrixLayout_t; 3],
    shape: &Shape,
) -> std::result::Result<sys::cublasLtMatmulAlgo_t, result::CublasError> {
    use sys::cublasLtMatmulPreferenceAttributes_t as Attribute;
    let preference = result::create_matmul_pref()?;
    let attributes = [
        Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
        Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
        Attribute::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
    ];
    let workspace = Attribute::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
    // SAFETY: the preference was just made; sizes are those of the values.
    unsafe {
        let set = |attribute, value: *const c_void, size| {
            result::set_matmul_pref_attribute(preference, attribute, value, size)
        };
        let mut done = set(workspace, (&raw const WORKSPACE_BYTES).cast(), size_of::<usize>());
        for (attribute, alignment) in attributes.into_iter().zip(&shape.alignment) {
            done = done.and_then(|()| set(attribute, std::ptr::from_ref(alignment).cast(), size_of::<u32>()));
        }
        let chosen = done.and_then(|()| result::get_matmul_algo_heuristic(handle, product, a, b, out, out, preference));
        let _ = result::destroy_matmul_pref(preference);
        chosen.map(|chosen| chosen.algo)
    }
}

static WORKSPACE_BYTES: usize = WORKSPACE;

/// Sets an attribute of a product.
///
/// # Safety
/// The descriptor is valid and `T` is the type that the attribute is documented with.
unsafe fn set<T>(
    product: sys::cublasLtMatmulDesc_t,
    attribute: sys::cublasLtMatmulDescAttributes_t,
    value: &T,
) -> Result<()> {
    // SAFETY: as above.
    let result = unsafe {
        result::set_matmul_desc_attribute(product, attribute, std::ptr::from_ref(value).cast(), size_of::<T>())
    };
    result.map_err(|error| blas_error("describe a product", error))
}

/// A factor in the type that products are scaled in.
enum Scalar {
    F32(f32),
    F64(f64),
}

impl Scalar {
    fn new(dtype: DType, value: f64) -> Self {
        if dtype == DType::F64 { Self::F64(value) } else { Self::F32(value as f32) }
    }

    fn pointer(&self) -> *const c_void {
        match self {
            Self::F32(value) => std::ptr::from_ref(value).cast(),
            Self::F64(value) => std::ptr::from_ref(value).cast(),
        }
    }
}

fn data_type(dtype: DType) -> Result<sys::cudaDataType> {
    match dtype {
        DType::F32 => Ok(sys::cudaDataType_t::CUDA_R_32F),
        DType::F64 => Ok(sys::cudaDataType_t::CUDA_R_64F),
        DType::BF16 => Ok(sys::cudaDataType_t::CUDA_R_16BF),
        other => Err(Error::run(format!("cuda: no products of {other:?}"))),
    }
}

fn blas_error(what: &str, error: result::CublasError) -> Error {
    Error::run(format!("cuda: cublasLt cannot {what}: {:?}", error.0))
}
