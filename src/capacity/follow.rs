//! What a scenario of demand does to something that has a forecast of its own: a cost, or instance-hours.
//!
//! A driver that was learned says which share of it follows which demand (the elasticity). A scenario changes those
//! shares and leaves the rest.

use domain::{Forecast, Frequency, Grid, Series, Stamp};

use crate::driver::{Driver, DriverSource, Term};
use crate::learn_driver::{NoDriver, learn_driver};
use crate::regression::mean;
use crate::scenario::{Scenario, apply};

/// Hours of a day: daily values are changed hour by hour, so that an event of four hours is not one of a day.
const DAY_HOURS: usize = 24;

/// What a daily series (a cost, instance-hours) follows among `demands`, by the means of their days.
///
/// # Errors
/// As of [`learn_driver`].
pub fn learn_daily(own: &Series, demands: &[Series]) -> Result<Driver, NoDriver> {
    let daily: Vec<Series> = demands.iter().map(daily_mean).collect();
    learn_driver(own, &daily, 0)
}

impl Driver {
    /// A driver that somebody states: `share` (0 to 1) of a resource with this mean follows `demand`; what one more of
    /// that takes is told from the means of both.
    pub fn by_share(resource: &str, level: f64, demand: &Series, share: f64) -> Self {
        let driving = measured_mean(demand);
        let slope = if driving > 0.0 { share * level / driving } else { 0.0 };
        let term = Term { demand: demand.unique_id.clone(), lag_steps: 0, slope, elasticity: share };
        Self {
            intercept: (1.0 - share) * level,
            terms: vec![term],
            ..Self::by_hand(resource, &demand.unique_id, slope, 0)
        }
    }

    /// The driver of a sum with this mean, from those of the parts that have one, each with its own mean: a part that
    /// follows demand is not hidden by the noise of the others. The fit is the mean of the parts', by their size.
    ///
    /// `None` where no part has a driver, or the sum's mean is not above zero.
    pub fn of_parts(resource: &str, level: f64, parts: &[(f64, &Self)]) -> Option<Self> {
        let size: f64 = parts.iter().map(|(part, _)| part).sum();
        if level <= 0.0 || size <= 0.0 {
            return None;
        }
        let mut terms: Vec<Term> = Vec::new();
        for (part, driver) in parts {
            for term in &driver.terms {
                let elasticity = term.elasticity * part / level;
                match terms.iter_mut().find(|known| known.demand == term.demand) {
                    Some(known) => {
                        known.slope += term.slope;
                        known.elasticity += elasticity;
                    }
                    None => terms.push(Term { elasticity, ..term.clone() }),
                }
            }
        }
        terms.sort_by(|a, b| b.elasticity.total_cmp(&a.elasticity));
        let fit = parts.iter().map(|(part, driver)| part * driver.r_squared.unwrap_or(1.0)).sum::<f64>();
        Some(Self {
            resource: resource.to_owned(),
            intercept: level * (1.0 - terms.iter().map(|term| term.elasticity).sum::<f64>()),
            terms,
            r_squared: Some(fit / size),
            residual: parts.iter().map(|(_, driver)| driver.residual.powi(2)).sum::<f64>().sqrt(),
            points: parts.iter().map(|(_, driver)| driver.points).max().unwrap_or(0),
            source: DriverSource::Learned,
        })
    }

    /// The share of the resource that follows demand, 0 to 1.
    pub fn share(&self) -> f64 {
        self.terms.iter().map(|term| term.elasticity).sum::<f64>().clamp(0.0, 1.0)
    }

    /// The resource's own forecast, where demand goes as `scenarios` say: each term's share of it is changed as its
    /// demand is, the rest stays. A launch adds what its demand takes at the driver's slope.
    ///
    /// Together the terms change at most all of it, so every quantile lies between the forecast as it is and one in
    /// proportion to demand, and quantiles do not cross.
    pub fn under(&self, own: &Forecast, scenarios: &[Scenario]) -> Forecast {
        let total: f64 = self.terms.iter().map(|term| term.elasticity).sum();
        let parts: Vec<(f64, Forecast)> = self
            .terms
            .iter()
            .map(|term| {
                let changes: Vec<Scenario> =
                    scenarios.iter().map(|scenario| in_units_of(term, scenario)).collect();
                (term.elasticity / total.max(1.0), by_the_hour(own, &term.demand, &changes))
            })
            .collect();
        let mut changed = own.clone();
        let mix = |path: &mut [f64], pick: &dyn Fn(&Forecast) -> Vec<f64>| {
            let parts: Vec<(f64, Vec<f64>)> =
                parts.iter().map(|(share, part)| (*share, pick(part))).collect();
            for (step, value) in path.iter_mut().enumerate() {
                *value += parts.iter().map(|(share, part)| share * (part[step] - *value)).sum::<f64>();
            }
        };
        mix(&mut changed.mean, &|part| part.mean.clone());
        for level in 0..changed.quantiles.len() {
            mix(&mut changed.quantiles[level], &|part| part.quantiles[level].clone());
        }
        changed
    }

    /// Which share follows what, and how that is known.
    pub fn share_sentence(&self) -> String {
        let terms: Vec<&str> = self.terms.iter().map(|term| term.demand.as_str()).collect();
        let known = match (self.source, self.r_squared) {
            (DriverSource::Learned, Some(fit)) => format!(
                "learned from {} days, {:.0} % of what it has not seen explained",
                self.points,
                fit * 100.0
            ),
            _ => "as stated".to_owned(),
        };
        let demands = match terms.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            terms => terms.join(""),
        };
        format!("{:.0} % follows {demands} ({known}); the rest stays", self.share() * 100.0)
    }
}

/// A launch says what it adds to demand: here it adds what the term takes for that.
fn in_units_of(term: &Term, scenario: &Scenario) -> Scenario {
    match scenario {
        Scenario::Launch { adds, low, high, starts_at } if term.elasticity > 0.0 => {
            let each = term.slope / term.elasticity;
            let [adds, low, high] = [adds, low, high].map(|added| added * each);
            Scenario::Launch { adds, low, high, starts_at: *starts_at }
        }
        other => other.clone(),
    }
}

/// A forecast changed in proportion to `demand`; a daily one hour by hour.
fn by_the_hour(own: &Forecast, demand: &str, scenarios: &[Scenario]) -> Forecast {
    let mut finer = Forecast { unique_id: demand.to_owned(), ..own.clone() };
    if own.grid.frequency != Frequency::DAY {
        return apply(&finer, scenarios);
    }
    finer.grid.frequency = Frequency::HOUR;
    for path in finer.quantiles.iter_mut().chain(std::iter::once(&mut finer.mean)) {
        *path = path.iter().flat_map(|value| [*value; DAY_HOURS]).collect();
    }
    finer.components.event_multiplier.clear();
    let mut changed = apply(&finer, scenarios);
    for path in changed.quantiles.iter_mut().chain(std::iter::once(&mut changed.mean)) {
        *path = path.chunks(DAY_HOURS).map(mean).collect();
    }
    changed
}

/// The mean of what was measured; 0 where nothing was.
pub fn measured_mean(series: &Series) -> f64 {
    mean(&series.values.iter().flatten().copied().collect::<Vec<f64>>())
}

/// The mean of the measured steps of each day; a day without any is missing.
fn daily_mean(finer: &Series) -> Series {
    let mut days: Vec<(chrono::NaiveDate, Vec<f64>)> = Vec::new();
    for (step, value) in finer.values.iter().enumerate() {
        let Some(at) = finer.grid.stamp(step).time() else { continue };
        if days.last().is_none_or(|(day, _)| *day != at.date_naive()) {
            days.push((at.date_naive(), Vec::new()));
        }
        if let Some((_, values)) = days.last_mut() {
            values.extend(value);
        }
    }
    let start = days.first().map(|(day, _)| domain::midnight(*day)).unwrap_or_default();
    Series {
        unique_id: finer.unique_id.clone(),
        grid: Grid { start: Stamp::Time(start), frequency: Frequency::DAY },
        values: days.iter().map(|(_, values)| (!values.is_empty()).then(|| mean(values))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Event;
    use proptest::prelude::*;

    use super::*;
    use crate::scenario::Shape;

    fn at(text: &str) -> Stamp {
        Stamp::Time(text.parse().unwrap())
    }

    /// Four days from 1 March.
    fn cost(paths: &[[f64; 4]]) -> Forecast {
        let grid = Grid { start: at("2026-03-01T00:00:00Z"), frequency: Frequency::DAY };
        let paths: Vec<Vec<f64>> = paths.iter().map(|path| path.to_vec()).collect();
        crate::testing::forecast(grid, &[0.1, 0.5, 0.9], &paths)
    }

    fn steady() -> Forecast {
        cost(&[[80.0; 4], [100.0; 4], [120.0; 4]])
    }

    fn series(unique_id: &str, frequency: Frequency, values: Vec<f64>) -> Series {
        let grid = Grid { start: at("2025-01-01T00:00:00Z"), frequency };
        Series { unique_id: unique_id.to_owned(), grid, values: values.into_iter().map(Some).collect() }
    }

    /// Cost of 40 a day and half a dollar for each request a second, whose level goes up and down.
    fn learned() -> Driver {
        let level = |day: usize| 80.0 + ((day * 7) % 19) as f64 * 5.0;
        let hours = (0..120 * 24).map(|hour| level(hour / 24) * if hour % 2 == 0 { 0.5 } else { 1.5 });
        let requests = series("requests/web", Frequency::HOUR, hours.collect());
        let own = (0..120).map(|day| 40.0 + 0.5 * level(day)).collect();
        learn_daily(&series("cost/total", Frequency::DAY, own), &[requests]).unwrap()
    }

    fn stated(share: f64) -> Driver {
        let demand = series("requests/web", Frequency::HOUR, vec![50.0; 240]);
        Driver::by_share("cost/total", 100.0, &demand, share)
    }

    #[test]
    fn the_share_that_follows_demand_is_learned_from_days() {
        let driver = learned();
        assert!((driver.terms[0].slope - 0.5).abs() < 1e-9, "{driver:?}");
        let mean = (0..120).map(|day| 80.0 + ((day * 7) % 19) as f64 * 5.0).sum::<f64>() / 120.0;
        let share = 0.5 * mean / (40.0 + 0.5 * mean);
        assert!((driver.share() - share).abs() < 0.02, "{} {share}", driver.share());
        let sentence = driver.share_sentence();
        assert!(sentence.contains("follows requests/web (learned from 120 days"), "{sentence}");
    }

    #[test]
    fn a_sum_follows_what_its_parts_follow() {
        let part = learned();
        let level =
            (0..120).map(|day| 40.0 + 0.5 * (80.0 + ((day * 7) % 19) as f64 * 5.0)).sum::<f64>() / 120.0;
        let sum = Driver::of_parts("cost/total", 4.0 * level, &[(level, &part), (level, &part)]).unwrap();
        assert!((sum.share() - 0.5 * part.share()).abs() < 1e-9, "two of four");
        assert!((sum.terms.len(), sum.terms[0].slope) == (1, 2.0 * part.terms[0].slope));
        assert_eq!(Driver::of_parts("cost/total", level, &[]), None);
        assert_eq!(Driver::of_parts("cost/credits", -1.0, &[(level, &part)]), None);
    }

    #[test]
    fn growth_changes_that_share_and_no_more() {
        let grown = stated(0.6).under(&steady(), &[Scenario::Growth { factor: 1.5 }]);
        // 60 % grow by a half: 30 % more.
        for (path, expected) in grown.quantiles.iter().zip([104.0, 130.0, 156.0]) {
            assert!(path.iter().all(|value| (value - expected).abs() < 1e-9), "{path:?}");
        }
        assert_eq!(stated(0.0).under(&steady(), &[Scenario::Growth { factor: 1.5 }]), steady());
        assert_eq!(stated(0.6).under(&steady(), &[]), steady());
    }

    #[test]
    fn an_event_of_six_hours_is_not_one_of_a_day_and_concerns_its_demand_only() {
        let mut event = Event {
            name: "sale".to_owned(),
            starts_at: at("2026-03-02T06:00:00Z"),
            ends_at: at("2026-03-02T12:00:00Z"),
            multiplier: 5.0,
            multiplier_low: Some(5.0),
            multiplier_high: Some(5.0),
            unique_id: Some("requests/web".to_owned()),
        };
        let under = |event: &Event| {
            let scenario = Scenario::Event { event: event.clone(), shape: Shape::Flat };
            stated(0.5).under(&steady(), &[scenario]).quantiles[1].clone()
        };
        // Half of a quarter of a day five times as high: 1 + 0.5 × 0.25 × 4.
        assert_eq!(under(&event), [100.0, 150.0, 100.0, 100.0]);
        event.unique_id = Some("requests/another".to_owned());
        assert_eq!(under(&event), [100.0; 4]);
    }

    #[test]
    fn a_launch_adds_what_its_demand_costs() {
        // Half of 100 follows 50 requests: one dollar each.
        let launch =
            Scenario::Launch { adds: 30.0, low: 30.0, high: 30.0, starts_at: at("2026-03-03T00:00:00Z") };
        let launched = stated(0.5).under(&steady(), &[launch]);
        let median = &launched.quantiles[1];
        assert!((median[3] - 130.0).abs() < 1e-9 && (median[1] - 100.0).abs() < 1e-9, "{median:?}");
    }

    proptest! {
        #[test]
        fn quantiles_do_not_cross_and_more_demand_never_costs_less(
            share in 0.0..1.6, factor in 0.0..5.0, more in 0.0..2.0,
        ) {
            let own = cost(&[[-5.0, 10.0, 80.0, 0.0], [0.0, 20.0, 100.0, 1.0], [5.0, 90.0, 101.0, 9.0]]);
            let under = |factor| stated(share).under(&own, &[Scenario::Growth { factor }]);
            let (less, more) = (under(factor), under(factor + more));
            for step in 0..4 {
                let fan: Vec<f64> = less.quantiles.iter().map(|path| path[step]).collect();
                prop_assert!(fan.is_sorted(), "{fan:?}");
                prop_assert!(more.quantiles[1][step] >= less.quantiles[1][step] - 1e-9);
            }
        }
    }
}
