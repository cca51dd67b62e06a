"""The benchmark sets: which file, how far ahead, at which origins, and the rules of its scores."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Set:
    """One set. A set with a `test` file has one origin, the end of the training file; others have rolling origins."""

    name: str
    file: str
    horizon: int
    # Season lengths in steps, as told to the peers; Headroom finds its own.
    seasons: tuple
    # What FLAIR calls the spacing, and what pandas calls it.
    flair: str
    pandas: str
    # Lag of the naive error that scales MASE, MSIS and wql.
    scale: int
    test: str = ""
    # Means over this spacing ("1h", or a number of integer steps) before anything else.
    every: str = ""
    windows: int = 1
    # Steps between origins; 0 is the horizon.
    step: int = 0
    # Fewest points before an origin.
    least: int = 0
    # Everybody sees this many last points of a history; 0 is all.
    limit: int = 0
    # OWA against Naive2 is defined for competition sets only.
    owa: bool = False
    # Which series were looked at while the forecaster was designed (docs/forecasting.md): every second one by name,
    # the first so many, or none of them.
    tuned: object = "alternate"


HOUR = {"flair": "H", "pandas": "h"}
DAY = {"flair": "D", "pandas": "D", "seasons": (7,), "scale": 7}

SETS = [
    Set("m4_hourly", "m4_hourly_dev_train.csv.gz", 48, (24, 168), **HOUR, scale=24,
        test="m4_hourly_dev_test.csv", owa=True),
    Set("nab_cloudwatch", "nab_cloudwatch_5min.csv.gz", 24, (24,), **HOUR, scale=24,
        every="1h", windows=8, least=168),
    Set("m4_weekly", "m4_weekly_dev_train.csv.gz", 13, (52,), "W", "W-SUN", 1,
        test="m4_weekly_dev_test.csv", owa=True),
    Set("m3_monthly", "m3_monthly_train.csv.gz", 18, (12,), "M", "MS", 12,
        test="m3_monthly_test.csv", owa=True),
    Set("m4_daily", "m4_daily_dev_train.csv.gz", 14, (7,), "D", "D", 1,
        test="m4_daily_dev_test.csv", owa=True),
    Set("wikipedia_h14", "wikipedia_daily.csv", 14, **DAY, windows=6),
    Set("wikipedia_h90", "wikipedia_daily.csv", 90, **DAY, windows=2),
    Set("pjm_h168", "pjm_hourly_dev.csv.gz", 168, (24, 168), **HOUR, scale=24,
        windows=4, step=2184, limit=17_520, tuned=2),
    Set("grid_carbon_h168", "grid_carbon_hourly.csv.gz", 168, (24, 168), **HOUR, scale=24,
        windows=4, step=2184, limit=17_520, tuned="none"),
    Set("pjm_daily_h365", "pjm_hourly_dev.csv.gz", 365, **DAY, every="1D", windows=3, step=182, least=730, tuned=2),
    Set("grid_carbon_daily_h365", "grid_carbon_hourly.csv.gz", 365, **DAY, every="1D", windows=3, step=182, least=730,
        tuned="none"),
    Set("crane", "crane_1min.csv.gz", 144, (144,), "10T", "10min", 144, every="10min", windows=3, least=576),
    Set("nasa_july", "nasa_july_hourly.csv", 24, (24, 168), **HOUR, scale=24, windows=7, tuned="none"),
    Set("fleet", "fleet_google2019_alibaba2018_5min.csv.gz", 24, (24,), **HOUR, scale=24,
        every="12", windows=5, least=120),
    Set("tweets", "tweets_5min.csv.gz", 24, (24, 168), **HOUR, scale=24, every="1h", windows=7),
    Set("taylor", "taylor_30min.csv", 48, (48, 336), "30T", "30min", 48, windows=7, tuned="none"),
    Set("bank_calls", "bank_calls_5min.csv", 169, (169, 845), "bank", "5min", 169, windows=5, limit=6_760, tuned="none"),
    Set("wp_peyton_manning_h14", "wp_peyton_manning_daily.csv", 14, **DAY, windows=12, tuned="none"),
    Set("wp_peyton_manning_h90", "wp_peyton_manning_daily.csv", 90, **DAY, windows=6, tuned="none"),
    Set("misc_daily_h14", "misc_daily.csv", 14, **DAY, windows=6, least=180, tuned="none"),
    Set("misc_daily_h90", "misc_daily.csv", 90, **DAY, windows=2, least=180, tuned="none"),
    Set("nyc_taxi", "nyc_taxi_30min.csv", 48, (48, 336), "30T", "30min", 48, windows=7, tuned="none"),
    Set("misc_hourly", "misc_hourly.csv", 48, (24, 168), **HOUR, scale=24, windows=7, tuned="none"),
    Set("misc_weekly", "misc_weekly.csv", 13, (52,), "W", "7D", 1, windows=3),
    Set("m3_quarterly", "m3_quarterly_train.csv", 8, (4,), "Q", "QS", 4, test="m3_quarterly_test.csv", owa=True),
    Set("m3_other", "m3_other_train.csv", 8, (1,), "Y", "YS", 1, test="m3_other_test.csv", owa=True),
]


# What FLAIR calls a spacing of pandas.
SPACINGS = {"h": "H", "D": "D", "W-SUN": "W", "MS": "M", "QS": "Q", "30min": "30T", "10min": "10T", "5min": "5T"}


def own(file: Path, spacing, horizon, seasons, windows, step, limit):
    """A set of one's own: nobody looked at it."""
    return Set(file.stem, file.name, horizon, seasons, SPACINGS[spacing], spacing, seasons[0], windows=windows, step=step,
               least=2 * seasons[-1], limit=limit, tuned="none")


@dataclass(frozen=True)
class Task:
    """One forecast to make: a history that ends at an origin, and what came after it. NaN is missing."""

    series: str
    # Origins before the last one; those of one number are forecast in one go by global models.
    back: int
    # Stamp of the first point: a timestamp, or `None` where the source has no clock.
    start: object
    history: np.ndarray
    actual: np.ndarray
    # Mean absolute seasonal difference, which scales the scores.
    naive_error: float
    # Whether nobody looked at this series while the forecaster was designed.
    held_out: bool


def tasks(data, chosen, series=0, part="all"):
    """The tasks of a set: of all series, or of `series` of them, evenly spread over the file."""
    frame = read(data / chosen.file)
    test = dict(list(read(data / chosen.test).groupby("unique_id", sort=False))) if chosen.test else {}
    groups = list(frame.groupby("unique_id", sort=False))
    held_out = held_out_of(chosen, [name for name, _ in groups])
    if series and series < len(groups):
        groups = [groups[index] for index in np.linspace(0, len(groups) - 1, series).round().astype(int)]
    made = []
    for name, rows in groups:
        if part != "all" and (name in held_out) != (part == "held-out"):
            continue
        start, values = on_grid(rows, chosen)
        if test:
            values = np.concatenate([values, test[name].y.to_numpy(float)])
        for back in range(chosen.windows):
            task = cut(chosen, name, start, values, back, name in held_out)
            if task:
                made.append(task)
    return made


def held_out_of(chosen, names):
    names = sorted(names)
    if chosen.tuned == "none":
        return set(names)
    return set(names[1::2] if chosen.tuned == "alternate" else names[chosen.tuned:])


def cut(chosen, name, start, values, back, held_out):
    """The task `back` origins before the last one, if there is enough history and something to score."""
    origin = len(values) - chosen.horizon - back * (chosen.step or chosen.horizon)
    if origin < max(chosen.least, 3):
        return None
    first = max(0, origin - chosen.limit) if chosen.limit else 0
    history, actual = values[first:origin], values[origin:origin + chosen.horizon]
    # With rolling origins one scale for the whole series: a short history before a jump would have next to none.
    scaled_by = history if chosen.test else values
    naive_error = np.nanmean(np.abs(scaled_by[chosen.scale:] - scaled_by[:-chosen.scale]))
    if np.isnan(actual).all() or not naive_error > 0:
        return None
    if start is not None:
        start = start + first * pd.tseries.frequencies.to_offset(chosen.pandas)
    return Task(name, back, start, history, actual, naive_error, held_out)


def read(path: Path):
    return pd.read_csv(path, dtype={"unique_id": str})


def on_grid(rows, chosen):
    """First stamp and values of one series on a regular grid; what falls on one point is averaged."""
    if chosen.name == "bank_calls" or not isinstance(rows.ds.iloc[0], str):
        # closed hours have no rows: the steps are counted, not timed
        values = rows.y.to_numpy(float)
        if chosen.every:
            width = int(chosen.every)
            values = np.array([values[at:at + width].mean() for at in range(0, len(values) - width + 1, width)])
        return None, values
    stamps = pd.to_datetime(rows.ds, utc=True)
    points = pd.Series(rows.y.to_numpy(float), stamps).resample(chosen.every or chosen.pandas).mean()
    if chosen.every:
        # the last cell may be cut off
        points = points[:-1]
    return points.index[0], points.to_numpy(float)
