"""Time and memory of `headroom forecast` against the number of series and their length, as a table and a plot.

The series are hourly with a day, a week, a trend and noise; each call reads a CSV file and writes one.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

POINTS_OF_SERIES = 1_000
SERIES_OF_POINTS = 100
HORIZON = 24
CHUNK_ROWS = 2_000_000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headroom", required=True, help="the binary")
    parser.add_argument("--series", default="100,1000,10000", help=f"numbers of series of {POINTS_OF_SERIES} points")
    parser.add_argument("--points", default="250,1000,4000,16000", help=f"lengths of {SERIES_OF_POINTS} series")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--svg", type=Path, help="where the plot goes")
    args = parser.parse_args()
    print(f"{args.threads} threads, {HORIZON} steps ahead\n")
    print("| series | points | seconds | CPU ms a series | peak MB |\n|---|---|---|---|---|")
    by_series = [measure(args, int(series), POINTS_OF_SERIES) for series in args.series.split(",")]
    by_points = [measure(args, SERIES_OF_POINTS, int(points)) for points in args.points.split(",")]
    if args.svg:
        args.svg.write_text(plot(by_series, by_points))


def measure(args, series, points):
    """(series, points, seconds, CPU seconds, peak MB) of one call."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.csv")
        write(source, series, points)
        command = [args.headroom, "forecast", "--input", source, "--horizon", str(HORIZON),
                   "--output", Path(folder, "out.csv"), "--threads", str(args.threads)]
        started = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak, ended = 0, 0
        while not ended:
            # the kernel's own peak of the process; the one of wait4 would count the Python that it was forked from
            peak = max(peak, peak_mb(child.pid))
            time.sleep(0.02)
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
        seconds = time.monotonic() - started
        if status != 0:
            raise SystemExit(f"{command} ended with status {status}")
    cpu = used.ru_utime + used.ru_stime
    print(f"| {series:,} | {points:,} | {seconds:.1f} | {1000 * cpu / series:.2f} | {peak:.0f} |", flush=True)
    return series, points, seconds, cpu, peak


def peak_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0)


def write(path, series, points):
    random = np.random.default_rng(0)
    hours = np.arange(points)
    stamps = np.datetime64("2024-01-01") + hours.astype("timedelta64[h]")
    stamps = pl.Series("ds", stamps.astype("datetime64[ms]")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    shape = 1 + 0.4 * np.sin(2 * np.pi * hours / 24) + 0.1 * np.sin(2 * np.pi * hours / 168) + 0.0001 * hours
    together = max(1, CHUNK_ROWS // points)
    with open(path, "wb") as file:
        for first in range(0, series, together):
            names = [f"series-{index:07}" for index in range(first, min(first + together, series))]
            level = random.lognormal(4, 1, (len(names), 1))
            values = level * (shape + 0.1 * random.standard_normal((len(names), points)))
            frame = pl.DataFrame({
                "unique_id": pl.Series(names).repeat_by(points).explode(),
                "ds": pl.concat([stamps] * len(names)),
                "y": np.maximum(values, 0).round(3).ravel(),
            })
            frame.write_csv(file, include_header=first == 0)


# The plot: two panels with logarithmic axes; a dashed line is proportional growth.
WIDTH, HEIGHT, LEFT, TOP, SIDE, GAP = 760, 330, 60, 40, 250, 130


def plot(by_series, by_points):
    first = [(series, cpu) for series, _, _, cpu, _ in by_series]
    second = [(points, cpu) for _, points, _, cpu, _ in by_points]
    panels = [
        panel(LEFT, first, f"series of {POINTS_OF_SERIES:,} points"),
        panel(LEFT + SIDE + GAP, second, f"points of each of {SERIES_OF_POINTS} series"),
    ]
    style = "text{font:12px sans-serif;fill:#333}.axis{stroke:#999;fill:none}.fit{stroke:#999;stroke-dasharray:4}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
            f"<title>CPU seconds of headroom forecast against series and points</title><style>{style}</style>"
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>' + "".join(panels) + "</svg>\n")


def panel(left, points, title):
    xs, ys = np.log10([x for x, _ in points]), np.log10([max(y, 1e-3) for _, y in points])
    x0, x1, y0, y1 = np.floor(xs.min()), np.ceil(xs.max()), np.floor(ys.min()), np.ceil(ys.max())
    place_x = lambda x: left + SIDE * (x - x0) / (x1 - x0)
    place_y = lambda y: TOP + SIDE - SIDE * (y - y0) / (y1 - y0)
    parts = [f'<text x="{left}" y="{TOP - 15}">CPU seconds against {title}</text>',
             f'<path class="axis" d="M{left} {TOP}v{SIDE}h{SIDE}"/>']
    for tick in range(int(x0), int(x1) + 1):
        parts.append(f'<text x="{place_x(tick):.1f}" y="{TOP + SIDE + 18}" text-anchor="middle">{10 ** tick:,}</text>')
    for tick in range(int(y0), int(y1) + 1):
        parts.append(f'<text x="{left - 6}" y="{place_y(tick) + 4:.1f}" text-anchor="end">{10.0 ** tick:g}</text>')
    # through the middle of the points, with slope 1
    middle = (ys - xs).mean()
    low, high = max(x0, y0 - middle), min(x1, y1 - middle)
    parts.append(f'<path class="fit" d="M{place_x(low):.1f} {place_y(low + middle):.1f}'
                 f'L{place_x(high):.1f} {place_y(high + middle):.1f}"/>')
    parts += [f'<circle cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="4" fill="#2563eb"/>' for x, y in zip(xs, ys)]
    return "".join(parts)


main()
