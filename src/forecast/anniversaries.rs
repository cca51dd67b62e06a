//! Dates that come back every year and are unlike the days around them: Christmas, Thanksgiving and its Friday, a yearly
//! sale. They are found in the history, kept out of the fit like announced events, and multiplied into the forecast.
//!
//! Each rule of the calendar (a date, the fourth Thursday of a month, Easter Monday …) is tested on its past days: with
//! the share `p` of all days that are at least as unusual, the chance that `j` of `k` days of a rule are is binomial,
//! and it has to be small even for the best of all rules (Bonferroni). Nothing is assumed about countries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::{Datelike, Days, Month, NaiveDate, Weekday};
use domain::{Grid, Series, Stamp, easter};

use crate::events::{self, Multiplier};
use crate::fees::around;
use crate::order::{mean, median};
use crate::seasons::steps_per_day;

/// Newest years that are looked at.
const YEARS: usize = 8;
/// Days without which no date has come back.
const LEAST_DAYS: usize = 400;
/// Where the usual value of a day is read: the same weekday up to three weeks before and after.
const SAME_WEEKDAY: [isize; 6] = [-21, -14, -7, 7, 14, 21];
/// Share of the usual size below which ratios mean nothing.
pub(crate) const NOTHING: f64 = 0.02;
/// Chance with which a series without any such date is taken to have one.
const SIGNIFICANCE: f64 = 0.1;
/// A rule holds on most of its days: two of two, two of three, three of four …
const MOST: f64 = 2.0 / 3.0;
/// Effects (logarithms) below this are not worth an exception.
const LEAST_EFFECT: f64 = 0.1;
/// Standard deviation of a normal distribution whose mean absolute deviation is 1.
const DEVIATION_OF_MEAN: f64 = 1.25;
/// Days before and after Easter Sunday that are holidays somewhere.
const AROUND_EASTER: [i64; 14] = [-48, -47, -46, -3, -2, -1, 0, 1, 39, 40, 49, 50, 60, 61];
/// Days after the fourth Thursday of November: Black Friday, the weekend, Cyber Monday.
const AFTER_THANKSGIVING: [i64; 6] = [-1, 0, 1, 2, 3, 4];

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const ORDINALS: [&str; 4] = ["first", "second", "third", "fourth"];

/// A rule of the calendar that names at most one day of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    Date { month: u32, day: u32 },
    Thanksgiving { after: i64 },
    Nth { month: u32, nth: u32, weekday: u32 },
    Last { month: u32, weekday: u32 },
    Easter { after: i64 },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = |number: u32| Month::try_from(number as u8).map_or("", |month| month.name());
        let day = |number: u32| WEEKDAYS[number as usize];
        match *self {
            Self::Date { month: number, day } => write!(f, "{day} {}", month(number)),
            Self::Thanksgiving { after } => from_feast(f, after, "Thanksgiving"),
            Self::Nth { month: number, nth, weekday } => {
                write!(f, "the {} {} of {}", ORDINALS[nth as usize - 1], day(weekday), month(number))
            }
            Self::Last { month: number, weekday } => {
                write!(f, "the last {} of {}", day(weekday), month(number))
            }
            Self::Easter { after } => from_feast(f, after, "Easter Sunday"),
        }
    }
}

/// A day counted from a feast that moves.
fn from_feast(f: &mut fmt::Formatter<'_>, after: i64, feast: &str) -> fmt::Result {
    let days = if after.abs() == 1 { "day" } else { "days" };
    match after {
        0 => f.write_str(feast),
        1.. => write!(f, "{after} {days} after {feast}"),
        _ => write!(f, "{} {days} before {feast}", -after),
    }
}

/// The dates that come back in one series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anniversaries {
    /// Their days in history.
    past: Vec<NaiveDate>,
    found: Vec<(Rule, Level)>,
    /// Logarithm of each weekday's share of the week, Monday first.
    weekdays: [f64; 7],
}

/// What a date does.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// Logarithm of its effect, and the standard deviation of that.
    log: f64,
    doubt: f64,
    /// Against the whole week (a public holiday is like a Sunday) or against the same weekday.
    of_week: bool,
}

/// The days of history.
struct PastDays {
    dates: Vec<NaiveDate>,
    /// Daily means; NaN where nothing is known, or where a date that comes back explains them.
    values: Vec<f64>,
    /// Logarithm of the value over that of the same weekday around it; NaN where nothing is known.
    unusual: Vec<f64>,
    /// Usual values below this mean nothing.
    floor: f64,
}

impl Anniversaries {
    /// Finds the dates that come back in a series of days or shorter steps, outside of what is announced already.
    pub(crate) fn find(series: &Series, announced: impl Fn(usize) -> bool) -> Self {
        let Some(mut history) = PastDays::new(series, announced) else { return Self::default() };
        let rules = history.occurrences();
        let weekdays = history.weekdays();
        let mut anniversaries = Self { past: Vec::new(), found: Vec::new(), weekdays };
        while let Some(rule) = strongest(&history.unusual, &rules) {
            let known = |place: &usize| !history.unusual[*place].is_nan();
            let places: Vec<usize> = rules[&rule].iter().copied().filter(known).collect();
            anniversaries.found.push((rule, anniversaries.level(&history, &places)));
            for place in places {
                anniversaries.past.push(history.dates[place]);
                history.explain(place);
            }
        }
        anniversaries.past.sort_unstable();
        anniversaries
    }

    /// Whether a step of history is one of these days.
    pub(crate) fn covers(&self, stamp: Stamp) -> bool {
        date_of(stamp).is_some_and(|date| self.past.binary_search(&date).is_ok())
    }

    /// What the date of a step ahead multiplies it by.
    pub(crate) fn multiplier(&self, stamp: Stamp) -> Option<Multiplier> {
        let date = date_of(stamp)?;
        let (_, level) = self.on(date)?;
        let log = level.log - if level.of_week { self.weekdays[weekday(date)] } else { 0.0 };
        Some(Multiplier::of_log(log, level.doubt))
    }

    /// The names of those that come within `steps` of a grid, in order.
    pub(crate) fn names(&self, grid: Grid, steps: usize) -> Vec<String> {
        let dates = (0..steps).filter_map(|step| date_of(grid.stamp(step)));
        let mut names: Vec<String> = dates.filter_map(|date| Some(self.on(date)?.0.to_string())).collect();
        let mut known = BTreeSet::new();
        names.retain(|name| known.insert(name.clone()));
        names
    }

    /// The strongest of the found rules that name a date.
    fn on(&self, date: NaiveDate) -> Option<&(Rule, Level)> {
        if self.found.is_empty() {
            return None;
        }
        let rules = rules_of(date);
        self.found.iter().find(|(rule, _)| rules.contains(rule))
    }

    /// The effect on the days of a rule, measured by whichever of weekday and week makes them more alike.
    fn level(&self, history: &PastDays, places: &[usize]) -> Level {
        let measured = |of_week: bool| {
            let log = |place: &usize| {
                let of_weekday = if of_week { self.weekdays[weekday(history.dates[*place])] } else { 0.0 };
                history.unusual[*place] + of_weekday
            };
            let mut logs: Vec<f64> = places.iter().map(log).collect();
            let middle = median(&mut logs);
            (middle, mean(&logs.iter().map(|log| (log - middle).abs()).collect::<Vec<f64>>()))
        };
        let (by_weekday, by_week) = (measured(false), measured(true));
        let of_week = by_week.1 < by_weekday.1;
        let (middle, spread) = if of_week { by_week } else { by_weekday };
        // A level of the whole week has no 1 that it could be shrunk towards.
        let believed = if of_week { 1.0 } else { events::believed(places.len()) };
        let doubt = events::doubt(middle, places.len()).max(DEVIATION_OF_MEAN * spread);
        Level { log: believed * middle, doubt, of_week }
    }
}

/// The rule that is hardest to explain by chance, if chance is not enough to explain it.
fn strongest(unusual: &[f64], rules: &BTreeMap<Rule, Vec<usize>>) -> Option<Rule> {
    // Sizes of the days above and below the usual, ascending.
    let mut sizes: [Vec<f64>; 2] = Default::default();
    for unusual in unusual.iter().filter(|unusual| !unusual.is_nan()) {
        sizes[usize::from(*unusual < 0.0)].push(unusual.abs());
    }
    let count = (sizes[0].len() + sizes[1].len()) as f64;
    sizes.iter_mut().for_each(|sizes| sizes.sort_unstable_by(f64::total_cmp));
    let tests = rules.values().filter(|places| places.len() > 1).count() as f64;
    let mut best: Option<(f64, Rule)> = None;
    let mut along: Vec<f64> = Vec::new();
    for (rule, places) in rules {
        let seen = || places.iter().map(|place| unusual[*place]).filter(|unusual| !unusual.is_nan());
        let known = seen().count();
        let least = ((known as f64 * MOST).ceil() as usize).max(2);
        for (sizes, sign) in sizes.iter().zip([1.0, -1.0]) {
            along.clear();
            along.extend(seen().map(|unusual| sign * unusual).filter(|size| *size >= LEAST_EFFECT));
            along.sort_unstable_by(|a, b| b.total_cmp(a));
            for enough in least..=along.len() {
                let as_unusual = sizes.len() - sizes.partition_point(|size| *size < along[enough - 1]);
                let chance = tests * at_least(enough, known, as_unusual as f64 / count);
                if chance < best.map_or(SIGNIFICANCE, |(chance, _)| chance) {
                    best = Some((chance, *rule));
                }
            }
        }
    }
    best.map(|(_, rule)| rule)
}

impl PastDays {
    /// The newest years; `None` for series without a clock, with steps beyond a day, too short, or with values below
    /// zero.
    fn new(series: &Series, announced: impl Fn(usize) -> bool) -> Option<Self> {
        let per_day = steps_per_day(series.grid.frequency)?;
        if series.len() < LEAST_DAYS * per_day || series.values.iter().flatten().any(|value| *value < 0.0) {
            return None;
        }
        let from = series.len().saturating_sub((YEARS * 366 + 40) * per_day);
        let mut dates: Vec<NaiveDate> = Vec::new();
        let mut sums: Vec<(f64, usize)> = Vec::new();
        for index in from..series.len() {
            let date = date_of(series.grid.stamp(index))?;
            if dates.last() != Some(&date) {
                dates.push(date);
                sums.push((0.0, 0));
            }
            let usable = |value: &f64| value.is_finite() && !announced(index);
            if let (Some(value), Some(sum)) = (series.values[index].filter(usable), sums.last_mut()) {
                sum.0 += value;
                sum.1 += 1;
            }
        }
        let value =
            |(sum, count): (f64, usize)| if 2 * count > per_day { sum / count as f64 } else { f64::NAN };
        let values: Vec<f64> = sums.into_iter().map(value).collect();
        let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let mut history = Self { unusual: Vec::new(), dates, values, floor: NOTHING * mean(&known) };
        history.unusual = (0..history.values.len()).map(|place| history.compare(place)).collect();
        Some(history)
    }

    fn compare(&self, place: usize) -> f64 {
        let value = self.values[place];
        let usual = around(&self.values, place, &SAME_WEEKDAY);
        if usual > self.floor && !value.is_nan() { (value.max(self.floor) / usual).ln() } else { f64::NAN }
    }

    /// Takes out a day that is explained: it is no yardstick for those around it.
    fn explain(&mut self, place: usize) {
        self.values[place] = f64::NAN;
        self.unusual[place] = f64::NAN;
        let near = SAME_WEEKDAY.iter().filter_map(|offset| place.checked_add_signed(*offset));
        for near in near.filter(|near| *near < self.values.len()) {
            self.unusual[near] = self.compare(near);
        }
    }

    /// Logarithm of the usual share of each weekday in its week.
    fn weekdays(&self) -> [f64; 7] {
        let mut shares: [Vec<f64>; 7] = Default::default();
        for (week, date) in self.values.windows(7).zip(self.dates.iter().skip(3)) {
            let (week_mean, value) = (mean(week), week[3]);
            if week_mean > 0.0 && value > 0.0 {
                shares[weekday(*date)].push((value / week_mean).ln());
            }
        }
        shares.map(|mut shares| if shares.is_empty() { 0.0 } else { median(&mut shares) })
    }

    /// Places of the days of every rule that came at least once.
    fn occurrences(&self) -> BTreeMap<Rule, Vec<usize>> {
        let mut rules: BTreeMap<Rule, Vec<usize>> = BTreeMap::new();
        for (place, date) in self.dates.iter().enumerate() {
            for rule in rules_of(*date) {
                rules.entry(rule).or_default().push(place);
            }
        }
        rules
    }
}

/// Every rule that names a date.
fn rules_of(date: NaiveDate) -> Vec<Rule> {
    let (month, day, weekday) = (date.month(), date.day(), date.weekday().num_days_from_monday());
    let mut rules = vec![Rule::Date { month, day }];
    if day <= 28 {
        rules.push(Rule::Nth { month, nth: (day - 1) / 7 + 1, weekday });
    }
    if date.checked_add_days(Days::new(7)).is_some_and(|later| later.month() != month) {
        rules.push(Rule::Last { month, weekday });
    }
    let thanksgiving = NaiveDate::from_weekday_of_month_opt(date.year(), 11, Weekday::Thu, 4);
    let after = |from: Option<NaiveDate>| from.map(|from| (date - from).num_days());
    if let Some(after) = after(thanksgiving).filter(|after| AFTER_THANKSGIVING.contains(after)) {
        rules.push(Rule::Thanksgiving { after });
    }
    if let Some(after) = after(easter(date.year())).filter(|after| AROUND_EASTER.contains(after)) {
        rules.push(Rule::Easter { after });
    }
    rules
}

/// Chance that at least `enough` of `count` days are of a kind that `share` of all days are of.
fn at_least(enough: usize, count: usize, share: f64) -> f64 {
    let mut ways = 1.0;
    let mut chance = 0.0;
    for hits in 0..=count {
        if hits >= enough {
            chance += ways * share.powi(hits as i32) * (1.0 - share).powi((count - hits) as i32);
        }
        ways *= (count - hits) as f64 / (hits + 1) as f64;
    }
    chance
}

/// Monday is 0.
fn weekday(date: NaiveDate) -> usize {
    date.weekday().num_days_from_monday() as usize
}

fn date_of(stamp: Stamp) -> Option<NaiveDate> {
    stamp.time().map(|time| time.date_naive())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use domain::Frequency;

    use crate::promises::noise;
    use crate::{Request, forecast};

    use super::*;

    /// Days from the first of January 2023, weekends at 70 %, 5 % of noise, times what a date does.
    fn days(count: usize, effect: impl Fn(NaiveDate) -> f64) -> Series {
        let start: DateTime<Utc> = "2023-01-01T00:00:00Z".parse().unwrap();
        let grid = Grid { start: Stamp::Time(start), frequency: Frequency::DAY };
        let value = |index: usize| {
            let date = date_of(grid.stamp(index)).unwrap();
            let weekend = if weekday(date) >= 5 { 0.7 } else { 1.0 };
            Some(100.0 * weekend * (1.0 + 0.05 * noise(index)) * effect(date))
        };
        Series { unique_id: "s".to_owned(), grid, values: (0..count).map(value).collect() }
    }

    fn shop(date: NaiveDate) -> f64 {
        let rules = rules_of(date);
        match date {
            _ if rules.contains(&Rule::Thanksgiving { after: 1 }) => 5.0,
            _ if (date.month(), date.day()) == (12, 25) => 0.2,
            _ => 1.0,
        }
    }

    #[test]
    fn black_friday_and_christmas_are_found_and_forecast() {
        // To the 31st of October 2025.
        let series = days(1035, shop);
        let ahead = forecast(&series, &Request::new(60));
        let at = |date: &str| {
            let date: NaiveDate = date.parse().unwrap();
            (0..60).find(|step| date_of(ahead.grid.stamp(*step)) == Some(date)).unwrap()
        };
        let friday = ahead.mean[at("2025-11-28")] / ahead.mean[at("2025-11-21")];
        let christmas = ahead.mean[at("2025-12-25")] / ahead.mean[at("2025-12-18")];
        assert!((3.5..5.5).contains(&friday) && (0.15..0.35).contains(&christmas), "{friday} {christmas}");
        assert!((ahead.mean[at("2025-12-26")] / 100.0 - 1.0).abs() < 0.1, "the day after is like any other");
        let width = |date| {
            let step = at(date);
            ahead.quantile(0.975).unwrap()[step] - ahead.quantile(0.025).unwrap()[step]
        };
        assert!(width("2025-11-21") < 25.0 && width("2025-11-28") > 2.0 * width("2025-11-21"));
        assert!(ahead.reason.contains("1 day after Thanksgiving, 25 December"), "{}", ahead.reason);
    }

    #[test]
    fn one_year_tells_nothing_of_the_next() {
        let found = Anniversaries::find(&days(460, shop), |_| false);
        assert!(found.found.is_empty(), "{:?}", found.found);
    }

    #[test]
    fn a_holiday_like_a_sunday_does_not_lower_a_weekend() {
        // The fourth of July is at the level of a weekend, whichever day it is.
        let july = |date: NaiveDate| {
            if (date.month(), date.day()) == (7, 4) && weekday(date) < 5 { 0.7 } else { 1.0 }
        };
        let found = Anniversaries::find(&days(1096, july), |_| false);
        let on = |date: &str| {
            let time = date.parse::<NaiveDate>().unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
            found.multiplier(Stamp::Time(time)).unwrap().expected
        };
        // A Saturday, and a Tuesday.
        assert!((on("2026-07-04") - 1.0).abs() < 0.1, "{}", on("2026-07-04"));
        assert!((on("2028-07-04") - 0.7).abs() < 0.1, "{}", on("2028-07-04"));
    }

    #[test]
    fn days_are_found_in_hours_and_what_is_announced_is_left_to_the_event() {
        let daily = days(1035, shop);
        let grid = Grid { frequency: Frequency::HOUR, ..daily.grid };
        let values = daily.values.iter().flat_map(|value| [*value; 24]).collect();
        let hourly = Series { unique_id: "h".to_owned(), grid, values };
        let rules = |found: &Anniversaries| found.found.iter().map(|(rule, _)| *rule).collect::<Vec<Rule>>();
        let found = rules(&Anniversaries::find(&hourly, |_| false));
        assert!(found.contains(&Rule::Date { month: 12, day: 25 }), "{found:?}");
        let christmas = |index: usize| {
            date_of(grid.stamp(index)).is_some_and(|date| (date.month(), date.day()) == (12, 25))
        };
        let found = rules(&Anniversaries::find(&hourly, christmas));
        assert_eq!(found, [Rule::Thanksgiving { after: 1 }]);
    }

    #[test]
    fn noise_has_no_anniversaries_more_often_than_it_should() {
        let noisy = |seed: usize| {
            let mut series = days(1500, |_| 1.0);
            for (index, value) in series.values.iter_mut().enumerate() {
                // Heavy tails: now and then a day is at half or at twice its usual value.
                *value = value.map(|value| value * (noise(7 * index + 31 * seed).powi(5)).exp());
            }
            series
        };
        let found = (0..100).filter(|seed| !Anniversaries::find(&noisy(*seed), |_| false).found.is_empty());
        let found = found.count();
        assert!(found <= 20, "{found} of 100");
    }

    #[test]
    fn easter_and_chances_are_known() {
        for date in ["2000-04-23", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25"] {
            let date: NaiveDate = date.parse().unwrap();
            assert_eq!(easter(date.year()), Some(date));
        }
        assert!((at_least(2, 3, 0.5) - 0.5).abs() < 1e-12 && (at_least(0, 4, 0.1) - 1.0).abs() < 1e-12);
        assert_eq!(Rule::Easter { after: -2 }.to_string(), "2 days before Easter Sunday");
        assert_eq!(Rule::Nth { month: 2, nth: 1, weekday: 6 }.to_string(), "the first Sunday of February");
    }
}
