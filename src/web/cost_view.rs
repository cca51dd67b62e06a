//! The cost explorer's state: everything a page of costs shows is in its query string.

use chrono::{Datelike, Duration, Months, NaiveDate};
use domain::Currency;
use store::charge::{CostColumn, Dimension, Filter, Granularity, Match, Query};

use crate::error::WebError;

/// Days up to which the automatic granularity is a day.
const MAX_DAILY_BARS: i64 = 100;
/// Longest custom range, in days.
const MAX_RANGE_DAYS: i64 = 3700;

/// Every dimension: the word in URLs and its name on pages.
pub(crate) const DIMENSIONS: [(Dimension, &str, &str); 10] = [
    (Dimension::Service, "service", "Service"),
    (Dimension::Account, "account", "Account"),
    (Dimension::Provider, "provider", "Provider"),
    (Dimension::Team, "team", "Team"),
    (Dimension::Region, "region", "Region"),
    (Dimension::Resource, "resource", "Resource"),
    (Dimension::ChargeCategory, "charge_category", "Charge category"),
    (Dimension::PricingCategory, "pricing_category", "Pricing category"),
    (Dimension::CommitmentStatus, "commitment_status", "Commitment status"),
    (Dimension::BillingAccount, "billing_account", "Billing account"),
];

/// Every cost column: the word in URLs and its name on pages.
pub(crate) const COSTS: [(CostColumn, &str, &str); 4] = [
    (CostColumn::Effective, "effective", "Effective"),
    (CostColumn::Billed, "billed", "Billed (invoice)"),
    (CostColumn::List, "list", "List price"),
    (CostColumn::Contracted, "contracted", "Contracted price"),
];

/// A range of days that moves with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Last7Days,
    Last30Days,
    Last90Days,
    MonthToDate,
    LastMonth,
    Last6Months,
    Last12Months,
    YearToDate,
    All,
}

/// Every preset: the word in URLs and its name on pages.
pub(crate) const PRESETS: [(Preset, &str, &str); 9] = [
    (Preset::Last7Days, "last-7-days", "Last 7 days"),
    (Preset::Last30Days, "last-30-days", "Last 30 days"),
    (Preset::Last90Days, "last-90-days", "Last 90 days"),
    (Preset::MonthToDate, "month-to-date", "Month to date"),
    (Preset::LastMonth, "last-month", "Last month"),
    (Preset::Last6Months, "last-6-months", "Last 6 months"),
    (Preset::Last12Months, "last-12-months", "Last 12 months"),
    (Preset::YearToDate, "year-to-date", "Year to date"),
    (Preset::All, "all", "Everything"),
];

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// Counted back from the end of the data.
    Preset(Preset),
    /// These days, both inside.
    Days { first: NaiveDate, last: NaiveDate },
}

/// The state of one page of costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CostView {
    pub(crate) range: Range,
    /// `None`: days for short ranges, months for long ones.
    pub(crate) granularity: Option<Granularity>,
    pub(crate) cost: CostColumn,
    pub(crate) group_by: Option<Dimension>,
    /// In the order in which they were added: the breadcrumb.
    pub(crate) filters: Vec<Filter>,
    /// Whether the previous period of the same length stands beside.
    pub(crate) compare: bool,
    /// `None`: the organization's.
    pub(crate) currency: Option<Currency>,
}

impl Default for CostView {
    fn default() -> Self {
        Self {
            range: Range::Preset(Preset::Last30Days),
            granularity: None,
            cost: CostColumn::Effective,
            group_by: Some(Dimension::Service),
            filters: Vec::new(),
            compare: false,
            currency: None,
        }
    }
}

impl CostView {
    /// Reads a query string. Unknown parameters are left alone; unusable values are named.
    ///
    /// # Errors
    /// [`WebError::Invalid`] with the parameter.
    pub(crate) fn parse(query: &str) -> Result<Self, WebError> {
        let mut view = Self::default();
        let (mut first, mut last, mut preset) = (None, None, false);
        // `add=exclude&dimension=service&value=EC2` is the filter form, which has no script to join them.
        let (mut add, mut dimension, mut value) = (Match::Include, None, None);
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let text = text.trim();
            match name.as_ref() {
                "period" if !text.is_empty() && text != "custom" => {
                    view.range = Range::Preset(word("period", text, &PRESETS)?);
                    preset = true;
                }
                "from" if !text.is_empty() => first = Some(date("from", text)?),
                "to" if !text.is_empty() => last = Some(date("to", text)?),
                "granularity" => {
                    view.granularity = match text {
                        "day" => Some(Granularity::Day),
                        "month" => Some(Granularity::Month),
                        "" | "auto" => None,
                        _ => return Err(expected("granularity", text, "day, month or auto")),
                    }
                }
                "cost" if !text.is_empty() => view.cost = word("cost", text, &COSTS)?,
                "group_by" if text == "none" => view.group_by = None,
                "group_by" if !text.is_empty() => view.group_by = Some(word("group_by", text, &DIMENSIONS)?),
                "include" => view.add_pair("include", text, Match::Include)?,
                "exclude" => view.add_pair("exclude", text, Match::Exclude)?,
                "add" if text == "exclude" => add = Match::Exclude,
                "dimension" if !text.is_empty() => dimension = Some(word("dimension", text, &DIMENSIONS)?),
                "value" => value = Some(text.to_owned()),
                "compare" => view.compare = matches!(text, "previous" | "1" | "on"),
                "currency" if !text.is_empty() => {
                    let currency =
                        text.parse().map_err(|_| expected("currency", text, "an ISO 4217 code"))?;
                    view.currency = Some(currency);
                }
                _ => {}
            }
        }
        if let (Some(dimension), Some(value)) = (dimension, value.filter(|value| !value.is_empty())) {
            view.add(dimension, add, if value == "(none)" { String::new() } else { value });
        }
        // A chosen preset beats dates that a form sent along.
        if preset {
            return Ok(view);
        }
        if let Some(first) = first {
            let last = last.unwrap_or(first);
            if last < first {
                return Err(WebError::Invalid(
                    "to",
                    format!("The range ends on {last}, before it starts on {first}."),
                ));
            }
            if (last - first).num_days() > MAX_RANGE_DAYS {
                return Err(WebError::Invalid("to", "The range is longer than ten years.".to_owned()));
            }
            view.range = Range::Days { first, last };
        } else if last.is_some() {
            return Err(WebError::Invalid("from", "A range needs a first day too.".to_owned()));
        }
        Ok(view)
    }

    /// The shortest query string that gives this state, without the question mark.
    pub(crate) fn to_query(&self) -> String {
        let default = Self::default();
        let mut out = form_urlencoded::Serializer::new(String::new());
        match self.range {
            Range::Preset(preset) if self.range != default.range => {
                out.append_pair("period", word_of(preset, &PRESETS));
            }
            Range::Preset(_) => {}
            Range::Days { first, last } => {
                out.append_pair("from", &first.to_string()).append_pair("to", &last.to_string());
            }
        }
        match self.granularity {
            Some(Granularity::Day) => _ = out.append_pair("granularity", "day"),
            Some(Granularity::Month) => _ = out.append_pair("granularity", "month"),
            None => {}
        }
        if self.cost != default.cost {
            out.append_pair("cost", word_of(self.cost, &COSTS));
        }
        if self.group_by != default.group_by {
            out.append_pair("group_by", self.group_by.map_or("none", |by| word_of(by, &DIMENSIONS)));
        }
        for filter in &self.filters {
            let name = if filter.matching == Match::Include { "include" } else { "exclude" };
            for value in &filter.values {
                out.append_pair(name, &format!("{}:{value}", word_of(filter.dimension, &DIMENSIONS)));
            }
        }
        if self.compare {
            out.append_pair("compare", "previous");
        }
        if let Some(currency) = self.currency {
            out.append_pair("currency", currency.as_str());
        }
        out.finish()
    }

    /// The path of the page that shows this state.
    pub(crate) fn path(&self, page: &str) -> String {
        let query = self.to_query();
        if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
    }

    /// The days to read: first inside, last outside. `data` are the first and last day of the ledger.
    pub(crate) fn days(&self, data: (NaiveDate, NaiveDate), today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let preset = match self.range {
            Range::Days { first, last } => return (first, last.succ_opt().unwrap_or(last)),
            Range::Preset(preset) => preset,
        };
        // Counted back from the last day with data, so that a late import does not look like a drop.
        let last = data.1.min(today);
        let end = last.succ_opt().unwrap_or(last);
        let month = last.with_day(1).unwrap_or(last);
        let months_back = |count: u32| month.checked_sub_months(Months::new(count)).unwrap_or(month);
        match preset {
            Preset::Last7Days => (end - Duration::days(7), end),
            Preset::Last30Days => (end - Duration::days(30), end),
            Preset::Last90Days => (end - Duration::days(90), end),
            Preset::MonthToDate => (month, end),
            Preset::LastMonth => (months_back(1), month),
            Preset::Last6Months => (months_back(5), end),
            Preset::Last12Months => (months_back(11), end),
            Preset::YearToDate => (month.with_month(1).unwrap_or(month), end),
            Preset::All => (data.0, end),
        }
    }

    /// The ledger query of this state.
    pub(crate) fn query(&self, (from, to): (NaiveDate, NaiveDate), currency: Currency) -> Query {
        let long = (to - from).num_days() > MAX_DAILY_BARS;
        let automatic = if long { Granularity::Month } else { Granularity::Day };
        Query {
            granularity: self.granularity.unwrap_or(automatic),
            cost: self.cost,
            group_by: self.group_by,
            filters: self.filters.clone(),
            ..Query::new(from, to, self.currency.unwrap_or(currency))
        }
    }

    /// This state narrowed to one group of it and grouped by the next finer dimension.
    pub(crate) fn drill(&self, value: &str) -> Option<Self> {
        let dimension = self.group_by?;
        let mut view = self.clone();
        view.filters.retain(|filter| filter.dimension != dimension || filter.matching == Match::Exclude);
        view.add(dimension, Match::Include, value.to_owned());
        let used = |by: Dimension| {
            view.filters
                .iter()
                .any(|f| f.dimension == by && f.matching == Match::Include && f.values.len() == 1)
        };
        let finer = [Dimension::Service, Dimension::Account, Dimension::Resource];
        view.group_by = finer.into_iter().find(|by| !used(*by));
        Some(view)
    }

    /// This state without one value of one filter.
    pub(crate) fn without(&self, dimension: Dimension, matching: Match, value: &str) -> Self {
        let mut view = self.clone();
        for filter in &mut view.filters {
            if filter.dimension == dimension && filter.matching == matching {
                filter.values.retain(|kept| kept != value);
            }
        }
        view.filters.retain(|filter| !filter.values.is_empty());
        view
    }

    /// This state as it was before the filters from `index` on were added.
    pub(crate) fn truncated(&self, index: usize) -> Self {
        let mut view = self.clone();
        if let Some(filter) = view.filters.get(index) {
            view.group_by = Some(filter.dimension);
        }
        view.filters.truncate(index);
        view
    }

    /// Adds a value to the filter of its dimension and kind, once.
    pub(crate) fn add(&mut self, dimension: Dimension, matching: Match, value: String) {
        let same = |filter: &&mut Filter| filter.dimension == dimension && filter.matching == matching;
        match self.filters.iter_mut().find(same) {
            Some(filter) if filter.values.contains(&value) => {}
            Some(filter) => filter.values.push(value),
            None => self.filters.push(Filter { dimension, matching, values: vec![value] }),
        }
    }

    fn add_pair(&mut self, name: &'static str, text: &str, matching: Match) -> Result<(), WebError> {
        let (dimension, value) =
            text.split_once(':').ok_or_else(|| expected(name, text, "dimension:value, such as team:web"))?;
        self.add(word(name, dimension, &DIMENSIONS)?, matching, value.to_owned());
        Ok(())
    }
}

/// The page name of a dimension.
pub(crate) fn dimension_name(dimension: Dimension) -> &'static str {
    DIMENSIONS.iter().find(|(found, ..)| *found == dimension).map_or("", |(_, _, name)| name)
}

/// The URL word of a value of one of the tables above.
pub(crate) fn word_of<T: PartialEq + Copy>(
    value: T,
    table: &[(T, &'static str, &'static str)],
) -> &'static str {
    table.iter().find(|(found, ..)| *found == value).map_or("", |(_, word, _)| word)
}

fn word<T: Copy>(
    name: &'static str,
    text: &str,
    table: &[(T, &'static str, &'static str)],
) -> Result<T, WebError> {
    let known = || table.iter().map(|(_, word, _)| *word).collect::<Vec<_>>().join(", ");
    let found = table.iter().find(|(_, word, _)| *word == text).map(|(value, ..)| *value);
    found.ok_or_else(|| expected(name, text, &format!("one of {}", known())))
}

fn date(name: &'static str, text: &str) -> Result<NaiveDate, WebError> {
    text.parse().map_err(|_| expected(name, text, "a day as YYYY-MM-DD"))
}

fn expected(name: &'static str, found: &str, wanted: &str) -> WebError {
    let found: String = found.chars().take(80).collect();
    WebError::Invalid(name, format!("“{found}” is not usable as {name}: expected {wanted}."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn any_view() -> impl Strategy<Value = CostView> {
        let range = prop_oneof![
            (0..PRESETS.len()).prop_map(|index| Range::Preset(PRESETS[index].0)),
            (0i64..9000, 0i64..900).prop_map(|(start, length)| {
                let first = day("2010-01-01") + Duration::days(start);
                Range::Days { first, last: first + Duration::days(length) }
            }),
        ];
        let granularity = prop::option::of(prop_oneof![Just(Granularity::Day), Just(Granularity::Month)]);
        let filters = prop::collection::vec((0..DIMENSIONS.len(), any::<bool>(), "[^\u{0}]{0,12}"), 0..5);
        let group_by = prop::option::of((0..DIMENSIONS.len()).prop_map(|index| DIMENSIONS[index].0));
        (range, granularity, 0..COSTS.len(), group_by, filters, any::<bool>()).prop_map(
            |(range, granularity, cost, group_by, filters, compare)| {
                let currency = compare.then_some(Currency::USD);
                let cost = COSTS[cost].0;
                let mut view =
                    CostView { range, granularity, cost, group_by, filters: vec![], compare, currency };
                for (dimension, include, value) in filters {
                    let matching = if include { Match::Include } else { Match::Exclude };
                    // Values are trimmed, as the ledger's are.
                    view.add(DIMENSIONS[dimension].0, matching, value.trim_end().to_owned());
                }
                view
            },
        )
    }

    proptest! {
        #[test]
        fn state_to_url_to_state(view in any_view()) {
            let query = view.to_query();
            prop_assert_eq!(CostView::parse(&query).unwrap(), view, "{}", query);
        }

        #[test]
        fn no_query_string_panics(query in "\\PC{0,80}") {
            let _ = CostView::parse(&query);
        }
    }

    #[test]
    fn presets_count_back_from_the_data() {
        let data = (day("2025-09-01"), day("2026-10-31"));
        let days = |query: &str| CostView::parse(query).unwrap().days(data, day("2026-11-22"));
        assert_eq!(days(""), (day("2026-10-02"), day("2026-11-01")));
        assert_eq!(days("period=month-to-date"), (day("2026-10-01"), day("2026-11-01")));
        assert_eq!(days("period=last-month"), (day("2026-09-01"), day("2026-10-01")));
        assert_eq!(days("period=last-12-months"), (day("2025-11-01"), day("2026-11-01")));
        assert_eq!(days("from=2026-02-01&to=2026-02-28"), (day("2026-02-01"), day("2026-03-01")));
        assert_eq!(
            days("period=custom&from=2026-02-01&to=2026-02-28"),
            (day("2026-02-01"), day("2026-03-01"))
        );
    }

    #[test]
    fn bad_values_name_the_parameter() {
        let field = |query: &str| match CostView::parse(query) {
            Err(WebError::Invalid(field, _)) => field,
            other => panic!("{query}: {other:?}"),
        };
        assert_eq!(field("period=yesterday"), "period");
        assert_eq!(field("group_by=colour"), "group_by");
        assert_eq!(field("include=EC2"), "include");
        assert_eq!(field("from=2026-02-30"), "from");
        assert_eq!(field("from=2026-02-03&to=2026-02-01"), "to");
        assert_eq!(field("to=2026-02-01"), "from");
    }

    #[test]
    fn drilling_goes_from_service_to_account_to_resource_and_back() {
        let start = CostView::default();
        let service = start.drill("Amazon EC2").unwrap();
        assert_eq!(service.group_by, Some(Dimension::Account));
        let account = service.drill("1234").unwrap();
        assert_eq!(account.group_by, Some(Dimension::Resource));
        assert_eq!(
            account.to_query(),
            "group_by=resource&include=service%3AAmazon+EC2&include=account%3A1234"
        );
        assert_eq!(account.truncated(1), service);
        assert_eq!(account.truncated(0), start);
        assert_eq!(account.without(Dimension::Account, Match::Include, "1234").filters.len(), 1);
    }
}
