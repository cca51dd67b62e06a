//! Announced events and learned holidays: kept out of the fit, multiplied into the forecast.

use domain::{Event, Grid, Stamp};

use crate::anniversaries::NOTHING;
use crate::history::History;
use crate::order::median;
use crate::paths::normal_quantile;
use crate::request::{Checked, Holiday};
use crate::study::Study;

/// Occurrences of a holiday that make its effect half believed.
const HALF_BELIEVED: f64 = 0.5;

/// Doubt about a learned effect with one occurrence: standard deviation of its logarithm as a share of it …
const LEARNED_DOUBT: f64 = 0.3;
/// … which grows no further beyond this logarithm: tenfold is not doubted more than threefold.
const DOUBTED_EFFECT: f64 = 1.0;

/// Rank of P90 on the normal scale.
const P90: f64 = 1.281_551_565_545;

/// The multiplier of one step: what is expected, and the spread of its logarithm below and above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Multiplier {
    pub(crate) expected: f64,
    below: f64,
    above: f64,
}

impl Multiplier {
    const NONE: Self = Self { expected: 1.0, below: 0.0, above: 0.0 };

    /// A multiplier by its logarithm and the standard deviation of that.
    pub(crate) fn of_log(log: f64, doubt: f64) -> Self {
        Self { expected: log.exp(), below: doubt, above: doubt }
    }

    /// The multiplier at a quantile level: log-normal with its own spread on each side.
    fn at(&self, level: f64) -> f64 {
        let rank = normal_quantile(level);
        self.expected * (rank * if rank < 0.0 { self.below } else { self.above }).exp()
    }

    /// The multiplier of a step that it holds for a share of.
    fn over(self, share: f64) -> Self {
        if share >= 1.0 {
            return self;
        }
        let part = |multiplier: f64| (1.0 + share * (multiplier - 1.0)).max(1e-9);
        let expected = part(self.expected);
        let spread = |level: f64| ((part(self.at(level)) / expected).ln() / P90).abs();
        Self { expected, below: spread(0.1), above: spread(0.9) }
    }

    /// Two independent causes at once.
    fn times(self, other: Self) -> Self {
        Self {
            expected: self.expected * other.expected,
            below: self.below.hypot(other.below),
            above: self.above.hypot(other.above),
        }
    }
}

/// Whether an event or holiday goes on during a part of a step at least.
pub(crate) fn covered(request: &Checked, unique_id: &str, step: (Stamp, Stamp)) -> bool {
    request.events.iter().any(|event| event.share(unique_id, step) > 0.0)
        || request.holidays.iter().any(|holiday| holiday.share(step) > 0.0)
}

/// The multiplier of each step ahead. What somebody named counts alone on a date that comes back every year.
pub(crate) fn multipliers(request: &Checked, unique_id: &str, ahead: Grid, study: &Study) -> Vec<Multiplier> {
    let effects: Vec<(&Holiday, Multiplier)> = request
        .holidays
        .iter()
        .filter(|holiday| holiday.ends_at > ahead.start)
        .filter_map(|holiday| Some((holiday, learn(&holiday.name, request, &study.history, &study.usual)?)))
        .collect();
    (0..request.horizon)
        .map(|index| {
            let step = ahead.step(index);
            let announced = request.events.iter().filter_map(|event| {
                let share = event.share(unique_id, step);
                (share > 0.0).then(|| of_event(event).over(share))
            });
            // What was learned is the effect on such a step, whatever its share.
            let learned =
                effects.iter().filter(|(holiday, _)| holiday.share(step) > 0.0).map(|(_, effect)| *effect);
            let named = announced.chain(learned).reduce(Multiplier::times);
            named.or_else(|| study.anniversaries.multiplier(step.0)).unwrap_or(Multiplier::NONE)
        })
        .collect()
}

fn of_event(event: &Event) -> Multiplier {
    let spread = |other: f64| {
        if event.multiplier > 0.0 { ((other.max(1e-9) / event.multiplier).ln() / P90).abs() } else { 0.0 }
    };
    Multiplier { expected: event.multiplier, below: spread(event.low()), above: spread(event.high()) }
}

/// Median ratio of actual to usual over the past occurrences of a name, shrunk towards 1 by their number; `None` where
/// it has not come yet.
fn learn(name: &str, request: &Checked, history: &History, usual: &[f64]) -> Option<Multiplier> {
    let mut ratios = Vec::new();
    let mut occurrences = 0_usize;
    for holiday in request.holidays.iter().filter(|holiday| holiday.name == name) {
        let before = ratios.len();
        for (index, expected) in usual.iter().enumerate() {
            let actual = history.values[index];
            if holiday.share(history.grid.step(index)) > 0.0 && !actual.is_nan() && *expected > 0.0 {
                // A closed shop sells next to nothing; its logarithm has to end somewhere.
                ratios.push((actual / expected).max(NOTHING).ln());
            }
        }
        occurrences += usize::from(ratios.len() > before);
    }
    if occurrences == 0 {
        return None;
    }
    let effect = median(&mut ratios);
    Some(Multiplier::of_log(believed(occurrences) * effect, doubt(effect, occurrences)))
}

/// Share of an effect that is believed after so many occurrences.
pub(crate) fn believed(occurrences: usize) -> f64 {
    occurrences as f64 / (occurrences as f64 + HALF_BELIEVED)
}

/// Standard deviation of the logarithm of an effect that was seen so many times.
pub(crate) fn doubt(effect: f64, occurrences: usize) -> f64 {
    LEARNED_DOUBT * effect.abs().min(DOUBTED_EFFECT) / (occurrences.max(1) as f64).sqrt()
}

/// Multiplies a path and its quantiles; the doubt about the multiplier and the doubt about demand add in quadrature.
pub(crate) fn apply(
    multipliers: &[Multiplier],
    levels: &[f64],
    path: &mut [f64],
    quantiles: &mut [Vec<f64>],
) {
    for (step, multiplier) in multipliers.iter().enumerate() {
        if *multiplier == Multiplier::NONE {
            continue;
        }
        let middle = path[step];
        path[step] = middle * multiplier.expected;
        for (level, quantile) in levels.iter().zip(quantiles.iter_mut()) {
            let demand = (quantile[step] - middle) * multiplier.expected;
            let doubt = middle.abs() * (multiplier.at(*level) - multiplier.expected);
            quantile[step] = path[step] + with_doubt(demand, doubt);
        }
    }
}

/// How far a quantile is from the path when an independent doubt at the same level adds to its own distance.
pub(crate) fn with_doubt(distance: f64, doubt: f64) -> f64 {
    // A quantile on the other side of the path (a skewed forecast) keeps its side.
    if distance * doubt > 0.0 { doubt.signum() * distance.hypot(doubt) } else { distance + doubt }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(low: Option<f64>, high: Option<f64>) -> Event {
        Event {
            name: "sale".to_owned(),
            starts_at: Stamp::Step(0),
            ends_at: Stamp::Step(1),
            multiplier: 10.0,
            multiplier_low: low,
            multiplier_high: high,
            unique_id: None,
        }
    }

    #[test]
    fn low_and_high_are_the_tenth_and_ninetieth_percentile() {
        let multiplier = of_event(&event(Some(8.0), Some(15.0)));
        assert!((multiplier.at(0.1) - 8.0).abs() < 1e-6 && (multiplier.at(0.9) - 15.0).abs() < 1e-6);
        let certain = of_event(&event(Some(10.0), Some(10.0)));
        assert!((certain.at(0.9) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_sale_of_half_a_day_lifts_the_day_by_half_and_an_hour_as_announced() {
        let at = |text: &str| Stamp::Time(text.parse().unwrap());
        let sale = Event {
            starts_at: at("2026-04-05T08:00:00Z"),
            ends_at: at("2026-04-05T20:00:00Z"),
            multiplier: 3.0,
            ..event(None, None)
        };
        let lifted = |frequency: domain::Frequency, points: usize| {
            let grid = Grid { start: at("2026-03-16T00:00:00Z"), frequency };
            let series =
                domain::Series { unique_id: "shop".to_owned(), grid, values: vec![Some(100.0); points] };
            let request = crate::Request { events: vec![sale.clone()], ..crate::Request::new(24) };
            crate::forecast(&series, &request).mean
        };
        let days = lifted(domain::Frequency::DAY, 20);
        assert!((days[0] - 200.0).abs() < 1e-6 && (days[1] - 100.0).abs() < 1e-6, "{days:?}");
        let hours = lifted(domain::Frequency::HOUR, 20 * 24);
        assert!((hours[7] - 100.0).abs() < 1e-6 && (hours[8] - 300.0).abs() < 1e-6, "{hours:?}");
        assert!((hours[19] - 300.0).abs() < 1e-6 && (hours[20] - 100.0).abs() < 1e-6, "{hours:?}");
    }

    #[test]
    fn a_closed_shop_is_learned_and_a_name_without_a_past_is_not() {
        let grid = Grid { start: Stamp::Step(0), frequency: domain::Frequency::Steps(1) };
        let mut values = vec![Some(100.0); 40];
        values[20] = Some(0.0);
        let series = domain::Series { unique_id: "shop".to_owned(), grid, values };
        let holiday = |at| Holiday {
            name: "closed".to_owned(),
            starts_at: Stamp::Step(at),
            ends_at: Stamp::Step(at + 1),
        };
        let learned = |at| {
            let request = crate::Request { holidays: vec![holiday(at)], ..crate::Request::new(1) };
            let history = History::new(&series, |_| false);
            learn("closed", &Checked::new(&request), &history, &[100.0 / history.unit; 40])
        };
        assert!(learned(20).unwrap().expected < 0.2, "{:?}", learned(20));
        assert_eq!(learned(45), None);
    }

    #[test]
    fn a_small_learned_effect_is_doubted_less_than_a_large_one() {
        let learned = |effect: f64| {
            let grid = Grid { start: Stamp::Step(0), frequency: domain::Frequency::Steps(1) };
            let mut values = vec![Some(100.0); 40];
            values[20] = Some(100.0 * effect);
            let series = domain::Series { unique_id: "cost".to_owned(), grid, values };
            let holiday =
                Holiday { name: "sale".to_owned(), starts_at: Stamp::Step(20), ends_at: Stamp::Step(21) };
            let request = crate::Request { holidays: vec![holiday], ..crate::Request::new(1) };
            let history = History::new(&series, |_| false);
            let usual = vec![100.0 / history.unit; 40];
            learn("sale", &Checked::new(&request), &history, &usual).unwrap()
        };
        let (small, large) = (learned(1.2), learned(10.0));
        assert!(small.at(0.1) > 1.0, "{small:?} says that the sale may cost less than no sale");
        assert!(large.at(0.9) / large.at(0.1) > small.at(0.9) / small.at(0.1));
        assert_eq!(learned(1.0), Multiplier::NONE);
    }

    #[test]
    fn doubt_widens_the_quantiles_beyond_the_multiplied_ones() {
        let (mut path, mut quantiles) = (vec![100.0], vec![vec![90.0], vec![110.0]]);
        apply(&[of_event(&event(None, None))], &[0.1, 0.9], &mut path, &mut quantiles);
        assert_eq!(path, [1000.0]);
        assert!(quantiles[0][0] < 900.0 && quantiles[1][0] > 1300.0, "{quantiles:?}");
    }
}
