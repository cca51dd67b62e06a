//! The little dense linear algebra that the autoregressions need.

/// Sum of products; eight running sums let the compiler use vector units, in a fixed order of addition.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    rest + sums.iter().sum::<f64>()
}

/// Solves `matrix · x = right` for a symmetric positive definite matrix (row-major, `right.len()` squared), in place.
/// `None` when the matrix is not positive definite.
pub(crate) fn solve(matrix: &mut [f64], right: &mut [f64]) -> Option<()> {
    factor(matrix, right.len())?;
    substitute(matrix, right);
    Some(())
}

/// Cholesky factorization of an `n` by `n` matrix into its lower triangle; `None` when it is not positive definite.
pub(crate) fn factor(matrix: &mut [f64], n: usize) -> Option<()> {
    for row in 0..n {
        for column in 0..=row {
            let inner = dot(&matrix[row * n..row * n + column], &matrix[column * n..column * n + column]);
            let rest = matrix[row * n + column] - inner;
            if row == column {
                if rest <= 1e-14 * matrix[row * n + row].abs() || !rest.is_finite() {
                    return None;
                }
                matrix[row * n + row] = rest.sqrt();
            } else {
                matrix[row * n + column] = rest / matrix[column * n + column];
            }
        }
    }
    Some(())
}

/// Solves with a factorized matrix, in place.
pub(crate) fn substitute(factor: &[f64], right: &mut [f64]) {
    let n = right.len();
    for row in 0..n {
        let inner = dot(&factor[row * n..row * n + row], &right[..row]);
        right[row] = (right[row] - inner) / factor[row * n + row];
    }
    for row in (0..n).rev() {
        let inner: f64 = (row + 1..n).map(|below| factor[below * n + row] * right[below]).sum();
        right[row] = (right[row] - inner) / factor[row * n + row];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_small_system_and_refuses_an_indefinite_one() {
        let mut matrix = [4.0, 2.0, 2.0, 3.0];
        let mut right = [10.0, 9.0];
        solve(&mut matrix, &mut right).unwrap();
        assert!((right[0] - 1.5).abs() < 1e-12 && (right[1] - 2.0).abs() < 1e-12);
        assert!(solve(&mut [1.0, 2.0, 2.0, 1.0], &mut [1.0, 1.0]).is_none());
    }
}
