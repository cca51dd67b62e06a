//! The calendar of events: days that come back by a rule, public holidays of countries, shopping days.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use domain::{Event, Stamp, easter};
use serde::{Deserialize, Serialize};

/// A day of every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum DayRule {
    /// The same date.
    Date {
        /// Month, 1 to 12.
        month: u32,
        /// Day, 1 to 31.
        day: u32,
    },
    /// The `nth` weekday of a month, and `later` days after it.
    Nth {
        /// Month, 1 to 12.
        month: u32,
        /// Weekday.
        weekday: Weekday,
        /// 1 to 5.
        nth: u8,
        /// Days after it: Black Friday is one day after the fourth Thursday of November.
        later: u64,
    },
    /// The last weekday of a month.
    Last {
        /// Month, 1 to 12.
        month: u32,
        /// Weekday.
        weekday: Weekday,
    },
    /// Days after Easter Sunday; negative: before it.
    Easter {
        /// Days.
        days: i64,
    },
}

impl DayRule {
    /// The day in `year`; `None` where there is none (a fifth Monday, 29 February).
    pub fn in_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Self::Date { month, day } => NaiveDate::from_ymd_opt(year, month, day),
            Self::Nth { month, weekday, nth, later } => {
                NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth)?
                    .checked_add_days(Days::new(later))
            }
            Self::Last { month, weekday } => {
                (4..=5).rev().find_map(|nth| NaiveDate::from_weekday_of_month_opt(year, month, weekday, nth))
            }
            Self::Easter { days } => easter(year)?.checked_add_signed(chrono::Duration::try_days(days)?),
        }
    }
}

/// How an event comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "every", rename_all = "snake_case")]
pub enum Recurrence {
    /// Every so many days (7: every week).
    Days {
        /// 1 or more.
        days: u32,
    },
    /// Once a year, on this day; the first one may lie before the event.
    Year {
        /// Which day.
        on: DayRule,
    },
}

/// `event` and how it comes back, as events of their own that start within `from` and `until` (exclusive).
///
/// Each has the length, time of day, multiplier and doubt of `event`. An event without clock does not come back.
pub fn occurrences(
    event: &Event,
    recurrence: Recurrence,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Event> {
    let (Stamp::Time(starts_at), Stamp::Time(ends_at)) = (event.starts_at, event.ends_at) else {
        return vec![event.clone()];
    };
    let starts: Vec<DateTime<Utc>> = match recurrence {
        Recurrence::Days { days } => {
            let apart = chrono::Duration::days(i64::from(days.max(1)));
            std::iter::successors(Some(starts_at), |at| at.checked_add_signed(apart))
                .take_while(|at| *at < until)
                .collect()
        }
        Recurrence::Year { on } => (from.year()..=until.year())
            .filter_map(|year| Some(on.in_year(year)?.and_time(starts_at.time()).and_utc()))
            .collect(),
    };
    let within = starts.into_iter().filter(|at| from <= *at && *at < until);
    within
        .map(|at| Event {
            starts_at: Stamp::Time(at),
            ends_at: Stamp::Time(at + (ends_at - starts_at)),
            ..event.clone()
        })
        .collect()
}

/// Countries whose public holidays are known, by the rules that hold in all of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Country {
    /// Germany.
    DE,
    /// France.
    FR,
    /// England and Wales, without substitute days.
    GB,
    /// Federal holidays of the United States, without substitute days.
    US,
}

impl Country {
    /// Every country.
    pub const ALL: [Self; 4] = [Self::DE, Self::FR, Self::GB, Self::US];

    /// Its public holidays, in no order.
    pub fn holidays(self) -> Vec<(&'static str, DayRule)> {
        use Weekday::{Mon, Thu};
        let date = |month, day| DayRule::Date { month, day };
        let easter = |days| DayRule::Easter { days };
        let nth = |month, weekday, nth| DayRule::Nth { month, weekday, nth, later: 0 };
        let last = |month, weekday| DayRule::Last { month, weekday };
        let mut days = vec![("New Year", date(1, 1)), ("Christmas", date(12, 25))];
        days.extend(match self {
            Self::DE => vec![
                ("Good Friday", easter(-2)),
                ("Easter Monday", easter(1)),
                ("Labour Day", date(5, 1)),
                ("Ascension", easter(39)),
                ("Whit Monday", easter(50)),
                ("German Unity", date(10, 3)),
                ("Second day of Christmas", date(12, 26)),
            ],
            Self::FR => vec![
                ("Easter Monday", easter(1)),
                ("Labour Day", date(5, 1)),
                ("Victory 1945", date(5, 8)),
                ("Ascension", easter(39)),
                ("Whit Monday", easter(50)),
                ("National Day", date(7, 14)),
                ("Assumption", date(8, 15)),
                ("All Saints", date(11, 1)),
                ("Armistice", date(11, 11)),
            ],
            Self::GB => vec![
                ("Good Friday", easter(-2)),
                ("Easter Monday", easter(1)),
                ("Early May bank holiday", nth(5, Mon, 1)),
                ("Spring bank holiday", last(5, Mon)),
                ("Summer bank holiday", last(8, Mon)),
                ("Boxing Day", date(12, 26)),
            ],
            Self::US => vec![
                ("Martin Luther King Day", nth(1, Mon, 3)),
                ("Washington's Birthday", nth(2, Mon, 3)),
                ("Memorial Day", last(5, Mon)),
                ("Juneteenth", date(6, 19)),
                ("Independence Day", date(7, 4)),
                ("Labor Day", nth(9, Mon, 1)),
                ("Columbus Day", nth(10, Mon, 2)),
                ("Veterans Day", date(11, 11)),
                ("Thanksgiving", nth(11, Thu, 4)),
            ],
        });
        days
    }
}

/// Days on which people shop everywhere.
pub fn shopping_days() -> [(&'static str, DayRule); 3] {
    let after_thanksgiving = |later| DayRule::Nth { month: 11, weekday: Weekday::Thu, nth: 4, later };
    [
        ("Singles' Day", DayRule::Date { month: 11, day: 11 }),
        ("Black Friday", after_thanksgiving(1)),
        ("Cyber Monday", after_thanksgiving(4)),
    ]
}

/// Days that are added to a calendar in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaySet {
    /// The public holidays of a country.
    Holidays(Country),
    /// Days on which people shop everywhere.
    Shopping,
}

impl DaySet {
    /// Every set.
    pub const ALL: [Self; 5] = [
        Self::Holidays(Country::DE),
        Self::Holidays(Country::FR),
        Self::Holidays(Country::GB),
        Self::Holidays(Country::US),
        Self::Shopping,
    ];

    /// The word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Holidays(Country::DE) => "de",
            Self::Holidays(Country::FR) => "fr",
            Self::Holidays(Country::GB) => "gb",
            Self::Holidays(Country::US) => "us",
            Self::Shopping => "shopping",
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holidays(Country::DE) => "Public holidays of Germany",
            Self::Holidays(Country::FR) => "Public holidays of France",
            Self::Holidays(Country::GB) => "Bank holidays of England and Wales",
            Self::Holidays(Country::US) => "Federal holidays of the United States",
            Self::Shopping => "Shopping days",
        }
    }

    /// Its days that start within `from` and `until` (exclusive), by date: whole days of UTC with the multiplier and
    /// concern of `like`, each named after its day and year.
    pub fn events(self, like: &Event, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Event> {
        let days = match self {
            Self::Holidays(country) => country.holidays(),
            Self::Shopping => shopping_days().to_vec(),
        };
        let on = |name: &str, day: NaiveDate| {
            let start = day.and_time(chrono::NaiveTime::MIN).and_utc();
            Event {
                name: format!("{name} {}", day.year()),
                starts_at: Stamp::Time(start),
                ends_at: Stamp::Time(start + chrono::Duration::days(1)),
                ..like.clone()
            }
        };
        let mut events: Vec<Event> = (from.year()..=until.year())
            .flat_map(|year| days.iter().filter_map(move |(name, rule)| Some((*name, rule.in_year(year)?))))
            .map(|(name, day)| on(name, day))
            .filter(|event| Stamp::Time(from) <= event.starts_at && event.starts_at < Stamp::Time(until))
            .collect();
        events.sort_by_key(|event| event.starts_at);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn days_are_those_of_printed_calendars() {
        for (year, date) in
            [(2000, "2000-04-23"), (2008, "2008-03-23"), (2024, "2024-03-31"), (2026, "2026-04-05")]
        {
            assert_eq!(easter(year), Some(day(date)));
        }
        let of = |country: Country, name: &str, year| {
            let days = country.holidays();
            days.into_iter().find(|(found, _)| *found == name).unwrap().1.in_year(year).unwrap()
        };
        assert_eq!(of(Country::DE, "Whit Monday", 2026), day("2026-05-25"));
        assert_eq!(of(Country::FR, "Ascension", 2026), day("2026-05-14"));
        assert_eq!(of(Country::GB, "Summer bank holiday", 2026), day("2026-08-31"));
        assert_eq!(of(Country::US, "Thanksgiving", 2026), day("2026-11-26"));
        assert_eq!(shopping_days()[1].1.in_year(2025), Some(day("2025-11-28")));
        assert_eq!(shopping_days()[2].1.in_year(2026), Some(day("2026-11-30")));
        let counts = Country::ALL.map(|country| country.holidays().len());
        assert_eq!(counts, [9, 11, 8, 11]);
    }

    #[test]
    fn an_event_comes_back_with_its_length_and_doubt() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let event = Event {
            name: "Black Friday".to_owned(),
            starts_at: Stamp::Time(time("2025-11-28T06:00:00Z")),
            ends_at: Stamp::Time(time("2025-11-29T06:00:00Z")),
            multiplier: 10.0,
            multiplier_low: Some(8.0),
            multiplier_high: None,
            unique_id: None,
        };
        let (from, until) = (time("2025-01-01T00:00:00Z"), time("2028-01-01T00:00:00Z"));
        let yearly = occurrences(&event, Recurrence::Year { on: shopping_days()[1].1 }, from, until);
        let starts: Vec<String> = yearly.iter().map(|event| event.starts_at.to_string()).collect();
        assert_eq!(starts, ["2025-11-28T06:00:00Z", "2026-11-27T06:00:00Z", "2027-11-26T06:00:00Z"]);
        assert_eq!(yearly[1].ends_at, Stamp::Time(time("2026-11-28T06:00:00Z")));
        assert_eq!(yearly[1].multiplier_low, Some(8.0));
        let weekly = occurrences(&event, Recurrence::Days { days: 7 }, from, time("2025-12-20T00:00:00Z"));
        assert_eq!(weekly.len(), 4);
        let leap = DayRule::Date { month: 2, day: 29 };
        assert_eq!(occurrences(&event, Recurrence::Year { on: leap }, from, until), []);
    }

    #[test]
    fn a_set_of_days_becomes_events_named_after_day_and_year() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let like = Event {
            name: String::new(),
            starts_at: Stamp::Step(0),
            ends_at: Stamp::Step(0),
            multiplier: 0.8,
            multiplier_low: None,
            multiplier_high: Some(0.9),
            unique_id: Some("requests/web".to_owned()),
        };
        let (from, until) = (time("2026-11-01T00:00:00Z"), time("2027-11-01T00:00:00Z"));
        let shopping = DaySet::Shopping.events(&like, from, until);
        let names: Vec<&str> = shopping.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["Singles' Day 2026", "Black Friday 2026", "Cyber Monday 2026"]);
        assert_eq!(shopping[1].starts_at, Stamp::Time(time("2026-11-27T00:00:00Z")));
        assert_eq!(shopping[1].ends_at, Stamp::Time(time("2026-11-28T00:00:00Z")));
        assert_eq!((shopping[1].multiplier, shopping[1].multiplier_high), (0.8, Some(0.9)));
        assert_eq!(shopping[1].unique_id, like.unique_id);
        for set in DaySet::ALL {
            let year = set.events(&like, from, until);
            assert!(year.is_sorted_by_key(|event| event.starts_at) && year.len() >= 3, "{set:?}");
            assert_eq!(DaySet::ALL.iter().filter(|other| other.word() == set.word()).count(), 1);
        }
        assert_eq!(DaySet::Holidays(Country::DE).events(&like, from, until).len(), 9);
    }
}
