//! One hour of the oracle: the steps of the bill, and the prices of pools that make its bound.

use super::Problem;

/// Scratch space for one hour.
pub(super) struct Hour {
    /// Usage of each line that the steps so far leave uncovered.
    pub(super) open: Vec<f64>,
    left: Vec<f64>,
    covered: Vec<f64>,
    worth: Vec<f64>,
    /// What one more unit of each pool saves.
    pub(super) dual: Vec<f64>,
    /// What a unit of a pool saves on a line, and how much of it the line could take.
    by_worth: Vec<(f64, f64)>,
}

impl Hour {
    pub(super) fn new(problem: &Problem) -> Self {
        let (lines, pools) = (problem.list.len(), problem.steps_of_pool.len());
        Self {
            open: vec![0.0; lines],
            left: vec![0.0; pools],
            covered: vec![0.0; problem.steps.len()],
            worth: vec![0.0; lines],
            dual: vec![0.0; pools],
            by_worth: Vec::new(),
        }
    }

    /// Applies the steps; returns what is paid for licences.
    pub(super) fn apply(
        &mut self,
        problem: &Problem,
        usage: &[f64],
        multipliers: &[f64],
        capacity: &[f64],
    ) -> f64 {
        for (open, (usage, multiplier)) in self.open.iter_mut().zip(usage.iter().zip(multipliers)) {
            *open = usage * multiplier;
        }
        self.left.copy_from_slice(capacity);
        let mut paid = 0.0;
        for (step, covered) in problem.steps.iter().zip(&mut self.covered) {
            let (need, pool) = (self.open[step.line], self.left[step.pool]);
            *covered = 0.0;
            if need <= 0.0 || pool <= 0.0 {
                continue;
            }
            let wanted = need * step.weight;
            if wanted <= pool {
                self.left[step.pool] = pool - wanted;
                self.open[step.line] = 0.0;
                *covered = need;
            } else {
                *covered = pool / step.weight;
                self.left[step.pool] = 0.0;
                self.open[step.line] = need - *covered;
            }
            paid += *covered * step.licence;
        }
        paid
    }

    /// What one more unit of a used up pool saves: what the dearest usage saves that it leaves open. Where the legal order
    /// leaves dearer usage open than it covers, what it would save if the pool took the dearest usage first, because that
    /// price makes the highest bound.
    fn marginal(&mut self, problem: &Problem, steps: &[usize]) -> f64 {
        let (mut open, mut covered) = (0.0_f64, f64::INFINITY);
        for &index in steps {
            let step = &problem.steps[index];
            let saved = (self.worth[step.line] - step.licence) / step.weight;
            if self.open[step.line] > 0.0 {
                open = open.max(saved);
            }
            if self.covered[index] > 0.0 {
                covered = covered.min(saved);
            }
        }
        if open <= covered {
            return open;
        }
        self.by_worth.clear();
        let mut capacity = 0.0;
        for &index in steps {
            let step = &problem.steps[index];
            let usage = self.open[step.line] + self.covered[index];
            let saved = (self.worth[step.line] - step.licence) / step.weight;
            self.by_worth.push((saved, usage * step.weight));
            capacity += self.covered[index] * step.weight;
        }
        self.by_worth.sort_by(|a, b| b.0.total_cmp(&a.0));
        for &(saved, need) in &self.by_worth {
            capacity -= need;
            if capacity <= 0.0 {
                return saved.max(0.0);
            }
        }
        0.0
    }

    /// Applies the steps; returns what is paid at the prices of `list`, and the bound before capacity is taken off.
    pub(super) fn run(
        &mut self,
        problem: &Problem,
        list: &[f64],
        usage: &[f64],
        multipliers: &[f64],
        capacity: &[f64],
    ) -> (f64, f64) {
        let mut paid = self.apply(problem, usage, multipliers, capacity);
        paid += self.open.iter().zip(list).map(|(open, list)| open * list).sum::<f64>();
        // From the last pool to the first: what would one more unit of it save?
        self.worth.copy_from_slice(list);
        for (pool, steps) in problem.steps_of_pool.iter().enumerate().rev() {
            let dual = if self.left[pool] > 0.0 { 0.0 } else { self.marginal(problem, steps) };
            self.dual[pool] = dual;
            for &index in steps {
                let step = &problem.steps[index];
                self.worth[step.line] = self.worth[step.line].min(step.licence + step.weight * dual);
                // For earlier pools, this usage is still there to be covered.
                self.open[step.line] += self.covered[index];
            }
        }
        let bound = usage
            .iter()
            .zip(multipliers.iter().zip(&self.worth))
            .map(|(usage, (multiplier, worth))| usage * multiplier * worth)
            .sum();
        (paid, bound)
    }
}
