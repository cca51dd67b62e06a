//! Sample paths from the quantiles of a forecast, for planners that need whole futures rather than margins.

use domain::Forecast;

/// Share of a path's rank that holds for the whole horizon: level and growth errors last.
const LASTING_SHARE: f64 = 0.5;

/// Correlation of neighbouring steps in the rest of the rank.
const NEIGHBOUR_CORRELATION: f64 = 0.8;

/// `count` futures of `forecast.horizon()` steps each; the same seed gives the same paths.
///
/// Every path runs through the forecast's quantiles at ranks that move smoothly: half of the variance of the
/// rank holds for the whole path (spread evenly over the paths, so that few paths already cover the interval),
/// the rest is a first-order autoregression (Gaussian copula). A forecast without quantiles gives its mean.
pub fn paths(forecast: &Forecast, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = SplitMix64(seed);
    let offset = random.uniform();
    (0..count)
        .map(|index| {
            // A golden-ratio sequence is evenly spread for every count.
            let lasting = normal_quantile((offset + index as f64 * 0.618_033_988_749_894_9).fract());
            let mut local = random.normal();
            (0..forecast.horizon())
                .map(|step| {
                    let z = LASTING_SHARE.sqrt() * lasting + (1.0 - LASTING_SHARE).sqrt() * local;
                    let noise = (1.0 - NEIGHBOUR_CORRELATION * NEIGHBOUR_CORRELATION).sqrt();
                    local = NEIGHBOUR_CORRELATION * local + noise * random.normal();
                    value_at(forecast, step, z)
                })
                .collect()
        })
        .collect()
}

/// The value of one step at standard normal rank `z`: linear between the quantiles on the normal scale,
/// extended by the outermost slope at most 1.5 times the outermost distance from the median.
fn value_at(forecast: &Forecast, step: usize, z: f64) -> f64 {
    let points: Vec<(f64, f64)> = forecast
        .levels
        .iter()
        .zip(&forecast.quantiles)
        .map(|(level, path)| (normal_quantile(*level), path[step]))
        .collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return forecast.mean[step] };
    let floor = if first.1 >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    if points.len() == 1 {
        return first.1;
    }
    let after = points.partition_point(|(rank, _)| *rank < z).clamp(1, points.len() - 1);
    let (left, right) = (points[after - 1], points[after]);
    let limited = z.clamp(first.0 * 1.5, last.0 * 1.5);
    let value = left.1 + (right.1 - left.1) * (limited - left.0) / (right.0 - left.0);
    value.max(floor)
}

/// Inverse of the standard normal distribution (rational approximation of Acklam, error below 1.2e-9).
pub(crate) fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -39.69683028665376,
        220.9460984245205,
        -275.9285104469687,
        138.357751867269,
        -30.66479806614716,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
    const C: [f64; 6] = [
        -0.007784894002430293,
        -0.3223964580411365,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
    const TAIL: f64 = 0.02425;
    let p = probability.clamp(1e-12, 1.0 - 1e-12);
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p < TAIL {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    } else if p > 1.0 - TAIL {
        -normal_quantile(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

/// A small deterministic generator (Steele, Lea & Flood 2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use domain::{Components, Frequency, Grid, Stamp};

    use super::*;

    fn fan() -> Forecast {
        let levels = vec![0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975];
        let quantiles = levels.iter().map(|level| vec![100.0 + 10.0 * normal_quantile(*level); 24]).collect();
        Forecast {
            unique_id: "fan".to_owned(),
            grid: Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) },
            mean: vec![100.0; 24],
            levels,
            quantiles,
            members: Vec::new(),
            reason: String::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: Vec::new(),
            components: Components::default(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn paths_are_repeatable_and_have_the_quantiles_of_the_forecast() {
        let sample = paths(&fan(), 2000, 7);
        assert_eq!(sample, paths(&fan(), 2000, 7));
        assert_ne!(sample, paths(&fan(), 2000, 8));
        for step in [0, 12, 23] {
            let below = sample.iter().filter(|path| path[step] < 100.0 - 12.816).count() as f64 / 2000.0;
            assert!((below - 0.1).abs() < 0.03, "{below} of the paths below P10 at step {step}");
        }
    }

    #[test]
    fn the_normal_quantile_is_the_textbook_one() {
        assert!((normal_quantile(0.975) - 1.959_964).abs() < 1e-6);
        assert!((normal_quantile(0.01) + 2.326_348).abs() < 1e-6);
        assert_eq!(normal_quantile(0.5), 0.0);
    }
}
