//! `GET /api/v1/charges`: line items of the ledger, latest first.

use axum::extract::{RawQuery, State};
use store::charge::LineItem;

use crate::api::answer::{Answer, Page, Reading};
use crate::api::request::Paging;
use crate::cost_view::CostView;
use crate::error::WebError;
use crate::pages::costs::shown_currency;
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
        ("currency" = Option<String>, Query, description = "ISO 4217 code"),
    ),
    responses((status = 200, body = Page<LineItem>)),
)]
pub(crate) async fn list(
    State(app): State<App>,
    mut read: Reading,
    paging: Paging,
    RawQuery(raw): RawQuery,
) -> Answer {
    let view = CostView::parse(raw.as_deref().unwrap_or_default())?;
    let limit = u32::try_from(paging.limit).unwrap_or(u32::MAX);
    let after = paging.cursor.map(|cursor| cursor.parse()).transpose();
    let after =
        after.map_err(|_| WebError::Invalid("cursor", "The cursor is not one of this list.".to_owned()))?;
    let currency = match view.currency {
        Some(currency) => currency,
        None => shown_currency(&mut read.conn, read.org).await?,
    };
    let Some(data) = store::charge::span(&mut read.conn, read.org, currency).await? else {
        return read.answer(&Page::<LineItem> { items: vec![], next_cursor: None });
    };
    let query = view.query(view.days(data, app.now().date_naive()), currency);
    let page = store::charge::line_items(&mut read.conn, read.org, &query, after, limit).await?;
    read.answer(&Page { items: page.items, next_cursor: page.next.map(|next| next.to_string()) })
}
