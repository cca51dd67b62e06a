//! The frozen accuracy baseline under `models/accuracy.json`: scores on generated series must not get worse.

use std::collections::BTreeMap;

use domain::{Frequency, Grid, Series, Stamp};
use serde::{Deserialize, Serialize};

use crate::{BacktestSettings, Request, backtest, merge};

/// How to accept new scores.
const REFRESH: &str = "cargo test -p headroom-forecast refresh_accuracy -- --ignored";

/// Scores may get worse by this share before the test fails.
const TOLERANCE: f64 = 0.01;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/accuracy.json");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Frozen {
    mase: f64,
    wql: f64,
    coverage_80: f64,
    seasonal_naive_wql: f64,
}

/// A small generator, so that the series are the same everywhere.
struct Noise(u64);

impl Noise {
    /// About normal with unit variance (sum of uniforms).
    fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1_u64 << 31) as f64
    }
}

/// Five series of a kind: what a value is, given step, remembered state and noise.
fn five(
    frequency: Frequency,
    length: usize,
    value: impl Fn(usize, &mut f64, &mut Noise) -> f64,
) -> Vec<Series> {
    let start = Stamp::Time("2025-01-01T00:00:00Z".parse().unwrap());
    (0..5_u64)
        .map(|index| {
            let (mut noise, mut state) = (Noise(index + 1), 0.0);
            let values = (0..length).map(|step| Some(value(step, &mut state, &mut noise))).collect();
            Series { unique_id: index.to_string(), grid: Grid { start, frequency }, values }
        })
        .collect()
}

fn wave(step: usize, season: f64) -> f64 {
    (step as f64 * std::f64::consts::TAU / season).sin()
}

/// Each kind with its horizon.
fn kinds() -> BTreeMap<&'static str, (usize, Vec<Series>)> {
    let walk = |state: &mut f64, noise: &mut Noise, keep: f64, size: f64| {
        *state = keep * *state + size * noise.next();
        *state
    };
    BTreeMap::from([
        (
            "hourly_web_demand",
            (
                48,
                five(Frequency::HOUR, 900, |step, state, noise| {
                    let weekend = if step / 24 % 7 >= 5 { 0.6 } else { 1.0 };
                    (200.0 + 80.0 * wave(step, 24.0)) * weekend * (walk(state, noise, 0.95, 0.03)).exp()
                }),
            ),
        ),
        (
            "hourly_cpu_percent",
            (
                24,
                five(Frequency::HOUR, 400, |step, state, noise| {
                    (40.0 + 15.0 * wave(step, 24.0) + walk(state, noise, 0.7, 3.0)).clamp(0.0, 100.0)
                }),
            ),
        ),
        (
            "daily_cost_growing",
            (
                90,
                five(Frequency::DAY, 425, |step, state, noise| {
                    let weekend = if step % 7 >= 5 { 0.8 } else { 1.0 };
                    (1000.0 + 1.2 * step as f64) * weekend * (walk(state, noise, 0.9, 0.01)).exp()
                }),
            ),
        ),
        (
            "daily_cost_with_steps",
            (
                30,
                five(Frequency::DAY, 300, |step, state, noise| {
                    if noise.uniform() < 0.01 {
                        *state += 100.0 * noise.next();
                    }
                    (500.0 + *state + if step % 30 == 0 { 80.0 } else { 0.0 } + 5.0 * noise.next()).max(0.0)
                }),
            ),
        ),
        (
            "daily_shop_with_holidays",
            (
                60,
                five(Frequency::DAY, 1100, |step, state, noise| {
                    let weekend = if step % 7 >= 5 { 0.8 } else { 1.0 };
                    // Black Friday and the 25th of December of 2025 to 2027.
                    let date = match step {
                        331 | 695 | 1059 => 4.0,
                        358 | 723 | 1088 => 0.3,
                        _ => 1.0,
                    };
                    1000.0 * weekend * date * (walk(state, noise, 0.9, 0.02)).exp()
                }),
            ),
        ),
        (
            "random_walk",
            (14, five(Frequency::DAY, 300, |_, state, noise| 100.0 + walk(state, noise, 1.0, 1.0))),
        ),
        (
            "many_zeros",
            (
                24,
                five(Frequency::HOUR, 500, |_, _, noise| {
                    if noise.uniform() < 0.7 { 0.0 } else { (10.0 * noise.uniform()).round() }
                }),
            ),
        ),
    ])
}

fn measure() -> BTreeMap<String, Frozen> {
    let round = |value: f64| (value * 1e4).round() / 1e4;
    kinds()
        .into_iter()
        .map(|(kind, (horizon, series))| {
            let settings = BacktestSettings::new(Request::new(horizon));
            let results: Vec<_> = series.iter().map(|series| backtest(series, &settings)).collect();
            let models = merge(&results).models;
            let (own, naive) = (&models["headroom"], &models["seasonal_naive"]);
            let frozen = Frozen {
                mase: round(own.mase.unwrap()),
                wql: round(own.wql.unwrap()),
                coverage_80: round(own.coverage_80.unwrap()),
                seasonal_naive_wql: round(naive.wql.unwrap()),
            };
            (kind.to_owned(), frozen)
        })
        .collect()
}

#[test]
fn accuracy_is_not_worse_than_frozen() {
    let frozen: BTreeMap<String, Frozen> =
        serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let now = measure();
    assert_eq!(frozen.keys().collect::<Vec<_>>(), now.keys().collect::<Vec<_>>(), "refresh with: {REFRESH}");
    for (kind, now) in &now {
        let before = &frozen[kind];
        assert!(
            now.mase <= before.mase * (1.0 + TOLERANCE) && now.wql <= before.wql * (1.0 + TOLERANCE),
            "{kind} got worse: {now:?} against {before:?}. If that is wanted, refresh with: {REFRESH}"
        );
        assert!(
            (now.coverage_80 - 0.8).abs() < 0.15,
            "{kind}: the 80 % interval holds {:.0} %",
            100.0 * now.coverage_80
        );
        // Of a random walk nobody knows more than its last value.
        assert!(now.wql < 1.02 * now.seasonal_naive_wql, "{kind} loses to seasonal naive: {now:?}");
    }
}

#[test]
#[ignore = "writes models/accuracy.json: run it when accuracy changed on purpose"]
fn refresh_accuracy() {
    std::fs::write(FILE, serde_json::to_string_pretty(&measure()).unwrap() + "\n").unwrap();
}
