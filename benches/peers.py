"""The peers, at their defaults, on one thread each; a series that a peer cannot do gets seasonal naive and is counted."""

import logging
import resource
import sys
import time
import warnings
from importlib.metadata import version

import augurs
import flaircast
import lightgbm
import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean
from mlforecast.target_transforms import Differences, LocalStandardScaler
from mlforecast.utils import PredictionIntervals
from statsforecast import models

from cache import key_of
from scores import LEVELS

logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
from prophet import Prophet  # after the line that keeps it from complaining about plots

warnings.filterwarnings("ignore")
logging.getLogger("cmdstanpy").disabled = True
logging.getLogger("prophet").setLevel(logging.ERROR)

# The exponential smoothers fit every point many times: they see this many last points at most.
SMOOTHER_POINTS = 1_500
# FLAIR's table of periods has no day of 169 business steps.
flaircast.FREQ_TO_PERIODS["bank"] = flaircast.FREQ_TO_PERIODS["BANK"] = [169, 845]


class Peer:
    """A named method; `one` forecasts one task: a point path, and a row for each of LEVELS."""

    def __init__(self, name, package, one):
        self.name, self.version, self.one = name, version(package), one

    def forecasts(self, chosen, tasks, cache):
        """Points (task × step), quantiles (task × level × step), CPU seconds, and failures."""
        points, quantiles, seconds, failures = [], [], 0.0, 0
        warm = False
        for task in tasks:
            key = key_of(chosen, [task], self)
            kept = cache.get(key)
            if kept is None:
                history = filled(task.history)
                if not warm:
                    # compilation does not count
                    self.attempt(chosen, task, history)
                    warm = True
                before = cpu_seconds()
                made, failed = self.attempt(chosen, task, history)
                spent = cpu_seconds() - before
                kept = {"point": made[0], "quantiles": made[1], "seconds": spent, "failed": failed}
                cache.put(key, **kept)
            points.append(kept["point"])
            quantiles.append(kept["quantiles"])
            seconds += float(kept["seconds"])
            failures += int(kept["failed"])
        return np.array(points), np.array(quantiles), seconds, failures

    def attempt(self, chosen, task, history):
        try:
            point, quantiles = self.one(chosen, task, history)
            quantiles = np.array(quantiles)
            if np.isfinite(point).all() and np.isfinite(quantiles).all():
                return (np.array(point), quantiles), False
        except Exception as error:  # whatever a peer raises, its forecast is missing
            print(f"  {self.name}: {task.series}: {str(error)[:100]}", file=sys.stderr)
        return seasonal_naive(chosen, task, history), True


class Global(Peer):
    """A method that learns from all series of a set together, once an origin."""

    def forecasts(self, chosen, tasks, cache):
        points, quantiles = np.zeros((len(tasks), chosen.horizon)), np.zeros((len(tasks), 5, chosen.horizon))
        seconds, failures = 0.0, 0
        for back in sorted({task.back for task in tasks}):
            places = [place for place, task in enumerate(tasks) if task.back == back]
            together = [tasks[place] for place in places]
            key = key_of(chosen, together, self)
            kept = cache.get(key)
            if kept is None:
                before = cpu_seconds()
                failed = 0
                try:
                    made = self.one(chosen, together)
                except Exception as error:  # as above
                    print(f"  {self.name}: {str(error)[:200]}", file=sys.stderr)
                    each = [seasonal_naive(chosen, task, filled(task.history)) for task in together]
                    made, failed = (np.array([p for p, _ in each]), np.array([q for _, q in each])), len(together)
                kept = {"point": made[0], "quantiles": made[1], "seconds": cpu_seconds() - before, "failed": failed}
                cache.put(key, **kept)
            points[places], quantiles[places] = kept["point"], kept["quantiles"]
            seconds += float(kept["seconds"])
            failures += int(kept["failed"])
        return points, quantiles, seconds, failures


def cpu_seconds():
    """User and system time of this process and of what it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def filled(history):
    """No peer takes a gap: straight lines across."""
    return pd.Series(history).interpolate(limit_direction="both").to_numpy()


def seasonal_naive(chosen, _task, history):
    """Last season again; the normal interval of its errors grows with the number of seasons ahead."""
    season = chosen.seasons[0] if len(history) > chosen.seasons[0] else 1
    steps = np.arange(chosen.horizon)
    point = history[len(history) - season + steps % season]
    deviation = np.sqrt(np.mean((history[season:] - history[:-season]) ** 2)) if len(history) > season else 0.0
    z = np.array([-1.959964, -1.281552, 0.0, 1.281552, 1.959964])
    return point, point + z[:, None] * deviation * np.sqrt(1 + steps // season)


def statsforecast(make, smoother=False):
    def one(chosen, _task, history):
        if smoother:
            history = history[-SMOOTHER_POINTS:]
        out = make(chosen).forecast(y=history, h=chosen.horizon, level=[80, 95])
        return out["mean"], [out["lo-95"], out["lo-80"], out["mean"], out["hi-80"], out["hi-95"]]
    return one


def short_season(chosen):
    """As in the competitions: exponential smoothing beyond 24 seasons is not seasonal, and weeks have none."""
    return chosen.seasons[0] if chosen.seasons[0] <= 24 else 1


def theta_season(chosen):
    return 1 if chosen.flair == "W" else chosen.seasons[0]


def mfles(chosen):
    return models.MFLES(season_length=list(chosen.seasons),
                        prediction_intervals=models.ConformalIntervals(n_windows=2, h=chosen.horizon))


def augurs_mstl(chosen, _task, history):
    periods = [season for season in chosen.seasons if len(history) > 2 * season]
    model = augurs.MSTL.ets(periods)
    model.fit(np.ascontiguousarray(history, dtype=float))
    wide, narrow = model.predict(chosen.horizon, 0.95), model.predict(chosen.horizon, 0.8)
    return wide.point(), [wide.lower(), narrow.lower(), wide.point(), narrow.upper(), wide.upper()]


def flair(chosen, _task, history):
    samples = flaircast.forecast(history, chosen.horizon, chosen.flair, n_samples=400, seed=0)
    quantiles = np.quantile(samples, LEVELS, axis=0)
    return quantiles[2], quantiles


def prophet(chosen, task, history):
    start = task.start.tz_localize(None) if task.start is not None else pd.Timestamp("2020-01-05")
    stamps = pd.date_range(start, periods=len(history) + chosen.horizon, freq=chosen.pandas)
    model = Prophet()
    model.fit(pd.DataFrame({"ds": stamps[:len(history)], "y": history}))
    samples = model.predictive_samples(pd.DataFrame({"ds": stamps[len(history):]}))["yhat"]
    quantiles = np.quantile(samples, LEVELS, axis=1)
    return quantiles[2], quantiles


def light_gbm(chosen, tasks):
    """One boosted model over all series: lags, rolling means and seasonal differences; conformal intervals."""
    season, longest = chosen.seasons[0], max(chosen.seasons)
    shortest = min(len(task.history) for task in tasks)
    windows = max(1, min(2, (shortest - 2 * longest) // chosen.horizon - 1))
    lags = sorted({1, 2, 3, season - 1, season, season + 1, 2 * season, longest})
    lags = [lag for lag in lags if 0 < lag and lag + season + (windows + 1) * chosen.horizon < shortest]
    frame = pd.concat([
        pd.DataFrame({"unique_id": str(place), "ds": np.arange(len(task.history)), "y": filled(task.history)})
        for place, task in enumerate(tasks)
    ])
    learner = lightgbm.LGBMRegressor(num_threads=1, verbosity=-1, random_state=0)
    model = MLForecast(
        models={"lgb": learner}, freq=1, lags=lags,
        lag_transforms={1: [RollingMean(min(season, max(2, shortest // 4)))]} if season > 1 else {},
        target_transforms=[Differences([season]), LocalStandardScaler()],
    )
    model.fit(frame, prediction_intervals=PredictionIntervals(n_windows=windows + 1, h=chosen.horizon))
    out = model.predict(chosen.horizon, level=[80, 95])
    shape = (len(tasks), chosen.horizon)
    order = [str(place) for place in range(len(tasks))]
    columns = ["lgb-lo-95", "lgb-lo-80", "lgb", "lgb-hi-80", "lgb-hi-95"]
    paths = []
    by_series = dict(list(out.groupby("unique_id", sort=False)))
    for column in columns:
        paths.append(np.array([by_series[name][column].to_numpy() for name in order]).reshape(shape))
    return paths[2], np.stack(paths, axis=1)


SMOOTHERS = ["AutoETS", "MSTL", "DynamicOptimizedTheta", "AutoCES"]
PEERS = [
    Peer("SeasonalNaive", "numpy", seasonal_naive),
    Peer("AutoETS", "statsforecast", statsforecast(
        lambda chosen: models.AutoETS(season_length=short_season(chosen)), smoother=True)),
    Peer("MSTL", "statsforecast", statsforecast(lambda chosen: models.MSTL(season_length=list(chosen.seasons)))),
    Peer("DynamicOptimizedTheta", "statsforecast", statsforecast(
        lambda chosen: models.DynamicOptimizedTheta(season_length=theta_season(chosen)), smoother=True)),
    Peer("AutoCES", "statsforecast", statsforecast(
        lambda chosen: models.AutoCES(season_length=theta_season(chosen)), smoother=True)),
    Peer("MFLES", "statsforecast", statsforecast(mfles)),
    Global("LightGBM", "mlforecast", light_gbm),
    Peer("Prophet", "prophet", prophet),
    Peer("FLAIR", "flaircast", flair),
    Peer("augurs MSTL", "augurs", augurs_mstl),
]
