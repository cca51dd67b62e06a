//! How long it takes to plan a thousand workloads: five weeks of 5-minute history each, 14 days ahead.
//!
//! ```text
//! cargo run --release -p headroom-capacity --example speed -- [SERIES]
//! ```

use domain::{Frequency, Grid, Series, Stamp};
use forecast::{Request, forecast};
use headroom_capacity::{SettingsInput, plan};
use rayon::prelude::*;

/// Steps of five minutes in a day.
const DAY: usize = 288;

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let history: Vec<Series> = (0..count).into_par_iter().map(series).collect();
    let Ok(settings) = SettingsInput::new(100.0).check() else { return };
    let request =
        Request { levels: settings.forecast_levels(), lower_bound: Some(0.0), ..Request::new(14 * DAY) };
    #[expect(clippy::disallowed_methods, reason = "an example that measures speed is its own caller")]
    let started = std::time::Instant::now();
    let demand: Vec<_> = history.par_iter().map(|series| forecast(series, &request)).collect();
    let forecast_seconds = started.elapsed().as_secs_f64();
    let plans: Vec<_> = demand.par_iter().map(|demand| plan(demand, &settings)).collect();
    let seconds = started.elapsed().as_secs_f64();
    let rows: usize = plans.iter().map(|plan| plan.rows.len()).sum();
    println!(
        "{count} series of {} points planned for 14 days ({rows} rows) on {} threads: {seconds:.1} s, \
         of which forecasting {forecast_seconds:.1} s and planning {:.1} s",
        35 * DAY,
        rayon::current_num_threads(),
        seconds - forecast_seconds
    );
}

/// Demand with a day, a week, a little growth and noise of its own.
fn series(index: usize) -> Series {
    let mut state = (index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0
    };
    let values = (0..35 * DAY).map(|step| {
        let hour = (step % DAY) as f64 / 12.0;
        let day = 1.0 - 0.7 * (std::f64::consts::TAU * (hour - 3.0) / 24.0).cos();
        let week = if step / DAY % 7 >= 5 { 0.8 } else { 1.0 };
        let growth = 1.0 + 0.002 * step as f64 / DAY as f64;
        Some((200.0 + index as f64) * day * week * growth * (1.0 + 0.1 * noise()))
    });
    let start = "2026-09-07T00:00:00Z".parse().unwrap_or_default();
    let grid = Grid { start: Stamp::Time(start), frequency: Frequency::Seconds(300) };
    Series { unique_id: format!("series-{index}"), grid, values: values.collect() }
}
