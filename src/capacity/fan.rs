//! Any quantile of a forecast, interpolated between the levels it carries.

use domain::{Forecast, Series};

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

/// One path through a forecast as a series, to be simulated: its `level` quantile at every step.
pub fn path(demand: &Forecast, level: f64) -> Series {
    Series {
        unique_id: demand.unique_id.clone(),
        grid: demand.grid,
        values: quantile_path(demand, level).into_iter().map(Some).collect(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid, Stamp};

    use super::*;

    fn demand(levels: &[f64], values: &[f64]) -> Forecast {
        let grid = Grid { start: Stamp::Step(0), frequency: Frequency::Steps(1) };
        let paths: Vec<Vec<f64>> = values.iter().map(|value| vec![*value]).collect();
        crate::testing::forecast(grid, levels, &paths)
    }

    #[test]
    fn normal_errors_are_interpolated_and_extrapolated_exactly() {
        // Mean 100, standard deviation 10.
        let demand = demand(&[0.1, 0.5, 0.9], &[87.184_484, 100.0, 112.815_516]);
        for (level, value) in [(0.1, 87.184_484), (0.5, 100.0), (0.75, 106.744_898), (0.99, 123.263_479)] {
            assert!((quantile_path(&demand, level)[0] - value).abs() < 1e-4, "{level}");
        }
    }

    #[test]
    fn odd_forecasts_still_give_a_path() {
        assert_eq!(quantile_path(&demand(&[0.5], &[3.0]), 0.99), [3.0]);
        assert_eq!(quantile_path(&demand(&[0.1, 0.9], &[-5.0, f64::NAN]), 0.9), [0.0]);
        let mut none = demand(&[0.5], &[3.0]);
        (none.levels, none.quantiles) = (Vec::new(), Vec::new());
        assert_eq!(path(&none, 0.99).values, [Some(3.0)]);
    }
}
