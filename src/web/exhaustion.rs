//! What fills up: disks and databases of known size, by when and by when to order more.

use capacity::Exhaustion;
use domain::{MetricName, OrganizationId};
use serde::Serialize;
use store::PgConnection;
use utoipa::ToSchema;

use crate::error::WebError;

/// Days from asking for more storage until it is there, where nobody says.
pub(crate) const LEAD_DAYS: u32 = 7;
/// Most days of that.
const MAX_LEAD_DAYS: u32 = 1000;

/// Something of a fixed size, and when it is used up.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Filling {
    /// The resource.
    pub(crate) resource_id: String,
    /// GiB used at the end of the first day ahead, by the median of the forecast.
    pub(crate) used_gib: f64,
    /// GiB that are expected at the end of the forecast, by its median.
    pub(crate) used_at_end_gib: f64,
    /// When it is full.
    pub(crate) exhaustion: Exhaustion,
}

/// Everything that has a size and a forecast of what is stored in it, the first that is full first; empty before the first
/// run.
pub(crate) async fn list(
    conn: &mut PgConnection,
    org: OrganizationId,
    lead_days: u32,
) -> Result<Vec<Filling>, WebError> {
    if lead_days > MAX_LEAD_DAYS {
        let wanted = format!("A lead time is at most {MAX_LEAD_DAYS} days here.");
        return Err(WebError::Invalid("lead_days", wanted));
    }
    let Some(run) = store::run::latest(conn, org).await? else { return Ok(vec![]) };
    let prefix = format!("{}/", MetricName::StorageUsed);
    let forecasts = store::forecast::beginning_with(conn, org, run.id, &prefix).await?;
    let resources = store::resource::list(conn, org, None).await?;
    let mut found: Vec<Filling> = forecasts
        .iter()
        .filter_map(|forecast| {
            let id = forecast.unique_id.strip_prefix(&prefix)?;
            let size_gib = resources.iter().find(|resource| resource.resource_id == id)?.size_gib?;
            let median = capacity::quantile_path(forecast, 0.5);
            Some(Filling {
                resource_id: id.to_owned(),
                used_gib: *median.first()?,
                used_at_end_gib: *median.last()?,
                exhaustion: capacity::exhaustion(forecast, size_gib, u64::from(lead_days) * 86_400),
            })
        })
        .collect();
    let fullness = |filling: &Filling| filling.used_at_end_gib / filling.exhaustion.limit;
    found.sort_by(|a, b| {
        let date = |filling: &Filling| (filling.exhaustion.p90_at.is_none(), filling.exhaustion.p90_at);
        date(a).cmp(&date(b)).then(fullness(b).total_cmp(&fullness(a)))
    });
    Ok(found)
}
