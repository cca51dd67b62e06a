//! The standard normal distribution: its quantile and its distribution function.

use std::f64::consts::{PI, SQRT_2};

/// Density at `z`.
pub(crate) fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * PI).sqrt()
}

/// Probability that a standard normal variable is at most `z`; absolute error below 1e-12.
///
/// Near the middle: the Taylor series of the integral of the density (Marsaglia 2004). In the tails: the
/// continued fraction of Mills' ratio.
pub(crate) fn distribution(z: f64) -> f64 {
    if z.abs() > 4.0 {
        let x = z.abs();
        let fraction = (1..=40).rev().fold(0.0, |below, k| f64::from(k) / (x + below));
        let tail = density(x) / (x + fraction);
        return if z > 0.0 { 1.0 - tail } else { tail };
    }
    let (mut term, mut sum, mut k) = (z, z, 1.0);
    while term.abs() > 1e-17 {
        k += 2.0;
        term *= z * z / k;
        sum += term;
    }
    0.5 + sum * density(z)
}

/// The `level` quantile (`level` strictly between 0 and 1), by Newton steps on [`distribution`].
///
/// The start is the logistic approximation, which is close enough for the steps to converge.
pub(crate) fn quantile(level: f64) -> f64 {
    let level = level.clamp(1e-12, 1.0 - 1e-12);
    let mut z = ((level / (1.0 - level)).ln() * SQRT_2 / 2.6).clamp(-7.2, 7.2);
    for _ in 0..60 {
        let step = ((distribution(z) - level) / density(z)).clamp(-0.5, 0.5);
        z -= step;
        if step.abs() < 1e-12 {
            break;
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_printed_tables() {
        for (level, z) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_545),
            (0.975, 1.959_963_984_540),
            (0.99, 2.326_347_874_041),
            (0.999_9, 3.719_016_485_456),
            (0.000_001, -4.753_424_308_823),
        ] {
            assert!((quantile(level) - z).abs() < 1e-6, "{level}: {}", quantile(level));
            assert!((distribution(z) - level).abs() < 1e-10, "{level}: {}", distribution(z));
        }
    }
}
