"""The commitment planner beside HiGHS: the same 43,800 hours, six families and 13 plans, in one run.

`python benches/commitments.py [--hours 43800] [--solver simplex] [--limit 3600]`, with the loads of ../shared/data/series
beside the checkout (needs numpy and highspy). The full linear program has one variable for each hour, family and plan
that can cover it; its optimum is the cheapest cost that any purchase can have. Ours is priced by the exact billing
simulator, purchases rounded to what can be bought: whole reservations, thousandths of a dollar an hour.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import highspy
import numpy as np

ROOT = Path(__file__).resolve().parents[1]


def ours(folder, hours):
    """Our answer as JSON, or None without the loads; writes the instance to `folder`."""
    example = ["cargo", "run", "--release", "--quiet", "-p", "headroom-optimize", "--example", "hindsight"]
    said = subprocess.run(
        [*example, "--", str(folder), str(hours)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    if said.startswith("skipped"):
        print(said, end="")
        return None
    return json.loads(said)


def program(usage, prices):
    """The full linear program: columns are reservations, family plans and the broad plan, then the instances that each
    covers in each hour and family."""
    hours, families = usage.shape
    list_price, reserved, family, broad = prices.T
    plans, cells = 2 * families + 1, hours * families
    cell = np.arange(cells)
    family_of = cell % families
    hour_of = cell // families
    # Rows: covered at most what is used; reservations; family plans; and the broad plan, once an hour.
    used, reserve, spend, all_spend = 0, cells, 2 * cells, 3 * cells
    rows = 3 * cells + hours
    cost = np.concatenate([hours * reserved, np.full(families + 1, float(hours)), np.tile(-list_price, 3 * hours)])
    # One entry of a purchase per row that it relaxes; two entries for each covered cell.
    bought = [
        (np.repeat(np.arange(families), hours), reserve + cell.reshape(hours, families).T.ravel()),
        (np.repeat(families + np.arange(families), hours), spend + cell.reshape(hours, families).T.ravel()),
        (np.full(hours, plans - 1), all_spend + np.arange(hours)),
    ]
    covered = [
        (reserve + cell, np.ones(cells)),
        (spend + cell, family[family_of]),
        (all_spend + hour_of, broad[family_of]),
    ]
    columns, row, value = [], [], []
    for column, at in bought:
        columns.append(column), row.append(at), value.append(np.full(len(at), -1.0))
    for kind, (at, weight) in enumerate(covered):
        column = plans + kind * cells + cell
        columns += [column, column]
        row += [used + cell, at]
        value += [np.ones(cells), weight]
    columns, row, value = np.concatenate(columns), np.concatenate(row), np.concatenate(value)
    order = np.lexsort((row, columns))
    columns, row, value = columns[order], row[order], value[order]

    model = highspy.HighsLp()
    model.num_col_ = plans + 3 * cells
    model.num_row_ = rows
    model.col_cost_ = cost
    model.col_lower_ = np.zeros(model.num_col_)
    model.col_upper_ = np.full(model.num_col_, highspy.kHighsInf)
    model.row_lower_ = np.full(rows, -highspy.kHighsInf)
    model.row_upper_ = np.concatenate([usage.ravel(), np.zeros(rows - cells)])
    model.offset_ = float((usage * list_price).sum())
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(columns, np.arange(model.num_col_ + 1))
    model.a_matrix_.index_ = row
    model.a_matrix_.value_ = value
    return model


def solve(model, solver, limit):
    """Status, objective and seconds of HiGHS alone."""
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("solver", solver)
    highs.setOptionValue("time_limit", float(limit))
    if solver == "ipm":
        # The optimum is wanted, not a corner of it.
        highs.setOptionValue("run_crossover", "off")
    highs.passModel(model)
    clock = time.perf_counter()
    highs.run()
    seconds = time.perf_counter() - clock
    return highs.modelStatusToString(highs.getModelStatus()), highs.getObjectiveValue(), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=int, default=43_800)
    parser.add_argument("--solver", default="simplex", choices=["simplex", "ipm", "pdlp"])
    parser.add_argument("--limit", type=float, default=3600, help="seconds that HiGHS may take")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        answer = ours(Path(folder), asked.hours)
        if answer is None:
            return
        usage = np.loadtxt(Path(folder) / "usage.csv", delimiter=",", skiprows=1)
        prices = np.loadtxt(Path(folder) / "prices.csv", delimiter=",", skiprows=1, usecols=range(1, 5))
    model = program(usage, prices)
    status, objective, seconds = solve(model, asked.solver, asked.limit)
    gap = "not proven" if answer["gap"] is None else f"{answer['gap']:.1e}"
    print(f"{asked.hours} hours, {usage.shape[1]} families, {2 * usage.shape[1] + 1} plans;", end=" ")
    print(f"the full program has {model.num_col_} columns and {model.num_row_} rows\n")
    print("| solver | seconds | cost, USD | above HiGHS | certified gap |\n|---|---|---|---|---|")
    above = answer["cost"] / objective - 1
    print(f"| headroom | {answer['seconds']:.2f} | {answer['cost']:.2f} | {above:.1e} | {gap} |")
    print(f"| HiGHS {highspy.Highs().version()}, {asked.solver} ({status}) | {seconds:.1f} | {objective:.2f} | – | – |")
    print("\nbought: " + "; ".join(answer["bought"]))


main()
