"""Headroom itself: one call of the binary for a whole set, as a user would make it."""

import csv
import resource
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from scores import LEVELS


class Headroom:
    """The binary at its defaults, on one thread; it is told neither season nor spacing."""

    def __init__(self, binary):
        self.binary = binary

    def forecasts(self, chosen, tasks):
        """Points, quantiles, CPU seconds with start, reading and writing included, and failures."""
        with tempfile.TemporaryDirectory() as folder:
            source, output = Path(folder, "in.csv"), Path(folder, "out.csv")
            write(source, chosen, tasks)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [self.binary, "forecast", "--input", source, "--horizon", str(chosen.horizon), "--output", output,
                 "--quantiles", ",".join(map(str, LEVELS)), "--threads", "1"],
                check=True, capture_output=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            frame = pd.read_csv(output, dtype={"unique_id": str})
        columns = ["mean"] + [f"q{level}" for level in LEVELS]
        found = frame[columns].to_numpy().reshape(len(tasks), chosen.horizon, len(columns))
        order = frame.unique_id.to_numpy()[:: chosen.horizon]
        place = {name: index for index, name in enumerate(order)}
        found = found[[place[name_of(index)] for index in range(len(tasks))]]
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return found[:, :, 0], found[:, :, 1:].transpose(0, 2, 1), seconds, 0


def name_of(index):
    return f"task{index:06}"


def write(path, chosen, tasks):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["unique_id", "ds", "y"])
        for index, task in enumerate(tasks):
            length = len(task.history)
            stamps = range(length)
            if task.start is not None:
                stamps = pd.date_range(task.start, periods=length, freq=chosen.pandas).strftime("%Y-%m-%dT%H:%M:%SZ")
            name = name_of(index)
            writer.writerows((name, stamp, "" if np.isnan(y) else repr(float(y)))
                             for stamp, y in zip(stamps, task.history))
