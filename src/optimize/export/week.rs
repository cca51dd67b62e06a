//! A weekly schedule as the times at which a machine starts and stops.

use crate::schedule::WEEK;

/// Days in the words of cron expressions, Monday first.
const DAYS: [&str; 7] = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];

/// An hour of the day (UTC) with the days of the week, Monday 0, on which something happens at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub(super) hour: usize,
    pub(super) days: Vec<usize>,
}

impl At {
    /// The days for cron expressions: `MON,TUE`.
    pub(super) fn days(&self) -> String {
        self.days.iter().map(|day| DAYS[*day]).collect::<Vec<_>>().join(",")
    }

    /// For crontabs and Google Cloud: minute, hour, day, month, day of the week.
    pub(super) fn cron(&self) -> String {
        format!("0 {} * * {}", self.hour, self.days())
    }

    /// For the EventBridge Scheduler, which knows a year too.
    pub(super) fn aws(&self) -> String {
        format!("cron(0 {} ? * {} *)", self.hour, self.days())
    }
}

/// When a machine starts and stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Week {
    pub(super) starts: Vec<At>,
    pub(super) stops: Vec<At>,
}

impl Week {
    /// The changes of a cyclic week; `on` has an entry an hour, the first is Monday 00:00 UTC.
    ///
    /// # Errors
    /// A week that is not one, or in which nothing changes.
    pub(super) fn of(on: &[bool]) -> Result<Self, String> {
        if on.len() != WEEK || on.iter().all(|hour| *hour) || on.iter().all(|hour| !hour) {
            return Err("the plan does not say when it runs".to_owned());
        }
        let changes = |to: bool| {
            let mut found: Vec<At> = Vec::new();
            for hour in 0..24 {
                let at = |day: &usize| {
                    let hour = day * 24 + hour;
                    on[hour] == to && on[(hour + WEEK - 1) % WEEK] != to
                };
                let days: Vec<usize> = (0..7).filter(at).collect();
                if !days.is_empty() {
                    found.push(At { hour, days });
                }
            }
            found
        };
        Ok(Self { starts: changes(true), stops: changes(false) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_office_week_has_one_start_and_one_stop() {
        let on: Vec<bool> = (0..WEEK).map(|hour| hour < 120 && (7..19).contains(&(hour % 24))).collect();
        let week = Week::of(&on).unwrap();
        let crons = |at: &[At]| at.iter().map(At::cron).collect::<Vec<_>>();
        assert_eq!(crons(&week.starts), ["0 7 * * MON,TUE,WED,THU,FRI"]);
        assert_eq!(crons(&week.stops), ["0 19 * * MON,TUE,WED,THU,FRI"]);
        assert_eq!(week.starts[0].aws(), "cron(0 7 ? * MON,TUE,WED,THU,FRI *)");
        assert!(Week::of(&[true; WEEK]).is_err() && Week::of(&[true, false]).is_err());
    }

    proptest! {
        /// Starting and stopping at those times gives the week back.
        #[test]
        fn the_changes_are_the_week(on in prop::collection::vec(any::<bool>(), WEEK)) {
            let Ok(week) = Week::of(&on) else { return Ok(()) };
            let happens = |at: &[At], hour: usize| {
                at.iter().any(|at| at.hour == hour % 24 && at.days.contains(&(hour / 24)))
            };
            // The second round knows how the first one ended.
            let mut running = false;
            let mut seen = vec![false; WEEK];
            for hour in (0..WEEK).chain(0..WEEK) {
                running = happens(&week.starts, hour) || running && !happens(&week.stops, hour);
                seen[hour] = running;
            }
            prop_assert_eq!(seen, on);
        }
    }
}
