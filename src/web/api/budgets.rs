//! `/api/v1/budgets`: what may be spent, and what the current period comes to.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::{Budget, BudgetOutlook, BudgetPeriod};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use store::budget::StoredBudget;
use utoipa::ToSchema;

use crate::api::answer::{Answer, Page, Reading, json, to_json};
use crate::api::request::{Body, Paging, Path};
use crate::api::writing::{IdempotencyKey, Writing, created};
use crate::error::WebError;
use crate::pages::budgets::{check, lines};
use crate::pages::costs::shown_currency;

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
    /// What its current period comes to; none before there is a forecast of its cost.
    outlook: Option<BudgetOutlook>,
}

/// Budgets by name, each with what its current period comes to.
#[utoipa::path(
    get,
    path = "/budgets",
    tag = "costs",
    params(Paging),
    responses((status = 200, body = Page<BudgetStatus>)),
)]
pub(crate) async fn list(mut read: Reading, paging: Paging) -> Answer {
    let org = read.org;
    let currency = shown_currency(&mut read.conn, org).await?;
    let lines = lines(&mut read.conn, org, currency).await?;
    let all: Vec<BudgetStatus> =
        lines.into_iter().map(|line| BudgetStatus { stored: line.stored, outlook: line.outlook }).collect();
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

/// One budget and what its current period comes to.
#[utoipa::path(
    get,
    path = "/budgets/{id}",
    tag = "costs",
    params(("id" = i64, Path, description = "Key of the budget")),
    responses((status = 200, body = BudgetStatus)),
)]
pub(crate) async fn one(mut read: Reading, Path(id): Path<i64>) -> Answer {
    let org = read.org;
    let currency = shown_currency(&mut read.conn, org).await?;
    let stored = store::budget::get(&mut read.conn, org, id).await?;
    let outlook = store::budget::outlook(&mut read.conn, org, &stored.budget, currency).await?;
    read.answer(&BudgetStatus { stored, outlook })
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
