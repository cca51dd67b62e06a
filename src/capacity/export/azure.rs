//! A Resource Manager template with the profiles of an Azure autoscale setting.

use serde_json::{Value, json};

use super::schedule::{Group, Segment, rfc3339};

/// Azure allows 20 profiles a setting; one is the default.
const MOST_FIXED_PROFILES: usize = 19;

/// One fixed-date profile a segment, each with rules on CPU on top; at most 19, coarser where there are more.
pub(super) fn write(groups: &[Group]) -> String {
    let parameters: serde_json::Map<String, Value> = groups
        .iter()
        .map(|group| {
            let description = format!("Resource id of the scale set behind {}", group.name);
            (parameter(group), json!({ "type": "string", "metadata": { "description": description } }))
        })
        .collect();
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "resources": groups.iter().map(setting).collect::<Vec<_>>(),
    });
    format!("{template:#}\n")
}

fn parameter(group: &Group) -> String {
    format!("{}-target", group.name)
}

fn setting(group: &Group) -> Value {
    let target = format!("[parameters('{}')]", parameter(group));
    let mut profiles = vec![json!({
        "name": "outside the plan",
        "capacity": capacity(group.smallest.min(group.maximum), group.maximum),
        "rules": rules(group, &target),
    })];
    profiles
        .extend(group.at_most(MOST_FIXED_PROFILES).iter().map(|segment| profile(group, segment, &target)));
    json!({
        "type": "Microsoft.Insights/autoscaleSettings",
        "apiVersion": "2022-10-01",
        "name": format!("headroom-{}", group.name),
        "location": "[resourceGroup().location]",
        "properties": {
            "enabled": true,
            "targetResourceUri": target,
            "profiles": profiles,
        },
    })
}

fn profile(group: &Group, segment: &Segment, target: &str) -> Value {
    json!({
        "name": format!("headroom-{}", segment.label()),
        "capacity": capacity(segment.minimum, group.maximum),
        "fixedDate": { "timeZone": "UTC", "start": rfc3339(segment.from), "end": rfc3339(segment.until) },
        "rules": rules(group, target),
    })
}

/// Azure wants numbers as text here.
fn capacity(minimum: u32, maximum: u32) -> Value {
    json!({ "minimum": minimum.to_string(), "maximum": maximum.to_string(), "default": minimum.to_string() })
}

/// More above the target, fewer below half of it.
fn rules(group: &Group, target: &str) -> Value {
    let rule = |operator: &str, threshold: u32, direction: &str, percent: &str, cooldown: &str| {
        json!({
            "metricTrigger": {
                "metricName": "Percentage CPU",
                "metricResourceUri": target,
                "timeGrain": "PT1M",
                "statistic": "Average",
                "timeWindow": "PT5M",
                "timeAggregation": "Average",
                "operator": operator,
                "threshold": threshold,
            },
            "scaleAction": {
                "direction": direction,
                "type": "PercentChangeCount",
                "value": percent,
                "cooldown": cooldown,
            },
        })
    };
    json!([
        rule("GreaterThan", group.target_percent, "Increase", "20", "PT3M"),
        rule("LessThan", group.target_percent / 2, "Decrease", "10", "PT15M"),
    ])
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::{example, plan};
    use super::*;
    use crate::settings::SettingsInput;

    fn fixed(text: &str, resource: usize) -> Vec<(String, String, String)> {
        let template: Value = serde_json::from_str(text).unwrap();
        let profiles = template["resources"][resource]["properties"]["profiles"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        profiles[1..]
            .iter()
            .map(|profile| {
                let date = &profile["fixedDate"];
                (text(&date["start"]), text(&date["end"]), text(&profile["capacity"]["minimum"]))
            })
            .collect()
    }

    #[test]
    fn profiles_are_the_segments() {
        let text = write(&example());
        let expected: Vec<(String, String, String)> = example()[0]
            .segments()
            .iter()
            .map(|segment| (rfc3339(segment.from), rfc3339(segment.until), segment.minimum.to_string()))
            .collect();
        assert_eq!(fixed(&text, 0), expected);
        assert_eq!(fixed(&text, 1).len(), 1);
        insta::assert_snapshot!(
            serde_json::from_str::<Value>(&text).unwrap()["resources"][0]["properties"]["profiles"][2]["capacity"],
            @r#"{"default":"20","maximum":"48","minimum":"20"}"#
        );
    }

    #[test]
    fn never_more_profiles_than_azure_takes() {
        let levels: Vec<u32> = (0..400).map(|hour| 2 + (hour * 7) % 13).collect();
        let settings = SettingsInput::new(100.0).check().unwrap();
        let groups = super::super::schedule::groups(&[plan("busy", &levels)], &settings).unwrap();
        let found = fixed(&write(&groups), 0);
        assert!(found.len() <= MOST_FIXED_PROFILES);
        let at = |hour: i64| rfc3339(groups[0].segments()[0].from + chrono::Duration::hours(hour));
        for (hour, level) in (0..).zip(&levels) {
            let now = at(hour);
            let (_, _, minimum) = found.iter().find(|(start, end, _)| *start <= now && now < *end).unwrap();
            assert!(minimum.parse::<u32>().unwrap() >= *level, "{now}");
        }
    }
}
