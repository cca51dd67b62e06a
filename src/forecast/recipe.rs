//! The recipe under `models/forecast.toml`: built in, read once.

use std::sync::LazyLock;

use serde::Deserialize;

/// The file, as built in.
const FILE: &str = include_str!("../../models/forecast.toml");

/// The recipe of this version.
pub(crate) static RECIPE: LazyLock<Recipe> = LazyLock::new(|| {
    toml::from_str(FILE)
        .unwrap_or_else(|error| unreachable!("models/forecast.toml is checked by a test: {error}"))
});

/// See `models/forecast.toml` for the meaning of each value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    pub(crate) folds: Folds,
    pub(crate) combination: Combination,
    pub(crate) intervals: Intervals,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folds {
    pub(crate) most: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Combination {
    pub(crate) power: f64,
    pub(crate) least_share: f64,
    pub(crate) band: f64,
    pub(crate) late_folds: f64,
    pub(crate) stacking_folds: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intervals {
    pub(crate) levels: Vec<f64>,
    pub(crate) quantiles: Vec<f64>,
    pub(crate) own_folds: f64,
    pub(crate) lean_folds: f64,
    pub(crate) growth: f64,
    pub(crate) growth_of_steady: f64,
    pub(crate) growth_folds: f64,
    pub(crate) few_folds: f64,
    pub(crate) fading: f64,
    pub(crate) expected_share: f64,
    pub(crate) expected_variance: f64,
    pub(crate) fold_variance: f64,
    pub(crate) usual_folds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_recipe_is_usable() {
        let Intervals { levels, quantiles, .. } = &RECIPE.intervals;
        assert_eq!(levels.len(), quantiles.len());
        assert!(levels.is_sorted() && quantiles.is_sorted());
        assert!(RECIPE.folds.most >= 3 && (0.0..=1.0).contains(&RECIPE.combination.band));
    }
}
