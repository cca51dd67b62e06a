"""Right-sizing replayed on real machines: sized on the first half of their trace, judged on the second.

`python benches/rightsize.py --headroom target/release/headroom`, with the traces of ../shared/data/vms beside the
checkout (needs pandas and pyarrow). Sizes are powers of two in CPU and, apart from it, in memory, so that every rule
can cut either; a rule that does not look at memory keeps it. Each machine counts the same. An interval violates when
CPU is above the capacity of the new size; a machine when more than 1 % of its intervals do. Memory beyond 100 % of what
the trace's own machine had is not counted. Ours has the default policy. Intervals are 95 % bootstrap intervals over
machines.
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

VMS = Path(__file__).resolve().parents[2] / "shared" / "data" / "vms"
VCPU, MEMORY = 16, 64
STEPS = range(-6, 3)
CPU_PRICE, MEMORY_PRICE = 0.03, 0.004
RESAMPLES = 2000


def traces():
    """Machine -> {"cpu": percent, "memory": percent or None}, five-minute values, oldest first."""
    machines = {}
    bitbrains = pd.read_parquet(VMS / "bitbrains_cpu_5min.parquet")
    for name, rows in bitbrains[bitbrains.metric == "cpu_pct"].groupby("resource_id"):
        machines[f"bitbrains-{name}"] = {"cpu": rows.sort_values("ds").value.tolist(), "memory": None}
    google = pd.read_parquet(VMS / "google2011_cpu_mem_5min.parquet")
    for name, rows in google.groupby("resource_id"):
        by = {metric: part.sort_values("ds").value.tolist() for metric, part in rows.groupby("metric")}
        cpu = next(values for metric, values in by.items() if "cpu" in metric)
        memory = next(values for metric, values in by.items() if "mem" in metric)
        machines[f"google-{name}"] = {"cpu": cpu, "memory": memory}
    return {name: trace for name, trace in machines.items() if len(trace["cpu"]) >= 6 * 288}


def quantile(values, level):
    values = sorted(values)
    position = level * (len(values) - 1)
    low = int(position)
    return values[low] + (position - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def smallest(need):
    """The smallest step whose share of the current capacity carries `need` percent."""
    return next((step for step in STEPS if 100 * 2.0**step >= need), STEPS[-1])


def rule(cpu_need, memory_need):
    def decide(trace):
        memory = 0 if trace["memory"] is None else smallest(memory_need(trace["memory"]))
        return smallest(cpu_need(trace["cpu"])), memory

    return decide



RULES = {
    "P99.5 + 20 %": rule(lambda cpu: quantile(cpu, 0.995) / 0.8, lambda memory: max(memory) * 1.2),
    "P95 (KRR)": rule(lambda cpu: quantile(cpu, 0.95), lambda memory: max(memory) * 1.15),
    "P90 × 1.15 (VPA)": rule(lambda cpu: quantile(cpu, 0.9) * 1.15, lambda memory: quantile(memory, 0.9) * 1.15),
}


def ours(binary, halves):
    """Steps from `headroom plan rightsize`; an idle machine gets the smallest size, for it cannot go below."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def write(name, header, rows):
            with open(folder / name, "w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header)
                writer.writerows(rows)

        stamps = pd.date_range("2026-03-02", periods=max(len(half["cpu"]) for half in halves.values()), freq="5min")
        stamps = stamps.strftime("%Y-%m-%dT%H:%M:%SZ")

        def metrics():
            for name, half in halves.items():
                at = stamps[len(stamps) - len(half["cpu"]) :]
                yield from ((name, ds, "cpu_utilization", value) for ds, value in zip(at, half["cpu"]))
                if half["memory"]:
                    yield from ((name, ds, "memory_used", v * MEMORY / 100) for ds, v in zip(at, half["memory"]))

        write("metrics.csv", ["resource_id", "ds", "metric", "value"], metrics())
        place = ["aws", "us-east-1"]
        write(
            "inventory.csv",
            ["resource_id", "provider", "account", "region", "instance_type", "os", "tags"],
            ([name, "aws", "1", "us-east-1", "g.c0.m0", "Linux", "{}"] for name in halves),
        )
        write(
            "catalog.csv",
            "provider region instance_type family architecture vcpu memory_gib network_gbps ebs_mbps ebs_iops burstable "
            "performance_per_vcpu on_demand_hourly".split(),
            (
                [*place, f"g.c{cpu}.m{memory}", "g", "x86_64", VCPU * 2.0**cpu, MEMORY * 2.0**memory, 10, 5000, 20000]
                + ["false", 1, CPU_PRICE * VCPU * 2.0**cpu + MEMORY_PRICE * MEMORY * 2.0**memory]
                for cpu in STEPS
                for memory in STEPS
            ),
        )
        (folder / "headroom.toml").write_text("")
        subprocess.run(
            [binary, "plan", "rightsize", "--config", folder / "headroom.toml"]
            + [text for name in ("metrics", "inventory", "catalog") for text in (f"--{name}", folder / f"{name}.csv")]
            + ["--output", folder / "out.json"],
            check=True,
        )
        answers = json.loads((folder / "out.json").read_text())
    steps = {}
    for answer in answers:
        chosen = answer["recommended"]["instance_type"] if answer["recommended"] else "g.c0.m0"
        cpu, memory = (int(part[1:]) for part in chosen.split(".")[1:])
        if answer["finding"] == "idle":
            memory = 0 if halves[answer["resource_id"]]["memory"] is None else STEPS[0]
            cpu = STEPS[0]
        steps[answer["resource_id"]] = (cpu, memory)
    return steps


def judge(trace, steps):
    """Saving in percent of CPU capacity, violating CPU intervals in percent, the same of memory."""
    cpu, memory = (100 * 2.0**step for step in steps)
    after = trace["cpu"]
    over = 100 * sum(value > cpu for value in after) / len(after)
    short = 0.0
    if trace["memory"]:
        short = 100 * sum(value > memory and value <= 100 for value in trace["memory"]) / len(after)
    return 100 - cpu, over, short


def mean(values):
    return math.fsum(values) / len(values)


def interval(values):
    draw = random.Random(7)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return f"{means[RESAMPLES // 40]:+.1f} to {means[-RESAMPLES // 40]:+.1f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--headroom", default="target/release/headroom")
    binary = parser.parse_args().headroom
    if not VMS.is_dir():
        print("skipped: ../shared/data/vms is not beside the checkout")
        return
    machines = traces()

    def half(trace, part):
        cut = len(trace["cpu"]) // 2
        side = (lambda values: values[:cut]) if part == 0 else (lambda values: values[cut:])
        return {key: side(values) if values else None for key, values in trace.items()}

    seen = {name: half(trace, 0) for name, trace in machines.items()}
    steps = {"headroom": ours(binary, seen)}
    steps |= {name: {vm: decide(trace) for vm, trace in seen.items()} for name, decide in RULES.items()}
    for group in ("", "bitbrains", "google"):
        names = [name for name in machines if name.startswith(group)]
        judged = {
            policy: [judge(half(machines[name], 1), chosen[name]) for name in names] for policy, chosen in steps.items()
        }
        print(f"\n{group or 'all'}: {len(names)} machines")
        rows = "| rule | CPU saved % | over % of time | machines > 1 % | memory short % |"
        print(f"{rows}\n|---|---|---|---|---|")
        for policy, parts in judged.items():
            saved, over, short = zip(*parts)
            bad = 100 * mean([o > 1 for o in over])
            print(f"| {policy} | {mean(saved):.1f} | {mean(over):.2f} | {bad:.1f} % | {mean(short):.3f} |")
        print("\n| ours − the rule | CPU saved, points (95 %) | over, points (95 %) | machines > 1 % |")
        print("|---|---|---|---|")
        for other in RULES:
            saving, violation = (
                [mine[at] - its[at] for mine, its in zip(judged["headroom"], judged[other])] for at in (0, 1)
            )
            mine, its = (sum(over > 1 for _, over, _ in judged[rule]) for rule in ("headroom", other))
            print(
                f"| headroom − {other} | {mean(saving):+.1f} ({interval(saving)}) "
                f"| {mean(violation):+.2f} ({interval(violation)}) | {mine} instead of {its} |"
            )


if __name__ == "__main__":
    main()
