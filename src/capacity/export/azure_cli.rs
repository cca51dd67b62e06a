//! A shell script of `az monitor autoscale` for virtual machine scale sets.

use super::schedule::{Group, rfc3339};

/// Most profiles of one autoscale setting, the default one and its end markers aside.
const MOST_PROFILES: usize = 19;

/// One fixed-date profile a segment, with the rules of the default profile: CPU above and below the target.
pub(super) fn write(groups: &[Group]) -> String {
    let mut script = "#!/usr/bin/env bash\n# The resource group has to be set: export RESOURCE_GROUP=…\nset -euo pipefail\n\
                      : \"${RESOURCE_GROUP:?set RESOURCE_GROUP to the resource group of the scale sets}\"\n"
        .to_owned();
    for group in groups {
        let (name, most, target) = (&group.name, group.maximum, group.target_percent);
        let least = group.smallest.min(most);
        let setting = format!("--resource-group \"$RESOURCE_GROUP\" --autoscale-name 'headroom-{name}'");
        script += &format!(
            "\naz monitor autoscale create --resource-group \"$RESOURCE_GROUP\" --name 'headroom-{name}' \\\n  \
             --resource '{name}' --resource-type Microsoft.Compute/virtualMachineScaleSets \\\n  \
             --min-count {least} --max-count {most} --count {least}\n\
             az monitor autoscale rule create {setting} \\\n  \
             --condition 'Percentage CPU > {target} avg 5m' --scale out 1\n\
             az monitor autoscale rule create {setting} \\\n  \
             --condition 'Percentage CPU < {} avg 10m' --scale in 1\n",
            target / 2
        );
        for segment in group.at_most(MOST_PROFILES) {
            script += &format!(
                "az monitor autoscale profile create {setting} \\\n  \
                 --name 'headroom-{}' --start '{}' --end '{}' --timezone UTC \\\n  \
                 --min-count {} --max-count {most} --count {} --copy-rules default\n",
                segment.label(),
                rfc3339(segment.from).trim_end_matches('Z'),
                rfc3339(segment.until).trim_end_matches('Z'),
                segment.minimum,
                segment.minimum,
            );
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::super::schedule::tests::example;
    use super::*;

    #[test]
    fn holds_every_segment() {
        let text = write(&example());
        assert_eq!(text.matches("az monitor autoscale profile create").count(), 5);
        assert_eq!(text.matches("az monitor autoscale create").count(), 2);
        let peak = "--start '2026-11-27T01:00:00' --end '2026-11-27T02:00:00' --timezone UTC \\\n  --min-count 24 --max-count 48 --count 24";
        assert!(text.contains(peak), "{text}");
        assert!(text.contains("'Percentage CPU > 70 avg 5m' --scale out 1"));
        crate::testing::assert_shell(&text);
    }
}
