//! Products against sums in `f64`, in all layouts, at sizes around the edges of tiles, panels and blocks.

use super::*;
use trainyard_base::random::Stream;

/// (rows, inner, columns)
const SHAPES: [(usize, usize, usize); 12] = [
    (1, 1, 1),
    (8, 1, 1),
    (9, 3, 33),
    (14, 32, 32),
    (15, 31, 31),
    (29, 17, 65),
    (64, 64, 200),
    (113, 257, 47),
    (130, 513, 16),
    (300, 515, 70),
    (8, 4200, 300),
    (17, 1030, 1100),
];

fn random(name: &str, n: usize) -> Vec<f32> {
    Stream::new(3, name).normals(n).map(|x| x as f32).collect()
}

/// Nearest bfloat16, ties to even.
fn round(x: f32) -> f64 {
    let bits = x.to_bits();
    f64::from(f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000))
}

/// Element (i, j) of a matrix.
fn at(matrix: &Matrix<'_, f32>, i: usize, j: usize) -> f32 {
    matrix.data[i * matrix.row_stride + j * matrix.column_stride]
}

#[test]
fn products_equal_sums_in_64_bits() {
    for precision in [Precision::F32, Precision::Bf16] {
        let engine = Engine::new(precision);
        for (m, k, n) in SHAPES {
            let (a, b) = (random("a", (m + 3) * (k + 3)), random("b", (n + 3) * (k + 3)));
            let a_forms = [Matrix::strided(&a, m, k, k + 3), Matrix::strided(&a, k, m, m + 3).t()];
            let b_forms = [Matrix::strided(&b, k, n, n + 3), Matrix::strided(&b, n, k, k + 1).t()];
            for (a, b) in a_forms.into_iter().flat_map(|a| b_forms.map(|b| (a, b))) {
                check(&engine, a, b);
            }
        }
    }
}

/// Machines whose caches differ have the same bits.
#[test]
fn caches_change_no_bit() {
    for precision in [Precision::F32, Precision::Bf16] {
        let (m, k, n) = (1200, 300, 70);
        let (a, b) = (random("a", m * k), random("b", k * n));
        let (rows, columns) = (Matrix::new(&a, m, k), Matrix::new(&a, k, m).t());
        let products = [1 << 18, 1 << 20, 1 << 22].map(|cache| {
            let mut engine = Engine::new(precision);
            engine.cache = cache;
            [rows, columns].map(|a| {
                let mut out = vec![0.0; m * n];
                matmul(&engine, &mut out, n, a, Matrix::new(&b, k, n), Write::Overwrite, Threads::All);
                out
            })
        });
        assert!(products[0] == products[1] && products[1] == products[2], "{precision:?}");
    }
}

/// All ways to begin, one and all threads, a result with a stride.
fn check(engine: &Engine, a: Matrix<'_, f32>, b: Matrix<'_, f32>) {
    let (m, k, n, stride) = (a.rows, a.columns, b.columns, b.columns + 5);
    let (old, residual, bias) = (random("out", m * stride), random("residual", m * stride), random("bias", n));
    let writes = [
        Write::Overwrite,
        Write::Add,
        Write::Sum { residual: Some(&residual), bias: Some(&bias) },
        Write::Sum { residual: None, bias: Some(&bias) },
    ];
    let rounds = engine.precision() == Precision::Bf16 && m >= FEW_ROWS;
    let value = |x: f32| if rounds { round(x) } else { f64::from(x) };
    for write in writes {
        let (mut one, mut all) = (old.clone(), old.clone());
        matmul(engine, &mut one, stride, a, b, write, Threads::One);
        matmul(engine, &mut all, stride, a, b, write, Threads::All);
        assert_eq!(one, all, "threads change the result");
        for (i, j) in (0..m).flat_map(|i| (0..stride).map(move |j| (i, j))).step_by(1 + m * n / 3000) {
            let got = f64::from(one[i * stride + j]);
            if j >= n {
                assert_eq!(got, f64::from(old[i * stride + j]), "wrote outside the result");
                continue;
            }
            let begin = match write {
                Write::Overwrite => 0.0,
                Write::Add => old[i * stride + j],
                Write::Sum { residual, .. } => residual.map_or(0.0, |residual| residual[i * stride + j]) + bias[j],
            };
            let products = (0..k).map(|s| value(at(&a, i, s)) * value(at(&b, s, j)));
            let expected = f64::from(begin) + products.clone().sum::<f64>();
            let size = 1.0 + products.map(f64::abs).sum::<f64>();
            assert!((got - expected).abs() < 2e-6 * size, "{m} x {k} x {n}, {write:?}: ({i}, {j}): {got} {expected}");
        }
    }
}

/// A prepared factor, whole or a corner of it, gives the bits of a product with that corner.
#[test]
fn corners_of_a_prepared_factor_equal_products() {
    for precision in [Precision::F32, Precision::Bf16] {
        let engine = Engine::new(precision);
        let (m, k, n) = (29, 530, 70);
        let (a, b) = (random("a", m * k), random("b", k * n));
        for b in [Matrix::new(&b, k, n), Matrix::new(&b, n, k).t()] {
            let factor = Factor::new(&engine, b, Threads::All);
            for (rows, columns) in [(k, n), (k, 33), (513, n), (64, 32), (7, 5), (256, 64)] {
                let a = Matrix::strided(&a, m, rows, k);
                let corner = Matrix { rows, columns, ..b };
                let (mut got, mut expected) = (vec![0.0; m * n], vec![0.0; m * n]);
                factor.multiply(&mut got, n, a, columns, Write::Overwrite, Threads::All);
                matmul(&engine, &mut expected, n, a, corner, Write::Overwrite, Threads::One);
                assert_eq!(got, expected, "{precision:?}: {rows} rows, {columns} columns");
            }
        }
    }
}

/// What other CPUs run instead of the kernels here.
#[test]
fn emulated_bfloat16_equals_the_kernels() {
    let engine = Engine::new(Precision::Bf16);
    let (m, k, n) = (33, 65, 47);
    let (a, b) = (random("a", m * k), random("b", k * n));
    let (a, b) = (Matrix::new(&a, k, m).t(), Matrix::new(&b, n, k).t());
    let (mut of_a, mut of_b) = (vec![0.0; m * k], vec![0.0; k * n]);
    let (mut emulated, mut got) = (vec![0.0; m * n], vec![0.0; m * n]);
    portable(&engine, &mut emulated, n, rounded(a, &mut of_a), rounded(b, &mut of_b), Write::Overwrite, Threads::One);
    matmul(&engine, &mut got, n, a, b, Write::Overwrite, Threads::All);
    for (got, expected) in got.iter().zip(&emulated) {
        assert!((got - expected).abs() < 1e-4, "{got} {expected}");
    }
    // Rounding is not lost: it is far from the exact product.
    let mut exact = vec![0.0; m * n];
    portable(&engine, &mut exact, n, a, b, Write::Overwrite, Threads::One);
    assert!(exact.iter().zip(&got).any(|(exact, got)| (exact - got).abs() > 1e-3));
}

/// Blocks of a result have the bits of the whole, whatever the threads: thin and wide products, and those that the
/// crate cuts otherwise when they are small.
#[test]
fn portable_products_are_the_same_in_one_piece() {
    let engine = Engine::new(Precision::F64);
    let shapes = [(1, 70, 900), (2, 900, 700), (8, 700, 400), (191, 700, 9), (200, 600, 8), (513, 1300, 64)];
    for (m, k, n) in shapes {
        let [a, b] = [("a", m * k), ("b", k * n)]
            .map(|(name, n)| -> Vec<f64> { random(name, n).into_iter().map(f64::from).collect() });
        let bias: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let write = Write::Sum { residual: None, bias: Some(&bias) };
        let rows = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        let columns = (Matrix::new(&a, k, m).t(), Matrix::new(&b, n, k).t());
        for (a, b) in [rows, columns] {
            let run = |n_threads: usize, threads: Threads| {
                let mut out = vec![0.0; m * (n + 3)];
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                pool.install(|| portable(&engine, &mut out, n + 3, a, b, write, threads));
                out
            };
            let whole = run(1, Threads::One);
            assert!(run(2, Threads::All) == whole && run(5, Threads::All) == whole, "{m} x {k} x {n}");
            let products = (0..k).map(|s| a.data[s * a.column_stride] * b.data[s * b.row_stride + n - 1]);
            if b.column_stride == 1 {
                assert!((whole[n - 1] - products.sum::<f64>() - bias[n - 1]).abs() < 1e-9, "{m} x {k} x {n}");
            }
        }
    }
}
