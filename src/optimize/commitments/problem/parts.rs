//! A problem cut into parts that share no usage, no commitment and no discount: each can be solved alone.

use super::{Column, Problem, Segment, Step};

impl Problem {
    /// The parts in which something can be bought, each with the indices of its columns here. What is held keeps its
    /// place, its price is left out: it is the same whatever is bought.
    pub(in crate::commitments) fn parts(&self) -> Vec<(Vec<usize>, Self)> {
        let lines = self.list.len();
        // Everything that a line touches belongs to the part of that line: its pools, then its discounts.
        let pools = self.steps_of_pool.len();
        let mut groups = Groups::new(lines + pools + self.sustained.pools());
        for step in &self.steps {
            groups.join(step.line, lines + step.pool);
        }
        for line in 0..lines {
            for (discount, _) in self.sustained.shares(line) {
                groups.join(line, lines + pools + discount);
            }
        }
        let group_of_column = |column: &Column| groups.of(lines + column.pool);
        let mut wanted: Vec<usize> = self.columns.iter().map(group_of_column).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let part = |group: usize| {
            let members = |from: usize, count: usize| -> Vec<usize> {
                (0..count).filter(|index| groups.of(from + index) == group).collect()
            };
            let columns: Vec<usize> =
                (0..self.columns.len()).filter(|&at| group_of_column(&self.columns[at]) == group).collect();
            let part = self.part(&members(0, lines), &members(lines, pools), &columns);
            (columns, part)
        };
        wanted.into_iter().map(part).collect()
    }

    fn part(&self, lines: &[usize], pools: &[usize], columns: &[usize]) -> Self {
        let place = |of: &[usize], index: usize| of.binary_search(&index).unwrap_or_else(|at| at);
        let steps: Vec<Step> = self
            .steps
            .iter()
            .filter(|step| pools.binary_search(&step.pool).is_ok())
            .map(|step| Step { pool: place(pools, step.pool), line: place(lines, step.line), ..*step })
            .collect();
        let mut steps_of_pool = vec![Vec::new(); pools.len()];
        for (index, step) in steps.iter().enumerate() {
            steps_of_pool[step.pool].push(index);
        }
        let pick = |row: &[f64]| -> Vec<f64> {
            row.chunks_exact(self.list.len().max(1))
                .flat_map(|row| lines.iter().map(|&line| row[line]))
                .collect()
        };
        let segment = |segment: &Segment| Segment {
            held: pools.iter().map(|&pool| segment.held[pool]).collect(),
            weights: segment.weights.clone(),
            usage: pick(&segment.usage),
            ..*segment
        };
        let column = |&column: &usize| {
            let column = &self.columns[column];
            Column { pool: place(pools, column.pool), segments: column.segments.clone(), ..*column }
        };
        Self {
            list: pick(&self.list),
            sustained: self.sustained.of(lines),
            steps,
            steps_of_pool,
            segments: self.segments.iter().map(segment).collect(),
            multipliers: self.multipliers.iter().map(|multipliers| pick(multipliers)).collect(),
            fixed_price: vec![0.0; self.fixed_price.len()],
            columns: columns.iter().map(column).collect(),
        }
    }
}

/// Sets that can be joined (union by the smaller index).
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn of(&self, mut member: usize) -> usize {
        while self.0[member] != member {
            member = self.0[member];
        }
        member
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.of(one), self.of(other));
        self.0[one.max(other)] = one.min(other);
    }
}
