//! AWS Cost Explorer: daily cost and usage, grouped by two dimensions.
//!
//! Every request is paid (0.01 USD each, retries and further pages too), so nothing is asked twice:
//! a month is fetched whole, its pages are written to the cache as they arrive, a closed month is
//! never asked for again, and a budget of paid calls is never exceeded.

mod budget;
mod cache;
mod charges;

use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::config::retry::RetryConfig;
use aws_sdk_costexplorer::config::{BehaviorVersion, Region};
use aws_sdk_costexplorer::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_costexplorer::operation::get_cost_and_usage::{GetCostAndUsageError, GetCostAndUsageOutput};
use aws_sdk_costexplorer::types::{DateInterval, Granularity, GroupDefinition, GroupDefinitionType};
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{BillingMonth, Charge};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use budget::Budget;
use cache::{CachedMonth, CachedPage};

/// What one request to Cost Explorer costs, in hundredths of a USD.
const CENTS_PER_CALL: i64 = 1;
/// A month is restated by AWS for some days after it has ended; later it is closed for good.
const DAYS_UNTIL_CLOSED: u64 = 10;
/// Attempts for one page before giving up.
const ATTEMPTS: usize = 6;
/// How often a month is started anew because its page token expired.
const RESTARTS: usize = 2;

/// A dimension to group by. Cost Explorer takes two at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The linked account (FOCUS `SubAccountId`).
    LinkedAccount,
    /// The service (FOCUS `ServiceName`).
    Service,
    /// The region (FOCUS `RegionId`).
    Region,
    /// The instance type.
    InstanceType,
}

impl Dimension {
    fn key(self) -> &'static str {
        match self {
            Self::LinkedAccount => "LINKED_ACCOUNT",
            Self::Service => "SERVICE",
            Self::Region => "REGION",
            Self::InstanceType => "INSTANCE_TYPE",
        }
    }
}

/// Settings of a Cost Explorer source.
///
/// | Name | Default | Purpose |
/// | --- | --- | --- |
/// | `start`, `end` | – | days to fetch, `end` exclusive; whole months are asked for |
/// | `group_by` | account, service | the two dimensions of a charge |
/// | `endpoint_url` | AWS | another address that speaks the same protocol |
/// | `cache_dir` | – | folder of the answers and of the count of paid calls |
/// | `max_calls_per_month` | – | budget of paid calls in a calendar month |
#[derive(Debug, Clone)]
pub struct CostExplorer {
    /// First day.
    pub start: NaiveDate,
    /// Day after the last.
    pub end: NaiveDate,
    /// One or two dimensions.
    pub group_by: Vec<Dimension>,
    /// Address of the API; `None`: the one of AWS.
    pub endpoint_url: Option<String>,
    /// Payer account that the charges are booked under.
    pub billing_account_id: String,
    /// Folder for cached answers.
    pub cache_dir: PathBuf,
    /// Paid calls allowed in one calendar month, over all runs.
    pub max_calls_per_month: u32,
}

/// What a run would cost at least: one call for each month that is not in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Calls at least; further pages and retries come on top.
    pub calls: u32,
    /// Their price in USD.
    pub price_usd: Decimal,
    /// Calls left in this month's budget.
    pub budget_left: u32,
    /// Months that the cache answers.
    pub cached_months: u32,
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fetched {
    /// Daily charges, in order of day, account, service.
    pub charges: Vec<Charge>,
    /// Paid calls of this run, retries included.
    pub calls: u32,
    /// Months answered by the cache.
    pub cached_months: u32,
    /// Days whose amounts AWS still calls estimated.
    pub estimated_days: u32,
    /// SHA-256 of the answers, in hexadecimal: the same answers need not be imported twice.
    pub checksum: String,
    /// Size of the answers.
    pub bytes: u64,
}

/// Why a fetch stopped. What had arrived stays in the cache, so a later run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The month's paid calls are used up.
    #[error(
        "the budget of {allowed} paid Cost Explorer calls in {month} is used up: raise max_calls_per_month or wait for the next month; what was fetched is kept"
    )]
    BudgetUsedUp {
        /// Calls allowed in the month.
        allowed: u32,
        /// The month.
        month: BillingMonth,
    },
    /// The API refused, also after retries.
    #[error("Cost Explorer did not answer for {month}, page {page}: {detail}; {next_step}")]
    Refused {
        /// Month asked for.
        month: BillingMonth,
        /// Page asked for, from 1.
        page: usize,
        /// What it said.
        detail: String,
        /// What to do.
        next_step: &'static str,
    },
    /// An answer that makes no sense.
    #[error("Cost Explorer's answer for {month} has {found:?} as {field}: expected {expected}")]
    Malformed {
        /// Month asked for.
        month: BillingMonth,
        /// Which field.
        field: &'static str,
        /// What stood there.
        found: String,
        /// What should have.
        expected: &'static str,
    },
    /// The settings make no sense.
    #[error("cost explorer settings: {0}")]
    Settings(String),
    /// The cache folder could not be read or written.
    #[error("cannot use the cost explorer cache {path}")]
    Cache {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl CostExplorer {
    /// What a run at `as_of` would cost at least, without calling anything.
    pub fn estimate(&self, as_of: DateTime<Utc>) -> Result<Estimate, SourceError> {
        self.check()?;
        let months = self.months();
        let cached = months
            .iter()
            .filter(|month| self.cached(**month, as_of).is_some_and(|cached| cached.complete))
            .count();
        let calls = u32::try_from(months.len() - cached).unwrap_or(u32::MAX);
        let budget = Budget::open(&self.cache_dir, as_of, self.max_calls_per_month)?;
        Ok(Estimate {
            calls,
            price_usd: Decimal::new(i64::from(calls) * CENTS_PER_CALL, 2),
            budget_left: budget.left(),
            cached_months: u32::try_from(cached).unwrap_or(u32::MAX),
        })
    }

    /// Fetches what the cache does not have. Credentials come from the usual AWS places.
    pub async fn fetch(&self, as_of: DateTime<Utc>) -> Result<Fetched, SourceError> {
        let shared =
            aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1")).load().await;
        self.fetch_with(&shared, as_of).await
    }

    async fn fetch_with(
        &self,
        shared: &aws_config::SdkConfig,
        as_of: DateTime<Utc>,
    ) -> Result<Fetched, SourceError> {
        self.check()?;
        // Retries are paid too: they are made, and counted, here.
        let mut config =
            aws_sdk_costexplorer::config::Builder::from(shared).retry_config(RetryConfig::disabled());
        if let Some(url) = &self.endpoint_url {
            config = config.endpoint_url(url);
        }
        let client = Client::from_conf(config.build());
        let mut budget = Budget::open(&self.cache_dir, as_of, self.max_calls_per_month)?;
        let mut fetched = Fetched::default();
        let mut digest = Sha256::new();
        for month in self.months() {
            let cached = self.cached(month, as_of);
            if cached.as_ref().is_some_and(|cached| cached.complete) {
                fetched.cached_months += 1;
            }
            let whole = match cached {
                Some(cached) if cached.complete => cached,
                unfinished => self.fetch_month(&client, &mut budget, month, unfinished).await?,
            };
            let answers = whole.pages_as_text();
            fetched.bytes += answers.len() as u64;
            digest.update(answers);
            let (charges, estimated_days) = charges::from_pages(self, month, &whole.pages)?;
            fetched.charges.extend(charges);
            fetched.estimated_days += estimated_days;
        }
        fetched.checksum = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        fetched.calls = budget.spent_now();
        Ok(fetched)
    }

    fn check(&self) -> Result<(), SourceError> {
        if self.start >= self.end {
            return Err(SourceError::Settings(format!(
                "start {} is not before end {}",
                self.start, self.end
            )));
        }
        if self.group_by.is_empty() || self.group_by.len() > 2 {
            return Err(SourceError::Settings(format!(
                "group_by has {} dimensions: expected one or two",
                self.group_by.len()
            )));
        }
        Ok(())
    }

    fn months(&self) -> Vec<BillingMonth> {
        let at = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        let last = BillingMonth::of(at(self.end.pred_opt().unwrap_or(self.end)));
        std::iter::successors(Some(BillingMonth::of(at(self.start))), |month| {
            (*month < last).then(|| month.next())
        })
        .collect()
    }

    /// The days of `month` to ask for: all of it, up to `end`.
    fn days(&self, month: BillingMonth) -> (NaiveDate, NaiveDate) {
        (month.first_day().max(self.start), month.next().first_day().min(self.end))
    }

    /// The cached answers of `month`. One that could still change is usable only on the day it was fetched.
    fn cached(&self, month: BillingMonth, as_of: DateTime<Utc>) -> Option<CachedMonth> {
        let cached = CachedMonth::read(&self.cache_dir, &self.cache_key(month))?;
        let closed_from = month.next().first_day().checked_add_days(Days::new(DAYS_UNTIL_CLOSED))?;
        let fresh = cached.fetched_on >= closed_from || cached.fetched_on == as_of.date_naive();
        fresh.then_some(cached)
    }

    fn cache_key(&self, month: BillingMonth) -> String {
        let (from, to) = self.days(month);
        let dimensions: Vec<&str> = self.group_by.iter().map(|dimension| dimension.key()).collect();
        format!("{}-{from}-{to}-{}", self.billing_account_id, dimensions.join("-"))
    }

    /// Goes on after the pages that are already there; starts anew when their token has expired.
    async fn fetch_month(
        &self,
        client: &Client,
        budget: &mut Budget,
        month: BillingMonth,
        unfinished: Option<CachedMonth>,
    ) -> Result<CachedMonth, SourceError> {
        let empty = CachedMonth {
            fetched_on: budget.today(),
            complete: false,
            next_page_token: None,
            pages: Vec::new(),
        };
        let mut so_far = unfinished.unwrap_or_else(|| empty.clone());
        let mut restarts = 0;
        while !so_far.complete {
            match self.fetch_page(client, budget, month, &so_far).await {
                Ok(output) => {
                    so_far.next_page_token = output.next_page_token.clone();
                    so_far.complete = output.next_page_token.is_none();
                    so_far.pages.push(CachedPage::from(output));
                    so_far.write(&self.cache_dir, &self.cache_key(month))?;
                }
                Err(PageError::TokenExpired) if restarts < RESTARTS => {
                    restarts += 1;
                    so_far = empty.clone();
                }
                Err(PageError::TokenExpired) => {
                    return Err(SourceError::Refused {
                        month,
                        page: so_far.pages.len() + 1,
                        detail: "the page token expired again and again".to_owned(),
                        next_step: "run the import again later",
                    });
                }
                Err(PageError::Final(error)) => return Err(error),
            }
        }
        Ok(so_far)
    }

    async fn fetch_page(
        &self,
        client: &Client,
        budget: &mut Budget,
        month: BillingMonth,
        so_far: &CachedMonth,
    ) -> Result<GetCostAndUsageOutput, PageError> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(ATTEMPTS - 1)
            .with_jitter();
        let budget = tokio::sync::Mutex::new(budget);
        let attempt = || async {
            budget.lock().await.spend().map_err(Attempt::Budget)?;
            self.request(client, month, so_far.next_page_token.clone())
                .await
                .map_err(|error| Attempt::Sent(Box::new(error)))
        };
        attempt.retry(backoff).when(Attempt::is_worth_retrying).await.map_err(|attempt| match attempt {
            Attempt::Budget(error) => PageError::Final(error),
            Attempt::Sent(error) if is_expired_token(&error) => PageError::TokenExpired,
            Attempt::Sent(error) => PageError::Final(SourceError::Refused {
                month,
                page: so_far.pages.len() + 1,
                detail: DisplayErrorContext(&error).to_string(),
                next_step: next_step(&error),
            }),
        })
    }

    async fn request(
        &self,
        client: &Client,
        month: BillingMonth,
        token: Option<String>,
    ) -> Result<GetCostAndUsageOutput, SdkError<GetCostAndUsageError>> {
        let (from, to) = self.days(month);
        let interval = DateInterval::builder().start(from.to_string()).end(to.to_string()).build();
        let groups = self.group_by.iter().map(|dimension| {
            GroupDefinition::builder().r#type(GroupDefinitionType::Dimension).key(dimension.key()).build()
        });
        client
            .get_cost_and_usage()
            .time_period(interval.map_err(SdkError::construction_failure)?)
            .granularity(Granularity::Daily)
            .metrics("UnblendedCost")
            .metrics("AmortizedCost")
            .metrics("UsageQuantity")
            .set_group_by(Some(groups.collect()))
            .set_next_page_token(token)
            .send()
            .await
    }
}

enum PageError {
    TokenExpired,
    Final(SourceError),
}

enum Attempt {
    Budget(SourceError),
    Sent(Box<SdkError<GetCostAndUsageError>>),
}

impl Attempt {
    fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Budget(_) => false,
            Self::Sent(error) => match error.as_ref() {
                SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => true,
                SdkError::ServiceError(context) => {
                    context.raw().status().is_server_error()
                        || matches!(
                            context.err().code(),
                            Some(
                                "LimitExceededException"
                                    | "ThrottlingException"
                                    | "TooManyRequestsException"
                                    | "RequestLimitExceeded"
                            )
                        )
                }
                _ => false,
            },
        }
    }
}

fn is_expired_token(error: &SdkError<GetCostAndUsageError>) -> bool {
    matches!(
        error.as_service_error(),
        Some(
            GetCostAndUsageError::InvalidNextTokenException(_)
                | GetCostAndUsageError::RequestChangedException(_)
        )
    )
}

fn next_step(error: &SdkError<GetCostAndUsageError>) -> &'static str {
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("AccessDeniedException" | "UnrecognizedClientException" | "InvalidClientTokenId") => {
            "check the AWS credentials and allow the action ce:GetCostAndUsage"
        }
        Some("DataUnavailableException") => "enable Cost Explorer in the payer account and wait a day",
        _ => "run the import again later; what was fetched is kept",
    }
}

#[cfg(test)]
mod tests;
