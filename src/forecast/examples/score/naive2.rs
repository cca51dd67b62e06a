//! Naive2, the benchmark of the M4 competition (Makridakis, Spiliotis & Assimakopoulos 2020).

/// The last value, seasonally adjusted where the 90 % test of the competition finds a season.
pub(crate) fn naive2(history: &[f64], horizon: usize, season: usize) -> Vec<f64> {
    let n = history.len();
    let indices = if season > 1
        && n >= 3 * season
        && is_seasonal(history, season)
        && history.iter().all(|y| *y > 0.0)
    {
        multiplicative_indices(history, season)
    } else {
        vec![1.0]
    };
    let count = indices.len();
    let level = history[n - 1] / indices[(n - 1) % count];
    (0..horizon).map(|step| level * indices[(n + step) % count]).collect()
}

fn is_seasonal(history: &[f64], season: usize) -> bool {
    let n = history.len() as f64;
    let mean = history.iter().sum::<f64>() / n;
    let total: f64 = history.iter().map(|y| (y - mean).powi(2)).sum();
    let correlation = |lag: usize| {
        history.iter().zip(&history[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / total
    };
    let inner: f64 = (1..season).map(|lag| correlation(lag).powi(2)).sum();
    total > 0.0 && correlation(season).abs() > 1.645 / n.sqrt() * (1.0 + 2.0 * inner).sqrt()
}

/// Classical decomposition: mean ratio to the centred moving average, by place in the season.
fn multiplicative_indices(history: &[f64], season: usize) -> Vec<f64> {
    let half = season / 2;
    let mut sums = vec![(0.0, 0.0); season];
    for centre in half..history.len() - half {
        let window = &history[centre - half..=centre + half];
        let ends = if season.is_multiple_of(2) { 0.5 * (window[0] + window[window.len() - 1]) } else { 0.0 };
        let average = (window.iter().sum::<f64>() - ends) / season as f64;
        let sum = &mut sums[centre % season];
        *sum = (sum.0 + history[centre] / average, sum.1 + 1.0);
    }
    let indices: Vec<f64> = sums.iter().map(|(sum, count)| sum / count).collect();
    let mean = indices.iter().sum::<f64>() / season as f64;
    indices.iter().map(|index| index / mean).collect()
}
