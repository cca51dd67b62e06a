//! Each format on a small file of ours, line by line.

use domain::{ChargeCategory, CommitmentDiscountStatus, Currency, PricingCategory};
use rust_decimal::Decimal;

use super::*;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn costs(charge: &Charge) -> [Decimal; 4] {
    [charge.billed_cost, charge.effective_cost, charge.list_cost, charge.contracted_cost]
}

#[test]
fn both_cost_and_usage_reports_spread_commitments() {
    let (legacy, report) = all(&ours("cur_legacy.csv"), Format::AwsCur).unwrap();
    assert_eq!(report.format, Format::AwsCurLegacy);
    assert_eq!(report.rejects, []);
    // billed, effective, list, contracted
    let expected = [
        ("0.096", "0.096", "0.096", "0.096"),
        ("0", "0.121", "0.188", "0.188"),
        ("44.64", "4.75", "44.64", "44.64"),
        ("500", "0", "500", "500"),
        ("0", "0.105", "0.145", "0.145"),
        ("0", "0", "0", "0"),
        ("0.2", "0.095", "0.2", "0.2"),
        ("876", "0", "876", "876"),
        ("7.77", "7.77", "7.77", "7.77"),
        ("-3.21", "-3.21", "-3.21", "-3.21"),
        ("-1.10", "-1.10", "-1.10", "-1.10"),
        ("-0.40", "-0.40", "-0.40", "-0.40"),
        ("0.031", "0.031", "0.096", "0.031"),
    ];
    for (charge, (billed, effective, list, contracted)) in legacy.iter().zip(expected) {
        assert_eq!(costs(charge), [billed, effective, list, contracted].map(dec), "{charge:?}");
    }
    use ChargeCategory::{Adjustment, Credit, Purchase, Tax, Usage};
    let categories: Vec<_> = legacy.iter().map(|charge| charge.charge_category).collect();
    let expected = [
        Usage, Usage, Purchase, Purchase, Usage, Adjustment, Purchase, Purchase, Tax, Credit, Credit,
        Adjustment, Usage,
    ];
    assert_eq!(categories, expected);
    use CommitmentDiscountStatus::{Unused, Used};
    let statuses: Vec<_> = legacy.iter().take(7).map(|charge| charge.commitment_discount_status).collect();
    assert_eq!(statuses, [None, Some(Used), Some(Unused), None, Some(Used), None, Some(Unused)]);
    assert_eq!(legacy[1].commitment_discount_id.as_deref(), Some("arn:ri/1"));
    assert_eq!(
        (legacy[1].instance_type.as_deref(), legacy[1].os.as_deref()),
        (Some("m6i.large"), Some("Windows"))
    );
    assert_eq!(legacy[1].region_id.as_deref(), Some("us-west-2"));
    assert_eq!(legacy[12].pricing_category, Some(PricingCategory::Dynamic));
    assert!(legacy[11].correction);
    assert_eq!(legacy[0].team(), Some("checkout"));
    assert_eq!(legacy[0].tags.get("aws:createdBy").map(String::as_str), Some("AutoScaling"));
    // all cash of the file, the negation included
    assert_eq!(report.sums[&Currency::USD].billed_cost, dec("1424.027"));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);

    let (cur2, report) = all(&ours("cur2.csv"), Format::AwsCur).unwrap();
    assert_eq!(report.format, Format::AwsCur2);
    assert_eq!(cur2.len(), legacy.len());
    for (new, old) in cur2.iter().zip(&legacy) {
        assert_eq!(costs(new), costs(old));
        assert_eq!(
            (&new.service_name, &new.region_id, new.team()),
            (&old.service_name, &old.region_id, old.team())
        );
        assert_eq!((&new.instance_type, &new.os), (&old.instance_type, &old.os));
    }
    assert_eq!(cur2[0].sub_account_name.as_deref(), Some("Shop 901"));
}

#[test]
fn copies_of_numbered_line_items_are_left_out() {
    let text = std::fs::read_to_string(ours("cur_legacy.csv")).unwrap();
    let copy = text.lines().nth(1).unwrap();
    let file = crate::fixture("bill.csv", format!("{text}{copy}\n"));
    let (charges, report) = all(file.path(), Format::Auto).unwrap();
    assert_eq!((charges.len(), report.rejected), (13, 1));
    assert_eq!(report.rejects[0].reason, "duplicated row");
    assert_eq!(report.rejects[0].place.line, Some(15));
    assert_eq!(report.rejected_cost[&Currency::USD], dec("0.096"));
}

#[test]
fn azure_views_are_told_apart_and_mean_different_costs() {
    let (actual, report) = all(&ours("azure_actual.csv"), Format::Azure).unwrap();
    assert_eq!(report.format, Format::AzureActual);
    let expected = [
        ("2.4", "2.4", "2.88", "2.4"),
        ("0", "0", "2.88", "2.4"),
        ("620.5", "620.5", "620.5", "620.5"),
        ("-20.5", "-20.5", "-20.5", "-20.5"),
    ];
    for (charge, (billed, effective, list, contracted)) in actual.iter().zip(expected) {
        assert_eq!(costs(charge), [billed, effective, list, contracted].map(dec), "{charge:?}");
    }
    assert_eq!(actual[2].charge_category, ChargeCategory::Purchase);
    assert_eq!(actual[2].instance_type.as_deref(), Some("Standard_D2s_v5"));
    assert!(actual[3].correction);
    assert_eq!(actual[0].os.as_deref(), Some("Linux"));
    assert_eq!(actual[0].team(), Some("web"));
    assert_eq!(actual[0].region_id.as_deref(), Some("westeurope"));
    assert_eq!(actual[0].billing_period.end.to_rfc3339(), "2026-04-01T00:00:00+00:00");

    let (amortized, report) = all(&ours("azure_amortized.csv"), Format::Auto).unwrap();
    assert_eq!(report.format, Format::AzureAmortized);
    let billed: Vec<_> = amortized.iter().map(|charge| charge.billed_cost).collect();
    let effective: Vec<_> = amortized.iter().map(|charge| charge.effective_cost).collect();
    assert_eq!(billed, ["2.4", "0", "0"].map(dec));
    assert_eq!(effective, ["2.4", "1.68", "1.4"].map(dec));
    assert_eq!(amortized[2].commitment_discount_status, Some(CommitmentDiscountStatus::Unused));
    assert_eq!(amortized[1].commitment_discount_type.as_deref(), Some("Reservation"));
    assert_eq!(amortized[1].pricing_category, Some(PricingCategory::Committed));
}

#[test]
fn google_credits_lower_the_cost_beside_them() {
    let (charges, report) = all(&ours("gcp.jsonl"), Format::Auto).unwrap();
    assert_eq!(report.rejects, []);
    assert_eq!(costs(&charges[0]), ["0.0638356", "0.0638356", "0.13", "0.126484"].map(dec));
    assert_eq!(charges[0].pricing_category, Some(PricingCategory::Committed));
    assert_eq!(
        (charges[0].team(), charges[0].instance_type.as_deref()),
        (Some("web"), Some("n2-standard-4"))
    );
    assert_eq!(charges[0].sub_account_id.as_deref(), Some("shop-prod"));
    assert_eq!(charges[1].charge_category, ChargeCategory::Purchase);
    assert_eq!(charges[1].billed_cost, dec("0.1"));
    assert_eq!(charges[2].billed_cost, Decimal::ZERO);
    assert_eq!(charges[2].billing_period.start.to_rfc3339(), "2026-03-01T00:00:00+00:00");
    assert_eq!(charges[3].charge_category, ChargeCategory::Tax);
    let (flat, report) = all(&ours("gcp_flat.csv"), Format::Auto).unwrap();
    assert_eq!((report.format, flat.len()), (Format::Gcp, 2));
    assert_eq!((flat[0].billed_cost, flat[0].team()), (dec("0.4"), Some("web")));
    assert_eq!(flat[0].pricing_category, Some(PricingCategory::Dynamic));
}

#[test]
fn nested_google_parquet_reads_as_its_json() {
    use arrow::array::{
        ArrayRef, Float64Array, ListArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Fields};
    use std::sync::Arc;

    let text = |values: [&str; 2]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let time = |micros: i64| {
        Arc::new(TimestampMicrosecondArray::from(vec![micros; 2]).with_timezone("UTC")) as ArrayRef
    };
    let structure = |members: Vec<(&str, ArrayRef)>| {
        let members = members
            .into_iter()
            .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array));
        Arc::new(StructArray::from(members.collect::<Vec<_>>())) as ArrayRef
    };
    let credit_fields: Fields =
        vec![Field::new("amount", DataType::Float64, true), Field::new("type", DataType::Utf8, true)].into();
    let credits = StructArray::new(
        credit_fields.clone(),
        vec![
            Arc::new(Float64Array::from(vec![-0.25, -0.125])),
            Arc::new(StringArray::from(vec!["DISCOUNT", "PROMOTION"])),
        ],
        None,
    );
    // the first row has both credits, the second none
    let item = Arc::new(Field::new("item", DataType::Struct(credit_fields), true));
    let credits = ListArray::new(item, OffsetBuffer::from_lengths([2, 0]), Arc::new(credits), None);
    let start = 1_772_341_200_000_000; // 2026-03-01T05:00:00Z
    let batch = RecordBatch::try_from_iter([
        ("billing_account_id", text(["01-AA", "01-AA"])),
        (
            "service",
            structure(vec![("id", text(["a", "b"])), ("description", text(["Compute Engine", "BigQuery"]))]),
        ),
        ("usage_start_time", time(start)),
        ("usage_end_time", time(start + 3_600_000_000)),
        ("cost", Arc::new(Float64Array::from(vec![1.5, 0.1]))),
        ("currency", text(["USD", "USD"])),
        ("credits", Arc::new(credits)),
    ])
    .unwrap();
    let file = crate::fixture("gcp.parquet", "");
    let out = std::fs::File::create(file.path()).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(out, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let (charges, report) = all(file.path(), Format::Auto).unwrap();
    assert_eq!((report.format, report.rejects.len()), (Format::Gcp, 0), "{:?}", report.rejects);
    assert_eq!(charges[0].billed_cost, dec("1.125"));
    assert_eq!((charges[1].billed_cost, charges[1].service_name.as_str()), (dec("0.1"), "BigQuery"));
    assert_eq!(charges[0].charge_period_start.to_rfc3339(), "2026-03-01T05:00:00+00:00");
}

#[test]
fn focus_rows_stand_or_fall_one_by_one() {
    let (charges, report) = all(&ours("focus.csv"), Format::Focus).unwrap();
    assert_eq!(costs(&charges[0]), ["1.5", "1.5", "2", "1.75"].map(dec));
    assert_eq!(
        (charges[0].instance_type.as_deref(), charges[0].os.as_deref()),
        (Some("m6i.large"), Some("Linux"))
    );
    assert_eq!(
        (charges[0].provider_name.as_str(), charges[0].commitment_discount_id.as_deref()),
        ("AWS", None)
    );
    assert_eq!(costs(&charges[1]), ["0", "0.6", "0.6", "0.6"].map(dec));
    assert_eq!(charges[1].instance_type.as_deref(), Some("c7g.xlarge"));
    assert_eq!(charges[2].pricing_category, Some(PricingCategory::Standard));
    let told: Vec<_> =
        report.rejects.iter().map(|reject| (reject.place.line, reject.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (Some(4), "unknown currency"),
            (Some(6), "not a number"),
            (Some(7), "the period ends before it starts")
        ]
    );
    assert!(
        report.rejects[0].to_string().contains("column BillingCurrency: unknown currency: found \"XXQ\"")
    );
    assert_eq!(report.rejected_cost.values().copied().collect::<Vec<_>>(), [dec("3")]);
    assert_eq!(report.warnings, ["1 rows have tags that could not be read; the rows were kept"]);
    assert_eq!(report.coverage.len(), 1);
    assert_eq!(report.coverage[0].last.to_rfc3339(), "2026-03-02T00:00:00+00:00");
    assert_eq!(report.checksum.len(), 64);
    // the report travels as JSON
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn a_receiver_that_fails_fails_the_file() {
    let error = read(&ours("focus.csv"), Format::Auto, &mut |_| Err("the disk is full")).unwrap_err();
    assert!(matches!(error, ReadError::Refused { .. }), "{error}");
}
