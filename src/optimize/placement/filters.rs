//! What keeps a machine where it is, whatever it would save elsewhere.

use domain::{Resource, ResourceKind, ResourceState};

use super::{Place, Settings};
use crate::idle::short;
use crate::policy::tagged;

/// Why what belongs together cannot move at all, if so.
pub(super) fn bound(members: &[&Resource], keep_tags: &[String], settings: &Settings) -> Option<String> {
    members.iter().find_map(|member| {
        let name = short(member);
        if let Some(tag) = tagged(member, &settings.pinned_tags) {
            return Some(format!("the tag {tag} of {name} pins it to where it is"));
        }
        if let Some(tag) = tagged(member, keep_tags) {
            return Some(format!("the tag {tag} of {name} says to keep it as it is"));
        }
        match (member.kind, member.state) {
            (ResourceKind::Disk, _) => None,
            (ResourceKind::Vm, _) if member.spot => {
                Some(format!("{name} runs on spot capacity: what it would cost elsewhere is not simulated"))
            }
            (ResourceKind::Vm, ResourceState::Running) => None,
            (ResourceKind::Vm, state) => Some(format!("{name} is {state}: start or delete it first")),
            (kind, _) => {
                let kind = kind.as_str().replace('_', " ");
                Some(format!("the {kind} {name} belongs to it, and only machines and disks are moved"))
            }
        }
    })
}

/// Whether the data of `members` may go from `here` to `place`: the words of what allows it, or of what forbids it.
pub(super) fn residency(
    members: &[&Resource],
    here: &Place,
    place: &Place,
    settings: &Settings,
) -> Result<String, String> {
    let mut named = Vec::new();
    for member in members {
        let tags = settings
            .residency_keys
            .iter()
            .flat_map(|key| member.tags.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(key)));
        for (key, value) in tags {
            let group =
                settings.region_groups.iter().find(|(name, _)| name.eq_ignore_ascii_case(value.trim()));
            let Some((name, places)) = group else {
                return Err(format!(
                    "the tag {key}={value} of {} names no region group of the policy",
                    short(member)
                ));
            };
            if !places.contains(place) {
                return Err(format!("the data of {} must not leave {name}", short(member)));
            }
            named.push(name.as_str());
        }
    }
    if let Some(name) = named.first() {
        return Ok(format!("{place} is in {name}, as a tag asks for"));
    }
    let mut groups = settings.region_groups.iter().filter(|(_, places)| places.contains(here)).peekable();
    let Some((first, _)) = groups.peek().copied() else {
        return Ok(format!("no region group of the policy has {here}, and no tag names one"));
    };
    match groups.find(|(_, places)| places.contains(place)) {
        Some((name, _)) => Ok(format!("both are in {name}")),
        None => Err(format!("{here} is in the region group {first}, and it is not")),
    }
}

/// Whether the distance is allowed for what stays behind: the words of it, or why not.
pub(super) fn latency(
    members: &[&Resource],
    here: &Place,
    place: &Place,
    settings: &Settings,
) -> Result<String, String> {
    let asks = |member: &&&Resource| {
        member.kind == ResourceKind::Vm && tagged(member, &settings.any_latency_tags).is_none()
    };
    let stated = settings.latency_ms(here, place);
    let limit = settings.maximum_latency_ms;
    match (members.iter().find(asks), stated) {
        (None, stated) => Ok(match stated {
            Some(ms) => format!("{ms} ms, which its tags say does not matter"),
            None => "not stated, and its tags say that it does not matter".to_owned(),
        }),
        (Some(_), Some(ms)) if ms <= limit => Ok(format!("{ms} ms of at most {limit}")),
        (Some(_), Some(ms)) => Err(format!("the round trip takes {ms} ms, at most {limit} are allowed")),
        (Some(_), None) => {
            Err("how long the round trip takes is not known: add it to placement.links as latency_ms"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Link;
    use super::*;
    use crate::testing::{resource, tagged as with_tags, vm};

    fn places() -> [Place; 3] {
        ["aws/eu-central-1", "aws/eu-west-1", "aws/us-east-1"].map(|name| name.to_owned().try_into().unwrap())
    }

    #[test]
    fn what_is_pinned_kept_or_not_movable_keeps_what_belongs_to_it() {
        let (settings, keep) = (Settings::default(), ["headroom=keep".to_owned()]);
        let why = |other: &Resource| bound(&[&vm("a", "m6i.large"), other], &keep, &settings);
        assert_eq!(why(&vm("b", "m6i.large")), None);
        assert_eq!(why(&resource("disk", ResourceKind::Disk)), None);
        let mut spot = vm("b", "m6i.large");
        spot.spot = true;
        let mut stopped = vm("b", "m6i.large");
        stopped.state = ResourceState::Stopped;
        for (other, words) in [
            (with_tags(vm("b", "m6i.large"), &[("stateful", "true")]), "stateful=true of b pins it"),
            (with_tags(vm("b", "m6i.large"), &[("headroom", "keep")]), "headroom=keep of b says"),
            (resource("db", ResourceKind::Database), "the database db belongs to it"),
            (resource("lb", ResourceKind::LoadBalancer), "the load balancer lb belongs to it"),
            (spot, "spot capacity"),
            (stopped, "b is stopped"),
        ] {
            let found = why(&other).unwrap();
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn data_stays_in_its_region_group() {
        let [frankfurt, ireland, virginia] = places();
        let mut settings = Settings::default();
        let plain = vm("a", "m6i.large");
        let pinned = |group: &str| with_tags(vm("a", "m6i.large"), &[("Residency", group)]);
        let may = |machine: &Resource, place: &Place, settings: &Settings| {
            residency(&[machine], &frankfurt, place, settings)
        };
        // Without groups nothing is known to forbid it, except for a tag that cannot be understood.
        assert!(may(&plain, &virginia, &settings).is_ok());
        assert!(may(&pinned("eu"), &ireland, &settings).unwrap_err().contains("names no region group"));
        settings.region_groups = [
            ("de".to_owned(), vec![frankfurt.clone()]),
            ("eu".to_owned(), vec![frankfurt.clone(), ireland.clone()]),
        ]
        .into();
        assert_eq!(may(&plain, &ireland, &settings), Ok("both are in eu".to_owned()));
        assert!(may(&plain, &virginia, &settings).unwrap_err().contains("region group de"));
        assert!(may(&pinned("EU"), &ireland, &settings).is_ok());
        assert!(may(&pinned("de"), &ireland, &settings).unwrap_err().contains("must not leave de"));
        // One that is pinned keeps the others.
        let both = [&plain, &pinned("de")];
        assert!(residency(&both, &frankfurt, &ireland, &settings).is_err());
        assert!(residency(&[&plain], &virginia, &ireland, &settings).is_ok());
    }

    #[test]
    fn an_unknown_distance_is_too_far() {
        let [frankfurt, ireland, virginia] = places();
        let mut settings = Settings::default();
        let stated = |from: &Place, to: &Place, ms| Link {
            from: from.clone(),
            to: to.clone(),
            latency_ms: Some(ms),
            gib: None,
        };
        settings.links = vec![stated(&ireland, &frankfurt, 25.0), stated(&frankfurt, &virginia, 90.0)];
        let (web, batch) = (vm("a", "m6i.large"), with_tags(vm("b", "m6i.large"), &[("role", "batch")]));
        let may = |members: &[&Resource], place: &Place| latency(members, &frankfurt, place, &settings);
        assert_eq!(may(&[&web], &ireland), Ok("25 ms of at most 30".to_owned()));
        assert!(may(&[&web], &virginia).unwrap_err().contains("90 ms, at most 30"));
        assert!(may(&[&batch], &virginia).is_ok());
        assert!(may(&[&batch, &web], &virginia).is_err());
        let unknown: Place = "aws/eu-north-1".to_owned().try_into().unwrap();
        assert!(
            may(&[&web], &unknown).unwrap_err().contains("not known") && may(&[&batch], &unknown).is_ok()
        );
    }
}
