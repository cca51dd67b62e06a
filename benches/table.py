"""Tables of scores, and paired bootstrap intervals over series."""

from dataclasses import dataclass

import numpy as np

from scores import NAMES

RESAMPLES = 2_000
MASE, WQL = NAMES.index("mase"), NAMES.index("wql")


@dataclass
class Result:
    """Scores of one method on one set: a row for each task."""

    name: str
    scores: np.ndarray
    ms: float
    failures: int


def by_series(work, scores):
    """Mean over the origins of each series."""
    names = np.array([task.series for task in work])
    return np.array([scores[names == name].mean(axis=0) for name in dict.fromkeys(names)])


def interval(differences):
    """Mean and 95 % bootstrap interval of the mean over series."""
    if len(differences) < 5:
        return f"{differences.mean():+.3f} (few series)"
    picks = np.random.default_rng(0).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(differences[picks].mean(axis=1), [0.025, 0.975])
    return f"{differences.mean():+.3f} ({low:+.3f}, {high:+.3f})"


HEADER = "| method | sMAPE | MASE | OWA | MSIS95 | cov95 | cov80 | wql | CPU ms | failed | ΔMASE | Δwql |"


def print_set(chosen, work, results, naive2):
    series = len({task.series for task in work})
    points = int(np.mean([len(task.history) for task in work]))
    held_out = len({task.series for task in work if task.held_out})
    print(f"\n### {chosen.name}: {series} series ({held_out} held out), {len(work)} forecasts, h = {chosen.horizon}, "
          f"{points} points on average\n")
    print(HEADER + "\n|" + "---|" * 12)
    own = results[0] if results and results[0].name == "headroom" else None
    for each in results:
        smape, mase, msis, cov95, cov80, wql = by_series(work, each.scores).mean(axis=0)
        owa = f"{(smape / naive2[0] + mase / naive2[1]) / 2:.3f}" if naive2 is not None else "–"
        deltas = ["", ""]
        if own and each is not own:
            difference = by_series(work, own.scores - each.scores)
            deltas = [interval(difference[:, column]) for column in (MASE, WQL)]
        print(f"| {each.name} | {smape:.2f} | {mase:.3f} | {owa} | {msis:.2f} | {cov95:.3f} | {cov80:.3f} | {wql:.3f} "
              f"| {each.ms:.1f} | {each.failures or ''} | {deltas[0]} | {deltas[1]} |", flush=True)


def standings(sets):
    """Headroom beside the best peer of each set, by MASE and by wql."""
    print("\n### Headroom beside the best peer of each set\n\n"
          "| set | MASE | best peer | its MASE | Δ | wql | best peer | its wql | Δ |\n|" + "---|" * 9)
    for chosen, work, results in sets:
        cells = []
        for column in (MASE, WQL):
            own, *peers = [(by_series(work, each.scores)[:, column], each.name) for each in results]
            best = min(peers, key=lambda peer: peer[0].mean())
            cells += [f"{own[0].mean():.3f}", best[1], f"{best[0].mean():.3f}", interval(own[0] - best[0])]
        print(f"| {chosen.name} | {' | '.join(cells)} |")


def pooled(sets):
    """Differences over the held-out series of all given sets together."""
    names = [each.name for each in sets[0][2][1:]]
    print("\n### held-out series of all sets pooled\n\n| peer | series | ΔMASE | Δwql |\n|---|---|---|---|")
    for name in names:
        differences = []
        for _, work, results in sets:
            peer = next((each for each in results if each.name == name), None)
            places = [place for place, task in enumerate(work) if task.held_out]
            if peer and places:
                held_out = [work[place] for place in places]
                differences.append(by_series(held_out, (results[0].scores - peer.scores)[places]))
        together = np.concatenate(differences)
        print(f"| {name} | {len(together)} | {interval(together[:, MASE])} | {interval(together[:, WQL])} |")
