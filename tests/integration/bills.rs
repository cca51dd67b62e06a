//! FOCUS files made to measure, with sums that are known before anything reads them.

use std::collections::BTreeMap;
use std::fmt::Write;

use rust_decimal::Decimal;
use serde_json::Value;

/// Columns of the files.
const HEADER: &str = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,BillingAccountId,\
BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,ChargeCategory,ProviderName,SubAccountId,\
ServiceCategory,ServiceName,ResourceId,RegionId,Tags\n";
/// Services that rows take turns with.
const SERVICES: [&str; 3] = ["Compute", "Storage, cold", "Database"];

/// A FOCUS file under construction and what it adds up to.
#[derive(Default)]
pub(crate) struct Bill {
    rows: String,
    pub(crate) count: u64,
    pub(crate) billed: Decimal,
    pub(crate) effective: Decimal,
    pub(crate) by_month: BTreeMap<String, Decimal>,
    pub(crate) by_service: BTreeMap<String, Decimal>,
}

impl Bill {
    /// One row of a day of 2026; costs have more digits than a float keeps.
    pub(crate) fn row(&mut self, month: u32, day: u32, currency: &str) {
        let n = self.count;
        let service = SERVICES[(n % 3) as usize];
        let billed = Decimal::new(1_000_000_007 + n as i64 * 7_919, 9);
        let effective = Decimal::new(900_000_011 + n as i64 * 104_729, 10);
        writeln!(
            self.rows,
            "{billed},{effective},{billed},{billed},{currency},payer,2026-{month:02}-01T00:00:00Z,2026-{:02}-01T00:00:00Z,\
             2026-{month:02}-{day:02}T{hour:02}:00:00Z,2026-{month:02}-{day:02}T{hour:02}:59:59Z,Usage,AWS,app-{},Compute,\
             \"{service}\",r-{},eu-central-1,\"{{\"\"team\"\":\"\"web\"\"}}\"",
            month + 1,
            n % 7,
            n % 500,
            hour = n % 24,
        )
        .unwrap();
        self.count += 1;
        self.billed += billed;
        self.effective += effective;
        *self.by_month.entry(format!("2026-{month:02}")).or_default() += billed;
        *self.by_service.entry(service.to_owned()).or_default() += billed;
    }

    /// `rows` rows spread over these days of a month.
    pub(crate) fn of_days(month: u32, days: std::ops::RangeInclusive<u32>, rows: u64) -> Self {
        let mut bill = Self::default();
        let length = u64::from(days.end() - days.start() + 1);
        (0..rows).for_each(|n| bill.row(month, days.start() + (n % length) as u32, "USD"));
        bill
    }

    /// Two months, as large as an import needs to be to have a middle.
    pub(crate) fn large(rows: u64) -> Self {
        let mut bill = Self::default();
        (0..rows).for_each(|n| bill.row(1 + (n % 2) as u32, 1 + (n % 28) as u32, "USD"));
        bill
    }

    /// The file.
    pub(crate) fn csv(&self) -> String {
        format!("{HEADER}{}", self.rows)
    }

    /// Fails unless these sums of the product are those of the file.
    pub(crate) fn assert_sums(&self, sums: &Value) {
        assert_eq!(sums["rows"], self.count, "{sums}");
        assert_eq!(amount(&sums["billed"]), self.billed, "{sums}");
        assert_eq!(amount(&sums["effective"]), self.effective, "{sums}");
        assert_eq!(amount(&sums["list"]), self.billed, "{sums}");
        assert_eq!(amount(&sums["contracted"]), self.billed, "{sums}");
    }
}

/// Money in the product's JSON: a decimal string.
pub(crate) fn amount(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a decimal string")).parse().unwrap()
}

/// Sums of the ledger over all accounts and months (`/reconciliation`), each of which agrees with imports and rollup.
pub(crate) fn ledger(server: &headroom_tests::Server) -> BTreeMap<String, Ledger> {
    let mut months: BTreeMap<String, Ledger> = BTreeMap::new();
    for row in server.api_list("/reconciliation") {
        assert_eq!(row["ledger"], row["manifest"], "{row}");
        assert_eq!(amount(&row["ledger"]["billed"]), amount(&row["rollup_billed"]), "{row}");
        let key = format!("{} {}", row["billing_month"].as_str().unwrap(), row["currency"].as_str().unwrap());
        let month = months.entry(key).or_default();
        month.rows += row["ledger"]["rows"].as_u64().unwrap();
        month.billed += amount(&row["ledger"]["billed"]);
        month.effective += amount(&row["ledger"]["effective"]);
        month.list += amount(&row["ledger"]["list"]);
        month.contracted += amount(&row["ledger"]["contracted"]);
    }
    months
}

/// Sums of one month in the ledger.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Ledger {
    pub(crate) rows: u64,
    pub(crate) billed: Decimal,
    pub(crate) effective: Decimal,
    pub(crate) list: Decimal,
    pub(crate) contracted: Decimal,
}
