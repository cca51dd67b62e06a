//! Had the advice of older plans been followed: what it would have saved, on the usage that came.

use chrono::Duration;
use domain::Period;

use super::{Job, plan};

/// Ages in days at which a plan is looked back at: the youngest that is at least so old.
const AGES_DAYS: [i64; 3] = [21, 90, 365];

/// Replays and stores; says how many plans were looked back at.
pub(super) async fn look_back(job: &mut Job<'_>) -> anyhow::Result<usize> {
    let mut replays = Vec::new();
    for age in AGES_DAYS {
        let at = job.as_of - Duration::days(age);
        let Some(old) = store::plan::as_of(job.conn, job.org, at).await? else { continue };
        if replays.iter().any(|known: &domain::AdviceReplay| known.run_id == old.run_id) {
            continue;
        }
        let since = Period { start: old.plan.as_of, end: job.as_of };
        let facts = plan::facts_over(job, since).await?;
        let replay = tokio::task::block_in_place(|| optimize::replay::advice(old.run_id, &old.plan, &facts))?;
        replays.push(replay);
    }
    store::advice_replay::save(job.conn, job.org, job.run, &replays).await?;
    Ok(replays.len())
}
