//! One part of the order: lines that active commitments can move usage between, and what a change of one of them does to
//! the others.
//!
//! Of every hour the levels are known: what is left in each pool before each of its steps. A change is followed only where
//! it is felt: in the steps of the lines that it changes, and where a pool runs dry earlier or later than before.

use std::ops::Range;
use std::sync::OnceLock;

use crate::waterfall::Step;

/// Lines, and the steps that apply pools to them, in legal order. Lines and pools are counted within the part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The lines of the waterfall, ascending.
    pub(super) lines: Vec<usize>,
    steps: Vec<Step>,
    /// What an instance-hour costs less at each step, in ticks.
    saves: Vec<i128>,
    /// What is active in each pool.
    capacity: Vec<i128>,
    /// The steps of each line and of each pool, and the place of each step among those of its pool.
    of_line: Vec<Vec<usize>>,
    of_pool: Vec<Vec<usize>>,
    place: Vec<usize>,
    /// Where the levels of each pool begin among those of an hour: one before each step, and what is left at the end.
    levels_of: Vec<usize>,
    /// Levels of an hour.
    width: usize,
}

/// What the commitments do to a part in each hour of the window.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    /// What they take off the list price in each hour, in squared ticks.
    pub(super) saved: Vec<i128>,
    /// Levels of an hour, by pool, hour after hour; found when a change is first followed.
    levels: OnceLock<Vec<i128>>,
}

/// What a change does to a part in one hour.
#[derive(Debug)]
pub(super) struct Flow {
    hour: usize,
    /// Squared ticks that the commitments take off more than before.
    pub(super) saved: i128,
    /// Levels of the hour that rise, and by how much.
    rises: Vec<(Range<usize>, i128)>,
}

/// A line or pool that has more, or less, than before, from one of its steps on.
struct Felt {
    /// The line or pool.
    of: usize,
    more: i128,
    /// The place among its steps from which on it has that.
    from: usize,
    /// The place of the next step that has to be looked at.
    next: usize,
}

impl Part {
    /// Steps in legal order, with lines and pools counted within the part. `list` are the list prices of its lines.
    pub(super) fn new(lines: Vec<usize>, capacity: Vec<i128>, steps: Vec<Step>, list: &[i128]) -> Self {
        let (mut of_line, mut of_pool) = (vec![Vec::new(); lines.len()], vec![Vec::new(); capacity.len()]);
        let mut place = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            of_line[step.line].push(index);
            place.push(of_pool[step.pool].len());
            of_pool[step.pool].push(index);
        }
        let mut width = 0;
        let levels_of = of_pool.iter().map(|steps: &Vec<usize>| {
            width += steps.len() + 1;
            width - steps.len() - 1
        });
        let levels_of = levels_of.collect();
        let saves = steps.iter().map(|step| list[step.line] - step.licence).collect();
        Self { lines, steps, saves, capacity, of_line, of_pool, place, levels_of, width }
    }

    /// The place of a line of the waterfall.
    pub(super) fn place_of(&self, line: usize) -> Option<usize> {
        self.lines.binary_search(&line).ok()
    }

    /// Whether no pool reaches its lines.
    pub(super) fn is_free(&self) -> bool {
        self.steps.is_empty()
    }

    /// Applies the steps to `usage` (ticks of each line by hour; none for a line that is not used) in `hours` hours.
    /// `take` is told the hour, the line and the ticks of everything that is covered.
    pub(super) fn fill(
        &self,
        usage: &[Option<&[i128]>],
        hours: usize,
        take: impl FnMut(usize, usize, i128),
    ) -> Filled {
        Filled { saved: self.pour(usage, hours, take, |_, _| ()), levels: OnceLock::new() }
    }

    /// The levels of all hours.
    fn levels(&self, usage: &[Option<&[i128]>], hours: usize) -> Vec<i128> {
        let mut levels = vec![0; self.width * hours];
        for hour in levels.chunks_exact_mut(self.width) {
            for (start, capacity) in self.levels_of.iter().zip(&self.capacity) {
                hour[*start] = *capacity;
            }
        }
        self.pour(usage, hours, |_, _, _| (), |at, level| levels[at] = level);
        levels
    }

    /// Applies the steps hour by hour until no pool has anything left, and returns what that saves in each hour.
    /// `leave` is told what is left after a step, and where that stands among the levels of all hours.
    fn pour(
        &self,
        usage: &[Option<&[i128]>],
        hours: usize,
        mut take: impl FnMut(usize, usize, i128),
        mut leave: impl FnMut(usize, i128),
    ) -> Vec<i128> {
        let mut open = vec![0; self.lines.len()];
        let mut left = self.capacity.clone();
        let pour = |hour: usize| {
            for (open, usage) in open.iter_mut().zip(usage) {
                *open = usage.map_or(0, |usage| usage[hour]);
            }
            left.copy_from_slice(&self.capacity);
            let (mut live, mut saved) = (left.len(), 0);
            for (index, step) in self.steps.iter().enumerate() {
                if left[step.pool] == 0 {
                    continue;
                }
                let (taken, rest) = apply(step, open[step.line], left[step.pool]);
                leave(hour * self.width + self.level_at(index) + 1, rest);
                left[step.pool] = rest;
                open[step.line] -= taken;
                saved += taken * self.saves[index];
                take(hour, step.line, taken);
                if rest == 0 || self.place[index] + 1 == self.of_pool[step.pool].len() {
                    live -= 1;
                    if live == 0 {
                        break;
                    }
                }
            }
            saved
        };
        (0..hours).map(pour).collect()
    }

    /// Where the level before a step stands among those of an hour.
    fn level_at(&self, step: usize) -> usize {
        self.levels_of[self.steps[step].pool] + self.place[step]
    }

    /// What becomes of one hour of `known`, which was filled from `usage`, when lines have `more` ticks of usage. `take` is told
    /// the line and the ticks that are covered more than before.
    pub(super) fn follow(
        &self,
        usage: &[Option<&[i128]>],
        known: &Filled,
        hour: usize,
        more: impl Iterator<Item = (usize, i128)>,
        mut take: impl FnMut(usize, i128),
    ) -> Flow {
        let levels = known.levels.get_or_init(|| self.levels(usage, known.saved.len()));
        let levels = &levels[hour * self.width..(hour + 1) * self.width];
        let mut flow = Flow { hour, saved: 0, rises: Vec::new() };
        let felt = more.filter(|(_, more)| *more != 0).map(|(of, more)| Felt { of, more, from: 0, next: 0 });
        let (mut lines, mut pools): (Vec<Felt>, Vec<Felt>) = (felt.collect(), Vec::new());
        let next_of = |felt: &[Felt], steps: &[Vec<usize>]| {
            felt.iter().filter_map(|felt| steps[felt.of].get(felt.next)).min().copied()
        };
        loop {
            let of_lines = next_of(&lines, &self.of_line);
            let of_pools = next_of(&pools, &self.of_pool);
            let Some(index) = of_lines.into_iter().chain(of_pools).min() else { break };
            let step = &self.steps[index];
            let at = self.level_at(index);
            let had = self.open_before(index, usage[step.line].map_or(0, |usage| usage[hour]), levels);
            let line = lines.iter().position(|felt| felt.of == step.line);
            let pool = pools.iter().position(|felt| felt.of == step.pool);
            let more_open = line.map_or(0, |line| lines[line].more);
            let more_left = pool.map_or(0, |pool| pools[pool].more);
            let (before, _) = apply(step, had, levels[at]);
            let (after, rest) = apply(step, had + more_open, levels[at] + more_left);
            flow.saved += (after - before) * self.saves[index];
            take(step.line, after - before);
            let of_line = &self.of_line[step.line];
            let next = of_line.partition_point(|of| *of <= index);
            note(
                &mut lines,
                line,
                Felt { of: step.line, more: more_open - (after - before), from: next, next },
            );
            let from = self.place[index] + 1;
            if let Some(pool) = pool {
                let (start, felt) = (self.levels_of[step.pool], &pools[pool]);
                flow.rises.push((start + felt.from..start + from, felt.more));
            }
            let more = rest - levels[at + 1];
            let next = from + Self::runs_dry(&levels[at + 1..self.end_of(step.pool)], more);
            note(&mut pools, pool, Felt { of: step.pool, more, from, next });
        }
        for felt in pools {
            flow.rises.push((self.levels_of[felt.of] + felt.from..self.end_of(felt.of), felt.more));
        }
        flow
    }

    /// Where the levels of a pool end among those of an hour.
    fn end_of(&self, pool: usize) -> usize {
        self.levels_of[pool] + self.of_pool[pool].len() + 1
    }

    /// After how many of a pool's next steps something else is taken when it has `more`. `levels` are those before its
    /// next steps, and the last one.
    fn runs_dry(levels: &[i128], more: i128) -> usize {
        if more > 0 {
            // The step that emptied it may take more now.
            levels.partition_point(|level| *level > 0).saturating_sub(1)
        } else {
            levels[1..].partition_point(|level| *level + more >= 0)
        }
    }

    /// What is not covered before a step of the `usage` of its line.
    fn open_before(&self, step: usize, usage: i128, levels: &[i128]) -> i128 {
        let earlier = self.of_line[self.steps[step].line].iter().take_while(|index| **index < step);
        earlier.fold(usage, |open, &index| {
            open - apply(&self.steps[index], open, levels[self.level_at(index)]).0
        })
    }

    /// Does what was followed.
    pub(super) fn rise(&self, filled: &mut Filled, flow: &Flow) {
        filled.saved[flow.hour] += flow.saved;
        let Some(levels) = filled.levels.get_mut() else { return };
        let levels = &mut levels[flow.hour * self.width..(flow.hour + 1) * self.width];
        for (range, more) in &flow.rises {
            levels[range.clone()].iter_mut().for_each(|level| *level += more);
        }
    }
}

/// What a step takes of a line, in ticks, and what it leaves of the pool. The rest of a pool goes into the line; less
/// than one tick of usage is lost to rounding.
fn apply(step: &Step, open: i128, level: i128) -> (i128, i128) {
    let wanted = open * step.weight;
    match level {
        level if wanted <= level => (open, level - wanted),
        0 => (0, 0),
        level => (level / step.weight, 0),
    }
}

/// Puts `now` in the place of what was felt before, or takes it out where nothing is felt any more.
fn note(all: &mut Vec<Felt>, before: Option<usize>, now: Felt) {
    match before {
        Some(at) if now.more == 0 => drop(all.swap_remove(at)),
        Some(at) => all[at] = now,
        None if now.more == 0 => {}
        None => all.push(now),
    }
}
