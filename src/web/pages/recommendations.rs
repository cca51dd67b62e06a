//! Recommendations: the list with its filters, one in full, and its life: accept, snooze, dismiss, done.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use chrono::Duration;
use domain::{Currency, Provider, Recommendation, RecommendationStatus, Resource, RiskLabel};
use optimize::export::{Advice, Format, UnknownFormat, excerpt};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use store::audit::NewEntry;
use store::plan::{StatusChange, StoredRecommendation};

use crate::csv::{self, Cell};
use crate::error::{WebError, see_other};
use crate::layout::{Layout, page};
use crate::path;
use crate::session::{Visitor, connection};
use crate::show;
use crate::state::App;

/// Statuses that the list can show, in the order of a life.
pub(crate) const STATUSES: [&str; 6] = ["open", "accepted", "snoozed", "dismissed", "done", "all"];
/// What is still to be done: what exports are of when nothing else is asked for.
const TO_DO: &str = "open,accepted";
/// Rows of the list; the export has all.
const LIST_ROWS: usize = 500;
/// Longest reason that is kept.
const MAX_REASON_LETTERS: usize = 1000;
/// Days that a snooze may last.
const SNOOZE_DAYS: std::ops::RangeInclusive<i64> = 1..=365;

/// Which recommendations, in which order: the query string.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Selection {
    /// One or several with commas between them; `open` when empty.
    pub(crate) status: String,
    /// Owning team; `(none)` for those without one.
    pub(crate) team: String,
    /// Action type.
    pub(crate) action: String,
    /// Risk label.
    pub(crate) risk: String,
    /// Part of the summary, resource or account.
    pub(crate) q: String,
    /// `savings` (default), `risk` or `team`.
    pub(crate) sort: String,
    /// The key of the only one.
    pub(crate) key: String,
}

impl Selection {
    /// The recommendations that match, in order.
    pub(crate) fn apply(&self, all: Vec<StoredRecommendation>) -> Vec<StoredRecommendation> {
        let status = if self.status.is_empty() { "open" } else { &self.status };
        let needle = self.q.trim().to_lowercase();
        let matches = |stored: &StoredRecommendation| {
            let rec = &stored.recommendation;
            let team = rec.team.as_deref().unwrap_or("(none)");
            let text = [&rec.summary, &rec.account, rec.resource_id.as_ref().unwrap_or(&rec.key)];
            (status.split(',').any(|status| status == "all" || stored.status.as_str() == status))
                && (self.key.is_empty() || self.key == rec.key)
                && (self.team.is_empty() || self.team == team)
                && (self.action.is_empty() || self.action == rec.action_type.as_str())
                && (self.risk.is_empty() || self.risk == rec.risk.label.as_str())
                && (needle.is_empty() || text.iter().any(|text| text.to_lowercase().contains(&needle)))
        };
        let mut kept: Vec<StoredRecommendation> = all.into_iter().filter(matches).collect();
        let savings =
            |s: &StoredRecommendation| std::cmp::Reverse(s.recommendation.estimated_monthly_savings.expected);
        match self.sort.as_str() {
            "risk" => {
                kept.sort_by(|a, b| a.recommendation.risk.score.total_cmp(&b.recommendation.risk.score))
            }
            "team" => kept.sort_by(|a, b| {
                (&a.recommendation.team, savings(a)).cmp(&(&b.recommendation.team, savings(b)))
            }),
            _ => kept.sort_by_key(savings),
        }
        kept
    }

    fn path(&self, page: &str) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("status", &self.status),
            ("team", &self.team),
            ("action", &self.action),
            ("risk", &self.risk),
            ("q", &self.q),
            ("sort", &self.sort),
            ("key", &self.key),
        ];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            out.append_pair(name, value);
        }
        let query = out.finish();
        if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
    }
}

#[derive(Template)]
#[template(path = "recommendations.html")]
struct ListPage {
    layout: Layout,
    currency: Currency,
    tabs: Vec<(String, &'static str, usize, bool)>,
    selection: Selection,
    teams: Vec<String>,
    actions: Vec<&'static str>,
    risks: Vec<&'static str>,
    rows: Vec<StoredRecommendation>,
    matching: usize,
    total: Decimal,
    has_plan: bool,
    csv: String,
    /// Patches of the same list, where it has any.
    yaml: Option<String>,
    /// What carries it out: a name and where it is, for the clouds that the list is about.
    exports: Vec<(&'static str, String)>,
}

/// `GET /recommendations`.
pub(crate) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(selection): Query<Selection>,
) -> Result<Response, WebError> {
    let read = read(&app, &visitor).await?;
    let (currency, has_plan, all) = (read.currency, read.has_plan, read.all);
    let mut teams: Vec<String> =
        all.iter().map(|s| s.recommendation.team.clone().unwrap_or_else(|| "(none)".to_owned())).collect();
    let mut actions: Vec<&str> = all.iter().map(|s| s.recommendation.action_type.as_str()).collect();
    teams.sort();
    teams.dedup();
    actions.sort_unstable();
    actions.dedup();
    let current = if selection.status.is_empty() { "open" } else { selection.status.as_str() };
    let tabs = STATUSES.iter().map(|status| {
        let counted = Selection { status: (*status).to_owned(), ..Selection::default() };
        let link = Selection { status: (*status).to_owned(), ..selection.clone() }.path("/recommendations");
        (link, *status, counted.apply(all.clone()).len(), *status == current)
    });
    let tabs = tabs.collect();
    let mut rows = selection.apply(all);
    let total = rows.iter().map(|s| s.recommendation.estimated_monthly_savings.expected).sum();
    let matching = rows.len();
    let has_patches = rows.iter().any(|stored| stored.recommendation.patch.is_some());
    let exports = exports(&rows, &selection);
    rows.truncate(LIST_ROWS);
    page(&ListPage {
        layout: Layout::new(&visitor, "/recommendations", "Recommendations"),
        csv: selection.path("/recommendations.csv"),
        yaml: has_patches.then(|| selection.path("/recommendations.yaml")),
        exports,
        risks: RiskLabel::ALL.iter().map(|label| label.as_str()).collect(),
        currency,
        tabs,
        selection,
        teams,
        actions,
        rows,
        matching,
        total,
        has_plan,
    })
}

/// `GET /recommendations.csv`: the same list, every row.
pub(crate) async fn file(
    State(app): State<App>,
    visitor: Visitor,
    Query(selection): Query<Selection>,
) -> Result<Response, WebError> {
    let read = read(&app, &visitor).await?;
    let currency = read.currency;
    let rows = selection.apply(read.all).into_iter().map(|stored| {
        let rec = stored.recommendation;
        let savings = rec.estimated_monthly_savings;
        vec![
            rec.key.into(),
            stored.status.as_str().into(),
            rec.action_type.as_str().into(),
            rec.provider.as_str().into(),
            rec.account.into(),
            rec.region.unwrap_or_default().into(),
            rec.team.unwrap_or_default().into(),
            rec.resource_id.unwrap_or_default().into(),
            rec.current.into(),
            rec.recommended.unwrap_or_default().into(),
            Cell::Number(savings.expected),
            Cell::Number(savings.low),
            Cell::Number(savings.high),
            currency.as_str().into(),
            Cell::Statistic(rec.risk.score),
            rec.summary.into(),
        ]
    });
    let header = [
        "key",
        "status",
        "action_type",
        "provider",
        "account",
        "region",
        "team",
        "resource_id",
        "current",
        "recommended",
        "monthly_savings",
        "monthly_savings_low",
        "monthly_savings_high",
        "currency",
        "risk",
        "summary",
    ];
    Ok(csv::download("recommendations.csv", &header, rows.collect()))
}

/// `GET /recommendations.yaml`: the Kubernetes patches of the same list, every row that has one.
pub(crate) async fn patches(
    State(app): State<App>,
    visitor: Visitor,
    Query(selection): Query<Selection>,
) -> Result<Response, WebError> {
    let read = read(&app, &visitor).await?;
    let patches: Vec<String> =
        selection.apply(read.all).into_iter().filter_map(|stored| stored.recommendation.patch).collect();
    Ok(csv::attachment("recommendations.yaml", "text/plain; charset=utf-8", patches.join("---\n")))
}

/// The documents that carry out what is on the list: of what is still to be done, unless another status is looked at.
fn exports(rows: &[StoredRecommendation], selection: &Selection) -> Vec<(&'static str, String)> {
    let to_do = matches!(selection.status.as_str(), "" | "open" | "accepted");
    let status = if to_do { TO_DO } else { selection.status.as_str() }.to_owned();
    let wanted = Selection { status, ..selection.clone() };
    let of_cloud = |provider: Provider| rows.iter().any(|stored| stored.recommendation.provider == provider);
    let formats = Format::ALL.into_iter().filter(|(_, format)| match format {
        Format::Terraform => !rows.is_empty(),
        Format::Cli(provider) => of_cloud(*provider),
    });
    formats.map(|(_, format)| (format_name(format), wanted.path(&export_path(format)))).collect()
}

fn export_path(format: Format) -> String {
    format!("/recommendations/exports/{}", format.name())
}

/// A format on a button.
fn format_name(format: Format) -> &'static str {
    match format {
        Format::Terraform => "Terraform",
        Format::Cli(Provider::Aws) => "AWS script",
        Format::Cli(Provider::Azure) => "Azure script",
        Format::Cli(Provider::Gcp) => "Google Cloud script",
    }
}

/// `GET /recommendations/exports/{format}`: what carries out the same list; open and accepted ones when no status is asked
/// for.
pub(crate) async fn export(
    State(app): State<App>,
    visitor: Visitor,
    Path(format): Path<String>,
    Query(selection): Query<Selection>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    exported(&mut conn, &app, visitor.org(), &selection, &format).await
}

/// The document of a format, to be saved.
pub(crate) async fn exported(
    conn: &mut store::PgConnection,
    app: &App,
    org: domain::OrganizationId,
    selection: &Selection,
    format: &str,
) -> Result<Response, WebError> {
    let format: Format =
        format.parse().map_err(|error: UnknownFormat| WebError::NotFound(error.to_string()))?;
    let plan = store::plan::latest(conn, org).await?;
    let plan = plan.ok_or_else(|| WebError::NotFound("There is no plan yet.".to_owned()))?;
    let all = store::plan::recommendations(conn, org, plan.run_id, app.now()).await?;
    let status = if selection.status.is_empty() { TO_DO.to_owned() } else { selection.status.clone() };
    let chosen = Selection { status, ..selection.clone() }.apply(all);
    let chosen: Vec<Recommendation> = chosen.into_iter().map(|stored| stored.recommendation).collect();
    let resources = store::resource::list(conn, org, None).await?;
    let resources: BTreeMap<&str, &Resource> =
        resources.iter().map(|resource| (resource.resource_id.as_str(), resource)).collect();
    let advice = Advice { as_of: plan.plan.as_of, recommendations: &chosen, resources: &resources };
    let body = optimize::export::export(advice, format);
    Ok(csv::attachment(format.file_name(), "text/plain; charset=utf-8", body))
}

struct Read {
    currency: Currency,
    has_plan: bool,
    all: Vec<StoredRecommendation>,
}

async fn read(app: &App, visitor: &Visitor) -> Result<Read, WebError> {
    let mut conn = connection(app).await?;
    let Some(plan) = store::plan::latest(&mut conn, visitor.org()).await? else {
        return Ok(Read { currency: Currency::USD, has_plan: false, all: vec![] });
    };
    let all = store::plan::recommendations(&mut conn, visitor.org(), plan.run_id, app.now()).await?;
    Ok(Read { currency: plan.plan.currency, has_plan: true, all })
}

#[derive(Template)]
#[template(path = "recommendation.html")]
struct DetailPage {
    layout: Layout,
    currency: Currency,
    stored: StoredRecommendation,
    history: Vec<StatusChange>,
    action: String,
    /// What carries it out: name, text, and where the whole file is.
    exports: Vec<(&'static str, String, String)>,
}

/// `GET /recommendations/{key}`.
pub(crate) async fn detail(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
) -> Result<Response, WebError> {
    let mut conn = connection(&app).await?;
    let stored = store::plan::recommendation(&mut conn, visitor.org(), &key, app.now()).await?;
    let history = store::plan::history(&mut conn, visitor.org(), &key).await?;
    let plan = store::plan::get(&mut conn, visitor.org(), stored.run_id).await?;
    let resource = match &stored.recommendation.resource_id {
        Some(id) => {
            store::resource::get(&mut conn, visitor.org(), id).await.map(Some).or_else(
                |error| match error {
                    store::StoreError::NotFound { .. } => Ok(None),
                    other => Err(other),
                },
            )?
        }
        None => None,
    };
    let resources: BTreeMap<&str, &Resource> =
        resource.iter().map(|resource| (resource.resource_id.as_str(), resource)).collect();
    let advice = Advice {
        as_of: plan.plan.as_of,
        recommendations: std::slice::from_ref(&stored.recommendation),
        resources: &resources,
    };
    let only = Selection { status: "all".to_owned(), key: key.clone(), ..Selection::default() };
    // Containers have their patch instead.
    let formats = [Format::Cli(stored.recommendation.provider), Format::Terraform];
    let formats = formats.into_iter().filter(|_| stored.recommendation.patch.is_none());
    let exports = formats
        .map(|format| (format_name(format), excerpt(advice, format), only.path(&export_path(format))))
        .collect();
    page(&DetailPage {
        layout: Layout::new(&visitor, "/recommendations", stored.recommendation.summary.clone()),
        currency: plan.plan.currency,
        action: path::recommendation_path(&key),
        exports,
        stored,
        history,
    })
}

/// What somebody decides.
#[derive(Debug, Clone, Deserialize, Serialize, utoipa::ToSchema)]
pub(crate) struct Decision {
    /// `open`, `accepted`, `snoozed`, `dismissed`, `done`, or `undo`.
    pub(crate) status: String,
    /// Needed to dismiss; a note otherwise.
    #[serde(default)]
    pub(crate) reason: String,
    /// Length of a snooze, 1 to 365.
    #[serde(default)]
    pub(crate) days: Option<i64>,
}

/// `POST /recommendations/{key}`.
pub(crate) async fn decide(
    State(app): State<App>,
    visitor: Visitor,
    Path(key): Path<String>,
    Form(decision): Form<Decision>,
) -> Result<Response, WebError> {
    visitor.editor()?;
    let mut conn = connection(&app).await?;
    let done = record(&mut conn, &app, visitor.org(), &visitor.user.email, &key, &decision).await?;
    Ok(see_other(&format!("{}?done={done}", path::recommendation_path(&key))))
}

/// Writes a decision and its audit entry; gives the notice to show.
pub(crate) async fn record(
    conn: &mut store::PgConnection,
    app: &App,
    org: domain::OrganizationId,
    by: &str,
    key: &str,
    decision: &Decision,
) -> Result<&'static str, WebError> {
    let now = app.now();
    let reason = decision.reason.trim();
    if reason.chars().count() > MAX_REASON_LETTERS {
        return Err(WebError::Invalid(
            "reason",
            format!("A reason has at most {MAX_REASON_LETTERS} letters."),
        ));
    }
    let (status, done) = match decision.status.as_str() {
        "open" => (RecommendationStatus::Open, "reopened"),
        "accepted" => (RecommendationStatus::Accepted, "accepted"),
        "done" => (RecommendationStatus::Done, "marked-done"),
        "dismissed" if reason.is_empty() => {
            return Err(WebError::Invalid(
                "reason",
                "Say why it is dismissed, so that others need not ask.".to_owned(),
            ));
        }
        "dismissed" => (RecommendationStatus::Dismissed { reason: reason.to_owned() }, "dismissed"),
        "snoozed" => {
            let days = decision.days.unwrap_or(30);
            if !SNOOZE_DAYS.contains(&days) {
                return Err(WebError::Invalid("days", "A snooze lasts 1 to 365 days.".to_owned()));
            }
            (RecommendationStatus::Snoozed { until: now + Duration::days(days) }, "snoozed")
        }
        "undo" => {
            store::plan::undo(conn, org, key, by, now).await?;
            return Ok("undone");
        }
        other => {
            let other: String = other.chars().take(40).collect();
            let wanted = "open, accepted, snoozed, dismissed, done or undo";
            return Err(WebError::Invalid(
                "status",
                format!("“{other}” is not a status: expected {wanted}."),
            ));
        }
    };
    let note = (!reason.is_empty()).then_some(reason);
    store::plan::set_status(conn, org, key, &status, by, note, now).await?;
    let action = format!("recommendation.{}", status.as_str());
    let detail = serde_json::json!({ "reason": reason });
    let entry = NewEntry { actor: by, action: &action, subject: key, detail };
    store::audit::record(conn, org, &entry, now).await?;
    Ok(done)
}

/// A status in words, with its end or reason.
pub(crate) fn status_text(status: &RecommendationStatus) -> String {
    match status {
        RecommendationStatus::Snoozed { until } => format!("snoozed until {}", show::day(until)),
        RecommendationStatus::Dismissed { reason } => format!("dismissed: {reason}"),
        other => other.as_str().to_owned(),
    }
}
