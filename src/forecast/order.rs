//! Order statistics over small samples.

/// Median of the sample, which is reordered; 0 for an empty one.
pub(crate) fn median(sample: &mut [f64]) -> f64 {
    if sample.is_empty() {
        return 0.0;
    }
    let (middle, odd) = (sample.len() / 2, sample.len() % 2 == 1);
    let (below, upper, _) = sample.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    0.5 * (lower + upper)
}

/// The usual course of a season: at each of its phases the median over `points` values that are told by index, the first
/// of which has phase 0.
pub(crate) fn median_by_phase(points: usize, season: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let at = |phase| (phase..points).step_by(season).map(&value).collect::<Vec<f64>>();
    (0..season).map(|phase| median(&mut at(phase))).collect()
}

/// Mean of the sample; 0 for an empty one.
pub(crate) fn mean(sample: &[f64]) -> f64 {
    if sample.is_empty() { 0.0 } else { sample.iter().sum::<f64>() / sample.len() as f64 }
}

/// The value below which `level` of an ascending sample lies, linear between points (type 7 of Hyndman & Fan 1996).
pub(crate) fn sorted_quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles_of_small_samples() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(sorted_quantile(&[0.0, 10.0], 0.25), 2.5);
    }
}
