//! A schedule with few changes that never falls below what is needed.

/// The cheapest levels not below `needs`, when every change costs `penalty` (in instance-steps).
///
/// Minimizes Σ level + penalty × changes exactly, by dynamic programming over segments: a segment's level is
/// the largest need in it. When that has more than `max_changes`, the penalty is doubled until it has not.
pub fn smooth(needs: &[u32], penalty: f64, max_changes: usize) -> Vec<u32> {
    let mut penalty = penalty;
    loop {
        let levels = cheapest(needs, penalty);
        if changes(&levels) <= max_changes {
            return levels;
        }
        penalty = (penalty * 2.0).max(1.0);
    }
}

/// How often the level changes.
pub fn changes(levels: &[u32]) -> usize {
    levels.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// The exact optimum for one penalty.
fn cheapest(needs: &[u32], penalty: f64) -> Vec<u32> {
    let runs = runs(needs);
    let count = runs.len();
    let lengths: Vec<f64> = runs.iter().map(|(length, _)| *length as f64).collect();
    let steps = prefix_sums(lengths.iter().copied());
    let floor = prefix_sums(runs.iter().map(|(length, need)| *length as f64 * f64::from(*need)));

    // best[j]: cheapest cost of the first j runs; from[j]: where its last segment begins.
    let mut best = vec![0.0; count + 1];
    let mut from = vec![0; count + 1];
    for end in 1..=count {
        let (mut least, mut level) = (f64::INFINITY, 0);
        for begin in (0..end).rev() {
            level = level.max(runs[begin].1);
            let segment = (steps[end] - steps[begin]) * f64::from(level) + penalty;
            // No schedule costs less than its needs, and this bound only grows as the segment does.
            if floor[begin] + segment >= least {
                break;
            }
            if best[begin] + segment < least {
                (least, from[end]) = (best[begin] + segment, begin);
            }
        }
        best[end] = least;
    }
    levels(&runs, &from, needs.len())
}

/// Equal neighbours together: (length, need).
fn runs(needs: &[u32]) -> Vec<(usize, u32)> {
    needs.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect()
}

/// Sums of the first 0, 1, 2, … values.
fn prefix_sums(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let sums = values.scan(0.0, |sum, value| {
        *sum += value;
        Some(*sum)
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// The level of every step, from the segments that `from` chains together.
fn levels(runs: &[(usize, u32)], from: &[usize], steps: usize) -> Vec<u32> {
    let mut levels = Vec::with_capacity(steps);
    let mut end = runs.len();
    while end > 0 {
        let segment = &runs[from[end]..end];
        let level = segment.iter().map(|(_, need)| *need).max().unwrap_or(0);
        let length: usize = segment.iter().map(|(length, _)| length).sum();
        levels.extend(std::iter::repeat_n(level, length));
        end = from[end];
    }
    levels.reverse();
    levels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every way to cut the steps into segments.
    fn by_enumeration(needs: &[u32], penalty: f64) -> f64 {
        (0..1u32 << (needs.len() - 1))
            .map(|cuts| {
                let (mut cost, mut begin) = (0.0, 0);
                for end in 1..=needs.len() {
                    if end == needs.len() || cuts & (1 << (end - 1)) != 0 {
                        let level = needs[begin..end].iter().max().copied().unwrap();
                        cost += (end - begin) as f64 * f64::from(level) + penalty;
                        begin = end;
                    }
                }
                cost
            })
            .fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #[test]
        fn is_the_optimum_of_all_schedules(
            needs in prop::collection::vec(0u32..12, 1..11), penalty in 0.0..20.0,
        ) {
            let levels = smooth(&needs, penalty, usize::MAX);
            prop_assert!(levels.iter().zip(&needs).all(|(level, need)| level >= need));
            let sum: u32 = levels.iter().sum();
            let cost = f64::from(sum) + penalty * (changes(&levels) + 1) as f64;
            prop_assert!((cost - by_enumeration(&needs, penalty)).abs() < 1e-6);
        }

        #[test]
        fn never_changes_more_than_allowed(
            needs in prop::collection::vec(0u32..50, 1..200), most in 1usize..9,
        ) {
            let levels = smooth(&needs, 0.0, most);
            prop_assert!(changes(&levels) <= most);
            prop_assert_eq!(levels.len(), needs.len());
            prop_assert!(levels.iter().zip(&needs).all(|(level, need)| level >= need));
        }
    }

    #[test]
    fn short_dips_are_not_worth_a_change() {
        let needs = [2, 2, 9, 9, 8, 9, 2, 2, 2, 2];
        assert_eq!(smooth(&needs, 2.0, 100), [2, 2, 9, 9, 9, 9, 2, 2, 2, 2]);
        assert_eq!(smooth(&needs, 1000.0, 100), [9; 10]);
        assert_eq!(smooth(&[], 1.0, 1), [0; 0]);
    }
}
