//! Any quantile of a forecast, interpolated between the levels it carries.

use domain::Forecast;

use crate::normal;

/// The quantile path of `demand` at `level`, one value a step, never below 0.
///
/// Between two levels the path is interpolated linearly on the normal scale, which is exact for normal
/// errors. Beyond the outermost level the last slope goes on, never across that level. A forecast without
/// quantiles gives its mean.
pub fn quantile_path(demand: &Forecast, level: f64) -> Vec<f64> {
    let levels = &demand.levels;
    let path: Vec<f64> = match levels.len() {
        0 => demand.mean.clone(),
        1 => demand.quantiles[0].clone(),
        count => {
            let above = levels.partition_point(|known| *known < level).clamp(1, count - 1);
            let (low, high) = (normal::quantile(levels[above - 1]), normal::quantile(levels[above]));
            let weight =
                if levels[above] == level { 1.0 } else { (normal::quantile(level) - low) / (high - low) };
            demand.quantiles[above - 1]
                .iter()
                .zip(&demand.quantiles[above])
                .map(|(below, above)| if weight == 1.0 { *above } else { below + weight * (above - below) })
                .collect()
        }
    };
    path.into_iter().map(|value| if value.is_finite() { value.max(0.0) } else { 0.0 }).collect()
}
