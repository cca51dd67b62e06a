//! Ordinary least squares for a handful of regressors.

/// Coefficients of `y` on an intercept and `columns`, intercept first; `None` when they cannot be told apart.
pub(crate) fn least_squares(columns: &[&[f64]], y: &[f64]) -> Option<Vec<f64>> {
    let size = columns.len() + 1;
    let value = |column: usize, row: usize| if column == 0 { 1.0 } else { columns[column - 1][row] };
    // Normal equations, with the right-hand side as the last column.
    let mut matrix = vec![vec![0.0; size + 1]; size];
    for (row, observed) in y.iter().enumerate() {
        for (i, equation) in matrix.iter_mut().enumerate() {
            for (j, cell) in equation.iter_mut().enumerate() {
                *cell += value(i, row) * if j == size { *observed } else { value(j, row) };
            }
        }
    }
    for pivot in 0..size {
        let best =
            (pivot..size).max_by(|a, b| matrix[*a][pivot].abs().total_cmp(&matrix[*b][pivot].abs()))?;
        matrix.swap(pivot, best);
        let scale = matrix[pivot][pivot];
        if scale.abs() < 1e-9 * y.len() as f64 {
            return None;
        }
        let row = matrix[pivot].clone();
        for (index, equation) in matrix.iter_mut().enumerate() {
            let factor = equation[pivot] / scale;
            if index != pivot {
                equation.iter_mut().zip(&row).for_each(|(cell, pivot)| *cell -= factor * pivot);
            }
        }
    }
    Some((0..size).map(|index| matrix[index][size] / matrix[index][index]).collect())
}

/// Sum of squared differences from the fit.
pub(crate) fn squared_error(coefficients: &[f64], columns: &[&[f64]], y: &[f64]) -> f64 {
    y.iter()
        .enumerate()
        .map(|(row, observed)| {
            let terms = coefficients[1..].iter().zip(columns).map(|(slope, column)| slope * column[row]);
            (observed - coefficients[0] - terms.sum::<f64>()).powi(2)
        })
        .sum()
}

/// Mean, 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_lines_are_found_and_twins_refused() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let z: Vec<f64> = x.iter().map(|x| (x * 7.0) % 5.0).collect();
        let y: Vec<f64> = x.iter().zip(&z).map(|(x, z)| 3.0 + 2.0 * x - z).collect();
        let found = least_squares(&[&x, &z], &y).unwrap();
        assert!(
            found.iter().zip([3.0, 2.0, -1.0]).all(|(found, true_value)| (found - true_value).abs() < 1e-9)
        );
        assert!(squared_error(&found, &[&x, &z], &y) < 1e-12);
        assert_eq!(least_squares(&[&x, &x], &y), None);
    }
}
