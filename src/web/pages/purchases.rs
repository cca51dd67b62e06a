//! What would be committed to under a saved scenario, and what today's purchases are worth if it comes true.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::{Commitment, Currency};

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::pages::scenarios;
use crate::purchases_under::{Bought, Facts, PurchasesUnder, failed};
use crate::session::{Visitor, connection};
use crate::show;
use crate::state::App;
use crate::workload::off_thread;

#[derive(Template)]
#[template(path = "purchases.html")]
struct PurchasesPage {
    layout: Layout,
    currency: Currency,
    found: PurchasesUnder,
}

/// `GET /capacity/scenario/{id}/purchases`.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, WebError> {
    let (mut conn, org) = (connection(&app).await?, visitor.org());
    let scenario = scenarios::get(&mut conn, org, id).await?;
    let title = format!("Commitments under “{}”", scenario.name);
    let facts = Facts::read(&mut conn, org, &app).await?;
    // Others can have the connection while this computes.
    drop(conn);
    let found = off_thread(move || facts.compare(&scenario)).await?;
    page(&PurchasesPage {
        layout: Layout::new(&visitor, "/capacity", title),
        currency: Currency::USD,
        found: found.map_err(|error| failed(&error))?,
    })
}

/// What a commitment is for: plan, type or family, place, system.
pub(crate) fn what(commitment: &Commitment) -> String {
    let kind = commitment.instance_type.as_deref().or(commitment.family.as_deref());
    let parts = [kind, commitment.region.as_deref(), commitment.os.as_deref()];
    std::iter::once(commitment.plan.title())
        .chain(parts.into_iter().flatten())
        .collect::<Vec<&str>>()
        .join(" ")
}

/// Every commitment that one of two plans buys, in their order, with its quantity in each; unlike ones are told apart by
/// when they start, what they are for, where they belong, how long and how they are paid.
fn side_by_side<'a>(one: &'a Bought, other: &'a Bought) -> Vec<(&'a Commitment, String, String)> {
    let key = |found: &Commitment| {
        (found.starts_at, what(found), found.account.clone(), found.term_years, found.payment)
    };
    let quantity = |bought: &Bought, wanted: &Commitment| {
        let found = bought.purchases.iter().find(|purchase| key(&purchase.commitment) == key(wanted));
        found.map_or("–".to_owned(), |purchase| quantity(&purchase.commitment))
    };
    let mut rows: Vec<&Commitment> = Vec::new();
    for purchase in one.purchases.iter().chain(&other.purchases) {
        if rows.iter().all(|known| key(known) != key(&purchase.commitment)) {
            rows.push(&purchase.commitment);
        }
    }
    rows.into_iter().map(|row| (row, quantity(one, row), quantity(other, row))).collect()
}

/// Instances, or dollars an hour.
pub(crate) fn quantity(commitment: &Commitment) -> String {
    let amount = commitment.quantity.normalize();
    if commitment.plan.is_spend_based() { format!("{amount} USD/h") } else { amount.to_string() }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{Payment, PricingPlan, Provider, Purchase};
    use optimize::commitments::SavingSummary;
    use rust_decimal::Decimal;

    use super::*;

    fn bought(of: &[(&str, i64)]) -> Bought {
        let purchase = |(kind, quantity): &(&str, i64)| Purchase {
            commitment: Commitment {
                id: String::new(),
                provider: Provider::Aws,
                account: "1".to_owned(),
                region: Some("us-east-1".to_owned()),
                plan: PricingPlan::RiStandard,
                instance_type: Some((*kind).to_owned()),
                family: None,
                os: None,
                quantity: Decimal::from(*quantity),
                term_years: 1,
                payment: Payment::NoUpfront,
                starts_at: DateTime::UNIX_EPOCH,
                ends_at: DateTime::UNIX_EPOCH,
                hourly: None,
                upfront: None,
            },
            expected_saving_usd: Decimal::ONE,
            saving_p10_usd: Decimal::ONE,
            saving_p90_usd: Decimal::ONE,
            break_even_utilization: 0.6,
            reason: String::new(),
        };
        let one = Decimal::ONE;
        let saving = SavingSummary { expected_usd: one, p10_usd: one, p90_usd: one };
        Bought { purchases: of.iter().map(purchase).collect(), saving }
    }

    #[test]
    fn what_only_one_plan_buys_stands_beside_nothing() {
        let (now, then) =
            (bought(&[("m5.large", 3), ("c5.large", 1)]), bought(&[("m5.large", 7), ("r5.large", 2)]));
        let rows: Vec<(&str, String, String)> = side_by_side(&now, &then)
            .into_iter()
            .map(|(row, now, then)| (row.instance_type.as_deref().unwrap(), now, then))
            .collect();
        let row = |kind, now: &str, then: &str| (kind, now.to_owned(), then.to_owned());
        assert_eq!(rows, [row("m5.large", "3", "7"), row("c5.large", "1", "–"), row("r5.large", "–", "2")]);
    }
}
