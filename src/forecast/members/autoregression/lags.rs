//! The few lags that matter: the last points, and the neighbourhood of each season and of its multiples.

/// Multiples of the short season that are looked at: a week of days and one more.
const CYCLES: usize = 8;

/// Rows that each coefficient needs, and rows without which there is no regression.
const ROWS_PER_LAG: usize = 3;
const FEWEST_ROWS: usize = 24;

/// Ascending lags for seasons of `short` and `long` steps (1: none), as many of the most telling ones as `length`
/// points carry; empty when they carry none.
pub(super) fn lags(short: usize, long: usize, length: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut longest = 0;
    for lag in by_importance(short, long) {
        let reach = longest.max(lag);
        let rows = length.saturating_sub(reach);
        if lag <= length * 2 / 5
            && rows >= FEWEST_ROWS.max(ROWS_PER_LAG * (chosen.len() + 1))
            && !chosen.contains(&lag)
        {
            chosen.push(lag);
            longest = reach;
        }
    }
    chosen.sort_unstable();
    chosen
}

fn by_importance(short: usize, long: usize) -> Vec<usize> {
    let mut lags = vec![1];
    if short > 1 {
        lags.extend([short, 2, short + 1]);
        if long > short {
            lags.extend([long, long + 1]);
        }
        lags.extend([2 * short, short - 1, 3]);
        if long > short {
            lags.extend([long - 1, long + short, 2 * long]);
        }
        lags.extend((3..=CYCLES).map(|cycle| cycle * short));
        lags.extend((2..=CYCLES).flat_map(|cycle| [cycle * short + 1, cycle * short - 1]));
        if long > short {
            lags.extend([long + short + 1, long + short - 1, 2 * long + 1, 2 * long - 1]);
        }
        lags.retain(|lag| *lag > 0);
    } else {
        lags.extend(2..=8);
    }
    lags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_histories_keep_the_most_telling_lags() {
        assert_eq!(lags(12, 12, 40), [1, 2, 3, 11, 12, 13]);
        assert_eq!(lags(1, 1, 26), [1, 2]);
        assert_eq!(lags(1, 1, 20), [] as [usize; 0]);
        let week = lags(24, 168, 900);
        assert!([1, 24, 168, 169, 337].iter().all(|lag| week.contains(lag)), "{week:?}");
    }
}
