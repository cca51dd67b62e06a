//! Sums and products of lagged values by block of rows, from which the fit of every fold is put together.

use crate::linear::{factor, substitute};

/// Differences whose sums run at the same time: one sum alone waits for its own addition at every step.
const LANES: usize = 4;

/// Moments of rows `from..to`: what a least-squares fit needs to know of them.
///
/// A block's products come from running sums of `x(t) x(t - d)`, one for each difference `d` of two lags, so that the
/// whole table costs a pass over history for every distinct difference, and a fit for any weights of the blocks costs
/// no pass at all.
#[derive(Debug)]
pub(super) struct Moments {
    /// Variables: lag 0 (what is explained), then the lags.
    size: usize,
    /// Ends of the blocks; the first starts at the longest lag.
    pub(super) ends: Vec<usize>,
    /// First row.
    pub(super) start: usize,
    /// For each block the sums of the variables, then their products (lower triangle by rows).
    blocks: Vec<Vec<f64>>,
}

impl Moments {
    /// Moments of `values` for lags (ascending), in blocks that end at `ends` (ascending, beyond the longest lag).
    pub(super) fn new(values: &[f64], lags: &[usize], ends: Vec<usize>) -> Self {
        let variables: Vec<usize> = std::iter::once(0).chain(lags.iter().copied()).collect();
        let (size, start) = (variables.len(), variables[variables.len() - 1]);
        let mut blocks = vec![vec![0.0; size + size * (size + 1) / 2]; ends.len()];
        // Zeros in front stand for what was before the first value.
        let padded: Vec<f64> = std::iter::repeat_n(0.0, start).chain(values.iter().copied()).collect();
        let mut sums = vec![[0.0; LANES]; values.len() + 1];
        // The rows t of a block see the value at t - lag.
        let spread =
            |blocks: &mut [Vec<f64>], sums: &[[f64; LANES]], lane: usize, place: usize, lag: usize| {
                let mut from = start;
                for (block, end) in blocks.iter_mut().zip(&ends) {
                    block[place] = sums[end - lag][lane] - sums[from - lag][lane];
                    from = *end;
                }
            };
        let mut sum = 0.0;
        for (value, after) in values.iter().zip(&mut sums[1..]) {
            sum += value;
            after[0] = sum;
        }
        for (place, lag) in variables.iter().enumerate() {
            spread(&mut blocks, &sums, 0, place, *lag);
        }
        // (difference, place, smaller lag)
        let mut pairs: Vec<(usize, usize, usize)> = Vec::with_capacity(size * (size + 1) / 2);
        for row in 0..size {
            for column in 0..=row {
                let place = size + row * (row + 1) / 2 + column;
                pairs.push((variables[row] - variables[column], place, variables[column]));
            }
        }
        pairs.sort_unstable();
        let by_distance: Vec<&[(usize, usize, usize)]> = pairs.chunk_by(|a, b| a.0 == b.0).collect();
        for together in by_distance.chunks(LANES) {
            // A last group with fewer differences repeats its first one.
            let distances: [usize; LANES] =
                std::array::from_fn(|lane| together.get(lane).unwrap_or(&together[0])[0].0);
            running(values, &padded, distances, &mut sums);
            for (lane, pairs) in together.iter().enumerate() {
                for (_, place, lag) in *pairs {
                    spread(&mut blocks, &sums, lane, *place, *lag);
                }
            }
        }
        Self { size, ends, start, blocks }
    }

    /// Intercept and one coefficient a lag: ridge regression over weighted blocks (weight 0 leaves a block out).
    ///
    /// `penalty` is per row, for variables of unit variance. `None` when nothing varies.
    pub(super) fn fit(&self, weights: &[f64], penalty: f64) -> Option<Vec<f64>> {
        let size = self.size;
        let mut total = vec![0.0; self.blocks[0].len()];
        let (mut count, mut from) = (0.0, self.start);
        for ((block, end), weight) in self.blocks.iter().zip(&self.ends).zip(weights) {
            if *weight > 0.0 {
                count += weight * (end - from) as f64;
                total.iter_mut().zip(block).for_each(|(total, value)| *total += weight * value);
            }
            from = *end;
        }
        if count <= 0.0 {
            return None;
        }
        let (sums, products) = total.split_at(size);
        let centred = |row: usize, column: usize| {
            products[row * (row + 1) / 2 + column] - sums[row] * sums[column] / count
        };
        let variation = centred(0, 0);
        if variation <= 1e-12 * products[0].abs() {
            return None;
        }
        let width = size - 1;
        let mut matrix = vec![0.0; width * width];
        let mut right = vec![0.0; width];
        for row in 0..width {
            right[row] = centred(row + 1, 0);
            for column in 0..=row {
                matrix[row * width + column] = centred(row + 1, column + 1);
            }
            matrix[row * width + row] += penalty * variation;
        }
        factor(&mut matrix, width)?;
        substitute(&matrix, &mut right);
        let explained: f64 = right.iter().zip(&sums[1..]).map(|(coefficient, sum)| coefficient * sum).sum();
        Some(std::iter::once((sums[0] - explained) / count).chain(right).collect())
    }
}

/// Running sums of `x(t) x(t - d)` for a few differences `d` at once; `padded` is `values` after zeros.
fn running(values: &[f64], padded: &[f64], distances: [usize; LANES], sums: &mut [[f64; LANES]]) {
    let n = values.len();
    let zeros = padded.len() - n;
    let [a, b, c, d] = distances.map(|distance| &padded[zeros - distance..][..n]);
    let mut sum = [0.0; LANES];
    let earlier = a.iter().zip(b).zip(c).zip(d);
    for ((value, (((a, b), c), d)), after) in values.iter().zip(earlier).zip(&mut sums[1..]) {
        sum = [sum[0] + value * a, sum[1] + value * b, sum[2] + value * c, sum[3] + value * d];
        *after = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_coefficients_of_a_known_process_from_any_blocks() {
        // y(t) = 0.6 y(t-1) - 0.3 y(t-2) + noise of a small generator
        let mut values = vec![0.0, 0.0];
        let mut state = 1_u64;
        for index in 2..4000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let noise = (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5;
            values.push(0.6 * values[index - 1] - 0.3 * values[index - 2] + noise);
        }
        let one = Moments::new(&values, &[1, 2], vec![4000]).fit(&[1.0], 1e-6).unwrap();
        assert!((one[1] - 0.6).abs() < 0.05 && (one[2] + 0.3).abs() < 0.05, "{one:?}");
        let many = Moments::new(&values, &[1, 2], vec![700, 2000, 4000]).fit(&[1.0; 3], 1e-6).unwrap();
        assert!(one.iter().zip(&many).all(|(a, b)| (a - b).abs() < 1e-9), "{one:?} against {many:?}");
    }
}
