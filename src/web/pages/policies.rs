//! Policies of a workload: a trigger tested on past and future demand, and the cheapest policy that keeps a goal.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use capacity::export::Format;
use capacity::{Advice, Candidate, Goal, PolicyName, Trigger};
use domain::CapacityKind;
use serde::Deserialize;

use crate::error::WebError;
use crate::layout::{Layout, page};
use crate::pages::scenarios::{self, Chosen};
use crate::path;
use crate::session::{Visitor, connection};
use crate::state::App;
use crate::workload::{Known, TriggerTest, configured};

/// Policies that the page offers; any other can be typed.
pub(crate) const OFFERED: [&str; 5] = ["planned", "reactive-70", "requests-70", "scheduled", "static-peak"];
/// Candidates that are shown on either side of the chosen one.
const AROUND: usize = 6;

/// What is asked; everything is optional and in the URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PoliciesQuery {
    trigger: String,
    policy: String,
    latency_ms: String,
    unserved_percent: String,
    scenario: String,
}

impl PoliciesQuery {
    /// The scenario that comes on top of today's events; a form that leaves it open sends an empty field.
    fn chosen(&self) -> Result<Chosen, WebError> {
        let text = self.scenario.trim();
        if text.is_empty() {
            return Ok(Chosen::default());
        }
        let scenario =
            text.parse().map_err(|_| WebError::NotFound(format!("There is no scenario “{text}”.")))?;
        Ok(Chosen { scenario: Some(scenario) })
    }
}

#[derive(Template)]
#[template(path = "workload_policies.html")]
struct PoliciesPage {
    layout: Layout,
    name: String,
    kind: CapacityKind,
    asked: PoliciesQuery,
    offered: [&'static str; 5],
    scenarios: Vec<(i64, String)>,
    tests: Option<Vec<TriggerTest>>,
    advice: Option<Advice>,
    under: String,
    scenario: Option<i64>,
    problem: Option<String>,
}

/// `GET /capacity/policies/{name}`.
pub(crate) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<PoliciesQuery>,
) -> Result<Response, WebError> {
    let workload = configured(&app, &name)?;
    let mut conn = connection(&app).await?;
    let (conn, org) = (&mut *conn, visitor.org());
    let saved = scenarios::list(conn, org).await?;
    let chosen = asked.chosen()?;
    let (under, changes) = scenarios::changes(&saved, chosen)?;
    let names = saved.iter().map(|(id, named)| (*id, named.name.clone())).collect();
    let (mut tests, mut advice, mut problem) = (None, None, None);
    match question(&asked) {
        Ok(Some(question)) => {
            let known = Known::read(conn, org, workload).await?;
            let named = saved.into_iter().map(|(_, named)| named).collect();
            let answered = match question {
                Question::Trigger(trigger, policy) => {
                    known.test_trigger(trigger, policy, named).await.map(|found| tests = Some(found))
                }
                Question::Advice(goal) => {
                    known.advise(goal, &changes).await.map(|found| advice = Some(found))
                }
            };
            match answered {
                Err(WebError::Invalid(_, wrong)) => problem = Some(wrong),
                other => other?,
            }
        }
        Ok(None) => {}
        Err(error) => problem = Some(error.detail()),
    }
    page(&PoliciesPage {
        layout: Layout::new(&visitor, "/capacity", format!("Policies of {name}")),
        offered: OFFERED,
        scenario: chosen.scenario,
        kind: workload.settings.kind,
        name,
        asked,
        scenarios: names,
        tests,
        advice,
        under,
        problem,
    })
}

/// What the address asks.
#[derive(Debug, PartialEq)]
enum Question {
    Trigger(Trigger, PolicyName),
    Advice(Goal),
}

/// The question, none where nothing is asked, or the first field that can't be used.
fn question(asked: &PoliciesQuery) -> Result<Option<Question>, WebError> {
    if !asked.trigger.trim().is_empty() {
        let policy = if asked.policy.trim().is_empty() { "planned" } else { &asked.policy };
        let question = Question::Trigger(parse_trigger(&asked.trigger)?, parse_policy(policy)?);
        return Ok(Some(question));
    }
    if asked.latency_ms.trim().is_empty() && asked.unserved_percent.trim().is_empty() {
        return Ok(None);
    }
    let usual = Goal::default();
    let number = |field: &'static str, text: &str, otherwise: f64| {
        if text.trim().is_empty() {
            return Ok(otherwise);
        }
        let wrong = || WebError::Invalid(field, format!("{field} must be a number."));
        text.trim().parse::<f64>().map_err(|_| wrong())
    };
    let unserved = number("unserved_percent", &asked.unserved_percent, usual.unserved_share * 100.0)?;
    let goal = Goal {
        latency_p95_ms: number("latency_ms", &asked.latency_ms, usual.latency_p95_ms)?,
        unserved_share: unserved / 100.0,
    };
    Ok(Some(Question::Advice(check_goal(goal)?)))
}

/// The files of a policy that was tried, in each format that can say it.
fn downloads(
    candidate: &Candidate,
    workload: &str,
    kind: &CapacityKind,
    scenario: &Option<i64>,
) -> Vec<(&'static str, String)> {
    let schedule = candidate.schedule.map_or(String::new(), |tried| {
        format!("&risk={}&schedule_utilization={}", tried.risk, tried.schedule_utilization)
    });
    let under = scenario.map_or(String::new(), |key| format!("&scenario={key}"));
    let policy = path::encode(&candidate.policy);
    let steps = matches!(candidate.policy.parse(), Ok(PolicyName::Step(_)));
    let says = |format: &Format| if steps { format.fits_steps(*kind) } else { format.fits(*kind) };
    let formats = Format::ALL.iter().filter(|(_, format)| says(format));
    let name = path::encode(workload);
    formats
        .map(|(word, _)| (*word, format!("/capacity/exports/{word}/{name}?policy={policy}{schedule}{under}")))
        .collect()
}

/// The candidates next to the chosen one, cheapest first; where none keeps the goal, those that lose least.
fn around(advice: &Advice) -> Vec<&Candidate> {
    let all = &advice.candidates;
    match all.iter().position(|candidate| candidate.breaks.is_none()) {
        Some(chosen) => all[chosen.saturating_sub(AROUND)..].iter().take(2 * AROUND + 1).collect(),
        None => {
            let mut least: Vec<&Candidate> = all.iter().collect();
            least.sort_by(|a, b| a.unserved_share.total_cmp(&b.unserved_share));
            least.truncate(2 * AROUND + 1);
            least
        }
    }
}

/// A goal within its bounds.
pub(crate) fn check_goal(goal: Goal) -> Result<Goal, WebError> {
    if !(goal.latency_p95_ms > 0.0 && goal.latency_p95_ms.is_finite()) {
        let wanted = "The latency to keep must be above 0 ms.".to_owned();
        return Err(WebError::Invalid("latency_p95_ms", wanted));
    }
    if !(0.0..=1.0).contains(&goal.unserved_share) {
        let wanted = "The share that may stay unserved lies between nothing and everything.".to_owned();
        return Err(WebError::Invalid("unserved_share", wanted));
    }
    Ok(goal)
}

/// A trigger as typed.
pub(crate) fn parse_trigger(text: &str) -> Result<Trigger, WebError> {
    text.trim().parse().map_err(|error: capacity::UnknownTrigger| {
        WebError::Invalid("trigger", format!("This is an {error}."))
    })
}

/// A policy as typed.
pub(crate) fn parse_policy(text: &str) -> Result<PolicyName, WebError> {
    text.trim()
        .parse()
        .map_err(|error: capacity::UnknownPolicy| WebError::Invalid("policy", format!("This is an {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(trigger: &str, policy: &str, latency_ms: &str, unserved_percent: &str) -> PoliciesQuery {
        PoliciesQuery {
            trigger: trigger.to_owned(),
            policy: policy.to_owned(),
            latency_ms: latency_ms.to_owned(),
            unserved_percent: unserved_percent.to_owned(),
            scenario: String::new(),
        }
    }

    #[test]
    fn an_address_asks_for_a_trigger_for_advice_or_for_nothing() {
        assert_eq!(question(&PoliciesQuery::default()).unwrap(), None);
        let trigger = question(&asked("CPU > 70 %", "static-4", "", "")).unwrap();
        let wanted = Question::Trigger("CPU > 70 %".parse().unwrap(), PolicyName::Static(4));
        assert_eq!(trigger, Some(wanted));
        let goal = question(&asked("", "", "150", "0.5")).unwrap();
        assert_eq!(goal, Some(Question::Advice(Goal { latency_p95_ms: 150.0, unserved_share: 0.005 })));
    }

    #[test]
    fn a_scenario_is_left_open_or_is_a_key() {
        let chosen =
            |text: &str| PoliciesQuery { scenario: text.to_owned(), ..PoliciesQuery::default() }.chosen();
        assert_eq!(chosen("").unwrap().scenario, None);
        assert_eq!(chosen("7").unwrap().scenario, Some(7));
        assert!(matches!(chosen("seven"), Err(WebError::NotFound(_))));
    }

    #[test]
    fn what_was_advised_can_be_downloaded_in_every_format_that_can_say_it() {
        let candidate = |policy: &str, schedule| Candidate {
            policy: policy.to_owned(),
            schedule,
            instance_hours: 0.0,
            cost: rust_decimal::Decimal::ZERO,
            unserved_share: 0.0,
            minutes_short: 0.0,
            latency_p95_ms: 0.0,
            breaks: None,
        };
        let tried = capacity::ScheduleTried { risk: 0.05, schedule_utilization: 0.9 };
        let (group, readers) = (&CapacityKind::Instances, &CapacityKind::ReadReplicas);
        let planned = downloads(&candidate("planned", Some(tried)), "storefront web", group, &Some(7));
        assert_eq!(planned.len(), Format::ALL.len());
        let wanted = "/capacity/exports/terraform/storefront%20web?policy=planned&risk=0.05&schedule_utilization=0.9&scenario=7";
        assert_eq!(planned[0], ("terraform", wanted.to_owned()));
        let steps = downloads(&candidate("step-70", None), "web", group, &None);
        assert!(downloads(&candidate("step-70", None), "web", readers, &None).is_empty());
        let replicas = downloads(&candidate("planned", None), "web", readers, &None);
        assert_eq!(
            replicas.iter().map(|(word, _)| *word).collect::<Vec<_>>(),
            ["terraform", "aws-cli", "terraform-policy"]
        );
        assert_eq!(
            steps.iter().map(|(word, _)| *word).collect::<Vec<_>>(),
            ["terraform", "terraform-policy"]
        );
        let both = downloads(&candidate("predictive-70+requests-70", None), "web", group, &None);
        assert!(both[0].1.ends_with("?policy=predictive-70%2Brequests-70"), "{both:?}");
    }

    #[test]
    fn what_cannot_be_used_names_its_field() {
        for (query, field) in [
            (asked("memory > 3", "", "", ""), "trigger"),
            (asked("CPU > 70 %", "guess", "", ""), "policy"),
            (asked("", "", "soon", ""), "latency_ms"),
            (asked("", "", "0", ""), "latency_p95_ms"),
            (asked("", "", "", "101"), "unserved_share"),
        ] {
            assert!(
                matches!(question(&query), Err(WebError::Invalid(found, _)) if found == field),
                "{query:?}"
            );
        }
    }
}
