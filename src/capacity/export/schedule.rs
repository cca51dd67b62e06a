//! A plan reduced to what every format says: from when on, which minimum.

use chrono::{DateTime, Duration, Utc};
use domain::{CapacityKind, CapacityPlan, Stamp};

use crate::plan::row_hours;
use crate::requirement::instances;
use crate::schedule::smooth;
use crate::settings::Settings;

/// Room above the largest minimum that target tracking may use where no quota says otherwise.
const ROOM_ABOVE_PEAK: u32 = 2;

/// Longest name: Kubernetes allows 52 characters for a cron job, 13 of which say when.
const NAME_LENGTH: usize = 38;

/// Longest schedule for formats whose dates have no year.
const YEARLESS_DAYS: i64 = 364;

/// Why a plan cannot be exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Nothing to schedule.
    #[error("{0}: the plan has no rows, so there is nothing to schedule")]
    Empty(String),
    /// No group that a system could scale.
    #[error("{unique_id}: {why}")]
    NoGroup {
        /// The series.
        unique_id: String,
        /// What it is instead.
        why: &'static str,
    },
    /// Steps instead of times.
    #[error(
        "{0}: its demand has integer steps instead of times, so nothing can be scheduled; give `ds` as RFC 3339"
    )]
    NoClock(String),
    /// A policy that is advised, but that the format has no words for.
    #[error("{policy}: {what}")]
    NotSaid {
        /// The policy.
        policy: String,
        /// What cannot be said, and where it can.
        what: String,
    },
    /// The dates would be ambiguous.
    #[error(
        "{unique_id}: {days} days are too long for this format, whose dates have no year; plan at most {most} days"
    )]
    TooLong {
        /// The series.
        unique_id: String,
        /// Its length.
        days: i64,
        /// The longest possible one.
        most: i64,
    },
}

/// One group's schedule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) kind: CapacityKind,
    /// The series it was planned for.
    unique_id: String,
    /// Level of every row.
    levels: Vec<u32>,
    starts_at: DateTime<Utc>,
    row_seconds: i64,
    pub(super) maximum: u32,
    pub(super) smallest: u32,
    /// Utilization that target tracking keeps, in percent.
    pub(super) target_percent: u32,
    /// Demand that one instance is to carry.
    pub(super) usable_throughput: f64,
}

/// A minimum and the time for which it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) minimum: u32,
}

impl Segment {
    /// Start in twelve digits, for names: year, month, day, hour, minute.
    pub(super) fn label(&self) -> String {
        self.from.format("%Y%m%d%H%M").to_string()
    }
}

/// `time` as RFC 3339 in UTC, whole seconds.
pub(super) fn rfc3339(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `time` as a cron expression that comes true once a year.
pub(super) fn yearly_cron(time: DateTime<Utc>) -> String {
    time.format("%-M %-H %-d %-m *").to_string()
}

/// The groups of `plans`, with names that differ.
pub(super) fn groups(plans: &[CapacityPlan], settings: &Settings) -> Result<Vec<Group>, ExportError> {
    let mut groups: Vec<Group> = Vec::with_capacity(plans.len());
    for plan in plans {
        let id = || plan.unique_id.clone();
        if let Some(why) = plan.kind.unscaled() {
            return Err(ExportError::NoGroup { unique_id: id(), why });
        }
        let starts_at = match plan.rows.first().map(|row| row.ds) {
            None => return Err(ExportError::Empty(id())),
            Some(Stamp::Step(_)) => return Err(ExportError::NoClock(id())),
            Some(Stamp::Time(time)) => time,
        };
        let levels: Vec<u32> = plan.rows.iter().map(|row| row.scheduled).collect();
        let peak = levels.iter().copied().max().unwrap_or(0);
        let room = peak.saturating_mul(ROOM_ABOVE_PEAK).max(1);
        let base = sanitized(&plan.unique_id);
        let taken = |name: &str| groups.iter().any(|group| group.name == name);
        let name = std::iter::once(base.clone())
            .chain((2u32..).map(|number| format!("{base}-{number}")))
            .find(|name| !taken(name))
            .unwrap_or(base.clone());
        groups.push(Group {
            name,
            kind: plan.kind,
            unique_id: id(),
            levels,
            starts_at,
            row_seconds: (row_hours(&plan.rows) * 3600.0).round() as i64,
            maximum: settings.given.limit.map_or(room, |limit| limit.max(peak)),
            smallest: instances(0.0, settings),
            target_percent: (settings.given.target_utilization * 100.0).round().max(1.0) as u32,
            usable_throughput: (settings.usable_throughput() * 1000.0).round() / 1000.0,
        });
    }
    Ok(groups)
}

impl Group {
    /// The name in the languages whose names have no hyphens.
    pub(super) fn resource(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Minimum after minimum, without gaps.
    pub(super) fn segments(&self) -> Vec<Segment> {
        self.cut(&self.levels)
    }

    /// The same in at most `most` segments: coarser, never lower.
    pub(super) fn at_most(&self, most: usize) -> Vec<Segment> {
        self.cut(&smooth(&self.levels, 0.0, most.saturating_sub(1)))
    }

    /// The same, for a format whose dates have no year.
    pub(super) fn yearless(&self) -> Result<Vec<Segment>, ExportError> {
        let segments = self.segments();
        let days = segments.last().map_or(0, |last| (last.until - self.starts_at).num_days());
        if days > YEARLESS_DAYS {
            return Err(ExportError::TooLong {
                unique_id: self.unique_id.clone(),
                days,
                most: YEARLESS_DAYS,
            });
        }
        Ok(segments)
    }

    fn cut(&self, levels: &[u32]) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        let mut from = self.starts_at;
        for run in levels.chunk_by(|a, b| a == b) {
            let rows = i64::try_from(run.len()).unwrap_or(i64::MAX);
            let length = Duration::try_seconds(self.row_seconds.saturating_mul(rows));
            let until = length.and_then(|length| from.checked_add_signed(length)).unwrap_or(from);
            segments.push(Segment { from, until, minimum: run[0] });
            from = until;
        }
        segments
    }
}

/// Lower-case letters, digits and single hyphens, beginning with a letter.
fn sanitized(id: &str) -> String {
    let words: Vec<String> = id
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let joined = words.join("-");
    let name = match joined.chars().next() {
        None => "group".to_owned(),
        Some(first) if first.is_ascii_alphabetic() => joined,
        Some(_) => format!("group-{joined}"),
    };
    name.chars().take(NAME_LENGTH - 4).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use domain::Requirement;

    use super::*;
    use crate::settings::SettingsInput;

    /// Two groups: four changes over the start of an event, and a constant one with an awkward name.
    pub(in crate::export) fn example() -> Vec<Group> {
        groups(&plans(), &SettingsInput::new(100.0).check().unwrap()).unwrap()
    }

    pub(in crate::export) fn plan(unique_id: &str, levels: &[u32]) -> CapacityPlan {
        let start: DateTime<Utc> = "2026-11-26T22:00:00Z".parse().unwrap();
        let rows = levels.iter().zip(0..).map(|(level, hour)| Requirement {
            ds: Stamp::Time(start + Duration::hours(hour)),
            demand_p50: 0.0,
            demand_p95: 0.0,
            required: *level,
            scheduled: *level,
        });
        CapacityPlan {
            kind: domain::CapacityKind::Instances,
            unique_id: unique_id.to_owned(),
            rows: rows.collect(),
            policies: Vec::new(),
            crosses_quota_at: None,
            act_by: None,
            assumptions: Vec::new(),
        }
    }

    fn plans() -> [CapacityPlan; 2] {
        [plan("shop", &[2, 20, 20, 24, 3]), plan("7/Überall \"x\" ${a}", &[4, 4])]
    }

    #[test]
    fn equal_neighbours_are_one_segment_and_nothing_is_lost() {
        for group in example() {
            let segments = group.segments();
            assert!(
                segments
                    .windows(2)
                    .all(|pair| { pair[0].until == pair[1].from && pair[0].minimum != pair[1].minimum })
            );
            let hours: i64 = segments.iter().map(|segment| (segment.until - segment.from).num_hours()).sum();
            assert_eq!(hours, group.levels.len() as i64);
            assert!(group.at_most(2).len() <= 2);
            assert_eq!(
                group.at_most(2).iter().map(|segment| segment.minimum).max(),
                segments.iter().map(|segment| segment.minimum).max()
            );
        }
    }

    #[test]
    fn names_are_safe_and_differ() {
        let settings = SettingsInput::new(1.0).check().unwrap();
        let ids = ["Shop", "shop", "shop!", "日本", "", "9", &"long-".repeat(30)];
        let plans: Vec<CapacityPlan> = ids.iter().map(|id| plan(id, &[1])).collect();
        let names: Vec<String> =
            groups(&plans, &settings).unwrap().into_iter().map(|group| group.name).collect();
        assert_eq!(names[..6], ["shop", "shop-2", "shop-3", "group", "group-2", "group-9"]);
        assert!(names[6].len() <= NAME_LENGTH && !names[6].ends_with('-'));
        assert_eq!(example()[1].name, "group-7-berall-x-a");
    }

    #[test]
    fn what_cannot_be_scheduled_is_named() {
        let settings = SettingsInput::new(1.0).check().unwrap();
        let mut steps = plan("steps", &[1]);
        steps.rows[0].ds = Stamp::Step(0);
        assert!(groups(&[steps], &settings).unwrap_err().to_string().contains("integer steps"));
        assert!(groups(&[plan("none", &[])], &settings).unwrap_err().to_string().contains("no rows"));
        let year = groups(&[plan("year", &[1; 24 * 366])], &settings).unwrap();
        assert!(year[0].yearless().unwrap_err().to_string().contains("366 days are too long"));
    }
}
