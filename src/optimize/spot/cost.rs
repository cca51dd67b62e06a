//! What interruptible capacity really costs: price, lost work, restarts, and on-demand where there is none.

/// A pool of interruptible capacity: one machine type in one zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Mean price while there is capacity, over the list price.
    pub price: f64,
    /// Interruptions per hour on the pool.
    pub hazard: f64,
    /// Part of the time in which there is capacity, 0 to 1.
    pub availability: f64,
    /// Share of the stays of capacity that are over within [`SHORT_HOURS`], 0 to 1. Prices flicker around a bid: of as
    /// many interruptions, short stays lose less work than ones that come at any time alike (0).
    pub short_stays: f64,
    /// The same of the gaps between them.
    pub short_gaps: f64,
}

/// A stay or gap of less is short: hardly anything is done in it, hardly any time is spent in it.
pub(super) const SHORT_HOURS: f64 = 0.5;

/// Work that saves its state now and then, and goes on from the last state on other capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Job {
    /// Hours to save a state.
    pub checkpoint_hours: f64,
    /// Hours to start again.
    pub restart_hours: f64,
}

impl Job {
    /// Hours of work between two states that waste least at `hazard` interruptions per hour: `√(2C/λ)` (Young 1974).
    pub fn interval(&self, hazard: f64) -> f64 {
        (2.0 * self.checkpoint_hours.max(1e-6) / hazard).sqrt()
    }

    /// Cost of one useful hour over the list price: on the pool while it has capacity, on demand while it has not.
    ///
    /// With hazard λ, availability A, checkpoint cost C and restart R, a stay of exponential length has
    /// `S(λ) = τ·e^(−λ(R+τ+C)) / (1 − e^(−λ(τ+C)))` useful hours. Nothing is done in the share s of short stays, and the
    /// others are longer by as much, so the useful share of spot is `η = λ(1 − s)·S((1 − s)λ)`. On demand is started, and
    /// its state saved, once for each gap: with gaps of mean `1/γ = (1 − A)/(λA)`, a share g of them short, its useful
    /// share is `φ = e^(−(1 − g)γ(R+C))`. The cost is `(A·price + 1 − A) / (A·η + (1 − A)·φ)`.
    pub fn cost_ratio(&self, pool: &Pool) -> f64 {
        let Pool { price, hazard, availability: up, short_stays, short_gaps } = *pool;
        let (checkpoint, restart) = (self.checkpoint_hours.max(1e-6), self.restart_hours);
        let (down, cycle) = (1.0 - up, self.interval(hazard) + checkpoint);
        let long = 1.0 - short_stays;
        let rate = long * hazard;
        let stay = self.interval(hazard) * (-rate * (restart + cycle)).exp() / (1.0 - (-rate * cycle).exp());
        // Without a gap its rate is infinite, and φ is 0.
        let gap_rate = (1.0 - short_gaps) * hazard * up / down;
        let useful = up * hazard * long * stay + down * (-gap_rate * (restart + checkpoint)).exp();
        (up * price + down) / useful
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Job = Job { checkpoint_hours: 0.02, restart_hours: 0.1 };
    const POOL: Pool =
        Pool { price: 0.35, hazard: 2e-4, availability: 0.95, short_stays: 0.0, short_gaps: 0.0 };

    #[test]
    fn interruptions_cost_more_than_the_spot_price_says() {
        let ratio = JOB.cost_ratio(&POOL);
        assert!(ratio > 0.35 && ratio < 0.42, "{ratio}");
        // Always there and hardly ever taken back: the price alone.
        let calm = Pool { hazard: 1e-6, availability: 1.0, ..POOL };
        let free = Job { checkpoint_hours: 0.0, ..JOB };
        assert!((free.cost_ratio(&calm) - 0.35).abs() < 1e-3);
        // Never there: on demand.
        assert!((JOB.cost_ratio(&Pool { availability: 0.0, ..POOL }) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn more_interruptions_and_less_capacity_never_make_it_cheaper() {
        let base = JOB.cost_ratio(&POOL);
        assert!(JOB.cost_ratio(&Pool { hazard: 1e-3, ..POOL }) > base);
        assert!(JOB.cost_ratio(&Pool { availability: 0.5, ..POOL }) > base);
        // As many, but half of them within minutes of each other: less work is lost.
        assert!(JOB.cost_ratio(&Pool { short_stays: 0.5, short_gaps: 0.5, ..POOL }) < base);
    }
}
