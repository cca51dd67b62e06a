//! What a move costs beside the price of the machine: traffic every month, and work, copies and running twice once.

use chrono::{DateTime, Duration, Utc};
use domain::{MetricName, from_statistic};
use rust_decimal::Decimal;

use super::{Place, Settings};
use crate::HOURS_PER_MONTH;
use crate::metrics::{Reading, ResourceMetrics};

/// Decimal places of a monthly cost.
const PLACES: u32 = 6;
/// Days of traffic that stand for a month.
const WINDOW_DAYS: i64 = 30;
/// MB in one GiB.
const MB_PER_GIB: f64 = 1_073.741_824;
/// Seconds of a month of 730 hours.
const SECONDS_PER_MONTH: f64 = 730.0 * 3600.0;

/// What a machine sends and receives in a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Traffic {
    pub(super) sent_gib: Decimal,
    pub(super) received_gib: Decimal,
}

impl Traffic {
    /// From the means of the last 30 days before `end`, for as much of the month as CPU was measured; or why not.
    pub(super) fn measured(
        metrics: Option<&ResourceMetrics>,
        end: DateTime<Utc>,
        minimum_days: u32,
        minimum_coverage: f64,
    ) -> Result<Self, String> {
        let start = end - Duration::days(WINDOW_DAYS);
        let of = |metric: MetricName| -> Vec<&Reading> {
            let readings = metrics.and_then(|metrics| metrics.get(&metric)).into_iter().flatten();
            readings.filter(|reading| start <= reading.at && reading.at < end).collect()
        };
        let cpu = of(MetricName::CpuUtilization);
        let since = cpu.first().map_or(0, |first| (end - first.at).num_hours()).max(1);
        let up = (cpu.len() as f64 / since as f64).min(1.0);
        let gib = |metric: MetricName, words: &str| {
            let readings = of(metric);
            let days = readings.first().map_or(0, |first| (end - first.at).num_days());
            if days < i64::from(minimum_days) || (readings.len() as f64) < minimum_coverage * cpu.len() as f64
            {
                return Err(format!(
                    "its {words} network was not measured for {minimum_days} days: what traffic would cost is unknown"
                ));
            }
            let mean = readings.iter().map(|reading| f64::from(reading.average)).sum::<f64>()
                / readings.len() as f64;
            Ok(from_statistic(mean * up * SECONDS_PER_MONTH / MB_PER_GIB).round_dp(PLACES))
        };
        let sent_gib = gib(MetricName::NetworkOut, "outgoing")?;
        let received_gib = gib(MetricName::NetworkIn, "incoming")?;
        Ok(Self { sent_gib, received_gib })
    }
}

/// USD per GiB that a move adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    /// From the old place to the new one, and back.
    pub(super) there: Decimal,
    pub(super) back: Decimal,
    /// To the internet, more than before.
    pub(super) internet: Decimal,
}

impl Rates {
    /// The rates between two places as the policy states them, or which one is missing. Traffic to the internet that
    /// gets cheaper counts as nothing: it is not in the plan's bill of the machine.
    pub(super) fn between(here: &Place, place: &Place, settings: &Settings) -> Result<Self, String> {
        let (there, back) = (settings.gib(here, place)?, settings.gib(place, here)?);
        let internet = if settings.stays_behind_share < Decimal::ONE {
            (settings.internet(place)? - settings.internet(here)?).max(Decimal::ZERO)
        } else {
            Decimal::ZERO
        };
        Ok(Self { there, back, internet })
    }

    /// USD a month, when this share of the traffic is with what stays behind.
    pub(super) fn monthly(&self, traffic: &Traffic, stays_behind: Decimal) -> Decimal {
        let behind = traffic.sent_gib * self.back + traffic.received_gib * self.there;
        let rest = (Decimal::ONE - stays_behind) * traffic.sent_gib * self.internet;
        (stays_behind * behind + rest).round_dp(PLACES)
    }
}

/// What is paid once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transition {
    /// Work.
    pub(super) work: Decimal,
    /// The new machine while the old one still runs.
    pub(super) dual_run: Decimal,
    /// Copying disks.
    pub(super) copy: Decimal,
}

impl Transition {
    /// The part of one of `machines` that move together, which costs `hourly` there for `hours` of a month.
    pub(super) fn of_machine(
        hourly: Decimal,
        hours: Decimal,
        machines: usize,
        other_cloud: bool,
        settings: &Settings,
    ) -> Self {
        let work_hours =
            if other_cloud { settings.engineering_hours_other_cloud } else { settings.engineering_hours };
        let work = work_hours * settings.hourly_rate / Decimal::from(machines.max(1));
        let share = hours / Decimal::from(HOURS_PER_MONTH);
        let dual_run = settings.dual_run_days * Decimal::from(24) * share * hourly;
        Self { work: work.round_dp(PLACES), dual_run: dual_run.round_dp(PLACES), copy: Decimal::ZERO }
    }

    /// Copying a disk of `gib`.
    pub(super) fn of_disk(gib: f64, rates: &Rates) -> Self {
        let copy = (from_statistic(gib) * rates.there).round_dp(PLACES);
        Self { work: Decimal::ZERO, dual_run: Decimal::ZERO, copy }
    }

    pub(super) fn once(&self) -> Decimal {
        self.work + self.dual_run + self.copy
    }

    /// USD a month over the payback time.
    pub(super) fn monthly(&self, settings: &Settings) -> Decimal {
        (self.once() / Decimal::from(settings.payback_months)).round_dp(PLACES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{as_of, hourly};

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn metrics(up: impl Fn(i64) -> bool) -> crate::Metrics {
        let of = |metric, value: f64| hourly("a", metric, move |_| value);
        let rows = [
            of(MetricName::CpuUtilization, 50.0),
            of(MetricName::NetworkOut, 0.5),
            of(MetricName::NetworkIn, 0.25),
        ];
        let hour = |at: DateTime<Utc>| (as_of() - at).num_hours();
        rows.into_iter().flatten().filter(|row| up(hour(row.hour))).collect()
    }

    #[test]
    fn traffic_is_the_mean_over_the_hours_in_which_the_machine_is_up() {
        let always = metrics(|_| true);
        let traffic = Traffic::measured(always.of("a"), as_of(), 14, 0.6).unwrap();
        // 0.5 MB/s × 2,628,000 s are 1,314,000 MB: 1,223.758 GiB.
        assert_eq!(traffic.sent_gib.round_dp(3), dec("1223.758"));
        assert_eq!(traffic.received_gib.round_dp(3), dec("611.879"));
        let every_second_hour = metrics(|hour| hour % 2 == 0);
        let half = Traffic::measured(every_second_hour.of("a"), as_of(), 14, 0.6).unwrap();
        assert_eq!((half.sent_gib * Decimal::TWO).round_dp(3), dec("1223.758"));
    }

    #[test]
    fn traffic_that_was_not_measured_is_no_traffic_of_zero() {
        let some_days = metrics(|hour| hour <= 13 * 24);
        for metrics in [None, some_days.of("a")] {
            let reason = Traffic::measured(metrics, as_of(), 14, 0.6).unwrap_err();
            assert!(reason.contains("outgoing network was not measured"), "{reason}");
        }
    }

    #[test]
    fn traffic_costs_what_the_policy_says_to_the_cent() {
        let traffic = Traffic { sent_gib: dec("1000"), received_gib: dec("400") };
        let rates = Rates { there: dec("0.02"), back: dec("0.01"), internet: dec("0.005") };
        assert_eq!(rates.monthly(&traffic, Decimal::ONE), dec("18"));
        // A quarter stays behind: 4.50; 750 GiB go to the internet at half a cent more: 3.75.
        assert_eq!(rates.monthly(&traffic, dec("0.25")), dec("8.25"));
    }

    #[test]
    fn only_traffic_to_the_internet_that_gets_dearer_counts() {
        let mut settings = Settings::default();
        let [here, there] = ["aws/a", "aws/b"].map(|name| Place::try_from(name.to_owned()).unwrap());
        assert!(Rates::between(&here, &there, &settings).unwrap_err().contains("from aws/a to aws/b"));
        let link = |from: &Place, to: &Place, gib: &str| super::super::Link {
            from: from.clone(),
            to: to.clone(),
            latency_ms: None,
            gib: Some(dec(gib)),
        };
        settings.links = vec![link(&here, &there, "0.02"), link(&there, &here, "0.03")];
        let rates = Rates::between(&here, &there, &settings).unwrap();
        assert_eq!(rates, Rates { there: dec("0.02"), back: dec("0.03"), internet: Decimal::ZERO });
        settings.stays_behind_share = dec("0.5");
        assert!(Rates::between(&here, &there, &settings).unwrap_err().contains("internet"));
        settings.internet_gib = [(here.clone(), dec("0.09")), (there.clone(), dec("0.11"))].into();
        assert_eq!(Rates::between(&here, &there, &settings).unwrap().internet, dec("0.02"));
        assert_eq!(Rates::between(&there, &here, &settings).unwrap().internet, Decimal::ZERO);
    }

    #[test]
    fn the_transition_is_shared_and_spread_to_the_cent() {
        let settings = Settings::default();
        // 16 h at 100 USD over 4 machines: 400; 7 days at 0.20 USD an hour: 33.60; over 12 months 36.13.
        let one = Transition::of_machine(dec("0.2"), dec("730"), 4, false, &settings);
        assert_eq!((one.work, one.dual_run, one.once()), (dec("400"), dec("33.6"), dec("433.6")));
        assert_eq!(one.monthly(&settings).round_dp(2), dec("36.13"));
        // In use for half of the month, it runs twice for half of the seven days.
        let half = Transition::of_machine(dec("0.2"), dec("365"), 1, true, &settings);
        assert_eq!((half.work, half.dual_run), (dec("8000"), dec("16.8")));
        let rates = Rates { there: dec("0.02"), back: dec("0.09"), internet: Decimal::ZERO };
        assert_eq!(Transition::of_disk(600.0, &rates).monthly(&settings), dec("1"));
    }
}
