//! Stacking (Breiman 1996): weights with which the members' errors cancel, held near those by single errors.
//!
//! A weight by a member's own error knows nothing of the others: ten members that err together outvote the two that
//! err otherwise. Least squares over what the members forecast at the folds does, but a few folds tell little, and the
//! plain mean often beats it (Smith & Wallis 2009). So the weights are those that minimize the combination's squared error
//! at the folds and, times `models/forecast.toml`'s `stacking_folds`, their relative entropy to where they started.

use crate::combine::{Actuals, Run};
use crate::linear::{dot, factor, substitute};
use crate::order::{mean, median};
use crate::recipe::RECIPE;

/// Errors beyond this many times the median error count as that: one strange day must not choose the members.
const LARGEST_ERROR: f64 = 2.5;

/// Folds without which there is nothing to weigh.
const LEAST_FOLDS: usize = 2;

/// The steps of a fold are as good as separate observations when their errors change sign freely; this share of steady
/// error is assumed at least.
const LEAST_STEADY: f64 = 0.2;

/// A mean squared error that is rounding: a series is in units of its own size here.
const NOTHING: f64 = 1e-24;

/// Newton's method on the logarithms of the weights takes this many steps at most, each halved this often until it
/// improves, and ends when no weight moves by more than this.
const STEPS: usize = 40;
const HALVINGS: usize = 8;
const STILL: f64 = 1e-7;

/// How the members that applied at every fold erred together.
pub(crate) struct Stacking {
    /// Their places among the runs.
    members: Vec<usize>,
    folds: Vec<Option<FoldErrors>>,
}

/// The errors of one fold.
struct FoldErrors {
    /// Mean product of the errors of each two members, row by row.
    products: Vec<f64>,
    /// Mean error of each member.
    means: Vec<f64>,
}

impl Stacking {
    /// Compares what the members forecast at the folds with what came.
    pub(crate) fn new(runs: &[Run], actuals: &Actuals) -> Self {
        let always = |run: &Run| run.folds.iter().all(|path| !path.is_empty());
        let members: Vec<usize> = (0..runs.len()).filter(|member| always(&runs[*member])).collect();
        let errors = |member: &usize, fold: usize| -> Vec<f64> {
            let pairs = runs[*member].folds[fold].iter().zip(&actuals[fold]);
            pairs.filter_map(|(path, actual)| Some(path - (*actual)?)).collect()
        };
        let mut errors: Vec<Vec<Vec<f64>>> = (0..actuals.len())
            .map(|fold| members.iter().map(|member| errors(member, fold)).collect())
            .collect();
        let mut sizes: Vec<f64> = errors.iter().flatten().flatten().map(|error| error.abs()).collect();
        let largest = LARGEST_ERROR * median(&mut sizes);
        errors.iter_mut().flatten().flatten().for_each(|error| *error = error.clamp(-largest, largest));
        let folds = errors.iter().map(|members| FoldErrors::new(members)).collect();
        Self { members, folds }
    }

    /// Weights from every fold but `left_out`, starting from `weights`, which add up to 1.
    ///
    /// A member that does not apply to every fold keeps its weight.
    pub(crate) fn refine(&self, mut weights: Vec<f64>, left_out: Option<usize>) -> Vec<f64> {
        let kept: Vec<usize> =
            (0..self.members.len()).filter(|place| weights[self.members[*place]] > 0.0).collect();
        let seen = self.folds.iter().enumerate().filter(|(fold, _)| Some(*fold) != left_out);
        let folds: Vec<&FoldErrors> = seen.filter_map(|(_, errors)| errors.as_ref()).collect();
        if kept.len() < 2 || folds.len() < LEAST_FOLDS {
            return weights;
        }
        let share: f64 = kept.iter().map(|place| weights[self.members[*place]]).sum();
        let start: Vec<f64> = kept.iter().map(|place| weights[self.members[*place]] / share).collect();
        let Some(problem) = Problem::new(&folds, &kept, self.members.len(), start) else { return weights };
        for (place, weight) in kept.iter().zip(problem.solve()) {
            weights[self.members[*place]] = share * weight;
        }
        weights
    }
}

impl FoldErrors {
    /// `None` where nothing was measured.
    fn new(errors: &[Vec<f64>]) -> Option<Self> {
        let steps = errors.first()?.len();
        if steps == 0 {
            return None;
        }
        let products = errors.iter().flat_map(|a| errors.iter().map(|b| dot(a, b) / steps as f64)).collect();
        Some(Self { products, means: errors.iter().map(|errors| mean(errors)).collect() })
    }
}

/// The weights `w` that minimize `w' products w + pull · Σ w ln(w / start)` and add up to 1.
struct Problem {
    products: Vec<f64>,
    pull: f64,
    start: Vec<f64>,
}

impl Problem {
    /// `None` where the combination is not wrong.
    fn new(folds: &[&FoldErrors], kept: &[usize], width: usize, start: Vec<f64>) -> Option<Self> {
        let chosen = |fold: &FoldErrors| -> Vec<f64> {
            kept.iter().flat_map(|a| kept.iter().map(move |b| fold.products[a * width + b])).collect()
        };
        let by_fold: Vec<Vec<f64>> = folds.iter().map(|fold| chosen(fold)).collect();
        let losses: Vec<f64> = by_fold.iter().map(|products| quadratic(products, &start)).collect();
        let usual = mean(&losses);
        if usual < NOTHING {
            return None;
        }
        // Each fold's products count against its own loss and the usual one together: otherwise the hardest fold chooses.
        let mut products = vec![0.0; kept.len() * kept.len()];
        for (fold, loss) in by_fold.iter().zip(&losses) {
            let weight = 2.0 / (loss + usual) / folds.len() as f64;
            products.iter_mut().zip(fold).for_each(|(sum, product)| *sum += weight * product);
        }
        // A fold that is too high or too low throughout is one observation, however many steps it has.
        let steady = |fold: &&FoldErrors| {
            kept.iter().zip(&start).map(|(place, weight)| weight * fold.means[*place]).sum::<f64>().powi(2)
        };
        let steady = folds.iter().map(steady).sum::<f64>() / (usual * folds.len() as f64);
        let pull = RECIPE.combination.stacking_folds * steady.max(LEAST_STEADY).powi(2) / folds.len() as f64;
        Some(Self { products, pull, start })
    }

    fn value(&self, weights: &[f64]) -> f64 {
        let entropy: f64 = weights.iter().zip(&self.start).map(|(w, start)| w * (w / start).ln()).sum();
        quadratic(&self.products, weights) + self.pull * entropy
    }

    fn solve(&self) -> Vec<f64> {
        let count = self.start.len();
        let mut weights = self.start.clone();
        let mut least = self.value(&weights);
        for _ in 0..STEPS {
            // Newton's direction among weights that keep their sum.
            let mut curvature: Vec<f64> = self.products.iter().map(|product| 2.0 * product).collect();
            let mut slope = vec![0.0; count];
            for (place, weight) in weights.iter().enumerate() {
                curvature[place * count + place] += self.pull / weight;
                slope[place] = 2.0 * dot(&self.products[place * count..][..count], &weights)
                    + self.pull * (weight / self.start[place]).ln();
            }
            let mut ones = vec![1.0; count];
            if factor(&mut curvature, count).is_none() {
                break;
            }
            substitute(&curvature, &mut slope);
            substitute(&curvature, &mut ones);
            let level = slope.iter().sum::<f64>() / ones.iter().sum::<f64>();
            let mut relative: Vec<f64> = slope
                .iter()
                .zip(&ones)
                .zip(&weights)
                .map(|((slope, one), weight)| (level * one - slope) / weight)
                .collect();
            // Multiplied rather than added: a weight on its way to nothing does not hold up the others.
            let moved = |relative: &[f64]| -> Vec<f64> {
                let grown: Vec<f64> = weights
                    .iter()
                    .zip(relative)
                    .map(|(weight, by)| (weight * by.clamp(-20.0, 2.0).exp()).max(f64::MIN_POSITIVE))
                    .collect();
                let sum: f64 = grown.iter().sum();
                grown.iter().map(|weight| weight / sum).collect()
            };
            let better = (0..HALVINGS).find_map(|_| {
                let tried = moved(&relative);
                let value = self.value(&tried);
                relative.iter_mut().for_each(|by| *by *= 0.5);
                (value < least).then_some((tried, value))
            });
            let Some((tried, value)) = better else { break };
            let largest = tried.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            (weights, least) = (tried, value);
            if largest < STILL {
                break;
            }
        }
        weights
    }
}

/// `weights' products weights`.
fn quadratic(products: &[f64], weights: &[f64]) -> f64 {
    products.chunks_exact(weights.len()).zip(weights).map(|(row, weight)| weight * dot(row, weights)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member's run from its errors at each fold, where zero is what came.
    fn run(folds: &[impl AsRef<[f64]>]) -> Run {
        let folds = folds.iter().map(|errors| errors.as_ref().to_vec()).collect();
        Run { name: "member", folds, ahead: Vec::new() }
    }

    fn nothing_came(folds: usize, steps: usize) -> Actuals {
        vec![vec![Some(0.0); steps]; folds]
    }

    #[test]
    fn members_that_err_alike_share_one_say() {
        let (up, down): (&[f64], &[f64]) = (&[1.0, -1.0, 1.0, -1.0], &[-1.0, 1.0, -1.0, 1.0]);
        let runs = [run(&[up; 4]), run(&[up; 4]), run(&[up; 4]), run(&[down; 4])];
        let refined = Stacking::new(&runs, &nothing_came(4, 4)).refine(vec![0.25; 4], None);
        assert!((refined.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((refined[0] - refined[2]).abs() < 1e-9 && refined[3] > 0.45, "{refined:?}");
    }

    #[test]
    fn errors_of_the_level_are_few_observations_however_many_steps() {
        let (up, down) = ([1.0; 8], [-1.0; 8]);
        let (up, down): (&[f64], &[f64]) = (&up, &down);
        let runs = [run(&[up; 4]), run(&[up; 4]), run(&[up; 4]), run(&[down; 4])];
        let refined = Stacking::new(&runs, &nothing_came(4, 8)).refine(vec![0.25; 4], None);
        assert!((0.25..0.4).contains(&refined[3]), "{refined:?}");
    }

    #[test]
    fn a_late_member_keeps_its_weight_and_one_without_weight_gets_none() {
        let runs = [
            run(&[&[1.0, -1.0]; 3]),
            run(&[&[0.1, 0.2]; 3]),
            run(&[&[0.5, 0.5]; 3]),
            run(&[vec![], vec![0.3, 0.3], vec![0.3, 0.1]]),
        ];
        let refined = Stacking::new(&runs, &nothing_came(3, 2)).refine(vec![0.0, 0.4, 0.4, 0.2], None);
        assert!(refined[0] == 0.0 && refined[3] == 0.2 && refined[1] > refined[2], "{refined:?}");
        assert!((refined.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_fold_that_is_left_out_has_no_say() {
        let good: &[f64] = &[0.1, -0.1, 0.1];
        let bad: &[f64] = &[2.0, -2.0, 2.0];
        let other = |last| {
            let runs = [run(&[good, good, last]), run(&[bad, bad, good])];
            Stacking::new(&runs, &nothing_came(3, 3)).refine(vec![0.5, 0.5], Some(2))
        };
        assert_eq!(other(bad), other(&[2.0, 2.0, -2.0]));
    }

    #[test]
    fn nothing_to_weigh_changes_nothing() {
        let perfect = [run(&[&[0.0, 0.0]; 3]), run(&[&[0.0, 0.0]; 3])];
        let weights = vec![0.7, 0.3];
        assert_eq!(Stacking::new(&perfect, &nothing_came(3, 2)).refine(weights.clone(), None), weights);
        let unmeasured = vec![vec![None; 2]; 3];
        assert_eq!(Stacking::new(&perfect, &unmeasured).refine(weights.clone(), None), weights);
        assert_eq!(Stacking::new(&[], &Vec::new()).refine(Vec::new(), None), [] as [f64; 0]);
    }

    proptest::proptest! {
        /// No weights that were tried at random do better at what the refined ones minimize.
        #[test]
        fn no_other_weights_do_better(
            errors in proptest::collection::vec(proptest::collection::vec(-3.0..3.0_f64, 24), 5),
            others in proptest::collection::vec(proptest::collection::vec(0.001..1.0_f64, 5), 20),
        ) {
            let folds: Vec<FoldErrors> = (0..3)
                .map(|fold| {
                    let members: Vec<Vec<f64>> = errors.iter().map(|all| all[fold * 8..][..8].to_vec()).collect();
                    FoldErrors::new(&members).unwrap()
                })
                .collect();
            let folds: Vec<&FoldErrors> = folds.iter().collect();
            let problem = Problem::new(&folds, &[0, 1, 2, 3, 4], 5, vec![0.2; 5]).unwrap();
            let solved = problem.solve();
            let least = problem.value(&solved);
            for other in others {
                let sum: f64 = other.iter().sum();
                let other: Vec<f64> = other.iter().map(|weight| weight / sum).collect();
                // Between the two as well: the value is convex.
                let between: Vec<f64> = solved.iter().zip(&other).map(|(a, b)| 0.999 * a + 0.001 * b).collect();
                proptest::prop_assert!(least <= problem.value(&other) + 1e-9 * least);
                proptest::prop_assert!(least <= problem.value(&between) + 1e-7 * least);
            }
        }
    }
}
