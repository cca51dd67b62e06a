//! Possible futures of usage: the level of the last 28 days, moved as it moved before.
//!
//! Level = mean of the last 28 days. Season = 13 blocks of 28 days, from two cycles on, shrunk by what the
//! cycles disagree. Path = bootstrapped block-to-block changes of the log level, with half of the past
//! drift (at most 2 % a block) and the chance of a jump. Hours within a block = the same block last year
//! over its own mean, else the last 28 days. Growth from year to year is never extrapolated: it predicts
//! worse than the last level does.

use super::problem::Future;

/// Hours of a block: 28 days, so that 13 blocks are 52 whole weeks.
pub(super) const BLOCK_HOURS: usize = 672;
/// Blocks of a seasonal cycle.
const CYCLE: usize = 13;
/// Number of futures.
const SCENARIOS: usize = 40;
/// Chance of a jump per block: one in three years.
const JUMP_CHANCE: f64 = 28.0 / 1096.0;
/// The two jumps, equally likely, as log changes of −25 % and +20 %.
const JUMPS: [f64; 2] = [-0.287_682, 0.182_322];
/// Largest drift per block.
const MAX_DRIFT: f64 = 0.02;
/// Log changes assumed as long as fewer than this many have been seen.
const FEW_CHANGES: usize = 6;
/// The assumed ones: ±5 %.
const ASSUMED_CHANGES: [f64; 2] = [-0.05, 0.05];

/// One line of history: hourly usage that ends at the instant of the plan.
pub(super) struct History {
    /// Usage per hour, oldest first; all lines end together.
    pub(super) hours: Vec<f64>,
    /// Lines of one group move together.
    pub(super) group: usize,
    /// USD per unit, to weigh lines within their group.
    pub(super) list: f64,
}

/// Draws the futures of the next `hours` hours. Deterministic.
pub(super) fn draw(history: &[History], hours: usize) -> Future {
    let blocks = hours.div_ceil(BLOCK_HOURS);
    let shape = history.iter().map(|line| shape(&line.hours, hours)).collect();
    let level: Vec<f64> = history.iter().map(|line| mean(tail(&line.hours, BLOCK_HOURS))).collect();
    let groups: Vec<Movement> = (0..=history.iter().map(|line| line.group).max().unwrap_or(0))
        .map(|group| Movement::learn(history, group))
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let multipliers = (0..SCENARIOS)
        .map(|_| {
            let draws: Vec<usize> = (0..blocks).map(|_| random.below(1 << 30)).collect();
            let paths: Vec<Vec<f64>> = groups.iter().map(|group| group.path(&draws, &mut random)).collect();
            (0..blocks)
                .flat_map(|block| {
                    history.iter().zip(&level).map(move |(line, level)| (block, line.group, *level))
                })
                .map(|(block, group, level)| level * paths[group][block].exp())
                .collect()
        })
        .collect();
    Future { shape, block_hours: BLOCK_HOURS, multipliers }
}

/// How the level of a group moved from block to block.
struct Movement {
    changes: Vec<f64>,
    drift: f64,
    /// Log index per block of the cycle, relative to the last block of history; 0 is the first to come.
    season: [f64; CYCLE],
}

impl Movement {
    fn learn(history: &[History], group: usize) -> Self {
        let lines: Vec<&History> = history.iter().filter(|line| line.group == group).collect();
        let length = lines.first().map_or(0, |line| line.hours.len());
        let block_mean = |back: usize| -> f64 {
            let end = length - back * BLOCK_HOURS;
            lines.iter().map(|line| line.list * mean(&line.hours[end - BLOCK_HOURS..end])).sum()
        };
        // From the last block back to where the group began.
        let mut logs: Vec<f64> =
            (0..length / BLOCK_HOURS).map(block_mean).take_while(|mean| *mean > 0.0).map(f64::ln).collect();
        logs.reverse();
        let season = season(&logs);
        let position = |index: usize| (CYCLE - 1) - (logs.len() - 1 - index) % CYCLE;
        let plain: Vec<f64> = logs.iter().enumerate().map(|(i, log)| log - season[position(i)]).collect();
        let mut changes = winsorized(plain.windows(2).map(|pair| pair[1] - pair[0]).collect());
        let seen = changes.len() as f64;
        let drift = 0.5 * mean(&changes) * (seen / CYCLE as f64).min(1.0);
        let center = mean(&changes);
        changes.iter_mut().for_each(|change| *change -= center);
        if changes.len() < FEW_CHANGES {
            changes.extend(ASSUMED_CHANGES);
        }
        let now = season[CYCLE - 1];
        Self { changes, drift: drift.clamp(-MAX_DRIFT, MAX_DRIFT), season: season.map(|index| index - now) }
    }

    /// Log multiplier of the last level, per block to come. Groups share `draws`, so that what moved
    /// together moves together.
    fn path(&self, draws: &[usize], random: &mut Random) -> Vec<f64> {
        let mut level = 0.0;
        let mut path = Vec::with_capacity(draws.len());
        for (block, draw) in draws.iter().enumerate() {
            level += self.drift + self.changes[draw % self.changes.len()];
            if random.unit() < JUMP_CHANCE {
                level += JUMPS[random.below(JUMPS.len())];
            }
            path.push(level + self.season[block % CYCLE]);
        }
        path
    }
}

/// Log seasonal index per position of the cycle (the last block of history has the last position); zero
/// with less than two cycles.
fn season(logs: &[f64]) -> [f64; CYCLE] {
    let mut index = [0.0; CYCLE];
    let cycles: Vec<&[f64]> = logs.rchunks_exact(CYCLE).rev().collect();
    if cycles.len() < 2 {
        return index;
    }
    let means: Vec<f64> = cycles.iter().map(|cycle| mean(cycle)).collect();
    let mut seen = vec![Vec::new(); CYCLE];
    for (number, cycle) in cycles.iter().enumerate() {
        // The trend within a cycle is read off the neighbouring cycles' means.
        let (before, after) = (number.saturating_sub(1), (number + 1).min(cycles.len() - 1));
        let slope = (means[after] - means[before]) / ((after - before) * CYCLE) as f64;
        for (position, log) in cycle.iter().enumerate() {
            seen[position].push(log - means[number] - slope * (position as f64 - (CYCLE / 2) as f64));
        }
    }
    let count = cycles.len() as f64;
    for (index, seen) in index.iter_mut().zip(&seen) {
        *index = mean(seen);
    }
    let between = index.iter().map(|value| value * value).sum::<f64>() / CYCLE as f64;
    let within = seen
        .iter()
        .zip(&index)
        .map(|(seen, index)| seen.iter().map(|value| (value - index).powi(2)).sum::<f64>() / (count - 1.0))
        .sum::<f64>()
        / CYCLE as f64;
    let trusted = if between > 0.0 { (1.0 - within / count / between).max(0.0) } else { 0.0 };
    index.map(|value| value * trusted)
}

/// Changes cut at three robust standard deviations around the median: what lies beyond is a jump.
fn winsorized(mut changes: Vec<f64>) -> Vec<f64> {
    let center = median(changes.clone());
    let spread = 3.0 * 1.4826 * median(changes.iter().map(|change| (change - center).abs()).collect());
    changes.iter_mut().for_each(|change| *change = change.clamp(center - spread, center + spread));
    changes
}

/// Usage per hour over the mean of its block.
fn shape(history: &[f64], hours: usize) -> Vec<f64> {
    let recent = [BLOCK_HOURS, 168, 24].into_iter().find(|length| *length <= history.len());
    let recent = recent.map_or(&[][..], |length| tail(history, length));
    let recent_mean = mean(recent);
    let mut shape = Vec::with_capacity(hours);
    for block in 0..hours.div_ceil(BLOCK_HOURS) {
        let back = (block / CYCLE + 1) * CYCLE * BLOCK_HOURS;
        let last_year = (history.len() + block * BLOCK_HOURS)
            .checked_sub(back)
            .map(|start| &history[start..start + BLOCK_HOURS])
            .filter(|hours| mean(hours) > 0.0);
        for hour in 0..BLOCK_HOURS.min(hours - block * BLOCK_HOURS) {
            shape.push(match last_year {
                Some(then) => then[hour] / mean(then),
                None if recent_mean > 0.0 => {
                    recent[(block * BLOCK_HOURS + hour) % recent.len()] / recent_mean
                }
                None => 1.0,
            });
        }
    }
    shape
}

fn tail(values: &[f64], length: usize) -> &[f64] {
    &values[values.len().saturating_sub(length)..]
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[length / 2],
        length => (values[length / 2 - 1] + values[length / 2]) / 2.0,
    }
}

/// SplitMix64 (Steele, Lea & Flood 2014): the same futures on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hours: Vec<f64>) -> History {
        History { hours, group: 0, list: 1.0 }
    }

    fn mean_of(future: &Future, block: usize) -> f64 {
        mean(&future.multipliers.iter().map(|multipliers| multipliers[block]).collect::<Vec<_>>())
    }

    #[test]
    fn a_steady_line_stays_where_it_is() {
        let future = draw(&[line(vec![10.0; 9000])], 8760);
        assert_eq!((future.shape[0].len(), future.multipliers[0].len()), (8760, 14));
        for block in 0..14 {
            assert!((mean_of(&future, block) - 10.0).abs() < 1.0, "{block}: {}", mean_of(&future, block));
        }
    }

    #[test]
    fn two_years_teach_the_season_and_one_does_not() {
        let wave = |hour: usize| {
            let block = hour / BLOCK_HOURS % CYCLE;
            10.0 * (1.0 + 0.5 * (block as f64 / CYCLE as f64 * std::f64::consts::TAU).sin())
        };
        let seen = draw(&[line((0..3 * CYCLE * BLOCK_HOURS).map(wave).collect())], CYCLE * BLOCK_HOURS);
        let (high, low) = (mean_of(&seen, 3), mean_of(&seen, 10));
        assert!(high > 13.0 && low < 7.0, "{high} {low}");
    }

    #[test]
    fn short_and_young_lines_have_a_future_too() {
        for history in [vec![], vec![3.0], vec![1.0; 30], vec![2.0; 200]] {
            let future = draw(&[line(history)], 2000);
            assert!(future.shape[0].iter().chain(&future.multipliers[0]).all(|value| value.is_finite()));
        }
        let mut young = vec![0.0; 20_000];
        young[19_000..].fill(4.0);
        let future = draw(&[line(young)], 8760);
        assert!((mean_of(&future, 0) - 4.0).abs() < 0.5);
    }
}
