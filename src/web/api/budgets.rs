//! `/api/v1/budgets`: what may be spent, and what the current period comes to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{Budget, BudgetOutlook, BudgetPeriod, Currency};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use store::budget::StoredBudget;
use utoipa::{IntoParams, ToSchema};

use crate::api::answer::{Answer, Page, Reading, json, to_json};
use crate::api::request::{Body, Paging, Path, Query};
use crate::api::writing::{IdempotencyKey, Writing, created};
use crate::budget_scenario::{BudgetKnown, BudgetUnder, Demands};
use crate::error::WebError;
use crate::pages::budgets::check;
use crate::pages::costs::shown_currency;
use crate::pages::scenarios::{self, Chosen};
use crate::state::App;

/// A budget as sent.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetBody {
    /// Its name, 1 to 80 letters, unique.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The cost series: `cost/total`, or `cost/<account, service or team>/<value>`.
    #[schema(pattern = "^cost/", max_length = 254)]
    unique_id: String,
    /// How long it runs.
    period: BudgetPeriod,
    /// Effective cost that is allowed in a period, above 0, in the organization's currency.
    amount: Decimal,
    /// Who answers for it.
    #[schema(max_length = 254)]
    owner: Option<String>,
}

impl BudgetBody {
    fn budget(&self) -> Result<Budget, WebError> {
        let Self { name, unique_id, period, amount, owner } = self.clone();
        check(Budget { name, unique_id, period, amount, owner })
    }
}

/// A budget with its outlook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetStatus {
    #[serde(flatten)]
    stored: StoredBudget,
    /// What its current period comes to as it goes; none before there is a forecast of its cost.
    outlook: Option<BudgetOutlook>,
    /// The same under the scenario that was asked for.
    under: Option<BudgetUnder>,
}

/// Under which scenario.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UnderQuery {
    /// Key of a saved scenario: what the period comes to under it stands in `under`.
    scenario: Option<i64>,
    /// Share of the cost that follows demand, 0 to 1; learned from history when absent.
    #[param(minimum = 0, maximum = 1)]
    share: Option<f64>,
}

impl UnderQuery {
    /// Each budget with its outlook, and with that under the scenario.
    async fn statuses(
        &self,
        app: &App,
        read: &mut Reading,
        budgets: Vec<BudgetKnown>,
        currency: Currency,
    ) -> Result<Vec<BudgetStatus>, WebError> {
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(WebError::Invalid("share", "must be 0 to 1".to_owned()));
        }
        let org = read.org;
        let chosen = match self.scenario {
            Some(id) => {
                let saved = scenarios::list(&mut read.conn, org).await?;
                let (name, changes) = scenarios::changes(&saved, Chosen { scenario: Some(id) })?;
                Some((id, name, changes))
            }
            None => None,
        };
        let demands = match &chosen {
            Some(chosen) => Some((Demands::read(&mut read.conn, org, app, currency).await?, chosen)),
            None => None,
        };
        let status = |known: BudgetKnown| {
            let under = demands.as_ref().and_then(|(demands, (id, name, changes))| {
                known.under(demands, [(*id, name.as_str(), changes.as_slice())], self.share).pop()
            });
            BudgetStatus { outlook: known.outlook(), under, stored: known.stored }
        };
        Ok(budgets.into_iter().map(status).collect())
    }
}

/// Budgets by name, each with what its current period comes to, as it goes and under a scenario.
#[utoipa::path(
    get,
    path = "/budgets",
    tag = "costs",
    params(UnderQuery, Paging),
    responses((status = 200, body = Page<BudgetStatus>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    mut read: Reading,
    paging: Paging,
    Query(asked): Query<UnderQuery>,
) -> Answer {
    let org = read.org;
    let currency = shown_currency(&mut read.conn, org).await?;
    let budgets = BudgetKnown::all(&mut read.conn, org, currency).await?;
    let all = asked.statuses(&app, &mut read, budgets, currency).await?;
    read.page(all, &paging, |status| status.stored.id.to_string())
}

/// Sets a budget. With an `Idempotency-Key`, sending it again gives the first answer again.
#[utoipa::path(
    post,
    path = "/budgets",
    tag = "costs",
    params(IdempotencyKey),
    request_body = BudgetBody,
    responses((status = 201, body = StoredBudget, headers(("location" = String, description = "Path of the budget")))),
)]
pub(crate) async fn create(mut write: Writing, Body(body): Body<BudgetBody>) -> Answer {
    let budget = body.budget()?;
    let answer = match write.answered(&body).await? {
        Some(answer) => answer,
        None => {
            let made = store::budget::create(&mut write.conn, write.org, &budget, &write.by, write.now).await;
            let made = made.map_err(WebError::from);
            let id = made.as_ref().ok().map(|stored| stored.id.to_string());
            let answer = write.finish(StatusCode::CREATED, made).await?;
            write.note("budget.create", &id.unwrap_or_default()).await?;
            answer
        }
    };
    Ok(created(answer, "/api/v1/budgets")?)
}

/// One budget and what its current period comes to, as it goes and under a scenario.
#[utoipa::path(
    get,
    path = "/budgets/{id}",
    tag = "costs",
    params(("id" = i64, Path, description = "Key of the budget"), UnderQuery),
    responses((status = 200, body = BudgetStatus)),
)]
pub(crate) async fn one(
    State(app): State<App>,
    mut read: Reading,
    Path(id): Path<i64>,
    Query(asked): Query<UnderQuery>,
) -> Answer {
    let org = read.org;
    let currency = shown_currency(&mut read.conn, org).await?;
    let stored = store::budget::get(&mut read.conn, org, id).await?;
    let known = BudgetKnown::read(&mut read.conn, org, stored, currency).await?;
    let status = asked.statuses(&app, &mut read, vec![known], currency).await?.pop();
    read.found(status, "The budget is gone.")
}

/// Replaces a budget.
#[utoipa::path(
    put,
    path = "/budgets/{id}",
    tag = "costs",
    params(("id" = i64, Path, description = "Key of the budget")),
    request_body = BudgetBody,
    responses((status = 200, body = StoredBudget)),
)]
pub(crate) async fn replace(mut write: Writing, Path(id): Path<i64>, Body(body): Body<BudgetBody>) -> Answer {
    let budget = body.budget()?;
    let stored = store::budget::update(&mut write.conn, write.org, id, &budget, &write.by, write.now).await?;
    write.note("budget.update", &id.to_string()).await?;
    Ok(json(StatusCode::OK, to_json(&stored)?))
}

/// Removes a budget.
#[utoipa::path(
    delete,
    path = "/budgets/{id}",
    tag = "costs",
    params(("id" = i64, Path, description = "Key of the budget")),
    responses((status = 204, description = "It is gone")),
)]
pub(crate) async fn remove(mut write: Writing, Path(id): Path<i64>) -> Answer {
    store::budget::delete(&mut write.conn, write.org, id).await?;
    write.note("budget.delete", &id.to_string()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
