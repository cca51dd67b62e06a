//! What last year's event teaches about this year's: its multiplier, the doubt about it, and its shape.

use domain::{Event, Frequency, Series, Stamp};
use serde::{Deserialize, Serialize};

use crate::scenario::Shape;

/// Weeks before (and after) the event whose same hours say what would have been usual.
const WEEKS: usize = 4;

/// Doubt about a single past event, as a share of its effect: the next one is another one.
const NEXT_TIME: f64 = 0.2;

/// z of P90.
const P90: f64 = 1.281_551_565_545;

/// What a past event did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastEvent {
    /// Its name.
    pub name: String,
    /// Its whole multiplier: what the shape is scaled with.
    pub multiplier: f64,
    /// P10 for the next time.
    pub low: f64,
    /// P90 for the next time.
    pub high: f64,
    /// The shape that fits best.
    pub shape: Shape,
    /// Demand over what was usual, step by step.
    pub ratios: Vec<f64>,
    /// Mean distance of the ratios from the fitted shape, as a share of the multiplier.
    pub misfit: f64,
}

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event}: nothing can be learned, as {missing}")]
pub struct NothingLearned {
    /// The event.
    pub event: String,
    /// What is missing.
    pub missing: &'static str,
}

/// Learns from `event` in `history`: usual is the mean of the same hours in the four weeks before it, and after it
/// where they are there.
///
/// # Errors
/// A grid that does not divide a week, an event outside of history, or no usual week beside it.
pub fn learn_event(history: &Series, event: &Event) -> Result<PastEvent, NothingLearned> {
    let nothing = |missing| NothingLearned { event: event.name.clone(), missing };
    let week = match history.grid.frequency {
        Frequency::Seconds(seconds) if seconds > 0 && 604_800 % seconds == 0 => (604_800 / seconds) as usize,
        Frequency::Steps(_) => 168,
        _ => return Err(nothing("its steps do not divide a week")),
    };
    let covered = |step: usize| {
        let stamp = history.grid.stamp(step);
        event.starts_at <= stamp && stamp < event.ends_at
    };
    let steps: Vec<usize> = (0..history.len()).filter(|step| covered(*step)).collect();
    let usual = |step: usize| {
        let beside = (1..=WEEKS).flat_map(|weeks| {
            [step.checked_sub(weeks * week), Some(step + weeks * week)].into_iter().flatten()
        });
        let beside: Vec<f64> = beside
            .filter(|step| !covered(*step))
            .filter_map(|step| history.values.get(step).copied().flatten())
            .collect();
        (!beside.is_empty()).then(|| crate::regression::mean(&beside))
    };
    let mut points: Vec<(Stamp, f64)> = Vec::new();
    for step in steps {
        if let (Some(found), Some(usual)) = (history.values[step], usual(step))
            && usual > 0.0
        {
            points.push((history.grid.stamp(step), found / usual));
        }
    }
    if points.is_empty() {
        return Err(nothing("history does not hold it with a usual week beside it"));
    }
    let (shape, effect, misfit) = [Shape::Flat, Shape::Spike, Shape::Ramp, Shape::Decay]
        .into_iter()
        .map(|shape| fit(shape, event, &points))
        .min_by(|a, b| a.2.total_cmp(&b.2))
        .ok_or_else(|| nothing("no shape fits"))?;
    let doubt = effect.abs() * NEXT_TIME * P90;
    let multiplier = (1.0 + effect).max(0.0);
    Ok(PastEvent {
        name: event.name.clone(),
        multiplier,
        low: (multiplier - doubt).max(0.0),
        high: multiplier + doubt,
        shape,
        misfit: misfit.sqrt() / multiplier.max(f64::MIN_POSITIVE),
        ratios: points.into_iter().map(|(_, ratio)| ratio).collect(),
    })
}

impl PastEvent {
    /// The next event of the kind, with what was learned.
    pub fn next(&self, name: &str, starts_at: Stamp, ends_at: Stamp) -> Event {
        Event {
            name: name.to_owned(),
            starts_at,
            ends_at,
            multiplier: self.multiplier,
            multiplier_low: Some(self.low),
            multiplier_high: Some(self.high),
            unique_id: None,
        }
    }
}

/// The effect that fits `ratio − 1 = effect × weight` best, and the mean square that is left.
fn fit(shape: Shape, event: &Event, points: &[(Stamp, f64)]) -> (Shape, f64, f64) {
    let weights: Vec<f64> = points.iter().map(|(stamp, _)| shape.weight_at(event, *stamp)).collect();
    let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
    let products: f64 = weights.iter().zip(points).map(|(weight, (_, ratio))| weight * (ratio - 1.0)).sum();
    let effect = products / squares.max(f64::MIN_POSITIVE);
    let left = weights.iter().zip(points).map(|(weight, (_, ratio))| (ratio - 1.0 - effect * weight).powi(2));
    (shape, effect, left.sum::<f64>() / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use domain::Grid;

    use super::*;

    fn history(shape: Shape, multiplier: f64) -> (Series, Event) {
        let grid =
            Grid { start: Stamp::Time("2025-10-01T00:00:00Z".parse().unwrap()), frequency: Frequency::HOUR };
        let event = Event {
            name: "Black Friday 2025".to_owned(),
            starts_at: Stamp::Time("2025-11-28T00:00:00Z".parse().unwrap()),
            ends_at: Stamp::Time("2025-11-29T00:00:00Z".parse().unwrap()),
            multiplier: 1.0,
            multiplier_low: None,
            multiplier_high: None,
            unique_id: None,
        };
        let values = (0..24 * 70).map(|hour| {
            let usual = 100.0 + 50.0 * (f64::from(hour) * std::f64::consts::TAU / 24.0).sin();
            let stamp = grid.stamp(hour as usize);
            let on = event.starts_at <= stamp && stamp < event.ends_at;
            let weight = if on { shape.weight_at(&event, stamp) } else { 0.0 };
            let wobble = 1.0 + 0.04 * (f64::from(hour * 7919 % 101) / 101.0 - 0.5);
            Some(usual * (1.0 + (multiplier - 1.0) * weight) * wobble)
        });
        (Series { unique_id: "shop".to_owned(), grid, values: values.collect() }, event)
    }

    #[test]
    fn size_and_shape_are_found() {
        for shape in [Shape::Flat, Shape::Spike, Shape::Ramp, Shape::Decay] {
            let (history, event) = history(shape, 10.0);
            let learned = learn_event(&history, &event).unwrap();
            assert_eq!(learned.shape, shape);
            assert!((learned.multiplier - 10.0).abs() < 0.3, "{learned:?}");
            assert!(learned.low < 8.0 && learned.high > 12.0 && learned.misfit < 0.05, "{learned:?}");
            assert_eq!(learned.ratios.len(), 24);
        }
    }

    #[test]
    fn an_event_that_history_does_not_hold_teaches_nothing() {
        let (history, mut event) = history(Shape::Flat, 10.0);
        event.ends_at = event.starts_at;
        assert!(learn_event(&history, &event).unwrap_err().to_string().contains("does not hold it"));
    }
}
