"""Accuracy, calibration and speed of `headroom forecast` beside named peers, on the same series in the same run.

One table a set: scores by their official definitions, CPU milliseconds a forecast on one thread, and the difference
Headroom minus peer in MASE and wql with its paired 95 % bootstrap interval over series. The last tables show Headroom
beside the best peer of each set, and pool the series of all sets that nobody looked at while the forecaster was designed.
"""

import argparse
import os
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np

from cache import Cache
from headroom import Headroom
from peers import PEERS, SMOOTHERS
from scores import naive2, score
from sets import SETS, SPACINGS, own, tasks
from table import Result, pooled, print_set, standings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headroom", help="the binary; without one only the peers run")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/series"))
    parser.add_argument("--sets", default=",".join(each.name for each in SETS),
                        help="names, comma separated; NAME:60 takes 60 series of a set, evenly spread")
    parser.add_argument("--file", type=Path, help="a CSV of your own (unique_id, ds, y) instead of these sets, with")
    parser.add_argument("--spacing", choices=SPACINGS, default="D", help="of its points (D)")
    parser.add_argument("--horizon", type=int, default=14, help="steps ahead (14)")
    parser.add_argument("--seasons", default="7", help="told to the peers, ascending; the first scales the scores (7)")
    parser.add_argument("--windows", type=int, default=4, help="origins of each series (4)")
    parser.add_argument("--step", type=int, default=0, help="steps between them (the horizon)")
    parser.add_argument("--limit", type=int, default=0, help="last points of a history that are seen (all)")
    parser.add_argument("--series", type=int, default=0, help="at most this many series of every set")
    parser.add_argument("--part", choices=["all", "tuned", "held-out"], default="all", help="of the series")
    parser.add_argument("--peers", default=",".join(peer.name for peer in PEERS), help="names, comma separated")
    parser.add_argument("--cache", help="a file that keeps the peers' forecasts for the next run")
    args = parser.parse_args()

    cache = Cache(args.cache)
    peers = [peer for peer in PEERS if peer.name in args.peers.split(",")]
    everything = []
    counts = {name: int(count or args.series) for name, _, count in (each.partition(":") for each in args.sets.split(","))}
    if args.file:
        args.data = args.file.parent
        seasons = tuple(int(each) for each in args.seasons.split(","))
        chosen_sets = [own(args.file, args.spacing, args.horizon, seasons, args.windows, args.step, args.limit)]
        counts = {args.file.stem: args.series}
    else:
        chosen_sets = [each for each in SETS if each.name in counts]
    for chosen in chosen_sets:
        work = tasks(args.data, chosen, counts[chosen.name], args.part)
        results = []
        if args.headroom:
            results.append(result("headroom", chosen, work, *Headroom(args.headroom).forecasts(chosen, work)))
        made = {peer.name: peer.forecasts(chosen, work, cache) for peer in peers}
        results += [result(name, chosen, work, *forecast) for name, forecast in made.items()]
        together = [made[name] for name in SMOOTHERS if name in made]
        if len(together) > 1:
            point, quantiles = (np.median([each[part] for each in together], axis=0) for part in (0, 1))
            seconds, failures = (sum(each[part] for each in together) for part in (2, 3))
            results.append(result("median of the four", chosen, work, point, quantiles, seconds, failures))
        print_set(chosen, work, results, naive2_scores(chosen, work))
        everything.append((chosen, work, results))
    if args.headroom:
        standings(everything)
        pooled(everything)


def result(name, chosen, work, points, quantiles, seconds, failures):
    scores = np.array([score(*each) for each in zip(work, points, quantiles)])
    return Result(name, scores, 1000 * seconds / len(work), failures)


def naive2_scores(chosen, work):
    """Mean sMAPE and MASE of Naive2 where the set has an OWA."""
    if not chosen.owa:
        return None
    paths = [naive2(task.history, chosen.horizon, chosen.scale) for task in work]
    return np.mean([score(task, path, np.tile(path, (5, 1)))[:2] for task, path in zip(work, paths)], axis=0)


main()
