//! A policy, such as the adviser's, in the languages of schedules: its minimum over time, and what adds to it.

use domain::{CapacityPlan, Forecast, Stamp};

use super::schedule::ExportError;
use super::{Format, aws_cli, export, schedule, terraform};
use crate::adviser::ScheduleTried;
use crate::plan::plan;
use crate::policy::{Policy, Reaction, Rule, Signal, minutes_between};
use crate::policy_name::PolicyName;
use crate::settings::{Settings, SettingsInput};

/// What adds to the minimum, as far as files can say it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Adds {
    /// Target tracking at a share of an instance.
    Tracking(f64),
    /// Step scaling around a share of CPU.
    Steps(f64),
    Nothing,
}

/// A policy for the group `name`, whose demand is `demand`, as one document that names it in its first lines; `tried` is what
/// its schedule is made for, where it has one of its own.
///
/// Requests per instance are tracked as CPU at the same share, except in `keda-prometheus`; where nothing adds to the
/// minimum, the group cannot get larger than it.
///
/// # Errors
/// Those of [`export`], and a rule that the format cannot say: step scaling outside Terraform, and queues.
pub fn export_policy(
    name: &str,
    demand: &Forecast,
    policy: &PolicyName,
    tried: Option<ScheduleTried>,
    format: Format,
    settings: &Settings,
) -> Result<String, ExportError> {
    let cannot = |what: &str| ExportError::NotSaid { policy: policy.to_string(), what: what.to_owned() };
    let own = match tried {
        Some(tried) => SettingsInput {
            risk: tried.risk,
            schedule_utilization: Some(tried.schedule_utilization),
            ..settings.given.clone()
        },
        None => settings.given.clone(),
    };
    let own = own.check().map_err(|error| cannot(&error.to_string()))?;
    let mut schedule = plan(demand, &own);
    schedule.unique_id = name.to_owned();
    let followed = Policy::of(policy, &schedule, demand.grid.start, &own);
    let adds = adds(&followed.rules).ok_or_else(|| cannot("no format says how a queue is followed"))?;
    follow(&mut schedule, &followed, demand.grid.start);
    let peak = schedule.rows.iter().map(|row| row.scheduled).max();
    let mut written = SettingsInput { schedule_utilization: None, ..own.given.clone() };
    match adds {
        Adds::Tracking(share) | Adds::Steps(share) => written.target_utilization = share,
        Adds::Nothing => (written.target_utilization, written.limit) = (1.0, peak),
    }
    let written = written.check().map_err(|error| cannot(&error.to_string()))?;
    let groups = || schedule::groups(std::slice::from_ref(&schedule), &written);
    let terraform = matches!(format, Format::Terraform | Format::TerraformPolicy);
    let text = match (adds, format) {
        (Adds::Steps(_), _) if format.fits_steps(settings.given.kind) => {
            terraform::write_with_steps(&groups()?)
        }
        (Adds::Steps(_), _) => {
            return Err(cannot(
                "step scaling can be taken as terraform only, and for autoscaling groups only",
            ));
        }
        (Adds::Nothing, _) if terraform => terraform::write(&groups()?),
        (Adds::Tracking(_), _) if terraform => terraform::write_with_policies(&groups()?),
        (Adds::Tracking(_), Format::AwsCli) => aws_cli::write_with_policies(&groups()?),
        _ => export(std::slice::from_ref(&schedule), format, &written)?,
    };
    Ok(with_head(text, &head(name, policy, tried, adds, format), format))
}

/// What the rules add; `None` for a rule that no file says. Of several that track, the lowest target wants most.
fn adds(rules: &[Rule]) -> Option<Adds> {
    let mut adds = Adds::Nothing;
    for rule in rules {
        adds = match (rule.signal, rule.reaction, adds) {
            (Signal::Queue, _, _) => return None,
            (_, Reaction::Step, _) => Adds::Steps(rule.target),
            (_, Reaction::Tracking, Adds::Tracking(lowest)) => Adds::Tracking(lowest.min(rule.target)),
            (_, Reaction::Tracking, _) => Adds::Tracking(rule.target),
        };
    }
    Some(adds)
}

/// Puts the policy's minimum in the place of the schedule.
fn follow(plan: &mut CapacityPlan, policy: &Policy, start: Stamp) {
    for row in &mut plan.rows {
        let minute = u64::try_from(minutes_between(start, row.ds)).unwrap_or(0);
        let after = policy.minimum.partition_point(|(from, _)| *from <= minute);
        row.scheduled = policy.minimum.get(after.max(1) - 1).map_or(0, |(_, level)| *level);
    }
}

fn head(name: &str, policy: &PolicyName, tried: Option<ScheduleTried>, adds: Adds, format: Format) -> String {
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    let schedule = tried.map_or(String::new(), |tried| {
        format!(
            ", its schedule made at a risk of {} % and up to {:.0} % utilization",
            (tried.risk * 1e5).round() / 1e3,
            tried.schedule_utilization * 100.0
        )
    });
    let adds = match (adds, format) {
        (Adds::Tracking(share), Format::KedaPrometheus) => {
            format!("requests are tracked at {:.0} % of what saturates a replica", share * 100.0)
        }
        (Adds::Tracking(share), _) => format!("CPU is tracked at {:.0} %", share * 100.0),
        (Adds::Steps(share), _) => format!("steps around {:.0} % CPU add to the group", share * 100.0),
        (Adds::Nothing, _) => "nothing adds to the minimum".to_owned(),
    };
    format!("Headroom: {policy} for {name}{schedule}; {adds}.")
}

/// As a comment behind the line that names the interpreter; JSON has none, so it is the template's description.
fn with_head(text: String, head: &str, format: Format) -> String {
    if format == Format::AzureAutoscale {
        let template: Result<serde_json::Value, _> = serde_json::from_str(&text);
        return template.map_or(text, |mut template| {
            template["metadata"] = serde_json::json!({ "description": head });
            format!("{template:#}\n")
        });
    }
    match text.strip_prefix("#!").and_then(|rest| rest.split_once('\n')) {
        Some((interpreter, rest)) => format!("#!{interpreter}\n# {head}\n{rest}"),
        None => format!("# {head}\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Frequency, Grid};
    use serde_json::Value;

    use super::*;
    use crate::testing::{assert_shell, yaml_documents};

    /// Four hours whose median needs 2, 10, 10 and 4 instances at 70 % of 100.
    fn demand() -> Forecast {
        let start = Stamp::Time("2026-11-27T00:00:00Z".parse().unwrap());
        let path = vec![140.0, 700.0, 700.0, 280.0];
        crate::testing::forecast(
            Grid { start, frequency: Frequency::HOUR },
            &[0.5, 0.99],
            &[path.clone(), path],
        )
    }

    fn settings() -> Settings {
        let input = SettingsInput { lead_time_seconds: 0, change_penalty: 0.0, ..SettingsInput::new(100.0) };
        input.check().unwrap()
    }

    fn write(policy: &str, format: Format) -> Result<String, ExportError> {
        let schedule = matches!(policy, "planned" | "scheduled")
            .then_some(ScheduleTried { risk: 0.05, schedule_utilization: 0.7 });
        export_policy("shop", &demand(), &policy.parse().unwrap(), schedule, format, &settings())
    }

    /// Kind and attributes of every block of a Terraform text, the nested ones after their own.
    fn blocks(text: &str) -> Vec<(String, Vec<(String, String)>)> {
        fn collect(body: &hcl::Body, label: &str, into: &mut Vec<(String, Vec<(String, String)>)>) {
            let text = |value: &hcl::Expression| value.to_string().trim_matches('"').to_owned();
            let own = body.attributes().map(|found| (found.key().to_owned(), text(found.expr()))).collect();
            into.push((label.to_owned(), own));
            for block in body.blocks() {
                let label = block.labels().first().map_or(block.identifier(), |label| label.as_str());
                collect(block.body(), label, into);
            }
        }
        let mut found = Vec::new();
        collect(&hcl::from_str(text).unwrap(), "", &mut found);
        found
    }

    fn values(text: &str, label: &str, key: &str) -> Vec<String> {
        let of = blocks(text).into_iter().filter(|(found, _)| found == label);
        of.flat_map(|(_, own)| own.into_iter().filter(|(found, _)| found == key).map(|(_, value)| value))
            .collect()
    }

    #[test]
    fn terraform_holds_the_minimum_and_the_target_of_the_policy() {
        let predictive = write("predictive-50", Format::Terraform).unwrap();
        // The median at 50 % of 100: 3, 14, 6.
        assert_eq!(values(&predictive, "aws_autoscaling_schedule", "min_size"), ["3", "14", "6"]);
        assert_eq!(values(&predictive, "target_tracking_configuration", "target_value"), ["50"]);
        assert!(predictive.starts_with("# Headroom: predictive-50 for shop; CPU is tracked at 50 %.\n"));
        let planned = write("planned", Format::TerraformPolicy).unwrap();
        assert_eq!(values(&planned, "aws_autoscaling_schedule", "min_size"), ["2", "10", "4"]);
        assert!(
            planned.contains("its schedule made at a risk of 5 % and up to 70 % utilization"),
            "{planned}"
        );
        let reactive = write("reactive-80", Format::Terraform).unwrap();
        assert_eq!(values(&reactive, "aws_autoscaling_schedule", "min_size"), ["1"]);
        assert_eq!(values(&reactive, "target_tracking_configuration", "target_value"), ["80"]);
        let both = write("predictive-50+requests-40", Format::Terraform).unwrap();
        assert_eq!(values(&both, "target_tracking_configuration", "target_value"), ["40"]);
    }

    #[test]
    fn what_nothing_adds_to_cannot_grow() {
        let fixed = write("static-peak", Format::Terraform).unwrap();
        for key in ["min_size", "max_size"] {
            assert_eq!(values(&fixed, "aws_autoscaling_schedule", key), ["10"]);
        }
        assert!(values(&fixed, "target_tracking_configuration", "target_value").is_empty());
        let hpa = &yaml_documents(&write("static-12", Format::K8sHpa).unwrap())[0]["spec"];
        assert_eq!((&hpa["minReplicas"], &hpa["maxReplicas"]), (&Value::from(12), &Value::from(12)));
    }

    #[test]
    fn steps_are_those_of_the_simulator() {
        let steps = write("step-60", Format::Terraform).unwrap();
        assert_eq!(values(&steps, "step_adjustment", "scaling_adjustment"), ["20", "50", "100", "-10"]);
        assert_eq!(
            values(&steps, "step_adjustment", "metric_interval_lower_bound"),
            ["0", "10", "20"],
            "percentage points above the alarm"
        );
        assert_eq!(values(&steps, "aws_cloudwatch_metric_alarm", "threshold"), ["60", "30"]);
        super::super::terraform::tests::assert_formatted(steps.split_once('\n').unwrap().1);
        let refused = write("step-60", Format::K8sHpa).unwrap_err().to_string();
        assert_eq!(
            refused,
            "step-60: step scaling can be taken as terraform only, and for autoscaling groups only"
        );
        assert!(write("queue-5", Format::Terraform).unwrap_err().to_string().contains("queue"));
    }

    #[test]
    fn every_format_holds_what_was_advised() {
        for (word, format) in Format::ALL {
            let text = write("predictive-50", format).unwrap();
            assert!(text.contains("Headroom: predictive-50 for shop"), "{word}: {text}");
            assert!(text.contains("14"), "{word}: {text}");
            match format {
                Format::Terraform | Format::TerraformPolicy => assert!(!blocks(&text).is_empty()),
                Format::AzureAutoscale => {
                    let template: Value = serde_json::from_str(&text).unwrap();
                    let profile = &template["resources"][0]["properties"]["profiles"][2];
                    assert_eq!(profile["capacity"]["minimum"], "14");
                    assert_eq!(profile["rules"][0]["metricTrigger"]["threshold"], 50);
                }
                Format::K8sHpa => {
                    let hpa = &yaml_documents(&text)[0]["spec"];
                    assert_eq!(hpa["metrics"][0]["resource"]["target"]["averageUtilization"], 50);
                }
                Format::KedaCron => {
                    let triggers = &yaml_documents(&text)[0]["spec"]["triggers"];
                    assert_eq!(triggers[0]["metadata"]["value"], "50");
                    assert_eq!(triggers[1]["metadata"]["desiredReplicas"], "14");
                }
                Format::KedaPrometheus => {
                    let triggers = &yaml_documents(&text)[0]["spec"]["triggers"];
                    assert_eq!(triggers[0]["metadata"]["threshold"], "50", "half of 100 requests");
                }
                Format::AwsCli | Format::GcpAutoscaler | Format::AzureCli => {
                    assert!(text.starts_with("#!") && text.contains("50"), "{text}");
                    assert_shell(&text);
                }
            }
        }
        let script = write("reactive-80", Format::AwsCli).unwrap();
        let json =
            script.split("--target-tracking-configuration '").nth(1).unwrap().split('\'').next().unwrap();
        let tracked: Value = serde_json::from_str(json).unwrap();
        assert_eq!(tracked["TargetValue"], 80);
    }
}
