"""Accuracy and speed of `headroom forecast` beside statsforecast on the M4 hourly series, one thread each.

Official definitions: sMAPE and MASE (scaled with the seasonal naive error at lag 24) as in the M4 competition;
wql is the pinball loss at 2.5, 10, 50, 90 and 97.5 %, doubled and divided by the MASE scale. CPU time is user plus
system of the whole work; the peers are warmed up before, so that compilation does not count.
"""

import argparse
import csv
import gzip
import resource
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import MSTL, AutoETS, DynamicOptimizedTheta, SeasonalNaive

SEASON, HORIZON = 24, 48
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]


def read(path):
    series = defaultdict(list)
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as file:
        for row in csv.DictReader(file):
            series[row["unique_id"]].append(float(row["y"]))
    return dict(series)


def scores(train, test, forecasts):
    """Mean sMAPE, MASE and wql; a forecast is (mean path, {level: path})."""
    smape, mase, wql = [], [], []
    for name, actual in test.items():
        mean, quantiles = forecasts[name]
        history = train[name]
        scale = sum(abs(b - a) for a, b in zip(history, history[SEASON:])) / (len(history) - SEASON)
        smape.append(200 * sum(abs(f - y) / (abs(f) + abs(y) or 1) for f, y in zip(mean, actual)) / len(actual))
        mase.append(sum(abs(f - y) for f, y in zip(mean, actual)) / len(actual) / scale)
        pinball = [max(level * (y - q), (level - 1) * (y - q)) for level in LEVELS for q, y in zip(quantiles[level], actual)]
        wql.append(2 * sum(pinball) / len(pinball) / scale)
    return [sum(values) / len(values) for values in (smape, mase, wql)]


def ours(binary, train):
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder, "in.csv"), Path(folder, "out.csv")
        with open(source, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["unique_id", "ds", "y"])
            writer.writerows((name, step, y) for name, values in train.items() for step, y in enumerate(values))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [binary, "forecast", "--input", source, "--horizon", str(HORIZON), "--output", output, "--threads", "1"],
            check=True, stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        forecasts = defaultdict(lambda: ([], {level: [] for level in LEVELS}))
        with open(output) as file:
            for row in csv.DictReader(file):
                mean, quantiles = forecasts[row["unique_id"]]
                mean.append(float(row["mean"]))
                for level in LEVELS:
                    quantiles[level].append(float(row[f"q{level}"]))
    return forecasts, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def theirs(model, train):
    frame = pd.DataFrame([(name, step, y) for name, values in train.items() for step, y in enumerate(values)],
                         columns=["unique_id", "ds", "y"])
    names = list(train)
    engine = StatsForecast(models=[model], freq=1, n_jobs=1)
    engine.forecast(df=frame[frame.unique_id.isin(names[:1])], h=HORIZON, level=[80, 95])
    start = time.process_time()
    out = engine.forecast(df=frame, h=HORIZON, level=[80, 95])
    seconds = time.process_time() - start
    name = str(model)
    columns = {0.025: f"{name}-lo-95", 0.1: f"{name}-lo-80", 0.5: name, 0.9: f"{name}-hi-80", 0.975: f"{name}-hi-95"}
    forecasts = {
        unique_id: (group[name].tolist(), {level: group[column].tolist() for level, column in columns.items()})
        for unique_id, group in out.groupby("unique_id")
    }
    return forecasts, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headroom", required=True, help="the binary")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/series"))
    parser.add_argument("--series", type=int, default=60, help="number of series, spread over the file")
    args = parser.parse_args()
    train, test = read(args.data / "m4_hourly_dev_train.csv.gz"), read(args.data / "m4_hourly_dev_test.csv")
    names = sorted(test)[:: max(1, len(test) // args.series)][: args.series]
    train, test = {name: train[name] for name in names}, {name: test[name] for name in names}

    runs = [("headroom", lambda: ours(args.headroom, train))]
    for model in (SeasonalNaive(SEASON), DynamicOptimizedTheta(SEASON), MSTL([SEASON, 7 * SEASON]), AutoETS(season_length=SEASON)):
        runs.append((f"statsforecast {model}", lambda model=model: theirs(model, train)))
    print(f"M4 hourly, {len(names)} series, {HORIZON} steps ahead, one thread")
    print(f"{'method':<40} {'sMAPE':>7} {'MASE':>7} {'wql':>7} {'ms/series':>10} {'time ÷ ours':>12}")
    own = None
    for name, run in runs:
        forecasts, seconds = run()
        own = own or seconds
        smape, mase, wql = scores(train, test, forecasts)
        print(f"{name:<40} {smape:7.2f} {mase:7.3f} {wql:7.3f} {seconds / len(names) * 1000:10.1f} {seconds / own:12.1f}", flush=True)


main()
