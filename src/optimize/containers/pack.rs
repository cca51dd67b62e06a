//! How many nodes the pods of a pool need by what they request: first fit, the largest first.

/// Room for rounding in a division.
const CLOSE: f64 = 1e-9;

/// Pods that are alike: what each requests, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pods {
    pub(super) cores: f64,
    pub(super) memory_gib: f64,
    pub(super) count: u32,
}

/// Nodes that hold all pods, each with so many cores and GiB to request; `None` when one does not fit on any. It is a
/// packing that exists, so never fewer than the fewest; first-fit-decreasing in one dimension needs at most 11/9 of them
/// and 6/9 more (Dósa 2007).
pub(super) fn nodes(pods: &[Pods], cores: f64, memory_gib: f64) -> Option<usize> {
    let size = |pods: &Pods| (pods.cores / cores).max(pods.memory_gib / memory_gib);
    let mut order: Vec<&Pods> = pods.iter().filter(|pods| pods.count > 0).collect();
    order.sort_by(|a, b| {
        size(b)
            .total_cmp(&size(a))
            .then(b.cores.total_cmp(&a.cores))
            .then(b.memory_gib.total_cmp(&a.memory_gib))
    });
    let mut free: Vec<(f64, f64)> = Vec::new();
    for pods in order {
        let room = |(cores, memory_gib): (f64, f64)| {
            let of = |free: f64, each: f64| {
                if each > 0.0 { (free / each + CLOSE).floor() } else { f64::INFINITY }
            };
            of(cores, pods.cores).min(of(memory_gib, pods.memory_gib)).max(0.0)
        };
        let mut left = f64::from(pods.count);
        for node in &mut free {
            let taken = room(*node).min(left);
            left -= taken;
            *node = (node.0 - taken * pods.cores, node.1 - taken * pods.memory_gib);
        }
        while left > 0.0 {
            let taken = room((cores, memory_gib)).min(left);
            if taken < 1.0 {
                return None;
            }
            left -= taken;
            free.push((cores - taken * pods.cores, memory_gib - taken * pods.memory_gib));
        }
    }
    Some(free.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pods(cores: f64, memory_gib: f64, count: u32) -> Pods {
        Pods { cores, memory_gib, count }
    }

    #[test]
    fn both_cores_and_memory_have_to_fit() {
        assert_eq!(nodes(&[pods(1.0, 1.0, 8)], 4.0, 16.0), Some(2));
        assert_eq!(nodes(&[pods(1.0, 8.0, 8)], 4.0, 16.0), Some(4));
        assert_eq!(nodes(&[pods(3.0, 1.0, 2), pods(1.0, 1.0, 2)], 4.0, 16.0), Some(2));
        assert_eq!(nodes(&[pods(0.1, 0.0, 40)], 4.0, 16.0), Some(1), "tenths add up");
        assert_eq!(nodes(&[pods(5.0, 1.0, 1)], 4.0, 16.0), None);
        assert_eq!(nodes(&[pods(5.0, 1.0, 0)], 4.0, 16.0), Some(0));
    }

    /// The fewest nodes, by trying every node for every pod.
    fn fewest(sizes: &[(f64, f64)], free: &mut Vec<(f64, f64)>) -> usize {
        let Some(((cores, memory), rest)) = sizes.split_first() else { return free.len() };
        let mut least = usize::MAX;
        for node in 0..free.len() {
            let had = free[node];
            if had.0 + 1e-9 >= *cores && had.1 + 1e-9 >= *memory {
                free[node] = (had.0 - cores, had.1 - memory);
                least = least.min(fewest(rest, free));
                free[node] = had;
            }
        }
        free.push((4.0 - cores, 16.0 - memory));
        least = least.min(fewest(rest, free));
        free.pop();
        least
    }

    proptest! {
        #[test]
        fn never_fewer_than_the_fewest_and_rarely_more(
            groups in prop::collection::vec((1..17_u32, 1..17_u32, 1..3_u32), 1..5)
        ) {
            let all: Vec<Pods> =
                groups.iter().map(|(c, m, n)| pods(f64::from(*c) / 4.0, f64::from(*m), *n)).collect();
            let found = nodes(&all, 4.0, 16.0).unwrap();
            let each = |pods: &Pods| vec![(pods.cores, pods.memory_gib); pods.count as usize];
            let sizes: Vec<(f64, f64)> = all.iter().flat_map(each).collect();
            let least = fewest(&sizes, &mut Vec::new());
            prop_assert!(found >= least && found <= least + 2, "{found} and {least}");
        }

        #[test]
        fn pods_at_once_are_packed_like_one_after_the_other(
            groups in prop::collection::vec((1..9_u32, 1..17_u32, 1..9_u32), 1..6)
        ) {
            let all: Vec<Pods> =
                groups.iter().map(|(c, m, n)| pods(f64::from(*c) / 4.0, f64::from(*m), *n)).collect();
            let one = |pods: &Pods| vec![Pods { count: 1, ..*pods }; pods.count as usize];
            let single: Vec<Pods> = all.iter().flat_map(one).collect();
            prop_assert_eq!(nodes(&all, 4.0, 16.0), nodes(&single, 4.0, 16.0));
        }
    }
}
