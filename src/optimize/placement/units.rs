//! What belongs together: it moves as a whole, or stays.

use std::collections::BTreeMap;

use domain::{Resource, ResourceState};

use super::Place;

/// The parts of `resources` that belong together, in the order of their first members: within a region, what is of
/// one group, or has the same value in a tag with one of `keys`, also by way of others. What is deleted is left out.
pub(super) fn units<'a>(resources: &[&'a Resource], keys: &[String]) -> Vec<Vec<&'a Resource>> {
    let existing: Vec<&'a Resource> =
        resources.iter().filter(|resource| resource.state != ResourceState::Deleted).copied().collect();
    let mut parents: Vec<usize> = (0..existing.len()).collect();
    let mut firsts = BTreeMap::new();
    for (index, resource) in existing.iter().enumerate() {
        let group = resource.group.iter().map(|group| ("", group.as_str()));
        let tags = keys.iter().flat_map(|key| {
            let same = resource.tags.iter().filter(|(found, _)| found.eq_ignore_ascii_case(key));
            same.map(|(_, value)| (key.as_str(), value.as_str()))
        });
        for (key, value) in group.chain(tags).filter(|(_, value)| !value.trim().is_empty()) {
            let first = *firsts.entry((Place::of(resource), key, value)).or_insert(index);
            let (one, other) = (root(&parents, first), root(&parents, index));
            parents[one.max(other)] = one.min(other);
        }
    }
    let mut units: BTreeMap<usize, Vec<&'a Resource>> = BTreeMap::new();
    for (index, resource) in existing.into_iter().enumerate() {
        units.entry(root(&parents, index)).or_default().push(resource);
    }
    units.into_values().collect()
}

/// The first member of what `index` belongs to.
fn root(parents: &[usize], mut index: usize) -> usize {
    while parents[index] != index {
        index = parents[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{tagged, vm};

    #[test]
    fn groups_and_tags_tie_together_what_runs_in_one_region() {
        let mut all = [
            vm("a", "m6i.large"),
            tagged(vm("b", "m6i.large"), &[("App", "shop")]),
            vm("c", "m6i.large"),
            tagged(vm("d", "m6i.large"), &[("app", "shop"), ("stack", "")]),
            tagged(vm("e", "m6i.large"), &[("app", "shop")]),
            tagged(vm("f", "m6i.large"), &[("stack", "")]),
            vm("g", "m6i.large"),
        ];
        for index in [0, 1] {
            all[index].group = Some("web".to_owned());
        }
        all[4].region = "us-east-1".to_owned();
        all[6].state = ResourceState::Deleted;
        let resources: Vec<&Resource> = all.iter().collect();
        let keys = ["app".to_owned(), "stack".to_owned()];
        let ids =
            |unit: Vec<&Resource>| unit.iter().map(|found| found.resource_id.as_str()).collect::<String>();
        // a by its group with b, b by its tag with d; the same tag in another region is another thing.
        let found: Vec<String> = units(&resources, &keys).into_iter().map(ids).collect();
        assert_eq!(found, ["abd", "c", "e", "f"]);
    }
}
