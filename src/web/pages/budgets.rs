//! Budgets: what may be spent, how likely it is not enough, and when it breaks.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use capacity::NamedScenario;
use chart::Fan;
use chrono::NaiveDate;
use domain::{Budget, BudgetOutlook, BudgetPeriod, Currency, Forecast, OrganizationId, to_statistic};
use rust_decimal::Decimal;
use serde::Deserialize;
use store::PgConnection;
use store::audit::NewEntry;
use store::budget::{KnownCost, StoredBudget};
use store::charge::SeriesScope;
use store::forecast::ForecastKind;

use crate::budget_scenario::{BudgetKnown, BudgetUnder, Demands};
use crate::error::{WebError, see_other};
use crate::fan;
use crate::figure::Figure;
use crate::history::{fill_days, series_title};
use crate::layout::{Layout, page};
use crate::pages::costs::shown_currency;
use crate::pages::scenarios::{self, Chosen, check_name};
use crate::session::{Visitor, connection};
use crate::state::App;
use crate::{path, show};

/// Longest name of an owner, and longest name of a series.
const MAX_LETTERS: usize = 254;
/// Largest amount.
const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// The form as typed.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct BudgetForm {
    name: String,
    unique_id: String,
    period: String,
    amount: String,
    owner: String,
}

impl Default for BudgetForm {
    fn default() -> Self {
        let (name, amount, owner) = Default::default();
        Self { name, unique_id: "cost/total".to_owned(), period: "month".to_owned(), amount, owner }
    }
}

impl BudgetForm {
    fn of(budget: &Budget) -> Self {
        Self {
            name: budget.name.clone(),
            unique_id: budget.unique_id.clone(),
            period: budget.period.to_string(),
            amount: budget.amount.normalize().to_string(),
            owner: budget.owner.clone().unwrap_or_default(),
        }
    }

    /// The budget, or the first field that can't be used.
    fn budget(&self) -> Result<Budget, WebError> {
        let wanted = || WebError::Invalid("amount", "An amount looks like 12000 or 12000.50.".to_owned());
        check(Budget {
            name: self.name.clone(),
            unique_id: self.unique_id.clone(),
            period: self
                .period
                .parse()
                .map_err(|_| WebError::Invalid("period", "Choose a period.".to_owned()))?,
            amount: self.amount.trim().parse().map_err(|_| wanted())?,
            owner: Some(self.owner.trim().to_owned()).filter(|owner| !owner.is_empty()),
        })
    }
}

/// A budget that can be kept.
pub(crate) fn check(budget: Budget) -> Result<Budget, WebError> {
    let name = check_name(&budget.name)?;
    let invalid = |field, what: &str| Err(WebError::Invalid(field, what.to_owned()));
    if budget.unique_id.len() > MAX_LETTERS || SeriesScope::of(&budget.unique_id).is_none() {
        return invalid("unique_id", "A budget is for cost/total, or for one account, service or team.");
    }
    if budget.amount <= Decimal::ZERO || budget.amount > Decimal::from(MAX_AMOUNT) {
        return invalid("amount", "The amount must be above 0 and at most a million millions.");
    }
    let owner = budget.owner.as_deref().unwrap_or_default();
    if owner.len() > MAX_LETTERS || owner.contains(char::is_control) {
        return invalid("owner", "An owner is a name or a mail address.");
    }
    Ok(Budget { name, ..budget })
}

/// A budget and what its period comes to.
pub(crate) struct Line {
    pub(crate) stored: StoredBudget,
    pub(crate) title: String,
    pub(crate) outlook: Option<BudgetOutlook>,
    /// The same under the scenario that was chosen.
    under: Option<BudgetUnder>,
}

impl Line {
    fn of(known: BudgetKnown) -> Self {
        let outlook = known.outlook();
        let title = series_title(&known.stored.budget.unique_id);
        Self { title, stored: known.stored, outlook, under: None }
    }

    /// Whether it breaks more likely than not.
    pub(crate) fn is_at_risk(&self) -> bool {
        self.outlook.as_ref().is_some_and(BudgetOutlook::is_at_risk)
    }

    /// Spent over the amount.
    fn share(&self, outlook: &BudgetOutlook) -> f64 {
        to_statistic(outlook.spent / self.stored.budget.amount)
    }

    /// Whether more than the amount is in the bill already.
    fn is_broken(&self, outlook: &BudgetOutlook) -> bool {
        outlook.spent > self.stored.budget.amount
    }

    /// First and last day of the period.
    fn period(&self, outlook: &BudgetOutlook) -> String {
        show::days(outlook.first, last_day(outlook))
    }
}

fn last_day(outlook: &BudgetOutlook) -> NaiveDate {
    outlook.end.pred_opt().unwrap_or(outlook.end)
}

/// Every budget with its outlook, by name.
pub(crate) async fn lines(
    conn: &mut PgConnection,
    org: OrganizationId,
    currency: Currency,
) -> Result<Vec<Line>, WebError> {
    Ok(BudgetKnown::all(conn, org, currency).await?.into_iter().map(Line::of).collect())
}

#[derive(Template)]
#[template(path = "budgets.html")]
struct BudgetsPage {
    layout: Layout,
    currency: Currency,
    lines: Vec<Line>,
    /// Saved scenarios, and the one that is laid beside each budget.
    scenarios: Vec<(i64, NamedScenario)>,
    scenario: Option<i64>,
    series: Vec<(String, String)>,
    form: BudgetForm,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "budget.html")]
struct BudgetPage {
    layout: Layout,
    currency: Currency,
    line: Line,
    figure: Option<Figure>,
    /// The period under each saved scenario.
    under: Vec<BudgetUnder>,
    asked: Asked,
    series: Vec<(String, String)>,
    form: BudgetForm,
    problem: Option<String>,
}

/// Which scenario is drawn, and the share of the cost that follows demand where somebody knows better.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    scenario: Option<i64>,
    share_percent: String,
}

impl Asked {
    /// The stated share, 0 to 1; none: as learned.
    fn share(&self) -> Result<Option<f64>, WebError> {
        let text = self.share_percent.trim();
        let wanted = || WebError::Invalid("share_percent", "A share is 0 to 100 percent.".to_owned());
        if text.is_empty() {
            return Ok(None);
        }
        let percent: f64 = text.parse().map_err(|_| wanted())?;
        if (0.0..=100.0).contains(&percent) { Ok(Some(percent / 100.0)) } else { Err(wanted()) }
    }

    /// The same page with another scenario drawn.
    fn with(&self, scenario: &i64) -> String {
        match self.share_percent.trim() {
            "" => format!("?scenario={scenario}"),
            share => format!("?scenario={scenario}&share_percent={}", path::encode(share)),
        }
    }

    fn is(&self, scenario: &i64) -> bool {
        self.scenario.as_ref() == Some(scenario)
    }
}

/// `GET /budgets`.
pub(crate) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(chosen): Query<Chosen>,
) -> Result<Response, WebError> {
    list_page(&app, &visitor, chosen, BudgetForm::default(), None).await
}

/// `GET /budgets/{id}`.
pub(crate) async fn detail(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, WebError> {
    detail_page(&app, &visitor, id, asked, None, None).await
}

/// `POST /budgets`.
pub(crate) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<BudgetForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let made = save(&app, &visitor, None, &form).await;
    match made {
        Ok(_) => Ok(see_other("/budgets?done=saved")),
        Err(error) => {
            let page = list_page(&app, &visitor, Chosen::default(), form, Some(error.detail())).await?;
            Ok((error.status(), page).into_response())
        }
    }
}

/// `POST /budgets/{id}`.
pub(crate) async fn update(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(form): Form<BudgetForm>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    match save(&app, &visitor, Some(id), &form).await {
        Ok(_) => Ok(see_other(&format!("/budgets/{id}?done=saved"))),
        Err(error @ WebError::NotFound(_)) => Err(error),
        Err(error) => {
            let page =
                detail_page(&app, &visitor, id, Asked::default(), Some(form), Some(error.detail())).await?;
            Ok((error.status(), page).into_response())
        }
    }
}

/// `POST /budgets/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let stored = store::budget::get(&mut conn, visitor.org(), id).await?;
    store::budget::delete(&mut conn, visitor.org(), id).await?;
    note(&mut conn, &app, &visitor, "budget.delete", &stored).await?;
    Ok(see_other("/budgets?done=deleted"))
}

async fn save(
    app: &App,
    visitor: &Visitor,
    id: Option<i64>,
    form: &BudgetForm,
) -> Result<StoredBudget, WebError> {
    let budget = form.budget()?;
    let mut conn = connection(app).await?;
    let (conn, org, by, now) = (&mut *conn, visitor.org(), &visitor.user.email, app.now());
    let (action, stored) = match id {
        None => ("budget.create", store::budget::create(conn, org, &budget, by, now).await?),
        Some(id) => ("budget.update", store::budget::update(conn, org, id, &budget, by, now).await?),
    };
    note(conn, app, visitor, action, &stored).await?;
    Ok(stored)
}

async fn note(
    conn: &mut PgConnection,
    app: &App,
    visitor: &Visitor,
    action: &str,
    stored: &StoredBudget,
) -> Result<(), WebError> {
    let subject = stored.id.to_string();
    let detail = serde_json::to_value(&stored.budget).unwrap_or_default();
    let entry = NewEntry { actor: &visitor.user.email, action, subject: &subject, detail };
    Ok(store::audit::record(conn, visitor.org(), &entry, app.now()).await?)
}

async fn list_page(
    app: &App,
    visitor: &Visitor,
    chosen: Chosen,
    form: BudgetForm,
    problem: Option<String>,
) -> Result<Response, WebError> {
    let mut conn = connection(app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let currency = shown_currency(conn, org).await?;
    let saved = scenarios::list(conn, org).await?;
    let lines = match chosen.scenario {
        None => lines(conn, org, currency).await?,
        Some(id) => {
            let (name, changes) = scenarios::changes(&saved, chosen)?;
            let demands = Demands::read(conn, org, app, currency).await?;
            let beside = |known: BudgetKnown| {
                let under = known.under(&demands, [(id, name.as_str(), changes.as_slice())], None).pop();
                Line { under, ..Line::of(known) }
            };
            BudgetKnown::all(conn, org, currency).await?.into_iter().map(beside).collect()
        }
    };
    page(&BudgetsPage {
        layout: Layout::new(visitor, "/budgets", "Budgets"),
        lines,
        scenarios: saved,
        scenario: chosen.scenario,
        series: series(conn, org, &form.unique_id).await?,
        currency,
        form,
        problem,
    })
}

async fn detail_page(
    app: &App,
    visitor: &Visitor,
    id: i64,
    asked: Asked,
    form: Option<BudgetForm>,
    problem: Option<String>,
) -> Result<Response, WebError> {
    let share = asked.share()?;
    let mut conn = connection(app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let currency = shown_currency(conn, org).await?;
    let stored = store::budget::get(conn, org, id).await?;
    let known = BudgetKnown::read(conn, org, stored, currency).await?;
    let saved = scenarios::list(conn, org).await?;
    let chosen = match asked.scenario {
        Some(id) => scenarios::changes(&saved, Chosen { scenario: Some(id) })?.1,
        None => Vec::new(),
    };
    let demands = Demands::read(conn, org, app, currency).await?;
    let each = saved.iter().map(|(id, named)| (*id, named.name.as_str(), named.scenarios.as_slice()));
    let under = known.under(&demands, each, share);
    let figure = known.cost.as_ref().map(|cost| {
        let forecast =
            demands.followed_by(&known.stored.budget.unique_id, share).under(&cost.stored.forecast, &chosen);
        let name = under.iter().find(|under| asked.is(&under.scenario)).map(|under| under.name.as_str());
        figure(&known.stored.budget, cost, forecast, name, currency)
    });
    let form = form.unwrap_or_else(|| BudgetForm::of(&known.stored.budget));
    page(&BudgetPage {
        layout: Layout::new(visitor, "/budgets", known.stored.budget.name.clone()),
        currency,
        series: series(conn, org, &form.unique_id).await?,
        line: Line::of(known),
        figure,
        under,
        asked,
        form,
        problem,
    })
}

/// What is forecast and may have a budget, by name with its title; `chosen` is always among it.
async fn series(
    conn: &mut PgConnection,
    org: OrganizationId,
    chosen: &str,
) -> Result<Vec<(String, String)>, WebError> {
    let mut names = vec!["cost/total".to_owned()];
    if let Some(run) = store::run::latest(conn, org).await? {
        let forecasts = store::forecast::list(conn, org, run.id, Some(ForecastKind::Cost)).await?;
        names.extend(forecasts.into_iter().map(|summary| summary.unique_id).filter(|id| id != "cost/total"));
    }
    if !names.iter().any(|name| name == chosen) {
        names.push(chosen.to_owned());
    }
    let titled = |name: String| {
        let title = series_title(&name);
        (name, title)
    };
    Ok(names.into_iter().map(titled).collect())
}

/// What was spent in the period up to each day, and what will have been by `forecast`.
fn figure(
    budget: &Budget,
    cost: &KnownCost,
    forecast: Forecast,
    scenario: Option<&str>,
    currency: Currency,
) -> Figure {
    let outlook = cost.outlook(budget, &forecast);
    let known = cost.days.iter().filter(|(day, _)| *day >= outlook.first);
    let known = known.map(|(day, cost)| (*day, to_statistic(*cost))).collect();
    let mut history = fill_days(outlook.first, cost.start, &known);
    let mut sum = 0.0;
    for (_, value) in &mut history {
        sum += value.unwrap_or(0.0);
        *value = Some(sum);
    }
    let steps = usize::try_from((outlook.end - cost.start).num_days()).unwrap_or(0);
    let ahead = summed(forecast, to_statistic(outlook.spent));
    let chart = Fan {
        budget: Some(to_statistic(budget.amount)),
        ..fan::chart(&ahead, history, chart::Unit::Money(currency), steps)
    };
    let under = scenario.map(|name| format!(" under “{name}”")).unwrap_or_default();
    let description = format!(
        "Cost since {}, summed up day by day, with the forecast until {}{under} and the budget.",
        outlook.first,
        last_day(&outlook)
    );
    Figure::draw("budget", "Spent and expected", &description, 280, |frame| chart.svg(frame))
}

/// A forecast of what will have been spent by each day.
fn summed(mut forecast: Forecast, spent: f64) -> Forecast {
    for path in forecast.quantiles.iter_mut().chain(std::iter::once(&mut forecast.mean)) {
        let mut sum = spent;
        for value in path {
            sum += *value;
            *value = sum;
        }
    }
    forecast
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(change: fn(&mut BudgetForm)) -> Result<Budget, &'static str> {
        let mut form =
            BudgetForm { name: " Shop ".into(), amount: "12000.50".into(), ..BudgetForm::default() };
        change(&mut form);
        form.budget().map_err(|error| match error {
            WebError::Invalid(field, _) => field,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_form_becomes_a_budget_and_comes_back() {
        let budget = form(|form| form.owner = "finance@example.com".into()).unwrap();
        assert_eq!((budget.name.as_str(), budget.period), ("Shop", BudgetPeriod::Month));
        assert_eq!(budget.amount, Decimal::new(1_200_050, 2));
        assert_eq!(BudgetForm::of(&budget).budget().unwrap(), budget);
    }

    #[test]
    fn a_stated_share_is_a_percentage_and_stays_in_the_address() {
        let asked = |share: &str| Asked { scenario: None, share_percent: share.to_owned() };
        assert_eq!(asked(" 60 ").share().unwrap(), Some(0.6));
        assert_eq!(asked("").share().unwrap(), None);
        for wrong in ["-1", "101", "much", "NaN"] {
            assert!(matches!(asked(wrong).share(), Err(WebError::Invalid("share_percent", _))), "{wrong}");
        }
        assert_eq!(asked("").with(&7), "?scenario=7");
        assert_eq!(asked("60").with(&7), "?scenario=7&share_percent=60");
    }

    #[test]
    fn impossible_budgets_name_their_field() {
        assert_eq!(form(|form| form.name = " ".into()), Err("name"));
        assert_eq!(form(|form| form.amount = "much".into()), Err("amount"));
        assert_eq!(form(|form| form.amount = "-1".into()), Err("amount"));
        assert_eq!(form(|form| form.amount = "2000000000000".into()), Err("amount"));
        assert_eq!(form(|form| form.period = "week".into()), Err("period"));
        assert_eq!(form(|form| form.unique_id = "requests/web".into()), Err("unique_id"));
        assert_eq!(form(|form| form.owner = "a\nb".into()), Err("owner"));
    }
}
