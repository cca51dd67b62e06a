"""Forecasts of peers, kept between runs: nothing but the same input to the same version finds them again."""

import hashlib
import io
import sqlite3

import numpy as np


class Cache:
    """A file of forecasts; without a path nothing is kept."""

    def __init__(self, path):
        self.database = sqlite3.connect(path or ":memory:")
        self.database.execute("create table if not exists forecast (key text primary key, value blob)")

    def get(self, key):
        found = self.database.execute("select value from forecast where key = ?", (key,)).fetchone()
        return dict(np.load(io.BytesIO(found[0]))) if found else None

    def put(self, key, **arrays):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self.database.execute("insert or replace into forecast values (?, ?)", (key, buffer.getvalue()))
        self.database.commit()


def key_of(chosen, tasks, peer):
    """A key of everything that the forecast depends on."""
    settings = (chosen.name, chosen.horizon, chosen.seasons, chosen.flair, chosen.pandas)
    digest = hashlib.sha256(repr((settings, peer.name, peer.version)).encode())
    for task in tasks:
        digest.update(repr((task.series, task.back, str(task.start))).encode())
        digest.update(task.history.tobytes())
    return digest.hexdigest()
