//! Budgets: what may be spent in a period, and how likely that is not enough.

use chrono::{Datelike, Days, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::values::named_values;
use crate::{BillingMonth, Forecast, from_statistic, midnight, to_statistic};

named_values! {
    /// How long a budget runs; then the next period begins with the same amount.
    BudgetPeriod, "period", "month, quarter, year", {
        /// A calendar month.
        Month = "month",
        /// Three months from January, April, July or October on.
        Quarter = "quarter",
        /// A calendar year.
        Year = "year",
    }
}

impl BudgetPeriod {
    /// First day of the period that holds `day`, and first day after it.
    pub fn around(self, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        let months = match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        };
        let first = NaiveDate::from_ymd_opt(day.year(), day.month0() / months * months + 1, 1).unwrap_or(day);
        let month = (0..months).fold(BillingMonth::of(midnight(first)), |month, _| month.next());
        (first, month.first_day())
    }
}

/// What may be spent on one cost series in every period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Budget {
    /// Its name, unique in the organization.
    pub name: String,
    /// The cost series: `cost/total`, or `cost/<account, service or team>/<value>`.
    pub unique_id: String,
    /// How long it runs.
    pub period: BudgetPeriod,
    /// Effective cost that is allowed in a period, in the organization's currency.
    pub amount: Decimal,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// What a budget's current period comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetOutlook {
    /// First day of the period.
    pub first: NaiveDate,
    /// First day after it.
    pub end: NaiveDate,
    /// In the ledger before the forecast starts.
    pub spent: Decimal,
    /// What is expected at its end; `None` when the forecast does not reach that far.
    pub risk: Option<BudgetRisk>,
    /// First day on which more than the amount is spent: seen in the ledger, else expected at P50.
    pub breaks_on: Option<NaiveDate>,
}

/// The end of a period against its budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BudgetRisk {
    /// Cost of the whole period at P10, P50 and P90.
    pub total: [Decimal; 3],
    /// Probability that the period costs more than the amount; 1 once it has. Where the amount lies beyond the forecast's
    /// outermost quantiles, the probability of those.
    pub breach_probability: f64,
    /// Cost beyond the amount, on the mean of all futures.
    pub amount_at_risk: Decimal,
}

impl BudgetOutlook {
    /// Whether the budget breaks more likely than not.
    pub fn is_at_risk(&self) -> bool {
        self.risk.as_ref().is_some_and(|risk| risk.breach_probability > 0.5)
    }
}

impl BudgetRisk {
    /// The chance to break in words: `broken`, `over 97 %` and `under 3 %` beyond what quantiles can tell, else percent.
    pub fn chance(&self) -> String {
        match self.breach_probability {
            1.0 => "broken".to_owned(),
            chance if chance > 0.97 => "over 97 %".to_owned(),
            chance if chance < 0.03 => "under 3 %".to_owned(),
            chance => format!("{:.0} %", 100.0 * chance),
        }
    }
}

impl Budget {
    /// The period in which `forecast` (daily, of this budget's series, from `start` on) begins, given the days of it that
    /// are in the ledger, ascending.
    pub fn outlook(
        &self,
        start: NaiveDate,
        ledger: &[(NaiveDate, Decimal)],
        forecast: &Forecast,
    ) -> BudgetOutlook {
        let (first, end) = self.period.around(start);
        let days = usize::try_from((end - start).num_days()).unwrap_or(0);
        let inside = ledger.iter().filter(|(day, _)| (first..start).contains(day));
        let (mut spent, mut broke) = (Decimal::ZERO, None);
        for (day, cost) in inside {
            spent += cost;
            if spent > self.amount && broke.is_none() {
                broke = Some(*day);
            }
        }
        BudgetOutlook {
            first,
            end,
            spent,
            risk: forecast.total(0.5, days).map(|_| self.risk(spent, days, forecast)),
            breaks_on: broke.or_else(|| self.breaks_on(spent, start, days, forecast)),
        }
    }

    fn risk(&self, spent: Decimal, days: usize, forecast: &Forecast) -> BudgetRisk {
        let total = |level: f64| spent + from_statistic(forecast.total(level, days).unwrap_or(0.0));
        let over: Vec<f64> =
            forecast.levels.iter().map(|level| to_statistic(total(*level) - self.amount)).collect();
        let breach_probability =
            if spent > self.amount { 1.0 } else { 1.0 - level_at_zero(&forecast.levels, &over) };
        let amount_at_risk = from_statistic(mean_above_zero(&forecast.levels, &over));
        BudgetRisk { total: [0.1, 0.5, 0.9].map(total), breach_probability, amount_at_risk }
    }

    /// First day on which the median of the forecast passes the amount.
    fn breaks_on(
        &self,
        spent: Decimal,
        start: NaiveDate,
        days: usize,
        forecast: &Forecast,
    ) -> Option<NaiveDate> {
        let left = to_statistic(self.amount - spent);
        let mut sum = 0.0;
        let passes = forecast.quantile(0.5)?.iter().take(days).position(|cost| {
            sum += cost;
            sum > left
        })?;
        start.checked_add_days(Days::new(passes as u64))
    }
}

/// The level at which ascending values pass zero, linear between the known ones, the outermost beyond them.
fn level_at_zero(levels: &[f64], values: &[f64]) -> f64 {
    let after = values.partition_point(|value| *value <= 0.0);
    match (after.checked_sub(1), levels.get(after)) {
        (Some(before), Some(next)) => {
            let share = -values[before] / (values[after] - values[before]);
            levels[before] + share * (next - levels[before])
        }
        (None, _) => levels.first().copied().unwrap_or(0.5),
        (_, None) => levels.last().copied().unwrap_or(0.5),
    }
}

/// Mean of what is above zero, over all levels: between known ones by the trapezoid rule, the outermost beyond them.
fn mean_above_zero(levels: &[f64], values: &[f64]) -> f64 {
    let mut points: Vec<(f64, f64)> = vec![(0.0, values.first().copied().unwrap_or(0.0))];
    points.extend(levels.iter().copied().zip(values.iter().copied()));
    points.push((1.0, values.last().copied().unwrap_or(0.0)));
    let part = |pair: &[(f64, f64)]| {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        if high <= 0.0 {
            0.0
        } else if low >= 0.0 {
            (to - from) * 0.5 * (low + high)
        } else {
            // The triangle right of where the line passes zero.
            (to - from) * 0.5 * high * high / (high - low)
        }
    };
    points.windows(2).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Components, Frequency, Grid, Stamp};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A year of days that cost 10, give or take 2 at P10 and P90.
    fn forecast(start: NaiveDate) -> Forecast {
        Forecast {
            unique_id: "cost/total".to_owned(),
            grid: Grid { start: Stamp::Time(midnight(start)), frequency: Frequency::DAY },
            mean: vec![10.0; 365],
            levels: vec![0.1, 0.5, 0.9],
            quantiles: vec![vec![8.0; 365], vec![10.0; 365], vec![12.0; 365]],
            members: Vec::new(),
            reason: String::new(),
            accuracy: None,
            baseline: None,
            mase_by_step: Vec::new(),
            components: Components::default(),
            warnings: Vec::new(),
        }
    }

    fn budget(amount: i64) -> Budget {
        let (name, unique_id) = ("IT".to_owned(), "cost/total".to_owned());
        Budget { name, unique_id, period: BudgetPeriod::Month, amount: amount.into(), owner: None }
    }

    /// 10 on each of the days before `start` in its month, and a month before that nobody counts.
    fn ledger(start: NaiveDate) -> Vec<(NaiveDate, Decimal)> {
        let first = start - chrono::Duration::days(40);
        first.iter_days().take_while(|day| *day < start).map(|day| (day, Decimal::TEN)).collect()
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        let around = |period: BudgetPeriod, at: &str| period.around(day(at));
        assert_eq!(around(BudgetPeriod::Month, "2026-02-28"), (day("2026-02-01"), day("2026-03-01")));
        assert_eq!(around(BudgetPeriod::Quarter, "2026-12-31"), (day("2026-10-01"), day("2027-01-01")));
        assert_eq!(around(BudgetPeriod::Quarter, "2026-04-01"), (day("2026-04-01"), day("2026-07-01")));
        assert_eq!(around(BudgetPeriod::Year, "2024-02-29"), (day("2024-01-01"), day("2025-01-01")));
    }

    #[test]
    fn half_the_futures_pass_the_median() {
        let start = day("2026-11-11");
        let outlook = budget(300).outlook(start, &ledger(start), &forecast(start));
        // Ten days of 10, then twenty of 8, 10 or 12.
        assert_eq!(outlook.spent, Decimal::from(100));
        let risk = outlook.risk.unwrap();
        assert_eq!(risk.total, [260, 300, 340].map(Decimal::from));
        assert!((risk.breach_probability - 0.5).abs() < 1e-12);
        assert_eq!(risk.chance(), "50 %");
        // Nothing below P50, half of 40 up to P90, 40 beyond: 0.4 × 20 + 0.1 × 40.
        assert_eq!(risk.amount_at_risk, Decimal::from(12));
        assert_eq!(outlook.breaks_on, None, "300 is not more than 300");
    }

    #[test]
    fn a_budget_breaks_on_the_day_that_passes_it() {
        let start = day("2026-11-11");
        let outlook = budget(205).outlook(start, &ledger(start), &forecast(start));
        assert_eq!(outlook.breaks_on, Some(day("2026-11-21")), "the eleventh day of 10 after 100");
        assert_eq!(outlook.risk.unwrap().breach_probability, 0.9, "beyond the outermost quantile");
        let broken = budget(35).outlook(start, &ledger(start), &forecast(start));
        assert_eq!(broken.breaks_on, Some(day("2026-11-04")), "in the ledger");
        let risk = broken.risk.unwrap();
        assert_eq!((risk.breach_probability, risk.chance().as_str()), (1.0, "broken"));
    }

    #[test]
    fn a_short_forecast_says_nothing_of_the_end() {
        let start = day("2026-01-11");
        let year = Budget { period: BudgetPeriod::Year, ..budget(150) };
        let mut short = forecast(start);
        short.mean.truncate(30);
        short.quantiles.iter_mut().for_each(|path| path.truncate(30));
        let outlook = year.outlook(start, &ledger(start), &short);
        assert_eq!((outlook.risk, outlook.breaks_on), (None, Some(day("2026-01-16"))));
    }
}
