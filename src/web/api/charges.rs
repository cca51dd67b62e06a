//! `GET /api/v1/charges`: line items of the ledger, latest first.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use crate::api::answer::{ListBody, Listed, Paging, answer};
use crate::cost_view::CostView;
use crate::error::{Problem, ProblemBody, WebError};
use crate::pages::costs::shown_currency;
use crate::session::{Caller, connection};
use crate::state::App;

/// Line items in FOCUS terms, with the file that each came from.
#[utoipa::path(
    get,
    path = "/charges",
    tag = "costs",
    params(
        Paging,
        ("period" = Option<String>, Query, description = "As for /costs"),
        ("from" = Option<String>, Query, description = "First day (YYYY-MM-DD)"),
        ("to" = Option<String>, Query, description = "Last day, inclusive"),
        ("include" = Option<Vec<String>>, Query, description = "dimension:value, repeatable"),
        ("exclude" = Option<Vec<String>>, Query, description = "dimension:value, repeatable"),
    ),
    responses((status = 200, body = ListBody), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    axum::extract::Query(paging): axum::extract::Query<Paging>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let limit = u32::try_from(paging.limit()?).unwrap_or(1000);
    let after = match paging.cursor() {
        Some(cursor) => {
            let unusable = |_| WebError::Invalid("cursor", "The cursor is not one of this list.".to_owned());
            Some(cursor.parse().map_err(unusable)?)
        }
        None => None,
    };
    let mut conn = connection(&app).await?;
    let currency = match view.currency {
        Some(currency) => currency,
        None => shown_currency(&mut conn, caller.org).await?,
    };
    let Some(data) = store::charge::span(&mut conn, caller.org, currency).await? else {
        return answer(&headers, &Listed::<()> { items: vec![], next_cursor: None });
    };
    let query = view.query(view.days(data, app.now().date_naive()), currency);
    let page = store::charge::line_items(&mut conn, caller.org, &query, after, limit).await?;
    answer(&headers, &Listed { items: page.items, next_cursor: page.next.map(|next| next.to_string()) })
}
