//! The cost of a small problem followed piece by piece: bounds where the legal order is not the cheapest one, and the cost
//! therefore not convex.
//!
//! More of any purchase leaves less usage open and more of every pool, at each step of the bill. Where two purchases
//! `low ≤ high` meet the same needs in full in an hour, everything between does, too, and what that hour costs is linear
//! between them; elsewhere it costs at least what is left open at `high`.

use super::Problem;

/// Most hours (groups of them, times scenarios) and steps of a problem that is followed.
const MOST_HOURS: usize = 400;
/// See [`MOST_HOURS`].
const MOST_STEPS: usize = 64;

/// One hour in one scenario.
struct Piece {
    weight: f64,
    segment: usize,
    usage: Vec<f64>,
}

/// See the module.
pub(in crate::commitments) struct Pieces<'a> {
    problem: &'a Problem,
    pieces: Vec<Piece>,
    /// USD per unit of each column, over the hours in which it is active.
    fees: Vec<f64>,
    /// USD for what is held.
    fixed: f64,
    open: Vec<f64>,
    left: Vec<f64>,
}

impl Problem {
    /// `None` for a problem that is too large, or in which covering usage does not simply take its list price away.
    pub(in crate::commitments) fn pieces(&self) -> Option<Pieces<'_>> {
        let hours: usize = self.segments.iter().map(|segment| segment.weights.len()).sum();
        let plain = self.sustained.is_empty() && self.steps.iter().all(|step| step.licence == 0.0);
        if !plain || hours * self.multipliers.len() > MOST_HOURS || self.steps.len() > MOST_STEPS {
            return None;
        }
        let lines = self.list.len();
        let mut pieces = Vec::new();
        for multipliers in &self.multipliers {
            for (index, segment) in self.segments.iter().enumerate() {
                let multipliers = &multipliers[segment.block * lines..(segment.block + 1) * lines];
                for (weight, usage) in segment.weights.iter().zip(segment.usage.chunks_exact(lines.max(1))) {
                    pieces.push(Piece {
                        weight: weight / self.multipliers.len() as f64,
                        segment: index,
                        usage: usage.iter().zip(multipliers).map(|(usage, times)| usage * times).collect(),
                    });
                }
            }
        }
        let active = |of: &std::ops::Range<usize>| -> f64 {
            self.segments[of.clone()].iter().map(|segment| segment.hours).sum()
        };
        let held = self.segments.iter().zip(&self.fixed_price);
        Some(Pieces {
            problem: self,
            pieces,
            fees: self.columns.iter().map(|column| column.price * active(&column.segments)).collect(),
            fixed: held.map(|(segment, price)| segment.hours * price).sum(),
            open: vec![0.0; lines],
            left: vec![0.0; self.steps_of_pool.len()],
        })
    }
}

impl Pieces<'_> {
    /// Mean cost of `low`, and a bound for that of everything from `low` to `high`.
    pub(in crate::commitments) fn bound(&mut self, low: &[f64], high: &[f64]) -> (f64, f64) {
        let capacity = |x: &[f64]| self.problem.capacity(x);
        let (at_low, at_high) = (capacity(low), capacity(high));
        let towards: Vec<Option<Vec<Vec<f64>>>> = (0..low.len())
            .map(|column| {
                let mut x = low.to_vec();
                x[column] = high[column];
                (high[column] > low[column]).then(|| capacity(&x))
            })
            .collect();
        let fee: f64 = self.fees.iter().zip(low).map(|(fee, units)| fee * units).sum();
        let (mut cost, mut bound) = (self.fixed + fee, self.fixed + fee);
        let mut change: Vec<f64> =
            self.fees.iter().zip(low.iter().zip(high)).map(|(fee, (low, high))| fee * (high - low)).collect();
        for at in 0..self.pieces.len() {
            let weight = self.pieces[at].weight;
            let (paid, met) = self.paid(at, &at_low);
            cost += weight * paid;
            let (least, met_at_high) = self.paid(at, &at_high);
            if met != met_at_high {
                bound += weight * least;
                continue;
            }
            bound += weight * paid;
            for (change, towards) in change.iter_mut().zip(&towards) {
                if let Some(towards) = towards {
                    *change += weight * (self.paid(at, towards).0 - paid);
                }
            }
        }
        // A linear function is least in a corner.
        (cost, bound + change.iter().map(|change| change.min(0.0)).sum::<f64>())
    }

    /// What an hour costs on demand, and which steps found what they needed.
    fn paid(&mut self, at: usize, capacity: &[Vec<f64>]) -> (f64, u64) {
        let piece = &self.pieces[at];
        self.open.copy_from_slice(&piece.usage);
        self.left.copy_from_slice(&capacity[piece.segment]);
        let mut met = 0;
        for (index, step) in self.problem.steps.iter().enumerate() {
            let (open, left) = (&mut self.open[step.line], &mut self.left[step.pool]);
            let wanted = *open * step.weight;
            if wanted <= *left {
                *left -= wanted;
                *open = 0.0;
                met |= 1 << index;
            } else {
                *open -= *left / step.weight;
                *left = 0.0;
            }
        }
        (self.open.iter().zip(&self.problem.list).map(|(open, list)| open * list).sum(), met)
    }
}
