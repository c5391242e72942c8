//! New rows of tables whose vocabulary grows.

use crate::Result;
use candle_core::{DType, Tensor};
use schemars::JsonSchema;
use serde::Serialize;

/// How the rows of tokens begin that a file's vocabulary does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NewRows {
    /// As the mean of all rows that there are: a new token is as likely as the average one.
    #[default]
    Mean,
    /// As 0.
    Zeros,
}

impl NewRows {
    /// `table` `[n, …]` with rows after its own, up to `rows`.
    ///
    /// # Errors
    /// A table without rows.
    pub(super) fn grow(self, table: &Tensor, rows: usize) -> Result<Tensor> {
        let (n, dtype) = (table.dim(0)?, table.dtype());
        let width = table.elem_count() / n.max(1);
        let mut numbers: Vec<f64> = table.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        let mut mean = vec![0.0; width];
        if self == Self::Mean {
            for row in numbers.chunks(width.max(1)) {
                mean.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
            }
            mean.iter_mut().for_each(|sum| *sum /= n as f64);
        }
        for _ in n..rows {
            numbers.extend_from_slice(&mean);
        }
        let mut shape = table.dims().to_vec();
        shape[0] = rows;
        Ok(Tensor::from_vec(numbers, shape, table.device())?.to_dtype(dtype)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn rows_are_added_at_the_end() {
        let table = Tensor::new(&[[1.0_f32, -2.0], [4.0, 0.0]], &Device::Cpu).expect("table");
        let grown = NewRows::Mean.grow(&table, 4).and_then(|table| Ok(table.to_vec2::<f32>()?)).expect("grown");
        assert_eq!(grown, [[1.0, -2.0], [4.0, 0.0], [2.5, -1.0], [2.5, -1.0]]);
        let bias = Tensor::new(&[1.0_f64, 3.0], &Device::Cpu).expect("bias");
        let grown = |how: NewRows| how.grow(&bias, 3).and_then(|bias| Ok(bias.to_vec1::<f64>()?)).expect("grown");
        assert_eq!((grown(NewRows::Mean), grown(NewRows::Zeros)), (vec![1.0, 3.0, 2.0], vec![1.0, 3.0, 0.0]));
    }
}
