"""Scores by their official definitions (M4 competition for sMAPE, MASE, OWA and MSIS)."""

import numpy as np

LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
NAMES = ["smape", "mase", "msis", "cov95", "cov80", "wql"]


def score(task, point, quantiles):
    """Scores of one forecast, in the order of NAMES; `quantiles` has a row for each of LEVELS."""
    known = ~np.isnan(task.actual)
    actual, point, quantiles = task.actual[known], point[known], quantiles[:, known]
    size = np.abs(point) + np.abs(actual)
    smape = 200 * np.mean(np.divide(np.abs(point - actual), size, out=np.zeros_like(size), where=size > 0))
    mase = np.mean(np.abs(point - actual)) / task.naive_error
    low, high = quantiles[0], quantiles[-1]
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    msis = np.mean(high - low + 2 / 0.05 * outside) / task.naive_error
    cov95 = np.mean((low <= actual) & (actual <= high))
    cov80 = np.mean((quantiles[1] <= actual) & (actual <= quantiles[3]))
    short = actual - quantiles
    pinball = np.maximum(LEVELS[:, None] * short, (LEVELS[:, None] - 1) * short)
    wql = 2 * np.mean(pinball) / task.naive_error
    return [smape, mase, msis, cov95, cov80, wql]


def naive2(history, horizon, season):
    """Naive2 of the M4 competition: the last value, seasonally adjusted where the 90 % test says so."""
    indices = np.ones(season)
    n = len(history)
    if season > 1 and n >= 3 * season and seasonal(history, season) and np.all(history > 0):
        indices = multiplicative_indices(history, season)
    level = history[-1] / indices[(n - 1) % season]
    return level * indices[(n + np.arange(horizon)) % season]


def seasonal(history, season):
    centred = history - history.mean()
    total = (centred ** 2).sum()
    if total == 0:
        return False
    correlation = np.array([(centred[lag:] * centred[:-lag]).sum() / total for lag in range(1, season + 1)])
    limit = 1.645 / np.sqrt(len(history)) * np.sqrt(1 + 2 * (correlation[:-1] ** 2).sum())
    return abs(correlation[-1]) > limit


def multiplicative_indices(history, season):
    """Classical decomposition: mean ratio to the centred moving average, by place in the season."""
    half = season // 2
    weights = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    ratio = history[half:len(history) - half] / np.convolve(history, weights, "valid")
    places = (np.arange(len(ratio)) + half) % season
    indices = np.array([ratio[places == place].mean() for place in range(season)])
    return indices / indices.mean()
