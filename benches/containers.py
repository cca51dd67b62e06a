"""Requests of containers replayed on real workloads: set on the first half of their trace, judged on the second.

`python benches/containers.py --headroom target/release/headroom`, with the eight Kubernetes workloads of
../shared/data/series beside the checkout (CPU of all pods together by the minute; needs pandas). Scales differ from
workload to workload, so each is brought to a mean of four cores over its first half. Memory was not traced.

Without an autoscaler each workload has one pod, which asks for the given quantile of what was seen. A minute is over when
the pod uses more than it requests; a workload when more than 1 % of its minutes are. Workloads about which ours says nothing
(too few samples, a level that has just shifted) are in no table.

With an autoscaler each starts with pods of one core, a target of 50 %, and 2 to 100 pods. Ours changes request, target and
fewest pods; a target of 70 % or 80 % alone is what people set. KRR leaves autoscaled workloads alone, and VPA does not work on the
same metric. The replayed autoscaler is written here a second time: by the minute, pods three minutes late, no change
within a tenth of the target, down only to the most of the last five minutes. A minute is over when the busiest pod, a
fifth above the mean one, uses more than it requests. Intervals are 95 % bootstrap intervals over workloads.
"""

import argparse
import csv
import json
import math
import random
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "series" / "crane_1min.csv.gz"
MEAN_CORES = 4.0
IMBALANCE, REACTION, WINDOW, TOLERANCE = 1.2, 3, 5, 0.1
NOW = {"request": 1.0, "target": 0.5, "fewest": 2, "most": 100}
RESAMPLES = 2000


def traces():
    """Workload -> (cores of the first half, of the second), by the minute."""
    rows = pd.read_csv(TRACES)
    halves = {}
    for name, part in rows.groupby("unique_id"):
        values = part.sort_values("ds").y.clip(lower=0).tolist()
        cut = len(values) // 2
        scale = MEAN_CORES / (math.fsum(values[:cut]) / cut)
        halves[name] = ([v * scale for v in values[:cut]], [v * scale for v in values[cut:]])
    return halves


def quantile(values, level):
    values = sorted(values)
    position = level * (len(values) - 1)
    low = int(position)
    return values[low] + (position - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def headroom(binary, halves, container):
    """The answers of `headroom plan containers` by workload, for the columns of `container`."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def write(name, header, rows):
            with open(folder / name, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows(rows)

        def metrics():
            for name, (seen, _) in halves.items():
                at = pd.date_range("2026-03-02", periods=len(seen), freq="1min").strftime("%Y-%m-%dT%H:%M:%SZ")
                yield from ((name, ds, "cpu_used", value) for ds, value in zip(at, seen))

        write("metrics.csv", ["resource_id", "ds", "metric", "value"], metrics())
        header = ["resource_id", "provider", "account", "region", "instance_type", "os", "tags", "kind", "workload"]
        place = ["aws", "1", "us-east-1", "", "", "{}", "container"]
        write(
            "inventory.csv",
            header + list(container),
            ([name, *place, name, *container.values()] for name in halves),
        )
        subprocess.run(
            [binary, "plan", "containers", "--metrics", folder / "metrics.csv"]
            + ["--inventory", folder / "inventory.csv", "--output", folder / "out.json"],
            check=True,
        )
        return {answer["resource_id"]: answer for answer in json.loads((folder / "out.json").read_text())}


def autoscaled(cores, setting):
    """Mean of the requested cores, and percent of the minutes that are over."""
    request, load = setting["request"], setting["request"] * setting["target"]

    def wanted(used):
        return min(max(math.ceil(used / load - 1e-9), setting["fewest"]), setting["most"])

    pods, wishes, total, over = wanted(cores[0]), [], 0, 0
    for minute, used in enumerate(cores):
        if minute >= REACTION:
            seen = cores[minute - REACTION]
            wish = pods if abs(seen / (pods * load) - 1) <= TOLERANCE else wanted(seen)
            wishes = (wishes + [wish])[-WINDOW:]
            pods = wish if wish >= pods else min(max(wishes), pods)
        total += pods
        over += used * (IMBALANCE if pods > 1 else 1) > pods * request * (1 + 1e-9)
    return request * total / len(cores), 100 * over / len(cores)


def interval(values):
    draw = random.Random(7)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return f"{means[RESAMPLES // 40]:+.1f} to {means[-RESAMPLES // 40]:+.1f}"


def table(first, judged, used):
    """`judged`: rule -> list of (requested cores, percent over), one a workload; `used`: mean cores of each."""
    mean = lambda values: math.fsum(values) / len(values)
    ours = judged["headroom"]
    print(f"| {first} | requested cores ÷ used | saved against it % (95 %) | over % of time | ours − it (95 %) | workloads > 1 % |")
    print("|---|---|---|---|---|---|")
    for rule, rows in judged.items():
        saved = [100 * (1 - mine[0] / other[0]) for mine, other in zip(ours, rows)]
        fewer = [mine[1] - other[1] for mine, other in zip(ours, rows)]
        print(
            f"| {rule} | {mean([cores / mean_use for (cores, _), mean_use in zip(rows, used)]):.2f} | {mean(saved):+.1f} ({interval(saved)}) "
            f"| {mean([row[1] for row in rows]):.2f} | {mean(fewer):+.2f} ({interval(fewer)}) "
            f"| {sum(row[1] > 1 for row in rows)} of {len(rows)} |"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--headroom", default="target/release/headroom")
    binary = parser.parse_args().headroom
    if not TRACES.is_file():
        print("skipped: ../shared/data/series/crane_1min.csv.gz is not beside the checkout")
        return
    halves = traces()
    fixed = headroom(binary, halves, {"cpu_request": 100, "replicas": 1})
    for name in [name for name, answer in fixed.items() if answer["recommended"] is None]:
        print(f"{name} is left alone, and out of the tables: {fixed[name]['reason']}")
        del halves[name]
    used = [math.fsum(after) / len(after) for _, after in halves.values()]

    rules = {
        "headroom": lambda name, seen: fixed[name]["recommended"]["cpu_request"],
        "P99.5 + 20 %": lambda name, seen: quantile(seen, 0.995) / 0.8,
        "P95 (KRR)": lambda name, seen: quantile(seen, 0.95),
        "P90 × 1.15 (VPA)": lambda name, seen: quantile(seen, 0.9) * 1.15,
    }

    def over(request, after):
        return request, 100 * sum(value > request for value in after) / len(after)

    print(f"\nOne pod, no autoscaler: {len(halves)} workloads")
    asked = {rule: [over(ask(n, seen), after) for n, (seen, after) in halves.items()] for rule, ask in rules.items()}
    table("rule", asked, used)

    scaled = headroom(
        binary,
        halves,
        {"cpu_request": NOW["request"], "replicas": 8, "min_replicas": NOW["fewest"], "max_replicas": NOW["most"]}
        | {"cpu_target": 100 * NOW["target"]},
    )

    def ours(name):
        new = scaled[name]["recommended"]
        if new is None:
            return NOW
        scaler = new["autoscaler"]
        return {"request": new["cpu_request"], "target": scaler["cpu_target"] / 100} | {
            "fewest": scaler["min_replicas"],
            "most": scaler["max_replicas"],
        }

    settings = {
        "headroom": ours,
        "50 % (as it is)": lambda name: NOW,
        "70 %": lambda name: NOW | {"target": 0.7},
        "80 %": lambda name: NOW | {"target": 0.8},
    }
    print("\nAutoscaled")
    table(
        "setting",
        {rule: [autoscaled(after, of(name)) for name, (_, after) in halves.items()] for rule, of in settings.items()},
        used,
    )
    for name in halves:
        print(f"{name}: {scaled[name]['finding']}, {ours(name)}")


if __name__ == "__main__":
    main()
