//! Possible futures of usage: last year's hours, brought to the level of today and walking on from there.
//!
//! Each group of lines has a level that is told apart from season and noise ([`level`]). A future takes one
//! reading of it, the same block of 28 days a year before at that block's share of the level then, a walk of
//! the level with the growth that has been seen, and the chance of a jump. Hours within a block = the same block
//! last year over its own mean, else the last 28 days.

use super::level::{self, Reading};
use super::problem::Future;

/// Hours of a block: 28 days, so that 13 blocks are 52 whole weeks.
pub(super) const BLOCK_HOURS: usize = 672;
/// Hours of a week, the grain of levels.
const WEEK_HOURS: usize = 168;
/// Blocks of a year.
const CYCLE: usize = 13;
/// Number of futures; the second half mirrors the first.
const SCENARIOS: usize = 40;
/// Chance of a jump per block beyond what the walk of the level has seen: one in ten years.
const JUMP_CHANCE: f64 = 28.0 / 3653.0;
/// The two jumps, equally likely, as log changes of −20 % and +25 %: without a mean.
const JUMPS: [f64; 2] = [-0.223_144, 0.223_144];

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
    let groups: Vec<Movement> = (0..=history.iter().map(|line| line.group).max().unwrap_or(0))
        .map(|group| Movement::learn(history, group))
        .collect();
    // Usage of a line per dollar that its group spends: that of the last 28 days.
    let recent: Vec<f64> = history.iter().map(|line| mean(tail(&line.hours, BLOCK_HOURS))).collect();
    let mut spent = vec![0.0; groups.len()];
    for (line, recent) in history.iter().zip(&recent) {
        spent[line.group] += line.list * recent;
    }
    let share: Vec<f64> = history
        .iter()
        .zip(&recent)
        .map(|(line, recent)| if spent[line.group] > 0.0 { recent / spent[line.group] } else { 0.0 })
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut multipliers = Vec::with_capacity(SCENARIOS);
    for pair in 0..SCENARIOS / 2 {
        let rank = (pair as f64 + 0.5) / (SCENARIOS / 2) as f64;
        let shared: Vec<f64> = (0..blocks).map(|_| random.normal()).collect();
        let draws: Vec<Vec<[f64; 2]>> =
            groups.iter().map(|_| shared.iter().map(|shared| [*shared, random.normal()]).collect()).collect();
        let jumps: Vec<Vec<Option<usize>>> = groups
            .iter()
            .map(|_| {
                let jump = |_| (random.unit() < JUMP_CHANCE).then(|| random.below(JUMPS.len()));
                (0..blocks).map(jump).collect()
            })
            .collect();
        for mirrored in [false, true] {
            let sign = if mirrored { -1.0 } else { 1.0 };
            let paths: Vec<Vec<f64>> = groups
                .iter()
                .zip(draws.iter().zip(&jumps))
                .map(|(group, (draws, jumps))| {
                    let draws: Vec<[f64; 2]> = draws.iter().map(|draw| draw.map(|z| sign * z)).collect();
                    let jump =
                        |jump: &Option<usize>| jump.map_or(0.0, |at| JUMPS[at ^ usize::from(mirrored)]);
                    group.path(rank, &draws, &jumps.iter().map(jump).collect::<Vec<f64>>())
                })
                .collect();
            multipliers.push(
                (0..blocks)
                    .flat_map(|block| {
                        history.iter().zip(&share).map(move |(line, share)| (block, line.group, *share))
                    })
                    .map(|(block, group, share)| share * paths[group][block])
                    .collect(),
            );
        }
    }
    Future { shape, block_hours: BLOCK_HOURS, multipliers }
}

/// What is known of the usage of a group: its level, and its weeks of the last year.
struct Movement {
    readings: Vec<Reading>,
    /// Mean per block of the last year of history, oldest first; empty with less than a year.
    last_year: Vec<f64>,
}

impl Movement {
    fn learn(history: &[History], group: usize) -> Self {
        let lines: Vec<&History> = history.iter().filter(|line| line.group == group).collect();
        let length = lines.first().map_or(0, |line| line.hours.len());
        let total: Vec<f64> =
            (0..length).map(|hour| lines.iter().map(|line| line.list * line.hours[hour]).sum()).collect();
        let readings = level::read(&total);
        let year = CYCLE * BLOCK_HOURS;
        let lived = readings.first().map_or(0, |reading| reading.levels.len() * WEEK_HOURS);
        let last_year = if lived < year { &[][..] } else { tail(&total, year) };
        Self { readings, last_year: last_year.chunks(BLOCK_HOURS).map(mean).collect() }
    }

    /// Spend at list price in each block to come: the same block of last year brought to the level of today,
    /// from where the level walks on. `draws` are standard normal, two for each block: groups that share the
    /// first move together by half.
    fn path(&self, rank: f64, draws: &[[f64; 2]], jumps: &[f64]) -> Vec<f64> {
        let Some(reading) = self.ranked(rank) else { return vec![0.0; draws.len()] };
        let levels = &reading.levels;
        let now = levels[levels.len() - 1];
        let normal = |draw: &[f64; 2]| (draw[0] + draw[1]) * std::f64::consts::FRAC_1_SQRT_2;
        let weeks = BLOCK_HOURS / WEEK_HOURS;
        let step = (reading.weekly * weeks as f64).sqrt();
        // The first draws say where the level and its growth really are.
        let [off, doubt] = draws.first().map_or([0.0; 2], |[shared, own]| [*own, *shared]);
        let mut walked = reading.variance.sqrt() * off;
        let growth =
            reading.growth + reading.growth_by_level * walked + reading.growth_variance.sqrt() * doubt;
        let mut path = Vec::with_capacity(draws.len());
        for (block, (draw, jump)) in draws.iter().zip(jumps).enumerate() {
            walked += growth * weeks as f64 + step * normal(draw) + jump;
            let base = match self.last_year.get(block % CYCLE) {
                Some(then) => {
                    let from = levels.len() - (CYCLE - block % CYCLE) * weeks;
                    then.max(f64::MIN_POSITIVE).ln() + now - mean(&levels[from..from + weeks])
                }
                None => now,
            };
            path.push((base + walked).exp());
        }
        path
    }

    /// The reading at a rank from 0 to 1 of their cumulated weights.
    fn ranked(&self, rank: f64) -> Option<&Reading> {
        let mut left = rank * self.readings.iter().map(|reading| reading.weight).sum::<f64>();
        self.readings
            .iter()
            .find(|reading| {
                left -= reading.weight;
                left <= 0.0
            })
            .or(self.readings.last())
    }
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

    /// Standard normal (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
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
