//! A shell script that adds scaling schedules to Compute Engine managed instance groups.

use super::schedule::{Group, Segment};

/// Shortest schedule that Compute Engine takes.
const SHORTEST_SECONDS: i64 = 300;

/// Most schedules of one group.
const MOST_SCHEDULES: usize = 128;

/// One schedule a segment, on top of a policy that tracks CPU: Compute Engine asks for one. Schedules that
/// overlap count with the larger one; the year in the cron expression makes each happen once.
pub(super) fn write(groups: &[Group]) -> String {
    let mut script =
        "#!/usr/bin/env bash\n# The region of the groups has to be set: export REGION=…\nset -euo pipefail\n\
                      : \"${REGION:?set REGION to the region of the managed instance groups}\"\n"
            .to_owned();
    for group in groups {
        let name = &group.name;
        script += &format!(
            "\ngcloud compute instance-groups managed set-autoscaling '{name}' --region \"$REGION\" \\\n  \
             --min-num-replicas {} --max-num-replicas {} --target-cpu-utilization {:.2}\n",
            group.smallest.min(group.maximum),
            group.maximum,
            f64::from(group.target_percent) / 100.0,
        );
        for segment in group.at_most(MOST_SCHEDULES) {
            script += &format!(
                "\ngcloud compute instance-groups managed update-autoscaling '{name}' --region \"$REGION\" \\\n  \
                 --set-schedule 'headroom-{}' --schedule-cron '{}' --schedule-time-zone UTC \\\n  \
                 --schedule-duration-sec {} --schedule-min-required-replicas {}\n",
                segment.label(),
                segment.from.format("%-M %-H %-d %-m * %Y"),
                seconds(&segment),
                segment.minimum,
            );
        }
    }
    script
}

fn seconds(segment: &Segment) -> i64 {
    (segment.until - segment.from).num_seconds().max(SHORTEST_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn is_a_script_with_one_schedule_a_segment() {
        insta::assert_snapshot!(write(&example()[1..]), @r##"
#!/usr/bin/env bash
# The region of the groups has to be set: export REGION=…
set -euo pipefail
: "${REGION:?set REGION to the region of the managed instance groups}"

gcloud compute instance-groups managed set-autoscaling 'group-7-berall-x-a' --region "$REGION" \
  --min-num-replicas 1 --max-num-replicas 8 --target-cpu-utilization 0.70

gcloud compute instance-groups managed update-autoscaling 'group-7-berall-x-a' --region "$REGION" \
  --set-schedule 'headroom-202611262200' --schedule-cron '0 22 26 11 * 2026' --schedule-time-zone UTC \
  --schedule-duration-sec 7200 --schedule-min-required-replicas 4
"##);
    }

    #[test]
    fn holds_every_segment() {
        let text = write(&example());
        let cron = "--schedule-cron '0 23 26 11 * 2026' --schedule-time-zone UTC";
        assert_eq!(text.matches(cron).count(), 1);
        assert!(text.contains("--schedule-duration-sec 7200 --schedule-min-required-replicas 20\n"));
        assert_eq!(text.matches("--set-schedule").count(), 5);
        crate::testing::assert_shell(&text);
    }
}
